"""Wide CSV: read what people send, name what is wrong, write what can be read again."""

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

from metering.formats import csv
from metering.formats.blocks import LETTERS, day_block, recut
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, Quality
from tests.metering.formats import rows
from tests.metering.formats.rows import DAY, POINT, assert_same_rows, example, sort_out

HEADER = ",".join(csv.COLUMNS)


def written(block, **kwargs):
    out = io.BytesIO()
    return out, csv.write_wide(out, [block], **kwargs)


def read(data, **kwargs):
    return sort_out(csv.read_wide(io.BytesIO(data), **kwargs))


def line(point=POINT, meter="M1", day="2026-04-01", values=None, quality="M" * 48):
    return ",".join([point, meter, day, *(values or ["0.100"] * 48), quality])


def file(*lines, header=HEADER, end="\n"):
    return (end.join([header, *lines]) + end).encode()


def naive(data):
    """A reader of its own, written from the description of the format alone."""
    found = []
    for row in plain_csv.DictReader(io.StringIO(data.decode())):
        wh = [int(Decimal(row[f"hh{n:02}"]) * 1000) if row[f"hh{n:02}"] else None for n in range(1, 49)]
        found.append((row["supply_point"], row["meter"], date.fromisoformat(row["date"]), wh, row["quality"]))
    return found


@settings(deadline=None)
@given(rows.blocks(quality=True), st.booleans())
def test_what_is_written_is_read_back_equal(block, compress):
    out, report = written(block, compress=compress)
    good, bad = read(out.getvalue())
    assert not bad
    assert_same_rows(good, block)
    assert good.lines.tolist() == list(range(2, len(block) + 2))
    assert report.rows == len(block) and report.readings == block.readings()
    assert report.size == len(out.getvalue())
    assert report.sha256 == hashlib.sha256(out.getvalue()).hexdigest()


@settings(deadline=None)
@given(rows.blocks(quality=True))
def test_an_independent_reader_sees_the_same_rows(block):
    out, _ = written(block)
    for row, (point, meter, day, wh, letters) in enumerate(naive(out.getvalue())):
        assert (point, meter) == (block.numbers()[row], block.meters[row])
        assert np.datetime64(day) == block.days[row]
        assert [NULL if v is None else v for v in wh] == block.values[row].tolist()
        assert letters == "".join(LETTERS[Quality(code)] for code in block.quality[row].tolist())


def test_equal_rows_give_equal_bytes():
    assert written(example())[0].getvalue() == written(example())[0].getvalue()
    assert written(example(), compress=True)[1] == written(example(), compress=True)[1]


def test_a_large_file_comes_in_blocks_and_in_order():
    block = example(10_000)
    out, _ = written(block)
    items = list(csv.read_wide(io.BytesIO(out.getvalue())))
    assert max(map(len, items)) <= 4096 and len(items) > 2
    assert_same_rows(sort_out(items)[0], block)
    assert [len(part) for part in recut(items, 3000)] == [3000, 3000, 3000, 1000]


def test_columns_may_stand_in_any_order_and_meter_and_quality_may_be_absent():
    names = ["hh48", *csv.SLOT_COLUMNS[:47], "date", "supply_point"]
    row = ["4.8", *[f"0.{n:03}" for n in range(1, 48)], "2026/4/1", POINT]
    good, bad = read((",".join(names) + "\n" + ",".join(row) + "\n").encode())
    assert not bad and good.values[0].tolist() == [*range(1, 48), 4800]
    assert good.meters == [""] and good.days[0] == np.datetime64("2026-04-01")


def test_missing_is_not_zero():
    good, _ = read(file(line(values=["", "0", "0.000"] + ["1"] * 45, quality="")))
    assert good.values[0, :3].tolist() == [NULL, 0, 0]
    assert good.quality[0, :3].tolist() == [Quality.MISSING, Quality.MEASURED, Quality.MEASURED]


