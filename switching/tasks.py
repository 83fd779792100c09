"""Work of the cases that runs in workers. `at` is an ISO moment for a rehearsal's clock; else the real one is read."""

from collections.abc import Callable
from datetime import datetime

from celery import shared_task

from portal import clock
from switching import (
    answer_duties,
    cooling_off,
    dark_points,
    effects,
    exits,
    filings,
    matching,
    queue_sweep,
    relays,
    statistics,
    undoing,
)
from switching.bulk import uploads

UNDOING: tuple[Callable[..., int], ...] = (
    cooling_off.follow_matches,
    cooling_off.carry_out_due,
    dark_points.warn_of_missing_starts,
    dark_points.keep_unanswered,
    dark_points.carry_out_due,
    undoing.escalate_overdue,
    exits.carry_out_due,
    exits.count_days,
)


def _moment(at: str | None) -> datetime:
    return datetime.fromisoformat(at) if at else clock.now()


def _until_done(verb: Callable[..., int], at: str | None) -> None:
    """Call the verb batch by batch until nothing is left that it can take."""
    while verb(now=_moment(at)):
        pass


@shared_task
def match(at: str | None = None) -> None:
    """Pair waiting starts and terminations."""
    _until_done(matching.match_waiting, at)


@shared_task
def expire_relays(at: str | None = None) -> None:
    """Expire relays without judgement."""
    _until_done(relays.expire_overdue, at)


@shared_task
def escalate_filings(at: str | None = None) -> None:
    """Escalate terminations that were to be filed by hand and were not."""
    _until_done(filings.escalate_filings, at)


@shared_task
def escalate_answers(at: str | None = None) -> None:
    """Escalate applications which the network operator did not answer in time."""
    _until_done(answer_duties.escalate_overdue, at)


@shared_task
def remind(at: str | None = None) -> None:
    """Remind of relays to judge, terminations to file and applications to answer near their deadline."""
    _until_done(relays.remind_due, at)
    _until_done(answer_duties.remind_due, at)


@shared_task
def close_unmatched(at: str | None = None) -> None:
    """End what was not matched by its cut-off."""
    _until_done(filings.close_unfiled, at)
    _until_done(matching.close_unmatched, at)


@shared_task
def hand_over(at: str | None = None) -> None:
    """Hand over the points whose switch date has come."""
    _until_done(matching.hand_over_due, at)


@shared_task
def register_queued(at: str | None = None) -> None:
    """Register what waits in the queues over the quota as far as there is room."""
    _until_done(queue_sweep.register_waiting, at)


@shared_task
def take_effect(at: str | None = None) -> None:
    """Carry out the applications without counterpart whose day has come."""
    _until_done(effects.take_effect_due, at)


@shared_task
def undo(at: str | None = None) -> None:
    """Everything of the undoing of switches that is due: warnings, silent sides, returns, ends of contracts, exits."""
    for verb in UNDOING:
        _until_done(verb, at)


@shared_task
def count_statistics(at: str | None = None) -> None:
    """Count the days and months that are over for the published statistics."""
    statistics.count_days(now=_moment(at))


@shared_task
def check_upload(upload_id: int, at: str | None = None) -> None:
    """Check one file of many cases."""
    uploads.check(upload_id, now=_moment(at))


@shared_task
def carry_out_upload(upload_id: int, at: str | None = None) -> None:
    """Carry out some rows of a confirmed file, then queue up again, so that other work gets its turn."""
    if uploads.carry_out(upload_id, now=_moment(at)):
        carry_out_upload.delay(upload_id=upload_id, at=at)


@shared_task
def recall_upload(upload_id: int, at: str | None = None) -> None:
    """Take back some cases of a file, then queue up again."""
    if uploads.carry_back(upload_id, now=_moment(at)):
        recall_upload.delay(upload_id=upload_id, at=at)


@shared_task
def work_on_uploads(at: str | None = None) -> None:
    """Whatever file waits and no worker has in hand: lost tasks, workers that died, functions that opened again."""
    for upload_id in uploads.waiting():
        uploads.check(upload_id, now=_moment(at))
    for verb, ids in ((uploads.carry_out, uploads.confirmed()), (uploads.carry_back, uploads.recalling())):
        for upload_id in ids:
            while verb(upload_id, now=_moment(at)):
                pass
