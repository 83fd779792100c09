"""The cancellation relay: its whole life between two retailers (domain notes, switching §5)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q

from metering import governance
from metering.models import Contract, SupplyPoint
from metering.supply import current_period
from portal import ahead, gates, ledger, quotas, workdays
from portal.access import Ability, covers
from portal.models import Company, Function, Registration, User
from portal.workdays import jst_date
from switching import (
    applications,
    deadlines,
    disclosures,
    frauds,
    guard,
    identity,
    kinds,
    last_resort,
    leaving,
    notices,
    numbers,
    policies,
    sequence,
    traces,
    undoing,
)
from switching.models import Application, Disclosure, Escalation, Match, Relay
from switching.reasons import IDENTITY_REASONS, Reason
from switching.states import (
    BEFORE_MATCH,
    OPEN_APPLICATIONS,
    OPEN_RELAYS,
    ApplicationMove,
    NotAllowed,
    RelayMove,
    RelayState,
    next_relay_state,
)


class Verdict(StrEnum):
    """The losing retailer's judgement."""

    ACCEPT = "accept"
    REJECT = "reject"


class NotPossible(Exception):
    """The relay cannot be registered or moved; subclasses say why. `field` names the form field concerned."""

    field = ""


class NotYours(NotPossible):
    """The person may not do this for this point's area and class, or is of neither company."""


class NotARetailerThere(NotPossible):
    """The losing retailer named does not supply in the point's area, nor this point as its last resort, or is us."""

    field = "losing_retailer"


class NumberDoesNotFit(NotPossible):
    """The contract number does not follow the losing retailer's published rule; `hint` and `sample` tell it."""

    field = "contract_number"

    def __init__(self, hint: str, sample: str) -> None:
        super().__init__(hint)
        self.hint, self.sample = hint, sample


class NoPartInArea(NotPossible):
    """The asking company has no participant code as a retailer in the point's area."""


class DisclosureMissing(NotPossible):
    """No disclosure of the own company for this very point is named, or it is too old to stand for this customer."""

    field = "disclosure"


class DisclosureOfAnother(NotPossible):
    """The explanation recorded did not rest on this losing retailer's own list of disadvantages."""

    field = "losing_retailer"


class DateNotPossible(NotPossible):
    """The desired date lies outside what lead time and limit allow."""

    field = "desired_date"

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


class AlreadyOurs(NotPossible):
    """The asking company supplies the point already."""


class PointBusy(NotPossible):
    """Another relay is open on the point, a matched pair waits for its day or a switch is undone; whose is not told."""


class OutOfSequence(NotPossible):
    """Another movement of the point, which is not told, stands against a switch on the desired date."""

    field = "desired_date"


class OutOfOwnSequence(NotPossible):
    """An application of the own company, `other`, stands against the switch; `order` is what would fit."""

    field = "desired_date"

    def __init__(self, other: sequence.Movement, order: sequence.Order) -> None:
        super().__init__(f"{other.number} {other.kind} {other.day}")
        self.other, self.order = other, order


class Leaving(NotPossible):
    """The asking company is leaving the market and gains nothing more."""


class PointNotInUse(NotPossible):
    """Nobody supplies the point, so there is nothing to end: a reconnection is what is wanted."""


class NotSupplying(NotPossible):
    """The losing retailer named does not supply the point, so it has nothing to end: only reason 1 is left."""


class Throttled(NotPossible):
    """Too many of this company's relays on the point were tries at the customer's data: no guessing of numbers."""


class ThrottledCompany(NotPossible):
    """Over many points too many of this company's relays were rejected for the customer's data: `rejected` of late."""

    def __init__(self, rejected: int, days: int) -> None:
        super().__init__(rejected)
        self.rejected, self.days = rejected, days


class Overdue(NotPossible):
    """The time for the judgement is over, at `due_at`: the relay has expired, also where no sweep has been yet."""

    def __init__(self, due_at: datetime) -> None:
        super().__init__(due_at.isoformat())
        self.due_at = due_at


class NothingToFile(NotPossible):
    """No switch termination is owed on this relay: it is filed already, or the relay is not accepted."""


