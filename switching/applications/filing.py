"""Applications filed, kept as drafts and corrected; the way in: to the network operator, or taken by the hub."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from metering.models import SupplyPoint
from portal import ahead, workdays
from portal.models import User
from switching import (
    answer_duties,
    deadlines,
    entries,
    kinds,
    network_policies,
    notices,
    numbers,
    revisions,
    traces,
    undoing,
)
from switching.applications.checks import check, check_entries, check_quota, rule_for
from switching.applications.refusals import AlreadyMoved, Frozen, NothingChanged, PointBusy
from switching.applications.rows import following, own
from switching.models import Application, Relay, Revision
from switching.states import FROZEN, ApplicationMove, ApplicationState

Kind = Application.Kind
_S, _M = ApplicationState, ApplicationMove
CORRECTABLE = frozenset({_S.DRAFT, _S.SUBMITTED, _S.ACCEPTED, _S.WAITING})


@dataclass(frozen=True)
class Start:
    """A switch start as the gaining retailer files it, now or when its turn in the queue has come."""

    point: SupplyPoint
    desired_date: date
    contract_number: str
    holder_name: str
    holder_kana: str
    holder_address: str
    meter_work: bool = False
    relay: Relay | None = None


def file_start(
    start: Start, *, by: User, now: datetime, dry_run: bool = False, from_queue: bool = False
) -> Application:
    """File the gaining retailer's switch start; see `file`."""
    return file(
        kind=Kind.SWITCH_START,
        point=start.point,
        desired_date=start.desired_date,
        given={
            "contract_number": start.contract_number,
            "holder_name": start.holder_name,
            "holder_kana": start.holder_kana,
            "holder_address": start.holder_address,
            "meter_work": start.meter_work,
        },
        relay=start.relay,
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
    rule = rule_for(kind, point, by=by, now=now)
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
            check(application, rule, now=now)
            if kind == Kind.SWITCH_START:
                check_quota(by.company, now=now, is_last=not dry_run, from_queue=from_queue)
        if not dry_run:
            traces.leave(_make([application], now=now, is_draft=as_draft), by=by, now=now)
    return application


def file_draft(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """File what was kept as a draft: every rule is asked now. Raises a NotPossible, gates.Closed."""
    with transaction.atomic():
        application = own(application_id, by)
        rule = rule_for(application.kind, application.point, by=by, now=now)
        if application.state != _S.DRAFT:
            raise AlreadyMoved(ApplicationState(application.state))
        application.relay = _named(application.relay, is_locked=not dry_run)
        check_entries(application, rule, entries.of(application, rule))
        check(application, rule, now=now)
        if application.is_start:
            check_quota(by.company, now=now, is_last=not dry_run, from_queue=False)
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
        application = own(application_id, by)
        rule = rule_for(application.kind, application.point, by=by, now=now)
        if application.state in FROZEN or undoing.was_filed_for(application):
            raise Frozen
        before = revisions.entries_of(application)
        application.desired_date = desired_date
        application.relay = _named(application.relay, is_locked=not dry_run)
        _take(application, rule, given)
        policy = network_policies.of(application.point.network_operator_id)
        move = _correcting(application, policy)
        if application.state != _S.DRAFT:
            check(application, rule, now=now)
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
    check_entries(application, rule, given)
    entries.fill(application, rule, given)
    if rule.has_counterpart:
        calendar = workdays.of_area(application.point.area)
        application.matching_deadline = deadlines.matching_cut_off(application.desired_date, calendar)


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
    application.state = state = following(application, move)
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
        application.state = following(application, ApplicationMove.ACCEPT)
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
    following(application, way)
    return way
