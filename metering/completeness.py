"""Counting how complete the days are: one statement per day over one partition, kept for the board that shows it."""

from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction

from metering.checks import LATE_HOUR
from metering.models import Layer
from portal.workdays import JST, jst_date

ONE_DAY = timedelta(days=1)

COUNT_AGAIN = timedelta(days=3)
"""So often a day is counted anew whatever happened: points registered late, contracts changed."""

# Days to count again: never counted, or something about them changed since. A day is due from the first day on that
# its network operator ever sent.
STALE = """
    SELECT d.day::date
    FROM generate_series(greatest(%(first)s::date, (SELECT min(day) FROM metering_usagebatch WHERE layer = %(layer)s)),
                         %(last)s::date, interval '1 day') AS d (day)
    LEFT JOIN (SELECT day, min(counted_at) AS counted_at FROM metering_daycount
               WHERE layer = %(layer)s AND day BETWEEN %(first)s AND %(last)s
               GROUP BY day) c ON c.day = d.day::date
    WHERE c.day IS NULL OR c.counted_at < %(old)s
       OR EXISTS (SELECT FROM metering_usagebatch b JOIN metering_usagefile f ON f.id = b.file_id
                  LEFT JOIN metering_publication p ON p.id = b.publication_id
                  WHERE b.day = d.day::date AND b.layer = %(layer)s
                    AND (f.finished_at >= c.counted_at OR p.published_at >= c.counted_at))
       OR EXISTS (SELECT FROM metering_owedday o WHERE o.day = d.day::date AND o.known_at >= c.counted_at)
       OR EXISTS (SELECT FROM metering_usagefile f JOIN metering_refusedrow r ON r.file_id = f.id
                  WHERE f.rows_refused > 0 AND f.finished_at >= c.counted_at
                    AND r.raw LIKE '%%' || d.day::date || '%%')
    ORDER BY 1
"""
DUE = """
    FROM metering_supplypoint p
    LEFT JOIN metering_supplyperiod s ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> %(day)s::date
    LEFT JOIN (SELECT f.sender_id, min(b.day) AS day FROM metering_usagebatch b
               JOIN metering_usagefile f ON f.id = b.file_id WHERE b.layer = %(layer)s GROUP BY 1) began
           ON began.sender_id = p.network_operator_id
    LEFT JOIN (SELECT u.point_id, min(f.received_at) AS at, bool_or(b.publication_id IS NULL) AS is_held
               FROM metering_usageday u
               JOIN metering_usagebatch b ON b.id = u.batch_id
               JOIN metering_usagefile f ON f.id = b.file_id
               WHERE u.day = %(day)s AND u.layer = %(layer)s GROUP BY 1) got ON got.point_id = p.id
"""
COUNT = f"""
    INSERT INTO metering_daycount (layer, day, network_operator_id, retailer_id, area, supply_class, due, on_time,
        late_day, late_days, late_week, late_more, refused, not_sent, held, unsupplied, counted_at)
    SELECT %(layer)s, %(day)s, p.network_operator_id, s.retailer_id, p.area, p.supply_class,
           count(s.id),
           count(s.id) FILTER (WHERE got.at <= %(deadline)s),
           count(s.id) FILTER (WHERE got.at > %(deadline)s AND got.at <= %(deadline)s + interval '1 day'),
           count(s.id) FILTER (WHERE got.at > %(deadline)s + interval '1 day'
                                 AND got.at <= %(deadline)s + interval '3 days'),
           count(s.id) FILTER (WHERE got.at > %(deadline)s + interval '3 days'
                                 AND got.at <= %(deadline)s + interval '7 days'),
           count(s.id) FILTER (WHERE got.at > %(deadline)s + interval '7 days'),
           count(s.id) FILTER (WHERE got.at IS NULL AND no.number IS NOT NULL),
           count(s.id) FILTER (WHERE got.at IS NULL AND no.number IS NULL),
           count(*) FILTER (WHERE got.is_held),
           count(*) FILTER (WHERE s.id IS NULL),
           %(now)s
    {DUE}
    LEFT JOIN (SELECT DISTINCT substring(r.raw FROM '[0-9]{{22}}') AS number
               FROM metering_refusedrow r JOIN metering_usagefile f ON f.id = r.file_id
               WHERE f.received_at >= %(begin)s AND r.raw LIKE %(written)s) no ON no.number = p.number
    WHERE got.point_id IS NOT NULL OR (s.id IS NOT NULL AND p.half_hourly_collectable AND began.day <= %(day)s)
    GROUP BY 3, 4, 5, 6
"""


def deadline(day: date) -> datetime:
    """Until when a day file is on time: 06:00 of the next day (domain notes, metering §4)."""
    return datetime.combine(day + ONE_DAY, time(LATE_HOUR), JST)


def count(day: date, *, now: datetime) -> bool:
    """Count one day anew; False when somebody else is counting it this moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"count usage {day}"])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("DELETE FROM metering_daycount WHERE day = %s AND layer = %s", [day, Layer.DAILY])
        cursor.execute(
            COUNT,
            {
                "day": day,
                "layer": Layer.DAILY,
                "deadline": deadline(day),
                "begin": datetime.combine(day, time(), JST),
                "written": f"%{day.isoformat()}%",
                "now": now,
            },
        )
    return True


def days_to_count(*, now: datetime) -> list[date]:
    """Days that are due and not counted since something about them changed, the oldest first."""
    last = jst_date(now) - ONE_DAY
    if now < deadline(last):
        last -= ONE_DAY
    with connection.cursor() as cursor:
        first = last - timedelta(days=settings.USAGE_COUNTED_DAYS - 1)
        cursor.execute(STALE, {"first": first, "last": last, "layer": Layer.DAILY, "old": now - COUNT_AGAIN})
        return [day for (day,) in cursor.fetchall()]