class CarriesData(NotPossible):
    """Free words that could carry a value to the other side; `finding` says of which sort."""

    def __init__(self, finding: guard.Finding, field: str = "reason_text") -> None:
        super().__init__(finding.label)
        self.finding, self.field = finding, field


class QuotaSpent(NotPossible):
    """The company has registered as many relays today as its quota allows: `most`; `is_queued`: it may wait."""

    def __init__(self, most: int, *, is_queued: bool = False) -> None:
        super().__init__(most)
        self.most, self.is_queued = most, is_queued


class AlreadyMoved(NotPossible):
    """The relay no longer stands where this is possible (answered, withdrawn, matched …); `state` tells where."""

    def __init__(self, state: RelayState) -> None:
        super().__init__(state.label)
        self.state = state


class ReasonsMissing(NotPossible):
    """A rejection names at least one reason, and a reason "other" its words."""

    field = "reasons"


class TooLate(NotPossible):
    """The desired date's matching cut-off has passed: the relay can only be rejected for its date."""


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
        if _answers_by_itself(relay, policy) and compare(relay, today=today).meets_auto_accept:
            left += _accept(relay, by=None, now=now)
        traces.leave(left, by=by, now=now)
    return relay


def _check_quota(company: Company, *, now: datetime, is_last: bool, from_queue: bool) -> None:
    try:
        quotas.check(company, Registration.RELAY, now=now, is_last=is_last, from_queue=from_queue)
    except quotas.Spent as spent:
        raise QuotaSpent(spent.most, is_queued=spent.is_queued) from spent


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


def check_sequence(point_id: int, day: date, company_id: int, *, today: date) -> None:
    """Ask the sequence check for the termination the relay leads to: it would be stuck beside what contradicts it.

    A start that came before its relay, of whomever, contradicts nothing: the first accepted relay wins.
    Raises OutOfOwnSequence, OutOfSequence.
    """
    others = applications.movements_of(point_id, today - timedelta(days=kinds.BACK_DAYS))
    if against := sequence.contradicted(Application.Kind.SWITCH_TERMINATION, day, others):
        other, order = against
        raise OutOfOwnSequence(other, order) if other.retailer_id == company_id else OutOfSequence


@ahead.question
def is_busy(point_id: int) -> bool:
    """True when a relay of anybody is open on the point, a matched pair waits for its day or a switch is undone."""
    return bool(busy([point_id]))


def busy(point_ids: Collection[int]) -> set[int]:
    """The same for many points in three queries: those that are busy."""
    relayed = Relay.objects.filter(point_id__in=point_ids, state__in=OPEN_RELAYS)
    matched = Match.objects.filter(point_id__in=point_ids, handed_over_at__isnull=True, dissolved_at__isnull=True)
    return {
        *relayed.values_list("point_id", flat=True),
        *matched.values_list("point_id", flat=True),
        *undoing.held(point_ids),
    }


@ahead.question
def tries_at_identity(point_id: int, company_id: int) -> int:
    """How many of the company's relays on the point were tries at the customer's data.

    Those rejected because the customer was not the holder, and those that a retailer which accepts by itself did not
    accept at once and that were then withdrawn unanswered: that silence tells as much as a rejection.
    """
    return tries([point_id], company_id).get(point_id, 0)


def tries(point_ids: Collection[int], company_id: int) -> dict[int, int]:
    """The same for many points in one query; a point without a try is left out."""
    found = Relay.objects.filter(
        Q(state=RelayState.REJECTED, reasons__overlap=sorted(IDENTITY_REASONS))
        | Q(state=RelayState.WITHDRAWN, judged_at__isnull=True, losing_retailer__relay_policy__auto_accept=True),
        point_id__in=point_ids,
        gaining_retailer=company_id,
    )
    return dict(found.values_list("point_id").annotate(Count("pk")).order_by())


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


def _answers_by_itself(relay: Relay, policy: policies.Policy) -> bool:
    """True when nobody need judge a relay whose data fit: by policy, at last-resort supply, at a leaving retailer."""
    return (
        policy.auto_accept
        or relay.losing_retailer_id == relay.point.network_operator_id
        or leaving.has_left(relay.losing_retailer_id)
    )


