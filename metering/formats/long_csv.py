"""Long CSV: one line per half-hour, for spreadsheets and programs that want a value per line.

    supply_point,meter,date,slot,kwh,quality
    0300112233445566778899,M123,2026-04-01,1,0.159,M

`slot` counts from 1 (00:00-00:30) to 48; `kwh` as in wide CSV, empty = missing; one quality letter per line
(blocks.LETTERS). Columns may stand in any order, `meter` and `quality` may be absent, lines may come in any
order. Lines become day rows, so one file's rows are held in memory: `Limits.rows` bounds them, and larger
deliveries come as several files or as wide CSV.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import BLOCK_ROWS, LETTERS, METER_LENGTH, POINT_LENGTH, DayBlock
from metering.formats.csv import (
    MAX_RAW,
    Sink,
    Written,
    day_of,
    meter_fault,
    point_fault,
    raw_line,
    read_lines,
    write_lines,
)
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import TABLE_SIZE, BadNumber, cells, kwh_text, parse_kwh
from metering.halfhours import NULL, SLOTS, Quality, plain_quality

COLUMNS = ("supply_point", "meter", "date", "slot", "kwh", "quality")
REQUIRED = ("supply_point", "date", "slot", "kwh")

_QUALITY = {letter: int(quality) for quality, letter in LETTERS.items()}
_KNOWN = "".join(LETTERS.values())
_LETTER_OF = np.array([ord(LETTERS[quality]) for quality in Quality], np.uint8)
_WRITTEN_ROWS = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: unpacked bytes, rows of point, meter and day, rows per block given out."""

    max_bytes: int = 4 << 30
    rows: int = 200_000
    block_rows: int = BLOCK_ROWS


def read_long(stream: BinaryIO, *, limits: Limits = Limits()) -> Iterator[DayBlock | BadRow]:
    """Read a long CSV: blocks of good rows in order of first appearance, then the refused rows.

    Encodings, line ends and gzip as in csv.read_wide. A line that cannot be read refuses the whole day row it belongs
    to, which comes back as one BadRow for its first fault: `line` is the faulty one, `raw` the day as a line of wide
    CSV, so that correcting it loses none of its other half-hours. A line of another number of columns is refused as it
    was sent. The same slot twice is accepted when equal and refused as V02 when it differs. `lines` of a good row is
    where it first appeared. Raises Unreadable, also midway (see csv.read_wide), and rows_many.
    """
    rows = _Rows(limits)
    count, at, lines = read_lines(stream, COLUMNS, REQUIRED, max_bytes=limits.max_bytes)
    for line, text in lines:
        bad = rows.put(line, text, count, at)
        if bad is not None:
            yield bad
    yield from rows.blocks()
    yield from rows.bad_rows()


@dataclass(slots=True)
class _Fault:
    line: int
    code: str
    field: str
    params: dict[str, Any]


