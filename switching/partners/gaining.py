"""The simulated gaining retailer: wins customers of the participant's, with right and with wrong data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from django.db.models import Count

from metering import inquiries
from metering.models import Contract, SupplyPoint
from metering.supply import current_period
from portal import workdays
from portal.models import Company, User
from portal.workdays import JST, ONE_DAY, jst_date
from switching import applications, disclosures, relays
from switching.models import Application, Disclosure, Relay
from switching.partners.behaviours import Gaining, Scripts
from switching.states import OPEN_RELAYS, RelayState

BEGINS_AT = time(10)
RELAYS_A_DAY = 2
OTHER_NAME, OTHER_KANA, OTHER_PLACE = "別府次郎", "ベップジロウ", "99-99"
KANJI = str.maketrans("0123456789", "〇一二三四五六七八九")


class NotSent(Exception):
    """The partner cannot send a relay about the point now: it is not the participant's, or a case is open on it."""


@dataclass(frozen=True)
class Told:
    """What the customer is said to have told."""

    contract_number: str
    holder_name: str
    holder_kana: str
    holder_address: str


def act(clerk: User, scripts: Scripts, *, participant: Company, now: datetime) -> int:
    """Follow up what was sent, then send the day's relays about the participant's customers; returns the deeds."""
    done = 0
    sent = Relay.objects.filter(gaining_retailer=clerk.company, losing_retailer=participant, state__in=OPEN_RELAYS)
    for relay in sent.select_related("point").order_by("pk"):
        behaviour = scripts.gaining(relay.point.number)
        if behaviour.withdraws_after is not None and relay.registered_at + behaviour.withdraws_after <= now:
            done += _withdraw(relay, clerk, now=now)
        elif behaviour.starts_after is not None and relay.registered_at + behaviour.starts_after <= now:
            done += _start(relay, clerk, now=now)
    return done + _send_the_days(clerk, scripts, participant=participant, now=now)


def send(point: SupplyPoint, behaviour: Gaining, *, clerk: User, participant: Company, now: datetime) -> Relay:
    """Consent, inquiry, disclosure and relay about one of the participant's points. Raises NotSent."""
    today = jst_date(now)
    period = current_period(point, today)
    if period is None or period.retailer_id != participant.pk or period.contract is None or relays.is_busy(point.pk):
        raise NotSent
    told = what_is_told(period.contract, behaviour)
    consent = inquiries.record_consent(
        reference=f"linkage test {point.number}",
        channel="telephone",
        purpose="switch",
        obtained_on=today,
        by=clerk,
        now=now,
    )
    inquiries.inquire(number=point.number, supply_class=point.supply_class, consent=consent, by=clerk, now=now)
    lists = disclosures.lists_on(today, losing_retailer_id=participant.pk)
    if lists is None:
        raise NotSent
    versions = [version for version in (lists.base, lists.own) if version]
    disclosure = disclosures.record(
        point=point,
        version=lists.base,
        own_version=lists.own,
        losing_retailer=participant if lists.own else None,
        acknowledged={pk for version in versions for pk in version.items.values_list("pk", flat=True)},
        channel=Disclosure.Channel.TELEPHONE,
        explained_on=today,
        by=clerk,
        now=now,
    )
    earliest, _latest = applications.date_window(point, meter_work=False, today=today)
    try:
        return relays.register(
            relays.Request(
                point=point,
                losing_retailer=participant,
                contract_number=told.contract_number,
                holder_name=told.holder_name,
                holder_kana=told.holder_kana,
                holder_address=told.holder_address,
                desired_date=earliest + 3 * ONE_DAY,
                contact_person=clerk.name,
                disclosure=disclosure,
            ),
            by=clerk,
            now=now,
        )
    except relays.NotPossible as refusal:
        raise NotSent from refusal


def what_is_told(contract: Contract, behaviour: Gaining) -> Told:
    """The customer's data as the behaviour wants them: right, written otherwise, or wrong where it says so."""
    number, address = contract.number, contract.holder_address
    if "contract_number" in behaviour.wrong:
        number = number[:-1] + str((int(number[-1]) + 1) % 10)
    if "holder_address" in behaviour.wrong:
        address = f"{address.rstrip('0123456789-')}{OTHER_PLACE}"
    name = OTHER_NAME if "holder_name" in behaviour.wrong else contract.holder_name
    kana = OTHER_KANA if "holder_kana" in behaviour.wrong else contract.holder_kana
    if behaviour.other_writing:
        name, kana = name.replace(" ", ""), kana.replace(" ", "\u3000")
        head = address.rstrip("0123456789-")
        address = head + address[len(head) :].replace("-", "番地", 1) if head != address else address
    return Told(number, name, kana, address)


def free_points(participant: Company, *, today_count: int) -> Sequence[SupplyPoint]:
    """The participant's points on which nothing is open, those asked about least first, at most `today_count`."""
    supplied = SupplyPoint.objects.filter(
        supply_periods__retailer=participant, supply_periods__known_until__isnull=True, supply_periods__ending="open"
    )
    found = supplied.annotate(asked=Count("relays", distinct=True)).order_by("asked", "pk")[: today_count + 40]
    taken = relays.busy([point.pk for point in found])
    return [point for point in found if point.pk not in taken][:today_count]


def _send_the_days(clerk: User, scripts: Scripts, *, participant: Company, now: datetime) -> int:
    local = now.astimezone(JST)
    if local.time() < BEGINS_AT or not workdays.of_area("").is_open(local.date()):
        return 0
    midnight = datetime.combine(local.date(), time(), JST)
    wanted = RELAYS_A_DAY - relays.registered_between(clerk.company_id, midnight, midnight + ONE_DAY)
    done = 0
    for point in free_points(participant, today_count=wanted) if wanted > 0 else ():
        try:
            send(point, scripts.gaining(point.number), clerk=clerk, participant=participant, now=now)
        except NotSent:
            continue
        done += 1
    return done


def _withdraw(relay: Relay, clerk: User, *, now: datetime) -> int:
    try:
        relays.withdraw(relay_id=relay.pk, by=clerk, now=now)
    except relays.NotPossible:
        return 0
    return 1


def _start(relay: Relay, clerk: User, *, now: datetime) -> int:
    """File the start once; not again where it ended otherwise."""
    if relay.state == RelayState.REJECTED or Application.objects.filter(relay=relay, kind="switch_start").exists():
        return 0
    try:
        applications.file_start(
            applications.Start(
                point=relay.point,
                desired_date=relay.desired_date,
                contract_number=f"{relay.contract_number}-2",
                holder_name=relay.holder_name,
                holder_kana=relay.holder_kana,
                holder_address=relay.holder_address,
                relay=relay,
            ),
            by=clerk,
            now=now,
        )
    except applications.NotPossible:
        return 0
    return 1