def held_contract(relay: Relay, *, today: date) -> Contract | None:
    """The losing retailer's contract at the point today; None when it does not supply the point."""
    period = current_period(relay.point, today)
    return period.contract if period and period.retailer_id == relay.losing_retailer_id else None


def compare(relay: Relay, *, today: date) -> identity.Report:
    """The identity check: what the customer told beside what the losing retailer holds (domain notes, switching §6)."""
    contract = held_contract(relay, today=today)
    given = identity.Claim(
        contract_number=relay.contract_number,
        holder_name=relay.holder_name,
        holder_kana=relay.holder_kana,
        address=relay.holder_address,
    )
    held = identity.Claim(
        contract_number=contract.number if contract else "",
        holder_name=contract.holder_name if contract else "",
        holder_kana=contract.holder_kana if contract else "",
        address=contract.holder_address if contract else "",
    )
    return identity.compare(given, held, number_rule=policies.of(relay.losing_retailer))


def read_for_judgement(relay: Relay, *, by: User, now: datetime) -> identity.Report:
    """The comparison for the person who judges; the read of both sides' data is kept in the ledger.

    Raises NotYours, and Overdue once the time for the judgement is over: then there is nothing left to read it for.
    """
    require_losing(relay, by)
    if relay.is_overdue(now):
        raise Overdue(relay.due_at)
    report = compare(relay, today=jst_date(now))
    ledger.record("relay.read_identity", traces.subject_of(relay), by=by, now=now, purpose="identity check")
    return report


