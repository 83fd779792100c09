"""Messages of the Business Protocol: read, written, and hostile ones refused."""

import csv as plain_csv
import gc
import hashlib
import io
import struct
import tracemalloc
import zipfile
import zlib
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from metering.formats import bp, csv, names
from metering.formats.blocks import SlotBlock, join
from metering.formats.bp import arrays
from metering.formats.errors import Unreadable
from metering.halfhours import JST, NULL, plain_quality
from tests.metering.formats import rows
from tests.metering.formats.rows import DAY, POINT, assert_same_rows, example, sort_out

LOW = names.build("1120", DAY)


def message(code="1120", **kwargs):
    return bp.Message(code, DAY, **kwargs)


def written(block, code="1120", **kwargs):
    out = io.BytesIO()
    return out, bp.write_day_zip(out, names.build(code, DAY), message(code, **kwargs), block)


def xml_of(zipped):
    with zipfile.ZipFile(zipped) as archive:
        (name,) = archive.namelist()
        assert archive.testzip() is None
        return archive.read(name)


def zipped(*entries, **kwargs):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **kwargs) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    out.seek(0)
    return out


def read(data, **kwargs):
    delivery = bp.read_xml(io.BytesIO(data if isinstance(data, bytes) else data.encode()), **kwargs)
    return (delivery.message, *sort_out(delivery.items))


def point_row(point=POINT, meter="M1", status="0", value="0.100", tag="JP06125", more=""):
    items = f"<JP06400>{point}</JP06400>" if point is not None else ""
    items += f"<JP06121>{meter}</JP06121>" if meter is not None else ""
    items += f"<JP06122>{status}</JP06122>" if status is not None else ""
    items += f"<{tag}>{value}</{tag}>" if value is not None else ""
    return f"<JPMR00011>{items}{more}</JPMR00011>"


def slot(number, *point_rows):
    inner = "".join(point_rows) or point_row()
    return f"<JPMR00010><JP06219>{number}</JP06219><JPM00011>{inner}</JPM00011></JPMR00010>"


def all_slots(*point_rows):
    return [slot(f"{n:02}", *point_rows) for n in range(1, 49)]


def document(slots, code="1120", day="20260401", head="", before="", declaration='<?xml version="1.0"?>'):
    return (
        f"{declaration}{before}<SBD-MSG><JPMGRP><JPMGH><JPC12>3A</JPC12><JPC14>{code}</JPC14>{head}</JPMGH>"
        f"<JPTRM><JP00002>{code}</JP00002><JP06116>{day}</JP06116>"
        f"<JPM00010>{''.join(slots)}</JPM00010></JPTRM></JPMGRP></SBD-MSG>"
    )


def naive(data, kwh):
    """A reader of its own, written from the description of the message alone: a tree, local names, decimals."""

    def texts(element):
        return {etree.QName(child).localname: child.text or "" for child in element}

    found = {}
    for outer in etree.fromstring(data).iterfind(".//{*}JPMR00010"):
        number = int(texts(outer)["JP06219"])
        for row in outer.iterfind("{*}JPM00011/{*}JPMR00011"):
            item = texts(row)
            day = found.setdefault((item["JP06400"], item.get("JP06121", "")), [None] * 48)
            if item["JP06122"] == "0":
                day[number - 1] = int(Decimal(item[kwh]) * 1000)
    return found


# ------------------------------------------------------------------------------------- identity


@settings(deadline=None)
@given(rows.blocks(day=DAY), st.sampled_from(["0120", "1120"]))
def test_a_written_day_is_read_back_equal(block, code):
    out, report = written(block, code)
    delivery = bp.read_zip(out)
    good, bad = sort_out(delivery.items)
    assert not bad and delivery.message.code == code and delivery.message.day == DAY
    assert_same_rows(good, block)
    assert good.lines.tolist() == list(range(1, len(block) + 1))
    assert (report.rows, report.readings) == (len(block), block.readings())
    assert report.sha256 == hashlib.sha256(out.getvalue()).hexdigest() and report.size == len(out.getvalue())


