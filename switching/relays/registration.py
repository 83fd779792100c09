"""The gaining retailer registers a relay: what it sends, and every rule about who may ask for what and when."""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from metering.models import SupplyPoint
from metering.supply import current_period
from portal import ahead, gates, quotas, workdays
from portal.access import Ability, covers
from portal.models import Company, Function, Registration, User
from portal.workdays import jst_date
from switching import (
    applications,
    deadlines,
    disclosures,
    last_resort,
    leaving,
    notices,
    numbers,
    policies,
    traces,
    undoing,
)
from switching.models import Disclosure, Relay
from switching.reasons import IDENTITY_REASONS
from switching.relays.ending import expire_overdue
from switching.relays.judgement import accept, answers_by_itself, compare
from switching.relays.points import busy, check_sequence, is_busy, tries_at_identity
from switching.relays.refusals import (
    AlreadyOurs,
    DateNotPossible,
    DisclosureMissing,
    DisclosureOfAnother,
    Leaving,
    NoPartInArea,
    NotARetailerThere,
    NotYours,
    NumberDoesNotFit,
    PointBusy,
    PointNotInUse,
    QuotaSpent,
    Throttled,
    ThrottledCompany,
)
from switching.states import OPEN_RELAYS, RelayMove, RelayState


@dataclass(frozen=True)
class Request:
    """What the gaining retailer sends on, as the customer told it."""

    point: SupplyPoint
    losing_retailer: Company
    contract_number: str
    holder_name: str
    holder_kana: str
    holder_address: str
    desired_date: date
    contact_person: str
    disclosure: Disclosure


def register(request: Request, *, by: User, now: datetime, dry_run: bool = False, from_queue: bool = False) -> Relay:
    """Register a relay; it stands in the losing retailer's inbox until its judgement is due.

    Where that retailer wishes so and the identity check allows it, it is accepted at once.
    Raises a NotPossible with the reason, or gates.Closed. With `dry_run` every rule is asked and nothing is written;
    `from_queue`: its turn in the queue has come (see switching.registration_queue).
    """
    gates.require(Function.RELAYS, now=now, by=by)
    point, today = request.point, jst_date(now)
    if not covers(by, Ability.REGISTER_RELAY, area=point.area, supply_class=point.supply_class):
        raise NotYours
    calendar = workdays.of_area(point.area)
    policy = policies.of(request.losing_retailer)
    _check_request(request, calendar, policy, by=by, now=now, dry_run=dry_run)
    _check_quota(by.company, now=now, is_last=False, from_queue=from_queue)
    relay = Relay(
        point=point,
        gaining_retailer=by.company,
        losing_retailer=request.losing_retailer,
        contract_number=request.contract_number,
        holder_name=request.holder_name,
        holder_kana=request.holder_kana,
        holder_address=request.holder_address,
        desired_date=request.desired_date,
        contact_person=request.contact_person,
        disclosure=request.disclosure,
        registered_at=now,
        registered_by=by,
        due_at=deadlines.judgement_due(now, calendar),
    )
    relay.remind_at = deadlines.next_reminder(now, relay.due_at, now)
    if dry_run:
        return relay
    with transaction.atomic():
        undoing.lock_point(point.pk)
        if undoing.held([point.pk]):
            raise PointBusy
        _check_quota(by.company, now=now, is_last=True, from_queue=from_queue)
        relay.number = numbers.issue(numbers.RELAY)[0]
        try:
            with transaction.atomic():
                relay.save(force_insert=True)
        except IntegrityError as error:
            if "one_open_relay_per_point" in str(error):
                raise PointBusy from error
            raise
        left = [
            traces.Trace(
                case=relay,
                move=RelayMove.REGISTER,
                from_state="",
                to_state=RelayState.WAITING,
                notices=notices.about_relay(relay, "relay_registered", relay.losing_retailer_id),
            )
        ]
        if answers_by_itself(relay, policy) and compare(relay, today=today).meets_auto_accept:
            left += accept(relay, by=None, now=now)
        traces.leave(left, by=by, now=now)
    return relay


def open_relay_of(company: Company, point: SupplyPoint, desired_date: date) -> Relay | None:
    """The company's open relay on the point and date: a start belongs to it, also when nobody named it."""
    return Relay.objects.filter(
        point=point, gaining_retailer=company, desired_date=desired_date, state__in=OPEN_RELAYS
    ).first()


