"""Register readings in: a CSV of one reading per line, its good rows recorded, the others kept with their reasons.

    supply_point,meter,date,kind,reading_kwh
    0300112233445566778899,M123,2026-04-01,regular,12345.6

The figure is the register's with the meter's multiplier applied, in kWh with a decimal point. `kind` is regular (the
register at 00:00 of the day, also when left empty), put_up or taken_away (the first and last reading of a meter that
was exchanged that day). `code` and `reason`, which a list of refused rows carries, are passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import connection

from metering import history_checks, registers
from metering.formats.blocks import METER_LENGTH, POINT_LENGTH
from metering.formats.errors import BadRow, Unreadable, shown
from metering.models import RegisterReading, UsageFile
from metering.registers import Reading
from metering.tallies import Tally
from portal.workdays import jst_date

COLUMNS = ("supply_point", "meter", "date", "kind", "reading_kwh")
PASSED_OVER = ("code", "reason")
NAME_START = "registers"
WORK_ROWS = 5000


class RegisterStore:
    """One file of register readings on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now, self.today = file, now, jst_date(now)
        self.tally = Tally(file)
        self.seen: dict[tuple[str, str, date, str], int] = {}
        self.changed: set[tuple[int, date]] = set()

    def all(self) -> Tally:
        """Record the file. Unreadable when it is none: empty, undecodable, columns missing."""
        held: list[tuple[int, str, Reading]] = []
        with self.file.content.open("rb") as stream:
            for line, raw, cells in _lines(stream):
                row = self._read(line, raw, cells)
                if row is not None:
                    held.append((line, raw, row))
                if len(held) >= WORK_ROWS:
                    self._take(held)
                    held = []
        self._take(held)
        self.tally.write_refused()
        history_checks.check_registers(
            self.changed,
            operator_id=self.file.sender_id,
            received_on=jst_date(self.file.received_at),
            now=self.now,
            file_id=self.file.pk,
        )
        return self.tally

    def _refuse(self, line: int, raw: str, code: str, column: str, **params: Any) -> None:
        self.tally.refuse(BadRow(line, code, column, params, raw))

    def _read(self, line: int, raw: str, cells: dict[str, str]) -> Reading | None:
        """The line as a reading whose point is still its number; None when it is refused."""
        number, meter = cells["supply_point"].replace(" ", ""), cells["meter"].strip()
        kind = cells["kind"].strip() or RegisterReading.Kind.REGULAR.value
        if len(number) != POINT_LENGTH or not (number.isascii() and number.isdigit()):
            self._refuse(line, raw, "point_length", "supply_point", count=len(number))
        elif len(meter) > METER_LENGTH:
            self._refuse(line, raw, "meter_length", "meter", count=len(meter))
        elif kind not in RegisterReading.Kind.values:
            self._refuse(line, raw, "register_kind", "kind", value=shown(kind))
        elif (day := _day(cells["date"])) is None:
            self._refuse(line, raw, "date_form", "date", value=shown(cells["date"]))
        elif day > self.today:
            self._refuse(line, raw, "day_future", "date", day=day.isoformat())
        elif (wh := registers.wh_of(cells["reading_kwh"])) is None:
            self._refuse(line, raw, "register_number", "reading_kwh", value=shown(cells["reading_kwh"]))
        else:
            before = self.seen.setdefault((number, meter, day, kind), wh)
            if before == wh:
                return Reading(int(number), meter, day, wh, kind)
            self._refuse(line, raw, "register_differs", "reading_kwh")
        return None

    def _take(self, held: list[tuple[int, str, Reading]]) -> None:
        if not held:
            return
        ids = self._ids({f"{reading.point_id:0{POINT_LENGTH}}" for _, _, reading in held})
        rows: dict[tuple[int, str, date, str], Reading] = {}
        for line, raw, reading in held:
            number = f"{reading.point_id:0{POINT_LENGTH}}"
            if number not in ids:
                self._refuse(line, raw, "point_unknown", "supply_point", number=number)
                continue
            self.tally.read += 1
            key = (ids[number], reading.meter, reading.day, reading.kind)
            if key in rows:
                self.tally.unchanged += 1
            rows[key] = Reading(ids[number], reading.meter, reading.day, reading.wh, reading.kind)
        new = registers.record(list(rows.values()), now=self.now, file_id=self.file.pk)
        self.tally.taken += len(new)
        self.tally.unchanged += len(rows) - len(new)
        self.changed.update(new)
        self.tally.tell()

    def _ids(self, numbers: set[str]) -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT number, id FROM metering_supplypoint WHERE network_operator_id = %s AND number = ANY(%s)",
                [self.file.sender_id, list(numbers)],
            )
            return dict(cursor.fetchall())


def _lines(stream: Any) -> Iterator[tuple[int, str, dict[str, str]]]:
    """(line, the line as sent without code and reason, its cells by column)."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    reader = csv.reader(text)
    try:
        head = [name.strip() for name in next(reader, [])]
        if not head:
            raise Unreadable("empty")
        if missing := [name for name in COLUMNS if name not in head]:
            raise Unreadable("header_missing", columns=", ".join(missing))
        if unknown := [name for name in head if name not in (*COLUMNS, *PASSED_OVER)]:
            raise Unreadable("header_unknown", columns=shown(", ".join(unknown)))
        place = {name: head.index(name) for name in COLUMNS}
        for cells in reader:
            if not any(cells):
                continue
            cells = [*cells, *[""] * (len(head) - len(cells))]
            found = {name: cells[at] for name, at in place.items()}
            yield reader.line_num, _raw([found[name] for name in COLUMNS]), found
    except UnicodeDecodeError as error:
        raise Unreadable(
            "undecodable",
            line=reader.line_num + 1,
            position=error.start,
            byte=f"{error.object[error.start]:02x}",
        ) from error
    except csv.Error as error:
        raise Unreadable("not_csv", kind=str(error)) from error
    finally:
        text.detach()


def _raw(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if len(text.strip()) == 10 else None
    except ValueError:
        return None