@settings(deadline=None)
@given(rows.blocks(day=DAY), st.sampled_from([("0120", "JP06123"), ("1120", "JP06125")]))
def test_an_independent_reader_sees_the_same_day(block, kind):
    code, kwh = kind
    found = naive(xml_of(written(block, code)[0]), kwh)
    assert list(found) == list(zip(block.numbers(), block.meters, strict=True))
    for values, expected in zip(found.values(), block.values.tolist(), strict=True):
        assert [NULL if v is None else v for v in values] == expected


@settings(deadline=None, max_examples=30)
@given(rows.blocks(day=DAY))
def test_the_array_reader_and_the_parser_read_the_same(block):
    data = xml_of(written(block)[0])
    fast = read(data)
    spread = data.replace(b"<JPMR00011>", b"<JPMR00011 >")  # legal, and not what the array reader expects
    slow = read(spread)
    assert_same_rows(fast[1], slow[1])
    assert fast[1].lines.tolist() == slow[1].lines.tolist()


def test_plain_files_never_need_the_slow_way(monkeypatch):
    scanned = []
    scan = arrays.scan
    monkeypatch.setattr(arrays, "scan", lambda *args: scanned.append(scan(*args)) or scanned[-1])
    data = xml_of(written(example(20_000))[0])
    pretty = data.replace(b"><JP", b">\n  <JP").replace(b"></JPMR", b">\r\n</JPMR")
    for text in (data, pretty):
        scanned.clear()
        _, good, bad = read(text)
        assert not bad and scanned and all(run is not None for run in scanned)
        assert_same_rows(good, example(20_000))


