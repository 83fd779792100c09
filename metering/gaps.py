"""Gaps in usage: opened where a due day does not arrive, closed by arriving data, followed up in between."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering import completeness
from metering.models import Gap, Layer
from portal import ledger
from portal.access import Ability
from portal.models import User
from portal.workdays import jst_date

State = Gap.State
ONE_DAY = timedelta(days=1)

MISSING = f"""
    SELECT p.id AS point_id {completeness.DUE}
    WHERE got.point_id IS NULL AND s.id IS NOT NULL AND p.half_hourly_collectable AND began.day <= %(day)s
      AND NOT EXISTS (SELECT FROM metering_gap g WHERE g.point_id = p.id AND g.during @> %(day)s::date
                         AND g.state IN ('open', 'given_up'))
"""
EXTEND = f"""
    UPDATE metering_gap g SET during = daterange(lower(g.during), %(day)s::date + 1)
    FROM ({MISSING}) missing
    WHERE g.point_id = missing.point_id AND g.state = 'open' AND upper(g.during) = %(day)s::date
"""
OPEN = f"""
    INSERT INTO metering_gap (point_id, during, state, opened_at, note)
    SELECT point_id, daterange(%(day)s::date, %(day)s::date + 1), 'open', %(now)s, ''
    FROM ({MISSING}) missing ORDER BY point_id
"""
# Of every open gap the runs of days that are still missing and still due.
RUNS = """
    CREATE TEMPORARY TABLE gap_runs ON COMMIT DROP AS
    WITH days AS (
        SELECT g.id, d.day::date AS day
        FROM metering_gap g
        CROSS JOIN generate_series(lower(g.during), upper(g.during) - 1, interval '1 day') AS d (day)
        WHERE g.state = 'open'
          AND NOT EXISTS (SELECT FROM metering_usageday u
                          WHERE u.point_id = g.point_id AND u.day = d.day::date AND u.layer = %(layer)s)
          AND EXISTS (SELECT FROM metering_supplyperiod s
                      WHERE s.point_id = g.point_id AND s.known_until IS NULL AND s.during @> d.day::date)),
    islands AS (
        SELECT id, day, day - (row_number() OVER (PARTITION BY id ORDER BY day))::int AS island FROM days)
    SELECT id, daterange(min(day), max(day) + 1) AS during,
           row_number() OVER (PARTITION BY id ORDER BY min(day)) AS nth
    FROM islands GROUP BY id, island
"""
CLOSE = """
    UPDATE metering_gap g SET closed_at = %(now)s, state = CASE WHEN EXISTS (
        SELECT FROM metering_usageday u WHERE u.point_id = g.point_id AND u.layer = %(layer)s
           AND u.day >= lower(g.during) AND u.day < upper(g.during)) THEN 'arrived' ELSE 'not_due' END
    WHERE g.state = 'open' AND NOT EXISTS (SELECT FROM gap_runs r WHERE r.id = g.id)
"""
SHRINK = """
    UPDATE metering_gap g SET during = r.during FROM gap_runs r
    WHERE r.id = g.id AND r.nth = 1 AND r.during <> g.during
"""
SPLIT = """
    INSERT INTO metering_gap (point_id, during, state, opened_at, assigned_to_id, follow_up_on, note)
    SELECT g.point_id, r.during, 'open', g.opened_at, g.assigned_to_id, g.follow_up_on, g.note
    FROM gap_runs r JOIN metering_gap g ON g.id = r.id WHERE r.nth > 1 ORDER BY g.point_id, r.during
