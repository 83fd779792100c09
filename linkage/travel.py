"""The clock of a private market: how far ahead it is, and the way from one hour to a later one.

All that falls due in between is done on the way, stop by stop: partners first, then the hub's own periodic work in its
order. The same way is gone in seconds while nobody travels, so a market that stands open lives by itself.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from linkage import cast
from linkage.models import Clock, Script
from metering import drop_folder
from portal import clock, ledger, private_market
from portal.models import User
from portal.workdays import JST, ONE_DAY, jst_date
from switching.partners import gaining, losing, network, requests
from switching.partners.behaviours import Scripts

log = logging.getLogger(__name__)

MOST_DAYS = 185
# Usage in and out at night; before and after the deadline at 17:00; the last one before midnight's cut-off.
STOPS = (time(0, 5), time(3), time(5), time(10), time(13), time(16, 30), time(17, 1), time(23, 45))
_CLAIM = 0x4C_54_43  # one number for "this market's clock is being moved"
FALLS_ASLEEP_AFTER = timedelta(hours=1)


class NotForward(Exception):
    """A market's clock goes forward only; back to the present leads a reset."""


class TooFar(Exception):
    """Further than a market may travel at once."""


class OnItsWay(Exception):
    """The market is travelling already."""


def offset() -> timedelta:
    """How far the market at hand is ahead. Raises django.db.OperationalError where there is no such market."""
    found = Clock.objects.filter(pk=1).values_list("offset", flat=True).first()
    return found or timedelta()


def wind(*, now: datetime, days: tuple[date, date] | None = None) -> None:
    """Give a new market its clock, standing at the real hour; `days` are those it was booked for, both included."""
    first, last = days or (None, None)
    Clock.objects.create(pk=1, worked_until=now, seen_at=now, first_day=first, last_day=last)


def closed(*, now: datetime) -> Clock | None:
    """The clock with its booked days where today (real hour) is none of them; None while the market is open."""
    today = jst_date(now)
    shut = Q(first_day__gt=today) | Q(last_day__lt=today)
    return Clock.objects.filter(shut, pk=1).first()


def visit(*, now: datetime) -> None:
    """Note that somebody is in the market (real hour): it stays awake for a while."""
    Clock.objects.filter(pk=1, seen_at__lt=now - timedelta(minutes=1)).update(seen_at=now)


def is_awake(*, now: datetime) -> bool:
    """True while the market is open and somebody was there lately, it is travelling or a file was dropped for it."""
    held = Clock.objects.filter(pk=1).first()
    if held is None or closed(now=now):
        return False
    return held.travelling_to is not None or held.seen_at > now - FALLS_ASLEEP_AFTER or drop_folder.has_any()


def set_out(to: datetime, *, by: User | None, now: datetime) -> Clock:
    """Ask for a journey to a later hour of the market; a worker goes the way. `now` is the market's hour.

    Raises NotForward, TooFar, OnItsWay.
    """
    if to <= now:
        raise NotForward
    if to > now + timedelta(days=MOST_DAYS):
        raise TooFar
    with transaction.atomic():
        held = Clock.objects.select_for_update().get(pk=1)
        if held.travelling_to:
            raise OnItsWay
        held.travelling_to, held.set_out_at = to, now
        held.save(update_fields=["travelling_to", "set_out_at"])
        ledger.record("clock.travel", "clock", by=by, now=now, to=to.isoformat())
    return held


def share_done(held: Clock) -> int:
    """How much of the way is behind, in percent."""
    if not (held.travelling_to and held.set_out_at):
        return 100
    whole = (held.travelling_to - held.set_out_at).total_seconds() or 1
    return max(0, min(99, int(100 * (held.worked_until - held.set_out_at).total_seconds() / whole)))


def go_on(*, real: Callable[[], datetime]) -> int:
    """Go from where the market's work is done to its present hour, or to where it travels; returns the stops made.

    `real` tells the real hour. One process at a time goes the way; for the others there is nothing to do.
    """
    count = 0
    with _claimed() as is_ours:
        if not is_ours:
            return 0
        held = Clock.objects.get(pk=1)
        target = held.travelling_to or real() + held.offset
        if held.worked_until < target:
            for stop in stops(held.worked_until, target):
                _work_at(stop, since=held.worked_until)
                held.worked_until, held.offset = stop, max(held.offset, stop - real())
                held.save(update_fields=["worked_until", "offset"])
                count += 1
        if held.travelling_to:
            Clock.objects.filter(pk=1, travelling_to=target).update(travelling_to=None, set_out_at=None)
    return count


def stops(since: datetime, until: datetime) -> Iterator[datetime]:
    """The hours at which work is done on the way, ending with `until` itself."""
    day = since.astimezone(JST).date()
    while day <= until.astimezone(JST).date():
        for hour in STOPS:
            moment = datetime.combine(day, hour, JST)
            if since < moment < until:
                yield moment
        day += ONE_DAY
    yield until


def scripts() -> Scripts:
    """What the market at hand tells its partners."""
    return Scripts({(row.partner, row.number): row.behaves_as for row in Script.objects.all()})


def play_partners(*, now: datetime) -> int:
    """Let every simulated partner do what is due; returns the deeds."""
    told, done = scripts(), 0
    rival, suitor, operator = (cast.clerk(which) for which in (cast.RIVAL, cast.SUITOR, cast.NETWORK))
    for retailer in (rival, suitor):
        if retailer:
            done += losing.act(retailer, told, now=now)
    if rival:
        done += requests.act(rival, network=cast.participant(), now=now)
    if suitor:
        done += gaining.act(suitor, told, participant=cast.participant(), now=now)
    if operator:
        done += network.act(operator, told, now=now)
    return done


def _work_at(moment: datetime, *, since: datetime) -> None:
    """What is due at the stop; work that fails is told in the log and does not hold up the rest."""
    due = [_task(work["task"]) for work in work_of_markets() if _is_due(work["schedule"], moment, since)]
    with clock.standing_at(moment):
        for work in (lambda: play_partners(now=moment), *due):
            try:
                work()
            except Exception:
                log.exception("work of the market %s at %s failed", private_market.name(), moment)


def work_of_markets() -> Iterable[dict[str, Any]]:
    """The hub's periodic work, in its order."""
    return getattr(settings, "MARKETS_WORK", settings.CELERY_BEAT_SCHEDULE).values()


def _is_due(schedule: Any, moment: datetime, since: datetime) -> bool:
    """Work by the interval is due at every stop; work at an hour of the day at the first stop from that hour on."""
    if isinstance(schedule, timedelta):
        return True
    if len(schedule.hour) * len(schedule.minute) > 24:
        return moment.astimezone(JST).hour in schedule.hour
    hour, minute = min(schedule.hour), min(schedule.minute)
    local = moment.astimezone(JST)
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return since < due <= moment


def _task(name: str) -> Any:
    module, _dot, function = name.rpartition(".")
    return getattr(import_module(module), function)


@contextmanager
def _claimed() -> Iterator[bool]:
    """Hold the market's clock for this connection; False where another process holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_CLAIM])
        is_ours = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_CLAIM])