def test_negative_values_are_kept_for_the_checks():
    good, bad = read(file(line(), line(values=["-0.5"] + ["0.1"] * 47)))
    assert not bad and good.values[1, 0] == -500


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_make_no_difference(end, mark):
    good, bad = read(mark + file(line(), line(meter="M2"), end=end))
    assert not bad and good.meters == ["M1", "M2"] and good.lines.tolist() == [2, 3]


def test_mixed_line_ends_blank_lines_and_a_missing_last_end_are_read():
    data = (HEADER + "\r\n" + line() + "\r" + "\n" + line(meter="M2") + "\n,,,\n" + line(meter="M3")).encode()
    good, bad = read(data)
    assert not bad and good.meters == ["M1", "M2", "M3"] and good.lines.tolist() == [2, 3, 5]


def test_a_carriage_return_at_the_end_of_a_piece_is_one_line_end(monkeypatch):
    monkeypatch.setattr(csv.lines, "CHUNK", len(HEADER) + 1)
    good, _ = read(file(line(), line(meter="M2"), end="\r\n"))
    assert good.lines.tolist() == [2, 3]


def test_japanese_headings_and_meters_are_read_as_utf8_and_shift_jis():
    header = HEADER.replace("supply_point", "供給地点特定番号").replace("meter", "計器番号")
    text = header + "\n" + line(meter="計器7") + "\n" + line() + "\n"
    for encoding in ("utf-8", "utf-8-sig", "cp932"):
        good, bad = read(text.encode(encoding))
        assert not bad and good.meters == ["計器7", "M1"]


def test_quoted_cells_are_read():
    quoted = ",".join(f'"{cell}"' for cell in line().split(","))
    good, bad = read(file(line(meter="M0"), quoted, line(meter="M2")))
    assert not bad and good.meters == ["M0", "M1", "M2"]


def broken(slot, text):
    values = ["0.1"] * 48
    values[slot - 1] = text
    return values


