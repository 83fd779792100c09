"""Months, meter exchanges and off-cycle readings of the Business Protocol (BP 1210-1420, family W5): XML in a zip.

Days and half-hours nest the other way round than in a day file (point, then day, then slot), so a file is read
point by point and memory does not grow with it. What the public notes say nothing about is kept and written
again as it stood: unknown items of a point always, a whole off-cycle point (1410/1420) always.

A meter exchange (1310/1320) is read as the months are: meter numbers are part of a row's key, so the removed
and the installed meter of a point are two rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from typing import BinaryIO
from xml.sax.saxutils import escape

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from metering.formats.csv import Sink, Written, meter_fault, point_fault
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import BadNumber, kwh_text, parse_kwh
from metering.formats.names import FileName
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import DEPTH, PROLOG, bounded, broken, leaves, moment, push_parser, utf8_pieces
from metering.formats.zips import open_single, write_single
from metering.halfhours import JST, NULL, SLOTS

FIXED = ("1210", "1220")
EXCHANGE = ("1310", "1320")
OFF_CYCLE = ("1410", "1420")
CODES = FIXED + EXCHANGE + OFF_CYCLE

LARGEST_MONTH = 10**15
"""No point uses more Wh in a month; the sum of all of Japan is a tenth of it."""

Item = tuple[str, "str | tuple[Item, ...]"]
"""An element kept as it stood: its tag, and its text or its elements."""

_TEXT = 4096
_ITEM_TEXT = 256
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS_KEPT = 500
_HEADER = {
    *("JPC03", "JPC06", "JPC09", "JPC10", "JPC11", "JPC12", "JPC14", "JPC19", "JPC21"),
    *("JP00002", "JP06110", "JP06111", "JP06112", "JP06113", "JP06116", "JP06401"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: bytes of XML, and items (elements) of one point."""

    xml_bytes: int = 4 << 30
    items: int = 50_000


@dataclass(slots=True)
class MonthMessage:
    """What a message of family W5 says about itself, before its points; texts as they stand ("" when absent).

    month           first day of the month a fixed amount is for (JP06401); None when the message names none
    reading_day     JP06116, None when absent; the file name carries it in any case
    created         aware in JST, None when absent or unreadable
    others          header and body items that stand in no field here, unknown tags included
    unknown_rows    tags inside days and slots that stand in no table, tag → how often; complete at the end
    """

    code: str
    month: date | None = None
    reading_day: date | None = None
    sender: str = ""
    receiver: str = ""
    sender_name: str = ""
    receiver_name: str = ""
    created: datetime | None = None
    test: bool = False
    version: str = NEWEST
    body_id: str = ""
    syntax: str = ""
    others: dict[str, str] = field(default_factory=dict)
    unknown_rows: dict[str, int] = field(default_factory=dict)

    @property
    def is_low_voltage(self) -> bool:
        """Whether the message carries low-voltage points."""
        return self.code[2:] == "20"


@dataclass(slots=True, eq=False)
class PointMonth:
    """One point and meter of a message: amounts of the month and its half-hours (domain notes, metering §2).

    days            datetime64[D] [m], ascending as in the file
    whole, sorted_  int32 [m, 48] in Wh, NULL where there is no value (JP06424; after sorting JP06425)
    month_wh, month_sorted_wh
                    the month's amounts in Wh (JP06426, JP06427), None when absent
    provided        False: the rest may be missing and is not read (JP06405)
    share           "1" whole supply, "2" part supply, "" when absent (JP06404)
    max_demand_w    maximum demand in W (JP06445); power_factor in per cent (JP06406)
    others          items of the point that stand in no field, as they stood
    whole_point     off-cycle messages only: every item of the point as it stood; this is what is written again
    line            ordinal of the point in the file, from 1
    """

    point: str
    meter: str = ""
    days: NDArray[np.datetime64] = field(default_factory=lambda: np.zeros(0, "datetime64[D]"))
    whole: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, SLOTS), np.int32))
    sorted_: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, SLOTS), np.int32))
    month_wh: int | None = None
    month_sorted_wh: int | None = None
    provided: bool = True
    share: str = ""
    customer_id: str = ""
    customer_name: str = ""
    place: str = ""
    voltage: str = ""
    power_factor: int | None = None
    max_demand_w: int | None = None
    next_reading: date | None = None
    others: tuple[Item, ...] = ()
    whole_point: tuple[Item, ...] = ()
    line: int = 0

    def readings(self) -> int:
        """How many slots hold a whole value."""
        return int(np.count_nonzero(self.whole != NULL))


