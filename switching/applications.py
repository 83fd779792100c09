"""Applications of every kind: filed, corrected, cancelled, completed; `matching` pairs, `effects` carries out."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from metering.models import SupplyPoint
from metering.supply import current_period, last_day
from portal import ahead, gates, quotas, workdays
from portal.access import Ability, covers
from portal.market import MarketRole, SupplyClass
from portal.models import Company, Function, Participation, Registration, User
from portal.workdays import jst_date
from switching import (
    answer_duties,
    deadlines,
    entries,
    kinds,
    network_policies,
    notices,
    numbers,
    revisions,
    sequence,
    traces,
    undoing,
)
from switching.kinds import Filer, Lead
from switching.models import Application, Relay, Revision
from switching.states import (
    BEFORE_MATCH,
    FROZEN,
    OPEN_APPLICATIONS,
    OPEN_RELAYS,
    ApplicationMove,
    ApplicationState,
    NotAllowed,
    next_application_state,
)

Kind = Application.Kind
ContractState = SupplyPoint.ContractState
_S, _M = ApplicationState, ApplicationMove
CORRECTABLE = frozenset({_S.DRAFT, _S.SUBMITTED, _S.ACCEPTED, _S.WAITING})
ENDS_IN = {_M.CANCEL: _S.CANCELLED, _M.FAIL: _S.UNMATCHED, _M.GIVE_WAY: _S.SUPERSEDED}
TOLD_AS = {
    _M.CANCEL: "application_cancelled",
    _M.FAIL: "application_unmatched",
    _M.GIVE_WAY: "application_superseded",
}


class NotPossible(Exception):
    """The application cannot be filed or moved; subclasses say why."""


class NotYours(NotPossible):
    """The person may not do this for the application's company, area and class."""


class AlreadyOurs(NotPossible):
    """The asking retailer supplies the point already."""


class PointNotInUse(NotPossible):
    """Nobody supplies the point, so there is nothing to switch: a reconnection is what is wanted."""


class NoPartInArea(NotPossible):
    """The company has no participant code as a retailer in the point's area."""


class PointBusy(NotPossible):
    """A start of somebody, another company's relay or an undoing is open on the point; which company's is not told."""


class DateNotPossible(NotPossible):
    """The desired date lies outside what lead time and limit allow."""

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


class BackDated(DateNotPossible):
    """The desired date lies further back than the kind may be dated back; a termination not at all."""


class NotOffered(NotPossible):
    """There is no application of this kind at the point's class of supply."""

    def __init__(self, kind: str, supply_class: str) -> None:
        super().__init__(f"{kind} {supply_class}")
        self.kind, self.supply_class = Kind(kind), SupplyClass(supply_class)


class FollowsRelay(NotPossible):
    """A switch termination is filed with the acceptance of its relay, never alone, and ends with it."""


class NotOurs(NotPossible):
    """Somebody supplies the point, but not the asking company; who is not told."""


class PointInUse(NotPossible):
    """The point is supplied on the desired date, so there is nothing to reconnect."""


class StateDoesNotFit(NotPossible):
    """The contract will be in `state` on the desired date, and the kind does not begin there."""

    def __init__(self, state: ContractState) -> None:
        super().__init__(state.label)
        self.state = state


class OutOfSequence(NotPossible):
    """Another movement of the point, which is not told, stands against the desired date."""


class OutOfOwnSequence(NotPossible):
    """An application of the own company, `other`, stands against the desired date; `order` is what would fit."""

    def __init__(self, other: sequence.Movement, order: sequence.Order) -> None:
        super().__init__(f"{other.number} {other.kind} {other.day}")
        self.other, self.order = other, order


class EntryNotPossible(NotPossible):
    """One entry does not fit the kind: `field` and `problem` tell which and why."""

    def __init__(self, field: str, problem: entries.Problem) -> None:
        super().__init__(f"{field}: {problem.value}")
        self.field, self.problem = field, problem


class NothingChanged(NotPossible):
    """A correction that corrects nothing."""


class QuotaSpent(NotPossible):
    """The company has filed as many switch starts today as its quota allows: `most`; `is_queued`: it may wait."""

    def __init__(self, most: int, *, is_queued: bool = False) -> None:
        super().__init__(most)
        self.most, self.is_queued = most, is_queued


