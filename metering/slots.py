"""Preliminary half-hours in the store: written as segments, read back in the newest file's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from metering.formats import names
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, SLOTS, pack, unpack
from metering.models import Layer, SlotSegment, SupplyPoint, UsageBatch
from portal.workdays import jst_date

SEGMENT_ROWS = 1024

Order = tuple[int, int, int]
"""What is newer: revision and split of the file's name, then the order of arrival."""


@dataclass
class Held:
    """Rows of one half-hour: point ids and values [n], the meters, and per row which of `orders` brought it."""

    ids: NDArray[np.int64]
    meters: list[str]
    values: NDArray[np.int32]
    source: NDArray[np.intp]
    orders: list[Order]

    def __len__(self) -> int:
        return len(self.ids)

    def newest(self) -> NDArray[np.intp]:
        """The rows that count: of each point and meter that of the newest file, in the order of points and meters."""
        rank = np.empty(len(self.orders), np.intp)
        rank[sorted(range(len(self.orders)), key=self.orders.__getitem__)] = np.arange(len(self.orders))
        meters = np.array(self.meters, "U16")
        order = np.lexsort((rank[self.source] if len(self) else self.source, meters, self.ids))
        ids, meters = self.ids[order], meters[order]
        last = np.ones(len(order), bool)
        last[:-1] = (ids[1:] != ids[:-1]) | (meters[1:] != meters[:-1])
        return order[last]


def write(batch: UsageBatch, ids: NDArray[np.int64], meters: list[str], values: NDArray[np.int32]) -> None:
    """Store one half-hour's rows of a batch; call it once per batch."""
    named = np.array(meters, "U16")
    order = np.lexsort((named, ids))
    ids, values, named = ids[order], values[order], named[order]
    columns = "batch_id, day, slot, first_point, last_point, rows, points, packed, meters"
    statement = f"COPY metering_slotsegment ({columns}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for at in range(0, len(ids), SEGMENT_ROWS):
            part = ids[at : at + SEGMENT_ROWS]
            steps = np.diff(part, prepend=part[0])
            of_meters = named[at : at + SEGMENT_ROWS]
            copy.write_row(
                (
                    *(batch.pk, batch.day, batch.slot, int(part[0]), int(part[-1]), len(part)),
                    pack(np.minimum(steps, 2**31 - 2).astype(np.int32).reshape(1, -1))[0],
                    pack(values[at : at + SEGMENT_ROWS].reshape(1, -1))[0],
                    of_meters.tolist() if (of_meters != "").any() else None,
                )
            )


def orders_of(batches: Iterable[UsageBatch]) -> dict[int, Order]:
    """Batch → what decides which is newer; `batch.file` is read."""
    found: dict[int, Order] = {}
    for batch in batches:
        try:
            revision, split = names.parse(batch.file.name).order
        except Unreadable:
            revision, split = 0, 0
        found[batch.pk] = revision, split, batch.file_id
    return found


def held(batches: Sequence[UsageBatch]) -> Held:
    """Everything these batches of one half-hour brought, in no particular order."""
    orders = orders_of(batches)
    at = {pk: number for number, pk in enumerate(orders)}
    ids: list[NDArray[np.int64]] = []
    values: list[NDArray[np.int32]] = []
    meters: list[str] = []
    source: list[NDArray[np.intp]] = []
    for batch_id, first, rows, points, packed, named in SlotSegment.objects.filter(batch__in=list(orders)).values_list(
        "batch_id", "first_point", "rows", "points", "packed", "meters"
    ):
        ids.append(first + np.cumsum(unpack([points], rows)[0].astype(np.int64)))
        values.append(unpack([packed], rows)[0])
        meters += named or [""] * rows
        source.append(np.full(rows, at[batch_id], np.intp))
    if not ids:
        return Held(np.zeros(0, np.int64), [], np.zeros(0, np.int32), np.zeros(0, np.intp), list(orders.values()))
    return Held(np.concatenate(ids), meters, np.concatenate(values), np.concatenate(source), list(orders.values()))


def day_of(point: SupplyPoint, day: date) -> dict[str, list[int | None]]:
    """The preliminary half-hours of a point on a day so far: meter → 48 values in Wh, None where there is none."""
    segments = SlotSegment.objects.filter(day=day, first_point__lte=point.pk, last_point__gte=point.pk).select_related(
        "batch__file"
    )
    orders = orders_of({segment.batch for segment in segments})
    found: dict[str, list[int | None]] = {}
    for segment in sorted(segments, key=lambda segment: orders[segment.batch_id]):
        ids = segment.first_point + np.cumsum(unpack([segment.points], segment.rows)[0].astype(np.int64))
        values = unpack([segment.packed], segment.rows)[0]
        for row in np.flatnonzero(ids == point.pk).tolist():
            meter = segment.meters[row] if segment.meters else ""
            value = int(values[row])
            found.setdefault(meter, [None] * SLOTS)[segment.slot - 1] = None if value == NULL else value
    return found


def points_of(day: date, sender_id: int) -> NDArray[np.int64]:
    """The ids of all points of which a network operator brought a half-hour of the day, ascending."""
    found = np.zeros(0, np.int64)
    for batch in UsageBatch.objects.filter(day=day, layer=Layer.PRELIMINARY, file__sender=sender_id).order_by("pk"):
        parts = [
            first + np.cumsum(unpack([points], rows)[0].astype(np.int64))
            for first, rows, points in SlotSegment.objects.filter(batch=batch).values_list(
                "first_point", "rows", "points"
            )
        ]
        found = np.union1d(found, np.concatenate([np.zeros(0, np.int64), *parts]))
    return found


def drop_old(*, now: datetime) -> int:
    """Remove half-hours older than USAGE_PRELIMINARY_DAYS, long replaced by day files; returns how many segments."""
    last = jst_date(now) - timedelta(days=settings.USAGE_PRELIMINARY_DAYS)
    return SlotSegment.objects.filter(day__lt=last).delete()[0]
