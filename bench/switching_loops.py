"""The same moves as they are often written: one case at a time, row by row, by the ORM; in a loop or a task per case.

The rules, the traces and their order are those of `switching.matching`; only the sets are missing. `bench.switching`
runs these beside the verbs.
"""

import os
from datetime import date, datetime

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import OperationalError, transaction  # noqa: E402

from config.celery import app  # noqa: E402
from metering import supply  # noqa: E402
from metering.models import ReadingDate  # noqa: E402
from portal import events, ledger, outbox, workdays  # noqa: E402
from portal.workdays import jst_date  # noqa: E402
from switching import dark_points, deadlines, happenings, notices, traces  # noqa: E402
from switching.models import Application, Match, Relay, Step, UndoCase  # noqa: E402
from switching.states import ApplicationMove, ApplicationState, RelayMove, RelayState  # noqa: E402


def match(case: int, *, now: datetime) -> bool:
    """Pair the start with this id; False when it has no counterpart."""
    today = jst_date(now)
    with transaction.atomic():
        start = Application.objects.select_for_update(of=("self",)).select_related("point").get(pk=case)
        termination = (
            Application.objects.select_for_update(of=("self",))
            .select_related("point")
            .filter(
                point=start.point,
                desired_date=start.desired_date,
                kind=Application.Kind.SWITCH_TERMINATION,
                state=ApplicationState.WAITING,
                matching_deadline__gte=today,
            )
            .first()
        )
        if start.state != ApplicationState.WAITING or start.matching_deadline < today or termination is None:
            return False
        relay = Relay.objects.select_for_update(of=("self",)).select_related("point").get(pk=termination.relay_id)
        if relay.state != RelayState.ACCEPTED or relay.gaining_retailer_id != start.retailer_id:
            return False
        pair = Match.objects.create(
            point=start.point, matched_at=now, switch_date=_switch_date(start, termination, today)
        )
        left = []
        for application in (start, termination):
            before, application.state, application.match = application.state, ApplicationState.MATCHED, pair
            application.save(update_fields=["state", "match"])
            told = [application.retailer_id, *([start.point.network_operator_id] if application.is_start else [])]
            moved = pair.switch_date != application.desired_date
            left.append(
                _trace(
                    application, ApplicationMove.MATCH, before, "application_matched", told,
                    detail={"switch_date": pair.switch_date.isoformat()}, switch_date=pair.switch_date, moved=moved,
                )
            )  # fmt: skip
        before, relay.state = relay.state, RelayState.MATCHED
        relay.save(update_fields=["state"])
        left.append(_trace(relay, RelayMove.MATCH, before))
        _leave(left, now)
    return True


def _switch_date(start: Application, termination: Application, today: date) -> date:
    earliest = deadlines.earliest_switch_date(
        today,
        supply_class=start.point.supply_class,
        meter_work=start.meter_work or termination.meter_work,
        workdays=workdays.of_area(start.point.area),
    )
    if start.desired_date >= earliest:
        return start.desired_date
    reading = ReadingDate.objects.filter(
        area=start.point.area, reading_day=start.point.reading_day, day__gte=earliest
    ).order_by("day")
    found = reading.values_list("day", flat=True).first()
    return found or earliest


def close(case: int, *, now: datetime) -> bool:
    """End the relay with this id, whose cut-off has passed, and every application on its point that waits."""
    today = jst_date(now)
    with transaction.atomic():
        relay = Relay.objects.select_for_update(of=("self",)).select_related("point").get(pk=case)
        waiting = list(
            Application.objects.select_for_update(of=("self",))
            .select_related("point")
            .filter(point=relay.point, state=ApplicationState.WAITING, matching_deadline__lt=today)
        )
        if relay.state != RelayState.ACCEPTED or not waiting:
            return False
        before, relay.state = relay.state, RelayState.MATCHING_FAILED
        relay.save(update_fields=["state"])
        told = [relay.gaining_retailer_id, relay.losing_retailer_id]
        left = [_trace(relay, RelayMove.FAIL, before, "relay_failed", told)]
        left += dark_points.open_for([relay], now=now)
        for application in waiting:
            before, application.state = application.state, ApplicationState.UNMATCHED
            application.save(update_fields=["state"])
            told = [application.retailer_id, application.point.network_operator_id]
            left.append(_trace(application, ApplicationMove.FAIL, before, "application_unmatched", told))
        _leave(left, now)
    return True


def hand_over(case: int, *, now: datetime) -> bool:
    """Carry out the match with this id."""
    with transaction.atomic():
        pair = Match.objects.select_for_update(of=("self",)).get(pk=case)
        if pair.handed_over_at or pair.stuck_because or pair.switch_date > jst_date(now):
            return False
        applications = list(Application.objects.filter(match=pair).select_related("point").order_by("kind"))
        start = applications[0]
        new = supply.NewSupply(
            point_id=start.point_id,
            retailer_id=start.retailer_id,
            from_date=pair.switch_date,
            contract_number=start.contract_number,
            holder_name=start.holder_name,
            holder_kana=start.holder_kana,
            holder_address=start.holder_address,
            cause=start.number,
        )
        supply.hand_over([new], now=now)
        pair.handed_over_at = now
        pair.save(update_fields=["handed_over_at"])
        left = []
        for application in applications:
            before, application.state = application.state, ApplicationState.IN_EFFECT
            application.in_effect_on = pair.switch_date
            application.save(update_fields=["state", "in_effect_on"])
            told = [application.retailer_id, *([start.point.network_operator_id] if application.is_start else [])]
            kind = "supply_started" if application.is_start else "supply_ended"
            left.append(
                _trace(
                    application, ApplicationMove.TAKE_EFFECT, before, kind, told,
                    detail={"on": pair.switch_date.isoformat()}, switch_date=pair.switch_date,
                )
            )  # fmt: skip
        _leave(left, now)
    return True


def _trace(
    case: Relay | Application,
    move: ApplicationMove | RelayMove,
    before: str,
    kind: str = "",
    told: list[int] | None = None,
    detail: dict[str, object] | None = None,
    **context: object,
) -> traces.Trace:
    """One move, as it is remembered and told."""
    about = notices.about_relay if isinstance(case, Relay) else notices.about_application
    posts = about(case, kind, *(told or []), **context)  # type: ignore[arg-type, operator]
    return traces.Trace(case, move, before, case.state, posts, detail or {})  # type: ignore[arg-type]


def _leave(left: list[traces.Trace], now: datetime) -> None:
    """Step and ledger row of each move of a case, one by one; its events and notices at its end, all at once.

    Posted one by one, two workers would lock the recipients' counters in different orders and stop one another.
    """
    for trace in left:
        case = trace.case
        Step.objects.create(
            relay=case if isinstance(case, Relay) else None,
            application=case if isinstance(case, Application) else None,
            undo_case=case if isinstance(case, UndoCase) else None,
            move=trace.move,
            from_state=trace.from_state,
            to_state=trace.to_state,
            at=now,
        )
        facts = {"from": trace.from_state, "to": str(trace.to_state), **trace.detail}
        ledger.record(trace.action, trace.subject, by=None, now=now, **facts)
    events.write_many(happenings.of(left, by=None), now=now)
    outbox.post_many([post for trace in left for post in trace.notices], now=now, are_told=True)


MOVES = {"match": match, "close": close, "hand_over": hand_over}


@app.task(name="bench.move", autoretry_for=(OperationalError,), max_retries=None, default_retry_delay=0)
def move(name: str, case: int, at: str) -> None:
    """One move of one case in a worker."""
    MOVES[name](case, now=datetime.fromisoformat(at))