"""


class Refused(Exception):
    """What was asked of a gap cannot be done; `sentence` says why and what to do."""

    sentence: str | Promise = ""


class NotOpen(Refused):
    """The gap is closed."""

    sentence = _("This gap is closed already: its values arrived, are no longer due, or were given up.")


class NotYours(Refused):
    """Only the network operator of the point follows its gaps up."""

    sentence = _("Gaps are followed up by the network operator of the supply point.")


class NotAColleague(Refused):
    """The person cannot follow up gaps of this network."""

    sentence = _("Choose somebody of your own company who sends usage files for this area and class.")


class WordsMissing(Refused):
    """Giving up needs a reason."""

    sentence = _("Say why no values will come; the retailer will read it.")


@dataclass
class Checked:
    """What a check did."""

    days: int = 0
    opened: int = 0
    closed: int = 0


def check(*, now: datetime) -> Checked:
    """Count the days that changed, open gaps for days missing too long, close those whose values arrived.

    A day is missing too long when it has not come USAGE_GAP_AFTER after its deadline. Running it again, or twice at
    once, changes nothing.
    """
    done = Checked()
    days = completeness.days_to_count(now=now)
    done.closed = close_arrived(now=now)
    for day in days:
        if completeness.count(day, now=now):
            done.days += 1
    newest = jst_date(now - settings.USAGE_GAP_AFTER) - ONE_DAY
    if now < completeness.deadline(newest) + settings.USAGE_GAP_AFTER:
        newest -= ONE_DAY
    oldest = newest - timedelta(days=settings.USAGE_GAP_DAYS - 1)
    for day in sorted({newest, *(day for day in days if oldest <= day <= newest)}):
        done.opened += open_missing(day, now=now)
    return done


def open_missing(day: date, *, now: datetime) -> int:
    """Open gaps for the points that are due on the day and did not arrive, or lengthen those that end with it."""
    with transaction.atomic(), connection.cursor() as cursor:
        _alone(cursor)
        parameters: dict[str, Any] = {"day": day, "layer": Layer.DAILY, "now": now}
        cursor.execute(EXTEND, parameters)
        count = cursor.rowcount
        cursor.execute(OPEN, parameters)
        count += cursor.rowcount
        if count:
            ledger.record("usage gaps opened", f"usage of {day}", by=None, now=now, points=count)
    return count


def close_arrived(*, now: datetime) -> int:
    """Close gaps whose days all arrived or are no longer due; what is left of the others is split and shortened."""
    with transaction.atomic(), connection.cursor() as cursor:
        _alone(cursor)
        parameters: dict[str, Any] = {"layer": Layer.DAILY, "now": now}
        cursor.execute(RUNS, parameters)
        cursor.execute(CLOSE, parameters)
        closed = cursor.rowcount
        cursor.execute(SHRINK, parameters)
        cursor.execute(SPLIT, parameters)
        cursor.execute("DROP TABLE gap_runs")
        if closed:
            ledger.record("usage gaps closed", "usage gaps", by=None, now=now, gaps=closed)
    return closed


def _alone(cursor: Any) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('usage gaps'))")


def colleagues(gap: Gap) -> QuerySet[User]:
    """Who may be given the gap: the operator's people who send usage for its area and class."""
    point = gap.point
    here = (Q(grants__area="") | Q(grants__area=point.area)) & (
        Q(grants__supply_class="") | Q(grants__supply_class=point.supply_class)
    )
    return (
        User.objects.filter(here, company=point.network_operator_id, is_active=True, grants__role="usage")
        .distinct()
        .order_by("name")
    )


def follow_up(
    gap_id: int, *, assigned_to: User | None, follow_up_on: date | None, note: str, by: User, now: datetime
) -> Gap:
    """Give an open gap to a colleague, with a day to look again and a note. Raises Refused."""
    with transaction.atomic():
        gap = _mine(gap_id, by)
        if assigned_to and not colleagues(gap).filter(pk=assigned_to.pk).exists():
            raise NotAColleague(assigned_to)
        gap.assigned_to, gap.follow_up_on, gap.note = assigned_to, follow_up_on, note
        gap.save(update_fields=["assigned_to", "follow_up_on", "note"])
        ledger.record(
            "usage gap followed up",
            f"gap {gap.pk}",
            by=by,
            now=now,
            assigned_to=assigned_to.username if assigned_to else "",
            follow_up_on=follow_up_on.isoformat() if follow_up_on else "",
            note=note,
        )
    return gap


def give_up(gap_id: int, *, reason: str, by: User, now: datetime) -> Gap:
    """Declare that no values will come, for a reason the retailer can read; these days open no gap again."""
    if not reason.strip():
        raise WordsMissing
    with transaction.atomic():
        gap = _mine(gap_id, by)
        gap.state, gap.closed_at, gap.note = State.GIVEN_UP, now, reason.strip()
        gap.save(update_fields=["state", "closed_at", "note"])
        ledger.record("usage gap given up", f"gap {gap.pk}", by=by, now=now, reason=gap.note)
    return gap


def _mine(gap_id: int, by: User) -> Gap:
    gap = Gap.objects.select_for_update(of=("self",)).select_related("point").get(pk=gap_id)
    point = gap.point
    if point.network_operator_id != by.company_id or not by.may(Ability.HANDLE_GAPS):
        raise NotYours(gap_id)
    if gap.state != State.OPEN:
        raise NotOpen(gap_id)
    return gap


def to_follow_up(user: User, *, today: date) -> QuerySet[Gap]:
    """Open gaps of the person's network that nobody has in hand, or that are to be looked at again by today."""
    return (
        Gap.objects.visible_to(user)
        .filter(point__network_operator=user.company, state=State.OPEN)
        .filter(Q(assigned_to__isnull=True) | Q(assigned_to=user, follow_up_on__lte=today))
    )
