"""A relay as it stands, read or locked; where a move leads it, and the trace a move leaves."""

from collections.abc import Collection

from portal import ahead
from portal.access import Ability
from portal.access import covers as covers_point
from portal.models import User
from switching import notices, traces
from switching.models import Relay
from switching.relays.refusals import AlreadyMoved, NotYours
from switching.states import NotAllowed, RelayMove, RelayState, next_relay_state


@ahead.question
def by_id(relay_id: int) -> Relay:
    """The relay with its point and companies, as it stands now and not locked."""
    return detailed([relay_id])[relay_id]


def detailed(relay_ids: Collection[int]) -> dict[int, Relay]:
    """The same for many relays in one query."""
    return Relay.objects.select_related("point", "gaining_retailer", "losing_retailer").in_bulk(list(relay_ids))


def locked(relay_id: int) -> Relay:
    """The relay with its point and companies, locked to the end of the transaction."""
    return (
        Relay.objects.select_for_update(of=("self",))
        .select_related("point", "gaining_retailer", "losing_retailer")
        .get(pk=relay_id)
    )


def require_losing(relay: Relay, by: User) -> None:
    """Raise NotYours unless the person judges relays for the losing retailer, for this area and class."""
    if relay.losing_retailer_id != by.company_id or not covers(by, Ability.JUDGE_RELAY, relay):
        raise NotYours


def covers(by: User, ability: Ability, relay: Relay) -> bool:
    """True when the person holds the ability for the relay's area and class."""
    return covers_point(by, ability, area=relay.point.area, supply_class=relay.point.supply_class)


def moved(relay: Relay, move: RelayMove) -> RelayState:
    """The state to which the move leads from where the relay stands. Raises AlreadyMoved."""
    try:
        return next_relay_state(relay.state, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(RelayState(refusal.state)) from refusal


def trace_of(relay: Relay, move: RelayMove, before: str, notice: str, *told: int, **context: object) -> traces.Trace:
    """The trace of a move that has been made, with the notice that tells of it to each company in `told`."""
    return traces.Trace(
        case=relay,
        move=move,
        from_state=before,
        to_state=RelayState(relay.state),
        notices=notices.about_relay(relay, notice, *told, **context),
        detail=dict(context),
    )
