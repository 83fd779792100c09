"""Applications: the whole life of a switch start and a switch termination is written here and in matching."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from metering.models import SupplyPoint
from metering.supply import current_period
from portal import ahead, gates, quotas, workdays
from portal.access import Ability, covers
from portal.market import MarketRole
from portal.models import Company, Function, Participation, Registration, User
from portal.workdays import jst_date
from switching import deadlines, network_policies, notices, numbers, revisions, traces
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
ENDS_IN = {ApplicationMove.CANCEL: ApplicationState.CANCELLED, ApplicationMove.FAIL: ApplicationState.UNMATCHED}


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
    """A start of somebody, or another company's relay, is open on the point; which company's is not told."""


class DateNotPossible(NotPossible):
    """The desired date lies outside what lead time and limit allow."""

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


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
    return earliest, deadlines.furthest_date(today)


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
    """File the gaining retailer's switch start; it waits for the termination of the same point and date.

    With meter work, or where the network operator wishes so, a person there accepts it first.
    Raises a NotPossible with the reason, or gates.Closed. With `dry_run` every rule is asked and nothing is written;
    `from_queue`: its turn in the queue has come (see switching.registration_queue).
    """
    gates.require(Function.APPLICATIONS, now=now)
    if not covers(by, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class):
        raise NotYours
    if not supplies_in(point.area, by.company_id):
        raise NoPartInArea
    today = jst_date(now)
    calendar = workdays.of_area(point.area)
    with transaction.atomic():
        if relay:
            relay = Relay.objects.select_for_update(no_key=True).get(pk=relay.pk)
        period = current_period(point, today)
        if not period:
            raise PointNotInUse
        if period.retailer_id == by.company_id:
            raise AlreadyOurs
        if relay and (
            relay.point_id != point.pk
            or relay.gaining_retailer_id != by.company_id
            or relay.desired_date != desired_date
            or not relay.is_open
        ):
            raise RelayDoesNotFit
        earliest, latest = date_window(point, meter_work=meter_work, today=today, calendar=calendar)
        if not earliest <= desired_date <= latest:
            raise DateNotPossible(earliest, latest)
        if is_taken(point.pk, by.company_id):
            raise PointBusy
        _check_quota(by.company, now=now, is_last=not dry_run, from_queue=from_queue)
        application = Application(
            kind=Kind.SWITCH_START,
            point=point,
            retailer=by.company,
            relay=relay,
            desired_date=desired_date,
            matching_deadline=deadlines.matching_cut_off(desired_date, calendar),
            meter_work=meter_work,
            contract_number=contract_number,
            holder_name=holder_name,
            holder_kana=holder_kana,
            holder_address=holder_address,
            filed_at=now,
            filed_by=by,
        )
        if not dry_run:
            traces.leave(_file([application]), by=by, now=now)
    return application


@ahead.question
def is_taken(point_id: int, company_id: int) -> bool:
    """True when a start of anybody or another company's relay is open on the point."""
    return bool(taken([point_id], company_id))


def taken(point_ids: Collection[int], company_id: int) -> set[int]:
    """The same for many points in two queries: those that are taken."""
    starts = Application.objects.filter(point_id__in=point_ids, kind=Kind.SWITCH_START, state__in=OPEN_APPLICATIONS)
    others = Relay.objects.filter(point_id__in=point_ids, state__in=OPEN_RELAYS).exclude(gaining_retailer=company_id)
    return {*starts.values_list("point_id", flat=True), *others.values_list("point_id", flat=True)}


def _check_quota(company: Company, *, now: datetime, is_last: bool, from_queue: bool) -> None:
    try:
        quotas.check(company, Registration.SWITCH_START, now=now, is_last=is_last, from_queue=from_queue)
    except quotas.Spent as spent:
        raise QuotaSpent(spent.most, is_queued=spent.is_queued) from spent


def filed_between(company_id: int, begin: datetime, end: datetime) -> int:
    """How many switch starts the company filed in [begin, end), whatever became of them."""
    return Application.objects.filter(
        retailer=company_id, kind=Kind.SWITCH_START, filed_at__gte=begin, filed_at__lt=end
    ).count()


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
    return _file(terminations)


