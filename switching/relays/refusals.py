"""Why a relay cannot be registered or moved: what its verbs raise."""

from datetime import date, datetime

from switching import guard, sequence
from switching.states import RelayState


class NotPossible(Exception):
    """The relay cannot be registered or moved; subclasses say why. `field` names the form field concerned."""

    field = ""


class NotYours(NotPossible):
    """The person may not do this for this point's area and class, or is of neither company."""


class NotARetailerThere(NotPossible):
    """The losing retailer named does not supply in the point's area, nor this point as its last resort, or is us."""

    field = "losing_retailer"


class NumberDoesNotFit(NotPossible):
    """The contract number does not follow the losing retailer's published rule; `hint` and `sample` tell it."""

    field = "contract_number"

    def __init__(self, hint: str, sample: str) -> None:
        super().__init__(hint)
        self.hint, self.sample = hint, sample


class NoPartInArea(NotPossible):
    """The asking company has no participant code as a retailer in the point's area."""


class DisclosureMissing(NotPossible):
    """No disclosure of the own company for this very point is named, or it is too old to stand for this customer."""

    field = "disclosure"


class DisclosureOfAnother(NotPossible):
    """The explanation recorded did not rest on this losing retailer's own list of disadvantages."""

    field = "losing_retailer"


class DateNotPossible(NotPossible):
    """The desired date lies outside what lead time and limit allow."""

    field = "desired_date"

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


class AlreadyOurs(NotPossible):
    """The asking company supplies the point already."""


class PointBusy(NotPossible):
    """Another relay is open on the point, a matched pair waits for its day or a switch is undone; whose is not told."""


class OutOfSequence(NotPossible):
    """Another movement of the point, which is not told, stands against a switch on the desired date."""

    field = "desired_date"


class OutOfOwnSequence(NotPossible):
    """An application of the own company, `other`, stands against the switch; `order` is what would fit."""

    field = "desired_date"

    def __init__(self, other: sequence.Movement, order: sequence.Order) -> None:
        super().__init__(f"{other.number} {other.kind} {other.day}")
        self.other, self.order = other, order


class Leaving(NotPossible):
    """The asking company is leaving the market and gains nothing more."""


class PointNotInUse(NotPossible):
    """Nobody supplies the point, so there is nothing to end: a reconnection is what is wanted."""


class NotSupplying(NotPossible):
    """The losing retailer named does not supply the point, so it has nothing to end: only reason 1 is left."""


class Throttled(NotPossible):
    """Too many of this company's relays on the point were tries at the customer's data: no guessing of numbers."""


class ThrottledCompany(NotPossible):
    """Over many points too many of this company's relays were rejected for the customer's data: `rejected` of late."""

    def __init__(self, rejected: int, days: int) -> None:
        super().__init__(rejected)
        self.rejected, self.days = rejected, days


class Overdue(NotPossible):
    """The time for the judgement is over, at `due_at`: the relay has expired, also where no sweep has been yet."""

    def __init__(self, due_at: datetime) -> None:
        super().__init__(due_at.isoformat())
        self.due_at = due_at


class NothingToFile(NotPossible):
    """No switch termination is owed on this relay: it is filed already, or the relay is not accepted."""


class CarriesData(NotPossible):
    """Free words that could carry a value to the other side; `finding` says of which sort."""

    def __init__(self, finding: guard.Finding, field: str = "reason_text") -> None:
        super().__init__(finding.label)
        self.finding, self.field = finding, field


class QuotaSpent(NotPossible):
    """The company has registered as many relays today as its quota allows: `most`; `is_queued`: it may wait."""

    def __init__(self, most: int, *, is_queued: bool = False) -> None:
        super().__init__(most)
        self.most, self.is_queued = most, is_queued


class AlreadyMoved(NotPossible):
    """The relay no longer stands where this is possible (answered, withdrawn, matched …); `state` tells where."""

    def __init__(self, state: RelayState) -> None:
        super().__init__(state.label)
        self.state = state


class ReasonsMissing(NotPossible):
    """A rejection names at least one reason, and a reason "other" its words."""

    field = "reasons"


class TooLate(NotPossible):
    """The desired date's matching cut-off has passed: the relay can only be rejected for its date."""