@settings(deadline=None, max_examples=30)
@given(rows.blocks(day=DAY), st.sampled_from(["0110", "1110"]), st.integers(1, 48))
def test_a_written_half_hour_is_read_back_equal(block, code, number):
    values = block.values[:, number - 1]
    quality = plain_quality(values)
    half = SlotBlock(block.points, block.meters, np.datetime64(DAY, "D"), number, values, quality, block.lines)
    start = time((number - 1) // 2, (number - 1) % 2 * 30)
    out = io.BytesIO()
    bp.write_half_hour_zip(out, names.build(code, DAY, start=start), message(code, slot=number), half)
    delivery = bp.read_zip(out)
    (found,) = delivery.items
    assert delivery.message.slot == found.slot == number
    assert (found.points == half.points).all() and found.meters == half.meters
    assert (found.values == values).all() and (found.quality == quality).all()


def test_equal_rows_give_equal_bytes_and_the_message_travels():
    head = {
        "sender": "30000",
        "sender_name": "東京<電力>&",
        "receiver": "12345",
        "receiver_name": "空",
        "created": datetime(2026, 4, 2, 3, 4, 5, tzinfo=JST),
        "test": True,
        "body_id": "B1",
        "others": {"JP06114": "x"},
    }
    first, second = written(example(), **head), written(example(), **head)
    assert first[0].getvalue() == second[0].getvalue()
    assert bp.read_zip(first[0]).message == message(**head)
    assert zipfile.ZipFile(first[0]).namelist() == [LOW.xml]


def test_splits_hold_every_row_once():
    from metering.formats.blocks import recut

    parts = []
    for number, part in enumerate(recut([example(250)], 100)):
        out = io.BytesIO()
        bp.write_day_zip(out, LOW.with_split(number), message(), part)
        parts.append(sort_out(bp.read_zip(out).items)[0])
    assert [len(part) for part in parts] == [100, 100, 50]
    assert_same_rows(join(parts), example(250))


def test_what_does_not_belong_together_is_not_written():
    with pytest.raises(ValueError, match="own day"):
        bp.write_day_zip(
            io.BytesIO(), names.build("1120", date(2026, 4, 2)), bp.Message("1120", date(2026, 4, 2)), example()
        )
    with pytest.raises(ValueError, match="belong together"):
        bp.write_day_zip(io.BytesIO(), names.build("0120", DAY), message("1120"), example())
    block = example(1)
    block.meters = ["A<B"]
    with pytest.raises(ValueError, match="A<B"):
        written(block)


# ------------------------------------------------------------------------------------- tolerance


@pytest.mark.parametrize("encoding", ["UTF-8", "Shift_JIS", "EUC-JP", "Windows-31J", "x-sjis"])
def test_the_encodings_of_the_trade_are_read(encoding):
    codec = {"Windows-31J": "cp932", "x-sjis": "cp932", "Shift_JIS": "cp932"}.get(encoding, encoding)
    name = "東京ソ表能㈱" if codec == "cp932" else "東京ソ表能"
    text = document(
        all_slots(point_row(meter="計器1", more=f"<JP06120>{name}</JP06120>")),
        declaration=f'<?xml version="1.0" encoding="{encoding}"?>',
        head=f"<JPC06>{name}</JPC06>",
    )
    found, good, bad = read(text.encode(codec))
    assert not bad and found.sender == name and good.meters == ["計器1"]
    assert (good.values == 100).all()


@pytest.mark.parametrize("space", ["urn:jp", None])
def test_a_namespace_a_byte_order_mark_and_comments_make_no_difference(space):
    text = document(all_slots(), before="<!-- made by hand -->")
    text = text.replace("<SBD-MSG>", f'<SBD-MSG xmlns="{space}">' if space else "<SBD-MSG>")
    text = text.replace("<JPM00011>", "<JPM00011><!-- " + point_row(POINT[:-1] + "0") + " -->", 1)
    _found, good, bad = read("\ufeff" + text)
    assert not bad and good.numbers() == [POINT] and (good.values == 100).all()


def test_a_prefixed_namespace_is_read():
    text = document(all_slots()).replace("</", "</jp:").replace("<JP", "<jp:JP").replace("<SBD", "<jp:SBD")
    _, good, bad = read(text.replace("<jp:SBD-MSG>", '<jp:SBD-MSG xmlns:jp="urn:jp">'))
    assert not bad and (good.values == 100).all()


def test_tags_nobody_knows_are_kept_and_refuse_nothing():
    text = document(
        all_slots(point_row(more="<JP99999>?</JP99999>"), point_row(meter="M2", more="<X><Y>1</Y></X>")),
        head="<JPC99>new</JPC99>",
    )
    found, good, bad = read(text)
    assert not bad and good.meters == ["M1", "M2"] and (good.values == 100).all()
    assert found.others == {"JPC99": "new"}
    assert found.unknown_rows["JP99999"] == 48 and found.unknown_rows["Y"] == 48


def test_a_version_nobody_has_described_is_read_by_the_newest_table():
    found, good, _ = read(document(all_slots()).replace("3A", "9Z"))
    assert found.version == "9Z" and (good.values == 100).all()


def test_47_slots_leave_one_missing():
    _, good, bad = read(document(all_slots()[:46] + all_slots()[47:]))
    assert not bad and good.values[0, 46] == NULL and good.readings() == 47


def test_status_and_not_provided_mean_no_value():
    slots = all_slots()
    slots[0] = slot("01", point_row(status="1"))
    slots[1] = slot("02", point_row(status="9", value=None))
    slots[2] = slot("03", point_row(status=None, value=None, more="<JP06405>1</JP06405>"))
    slots[3] = slot("04", point_row(status=None))
    slots[4] = slot("05", point_row(status="1", value="abc"))
    _, good, bad = read(document(slots))
    assert not bad and good.values[0, :5].tolist() == [NULL, NULL, NULL, 100, NULL]


def test_the_slot_number_may_stand_behind_its_points_and_slots_in_any_order():
    late = "<JPMR00010><JPM00011>" + point_row(value="0.7") + "</JPM00011><JP06219>07</JP06219></JPMR00010>"
    _, good, bad = read(document([late, *reversed(all_slots()[:6]), *all_slots()[7:]]))
    assert not bad and good.values[0, 6] == 700 and good.readings() == 48


def test_a_point_with_two_meters_is_two_rows():
    _, good, _ = read(document(all_slots(point_row(), point_row(meter="M2", value="3"))))
    assert good.numbers() == [POINT, POINT] and good.values[:, 0].tolist() == [100, 3000]


def test_points_that_come_in_another_order_in_each_slot_are_told_apart():
    other = POINT[:-1] + "0"
    here, there = point_row(value="1"), point_row(other, value="2")
    slots = [slot(f"{n:02}", *((here, there) if n % 2 else (there, here))) for n in range(1, 49)]
    _, good, bad = read(document(slots))
    assert not bad and (good.values[0] == 1000).all() and (good.values[1] == 2000).all()


def test_the_same_slot_twice_with_the_same_value_is_one():
    for again in (slot("05"), slot("05", point_row(), point_row())):
        _, good, bad = read(document([*all_slots(), again]))
        assert not bad and len(good) == 1


# ------------------------------------------------------------------------------------- refused rows


def other(n):
    return f"03{n:020}"


@pytest.mark.parametrize(
    ("number", "wrong", "code", "field", "says"),
    [
        ("07", point_row(value="abc"), "number_text", "hh07", "abc"),
        ("07", point_row(value="0,1"), "number_comma", "hh07", "07"),
        ("07", point_row(value="0.12345"), "number_fine", "hh07", "07"),
        ("07", point_row(value="9999999999"), "number_large", "hh07", "07"),
        ("07", point_row(value=""), "value_absent", "hh07", "07"),
        ("07", point_row(value=None), "value_absent", "hh07", "07"),
        ("07", point_row(tag="JP06123"), "value_other_voltage", "hh07", "JP06123"),
        ("00", point_row(), "slot_unknown", "", "00"),
        ("49", point_row(), "slot_unknown", "", "49"),
        ("", point_row(), "slot_unknown", "", "48"),
        ("x", point_row(), "slot_unknown", "", "x"),
        ("05", point_row(value="0.2"), "duplicate_differs", "hh05", "0.100"),
        ("05", point_row(status="1"), "duplicate_differs", "hh05", "0.100"),
        ("07", point_row(POINT + "0"), "point_length", "supply_point", "23"),
        ("07", point_row(POINT[:17]), "point_gas", "supply_point", "17"),
        ("07", point_row(None), "point_missing", "supply_point", ""),
        ("07", point_row("03AB" + "0" * 18), "point_characters", "supply_point", "03AB"),
        ("07", point_row(meter="M" * 17), "meter_length", "meter", "17"),
        ("07", point_row(meter="a&amp;b"), "meter_characters", "meter", "a&b"),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_one_fault_refuses_its_own_day_row_and_no_other(number, wrong, code, field, says, fast):
    good_rows = [point_row(other(n)) for n in range(3)]
    slots = [slot(f"{n:02}", *good_rows, *([point_row()] if n != 7 else [])) for n in range(1, 49)]
    slots.append(slot(number, wrong))
    text = document(slots)
    if not fast:
        text = text.replace("<JPMR00011>", "<JPMR00011 >")
    _, good, bad = read(text)
    refused = next(row for row in bad if row.code == code)
    assert len(bad) == 1 and refused.field == field
    assert refused.check == ("V02" if code == "duplicate_differs" else "")
    assert says in refused.sentence and "%(" not in refused.sentence
    assert set(good.numbers()) >= {other(n) for n in range(3)}
    assert (good.rows(slice(0, 3)).values == 100).all()
    assert len(good) == (3 if refused.field.startswith("hh") or not refused.field else 4)


def test_a_refused_day_row_can_be_corrected_and_sent_as_csv():
    slots = all_slots()
    slots[6] = slot("07", point_row(value="0,7"))
    _, _, (bad,) = read(document(slots))
    assert next(plain_csv.reader([bad.raw]))[9] == "0,7"
    fixed = ",".join(csv.COLUMNS) + "\n" + bad.raw.replace('"0,7"', "0.7") + "\n"
    good, none = sort_out(csv.read_wide(io.BytesIO(fixed.encode())))
    assert not none and good.numbers() == [POINT] and good.values[0, 6] == 700 and good.readings() == 48


def test_negative_values_are_kept_for_the_checks():
    slots = all_slots()
    slots[6] = slot("07", point_row(value="-0.5"))
    _, good, bad = read(document(slots))
    assert not bad and good.values[0, 6] == -500


# ------------------------------------------------------------------------------------- refused files


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello, this is no XML", "xml_not"),
        (b"   ", "xml_not"),
        (b"<?xml version='1.0'?>" + b" " * 100_000 + b"<SBD-MSG/>", "xml_not"),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "encoding_unknown"),
        (b"<?xml version='1.0' encoding='KOI8-R'?><SBD-MSG/>", "encoding_unknown"),
        (b"<?xml version='1.0' encoding='Shift_JIS'?><SBD-MSG>\x81\x20</SBD-MSG>", "encoding_broken"),
        (document(all_slots(), before=LAUGHS, head="<JPC06>&j;</JPC06>"), "xml_doctype"),
        (document([], before=f'<!DOCTYPE x SYSTEM "{Path(__file__).as_uri()}">'), "xml_doctype"),
        (document([], before='<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>'), "xml_doctype"),
        (document(all_slots(), head="<JPC06>&undefined;</JPC06>"), "xml_broken"),
        (document(all_slots())[:-30], "xml_broken"),
        (document(all_slots()).replace("</JPMR00011>", "</JPMR00012>"), "xml_broken"),
        (document(all_slots(point_row(value="\x01"))), "xml_broken"),
        (document(all_slots(point_row(value="1<2"))), "xml_broken"),
        (
            document(all_slots(point_row(more="<JP06120>\udcff</JP06120>"))).encode("utf-8", "surrogateescape"),
            "xml_broken",
        ),
        (document(all_slots()) + document(all_slots(), declaration=""), "xml_broken"),
        ("<html><body/></html>", "xml_root"),
        (document([], head="<a>" * 40 + "</a>" * 40), "xml_deep"),
        (document([], head="<a>" * 400 + "</a>" * 400), "xml_deep"),
        (document(all_slots(), code=""), "xml_code_missing"),
        (document(all_slots(), code="1220"), "xml_code_unknown"),
        (document(all_slots()).replace("<JP00002>1120", "<JP00002>0120"), "xml_code_differs"),
        (document(all_slots(), day="2026-04-01"), "xml_date"),
        (document(all_slots(), day="20260230"), "xml_date"),
        (document(all_slots(), day=""), "xml_date"),
        (document([], code="1110"), "xml_slot"),
    ],
)
def test_a_document_that_is_no_message_gets_a_sentence(data, code):
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert caught.value.code == code
    assert caught.value.sentence and "%(" not in caught.value.sentence


