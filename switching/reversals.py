"""Reversal of an erroneous switch: both retailers agree, or the hub operator decides; supply is as if uninterrupted.

Source: domain notes, switching §8 ("erroneous switch").
"""

from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from metering import supply
from metering.supply import current_period
from portal import gates
from portal.access import Ability
from portal.models import Function, User
from portal.workdays import jst_date
from switching import leaving, traces, undoing
from switching.models import Application, Match, Relay, UndoCase
from switching.undo_reasons import ReversalReason
from switching.undo_states import UndoKind, UndoMove
from switching.undoing import Word


class NotReversible(undoing.NotPossible):
    """The point is not supplied as this switch left it: never handed over, or moved on since."""


class TooLate(undoing.NotPossible):
    """So long after the switch it can no longer be reversed; `last` was the last day."""

    def __init__(self, last: date) -> None:
        super().__init__(str(last))
        self.last = last


class FormerHasLeft(undoing.NotPossible):
    """The former retailer has left the market, so supply cannot be given back to it."""


def last_day(match: Match) -> date:
    """The last day on which a reversal of the match may be asked for."""
    return undoing.window_end(match.changed_on, settings.REVERSAL_DAYS)


def check(relay: Relay, *, today: date) -> Match:
    """The carried-out match of the relay, when it can be reversed today.

    Raises NotReversible, TooLate, FormerHasLeft.
    """
    match = Match.objects.filter(applications__relay=relay, handed_over_at__isnull=False).order_by("-pk").first()
    if match is None:
        raise NotReversible
    if today > (last := last_day(match)):
        raise TooLate(last)
    start = match.applications.get(kind=Application.Kind.SWITCH_START)
    period = current_period(relay.point, today)
    if (
        period is None
        or period.retailer_id != relay.gaining_retailer_id
        or period.during.lower != match.changed_on
        or period.cause != start.number
    ):
        raise NotReversible
    if leaving.has_left(relay.losing_retailer_id):
        raise FormerHasLeft
    return match


def ask(*, relay_id: int, reason: ReversalReason | str, by: User, now: datetime, text: str = "") -> UndoCase:
    """Either retailer asks that a switch be reversed; the other answers within the time limit.

    Raises NotYours, NotReversible, TooLate, FormerHasLeft, PointBusy, gates.Closed.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        relay = _relay(relay_id)
        if by.company_id not in (relay.gaining_retailer_id, relay.losing_retailer_id) or not undoing.may_act(
            relay.point, Ability.UNDO, by
        ):
            raise undoing.NotYours
        undoing.lock_point(relay.point_id)
        match = check(relay, today=jst_date(now))
        undoing.free_or_refused(relay.point_id)
        case = _case(relay, match, reason)
        case.asked_by, case.opened_by = by.company, by
        case.due_at = undoing.deadline(now, relay.point.area, settings.REVERSAL_ANSWER_BUSINESS_DAYS)
        undoing.open_many([case], UndoMove.OPEN, now=now)
        undoing.say(case, Word.ASKED, by=by, now=now, text=text)
        traces.leave([undoing.trace(case, UndoMove.OPEN, "", case.answering_id)], by=by, now=now)
    return case


def answer(*, case_id: int, agrees: bool, by: User, now: datetime, reason: str = "", text: str = "") -> UndoCase:
    """The other retailer agrees, and supply is restored at once, or refuses with a reason.

    Raises NotYours, AlreadyMoved, WordsMissing, NotReversible, gates.Closed.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.REVERSAL)
        if case.answering_id != by.company_id or not undoing.may_act(case, Ability.UNDO, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.GRANT)
        if agrees:
            undoing.say(case, Word.AGREED, by=by, now=now, text=text)
            restore(case, now=now)
            left = undoing.step(case, UndoMove.GRANT, *everybody(case), now=now)
        else:
            undoing.say(case, Word.REFUSED, by=by, now=now, reason=reason, text=text)
            left = undoing.step(case, UndoMove.REFUSE, case.asked_by_id, now=now)
        traces.leave([left], by=by, now=now)
    return case


