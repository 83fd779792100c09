"""Half-hours and days of the Business Protocol (BP 0110/1110 and 0120/1120): XML in a zip.

A day file lists slot by slot and under each slot every point; the portal keeps a row per point and day. So
reading turns the table, for which one file's points are held in memory as arrays: `Limits.points` bounds it
(50,000 points are about 15 MB), and larger deliveries come as several splits.

Two readers work together. lxml parses the document, and for runs of point rows that look as the first row
of the run promises, arrays are cut out of the bytes and the parser sees one marker element in their place. A
run of any other look goes through the parser as it is. Both give the same rows.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from metering.formats.blocks import BLOCK_ROWS, METER_LENGTH, POINT_LENGTH, DayBlock, SlotBlock
from metering.formats.csv import COLUMNS, SLOT_COLUMNS, Sink, Written, meter_fault, point_fault
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import TABLE_SIZE, BadNumber, kwh_text, parse_kwh, parse_words, words
from metering.formats.names import FileName
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import DEPTH, PROLOG, bounded, broken, leaves, moment, push_parser, utf8_pieces
from metering.formats.zips import open_single, write_single
from metering.halfhours import JST, NULL, SLOTS, plain_quality

HALF_HOUR = ("0110", "1110")
DAY = ("0120", "1120")

_KEY = POINT_LENGTH + METER_LENGTH
_TEXT = 256
_TAGS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: bytes of XML, points (rows of point and meter), rows per block given out."""

    xml_bytes: int = 1 << 30
    points: int = 50_000
    block_rows: int = BLOCK_ROWS


@dataclass(slots=True)
class Message:
    """What a message says about itself, before its rows.

    code, day       information code and JST day; slot only for a half-hour (1 to 48)
    sender, receiver, sender_name, receiver_name, body_id, syntax
                    texts as they stand ("" when absent)
    created         aware in JST, None when absent or unreadable
    test            mode 1
    version         as written; a version nobody has described is read by the newest table
    others          header and body items that stand in no field here, tag → text, unknown tags included
    unknown_rows    tags of point rows that stand in no table, tag → how often
    """

    code: str
    day: date
    slot: int | None = None
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
        return self.code in ("1110", "1120")


@dataclass(slots=True)
class Delivery:
    """A message and, lazily, its rows: blocks of good rows, then every refused row."""

    message: Message
    items: Iterator[DayBlock | SlotBlock | BadRow]


# ---------------------------------------------------------------------------------------------- reading


def read_zip(stream: BinaryIO, *, limits: Limits = Limits()) -> Delivery:
    """Read a zip with one BP 0110, 1110, 0120 or 1120 message; `stream` is seekable binary.

    The file is read to its end and its checksum compared before anything is returned. Raises Unreadable for
    a file that is damaged, hostile or no such message (see zips.open_single and read_xml).
    """
    return _read(open_single(stream, max_bytes=limits.xml_bytes), limits)


def read_xml(stream: BinaryIO, *, limits: Limits = Limits()) -> Delivery:
    """Read one BP 0110, 1110, 0120 or 1120 message as bare XML in UTF-8, Shift_JIS or EUC-JP.

    Day messages give DayBlocks, half-hour messages SlotBlocks; a value is NULL when the status (JP06122) is
    not 0 or the point is marked as not provided (JP06405); slots that are not listed are NULL. One fault of
    a point refuses its whole day row and nothing else: a BadRow with the row as a line of wide CSV. The same
    slot twice for a point and meter is accepted when equal and refused as V02 when it differs.
    Raises Unreadable (xml_*, encoding_*, empty, too_large).
    """

    return _read(bounded(stream, limits.xml_bytes), limits)


def _read(pieces: Iterator[bytes], limits: Limits) -> Delivery:
    table = TAGS[NEWEST]
    target = _Target(table, limits)
    parser = push_parser(target)
    try:
        _feed(parser, target, utf8_pieces(pieces))
        parser.close()
    except etree.XMLSyntaxError as error:
        raise broken(error) from None
    message = target.message()
    return Delivery(message, target.rows.items(message))


