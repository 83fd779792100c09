"""Cooling-off in its three phases as one case: before the match, until the switch date, and after it.

Source: domain notes, switching §8 ("cooling-off …").
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from metering import supply
from metering.models import Contract, SupplyPeriod
from metering.supply import current_period
from portal import gates
from portal.access import Ability
from portal.models import Function, User
from portal.workdays import JST, jst_date
from switching import deadlines, leaving, matching, notices, numbers, relays, reversals, revisions, traces, undoing
from switching.models import Application, Match, Relay, Revision, UndoCase
from switching.states import ApplicationMove, ApplicationState, RelayState
from switching.undo_states import Phase, UndoKind, UndoMove, UndoState
from switching.undoing import Word


class NothingToUndo(undoing.NotPossible):
    """The relay ended without a switch, or its switch has been undone: there is nothing to cool off from."""


class DeclaredInFuture(undoing.NotPossible):
    """The customer declares today or earlier, and not before the contract papers came."""

    field = "declared_on"


class PeriodOver(undoing.NotPossible):
    """The customer declared after the cooling-off period; `last` was its last day."""

    field = "declared_on"

    def __init__(self, last: date) -> None:
        super().__init__(str(last))
        self.last = last


def phase_of(relay: Relay) -> Phase:
    """What cooling off means for the relay now. Raises NothingToUndo."""
    if relay.is_open:
        return Phase.BEFORE_MATCH
    if relay.state == RelayState.MATCHED and (match := match_of(relay)):
        return Phase.SWITCHED if match.handed_over_at else Phase.MATCHED
    raise NothingToUndo


def match_of(relay: Relay) -> Match | None:
    """The relay's match, unless it was dissolved."""
    return Match.objects.filter(
        applications__relay=relay, applications__kind=Application.Kind.SWITCH_START, dissolved_at__isnull=True
    ).first()


def last_day(papers_on: date) -> date:
    """The last day of the cooling-off period when the contract papers came on that day, which counts as the first."""
    return undoing.window_end(papers_on, settings.COOLING_OFF_DAYS)


