"""What every undoing shares: numbers, locks, moves, deadlines, words of both sides, who is told."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from metering.models import SupplyPoint
from portal import links, workdays
from portal.access import Ability, covers, within
from portal.copying import copy_rows, next_ids
from portal.models import Company, User
from portal.outbox import Post
from portal.workdays import jst_date
from switching import deadlines, numbers, traces
from switching.models import Application, Approval, Match, Relay, UndoCase
from switching.models.undoing import HOLDING
from switching.states import OPEN_RELAYS
from switching.undo_reasons import RefusalReason
from switching.undo_states import (
    OPEN_UNDOING,
    UNDO_MOVES,
    NotAllowed,
    UndoKind,
    UndoMove,
    UndoState,
    next_undo_state,
)

Word = Approval.Word
COLUMNS = UndoCase._meta.concrete_fields


class NotPossible(Exception):
    """The undoing cannot be asked for or moved; subclasses say why. `field` names the form field concerned."""

    field = ""


class NotYours(NotPossible):
    """The person may not do this for the point's area and class, or it is another company's turn."""


class AlreadyMoved(NotPossible):
    """The case no longer stands where this is possible; `state` tells where."""

    def __init__(self, state: UndoState) -> None:
        super().__init__(state.label)
        self.state = state


class PointBusy(NotPossible):
    """A relay, a matched pair or another undoing is open on the point; whose is not told."""


class WordsMissing(NotPossible):
    """A refusal names its reason and a reason "other" its words; a decision is always told in words."""

    field = "text"


def deadline(now: datetime, area: str, business_days: int) -> datetime:
    """17:00 JST of the n-th business day of the area after today."""
    day = workdays.of_area(area).add(jst_date(now), business_days)
    return datetime.combine(day, deadlines.CLOSING_TIME, workdays.JST)


def held(point_ids: Collection[int]) -> set[int]:
    """Those of the points on which an undoing is open that no relay and no start may cross."""
    found = UndoCase.objects.filter(HOLDING, point_id__in=point_ids)
    return set(found.values_list("point_id", flat=True))


def was_filed_for(application: Application) -> bool:
    """True for an application that belongs to an undoing and moves with it alone."""
    return UndoCase.objects.filter(applications=application).exists()


def lock_point(point_id: int) -> None:
    """Two verbs that ask whether a point is free ask one after the other; held until the transaction ends."""
    SupplyPoint.objects.select_for_update(no_key=True).only("pk").get(pk=point_id)


def free_or_refused(point_id: int) -> None:
    """Raise PointBusy while a relay, a matched pair or another undoing is open on the (locked) point."""
    if (
        held([point_id])
        or Relay.objects.filter(point=point_id, state__in=OPEN_RELAYS).exists()
        or Match.objects.filter(point=point_id, handed_over_at__isnull=True, dissolved_at__isnull=True).exists()
    ):
        raise PointBusy


def locked(case_id: int, *, kind: UndoKind | None = None) -> UndoCase:
    """The case, locked until the transaction ends; with `kind` one of that kind alone."""
    cases = UndoCase.objects.select_for_update(of=("self",)).select_related(
        "point", "gaining_retailer", "losing_retailer", "asked_by", "relay", "match"
    )
    return cases.get(pk=case_id, kind=kind) if kind else cases.get(pk=case_id)


def open_many(cases: Sequence[UndoCase], move: UndoMove, *, now: datetime) -> None:
    """Number and insert new cases of one kind, each where `move` leads it from nothing. Raises PointBusy."""
    fresh = zip(cases, next_ids(UndoCase, len(cases)), numbers.issue(numbers.UNDOING, len(cases)), strict=True)
    for case, pk, number in fresh:
        case.pk, case.number, case.opened_at = pk, number, now
        case.state = UNDO_MOVES[UndoKind(case.kind), None, move]
        case.closed_at = None if case.state in OPEN_UNDOING else now
    try:
        with transaction.atomic():
            copy_rows(UndoCase, [field.column for field in COLUMNS], map(_row, cases))
    except IntegrityError as error:
        if any(name in str(error) for name in ("one_open_", "leaves_the_market_once", "denies_a_relay_once")):
            raise PointBusy from error
        raise


def _row(case: UndoCase) -> list[Any]:
    """The case's columns; a choice is a word of its own kind to the driver, so it goes as a plain one."""
    values = [field.value_from_object(case) for field in COLUMNS]
    return [str(value) if isinstance(value, str) else value for value in values]


