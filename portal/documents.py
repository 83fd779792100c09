"""The library of published documents: entered, followed by new versions, given out to whom they are meant for."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from django.core.files import File
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import attachments, ledger, outbox
from portal.access import Ability
from portal.models import Company, Document, DocumentRequest, DocumentVersion, User
from portal.refusals import Refusal
from portal.workdays import jst_date


class Refused(Refusal):
    """Something the library does not do; `sentence` says why."""


class NotAllowed(Refused):
    sentence = _("Only the hub operator publishes documents.")


class TitleMissing(Refused):
    sentence = _("A document needs a title.")


class TitleTaken(Refused):
    sentence = _("There is already a document with this title. Add a version to it.")


class HowMissing(Refused):
    sentence = _("Please say how to obtain a document that is given out on application.")


class VersionMissing(Refused):
    sentence = _("Please give the version a number, for example 1.2.")


class VersionTaken(Refused):
    sentence = _("The document already has a version with this number.")


class Withdrawn(Refused):
    sentence = _("The document is withdrawn.")


class NothingToAsk(Refused):
    sentence = _("This document is open to you; there is nothing to apply for.")


class AlreadyAsked(Refused):
    sentence = _("Your company has already applied for this document.")


class PurposeMissing(Refused):
    sentence = _("Please say what your company needs the document for.")


class AlreadyDecided(Refused):
    sentence = _("This application was decided already.")


class AnswerMissing(Refused):
    sentence = _("Please say why the application is refused.")


def enter(
    *,
    title: str,
    audience: str,
    number: str,
    published_on: date,
    file: File,
    title_en: str = "",
    summary: str = "",
    how_to_obtain: str = "",
    by: User | None,
    now: datetime,
) -> Document:
    """Enter a document with its first version.

    Raises NotAllowed, TitleMissing, TitleTaken, HowMissing, what `add_version` and `attachments.check` raise.
    """
    _only_publishers(by)
    document = Document(
        title=title.strip(),
        title_en=title_en.strip(),
        summary=summary.strip(),
        how_to_obtain=how_to_obtain.strip(),
        audience=Document.Audience(audience),
    )
    if not document.title:
        raise TitleMissing
    if document.audience == Document.Audience.ON_APPLICATION and not document.how_to_obtain:
        raise HowMissing
    with transaction.atomic():
        try:
            with transaction.atomic():
                document.save()
        except IntegrityError as error:
            raise TitleTaken from error
        ledger.record("document.enter", subject(document), by=by, now=now, title=document.title, audience=audience)
        add_version(document.pk, number=number, published_on=published_on, file=file, by=by, now=now)
    return document


def add_version(
    document_id: int,
    *,
    number: str,
    published_on: date,
    file: File,
    changes: str = "",
    by: User | None,
    now: datetime,
) -> DocumentVersion:
    """Add an edition; before the day `published_on` only publishers see it.

    Raises NotAllowed, Withdrawn, VersionMissing, VersionTaken and the refusals of `attachments.check`.
    """
    _only_publishers(by)
    if not number.strip():
        raise VersionMissing
    with attachments.keeping([file], folder="documents") as [kept], transaction.atomic():
        document = Document.objects.select_for_update().get(pk=document_id)
        if document.withdrawn_at:
            raise Withdrawn
        if document.versions.filter(number=number.strip()).exists():
            raise VersionTaken
        version = DocumentVersion.objects.create(
            document=document,
            number=number.strip(),
            published_on=published_on,
            changes=changes.strip(),
            added_at=now,
            added_by=by,
            **asdict(kept),
        )
        ledger.record(
            "document.version", subject(document), by=by, now=now, number=version.number, sha256=version.sha256
        )
    return version


def withdraw(document_id: int, *, by: User, now: datetime) -> None:
    """Take a document out of the library; files and history stay for publishers. Raises NotAllowed, Withdrawn."""
    _only_publishers(by)
    with transaction.atomic():
        document = Document.objects.select_for_update().get(pk=document_id)
        if document.withdrawn_at:
            raise Withdrawn
        document.withdrawn_at = now
        document.save(update_fields=["withdrawn_at"])
        ledger.record("document.withdraw", subject(document), by=by, now=now)


def may_read(document: Document, user: User | None) -> bool:
    """Whether the document's files are open to the reader (None: a visitor who did not sign in)."""
    if document.audience == Document.Audience.PUBLIC:
        return True
    if user is None:
        return False
    if document.audience == Document.Audience.PARTICIPANTS or user.may(Ability.PUBLISH):
        return True
    return document.requests.filter(company=user.company_id, state=DocumentRequest.State.GRANTED).exists()


