"""Evidence of a customer's consent and of explanations: files kept by the gaining retailer, never changed or removed.

The losing retailer that judges a relay sees of its evidence what it is, how and when it was given and the SHA-256, and
never the file: the hash lets it be recognised later, and the recording stays with who has to answer for it.
"""

from datetime import date, datetime

from django.conf import settings
from django.core.files import File
from django.db import transaction

from portal import attachments, gates, ledger
from portal.access import Ability, covers
from portal.models import Function, User
from portal.workdays import jst_date
from switching import traces
from switching.models import Disclosure, Evidence, Relay


class NotPossible(Exception):
    """The evidence cannot be attached; subclasses say why."""


class NotYours(NotPossible):
    """Only the company that explained or registered attaches evidence, inside the person's areas and classes."""


class GivenInFuture(NotPossible):
    """The day on which it was given has not come yet."""


class AlreadyAttached(NotPossible):
    """The very same file is attached already."""


class TooMany(NotPossible):
    """The case has as many files as it may have: `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


def attach(
    *,
    case: Disclosure | Relay,
    kind: str,
    channel: str,
    obtained_on: date,
    file: File,
    by: User,
    now: datetime,
    agent: str = "",
) -> Evidence:
    """Keep a file as evidence on a disclosure or relay of the own company; its SHA-256 goes into the ledger.

    Raises NotYours, GivenInFuture, AlreadyAttached, TooMany, gates.Closed and the refusals of `attachments.check`.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    is_relay = isinstance(case, Relay)
    owner = case.gaining_retailer_id if isinstance(case, Relay) else case.company_id
    ability = Ability.REGISTER_RELAY if is_relay else Ability.DISCLOSE
    if owner != by.company_id or not covers(by, ability, area=case.point.area, supply_class=case.point.supply_class):
        raise NotYours
    if obtained_on > jst_date(now):
        raise GivenInFuture
    most = settings.EVIDENCE_MAX_BYTES
    with (
        attachments.keeping([file], folder="evidence", kinds=attachments.PROOFS, most=most) as [kept],
        transaction.atomic(),
    ):
        type(case)._default_manager.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
        there = Evidence.objects.filter(**_of(case))
        if there.filter(sha256=kept.sha256).exists():
            raise AlreadyAttached
        if there.count() >= settings.EVIDENCE_FILES:
            raise TooMany(settings.EVIDENCE_FILES)
        attached = Evidence.objects.create(
            **_of(case),
            company=by.company,
            kind=kind,
            channel=channel,
            obtained_on=obtained_on,
            agent=agent,
            path=kept.path,
            name=kept.name,
            content_type=kept.content_type,
            size=kept.size,
            sha256=kept.sha256,
            attached_at=now,
            attached_by=by,
        )
        ledger.record(
            "evidence.attach",
            subject_of(case),
            by=by,
            now=now,
            evidence=attached.pk,
            kind=kind,
            channel=channel,
            sha256=kept.sha256,
        )
    return attached


def read(attached: Evidence, *, by: User, now: datetime) -> Evidence:
    """The file for a download by a person of the own company (taken from `visible_to`); the read is in the ledger."""
    case = attached.relay or attached.disclosure
    assert case is not None
    ledger.record(
        "evidence.read", subject_of(case), by=by, now=now, purpose="download of evidence", evidence=attached.pk
    )
    return attached


def subject_of(case: Disclosure | Relay) -> str:
    """How the ledger names what the evidence is about."""
    return traces.subject_of(case) if isinstance(case, Relay) else f"supply point {case.point.number}"


def _of(case: Disclosure | Relay) -> dict[str, Disclosure | Relay]:
    return {"relay": case} if isinstance(case, Relay) else {"disclosure": case}
