"""W5 files in: fixed months, meter exchanges and off-cycle readings, point by point, kept whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

import numpy as np

from metering import fixed_rows, meter_exchanges, usage_formats
from metering.day_intake import DayStore
from metering.formats import fixed, names
from metering.formats.blocks import POINT_LENGTH, DayBlock
from metering.formats.errors import BadRow
from metering.formats.fixed import PointMonth
from metering.formats.kwh import kwh_text
from metering.halfhours import NULL, SLOTS
from metering.models import FixedRow, Layer, UsageBatch, UsageFile
from metering.slots import Order
from metering.tallies import Tally
from portal import ledger
from portal.workdays import jst_date

WORK_POINTS = 500
"""Points looked up, checked and stored at once; a point is a whole month of half-hours."""

Key = tuple[int, str]
"""Point and meter."""


class FixedStore:
    """One W5 file on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.tally = Tally(file)
        self.facts_of = DayStore(file, now=now).facts
        self.name = names.parse(file.name)
        self.kind = FixedRow.Kind(self.name.code[:2])
        self.month: date | None = None
        self.batch: UsageBatch | None = None
        self.seen: dict[Key, FixedRow] = {}
        self.changed: list[ledger.Entry] = []

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
            self.tally.note("revision_jump", np.array([1]))

    def _take(self, points: list[PointMonth]) -> None:
        facts = self.facts_of(_as_days(points, self.name.day))
        stored = self._in_force(sorted({pk for pk in facts.point_ids.tolist() if pk}))
        rows: list[FixedRow] = []
        for point, point_id in zip(points, facts.point_ids.tolist(), strict=True):
            if found := self._fault(point, point_id):
                code, params = found
                self.tally.refuse(BadRow(point.line, code, "", params, fixed.point_xml(point)))
                continue
            row = fixed_rows.from_point(point, kind=self.kind, read_on=self.name.day, month=self.month)
            row.point_id = point_id
            if self._is_new(row, point, stored.get((point_id, point.meter))):
                row.batch = self._batch()
                rows.append(row)
        FixedRow.objects.bulk_create(rows)
        self.tally.taken += len(rows)
        if self.batch is not None:
            self.batch.rows += len(rows)
            self.batch.readings += sum(1 for row in rows if row.wh is not None)

    def _fault(self, point: PointMonth, point_id: int) -> tuple[str, dict[str, object]] | None:
        """Why a point is refused, the first reason of V01, V04 and V08."""
        about: dict[str, object] = {"number": point.point, "day": self.name.day.isoformat()}
        if self.name.day > jst_date(self.now):
            return "day_future", about
        if not point_id:
            return "point_unknown", about
        if self.kind != FixedRow.Kind.FIXED or not point.provided:
            return None
        if point.month_wh is None:
            return "month_amount_missing", about
        values, later = point.whole, point.sorted_
        present = values != NULL
        if point.month_wh < 0 or (values[present] < 0).any():
            return "month_negative", about
        total = int(values[present].sum(dtype=np.int64))
        if present.size and present.all() and total != point.month_wh:
            return "month_sum", {**about, "month": kwh_text(point.month_wh), "sum": kwh_text(total)}
        if ((later != NULL) & present & (later > values)).any() or (
            point.month_sorted_wh is not None and point.month_sorted_wh > point.month_wh
        ):
            return "sorted_above_whole", about
        sorted_total = int(later[later != NULL].sum(dtype=np.int64))
        if later.size and (later != NULL).all() and point.month_sorted_wh not in (None, sorted_total):
            return "month_sum", {**about, "month": kwh_text(point.month_sorted_wh), "sum": kwh_text(sorted_total)}
        return None

    def _is_new(self, row: FixedRow, point: PointMonth, current: tuple[FixedRow, Order] | None) -> bool:
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
            self.tally.note("overtaken", np.array([point.line]))
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
