"""The table of a message: one row per point and meter, one column per slot, filled slot by slot."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import BLOCK_ROWS, METER_LENGTH, POINT_LENGTH, DayBlock, SlotBlock
from metering.formats.bp.arrays import Run
from metering.formats.bp.messages import DAY, KEY, Message
from metering.formats.csv import COLUMNS, SLOT_COLUMNS, meter_fault, point_fault
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import BadNumber, kwh_text, parse_kwh
from metering.formats.tags import TagTable
from metering.halfhours import NULL, SLOTS, plain_quality


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: bytes of XML, points (rows of point and meter), rows per block given out."""

    xml_bytes: int = 1 << 30
    points: int = 50_000
    block_rows: int = BLOCK_ROWS


USUAL = Limits()


def slot_of(text: str) -> int | None:
    """The slot 1 to 48 that a text names, None for any other text."""
    if re.fullmatch(r"\d{1,2}", text, re.ASCII) and 1 <= int(text) <= SLOTS:
        return int(text)
    return None


@dataclass(slots=True)
class _Fault:
    code: str
    field: str
    params: Mapping[str, object]
    check: str = ""


class Rows:
    """The table being turned: one row per point and meter, one column per slot, filled slot by slot."""

    def __init__(self, table: TagTable, limits: Limits) -> None:
        self.table, self.limits = table, limits
        self.code = ""
        self.index: dict[tuple[str, str], int] = {}
        self.keys: list[tuple[str, str]] = []
        self.first: list[int] = []
        self.order = np.zeros(0, f"S{KEY}")
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

    def put(self, slot_text: str, waiting: list[tuple[int, dict[str, str] | Run]]) -> None:
        """Take all rows of one slot; a slot that does not exist is a fault of every point listed in it."""
        slot = slot_of(slot_text)
        expected = 0
        for ordinal, rows in waiting:
            if isinstance(rows, Run):
                expected = self._put_run(slot, slot_text, ordinal, rows, expected)
            else:
                row = self._row(rows.get(self.table.point, ""), rows.get(self.table.meter, ""), ordinal)
                self._put_row(slot, slot_text, row, rows)
                expected = row + 1

    def _put_run(self, slot: int | None, slot_text: str, ordinal: int, run: Run, expected: int) -> int:
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
        pairs = [(key[:width], key[width:]) for key in keys.astype(f"U{KEY}").tolist()]
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

    def _as_texts(self, run: Run, n: int) -> dict[str, str]:
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
