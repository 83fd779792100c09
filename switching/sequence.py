"""The sequence check 異動並びチェック: a new movement against the point's other ones, as two tables.

An application must fit the order of the point's other movements, those still open and those done, and the state the
contract will be in on its day (domain notes, switching §8).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from switching.models import Application

Kind = Application.Kind
ContractState = SupplyPoint.ContractState


class Order(TextChoices):
    """Where the day of a new application must lie from the day of another movement of the point."""

    ANY = "any", _("any day")
    BEFORE = "before", _("an earlier day")
    FROM = "from", _("the same day or later")
    AFTER = "after", _("a later day")
    NEVER = "never", _("not while it is there")

    def holds(self, day: date, other: date) -> bool:
        """True when `day` lies from `other` as asked."""
        match self:
            case Order.ANY:
                return True
            case Order.BEFORE:
                return day < other
            case Order.FROM:
                return day >= other
            case Order.AFTER:
                return day > other
        return False


_SS, _ST, _RC = Kind.SWITCH_START, Kind.SWITCH_TERMINATION, Kind.RECONNECTION
_TM, _AC, _CC = Kind.TERMINATION, Kind.AMPERE_CHANGE, Kind.CONSUMER_CHANGE
_ANY, _BEFORE, _FROM, _AFTER, _NEVER = Order.ANY, Order.BEFORE, Order.FROM, Order.AFTER, Order.NEVER

# new application → the other movement, which is still open
OPEN: dict[Kind, dict[Kind, Order]] = {
    _SS: {_SS: _NEVER, _ST: _ANY, _RC: _AFTER, _TM: _NEVER, _AC: _AFTER, _CC: _ANY},
    _ST: {_SS: _ANY, _ST: _NEVER, _RC: _AFTER, _TM: _NEVER, _AC: _AFTER, _CC: _ANY},
    _RC: {_SS: _NEVER, _ST: _NEVER, _RC: _NEVER, _TM: _FROM, _AC: _NEVER, _CC: _NEVER},
    _TM: {_SS: _NEVER, _ST: _NEVER, _RC: _AFTER, _TM: _NEVER, _AC: _AFTER, _CC: _AFTER},
    _AC: {_SS: _BEFORE, _ST: _BEFORE, _RC: _AFTER, _TM: _BEFORE, _AC: _NEVER, _CC: _ANY},
    _CC: {_SS: _BEFORE, _ST: _BEFORE, _RC: _AFTER, _TM: _BEFORE, _AC: _ANY, _CC: _NEVER},
}
# new application → the other movement, which has taken effect
DONE: dict[Kind, dict[Kind, Order]] = {
    _SS: {_SS: _AFTER, _ST: _AFTER, _RC: _AFTER, _TM: _AFTER, _AC: _AFTER, _CC: _AFTER},
    _ST: {_SS: _AFTER, _ST: _AFTER, _RC: _AFTER, _TM: _AFTER, _AC: _AFTER, _CC: _AFTER},
    _RC: {_SS: _AFTER, _ST: _AFTER, _RC: _AFTER, _TM: _FROM, _AC: _AFTER, _CC: _AFTER},
    _TM: {_SS: _AFTER, _ST: _AFTER, _RC: _AFTER, _TM: _AFTER, _AC: _AFTER, _CC: _AFTER},
    _AC: {_SS: _FROM, _ST: _FROM, _RC: _FROM, _TM: _AFTER, _AC: _AFTER, _CC: _ANY},
    _CC: {_SS: _AFTER, _ST: _AFTER, _RC: _AFTER, _TM: _AFTER, _AC: _ANY, _CC: _AFTER},
}


@dataclass(frozen=True)
class Movement:
    """A movement of a point: an application of somebody, with the day on which it takes or took effect."""

    kind: str
    day: date
    is_done: bool
    number: str = ""
    retailer_id: int | None = None
    removes: bool = False  # a termination that takes the equipment away


def order_asked(kind: str, other: Movement) -> Order:
    """What the tables ask of a new application of `kind` beside the other movement."""
    return (DONE if other.is_done else OPEN)[Kind(kind)][Kind(other.kind)]


def contradicted(kind: str, day: date, others: Iterable[Movement]) -> tuple[Movement, Order] | None:
    """The first movement, by day, that a new application of `kind` for `day` contradicts, and what it asks."""
    for other in sorted(others, key=lambda movement: (movement.day, movement.number)):
        asked = order_asked(kind, other)
        if not asked.holds(day, other.day):
            return other, asked
    return None


def state_on(day: date, present: str, others: Iterable[Movement]) -> ContractState:
    """The contract state the point will be in on the day, when what is open until then has taken effect."""
    state = ContractState(present)
    for other in sorted(others, key=lambda movement: movement.day):
        if other.is_done or other.day > day:
            continue
        if other.kind == Kind.TERMINATION:
            state = ContractState.REMOVED if other.removes else ContractState.IDLE
        elif other.kind == Kind.RECONNECTION:
            state = ContractState.ENERGISED
    return state
