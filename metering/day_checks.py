"""V16: a network's whole day once it had its time to come: what was due, and what trickled in, against what came."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from metering import check_rules, completeness, findings, slots
from metering.check_rules import SCOPE_SQL, InForce
from metering.findings import Found
from metering.models import DayCount, Layer, UsageBatch
from metering.vee import RANK
from portal import jobs
from portal.workdays import jst_date

JOB = "check a day of usage"
ONE_DAY = timedelta(days=1)
MOST = 10_000
"""Points said one by one per network and day, as many as per file and reason on arrival."""
BLOCK_ROWS = 4096

# Those of the points that have no row of the day, with their scope.
_WITHOUT_A_DAY = f"""
    SELECT p.id, {SCOPE_SQL.format(p="p")}
    FROM unnest(%(points)s::bigint[]) AS k(point_id) JOIN metering_supplypoint p ON p.id = k.point_id
    WHERE NOT EXISTS (SELECT FROM metering_usageday u
                      WHERE u.point_id = k.point_id AND u.day = %(day)s AND u.layer = %(layer)s)
    ORDER BY p.id
"""


def run_due(*, now: datetime) -> int:
    """Check every day that has had its time, once each, and clear findings about days no longer kept.

    Returns how many days were checked.
    """
    newest = jst_date(now - settings.USAGE_GAP_AFTER) - ONE_DAY
    if now < completeness.deadline(newest) + settings.USAGE_GAP_AFTER:
        newest -= ONE_DAY
    done = 0
    first = newest - timedelta(days=settings.USAGE_GAP_DAYS)
    counted = DayCount.objects.filter(layer=Layer.DAILY, day__gt=first, day__lte=newest)
    for day in counted.order_by("day").values_list("day", flat=True).distinct():
        with jobs.once(JOB, day.isoformat(), now=now) as run:
            if run:
                run.counts = {"findings": check(day, now=now)}
                done += 1
    findings.clear(older_than=newest - timedelta(days=31 * (settings.USAGE_MONTHS_KEPT + 1)))
    return done


def check(day: date, *, now: datetime) -> int:
    """Compare what was due with what came, per network, area and class; returns how many findings were kept."""
    rules = check_rules.on(jst_date(now))
    if rules.is_off("V16"):
        return 0
    kept = 0
    with transaction.atomic():
        for row in (
            DayCount.objects.filter(layer=Layer.DAILY, day=day)
            .values("network_operator", "area", "supply_class")
            .annotate(due=Sum("due"), missing=Sum("not_sent") + Sum("refused"), unsupplied=Sum("unsupplied"))
            .order_by("network_operator", "area", "supply_class")
        ):
            kept += findings.keep(list(_of(row, day, rules)), operator_id=row["network_operator"], now=now)
        for sender_id in _with_a_day_file(day):
            kept += findings.keep(list(_not_in_day_file(day, sender_id, rules)), operator_id=sender_id, now=now)
    return kept


def _with_a_day_file(day: date) -> list[int]:
    """Who sent the day at all. Of a network that sent nothing every point is missing, which is said once above."""
    batches = UsageBatch.objects.filter(day=day, layer=Layer.DAILY)
    return list(batches.order_by("file__sender").values_list("file__sender", flat=True).distinct())


def _not_in_day_file(day: date, sender_id: int, rules: InForce) -> Iterator[Found]:
    """Points whose half-hours came during the day and of which no row of the whole day was taken in."""
    severities, left = rules.severities("V16"), MOST
    points = slots.points_of(day, sender_id)
    for at in range(0, len(points), BLOCK_ROWS):
        with connection.cursor() as cursor:
            cursor.execute(
                _WITHOUT_A_DAY, {"points": points[at : at + BLOCK_ROWS].tolist(), "day": day, "layer": Layer.DAILY}
            )
            without = cursor.fetchall()[:left]
        left -= len(without)
        for point_id, scope in without:
            yield Found("V16", "not_in_day_file", int(severities[scope]), day, point_id)
        if not left:
            return


def _of(row: dict, day: date, rules: InForce) -> Iterator[Found]:
    scope = {"area": row["area"], "supply_class": row["supply_class"]}
    rank = RANK[rules.setting("V16", **scope).severity]
    if row["missing"]:
        numbers = {"missing": row["missing"], "due": row["due"]}
        yield Found("V16", "not_delivered", rank, day, numbers=numbers, **scope)
    if row["unsupplied"]:
        yield Found("V16", "not_supplied", rank, day, numbers={"unsupplied": row["unsupplied"]}, **scope)
