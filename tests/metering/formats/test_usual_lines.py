"""Lines read and written as one table are the same as those read and written one by one."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metering.formats import csv, usual_lines
from metering.formats.blocks import day_block, join
from metering.formats.csv import COLUMNS, read_wide, wide_lines
from metering.halfhours import NULL, Quality

WH = st.one_of(st.integers(0, 9_999), st.integers(0, 9_999), st.just(NULL), st.sampled_from([9_999, 10_000, -1]))
METERS = st.sampled_from(["", "M1", "M123456789", "M123456789ABCDEF", "計器"])


def blocks(values, meters, codes=None):
    numbers = [f"03{n:020}" for n in range(len(values))]
    return day_block(numbers, ["2026-04-01"] * len(values), values, meters, codes)


def read(text: bytes, **options):
    found = list(read_wide(io.BytesIO(text), **options))
    return [item for item in found if not hasattr(item, "code")], [item for item in found if hasattr(item, "code")]


@settings(deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 6), st.just(48)), elements=WH), st.data())
def test_a_line_means_the_same_in_usual_and_in_other_columns(values, data):
    meters = [data.draw(METERS) for _ in values]
    codes = np.where(values == NULL, Quality.MISSING, data.draw(st.sampled_from([0, 1, 5]))).astype(np.uint8)
    lines = wide_lines(blocks(values, meters, codes))
    usual, refused = read((",".join(COLUMNS) + "\n").encode() + lines)
    turned = [",".join([line.split(",")[-1], *line.split(",")[:-1]]) for line in lines.decode().splitlines()]
    other, refused_too = read("\n".join([",".join([COLUMNS[-1], *COLUMNS[:-1]]), *turned]).encode())
    assert refused == refused_too == []
    for one in (join(usual), join(other)):
        order = np.argsort(one.points)
        assert (one.values[order] == values).all()
        assert (one.quality[order] == codes).all()
        assert [one.meters[row] for row in order.tolist()] == meters


@settings(deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 6), st.just(48)), elements=WH), st.lists(METERS, min_size=6))
def test_lines_written_together_are_those_written_alone(values, meters):
    block = blocks(values, meters[: len(values)])
    assert wide_lines(block) == b"".join(csv.writing.line_by_hand(block, row) for row in range(len(block)))


GOOD = wide_lines(blocks(np.full((1, 48), 123, np.int32), ["M1"])).decode()
WRONG = {
    "a letter in the number": GOOD.replace("03000", "03A00", 1),
    "a comma where a dot stands": GOOD.replace("0.123", "0,123", 1),
    "a letter in a value": GOOD.replace("0.123", "0.1x3", 1),
    "no such day": GOOD.replace("2026-04-01", "2026-02-30"),
    "another date form of ten bytes": GOOD.replace("2026-04-01", "2026-04/01"),
    "a quality nobody knows": GOOD.replace("MMM", "MMX", 1),
    "no value is said of a value": GOOD.replace("MMM", "MMN", 1),
    "a quote in the meter": GOOD.replace("M1", 'M"'),
    "a meter in angle brackets": GOOD.replace("M1", "<1"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_byte_that_is_wrong_is_found_among_good_lines(fault):
    text = ",".join(COLUMNS) + "\n" + GOOD + WRONG[fault] + GOOD.replace("0300", "0311", 1)
    good, refused = read(text.encode())
    assert [bad.line for bad in refused] == [3]
    assert join(good).numbers() == ["03" + "0" * 20, "0311" + "0" * 18]
    assert join(good).lines.tolist() == [2, 4]


def test_only_lines_below_ten_kilowatt_hours_are_usual():
    values = np.array([[123] * 48, [10_000] * 48, [NULL] + [1] * 47, [9_999] * 48], np.int32)
    lines = wide_lines(blocks(values, ["M1"] * 4))
    buffer = b"\n" * 32 + lines
    ends = np.flatnonzero(np.frombuffer(buffer, np.uint8)[32:] == 0x0A) + 32
    found = usual_lines.read(buffer, np.concatenate([[32], ends[:-1] + 1]), ends)
    assert found is not None
    assert found.rows.tolist() == [0, 3]
    assert (found.values == values[[0, 3]]).all()
