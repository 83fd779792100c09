"""What waits for a person about client certificates, one query per sort of work."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef
from django.urls import reverse
from django.utils.translation import ngettext

from portal.access import Ability
from portal.inbox import Task
from portal.models import Certificate, CertificateRequest, User

State = CertificateRequest.State
ENDS_SOON = timedelta(days=30)


def waiting(user: User, now: datetime) -> Iterator[Task]:
    """Requests to decide, approved ones to collect, and certificates that end soon without a newer one."""
    if not user.may(Ability.REQUEST_CERTIFICATE):
        return
    to_collect = CertificateRequest.objects.filter(requested_by=user, state=State.APPROVED).count()
    yield _task(ngettext("certificate to collect", "certificates to collect", to_collect), None, to_collect, "collect")
    if not user.may(Ability.MANAGE_CERTIFICATES):
        return
    to_decide = CertificateRequest.objects.filter(company=user.company_id, state=State.WAITING).count()
    words = ngettext("certificate request to decide", "certificate requests to decide", to_decide)
    yield _task(words, None, to_decide, "decide")
    held = Certificate.objects.here().filter(company=user.company_id, revoked_at__isnull=True)
    newer = held.filter(terminal=OuterRef("terminal"), purpose=OuterRef("purpose"), not_after__gt=OuterRef("not_after"))
    ending = held.filter(~Exists(newer), not_after__gt=now, not_after__lte=now + ENDS_SOON).aggregate(
        count=Count("pk"), first=Min("not_after")
    )
    words = ngettext("certificate to renew", "certificates to renew", ending["count"])
    yield _task(words, ending["first"], ending["count"], "renew")


def _task(words: str, due_at: datetime | None, count: int, kind: str) -> Task:
    return Task(words, reverse("portal:certificates"), due_at, count, f"certificates.{kind}")