def registered_between(company_id: int, begin: datetime, end: datetime) -> int:
    """How many relays the company registered in [begin, end), whatever became of them."""
    return Relay.objects.filter(gaining_retailer=company_id, registered_at__gte=begin, registered_at__lt=end).count()


def after_inquiry() -> Exists:
    """True for a facility inquiry after which its company registered a relay on the point."""
    return Exists(
        Relay.objects.filter(
            gaining_retailer=OuterRef("company"), point=OuterRef("point"), registered_at__gte=OuterRef("at")
        )
    )


def _check_quota(company: Company, *, now: datetime, is_last: bool, from_queue: bool) -> None:
    try:
        quotas.check(company, Registration.RELAY, now=now, is_last=is_last, from_queue=from_queue)
    except quotas.Spent as spent:
        raise QuotaSpent(spent.most, is_queued=spent.is_queued) from spent


def _check_request(
    request: Request, calendar: workdays.Workdays, policy: policies.Policy, *, by: User, now: datetime, dry_run: bool
) -> None:
    point, today = request.point, jst_date(now)
    if not applications.supplies_in(point.area, by.company_id):
        raise NoPartInArea
    if leaving.has_left(by.company_id):
        raise Leaving
    losing_id = request.losing_retailer.pk
    if losing_id == by.company_id or not (
        applications.supplies_in(point.area, losing_id) or last_resort.supplies(point, losing_id, today)
    ):
        raise NotARetailerThere
    if not policy.number_fits(request.contract_number):
        raise NumberDoesNotFit(policy.number_hint, policy.number_sample)
    if (
        request.disclosure.company_id != by.company_id
        or request.disclosure.point_id != point.pk
        or request.disclosure.explained_on < disclosures.oldest_usable(today)
    ):
        raise DisclosureMissing
    if not disclosures.stands_for(request.disclosure, request.losing_retailer.pk):
        raise DisclosureOfAnother
    earliest, latest = applications.date_window(point, meter_work=False, today=today, calendar=calendar)
    if not earliest <= request.desired_date <= latest:
        raise DateNotPossible(earliest, latest)
    period = current_period(point, today)
    if not period:
        raise PointNotInUse
    if period.retailer_id == by.company_id:
        raise AlreadyOurs
    if tries_at_identity(point.pk, by.company_id) >= settings.IDENTITY_REJECTIONS_BEFORE_THROTTLE:
        raise Throttled
    _check_company(by.company_id, now=now)
    if is_busy(point.pk) and (dry_run or not _freed(point.pk, now=now)):
        raise PointBusy
    check_sequence(point.pk, request.desired_date, by.company_id, today=today)


def _freed(point_id: int, *, now: datetime) -> bool:
    """True when nothing but a relay whose time was over kept the point busy: it expires here, before any sweep."""
    return bool(expire_overdue(now=now, among=Q(point=point_id))) and not busy([point_id])


def _check_company(company_id: int, *, now: datetime) -> None:
    """Refuse a company whose relays of late were rejected for identity in great number and share, over all points.

    Raises ThrottledCompany. The rejections are few and counted first; all answers only where they are many.
    """
    rejected, answered = identity_record(company_id, now)
    if (
        rejected >= settings.IDENTITY_REJECTIONS_PER_COMPANY
        and rejected >= settings.IDENTITY_REJECTIONS_SHARE * answered
    ):
        raise ThrottledCompany(rejected, settings.IDENTITY_REJECTIONS_SPAN.days)


@ahead.question
def identity_record(company_id: int, now: datetime) -> tuple[int, int]:
    """How many of the company's relays of late were rejected for identity, and how many were answered.

    The rejections are few and an index finds them; the answers (0 until then) are counted where they are too many.
    """
    answered = Relay.objects.filter(gaining_retailer=company_id, judged_at__gt=now - settings.IDENTITY_REJECTIONS_SPAN)
    rejected = answered.filter(state=RelayState.REJECTED, reasons__overlap=sorted(IDENTITY_REASONS)).count()
    return rejected, answered.count() if rejected >= settings.IDENTITY_REJECTIONS_PER_COMPANY else 0
