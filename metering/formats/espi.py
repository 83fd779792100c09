"""Green Button (ESPI): an Atom feed with a customer's half-hours, for software made for that public standard.

One feed holds the local time (+09:00), one ReadingType (Wh, 1800 s, interval data) and per point a UsagePoint,
per meter a MeterReading, per day an IntervalBlock. Numbers stand in the addresses of the entries:

    …/UsagePoint/0300112233445566778899/MeterReading/m-M123/IntervalBlock/20260401

A missing half-hour is left out; a quality other than "valid" stands in the reading's ReadingQuality. The rules
kept here (elements, their order, types and code lists) are those of the public schema, namespace
http://naesb.org/espi.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import BinaryIO
from urllib.parse import quote, unquote
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

import numpy as np
from lxml import etree

from metering.formats.blocks import BLOCK_ROWS, POINT_LENGTH, DayBlock
from metering.formats.csv import Sink, Written, meter_fault, point_fault, raw_line
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.xml import DEPTH, bounded, broken, let_go, push_parser, utf8_pieces
from metering.halfhours import JST, NULL, SLOTS, Quality

ESPI = "http://naesb.org/espi"
ATOM = "http://www.w3.org/2005/Atom"
ROOT = "/espi/1_1/resource"

QUALITY_OF = {
    Quality.MEASURED: 0,  # valid
    Quality.EDITED: 7,  # manually edited
    Quality.REFERENCE_DAY: 8,  # estimated using reference day
    Quality.INTERPOLATED: 9,  # estimated using linear interpolation
    Quality.PROFILE: 11,  # derived
    Quality.AGREED: 16,  # other
}
"""Our quality as the standard's QualityOfReading; a missing value is not written."""

_READ_AS = {code: quality for quality, code in QUALITY_OF.items()} | {
    **dict.fromkeys((14, 17, 18, 19), Quality.MEASURED),  # raw, validated, verified, revenue-quality
    **dict.fromkeys((12, 15), Quality.PROFILE),  # projected, normalised for weather
}
_HALF_HOUR = 1800
_TEXT = 256
_READINGS = SLOTS * 400
"""No block holds more than a good year of half-hours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: bytes of XML, entries, rows of point, meter and day, rows per block given out."""

    xml_bytes: int = 1 << 30
    entries: int = 200_000
    rows: int = 200_000
    block_rows: int = BLOCK_ROWS


# ---------------------------------------------------------------------------------------------- writing


def write_feed(out: Sink, blocks: Iterable[DayBlock], *, title: str, updated: datetime) -> Written:
    """Write blocks as one Green Button feed in UTF-8; equal input gives equal bytes.

    title    what a person sees of the feed; updated  aware, the moment the values are of
    Streams: one row is in memory at a time, and the numbers of the points and meters met.
    """
    digest = hashlib.sha256()
    size = rows = readings = 0
    moment = updated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    met: set[str] = set()

    def put(text: str) -> None:
        nonlocal size
        data = text.encode()
        digest.update(data)
        size += len(data)
        out.write(data)

    def entry(href: str, up: str, related: Iterable[str], name: str, content: str) -> str:
        links = f'<link rel="self" href="{escape(href)}"/><link rel="up" href="{escape(up)}"/>' + "".join(
            f'<link rel="related" href="{escape(other)}"/>' for other in related
        )
        return (
            f"<entry><id>urn:uuid:{uuid5(NAMESPACE_URL, href)}</id>{links}<title>{escape(name)}</title>"
            f"<content>{content}</content><published>{moment}</published><updated>{moment}</updated></entry>\n"
        )

    put(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<feed xmlns="{ATOM}" xmlns:espi="{ESPI}">'
        f"<id>urn:uuid:{uuid5(NAMESPACE_URL, f'{ROOT}/{title}/{moment}')}</id>"
        f'<title>{escape(title)}</title><updated>{moment}</updated><link rel="self" href="{ROOT}/Batch"/>\n'
    )
    time_href, type_href = f"{ROOT}/LocalTimeParameters/1", f"{ROOT}/ReadingType/1"
    put(entry(time_href, f"{ROOT}/LocalTimeParameters", (), "Japan Standard Time", _LOCAL_TIME))
    put(entry(type_href, f"{ROOT}/ReadingType", (), "Wh per half-hour", _READING_TYPE))
    for block in blocks:
        for point, meter, day, values, codes in zip(
            block.numbers(),
            block.meters,
            block.days.tolist(),
            block.values.tolist(),
            block.quality.tolist(),
            strict=True,
        ):
            point_href = f"{ROOT}/UsagePoint/{point}"
            meter_href = f"{point_href}/MeterReading/m-{quote(meter, safe='')}"
            if point_href not in met:
                met.add(point_href)
                related = (f"{point_href}/MeterReading", time_href)
                put(entry(point_href, f"{ROOT}/UsagePoint", related, point, _USAGE_POINT))
            if meter_href not in met:
                met.add(meter_href)
                related = (f"{meter_href}/IntervalBlock", type_href)
                put(entry(meter_href, f"{point_href}/MeterReading", related, meter or "-", "<espi:MeterReading/>"))
            href = f"{meter_href}/IntervalBlock/{day:%Y%m%d}"
            start = int(datetime(day.year, day.month, day.day, tzinfo=JST).timestamp())
            put(entry(href, f"{meter_href}/IntervalBlock", (), f"{day}", _interval_block(start, values, codes)))
        rows += len(block)
        readings += block.readings()
    put("</feed>\n")
    return Written(rows, readings, size, digest.hexdigest())


