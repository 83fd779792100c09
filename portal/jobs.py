"""Dated jobs that must run once: the claim is a locked row, so a second beat, worker or retry is harmless."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from portal.models import JobRun

SUCCESS, FAILURE = "newest success", "newest failure"  # keys of rows that say what happened last, not what for


@contextmanager
def once(job: str, key: str, *, now: datetime) -> Iterator[JobRun | None]:
    """Yield the run's row when this process may do the job for this key, else None (done, or being done elsewhere).

    The body runs in one transaction holding the row's lock: a crash leaves the job undone and claimable again,
    never half-claimed. Put what the run counted into `run.counts`.
    """
    JobRun.objects.bulk_create([JobRun(job=job, key=key, started_at=now)], ignore_conflicts=True)
    with transaction.atomic():
        run = (
            JobRun.objects.select_for_update(skip_locked=True)
            .filter(job=job, key=key, finished_at__isnull=True)
            .first()
        )
        if run:
            run.started_at = now
        yield run
        if run:
            run.finished_at = now
            run.save(update_fields=["started_at", "finished_at", "counts"])


def note(job: str, *, went_well: bool, now: datetime, **counts: object) -> None:
    """Write down when the job went through, or failed, last; the row of before is overwritten."""
    run = JobRun(job=job, key=SUCCESS if went_well else FAILURE, started_at=now, finished_at=now, counts=counts)
    JobRun.objects.bulk_create(
        [run],
        update_conflicts=True,
        unique_fields=["job", "key"],
        update_fields=["started_at", "finished_at", "counts"],
    )


def noted(job: str, key: str) -> JobRun | None:
    """What was written down last."""
    return JobRun.objects.filter(job=job, key=key).first()
