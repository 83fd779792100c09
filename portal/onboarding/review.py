"""The operators' answer: a question, a refusal, or an approval that a second operator confirms."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import companies, four_eyes, people, qualifications
from portal.access import Role
from portal.companies import TakesPart
from portal.four_eyes import Act
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, Participation, Proposal, UseApplication, UsePerson, User
from portal.models.onboarding import UseState
from portal.onboarding.refusals import CodesMissing, MessageMissing, NotAllowed, Refused
from portal.onboarding.rows import locked, move, subject_of, write
from portal.people import Hold


def ask_back(application: UseApplication, *, message: str, by: User, now: datetime) -> UseApplication:
    """Let the applicant correct the application; the message says what. Raises NotAllowed, MessageMissing, NotNow."""
    return _answer(application, UseState.ASKED_BACK, message, by=by, now=now)


def refuse(application: UseApplication, *, reason: str, by: User, now: datetime) -> UseApplication:
    """Refuse the application for good, with a reason. Raises NotAllowed, MessageMissing, NotNow."""
    return _answer(application, UseState.REFUSED, reason, by=by, now=now)


def parts_wanted(application: UseApplication) -> list[tuple[str, str]]:
    """Every market role and area applied for."""
    return [(role, area) for role in application.market_roles for area in application.areas]


def suggested_codes(application: UseApplication) -> list[TakesPart]:
    """A free participant code for each role and area: one sign for the area, then the registration number's digits.

    What the company holds already in a role and area stays.
    """
    held = {(part.market_role, part.area): part.code for part in _parts_of(same_company(application))}
    taken = set(Participation.objects.values_list("code", flat=True))
    found = []
    for role, area in parts_wanted(application):
        code = held.get((role, area)) or _free_code(role, area, application.registration_number, taken)
        taken.add(code)
        found.append(TakesPart(role, area, code))
    return found


def same_company(application: UseApplication) -> Company | None:
    """The registered company with the same corporate number: a second application adds to it."""
    return Company.objects.filter(corporate_number=application.corporate_number, is_hub_operator=False).first()


def taken_usernames(application: UseApplication) -> list[str]:
    """User ids applied for that somebody of another company has; told to operators only, so that nobody can probe."""
    wanted = application.people.values("username")
    taken = User.objects.filter(username__in=wanted)
    if company := same_company(application):
        taken = taken.exclude(company=company)
    return sorted(taken.values_list("username", flat=True))


def propose_approval(application: UseApplication, *, codes: Iterable[TakesPart], by: User, now: datetime) -> Proposal:
    """Ask a second operator to approve, with the participant codes to give.

    Raises NotAllowed, NotNow, CodesMissing, companies.BadCode, people.UsernameTaken, qualifications.Missing.
    """
    parts = [TakesPart(str(part.market_role), str(part.area), part.code.strip()) for part in codes]
    with transaction.atomic():
        application = locked(application)
        if {(part.market_role, part.area) for part in parts} != set(parts_wanted(application)):
            raise CodesMissing
        if not all(re.fullmatch(r"[0-9A-Z]{5}", part.code) for part in parts):
            raise companies.BadCode
        if taken_usernames(application):
            raise people.UsernameTaken
        _only_operators(by)
        qualifications.require(application, [part.market_role for part in parts])
        move(application, UseState.PROPOSED, by=by, now=now)
        return four_eyes.propose(
            APPROVE,
            subject=subject_of(application),
            payload={
                "application": application.pk,
                "codes": [[part.market_role, part.area, part.code] for part in parts],
            },
            by=by,
            now=now,
        )


def _approve(proposal: Proposal, by: User, now: datetime) -> None:
    """Enter company, codes and people; each person gets the link that lets them set a password.

    A company that was not there is held back until the start it wanted; people may sign in and try their access.
    """
    application = locked(UseApplication(pk=proposal.payload["application"]))
    parts = [TakesPart(*part) for part in proposal.payload["codes"]]
    if company := same_company(application):
        for part in parts:
            companies.take_part(company, part, by=by, now=now)
    else:
        company = companies.register(
            name=application.name,
            name_en=application.name_en,
            registration_number=application.registration_number,
            corporate_number=application.corporate_number,
            notice_address=application.notice_address,
            starts_on=application.wanted_start,
            participations=parts,
            by=by,
            now=now,
        )
    there = set(company.people.values_list("username", flat=True))
    for one in application.people.all():
        if one.username in there:
            continue  # a second application names people who have accounts already
        people.invite(
            company=company,
            username=one.username,
            name=one.name,
            email=one.email,
            roles=_holds(application, one),
            second=proposal.proposed_by,
            by=by,
            now=now,
        )
    application.company = company
    application.save(update_fields=["company"])
    move(application, UseState.APPROVED, by=by, now=now, company=company.pk)
    write(application, "use_application_approved", now=now)


def _not_approved(proposal: Proposal, by: User, now: datetime) -> None:
    application = locked(UseApplication(pk=proposal.payload["application"]))
    move(application, UseState.WAITING, by=by, now=now)


def _approval_facts(proposal: Proposal) -> Iterator[tuple[str, Any]]:
    application = UseApplication.objects.get(pk=proposal.payload["application"])
    yield gettext("Company"), application.name
    yield gettext("Corporate number"), application.corporate_number
    yield gettext("Registration number"), application.registration_number
    for role, area, code in proposal.payload["codes"]:
        yield f"{MarketRole(role).label} {Area(area).label}", code
    for one in application.people.all():
        yield (
            gettext("Company administrator") if one.is_administrator else gettext("General user"),
            f"{one} {one.email}",
        )


APPROVE = four_eyes.register(
    Act(
        "approve_use_application",
        _("Approve an application for use"),
        _approve,
        _approval_facts,
        (Refused, companies.Refused, people.Refused),
        _not_approved,
    )
)


def _answer(application: UseApplication, state: str, message: str, *, by: User, now: datetime) -> UseApplication:
    _only_operators(by)
    if not message.strip():
        raise MessageMissing
    with transaction.atomic():
        application = locked(application)
        move(application, state, by=by, now=now, message=message.strip()[:2000])
        write(application, f"use_application_{state}", now=now, message=message.strip()[:2000])
    return application


def _holds(application: UseApplication, one: UsePerson) -> list[Hold]:
    """Administrators hold their role everywhere; general users theirs for the classes applied for."""
    if one.is_administrator:
        return [Hold(Role.ADMINISTRATOR)]
    every = set(application.supply_classes) == set(SupplyClass.values)
    classes = [""] if every else application.supply_classes
    return [Hold(role, "", one_class) for role in one.roles for one_class in classes]


def _free_code(role: str, area: str, registration_number: str, taken: set[str]) -> str:
    sign = format(int(area), "X") if role == MarketRole.RETAILER else "GHJKLMNPQR"[int(area) - 1]
    start = int(registration_number[1:] or 0)
    return next(code for at in range(10000) if (code := f"{sign}{(start + at) % 10000:04}") not in taken)


def _parts_of(company: Company | None) -> Iterable[Participation]:
    return company.participations.all() if company else ()


def _only_operators(by: User) -> None:
    if not by.is_operator:
        raise NotAllowed