def judge(
    *,
    relay_id: int,
    verdict: Verdict,
    by: User,
    now: datetime,
    reasons: Collection[int] = (),
    reason_text: str = "",
    with_termination: bool = True,
    dry_run: bool = False,
) -> Relay:
    """The losing retailer accepts or rejects with reasons.

    With an acceptance the switch termination is filed: by the person in the same click, by the hub, or, where the
    retailer's policy says "by hand" or `with_termination` is false, later by `filings.file_termination`, with a clock
    of its own. After `due_at` there is no judgement, also before the sweep: the relay expires here and now.

    Raises NotYours, Overdue, AlreadyMoved, ReasonsMissing, CarriesData, TooLate, NotSupplying, gates.Closed, or
    applications.PointBusy. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    named = sorted({Reason(code) for code in reasons})
    if dry_run:
        relay = by_id(relay_id)
        require_losing(relay, by)
        if relay.is_overdue(now):
            raise Overdue(relay.due_at)
        if verdict == Verdict.ACCEPT:
            _acceptable(relay, now=now)
        else:
            _rejectable(relay, named, reason_text, by=by, now=now)
        return relay
    if expire_overdue(now=now, among=Q(pk=relay_id, losing_retailer=by.company_id)):
        raise Overdue(Relay.objects.values_list("due_at", flat=True).get(pk=relay_id))
    with transaction.atomic():
        relay = locked(relay_id)
        require_losing(relay, by)
        if verdict == Verdict.ACCEPT:
            left = _accept(relay, by=by, now=now, with_termination=with_termination)
        else:
            left = _reject(relay, named, reason_text, by=by, now=now)
        traces.leave(left, by=by, now=now)
    if verdict == Verdict.REJECT and IDENTITY_REASONS & set(relay.reasons):
        _tell_of_identity(relay, now=now)
    return relay


def _tell_of_identity(relay: Relay, *, now: datetime) -> None:
    governance.identity_rejected(
        relay.registered_by,
        rejections_since=lambda moment: Relay.objects.filter(
            registered_by=relay.registered_by,
            state=RelayState.REJECTED,
            reasons__overlap=sorted(IDENTITY_REASONS),
            judged_at__gt=moment,
        ).count(),
        now=now,
    )


def _acceptable(relay: Relay, *, now: datetime) -> RelayState:
    """Where accepting leads; raises what forbids it."""
    state = _move(relay, RelayMove.ACCEPT)
    if deadlines.matching_cut_off(relay.desired_date, workdays.of_area(relay.point.area)) < jst_date(now):
        raise TooLate
    if held_contract(relay, today=jst_date(now)) is None:
        raise NotSupplying
    if is_being_terminated(relay.point_id):
        raise applications.PointBusy
    check_sequence(relay.point_id, relay.desired_date, relay.losing_retailer_id, today=jst_date(now))
    return state


@ahead.question
def is_being_terminated(point_id: int) -> bool:
    """True when a switch termination is open on the point."""
    return bool(being_terminated([point_id]))


def being_terminated(point_ids: Collection[int]) -> set[int]:
    """The same for many points in one query."""
    found = Application.objects.filter(
        point_id__in=point_ids, kind=Application.Kind.SWITCH_TERMINATION, state__in=OPEN_APPLICATIONS
    )
    return set(found.values_list("point_id", flat=True))


def _accept(relay: Relay, *, by: User | None, now: datetime, with_termination: bool = True) -> list[traces.Trace]:
    """Accept; `by` is None where the retailer's policy does. The termination is filed, or owed from now on."""
    before = relay.state
    relay.state = _acceptable(relay, now=now)
    relay.judged_at, relay.judged_by, relay.judged_by_policy = now, by, by is None
    filing = policies.of(relay.losing_retailer).filing
    is_owed = filing == policies.Filing.BY_HAND or not (with_termination or filing == policies.Filing.BY_ITSELF)
    relay.remind_at = None
    if is_owed:
        calendar = workdays.of_area(relay.point.area)
        relay.termination_cut_off = deadlines.matching_cut_off(relay.desired_date, calendar)
        relay.termination_due_at = deadlines.filing_due(now, relay.termination_cut_off, calendar)
        relay.remind_at = deadlines.next_reminder(now, relay.termination_due_at, now)
    relay.save(
        update_fields=[
            *("state", "judged_at", "judged_by", "judged_by_policy"),
            *("remind_at", "termination_due_at", "termination_cut_off"),
        ]
    )
    accepted = _trace(relay, RelayMove.ACCEPT, before, "relay_accepted", relay.gaining_retailer_id, is_owed=is_owed)
    if is_owed and by is None:
        due = relay.termination_due_at.isoformat() if relay.termination_due_at else ""
        accepted.notices.extend(
            notices.about_relay(relay, "relay_filing", relay.losing_retailer_id, termination_due_at=due)
        )
    filed_by = None if filing == policies.Filing.BY_ITSELF else by
    return [
        accepted,
        *([] if is_owed else applications.file_terminations([relay], by=filed_by, now=now)),
        *applications.end_competing_starts(relay),
    ]


def _rejectable(relay: Relay, reasons: Sequence[Reason], reason_text: str, *, by: User, now: datetime) -> RelayState:
    """Where rejecting leads; raises what forbids it."""
    state = _move(relay, RelayMove.REJECT)
    if not reasons or (Reason.OTHER in reasons and not reason_text.strip()):
        raise ReasonsMissing
    if Reason.OTHER in reasons:
        check_words(relay, reason_text, by=by, now=now)
    return state


def settle_filing(relays: Sequence[Relay]) -> None:
    """No termination is owed any more on these relays (locked by the caller): it is filed, or the relay has ended."""
    for relay in relays:
        relay.termination_due_at = relay.termination_cut_off = relay.remind_at = None
    Relay.objects.filter(pk__in=[relay.pk for relay in relays], termination_due_at__isnull=False).update(
        termination_due_at=None, termination_cut_off=None, remind_at=None
    )


def _reject(
    relay: Relay, reasons: Sequence[Reason], reason_text: str, *, by: User, now: datetime
) -> list[traces.Trace]:
    before = relay.state
    relay.state = _rejectable(relay, reasons, reason_text, by=by, now=now)
    reason_text = reason_text.strip()
    relay.judged_at, relay.judged_by, relay.remind_at = now, by, None
    relay.reasons, relay.reason_text = list(reasons), reason_text if Reason.OTHER in reasons else ""
    relay.save(update_fields=["state", "judged_at", "judged_by", "remind_at", "reasons", "reason_text"])
    trace = _trace(relay, RelayMove.REJECT, before, "relay_rejected", relay.gaining_retailer_id, reasons=relay.reasons)
    if Reason.CUSTOMER_DENIES in reasons:
        return [trace, frauds.open_for(relay, match=None, by=None, now=now)]
    return [trace]


