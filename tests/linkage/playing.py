"""Playing in a private market through the verbs, as the participant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import time_machine

from linkage import cast, travel
from metering import inquiries
from metering.models import SupplyPoint
from metering.supply import current_period
from portal import clock, private_market
from portal.models import User
from portal.workdays import JST, ONE_DAY, jst_date
from switching import applications, disclosures, relays
from switching.models import Application, Disclosure, Relay

ME = "sora.administrator"


@contextmanager
def at(moment: datetime, market: str = "sora") -> Iterator[User]:
    """Stand in the market at a real hour, as sora's administrator, who may do everything there."""
    with time_machine.travel(moment, tick=False), private_market.inside(market):
        yield me()


def me() -> User:
    return User.objects.select_related("company").get(username=ME)


def go(*, days: float = 0, to: datetime | None = None) -> int:
    """Let the market travel, from within; returns the stops."""
    now = clock.now()
    travel.set_out(to or now + timedelta(days=days), by=None, now=now)
    return travel.go_on(real=lambda: now)


def jst(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=JST)


def rival_point(digit: int, *, at: int = 0, supply_class: str = "LV", area: str = "03") -> SupplyPoint:
    """A point of the simulated losing retailer that ends in the digit."""
    return SupplyPoint.objects.filter(
        area=area, supply_class=supply_class, number__endswith=str(digit), supply_periods__retailer__name=cast.RIVAL[1]
    ).order_by("number")[at]


def relay_for(point: SupplyPoint, *, now: datetime, ahead_days: int = 4, **changed: str) -> Relay:
    """Consent, inquiry, disclosure and relay with the customer's own data, or with what is `changed`."""
    by, today = me(), jst_date(now)
    period = current_period(point, today)
    assert period
    consent = inquiries.record_consent(
        reference="call 1", channel="telephone", purpose="switch", obtained_on=today, by=by, now=now
    )
    inquiries.inquire(number=point.number, supply_class=point.supply_class, consent=consent, by=by, now=now)
    version = disclosures.version_on(today)
    assert version
    disclosure = disclosures.record(
        point=point,
        version=version,
        acknowledged=set(version.items.values_list("pk", flat=True)),
        channel=Disclosure.Channel.TELEPHONE,
        explained_on=today,
        by=by,
        now=now,
    )
    earliest, _ = applications.date_window(point, meter_work=False, today=today)
    told = {
        "contract_number": period.contract.number,
        "holder_name": period.contract.holder_name,
        "holder_kana": period.contract.holder_kana,
        "holder_address": period.contract.holder_address,
    }
    return relays.register(
        relays.Request(
            point=point,
            losing_retailer=period.retailer,
            desired_date=earliest + ahead_days * ONE_DAY,
            contact_person="sora",
            disclosure=disclosure,
            **(told | changed),
        ),
        by=by,
        now=now,
    )


def start_for(relay: Relay, *, now: datetime, **changed: object) -> Application:
    """The switch start that belongs to the relay."""
    return applications.file_start(
        applications.Start(
            point=relay.point,
            desired_date=relay.desired_date,
            contract_number="S-1",
            holder_name=relay.holder_name,
            holder_kana=relay.holder_kana,
            holder_address=relay.holder_address,
            relay=relay,
            **changed,
        ),
        by=me(),
        now=now,
    )