def open_case(
    *,
    relay_id: int,
    declared_on: date,
    papers_on: date | None = None,
    text: str = "",
    by: User,
    now: datetime,
    dry_run: bool = False,
) -> UndoCase:
    """The gaining retailer passes the customer's cooling-off on; what it leads to depends on where the switch stands.

    Before the match relay, start and termination end at once. After it the network operator is asked to stop. From
    the switch date on termination and reconnection are filed together, for a day without a gap and without cost.
    Without `papers_on` the customer never got the contract papers, and the period has not begun.
    Raises NotYours, NothingToUndo, DeclaredInFuture, PeriodOver, PointBusy, reversals.NotReversible,
    reversals.FormerHasLeft, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    with transaction.atomic():
        relay = (
            Relay.objects.select_for_update(of=("self",))
            .select_related("point", "gaining_retailer", "losing_retailer")
            .get(pk=relay_id)
        )
        if relay.gaining_retailer_id != by.company_id or not undoing.may_act(relay.point, Ability.UNDO, by):
            raise undoing.NotYours
        today = jst_date(now)
        phase = phase_of(relay)
        if declared_on > today or (papers_on and papers_on > declared_on):
            raise DeclaredInFuture
        if papers_on and declared_on > (last := last_day(papers_on)):
            raise PeriodOver(last)
        undoing.lock_point(relay.point_id)
        case = UndoCase(
            kind=UndoKind.COOLING_OFF,
            phase=phase,
            point=relay.point,
            gaining_retailer=relay.gaining_retailer,
            losing_retailer=relay.losing_retailer,
            relay=relay,
            asked_by=by.company,
            opened_by=by,
            declared_on=declared_on,
            papers_on=papers_on,
        )
        if phase == Phase.BEFORE_MATCH:
            move = UndoMove.END_TOGETHER
        elif phase == Phase.MATCHED:
            move = UndoMove.OPEN
            if undoing.held([relay.point_id]):
                raise undoing.PointBusy
            case.match = match_of(relay)
            assert case.match is not None
            evening = datetime.combine(case.match.switch_date - timedelta(days=1), deadlines.CLOSING_TIME, JST)
            asked_until = undoing.deadline(now, relay.point.area, settings.STOP_ANSWER_BUSINESS_DAYS)
            case.due_at = max(min(asked_until, evening), now)
        else:
            move = UndoMove.RETURN
            case.match = _returnable(relay, today)
            undoing.free_or_refused(relay.point_id)
            case.effective_on = first_day_back(today)
        if dry_run:
            return case
        undoing.open_many([case], move, now=now)
        undoing.say(case, Word.ASKED, by=by, now=now, text=text)
        if phase == Phase.BEFORE_MATCH:
            left = [
                undoing.trace(case, move, "", case.losing_retailer_id),
                *relays.end_together(relay),
            ]
        elif phase == Phase.MATCHED:
            left = [undoing.trace(case, move, "", relay.point.network_operator_id, case.losing_retailer_id)]
        else:
            left = [undoing.trace(case, move, "", *reversals.everybody(case)), *_file_return([case], by=by, now=now)]
        traces.leave(left, by=by, now=now)
    return case


def first_day_back(today: date) -> date:
    """The first day on which the former retailer supplies again when the return is filed today."""
    return today + timedelta(days=settings.COOLING_OFF_RETURN_DAYS)


def _returnable(relay: Relay, today: date) -> Match:
    """The match whose switch can be given back: the gaining retailer still supplies by it, the former is there."""
    match = match_of(relay)
    period = current_period(relay.point, today)
    if match is None or period is None or period.retailer_id != relay.gaining_retailer_id:
        raise NothingToUndo
    if period.during.lower != match.changed_on:
        raise NothingToUndo
    if leaving.has_left(relay.losing_retailer_id):
        raise reversals.FormerHasLeft
    return match


def answer(*, case_id: int, agrees: bool, by: User, now: datetime, reason: str = "", text: str = "") -> UndoCase:
    """The network operator stops the matched switch, so that the old contract goes on, or says why it cannot.

    Raises NotYours, AlreadyMoved (also when the point has changed hands), WordsMissing, gates.Closed.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.COOLING_OFF)
        if case.answering_id != by.company_id or not undoing.may_act(case, Ability.STOP_SWITCH, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.GRANT)
        told = (case.gaining_retailer_id, case.losing_retailer_id)
        if agrees:
            undoing.say(case, Word.AGREED, by=by, now=now, text=text)
            assert case.match_id is not None
            try:
                left = matching.dissolve(case.match_id, now=now)
            except matching.NotMatched as refusal:
                raise undoing.AlreadyMoved(UndoState.GOING) from refusal
            left.append(undoing.step(case, UndoMove.GRANT, *told, now=now))
        else:
            undoing.say(case, Word.REFUSED, by=by, now=now, reason=reason, text=text)
            left = [undoing.step(case, UndoMove.REFUSE, *told, now=now)]
        traces.leave(left, by=by, now=now)
    return case


def follow_matches(*, now: datetime, limit: int = 500) -> int:
    """Take up questions to the network operator that events have overtaken; returns how many.

    Where the switch date came before the answer the return is filed by itself; where the match was dissolved some
    other way the case has reached its end.
    """
    with transaction.atomic():
        cases = list(
            UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(kind=UndoKind.COOLING_OFF, state=UndoState.ASKED)
            .exclude(match__handed_over_at__isnull=True, match__dissolved_at__isnull=True)
            .select_related("point", "match", "relay", "gaining_retailer", "losing_retailer")
            .order_by("pk")[:limit]
        )
        left = []
        overtaken = [case for case in cases if case.match and case.match.handed_over_at]
        for case in cases:
            told = reversals.everybody(case)
            if case in overtaken:
                day = first_day_back(jst_date(now))
                left.append(
                    undoing.step(
                        case, UndoMove.RETURN, *told, now=now, effective_on=day, phase=Phase.SWITCHED, due_at=None
                    )
                )
            else:
                left.append(undoing.step(case, UndoMove.GRANT, *told, now=now))
        left += _file_return(overtaken, by=None, now=now)
        if left:
            traces.leave(left, by=None, now=now)
    return len(cases)


