"""The clock of a case as plain data: until when somebody has time, and which days on the way were not counted.

Pure but for the settings: a page, the inbox and the API put it into words each in their own way.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings

from portal.workdays import JST, Workdays, jst_date
from switching import deadlines
from switching.models import Application, Relay
from switching.states import RelayState

ClosedDays = tuple[tuple[date, str], ...]


@dataclass(frozen=True)
class Deadline:
    """Somebody has time until `until`: `count` business days after `begun`, `skipped` being the days between them
    that are no business days, each with its name. `is_cut_off`: the last day on which it still helps came first.
    """

    until: datetime
    begun: date
    count: int
    skipped: ClosedDays
    is_cut_off: bool = False


def closed_days(calendar: Workdays, after: date, until: date) -> ClosedDays:
    """The days between two days that are no business days, with their names."""
    return tuple(calendar.skipped(after, until))


def judgement(relay: Relay, calendar: Workdays) -> Deadline:
    """Until when the losing retailer judges the relay."""
    begun, until = jst_date(relay.registered_at), jst_date(relay.due_at)
    return Deadline(relay.due_at, begun, settings.JUDGEMENT_BUSINESS_DAYS, closed_days(calendar, begun, until))


def filing(relay: Relay, calendar: Workdays) -> Deadline | None:
    """Until when the losing retailer files the termination it owes; None when it owes none."""
    if not (relay.termination_due_at and relay.judged_at):
        return None
    begun, until = jst_date(relay.judged_at), jst_date(relay.termination_due_at)
    return Deadline(
        relay.termination_due_at,
        begun,
        settings.TERMINATION_FILING_BUSINESS_DAYS,
        closed_days(calendar, begun, until),
        relay.termination_due_at.astimezone(JST).time() != deadlines.CLOSING_TIME,
    )


def answer(application: Application, calendar: Workdays) -> Deadline | None:
    """Until when the network operator answers an application; None when it was never asked."""
    if not (application.submitted_at and application.answer_due_at):
        return None
    begun, until = jst_date(application.submitted_at), jst_date(application.answer_due_at)
    count = settings.NETWORK_ANSWER_BUSINESS_DAYS
    return Deadline(
        application.answer_due_at,
        begun,
        count,
        closed_days(calendar, begun, until),
        until != calendar.add(begun, count),
    )


def of_relay(relay: Relay, calendar: Workdays) -> Deadline | None:
    """The deadline that runs on the relay now; None where nobody but the hub has anything to do by a moment."""
    if relay.state == RelayState.WAITING:
        return judgement(relay, calendar)
    return filing(relay, calendar)
