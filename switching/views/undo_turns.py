"""Whose turn it is in an undoing, until when, what silence leads to, what it means: the words on its page."""

from django.utils.translation import gettext as _

from portal.models import Company
from portal.templatetags.words import badge, company_name, jst
from switching.models import Approval, Disclosure, UndoCase
from switching.undo_reasons import Outcome
from switching.undo_states import Phase, UndoKind, UndoState
from switching.views.turns import Clock

TONES = {
    UndoState.ASKED: "waiting",
    UndoState.ESCALATED: "waiting",
    UndoState.OFFERED: "waiting",
    UndoState.GOING: "going",
    UndoState.DONE: "done",
    UndoState.KEPT: "done",
    UndoState.REFUSED: "refused",
    UndoState.WITHDRAWN: "stopped",
}


def undo_badge(case: UndoCase) -> str:
    """The case's state as word, shape and colour."""
    return badge(UndoState(case.state).label, TONES[UndoState(case.state)])


def of_case(case: UndoCase, *, reader: Company) -> Clock:
    """The case's clock as a company concerned, or the hub, may know it."""
    if case.state == UndoState.ASKED:
        mine = case.answering_id == reader.pk
        turn, silence = _question(case)
        return Clock(turn if mine else _others_turn(case), case.due_at, "", silence)
    if case.state == UndoState.ESCALATED:
        if reader.is_hub_operator:
            return Clock(_("Your turn: decide."))
        return Clock(_("The hub operator's turn: it decides and tells both sides."))
    if case.state == UndoState.OFFERED and case.point:
        silence = _("Without an answer the network operator supplies the point from that day: it never goes dark.")
        if case.point.network_operator_id == reader.pk:
            return Clock(
                _("Your turn: offer the customer last-resort supply and keep the answer."),
                case.effective_on,
                "",
                silence,
            )
        return Clock(
            _("%(company)s's turn: it offers the customer last-resort supply.")
            % {"company": company_name(case.point.network_operator)},
            case.effective_on,
            "",
            silence,
        )
    if case.state == UndoState.GOING:
        return Clock(_going(case), case.effective_on, happens=case.kind != UndoKind.MARKET_EXIT)
    return Clock(_ended(case))


def _question(case: UndoCase) -> tuple[str, str]:
    match case.kind:
        case UndoKind.COOLING_OFF:
            return (
                _("Your turn: stop the switch, or say why you cannot."),
                _("Without an answer the switch happens, and the return to the former retailer is filed the same day."),
            )
        case UndoKind.FRAUD:
            return (
                _("Your turn: give your evidence that the customer consented."),
                _("Without evidence the hub operator decides on what it has."),
            )
        case UndoKind.REVERSAL:
            return (
                _("Your turn: agree to the reversal, or refuse it with a reason."),
                _("Without an answer the hub operator decides."),
            )
    return (
        _("Your turn: say whether your contract with the customer goes on."),
        _("Without an answer the old contract goes on."),
    )


def _others_turn(case: UndoCase) -> str:
    point = case.point
    names = {
        UndoKind.COOLING_OFF: point.network_operator if point else None,
        UndoKind.FRAUD: case.gaining_retailer,
        UndoKind.DARK_POINT: case.losing_retailer,
        UndoKind.REVERSAL: case.gaining_retailer
        if case.answering_id == case.gaining_retailer_id
        else case.losing_retailer,
    }
    return _("%(company)s's turn: it answers.") % {"company": company_name(names[UndoKind(case.kind)])}


def _going(case: UndoCase) -> str:
    if case.kind == UndoKind.MARKET_EXIT:
        return _(
            "Every retailer's turn: until the last day the customers move; the hub accepts fitting relays by itself."
        )
    if case.kind == UndoKind.COOLING_OFF:
        return _("The hub's turn: at 00:00 of that day the former retailer supplies again, under the old contract.")
    if case.outcome == Outcome.NO_SUPPLY:
        return _("The hub's turn: supply ends at 00:00 of that day, as the customer wanted.")
    return _("The hub's turn: from 00:00 of that day the network operator supplies the point as the last resort.")


def _ended(case: UndoCase) -> str:
    if case.state == UndoState.WITHDRAWN:
        return _("Nobody's turn: it was withdrawn, and everything stays as it is.")
    if case.state == UndoState.KEPT:
        return _("Nobody's turn: the old contract goes on.")
    if case.state == UndoState.REFUSED:
        if case.kind == UndoKind.FRAUD:
            return _("Nobody's turn: the hub operator found that the customer had consented.")
        return _("Nobody's turn: it was refused, and supply stays as it is.")
    return _done(case)


