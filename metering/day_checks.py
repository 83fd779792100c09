"""V16: a network's whole day once it had its time to come: active points against what was delivered."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from metering import check_rules, completeness, findings
from metering.check_rules import InForce
from metering.findings import Found
from metering.models import DayCount
from metering.vee import RANK
from portal import jobs
from portal.workdays import jst_date

JOB = "check a day of usage"
ONE_DAY = timedelta(days=1)


def run_due(*, now: datetime) -> int:
    """Check every day that has had its time, once each, and clear findings about days no longer kept.

    Returns how many days were checked.
    """
    newest = jst_date(now - settings.USAGE_GAP_AFTER) - ONE_DAY
    if now < completeness.deadline(newest) + settings.USAGE_GAP_AFTER:
        newest -= ONE_DAY
    done = 0
    counted = DayCount.objects.filter(day__gt=newest - timedelta(days=settings.USAGE_GAP_DAYS), day__lte=newest)
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
            DayCount.objects.filter(day=day)
            .values("network_operator", "area", "supply_class")
            .annotate(due=Sum("due"), missing=Sum("not_sent") + Sum("refused"), unsupplied=Sum("unsupplied"))
            .order_by("network_operator", "area", "supply_class")
        ):
            kept += findings.keep(list(_of(row, day, rules)), operator_id=row["network_operator"], now=now)
    return kept


def _of(row: dict, day: date, rules: InForce) -> Iterator[Found]:
    scope = {"area": row["area"], "supply_class": row["supply_class"]}
    rank = RANK[rules.setting("V16", **scope).severity]
    if row["missing"]:
        numbers = {"missing": row["missing"], "due": row["due"]}
        yield Found("V16", "not_delivered", rank, day, numbers=numbers, **scope)
    if row["unsupplied"]:
        yield Found("V16", "not_supplied", rank, day, numbers={"unsupplied": row["unsupplied"]}, **scope)