def versions_for(document: Document, user: User | None, *, now: datetime) -> Sequence[DocumentVersion]:
    """The document's versions a reader may know of, the newest first."""
    versions = document.versions.all()
    if user and user.may(Ability.PUBLISH):
        return list(versions)
    return list(versions.filter(published_on__lte=jst_date(now)))


def ask(document: Document, *, purpose: str, by: User, now: datetime) -> DocumentRequest:
    """Apply, for the own company, for a document given out on application; the operator is told.

    Raises NothingToAsk, PurposeMissing, AlreadyAsked.
    """
    if document.withdrawn_at or may_read(document, by):
        raise NothingToAsk
    if not purpose.strip():
        raise PurposeMissing
    with transaction.atomic():
        try:
            with transaction.atomic():
                asked = DocumentRequest.objects.create(
                    document=document, company=by.company, purpose=purpose.strip(), asked_at=now, asked_by=by
                )
        except IntegrityError as error:
            raise AlreadyAsked from error
        ledger.record("document.ask", subject(document), by=by, now=now, purpose=asked.purpose)
        hub = Company.objects.filter(is_hub_operator=True).first()
        if hub:
            outbox.post(
                outbox.Post(
                    recipient_id=hub.pk,
                    kind="document_asked",
                    subject=document.title[:80],
                    link=reverse("portal:document-request", args=[asked.pk]),
                    ability=Ability.PUBLISH,
                    context={"title": document.title, "company": by.company.name},
                ),
                now=now,
            )
    return asked


def decide(request_id: int, *, grant: bool, answer: str = "", by: User, now: datetime) -> DocumentRequest:
    """Grant or refuse an application; the company is told. Raises NotAllowed, AlreadyDecided, AnswerMissing."""
    _only_publishers(by)
    if not grant and not answer.strip():
        raise AnswerMissing
    with transaction.atomic():
        asked = DocumentRequest.objects.select_for_update(of=("self",)).select_related("document").get(pk=request_id)
        if asked.state != DocumentRequest.State.WAITING:
            raise AlreadyDecided
        asked.state = DocumentRequest.State.GRANTED if grant else DocumentRequest.State.REFUSED
        asked.answer, asked.decided_at, asked.decided_by = answer.strip(), now, by
        asked.save()
        ledger.record(
            "document.grant" if grant else "document.refuse",
            subject(asked.document),
            by=by,
            now=now,
            company=asked.company_id,
            answer=asked.answer,
        )
        outbox.post(
            outbox.Post(
                recipient_id=asked.company_id,
                kind="document_granted" if grant else "document_refused",
                subject=asked.document.title[:80],
                link=reverse("portal:document", args=[asked.document_id]),
                resource=reverse("api:document", args=[asked.document_id]),
                context={"title": asked.document.title, "answer": asked.answer},
            ),
            now=now,
        )
    return asked


def collect(version: DocumentVersion, *, by: User | None, now: datetime) -> None:
    """Note that a file not open to everybody was fetched."""
    if by and version.document.audience == Document.Audience.ON_APPLICATION:
        ledger.record("document.collect", subject(version.document), by=by, now=now, number=version.number)


def subject(document: Document) -> str:
    """How the ledger names a document."""
    return f"document {document.pk}"


def _only_publishers(by: User | None) -> None:
    if by is not None and not by.may(Ability.PUBLISH):
        raise NotAllowed