class _Rows:
    """The day rows of a file while its lines come in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.index: dict[tuple[str, str, str], int] = {}
        self.days: dict[str, date] = {}
        self.keys: list[tuple[str, str, str]] = []
        self.first: list[int] = []
        self.faults: dict[int, _Fault] = {}
        self.texts: dict[int, dict[int, str]] = {}
        self.values = np.full((0, SLOTS), NULL, np.int32)
        self.quality = np.full((0, SLOTS), Quality.MISSING, np.uint8)
        self.seen = np.zeros((0, SLOTS), bool)

    def put(self, line: int, text: str, count: int, at: dict[str, int]) -> BadRow | None:
        """Take a line; a BadRow when nobody can tell what row it belongs to."""
        fields = text.split(",")
        if '"' in text:
            try:
                fields = next(csv.reader([text], strict=True))
            except csv.Error:
                return BadRow(line, "quotes", raw=text[:MAX_RAW])
        if len(fields) != count:
            return BadRow(line, "column_count", params={"count": len(fields), "expected": count}, raw=text[:MAX_RAW])
        cell = {name: fields[n].strip() for name, n in at.items()}
        row = self._row(line, cell)
        fault = self._enter(row, cell)
        if fault is not None:
            self.faults.setdefault(row, _Fault(line, *fault))
        return None

    def _row(self, line: int, cell: dict[str, str]) -> int:
        point, meter, text = cell["supply_point"], cell.get("meter", ""), cell["date"]
        row = self.index.get((point, meter, text))
        if row is not None:
            return row
        fault = None
        for check, column in ((point_fault(point), "supply_point"), (meter_fault(meter), "meter")):
            if check is not None and fault is None:
                fault = _Fault(line, check[0], column, check[1])
        day = self.days.get(text) or day_of(text)
        if isinstance(day, str):
            fault = fault or _Fault(line, day, "date", {"value": shown(text)})
            written = text
        else:
            self.days[text] = day
            written = day.isoformat()
        row = self.index.get((point, meter, written))
        if row is None:
            row = len(self.keys)
            if row >= self.limits.rows:
                raise Unreadable("rows_many", limit=self.limits.rows)
            if row >= len(self.values):
                self._grow(max(1024, 2 * row))
            self.keys.append((point, meter, written))
            self.first.append(line)
            self.index[point, meter, written] = row
            if fault is not None:
                self.faults[row] = fault
        if len(self.index) < 2 * self.limits.rows:
            self.index[point, meter, text] = row  # 2026/4/1 and 2026-04-01 are one day
        return row

    def _grow(self, rows: int) -> None:
        for name, fill in (("values", NULL), ("quality", Quality.MISSING), ("seen", False)):
            old: NDArray[Any] = getattr(self, name)
            new = np.full((rows, SLOTS), fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _enter(self, row: int, cell: dict[str, str]) -> tuple[str, str, dict[str, Any]] | None:
        slot_text, text, letter = cell["slot"], cell["kwh"], cell.get("quality", "")
        if not (slot_text.isascii() and slot_text.isdigit() and len(slot_text) <= 2 and 1 <= int(slot_text) <= SLOTS):
            return "slot_form", "slot", {"value": shown(slot_text)}
        at, label = int(slot_text) - 1, f"{int(slot_text):02}"
        try:
            value = parse_kwh(text) if text else NULL
        except BadNumber as error:
            self.texts.setdefault(row, {})[at + 1] = text
            return error.code, "kwh", {"slot": label, "value": shown(text)}
        code = int(Quality.MISSING if value == NULL else Quality.MEASURED)
        if letter:
            if letter not in _QUALITY:
                self.texts.setdefault(row, {})[at + 1] = text
                return "quality_word", "quality", {"value": shown(letter), "known": _KNOWN}
            if value == NULL and letter != LETTERS[Quality.MISSING]:
                return "quality_without_value", "quality", {"slot": label, "value": letter}
            if value != NULL and letter == LETTERS[Quality.MISSING]:
                self.texts.setdefault(row, {})[at + 1] = text
                return "value_without_quality", "quality", {"slot": label}
            code = _QUALITY[letter]
        if self.seen[row, at]:
            if self.values[row, at] != value or self.quality[row, at] != code:
                first, second = (kwh_text(v) if v != NULL else "–" for v in (int(self.values[row, at]), value))
                return "duplicate_differs", "kwh", {"slot": label, "first": first, "second": second}
            return None
        self.values[row, at], self.quality[row, at], self.seen[row, at] = value, code, True
        return None

    def blocks(self) -> Iterator[DayBlock]:
        """The good rows."""
        good = np.array([row for row in range(len(self.keys)) if row not in self.faults], np.intp)
        first = np.array(self.first, np.int64)
        for at in range(0, len(good), self.limits.block_rows):
            rows = good[at : at + self.limits.block_rows]
            keys = [self.keys[row] for row in rows.tolist()]
            yield DayBlock(
                np.array([key[0] for key in keys], f"S{POINT_LENGTH}"),
                [key[1] for key in keys],
                np.array([key[2] for key in keys], "datetime64[D]"),
                self.values[rows],
                self.quality[rows],
                first[rows],
            )

    def bad_rows(self) -> Iterator[BadRow]:
        """The refused rows as lines of wide CSV; a quality is given back where it says more than its value does."""
        for row, fault in sorted(self.faults.items(), key=lambda item: item[1].line):
            values, texts = self.values[row].tolist(), self.texts.get(row, {})
            plain = (self.quality[row] == plain_quality(self.values[row : row + 1])[0]).all()
            letters = "" if plain or texts else _LETTER_OF[self.quality[row]].tobytes().decode()
            raw = raw_line(*self.keys[row], values, texts, letters)
            check = "V02" if fault.code == "duplicate_differs" else ""
            yield BadRow(fault.line, fault.code, fault.field, fault.params, raw, check)


def write_long(out: Sink, blocks: Iterable[DayBlock], *, compress: bool = False) -> Written:
    """Write blocks as long CSV: `COLUMNS`, 48 lines per day row, UTF-8 without a mark, \\n; gzip when `compress`.

    Equal rows give equal bytes. Streams: part of one block is in memory at a time. `rows` of the report are day
    rows, not lines.
    """
    return write_lines(out, blocks, columns=COLUMNS, lines_of=long_lines, at_once=_WRITTEN_ROWS, compress=compress)


_SLOT_TEXT = np.array([f"{slot}," for slot in range(1, SLOTS + 1)], "S3")


def long_lines(block: DayBlock) -> bytes:
    """The lines of a block, 48 per row, without the header, as UTF-8 bytes."""
    rows = len(block)
    if not rows:
        return b""
    null = block.values == NULL
    usual = null | ((block.values >= 0) & (block.values < TABLE_SIZE))
    if not usual.all() or not all(meter.isascii() for meter in block.meters):
        return b"".join(_lines(block, row) for row in range(rows))
    front = POINT_LENGTH + 1 + METER_LENGTH + 1 + 11
    table = np.zeros((rows, SLOTS, front + 3 + 8 + 2), np.uint8)
    table[:, :, :POINT_LENGTH] = block.points.view(np.uint8).reshape(rows, 1, POINT_LENGTH)
    table[:, :, POINT_LENGTH] = 0x2C
    at = POINT_LENGTH + 1
    meters = np.array(block.meters, f"S{METER_LENGTH}")
    table[:, :, at : at + METER_LENGTH] = meters.view(np.uint8).reshape(rows, 1, METER_LENGTH)
    at += METER_LENGTH
    table[:, :, at] = 0x2C
    days = np.array([f"{day}," for day in np.datetime_as_string(block.days, "D")], "S11")
    table[:, :, at + 1 : at + 12] = days.view(np.uint8).reshape(rows, 1, 11)
    table[:, :, front : front + 3] = _SLOT_TEXT.view(np.uint8).reshape(1, SLOTS, 3)
    index = np.where(null, TABLE_SIZE, block.values)
    table[:, :, front + 3 : front + 11] = cells()[index].view(np.uint8).reshape(rows, SLOTS, 8)
    table[:, :, -2] = _LETTER_OF[block.quality]
    table[:, :, -1] = 0x0A
    return table[table != 0].tobytes()


def _lines(block: DayBlock, row: int) -> bytes:
    """The lines of one row by hand, for values and meters outside the table."""
    front = f"{block.points[row].decode()},{block.meters[row]},{block.days[row]}"
    letters = _LETTER_OF[block.quality[row]].tobytes().decode()
    return "".join(
        f"{front},{slot},{'' if value == NULL else kwh_text(value)},{letter}\n"
        for slot, (value, letter) in enumerate(zip(block.values[row].tolist(), letters, strict=True), 1)
    ).encode()
