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
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from linkage import cases, cast
from linkage.cases import Case
from linkage.models import Evidence, Market, Qualification
from metering.models import FacilityInquiry, PublishedFile, UsageFile
from portal import ledger, private_market, proofs
from portal.access import Ability
from portal.models import Company, LedgerEntry, User
from portal.refusals import Refusal
from portal.templatetags.words import jst
from switching import traces
from switching.models import Application, Disclosure, MeterWork, NetworkAnswer, Relay
from switching.partners.behaviours import Partner


class Refused(Refusal):
    """Nothing is handed over; `sentence` says why."""


class NotAllowed(Refused):
    sentence = _("Only people and programs of the company may hand over its qualification.")


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

    @property
    def words(self) -> str:
        return words_of(self.proof) if self.proof else ""


def assess(role: Partner | str) -> list[Grade]:
    """Every case of a role as it stands in the market at hand: a question per case, nothing is remembered."""
    own = cast.participant()
    return [Grade(case, case.find(own)) for case in cases.of_role(role)]


def share(grades: Iterable[Grade]) -> tuple[int, int]:
    """How many are shown, and of how many."""
    grades = list(grades)
    return sum(grade.is_shown for grade in grades), len(grades)


def hand_over(role: Partner | str, *, by: User, now: datetime, real: datetime) -> Evidence:
    """Sign the evidence of a role in the market at hand; once that is committed, lay it in the lobby for the operator.

    `now` is the market's hour, `real` the real one. The lobby is another database, which nothing can enter in the
    middle of a transaction: what is signed is kept here and handed over after the commit, or by the next `deliver`.
    Raises NotAllowed, NotComplete, OnlyInPrivate, proofs' and hub_key.Missing.
    """
    own = cast.participant()
    if by.company_id != own.pk or not by.may(Ability.STEER_MARKET):
        raise NotAllowed
    if cast.clerk(cast.RIVAL) is None:
        raise OnlyInPrivate
    grades = assess(role)
    if missing := [grade.case.code for grade in grades if not grade.is_shown]:
        raise NotComplete(missing)
    with transaction.atomic():
        pack = _signed(Partner(role), grades, own, private_market.name(), by=by, now=now, real=real)
        evidence = Evidence.objects.create(
            role=role,
            version=settings.QUALIFICATION_VERSION,
            signed_by=by,
            signed_at=real,
            name=pack.name,
            pack=pack.content,
            sha256=hashlib.sha256(pack.content).hexdigest(),
        )
        transaction.on_commit(lambda: deliver(now=real), robust=True)
    return evidence


def deliver(*, now: datetime) -> int:
    """Lay what was signed in the market at hand and is not in the lobby yet there (`now`: real hour); returns how many.

    Of one role and version the newest stays; the same again, after a crash half-way, changes nothing.
    """
    market = private_market.name()
    waiting = list(Evidence.objects.filter(handed_over_at__isnull=True).order_by("pk"))
    if not waiting:
        return 0
    with private_market.inside(""):
        held = Market.objects.select_related("company").filter(name=market, guest__isnull=True).first()
        if held is None:
            return 0
        for evidence in waiting:
            _lay(evidence, held.company, now=now)
    Evidence.objects.filter(pk__in=[evidence.pk for evidence in waiting]).update(handed_over_at=now)
    return len(waiting)


def _lay(evidence: Evidence, company: Company, *, now: datetime) -> None:
    about: dict[str, Any] = {"company": company, "role": evidence.role, "version": evidence.version}
    if Qualification.objects.filter(**about, sha256=evidence.sha256).exists():
        return
    with transaction.atomic():
        said = {"handed_over_at": now, "name": evidence.name, "pack": evidence.pack, "sha256": evidence.sha256}
        Qualification.objects.update_or_create(**about, defaults=said)
        ledger.record(
            "qualification.handed_over",
            f"company {company.pk}",
            by=None,
            now=now,
            role=evidence.role,
            version=evidence.version,
            sha256=evidence.sha256,
        )


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


SUBJECTS = {
    "relay": pgettext_lazy("what proves a case", "relay"),
    "application": pgettext_lazy("what proves a case", "application"),
    "usage file": pgettext_lazy("what proves a case", "usage file"),
    "published file": pgettext_lazy("what proves a case", "published file"),
}


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
        case FacilityInquiry() | Disclosure() | MeterWork():
            return f"supply point {proof.point.number}"
    raise TypeError(f"{type(proof).__name__} proves no case")


def words_of(proof: Model) -> str:
    """The same for people, in the reader's language."""
    match proof:
        case LedgerEntry(action="retailer_policy.lay_down"):
            return gettext("rules for relays, laid down %(at)s") % {"at": jst(proof.at)}
        case FacilityInquiry():
            return gettext("inquiry of %(at)s about supply point %(number)s") % {
                "at": jst(proof.at),
                "number": proof.point.number,
            }
        case Disclosure():
            return gettext("explanation of %(day)s about supply point %(number)s") % {
                "day": jst(proof.explained_on),
                "number": proof.point.number,
            }
        case MeterWork():
            return gettext("work of %(day)s at supply point %(number)s") % {
                "day": jst(proof.done_on),
                "number": proof.point.number,
            }
    kind, _space, number = subject_of(proof).rpartition(" ")
    return f"{SUBJECTS[kind]} {number}"
