"""Escalations to the hub operator: duties let pass are worked through with notes and closed; counted per company."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce

from portal import ledger
from portal.access import Ability
from portal.models import User
from switching import traces
from switching.models import Escalation, EscalationNote

LONGEST_NOTE = 500


class NotPossible(Exception):
    """The escalation cannot be worked on this way; subclasses say why."""


class NotYours(NotPossible):
    """Only the hub operator works on escalations."""


class NoteMissing(NotPossible):
    """A note says what was found out or arranged; an escalation is closed with one."""


class NoteTooLong(NotPossible):
    """A note has at most 500 characters."""


class AlreadyClosed(NotPossible):
    """The escalation is closed."""


@dataclass(frozen=True)
class Record:
    """How often one company let duties pass: open ones, and all of the last days counted."""

    company_id: int
    name: str
    name_en: str
    still_open: int
    judgements: int
    terminations: int
    answers: int


def write(*, escalation_id: int, text: str, by: User, now: datetime, close: bool = False) -> EscalationNote:
    """Add a note and, with `close`, end the escalation by it.

    Raises NotYours, NoteMissing, NoteTooLong, AlreadyClosed.
    """
    if not by.may(Ability.WORK_ESCALATIONS):
        raise NotYours
    text = " ".join(text.split())
    if not text:
        raise NoteMissing
    if len(text) > LONGEST_NOTE:
        raise NoteTooLong
    with transaction.atomic():
        escalation = (
            Escalation.objects.select_for_update(of=("self",))
            .select_related("relay", "application")
            .get(pk=escalation_id)
        )
        if not escalation.is_open:
            raise AlreadyClosed
        note = EscalationNote.objects.create(escalation=escalation, text=text, at=now, by=by)
        if close:
            escalation.closed_at, escalation.closed_by = now, by
            escalation.save(update_fields=["closed_at", "closed_by"])
        ledger.record(
            "escalation.close" if close else "escalation.note",
            traces.subject_of(escalation.case),
            by=by,
            now=now,
            duty=escalation.duty,
            note=note.pk,
        )
    return note


def listed() -> QuerySet[Escalation]:
    """Every escalation with `company_name`, the name of whoever let the duty pass."""
    return Escalation.objects.annotate(company_name=_who("name"))


def records(*, now: datetime) -> list[Record]:
    """Every company with an escalation that is open or of the last days counted, the most first (one query)."""
    since = now - timedelta(days=settings.ESCALATIONS_COUNTED_DAYS)
    lately = Q(opened_at__gte=since)
    found = (
        Escalation.objects.filter(lately | Q(closed_at__isnull=True))
        .values(
            company=_who("pk"),
            company_name=_who("name"),
            company_name_en=_who("name_en"),
        )
        .annotate(
            still_open=Count("pk", filter=Q(closed_at__isnull=True)),
            judgements=Count("pk", filter=lately & Q(duty=Escalation.Duty.JUDGEMENT)),
            terminations=Count("pk", filter=lately & Q(duty=Escalation.Duty.TERMINATION)),
            answers=Count("pk", filter=lately & Q(duty=Escalation.Duty.ANSWER)),
        )
        .order_by("-still_open", "-judgements", "-answers", "company_name")
    )
    return [Record(*row) for row in found.values_list(*_RECORD)]


_RECORD = (
    "company",
    "company_name",
    "company_name_en",
    "still_open",
    "judgements",
    "terminations",
    "answers",
)


def _who(field: str) -> Coalesce:
    """A field of the company that let the duty pass: the losing retailer, or the network operator."""
    return Coalesce(f"relay__losing_retailer__{field}", f"application__point__network_operator__{field}")


def counted_days() -> int:
    """How many days back the records count."""
    return int(settings.ESCALATIONS_COUNTED_DAYS)
