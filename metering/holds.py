"""Days whose publication is held up: noted at each try, released when it goes on, an alarm when it lasts."""

import logging
from collections.abc import Callable
from datetime import date, datetime

from django.conf import settings
from django.db.models import QuerySet

from metering.models import HeldDay

log = logging.getLogger(__name__)

# Other rooms tell here whether something due by a day is still to be carried out, so that who supplied which point on
# it may yet change: that day is published when nothing is left.
not_yet_settled: list[Callable[[date], bool]] = []


def holds_up(day: date, *, now: datetime) -> bool:
    """Whether what is to be published of the day has to wait for hand-overs; noted, or released, on the way."""
    if any(waits(day) for waits in not_yet_settled):
        log.warning("usage of %s waits: hand-overs due by that day are not carried out yet", day)
        note(day, now=now)
        return True
    release(day, now=now)
    return False


def note(day: date, *, now: datetime) -> None:
    """The day was to be published and has to wait."""
    if not HeldDay.objects.filter(day=day, released_at__isnull=True).update(last_tried_at=now):
        HeldDay.objects.bulk_create([HeldDay(day=day, since=now, last_tried_at=now)], ignore_conflicts=True)


def release(day: date, *, now: datetime) -> None:
    """The day waits no longer."""
    HeldDay.objects.filter(day=day, released_at__isnull=True).update(released_at=now)


def lasting(now: datetime) -> QuerySet[HeldDay]:
    """Days that wait for longer than hand-overs need when all is well, the oldest first."""
    return HeldDay.objects.filter(released_at__isnull=True, since__lte=now - settings.USAGE_HOLD_ALARM).order_by("day")
