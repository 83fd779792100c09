"""Work of the ground floor that runs in workers."""

from typing import Any

from celery import shared_task
from celery.signals import task_failure, task_postrun, task_prerun, task_success
from django.utils import timezone

from portal import (
    announcements,
    api_clients,
    certificates,
    clock,
    delivery,
    events,
    jobs,
    ledger_watch,
    letters,
    outbox,
    schedule,
    seals,
    sessions,
    statements,
    tracing,
    trusted_authorities,
    webhooks,
)
from portal.workdays import JST

task_prerun.connect(tracing.task_begins)
task_postrun.connect(tracing.task_ends)


@task_success.connect
def note_success(sender: Any = None, **_rest: Any) -> None:
    """Write down when periodic work went through; what is done inside a private market is that market's own."""
    if not getattr(sender.request, "private_market", None):
        schedule.note(sender.name, went_well=True, now=timezone.now())


@task_failure.connect
def note_failure(sender: Any = None, **_rest: Any) -> None:
    """Write down when periodic work failed."""
    if not getattr(sender.request, "private_market", None):
        schedule.note(sender.name, went_well=False, now=timezone.now())


@shared_task
def send_outbox() -> None:
    """Send what waits in the outbox, notices' mails and letters, until nothing is due."""
    while outbox.send_due(now=clock.now()) + letters.send_due(now=clock.now()):
        pass


@shared_task
def send_webhooks() -> None:
    """Send what the receivers are owed, one claimed receiver after the other, until none waits."""
    while webhooks.serve_next(now=clock.now()) is not None:
        pass


@shared_task
def look_at_delivery() -> None:
    """Raise and end alarms about what does not get out."""
    delivery.look(now=clock.now())


@shared_task
def make_statements() -> None:
    """Write the statements of the days that are over."""
    statements.make_due(now=clock.now())


@shared_task
def drop_old_events() -> None:
    """Remove events and records of sendings whose time is over."""
    now = timezone.now()
    while events.drop_old(now=now):
        pass
    webhooks.drop_old(now=now)


@shared_task
def mail_announcements() -> None:
    """Tell companies by mail what is announced from now on."""
    while announcements.mail_due(now=clock.now()):
        pass


@shared_task
def seal_ledger() -> None:
    """Seal the ledger's entries that wait."""
    seals.seal_waiting(now=clock.now())


@shared_task
def verify_ledger() -> None:
    """Walk along the ledger's whole chain, once a day."""
    now = timezone.now()
    with jobs.once("verify_ledger", now.astimezone(JST).date().isoformat(), now=now) as run:
        is_ours = run is not None
    if is_ours:
        ledger_watch.verify_nightly(now=now)


@shared_task
def sweep_sign_ins() -> None:
    """Take sessions and sign-ins that are over out of the tables."""
    sessions.sweep(now=timezone.now())


@shared_task
def forget_api_keys() -> None:
    """Take the keys of writes that nobody repeats any more out of the table."""
    api_clients.forget_keys(now=timezone.now())


@shared_task
def remind_of_certificates() -> None:
    """Tell companies which of their certificates end soon, once a day."""
    now = timezone.now()
    with jobs.once("remind_of_certificates", now.astimezone(JST).date().isoformat(), now=now) as run:
        if run:
            run.counts = {"reminders": certificates.remind(now=now)}


@shared_task
def publish_certificate_lists() -> None:
    """Sign the list of revoked certificates anew before the last one runs out."""
    trusted_authorities.publish(now=timezone.now())
