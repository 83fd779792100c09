"""Parquet: identity, an independent reader, partitions, hostile files."""

import hashlib
import io
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from metering.formats import parquet
from metering.formats.blocks import LETTERS, join
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, Quality
from tests.metering.formats import rows
from tests.metering.formats.rows import DAY, POINT, assert_same_rows, example, sort_out


def written(*blocks):
    out = io.BytesIO()
    return out, parquet.write_parquet(out, blocks)


def read(data, **kwargs):
    return sort_out(parquet.read_parquet(io.BytesIO(data), **kwargs))


def foreign(**columns):
    """A file made by another hand: one row with the given columns changed."""
    plain = {
        "supply_point": pa.array([POINT]),
        "meter": pa.array(["M1"]),
        "date": pa.array([DAY]),
        "wh": pa.array([[100] * 48]),
        "quality": pa.array(["M" * 48]),
    } | columns
    out = io.BytesIO()
    pq.write_table(pa.table({name: column for name, column in plain.items() if column is not None}), out)
    return out.getvalue()


@settings(deadline=None)
@given(rows.blocks(quality=True))
def test_written_rows_are_read_back_equal(block):
    out, report = written(block)
    good, bad = read(out.getvalue())
    assert not bad
    assert_same_rows(good, block)
    assert good.lines.tolist() == list(range(1, len(block) + 1))
    assert (report.rows, report.readings, report.size) == (len(block), block.readings(), len(out.getvalue()))
    assert report.sha256 == hashlib.sha256(out.getvalue()).hexdigest()


@settings(deadline=None, max_examples=30)
@given(rows.blocks(quality=True))
def test_an_independent_reader_sees_the_same_rows(block):
    found = pq.read_table(pa.BufferReader(written(block)[0].getvalue())).to_pylist()
    assert len(found) == len(block)
    for row, item in enumerate(found):
        assert (item["supply_point"], item["meter"]) == (block.numbers()[row], block.meters[row])
        assert item["date"] == block.days[row].item()
        assert [NULL if wh is None else wh for wh in item["wh"]] == block.values[row].tolist()
        assert item["quality"] == "".join(LETTERS[Quality(code)] for code in block.quality[row].tolist())


def test_equal_rows_give_equal_bytes_and_large_files_come_in_blocks():
    out, _ = written(example(9000))
    again, _ = written(example(9000).rows(slice(0, 1000)), example(9000).rows(slice(1000, None)))
    items = list(parquet.read_parquet(io.BytesIO(out.getvalue())))
    assert max(map(len, items)) <= 4096
    assert_same_rows(join(items), example(9000))
    assert out.getvalue() == again.getvalue()


def test_files_are_partitioned_by_area_and_day():
    block = join([example(3), example(2)])
    block.points[3:] = [b"05" + bytes([48 + n]) * 20 for n in range(2)]
    block.days[1] = np.datetime64("2026-04-02")
    sinks = {}
    done = parquet.write_partitioned(lambda path: sinks.setdefault(path, io.BytesIO()), [block], revision=1)
    assert (
        sorted(done)
        == sorted(sinks)
        == [
            "area=03/date=2026-04-01/usage_01_0000.parquet",
            "area=03/date=2026-04-01/usage_01_0001.parquet",
            "area=03/date=2026-04-02/usage_01_0000.parquet",
            "area=05/date=2026-04-01/usage_01_0000.parquet",
        ]
    )
    assert sum(report.rows for report in done.values()) == 5
    seen = {path: read(sink.getvalue())[0] for path, sink in sinks.items()}
    assert {number for found in seen.values() for number in found.numbers()} == set(block.numbers())
    assert parquet.partition("03", date(2026, 4, 2), revision=1) in seen


def test_other_integer_widths_large_lists_and_further_columns_are_read():
    for kind in (pa.list_(pa.uint8()), pa.large_list(pa.int64()), pa.list_(pa.int16(), 48)):
        data = foreign(wh=pa.array([[None, *[7] * 47]], kind), more=pa.array([1]), meter=None, quality=None)
        good, bad = read(data)
        assert not bad and good.meters == [""] and good.values[0, :2].tolist() == [NULL, 7]


@pytest.mark.parametrize(
    ("columns", "code", "says"),
    [
        ({"supply_point": pa.array([POINT + "0"])}, "point_length", "23"),
        ({"supply_point": pa.array([None], pa.string())}, "parquet_null", "supply_point"),
        ({"meter": pa.array(["<"])}, "meter_characters", "<"),
        ({"date": pa.array([None], pa.date32())}, "parquet_null", "date"),
        ({"wh": pa.array([None], pa.list_(pa.int32()))}, "parquet_null", "wh"),
        ({"wh": pa.array([[1] * 47])}, "parquet_values", "47"),
        ({"wh": pa.array([[1] * 50])}, "parquet_values", "50"),
        ({"wh": pa.array([[2**31] + [1] * 47])}, "json_wh", "2147483648"),
        ({"wh": pa.array([[-(2**31)] + [1] * 47])}, "json_wh", "01"),
        ({"quality": pa.array(["M" * 47])}, "quality_length", "47"),
        ({"quality": pa.array(["X" + "M" * 47])}, "quality_letter", "X"),
        ({"quality": pa.array(["良" + "M" * 47])}, "quality_letter", "良"),
        ({"quality": pa.array(["N" * 48])}, "value_without_quality", "01"),
        ({"wh": pa.array([[None] * 48], pa.list_(pa.int32()))}, "quality_without_value", "01"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named(columns, code, says):
    good, (bad,) = read(foreign(**columns))
    assert good is None and (bad.line, bad.code) == (1, code)
    assert says in bad.sentence and "%(" not in bad.sentence


def test_a_bad_row_does_not_shift_the_values_of_its_neighbours():
    data = foreign(
        supply_point=pa.array([POINT] * 4),
        meter=pa.array(["M1", "M2", "M3", "M4"]),
        date=pa.array([DAY] * 4),
        wh=pa.array([[1] * 48, [2] * 5, None, [4] * 48]),
        quality=None,
    )
    good, bad = read(data)
    assert good.meters == ["M1", "M4"] and good.values[:, 0].tolist() == [1, 4] and [b.line for b in bad] == [2, 3]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"PAR1", "parquet_not"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "parquet_not"),
        (foreign()[:-20], "parquet_not"),
        (foreign(wh=None), "parquet_columns"),
        (foreign(wh=pa.array([["1"] * 48])), "parquet_columns"),
        (foreign(date=pa.array(["2026-04-01"])), "parquet_columns"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(data, code):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.code == code and "%(" not in caught.value.sentence


def test_what_would_unpack_beyond_the_limits_is_not_unpacked():
    data = foreign(
        **{
            name: pa.array([value] * 200_000)
            for name, value in {"supply_point": POINT, "meter": "M", "date": DAY}.items()
        },
        wh=pa.array([[0] * 48] * 200_000, pa.list_(pa.int32())),
        quality=None,
    )
    assert len(data) < 1_000_000, "it looks harmless"
    for limits, code in (({"max_rows": 1000}, "rows_many"), ({"max_bytes": 100_000}, "too_large")):
        with pytest.raises(Unreadable) as caught:
            read(data, **limits)
        assert caught.value.code == code
    huge = foreign(wh=pa.array([[0] * 5_000_000], pa.list_(pa.int32())))
    with pytest.raises(Unreadable) as caught:
        read(huge)
    assert caught.value.code == "parquet_not"
