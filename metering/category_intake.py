"""Files of the other categories in: row by row into their table, refused rows kept as they were sent."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings

from metering import categories
from metering.categories import BadCell, Cells
from metering.formats.csv import MAX_RAW, point_fault, read_lines
from metering.formats.errors import BadRow
from metering.models import CategoryRow, Layer, SupplyPoint, UsageBatch, UsageFile
from metering.tallies import Tally
from portal.workdays import jst_date

WORK_ROWS = 2000

Line = tuple[int, str, Cells]


class CategoryStore:
    """One file of a category on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.category = categories.OF_FORMAT[file.format]
        self.tally = Tally(file)
        self.batch: UsageBatch | None = None
        self.seen: dict[tuple[Any, ...], list[str]] = {}

    def all(self) -> Tally:
        header = self.category.header
        with self.file.content.open("rb") as stream:
            count, at, lines = read_lines(stream, header, header, max_bytes=settings.USAGE_XML_MAX_BYTES)
            good = self._cells(lines, count, at)
            while some := list(islice(good, WORK_ROWS)):
                self._take(some)
                self.tally.tell()
        self.tally.write_refused()
        if self.batch is not None:
            self.batch.save(update_fields=["rows", "rows_corrected"])
        return self.tally

    def _cells(self, lines: Iterator[tuple[int, str]], count: int, at: dict[str, int]) -> Iterator[Line]:
        for line, text in lines:
            try:
                fields = next(csv.reader([text], strict=True))
            except csv.Error:
                self.tally.refuse(BadRow(line, "quotes", raw=text[:MAX_RAW]))
                continue
            if len(fields) != count:
                params = {"count": len(fields), "expected": count}
                self.tally.refuse(BadRow(line, "column_count", params=params, raw=text[:MAX_RAW]))
                continue
            yield line, text[:MAX_RAW], {name: fields[n].strip() for name, n in at.items()}

    def _take(self, lines: list[Line]) -> None:
        numbers = {cells["supply_point"] for _, _, cells in lines}
        points = dict(
            SupplyPoint.objects.filter(number__in=numbers, network_operator=self.file.sender_id).values_list(
                "number", "pk"
            )
        )
        read: list[tuple[Line, CategoryRow]] = []
        for line in lines:
            try:
                read.append((line, self._row(line[2], points)))
            except BadCell as bad:
                self.tally.refuse(BadRow(line[0], bad.code, bad.column, bad.params, line[1]))
        stored = self._in_force([row.point_id for _, row in read])
        new = [row for line, row in read if self._is_new(line, row, stored)]
        for row in new:
            row.batch = self._batch()
        self.category.model.objects.bulk_create(new)
        self.tally.taken += len(new)
        if self.batch is not None:
            self.batch.rows += len(new)

    def _row(self, cells: Cells, points: dict[str, int]) -> CategoryRow:
        number = cells["supply_point"]
        if fault := point_fault(number):
            raise BadCell(fault[0], "supply_point", number, **{"count": 0, **fault[1]})
        if number not in points:
            raise BadCell("point_unknown", "supply_point", number, number=number)
        row = self.category.model(point_id=points[number], **self.category.read(cells))
        if row.on > jst_date(self.now):
            raise BadCell("day_future", "date", row.on.isoformat(), day=row.on.isoformat())
        return row

    def _key(self, row: CategoryRow) -> tuple[Any, ...]:
        return (row.point_id, *(getattr(row, name) for name in row.KEY))

    def _in_force(self, point_ids: list[int]) -> dict[tuple[Any, ...], CategoryRow]:
        rows = self.category.model.objects.filter(point__in=set(point_ids)).exclude(batch__file=self.file)
        return {self._key(row): row for row in rows.select_related("batch").order_by("revision")}

    def _is_new(self, line: Line, row: CategoryRow, stored: dict[tuple[Any, ...], CategoryRow]) -> bool:
        key, said = self._key(row), self.category.write(row)
        first = self.seen.setdefault(key, said)
        if first != said:
            params = {"number": line[2]["supply_point"], "day": row.on.isoformat()}
            self.tally.refuse(BadRow(line[0], "row_differs", "", params, line[1]))
            return False
        self.tally.read += 1
        before = stored.get(key)
        if first is not said or (before and self.category.write(before) == said):
            self.tally.unchanged += 1
            return False
        if before:
            if before.batch.file_id > self.file.pk:
                self.tally.unchanged += 1
                return False
            row.revision = before.revision + 1
            self._batch().rows_corrected += 1
        return True

    def _batch(self) -> UsageBatch:
        if self.batch is None:
            self.batch = UsageBatch.objects.create(
                file=self.file, day=jst_date(self.file.received_at), layer=Layer.OTHER, rows=0, readings=0
            )
        return self.batch
