"""The way in: a company applies for use, operators review, and with the approval company and people stand."""

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import companies, four_eyes, ledger, letters, people, qualifications
from portal.access import HUB_ROLES, Role
from portal.companies import TakesPart
from portal.four_eyes import Act
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, Letter, Participation, Proposal, UseApplication, UsePerson, User, UseStep
from portal.models.onboarding import UseKind, UseState
from portal.people import USERNAME, Hold
from portal.refusals import Refusal
from portal.workdays import ONE_DAY, Workdays, jst_date

SALT = "use application"
STATEMENT_EDITION = "2026-04"
"""Edition of the statement on joint use of personal data; its words stand in templates/portal/joint_use/."""
GENERAL_ROLES = (Role.INQUIRY, Role.APPLICATION, Role.RELAY, Role.USAGE, Role.VIEWER)
MOST_ADMINISTRATORS, MOST_USERS, MOST_CERTIFICATES = 10, 1000, 20
FURTHEST_START = timedelta(days=365)
CERTIFICATE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z .:,=/_-]{3,119}")

MOVES: dict[str, frozenset[str]] = {
    UseState.DRAFT: frozenset({UseState.WAITING, UseState.WITHDRAWN}),
    UseState.WAITING: frozenset({UseState.ASKED_BACK, UseState.PROPOSED, UseState.REFUSED, UseState.WITHDRAWN}),
    UseState.ASKED_BACK: frozenset({UseState.WAITING, UseState.REFUSED, UseState.WITHDRAWN}),
    UseState.PROPOSED: frozenset({UseState.APPROVED, UseState.WAITING}),
}
"""From which state an application may go where; what does not stand here is final."""
EDITABLE = frozenset({UseState.DRAFT, UseState.ASKED_BACK})