@dataclass(slots=True)
class MonthDelivery:
    """A message and, lazily, its points: good ones and refused ones in the order of the file."""

    message: MonthMessage
    items: Iterator[PointMonth | BadRow]


# ---------------------------------------------------------------------------------------------- reading


def read_zip(stream: BinaryIO, *, limits: Limits = Limits()) -> MonthDelivery:
    """Read a zip with one BP 1210, 1220, 1310, 1320, 1410 or 1420 message; `stream` is seekable binary.

    Points come while the file is read: what only shows at its end (a wrong checksum, XML that breaks off) is
    raised after the last point, so use nothing before the end has been reached. Raises Unreadable (see
    zips.open_single and read_xml), also midway.
    """
    return _read(open_single(stream, max_bytes=limits.xml_bytes), limits)


def read_xml(stream: BinaryIO, *, limits: Limits = Limits()) -> MonthDelivery:
    """Read one message of family W5 as bare XML in UTF-8, Shift_JIS or EUC-JP, point by point.

    A slot that is not listed or has no text is NULL. One fault refuses the point and nothing else: a BadRow
    whose `raw` is the point's XML. A slot listed twice is accepted when equal and refused as V02 when it
    differs; a day listed twice is refused. Raises Unreadable (xml_*, encoding_*, empty, too_large).
    """
    return _read(bounded(stream, limits.xml_bytes), limits)


def _read(pieces: Iterator[bytes], limits: Limits) -> MonthDelivery:
    target = _Target(TAGS[NEWEST], limits)
    items = _items(target, utf8_pieces(pieces))
    first: list[PointMonth | BadRow] = []
    for item in items:  # the message is complete when its first point is
        first.append(item)
        break
    message = target.message

    def all_items() -> Iterator[PointMonth | BadRow]:
        yield from first
        yield from items

    assert message is not None  # the end of the document settles it, or raises
    return MonthDelivery(message, all_items())


def _items(target: _Target, pieces: Iterator[bytes]) -> Iterator[PointMonth | BadRow]:
    parser = push_parser(target)
    try:
        for fed in _fed(target, pieces):
            parser.feed(fed)
            yield from target.finished()
        parser.close()
        target.settle()
        yield from target.finished()
    except etree.XMLSyntaxError as error:
        raise broken(error) from None


@dataclass(slots=True)
class _Run:
    """The slots of one day cut out of bytes; `raw` as they stood."""

    raw: bytes
    whole: list[int]
    sorted_: list[int] | None

    def items(self) -> list[Item]:
        """The slots as they stood, where nobody can say what they mean."""
        return [
            (str(row.tag), tuple((str(leaf.tag), leaf.text or "") for leaf in row))
            for row in etree.fromstring(b"<x>" + self.raw + b"</x>")
        ]


class _Memo(dict[bytes, int]):
    """Wh of a kWh text; most texts of a file come again and again."""

    def __missing__(self, text: bytes) -> int:
        value = parse_kwh(text.decode()) if text else NULL
        if len(self) < 1 << 16:
            self[text] = value
        return value


_LISTED = tuple(f"{slot:02}".encode() for slot in range(1, SLOTS + 1))