class RelayDoesNotFit(NotPossible):
    """The relay named is of another point, another company or another date, or has ended."""


class Frozen(NotPossible):
    """A matched pair is frozen for both sides."""


class AlreadyMoved(NotPossible):
    """The application no longer stands where this would be possible; `state` tells where it stands."""

    def __init__(self, state: ApplicationState) -> None:
        super().__init__(state.label)
        self.state = state


def date_window(
    point: SupplyPoint, *, meter_work: bool, today: date, calendar: workdays.Workdays | None = None
) -> tuple[date, date]:
    """The first and last desired date that may be asked for today."""
    calendar = calendar or workdays.of_area(point.area)
    earliest = deadlines.earliest_switch_date(
        today, supply_class=point.supply_class, meter_work=meter_work, workdays=calendar
    )
    return earliest, deadlines.furthest_date(today, point.area)


@ahead.question
def supplies_in(area: str, company_id: int) -> bool:
    """True when the company takes part as a retailer in the area."""
    return Participation.objects.filter(company=company_id, area=area, market_role=MarketRole.RETAILER).exists()


def file_start(
    *,
    point: SupplyPoint,
    desired_date: date,
    contract_number: str,
    holder_name: str,
    holder_kana: str,
    holder_address: str,
    by: User,
    now: datetime,
    meter_work: bool = False,
    relay: Relay | None = None,
    dry_run: bool = False,
    from_queue: bool = False,
) -> Application:
    """File the gaining retailer's switch start; see `file`."""
    return file(
        kind=Kind.SWITCH_START,
        point=point,
        desired_date=desired_date,
        given={
            "contract_number": contract_number,
            "holder_name": holder_name,
            "holder_kana": holder_kana,
            "holder_address": holder_address,
            "meter_work": meter_work,
        },
        relay=relay,
        by=by,
        now=now,
        dry_run=dry_run,
        from_queue=from_queue,
    )


def file(
    *,
    kind: str,
    point: SupplyPoint,
    desired_date: date,
    given: Mapping[str, Any],
    by: User,
    now: datetime,
    relay: Relay | None = None,
    dry_run: bool = False,
    from_queue: bool = False,
    as_draft: bool = False,
) -> Application:
    """File an application of any kind but a switch termination, with the entries its rule in `kinds` asks for.

    A switch without meter work waits for its counterpart; where a person at the network operator looks at it first, it
    stands with the network operator; what the hub takes by itself is accepted and carried out on its day.
    Raises a NotPossible with the reason, or gates.Closed. With `dry_run` every rule is asked and nothing is written.
    With `as_draft` the entries are kept for the own company alone, and the other rules are asked when it is filed;
    `from_queue`: its turn in the queue has come (see switching.registration_queue).
    """
    rule = _may_file(kind, point, by=by, now=now)
    with nullcontext() if dry_run else transaction.atomic():
        application = Application(
            kind=kind,
            point=point,
            retailer=by.company,
            relay=_named(relay, is_locked=not dry_run),
            desired_date=desired_date,
            filed_at=now,
            filed_by=by,
        )
        _take(application, rule, given)
        if not as_draft:
            _check(application, rule, now=now)
            if kind == Kind.SWITCH_START:
                _check_quota(by.company, now=now, is_last=not dry_run, from_queue=from_queue)
        if not dry_run:
            traces.leave(_make([application], now=now, is_draft=as_draft), by=by, now=now)
    return application