def _feed(parser: etree.XMLParser, target: _Target, pieces: Iterator[bytes]) -> None:
    """Give the document to the parser, but runs of plain point rows to the array reader."""
    opening, closing = f"<{target.table.point_row}>".encode(), f"</{target.table.point_row}>".encode()
    list_end = f"</{target.table.point_list}>".encode()
    hold, fast = b"", True
    for piece in pieces:
        buffer = hold + piece
        hold = b""
        # inside a comment, a CDATA section or an instruction a row is no row
        fast = fast and not ((b"!" in buffer and b"<!" in buffer) or (b"?" in buffer and b"<?" in buffer))
        if not fast:
            parser.feed(buffer)
            continue
        at = 0
        while True:
            start = buffer.find(opening, at)
            if start < 0:
                cut = max(at, len(buffer) - 16)
                parser.feed(buffer[at:cut])
                hold = buffer[cut:]
                break
            parser.feed(buffer[at:start])
            finish = buffer.find(list_end, start)
            whole = finish >= 0
            if not whole:
                finish = buffer.rfind(closing, start) + len(closing)
                if finish < start + len(opening):  # not one whole row in hand yet
                    hold = buffer[start:]
                    if len(hold) > PROLOG:  # no row is that long: let the parser look at it
                        fast = False
                        parser.feed(hold)
                        hold = b""
                    break
            run = buffer[start:finish]
            scanned = _scan(run, target.table)
            parser.feed(run if scanned is None else target.stand_in(scanned, run.count(b"\n") if b"\n" in run else 0))
            at = finish
            if not whole:
                hold = buffer[at:]
                break
    parser.feed(hold)


@dataclass(slots=True)
class _Run:
    """Point rows cut out of bytes: keys S38 (point and meter side by side), value texts parsed per voltage."""

    keys: NDArray[np.bytes_]
    present: NDArray[np.bool_]
    values: dict[str, NDArray[np.int32]]
    tags: dict[str, int]


_SPACE = b" \t\r\n"
_LEAF = re.compile(rb"[ \t\r\n]*<(JP\d{5})>([^<]*)</(JP\d{5})>")
_METER_BYTE = np.zeros(256, bool)
_METER_BYTE[0x21:0x7F] = True
_METER_BYTE[list(b',"<>&')] = False
_TEXT_STOPS = np.zeros(256, bool)
_TEXT_STOPS[:0x20] = True
_TEXT_STOPS[0x3C] = True
_EDGE = b" " * 8
_SHAPES = 48
"""How many shapes of rows (order of tags, lengths of texts) a run may have to be read as arrays."""


def _scan(run: bytes, table: TagTable) -> _Run | None:
    """Cut a run of point rows into arrays; None when any byte of it is not exactly as expected.

    Rows of one length are laid under one another and compared with the first of them, which is taken apart
    by hand; its texts are the columns that may differ.
    """
    if b"&" in run:
        return None
    if not run.isascii():
        try:
            run.decode()
        except UnicodeDecodeError:
            return None
    buffer = run + _EDGE
    flat = np.frombuffer(buffer, np.uint8)
    opening, closing = f"<{table.point_row}>".encode(), f"</{table.point_row}>".encode()
    starts = _starts(flat, words(buffer), opening)
    if not starts.size or starts[0] != 0:
        return None
    lengths = np.diff(starts, append=len(run))  # a row reaches to the next one: space between belongs to it
    if lengths.max() > PROLOG:
        return None
    rows = len(starts)
    keys = np.zeros((rows, _KEY), np.uint8)
    present = np.zeros(rows, bool)
    values = {tag: np.full(rows, NULL, np.int32) for tag in (table.kwh_low, table.kwh_high)}
    tags: dict[str, int] = {}
    shapes = 0
    for length in np.unique(lengths).tolist():
        left = np.flatnonzero(lengths == length)
        while left.size:
            shapes += 1
            shape = _shape(run[starts[left[0]] : starts[left[0]] + length], opening, closing)
            if shape is None or shapes > _SHAPES:
                return None
            laid = _laid(buffer, starts[left], length)
            alike = shape.alike(laid)
            if alike.all():
                chosen, left = left, left[:0]
            else:
                chosen, left, laid = left[alike], left[~alike], laid[alike]
            if not _take(laid, shape.spans, chosen, table, keys, present, values):
                return None
            for name in shape.spans:
                tags[name] = tags.get(name, 0) + len(chosen)
    used = {tag: found for tag, found in values.items() if tag in tags}
    if len(used) > 1:
        return None
    return _Run(keys.reshape(-1).view(f"S{_KEY}"), present, used, tags)


def _starts(flat: NDArray[np.uint8], word: NDArray[np.uint64], opening: bytes) -> NDArray[np.intp]:
    """Where rows begin: every place where the opening tag stands."""
    marks = np.flatnonzero(flat == opening[4])  # the R of JPMR; few other texts have one
    marks = marks[marks >= 4] - 4
    return marks[word[marks] == np.frombuffer(opening[:8], "<u8")[0]]


