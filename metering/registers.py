"""Register readings: recorded many at once, and what a meter used between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from metering.formats.kwh import BadNumber, parse_kwh
from metering.models import RegisterReading

Kind = RegisterReading.Kind
LARGEST_WH = 10**15

# The readings as they come; the newest revision that stands decides whether a reading is known, new or a correction.
_STORE = """
    WITH sent AS (
        SELECT * FROM unnest(%(points)s::bigint[], %(meters)s::text[], %(days)s::date[], %(kinds)s::text[],
                             %(wh)s::bigint[]) AS s(point_id, meter, day, kind, wh)),
    compared AS (
        SELECT s.*, r.revision, r.wh AS known
        FROM sent s LEFT JOIN LATERAL (
            SELECT revision, wh FROM metering_registerreading r
            WHERE r.point_id = s.point_id AND r.meter = s.meter AND r.day = s.day AND r.kind = s.kind
            ORDER BY revision DESC LIMIT 1) r ON true)
    INSERT INTO metering_registerreading (point_id, meter, day, kind, revision, wh, file_id, recorded_at)
    SELECT point_id, meter, day, kind, coalesce(revision + 1, 0), wh, %(file)s, %(now)s
    FROM compared WHERE known IS DISTINCT FROM wh
    RETURNING point_id, day
"""
# Per meter and day: where its register stood when the day began for it, and where when it ended.
_USED = """
    SELECT point_id, meter, day, stop - start
    FROM (
        SELECT k.point_id, k.meter, k.day,
               (SELECT wh FROM metering_registerreading r
                WHERE r.point_id = k.point_id AND r.meter = k.meter AND r.day = k.day
                  AND r.kind IN ('regular', 'put_up')
                ORDER BY r.kind = 'put_up' DESC, r.revision DESC LIMIT 1) AS start,
               (SELECT wh FROM metering_registerreading r
                WHERE r.point_id = k.point_id AND r.meter = k.meter
                  AND (r.day = k.day AND r.kind = 'taken_away' OR r.day = k.day + 1 AND r.kind = 'regular')
                ORDER BY r.kind = 'taken_away' DESC, r.revision DESC LIMIT 1) AS stop
        FROM unnest(%(points)s::bigint[], %(meters)s::text[], %(days)s::date[]) AS k(point_id, meter, day)) found
    WHERE start IS NOT NULL AND stop IS NOT NULL
"""


@dataclass(frozen=True)
class Reading:
    """One reading to be recorded, in Wh with the meter's multiplier applied."""

    point_id: int
    meter: str
    day: date
    wh: int
    kind: str = Kind.REGULAR


def wh_of(text: str) -> int | None:
    """A register's kWh as Wh; None when the text is none: negative, no number, too many decimals."""
    try:
        wh = parse_kwh(text.strip(), largest=LARGEST_WH)
    except BadNumber:
        return None
    return wh if wh >= 0 else None


def record(readings: Sequence[Reading], *, now: datetime, file_id: int | None = None) -> list[tuple[int, date]]:
    """Record readings; one that stands there with the same figure is passed over, another figure is a new revision.

    No two of the readings may be of the same meter, day and kind. Returns (point, day) of what was new. Part of the
    caller's transaction: the file or case that brings them is their record.
    """
    if not readings:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "points": [reading.point_id for reading in readings],
                "meters": [reading.meter for reading in readings],
                "days": [reading.day for reading in readings],
                "kinds": [str(reading.kind) for reading in readings],
                "wh": [reading.wh for reading in readings],
                "file": file_id,
                "now": now,
            },
        )
        return cursor.fetchall()


def used(rows: Iterable[tuple[int, str, date]]) -> dict[tuple[int, str, date], int]:
    """Wh each meter's register moved on during the day, for (point, meter, day) with both readings (two queries).

    On the day of an exchange the old meter counts from the regular reading to its last one, the new one from its
    first reading to the next regular one. A row that names no meter is held to all registers of its point together.
    Negative where a register went backwards.
    """
    rows = list(rows)
    together = _meters_of([(point, day) for point, meter, day in rows if not meter])
    asked = {row for row in rows if row[1]}
    asked |= {(point, meter, day) for (point, day), meters in together.items() for meter in meters}
    if not asked:
        return {}
    keys = sorted(asked)
    with connection.cursor() as cursor:
        cursor.execute(
            _USED,
            {
                "points": [point for point, _, _ in keys],
                "meters": [meter for _, meter, _ in keys],
                "days": [day for _, _, day in keys],
            },
        )
        known = {(point, meter, day): wh for point, meter, day, wh in cursor.fetchall()}
    for (point, day), meters in together.items():
        parts = [known.get((point, meter, day)) for meter in meters]
        if None not in parts:
            known[point, "", day] = sum(part for part in parts if part is not None)
    return known


def _meters_of(days: Sequence[tuple[int, date]]) -> dict[tuple[int, date], list[str]]:
    """The meters whose registers were read as the day began or as they were put up during it."""
    if not days:
        return {}
    found: dict[tuple[int, date], list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT k.point_id, k.day, r.meter
            FROM unnest(%s::bigint[], %s::date[]) AS k(point_id, day)
            JOIN metering_registerreading r
              ON r.point_id = k.point_id AND r.day = k.day AND r.kind IN ('regular', 'put_up')
            """,
            [[point for point, _ in days], [day for _, day in days]],
        )
        for point, day, meter in cursor.fetchall():
            found.setdefault((point, day), []).append(meter)
    return found


def exchanged(rows: Iterable[tuple[int, str, date]]) -> set[tuple[int, str, date]]:
    """Those (point, meter, day) whose meter was put up or taken away on the day (one query)."""
    rows = [row for row in rows if row[1]]
    if not rows:
        return set()
    found = RegisterReading.objects.filter(
        point_id__in={point for point, _, _ in rows}, day__in={day for _, _, day in rows}
    ).exclude(kind=Kind.REGULAR)
    return set(rows) & set(found.values_list("point_id", "meter", "day"))


def between(point_id: int, meter: str, first: date, last: date) -> list[tuple[date, int]]:
    """The regular readings in force of a meter from `first` to `last` (both included), by day."""
    found = (
        RegisterReading.objects.filter(point_id=point_id, meter=meter, kind=Kind.REGULAR, day__gte=first, day__lte=last)
        .order_by("day", "-revision")
        .distinct("day")
        .values_list("day", "wh")
    )
    return list(found)


def of_exchange(
    point_id: int,
    day: date,
    *,
    old: str = "",
    old_wh: int | None = None,
    new: str = "",
    new_wh: int | None = None,
) -> list[Reading]:
    """What was read at work on meters: the last reading of the one taken away, the first of the one put up."""
    readings = []
    if old and old_wh is not None:
        readings.append(Reading(point_id, old, day, old_wh, Kind.TAKEN_AWAY))
    if new and new_wh is not None:
        readings.append(Reading(point_id, new, day, new_wh, Kind.PUT_UP))
    return readings
