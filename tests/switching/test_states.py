"""The tables of moves, every state with every move."""

import itertools

import pytest

from switching import states
from switching.states import (
    APPLICATION_MOVES,
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


def test_an_ended_relay_is_never_reopened():
    ended = set(RelayState) - OPEN_RELAYS
    assert not [key for key in RELAY_MOVES if key[0] in ended]


def test_a_matched_application_can_only_take_effect():
    assert [move for state, move in APPLICATION_MOVES if state == ApplicationState.MATCHED] == [
        ApplicationMove.TAKE_EFFECT
    ]
    assert ApplicationState.MATCHED in OPEN_APPLICATIONS