def _laid(buffer: bytes, starts: NDArray[np.intp], length: int) -> NDArray[np.uint8]:
    """Rows of one length under one another: uint8 [n, length rounded up to eights]."""
    wide = -(-length // 8) * 8
    view = np.ndarray((len(buffer) - wide + 1,), f"V{wide}", buffer, 0, (1,))
    return view[starts].view(np.uint8).reshape(len(starts), wide)


@dataclass(slots=True)
class _Shape:
    """A row taken apart: tag → (start, end) of its text, and the bytes that every row of the shape shares."""

    spans: dict[str, tuple[int, int]]
    row: NDArray[np.uint64]
    fixed: NDArray[np.uint64]

    def alike(self, laid: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which rows have the same bytes outside the texts."""
        differs: NDArray[np.uint64] = np.bitwise_or.reduce((laid.view("<u8") ^ self.row) & self.fixed, axis=1)
        return differs == 0


def _shape(row: bytes, opening: bytes, closing: bytes) -> _Shape | None:
    wide = -(-len(row) // 8) * 8
    fixed = np.zeros(wide, np.uint8)
    fixed[: len(row)] = 255
    spans: dict[str, tuple[int, int]] = {}
    at, stop = len(opening), row.rfind(closing)
    if not row.startswith(opening) or stop < 0 or row[stop + len(closing) :].strip(_SPACE):
        return None
    while row[at:stop].strip(_SPACE):
        leaf = _LEAF.match(row, at, stop)
        if leaf is None or leaf[1] != leaf[3] or leaf[1].decode() in spans:
            return None
        spans[leaf[1].decode()] = leaf.span(2)
        fixed[slice(*leaf.span(2))] = 0
        at = leaf.end()
    return _Shape(spans, np.frombuffer(row.ljust(wide), "<u8"), fixed.view("<u8"))


def _take(
    laid: NDArray[np.uint8],
    spans: dict[str, tuple[int, int]],
    chosen: NDArray[np.intp],
    table: TagTable,
    keys: NDArray[np.uint8],
    present: NDArray[np.bool_],
    values: dict[str, NDArray[np.int32]],
) -> bool:
    """Enter rows of one shape at the places `chosen`; False when a text is not as plain as expected."""
    start, end = spans.get(table.point, (0, 0))
    points = np.ascontiguousarray(laid[:, start:end])
    if end - start != POINT_LENGTH or ((points - np.uint8(0x30)) > 9).any():
        return False
    keys[chosen, :POINT_LENGTH] = points
    start, end = spans.get(table.meter, (0, 0))
    meters = np.ascontiguousarray(laid[:, start:end])
    if end - start > METER_LENGTH or not _METER_BYTE[meters].all():
        return False
    keys[chosen, POINT_LENGTH : POINT_LENGTH + end - start] = meters
    here = np.ones(len(chosen), bool)
    for name in (table.status, table.provided):
        if name in spans:
            start, end = spans[name]
            if end - start != 1 or ((laid[:, start] - np.uint8(0x30)) > 9).any():
                return False
            here &= laid[:, start] == 0x30
    present[chosen] = here
    found = False
    for name, column in values.items():
        if name in spans:
            start, end = spans[name]
            word = np.ascontiguousarray(laid[:, end - 8 : end]).view("<u8")[:, 0]
            parsed, understood = parse_words(word, end - start)
            if not understood.all():
                return False
            column[chosen] = np.where(here, parsed, NULL)
            found |= end > start
    if not found and here.any():
        return False
    read = {table.point, table.meter, table.status, table.provided, *values}
    return not any(_TEXT_STOPS[laid[:, slice(*span)]].any() for name, span in spans.items() if name not in read)


class _Target:
    """What lxml calls while it parses: keeps no tree, only the items of the message and its rows."""

    def __init__(self, table: TagTable, limits: Limits) -> None:
        self.table, self.limits = table, limits
        self.marker = "R" + secrets.token_hex(12)
        self.runs: list[_Run | None] = []
        self.path: list[str] = []
        self.text: list[str] = []
        self.room = _TEXT
        self.leaf = False
        self.header: dict[str, str] = {}
        self.body: dict[str, str] = {}
        self.code = ""
        self.row_path: list[str] = []
        self.row: dict[str, str] | None = None
        self.slot = ""
        self.ordinal = 0
        self.waiting: list[tuple[int, dict[str, str] | _Run]] = []
        self.waiting_rows = 0
        self.unknown: dict[str, int] = {}
        self.rows = _Rows(table, limits)
        self.names: dict[str, str] = {}
        self.wanted = {table.point, table.meter, table.status, table.provided, table.kwh_low, table.kwh_high}

    def stand_in(self, run: _Run, lines: int) -> bytes:
        """The element that tells the parser where a run of rows stood, as many lines long."""
        self.runs.append(run)
        return f'<{self.marker} n="{len(self.runs) - 1}"/>'.encode() + b"\n" * lines

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Unreadable("xml_doctype")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = self.names.get(tag)
        if name is None:
            name = tag.rpartition("}")[2]
            if len(self.names) < _TAGS_KEPT:
                self.names[tag] = name
        path = self.path
        if not path and name != self.table.root:
            raise Unreadable("xml_root", value=shown(name))
        path.append(name)
        if len(path) > DEPTH:
            raise Unreadable("xml_deep", limit=DEPTH)
        self.leaf = True
        self.text.clear()
        self.room = _TEXT
        if name.startswith("JPMR") and not self.row_path:
            self._settle()
        if path == self.row_path:
            self.row = {}
        elif name == self.marker:
            self._run(int(attributes["n"]))

    def data(self, text: str) -> None:
        if self.leaf and self.room > 0:
            self.text.append(text[: self.room])
            self.room -= len(text)

    def end(self, tag: str) -> None:
        path = self.path
        if self.leaf:
            self.leaf = False
            self._item(path.pop(), "".join(self.text).strip(), path[-1] if path else "")
            return
        if path == self.row_path and self.row is not None:
            self._wait(self.row, 1)
            self.row = None
        elif path[-1] == self.table.slot_row and self.code in DAY:
            self.rows.put(self.slot, self.waiting)
            self.waiting, self.waiting_rows, self.slot = [], 0, ""
        path.pop()

    def close(self) -> None:
        if self.code in HALF_HOUR:
            self.rows.put(self.body.get(self.table.slot, ""), self.waiting)

    def _item(self, name: str, text: str, parent: str) -> None:
        if self.row is not None:
            if parent == self.row_path[-1] and name in self.wanted:
                self.row[name] = text
            elif name not in self.table.row:
                self._count(name, 1)
        elif parent == self.table.slot_row and name == self.table.slot and self.code in DAY:
            self.slot = text
        elif parent == self.table.header_block and len(self.header) < _TAGS_KEPT:
            self.header[name] = text
        elif parent == self.table.body_block and len(self.body) < _TAGS_KEPT:
            self.body[name] = text

    def _count(self, name: str, times: int) -> None:
        if name in self.unknown or len(self.unknown) < _TAGS_KEPT:
            self.unknown[name] = self.unknown.get(name, 0) + times

    def _settle(self) -> None:
        """The kind of message decides where its point rows stand; it must be known before the first one."""
        self.code = self._code()
        top = [self.table.root, self.table.group, self.table.body_block, "JPM00010", self.table.slot_row]
        self.row_path = [*top, self.table.point_list, self.table.point_row] if self.code in DAY else top
        self.rows.settle(self.code)

    def _code(self) -> str:
        header, body = self.header.get("JPC14", ""), self.body.get("JP00002", "")
        if header and body and header != body:
            raise Unreadable("xml_code_differs", header=shown(header), body=shown(body))
        code = header or body
        if not code:
            raise Unreadable("xml_code_missing")
        if code not in HALF_HOUR + DAY:
            raise Unreadable("xml_code_unknown", value=shown(code), known=", ".join(HALF_HOUR + DAY))
        return code

    def _run(self, number: int) -> None:
        run, self.runs[number] = self.runs[number], None
        if run is not None and self.path[:-1] == self.row_path[:-1]:
            self._wait(run, len(run.keys))
            for name, times in run.tags.items():
                if name not in self.table.row:
                    self._count(name, times)

    def _wait(self, rows: dict[str, str] | _Run, count: int) -> None:
        self.waiting.append((self.ordinal + 1, rows))
        self.ordinal += count
        self.waiting_rows += count
        if self.waiting_rows > 2 * self.limits.points:
            raise Unreadable("xml_points", limit=self.limits.points)

    def message(self) -> Message:
        """What the message says about itself, once everything has been parsed."""
        if not self.row_path:
            self._settle()
        taken = {"JPC03", "JPC06", "JPC09", "JPC10", "JPC11", "JPC12", "JPC14", "JPC19", "JPC21"}
        taken |= {"JP00002", "JP06110", "JP06111", "JP06112", "JP06113", "JP06116", self.table.slot}
        header, body = self.header, self.body
        text = body.get("JP06116", "")
        try:
            if not re.fullmatch(r"\d{8}", text, re.ASCII):
                raise ValueError
            day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            raise Unreadable("xml_date", value=shown(text)) from None
        slot = None
        if self.code in HALF_HOUR:
            slot = _slot(body.get(self.table.slot, ""))
            if slot is None:
                raise Unreadable("xml_slot", value=shown(body.get(self.table.slot, "")))
        return Message(
            code=self.code,
            day=day,
            slot=slot,
            sender=body.get("JP06110", "") or header.get("JPC06", ""),
            receiver=body.get("JP06112", "") or header.get("JPC09", ""),
            sender_name=body.get("JP06111", ""),
            receiver_name=body.get("JP06113", ""),
            created=moment(header.get("JPC19", "")),
            test=header.get("JPC03", "") == "1",
            version=header.get("JPC12", ""),
            body_id=header.get("JPC10", ""),
            syntax=header.get("JPC21", ""),
            others={tag: text for tag, text in (header | body).items() if tag not in taken},
            unknown_rows=self.unknown,
        )


def _slot(text: str) -> int | None:
    if re.fullmatch(r"\d{1,2}", text, re.ASCII) and 1 <= int(text) <= SLOTS:
        return int(text)
    return None


@dataclass(slots=True)
class _Fault:
    code: str
    field: str
    params: Mapping[str, object]
    check: str = ""


class _Rows:
    """The table being turned: one row per point and meter, one column per slot, filled slot by slot."""

    def __init__(self, table: TagTable, limits: Limits) -> None:
        self.table, self.limits = table, limits
        self.code = ""
        self.index: dict[tuple[str, str], int] = {}
        self.keys: list[tuple[str, str]] = []
        self.first: list[int] = []
        self.order = np.zeros(0, f"S{_KEY}")
        self.sound = np.zeros(0, bool)
        self.values = np.zeros((0, SLOTS), np.int32)
        self.filled = np.zeros((0, SLOTS), bool)
        self.faults: dict[int, _Fault] = {}
        self.texts: dict[int, dict[int, str]] = {}
        self.columns = SLOTS
        self.kwh = self.other = ""

    def settle(self, code: str) -> None:
        self.code = code
        low = code in ("1110", "1120")
        self.kwh, self.other = self.table.kwh(low), self.table.kwh(not low)
        self.columns = SLOTS if code in DAY else 1

    def put(self, slot_text: str, waiting: list[tuple[int, dict[str, str] | _Run]]) -> None:
        """Take all rows of one slot; a slot that does not exist is a fault of every point listed in it."""
        slot = _slot(slot_text)
        expected = 0
        for ordinal, rows in waiting:
            if isinstance(rows, _Run):
                expected = self._put_run(slot, slot_text, ordinal, rows, expected)
            else:
                row = self._row(rows.get(self.table.point, ""), rows.get(self.table.meter, ""), ordinal)
                self._put_row(slot, slot_text, row, rows)
                expected = row + 1

    def _put_run(self, slot: int | None, slot_text: str, ordinal: int, run: _Run, expected: int) -> int:
        count = len(run.keys)
        alike = np.array_equal(self.order[expected : expected + count], run.keys)
        if alike := alike and expected + count <= len(self.keys):
            rows = np.arange(expected, expected + count)
        else:
            rows = self._find(run.keys, ordinal)
            self.sound[rows] = True
        values = run.values.get(self.kwh)
        if slot is None or (values is None and run.present.any()) or not (alike or len(np.unique(rows)) == count):
            for n, row in enumerate(rows.tolist()):
                self._put_row(slot, slot_text, row, self._as_texts(run, n))
            return int(rows[-1]) + 1
        if values is None:
            values = np.full(count, NULL, np.int32)
        column = (slot - 1) % self.columns
        again = self.filled[rows, column]
        for n in np.flatnonzero(again).tolist():
            self._put_row(slot, slot_text, int(rows[n]), self._as_texts(run, n))
        fresh = rows[~again]
        self.values[fresh, column] = values[~again]
        self.filled[fresh, column] = True
        return int(rows[-1]) + 1

    def _find(self, keys: NDArray[np.bytes_], ordinal: int) -> NDArray[np.intp]:
        """The rows of many keys (S38, all well-formed), new ones made."""
        width, count = POINT_LENGTH, len(keys)
        pairs = [(key[:width], key[width:]) for key in keys.astype(f"U{_KEY}").tolist()]
        if len(set(pairs)) < count or not self.index.keys().isdisjoint(pairs):
            return np.array([self._row(*pair, ordinal + n) for n, pair in enumerate(pairs)])
        row = len(self.keys)
        self._make_room(row + count)
        self.index.update(zip(pairs, range(row, row + count), strict=True))
        self.keys += pairs
        self.first += range(ordinal, ordinal + count)
        self.order[row : row + count] = keys
        return np.arange(row, row + count)

    def _make_room(self, rows: int) -> None:
        if rows > self.limits.points:
            raise Unreadable("xml_points", limit=self.limits.points)
        if rows > len(self.values):
            room = max(1024, 2 * rows)
            self.values = _grown(self.values, (room, self.columns), NULL)
            self.filled = _grown(self.filled, (room, self.columns), False)
            self.order = _grown(self.order, (room,), b"")
            self.sound = _grown(self.sound, (room,), False)

    def _as_texts(self, run: _Run, n: int) -> dict[str, str]:
        items = {self.table.status: "0" if run.present[n] else "1"}
        for tag, values in run.values.items():
            if values[n] != NULL:
                items[tag] = kwh_text(int(values[n]))
        return items

    def _row(self, point: str, meter: str, ordinal: int) -> int:
        row = self.index.get((point, meter))
        if row is not None:
            return row
        row = len(self.keys)
        self._make_room(row + 1)
        self.index[point, meter] = row
        self.keys.append((point, meter))
        self.first.append(ordinal)
        if len(point) == POINT_LENGTH and point.isascii() and meter.isascii() and len(meter) <= METER_LENGTH:
            self.order[row] = (point + meter).encode()
        return row

    def _put_row(self, slot: int | None, slot_text: str, row: int, items: dict[str, str]) -> None:
        if slot is None:
            self._fault(row, _Fault("slot_unknown", "", {"slot": shown(slot_text)}))
            return
        name, label, column = SLOT_COLUMNS[slot - 1], f"{slot:02}", (slot - 1) % self.columns
        text = items.get(self.kwh, "")
        present = items.get(self.table.status, "0") in ("", "0") and items.get(self.table.provided, "0") in ("", "0")
        value = NULL
        if present and text:
            try:
                value = parse_kwh(text)
            except BadNumber as error:
                self._fault(row, _Fault(error.code, name, {"slot": label, "value": shown(text)}))
                self.texts.setdefault(row, {})[slot] = text
                return
        elif present and items.get(self.other):
            params = {"slot": label, "found": self.other, "expected": self.kwh, "code": self.code}
            self._fault(row, _Fault("value_other_voltage", name, params))
            return
        elif present:
            self._fault(row, _Fault("value_absent", name, {"slot": label}))
            return
        if not self.filled[row, column]:
            self.values[row, column] = value
            self.filled[row, column] = True
        elif self.values[row, column] != value:
            first, second = (kwh_text(v) if v != NULL else "–" for v in (int(self.values[row, column]), value))
            params = {"slot": label, "first": first, "second": second}
            self._fault(row, _Fault("duplicate_differs", name, params, "V02"))

    def _fault(self, row: int, fault: _Fault) -> None:
        self.faults.setdefault(row, fault)

    def items(self, message: Message) -> Iterator[DayBlock | SlotBlock | BadRow]:
        """Blocks of the good rows in the order of their first appearance, then the refused ones."""
        for row in np.flatnonzero(~self.sound[: len(self.keys)]).tolist():
            point, meter = self.keys[row]
            for check, column in ((point_fault(point), "supply_point"), (meter_fault(meter), "meter")):
                if check is not None:
                    self.faults[row] = _Fault(check[0], column, check[1])
                    break
        good = np.ones(len(self.keys), bool)
        good[list(self.faults)] = False
        chosen = np.flatnonzero(good)
        day = np.datetime64(message.day, "D")
        first = np.array(self.first, np.int64)
        for at in range(0, len(chosen), self.limits.block_rows):
            rows = chosen[at : at + self.limits.block_rows]
            keys = [self.keys[row] for row in rows.tolist()]
            points = np.array([point for point, _ in keys], f"S{POINT_LENGTH}")
            meters = [meter for _, meter in keys]
            values = self.values[rows]
            quality = plain_quality(values)
            if message.slot is None:
                yield DayBlock(points, meters, np.full(len(rows), day), values, quality, first[rows])
            else:
                yield SlotBlock(points, meters, day, message.slot, values[:, 0], quality[:, 0], first[rows])
        for row in sorted(self.faults):
            fault = self.faults[row]
            raw = self._line(row, message)
            yield BadRow(self.first[row], fault.code, fault.field, fault.params, raw, fault.check)

    def _line(self, row: int, message: Message) -> str:
        """A refused row as a line of wide CSV, with the wrong texts where they stood."""
        cells = ["" for _ in range(SLOTS)]
        shift = (message.slot or 1) - 1
        for column, value in enumerate(self.values[row].tolist()):
            if value != NULL:
                cells[column + shift] = kwh_text(value)
        for slot, text in self.texts.get(row, {}).items():
            cells[slot - 1] = text
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow([*self.keys[row], message.day.isoformat(), *cells, ""])
        return out.getvalue()


assert len(COLUMNS) == SLOTS + 4  # _line writes point, meter, date, slots, quality


def _grown(array: NDArray[Any], shape: tuple[int, ...], fill: object) -> NDArray[Any]:
    bigger = np.full(shape, fill, array.dtype)
    if array.size:
        bigger[: len(array)] = array
    return bigger


# ---------------------------------------------------------------------------------------------- writing


def write_day_zip(out: Sink, name: FileName, message: Message, block: DayBlock, *, level: int = 1) -> Written:
    """Write one split of a BP 0120/1120 day as a zip; every row of the block is one point and meter.

    block    all rows on `message.day`; cut larger deliveries with blocks.recut and number the splits
    message  `code` must be the one of `name`
    Values are written with three decimals; a slot without a value has status 1 and no value. Quality does
    not travel in this format. Equal input gives equal bytes. ValueError for rows of another day, a code that
    differs, or a meter number that cannot stand in XML.
    """
    _match(name, message, DAY)
    if len(block) and (block.days != np.datetime64(message.day, "D")).any():
        raise ValueError("a day file holds rows of its own day only")
    table = TAGS[NEWEST]

    def pieces() -> Iterator[bytes]:
        yield _top(message, table, None)
        yield b"<JPM00010>"
        rows = _RowText(table, table.point_row, message.is_low_voltage, block.points, block.meters)
        for slot in range(SLOTS):
            yield f"<JPMR00010><JP06219>{slot + 1:02}</JP06219><JPM00011>".encode()
            yield from rows.of(block.values[:, slot])
            yield b"</JPM00011></JPMR00010>"
        yield b"</JPM00010>" + _bottom(table)

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(len(block), block.readings(), size, digest)


def write_half_hour_zip(out: Sink, name: FileName, message: Message, block: SlotBlock, *, level: int = 1) -> Written:
    """Write one split of a BP 0110/1110 half-hour as a zip; rules as in `write_day_zip`."""
    _match(name, message, HALF_HOUR)
    if not (message.slot == block.slot == name.slot and block.day == np.datetime64(message.day, "D")):
        raise ValueError("name, message and rows must be of the same half-hour")
    table = TAGS[NEWEST]

    def pieces() -> Iterator[bytes]:
        yield _top(message, table, block.slot)
        yield b"<JPM00010>"
        rows = _RowText(table, table.slot_row, message.is_low_voltage, block.points, block.meters)
        yield from rows.of(block.values)
        yield b"</JPM00010>" + _bottom(table)

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(len(block), int(np.count_nonzero(block.values != NULL)), size, digest)


def half_hour_xml(message: Message, rows: Iterable[tuple[str, str, str]]) -> bytes:
    """The bare XML of a half-hour with rows of texts as they stand (point, meter, kWh), right or wrong."""
    table = TAGS[NEWEST]
    out = [_top(message, table, message.slot), b"<JPM00010>"]
    for point, meter, kwh in rows:
        items = [
            (table.point, point),
            (table.meter, meter),
            (table.status, "0" if kwh else "1"),
            (table.kwh(message.is_low_voltage), kwh),
        ]
        out.append(f"<{table.slot_row}>{leaves(items)}</{table.slot_row}>".encode())
    return b"".join([*out, b"</JPM00010>", _bottom(table)])


def _match(name: FileName, message: Message, codes: tuple[str, ...]) -> None:
    if message.code not in codes or name.code != message.code or name.day != message.day:
        raise ValueError(f"file {name} and a message {message.code} of {message.day} do not belong together")


def _top(message: Message, table: TagTable, slot: int | None) -> bytes:
    header = [
        ("JPC03", "1" if message.test else "0"),
        ("JPC06", message.sender),
        ("JPC09", message.receiver),
        ("JPC10", message.body_id),
        ("JPC11", "W4"),
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
        *((tag, text) for tag, text in message.others.items() if tag in ("JP06114", "JP06115")),
        ("JP06116", f"{message.day:%Y%m%d}"),
        ("JP06219", "" if slot is None else f"{slot:02}"),
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{table.root}><{table.group}>"
        f"<{table.header_block}>{leaves(header)}</{table.header_block}><{table.body_block}>{leaves(body)}"
    ).encode()


def _bottom(table: TagTable) -> bytes:
    return f"</{table.body_block}></{table.group}></{table.root}>\n".encode()


_NARROW = 10_000
"""Values below so many Wh have five characters, and pages of them need no room for longer ones."""


@lru_cache(4)
def _row_ends(
    row_tag: str, status: str, kwh: str
) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_], Callable[[int], bytes]]:
    """The end of a row for every usual value, the one for no value last; the same below 10 kWh; the maker of others."""
    head, tail = f"<{status}>0</{status}><{kwh}>", f"</{kwh}></{row_tag}>"

    def value(wh: int) -> bytes:
        return f"{head}{kwh_text(wh)}{tail}".encode()

    none = f"<{status}>1</{status}></{row_tag}>".encode()
    width = len(head) + len(tail) + len(kwh_text(-(2**31)))
    ends = np.array([value(wh) for wh in range(TABLE_SIZE)] + [none], f"S{width}")
    return ends, np.array([*ends[:_NARROW].tolist(), none]), value


def _plain(meters: list[str]) -> bool:
    """Whether all meter numbers are beyond doubt, looked at together."""
    together = "".join(meters)
    return (
        together.isascii()
        and max(map(len, meters), default=0) <= METER_LENGTH
        and bool(_METER_BYTE[np.frombuffer(together.encode(), np.uint8)].all())
    )


def _fronts(table: TagTable, row_tag: str, points: NDArray[np.bytes_], meters: list[str]) -> NDArray[np.bytes_]:
    """The beginning of every row up to its status, zero bytes behind the shorter ones."""
    head, between = f"<{row_tag}><{table.point}>".encode(), f"</{table.point}><{table.meter}>".encode()
    end = f"</{table.meter}>".encode()
    lengths = set(map(len, meters))
    if len(lengths) == 1 and lengths != {0} and _plain(meters):  # rows of one form: side by side as columns
        (length,) = lengths
        text = np.empty(
            len(points),
            [
                *(("head", f"S{len(head)}"), ("point", f"S{POINT_LENGTH}"), ("between", f"S{len(between)}")),
                *(("meter", f"S{length}"), ("end", f"S{len(end)}")),
            ],
        )
        text["head"], text["point"], text["between"], text["end"] = head, points, between, end
        text["meter"] = meters
        return text.view(f"S{text.dtype.itemsize}")
    fronts = []
    for point, meter in zip(points.astype(f"U{POINT_LENGTH}").tolist(), meters, strict=True):
        meter_text = f"<{table.meter}>{meter}</{table.meter}>" if meter else ""
        fronts.append(f"<{row_tag}><{table.point}>{point}</{table.point}>{meter_text}".encode())
    return np.array(fronts, np.bytes_)


class _RowText:
    """Point rows as bytes: the front of every row is made once, the value end comes from a table."""

    ROWS = 1024

    def __init__(
        self, table: TagTable, row_tag: str, low_voltage: bool, points: NDArray[np.bytes_], meters: list[str]
    ) -> None:
        if not _plain(meters):
            for meter in meters:
                if meter_fault(meter):
                    raise ValueError(f"meter number {meter!r} cannot stand in a message")
        kwh = table.kwh(low_voltage)
        self.ends, self.narrow, self.value = _row_ends(row_tag, table.status, kwh)
        fronts = _fronts(table, row_tag, points, meters)
        self.pages = [_Page(fronts[at : at + self.ROWS], self.ends) for at in range(0, len(fronts), self.ROWS)]
        self.narrow_pages = [_Page(page.front, self.narrow) for page in self.pages]

    def of(self, values: NDArray[np.int32]) -> Iterator[bytes]:
        """The rows of one slot, values [n] in Wh in the order of the points, page by page."""
        for number, page in enumerate(self.pages):
            part = values[number * self.ROWS : number * self.ROWS + len(page.front)]
            usual = (part >= 0) & (part < TABLE_SIZE)
            index = np.where(usual, part, TABLE_SIZE)
            exceptions = np.flatnonzero(~usual & (part != NULL)).tolist()
            if not exceptions and not ((part >= _NARROW) & usual).any():
                narrow = self.narrow_pages[number]
                narrow.page["end"] = self.narrow[np.minimum(index, _NARROW)]
                # hardly a zero byte to take out: many times faster than a mask
                yield narrow.page.tobytes().replace(b"\0", b"")
                continue
            page.page["end"] = self.ends[index]
            for row in exceptions:
                page.page["end"][row] = self.value(int(part[row]))
            text = page.page.view(np.uint8)
            yield text[text != 0].tobytes()


class _Page:
    """Rows side by side in memory: their fronts, and room for the ends of one slot."""

    def __init__(self, front: NDArray[np.bytes_], ends: NDArray[np.bytes_]) -> None:
        self.front = front
        self.page = np.zeros(len(front), np.dtype([("front", front.dtype), ("end", ends.dtype)]))
        self.page["front"] = front