class Refused(Refusal):
    """What an application or its review may not do; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator may review applications for use.")


class LinkExpired(Refused):
    sentence = _("This link is older than three days. Please ask for a new one.")


class BadLink(Refused):
    sentence = _("This link is not complete. Please copy the whole line from the mail, or ask for a new one.")


class KindNotOffered(Refused):
    sentence = _("This kind of use is not applied for here.")


class NotNow(Refused):
    sentence = _("The application is past this step. Please load its page again to see where it stands.")


class ControlCharacters(Refused):
    sentence = _("An entry holds a line break or another invisible character. Please type it again.")


class NothingChosen(Refused):
    sentence = _("Please choose at least one area, one class of supply and one market role.")


class StartTooLate(Refused):
    sentence = _("The wanted start lies more than a year ahead. Please apply again nearer to it.")


class DeadlineOver(Refused):
    """The application comes too late for its start; the sentence names the deadline and the earliest start."""

    def __init__(self, deadline: date, earliest: date) -> None:
        self.sentence = gettext(
            "For this start the application was due by %(deadline)s. The earliest start now is %(earliest)s."
        ) % {"deadline": deadline.isoformat(), "earliest": earliest.isoformat()}
        super().__init__(self.sentence)


class BadPerson(Refused):
    """A named person whose entries do not do."""

    def __init__(self, username: str, why: str) -> None:
        self.sentence = f"{username}: {why}"
        super().__init__(self.sentence)


class TooManyPeople(Refused):
    sentence = _("An application names up to 10 administrators and 1,000 general users.")


class BadCertificateId(Refused):
    sentence = _("A certificate id has 4 to 120 letters, digits or signs such as : and /, one per line, up to 20.")


class StatementNotAccepted(Refused):
    sentence = _("Without the agreement to the joint use of personal data nobody can use the hub.")


class Incomplete(Refused):
    """Something is missing; `gaps` pairs the step with a sentence."""

    def __init__(self, gaps: Sequence[tuple[str, str]]) -> None:
        self.gaps = list(gaps)
        self.sentence = " ".join(sentence for _step, sentence in self.gaps)
        super().__init__(self.sentence)


class MessageMissing(Refused):
    sentence = _("Please tell the applicant what is wrong, in a sentence they can act on.")


class CodesMissing(Refused):
    sentence = _("Every area and market role applied for needs a participant code.")


@dataclass(frozen=True)
class Asked:
    """What a confirmed link says: for which use, from which address, by which letter."""

    kind: str
    address: str
    letter_id: int


@dataclass(frozen=True)
class Named:
    """A person an application names; `roles` only for general users."""

    username: str
    name: str
    email: str
    roles: tuple[str, ...] = ()


# --- Deadlines ----------------------------------------------------------------------------------------------------


def deadline(kind: str, start: date) -> date:
    """The last day to apply for a start: so many business days before it (domain notes, switching §9).

    The hub's calendar counts: weekends, national holidays and the year's end, no area's own days.
    """
    return Workdays().add(start, -business_days(kind))


def business_days(kind: str) -> int:
    """How many business days before its start an application of this kind is due."""
    return settings.USE_APPLICATION_BUSINESS_DAYS[kind]


def earliest_start(kind: str, today: date) -> date:
    """The first start whose deadline is not over on the day."""
    day = today + ONE_DAY
    while deadline(kind, day) < today:
        day += ONE_DAY
    return day


def offered() -> list[UseKind]:
    """The kinds of use this installation takes applications for."""
    return [UseKind(kind) for kind in settings.USE_APPLICATION_KINDS]


# --- The applicant ------------------------------------------------------------------------------------------------


def ask_for_link(*, kind: str, address: str, asked_from: str | None, now: datetime) -> Letter:
    """Send the link that proves the address; nothing is stored of the applicant but the letter.

    Raises KindNotOffered, letters.BadAddress, letters.TooMany.
    """
    if kind not in offered():
        raise KindNotOffered
    return letters.write(
        address=address,
        kind="use_application_link",
        now=now,
        asked_from=asked_from,
        per_address=settings.USE_APPLICATION_MAILS_PER_ADDRESS,
        per_origin=settings.USE_APPLICATION_MAILS_PER_ORIGIN,
        use=kind,
    )


def link_of(letter: Letter) -> str:
    """The path of the page that a letter with a link opens."""
    token = signing.dumps({"kind": letter.context["use"], "address": letter.address, "letter": letter.pk}, salt=SALT)
    return reverse("portal:use-application-begin", args=[token])


def asked_by(token: str) -> Asked:
    """What a link says. Raises BadLink when it was changed or cut off, LinkExpired after three days."""
    try:
        found = signing.loads(token, salt=SALT, max_age=settings.USE_APPLICATION_LINK_AGE)
        return Asked(found["kind"], found["address"], found["letter"])
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except (signing.BadSignature, KeyError, TypeError) as error:
        raise BadLink from error


def begin(asked: Asked, *, now: datetime) -> UseApplication:
    """Open the application of a confirmed address; the same link opens the same application again."""
    with transaction.atomic():
        application, is_new = UseApplication.objects.get_or_create(
            letter_id=asked.letter_id, defaults={"kind": asked.kind, "address": asked.address, "begun_at": now}
        )
        if is_new:
            _leave(application, UseState.DRAFT, by=None, now=now)
    return application


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
    return _change(application, **values, market_roles=roles)


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
    _check_start(application, wanted_start, now=now)
    return _change(application, areas=areas, supply_classes=classes, wanted_start=wanted_start)


def save_people(application: UseApplication, named: Sequence[Named], *, administrators: bool) -> UseApplication:
    """Replace the administrators, or the general users, by these. Raises NotNow, TooManyPeople, BadPerson."""
    if len(named) > (MOST_ADMINISTRATORS if administrators else MOST_USERS):
        raise TooManyPeople
    with transaction.atomic():
        application = _editable(application)
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
    return _change(application, certificate_ids=wanted)


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
        application = _editable(application)
        if not accepts:
            raise StatementNotAccepted
        if missing := gaps(application):
            raise Incomplete(missing)
        assert application.wanted_start is not None
        _check_start(application, application.wanted_start, now=now)
        application.filed_at = application.filed_at or now
        application.statement_edition = STATEMENT_EDITION
        application.save(update_fields=["filed_at", "statement_edition"])
        _move(application, UseState.WAITING, by=None, now=now, statement=STATEMENT_EDITION)
        _write(application, "use_application_received", now=now)
    return application


def withdraw(application: UseApplication, *, now: datetime) -> UseApplication:
    """Take the application back. Raises NotNow."""
    with transaction.atomic():
        application = _locked(application)
        _move(application, UseState.WITHDRAWN, by=None, now=now)
    return application


# --- The operators ------------------------------------------------------------------------------------------------


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
        application = _locked(application)
        if {(part.market_role, part.area) for part in parts} != set(parts_wanted(application)):
            raise CodesMissing
        if not all(re.fullmatch(r"[0-9A-Z]{5}", part.code) for part in parts):
            raise companies.BadCode
        if taken_usernames(application):
            raise people.UsernameTaken
        _only_operators(by)
        qualifications.require(application, [part.market_role for part in parts])
        _move(application, UseState.PROPOSED, by=by, now=now)
        return four_eyes.propose(
            APPROVE,
            subject=_subject(application),
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
    application = _locked(UseApplication(pk=proposal.payload["application"]))
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
    _move(application, UseState.APPROVED, by=by, now=now, company=company.pk)
    _write(application, "use_application_approved", now=now)


def _not_approved(proposal: Proposal, by: User, now: datetime) -> None:
    application = _locked(UseApplication(pk=proposal.payload["application"]))
    _move(application, UseState.WAITING, by=by, now=now)


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
GIVE_ROLE = four_eyes.register(
    Act(
        "give_role",
        _("Give a role that gives access to others"),
        _give_role,
        _role_facts,
        (people.Refused,),
    )
)


# --- Below the verbs ----------------------------------------------------------------------------------------------


def _answer(application: UseApplication, state: str, message: str, *, by: User, now: datetime) -> UseApplication:
    _only_operators(by)
    if not message.strip():
        raise MessageMissing
    with transaction.atomic():
        application = _locked(application)
        _move(application, state, by=by, now=now, message=message.strip()[:2000])
        _write(application, f"use_application_{state}", now=now, message=message.strip()[:2000])
    return application


def _check_start(application: UseApplication, start: date, *, now: datetime) -> None:
    """Whether the deadline was kept is judged by the day of the first filing."""
    today = jst_date(application.filed_at or now)
    if start > today + FURTHEST_START:
        raise StartTooLate
    if deadline(application.kind, start) < today:
        raise DeadlineOver(deadline(application.kind, start), earliest_start(application.kind, jst_date(now)))


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


def _locked(application: UseApplication) -> UseApplication:
    return UseApplication.objects.select_for_update(of=("self",)).get(pk=application.pk)


def _editable(application: UseApplication) -> UseApplication:
    application = _locked(application)
    if application.state not in EDITABLE:
        raise NotNow
    return application


def _change(application: UseApplication, **values: Any) -> UseApplication:
    with transaction.atomic():
        application = _editable(application)
        for name, value in values.items():
            setattr(application, name, value)
        application.save(update_fields=[*values])
    return application


def _move(
    application: UseApplication, state: str, *, by: User | None, now: datetime, message: str = "", **detail: Any
) -> None:
    if state not in MOVES.get(application.state, frozenset()):
        raise NotNow
    application.state = state
    application.save(update_fields=["state"])
    _leave(application, state, by=by, now=now, message=message, **detail)


def _leave(
    application: UseApplication, state: str, *, by: User | None, now: datetime, message: str = "", **detail: Any
) -> None:
    UseStep.objects.create(application=application, at=now, state=state, by=by, message=message)
    ledger.record(f"use application {state}", _subject(application), by=by, now=now, message=message, **detail)


def _write(application: UseApplication, kind: str, *, now: datetime, **context: Any) -> None:
    letters.write(
        address=application.address,
        kind=kind,
        now=now,
        application=application.pk,
        name=application.name,
        **context,
    )


def _subject(application: UseApplication) -> str:
    return f"use application {application.pk}"


def _begin_link(letter: Letter) -> dict[str, Any]:
    return {"link": letters.absolute(link_of(letter))}


def _follow_link(letter: Letter) -> dict[str, Any]:
    key: uuid.UUID = UseApplication.objects.values_list("key", flat=True).get(pk=letter.context["application"])
    return {"link": letters.absolute(reverse("portal:use-application", args=[key]))}


letters.made_when_sent("use_application_link", _begin_link)
for _kind in ("received", "asked_back", "approved", "refused"):
    letters.made_when_sent(f"use_application_{_kind}", _follow_link)
