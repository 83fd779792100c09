"""A role that gives access to others is given by two operators."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import four_eyes, people
from portal.access import HUB_ROLES, Role
from portal.four_eyes import Act
from portal.models import Proposal, User
from portal.people import Hold


def _give_role(proposal: Proposal, by: User, now: datetime) -> None:
    user = User.objects.select_related("company").get(pk=proposal.payload["user"])
    held = [Hold(grant.role, grant.area, grant.supply_class) for grant in user.grants.all()]
    people.set_roles(user, roles=[*held, proposal.payload["role"]], second=proposal.proposed_by, by=by, now=now)


def _role_facts(proposal: Proposal) -> Iterator[tuple[str, Any]]:
    user = User.objects.select_related("company").get(pk=proposal.payload["user"])
    yield gettext("Company"), user.company.name
    yield gettext("User"), str(user)
    yield gettext("New role"), Role(proposal.payload["role"]).label


def propose_role(user: User, *, role: Role, by: User, now: datetime) -> Proposal:
    """Ask a second operator to give a role that gives access to others (people.TAKES_TWO_OPERATORS).

    Raises people.RoleNotForCompany and what `four_eyes.propose` raises.
    """
    if role in HUB_ROLES and not user.company.is_hub_operator:
        raise people.RoleNotForCompany
    return four_eyes.propose(
        GIVE_ROLE,
        subject=f"user {user.username}",
        payload={"user": user.pk, "role": str(role)},
        by=by,
        now=now,
    )


GIVE_ROLE = four_eyes.register(
    Act(
        "give_role",
        _("Give a role that gives access to others"),
        _give_role,
        _role_facts,
        (people.Refused,),
    )
)
