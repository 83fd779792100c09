"""The table of capacity methods against the sentences of the domain notes, switching §4, pair by pair."""

import itertools

import pytest

from switching import capacity
from switching.capacity import Menu, Method

SWITCH, ACTUAL, AMPERE, LOAD = (
    Method.MAIN_SWITCH,
    Method.ACTUAL_DEMAND,
    Method.AMPERE_BREAKER,
    Method.CONNECTED_LOAD,
)
ALLOWED = {
    *((Menu.LAMP, SWITCH, SWITCH), (Menu.LAMP, SWITCH, ACTUAL)),
    *((Menu.LAMP, AMPERE, AMPERE), (Menu.LAMP, AMPERE, ACTUAL)),
    *((Menu.LAMP, ACTUAL, ACTUAL), (Menu.LAMP, LOAD, ACTUAL)),
    *((Menu.POWER, LOAD, ACTUAL), (Menu.POWER, SWITCH, SWITCH), (Menu.POWER, SWITCH, ACTUAL)),
    *((Menu.POWER, ACTUAL, ACTUAL), (Menu.FLAT, LOAD, LOAD)),
}


@pytest.mark.parametrize(("menu", "present", "wanted"), list(itertools.product(Menu, Method, Method)))
def test_a_method_changes_only_as_the_notes_say(menu, present, wanted):
    assert capacity.may_become(menu, present, wanted) == ((menu, present, wanted) in ALLOWED)
    assert (wanted in capacity.allowed(menu, present)) == ((menu, present, wanted) in ALLOWED)
