"""JSON lines: identity, an independent reader, hostile lines."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.formats import jsonl
from metering.formats.blocks import LETTERS
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, Quality
from tests.metering.formats import rows
from tests.metering.formats.rows import POINT, assert_same_rows, example, sort_out


def written(block):
    out = io.BytesIO()
    return jsonl.write_lines(out, [block]), out.getvalue()


def read(data, **kwargs):
    return sort_out(jsonl.read_lines(io.BytesIO(data), **kwargs))


def line(**changes):
    found = {"supply_point": POINT, "meter": "M1", "date": "2026-04-01", "interval": 30, "wh": [100] * 48} | changes
    return json.dumps({key: value for key, value in found.items() if value != "absent"}).encode()


@settings(deadline=None)
@given(rows.blocks(quality=True))
def test_written_rows_are_read_back_equal(block):
    report, data = written(block)
    good, bad = read(data)
    assert not bad
    assert_same_rows(good, block)
    assert good.lines.tolist() == list(range(1, len(block) + 1))
    assert (report.rows, report.readings, report.size) == (len(block), block.readings(), len(data))


@settings(deadline=None, max_examples=40)
@given(rows.blocks(quality=True))
def test_an_independent_reader_sees_the_same_rows(block):
    found = [json.loads(text) for text in written(block)[1].decode().splitlines()]
    assert found == list(jsonl.objects(block))
    for row, item in enumerate(found):
        assert (item["supply_point"], item["meter"]) == (block.numbers()[row], block.meters[row])
        assert (item["date"], item["interval"]) == (str(block.days[row]), 30)
        assert [NULL if wh is None else wh for wh in item["wh"]] == block.values[row].tolist()
        assert item["quality"] == "".join(LETTERS[Quality(code)] for code in block.quality[row].tolist())


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (b"{", "json_broken", ""),
        (b"[1]", "json_broken", "[1]"),
        (b"NaN", "json_broken", ""),
        (b"[" * 60_000, "json_broken", ""),
        (line(supply_point="absent"), "json_keys", "supply_point"),
        (line(extra=1), "json_keys", "extra"),
        (b'{"wh":1,"wh":2}', "json_keys", "wh"),
        (line(supply_point=3), "json_text", "3"),
        (line(supply_point=POINT + "0"), "point_length", "23"),
        (line(meter='A"B'), "meter_characters", 'A"B'),
        (line(date="2026-02-30"), "date_unknown", "2026-02-30"),
        (line(interval=15), "json_interval", "15"),
        (line(interval=True), "json_interval", "true"),
        (line(wh=[1] * 47), "json_values", "47"),
        (line(wh={"1": 1}), "json_values", "1"),
        (line(wh=[1.5] + [1] * 47), "json_wh", "1.5"),
        (line(wh=[True] + [1] * 47), "json_wh", "true"),
        (line(wh=[1] * 47 + ["1"]), "json_wh", "48"),
        (line(wh=[2**31] + [1] * 47), "json_wh", "2147483648"),
        (line(wh=[-(2**31)] + [1] * 47), "json_wh", "-2147483648"),
        (line(wh=[float("inf")] + [1] * 47), "json_wh", "Infinity"),
        (line(quality="M" * 47), "quality_length", "47"),
        (line(quality="X" * 48), "quality_letter", "X"),
        (line(quality="N" * 48), "value_without_quality", "01"),
        (line(wh=[None] * 48, quality="M" * 48), "quality_without_value", "01"),
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_go_in(wrong, code, says):
    good, (bad,) = read(line() + b"\n" + wrong + b"\r\n\n" + line(meter="M3"))
    assert good.meters == ["M1", "M3"] and good.lines.tolist() == [1, 4]
    assert (bad.line, bad.code) == (2, code)
    assert says in bad.sentence and "%(" not in bad.sentence


def test_meter_interval_and_quality_may_be_absent_and_null_is_not_zero():
    good, bad = read(line(meter="absent", interval="absent", wh=[None, 0] + [1] * 46))
    assert not bad and good.meters == [""] and good.values[0, :2].tolist() == [NULL, 0]
    assert good.quality[0, :2].tolist() == [Quality.MISSING, Quality.MEASURED]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"\n \n", "empty"), (b"\xff\n", "undecodable"), (b"x" * (2 << 20), "line_too_long")],
)
def test_a_file_that_is_none_gets_a_sentence(data, code):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.code == code and "%(" not in caught.value.sentence


def test_a_file_beyond_the_limit_stops_the_reader():
    with pytest.raises(Unreadable) as caught:
        read(b"\n" * 3_000_000, max_bytes=1_000_000)
    assert caught.value.code == "too_large"


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_nothing_makes_the_reader_fail_otherwise(noise, value):
    for data in (
        noise,
        line() + b"\n" + noise,
        line(wh=value),
        line(meter=value),
        line(date=value),
        line(quality=value),
    ):
        try:
            _, bad = read(data)
        except Unreadable as error:
            assert error.sentence
        else:
            assert all(row.sentence for row in bad)


def test_a_large_file_comes_in_blocks_and_in_order():
    _, data = written(example(5000))
    items = list(jsonl.read_lines(io.BytesIO(data)))
    assert [len(item) for item in items] == [4096, 904]
    assert_same_rows(sort_out(items)[0], example(5000))