def appeal(*, case_id: int, text: str, by: User, now: datetime) -> UndoCase:
    """The asking side brings a refused reversal before the hub operator, once, within some business days.

    Raises NotYours, AlreadyMoved, WordsMissing, PointBusy.
    """
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.REVERSAL)
        if case.asked_by_id != by.company_id or not undoing.may_act(case, Ability.UNDO, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.APPEAL)
        until = undoing.appeal_until(case)
        if until is None or jst_date(now) > until:
            raise undoing.AlreadyMoved(undoing.UndoState(case.state))
        if not text.strip():
            raise undoing.WordsMissing
        undoing.lock_point(case.point_id)  # type: ignore[arg-type]
        undoing.free_or_refused(case.point_id)  # type: ignore[arg-type]
        undoing.say(case, Word.APPEALED, by=by, now=now, text=text)
        left = undoing.step(case, UndoMove.APPEAL, case.answering_id, *undoing.the_hub(), now=now)
        traces.leave([left], by=by, now=now)
    return case


def decide(*, case_id: int, upholds: bool, text: str, by: User, now: datetime) -> UndoCase:
    """The hub operator decides where the retailers did not: supply is restored, or stays as it is.

    Raises NotYours, AlreadyMoved, WordsMissing, NotReversible.
    """
    undoing.require_operator(by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.REVERSAL)
        undoing.check_move(case, UndoMove.UPHOLD)
        if not text.strip():
            raise undoing.WordsMissing
        undoing.say(case, Word.UPHELD if upholds else Word.DISMISSED, by=by, now=now, text=text)
        if upholds:
            restore(case, now=now)
        move = UndoMove.UPHOLD if upholds else UndoMove.DISMISS
        traces.leave([undoing.step(case, move, *everybody(case), now=now)], by=by, now=now)
    return case


def order(parent: UndoCase, *, now: datetime) -> traces.Trace:
    """The reversal that follows from an upheld denial of a customer who was switched already; restored at once.

    The parent is locked and ended by the caller, who leaves the trace. Raises NotReversible, PointBusy.
    """
    assert parent.relay is not None
    match = check(parent.relay, today=jst_date(now))
    case = _case(parent.relay, match, ReversalReason.NOT_AGREED)
    case.parent = parent
    undoing.open_many([case], UndoMove.ORDER, now=now)
    restore(case, now=now)
    return undoing.trace(case, UndoMove.ORDER, "", *everybody(case))


def restore(case: UndoCase, *, now: datetime) -> None:
    """Give the point back to the former retailer from the switch date on. Raises NotReversible."""
    assert case.match is not None and case.point_id is not None and case.gaining_retailer_id is not None
    undoing.lock_point(case.point_id)
    try:
        supply.restore(
            [
                supply.Restoration(
                    point_id=case.point_id,
                    from_date=case.match.changed_on,
                    wrongful_retailer_id=case.gaining_retailer_id,
                    rightful_retailer_id=case.losing_retailer_id,
                    cause=case.number,
                )
            ],
            now=now,
        )
    except supply.NotRestorable as refusal:
        raise NotReversible from refusal


def everybody(case: UndoCase) -> tuple[int | None, ...]:
    """Both retailers and the network operator."""
    return case.gaining_retailer_id, case.losing_retailer_id, case.point.network_operator_id if case.point else None


def _case(relay: Relay, match: Match, reason: ReversalReason | str) -> UndoCase:
    return UndoCase(
        kind=UndoKind.REVERSAL,
        point=relay.point,
        gaining_retailer=relay.gaining_retailer,
        losing_retailer=relay.losing_retailer,
        relay=relay,
        match=match,
        reason=ReversalReason(reason),
        effective_on=match.changed_on,
    )


def _relay(relay_id: int) -> Relay:
    return Relay.objects.select_related("point", "gaining_retailer", "losing_retailer").get(pk=relay_id)
