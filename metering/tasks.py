"""Work of the metering room that runs in workers; `at` (ISO) is a rehearsal's clock, else it is now."""

from datetime import datetime

from celery import shared_task

from metering import (
    access_codes,
    category_publication,
    day_checks,
    drop_folder,
    fixed_completeness,
    fixed_publication,
    gaps,
    governance,
    history_checks,
    intake,
    publication,
    retention,
    slot_publication,
    slots,
)
from portal import clock


def _moment(at: str | None) -> datetime:
    return datetime.fromisoformat(at) if at else clock.now()


@shared_task
def collect_dropped(at: str | None = None) -> None:
    """Receive what lies complete in the drop folder."""
    drop_folder.collect_dropped(now=_moment(at))


@shared_task
def take_in(file_id: int, at: str | None = None) -> None:
    """Take in one file."""
    intake.take_in(file_id, now=_moment(at))


@shared_task
def take_in_waiting(at: str | None = None) -> None:
    """Take in whatever waits; what another worker has in hand is passed over."""
    intake.take_in_waiting(now=_moment(at))


@shared_task
def publish_nightly(at: str | None = None) -> None:
    """Publish yesterday's usage."""
    publication.publish_nightly(now=_moment(at))


@shared_task
def write_slices(at: str | None = None) -> None:
    """Help with the days that are being published in slices."""
    publication.work_on_open_days(now=_moment(at))


@shared_task
def publish_late(at: str | None = None) -> None:
    """Publish what came late."""
    publication.publish_late(now=_moment(at))


@shared_task
def publish_half_hours(at: str | None = None) -> None:
    """Publish the half-hours that arrived."""
    slot_publication.publish_waiting(now=_moment(at))


@shared_task
def publish_fixed(at: str | None = None) -> None:
    """Publish the fixed usage, meter exchanges and off-cycle readings that arrived."""
    fixed_publication.publish_waiting(now=_moment(at))


@shared_task
def publish_categories(at: str | None = None) -> None:
    """Publish what arrived of the other categories."""
    category_publication.publish_waiting(now=_moment(at))


@shared_task
def drop_old_half_hours(at: str | None = None) -> None:
    """Remove half-hours whose time is over."""
    slots.drop_old(now=_moment(at))


@shared_task
def keep_months(at: str | None = None) -> None:
    """Make the partitions of the months to come, remove what is no longer kept."""
    retention.carry_out(now=_moment(at))


@shared_task
def check_completeness(at: str | None = None) -> None:
    """Count the days that changed, open and close gaps."""
    gaps.check(now=_moment(at))
    fixed_completeness.count_due(now=_moment(at))
    day_checks.run_due(now=_moment(at))


@shared_task
def check_history(at: str | None = None) -> None:
    """Hold batches taken in to registers, half-hours, months and earlier days."""
    history_checks.run_due(now=_moment(at))


@shared_task
def tell_of_locks(at: str | None = None) -> None:
    """Tell of inquiries locked since the last run."""
    while governance.tell_of_locks(now=_moment(at)):
        pass


@shared_task
def look_for_idle_inquiries(at: str | None = None) -> None:
    """Raise alarms about people whose inquiries led to nothing."""
    governance.look_for_inquiries_without_result(now=_moment(at))


@shared_task
def issue_access_codes(at: str | None = None) -> None:
    """Issue the access codes that are due."""
    while access_codes.issue_due(now=_moment(at)):
        pass