def _done(case: UndoCase) -> str:
    match case.kind, case.phase:
        case UndoKind.COOLING_OFF, Phase.BEFORE_MATCH:
            return _("Nobody's turn: relay and applications ended together; the old contract goes on.")
        case UndoKind.COOLING_OFF, Phase.MATCHED:
            return _("Nobody's turn: the switch was stopped; the old contract goes on.")
        case UndoKind.COOLING_OFF, _phase:
            return _("Nobody's turn: the former retailer supplies again since %(day)s.") % {
                "day": jst(case.effective_on)
            }
        case UndoKind.REVERSAL, _phase:
            return _("Nobody's turn: supply is as if the switch of %(day)s had never been.") % {
                "day": jst(case.effective_on)
            }
        case UndoKind.FRAUD, _phase:
            return _("Nobody's turn: the hub operator found that the customer had not consented.")
        case UndoKind.MARKET_EXIT, _phase:
            return _("Nobody's turn: every point has a supplier; the retailer has left the market.")
    outcomes = {
        Outcome.LAST_RESORT: _("Nobody's turn: the network operator supplies the point as the last resort."),
        Outcome.NO_SUPPLY: _("Nobody's turn: supply has ended, as the customer wanted."),
        Outcome.MOVED: _("Nobody's turn: another retailer took the point over in time."),
    }
    return outcomes[Outcome(case.outcome)]


def what_it_means(case: UndoCase) -> list[str]:
    """What the case leads to, in sentences for whoever opens it."""
    match case.kind, case.phase:
        case UndoKind.COOLING_OFF, phase:
            return phase_notes(Phase(phase), case)
        case UndoKind.REVERSAL, _phase:
            return [
                _("On agreement the former retailer supplies the point as if it had never been interrupted."),
                _("The usage of the days between is withdrawn from the one retailer and published to the other."),
            ]
        case UndoKind.FRAUD, _phase:
            return [
                _("The customer told the present retailer that it did not ask for the switch."),
                _("The hub operator decides on the evidence; a switch that was carried out is reversed."),
            ]
        case UndoKind.DARK_POINT, _phase:
            return [
                _("The relay was accepted, but no switch start came by the matching cut-off."),
                _("The old contract goes on unless its retailer reports its end; the point never goes dark silently."),
            ]
    return [
        _("Relays of other retailers are accepted at once where the customer's data fit."),
        _("What is left after the last day goes to the network operators as last-resort supply, without a day's gap."),
    ]


def phase_notes(phase: Phase, case: UndoCase) -> list[str]:
    """What cooling off does in this phase."""
    if phase == Phase.BEFORE_MATCH:
        return [_("Relay, switch start and termination end together, at once. The old contract goes on.")]
    if phase == Phase.MATCHED:
        return [
            _("The pair is frozen: the network operator is asked to stop it. The old contract then goes on."),
            _("If the switch date comes first, the return to the former retailer is filed by itself."),
        ]
    return [
        _("Your termination and the former retailer's reconnection are filed together for %(day)s.")
        % {"day": jst(case.effective_on)},
        _("There is no day without supply and no cost to the customer; the old contract goes on under its old number."),
    ]


def words_of(case: UndoCase, *, reader: Company) -> list[dict[str, object]]:
    """What each side said. Where a consent's record lies is read by its own company and the hub alone."""
    told = []
    for said in case.approvals.select_related("company", "by"):
        is_own = said.company_id == reader.pk
        may_read = is_own or reader.is_hub_operator or said.word != Approval.Word.EVIDENCE
        facts = [
            (_("Reason"), said.get_reason_display()),
            (_("How the customer consented"), said.channel and _channel(said.channel)),
            (_("Consented on"), jst(said.given_on) if said.given_on else ""),
            (_("SHA-256 of the recording or document"), said.sha256),
            (_("Reference of the record"), said.reference if may_read else ""),
            (_("In words"), said.text if may_read else ""),
        ]
        told.append(
            {
                "who": said.by.name if is_own else company_name(said.company),
                "word": said.get_word_display(),
                "at": said.at,
                "facts": [(label, value) for label, value in facts if value],
            }
        )
    return told


def _channel(code: str) -> str:
    return str(Disclosure.Channel(code).label)
