"""What this room counts for a monitoring system."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Min

from portal import delivery, health, jobs, ledger_watch, queues, schedule
from portal.gates import Function, Hours
from portal.models import LedgerEntry, Seal, UnsealedEntry
from portal.monitoring import Figure, by, single


def readiness(now: datetime) -> Iterator[Figure]:
    """The same that /readyz says."""
    parts = {part: float(is_there) for part, is_there in health.parts().items()}
    yield by("part", "kirikae_ready", "1 where this part of what the hub needs is there.", parts)


def broker(now: datetime) -> Iterator[Figure]:
    """What waits for workers."""
    found = queues.waiting()
    counts = {one.queue: float(one.count) for one in found}
    ages = {one.queue: one.oldest for one in found}
    yield by("queue", "kirikae_queue_messages", "Messages that wait for a worker.", counts)
    yield by("queue", "kirikae_queue_oldest_age_seconds", "Age of the message that is taken next.", ages)
    yield single("kirikae_queue_in_hand", "Messages that workers have taken and not finished.", queues.in_hand())


def periodic_work(now: datetime) -> Iterator[Figure]:
    """When each piece of the schedule went through last, and how often it should."""
    pauses = {task: schedule.longest_pause(when) for task, when in schedule.tasks().items()}
    yield by("task", "kirikae_task_interval_seconds", "The longest pause of periodic work by its schedule.", pauses)
    for key, name, words in (
        (jobs.SUCCESS, "kirikae_task_last_success_timestamp_seconds", "When periodic work went through last."),
        (jobs.FAILURE, "kirikae_task_last_failure_timestamp_seconds", "When periodic work failed last."),
    ):
        yield by("task", name, words, {task: at.timestamp() for task, at in schedule.last(key).items()})


def evidence(now: datetime) -> Iterator[Figure]:
    """How far the ledger is sealed, and when its chain was last walked along."""
    waiting = UnsealedEntry.objects.aggregate(first=Min("entry_id"))["first"]
    since = LedgerEntry.objects.filter(pk=waiting).values_list("at", flat=True).first() if waiting else None
    age = (now - since).total_seconds() if since else 0
    yield single("kirikae_ledger_unsealed_age_seconds", "Age of the oldest ledger entry without a seal.", max(0, age))
    head = Seal.objects.order_by("-number").values_list("number", flat=True).first() or 0
    yield single("kirikae_ledger_head", "Number of the newest seal.", head)
    held, broke = ledger_watch.held(), jobs.noted(ledger_watch.JOB, jobs.FAILURE)
    for at, name, words in (
        (held.at, "kirikae_ledger_verified_timestamp_seconds", "When all that was new in the chain last held."),
        (held.whole, "kirikae_ledger_verified_whole_timestamp_seconds", "When a walk over the whole chain last ended."),
    ):
        yield Figure(name, words, {(): at.timestamp()} if at else {})
    is_broken = bool(broke and not (held.at and held.at > broke.started_at))
    yield single("kirikae_ledger_broken", "1 when the last walk along the chain found a break.", is_broken)


def hours(now: datetime) -> Iterator[Figure]:
    """Which functions are open now."""
    calendar = Hours(now)
    is_open = {str(function): float(calendar.closure(function) is None) for function in Function}
    yield by("function", "kirikae_function_open", "1 while the gate of the function is open.", is_open)


PROVIDERS = (readiness, broker, periodic_work, evidence, hours, delivery.figures)
