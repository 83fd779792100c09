"""Green Button: identity, the rules of the public schema, an independent reader, hostile feeds."""

import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from metering.formats import espi
from metering.formats.errors import Unreadable
from metering.halfhours import JST, NULL, Quality
from tests.metering.formats import rows
from tests.metering.formats.rows import POINT, assert_same_rows, example, sort_out

MOMENT = datetime(2026, 4, 2, 6, tzinfo=JST)
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("espi.xsd")))
A, E = f"{{{espi.ATOM}}}", f"{{{espi.ESPI}}}"


def written(*blocks):
    out = io.BytesIO()
    return out, espi.write_feed(out, blocks, title="使用量 <&>", updated=MOMENT)


def read(data, **kwargs):
    return sort_out(espi.read_feed(io.BytesIO(data if isinstance(data, bytes) else data.encode()), **kwargs))


@settings(deadline=None)
@given(rows.blocks(quality=True))
def test_written_rows_are_read_back_equal(block):
    out, report = written(block)
    good, bad = read(out.getvalue())
    assert not bad
    assert_same_rows(good, block)
    assert (report.rows, report.readings, report.size) == (len(block), block.readings(), len(out.getvalue()))
    assert report.sha256 == hashlib.sha256(out.getvalue()).hexdigest()


@settings(deadline=None, max_examples=40)
@given(rows.blocks(quality=True))
def test_every_entry_follows_the_schema_and_the_feed_is_tied_together(block):
    feed = etree.fromstring(written(block)[0].getvalue())
    assert feed.tag == A + "feed"
    for name in ("id", "title", "updated"):
        assert feed.findtext(A + name)
    entries = feed.findall(A + "entry")
    self_of = [entry.find(f"{A}link[@rel='self']").get("href") for entry in entries]
    assert len(set(self_of)) == len(self_of)
    ids = [entry.findtext(A + "id") for entry in entries]
    assert len(set(ids)) == len(ids) and all(i.startswith("urn:uuid:") for i in ids)
    kinds = {}
    for entry, href in zip(entries, self_of, strict=True):
        assert entry.findtext(A + "published") == entry.findtext(A + "updated") == "2026-04-01T21:00:00Z"
        assert href.startswith(entry.find(f"{A}link[@rel='up']").get("href") + "/")
        (content,) = entry.find(A + "content")
        SCHEMA.assertValid(etree.ElementTree(content))
        kinds.setdefault(content.tag.removeprefix(E), []).append((href, entry))
    related = {
        href: [link.get("href") for link in entry.findall(f"{A}link[@rel='related']")]
        for href, entry in kinds["MeterReading"]
    }
    type_href = kinds["ReadingType"][0][0]
    for href, _ in kinds["IntervalBlock"]:
        meter = href.rpartition("/IntervalBlock/")[0]
        assert type_href in related[meter] and f"{meter}/IntervalBlock" in related[meter]
    assert {href.rpartition("/MeterReading/")[0] for href in related} == {href for href, _ in kinds["UsagePoint"]}


def test_the_schema_of_the_tests_refuses_what_is_wrong():
    good = "<IntervalBlock xmlns='http://naesb.org/espi'><interval><duration>1800</duration><start>0</start></interval>{}</IntervalBlock>"
    assert SCHEMA.validate(etree.fromstring(good.format("<IntervalReading><value>1</value></IntervalReading>")))
    for wrong in (
        "<value>1</value>",
        "<IntervalReading><value>1.5</value></IntervalReading>",
        "<IntervalReading><value>1</value><timePeriod><start>0</start></timePeriod></IntervalReading>",
        "<IntervalReading><ReadingQuality><quality>3</quality></ReadingQuality></IntervalReading>",
    ):
        assert not SCHEMA.validate(etree.fromstring(good.format(wrong)))


CODES = {0: 0, 9: 1, 8: 2, 11: 3, 16: 4, 7: 5}


