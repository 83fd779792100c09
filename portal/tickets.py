"""Questions to the helpdesk: opened by a company, answered by the helpdesk, closed by either."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from django.core.files import File
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import attachments, ledger, outbox
from portal.access import Ability
from portal.models import Company, Ticket, TicketFile, TicketMessage, User
from portal.refusals import Refusal

MOST_FILES = 5
LONGEST_BODY = 5000
State = Ticket.State


class Move(StrEnum):
    """What can be done with a ticket."""

    ASK = "ask"
    ANSWER = "answer"
    CLOSE = "close"


MOVES: dict[tuple[str, Move], str] = {
    (State.OPEN, Move.ASK): State.OPEN,
    (State.OPEN, Move.ANSWER): State.ANSWERED,
    (State.OPEN, Move.CLOSE): State.CLOSED,
    (State.ANSWERED, Move.ASK): State.OPEN,
    (State.ANSWERED, Move.ANSWER): State.ANSWERED,
    (State.ANSWERED, Move.CLOSE): State.CLOSED,
}


class Refused(Refusal):
    """Something that cannot be done with a ticket; `sentence` says why."""


class NotYours(Refused):
    sentence = _("This ticket belongs to another company.")


class HelpdeskItself(Refused):
    sentence = _("The helpdesk answers tickets; it opens none.")


class SubjectMissing(Refused):
    sentence = _("Please say in a few words what it is about.")


class BodyMissing(Refused):
    sentence = _("Please write a message.")


class BodyTooLong(Refused):
    sentence = _("A message may have 5,000 characters. Please put the rest into a file.")


class TooManyFiles(Refused):
    sentence = _("A message takes five files at most.")


class Closed(Refused):
    sentence = _("The ticket is closed. Please open a new one and name this number.")


def open_ticket(*, subject: str, body: str, files: Sequence[File] = (), by: User, now: datetime) -> Ticket:
    """Open a ticket of the own company; the helpdesk is told.

    Raises HelpdeskItself, SubjectMissing, BodyMissing, BodyTooLong, TooManyFiles and the refusals of
    `attachments.check`.
    """
    if by.may(Ability.ANSWER_TICKETS):
        raise HelpdeskItself
    subject = " ".join(subject.split())
    if not subject:
        raise SubjectMissing
    _check(body, files)
    with attachments.keeping(files, folder="tickets") as kept, transaction.atomic():
        ticket = Ticket.objects.create(
            company=by.company, subject=subject[:120], opened_at=now, opened_by=by, moved_at=now
        )
        _say(ticket, body, kept, by=by, now=now)
        ledger.record("ticket.open", subject_of(ticket), by=by, now=now)
        _tell_the_helpdesk(ticket, now=now)
    return ticket


def write(ticket_id: int, *, body: str, files: Sequence[File] = (), by: User, now: datetime) -> TicketMessage:
    """Add a message: the helpdesk's is an answer, the company's puts the ticket back to the helpdesk.

    Raises NotYours, Closed, BodyMissing, BodyTooLong, TooManyFiles and the refusals of `attachments.check`.
    """
    _check(body, files)
    with attachments.keeping(files, folder="tickets") as kept, transaction.atomic():
        ticket, is_answer = _locked(ticket_id, by)
        move = Move.ANSWER if is_answer else Move.ASK
        _move(ticket, move, now=now)
        message = _say(ticket, body, kept, by=by, now=now)
        ledger.record(f"ticket.{move}", subject_of(ticket), by=by, now=now, files=len(kept))
        if is_answer:
            _tell_the_company(ticket, "ticket_answered", now=now)
        else:
            _tell_the_helpdesk(ticket, now=now)
    return message


def close(ticket_id: int, *, by: User, now: datetime) -> Ticket:
    """Close a ticket for good; when the helpdesk does, the company is told. Raises NotYours, Closed."""
    with transaction.atomic():
        ticket, is_answer = _locked(ticket_id, by)
        _move(ticket, Move.CLOSE, now=now)
        ledger.record("ticket.close", subject_of(ticket), by=by, now=now)
        if is_answer:
            _tell_the_company(ticket, "ticket_closed", now=now)
    return ticket


def collect(file: TicketFile, *, by: User, now: datetime) -> None:
    """Note who fetched an attachment."""
    ledger.record("ticket.collect", subject_of(file.message.ticket), by=by, now=now, name=file.name)


def subject_of(ticket: Ticket) -> str:
    """How the ledger names a ticket."""
    return f"ticket {ticket.number}"


def _check(body: str, files: Sequence[File]) -> None:
    if not body.strip():
        raise BodyMissing
    if len(body) > LONGEST_BODY:
        raise BodyTooLong
    if len(files) > MOST_FILES:
        raise TooManyFiles


def _locked(ticket_id: int, by: User) -> tuple[Ticket, bool]:
    """The ticket and whether the person speaks for the helpdesk."""
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.company_id == by.company_id:
        return ticket, False
    if not by.may(Ability.ANSWER_TICKETS):
        raise NotYours
    return ticket, True


def _move(ticket: Ticket, move: Move, *, now: datetime) -> None:
    to_state = MOVES.get((ticket.state, move))
    if to_state is None:
        raise Closed
    ticket.state, ticket.moved_at = to_state, now
    ticket.save(update_fields=["state", "moved_at"])


def _say(ticket: Ticket, body: str, kept: Sequence[attachments.Kept], *, by: User, now: datetime) -> TicketMessage:
    is_answer = ticket.company_id != by.company_id
    message = TicketMessage.objects.create(ticket=ticket, at=now, by=by, is_answer=is_answer, body=body.strip())
    TicketFile.objects.bulk_create([TicketFile(message=message, **asdict(item)) for item in kept])
    return message


def _tell_the_helpdesk(ticket: Ticket, *, now: datetime) -> None:
    hub = Company.objects.filter(is_hub_operator=True).values_list("pk", flat=True).first()
    if hub:
        outbox.post(_post(ticket, "ticket_asked", hub, Ability.ANSWER_TICKETS), now=now)


def _tell_the_company(ticket: Ticket, kind: str, *, now: datetime) -> None:
    outbox.post(_post(ticket, kind, ticket.company_id, ""), now=now)


def _post(ticket: Ticket, kind: str, recipient_id: int, ability: Ability | str) -> outbox.Post:
    return outbox.Post(
        recipient_id=recipient_id,
        kind=kind,
        subject=ticket.number,
        link=reverse("portal:ticket", args=[ticket.number]),
        ability=ability,
        context={"number": ticket.number, "title": ticket.subject, "company": ticket.company.name},
    )