def check_move(case: UndoCase, move: UndoMove) -> UndoState:
    """Where the move leads; raises AlreadyMoved."""
    try:
        return next_undo_state(case.kind, case.state, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(refusal.state) from refusal


def step(
    case: UndoCase, move: UndoMove, *told: Company | int | None, now: datetime, notice: str = "", **fields: object
) -> traces.Trace:
    """Move a locked case on, with other columns given by name; returns the trace for the caller to leave."""
    before = case.state
    case.state = check_move(case, move)
    case.closed_at = None if case.is_open else now
    for name, value in fields.items():
        setattr(case, name, value)
    case.save(update_fields=["state", "closed_at", *fields])
    return trace(case, move, before, *told, notice=notice)


def trace(case: UndoCase, move: UndoMove, before: str, *told: Company | int | None, notice: str = "") -> traces.Trace:
    """The trace of a move that was made; `notice` (default: what fits the state) goes to each of `told` once."""
    return traces.Trace(
        case=case,
        move=move,
        from_state=before,
        to_state=UndoState(case.state),
        notices=posts(case, notice or f"undoing_{case.state}", *told),
        detail={"kind": str(case.kind)},
    )


def say(
    case: UndoCase,
    word: Approval.Word,
    *,
    by: User,
    now: datetime,
    reason: str = "",
    text: str = "",
    **evidence: object,
) -> Approval:
    """Keep what a side said. Raises WordsMissing for a refusal without a reason or "other" without words."""
    text = text.strip()
    if (word == Word.REFUSED and not reason) or (reason == RefusalReason.OTHER and not text):
        raise WordsMissing
    return Approval.objects.create(
        case=case, company=by.company, word=word, reason=reason, text=text, at=now, by=by, **evidence
    )


def posts(case: UndoCase, kind: str, *told: Company | int | None) -> list[Post]:
    """The same notice on a case to each company once; it carries numbers, dates and codes, never the customer's data.

    `undoing_asked` names to each whether the answer wanted is its own.
    """
    recipients = dict.fromkeys(who.pk if isinstance(who, Company) else who for who in told if who is not None)
    network = case.point.network_operator_id if case.point else None
    parties = {case.gaining_retailer_id, case.losing_retailer_id}
    return [
        Post(
            recipient_id=recipient,
            kind=kind,
            subject=case.number,
            link=links.page("switching:undo-case", case.number),
            area=case.point.area if case.point else "",
            ability=Ability.STOP_SWITCH
            if recipient == network
            else Ability.UNDO
            if recipient in parties
            else Ability.SEE_UNDOING,
            context={
                "undo_kind": case.kind,
                "supply_class": case.point.supply_class if case.point else "",
                "due_at": case.due_at.isoformat() if case.due_at else "",
                "effective_on": case.effective_on.isoformat() if case.effective_on else "",
                "outcome": case.outcome,
                "is_your_turn": case.state == UndoState.ASKED and recipient == case.answering_id,
            },
        )
        for recipient in recipients
    ]


def the_hub() -> list[int]:
    """The hub operator's company, to be told."""
    return list(Company.objects.filter(is_hub_operator=True).values_list("pk", flat=True))


def may_act(case_or_point: UndoCase | SupplyPoint, ability: Ability, by: User) -> bool:
    """True when the person's roles cover the point's area and class with the ability."""
    point = case_or_point.point if isinstance(case_or_point, UndoCase) else case_or_point
    if point is None:
        return by.may(ability)
    return covers(by, ability, area=point.area, supply_class=point.supply_class)


def require_operator(by: User) -> None:
    """Raise NotYours for everybody but a hub operator."""
    if not is_operator(by):
        raise NotYours


def withdraw(*, case_id: int, by: User, now: datetime) -> UndoCase:
    """The side that asked takes its question back before it is answered. Raises NotYours, AlreadyMoved."""
    with transaction.atomic():
        case = locked(case_id)
        if case.asked_by_id != by.company_id or not may_act(case, Ability.UNDO, by):
            raise NotYours
        left = step(case, UndoMove.WITHDRAW, case.answering_id, case.gaining_retailer, case.losing_retailer, now=now)
        traces.leave([left], by=by, now=now)
    return case


def escalate_overdue(*, now: datetime, limit: int = 1000) -> int:
    """Pass reversals and denials that nobody answered in time on to the hub operator; tells everybody concerned."""
    with transaction.atomic():
        overdue = list(
            UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state=UndoState.ASKED, due_at__lte=now, kind__in=[UndoKind.REVERSAL, UndoKind.FRAUD])
            .select_related("point")
            .order_by("due_at")[:limit]
        )
        hub = the_hub()
        left = [
            step(case, UndoMove.ESCALATE, case.gaining_retailer_id, case.losing_retailer_id, *hub, now=now)
            for case in overdue
        ]
        if left:
            traces.leave(left, by=None, now=now)
    return len(overdue)


