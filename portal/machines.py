"""Who comes by a client certificate alone: a company's machine, with what of a person the rules ask about."""

from functools import cached_property
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from portal.access import Ability, Role, may
from portal.models import Certificate, Company, Grant

if TYPE_CHECKING:
    from portal.models import User

ROLES = (Role.USAGE,)
"""What a certificate of purpose API opens by itself: the usage files of its company, in every area and class."""


class Machine:
    """Stands where a verb or list wants a person: its company's, without a name; the ledger names the certificate."""

    pk = None
    is_authenticated = is_active = True
    is_staff = is_operator = False

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate

    @property
    def company(self) -> Company:
        return self.certificate.company

    @property
    def company_id(self) -> int:
        return self.certificate.company_id

    @cached_property
    def grant_list(self) -> list[Grant]:
        return [Grant(role=role) for role in ROLES]

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(ROLES)

    def is_verified(self) -> bool:
        return True

    def may(self, ability: Ability) -> bool:
        return may(cast("User", self), ability)

    def __str__(self) -> str:
        return f"{self.company} ({self.certificate.terminal})"


def machine(request: HttpRequest) -> "User":
    """The machine that sends the request, in the place of a person; only for views marked `by_certificate`."""
    return cast("User", request.machine)  # type: ignore[attr-defined]
