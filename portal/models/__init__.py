"""Tables of the ground floor, one module per noun."""

from portal.models.companies import Company, Participation
from portal.models.evidence import LedgerEntry, Seal, UnsealedEntry, append_only
from portal.models.four_eyes import Proposal
from portal.models.jobs import JobRun
from portal.models.letters import Letter
from portal.models.notices import Delivery, Notice
from portal.models.onboarding import UseApplication, UsePerson, UseStep
from portal.models.people import Grant, User
from portal.models.sessions import SignIn
from portal.models.workdays import ExtraHoliday

__all__ = [
    "Company",
    "Delivery",
    "ExtraHoliday",
    "Grant",
    "JobRun",
    "LedgerEntry",
    "Letter",
    "Notice",
    "Participation",
    "Proposal",
    "Seal",
    "SignIn",
    "UnsealedEntry",
    "UseApplication",
    "UsePerson",
    "UseStep",
    "User",
    "append_only",
]
