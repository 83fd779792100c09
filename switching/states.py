"""What a case can be and how it may move: two tables, printable and tested move by move."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class RelayState(TextChoices):
    """Status of a cancellation relay (domain notes, switching §5)."""

    WAITING = "01", _("waiting for judgement")
    ACCEPTED = "02", _("accepted")
    REJECTED = "03", _("rejected")
    MATCHED = "04", _("matched")
    MATCHING_FAILED = "05", _("matching failed")
    WITHDRAWN = "06", _("withdrawn")
    EXPIRED = "07", _("expired without judgement")


class RelayMove(TextChoices):
    REGISTER = "register", _("registered")
    ACCEPT = "accept", _("accepted")
    REJECT = "reject", _("rejected")
    WITHDRAW = "withdraw", _("withdrawn")
    EXPIRE = "expire", _("expired")
    MATCH = "match", _("matched")
    FAIL = "fail", _("matching failed")
    STOP = "stop", _("stopped by the network operator")


RELAY_MOVES: dict[tuple[RelayState | None, RelayMove], RelayState] = {
    (None, RelayMove.REGISTER): RelayState.WAITING,
    (RelayState.WAITING, RelayMove.ACCEPT): RelayState.ACCEPTED,
    (RelayState.WAITING, RelayMove.REJECT): RelayState.REJECTED,
    (RelayState.WAITING, RelayMove.WITHDRAW): RelayState.WITHDRAWN,
    (RelayState.WAITING, RelayMove.EXPIRE): RelayState.EXPIRED,
    (RelayState.ACCEPTED, RelayMove.WITHDRAW): RelayState.WITHDRAWN,
    (RelayState.ACCEPTED, RelayMove.MATCH): RelayState.MATCHED,
    (RelayState.ACCEPTED, RelayMove.FAIL): RelayState.MATCHING_FAILED,
    (RelayState.MATCHED, RelayMove.STOP): RelayState.WITHDRAWN,
}
OPEN_RELAYS = frozenset({RelayState.WAITING, RelayState.ACCEPTED})


class ApplicationState(TextChoices):
    """States of an application (domain notes, switching §8)."""

    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("with the network operator")
    ACCEPTED = "accepted", pgettext_lazy("application", "accepted")
    WAITING = "waiting", _("waiting for counterpart")
    MATCHED = "matched", _("matched (frozen)")
    SCHEDULED = "scheduled", _("work scheduled")
    IN_EFFECT = "in_effect", _("in effect")
    COMPLETED = "completed", _("completed")
    REJECTED = "rejected", pgettext_lazy("application", "rejected")
    UNMATCHED = "unmatched", _("unmatched at the cut-off")
    SUPERSEDED = "superseded", _("ended: another switch came first")
    CANCELLED = "cancelled", _("cancelled")


class ApplicationMove(TextChoices):
    SAVE = "save", _("saved as a draft")
    SUBMIT = "submit", _("submitted to the network operator")
    FILE = "file", _("filed")
    CORRECT = "correct", _("corrected")
    CANCEL = "cancel", _("cancelled")
    ACCEPT = "accept", _("accepted by the network operator")
    REJECT = "reject", _("rejected by the network operator")
    AWAIT = "await", _("waits for its counterpart")
    MATCH = "match", _("matched")
    FAIL = "fail", _("unmatched at the cut-off")
    GIVE_WAY = "give_way", _("gave way to a switch that was accepted first")
    SCHEDULE = "schedule", _("work scheduled")
    STOP = "stop", _("stopped by the network operator")
    TAKE_EFFECT = "take_effect", _("took effect")
    REPORT_DAY = "report_day", _("actual day reported")
    COMPLETE = "complete", _("paperwork completed")


_S, _M = ApplicationState, ApplicationMove
APPLICATION_MOVES: dict[tuple[ApplicationState | None, ApplicationMove], ApplicationState] = {
    (None, _M.SAVE): _S.DRAFT,
    # FILE: the hub takes it by its tables and it waits for its counterpart. SUBMIT: a person at the network operator
    # looks at it first.
    (None, _M.FILE): _S.WAITING,
    (None, _M.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _M.CORRECT): _S.DRAFT,
    (_S.DRAFT, _M.FILE): _S.WAITING,
    (_S.DRAFT, _M.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _M.CANCEL): _S.CANCELLED,
    (_S.SUBMITTED, _M.CORRECT): _S.SUBMITTED,
    (_S.SUBMITTED, _M.FILE): _S.WAITING,
    (_S.SUBMITTED, _M.CANCEL): _S.CANCELLED,
    (_S.SUBMITTED, _M.ACCEPT): _S.ACCEPTED,
    (_S.SUBMITTED, _M.REJECT): _S.REJECTED,
    (_S.SUBMITTED, _M.FAIL): _S.UNMATCHED,
    (_S.SUBMITTED, _M.GIVE_WAY): _S.SUPERSEDED,
    (_S.ACCEPTED, _M.AWAIT): _S.WAITING,
    (_S.ACCEPTED, _M.SUBMIT): _S.SUBMITTED,
    (_S.ACCEPTED, _M.GIVE_WAY): _S.SUPERSEDED,
    (_S.ACCEPTED, _M.CANCEL): _S.CANCELLED,
    (_S.ACCEPTED, _M.SCHEDULE): _S.SCHEDULED,
    (_S.ACCEPTED, _M.STOP): _S.CANCELLED,
    (_S.ACCEPTED, _M.TAKE_EFFECT): _S.IN_EFFECT,
    (_S.WAITING, _M.CORRECT): _S.WAITING,
    (_S.WAITING, _M.SUBMIT): _S.SUBMITTED,
    (_S.WAITING, _M.CANCEL): _S.CANCELLED,
    (_S.WAITING, _M.MATCH): _S.MATCHED,
    (_S.WAITING, _M.FAIL): _S.UNMATCHED,
    (_S.WAITING, _M.GIVE_WAY): _S.SUPERSEDED,
    (_S.MATCHED, _M.SCHEDULE): _S.SCHEDULED,
    (_S.MATCHED, _M.STOP): _S.CANCELLED,
    (_S.MATCHED, _M.TAKE_EFFECT): _S.IN_EFFECT,
    (_S.SCHEDULED, _M.SCHEDULE): _S.SCHEDULED,
    (_S.SCHEDULED, _M.STOP): _S.CANCELLED,
    (_S.SCHEDULED, _M.TAKE_EFFECT): _S.IN_EFFECT,
    (_S.IN_EFFECT, _M.REPORT_DAY): _S.IN_EFFECT,
    (_S.IN_EFFECT, _M.COMPLETE): _S.COMPLETED,
    (_S.COMPLETED, _M.REPORT_DAY): _S.COMPLETED,
}
FREE_TO_CANCEL = frozenset(state for state, move in APPLICATION_MOVES if move == _M.CANCEL and state)
"""Where its own retailer cancels an application at a stroke; later it is a request to the network operator."""
BEFORE_MATCH = frozenset({_S.SUBMITTED, _S.ACCEPTED, _S.WAITING})
"""Where a switch start or termination still has no counterpart."""
FROZEN = frozenset({_S.MATCHED, _S.SCHEDULED})
OPEN_APPLICATIONS = BEFORE_MATCH | FROZEN


class NotAllowed(Exception):
    """The case stands where this move does not lead on; carries where it stands and what was tried."""

    def __init__(self, state: RelayState | ApplicationState, move: RelayMove | ApplicationMove) -> None:
        super().__init__(f"{state.label}: {move.label}")
        self.state, self.move = state, move


def next_relay_state(state: str, move: RelayMove) -> RelayState:
    """Where the move leads; raises NotAllowed."""
    try:
        return RELAY_MOVES[RelayState(state), move]
    except KeyError:
        raise NotAllowed(RelayState(state), move) from None


def next_application_state(state: str | None, move: ApplicationMove) -> ApplicationState:
    """Where the move leads, from None for an application that is yet to be made; raises NotAllowed."""
    stands = ApplicationState(state) if state else None
    try:
        return APPLICATION_MOVES[stands, move]
    except KeyError:
        raise NotAllowed(stands or ApplicationState.DRAFT, move) from None