@settings(deadline=None, max_examples=40)
@given(rows.blocks(quality=True))
def test_an_independent_reader_sees_the_same_half_hours(block):
    """Written from the standard alone: instants in UTC, values in Wh, quality where it is not valid."""
    found = {}
    for entry in etree.fromstring(written(block)[0].getvalue()).iter(A + "entry"):
        content = entry.find(f"{A}content/{E}IntervalBlock")
        if content is None:
            continue
        parts = entry.find(f"{A}link[@rel='self']").get("href").split("/")
        key = parts[parts.index("UsagePoint") + 1], unquote(parts[parts.index("MeterReading") + 1])[2:]
        start = datetime.fromtimestamp(int(content.findtext(f"{E}interval/{E}start")), UTC).astimezone(JST)
        assert (start.hour, start.minute) == (0, 0)
        assert content.findtext(f"{E}interval/{E}duration") == "86400"
        slots = found.setdefault((*key, start.date()), {})
        for reading in content.iter(E + "IntervalReading"):
            began = datetime.fromtimestamp(int(reading.findtext(f"{E}timePeriod/{E}start")), UTC)
            assert reading.findtext(f"{E}timePeriod/{E}duration") == "1800"
            slot = (began - start) // timedelta(minutes=30)
            code = int(reading.findtext(f"{E}ReadingQuality/{E}quality") or 0)
            slots[slot] = int(reading.findtext(E + "value")), CODES[code]
    assert list(found) == list(zip(block.numbers(), block.meters, block.days.tolist(), strict=True))
    for row, slots in enumerate(found.values()):
        assert [slots.get(n, (NULL, 0))[0] for n in range(48)] == block.values[row].tolist()
        assert [slots.get(n, (NULL, 6))[1] for n in range(48)] == block.quality[row].tolist()


def test_equal_rows_give_equal_bytes_and_each_point_stands_once():
    whole, parts = written(example(5)), written(example(5).rows(slice(0, 2)), example(5).rows(slice(2, None)))
    assert whole[0].getvalue() == parts[0].getvalue()
    assert whole[0].getvalue().count(b"<espi:UsagePoint>") == 5


# ------------------------------------------------------------------------------------- files of other hands

START = int(datetime(2026, 4, 1, tzinfo=JST).timestamp())
HREF = f"https://x.example/DataCustodian/espi/1_1/resource/Subscription/5/UsagePoint/{POINT}/MeterReading/01"


def reading(slot=1, value=100, quality=None, start=None, duration=1800):
    word = f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>" if quality is not None else ""
    began = START + (slot - 1) * 1800 if start is None else start
    length = f"<duration>{duration}</duration>" if duration is not None else ""
    period = f"<timePeriod>{length}<start>{began}</start></timePeriod>"
    return f"<IntervalReading>{word}{period}<value>{value}</value></IntervalReading>"


def entry(href, content, related=""):
    link = f'<link rel="related" href="{related}"/>' if related else ""
    return f'<entry><link rel="self" href="{href}"/>{link}<content>{content}</content></entry>'


def block(*readings, href=HREF, start=START, number=1):
    inner = f"<interval><duration>86400</duration><start>{start}</start></interval>{''.join(readings)}"
    return entry(f"{href}/IntervalBlock/{number}", f'<IntervalBlock xmlns="{espi.ESPI}">{inner}</IntervalBlock>')


def kind(uom=72, power=0, commodity=1, href="/ReadingType/7"):
    inner = f"<commodity>{commodity}</commodity><powerOfTenMultiplier>{power}</powerOfTenMultiplier><uom>{uom}</uom>"
    return entry(href, f'<ReadingType xmlns="{espi.ESPI}">{inner}</ReadingType>')


METER = entry(HREF, f'<MeterReading xmlns="{espi.ESPI}"/>', "/ReadingType/7")


def feed(*entries, before="", root="feed"):
    return f'<?xml version="1.0"?>{before}<{root} xmlns="{espi.ATOM}">{"".join(entries)}</{root}>'


def test_entries_in_any_order_and_blocks_of_several_days_are_read():
    text = feed(block(reading(48, 7), reading(49, 8, 8), reading(97, 9, 17)), METER, kind())
    good, bad = read(text)
    assert not bad and good.numbers() == [POINT] * 3 and good.meters == ["01"] * 3
    assert good.days.tolist() == [date(2026, 4, 1), date(2026, 4, 2), date(2026, 4, 3)]
    assert [good.values[0, 47], good.values[1, 0], good.values[2, 0]] == [7, 8, 9]
    assert good.quality[1, 0] == Quality.REFERENCE_DAY and good.quality[2, 0] == Quality.MEASURED


