"""Counting how complete fixed usage is: reading day by reading day, once its business days are over."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from metering.completeness import COUNT_AGAIN
from metering.models import FixedRow, Layer, SupplyPeriod, SupplyPoint
from portal import workdays
from portal.access import Ability, within
from portal.models import User
from portal.workdays import JST, Workdays, jst_date

ONE_DAY = timedelta(days=1)

# Reading days are those of the calendar and those files came of. A day is counted anew when a file of it or a row that
# was refused, a publication or a change of supply came since, and every few days whatever happened.
STALE = """
    SELECT d.day
    FROM (SELECT day FROM metering_readingdate WHERE day BETWEEN %(first)s AND %(last)s
            AND day >= (SELECT min(day) FROM metering_usagebatch WHERE layer = %(layer)s)
          UNION
          SELECT day FROM metering_usagebatch WHERE layer = %(layer)s AND day BETWEEN %(first)s AND %(last)s) d
    LEFT JOIN (SELECT day, min(counted_at) AS counted_at FROM metering_daycount
               WHERE layer = %(layer)s AND day BETWEEN %(first)s AND %(last)s GROUP BY day) c ON c.day = d.day
    WHERE c.day IS NULL OR c.counted_at < %(old)s
       OR EXISTS (SELECT FROM metering_usagebatch b JOIN metering_usagefile f ON f.id = b.file_id
                  LEFT JOIN metering_publication p ON p.id = b.publication_id
                  WHERE b.day = d.day AND b.layer = %(layer)s
                    AND (f.finished_at >= c.counted_at OR p.published_at >= c.counted_at))
       OR EXISTS (SELECT FROM metering_usagefile f
                  WHERE f.layer = %(layer)s AND f.rows_refused > 0 AND f.finished_at >= c.counted_at
                    AND f.name LIKE '%%' || to_char(d.day, 'YYYYMMDD') || '%%')
       OR EXISTS (SELECT FROM metering_owedday o WHERE o.day = d.day AND o.known_at >= c.counted_at)
    ORDER BY 1
"""
# A point is due on the reading day of its group, from the first one on that its network operator sent anything of.
DUE = """
    FROM metering_supplypoint p
    LEFT JOIN metering_supplyperiod s ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> %(day)s::date
    LEFT JOIN metering_readingdate r ON r.area = p.area AND r.reading_day = p.reading_day AND r.day = %(day)s
    LEFT JOIN (SELECT f.sender_id, min(b.day) AS day FROM metering_usagebatch b
               JOIN metering_usagefile f ON f.id = b.file_id WHERE b.layer = %(layer)s GROUP BY 1) began
           ON began.sender_id = p.network_operator_id
    LEFT JOIN (SELECT x.point_id, min(f.received_at) AS at, bool_or(b.publication_id IS NULL) AS is_held
               FROM metering_fixedrow x
               JOIN metering_usagebatch b ON b.id = x.batch_id
               JOIN metering_usagefile f ON f.id = b.file_id
               WHERE b.day = %(day)s AND b.layer = %(layer)s AND x.kind = %(kind)s
               GROUP BY 1) got ON got.point_id = p.id
    WHERE (got.point_id IS NOT NULL OR (s.id IS NOT NULL AND r.id IS NOT NULL AND began.day <= %(day)s))