_LOCAL_TIME = (
    "<espi:LocalTimeParameters><espi:dstEndRule>00000000</espi:dstEndRule><espi:dstOffset>0</espi:dstOffset>"
    "<espi:dstStartRule>00000000</espi:dstStartRule><espi:tzOffset>32400</espi:tzOffset></espi:LocalTimeParameters>"
)
_READING_TYPE = (
    "<espi:ReadingType><espi:accumulationBehaviour>4</espi:accumulationBehaviour><espi:commodity>1</espi:commodity>"
    "<espi:dataQualifier>12</espi:dataQualifier><espi:defaultQuality>0</espi:defaultQuality>"
    "<espi:flowDirection>1</espi:flowDirection><espi:intervalLength>1800</espi:intervalLength>"
    "<espi:kind>12</espi:kind><espi:powerOfTenMultiplier>0</espi:powerOfTenMultiplier>"
    "<espi:timeAttribute>0</espi:timeAttribute><espi:uom>72</espi:uom></espi:ReadingType>"
)
_USAGE_POINT = (
    "<espi:UsagePoint><espi:ServiceCategory><espi:kind>0</espi:kind></espi:ServiceCategory></espi:UsagePoint>"
)


def _interval_block(start: int, values: list[int], codes: list[int]) -> str:
    out = [
        f"<espi:IntervalBlock><espi:interval><espi:duration>86400</espi:duration><espi:start>{start}</espi:start>"
        "</espi:interval>"
    ]
    for slot, (value, code) in enumerate(zip(values, codes, strict=True)):
        if value == NULL:
            continue
        word = "" if code == Quality.MEASURED else _QUALITY_TEXT[code]
        out.append(
            f"<espi:IntervalReading>{word}<espi:timePeriod><espi:duration>1800</espi:duration>"
            f"<espi:start>{start + slot * _HALF_HOUR}</espi:start></espi:timePeriod>"
            f"<espi:value>{value}</espi:value></espi:IntervalReading>"
        )
    out.append("</espi:IntervalBlock>")
    return "".join(out)


_QUALITY_TEXT = {
    int(quality): f"<espi:ReadingQuality><espi:quality>{code}</espi:quality></espi:ReadingQuality>"
    for quality, code in QUALITY_OF.items()
}


# ---------------------------------------------------------------------------------------------- reading


def read_feed(stream: BinaryIO, *, limits: Limits = Limits()) -> Iterator[DayBlock | BadRow]:
    """Read a Green Button feed of half-hours: blocks of good rows in order of first appearance, refused rows last.

    Entries are tied together by their links, in whatever order they come; a block of any length is cut into
    JST days, half-hours nobody mentions are missing. Values of any power of ten are taken when they are whole
    Wh. One fault of a half-hour refuses its row (point, meter, day) and nothing else; the same half-hour twice
    is refused as V02 when it differs. `lines` are the ordinals of the entries. Quality codes are read as
    `QUALITY_OF` writes them, and validated, verified, raw and revenue-quality as measured.
    Raises Unreadable (xml_*, encoding_*, empty, too_large, espi_feed, espi_entry, espi_unit, espi_commodity).
    """
    target = _Target(limits)
    parser = push_parser(target)
    try:
        for piece in utf8_pieces(bounded(stream, limits.xml_bytes)):
            parser.feed(piece)
        parser.close()
        if not target.ordinal:
            raise Unreadable("espi_feed", value="feed")
        yield from _Rows(target, limits).items()
    except etree.XMLSyntaxError as error:
        raise broken(error) from None
    finally:
        let_go(target)


@dataclass(slots=True)
class _Entry:
    """What an entry says: its own address, what it is related to, and its content item by item."""

    number: int
    self_: str = ""
    related: tuple[str, ...] = ()
    kind: str = ""
    items: dict[str, str] | None = None
    readings: list[tuple[str, str, str, str]] | None = None


class _Target:
    """What lxml calls while it parses: keeps the entries as plain texts."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.path: list[str] = []
        self.text: list[str] = []
        self.room = 0
        self.ordinal = 0
        self.entry: _Entry | None = None
        self.reading: dict[str, str] = {}
        self.types: dict[str, dict[str, str]] = {}
        self.type_of: dict[str, tuple[str, ...]] = {}
        self.blocks: list[_Entry] = []
        self.readings = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Unreadable("xml_doctype")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition("}")
        if not self.path and (name != "feed" or space[1:] not in ("", ATOM)):
            raise Unreadable("espi_feed", value=shown(name))
        self.path.append(name)
        if len(self.path) > DEPTH:
            raise Unreadable("xml_deep", limit=DEPTH)
        self.text, self.room = [], _TEXT
        if self.path == ["feed", "entry"]:
            self.ordinal += 1
            if self.ordinal > self.limits.entries:
                raise Unreadable("rows_many", limit=self.limits.entries)
            self.entry = _Entry(self.ordinal)
        elif self.entry is not None:
            if name == "link" and len(self.path) == 3:
                href = attributes.get("href", "")[:1024]
                if attributes.get("rel") == "self":
                    self.entry.self_ = href
                elif attributes.get("rel") == "related" and len(self.entry.related) < 16:
                    self.entry.related += (href,)
            elif len(self.path) == 4 and self.path[2] == "content":
                self.entry.kind, self.entry.items, self.entry.readings = name, {}, []
            elif len(self.path) == 5 and name == "IntervalReading":
                self.reading = {}

    def data(self, text: str) -> None:
        if self.room > 0:
            self.text.append(text[: self.room])
            self.room -= len(text)

    def end(self, tag: str) -> None:
        name = self.path.pop()
        text, self.text, self.room = "".join(self.text).strip(), [], 0
        entry = self.entry
        if entry is None:
            return
        depth = len(self.path)
        if depth >= 5 and self.path[4] == "IntervalReading":
            if len(self.reading) < 16:
                self.reading["/".join([*self.path[5:], name])] = text
        elif depth == 4 and name == "IntervalReading" and entry.readings is not None:
            if len(entry.readings) >= _READINGS or self.readings >= self.limits.rows * SLOTS:
                raise Unreadable("rows_many", limit=self.limits.rows)
            self.readings += 1
            get = self.reading.get
            quality = get("ReadingQuality/quality", "")
            entry.readings.append(
                (get("timePeriod/start", ""), get("timePeriod/duration", ""), get("value", ""), quality)
            )
        elif depth >= 4 and entry.items is not None and len(entry.items) < 64:
            entry.items["/".join([*self.path[4:], name])] = text
        elif depth == 1:
            self._file(entry)
            self.entry = None

    def close(self) -> None:
        """The parser asks for it, also after an error; what is missing is said by `read_feed`."""

    def _file(self, entry: _Entry) -> None:
        if entry.kind == "ReadingType":
            self.types[entry.self_] = entry.items or {}
        elif entry.kind == "MeterReading":
            self.type_of[entry.self_] = entry.related
        elif entry.kind == "IntervalBlock":
            self.blocks.append(entry)


class _Bad(Exception):
    def __init__(self, code: str, **params: object) -> None:
        self.code, self.params = code, params


class _Rows:
    """Day rows put together from the blocks of a feed."""

    def __init__(self, target: _Target, limits: Limits) -> None:
        self.target, self.limits = target, limits
        self.index: dict[tuple[str, str, int], int] = {}
        self.lines: list[int] = []
        self.values: list[list[int]] = []
        self.quality: list[list[int]] = []
        self.bad: dict[int, BadRow] = {}
        self.texts: dict[int, dict[int, str]] = {}

    def items(self) -> Iterator[DayBlock | BadRow]:
        refused: list[BadRow] = []
        for entry in self.target.blocks:
            bad = self._block(entry)
            if bad is not None:
                refused.append(bad)
        keys = list(self.index)
        good = [row for row in range(len(keys)) if row not in self.bad]
        for at in range(0, len(good), self.limits.block_rows):
            rows = good[at : at + self.limits.block_rows]
            yield DayBlock(
                np.array([keys[row][0] for row in rows], f"S{POINT_LENGTH}"),
                [keys[row][1] for row in rows],
                np.array([keys[row][2] for row in rows], np.int64).astype("datetime64[D]"),
                np.array([self.values[row] for row in rows], np.int32),
                np.array([self.quality[row] for row in rows], np.uint8),
                np.array([self.lines[row] for row in rows], np.int64),
            )
        yield from refused
        for row in sorted(self.bad):
            point, meter, day = keys[row]
            written = str(np.datetime64(day, "D"))
            raw = raw_line(point, meter, written, self.values[row], self.texts.get(row, {}))
            yield replace(self.bad[row], raw=raw)

    def _block(self, entry: _Entry) -> BadRow | None:
        parts = entry.self_.rstrip("/").split("/")
        names = dict(pairwise(parts))
        point = names.get("UsagePoint", "")
        meter = unquote(names.get("MeterReading", "")).removeprefix("m-")
        for check, column in ((point_fault(point), "supply_point"), (meter_fault(meter), "meter")):
            if check is not None:
                return BadRow(entry.number, check[0], column, check[1], shown(entry.self_))
        power = self._power(entry)
        start = _int((entry.items or {}).get("interval/start", ""))
        if start is None:
            raise Unreadable("espi_entry", entry=entry.number, detail="interval/start")
        first = _day_number(start)
        self._row(point, meter, first, entry.number)  # a block without readings is a day without values
        for reading in entry.readings or ():
            began = _int(reading[0])
            day = first if began is None else _day_number(began)
            row = self._row(point, meter, day, entry.number)
            try:
                self._enter(row, began, reading, power)
            except _Bad as bad:
                code = "V02" if bad.code == "duplicate_differs" else ""
                if began is not None and bad.code == "espi_value":
                    self.texts.setdefault(row, {})[(began + 32_400) % 86_400 // _HALF_HOUR + 1] = shown(reading[2])
                self.bad.setdefault(row, BadRow(entry.number, bad.code, "", bad.params, "", code))
        return None

    def _power(self, entry: _Entry) -> int:
        """The power of ten of a block's values, by its MeterReading's ReadingType; the unit must be Wh."""
        meter_href = entry.self_.rpartition("/IntervalBlock")[0]
        related = [href for href in self.target.type_of.get(meter_href, ()) if href in self.target.types]
        if not related and len(self.target.types) == 1:
            related = list(self.target.types)
        if not related:
            raise Unreadable("espi_entry", entry=entry.number, detail="ReadingType")
        kind = self.target.types[related[0]]
        if kind.get("uom", "72") != "72":
            raise Unreadable("espi_unit", value=shown(kind["uom"]))
        if kind.get("commodity", "1") != "1":
            raise Unreadable("espi_commodity", value=shown(kind["commodity"]))
        power = _int(kind.get("powerOfTenMultiplier", "0"))
        if power is None or not -12 <= power <= 9:
            raise Unreadable("espi_entry", entry=entry.number, detail="powerOfTenMultiplier")
        return power

    def _row(self, point: str, meter: str, day: int, line: int) -> int:
        row = self.index.setdefault((point, meter, day), len(self.values))
        if row == len(self.values):
            if row >= self.limits.rows:
                raise Unreadable("rows_many", limit=self.limits.rows)
            self.values.append([NULL] * SLOTS)
            self.quality.append([int(Quality.MISSING)] * SLOTS)
            self.lines.append(line)
        return row

    def _enter(self, row: int, began: int | None, reading: tuple[str, str, str, str], power: int) -> None:
        text, duration, amount, word = reading
        if began is None or began % _HALF_HOUR:
            raise _Bad("espi_start", value=shown(text))
        if duration not in ("", str(_HALF_HOUR)):
            raise _Bad("espi_interval", value=shown(duration))
        at = (began + 32_400) % 86_400 // _HALF_HOUR
        label = f"{at + 1:02}"
        value = _int(amount)
        if value is not None:
            value, rest = divmod(value * 10 ** max(power, 0), 10 ** max(-power, 0))
            if rest or not NULL < value < -NULL:
                value = None
        if value is None:
            raise _Bad("espi_value", slot=label, value=shown(amount), power=power)
        number = _int(word or "0")
        quality = None if number is None else _READ_AS.get(number)
        if quality is None:
            raise _Bad("espi_quality", slot=label, value=shown(word))
        values, codes = self.values[row], self.quality[row]
        if values[at] != NULL and (values[at], codes[at]) != (value, quality):
            raise _Bad("duplicate_differs", slot=label, first=f"{values[at]} Wh", second=f"{value} Wh")
        values[at], codes[at] = value, int(quality)


def _int(text: str) -> int | None:
    """A whole number of at most 48 bits, as the schema has them."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None


def _day_number(instant: int) -> int:
    """Days since 1970-01-01 of an instant's JST day; kept within the years a date can have."""
    return max(min((instant + 32_400) // 86_400, 2_932_896), -719_162)
