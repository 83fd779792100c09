"""By when an application for use is due for its start."""

from datetime import date, datetime, timedelta

from django.conf import settings

from portal.models import UseApplication
from portal.onboarding.refusals import DeadlineOver, StartTooLate
from portal.workdays import ONE_DAY, Workdays, jst_date

FURTHEST_START = timedelta(days=365)


def deadline(kind: str, start: date) -> date:
    """The last day to apply for a start: so many business days before it (domain notes, switching §9).

    The hub's calendar counts: weekends, national holidays and the year's end, no area's own days.
    """
    return Workdays().add(start, -business_days(kind))


def business_days(kind: str) -> int:
    """How many business days before its start an application of this kind is due."""
    return settings.USE_APPLICATION_BUSINESS_DAYS[kind]


def earliest_start(kind: str, today: date) -> date:
    """The first start whose deadline is not over on the day."""
    day = today + ONE_DAY
    while deadline(kind, day) < today:
        day += ONE_DAY
    return day


def check_start(application: UseApplication, start: date, *, now: datetime) -> None:
    """Whether the deadline was kept is judged by the day of the first filing."""
    today = jst_date(application.filed_at or now)
    if start > today + FURTHEST_START:
        raise StartTooLate
    if deadline(application.kind, start) < today:
        raise DeadlineOver(deadline(application.kind, start), earliest_start(application.kind, jst_date(now)))
