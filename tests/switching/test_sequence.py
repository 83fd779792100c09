"""The sequence check: every pair of kinds, open and done, and the contract state that follows."""

import itertools
from datetime import date, timedelta

import pytest

from switching import sequence
from switching.sequence import ContractState, Kind, Movement, Order

DAY = date(2026, 4, 15)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
SWITCHES = {Kind.SWITCH_START, Kind.SWITCH_TERMINATION}


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize(("kind", "other"), list(itertools.product(Kind, Kind)))
def test_every_pair_of_kinds_holds_on_the_days_its_order_names_and_no_others(kind, other, is_done):
    movement = Movement(other, DAY, is_done, "A1")
    asked = sequence.order_asked(kind, movement)
    fits = {day for day in (BEFORE, DAY, AFTER) if sequence.contradicted(kind, day, [movement]) is None}
    assert (
        fits
        == {
            Order.ANY: {BEFORE, DAY, AFTER},
            Order.BEFORE: {BEFORE},
            Order.FROM: {DAY, AFTER},
            Order.AFTER: {AFTER},
            Order.NEVER: set(),
        }[asked]
    )


@pytest.mark.parametrize("kind", Kind)
def test_a_second_open_application_of_the_same_kind_never_fits(kind):
    assert sequence.order_asked(kind, Movement(kind, DAY, False)) == Order.NEVER


@pytest.mark.parametrize(("kind", "other"), list(itertools.product(Kind, Kind)))
def test_nothing_that_moves_supply_is_put_before_what_is_done(kind, other):
    asked = sequence.order_asked(kind, Movement(other, DAY, True))
    if {kind, other} == {Kind.AMPERE_CHANGE, Kind.CONSUMER_CHANGE}:
        assert asked == Order.ANY, "the breaker and the holder's data have nothing to do with one another"
    else:
        assert asked in (Order.AFTER, Order.FROM)


def test_start_and_termination_of_a_switch_do_not_stand_against_one_another():
    for kind, other in itertools.permutations(SWITCHES, 2):
        assert sequence.contradicted(kind, DAY, [Movement(other, DAY, False)]) is None


def test_somebody_moves_in_on_the_day_the_other_moved_out_and_not_before():
    leaving = Movement(Kind.TERMINATION, DAY, False)
    assert sequence.contradicted(Kind.RECONNECTION, DAY, [leaving]) is None
    assert sequence.contradicted(Kind.RECONNECTION, BEFORE, [leaving]) == (leaving, Order.FROM)


def test_the_first_contradiction_by_day_is_the_one_that_is_named():
    early, late = Movement(Kind.RECONNECTION, BEFORE, False, "A1"), Movement(Kind.TERMINATION, AFTER, False, "A2")
    assert sequence.contradicted(Kind.SWITCH_START, BEFORE, [late, early]) == (early, Order.AFTER)
    assert sequence.contradicted(Kind.SWITCH_START, DAY, [late, early]) == (late, Order.NEVER)


@pytest.mark.parametrize("present", ContractState)
def test_the_state_on_a_day_follows_what_is_open_until_then(present):
    leaving, coming = Movement(Kind.TERMINATION, DAY, False), Movement(Kind.RECONNECTION, AFTER, False)
    both = [coming, leaving]
    assert sequence.state_on(BEFORE, present, both) == present
    assert sequence.state_on(DAY, present, both) == ContractState.IDLE
    assert sequence.state_on(AFTER, present, both) == ContractState.ENERGISED
    gone = Movement(Kind.TERMINATION, DAY, False, removes=True)
    assert sequence.state_on(DAY, present, [gone]) == ContractState.REMOVED
    assert sequence.state_on(DAY, present, [Movement(Kind.TERMINATION, DAY, True)]) == present


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.TERMINATION, Kind.RECONNECTION}))
def test_only_moving_in_and_out_changes_the_contract_state(kind):
    assert sequence.state_on(DAY, ContractState.ENERGISED, [Movement(kind, DAY, False)]) == ContractState.ENERGISED
