"""The qualification: graded from what happened in the market, and handed over to the operator as signed evidence."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from linkage import cases, cast
from linkage.cases import Case
from linkage.models import Market, Qualification
from metering.models import FacilityInquiry, PublishedFile, UsageFile
from portal import ledger, private_market, proofs
from portal.access import Ability
from portal.models import Company, LedgerEntry, User
from switching import traces
from switching.models import Application, Disclosure, MeterWork, NetworkAnswer, Relay
from switching.partners.behaviours import Partner


class Refused(Exception):
    """Nothing is handed over; `sentence` says why."""

    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)


class NotAllowed(Refused):
    sentence = _("Only an administrator of the company may hand over its qualification.")


class NotComplete(Refused):
    """Some cases of the role are not shown yet: `missing`."""

    sentence = _("Some cases of this role are not shown yet; the list says which and how to bring them about.")

    def __init__(self, missing: list[str]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


class OnlyInPrivate(Refused):
    sentence = _("A qualification is shown in the company's own private market, not in a test of two companies.")


@dataclass(frozen=True)
class Grade:
    """One case and what proves it: the subject as the ledger calls it; None while it is not shown."""

    case: Case
    proof: Model | None = None

    @property
    def is_shown(self) -> bool:
        return self.proof is not None

    @property
    def subject(self) -> str:
        return subject_of(self.proof) if self.proof else ""


def assess(role: Partner | str) -> list[Grade]:
    """Every case of a role as it stands in the market at hand: a question per case, nothing is remembered."""
    own = cast.participant()
    return [Grade(case, case.find(own)) for case in cases.of_role(role)]


def share(grades: Iterable[Grade]) -> tuple[int, int]:
    """How many are shown, and of how many."""
    grades = list(grades)
    return sum(grade.is_shown for grade in grades), len(grades)


def hand_over(role: Partner | str, *, by: User, now: datetime, real: datetime) -> Qualification:
    """Sign the evidence of a role and lay it in the lobby, where the operator finds it; again: the newer one stays.

    `now` is the market's hour, `real` the real one. Called inside the market and outside a transaction.
    Raises NotAllowed, NotComplete, OnlyInPrivate, proofs' and hub_key.Missing.
    """
    own = cast.participant()
    if by.company_id != own.pk or not by.may(Ability.MANAGE_PEOPLE):
        raise NotAllowed
    grades = assess(role)
    if missing := [grade.case.code for grade in grades if not grade.is_shown]:
        raise NotComplete(missing)
    market = private_market.name()
    pack = _signed(Partner(role), grades, own, market, by=by, now=now, real=real)
    with private_market.inside(""):
        held = Market.objects.select_related("company").filter(name=market, guest__isnull=True).first()
        if held is None:
            raise OnlyInPrivate
        with transaction.atomic():
            found, _is_new = Qualification.objects.update_or_create(
                company=held.company,
                role=role,
                version=settings.QUALIFICATION_VERSION,
                defaults={
                    "handed_over_at": real,
                    "name": pack.name,
                    "pack": pack.content,
                    "sha256": hashlib.sha256(pack.content).hexdigest(),
                },
            )
            ledger.record(
                "qualification.handed_over",
                f"company {held.company_id}",
                by=None,
                now=real,
                role=str(role),
                version=settings.QUALIFICATION_VERSION,
                sha256=found.sha256,
            )
    return found


def _signed(
    role: Partner, grades: list[Grade], own: Company, market: str, *, by: User, now: datetime, real: datetime
) -> proofs.Pack:
    number = f"{role.value}-{settings.QUALIFICATION_VERSION}"
    subject = f"qualification {number}"
    with translation.override("en"):
        shown = [{"case": grade.case.code, "words": str(grade.case.words), "proof": grade.subject} for grade in grades]
    ledger.record("qualification.shown", subject, by=by, now=now, cases=[line["case"] for line in shown])
    facts: dict[str, Any] = {
        "company": own.name,
        "market": market,
        "role": role.value,
        "api_version": settings.QUALIFICATION_VERSION,
        "signed_at": real.astimezone(UTC).isoformat(timespec="seconds"),
        "cases": shown,
    }
    return proofs.pack(
        proofs.Case(
            kind="qualification",
            number=number,
            ledger_subjects=(subject, *dict.fromkeys(grade.subject for grade in grades)),
            notice_subjects=(),
            files={"qualification.json": facts},
        ),
        reason="qualification",
        by=by,
        now=now,
    )


def subject_of(proof: Model) -> str:
    """How the ledger calls what proves a case."""
    match proof:
        case Relay() | Application():
            return traces.subject_of(proof)
        case NetworkAnswer():
            return traces.subject_of(proof.application)
        case LedgerEntry():
            return proof.subject
        case UsageFile():
            return f"usage file {proof.pk}"
        case PublishedFile():
            return f"published file {proof.pk}"
        case FacilityInquiry() | Disclosure():
            return f"supply point {proof.point.number}"
        case MeterWork():
            return f"supply point {proof.point.number}"
    raise TypeError(f"{type(proof).__name__} proves no case")