def carry_out_due(*, now: datetime, limit: int = 500) -> int:
    """Give points back to their former retailers on the day of the return; returns how many cases were taken up.

    A point that the gaining retailer no longer supplies goes to the hub operator as a case.
    """
    today = jst_date(now)
    with transaction.atomic():
        cases = {
            case.point_id: case
            for case in UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(kind=UndoKind.COOLING_OFF, state=UndoState.GOING, effective_on__lte=today)
            .select_related("point", "gaining_retailer", "losing_retailer")
            .order_by("effective_on", "pk")[:limit]
        }
        if not cases:
            return 0
        contracts = _former_contracts(list(cases.values()))
        returns = [_back(case, contracts[case.pk]) for case in cases.values() if case.pk in contracts]
        stuck = {case.point_id for case in cases.values() if case.pk not in contracts}
        try:
            with transaction.atomic():
                supply.hand_over(returns, now=now)
        except supply.NotSupplied as refusal:
            stuck |= set(refusal.point_ids)
            supply.hand_over([item for item in returns if item.point_id not in stuck], now=now)
        left = []
        hub = undoing.the_hub() if stuck else []
        for case in cases.values():
            told = reversals.everybody(case)
            if case.point_id in stuck:
                left.append(undoing.step(case, UndoMove.ESCALATE, *told, *hub, now=now))
            else:
                left.append(undoing.step(case, UndoMove.CARRY_OUT, *told, now=now))
        left += _take_effect([case for case in cases.values() if case.state == UndoState.DONE])
        traces.leave(left, by=None, now=now)
    return len(cases)


def decide(*, case_id: int, upholds: bool, text: str, by: User, now: datetime) -> UndoCase:
    """The hub operator has a return that could not be carried out tried again from tomorrow, or ends it.

    Raises NotYours, AlreadyMoved, WordsMissing.
    """
    undoing.require_operator(by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.COOLING_OFF)
        undoing.check_move(case, UndoMove.UPHOLD)
        if not text.strip():
            raise undoing.WordsMissing
        undoing.say(case, Word.UPHELD if upholds else Word.DISMISSED, by=by, now=now, text=text)
        told = reversals.everybody(case)
        if upholds:
            left = [undoing.step(case, UndoMove.UPHOLD, *told, now=now, effective_on=first_day_back(jst_date(now)))]
        else:
            left = [undoing.step(case, UndoMove.DISMISS, *told, now=now), *_stop(case)]
        traces.leave(left, by=by, now=now)
    return case


def _file_return(cases: Sequence[UndoCase], *, by: User | None, now: datetime) -> list[traces.Trace]:
    """File the gaining retailer's termination and the losing retailer's reconnection of each case, accepted by rule."""
    if not cases:
        return []
    contracts = _former_contracts(cases)
    filed: list[Application] = []
    for case in cases:
        if case.pk not in contracts:
            raise NothingToUndo
        contract = contracts[case.pk]
        common = {
            "point": case.point,
            "desired_date": case.effective_on,
            "planned_on": case.effective_on,
            "state": ApplicationState.ACCEPTED,
            "filed_at": now,
            "filed_by": by,
        }
        filed.append(Application(kind=Application.Kind.TERMINATION, retailer=case.gaining_retailer, **common))
        filed.append(
            Application(
                kind=Application.Kind.RECONNECTION,
                retailer=case.losing_retailer,
                contract_number=contract.number,
                holder_name=contract.holder_name,
                holder_kana=contract.holder_kana,
                holder_address=contract.holder_address,
                **common,
            )
        )
    for application, number in zip(filed, numbers.issue(numbers.APPLICATION, len(filed)), strict=True):
        application.number = number
    Application.objects.bulk_create(filed)
    links = UndoCase.applications.through
    links.objects.bulk_create(
        [
            links(undocase_id=case.pk, application_id=application.pk)
            for case, pair in zip(cases, zip(filed[::2], filed[1::2], strict=True), strict=True)
            for application in pair
        ]
    )
    left = []
    for application in filed:
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.SUBMIT,
                from_state="",
                to_state=ApplicationState.SUBMITTED,
                revision=Revision(number=1, act=revisions.Act.REGISTERED, entries=revisions.entries_of(application)),
            )
        )
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.ACCEPT,
                from_state=ApplicationState.SUBMITTED,
                to_state=ApplicationState.ACCEPTED,
            )
        )
    return left


