"""A termination without a start: nobody is left in the dark silently (domain notes, switching §8).

Supply goes on under the old contract, which is what happens without any word. Only where the losing retailer says that
its contract ends all the same, last-resort supply is offered, and is what the point gets unless the customer declines.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from metering import supply
from metering.models import SupplyPeriod
from portal import gates, workdays
from portal.access import Ability
from portal.models import Function, User
from portal.workdays import JST, jst_date
from switching import deadlines, last_resort, leaving, notices, traces, undoing
from switching.models import Application, Relay, StartWarning, UndoCase
from switching.undo_reasons import Outcome
from switching.undo_states import OPEN_UNDOING, UndoKind, UndoMove, UndoState
from switching.undoing import Word

WITHOUT_START = """
    SELECT r.id, t.id, CASE WHEN t.matching_deadline <= %(today)s THEN 'last_day' ELSE 'half' END AS stage
    FROM switching_relay r
    JOIN switching_application t ON t.relay_id = r.id AND t.kind = 'switch_termination' AND t.state = 'waiting'
    WHERE r.state = '02'
      AND NOT EXISTS (SELECT FROM switching_application s
                      WHERE s.point_id = r.point_id AND s.kind = 'switch_start' AND s.state = ANY (%(open)s)
                        AND s.desired_date = r.desired_date)
      AND t.matching_deadline >= %(today)s
      AND (t.matching_deadline <= %(today)s
           OR %(now)s >= t.filed_at + ((t.matching_deadline + 1)::timestamp AT TIME ZONE 'Asia/Tokyo' - t.filed_at) / 2)
      AND NOT EXISTS (SELECT FROM switching_startwarning w
                      WHERE w.relay_id = r.id AND w.stage IN (
                          'last_day', CASE WHEN t.matching_deadline <= %(today)s THEN 'last_day' ELSE 'half' END))
    ORDER BY t.matching_deadline, r.id
    LIMIT %(limit)s
    FOR UPDATE OF r SKIP LOCKED
"""


class EndsTooSoon(undoing.NotPossible):
    """A contract ends at the earliest on `earliest`: the customer needs the days before to find another retailer."""

    field = "ends_on"

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


def warn_of_missing_starts(*, now: datetime, limit: int = 1000) -> int:
    """Warn the gaining retailer and the network operator of accepted relays without a start; returns how many.

    Once when half of the time to the matching cut-off is over, once on its last day.
    """
    today = jst_date(now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(WITHOUT_START, {"today": today, "now": now, "limit": limit, "open": last_resort.OPEN})
            found = cursor.fetchall()
        if not found:
            return 0
        StartWarning.objects.bulk_create([StartWarning(relay_id=pk, stage=stage, at=now) for pk, _, stage in found])
        relays = Relay.objects.select_related("point").in_bulk([row[0] for row in found])
        terminations = Application.objects.select_related("point").in_bulk([row[1] for row in found])
        posts = []
        for relay_id, termination_id, stage in found:
            relay, termination = relays[relay_id], terminations[termination_id]
            until = str(termination.matching_deadline)
            posts += notices.about_relay(relay, "start_missing", relay.gaining_retailer_id, stage=stage, cut_off=until)
            posts += notices.about_application(
                termination,
                "start_missing_here",
                termination.point.network_operator_id,
                stage=stage,
                cut_off=until,
            )
        notices.post_many(posts, now=now)
    return len(found)


def open_for(relays: Sequence[Relay], *, now: datetime) -> list[traces.Trace]:
    """Warn of these relays, accepted and ended without a start: the losing retailer says whether its contract goes on.

    The relays are locked by the caller, who leaves the traces. Points that a leaving retailer supplies are that case's.
    """
    today = jst_date(now)
    supplied = dict(
        SupplyPeriod.objects.filter(
            point_id__in=[relay.point_id for relay in relays], known_until__isnull=True, during__contains=today
        ).values_list("point_id", "retailer_id")
    )
    warned = set(
        UndoCase.objects.filter(
            kind=UndoKind.DARK_POINT, state__in=OPEN_UNDOING, point_id__in=[relay.point_id for relay in relays]
        ).values_list("point_id", flat=True)
    )
    gone = leaving.who_left({relay.losing_retailer_id for relay in relays})
    calendars = workdays.of_areas()
    due_days = {
        area: calendars[area].add(today, settings.DARK_POINT_BUSINESS_DAYS)
        for area in {relay.point.area for relay in relays}
    }
    cases = []
    for relay in relays:
        if (
            supplied.get(relay.point_id) != relay.losing_retailer_id
            or relay.point_id in warned
            or relay.losing_retailer_id in gone
            or relay.losing_retailer_id == relay.point.network_operator_id
        ):
            continue
        warned.add(relay.point_id)
        cases.append(
            UndoCase(
                kind=UndoKind.DARK_POINT,
                point=relay.point,
                gaining_retailer_id=relay.gaining_retailer_id,
                losing_retailer_id=relay.losing_retailer_id,
                relay=relay,
                due_at=datetime.combine(due_days[relay.point.area], deadlines.CLOSING_TIME, JST),
            )
        )
    if not cases:
        return []
    undoing.open_many(cases, UndoMove.OPEN, now=now)
    return [
        undoing.trace(case, UndoMove.OPEN, "", case.losing_retailer_id, case.point.network_operator_id)
        for case in cases
        if case.point
    ]


def answer(*, case_id: int, ends_on: date | None, by: User, now: datetime, text: str = "") -> UndoCase:
    """The losing retailer says that its contract goes on (`ends_on` None), or on which day it ends.

    Raises NotYours, AlreadyMoved, EndsTooSoon, gates.Closed.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.DARK_POINT)
        if case.losing_retailer_id != by.company_id or not undoing.may_act(case, Ability.UNDO, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.KEEP)
        assert case.point is not None
        network = case.point.network_operator_id
        if ends_on is None:
            undoing.say(case, Word.KEEPS, by=by, now=now, text=text)
            left = undoing.step(case, UndoMove.KEEP, network, now=now)
        else:
            earliest, latest = first_end(jst_date(now)), deadlines.furthest_date(jst_date(now), case.point.area)
            if not earliest <= ends_on <= latest:
                raise EndsTooSoon(earliest, latest)
            undoing.say(case, Word.ENDS, by=by, now=now, text=text)
            told = (network, case.gaining_retailer_id)
            left = undoing.step(case, UndoMove.END, *told, now=now, effective_on=ends_on, outcome=Outcome.LAST_RESORT)
        traces.leave([left], by=by, now=now)
    return case


