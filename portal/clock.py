"""The hour the rules go by: the one place where entrances of cases and usage read the clock.

In a private market of the linkage test it may be ahead of the real one, or stand still while a day is played.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

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
