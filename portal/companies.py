"""The life of a company in the registry: registered, changed, taking part in areas, suspended, thawed."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import ledger, outbox
from portal.access import Role
from portal.market import Area, MarketRole
from portal.models import Company, Participation, User
from portal.refusals import Refusal
from portal.workdays import jst_date

CHANGEABLE = frozenset({"name", "name_en", "registration_number", "corporate_number", "notice_address"})


class Refused(Refusal):
    """A change of the registry that the rules do not allow; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator may change the registry of companies.")


class NameMissing(Refused):
    sentence = _("A company needs a name.")


class NameTaken(Refused):
    sentence = _("A company with this name is already registered.")


class BadRegistrationNumber(Refused):
    sentence = _("A registration number is the letter A and four digits, for example A0123.")


class BadCorporateNumber(Refused):
    sentence = _("A corporate number has 13 digits and its first digit must fit the other twelve; please compare it.")


class BadCode(Refused):
    sentence = _("A participant code has five characters, digits or capital letters.")


class CodeTaken(Refused):
    sentence = _("This participant code is already in use.")


class AreaTaken(Refused):
    sentence = _("This area already has its network operator.")


class SecondHubOperator(Refused):
    sentence = _("There is one hub operator only.")


class HubOperatorStays(Refused):
    sentence = _("The hub operator itself cannot be suspended.")


class HasBegun(Refused):
    sentence = _("The company's use has begun already; there is nothing to open earlier.")


class NotTakingPart(Refused):
    sentence = _("The company does not take part in this area in this role.")


@dataclass(frozen=True)
class TakesPart:
    """A market role in one area with the participant code 事業者コード carried there."""

    market_role: MarketRole | str
    area: Area | str
    code: str


def register(
    *,
    name: str,
    name_en: str = "",
    registration_number: str = "",
    corporate_number: str = "",
    notice_address: str = "",
    is_hub_operator: bool = False,
    starts_on: date | None = None,
    participations: Iterable[TakesPart] = (),
    by: User | None,
    now: datetime,
) -> Company:
    """Enter a company with the areas it takes part in (domain notes, switching §1 and §2).

    `by` is a hub operator, or None for the hub's own set-up. Until `starts_on` no function is open to its people
    (None: at once). Raises NotAllowed, NameMissing, NameTaken,
    BadRegistrationNumber, BadCorporateNumber, SecondHubOperator and what `take_part` raises; then nothing is entered.
    """
    _only_the_hub(by)
    company = Company(
        name=name.strip(),
        name_en=name_en.strip(),
        registration_number=registration_number.strip(),
        corporate_number=corporate_number.strip(),
        notice_address=notice_address.strip(),
        is_hub_operator=is_hub_operator,
        starts_on=starts_on,
    )
    with transaction.atomic():
        check(company)
        _save(company)
        ledger.record(
            "company registered",
            _subject(company),
            by=by,
            now=now,
            name=company.name,
            **({"starts_on": starts_on.isoformat()} if starts_on else {}),
        )
        parts = {(part.market_role, part.area): part for part in participations}.values()
        rows = [Participation(company=company, market_role=p.market_role, area=p.area, code=_code(p)) for p in parts]
        with _one_code_and_one_network_operator():
            Participation.objects.bulk_create(rows)
        ledger.record_many([_takes_part(company, part) for part in rows], by=by, now=now)
    return company