def first_end(today: date) -> date:
    """The first day without the old contract that may be reported today."""
    return today + timedelta(days=settings.DARK_POINT_OFFER_DAYS)


def decide(*, case_id: int, outcome: Outcome | str, text: str, by: User, now: datetime) -> UndoCase:
    """The network operator keeps what the customer answered to the offer of last-resort supply.

    "No supply" is told in words: when and how the customer declined. Raises NotYours, AlreadyMoved, WordsMissing,
    gates.Closed.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.DARK_POINT)
        assert case.point is not None
        if case.point.network_operator_id != by.company_id or not undoing.may_act(case, Ability.STOP_SWITCH, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.DECIDE)
        if Outcome(outcome) == Outcome.NO_SUPPLY and not text.strip():
            raise undoing.WordsMissing
        undoing.say(case, Word.DECIDED, by=by, now=now, text=text)
        left = undoing.step(case, UndoMove.DECIDE, case.losing_retailer_id, now=now, outcome=Outcome(outcome))
        traces.leave([left], by=by, now=now)
    return case


def keep_unanswered(*, now: datetime, limit: int = 1000) -> int:
    """Without an answer in time the old contract goes on: never dark for a silence; returns how many."""
    with transaction.atomic():
        silent = list(
            UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(kind=UndoKind.DARK_POINT, state=UndoState.ASKED, due_at__lte=now)
            .select_related("point")
            .order_by("due_at")[:limit]
        )
        left = [
            undoing.step(case, UndoMove.KEEP, case.losing_retailer_id, case.point.network_operator_id, now=now)
            for case in silent
            if case.point
        ]
        if left:
            traces.leave(left, by=None, now=now)
    return len(silent)


def carry_out_due(*, now: datetime, limit: int = 500) -> int:
    """On the day the contract ends: last-resort supply, or none where the customer declined; returns how many.

    A point that another retailer took over in time stays there.
    """
    today = jst_date(now)
    with transaction.atomic():
        cases = list(
            UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                kind=UndoKind.DARK_POINT,
                state__in=[UndoState.OFFERED, UndoState.GOING],
                effective_on__lte=today,
            )
            .exclude(
                point__matches__switch_date__lte=today,
                point__matches__handed_over_at__isnull=True,
                point__matches__dissolved_at__isnull=True,
                point__matches__stuck_because="",
            )
            .select_related("point")
            .order_by("effective_on", "pk")[:limit]
        )
        if not cases:
            return 0
        by_outcome: dict[str, list[UndoCase]] = defaultdict(list)
        for case in cases:
            by_outcome[case.outcome].append(case)
        moved = last_resort.take_in(
            [
                last_resort.Catch(case.point_id, case.effective_on, case.losing_retailer_id, case.number)  # type: ignore[arg-type]
                for case in by_outcome[Outcome.LAST_RESORT]
            ],
            now=now,
        )
        moved |= _end(by_outcome[Outcome.NO_SUPPLY], now=now)
        left = [
            undoing.step(
                case,
                UndoMove.CARRY_OUT,
                case.losing_retailer_id,
                case.point.network_operator_id if case.point else None,
                now=now,
                outcome=Outcome.MOVED if case.point_id in moved else case.outcome,
            )
            for case in cases
        ]
        traces.leave(left, by=None, now=now)
    return len(cases)


def _end(cases: Sequence[UndoCase], *, now: datetime) -> set[int]:
    """End supply where the customer declined; returns the points that another retailer supplies by now."""
    days = {case.point_id: case.effective_on for case in cases if case.point_id and case.effective_on}
    still = set(
        SupplyPeriod.objects.filter(
            point_id__in=days,
            known_until__isnull=True,
            ending=SupplyPeriod.Ending.OPEN,
            retailer_id__in={case.losing_retailer_id for case in cases},
        ).values_list("point_id", flat=True)
    )
    by_cause = {case.point_id: case.number for case in cases}
    for point_id in still:
        supply.terminate({point_id: days[point_id]}, cause=by_cause[point_id], now=now)
    return days.keys() - still