def test_limits_of_points_and_bytes_hold():
    data = xml_of(written(example(2000))[0])
    for text in (data, data.replace(b"<JPMR00011>", b"<JPMR00011 >")):
        with pytest.raises(Unreadable) as caught:
            read(text, limits=bp.Limits(points=1999))
        assert caught.value.code == "xml_points"
    with pytest.raises(Unreadable) as caught:
        read(data, limits=bp.Limits(xml_bytes=10_000))
    assert caught.value.code == "too_large"
    with pytest.raises(Unreadable) as caught:
        bp.read_zip(zipped(("a.xml", data)), limits=bp.Limits(xml_bytes=10_000))
    assert caught.value.code == "zip_large"


def test_a_file_that_was_read_is_held_by_nobody():
    """The collector may not come by for many files: what a reader gathered is free as soon as nobody asks for it."""
    data = written(example(3000))[0].getvalue()

    def held() -> int:
        assert sum(map(len, bp.read_zip(io.BytesIO(data)).items)) == 3000
        return tracemalloc.get_traced_memory()[0]

    held()
    gc.disable()
    tracemalloc.start()
    try:
        first = held()
        for _again in range(5):
            last = held()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert last - first < 3000 * 48  # a byte a value would be five files held


def bare_zip(name=b"a.xml", packed=b"", size=0, crc=0, method=8, flags=0):
    """A zip put together by hand, so that it can lie."""
    common = struct.pack("<5H3I2H", 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name
    return local + central + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local), 0)


