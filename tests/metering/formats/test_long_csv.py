"""Long CSV, one line per half-hour: identity, an independent reader, hostile files."""

import csv as plain_csv
import gzip
import hashlib
import io
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.formats import long_csv
from metering.formats.blocks import LETTERS
from metering.formats.csv import COLUMNS
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, Quality
from tests.metering.formats import rows
from tests.metering.formats.rows import POINT, assert_same_rows, example, sort_out

HEADER = ",".join(long_csv.COLUMNS)


def written(block, **kwargs):
    out = io.BytesIO()
    return out, long_csv.write_long(out, [block], **kwargs)


def read(data, **kwargs):
    return sort_out(long_csv.read_long(io.BytesIO(data), **kwargs))


def line(slot=1, kwh="0.1", point=POINT, meter="M1", day="2026-04-01", quality=""):
    return f"{point},{meter},{day},{slot},{kwh},{quality}"


def file(*lines, header=HEADER, end="\n"):
    return (end.join([header, *(lines or [line()])]) + end).encode()


@settings(deadline=None)
@given(rows.blocks(quality=True), st.booleans())
def test_written_rows_are_read_back_equal(block, compress):
    out, report = written(block, compress=compress)
    good, bad = read(out.getvalue())
    assert not bad
    assert_same_rows(good, block)
    assert good.lines.tolist() == [2 + 48 * n for n in range(len(block))]
    assert (report.rows, report.readings, report.size) == (len(block), block.readings(), len(out.getvalue()))
    assert report.sha256 == hashlib.sha256(out.getvalue()).hexdigest()


@settings(deadline=None, max_examples=40)
@given(rows.blocks(quality=True))
def test_an_independent_reader_sees_the_same_half_hours(block):
    found = {}
    for item in plain_csv.DictReader(io.StringIO(written(block)[0].getvalue().decode())):
        key = item["supply_point"], item["meter"], date.fromisoformat(item["date"])
        value = int(Decimal(item["kwh"]) * 1000) if item["kwh"] else None
        found.setdefault(key, {})[int(item["slot"])] = value, item["quality"]
    expected = zip(block.numbers(), block.meters, block.days.tolist(), strict=True)
    assert list(found) == list(expected)
    for row, slots in enumerate(found.values()):
        assert list(slots) == list(range(1, 49))
        assert [NULL if v is None else v for v, _ in slots.values()] == block.values[row].tolist()
        assert [q for _, q in slots.values()] == [LETTERS[Quality(c)] for c in block.quality[row].tolist()]


def test_lines_may_come_in_any_order_and_slots_may_be_absent():
    lines = [line(slot, f"0.{slot:03}", meter=meter) for slot in (48, 1, 7) for meter in ("M2", "M1")]
    good, bad = read(file(*lines, end="\r\n"))
    assert not bad and good.meters == ["M2", "M1"]
    assert good.values[:, [47, 0, 6]].tolist() == [[48, 1, 7]] * 2 and good.readings() == 6


def test_the_same_day_written_two_ways_is_one_row():
    good, bad = read(file(line(1), line(2, day="2026/4/1"), line(3, day="20260401")))
    assert not bad and len(good) == 1 and good.readings() == 3


