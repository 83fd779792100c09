"""W5 files in: fixed months, meter exchanges and off-cycle readings, point by point, kept whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice

import numpy as np
from django.conf import settings

from metering import findings, fixed_rows, history_checks, meter_exchanges, registers, usage_formats
from metering.checks import CHECKS
from metering.day_intake import DayStore
from metering.findings import Found
from metering.formats import fixed, names
from metering.formats.blocks import POINT_LENGTH, DayBlock
from metering.formats.errors import BadRow, shown
from metering.formats.fixed import PointMonth
from metering.formats.kwh import kwh_text
from metering.halfhours import NULL, SLOTS
from metering.models import FixedRow, Layer, UsageBatch, UsageFile
from metering.registers import Reading
from metering.slots import Order
from metering.tallies import Tally
from metering.vee import KEEPS_OUT
from portal import ledger
from portal.workdays import jst_date

WORK_POINTS = 500
"""Points looked up, checked and stored at once; a point is a whole month of half-hours."""

Key = tuple[int, str]
"""Point and meter."""


@dataclass(frozen=True)
class _Fault:
    """What is wrong with a point: the reason of `checks.CHECKS`, what fills its sentence, and the finding's.

    `must` refuses whatever the rules say: what stands like that cannot be stored.
    """

    reason: str
    params: dict[str, object]
    kind: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    must: bool = False


class FixedStore:
    """One W5 file on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.tally = Tally(file)
        days = DayStore(file, now=now)
        self.facts_of, self.rules = days.facts, days.rules
        self.name = names.parse(file.name)
        self.kind = FixedRow.Kind(self.name.code[:2])
        self.month: date | None = None
        self.batch: UsageBatch | None = None
        self.seen: dict[Key, FixedRow] = {}
        self.changed: list[ledger.Entry] = []
        self.readings: list[Reading] = []

    def all(self) -> Tally:
        with self.file.content.open("rb") as stream:
            message, items = usage_formats.months(self.file, stream)
            self.month = message.month
            self._note_revision()
            good = self._good(items)
            while points := list(islice(good, WORK_POINTS)):
                self._take(points)
                self.tally.tell()
        self.tally.write_refused()
        if self.batch is not None:
            self.batch.save(update_fields=["rows", "readings", "rows_corrected"])
            if self.kind == FixedRow.Kind.FIXED:
                fixed_rows.renew_months(self.batch.pk)
            elif self.kind == FixedRow.Kind.EXCHANGE:
                for line in meter_exchanges.apply(self.batch):
                    self.tally.note("meter_unclear", np.array([line]))
        history_checks.record_registers(
            self.readings,
            operator_id=self.file.sender_id,
            received_on=jst_date(self.file.received_at),
            now=self.now,
            file_id=self.file.pk,
        )
        if self.changed:
            ledger.record_many(self.changed, by=None, now=self.now)
        return self.tally

    def _good(self, items: Iterator[PointMonth | BadRow]) -> Iterator[PointMonth]:
        for item in items:
            if isinstance(item, BadRow):
                self.tally.refuse(item)
            else:
                yield item

    def _note_revision(self) -> None:
        known = [
            names.parse(name).revision
            for name in UsageFile.objects.filter(
                sender=self.file.sender_id, batches__day=self.name.day, format=self.file.format
            ).values_list("name", flat=True)
            if names.parse(name).code == self.name.code
        ]
        if self.name.revision > max(known, default=-1) + 1:
            self.tally.note("revision_jump", np.array([1]), severity=int(self.rules.severities("V14").max()))

    def _take(self, points: list[PointMonth]) -> None:
        facts = self.facts_of(_as_days(points, self.name.day))
        stored = self._in_force(sorted({pk for pk in facts.point_ids.tolist() if pk}))
        rows: list[FixedRow] = []
        found: list[Found] = []
        of_points = zip(points, facts.point_ids.tolist(), facts.scopes.tolist(), strict=True)
        for point, point_id, scope in of_points:
            struck = [(fault, self._rank(fault, scope)) for fault in self._faults(point, point_id)]
            if refusals := [fault for fault, rank in struck if rank >= KEEPS_OUT]:
                refusal = refusals[0]
                self.tally.refuse(BadRow(point.line, refusal.reason, "", refusal.params, fixed.point_xml(point)))
                continue
            row = fixed_rows.from_point(point, kind=self.kind, read_on=self.name.day, month=self.month)
            row.point_id = point_id
            before = stored.get((point_id, point.meter))
            if not self._is_new(row, point, before, scope):
                continue
            row.batch = self._batch()
            rows.append(row)
            self.readings += self._readings(row, point)
            for fault, rank in struck:
                self.tally.note(fault.reason, np.array([point.line]), severity=rank)
                found.append(self._found(CHECKS[fault.reason].check, fault.kind, rank, row, fault.numbers))
            found += self._of_changed(row, before, scope)
        FixedRow.objects.bulk_create(rows)
        if self.kind == FixedRow.Kind.FIXED:
            changed = {row.point_id for row in rows if row.revision}
            findings.replace(changed, self.name.day, but_of_file=self.file.pk, now=self.now, of_fixed=True)
        findings.keep(found, operator_id=self.file.sender_id, file_id=self.file.pk, now=self.now)
        self.tally.taken += len(rows)
        if self.batch is not None:
            self.batch.rows += len(rows)
            self.batch.readings += sum(1 for row in rows if row.wh is not None)

    def _rank(self, fault: _Fault, scope: int) -> int:
        return KEEPS_OUT if fault.must else self._severity(CHECKS[fault.reason].check, scope)

    def _severity(self, check: str, scope: int) -> int:
        return int(self.rules.severities(check)[scope])

    def _found(self, check: str, kind: str, rank: int, row: FixedRow, numbers: dict[str, int]) -> Found:
        return Found(check, kind, rank, self.name.day, row.point_id, row.meter, numbers)

    def _readings(self, row: FixedRow, point: PointMonth) -> Iterator[Reading]:
        for kind, text in _said_by_registers(point).items():
            if (wh := registers.wh_of(text)) is not None:
                yield Reading(row.point_id, row.meter, self.name.day, wh, kind)

    def _of_changed(self, row: FixedRow, before: tuple[FixedRow, Order] | None, scope: int) -> Iterator[Found]:
        """V14: a fixed amount that another one takes the place of."""
        was = before[0].wh if before and self.kind == FixedRow.Kind.FIXED else None
        if was is not None and row.wh is not None and was != row.wh:
            numbers = {"revision": row.revision, "before_wh": was, "wh": row.wh}
            yield self._found("V14", "fixed_month", self._severity("V14", scope), row, numbers)

    def _faults(self, point: PointMonth, point_id: int) -> Iterator[_Fault]:
        """What is wrong with a point by V01, V04 and V08, and what no rule of the hub lets in."""
        about: dict[str, object] = {"number": point.point, "day": self.name.day.isoformat()}
        if self.name.day > jst_date(self.now):
            yield _Fault("day_future", about, must=True)
            return
        if not point_id:
            yield _Fault("point_unknown", about, must=True)
            return
        for text in _said_by_registers(point).values():
            if registers.wh_of(text) is None:
                yield _Fault("register_number", {"value": shown(text)}, must=True)
        if self.kind == FixedRow.Kind.FIXED and point.provided:
            if point.month_wh is None:
                yield _Fault("month_amount_missing", about, must=True)
            else:
                yield from _faults_of_month(point, point.month_wh, about)

    def _is_new(self, row: FixedRow, point: PointMonth, current: tuple[FixedRow, Order] | None, scope: int) -> bool:
        """Whether a row is to be stored; counts what is not, and gives it its revision."""
        key = (row.point_id, row.meter)
        first = self.seen.setdefault(key, row)
        if first is not row and first.digest != row.digest:
            params = {"number": point.point, "day": self.name.day.isoformat()}
            self.tally.refuse(BadRow(point.line, "row_differs", "", params, fixed.point_xml(point)))
            return False
        self.tally.read += 1
        if first is not row:
            self.tally.unchanged += 1
            return False
        if current is None:
            return True
        before, order = current
        if before.digest == row.digest:
            self.tally.unchanged += 1
            return False
        if order > (*self.name.order, self.file.pk):
            self.tally.unchanged += 1
            self.tally.note("overtaken", np.array([point.line]), severity=self._severity("V14", scope))
            return False
        row.revision = before.revision + 1
        self.changed.append(
            ledger.Entry(
                "fixed value changed",
                f"supply point {point.point}",
                detail={
                    "file": self.file.pk,
                    "read_on": self.name.day.isoformat(),
                    "meter": row.meter,
                    "wh_before": before.wh,
                    "wh": row.wh,
                    "revision": row.revision,
                },
            )
        )
        self._batch().rows_corrected += 1
        return True

    def _in_force(self, ids: list[int]) -> dict[Key, tuple[FixedRow, Order]]:
        """The newest row of each point and meter for this kind and reading day, and how new its file is."""
        found: dict[Key, tuple[FixedRow, Order]] = {}
        rows = FixedRow.objects.filter(point__in=ids, kind=self.kind, read_on=self.name.day)
        rows = rows.exclude(batch__file=self.file).select_related("batch__file")
        for row in rows.order_by("point_id", "meter", "-revision").distinct("point_id", "meter"):
            order = (*names.parse(row.batch.file.name).order, row.batch.file_id)
            found[row.point_id, row.meter] = row, order
        return found

    def _batch(self) -> UsageBatch:
        if self.batch is None:
            self.batch = UsageBatch.objects.create(
                file=self.file, day=self.name.day, layer=Layer.FIXED, rows=0, readings=0, rows_corrected=0
            )
        return self.batch