def deflated(data):
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(data) + pack.flush()


GOOD = document(all_slots()).encode()
BOMB = deflated(GOOD[:200] + b" " * 50_000_000)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (GOOD, "zip_not"),
        (b"PK\x03\x04", "zip_broken"),
        (zipped(("a.xml", GOOD)).getvalue()[:-10], "zip_broken"),
        (zipped(("a.xml", GOOD)).getvalue()[:200], "zip_broken"),
        (zipped().getvalue(), "zip_empty"),
        (zipped(("a.xml", GOOD), ("b.xml", GOOD)).getvalue(), "zip_many"),
        (zipped(("../../etc/cron.d/x", GOOD)).getvalue(), "zip_path"),
        (zipped(("/a.xml", GOOD)).getvalue(), "zip_path"),
        (zipped(("dir/", b"")).getvalue(), "zip_path"),
        (bare_zip(b"..\\a.xml", deflated(GOOD), len(GOOD), zlib.crc32(GOOD)), "zip_path"),
        (bare_zip(b"C:a.xml", deflated(GOOD), len(GOOD), zlib.crc32(GOOD)), "zip_path"),
        (bare_zip(b"", deflated(GOOD), len(GOOD), zlib.crc32(GOOD)), "zip_path"),
        (bare_zip(packed=deflated(GOOD), size=len(GOOD), crc=zlib.crc32(GOOD), flags=1), "zip_encrypted"),
        (bare_zip(packed=GOOD, size=len(GOOD), crc=zlib.crc32(GOOD), method=12), "zip_method"),
        (bare_zip(packed=deflated(GOOD), size=len(GOOD), crc=1), "zip_broken"),
        (bare_zip(packed=deflated(GOOD), size=len(GOOD) + 1, crc=zlib.crc32(GOOD)), "zip_broken"),
        (bare_zip(packed=b"\xff" * 50, size=len(GOOD), crc=0), "zip_broken"),
        (bare_zip(packed=deflated(GOOD)[:-20], size=len(GOOD), crc=0), "zip_broken"),
        (bare_zip(packed=deflated(GOOD), size=2**32 - 2, crc=0), "zip_large"),
        (bare_zip(packed=BOMB, size=len(GOOD), crc=0), "zip_broken"),
        (bare_zip(packed=b"", size=0, crc=0, method=0), "empty"),
    ],
)
def test_a_zip_that_is_none_or_lies_gets_a_sentence(data, code):
    with pytest.raises(Unreadable) as caught:
        bp.read_zip(io.BytesIO(data))
    assert caught.value.code == code
    assert caught.value.sentence and "%(" not in caught.value.sentence


def test_a_zip_put_together_by_hand_honestly_is_read():
    for packed, method in ((deflated(GOOD), 8), (GOOD, 0)):
        data = bare_zip(packed=packed, size=len(GOOD), crc=zlib.crc32(GOOD), method=method)
        good, bad = sort_out(bp.read_zip(io.BytesIO(data)).items)
        assert not bad and len(good) == 1


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 80))
def test_no_damage_makes_the_reader_fail_otherwise(noise, at, gone):
    damaged = GOOD[:at] + noise + GOOD[at + gone :]
    try:
        _, _, bad = read(damaged)
    except Unreadable as error:
        assert error.sentence
    else:
        assert all(row.sentence for row in bad)
    archive = zipped(("a.xml", GOOD)).getvalue()
    cut = at % len(archive)
    try:
        list(bp.read_zip(io.BytesIO(archive[:cut] + noise + archive[cut + gone :])).items)
    except Unreadable as error:
        assert error.sentence
