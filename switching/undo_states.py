"""What the undoing of a switch can be and how it may move: one table for its five kinds, printable and exhaustive."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class UndoKind(TextChoices):
    """Why a switch is undone, or never comes about (domain notes, switching §8, "one-sided or undone")."""

    COOLING_OFF = "cooling_off", _("cooling-off")
    REVERSAL = "reversal", _("reversal of an erroneous switch")
    FRAUD = "fraud", _("customer denies the switch")
    DARK_POINT = "dark_point", _("termination without a start")
    MARKET_EXIT = "market_exit", _("retailer leaves the market")


class Phase(TextChoices):
    """Where the switch stood when the customer cooled off."""

    BEFORE_MATCH = "before", _("before the match")
    MATCHED = "matched", _("after the match, before the switch date")
    SWITCHED = "switched", _("on or after the switch date")


class UndoState(TextChoices):
    ASKED = "asked", _("waiting for an answer")
    ESCALATED = "escalated", _("with the hub operator")
    OFFERED = "offered", _("last-resort supply offered")
    GOING = "going", _("waiting for its day")
    DONE = "done", _("carried out")
    KEPT = "kept", _("the old contract goes on")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")


class UndoMove(TextChoices):
    OPEN = "open", _("opened")
    END_TOGETHER = "end_together", _("relay and applications ended together")
    GRANT = "grant", _("agreed")
    REFUSE = "refuse", _("refused")
    RETURN = "return", _("return to the former retailer filed")
    ANSWER = "answer", _("evidence given")
    ESCALATE = "escalate", _("passed on to the hub operator")
    APPEAL = "appeal", _("brought before the hub operator")
    UPHOLD = "uphold", _("upheld by the hub operator")
    DISMISS = "dismiss", _("dismissed by the hub operator")
    ORDER = "order", _("ordered by the hub operator")
    WITHDRAW = "withdraw", _("withdrawn")
    KEEP = "keep", _("old contract goes on")
    END = "end", _("end of the old contract reported")
    DECIDE = "decide", _("supply from that day decided")
    CARRY_OUT = "carry_out", _("carried out")


_K, _S, _M = UndoKind, UndoState, UndoMove

UNDO_MOVES: dict[tuple[UndoKind, UndoState | None, UndoMove], UndoState] = {
    # Cooling-off: at once before the match, by the network operator after it, a return after the switch.
    (_K.COOLING_OFF, None, _M.END_TOGETHER): _S.DONE,
    (_K.COOLING_OFF, None, _M.OPEN): _S.ASKED,
    (_K.COOLING_OFF, None, _M.RETURN): _S.GOING,
    (_K.COOLING_OFF, _S.ASKED, _M.GRANT): _S.DONE,
    (_K.COOLING_OFF, _S.ASKED, _M.REFUSE): _S.REFUSED,
    (_K.COOLING_OFF, _S.ASKED, _M.WITHDRAW): _S.WITHDRAWN,
    (_K.COOLING_OFF, _S.ASKED, _M.RETURN): _S.GOING,  # the switch date came before the answer
    (_K.COOLING_OFF, _S.GOING, _M.CARRY_OUT): _S.DONE,
    (_K.COOLING_OFF, _S.GOING, _M.ESCALATE): _S.ESCALATED,
    (_K.COOLING_OFF, _S.ESCALATED, _M.UPHOLD): _S.GOING,
    (_K.COOLING_OFF, _S.ESCALATED, _M.DISMISS): _S.REFUSED,
    # Reversal: both retailers, or the hub operator where they do not agree.
    (_K.REVERSAL, None, _M.OPEN): _S.ASKED,
    (_K.REVERSAL, None, _M.ORDER): _S.DONE,
    (_K.REVERSAL, _S.ASKED, _M.GRANT): _S.DONE,
    (_K.REVERSAL, _S.ASKED, _M.REFUSE): _S.REFUSED,
    (_K.REVERSAL, _S.ASKED, _M.WITHDRAW): _S.WITHDRAWN,
    (_K.REVERSAL, _S.ASKED, _M.ESCALATE): _S.ESCALATED,
    (_K.REVERSAL, _S.REFUSED, _M.APPEAL): _S.ESCALATED,
    (_K.REVERSAL, _S.ESCALATED, _M.UPHOLD): _S.DONE,
    (_K.REVERSAL, _S.ESCALATED, _M.DISMISS): _S.REFUSED,
    # Fraud: the gaining retailer shows its evidence, the hub operator decides.
    (_K.FRAUD, None, _M.OPEN): _S.ASKED,
    (_K.FRAUD, _S.ASKED, _M.ANSWER): _S.ESCALATED,
    (_K.FRAUD, _S.ASKED, _M.ESCALATE): _S.ESCALATED,
    (_K.FRAUD, _S.ESCALATED, _M.UPHOLD): _S.DONE,
    (_K.FRAUD, _S.ESCALATED, _M.DISMISS): _S.REFUSED,
    # Termination without a start: goes on unless the losing retailer says that the contract ends, then never dark.
    (_K.DARK_POINT, None, _M.OPEN): _S.ASKED,
    (_K.DARK_POINT, _S.ASKED, _M.KEEP): _S.KEPT,
    (_K.DARK_POINT, _S.ASKED, _M.END): _S.OFFERED,
    (_K.DARK_POINT, _S.OFFERED, _M.DECIDE): _S.GOING,
    (_K.DARK_POINT, _S.OFFERED, _M.CARRY_OUT): _S.DONE,
    (_K.DARK_POINT, _S.GOING, _M.CARRY_OUT): _S.DONE,
    # A retailer leaves: until its last day the points move, what is left then goes to last-resort supply.
    (_K.MARKET_EXIT, None, _M.OPEN): _S.GOING,
    (_K.MARKET_EXIT, _S.GOING, _M.WITHDRAW): _S.WITHDRAWN,
    (_K.MARKET_EXIT, _S.GOING, _M.CARRY_OUT): _S.DONE,
}
OPEN_UNDOING = frozenset({UndoState.ASKED, UndoState.ESCALATED, UndoState.OFFERED, UndoState.GOING})


class NotAllowed(Exception):
    """A case of this kind stands where this move does not lead on."""

    def __init__(self, kind: UndoKind, state: UndoState, move: UndoMove) -> None:
        super().__init__(f"{kind.label}, {state.label}: {move.label}")
        self.kind, self.state, self.move = kind, state, move


def next_undo_state(kind: str, state: str, move: UndoMove) -> UndoState:
    """Where the move leads a case of the kind; raises NotAllowed."""
    try:
        return UNDO_MOVES[UndoKind(kind), UndoState(state), move]
    except KeyError:
        raise NotAllowed(UndoKind(kind), UndoState(state), move) from None