@pytest.mark.parametrize(
    ("row", "code", "field", "says"),
    [
        (line(point=POINT[:21]), "point_length", "supply_point", "21"),
        (line(point=POINT + "0"), "point_length", "supply_point", "23"),
        (line(point=POINT[:17]), "point_gas", "supply_point", "17"),
        (line(point=""), "point_missing", "supply_point", ""),
        (line(point="03-0112233445566778899"), "point_characters", "supply_point", "03-01"),
        (line(point="３３００１１２２３３４４５５６６７７８８９"), "point_characters", "supply_point", "３３"),
        (line(meter="M" * 17), "meter_length", "meter", "17"),
        (line(meter="A<B"), "meter_characters", "meter", "A<B"),
        (line(day=""), "date_missing", "date", ""),
        (line(day="April 1"), "date_form", "date", "April 1"),
        (line(day="2026-02-30"), "date_unknown", "date", "2026-02-30"),
        (line(values=broken(7, "abc")), "number_text", "hh07", "07"),
        (line(values=broken(48, "1e3")), "number_text", "hh48", "1e3"),
        (line(values=broken(1, "=1+1")), "number_text", "hh01", "=1+1"),
        (line(values=broken(2, '"0,159"')), "number_comma", "hh02", "0,159"),
        (line(values=broken(3, "0.0001")), "number_fine", "hh03", "0.0001"),
        (line(values=broken(4, "99999999")), "number_large", "hh04", "99999999"),
        (line(values=broken(5, "0,159")), "column_count", "", "53"),
        (line(values=["0.1"] * 46), "column_count", "", "50"),
        (line(values=["0.1"] * 50), "column_count", "", "54"),
        (line(quality="M" * 47), "quality_length", "quality", "47"),
        (line(quality="M" * 9 + "x" + "M" * 38), "quality_letter", "quality", "10"),
        (line(quality="N" + "M" * 47), "value_without_quality", "quality", "01"),
        (line(values=broken(9, "")), "quality_without_value", "quality", "09"),
        ('"' + line(), "quotes", "", ""),
        ("," * 1_000_000 + "x", "column_count", "", "1000001"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_go_in(row, code, field, says):
    good, (bad,) = read(file(line(), row, line(meter="M3")))
    assert good.meters == ["M1", "M3"] and good.lines.tolist() == [2, 4]
    assert (bad.line, bad.code, bad.field) == (3, code, field)
    assert says in bad.sentence and "%(" not in bad.sentence
    assert bad.raw == row[: csv.MAX_RAW]


def test_a_refused_row_can_be_corrected_and_sent_again():
    _, (bad,) = read(file(line(values=broken(7, "abc"))))
    good, none = read(file(bad.raw.replace("abc", "0.7")))
    assert not none and good.values[0, 6] == 700


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "empty", ""),
        (b"\xef\xbb\xbf", "empty", ""),
        (b"\n\n\r\n ,,\n", "empty", ""),
        (b"PK\x03\x04" + bytes(40), "not_csv", "zip"),
        (b"\xff\xfea\x00", "not_csv", "UTF-16"),
        (b"a,b\0,c\n", "not_csv", "binary"),
        (b"<?xml version='1.0'?><a/>", "not_csv", "XML"),
        (b"hello\n", "header_missing", "supply_point"),
        (file(header=HEADER.replace("hh07,", "")), "header_missing", "hh07"),
        (file(header=HEADER.replace("hh47,hh48", "")), "header_missing", "hh47, hh48"),
        (file(header=HEADER.replace(",quality", ",hh49,hh50")), "header_slots", "hh49, hh50"),
        (file(header=HEADER.replace("meter", "metre")), "header_unknown", "metre"),
        (file(header=HEADER + ",hh01"), "header_twice", "hh01"),
        (b"," * 1_000_000 + b"x\n", "too_many_columns", "1000001"),
        (b"x" * (9 << 20), "line_too_long", ""),
        (file(line()) + b"03\x81\x39,\n", "undecodable", "81"),
        (gzip.compress(file(line()), mtime=0)[:-9], "gzip_broken", ""),
        (b"\x1f\x8b" + bytes(30), "gzip_broken", ""),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(data, code, says):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.code == code
    assert says in caught.value.sentence and "%(" not in caught.value.sentence


def test_a_gzip_bomb_stops_at_the_limit():
    bomb = gzip.compress(b"\n" * 30_000_000)
    with pytest.raises(Unreadable) as caught:
        read(bomb, max_bytes=1_000_000)
    assert caught.value.code == "too_large"


def test_several_gzip_members_are_one_file():
    data = file(line(), line(meter="M2"))
    good, bad = read(gzip.compress(data[:600]) + gzip.compress(data[600:]))
    assert not bad and good.meters == ["M1", "M2"]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.integers(0, 3))
def test_no_bytes_make_the_reader_fail_otherwise(noise, kind):
    data = [noise, file() + noise, file(line()) + noise + file(line()), gzip.compress(file(line()) + noise)][kind]
    try:
        _, bad = read(data)
    except Unreadable as error:
        assert error.sentence
    else:
        assert all(row.sentence for row in bad)


def test_every_line_with_content_is_accounted_for():
    lines = [line(meter=f"M{n}", day="x" if n % 7 == 0 else "2026-04-01") for n in range(9000)]
    good, bad = read(file(*lines))
    assert sorted([*good.lines.tolist(), *(row.line for row in bad)]) == list(range(2, 9002))
    assert len(bad) == 1286


def test_a_block_refuses_lists_that_do_not_fit():
    with pytest.raises(ValueError, match="same number"):
        day_block([POINT], [DAY, DAY], np.zeros((1, 48), np.int32))
    with pytest.raises(ValueError, match="22 digits"):
        day_block(["123"], [DAY], np.zeros((1, 48), np.int32))
