"""Business days: pure arithmetic over a calendar of closed days (domain notes, switching §8)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import jpholiday
from django.utils.translation import gettext as _

from portal import ahead
from portal.market import Area
from portal.models import ExtraHoliday

JST = ZoneInfo("Asia/Tokyo")
ONE_DAY = timedelta(days=1)


def jst_date(moment: datetime) -> date:
    """The Japanese calendar day of an aware moment."""
    return moment.astimezone(JST).date()


def next_midnight(moment: datetime) -> datetime:
    """When the next Japanese calendar day begins."""
    return datetime.combine(jst_date(moment) + ONE_DAY, time(), JST)


def _is_year_end(day: date) -> bool:
    return (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)


@cache
def _holiday_name(day: date) -> str:
    return jpholiday.is_holiday_name(day) or ""


@dataclass(frozen=True)
class Workdays:
    """Business days of one area: all but weekends, national holidays, 29 Dec-3 Jan and the area's own days.

    `opened` are days that are worked after all, whatever else is said of them; `area` is "" for everybody's calendar.
    """

    extra: dict[date, str] = field(default_factory=dict)
    opened: frozenset[date] = frozenset()
    area: str = ""

    def why_closed(self, day: date) -> str:
        """Why the day is no business day, in words; "" when it is one."""
        if self.is_open(day):
            return ""
        if name := _holiday_name(day):
            return name
        if _is_year_end(day):
            return _("year-end holidays")
        if day in self.extra:
            return self.extra[day]
        return (_("Saturday"), _("Sunday"))[day.weekday() - 5]

    def is_open(self, day: date) -> bool:
        return day in self.opened or not (
            day.weekday() >= 5 or _holiday_name(day) or _is_year_end(day) or day in self.extra
        )

    def add(self, day: date, count: int) -> date:
        """The `count`-th business day after `day` (before it when negative); `day` itself is not counted."""
        step = ONE_DAY if count >= 0 else -ONE_DAY
        left = abs(count)
        while left:
            day += step
            left -= self.is_open(day)
        return day

    def skipped(self, after: date, until: date) -> Iterator[tuple[date, str]]:
        """The closed days in (after, until) with their reasons, for "why that day"."""
        day = after + ONE_DAY
        while day < until:
            if why := self.why_closed(day):
                yield day, why
            day += ONE_DAY


@ahead.question
def of_area(area: str) -> Workdays:
    """The area's calendar with its own days (one query)."""
    return _calendar(area, ExtraHoliday.objects.filter(area=area).values_list("day", "name", "is_business_day"))


def of_areas() -> dict[str, Workdays]:
    """Every area's calendar, for set-based work (one query)."""
    own: dict[str, list[tuple[date, str, bool]]] = {}
    for area, day, name, is_business_day in ExtraHoliday.objects.values_list("area", "day", "name", "is_business_day"):
        own.setdefault(area, []).append((day, name, is_business_day))
    return {area: _calendar(area, own.get(area, [])) for area in Area.values}


def _calendar(area: str, days: Iterable[tuple[date, str, bool]]) -> Workdays:
    days = list(days)
    return Workdays(
        {day: name for day, name, is_open in days if not is_open},
        frozenset(day for day, _name, is_open in days if is_open),
        area,
    )
