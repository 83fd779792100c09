"""Work of the ground floor that runs in workers."""

from celery import shared_task
from django.utils import timezone

from portal import letters, outbox, seals, sessions


@shared_task
def send_outbox() -> None:
    """Send what waits in the outbox, notices' mails and letters, until nothing is due."""
    while outbox.send_due(now=timezone.now()) + letters.send_due(now=timezone.now()):
        pass


@shared_task
def seal_ledger() -> None:
    """Seal the ledger's entries that wait."""
    seals.seal_waiting(now=timezone.now())


@shared_task
def sweep_sign_ins() -> None:
    """Take sessions and sign-ins that are over out of the tables."""
    sessions.sweep(now=timezone.now())
