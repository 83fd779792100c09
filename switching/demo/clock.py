"""The demo's calendar: which moments of the past weeks a story may happen at, told from today alone."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from portal.workdays import JST, Workdays, jst_date


@dataclass(frozen=True)
class Clock:
    """`end` is the moment the demo stands at; nothing of it happens later."""

    end: datetime
    workdays: Workdays = field(default_factory=Workdays)

    @property
    def today(self) -> date:
        return jst_date(self.end)

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """A moment of a day in Japan."""
        return datetime.combine(day, time(hour, minute), JST)

    def no_later(self, moment: datetime, *, before_end: timedelta = timedelta()) -> datetime:
        """The moment, or `before_end` before the end where it has not come yet."""
        return min(moment, self.end - before_end)

    def business_day(self, count: int) -> date:
        """0 is today or, on a closed day, the last business day; negative counts back from it, positive from today."""
        if count > 0:
            return self.workdays.add(self.today, count)
        last = self.today if self.workdays.is_open(self.today) else self.workdays.add(self.today, -1)
        return self.workdays.add(last, count)

    def business_day_before(self, day: date) -> date:
        """The day itself when it is a business day, else the last one before it."""
        return day if self.workdays.is_open(day) else self.workdays.add(day, -1)
