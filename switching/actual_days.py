"""The day on which supply really began, ended or changed hands, reported by the network operator.

Another day than the planned one moves the supply itself: docs/decisions says why and what follows.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from metering import supply_days
from portal import ahead, gates
from portal.access import Ability, covers
from portal.models import Function, User
from portal.workdays import jst_date
from switching import notices, traces, undoing
from switching.applications import AlreadyMoved, NotPossible, NotYours
from switching.models import ActualDay, Application, Match
from switching.states import ApplicationMove, ApplicationState, NotAllowed, next_application_state

Kind = Application.Kind
KINDS = frozenset({Kind.SWITCH_START, Kind.RECONNECTION, Kind.TERMINATION})
"""What has a day of supply to report; the termination of a switch follows its start."""


class NoDayOfSupply(NotPossible):
    """An application of this kind changes no supply, or follows another one."""


class NotYet(NotPossible):
    """What really happened happened today or earlier."""

    field = "actual"


class LongAgo(NotPossible):
    """The report comes later than reports are taken; `oldest` is the first day that still may be reported."""

    field = "actual"

    def __init__(self, oldest: date) -> None:
        super().__init__(str(oldest))
        self.oldest = oldest


class SameDay(NotPossible):
    """The day reported is the one the hub holds already."""

    field = "actual"


class BeingUndone(NotPossible):
    """The switch is being undone: what becomes of its days is settled there."""


class SupplyMovedOn(NotPossible):
    """The supply of the point is not, or no longer, as the application left it, or another's day would be touched."""

    field = "actual"


def report(
    *, application_id: int, actual: date, cause: str, by: User, now: datetime, dry_run: bool = False
) -> Application:
    """Report that an application's supply began, ended or changed hands on another day than the hub holds.

    The supply periods of both sides are superseded, days already over are owed to who really supplied them, both
    retailers are told. When the paperwork was completed is a fact of its own and stays.
    Raises NotYours, NoDayOfSupply, AlreadyMoved, NotYet, LongAgo, SameDay, BeingUndone, SupplyMovedOn, gates.Closed.
    With `dry_run` every rule is asked and nothing stays written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = by_id(application_id) if dry_run else _locked(application_id)
        day = _check(application, actual, by=by, today=jst_date(now))
        pair = _pair(application)
        ends = next((one for one in pair if one.kind in (Kind.SWITCH_TERMINATION, Kind.TERMINATION)), None)
        begins = next((one for one in pair if one.kind in (Kind.SWITCH_START, Kind.RECONNECTION)), None)
        try:
            with transaction.atomic():
                supply_days.move(
                    [
                        supply_days.Shift(
                            point_id=application.point_id,
                            believed=day,
                            actual=actual,
                            from_retailer_id=ends.retailer_id if ends else None,
                            to_retailer_id=begins.retailer_id if begins else None,
                            cause=application.number,
                        )
                    ],
                    now=now,
                )
                if dry_run:
                    transaction.set_rollback(True)
        except supply_days.NotMovable as refusal:
            raise SupplyMovedOn from refusal
        if dry_run:
            return application
        ActualDay.objects.create(application=application, believed=day, actual=actual, cause=cause, at=now, by=by)
        Application.objects.filter(pk__in=[one.pk for one in pair]).update(in_effect_on=actual)
        if application.match_id:
            Match.objects.filter(pk=application.match_id).update(actual_date=actual)
        for one in pair:
            one.in_effect_on = actual
        traces.leave(
            [
                traces.Trace(
                    case=one,
                    move=ApplicationMove.REPORT_DAY,
                    from_state=one.state,
                    to_state=ApplicationState(one.state),
                    notices=notices.about_application(
                        one, "supply_day_moved", one.retailer_id, believed=day, actual=actual, cause=str(cause)
                    ),
                    detail={"believed": day.isoformat(), "actual": actual.isoformat(), "cause": str(cause)},
                )
                for one in pair
            ],
            by=by,
            now=now,
        )
    return application


def may_report(application: Application) -> bool:
    """True where an actual day may be reported for the application, whoever does it."""
    return application.kind in KINDS and application.in_effect_on is not None


def oldest_report(today: date) -> date:
    """The first day that still may be reported as the actual one, and whose belief may still be mended."""
    return today - timedelta(days=settings.ACTUAL_DAY_REPORT_DAYS)


@ahead.question
def by_id(application_id: int) -> Application:
    """The application with its point, as it stands now and not locked."""
    return Application.objects.select_related("point", "retailer").get(pk=application_id)


def _check(application: Application, actual: date, *, by: User, today: date) -> date:
    """The day the hub holds; raises what stands against another one."""
    point = application.point
    if point.network_operator_id != by.company_id or not covers(
        by, Ability.ANSWER_APPLICATION, area=point.area, supply_class=point.supply_class
    ):
        raise NotYours
    if application.kind not in KINDS:
        raise NoDayOfSupply
    try:
        next_application_state(application.state, ApplicationMove.REPORT_DAY)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal
    day = application.in_effect_on
    assert day is not None  # by supply_started_is_a_dated_fact
    if actual > today:
        raise NotYet
    if min(actual, day) < (oldest := oldest_report(today)):
        raise LongAgo(oldest)
    if actual == day:
        raise SameDay
    if undoing.held([point.pk]) or undoing.was_filed_for(application):
        raise BeingUndone
    return day


def _pair(application: Application) -> list[Application]:
    """The application and, of a switch, its counterpart."""
    if application.match_id is None:
        return [application]
    return list(
        Application.objects.select_for_update(of=("self",))
        .filter(match=application.match_id)
        .select_related("point", "retailer")
        .order_by("kind")
    )


def _locked(application_id: int) -> Application:
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )
