"""Dates of a case: pure arithmetic over a calendar of business days (domain notes, switching §5 and §8)."""

from datetime import date, datetime, time, timedelta

from django.conf import settings

from portal.workdays import JST, Workdays, jst_date
from switching.kinds import Lead, Rule

CLOSING_TIME, LAST_MINUTE = time(17), time(23, 59)


def judgement_due(registered_at: datetime, workdays: Workdays) -> datetime:
    """When silence becomes expiry: 17:00 JST of the n-th business day after the day of registration."""
    day = workdays.add(jst_date(registered_at), settings.JUDGEMENT_BUSINESS_DAYS)
    return datetime.combine(day, CLOSING_TIME, JST)


def filing_due(accepted_at: datetime, cut_off: date, workdays: Workdays) -> datetime:
    """By when a switch termination is filed that is filed by hand: "without delay" in days, or the cut-off's end."""
    day = workdays.add(jst_date(accepted_at), settings.TERMINATION_FILING_BUSINESS_DAYS)
    return min(datetime.combine(day, CLOSING_TIME, JST), datetime.combine(cut_off, LAST_MINUTE, JST))


def answer_due(submitted_at: datetime, last: date, workdays: Workdays) -> datetime:
    """By when the network operator answers: the end of the n-th business day after the submission.

    Not later than the end of `last`, the matching cut-off or the desired date, unless that day is over already.
    """
    submitted = jst_date(submitted_at)
    day = workdays.add(submitted, settings.NETWORK_ANSWER_BUSINESS_DAYS)
    return datetime.combine(min(day, last) if last >= submitted else day, LAST_MINUTE, JST)


def next_reminder(begun_at: datetime, due_at: datetime, now: datetime) -> datetime | None:
    """The next of the moments at which the set shares of the time are over; None when all are past.

    At its whole length nobody is reminded any more: what is due then expires or is escalated, and all are told.
    """
    span = due_at - begun_at
    return next((m for m in (begun_at + span * share for share in settings.REMINDER_SHARES) if m > now), None)


def lead_days(supply_class: str, area: str) -> tuple[int, int]:
    """Business days from the match to the switch, without and with meter work; an area may have its own."""
    own = settings.AREA_LEAD_BUSINESS_DAYS.get(area, {})
    without, with_work = own.get(supply_class, settings.LEAD_BUSINESS_DAYS[supply_class])
    return without, with_work


def earliest_switch_date(matching_day: date, *, supply_class: str, meter_work: bool, workdays: Workdays) -> date:
    """`matching day + n business days + 2 calendar days`; n by class of supply, meter work and the calendar's area.

    Matched Thu 28 Apr 2016 at low voltage: without meter work 4 May, with it 18 May.
    """
    without, with_work = lead_days(supply_class, workdays.area)
    day = workdays.add(matching_day, with_work if meter_work else without)
    return day + timedelta(days=settings.LEAD_EXTRA_DAYS)


def matching_cut_off(desired_date: date, workdays: Workdays) -> date:
    """The last day on which a start and a termination for the desired date are paired, by the calendar's area."""
    return workdays.add(desired_date, -cut_off_days(workdays.area))


def cut_off_days(area: str) -> int:
    """How many business days before the desired date pairing ends; an area may have its own number."""
    return int(settings.AREA_MATCHING_CUT_OFF_BUSINESS_DAYS.get(area, settings.MATCHING_CUT_OFF_BUSINESS_DAYS))


def furthest_date(today: date, area: str) -> date:
    """The furthest desired date that may be asked for; an area may have its own."""
    return today + timedelta(days=int(settings.AREA_FURTHEST_AHEAD_DAYS.get(area, settings.FURTHEST_AHEAD_DAYS)))


def window(rule: Rule, *, supply_class: str, meter_work: bool, today: date, workdays: Workdays) -> tuple[date, date]:
    """The first and the last desired date that an application of the kind may name today."""
    earliest = today - timedelta(days=rule.back_days)
    by_lead_time = rule.lead == Lead.SWITCH or (rule.lead == Lead.WORK and meter_work)
    if by_lead_time or rule.lead == Lead.ALWAYS_WORK:
        earliest = earliest_switch_date(
            today,
            supply_class=supply_class,
            meter_work=meter_work or rule.lead == Lead.ALWAYS_WORK,
            workdays=workdays,
        )
    return earliest, furthest_date(today, workdays.area)
