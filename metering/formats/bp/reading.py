"""Reading a message: lxml parses it, and runs of plain point rows are cut out of its bytes instead.

Two readers work together. lxml parses the document, and for runs of point rows that look as the first row
of the run promises, arrays are cut out of the bytes and the parser sees one marker element in their place. A
run of any other look goes through the parser as it is. Both give the same rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from metering.formats.blocks import DayBlock, SlotBlock
from metering.formats.bp import arrays
from metering.formats.bp.arrays import Run
from metering.formats.bp.messages import DAY, HALF_HOUR, Message
from metering.formats.bp.table import USUAL, Limits, Rows, slot_of
from metering.formats.envelopes import code_of, facts
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import DEPTH, PROLOG, bounded, broken, day, let_go, push_parser, utf8_pieces
from metering.formats.zips import open_single

_TEXT = 256
_TAGS_KEPT = 500


@dataclass(slots=True)
class Delivery:
    """A message and, lazily, its rows: blocks of good rows, then every refused row."""

    message: Message
    items: Iterator[DayBlock | SlotBlock | BadRow]


def read_zip(stream: BinaryIO, *, limits: Limits = USUAL) -> Delivery:
    """Read a zip with one BP 0110, 1110, 0120 or 1120 message; `stream` is seekable binary.

    The file is read to its end and its checksum compared before anything is returned. Raises Unreadable for
    a file that is damaged, hostile or no such message (see zips.open_single and read_xml).
    """
    return _read(open_single(stream, max_bytes=limits.xml_bytes), limits)


def read_xml(stream: BinaryIO, *, limits: Limits = USUAL) -> Delivery:
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
        message, rows = target.message(), target.rows
    except etree.XMLSyntaxError as error:
        raise broken(error) from None
    finally:
        let_go(target)
    return Delivery(message, rows.items(message))


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
            scanned = arrays.scan(run, target.table)
            parser.feed(run if scanned is None else target.stand_in(scanned, run.count(b"\n") if b"\n" in run else 0))
            at = finish
            if not whole:
                hold = buffer[at:]
                break
    parser.feed(hold)


class _Target:
    """What lxml calls while it parses: keeps no tree, only the items of the message and its rows."""

    def __init__(self, table: TagTable, limits: Limits) -> None:
        self.table, self.limits = table, limits
        self.marker = "R" + secrets.token_hex(12)
        self.runs: list[Run | None] = []
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
        self.waiting: list[tuple[int, dict[str, str] | Run]] = []
        self.waiting_rows = 0
        self.unknown: dict[str, int] = {}
        self.rows = Rows(table, limits)
        self.names: dict[str, str] = {}
        self.wanted = {table.point, table.meter, table.status, table.provided, table.kwh_low, table.kwh_high}

    def stand_in(self, run: Run, lines: int) -> bytes:
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
        self.code = code_of(self.header, self.body, HALF_HOUR + DAY)
        top = [self.table.root, self.table.group, self.table.body_block, "JPM00010", self.table.slot_row]
        self.row_path = [*top, self.table.point_list, self.table.point_row] if self.code in DAY else top
        self.rows.settle(self.code)

    def _run(self, number: int) -> None:
        run, self.runs[number] = self.runs[number], None
        if run is not None and self.path[:-1] == self.row_path[:-1]:
            self._wait(run, len(run.keys))
            for name, times in run.tags.items():
                if name not in self.table.row:
                    self._count(name, times)

    def _wait(self, rows: dict[str, str] | Run, count: int) -> None:
        self.waiting.append((self.ordinal + 1, rows))
        self.ordinal += count
        self.waiting_rows += count
        if self.waiting_rows > 2 * self.limits.points:
            raise Unreadable("xml_points", limit=self.limits.points)

    def message(self) -> Message:
        """What the message says about itself, once everything has been parsed."""
        if not self.row_path:
            self._settle()
        header, body = self.header, self.body
        text = body.get("JP06116", "")
        found = day(text)
        if found is None:
            raise Unreadable("xml_date", value=shown(text))
        slot = None
        if self.code in HALF_HOUR:
            slot = slot_of(body.get(self.table.slot, ""))
            if slot is None:
                raise Unreadable("xml_slot", value=shown(body.get(self.table.slot, "")))
        said = facts(header, body, taken={self.table.slot})
        return Message(code=self.code, day=found, slot=slot, unknown_rows=self.unknown, **said)
