"""Work at a meter: planned by the network operator, then reported done. The contract goes its own way beside it.

A report may come before or after the point changed hands, and days late: meters are dated by the day of the work and
supply by its own day, so the end state is the same whatever comes first (domain notes, switching §8).
"""

from collections.abc import Collection
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, CharField, QuerySet, TextChoices, Value, When
from django.utils.translation import gettext_lazy as _

from metering import history_checks, meters, registers
from metering.models import SupplyPoint
from metering.supply import period_of
from portal import ahead, gates, ledger, outbox
from portal.access import Ability, covers, within
from portal.models import Function, User
from portal.workdays import jst_date
from switching import notices, traces
from switching.applications import AlreadyMoved, NotPossible, NotYours
from switching.models import Application, MeterWork
from switching.states import ApplicationMove, ApplicationState, NotAllowed, next_application_state

Kind = MeterWork.Kind


class PlannedInPast(NotPossible):
    """Work is planned for today or a later day."""

    field = "planned_on"


class WrongWork(NotPossible):
    """The application does not ask for work of this kind."""

    field = "kind"


class DoneInFuture(NotPossible):
    """What is reported done was done today or earlier."""

    field = "done_on"


class DoneLongAgo(NotPossible):
    """The report comes later than reports are taken; `oldest` is the first day that still may be reported."""

    field = "done_on"

    def __init__(self, oldest: date) -> None:
        super().__init__(str(oldest))
        self.oldest = oldest


class MetersDoNotFit(NotPossible):
    """An exchange names the old and the new meter, an installation the new one, a removal the old one."""

    field = "old_meter"


class WorkIsOver(NotPossible):
    """The work is reported or called off already."""


NEEDED: dict[Kind, tuple[bool, bool]] = {
    Kind.EXCHANGE: (True, True),
    Kind.INSTALL: (False, True),
    Kind.REMOVE: (True, False),
    Kind.AMPERE: (False, False),
}
"""Kind → whether its report names the meter taken away, and the one put up."""
FITTING: dict[str, frozenset[Kind]] = {
    Application.Kind.SWITCH_START: frozenset({Kind.EXCHANGE, Kind.INSTALL, Kind.AMPERE}),
    Application.Kind.RECONNECTION: frozenset({Kind.EXCHANGE, Kind.INSTALL, Kind.AMPERE}),
    Application.Kind.AMPERE_CHANGE: frozenset({Kind.AMPERE, Kind.EXCHANGE}),
    Application.Kind.TERMINATION: frozenset({Kind.REMOVE}),
}
"""What work an application of a kind may bring; the kinds that are not here bring none."""


@dataclass(frozen=True)
class Done:
    """What was done at the meter on the day: the meters by number, their readings in Wh where they were read."""

    done_on: date
    old_meter: str = ""
    new_meter: meters.NewMeter | None = None
    old_reading_wh: int | None = None
    new_reading_wh: int | None = None


class Standing(TextChoices):
    """Where work at a meter stands."""

    PLANNED = "planned", _("planned")
    DONE = "done", _("done")
    CALLED_OFF = "called_off", _("called off")


def on_network_of(user: User) -> QuerySet[Any]:
    """Work at the meters of the person's network, inside the areas and classes, with where it `stands`."""
    return MeterWork.objects.filter(
        within(user, Ability.ANSWER_APPLICATION, area="point__area", supply_class="point__supply_class"),
        point__network_operator=user.company,
    ).annotate(
        stands=Case(
            When(done_on__isnull=False, then=Value(Standing.DONE.value)),
            When(cancelled_at__isnull=False, then=Value(Standing.CALLED_OFF.value)),
            default=Value(Standing.PLANNED.value),
            output_field=CharField(),
        )
    )