class _Runs:
    """Reads lists of slots that look exactly as writers of the trade make them, without a parser."""

    def __init__(self, table: TagTable) -> None:
        row, slot, whole, sorted_ = (
            t.encode() for t in (table.month_slot, table.slot, table.kwh_whole, table.kwh_sorted)
        )
        self.opening, self.closing = (f"<{m}{table.month_slot_list}>".encode() for m in ("", "/"))
        self.sorted_tag = b"<" + sorted_ + b">"
        number = rb"([-.0-9]{0,15})"
        front = rb"<%b><%b>(\d\d)</%b><%b>%b</%b>" % (row, slot, slot, whole, number, whole)
        more = rb"<%b>%b</%b>" % (sorted_, number, sorted_)
        end = rb"</%b>" % row
        self.plain, self.both = re.compile(front + end), re.compile(front + more + end)
        self.fixed_plain = len(front + end) - len(number) - len(rb"(\d\d)")
        self.fixed_both = self.fixed_plain + len(more) - len(number)
        self.memo = _Memo()

    def read(self, run: bytes) -> _Run | None:
        """The run of one day; None when any byte of it is not as expected."""
        both = self.sorted_tag in run
        rows = (self.both if both else self.plain).findall(run)
        if not rows:
            return None
        columns = tuple(zip(*rows, strict=True))
        fixed = self.fixed_both if both else self.fixed_plain
        if fixed * len(rows) + sum(len(b"".join(column)) for column in columns) != len(run):
            return None
        try:
            whole = list(map(self.memo.__getitem__, columns[1]))
            sorted_ = list(map(self.memo.__getitem__, columns[2])) if both else None
        except BadNumber:
            return None
        if columns[0] != _LISTED:
            slots = [int(slot) for slot in columns[0]]
            if len(set(slots)) < len(slots) or min(slots) < 1 or max(slots) > SLOTS:
                return None
            whole = _spread(slots, whole)
            sorted_ = None if sorted_ is None else _spread(slots, sorted_)
        return _Run(run, whole, sorted_)


def _spread(slots: list[int], values: list[int]) -> list[int]:
    day = [NULL] * SLOTS
    for slot, value in zip(slots, values, strict=True):
        day[slot - 1] = value
    return day


