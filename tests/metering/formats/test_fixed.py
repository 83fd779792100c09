"""Months, exchanges and off-cycle readings (family W5): identity, an independent reader, hostile files."""

import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from metering.formats import fixed, names
from metering.formats.errors import BadRow, Unreadable
from metering.formats.fixed import MonthMessage, PointMonth, reading
from metering.halfhours import JST, NULL
from tests.metering.formats import rows
from tests.metering.formats.rows import POINT

READ_ON = date(2026, 5, 1)
MONTH = date(2026, 4, 1)

texts = st.text("東京<&>'\"ソ表 abc１", max_size=12).map(str.strip)
slots = st.one_of(st.just(NULL), st.integers(0, 999), st.integers(-(2**31) + 1, 2**31 - 1))
amounts = st.none() | st.integers(-(10**9), 10**15)
items = st.recursive(
    st.tuples(st.sampled_from(["JP99991", "X"]), texts),
    lambda inner: st.tuples(st.just("JPM00099"), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=4,
)


@st.composite
def months(draw, *, off_cycle=False):
    provided = draw(st.booleans())
    days = sorted(draw(st.sets(st.dates(date(2026, 4, 1), date(2026, 5, 5)), max_size=4))) if provided else []
    shape = (len(days), 48)

    def values():
        flat = draw(st.lists(slots, min_size=48, max_size=48))
        return np.array([np.roll(flat, n) for n in range(len(days))], np.int32).reshape(shape)

    return PointMonth(
        point=draw(rows.points),
        meter=draw(rows.meters),
        days=np.array(days, "datetime64[D]").reshape(len(days)),
        whole=values(),
        sorted_=values() if draw(st.booleans()) else np.full(shape, NULL, np.int32),
        month_wh=draw(amounts),
        month_sorted_wh=draw(amounts),
        provided=provided,
        share=draw(st.sampled_from(["", "1", "2"])),
        customer_id=draw(st.text("0123456789", max_size=21)),
        customer_name=draw(texts),
        place=draw(texts),
        voltage=draw(texts),
        power_factor=draw(st.none() | st.integers(0, 100)),
        max_demand_w=draw(st.none() | st.integers(0, 10**9)),
        next_reading=draw(st.none() | st.dates(date(2026, 1, 1), date(2027, 1, 1))),
        others=tuple(draw(st.lists(items, max_size=2))),
    )


def message(code="1220", **kwargs):
    return MonthMessage(code, MONTH, READ_ON, **kwargs)


def written(points, code="1220", **kwargs):
    out = io.BytesIO()
    name = names.build(code, READ_ON)
    return out, fixed.write_zip(out, name, message(code, **kwargs), points)


def xml_of(zipped):
    with zipfile.ZipFile(zipped) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def read(data, **kwargs):
    delivery = fixed.read_xml(io.BytesIO(data if isinstance(data, bytes) else data.encode()), **kwargs)
    found = list(delivery.items)
    good = [item for item in found if isinstance(item, PointMonth)]
    return delivery.message, good, [item for item in found if isinstance(item, BadRow)]


def assert_same(left, right, *, line=True):
    for name in PointMonth.__slots__:
        if name in ("line", "whole_point"):
            continue
        ours, theirs = getattr(left, name), getattr(right, name)
        same = np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs
        assert same, (name, ours, theirs)


# ------------------------------------------------------------------------------------- identity


@settings(deadline=None)
@given(st.lists(months(), max_size=3), st.sampled_from(fixed.FIXED + fixed.EXCHANGE))
def test_written_months_are_read_back_equal(points, code):
    out, report = written(points, code)
    delivery = fixed.read_zip(out)
    found = list(delivery.items)
    assert (delivery.message.code, delivery.message.month, delivery.message.reading_day) == (code, MONTH, READ_ON)
    assert len(found) == len(points) and [point.line for point in found] == list(range(1, len(points) + 1))
    for left, right in zip(found, points, strict=True):
        assert isinstance(left, PointMonth), left
        assert_same(left, right)
    assert (report.rows, report.readings) == (len(points), sum(point.readings() for point in points))


@settings(deadline=None, max_examples=40)
@given(st.lists(months(), max_size=2))
def test_the_quick_reader_and_the_parser_read_the_same(points):
    data = fixed.to_xml(message(), points)
    slow = data.replace(b"<JPM00014>", b"<JPM00014 >")  # legal, and not what the quick reader expects
    for left, right in zip(read(data)[1], read(slow)[1], strict=True):
        assert_same(left, right)


def plain_months(count, days=30):
    rng = np.random.default_rng(1)
    for n in range(count):
        values = rng.integers(0, 900, (days, 48)).astype(np.int32)
        values[:, 5] = NULL
        numbers = np.datetime64("2026-04-01") + np.arange(days)
        yield PointMonth(f"03{n:020}", f"M{n}", numbers, values, values // 2, month_wh=int(values.sum()))


def test_plain_files_never_need_the_slow_way(monkeypatch):
    asked = []
    monkeypatch.setattr(reading._Target, "_slots", lambda *args: asked.append(args))
    points = list(plain_months(60))
    found = list(fixed.read_zip(written(points)[0]).items)
    assert not asked
    for left, right in zip(found, points, strict=True):
        right.sorted_ = np.where(right.whole == NULL, left.sorted_, right.sorted_)
        assert_same(left, right)


def naive(data):
    """A reader of its own, written from the description of the message alone: a tree, local names, decimals."""

    def texts(element):
        return {etree.QName(child).localname: child.text or "" for child in element}

    found = []
    for row in etree.fromstring(data).iterfind(".//{*}JPM00010/{*}JPMR00010"):
        days = {}
        for day in row.iterfind("{*}JPM00013/{*}JPMR00013"):
            slots = [texts(slot) for slot in day.iterfind("{*}JPM00014/{*}JPMR00014")]
            days[texts(day)["JP06423"]] = {
                int(slot["JP06219"]): [
                    int(Decimal(slot[tag]) * 1000) if slot.get(tag) else None for tag in ("JP06424", "JP06425")
                ]
                for slot in slots
            }
        found.append((texts(row), days))
    return found


@settings(deadline=None, max_examples=40)
@given(st.lists(months(), min_size=1, max_size=2))
def test_an_independent_reader_sees_the_same_months(points):
    for (leaf, days), point in zip(naive(xml_of(written(points)[0])), points, strict=True):
        assert leaf["JP06400"] == point.point and leaf.get("JP06121", "") == point.meter
        assert leaf["JP06405"] == ("0" if point.provided else "1")
        for tag, value in (
            ("JP06426", point.month_wh),
            ("JP06427", point.month_sorted_wh),
            ("JP06445", point.max_demand_w),
        ):
            assert (int(Decimal(leaf[tag]) * 1000) if tag in leaf else None) == value
        assert list(days) == [day.strftime("%Y%m%d") for day in point.days.tolist()]
        for slots, whole, later in zip(days.values(), point.whole.tolist(), point.sorted_.tolist(), strict=True):
            assert list(slots) == list(range(1, 49))
            assert [NULL if pair[0] is None else pair[0] for pair in slots.values()] == whole
            assert [NULL if pair[1] is None else pair[1] for pair in slots.values()] == later


def test_readers_of_the_trade_find_no_text_between_the_elements():
    data = xml_of(written(list(plain_months(2, days=2)))[0])
    inside = etree.fromstring(data).find(".//JPM00010")
    assert not [e for e in inside.iter() if len(e) and ((e.text or "").strip() or any(c.tail for c in e))]


def test_the_message_travels_and_equal_points_give_equal_bytes():
    head = {
        "sender": "30000",
        "sender_name": "東京<電力>&",
        "receiver": "12345",
        "created": datetime(2026, 5, 8, 3, 4, 5, tzinfo=JST),
        "test": True,
        "body_id": "B1",
        "others": {"JPC99": "x", "JP06114": "y"},
    }
    first, second = (written(list(plain_months(2, days=1)), **head)[0] for _ in range(2))
    assert first.getvalue() == second.getvalue()
    assert fixed.read_zip(first).message == message(**head)
    assert zipfile.ZipFile(first).namelist() == ["W5122020260501" + "00" + "00000.xml"]


def test_splits_and_revisions_have_names_of_their_own():
    parts = list(fixed.splits(plain_months(5, days=1), 2))
    name = names.build("1210", READ_ON, revision=3)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [str(name.with_split(n)) for n in range(3)] == [f"W51210202605010300{n:03}.zip" for n in range(3)]
    for n in range(3):
        assert names.parse(str(name.with_split(n))).order == (3, n)


# ------------------------------------------------------------------------------------- kept whole


@settings(deadline=None, max_examples=40)
@given(months(), st.sampled_from(fixed.OFF_CYCLE))
def test_an_off_cycle_point_is_written_again_exactly_as_it_came(point, code):
    data = xml_of(written([point], code)[0])
    _, (found,), bad = read(data)
    assert not bad and found.whole_point
    assert_same(found, point) if not point.others else None
    assert fixed.to_xml(message(code), [found]) == data


def test_an_off_cycle_point_keeps_what_nobody_knows_in_any_depth():
    inner = "<JP77777>1</JP77777><JPM00050><JPMR00050><JP88888>2</JP88888></JPMR00050></JPM00050>"
    data = document(inner, code="1410").encode()
    _, (found,), bad = read(data)
    assert not bad and found.point == POINT
    assert ("JP77777", "1") in found.whole_point
    assert ("JPM00050", (("JPMR00050", (("JP88888", "2"),)),)) in found.whole_point
    assert b"<JPMR00050><JP88888>2</JP88888></JPMR00050>" in fixed.to_xml(message("1410"), [found])


def test_unknown_items_of_a_point_travel_and_those_of_its_slots_are_counted():
    strange = "<JPM00050><JPM00014>" + slot() + "</JPM00014></JPM00050>"
    data = document(strange + day(extra="<JP99998>1</JP99998>", rows=slot(more="<JP99999>1</JP99999>")))
    found, (point,), bad = read(data)
    assert not bad and point.whole[0, 0] == 100
    assert found.unknown_rows == {"JP99998": 1, "JP99999": 1}
    expected = ("JPM00014", (("JPMR00014", (("JP06219", "01"), ("JP06424", "0.100"))),))
    assert point.others == (("JPM00050", (expected,)),)


# ------------------------------------------------------------------------------------- tolerance and faults


def slot(number="01", value="0.100", later=None, more=""):
    values = f"<JP06424>{value}</JP06424>" if value is not None else ""
    values += f"<JP06425>{later}</JP06425>" if later is not None else ""
    return f"<JPMR00014><JP06219>{number}</JP06219>{values}{more}</JPMR00014>"


def day(text="20260401", rows=None, extra=""):
    date_text = f"<JP06423>{text}</JP06423>" if text is not None else ""
    inner = rows if rows is not None else slot()
    return f"<JPM00013><JPMR00013>{date_text}{extra}<JPM00014>{inner}</JPM00014></JPMR00013></JPM00013>"


def document(
    *inners, code="1220", month="202604", point=POINT, head="", before="", declaration='<?xml version="1.0"?>'
):
    points = "".join(f"<JPMR00010><JP06400>{point}</JP06400>{inner}</JPMR00010>" for inner in inners)
    return (
        f"{declaration}{before}<SBD-MSG><JPMGRP><JPMGH><JPC14>{code}</JPC14>{head}</JPMGH>"
        f"<JPTRM><JP00002>{code}</JP00002><JP06401>{month}</JP06401><JPM00010>{points}</JPM00010></JPTRM></JPMGRP></SBD-MSG>"
    )


GOOD = "<JP06121>NEXT</JP06121>" + day()


@pytest.mark.parametrize("encoding", ["UTF-8", "Shift_JIS", "EUC-JP"])
def test_the_encodings_of_the_trade_are_read(encoding):
    text = document("<JP06120>東京ソ表能</JP06120>" + day(), declaration=f'<?xml version="1.0" encoding="{encoding}"?>')
    _, (point,), bad = read(text.encode("cp932" if encoding == "Shift_JIS" else encoding))
    assert not bad and point.customer_name == "東京ソ表能" and point.whole[0, 0] == 100


def test_a_namespace_line_ends_comments_and_instructions_make_no_difference():
    plain = document(day(rows=slot() + slot("02", "0.2", "0.1")))
    for text in (
        plain.replace("<SBD-MSG>", '<SBD-MSG xmlns="urn:jp">'),
        plain.replace("</", "</jp:").replace("<JP", "<jp:JP").replace("<SBD-MSG", '<jp:SBD-MSG xmlns:jp="urn:jp"'),
        plain.replace("><JP", ">\r\n <JP"),
        plain.replace("<JPM00014>", "<JPM00014><!-- " + slot("03") + " -->"),
        plain.replace("<JPM00014>", "<JPM00014><?run 0?><?run 1?>"),
        "\ufeff" + plain,
    ):
        _, (point,), bad = read(text)
        assert not bad and point.whole[0, :3].tolist() == [100, 200, NULL]
        assert point.sorted_[0, :3].tolist() == [NULL, 100, NULL]


def test_slots_in_any_order_and_a_point_that_is_not_provided():
    shuffled = "".join(slot(f"{n:02}", f"0.{n:03}") for n in range(48, 0, -1))
    _, (first, second), bad = read(document(day(rows=shuffled), "<JP06405>1</JP06405>" + day("nonsense")))
    assert not bad and first.whole[0].tolist() == list(range(1, 49))
    assert not second.provided and len(second.days) == 0


def test_the_largest_months_of_high_voltage_are_read():
    _, (point,), _ = read(document("<JP06426>123456789.012</JP06426>"))
    assert point.month_wh == 123_456_789_012


@pytest.mark.parametrize(
    ("inner", "code", "says"),
    [
        (day(None), "day_missing", "JP06423"),
        (day("2026-04-01"), "date_form", "2026-04-01"),
        (day("20260230"), "date_unknown", "20260230"),
        (day() + day(), "day_twice", "2026-04-01"),
        (day(rows=slot("00")), "slot_unknown", "00"),
        (day(rows=slot("49")), "slot_unknown", "49"),
        (day(rows=slot("")), "slot_unknown", ""),
        (day(rows=slot(value="abc")), "number_text", "abc"),
        (day(rows=slot(value="0,1")), "number_comma", "0,1"),
        (day(rows=slot(value="0.0001")), "number_fine", "0.0001"),
        (day(rows=slot(later="x")), "number_text", "x"),
        (day(rows=slot() + slot(value="0.2")), "slot_twice", "0.200"),
        (day(rows=slot() + "</JPM00014><JPM00014>" + slot()), "day_twice", "2026-04-01"),
        ("<JP06426>x</JP06426>", "item_form", "JP06426"),
        ("<JP06406>1000</JP06406>", "item_form", "JP06406"),
        ("<JP06446>20260230</JP06446>", "item_form", "20260230"),
        ("<JP06426>1</JP06426><JP06426>2</JP06426>", "item_twice", "JP06426"),
        ("<JP06121>&lt;</JP06121>", "meter_characters", "<"),
    ],
)
def test_a_bad_point_is_named_kept_and_its_neighbours_go_in(inner, code, says):
    _, good, (bad,) = read(document(GOOD, inner, GOOD))
    assert [point.line for point in good] == [1, 3]
    assert (bad.line, bad.code) == (2, code)
    assert says in bad.sentence and "%(" not in bad.sentence
    again = etree.fromstring(bad.raw)
    assert again.tag == "JPMR00010" and again.findtext("JP06400") == POINT


def test_a_number_of_23_digits_is_named():
    _, good, (bad,) = read(document(day(), point=POINT + "0"))
    assert not good and bad.code == "point_length" and "23" in bad.sentence


def test_the_same_slot_twice_with_the_same_value_is_one():
    _, (point,), bad = read(document(day(rows=slot() + slot())))
    assert not bad and point.readings() == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("hello", "xml_not"),
        ("<a/>", "xml_root"),
        ("<SBD-MSG/>", "xml_code_missing"),
        (document(day(), code="1120"), "xml_code_unknown"),
        (document(day()).replace("<JP00002>1220", "<JP00002>1210"), "xml_code_differs"),
        (document(day(), month="2026"), "xml_month"),
        (document(day(), month="202613"), "xml_month"),
        (document(day(), month=""), "xml_month"),
        (document(day(), head="<JPC03>1</JPC03>").replace("<JP06401>", "<JP06116>x</JP06116><JP06401>"), "xml_date"),
        (document(day())[:-30], "xml_broken"),
        (document(day()).replace("</JPMR00014>", "</JPMR00015>"), "xml_broken"),
        (document(day(), before='<!DOCTYPE a [<!ENTITY b "c">]>'), "xml_doctype"),
        (document(day(rows=slot(value="&b;"))), "xml_broken"),
        (document("<X>" * 40 + "</X>" * 40), "xml_deep"),
        (document("<X>1</X>" * 60_000), "xml_row_large"),
        (document("<X>" + "x" * 9_000_000 + "</X><X>" + "x" * 9_000_000 + "</X>"), "xml_row_large"),
        (document(day(), declaration='<?xml version="1.0" encoding="UTF-7"?>'), "encoding_unknown"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(text, code):
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert caught.value.code == code and "%(" not in caught.value.sentence


def test_a_bomb_stops_at_the_limit_and_damage_is_seen_at_the_end():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", document(GOOD) + " " * 30_000_000)
    with pytest.raises(Unreadable) as caught:
        list(fixed.read_zip(out, limits=fixed.Limits(xml_bytes=1_000_000)).items)
    assert caught.value.code == "zip_large"
    whole = written(list(plain_months(20)))[0].getvalue()
    with pytest.raises(Unreadable) as caught:
        list(fixed.read_zip(io.BytesIO(whole[: len(whole) // 2])).items)
    assert caught.value.code == "zip_broken"


def test_memory_does_not_grow_with_the_file():
    """Points are handed on while the file is read: with the first point in hand the rest has not been asked for."""
    asked = []

    class Stream(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    data = fixed.to_xml(message(), plain_months(60))
    delivery = fixed.read_xml(Stream(data))
    next(delivery.items)
    assert len(data) > 5 << 20 and len(asked) <= 2


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_bytes_make_the_reader_fail_otherwise(data):
    content = bytearray(document(GOOD, day(rows=slot() + slot("02"))).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b"<>/&1a\x00\xff!?"))
    try:
        _, _, bad = read(bytes(content))
    except Unreadable as error:
        assert error.sentence
    else:
        assert all(row.sentence for row in bad)


def test_what_does_not_belong_together_is_not_written():
    (point,) = plain_months(1, days=1)
    with pytest.raises(ValueError, match="belong together"):
        fixed.write_zip(io.BytesIO(), names.build("1210", READ_ON), message("1220"), [point])
    with pytest.raises(ValueError, match="month"):
        fixed.write_zip(io.BytesIO(), names.build("1220", READ_ON), MonthMessage("1220"), [point])
    for change, match in (
        ({"provided": False}, "not provided"),
        ({"meter": "<"}, "cannot stand"),
        ({"place": "\x00"}, "character"),
    ):
        wrong = PointMonth(**{name: getattr(point, name) for name in PointMonth.__slots__} | change)
        with pytest.raises(ValueError, match=match):
            written([wrong])
