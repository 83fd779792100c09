"""The table of undoing: every kind, state and move."""

import itertools

import pytest

from switching.undo_states import (
    OPEN_UNDOING,
    UNDO_MOVES,
    NotAllowed,
    UndoKind,
    UndoMove,
    UndoState,
    next_undo_state,
)


def test_every_kind_state_and_move_either_leads_where_the_table_says_or_is_refused():
    for kind, state, move in itertools.product(UndoKind, UndoState, UndoMove):
        if (kind, state, move) in UNDO_MOVES:
            assert next_undo_state(kind, state, move) == UNDO_MOVES[kind, state, move]
        else:
            with pytest.raises(NotAllowed) as refusal:
                next_undo_state(kind, state, move)
            assert (refusal.value.kind, refusal.value.state, refusal.value.move) == (kind, state, move)


def test_every_state_is_reached_and_every_move_is_used():
    assert set(UNDO_MOVES.values()) == set(UndoState)
    assert {move for _kind, _state, move in UNDO_MOVES} == set(UndoMove)


def test_every_kind_can_be_opened_and_every_open_state_of_it_can_be_left():
    for kind in UndoKind:
        assert [move for k, state, move in UNDO_MOVES if k == kind and state is None]
        reached = {to for (k, _state, _move), to in UNDO_MOVES.items() if k == kind}
        for state in reached & OPEN_UNDOING:
            assert [move for k, stands, move in UNDO_MOVES if k == kind and stands == state], (kind, state)


def test_what_has_ended_stays_ended_but_for_the_appeal_of_a_reversal():
    left = {(kind, state, move) for kind, state, move in UNDO_MOVES if state and state not in OPEN_UNDOING}
    assert left == {(UndoKind.REVERSAL, UndoState.REFUSED, UndoMove.APPEAL)}