def _file(applications: list[Application]) -> list[traces.Trace]:
    policies = network_policies.of_many({application.point.network_operator_id for application in applications})
    moves = []
    for application, number in zip(applications, numbers.issue(numbers.APPLICATION, len(applications)), strict=True):
        application.number = number
        moves.append(_way_in(application, policies[application.point.network_operator_id]))
        application.state = next_application_state(None, moves[-1])
    try:
        with transaction.atomic():
            Application.objects.bulk_create(applications, batch_size=2000)
    except IntegrityError as error:
        if "one_open_application_per_point_and_kind" in str(error):
            raise PointBusy from error
        raise
    return [
        traces.Trace(
            case=application,
            move=move,
            from_state="",
            to_state=ApplicationState(application.state),
            notices=notices.about_application(
                application,
                "application_filed" if move == ApplicationMove.FILE else "application_submitted",
                application.point.network_operator_id,
            ),
            revision=Revision(number=1, act=revisions.Act.REGISTERED, entries=revisions.entries_of(application)),
        )
        for application, move in zip(applications, moves, strict=True)
    ]


def _way_in(application: Application, policy: network_policies.Policy) -> ApplicationMove:
    """Whether the hub takes it by its tables or a person at the network operator looks at it first."""
    needs_person = policy.needs_person(
        application.kind, application.point.supply_class, meter_work=application.meter_work
    )
    return ApplicationMove.SUBMIT if needs_person else ApplicationMove.FILE


def cancel(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """Cancel an application by its own retailer before it is matched or its work is scheduled.

    A switch termination follows its relay and is not cancelled alone.

    Raises NotYours, Frozen, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now)
    with transaction.atomic():
        application = _locked(application_id)
        if (
            application.kind == Kind.SWITCH_TERMINATION
            or application.retailer_id != by.company_id
            or not _covers(by, Ability.FILE_APPLICATION, application)
        ):
            raise NotYours
        if application.state in FROZEN:
            raise Frozen
        if dry_run:
            _next(application, ApplicationMove.CANCEL)
            return application
        traces.leave(end_waiting([application], ApplicationMove.CANCEL), by=by, now=now)
    return application


def end_competing_starts(relay: Relay) -> list[traces.Trace]:
    """The first accepted relay for a point wins: other companies' starts on it end; returns the traces.

    Source: domain notes, switching §5.
    """
    competing = list(
        Application.objects.select_for_update(of=("self",))
        .filter(point=relay.point_id, kind=Kind.SWITCH_START, state__in=BEFORE_MATCH)
        .exclude(retailer=relay.gaining_retailer_id)
        .select_related("point")
    )
    return end_waiting(competing, ApplicationMove.FAIL) if competing else []


def end_waiting(applications: Sequence[Application], move: ApplicationMove) -> list[traces.Trace]:
    """Move applications without a counterpart yet (locked by the caller) to their end by CANCEL or FAIL.

    Returns the traces for the caller to leave with its own, all at once. Raises AlreadyMoved.
    """
    kind = {ApplicationMove.CANCEL: "application_cancelled", ApplicationMove.FAIL: "application_unmatched"}[move]
    is_cancelled = move == ApplicationMove.CANCEL
    at = revisions.next_numbers([application.pk for application in applications]) if is_cancelled else {}
    moved = []
    for application in applications:
        revision = (
            Revision(
                number=at[application.pk],
                act=revisions.Act.CANCELLED,
                entries=revisions.entries_of(application),
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
                    application, kind, application.retailer_id, application.point.network_operator_id
                ),
                revision=revision,
            )
        )
    for trace in moved:
        trace.case.state = trace.to_state
    Application.objects.filter(pk__in=[a.pk for a in applications]).update(state=ENDS_IN[move])
    return moved


def complete(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """The network operator reports the paperwork completed: a fact of its own beside "supply started".

    Raises NotYours, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now)
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
        return next_application_state(application.state, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal


def _locked(application_id: int) -> Application:
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )


def _covers(by: User, ability: Ability, application: Application) -> bool:
    return covers(by, ability, area=application.point.area, supply_class=application.point.supply_class)
