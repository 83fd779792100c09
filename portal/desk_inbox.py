"""What waits at the hub operator's desk: questions to answer, applications for documents to decide."""

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.inbox import Task
from portal.models import DocumentRequest, Ticket, User


def waiting(user: User, now: datetime) -> Iterable[Task]:
    """At most two tasks, each with one count; a shared desk has no deadline."""
    if user.may(Ability.ANSWER_TICKETS):
        count = Ticket.objects.filter(state=Ticket.State.OPEN).count()
        yield Task(_("Questions to answer"), reverse("portal:tickets") + "?state=open", None, count, "tickets.answer")
    if user.may(Ability.PUBLISH):
        count = DocumentRequest.objects.filter(state=DocumentRequest.State.WAITING).count()
        link = reverse("portal:document-requests") + "?state=waiting"
        yield Task(_("Applications for documents to decide"), link, None, count, "documents.decide")