def change(company: Company, *, by: User | None, now: datetime, **values: str) -> Company:
    """Change names, numbers or the address for notices; the ledger keeps old and new. Raises as `register`."""
    _only_the_hub(by)
    if unknown := set(values) - CHANGEABLE:
        raise TypeError(f"not changeable: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        company = _locked(company)
        changes = {
            name: [getattr(company, name), value.strip()]
            for name, value in values.items()
            if getattr(company, name) != value.strip()
        }
        if changes:
            for name, (_old, new) in changes.items():
                setattr(company, name, new)
            check(company)
            _save(company)
            ledger.record("company changed", _subject(company), by=by, now=now, changes=changes)
    return company


def take_part(company: Company, part: TakesPart, *, by: User | None, now: datetime) -> Participation:
    """Let the company take part in an area; a new code for the same role and area replaces the old one.

    Raises NotAllowed, BadCode, CodeTaken, AreaTaken (an area has one network operator).
    """
    _only_the_hub(by)
    code = _code(part)
    with transaction.atomic():
        company = _locked(company)
        before = company.participations.filter(market_role=part.market_role, area=part.area).first()
        if before and before.code == code:
            return before
        participation = before or Participation(company=company, market_role=part.market_role, area=part.area)
        participation.code = code
        with _one_code_and_one_network_operator():
            participation.save()
        ledger.record_many([_takes_part(company, participation)], by=by, now=now)
    return participation


def _code(part: TakesPart) -> str:
    """The participant code as it is kept. Raises BadCode."""
    code = part.code.strip()
    if not re.fullmatch(r"[0-9A-Z]{5}", code):
        raise BadCode
    return code


@contextmanager
def _one_code_and_one_network_operator() -> Iterator[None]:
    """What the database refuses of participations, by its name."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise AreaTaken if "one_network_operator_per_area" in str(error) else CodeTaken from error


def _takes_part(company: Company, part: Participation) -> ledger.Entry:
    detail = {"market_role": str(part.market_role), "area": str(part.area), "code": part.code}
    return ledger.Entry("company takes part", _subject(company), detail=detail)


def leave(company: Company, *, market_role: MarketRole | str, area: Area | str, by: User | None, now: datetime) -> None:
    """End the company's part in an area. Raises NotAllowed, NotTakingPart."""
    _only_the_hub(by)
    with transaction.atomic():
        company = _locked(company)
        gone = company.participations.filter(market_role=market_role, area=area).first()
        if gone is None:
            raise NotTakingPart
        gone.delete()
        ledger.record(
            "company leaves",
            _subject(company),
            by=by,
            now=now,
            market_role=str(market_role),
            area=str(area),
            code=gone.code,
        )


def begin_now(company: Company, *, by: User | None, now: datetime) -> None:
    """Open the functions to a company before its start of use; by an operator or the helpdesk.

    Raises NotAllowed, HasBegun. Source: domain notes, switching §9.
    """
    if by is not None and not (by.is_staff and {Role.OPERATOR, Role.HELPDESK} & by.roles):
        raise NotAllowed
    with transaction.atomic():
        company = _locked(company)
        if company.starts_on is None or company.starts_on <= jst_date(now):
            raise HasBegun
        wanted, company.starts_on = company.starts_on, jst_date(now)
        company.save(update_fields=["starts_on"])
        ledger.record("company begins early", _subject(company), by=by, now=now, instead_of=wanted.isoformat())
        outbox.post(
            outbox.Post(
                recipient_id=company.pk,
                kind="company_begins",
                subject=company.name,
                link=reverse("portal:home"),
                context={"instead_of": wanted.isoformat()},
            ),
            now=now,
        )


def suspend(company: Company, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Shut the company's people out from their next request on; what is under way stays. Raises HubOperatorStays."""
    _only_the_hub(by)
    with transaction.atomic():
        company = _locked(company)
        if company.is_hub_operator:
            raise HubOperatorStays
        _set_active(company, False, "company suspended", by=by, now=now, reason=reason)


def thaw(company: Company, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Let a suspended company in again."""
    _only_the_hub(by)
    with transaction.atomic():
        _set_active(_locked(company), True, "company thawed", by=by, now=now, reason=reason)


def corporate_check_digit(base: str) -> str:
    """The first digit of a corporate number 法人番号 from the twelve after it.

    9 − (Σ digit · weight mod 9), the weights 1, 2, 1, 2 … counted from the right.
    """
    weighted = sum(int(digit) * (1 if place % 2 == 0 else 2) for place, digit in enumerate(reversed(base)))
    return str(9 - weighted % 9)


def _set_active(
    company: Company, is_active: bool, action: str, *, by: User | None, now: datetime, **detail: Any
) -> None:
    if company.is_active == is_active:
        return
    company.is_active = is_active
    company.save(update_fields=["is_active"])
    ledger.record(action, _subject(company), by=by, now=now, **detail)


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise NotAllowed


def _locked(company: Company) -> Company:
    return Company.objects.select_for_update(no_key=True).get(pk=company.pk)


def check(company: Company) -> None:
    """Raise NameMissing, BadRegistrationNumber or BadCorporateNumber where a name or number does not do."""
    if not company.name:
        raise NameMissing
    if company.registration_number and not re.fullmatch(r"A[0-9]{4}", company.registration_number):
        raise BadRegistrationNumber
    number = company.corporate_number
    if number and not (re.fullmatch(r"[0-9]{13}", number) and corporate_check_digit(number[1:]) == number[0]):
        raise BadCorporateNumber


def _save(company: Company) -> None:
    try:
        with transaction.atomic():
            company.save()
    except IntegrityError as error:
        raise SecondHubOperator if "there_is_one_hub_operator" in str(error) else NameTaken from error


def _subject(company: Company) -> str:
    return f"company {company.pk}"
