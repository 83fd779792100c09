"""The periodic work: what is to run how often, and when each piece went through last."""

import time
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import crontab
from django.conf import settings

from portal import jobs
from portal.models import JobRun

MINUTES_A_DAY = 24 * 60
NOTED_EVERY = 60  # seconds in which a process writes down one success of the same work
_noted: dict[str, float] = {}


def tasks() -> dict[str, Any]:
    """Periodic tasks by name, each with its schedule."""
    return {work["task"]: work["schedule"] for work in settings.CELERY_BEAT_SCHEDULE.values()}


def longest_pause(schedule: timedelta | crontab) -> float:
    """The most seconds that pass between two hours at which the work is due."""
    if isinstance(schedule, timedelta):
        return schedule.total_seconds()
    due = sorted(hour * 60 + minute for hour in schedule.hour for minute in schedule.minute)
    pauses = [later - earlier for earlier, later in zip(due, [*due[1:], due[0] + MINUTES_A_DAY], strict=True)]
    return max(pauses) * 60.0


def note(task: str, *, went_well: bool, now: datetime) -> None:
    """Write down that a piece of periodic work went through or failed; successes once a minute at most."""
    if task not in tasks():
        return
    if went_well and time.monotonic() - _noted.get(task, float("-inf")) < NOTED_EVERY:
        return
    jobs.note(task, went_well=went_well, now=now)
    if went_well:
        _noted[task] = time.monotonic()
    else:
        _noted.pop(task, None)  # the next success is worth writing down at once


def last(key: str) -> dict[str, datetime]:
    """When each piece of periodic work went through (`jobs.SUCCESS`) or failed (`jobs.FAILURE`) last."""
    found = JobRun.objects.filter(job__in=tasks(), key=key, finished_at__isnull=False)
    return {run.job: run.finished_at for run in found if run.finished_at}
