"""Days whose publication is held up: noted at each try, released when it goes on, an alarm when it lasts."""

from datetime import date, datetime

from django.conf import settings
from django.db.models import QuerySet

from metering.models import HeldDay


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