def plan(
    *,
    point: SupplyPoint,
    kind: str,
    planned_on: date,
    by: User,
    now: datetime,
    application: Application | None = None,
    dry_run: bool = False,
) -> MeterWork:
    """Plan work at a point, for an application or (a meter whose time is up) for none; planning anew replaces.

    The application stands as scheduled then; one that is not paired takes effect on the day of its work.
    Raises NotYours, PlannedInPast, WrongWork, AlreadyMoved, gates.Closed. With `dry_run` nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    _require(point, by)
    if planned_on < jst_date(now):
        raise PlannedInPast
    with transaction.atomic():
        work = MeterWork(point=point, kind=Kind(kind), planned_on=planned_on, planned_at=now, planned_by=by)
        left: list[traces.Trace] = []
        replaced = None
        if application is not None:
            work.application = application = _locked(application.pk)
            if application.point_id != point.pk or work.kind not in FITTING.get(application.kind, ()):
                raise WrongWork
            before, state = application.state, _next(application)
            if dry_run:
                return work
            replaced = MeterWork.objects.filter(
                application=application, done_on__isnull=True, cancelled_at__isnull=True
            ).first()
            application.state = state
            if not application.is_switch:
                application.planned_on = planned_on
            application.save(update_fields=["state", "planned_on"])
            left.append(
                traces.Trace(
                    case=application,
                    move=ApplicationMove.SCHEDULE,
                    from_state=before,
                    to_state=state,
                    notices=notices.about_application(
                        application,
                        "application_scheduled",
                        application.retailer_id,
                        planned_on=planned_on,
                        work=work.kind,
                    ),
                    detail={"planned_on": planned_on.isoformat(), "work": work.kind},
                )
            )
        if dry_run:
            return work
        if replaced:
            replaced.cancelled_at = now
            replaced.save(update_fields=["cancelled_at"])
        work.save(force_insert=True)
        _record("meter_work.planned", work, by=by, now=now, planned_on=planned_on.isoformat())
        traces.leave(left, by=by, now=now)
    return work


def report(*, work_id: int, done: Done, by: User, now: datetime, dry_run: bool = False) -> MeterWork:
    """Report planned work done on its day, with the meters and their readings; the supplier of that day is told.

    An application that is not paired and not yet in effect takes effect on the day its work was done.
    Raises NotYours, WorkIsOver, DoneInFuture, DoneLongAgo, MetersDoNotFit, meters.NotPossible, gates.Closed.
    With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with nullcontext() if dry_run else transaction.atomic():
        if dry_run:
            work = by_id(work_id)
        else:
            work = MeterWork.objects.select_for_update(of=("self",)).select_related("point").get(pk=work_id)
        _require(work.point, by)
        if work.done_on or work.cancelled_at:
            raise WorkIsOver
        _check(work, done, today=jst_date(now))
        at_the_meter = meters.check if dry_run else meters.change
        old_meter, new_meter = at_the_meter(work.point_id, on=done.done_on, old=done.old_meter, new=done.new_meter)
        if dry_run:
            work = copy(work)
        work.old_meter, work.new_meter = old_meter, new_meter
        work.done_on, work.reported_at, work.reported_by = done.done_on, now, by
        work.old_reading_wh, work.new_reading_wh = done.old_reading_wh, done.new_reading_wh
        if dry_run:
            return work
        readings = registers.of_exchange(
            work.point_id,
            done.done_on,
            old=done.old_meter,
            old_wh=done.old_reading_wh,
            new=done.new_meter.number if done.new_meter else "",
            new_wh=done.new_reading_wh,
        )
        history_checks.record_registers(
            readings, operator_id=work.point.network_operator_id, received_on=jst_date(now), now=now
        )
        work.save()
        application = _locked(work.application_id) if work.application_id else None
        if application and not application.is_switch and application.state == ApplicationState.SCHEDULED:
            application.planned_on = done.done_on
            application.save(update_fields=["planned_on"])
        _record("meter_work.done", work, by=by, now=now, done_on=done.done_on.isoformat())
        outbox.post_many(_told(work, application), now=now)
    return work


def call_off(*, work_id: int, by: User, now: datetime) -> MeterWork:
    """Call planned work off that belongs to no application. Raises NotYours, WorkIsOver, WrongWork, gates.Closed."""
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        work = MeterWork.objects.select_for_update(of=("self",)).select_related("point").get(pk=work_id)
        _require(work.point, by)
        if work.done_on or work.cancelled_at:
            raise WorkIsOver
        if work.application_id:
            raise WrongWork
        work.cancelled_at = now
        work.save(update_fields=["cancelled_at"])
        _record("meter_work.called_off", work, by=by, now=now)
    return work


@ahead.question
def by_id(work_id: int) -> MeterWork:
    """The work with its point and application, as it stands now and not locked."""
    return detailed([work_id])[work_id]


def detailed(work_ids: Collection[int]) -> dict[int, MeterWork]:
    """The same for many works in one query."""
    return MeterWork.objects.select_related("point", "application").in_bulk(list(work_ids))


def oldest_report(today: date) -> date:
    """The first day whose work may still be reported."""
    return today - timedelta(days=settings.METER_WORK_REPORT_DAYS)


def _check(work: MeterWork, done: Done, *, today: date) -> None:
    if done.done_on > today:
        raise DoneInFuture
    if done.done_on < (oldest := oldest_report(today)):
        raise DoneLongAgo(oldest)
    if NEEDED[Kind(work.kind)] != (bool(done.old_meter), done.new_meter is not None):
        raise MetersDoNotFit
    if (done.old_reading_wh is not None and not done.old_meter) or (
        done.new_reading_wh is not None and done.new_meter is None
    ):
        raise MetersDoNotFit


def _require(point: SupplyPoint, by: User) -> None:
    if point.network_operator_id != by.company_id or not covers(
        by, Ability.ANSWER_APPLICATION, area=point.area, supply_class=point.supply_class
    ):
        raise NotYours


def _locked(application_id: int) -> Application:
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )


def _next(application: Application) -> ApplicationState:
    try:
        return next_application_state(application.state, ApplicationMove.SCHEDULE)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal


def _told(work: MeterWork, application: Application | None) -> list[outbox.Post]:
    """The retailer whose application brought the work; else who supplied the point on its day."""
    assert work.done_on is not None
    if application:
        return notices.about_application(
            application, "application_work", application.retailer_id, done_on=work.done_on, work=work.kind
        )
    period = period_of(work.point_id, work.done_on)
    return notices.about_point(
        work.point, "point_work", *([period.retailer_id] if period else []), done_on=work.done_on, work=work.kind
    )


def _record(action: str, work: MeterWork, *, by: User, now: datetime, **detail: str) -> None:
    subject = f"meter work {work.pk}"
    ledger.record(action, subject, by=by, now=now, point=work.point.number, kind=work.kind, **detail)