@pytest.mark.parametrize(("power", "value", "wh"), [(3, 2, 2000), (-3, 159_000, 159), (0, -5, -5), (-1, 10, 1)])
def test_powers_of_ten_become_whole_wh(power, value, wh):
    good, bad = read(feed(kind(power=power), METER, block(reading(1, value))))
    assert not bad and good.values[0, 0] == wh


@pytest.mark.parametrize(
    ("wrong", "power", "code", "says"),
    [
        (reading(2, "1.5"), 0, "espi_value", "1.5"),
        (reading(2, 159), -1, "espi_value", "159"),
        (reading(2, 2**31), 0, "espi_value", "2147483648"),
        (reading(2, 10**14), 9, "espi_value", "9"),
        (reading(2, "9" * 400), 0, "espi_value", "99"),
        (reading(2, quality=10), 0, "espi_quality", "10"),
        (reading(2, quality="x"), 0, "espi_quality", "x"),
        (reading(2, duration=3600), 0, "espi_interval", "3600"),
        (reading(2, start=START + 1), 0, "espi_start", str(START + 1)),
        (reading(2, start="x"), 0, "espi_start", "x"),
        (reading(1, 200), 0, "duplicate_differs", "200"),
    ],
)
def test_a_bad_half_hour_refuses_its_day_and_nothing_else(wrong, power, code, says):
    value = 100 if power <= 0 else 0
    text = feed(kind(power=power), METER, block(reading(1, value), wrong), block(reading(49, value), number=2))
    good, (bad,) = read(text)
    assert good.days.tolist() == [date(2026, 4, 2)]
    assert bad.code == code and says in bad.sentence and "%(" not in bad.sentence


def test_a_block_without_a_supply_point_number_is_named():
    for href, code in ((HREF.replace(POINT, "7"), "point_length"), ("/MeterReading/1", "point_missing")):
        good, (bad,) = read(feed(kind(), METER, block(reading(), href=href), block(reading())))
        assert len(good) == 1 and bad.code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("hello", "xml_not"),
        ("<html/>", "espi_feed"),
        (feed(), "espi_feed"),
        ('<feed xmlns="urn:other"><entry/></feed>', "espi_feed"),
        (feed(kind(), METER, block(reading()))[:-9], "xml_broken"),
        (feed(METER, block(reading())), "espi_entry"),
        (feed(kind(uom=119), METER, block(reading())), "espi_unit"),
        (feed(kind(commodity=7), METER, block(reading())), "espi_commodity"),
        (feed(kind(power="x"), METER, block(reading())), "espi_entry"),
        (feed(kind(), METER, block(reading(), start="")), "espi_entry"),
        (feed(kind(), METER, before='<!DOCTYPE a [<!ENTITY b "c">]>'), "xml_doctype"),
        (feed(kind(), METER, block(reading(value="&b;"))), "xml_broken"),
        (feed("<a>" * 50 + "</a>" * 50), "xml_deep"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(text, code):
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert caught.value.code == code and "%(" not in caught.value.sentence


def test_limits_stop_the_reader():
    text = feed(kind(), METER, *(block(reading(1 + 48 * n), number=n) for n in range(11)))
    assert len(read(text, limits=espi.Limits(rows=12))[0]) == 11
    for limits, code in (
        (espi.Limits(rows=10), "rows_many"),
        (espi.Limits(entries=12), "rows_many"),
        (espi.Limits(xml_bytes=500), "too_large"),
    ):
        with pytest.raises(Unreadable) as caught:
            read(text, limits=limits)
        assert caught.value.code == code


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_bytes_make_the_reader_fail_otherwise(data):
    content = bytearray(feed(kind(), METER, block(reading(), reading(2, quality=8))).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b"<>/&1a\x00\xff!?-%"))
    try:
        _, bad = read(bytes(content))
    except Unreadable as error:
        assert error.sentence
    else:
        assert all(row.sentence for row in bad)
