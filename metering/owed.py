"""What publication still owes: past days that changed hands, noted by whoever changed them, settled by publishing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from portal.workdays import jst_date


@dataclass(frozen=True)
class Change:
    """From `first` to before `until` (None: open end) the point is no longer `from_retailer_id`'s but another's."""

    point_id: int
    first: date
    until: date | None
    from_retailer_id: int | None
    to_retailer_id: int | None
    cause: str


def note(changes: Iterable[Change], *, now: datetime) -> None:
    """Note the past days of these changes, one row per point and day; call it in the transaction of the change.

    Days from today on are not owed: they are published as supply stands then. Of a point nobody supplied before, days
    without stored usage are not owed either.
    """
    today = jst_date(now)
    past = [
        (change, min(change.until or today, today))
        for change in changes
        if change.first < today and change.from_retailer_id != change.to_retailer_id
    ]
    if not past:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO metering_owedday (point_id, day, from_retailer_id, to_retailer_id, cause, known_at)
            SELECT c.point_id, d.day::date, c.from_id, c.to_id, c.cause, %s
            FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::bigint[], %s::bigint[], %s::text[])
                 AS c (point_id, first, until, from_id, to_id, cause)
            CROSS JOIN generate_series(c.first, c.until - 1, interval '1 day') AS d (day)
            WHERE c.from_id IS NOT NULL
               OR EXISTS (SELECT FROM metering_usageday u WHERE u.point_id = c.point_id AND u.day = d.day::date)
            ORDER BY c.point_id, d.day
            """,
            [
                now,
                [change.point_id for change, _ in past],
                [change.first for change, _ in past],
                [until for _, until in past],
                [change.from_retailer_id for change, _ in past],
                [change.to_retailer_id for change, _ in past],
                [change.cause for change, _ in past],
            ],
        )