def _fed(target: _Target, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What the parser is given: the document, with markers where lists of slots have been read already."""
    runs, hold, fast = _Runs(target.table), b"", True
    for piece in pieces:
        buffer = hold + piece
        hold = b""
        # inside a comment, a CDATA section or an instruction a list is no list
        fast = fast and not (b"<!" in buffer or b"<?" in buffer)
        if not fast or target.off_cycle:
            yield buffer
            continue
        out, at = [], 0
        while True:
            start = buffer.find(runs.opening, at)
            if start < 0:
                cut = max(at, len(buffer) - 16)
                out.append(buffer[at:cut])
                hold = buffer[cut:]
                break
            finish = buffer.find(runs.closing, start)
            if finish < 0:
                out.append(buffer[at:start])
                hold = buffer[start:]
                if len(hold) > PROLOG:  # no day is that long: let the parser look at it
                    fast = False
                    out.append(hold)
                    hold = b""
                break
            start += len(runs.opening)
            run = runs.read(buffer[start:finish])
            out.append(buffer[at:start])
            out.append(buffer[start:finish] if run is None else target.stand_in(run))
            at = finish
        yield b"".join(out)
    yield hold


@dataclass(slots=True)
class _Node:
    """An element of a point while it is being parsed."""

    tag: str
    children: list[_Node | _Run]
    text: list[str]

    def value(self) -> str:
        return "".join(self.text).strip()

    def item(self) -> Item:
        if not self.children:
            return self.tag, self.value()
        items: list[Item] = []
        for child in self.children:
            items += [child.item()] if isinstance(child, _Node) else child.items()
        return self.tag, tuple(items)


class _Fault(Exception):
    def __init__(self, code: str, field: str = "", check: str = "", **params: object) -> None:
        self.code, self.field, self.check, self.params = code, field, check, params
        super().__init__(code)


class _Target:
    """What lxml calls while it parses: keeps the point in hand and nothing else."""

    def __init__(self, table: TagTable, limits: Limits) -> None:
        self.table, self.limits = table, limits
        self.top = [table.root, table.group, table.body_block, "JPM00010", table.slot_row]
        # Instructions of the document itself switch these off, so the numbers are ours alone.
        self.runs: dict[int, _Run] = {}
        self.stood_in = 0
        self.path: list[str] = []
        self.text: list[str] = []
        self.room = 0
        self.header: dict[str, str] = {}
        self.body: dict[str, str] = {}
        self.nodes: list[_Node] = []
        self.count = 0.0
        self.ordinal = 0
        self.done: list[PointMonth | BadRow] = []
        self.message: MonthMessage | None = None
        self.unknown: dict[str, int] = {}

    @property
    def off_cycle(self) -> bool:
        return self.message is not None and self.message.code in OFF_CYCLE

    def stand_in(self, run: _Run) -> bytes:
        """The instruction that tells the parser where a list of slots stood."""
        self.stood_in += 1
        self.runs[self.stood_in] = run
        return f"<?run {self.stood_in}?>".encode()

    def finished(self) -> list[PointMonth | BadRow]:
        """The points completed since the last call."""
        done, self.done = self.done, []
        return done

    # What the parser calls

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Unreadable("xml_doctype")

    def pi(self, target: str, data: str | None = None) -> None:
        if target == "run" and data and data.isdigit():
            run = self.runs.pop(int(data), None)
            if run is not None and self.nodes:
                self.nodes[-1].children.append(run)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        path = self.path
        if not path and name != self.table.root:
            raise Unreadable("xml_root", value=shown(name))
        path.append(name)
        if len(path) > DEPTH:
            raise Unreadable("xml_deep", limit=DEPTH)
        if self.nodes or path == self.top:
            if not self.nodes:
                self.settle()
                self.count = 0.0
            self._weigh(1)
            node = _Node(name, [], [])
            if self.nodes:
                self.nodes[-1].children.append(node)
            self.nodes.append(node)
        else:
            self.text, self.room = [], _TEXT

    def data(self, text: str) -> None:
        if self.nodes:
            self.nodes[-1].text.append(text)
            self._weigh(len(text) / _ITEM_TEXT)
        elif self.room > 0:
            self.text.append(text[: self.room])
            self.room -= len(text)

    def end(self, tag: str) -> None:
        name = self.path.pop()
        if self.nodes:
            node = self.nodes.pop()
            if not self.nodes:
                self._point(node)
            return
        parent = self.path[-1] if self.path else ""
        if parent == self.table.header_block and len(self.header) < _TAGS_KEPT:
            self.header.setdefault(name, "".join(self.text).strip())
        elif parent == self.table.body_block and len(self.body) < _TAGS_KEPT and not name.startswith("JPM"):
            self.body.setdefault(name, "".join(self.text).strip())
        self.room = 0

    def close(self) -> None:
        """The parser asks for it, also after an error; `settle` says what is missing."""

    def _weigh(self, items: float) -> None:
        self.count += items
        if self.count > self.limits.items:
            raise Unreadable("xml_row_large", limit=self.limits.items)

    # What it means

    def settle(self) -> None:
        """The message as far as it is known before its first point, which is all of it."""
        if self.message is not None:
            return
        header, body = self.header, self.body
        said, told = header.get("JPC14", ""), body.get("JP00002", "")
        if said and told and said != told:
            raise Unreadable("xml_code_differs", header=shown(said), body=shown(told))
        code = said or told
        if not code:
            raise Unreadable("xml_code_missing")
        if code not in CODES:
            raise Unreadable("xml_code_unknown", value=shown(code), known=", ".join(CODES))
        month_text, day_text = body.get(self.table.month, ""), body.get(self.table.reading_day, "")
        month = _day(month_text + "01") if re.fullmatch(r"\d{6}", month_text, re.ASCII) else None
        if month is None and (month_text or code in FIXED):
            raise Unreadable("xml_month", value=shown(month_text))
        day = _day(day_text)
        if day is None and day_text:
            raise Unreadable("xml_date", value=shown(day_text))
        self.message = MonthMessage(
            code=code,
            month=month,
            reading_day=day,
            sender=body.get("JP06110", "") or header.get("JPC06", ""),
            receiver=body.get("JP06112", "") or header.get("JPC09", ""),
            sender_name=body.get("JP06111", ""),
            receiver_name=body.get("JP06113", ""),
            created=moment(header.get("JPC19", "")),
            test=header.get("JPC03", "") == "1",
            version=header.get("JPC12", ""),
            body_id=header.get("JPC10", ""),
            syntax=header.get("JPC21", ""),
            others={tag: text for tag, text in (header | body).items() if tag not in _HEADER},
            unknown_rows=self.unknown,
        )

    def _point(self, node: _Node) -> None:
        self.ordinal += 1
        try:
            self.done.append(self._record(node))
        except _Fault as fault:
            raw = _xml(node)
            self.done.append(BadRow(self.ordinal, fault.code, fault.field, fault.params, raw, fault.check))

    def _record(self, node: _Node) -> PointMonth:
        table = self.table
        leaf: dict[str, str] = {}
        lists: list[_Node] = []
        others: list[Item] = []
        for child in node.children:
            assert isinstance(child, _Node)  # markers stand in lists of slots only, others are dropped there
            if child.tag == table.month_day_list:
                lists.append(child)
            elif child.tag in _POINT_TAGS and not child.children:
                if child.tag in leaf:
                    raise _Fault("item_twice", tag=child.tag, meaning=table.row[child.tag].meaning)
                leaf[child.tag] = child.value()
            else:
                others.append(child.item())
        point, meter = leaf.get(table.point, ""), leaf.get(table.meter, "")
        for check, column in ((point_fault(point), "supply_point"), (meter_fault(meter), "meter")):
            if check is not None:
                raise _Fault(check[0], column, "", **check[1])
        next_text = leaf.get("JP06446", "")
        next_reading = _day(next_text)
        if next_text and next_reading is None:
            raise self._form("JP06446", next_text, "YYYYMMDD")
        factor = leaf.get("JP06406", "")
        if factor and not re.fullmatch(r"\d{1,3}", factor, re.ASCII):
            raise self._form("JP06406", factor, "0-100")
        record = PointMonth(
            point=point,
            meter=meter,
            month_wh=self._amount(leaf, "JP06426"),
            month_sorted_wh=self._amount(leaf, "JP06427"),
            provided=leaf.get(table.provided, "") in ("", "0"),
            share=leaf.get("JP06404", ""),
            customer_id=leaf.get("JP06119", ""),
            customer_name=leaf.get("JP06120", ""),
            place=leaf.get("JP06402", ""),
            voltage=leaf.get("JP06403", ""),
            power_factor=int(factor) if factor else None,
            max_demand_w=self._amount(leaf, "JP06445"),
            next_reading=next_reading,
            others=() if self.off_cycle else tuple(others),
            whole_point=tuple(child.item() for child in node.children if isinstance(child, _Node))
            if self.off_cycle
            else (),
            line=self.ordinal,
        )
        if record.provided:
            self._days(record, [row for days in lists for row in days.children if isinstance(row, _Node)])
        return record

    def _form(self, tag: str, value: str, expected: str) -> _Fault:
        meaning = self.table.row[tag].meaning
        return _Fault("item_form", tag=tag, meaning=meaning, value=shown(value), expected=expected)

    def _amount(self, leaf: dict[str, str], tag: str) -> int | None:
        text = leaf.get(tag, "")
        if not text:
            return None
        try:
            return parse_kwh(text, largest=LARGEST_MONTH)
        except BadNumber:
            raise self._form(tag, text, "1234.567") from None

    def _days(self, record: PointMonth, rows: list[_Node]) -> None:
        table = self.table
        days: dict[date, tuple[list[int], list[int] | None]] = {}
        for row in rows:
            text, slots = "", []
            for child in row.children:
                if isinstance(child, _Run):
                    continue
                if child.tag == table.date:
                    text = child.value()
                elif child.tag == table.month_slot_list:
                    slots += child.children
                else:
                    self._count(child.tag)
            if not text:
                raise _Fault("day_missing", "date")
            day = _day(text)
            if day is None:
                raise _Fault(
                    "date_form" if not re.fullmatch(r"\d{8}", text, re.ASCII) else "date_unknown",
                    "date",
                    value=shown(text),
                )
            if day in days:
                raise _Fault("day_twice", "date", "V02", day=day.isoformat())
            if len(slots) == 1 and isinstance(slots[0], _Run):
                days[day] = slots[0].whole, slots[0].sorted_
            else:
                days[day] = self._slots(day, slots)
        record.days = np.array(list(days), "datetime64[D]").reshape(len(days))
        empty = [NULL] * SLOTS
        record.whole = np.array([whole for whole, _ in days.values()], np.int32).reshape(len(days), SLOTS)
        record.sorted_ = np.array([later or empty for _, later in days.values()], np.int32).reshape(len(days), SLOTS)

    def _slots(self, day: date, slots: list[_Node | _Run]) -> tuple[list[int], list[int]]:
        table = self.table
        found: tuple[list[int], list[int]] = ([NULL] * SLOTS, [NULL] * SLOTS)
        seen = [False] * SLOTS
        for row in slots:
            if isinstance(row, _Run):  # a second list of a day that was read without the parser
                raise _Fault("day_twice", "date", "V02", day=day.isoformat())
            leaf: dict[str, str] = {}
            for child in row.children:
                if isinstance(child, _Node) and child.tag in (table.slot, table.kwh_whole, table.kwh_sorted):
                    leaf[child.tag] = child.value()
                elif isinstance(child, _Node):
                    self._count(child.tag)
            text = leaf.get(table.slot, "")
            if not re.fullmatch(r"\d{1,2}", text, re.ASCII) or not 1 <= int(text) <= SLOTS:
                raise _Fault("slot_unknown", slot=shown(text))
            at = int(text) - 1
            for values, tag in zip(found, (table.kwh_whole, table.kwh_sorted), strict=True):
                try:
                    value = parse_kwh(leaf[tag]) if leaf.get(tag) else NULL
                except BadNumber as error:
                    raise _Fault(error.code, f"hh{at + 1:02}", slot=f"{at + 1:02}", value=shown(leaf[tag])) from None
                if seen[at] and values[at] != value:
                    first, second = (kwh_text(v) if v != NULL else "–" for v in (values[at], value))
                    raise _Fault(
                        "slot_twice",
                        f"hh{at + 1:02}",
                        "V02",
                        slot=f"{at + 1:02}",
                        day=day.isoformat(),
                        first=first,
                        second=second,
                    )
                values[at] = value
            seen[at] = True
        return found

    def _count(self, tag: str) -> None:
        if tag in self.unknown or len(self.unknown) < _TAGS_KEPT:
            self.unknown[tag] = self.unknown.get(tag, 0) + 1


_POINT_TAGS = {
    *("JP06400", "JP06119", "JP06120", "JP06121", "JP06402", "JP06403", "JP06404", "JP06405", "JP06406"),
    *("JP06426", "JP06427", "JP06445", "JP06446"),
}


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{8}", text, re.ASCII):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _xml(node: _Node) -> str:
    """A point as XML again, for whoever corrects it."""
    inner = "".join(
        child.raw.decode(errors="replace") if isinstance(child, _Run) else _xml(child) for child in node.children
    )
    return f"<{node.tag}>{inner or escape(node.value())}</{node.tag}>"


# ---------------------------------------------------------------------------------------------- writing


def write_zip(
    out: Sink, name: FileName, message: MonthMessage, points: Iterable[PointMonth], *, level: int = 1
) -> Written:
    """Write one split of a message of family W5 as a zip; `rows` of the report are points.

    name, message   of one code; `message.month` is needed for fixed amounts
    points          written as they come, one in memory at a time; see `splits` for larger deliveries
    Values are written with three decimals, slots without one carry an empty element; `sorted_` is left out of
    a point that has none. Equal input gives equal bytes. ValueError for a code that differs, a month that is
    missing, a point that is not provided and has days, or texts that cannot stand in a message.
    """
    if message.code not in CODES or name.code != message.code:
        raise ValueError(f"file {name} and a message {message.code} do not belong together")
    if message.code in FIXED and message.month is None:
        raise ValueError("a message with fixed amounts names its month")
    table = TAGS[NEWEST]
    rows = readings = 0

    def pieces() -> Iterator[bytes]:
        nonlocal rows, readings
        yield _top(message, table)
        for point in points:
            rows += 1
            readings += point.readings()
            yield _point_xml(point, table, whole=message.code in OFF_CYCLE).encode()
        yield f"</JPM00010></{table.body_block}></{table.group}></{table.root}>\n".encode()

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(rows, readings, size, digest)


def splits(points: Iterable[PointMonth], each: int) -> Iterator[list[PointMonth]]:
    """The points in lists of at most `each`: one file split per list."""
    held: list[PointMonth] = []
    for point in points:
        held.append(point)
        if len(held) == each:
            yield held
            held = []
    if held:
        yield held


def to_xml(message: MonthMessage, points: Iterable[PointMonth]) -> bytes:
    """The bare XML of a message; for files that are looked at, and for tests."""
    out = BytesIO()
    table = TAGS[NEWEST]
    out.write(_top(message, table))
    for point in points:
        out.write(_point_xml(point, table, whole=message.code in OFF_CYCLE).encode())
    out.write(f"</JPM00010></{table.body_block}></{table.group}></{table.root}>\n".encode())
    return out.getvalue()


def point_xml(point: PointMonth) -> str:
    """A point as it stands in a message, for whoever corrects it."""
    return _point_xml(point, TAGS[NEWEST], whole=bool(point.whole_point))


def _top(message: MonthMessage, table: TagTable) -> bytes:
    header = [
        ("JPC03", "1" if message.test else "0"),
        ("JPC06", message.sender),
        ("JPC09", message.receiver),
        ("JPC10", message.body_id),
        ("JPC11", "W5"),
        ("JPC12", table.version),
        ("JPC14", message.code),
        ("JPC19", f"{message.created.astimezone(JST):%Y%m%d%H%M%S}" if message.created else ""),
        ("JPC21", message.syntax),
        *((tag, text) for tag, text in message.others.items() if tag.startswith("JPC")),
    ]
    body = [
        ("JP00002", message.code),
        ("JP06110", message.sender),
        ("JP06111", message.sender_name),
        ("JP06112", message.receiver),
        ("JP06113", message.receiver_name),
        *((tag, text) for tag, text in message.others.items() if not tag.startswith("JPC")),
        (table.reading_day, f"{message.reading_day:%Y%m%d}" if message.reading_day else ""),
        (table.month, f"{message.month:%Y%m}" if message.month else ""),
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{table.root}><{table.group}>"
        f"<{table.header_block}>{leaves(header)}</{table.header_block}><{table.body_block}>{leaves(body)}<JPM00010>"
    ).encode()


def _element(item: Item) -> str:
    tag, content = item
    inner = escape(content) if isinstance(content, str) else "".join(map(_element, content))
    return f"<{tag}>{inner}</{tag}>"


def _point_xml(point: PointMonth, table: TagTable, *, whole: bool) -> str:
    if whole and point.whole_point:
        return f"<{table.slot_row}>{''.join(map(_element, point.whole_point))}</{table.slot_row}>"
    for fault in (point_fault(point.point), meter_fault(point.meter)):
        if fault:
            raise ValueError(f"point {point.point!r} with meter {point.meter!r} cannot stand in a message")
    if not point.provided and len(point.days):
        raise ValueError(f"point {point.point} is marked as not provided and has days")
    items = [
        (table.point, point.point),
        ("JP06119", point.customer_id),
        ("JP06120", point.customer_name),
        (table.meter, point.meter),
        ("JP06402", point.place),
        ("JP06403", point.voltage),
        ("JP06404", point.share),
        (table.provided, "0" if point.provided else "1"),
        ("JP06406", "" if point.power_factor is None else str(point.power_factor)),
        ("JP06426", "" if point.month_wh is None else kwh_text(point.month_wh)),
        ("JP06427", "" if point.month_sorted_wh is None else kwh_text(point.month_sorted_wh)),
        ("JP06445", "" if point.max_demand_w is None else kwh_text(point.max_demand_w)),
        ("JP06446", f"{point.next_reading:%Y%m%d}" if point.next_reading else ""),
    ]
    text = leaves(items) + "".join(map(_element, point.others))
    if len(point.days):
        text += f"<{table.month_day_list}>{_days_xml(point, table)}</{table.month_day_list}>"
    if _ILLEGAL.search(text):
        raise ValueError(f"a text of point {point.point} holds a character that cannot stand in a message")
    return f"<{table.slot_row}>{text}</{table.slot_row}>"


def _days_xml(point: PointMonth, table: TagTable) -> str:
    row, slot, whole, later = table.month_slot, table.slot, table.kwh_whole, table.kwh_sorted
    fronts = [f"<{row}><{slot}>{n:02}</{slot}><{whole}>" for n in range(1, SLOTS + 1)]
    has_sorted = bool((point.sorted_ != NULL).any())
    between, end = f"</{whole}><{later}>", f"</{later}></{row}>" if has_sorted else f"</{whole}></{row}>"
    out = []
    for day, values, others in zip(point.days.tolist(), point.whole.tolist(), point.sorted_.tolist(), strict=True):
        out.append(f"<{table.month_day}><{table.date}>{day:%Y%m%d}</{table.date}><{table.month_slot_list}>")
        for front, value, other in zip(fronts, values, others, strict=True):
            out.append(front)
            if value != NULL:
                out.append(kwh_text(value))
            if has_sorted:
                out.append(between)
                if other != NULL:
                    out.append(kwh_text(other))
            out.append(end)
        out.append(f"</{table.month_slot_list}></{table.month_day}>")
    return "".join(out)
