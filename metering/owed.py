"""What publication still owes: past days that changed hands, noted by whoever changed them, settled by publishing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from metering.models import OwedDay, Publication
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
    without usage are not owed either.
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
               OR EXISTS (SELECT FROM metering_lastrecipient r WHERE r.point_id = c.point_id AND r."on" = d.day::date)
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


@dataclass(frozen=True)
class Move:
    """A point whose published day belongs to another retailer than the one that got it; None is nobody."""

    point_id: int
    number: str
    area: str
    supply_class: str
    from_retailer_id: int | None
    to_retailer_id: int | None


def unsettled(day: date) -> list[int]:
    """What is noted for a day and not settled yet, in the order it was noted."""
    return list(OwedDay.objects.filter(day=day, settled_at__isnull=True).order_by("pk").values_list("pk", flat=True))


def days_to_settle(last: date) -> set[date]:
    """The days up to `last` with something to settle."""
    return set(OwedDay.objects.filter(settled_at__isnull=True, day__lte=last).values_list("day", flat=True).distinct())


def moves(ids: list[int], day: date, layer: str) -> list[Move]:
    """What these notes of a day come to: points published to one retailer that are now another's, by number.

    A point that changed hands several times since it was published went from the first to who holds it now; one that
    came back, or of which nothing was published, did not move.
    """
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id, p.number, p.area, p.supply_class, o.from_retailer_id, s.retailer_id
            FROM (SELECT DISTINCT ON (point_id) point_id, from_retailer_id FROM metering_owedday
                  WHERE id = ANY (%(ids)s) ORDER BY point_id, id) o
            JOIN metering_supplypoint p ON p.id = o.point_id
            LEFT JOIN metering_supplyperiod s
                   ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> %(day)s::date
            WHERE o.from_retailer_id IS DISTINCT FROM s.retailer_id
              AND EXISTS (SELECT FROM metering_usageday u
                          JOIN metering_usagebatch b ON b.id = u.batch_id AND b.publication_id IS NOT NULL
                          WHERE u.point_id = p.id AND u.day = %(day)s AND u.layer = %(layer)s)
            ORDER BY p.number
            """,
            {"ids": ids, "day": day, "layer": layer},
        )
        return [Move(*row) for row in cursor.fetchall()]


def settle(ids: list[int], publication: Publication | None, *, now: datetime) -> None:
    """Mark these notes as carried out, by the publication or because there was nothing to carry out."""
    OwedDay.objects.filter(pk__in=ids).update(settled_at=now, publication=publication)
