"""Why an application cannot be filed or moved: what its verbs raise."""

from datetime import date

from metering.models import SupplyPoint
from portal.market import SupplyClass
from switching import entries, sequence
from switching.models import Application
from switching.states import ApplicationState

Kind = Application.Kind
ContractState = SupplyPoint.ContractState


class NotPossible(Exception):
    """The application cannot be filed or moved; subclasses say why."""


class NotYours(NotPossible):
    """The person may not do this for the application's company, area and class."""


class AlreadyOurs(NotPossible):
    """The asking retailer supplies the point already."""


class PointNotInUse(NotPossible):
    """Nobody supplies the point, so there is nothing to switch: a reconnection is what is wanted."""


class NoPartInArea(NotPossible):
    """The company has no participant code as a retailer in the point's area."""


class PointBusy(NotPossible):
    """A start of somebody, another company's relay or an undoing is open on the point; which company's is not told."""


class DateNotPossible(NotPossible):
    """The desired date lies outside what lead time and limit allow."""

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


class BackDated(DateNotPossible):
    """The desired date lies further back than the kind may be dated back; a termination not at all."""


class NotOffered(NotPossible):
    """There is no application of this kind at the point's class of supply."""

    def __init__(self, kind: str, supply_class: str) -> None:
        super().__init__(f"{kind} {supply_class}")
        self.kind, self.supply_class = Kind(kind), SupplyClass(supply_class)


class FollowsRelay(NotPossible):
    """A switch termination is filed with the acceptance of its relay, never alone, and ends with it."""


class NotOurs(NotPossible):
    """Somebody supplies the point, but not the asking company; who is not told."""


class PointInUse(NotPossible):
    """The point is supplied on the desired date, so there is nothing to reconnect."""


class StateDoesNotFit(NotPossible):
    """The contract will be in `state` on the desired date, and the kind does not begin there."""

    def __init__(self, state: ContractState) -> None:
        super().__init__(state.label)
        self.state = state


class OutOfSequence(NotPossible):
    """Another movement of the point, which is not told, stands against the desired date."""


class OutOfOwnSequence(NotPossible):
    """An application of the own company, `other`, stands against the desired date; `order` is what would fit."""

    def __init__(self, other: sequence.Movement, order: sequence.Order) -> None:
        super().__init__(f"{other.number} {other.kind} {other.day}")
        self.other, self.order = other, order


class EntryNotPossible(NotPossible):
    """One entry does not fit the kind: `field` and `problem` tell which and why."""

    def __init__(self, field: str, problem: entries.Problem) -> None:
        super().__init__(f"{field}: {problem.value}")
        self.field, self.problem = field, problem


class NothingChanged(NotPossible):
    """A correction that corrects nothing."""


class QuotaSpent(NotPossible):
    """The company has filed as many switch starts today as its quota allows: `most`; `is_queued`: it may wait."""

    def __init__(self, most: int, *, is_queued: bool = False) -> None:
        super().__init__(most)
        self.most, self.is_queued = most, is_queued


class RelayDoesNotFit(NotPossible):
    """The relay named is of another point, another company or another date, or has ended."""


class Frozen(NotPossible):
    """A matched pair is frozen for both sides."""


class AlreadyMoved(NotPossible):
    """The application no longer stands where this would be possible; `state` tells where it stands."""

    def __init__(self, state: ApplicationState) -> None:
        super().__init__(state.label)
        self.state = state