"""
COUNT = f"""
    INSERT INTO metering_daycount (layer, day, network_operator_id, retailer_id, area, supply_class, due, on_time,
        late_day, late_days, late_week, late_more, refused, not_sent, held, unsupplied, counted_at)
    SELECT %(layer)s, %(day)s, x.network_operator_id, x.retailer_id, x.area, x.supply_class,
           count(x.supply_id),
           count(x.supply_id) FILTER (WHERE x.at < x.until),
           count(x.supply_id) FILTER (WHERE x.at >= x.until AND x.at < x.until + interval '1 day'),
           count(x.supply_id) FILTER (WHERE x.at >= x.until + interval '1 day' AND x.at < x.until + interval '3 days'),
           count(x.supply_id) FILTER (WHERE x.at >= x.until + interval '3 days' AND x.at < x.until + interval '7 days'),
           count(x.supply_id) FILTER (WHERE x.at >= x.until + interval '7 days'),
           count(x.supply_id) FILTER (WHERE x.at IS NULL AND no.number IS NOT NULL),
           count(x.supply_id) FILTER (WHERE x.at IS NULL AND no.number IS NULL),
           count(*) FILTER (WHERE x.is_held),
           count(*) FILTER (WHERE x.supply_id IS NULL),
           %(now)s
    FROM (SELECT p.network_operator_id, s.retailer_id, p.area, p.supply_class, p.number, s.id AS supply_id,
                 got.at, got.is_held, (%(until)s::jsonb ->> p.area)::timestamptz AS until {DUE}) x
    LEFT JOIN (SELECT DISTINCT substring(r.raw FROM '[0-9]{{22}}') AS number
               FROM metering_refusedrow r JOIN metering_usagefile f ON f.id = r.file_id
               WHERE f.layer = %(layer)s AND f.name LIKE %(named)s) no ON no.number = x.number
    GROUP BY 3, 4, 5, 6
"""
MISSING = f"""
    SELECT p.id {DUE} AND got.point_id IS NULL AND s.id IS NOT NULL
"""


def due(day: date, calendar: Workdays) -> date:
    """Until when fixed usage of a reading day is to be there: the fourth business day, the reading day counted."""
    return calendar.add(day - ONE_DAY, settings.FIXED_USAGE_BUSINESS_DAYS)


def deadlines(day: date, calendars: dict[str, Workdays]) -> dict[str, datetime]:
    """Per area the moment the last business day of a reading day is over."""
    return {area: datetime.combine(due(day, calendar) + ONE_DAY, time(), JST) for area, calendar in calendars.items()}


def days_to_count(*, now: datetime) -> Iterator[tuple[date, dict[str, datetime]]]:
    """Reading days whose time is over everywhere and that are not counted since something changed, the oldest first."""
    last = jst_date(now) - ONE_DAY
    first = last - timedelta(days=settings.USAGE_COUNTED_DAYS - 1)
    with connection.cursor() as cursor:
        cursor.execute(STALE, {"first": first, "last": last, "layer": Layer.FIXED, "old": now - COUNT_AGAIN})
        days = [day for (day,) in cursor.fetchall()]
    calendars = workdays.of_areas()
    for day in days:
        until = deadlines(day, calendars)
        if max(until.values()) <= now:
            yield day, until


def count_due(*, now: datetime) -> int:
    """Count what is to be counted; returns how many reading days. Running it again changes nothing."""
    return sum(count(day, until, now=now) for day, until in days_to_count(now=now))


def count(day: date, until: dict[str, datetime], *, now: datetime) -> bool:
    """Count one reading day anew; False when somebody else is counting it this moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"count fixed usage {day}"])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("DELETE FROM metering_daycount WHERE day = %s AND layer = %s", [day, Layer.FIXED])
        cursor.execute(COUNT, {**_of(day), "until": _as_json(until), "named": f"%{day:%Y%m%d}%", "now": now})
    return True


def missing_visible_to(user: User, day: date) -> QuerySet[SupplyPoint]:
    """The points whose fixed month of a reading day was due and has not come, as far as the person may see it.

    The hub sees all of them, a network operator those of its network, a retailer those it supplied that day.
    """
    with connection.cursor() as cursor:
        cursor.execute(MISSING, _of(day))
        ids = [pk for (pk,) in cursor.fetchall()]
    inside = within(user, Ability.SEE_COMPLETENESS, area="area", supply_class="supply_class")
    points = SupplyPoint.objects.filter(inside, pk__in=ids).order_by("number")
    if user.company.is_hub_operator:
        return points
    supplied = SupplyPeriod.objects.filter(
        point=OuterRef("pk"), retailer=user.company, known_until__isnull=True, during__contains=day
    )
    return points.filter(Q(network_operator=user.company) | Exists(supplied))


def _of(day: date) -> dict[str, Any]:
    return {"day": day, "layer": Layer.FIXED, "kind": FixedRow.Kind.FIXED}


def _as_json(until: dict[str, datetime]) -> str:
    return json.dumps({area: moment.isoformat() for area, moment in until.items()})
