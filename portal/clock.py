"""The hour the rules go by: the one place where entrances of cases and usage read the clock.

In a private market of the linkage test it may be ahead of the real one, or stand still while a day is played.

A host whose clock is wrong does no work: deadlines, hand-overs and statements made by it could not be undone.
Workers go by their own host's clock, the database by its host's. Where the two are further apart than
CLOCKS_APART_AT_MOST one of them is wrong; which one is for the operators to find, and until then the work waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

_ahead: ContextVar[timedelta] = ContextVar("ahead", default=timedelta())
_standing: ContextVar[datetime | None] = ContextVar("standing", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC. Sign-ins, certificates and passwords go by `timezone.now` instead."""
    return _standing.get() or timezone.now() + _ahead.get()


@contextmanager
def ahead_by(offset: timedelta) -> Iterator[None]:
    """Let the clock of this thread be ahead of the real one."""
    token = _ahead.set(offset)
    try:
        yield
    finally:
        _ahead.reset(token)


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """Let the clock of this thread stand still at an aware moment."""
    token = _standing.set(moment)
    try:
        yield
    finally:
        _standing.reset(token)


# --- Whether the hosts agree ------------------------------------------------------------------------------------------
class ClocksApart(Exception):
    """This host's clock and the database's differ by more than CLOCKS_APART_AT_MOST; nothing was done."""

    def __init__(self, apart: timedelta) -> None:
        self.apart = apart
        super().__init__(f"this host's clock is {apart.total_seconds():+.0f} s from the database's")


def apart() -> timedelta:
    """How far this host's clock is ahead of the database's; negative where it is behind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return timezone.now() - cursor.fetchone()[0]


def agrees() -> bool:
    """True where this host may work by its clock; always where no limit is set."""
    return settings.CLOCKS_APART_AT_MOST is None or abs(apart()) <= settings.CLOCKS_APART_AT_MOST


def require_agreement() -> None:
    """Raises ClocksApart."""
    if not agrees():
        raise ClocksApart(apart())