@pytest.mark.parametrize(
    ("wrong", "code", "field", "says"),
    [
        (line(0), "slot_form", "slot", "0"),
        (line(49), "slot_form", "slot", "49"),
        (line("x"), "slot_form", "slot", "x"),
        (line("١"), "slot_form", "slot", "١"),
        (line(2, "abc"), "number_text", "kwh", "abc"),
        (line(2, '"0,1"'), "number_comma", "kwh", "0,1"),
        (line(2, "0,1"), "column_count", "", "7"),
        (line(2, "0.0001"), "number_fine", "kwh", "0.0001"),
        (line(2, quality="x"), "quality_word", "quality", "x"),
        (line(2, "", quality="M"), "quality_without_value", "quality", "02"),
        (line(2, quality="N"), "value_without_quality", "quality", "02"),
        (line(1, "0.2"), "duplicate_differs", "kwh", "0.200"),
        (line(2, point=POINT + "0"), "point_length", "supply_point", "23"),
        (line(2, point=""), "point_missing", "supply_point", ""),
        (line(2, meter="<"), "meter_characters", "meter", "<"),
        (line(2, day="2026-02-30"), "date_unknown", "date", "2026-02-30"),
        ('"' + line(2), "quotes", "", ""),
    ],
)
def test_a_bad_line_is_named_and_other_rows_go_in(wrong, code, field, says):
    good, (bad,) = read(file(line(), wrong, line(meter="M3")))
    assert (bad.line, bad.code, bad.field) == (3, code, field)
    assert says in bad.sentence and "%(" not in bad.sentence
    assert "M3" in good.meters
    own_row_is_known = field in ("slot", "kwh", "quality")
    if code in ("column_count", "quotes"):
        assert bad.raw == wrong
    else:
        (cells,) = plain_csv.reader([bad.raw])
        assert len(cells) == len(COLUMNS), "a line of wide CSV, so that the day can be sent again whole"
        assert (cells[3] == "0.100") is own_row_is_known
        assert code not in ("number_text", "number_comma", "number_fine") or cells[4] == says
    assert ("M1" in good.meters) is not own_row_is_known, "a row with a fault does not go in with a hole"


def test_the_same_line_twice_is_one():
    good, bad = read(file(line(), line()))
    assert not bad and good.readings() == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(40), "not_csv"),
        (b"a\0,b\n", "not_csv"),
        (file(header=HEADER.replace("slot", "hour")), "header_missing"),
        (file(header=HEADER + ",slot"), "header_twice"),
        (file(header=HEADER + ",more"), "header_unknown"),
        (b"," * 1_000_000 + b"x\n", "too_many_columns"),
        (file(line()) + b"03\x81\x39,\n", "undecodable"),
        (gzip.compress(file(line()), mtime=0)[:-9], "gzip_broken"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(data, code):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.code == code and "%(" not in caught.value.sentence


def test_more_rows_than_the_limit_and_bombs_stop_the_reader():
    lines = [line(meter=f"M{n}") for n in range(11)]
    assert len(read(file(*lines), limits=long_csv.Limits(rows=11))[0]) == 11
    with pytest.raises(Unreadable) as caught:
        read(file(*lines), limits=long_csv.Limits(rows=10))
    assert caught.value.code == "rows_many"
    with pytest.raises(Unreadable) as caught:
        read(gzip.compress(b"\n" * 30_000_000), limits=long_csv.Limits(max_bytes=1_000_000))
    assert caught.value.code == "too_large"


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(noise):
    for data in (noise, file() + noise, file() + noise + file()):
        try:
            _, bad = read(data)
        except Unreadable as error:
            assert error.sentence
        else:
            assert all(row.sentence for row in bad)


def test_shift_jis_and_a_byte_order_mark_are_read():
    text = file(line(meter="計器7")).decode()
    for encoding in ("utf-8-sig", "cp932"):
        good, bad = read(text.encode(encoding))
        assert not bad and good.meters == ["計器7"]


def test_equal_rows_give_equal_bytes_in_blocks_of_any_size():
    whole, parts = io.BytesIO(), io.BytesIO()
    long_csv.write_long(whole, [example(600)])
    long_csv.write_long(parts, [example(600).rows(slice(0, 250)), example(600).rows(slice(250, None))])
    assert whole.getvalue() == parts.getvalue()
    items = list(long_csv.read_long(io.BytesIO(whole.getvalue()), limits=long_csv.Limits(block_rows=256)))
    assert [len(item) for item in items] == [256, 256, 88]
    assert_same_rows(sort_out(items)[0], example(600))
    assert (example(600).values[:, 5] == NULL).all() and np.all(items[0].values[:, 5] == NULL)
