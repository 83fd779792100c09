"""The tables of moves, every state with every move."""

import itertools

import pytest

from switching import states
from switching.states import (
    APPLICATION_MOVES,
    FREE_TO_CANCEL,
    FROZEN,
    OPEN_APPLICATIONS,
    OPEN_RELAYS,
    RELAY_MOVES,
    ApplicationMove,
    ApplicationState,
    NotAllowed,
    RelayMove,
    RelayState,
)

TABLES = [
    (RELAY_MOVES, RelayState, RelayMove, states.next_relay_state),
    (APPLICATION_MOVES, ApplicationState, ApplicationMove, states.next_application_state),
]


@pytest.mark.parametrize(("table", "state_type", "move_type", "step"), TABLES)
def test_every_state_and_move_either_leads_where_the_table_says_or_is_refused(table, state_type, move_type, step):
    for state, move in itertools.product(state_type, move_type):
        if (state, move) in table:
            assert step(state, move) == table[state, move]
        else:
            with pytest.raises(NotAllowed) as refusal:
                step(state, move)
            assert (refusal.value.state, refusal.value.move) == (state, move)


@pytest.mark.parametrize(("table", "state_type", "move_type", "step"), TABLES)
def test_every_state_can_be_reached_and_every_move_is_used(table, state_type, move_type, step):
    assert set(table.values()) == set(state_type)
    assert {move for _, move in table} == set(move_type)


def test_an_ended_relay_is_never_reopened_and_a_matched_one_is_only_stopped_by_the_network_operator():
    ended = set(RelayState) - OPEN_RELAYS
    assert [key for key in RELAY_MOVES if key[0] in ended] == [(RelayState.MATCHED, RelayMove.STOP)]


def test_a_frozen_application_is_moved_by_the_network_operator_and_the_hub_alone():
    for state in FROZEN:
        assert {move for stands, move in APPLICATION_MOVES if stands == state} == {
            ApplicationMove.SCHEDULE,
            ApplicationMove.STOP,
            ApplicationMove.TAKE_EFFECT,
        }
    assert FROZEN < OPEN_APPLICATIONS and not FROZEN & FREE_TO_CANCEL


def test_what_has_ended_does_not_move_any_more():
    ended = {
        ApplicationState.COMPLETED,
        ApplicationState.REJECTED,
        ApplicationState.UNMATCHED,
        ApplicationState.SUPERSEDED,
        ApplicationState.CANCELLED,
    }
    # The actual day may be reported of a completed one as well; it stays completed.
    moving = {key for key, to in APPLICATION_MOVES.items() if key[0] in ended and to != key[0]}
    assert not moving
    assert set(ApplicationState) - ended == OPEN_APPLICATIONS | {ApplicationState.DRAFT, ApplicationState.IN_EFFECT}


def test_an_application_begins_as_a_draft_or_waiting_or_with_the_network_operator():
    begins = {state for (stands, _move), state in APPLICATION_MOVES.items() if stands is None}
    assert begins == {ApplicationState.DRAFT, ApplicationState.WAITING, ApplicationState.SUBMITTED}
    with pytest.raises(NotAllowed):
        states.next_application_state(None, ApplicationMove.MATCH)