def file_draft(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """File what was kept as a draft: every rule is asked now. Raises a NotPossible, gates.Closed."""
    with transaction.atomic():
        application = _own(application_id, by)
        rule = _may_file(application.kind, application.point, by=by, now=now)
        if application.state != _S.DRAFT:
            raise AlreadyMoved(ApplicationState(application.state))
        application.relay = _named(application.relay, is_locked=not dry_run)
        _check_entries(application, rule, entries.of(application, rule))
        _check(application, rule, now=now)
        if application.is_start:
            _check_quota(by.company, now=now, is_last=not dry_run, from_queue=False)
        if dry_run:
            return application
        application.filed_at, application.filed_by = now, by
        policy = network_policies.of(application.point.network_operator_id)
        traces.leave(_go(application, _way_in(application, policy), policy), by=by, now=now)
        answer_duties.begin([application], now=now)
        _save(application)
    return application


def correct(
    *,
    application_id: int,
    desired_date: date,
    given: Mapping[str, Any],
    reason: str,
    by: User,
    now: datetime,
    dry_run: bool = False,
) -> Application:
    """Correct the entries of an application that is not frozen yet: another revision of it, with every rule asked anew.

    What the network operator had accepted goes back to it. Raises a NotPossible with the reason, or gates.Closed.
    """
    with transaction.atomic():
        application = _own(application_id, by)
        rule = _may_file(application.kind, application.point, by=by, now=now)
        if application.state in FROZEN or undoing.was_filed_for(application):
            raise Frozen
        before = revisions.entries_of(application)
        application.desired_date = desired_date
        application.relay = _named(application.relay, is_locked=not dry_run)
        _take(application, rule, given)
        policy = network_policies.of(application.point.network_operator_id)
        move = _correcting(application, policy)
        if application.state != _S.DRAFT:
            _check(application, rule, now=now)
        if revisions.entries_of(application) == before:
            raise NothingChanged
        if dry_run:
            return application
        application.planned_on = None
        number = revisions.next_numbers([application.pk])[application.pk]
        revision = Revision(
            number=number, act=revisions.Act.CORRECTED, entries=revisions.entries_of(application), reason=reason.strip()
        )
        traces.leave(_go(application, move, policy, revision), by=by, now=now)
        answer_duties.begin([application], now=now)
        _save(application)
    return application


def _may_file(kind: str, point: SupplyPoint, *, by: User, now: datetime) -> kinds.Rule:
    """The rule of the kind, when the person may file it at the point at all."""
    gates.require(Function.APPLICATIONS, now=now, by=by)
    if not covers(by, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class):
        raise NotYours
    rule = kinds.rule(kind, point.supply_class)
    if rule is None:
        raise NotOffered(kind, point.supply_class)
    if rule.filer == Filer.LOSING:
        raise FollowsRelay
    if not supplies_in(point.area, by.company_id):
        raise NoPartInArea
    return rule


def _named(relay: Relay | None, *, is_locked: bool) -> Relay | None:
    """The relay as it stands now; locked where something is to be filed with it."""
    if relay is None:
        return None
    return Relay.objects.select_for_update(no_key=True).get(pk=relay.pk) if is_locked else relay_by_id(relay.pk)


@ahead.question
def relay_by_id(relay_id: int) -> Relay:
    """The relay as it stands now, not locked."""
    return Relay.objects.get(pk=relay_id)


def _take(application: Application, rule: kinds.Rule, given: Mapping[str, Any]) -> None:
    _check_entries(application, rule, given)
    entries.fill(application, rule, given)
    if rule.has_counterpart:
        calendar = workdays.of_area(application.point.area)
        application.matching_deadline = deadlines.matching_cut_off(application.desired_date, calendar)


def _check_entries(application: Application, rule: kinds.Rule, given: Mapping[str, Any]) -> None:
    if found := entries.problem(rule, given, point=application.point, desired_date=application.desired_date):
        raise EntryNotPossible(*found)


def _check(application: Application, rule: kinds.Rule, *, now: datetime) -> None:
    """Ask every rule about an application that is to be filed or corrected: who, when, in which order, which state.

    Source: domain notes, switching §8.
    """
    point, company_id, today, day = application.point, application.retailer_id, jst_date(now), application.desired_date
    period = current_period(point, today)
    if rule.filer in (Filer.GAINING, Filer.PRESENT):
        if not period:
            raise PointNotInUse
        is_own = period.retailer_id == company_id
        if rule.filer == Filer.GAINING and is_own:
            raise AlreadyOurs
        if rule.filer == Filer.PRESENT and not is_own:
            raise NotOurs
    relay = application.relay
    if relay and (
        relay.point_id != point.pk
        or relay.gaining_retailer_id != company_id
        or relay.desired_date != day
        or not relay.is_open
    ):
        raise RelayDoesNotFit
    _check_day(application, rule, today)
    is_new = application.pk is None or application.state == _S.DRAFT
    if application.is_start and is_new and is_taken(point.pk, company_id):
        raise PointBusy
    others = [
        other
        for other in movements_of(point.pk, today - timedelta(days=kinds.BACK_DAYS))
        if other.number != application.number
    ]
    if rule.filer == Filer.ANY:
        _check_free(application, others)
    if against := sequence.contradicted(application.kind, day, others):
        other, order = against
        raise OutOfOwnSequence(other, order) if other.retailer_id == company_id else OutOfSequence
    # Who supplies the point is the truth; a facility record that lags behind does not turn a customer away.
    present = ContractState.ENERGISED if period and point.contract_state == ContractState.IDLE else point.contract_state
    if not period and present == ContractState.ENERGISED:
        present = ContractState.IDLE
    state = sequence.state_on(day, present, others)
    if state not in rule.begins_in:
        raise StateDoesNotFit(state)


def _check_day(application: Application, rule: kinds.Rule, today: date) -> None:
    point, day = application.point, application.desired_date
    earliest, latest = deadlines.window(
        rule,
        supply_class=point.supply_class,
        meter_work=application.meter_work,
        today=today,
        workdays=workdays.of_area(point.area),
    )
    if not earliest <= day <= latest:
        is_back_dated = day < today and rule.lead in (Lead.SAME_DAY, Lead.WORK) and not application.meter_work
        raise (BackDated if is_back_dated else DateNotPossible)(earliest, latest)


def _check_free(application: Application, others: Sequence[sequence.Movement]) -> None:
    """The point is without supply from the desired date on, or a termination that is open will see to that."""
    day = application.desired_date
    is_leaving = any(other.kind == Kind.TERMINATION and not other.is_done and other.day <= day for other in others)
    if not is_leaving and last_day(application.point_id) > day:
        raise PointInUse


@ahead.question
def movements_of(point_id: int, since: date) -> list[sequence.Movement]:
    """The point's movements that are open or have taken effect on `since` or later."""
    return movements([point_id], since).get(point_id, [])


def movements(point_ids: Collection[int], since: date) -> dict[int, list[sequence.Movement]]:
    """The same for many points in one query; a point without any is left out."""
    found: dict[int, list[sequence.Movement]] = {}
    for row in Application.objects.filter(
        Q(state__in=OPEN_APPLICATIONS) | Q(in_effect_on__gte=since), point_id__in=point_ids
    ).select_related("match"):
        found.setdefault(row.point_id, []).append(
            sequence.Movement(
                kind=row.kind,
                day=row.effective_on,
                is_done=row.in_effect_on is not None,
                number=row.number,
                retailer_id=row.retailer_id,
                removes=row.removal,
            )
        )
    return found


@ahead.question
def is_taken(point_id: int, company_id: int) -> bool:
    """True when a start of anybody, another company's relay or the undoing of a switch is open on the point."""
    return bool(taken([point_id], company_id))


def taken(point_ids: Collection[int], company_id: int) -> set[int]:
    """The same for many points in three queries: those that are taken."""
    starts = Application.objects.filter(point_id__in=point_ids, kind=Kind.SWITCH_START, state__in=OPEN_APPLICATIONS)
    others = Relay.objects.filter(point_id__in=point_ids, state__in=OPEN_RELAYS).exclude(gaining_retailer=company_id)
    return {
        *starts.values_list("point_id", flat=True),
        *others.values_list("point_id", flat=True),
        *undoing.held(point_ids),
    }


def _check_quota(company: Company, *, now: datetime, is_last: bool, from_queue: bool = False) -> None:
    try:
        quotas.check(company, Registration.SWITCH_START, now=now, is_last=is_last, from_queue=from_queue)
    except quotas.Spent as spent:
        raise QuotaSpent(spent.most, is_queued=spent.is_queued) from spent


def filed_between(company_id: int, begin: datetime, end: datetime) -> int:
    """How many switch starts the company filed in [begin, end), whatever became of them; a draft is not filed yet."""
    starts = Application.objects.filter(
        retailer=company_id, kind=Kind.SWITCH_START, filed_at__gte=begin, filed_at__lt=end
    )
    return starts.exclude(state=ApplicationState.DRAFT).count()


def after_inquiry() -> Exists:
    """True for a facility inquiry after which its company filed an application on the point."""
    return Exists(
        Application.objects.filter(retailer=OuterRef("company"), point=OuterRef("point"), filed_at__gte=OuterRef("at"))
    )


def file_terminations(relays: Sequence[Relay], *, by: User | None, now: datetime) -> list[traces.Trace]:
    """File the losing retailer's switch termination for each relay just accepted (locked by the caller).

    Returns the traces for the caller to leave with its own, all at once. Raises PointBusy.
    """
    calendars = workdays.of_areas()
    terminations = [
        Application(
            kind=Kind.SWITCH_TERMINATION,
            point=relay.point,
            retailer_id=relay.losing_retailer_id,
            relay=relay,
            desired_date=relay.desired_date,
            matching_deadline=deadlines.matching_cut_off(relay.desired_date, calendars[relay.point.area]),
            filed_at=now,
            filed_by=by,
        )
        for relay in relays
    ]
    return _make(terminations, now=now)


def _make(applications: list[Application], *, now: datetime, is_draft: bool = False) -> list[traces.Trace]:
    """Number and insert new applications of one kind of way in; returns their traces, the first revision with them."""
    policies = network_policies.of_many({application.point.network_operator_id for application in applications})
    left = []
    for application, number in zip(applications, numbers.issue(numbers.APPLICATION, len(applications)), strict=True):
        policy = policies[application.point.network_operator_id]
        application.number, application.state = number, ""
        move = ApplicationMove.SAVE if is_draft else _way_in(application, policy)
        revision = Revision(number=1, act=revisions.Act.REGISTERED, entries=revisions.entries_of(application))
        left += _go(application, move, policy, revision)
    answer_duties.begin(applications, now=now)
    try:
        with transaction.atomic():
            Application.objects.bulk_create(applications, batch_size=2000)
    except IntegrityError as error:
        if "one_open_application_per_point_and_kind" in str(error):
            raise PointBusy from error
        raise
    return left


def _go(
    application: Application,
    move: ApplicationMove,
    policy: network_policies.Policy,
    revision: Revision | None = None,
) -> list[traces.Trace]:
    """Move the application (the caller saves it), and on to accepted where the hub takes it by itself."""
    before = application.state
    application.state = state = _next(application, move)
    told = {
        ApplicationMove.FILE: "application_filed",
        ApplicationMove.SUBMIT: "application_submitted",
        ApplicationMove.CORRECT: "application_corrected",
    }
    is_silent = state == _S.DRAFT
    operator_id = application.point.network_operator_id
    left = [
        traces.Trace(
            case=application,
            move=move,
            from_state=before,
            to_state=state,
            notices=[] if is_silent else notices.about_application(application, told[move], operator_id),
            revision=revision,
        )
    ]
    if state == _S.SUBMITTED and not _needs_person(application, policy):
        application.state = _next(application, ApplicationMove.ACCEPT)
        application.planned_on = application.desired_date
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.ACCEPT,
                from_state=state,
                to_state=_S.ACCEPTED,
                notices=notices.about_application(application, "application_accepted", application.retailer_id),
            )
        )
    return left


