"""Reading a message of family W5, point by point, so that memory does not grow with the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO
from xml.sax.saxutils import escape

import numpy as np
from lxml import etree

from metering.formats.csv import meter_fault, point_fault
from metering.formats.envelopes import code_of, facts
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.fixed.records import CODES, FIXED, LARGEST_MONTH, OFF_CYCLE, Item, MonthMessage, PointMonth
from metering.formats.fixed.slots import Run, Runs
from metering.formats.kwh import BadNumber, kwh_text, parse_kwh
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import DEPTH, PROLOG, bounded, broken, day, push_parser, utf8_pieces
from metering.formats.zips import open_single
from metering.halfhours import NULL, SLOTS

_TEXT = 4096
_ITEM_TEXT = 256
_TAGS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: bytes of XML, and items (elements) of one point."""

    xml_bytes: int = 4 << 30
    items: int = 50_000


@dataclass(slots=True)
class MonthDelivery:
    """A message and, lazily, its points: good ones and refused ones in the order of the file."""

    message: MonthMessage
    items: Iterator[PointMonth | BadRow]


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


def _fed(target: _Target, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What the parser is given: the document, with markers where lists of slots have been read already."""
    runs, hold, fast = Runs(target.table), b"", True
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
    children: list[_Node | Run]
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
        self.runs: dict[int, Run] = {}
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

    def stand_in(self, run: Run) -> bytes:
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
        code = code_of(header, body, CODES)
        month_text, day_text = body.get(self.table.month, ""), body.get(self.table.reading_day, "")
        month = day(month_text + "01") if re.fullmatch(r"\d{6}", month_text, re.ASCII) else None
        if month is None and (month_text or code in FIXED):
            raise Unreadable("xml_month", value=shown(month_text))
        read_on = day(day_text)
        if read_on is None and day_text:
            raise Unreadable("xml_date", value=shown(day_text))
        said = facts(header, body, taken={self.table.month})
        self.message = MonthMessage(code=code, month=month, reading_day=read_on, unknown_rows=self.unknown, **said)

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
        next_reading = day(next_text)
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
                if isinstance(child, Run):
                    continue
                if child.tag == table.date:
                    text = child.value()
                elif child.tag == table.month_slot_list:
                    slots += child.children
                else:
                    self._count(child.tag)
            if not text:
                raise _Fault("day_missing", "date")
            listed = day(text)
            if listed is None:
                raise _Fault(
                    "date_form" if not re.fullmatch(r"\d{8}", text, re.ASCII) else "date_unknown",
                    "date",
                    value=shown(text),
                )
            if listed in days:
                raise _Fault("day_twice", "date", "V02", day=listed.isoformat())
            if len(slots) == 1 and isinstance(slots[0], Run):
                days[listed] = slots[0].whole, slots[0].sorted_
            else:
                days[listed] = self._slots(listed, slots)
        record.days = np.array(list(days), "datetime64[D]").reshape(len(days))
        empty = [NULL] * SLOTS
        record.whole = np.array([whole for whole, _ in days.values()], np.int32).reshape(len(days), SLOTS)
        record.sorted_ = np.array([later or empty for _, later in days.values()], np.int32).reshape(len(days), SLOTS)

    def _slots(self, day: date, slots: list[_Node | Run]) -> tuple[list[int], list[int]]:
        table = self.table
        found: tuple[list[int], list[int]] = ([NULL] * SLOTS, [NULL] * SLOTS)
        seen = [False] * SLOTS
        for row in slots:
            if isinstance(row, Run):  # a second list of a day that was read without the parser
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


def _xml(node: _Node) -> str:
    """A point as XML again, for whoever corrects it."""
    inner = "".join(
        child.raw.decode(errors="replace") if isinstance(child, Run) else _xml(child) for child in node.children
    )
    return f"<{node.tag}>{inner or escape(node.value())}</{node.tag}>"