def _said_by_registers(point: PointMonth) -> dict[str, str]:
    """Kind of reading → its text, from the items that carry one; the first of a kind counts."""
    found: dict[str, str] = {}
    for tag, content in point.whole_point or point.others:
        kind = settings.USAGE_READING_TAGS.get(tag)
        if kind and isinstance(content, str) and content.strip():
            found.setdefault(kind, content)
    return found


def _faults_of_month(point: PointMonth, month_wh: int, about: dict[str, object]) -> Iterator[_Fault]:
    values, later = point.whole, point.sorted_
    present = values != NULL
    if month_wh < 0 or (values[present] < 0).any():
        yield _Fault("month_negative", about, "month_negative", {"wh": month_wh})
    total = int(values[present].sum(dtype=np.int64))
    if present.size and present.all() and total != month_wh:
        yield _month_sum(month_wh, total, about)
    sorted_wh = point.month_sorted_wh
    if sorted_wh is not None and sorted_wh > month_wh:
        yield _Fault("sorted_above_whole", about, must=True)
    if (above := (later != NULL) & present & (later > values)).any():
        numbers = {"sorted_wh": int(later[above][0]), "whole_wh": int(values[above][0])}
        yield _Fault("sorted_above_whole", about, "sorted", numbers)
    sorted_total = int(later[later != NULL].sum(dtype=np.int64))
    if later.size and (later != NULL).all() and sorted_wh is not None and sorted_wh != sorted_total:
        yield _month_sum(sorted_wh, sorted_total, about)


def _month_sum(month_wh: int, total: int, about: dict[str, object]) -> _Fault:
    params = {**about, "month": kwh_text(month_wh), "sum": kwh_text(total)}
    return _Fault("month_sum", params, "month", {"month_wh": month_wh, "sum_wh": total})


def _as_days(points: list[PointMonth], day: date) -> DayBlock:
    """The points as rows of one day, as far as looking them up needs it."""
    rows = len(points)
    return DayBlock(
        np.array([point.point for point in points], f"S{POINT_LENGTH}"),
        [point.meter for point in points],
        np.full(rows, np.datetime64(day, "D")),
        np.full((rows, SLOTS), NULL, np.int32),
        np.zeros((rows, SLOTS), np.uint8),
        np.array([point.line for point in points], np.int64),
    )