def window_end(day: date, days: int) -> date:
    """The last of `days` days counted from `day` as the first."""
    return date.fromordinal(day.toordinal() + days - 1)


def appeal_until(case: UndoCase) -> date | None:
    """Until when the asking side may bring a refused reversal before the hub operator; None where it may not."""
    if case.kind != UndoKind.REVERSAL or case.state != UndoState.REFUSED or case.closed_at is None or not case.point:
        return None
    if case.approvals.filter(word__in=[Word.APPEALED, Word.DISMISSED]).exists():
        return None
    return workdays.of_area(case.point.area).add(jst_date(case.closed_at), settings.UNDO_APPEAL_BUSINESS_DAYS)


def waiting_for(user: User) -> Q:
    """Cases that wait for an answer of this person: as the side asked, as network operator, as hub operator."""
    own, where = user.company, {"area": "point__area", "supply_class": "point__supply_class"}
    asked_of_retailer = Q(state=UndoState.ASKED) & (
        Q(kind=UndoKind.FRAUD, gaining_retailer=own)
        | Q(kind=UndoKind.DARK_POINT, losing_retailer=own)
        | (Q(kind=UndoKind.REVERSAL) & (Q(gaining_retailer=own) | Q(losing_retailer=own)) & ~Q(asked_by=own))
    )
    asked_of_network = Q(point__network_operator=own) & (
        Q(kind=UndoKind.COOLING_OFF, state=UndoState.ASKED) | Q(kind=UndoKind.DARK_POINT, state=UndoState.OFFERED)
    )
    found = (asked_of_retailer & within(user, Ability.UNDO, **where)) | (
        asked_of_network & within(user, Ability.STOP_SWITCH, **where)
    )
    if own.is_hub_operator and user.may(Ability.DECIDE_UNDOING):
        found |= Q(state=UndoState.ESCALATED)
    return found


ANSWERS = {
    UndoKind.COOLING_OFF: "answer",
    UndoKind.REVERSAL: "answer",
    UndoKind.FRAUD: "evidence",
    UndoKind.DARK_POINT: "contract",
}


def acts_now(case: UndoCase, user: User, *, today: date) -> list[str]:
    """What this person can do with the case now, each by the last part of its address."""
    found: list[str] = []
    is_mine = UndoCase.objects.filter(waiting_for(user), pk=case.pk).exists()
    if is_mine:
        by_state = {UndoState.ASKED: ANSWERS.get(UndoKind(case.kind), ""), UndoState.OFFERED: "last-resort"}
        found.append(by_state.get(UndoState(case.state), "decision"))
    if case.asked_by_id == user.company_id and may_act(case, Ability.UNDO, user):
        if case.state == UndoState.ASKED and case.kind in (UndoKind.COOLING_OFF, UndoKind.REVERSAL):
            found.append("withdrawal")
        until = appeal_until(case)
        if until is not None and today <= until:
            found.append("appeal")
    if case.kind == UndoKind.MARKET_EXIT and case.is_open and is_operator(user):
        found.append("exit-withdrawal")
    return found


def is_operator(user: User) -> bool:
    """True for the hub operator's people who decide."""
    return user.company.is_hub_operator and user.may(Ability.DECIDE_UNDOING)


def waits_for_its_day(day: date) -> bool:
    """True while a return or the end of a contract due by the day is not carried out."""
    return UndoCase.objects.filter(
        kind__in=[UndoKind.COOLING_OFF, UndoKind.DARK_POINT],
        state__in=[UndoState.GOING, UndoState.OFFERED],
        effective_on__lte=day,
    ).exists()
