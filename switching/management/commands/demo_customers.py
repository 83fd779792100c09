"""Prints customers of the demo with what is on their bills, so that a switch can be tried by hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metering.models import SupplyPeriod
from portal import clock, demo
from portal.workdays import jst_date
from switching.models import Application, Relay
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS

SHOWN = 3
SUPPLIER, AREA = "海エナジー", "03"


class Command(BaseCommand):
    help = "Prints some customers without an open case: supply point, contract number, holder, kana, address."

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo.is_demo():
            raise CommandError("Customers are shown in the demo only (KIRIKAE_ENV=demo).")
        periods = (
            SupplyPeriod.objects.filter(
                known_until__isnull=True,
                during__contains=jst_date(clock.now()),
                ending=SupplyPeriod.Ending.OPEN,
                retailer__name=SUPPLIER,
                point__area=AREA,
                point__supply_class="LV",
            )
            .exclude(point__in=Relay.objects.filter(state__in=OPEN_RELAYS).values("point"))
            .exclude(point__in=Application.objects.filter(state__in=OPEN_APPLICATIONS).values("point"))
            .select_related("point", "contract")
            .order_by("point__number")[:SHOWN]
        )
        if not periods:
            raise CommandError("There are no such customers yet; `manage.py seed_demo` makes the demo market.")
        self.stdout.write(f"Customers of {SUPPLIER} for a switch by hand:")
        for period in periods:
            contract = period.contract
            self.stdout.write(
                f"  supply point {period.point.number}  contract {contract.number}\n"
                f"    {contract.holder_name}  {contract.holder_kana}  {contract.holder_address}"
            )
        self.stdout.write("")
