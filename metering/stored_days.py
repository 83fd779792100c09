"""Stored days of many points at once, in force, as arrays: what checks and estimates look back on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from metering import slots
from metering.halfhours import NULL, SLOTS, Quality, unpack, unpack_quality
from metering.models import Layer, SlotSegment

ESTIMATED = (Quality.INTERPOLATED, Quality.REFERENCE_DAY, Quality.PROFILE)
"""Qualities nobody has read or agreed: they count as estimated."""

# Point by point through the key, whatever the statistics say; the newest revision of each meter first.
_IN_FORCE = """
    SELECT k.point_id, d.day, u.meter, u.packed, u.quality
    FROM unnest(%(points)s::bigint[]) AS k(point_id)
    CROSS JOIN unnest(%(days)s::date[]) AS d(day)
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (meter) meter, packed, quality FROM metering_usageday
        WHERE point_id = k.point_id AND day = d.day AND layer = %(layer)s AND day BETWEEN %(first)s AND %(last)s
        ORDER BY meter, revision DESC OFFSET 0
    ) u
    ORDER BY k.point_id, d.day, u.meter
"""


@dataclass(frozen=True)
class Days:
    """Day rows side by side, by point, day and meter.

    values   int32 [n, 48], NULL where there is no value
    quality  uint8 [n, 48]
    """

    points: NDArray[np.int64]
    days: list[date]
    meters: list[str]
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """Per row whether every slot has a value."""
        whole: NDArray[np.bool_] = (self.values != NULL).all(axis=1)
        return whole

    @property
    def is_estimated(self) -> NDArray[np.bool_]:
        """Per row whether a slot is estimated."""
        return np.asarray(np.isin(self.quality, ESTIMATED).any(axis=1))

    @property
    def sums(self) -> NDArray[np.int64]:
        """Per row Wh over the slots that have a value."""
        total: NDArray[np.int64] = np.where(self.values == NULL, 0, self.values).sum(axis=1, dtype=np.int64)
        return total


def in_force(points: Iterable[int], days: Sequence[date], *, layer: str = Layer.DAILY) -> Days:
    """The newest revision of every meter's row of the points on the days (one query)."""
    points = sorted(set(points))
    found: list[tuple[int, date, str, bytes, bytes | None]] = []
    if points and days:
        with connection.cursor() as cursor:
            cursor.execute(
                _IN_FORCE,
                {"points": points, "days": list(days), "layer": layer, "first": min(days), "last": max(days)},
            )
            found = cursor.fetchall()
    if not found:
        empty = np.zeros((0, SLOTS), np.int32)
        return Days(np.zeros(0, np.int64), [], [], empty, empty.astype(np.uint8))
    values = unpack([row[3] for row in found])
    return Days(
        np.array([row[0] for row in found], np.int64),
        [row[1] for row in found],
        [row[2] for row in found],
        values,
        unpack_quality([row[4] for row in found], values),
    )


def half_hours(points: Iterable[int], day: date) -> dict[tuple[int, str], NDArray[np.int32]]:
    """The preliminary half-hours of the points on a day: (point, meter) → 48 values, NULL where none came."""
    wanted = np.array(sorted(set(points)), np.int64)
    if not wanted.size:
        return {}
    segments = SlotSegment.objects.filter(
        day=day, first_point__lte=int(wanted[-1]), last_point__gte=int(wanted[0])
    ).select_related("batch__file")
    orders = slots.orders_of({segment.batch for segment in segments})
    found: dict[tuple[int, str], NDArray[np.int32]] = {}
    for segment in sorted(segments, key=lambda segment: orders[segment.batch_id]):
        ids = segment.first_point + np.cumsum(unpack([segment.points], segment.rows)[0].astype(np.int64))
        values = unpack([segment.packed], segment.rows)[0]
        for row in np.flatnonzero(np.isin(ids, wanted)).tolist():
            key = (int(ids[row]), segment.meters[row] if segment.meters else "")
            found.setdefault(key, np.full(SLOTS, NULL, np.int32))[segment.slot - 1] = values[row]
    return found
