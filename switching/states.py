"""What a case can be and how it may move: two tables, printable and tested move by move."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


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


RELAY_MOVES: dict[tuple[RelayState | None, RelayMove], RelayState] = {
    (None, RelayMove.REGISTER): RelayState.WAITING,
    (RelayState.WAITING, RelayMove.ACCEPT): RelayState.ACCEPTED,
    (RelayState.WAITING, RelayMove.REJECT): RelayState.REJECTED,
    (RelayState.WAITING, RelayMove.WITHDRAW): RelayState.WITHDRAWN,
    (RelayState.WAITING, RelayMove.EXPIRE): RelayState.EXPIRED,
    (RelayState.ACCEPTED, RelayMove.WITHDRAW): RelayState.WITHDRAWN,
    (RelayState.ACCEPTED, RelayMove.MATCH): RelayState.MATCHED,
    (RelayState.ACCEPTED, RelayMove.FAIL): RelayState.MATCHING_FAILED,
}
OPEN_RELAYS = frozenset({RelayState.WAITING, RelayState.ACCEPTED})


class ApplicationState(TextChoices):
    """States of an application (domain notes, switching §8)."""

    WAITING = "waiting", _("waiting for counterpart")
    MATCHED = "matched", _("matched (frozen)")
    IN_EFFECT = "in_effect", _("supply started or ended")
    COMPLETED = "completed", _("completed")
    UNMATCHED = "unmatched", _("unmatched at the cut-off")
    CANCELLED = "cancelled", _("cancelled")


class ApplicationMove(TextChoices):
    FILE = "file", _("filed")
    CANCEL = "cancel", _("cancelled")
    MATCH = "match", _("matched")
    FAIL = "fail", _("unmatched at the cut-off")
    TAKE_EFFECT = "take_effect", _("supply handed over")
    COMPLETE = "complete", _("paperwork completed")


APPLICATION_MOVES: dict[tuple[ApplicationState | None, ApplicationMove], ApplicationState] = {
    (None, ApplicationMove.FILE): ApplicationState.WAITING,
    (ApplicationState.WAITING, ApplicationMove.CANCEL): ApplicationState.CANCELLED,
    (ApplicationState.WAITING, ApplicationMove.MATCH): ApplicationState.MATCHED,
    (ApplicationState.WAITING, ApplicationMove.FAIL): ApplicationState.UNMATCHED,
    (ApplicationState.MATCHED, ApplicationMove.TAKE_EFFECT): ApplicationState.IN_EFFECT,
    (ApplicationState.IN_EFFECT, ApplicationMove.COMPLETE): ApplicationState.COMPLETED,
}
OPEN_APPLICATIONS = frozenset({ApplicationState.WAITING, ApplicationState.MATCHED})


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


def next_application_state(state: str, move: ApplicationMove) -> ApplicationState:
    """Where the move leads; raises NotAllowed."""
    try:
        return APPLICATION_MOVES[ApplicationState(state), move]
    except KeyError:
        raise NotAllowed(ApplicationState(state), move) from None
