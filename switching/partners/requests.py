"""The simulated retailer on the participant's own network: files applications for the network operator to work on."""

from datetime import datetime, time

from metering.models import SupplyPoint
from portal import workdays
from portal.models import Company, User
from portal.workdays import JST, ONE_DAY, jst_date
from switching import applications
from switching.models import Application

BEGINS_AT = time(10)
NEW_AMPERE = 30


def act(clerk: User, *, network: Company, now: datetime) -> int:
    """On each business day from ten: one ampere change, every other one with work at the meter; returns the deeds."""
    local = now.astimezone(JST)
    if local.time() < BEGINS_AT or not workdays.of_area("").is_open(local.date()):
        return 0
    filed = Application.objects.filter(retailer=clerk.company, point__network_operator=network)
    midnight = datetime.combine(local.date(), time(), JST)
    if filed.filter(filed_at__gte=midnight, filed_at__lt=midnight + ONE_DAY).exists():
        return 0
    point = (
        SupplyPoint.objects.filter(network_operator=network, supply_class="LV")
        .exclude(pk__in=filed.values("point"))
        .order_by("pk")
        .first()
    )
    if point is None:
        return 0
    work = filed.count() % 2 == 0
    earliest, _latest = applications.date_window(point, meter_work=work, today=jst_date(now))
    try:
        applications.file(
            kind=Application.Kind.AMPERE_CHANGE,
            point=point,
            desired_date=earliest + ONE_DAY,
            given={"ampere": NEW_AMPERE, "meter_work": work},
            by=clerk,
            now=now,
        )
    except applications.NotPossible:
        return 0
    return 1