def _save(application: Application) -> None:
    try:
        with transaction.atomic():
            application.save()
    except IntegrityError as error:
        if "one_open_application_per_point_and_kind" in str(error):
            raise PointBusy from error
        raise


def _needs_person(application: Application, policy: network_policies.Policy) -> bool:
    return policy.needs_person(application.kind, application.point.supply_class, meter_work=application.meter_work)


def _way_in(application: Application, policy: network_policies.Policy) -> ApplicationMove:
    """Whether the hub takes it by its tables and it waits for its counterpart, or it goes to the network operator."""
    waits = application.is_switch and not _needs_person(application, policy)
    return ApplicationMove.FILE if waits else ApplicationMove.SUBMIT


def _correcting(application: Application, policy: network_policies.Policy) -> ApplicationMove:
    """The move of a correction: where the application stands it stays, unless somebody has to look at it anew."""
    way = _way_in(application, policy)
    if application.state in (_S.DRAFT, _S.SUBMITTED) and not (application.state == _S.SUBMITTED and way == _M.FILE):
        return ApplicationMove.CORRECT
    if application.state == _S.WAITING and way == ApplicationMove.FILE:
        return ApplicationMove.CORRECT
    _next(application, way)
    return way


def cancel(*, application_id: int, by: User, now: datetime, reason: str = "", dry_run: bool = False) -> Application:
    """Cancel an application by its own retailer before it is matched or its work is scheduled.

    A switch termination follows its relay and is not cancelled alone.

    Raises NotYours, Frozen, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = _locked(application_id)
        if (
            application.kind == Kind.SWITCH_TERMINATION
            or application.retailer_id != by.company_id
            or not _covers(by, Ability.FILE_APPLICATION, application)
        ):
            raise NotYours
        if application.state in FROZEN or undoing.was_filed_for(application):
            raise Frozen
        if dry_run:
            _next(application, ApplicationMove.CANCEL)
            return application
        traces.leave(end_waiting([application], ApplicationMove.CANCEL, reason=reason.strip()), by=by, now=now)
    return application


def end_competing_starts(relay: Relay) -> list[traces.Trace]:
    """The first accepted relay for a point wins: other companies' starts on it end; returns the traces.

    They are told that another switch came first, and never whose.
    Source: domain notes, switching §5.
    """
    competing = list(
        Application.objects.select_for_update(of=("self",))
        .filter(point=relay.point_id, kind=Kind.SWITCH_START, state__in=BEFORE_MATCH)
        .exclude(retailer=relay.gaining_retailer_id)
        .select_related("point")
    )
    return end_waiting(competing, ApplicationMove.GIVE_WAY) if competing else []


def end_waiting(applications: Sequence[Application], move: ApplicationMove, *, reason: str = "") -> list[traces.Trace]:
    """Move applications without a counterpart yet (locked by the caller) to their end by CANCEL, FAIL or GIVE_WAY.

    Returns the traces for the caller to leave with its own, all at once. Raises AlreadyMoved.
    """
    kind = TOLD_AS[move]
    is_cancelled = move == ApplicationMove.CANCEL
    at = revisions.next_numbers([application.pk for application in applications]) if is_cancelled else {}
    moved = []
    for application in applications:
        revision = (
            Revision(
                number=at[application.pk],
                act=revisions.Act.CANCELLED,
                entries=revisions.entries_of(application),
                reason=reason,
            )
            if is_cancelled
            else None
        )
        moved.append(
            traces.Trace(
                case=application,
                move=move,
                from_state=application.state,
                to_state=_next(application, move),
                notices=notices.about_application(
                    application,
                    kind,
                    *([] if application.state == _S.DRAFT else _parties(application)),
                ),
                revision=revision,
            )
        )
    for trace in moved:
        trace.case.state = trace.to_state
    Application.objects.filter(pk__in=[a.pk for a in applications]).update(state=ENDS_IN[move])
    return moved


def _parties(application: Application) -> tuple[int, int]:
    return application.retailer_id, application.point.network_operator_id


def complete(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """The network operator reports the paperwork completed: a fact of its own beside "supply started".

    Raises NotYours, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = _locked(application_id)
        if application.point.network_operator_id != by.company_id or not _covers(
            by, Ability.COMPLETE_APPLICATION, application
        ):
            raise NotYours
        before, state = application.state, _next(application, ApplicationMove.COMPLETE)
        if dry_run:
            return application
        application.state = state
        application.completed_at = now
        application.save(update_fields=["state", "completed_at"])
        traces.leave(
            [
                traces.Trace(
                    case=application,
                    move=ApplicationMove.COMPLETE,
                    from_state=before,
                    to_state=ApplicationState(application.state),
                    notices=notices.about_application(application, "application_completed", application.retailer_id),
                )
            ],
            by=by,
            now=now,
        )
    return application


def pending_on(point_ids: list[int]) -> dict[int, list[dict[str, str]]]:
    """Open applications per point as kind and date alone: what an inquiry may tell about them."""
    pending: dict[int, list[dict[str, str]]] = {}
    for point_id, kind, desired in (
        Application.objects.filter(point_id__in=point_ids, state__in=OPEN_APPLICATIONS)
        .order_by("desired_date", "kind")
        .values_list("point_id", "kind", "desired_date")
    ):
        pending.setdefault(point_id, []).append({"kind": kind, "date": desired.isoformat()})
    return pending


def _next(application: Application, move: ApplicationMove) -> ApplicationState:
    try:
        return next_application_state(application.state or None, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal


def _own(application_id: int, by: User) -> Application:
    """The person's own company's application, locked."""
    application = _locked(application_id)
    if application.kind == Kind.SWITCH_TERMINATION or application.retailer_id != by.company_id:
        raise NotYours
    return application


def _locked(application_id: int) -> Application:
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )


def _covers(by: User, ability: Ability, application: Application) -> bool:
    return covers(by, ability, area=application.point.area, supply_class=application.point.supply_class)
