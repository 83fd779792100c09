"""What the applicant fills in, files and takes back."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext

from portal import companies, letters, people
from portal.access import Role
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, UseApplication, UsePerson
from portal.models.onboarding import UseState
from portal.onboarding.deadlines import check_start
from portal.onboarding.refusals import (
    BadCertificateId,
    BadPerson,
    ControlCharacters,
    Incomplete,
    NothingChosen,
    StatementNotAccepted,
    TooManyPeople,
)
from portal.onboarding.rows import change, editable, locked, move, write
from portal.people import USERNAME

STATEMENT_EDITION = "2026-04"
"""Edition of the statement on joint use of personal data; its words stand in templates/portal/joint_use/."""
GENERAL_ROLES = (Role.INQUIRY, Role.APPLICATION, Role.RELAY, Role.USAGE, Role.VIEWER)
MOST_ADMINISTRATORS, MOST_USERS, MOST_CERTIFICATES = 10, 1000, 20
CERTIFICATE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z .:,=/_-]{3,119}")


@dataclass(frozen=True)
class Named:
    """A person an application names; `roles` only for general users."""

    username: str
    name: str
    email: str
    roles: tuple[str, ...] = ()


def save_company(
    application: UseApplication,
    *,
    name: str,
    name_en: str,
    registration_number: str,
    corporate_number: str,
    notice_address: str,
    market_roles: Iterable[str],
) -> UseApplication:
    """Who applies. Raises NotNow, ControlCharacters, NothingChosen and the registry's refusals of names and numbers."""
    values = {
        "name": name.strip(),
        "name_en": name_en.strip(),
        "registration_number": registration_number.strip(),
        "corporate_number": corporate_number.strip(),
        "notice_address": notice_address.strip(),
    }
    if any(_has_control(value) for value in values.values()):
        raise ControlCharacters
    companies.check(Company(**values))
    _check_address(values["notice_address"])
    roles = [role for role in MarketRole.values if role in set(market_roles)]
    if not roles:
        raise NothingChosen
    return change(application, **values, market_roles=roles)


def save_wanted(
    application: UseApplication,
    *,
    areas: Iterable[str],
    supply_classes: Iterable[str],
    wanted_start: date,
    now: datetime,
) -> UseApplication:
    """Where, what for and from when. Raises NotNow, NothingChosen, StartTooLate, DeadlineOver."""
    areas = [area for area in Area.values if area in set(areas)]
    classes = [one for one in SupplyClass.values if one in set(supply_classes)]
    if not areas or not classes:
        raise NothingChosen
    check_start(application, wanted_start, now=now)
    return change(application, areas=areas, supply_classes=classes, wanted_start=wanted_start)


def save_people(application: UseApplication, named: Sequence[Named], *, administrators: bool) -> UseApplication:
    """Replace the administrators, or the general users, by these. Raises NotNow, TooManyPeople, BadPerson."""
    if len(named) > (MOST_ADMINISTRATORS if administrators else MOST_USERS):
        raise TooManyPeople
    with transaction.atomic():
        application = editable(application)
        others = application.people.exclude(is_administrator=administrators)
        taken = set(others.values_list("username", flat=True))
        for one in named:
            if why := _faults(one, taken, administrators):
                raise BadPerson(one.username, why[0])
            taken.add(one.username)
        application.people.filter(is_administrator=administrators).delete()
        UsePerson.objects.bulk_create(
            [
                UsePerson(
                    application=application,
                    is_administrator=administrators,
                    username=one.username,
                    name=one.name,
                    email=one.email,
                    roles=[] if administrators else list(one.roles),
                )
                for one in named
            ]
        )
    return application


def save_certificates(application: UseApplication, ids: Iterable[str]) -> UseApplication:
    """The client certificates the company has already, by the id their issuer gave. Raises NotNow, BadCertificateId."""
    wanted = list(dict.fromkeys(" ".join(one.split()) for one in ids if one.strip()))
    if len(wanted) > MOST_CERTIFICATES or not all(CERTIFICATE_ID.fullmatch(one) for one in wanted):
        raise BadCertificateId
    return change(application, certificate_ids=wanted)


def gaps(application: UseApplication) -> list[tuple[str, str]]:
    """What is missing before the application can be filed: the step and a sentence."""
    found = []
    if not (application.name and application.corporate_number and application.notice_address):
        found.append(("company", gettext("The company's name, corporate number and address for notices are missing.")))
    elif MarketRole.RETAILER in application.market_roles and not application.registration_number:
        found.append(("company", gettext("A retailer needs its registration number.")))
    if not (application.areas and application.supply_classes and application.wanted_start):
        found.append(("wanted", gettext("Areas, classes of supply or the wanted start are missing.")))
    if not application.people.filter(is_administrator=True).exists():
        found.append(("administrators", gettext("At least one administrator is needed.")))
    return found


def file(application: UseApplication, *, accepts: bool, now: datetime) -> UseApplication:
    """File the application, or file it again after a question.

    Raises NotNow, StatementNotAccepted, Incomplete, StartTooLate, DeadlineOver.
    """
    with transaction.atomic():
        application = editable(application)
        if not accepts:
            raise StatementNotAccepted
        if missing := gaps(application):
            raise Incomplete(missing)
        assert application.wanted_start is not None
        check_start(application, application.wanted_start, now=now)
        application.filed_at = application.filed_at or now
        application.statement_edition = STATEMENT_EDITION
        application.save(update_fields=["filed_at", "statement_edition"])
        move(application, UseState.WAITING, by=None, now=now, statement=STATEMENT_EDITION)
        write(application, "use_application_received", now=now)
    return application


def withdraw(application: UseApplication, *, now: datetime) -> UseApplication:
    """Take the application back. Raises NotNow."""
    with transaction.atomic():
        application = locked(application)
        move(application, UseState.WITHDRAWN, by=None, now=now)
    return application


def faults(named: Named, taken: Iterable[str], *, administrator: bool) -> list[str]:
    """Everything that is wrong with a named person, in sentences; `taken` are the user ids named before."""
    return _faults(named, set(taken), administrator)


def _faults(named: Named, taken: set[str], administrator: bool) -> list[str]:
    found = []
    if not USERNAME.fullmatch(named.username):
        found.append(str(people.BadUsername.sentence))
    elif named.username in taken:
        found.append(gettext("This user id is named twice."))
    if not named.name or len(named.name) > 60 or _has_control(named.name):
        found.append(gettext("The name is missing or longer than 60 characters."))
    try:
        validate_email(named.email)
    except ValidationError:
        found.append(str(letters.BadAddress.sentence))
    if not administrator:
        if unknown := [role for role in named.roles if role not in GENERAL_ROLES]:
            found.append(gettext("This role is not known: %(roles)s.") % {"roles": ", ".join(unknown)})
        elif not named.roles:
            found.append(gettext("At least one role is needed."))
    return found


def _has_control(text: str) -> bool:
    return any(ord(sign) < 32 or ord(sign) == 127 or sign in "\u2028\u2029\x85" for sign in text)


def _check_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise letters.BadAddress from error
