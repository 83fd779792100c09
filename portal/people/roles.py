"""The roles a person holds, and who gives them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from portal import ledger
from portal.access import HUB_ROLES, Role
from portal.market import Area, SupplyClass
from portal.models import Company, Grant, User
from portal.people.refusals import NotAllowed, NotForMachines, RoleNotForCompany, SecondOperatorNeeded
from portal.people.standing import keep_an_administrator, locked, subject

TAKES_TWO_OPERATORS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
"""Roles that give access to others: no operator gives them alone (see portal.four_eyes)."""


@dataclass(frozen=True)
class Hold:
    """A role to be held, for one area and class of supply or ("") for all of them."""

    role: Role | str
    area: Area | str = ""
    supply_class: SupplyClass | str = ""


def set_roles(
    user: User,
    *,
    roles: Iterable[Hold | Role | str],
    second: User | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """Replace the person's roles by exactly these; a bare role holds for every area and class.

    `second` is the operator who proposed what `by` confirms; an operator alone makes nobody an administrator.
    Raises NotAllowed, RoleNotForCompany, LastAdministrator, SecondOperatorNeeded.
    """
    wanted = {hold if isinstance(hold, Hold) else Hold(hold) for hold in roles}
    wanted_keys = {(str(hold.role), str(hold.area), str(hold.supply_class)) for hold in wanted}
    with transaction.atomic():
        user = locked(user, by)
        if user.is_machine and any(role in HUB_ROLES or role == Role.ADMINISTRATOR for role, _a, _c in wanted_keys):
            raise NotForMachines
        if not user.company.is_hub_operator and any(role in HUB_ROLES for role, _area, _class in wanted_keys):
            raise RoleNotForCompany
        held = {(grant.role, grant.area, grant.supply_class): grant for grant in user.grants.all()}
        hub_roles_change = any(role in HUB_ROLES for role, _area, _class in wanted_keys ^ set(held))
        if hub_roles_change and by is not None and Role.OPERATOR not in by.roles:
            raise NotAllowed  # the hub's own roles are given by its operators, not by whoever keeps its accounts
        if any(role in TAKES_TWO_OPERATORS for role, _area, _class in wanted_keys - set(held)):
            _ask_for_two(by, second, user.company)
        if not any(role == Role.ADMINISTRATOR for role, _area, _class in wanted_keys):
            keep_an_administrator(user)
        if set(held) == wanted_keys:
            return
        user.grants.filter(pk__in=[grant.pk for key, grant in held.items() if key not in wanted_keys]).delete()
        Grant.objects.bulk_create(
            [
                Grant(user=user, role=role, area=area, supply_class=supply_class)
                for role, area, supply_class in sorted(wanted_keys - set(held))
            ]
        )
        ledger.record(
            "roles set",
            subject(user),
            by=by,
            now=now,
            before=[list(key) for key in sorted(held)],
            after=[list(key) for key in sorted(wanted_keys)],
        )


def _ask_for_two(by: User | None, second: User | None, company: Company) -> None:
    """An administrator gives the own company's roles alone, an operator only together with another one."""
    if by is None or (not by.is_staff and by.company_id == company.pk):
        return
    if second is None or second.pk == by.pk or not second.is_operator:
        raise SecondOperatorNeeded
