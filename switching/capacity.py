"""How the capacity determination method may change on a switch: a table (domain notes, switching §4)."""

from metering.models import SupplyPoint

Menu = SupplyPoint.Menu
Method = SupplyPoint.CapacityMethod

TRANSITIONS: dict[tuple[Menu, Method], frozenset[Method]] = {
    (Menu.LAMP, Method.MAIN_SWITCH): frozenset({Method.MAIN_SWITCH, Method.ACTUAL_DEMAND}),
    (Menu.LAMP, Method.AMPERE_BREAKER): frozenset({Method.AMPERE_BREAKER, Method.ACTUAL_DEMAND}),
    (Menu.LAMP, Method.ACTUAL_DEMAND): frozenset({Method.ACTUAL_DEMAND}),
    (Menu.LAMP, Method.CONNECTED_LOAD): frozenset({Method.ACTUAL_DEMAND}),
    (Menu.POWER, Method.CONNECTED_LOAD): frozenset({Method.ACTUAL_DEMAND}),
    (Menu.POWER, Method.MAIN_SWITCH): frozenset({Method.MAIN_SWITCH, Method.ACTUAL_DEMAND}),
    (Menu.POWER, Method.ACTUAL_DEMAND): frozenset({Method.ACTUAL_DEMAND}),
    (Menu.FLAT, Method.CONNECTED_LOAD): frozenset({Method.CONNECTED_LOAD}),
}
"""What is not in the table cannot be changed at all."""


def allowed(menu: str, present: str) -> frozenset[Method]:
    """The methods that may be asked for at a point of this menu and present method; empty: no change is possible."""
    return TRANSITIONS.get((Menu(menu), Method(present)), frozenset())


def may_become(menu: str, present: str, wanted: str) -> bool:
    """True when the table lets the present method become the wanted one."""
    return wanted in allowed(menu, present)
