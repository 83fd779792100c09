"""What is not paired takes effect on its day: supply begins or ends, breaker or holder change, many at a time."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from metering import points, supply
from portal import ledger
from portal.models import User
from portal.workdays import jst_date
from switching import notices, traces
from switching.models import Application, MeterWork
from switching.models.applications import SWITCHES
from switching.states import OPEN_APPLICATIONS, ApplicationMove, ApplicationState

Kind = Application.Kind
STUCK = "the point is not supplied as the application supposes"
NOTICES = {
    Kind.RECONNECTION: ("supply_started", "supply_started"),
    Kind.TERMINATION: ("supply_ended", "application_effective"),
    Kind.AMPERE_CHANGE: ("application_effective", "application_effective"),
    Kind.CONSUMER_CHANGE: ("application_effective", "application_effective"),
}
"""Kind → what the retailer and what the network operator is told."""


def _due(today: date) -> Q:
    # What was filed to undo a switch is carried out with its case, as one hand-over without a gap.
    return Q(
        undo_cases__isnull=True,
        state__in=[ApplicationState.ACCEPTED, ApplicationState.SCHEDULED],
        match__isnull=True,
        stuck_because="",
        planned_on__lte=today,
    ) & ~Q(kind__in=SWITCHES)


def due_by(today: date) -> QuerySet[Application]:
    """What is to be carried out by the day: not who moves in before who moves out, no breaker that is not in yet."""
    leaving = Application.objects.filter(
        point=OuterRef("point"),
        kind=Kind.TERMINATION,
        state__in=OPEN_APPLICATIONS,
        stuck_because="",
        desired_date__lte=OuterRef("planned_on"),
    )
    still_to_do = MeterWork.objects.filter(application=OuterRef("pk"), done_on__isnull=True, cancelled_at__isnull=True)
    return (
        Application.objects.filter(_due(today))
        .exclude(Q(Exists(leaving), kind=Kind.RECONNECTION))
        .exclude(Q(Exists(still_to_do), kind=Kind.AMPERE_CHANGE))
    )


def take_effect_due(*, now: datetime, limit: int = 1000) -> int:
    """Carry out up to `limit` accepted applications whose day has come, from 00:00 JST of it; returns how many.

    Who moves in waits until who moved out is carried out, and a new breaker until somebody has put it in. What cannot
    be carried out because the point is not supplied as the application supposes is set aside as stuck, for the
    operator to see.
    """
    with transaction.atomic():
        due = list(
            due_by(jst_date(now))
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("point")
            .order_by("planned_on", "pk")[:limit]
        )
        stuck: set[int] = set()
        for kind, carry_out in CARRY_OUT.items():
            if ours := [application for application in due if application.kind == kind]:
                stuck |= _carry_out(ours, carry_out, now)
        done = [application for application in due if application.pk not in stuck]
        Application.objects.filter(pk__in=stuck).update(stuck_because=STUCK)
        traces.leave(_in_effect(done), by=None, now=now)
    return len(due)


def _carry_out(
    applications: Sequence[Application], verb: Callable[[Sequence[Application], datetime], None], now: datetime
) -> set[int]:
    """Carry out all of one kind at once, or all but those whose points refuse; returns the ids of the latter."""
    try:
        verb(applications, now)
    except (supply.NotSupplied, supply.AlreadySupplied) as refusal:
        refused = set(refusal.point_ids)
        left = [application for application in applications if application.point_id not in refused]
        if left:
            verb(left, now)
        return {application.pk for application in applications if application.point_id in refused}
    return set()


def _day(application: Application) -> date:
    assert application.planned_on, "the database lets nothing be accepted without its day"
    return application.planned_on


def _terminate(applications: Sequence[Application], now: datetime) -> None:
    supply.terminate(
        {application.point_id: _day(application) for application in applications},
        cause={application.point_id: application.number for application in applications},
        suppliers={application.point_id: application.retailer_id for application in applications},
        removed=[application.point_id for application in applications if application.removal],
        now=now,
    )


def _reconnect(applications: Sequence[Application], now: datetime) -> None:
    supply.begin(
        [
            supply.NewSupply(
                point_id=application.point_id,
                retailer_id=application.retailer_id,
                from_date=_day(application),
                contract_number=application.contract_number,
                holder_name=application.holder_name,
                holder_kana=application.holder_kana,
                holder_address=application.holder_address,
                holder_since=_day(application),
                cause=application.number,
            )
            for application in applications
        ],
        now=now,
    )
    change_facilities(applications)


def _change_ampere(applications: Sequence[Application], now: datetime) -> None:
    change_facilities(applications)


def _change_consumer(applications: Sequence[Application], now: datetime) -> None:
    supply.renew(
        [
            supply.Renewal(
                point_id=application.point_id,
                retailer_id=application.retailer_id,
                from_date=_day(application),
                holder_name=application.holder_name,
                holder_kana=application.holder_kana,
                holder_address=application.holder_address,
                contract_number=application.contract_number,
                is_new_holder=application.details.get("change") == Application.Change.NEW_HOLDER,
                cause=application.number,
            )
            for application in applications
        ],
        now=now,
    )


CARRY_OUT: dict[Kind, Callable[[Sequence[Application], datetime], None]] = {
    Kind.TERMINATION: _terminate,
    Kind.RECONNECTION: _reconnect,
    Kind.CONSUMER_CHANGE: _change_consumer,
    Kind.AMPERE_CHANGE: _change_ampere,
}


def change_facilities(applications: Sequence[Application]) -> None:
    """Set what these applications say about their points: ampere, capacity method, contract size, supply method."""
    changes = [
        points.FacilityChange(
            point_id=application.point_id,
            ampere=application.ampere,
            capacity_method=application.capacity_method,
            contract_size=application.contract_size,
            contract_size_unit=application.contract_size_unit,
            phases=application.details.get("phases", ""),
        )
        for application in applications
        if application.ampere
        or application.capacity_method
        or application.contract_size is not None
        or application.details.get("phases")
    ]
    if changes:
        points.change_facilities(changes)


def _in_effect(applications: Sequence[Application]) -> list[traces.Trace]:
    left = []
    for application in applications:
        before, application.state = application.state, ApplicationState.IN_EFFECT
        application.in_effect_on = _day(application)
        to_retailer, to_operator = NOTICES[Kind(application.kind)]
        told = {"switch_date": application.in_effect_on}
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.TAKE_EFFECT,
                from_state=before,
                to_state=ApplicationState.IN_EFFECT,
                notices=[
                    *notices.about_application(application, to_retailer, application.retailer_id, **told),
                    *notices.about_application(application, to_operator, application.point.network_operator_id, **told),
                ],
                detail={"on": application.in_effect_on.isoformat()},
            )
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE switching_application SET state = 'in_effect', in_effect_on = planned_on WHERE id = ANY (%s)",
            [[application.pk for application in applications]],
        )
    return left


def waits_to_take_effect(day: date) -> bool:
    """True while supply that begins or ends by the day is not carried out; a stuck one is the operator's."""
    return Application.objects.filter(_due(day), kind__in=[Kind.RECONNECTION, Kind.TERMINATION]).exists()


def try_again(application_ids: Sequence[int], *, by: User | None, now: datetime) -> int:
    """Put stuck applications back to be carried out (an operator's act, kept in the ledger); returns how many."""
    with transaction.atomic():
        stuck = list(
            Application.objects.select_for_update(of=("self",))
            .filter(pk__in=application_ids, state__in=OPEN_APPLICATIONS)
            .exclude(stuck_because="")
            .order_by("pk")
        )
        Application.objects.filter(pk__in=[application.pk for application in stuck]).update(stuck_because="")
        ledger.record_many(
            [
                ledger.Entry(
                    "application.try_again",
                    traces.subject_of(application),
                    detail={"stuck_because": application.stuck_because},
                )
                for application in stuck
            ],
            by=by,
            now=now,
        )
    return len(stuck)