def _take_effect(cases: Sequence[UndoCase]) -> list[traces.Trace]:
    days = {case.pk: case.effective_on for case in cases}
    filed = _linked(cases)
    left = []
    for case_id, application in filed:
        day = days[case_id]
        assert day is not None
        application.state, application.in_effect_on = ApplicationState.IN_EFFECT, day
        is_start = application.kind == Application.Kind.RECONNECTION
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.TAKE_EFFECT,
                from_state=ApplicationState.ACCEPTED,
                to_state=ApplicationState.IN_EFFECT,
                notices=notices.about_application(
                    application,
                    "supply_started" if is_start else "supply_ended",
                    application.retailer_id,
                    switch_date=day,
                ),
                detail={"on": day.isoformat()},
            )
        )
    Application.objects.bulk_update([application for _, application in filed], ["state", "in_effect_on"])
    return left


def _stop(case: UndoCase) -> list[traces.Trace]:
    left = []
    filed = _linked([case])
    for _, application in filed:
        application.state = ApplicationState.CANCELLED
        left.append(
            traces.Trace(
                case=application,
                move=ApplicationMove.STOP,
                from_state=ApplicationState.ACCEPTED,
                to_state=ApplicationState.CANCELLED,
                notices=notices.about_application(application, "application_stopped", application.retailer_id),
            )
        )
    Application.objects.bulk_update([application for _, application in filed], ["state"])
    return left


def _linked(cases: Sequence[UndoCase]) -> list[tuple[int, Application]]:
    """(case, accepted application filed for it), locked."""
    links = UndoCase.applications.through.objects.filter(
        undocase__in=cases, application__state=ApplicationState.ACCEPTED
    )
    pairs = list(links.order_by("pk").values_list("undocase_id", "application_id"))
    locked = (
        Application.objects.select_for_update(of=("self",))
        .select_related("point")
        .in_bulk([application_id for _, application_id in pairs])
    )
    return [(case_id, locked[application_id]) for case_id, application_id in pairs]


def _former_contracts(cases: Sequence[UndoCase]) -> dict[int, Contract]:
    """The contract that the switch ended, by case; two queries."""
    days = {(case.point_id, case.losing_retailer_id): case for case in cases}
    found: dict[int, Contract] = {}
    periods = SupplyPeriod.objects.filter(
        point_id__in=[case.point_id for case in cases],
        known_until__isnull=True,
        ending=SupplyPeriod.Ending.HANDED_OVER,
    ).select_related("contract")
    for period in periods.order_by("point_id", "during"):
        if case := days.get((period.point_id, period.retailer_id)):
            found[case.pk] = period.contract
    return found


def _back(case: UndoCase, contract: Contract) -> supply.NewSupply:
    assert case.point_id is not None and case.effective_on is not None
    return supply.NewSupply(
        point_id=case.point_id,
        retailer_id=case.losing_retailer_id,
        from_date=case.effective_on,
        contract_number=contract.number,
        holder_name=contract.holder_name,
        holder_kana=contract.holder_kana,
        holder_address=contract.holder_address,
        holder_since=contract.holder_since,
        cause=case.number,
        from_retailer_id=case.gaining_retailer_id,
    )
