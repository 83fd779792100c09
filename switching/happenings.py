"""A move of a case as events: to every party concerned, with the cause each of them sees.

Written where the step is written, so no verb can move a case and leave a party's systems without the event.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from portal import links
from portal.access import Ability
from portal.events import Happening
from portal.models import Cause, Topic, User
from switching.models import Application, ExitArea, Relay, UndoCase
from switching.states import ApplicationMove, ApplicationState, RelayMove
from switching.undo_states import Phase, UndoKind, UndoMove

if TYPE_CHECKING:
    from switching.traces import Trace

Case = Relay | Application | UndoCase

PAGES = {"relay": "switching:relay", "application": "switching:application", "undoing": "switching:undo-case"}
TOPICS = {"relay": Topic.RELAYS, "application": Topic.APPLICATIONS, "undoing": Topic.UNDOING}

_R, _A, _U = RelayMove, ApplicationMove, UndoMove

BY_THE_GAINING = frozenset({_R.REGISTER, _R.WITHDRAW})
BY_THE_LOSING = frozenset({_R.ACCEPT, _R.REJECT})
BY_THE_RETAILER = frozenset({_A.SAVE, _A.SUBMIT, _A.FILE, _A.CORRECT, _A.CANCEL})
BY_THE_NETWORK = frozenset({_A.ACCEPT, _A.REJECT, _A.SCHEDULE, _A.STOP, _A.REPORT_DAY, _A.COMPLETE})

# Why a case moves when nobody of those who may moved it by hand.
OF_ITSELF: dict[tuple[str, str], Cause] = {
    ("relay", _R.REGISTER): Cause.STANDING_RULE,
    ("relay", _R.ACCEPT): Cause.STANDING_RULE,
    ("relay", _R.REJECT): Cause.STANDING_RULE,
    ("relay", _R.WITHDRAW): Cause.FOLLOWED,
    ("relay", _R.EXPIRE): Cause.SILENCE,
    ("relay", _R.MATCH): Cause.PAIR_FOUND,
    ("relay", _R.FAIL): Cause.CUT_OFF,
    ("relay", _R.STOP): Cause.FOLLOWED,
    ("application", _A.SAVE): Cause.STANDING_RULE,
    ("application", _A.SUBMIT): Cause.STANDING_RULE,
    ("application", _A.FILE): Cause.STANDING_RULE,
    ("application", _A.CORRECT): Cause.FOLLOWED,
    ("application", _A.CANCEL): Cause.FOLLOWED,
    ("application", _A.ACCEPT): Cause.STANDING_RULE,
    ("application", _A.REJECT): Cause.STANDING_RULE,
    ("application", _A.AWAIT): Cause.STANDING_RULE,
    ("application", _A.MATCH): Cause.PAIR_FOUND,
    ("application", _A.FAIL): Cause.CUT_OFF,
    ("application", _A.GIVE_WAY): Cause.PRECEDENCE,
    ("application", _A.SCHEDULE): Cause.STANDING_RULE,
    ("application", _A.STOP): Cause.FOLLOWED,
    ("application", _A.REPORT_DAY): Cause.FOLLOWED,
    ("application", _A.TAKE_EFFECT): Cause.DAY_REACHED,
    ("application", _A.COMPLETE): Cause.STANDING_RULE,
    ("undoing", _U.OPEN): Cause.CUT_OFF,
    ("undoing", _U.END_TOGETHER): Cause.FOLLOWED,
    ("undoing", _U.GRANT): Cause.FOLLOWED,
    ("undoing", _U.REFUSE): Cause.FOLLOWED,
    ("undoing", _U.RETURN): Cause.DAY_REACHED,
    ("undoing", _U.ANSWER): Cause.FOLLOWED,
    ("undoing", _U.ESCALATE): Cause.SILENCE,
    ("undoing", _U.APPEAL): Cause.FOLLOWED,
    ("undoing", _U.UPHOLD): Cause.FOLLOWED,
    ("undoing", _U.DISMISS): Cause.FOLLOWED,
    ("undoing", _U.ORDER): Cause.FOLLOWED,
    ("undoing", _U.WITHDRAW): Cause.FOLLOWED,
    ("undoing", _U.KEEP): Cause.SILENCE,
    ("undoing", _U.END): Cause.FOLLOWED,
    ("undoing", _U.DECIDE): Cause.DAY_REACHED,
    ("undoing", _U.CARRY_OUT): Cause.DAY_REACHED,
}


def of(traces: Iterable["Trace"], *, by: User | None) -> list[Happening]:
    """The events of these moves, in their order: to each party, and to whoever else is sent a notice of the move."""
    traces = list(traces)
    exits = [trace.case.pk for trace in traces if isinstance(trace.case, UndoCase) and trace.case.point is None]
    networks: dict[int, list[int]] = {}
    if exits:
        for case_id, company_id in ExitArea.objects.filter(case__in=exits).values_list("case_id", "network_operator"):
            networks.setdefault(case_id, []).append(company_id)
    return [
        happening
        for trace in traces
        for happening in _of_one(trace, by=by, networks=networks.get(trace.case.pk, []) if exits else [])
    ]


def parties(case: Case, *, is_draft: bool = False, networks: Sequence[int] = ()) -> dict[int, Ability]:
    """The companies a case is between, each with the ability its people need to see it.

    A draft is its retailer's own affair; a denial, and a relay ended before its match, is the two retailers'.
    """
    if isinstance(case, Relay):
        return {case.gaining_retailer_id: Ability.SEE_RELAYS, case.losing_retailer_id: Ability.SEE_RELAYS}
    if isinstance(case, Application):
        found = {case.retailer_id: Ability.SEE_APPLICATIONS}
        if not is_draft:
            found.setdefault(case.point.network_operator_id, Ability.SEE_APPLICATIONS)
        return found
    found = {case.losing_retailer_id: Ability.UNDO}
    if case.gaining_retailer_id:
        found[case.gaining_retailer_id] = Ability.UNDO
    if case.kind != UndoKind.FRAUD and case.phase != Phase.BEFORE_MATCH:
        for company_id in [case.point.network_operator_id] if case.point else networks:
            found.setdefault(company_id, Ability.STOP_SWITCH)
    return found


def _of_one(trace: "Trace", *, by: User | None, networks: Sequence[int]) -> list[Happening]:
    case, noun = trace.case, trace.noun
    concerned = parties(
        case, is_draft=trace.to_state == ApplicationState.DRAFT or _ends_a_draft(trace), networks=networks
    )
    for notice in trace.notices:
        concerned.setdefault(notice.recipient_id, Ability(notice.ability) if notice.ability else Ability.ENTER)
    link = links.page(PAGES[noun], case.number)
    about: dict[str, Any] = {
        "topic": TOPICS[noun],
        "kind": trace.action,
        "subject": trace.subject,
        "resource": f"/api/v1{link.rstrip('/')}",
        "page": link,
        "area": case.point.area if case.point else "",
        "supply_class": case.point.supply_class if case.point else "",
        "detail": _detail(trace),
    }
    of_itself = None if by else cause(trace, 0, by=None)  # the same to everybody
    return [
        Happening(recipient_id=company_id, cause=of_itself or cause(trace, company_id, by=by), ability=ability, **about)
        for company_id, ability in concerned.items()
    ]


def cause(trace: "Trace", recipient_id: int, *, by: User | None) -> Cause:
    """Why the case moved, as the recipient sees it."""
    noun = trace.noun
    if by is None or by.company_id not in _hands(trace.case, trace.move, by):
        return OF_ITSELF.get((noun, trace.move), Cause.FOLLOWED)  # a test finds a move that lacks; a deed does not fail
    if by.company_id == recipient_id:
        return Cause.OWN_DEED
    if by.company.is_hub_operator:
        return Cause.HUB_DEED
    if trace.case.point and by.company_id == trace.case.point.network_operator_id and trace.move in BY_THE_NETWORK:
        return Cause.NETWORK_DEED
    return Cause.COUNTERPART_DEED


def _hands(case: Case, move: str, by: User) -> set[int | None]:
    """The companies whose people make this move by hand; the hub operator's may make any it has a verb for."""
    hub: set[int | None] = {by.company_id} if by.company.is_hub_operator else set()
    if isinstance(case, Relay):
        if move in BY_THE_GAINING:
            return hub | {case.gaining_retailer_id}
        return hub | ({case.losing_retailer_id} if move in BY_THE_LOSING else set())
    if isinstance(case, Application):
        if move in BY_THE_RETAILER:
            return hub | {case.retailer_id}
        return hub | ({case.point.network_operator_id} if move in BY_THE_NETWORK else set())
    return {by.company_id}


def _ends_a_draft(trace: "Trace") -> bool:
    return trace.from_state == ApplicationState.DRAFT and trace.to_state == ApplicationState.CANCELLED


def _detail(trace: "Trace") -> dict[str, object]:
    """States and days alone: what the ledger keeps besides is not for systems of another company."""
    detail: dict[str, object] = {"from": str(trace.from_state), "to": str(trace.to_state)}
    if not isinstance(trace.case, UndoCase):
        detail["desired_date"] = trace.case.desired_date.isoformat()
    if isinstance(trace.case, Application | UndoCase):
        detail["kind"] = str(trace.case.kind)
    for name in ("switch_date", "on"):
        if name in trace.detail:
            detail[name] = str(trace.detail[name])
    return detail