def check_words(relay: Relay, text: str, *, by: User, now: datetime, field: str = "reason_text") -> None:
    """Refuse free words that could carry one of the customer's values to the other side; raises CarriesData.

    The losing retailer's words are held against what was given and what it holds; the gaining retailer's against
    what it gave alone, because a refusal over a held value would tell that a guess was right.
    """
    known = [(relay.contract_number, relay.holder_name, relay.holder_kana, relay.holder_address)]
    contract = held_contract(relay, today=jst_date(now)) if by.company_id == relay.losing_retailer_id else None
    if contract:
        known.append((contract.number, contract.holder_name, contract.holder_kana, contract.holder_address))
    values = [guard.Values(*each) for each in known]
    if finding := guard.finding_in(text, values):
        raise CarriesData(finding, field)


def withdraw(*, relay_id: int, by: User, now: datetime, dry_run: bool = False) -> Relay:
    """The customer thought again before the match: relay, start (also one filed before it) and termination end.

    Raises NotYours, AlreadyMoved (after the match only the network operator can stop the switch), gates.Closed.
    With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    if dry_run:
        relay = by_id(relay_id)
        _withdrawable(relay, by)
        return relay
    with transaction.atomic():
        relay = locked(relay_id)
        _withdrawable(relay, by)
        traces.leave(end_together(relay), by=by, now=now)
    return relay


def end_together(relay: Relay) -> list[traces.Trace]:
    """Withdraw an open relay (locked by the caller) with its start, also one filed before it, and its termination.

    Returns the traces for the caller to leave with its own. Raises AlreadyMoved.
    """
    before, relay.state = relay.state, _move(relay, RelayMove.WITHDRAW)
    relay.remind_at = None
    settle_filing([relay])
    relay.save(update_fields=["state", "remind_at"])
    left = [_trace(relay, RelayMove.WITHDRAW, before, "relay_withdrawn", relay.losing_retailer_id)]
    filed_before = Q(
        relay__isnull=True,
        kind=Application.Kind.SWITCH_START,
        point=relay.point_id,
        retailer=relay.gaining_retailer_id,
        desired_date=relay.desired_date,
    )
    left += applications.end_waiting(_waiting_applications([relay], filed_before), ApplicationMove.CANCEL)
    return left


def _withdrawable(relay: Relay, by: User) -> RelayState:
    """Where withdrawing leads; raises what forbids it."""
    if relay.gaining_retailer_id != by.company_id or not _covers(by, Ability.REGISTER_RELAY, relay):
        raise NotYours
    return _move(relay, RelayMove.WITHDRAW)


def expire_overdue(*, now: datetime, limit: int = 1000, among: Q | None = None) -> int:
    """Expire up to `limit` relays whose judgement is overdue, with their starts; tells both and the hub operator.

    Each is escalated to the hub operator. `among` narrows it down to relays that somebody asks for just now; those
    are waited for where another worker holds them.
    """
    with transaction.atomic():
        overdue = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=among is None)
            .filter(among or Q(), state=RelayState.WAITING, due_at__lte=now)
            .select_related("point")
            .order_by("due_at")[:limit]
        )
        if not overdue:
            return 0
        hub_ids = notices.hub_ids()
        Relay.objects.filter(pk__in=[relay.pk for relay in overdue]).update(state=RelayState.EXPIRED, remind_at=None)
        Escalation.objects.bulk_create(
            Escalation(relay=relay, duty=Escalation.Duty.JUDGEMENT, due_at=relay.due_at, opened_at=now)
            for relay in overdue
        )
        left = []
        for relay in overdue:
            relay.state = RelayState.EXPIRED
            told = (relay.gaining_retailer_id, relay.losing_retailer_id)
            trace = _trace(relay, RelayMove.EXPIRE, RelayState.WAITING, "relay_expired", *told)
            trace.notices.extend(notices.to_the_hub(relay, "relay_expired", hub_id) for hub_id in hub_ids)
            left.append(trace)
        left += applications.end_waiting(_waiting_applications(overdue), ApplicationMove.FAIL)
        traces.leave(left, by=None, now=now)
    return len(overdue)


def remind_due(*, now: datetime, limit: int = 1000) -> int:
    """Remind losing retailers of up to `limit` judgements and filings at the set shares of their time."""
    with transaction.atomic():
        due = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                Q(state=RelayState.WAITING, due_at__gt=now) | Q(termination_due_at__gt=now),
                remind_at__lte=now,
            )
            .select_related("point")
            .order_by("remind_at")[:limit]
        )
        posts = []
        for relay in due:
            if relay.termination_due_at and relay.judged_at:
                begun_at, due_at, kind = relay.judged_at, relay.termination_due_at, "relay_filing"
                context = {"termination_due_at": due_at.isoformat()}
            else:
                begun_at, due_at, kind, context = relay.registered_at, relay.due_at, "relay_reminder", {}
            relay.remind_at = deadlines.next_reminder(begun_at, due_at, now)
            posts += notices.about_relay(relay, kind, relay.losing_retailer_id, **context)
        Relay.objects.bulk_update(due, ["remind_at"])
        notices.post_many(posts, now=now)
    return len(due)


def fail_with(relays: Sequence[Relay]) -> list[traces.Trace]:
    """Accepted relays (locked by the caller) whose pair did not come together by the cut-off; returns the traces."""
    settle_filing(relays)
    Relay.objects.filter(pk__in=[relay.pk for relay in relays]).update(state=RelayState.MATCHING_FAILED)
    left = []
    for relay in relays:
        before, relay.state = relay.state, _move(relay, RelayMove.FAIL)
        told = (relay.gaining_retailer_id, relay.losing_retailer_id)
        left.append(_trace(relay, RelayMove.FAIL, before, "relay_failed", *told))
    return left


def _waiting_applications(relays: Sequence[Relay], also: Q | None = None) -> list[Application]:
    theirs = Q(relay__in=relays)
    return list(
        Application.objects.select_for_update(of=("self",))
        .filter(theirs | also if also else theirs, state__in=BEFORE_MATCH)
        .select_related("point")
        .order_by("pk")
    )


@ahead.question
def by_id(relay_id: int) -> Relay:
    """The relay with its point and companies, as it stands now and not locked."""
    return detailed([relay_id])[relay_id]


def detailed(relay_ids: Collection[int]) -> dict[int, Relay]:
    """The same for many relays in one query."""
    return Relay.objects.select_related("point", "gaining_retailer", "losing_retailer").in_bulk(list(relay_ids))


def require_losing(relay: Relay, by: User) -> None:
    """Raise NotYours unless the person judges relays for the losing retailer, for this area and class."""
    if relay.losing_retailer_id != by.company_id or not _covers(by, Ability.JUDGE_RELAY, relay):
        raise NotYours


def locked(relay_id: int) -> Relay:
    """The relay with its point and companies, locked to the end of the transaction."""
    return (
        Relay.objects.select_for_update(of=("self",))
        .select_related("point", "gaining_retailer", "losing_retailer")
        .get(pk=relay_id)
    )


def _covers(by: User, ability: Ability, relay: Relay) -> bool:
    return covers(by, ability, area=relay.point.area, supply_class=relay.point.supply_class)


def _move(relay: Relay, move: RelayMove) -> RelayState:
    try:
        return next_relay_state(relay.state, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(RelayState(refusal.state)) from refusal


def _trace(relay: Relay, move: RelayMove, before: str, notice: str, *told: int, **context: object) -> traces.Trace:
    return traces.Trace(
        case=relay,
        move=move,
        from_state=before,
        to_state=RelayState(relay.state),
        notices=notices.about_relay(relay, notice, *told, **context),
        detail=dict(context),
    )
