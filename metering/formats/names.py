"""File names of the Business Protocol as data: what a name says is read and written in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, time

from metering.formats.errors import Unreadable, shown

GRAMMAR = re.compile(
    r"^(?:W4(01|11)(10|20)(\d{12})(\d{2})(\d{2}|\d{4})|W5(12|13|14)(10|20)(\d{8})(\d{2})(\d{5}))\.zip$",
    re.ASCII,
)
SPLIT_DIGITS = {"01": 2, "11": 4, "12": 5, "13": 5, "14": 5}
CODES = ("0110", "0120", "1110", "1120", "1210", "1220", "1310", "1320", "1410", "1420")


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file name says (domain notes, metering §2).

    code      information code: 0110/1110 half-hour, 0120/1120 day, 1210/1220 fixed, 1310/1320 meter
              exchange, 1410/1420 off-cycle
    day       W4: day of the metered interval; W5: meter-reading day
    start     W4: start of the interval (00:00 for a day file); None in W5
    revision  0 for the first publication; a republication is a higher one, 0 to 99
    split     number of the part within a revision, from 0
    """

    code: str
    day: date
    start: time | None = None
    revision: int = 0
    split: int = 0

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not an information code of usage files")
        if (self.family == "W4") != (self.start is not None):
            raise ValueError("a W4 name carries the start of its interval, a W5 name does not")
        if self.start is not None and (self.start.minute % 30 or self.start.second or self.start.microsecond):
            raise ValueError("an interval starts at minute 00 or 30")
        if self.is_day and self.start != time():
            raise ValueError("a whole day starts at 00:00")
        if not 0 <= self.revision <= 99:
            raise ValueError("the revision has two digits: 0 to 99")
        if not 0 <= self.split < 10 ** SPLIT_DIGITS[self.code[:2]]:
            raise ValueError(f"the split of {self.code} has {SPLIT_DIGITS[self.code[:2]]} digits")

    @property
    def family(self) -> str:
        """W4 (half-hours and days) or W5 (fixed, exchange, off-cycle)."""
        return "W4" if self.code[:2] in ("01", "11") else "W5"

    @property
    def is_day(self) -> bool:
        """Whether the file holds a whole day of 48 slots."""
        return self.code in ("0120", "1120")

    @property
    def is_low_voltage(self) -> bool:
        """Whether the file holds low-voltage points."""
        return self.code[:2] == "11" if self.family == "W4" else self.code[2:] == "20"

    @property
    def slot(self) -> int | None:
        """The slot a half-hour file holds, from 1; None for the other kinds."""
        if self.start is None or self.is_day:
            return None
        return (self.start.hour * 60 + self.start.minute) // 30 + 1

    @property
    def order(self) -> tuple[int, int]:
        """Reading order among files of one code and interval: later overwrites earlier."""
        return self.revision, self.split

    def with_split(self, split: int) -> FileName:
        """The name of another part of the same revision. ValueError when it needs too many digits."""
        return replace(self, split=split)

    def __str__(self) -> str:
        start = "" if self.start is None else f"{self.start:%H%M}"
        digits = SPLIT_DIGITS[self.code[:2]]
        return f"{self.family}{self.code}{self.day:%Y%m%d}{start}{self.revision:02}{self.split:0{digits}}.zip"

    @property
    def xml(self) -> str:
        """Name of the one entry inside the zip file."""
        return str(self).removesuffix(".zip") + ".xml"


def build(code: str, day: date, *, revision: int = 0, split: int = 0, start: time | None = None) -> FileName:
    """A name from its parts; a W4 name without `start` starts at 00:00. ValueError for parts that cannot be."""
    if start is None and code[:2] in ("01", "11"):
        start = time()
    return FileName(code, day, start, revision, split)


def parse(name: str) -> FileName:
    """Read a file name. Unreadable (name_form, name_date, name_start, name_split) says what is wrong with it."""
    found = GRAMMAR.fullmatch(name)
    if found is None:
        raise Unreadable("name_form", value=shown(name))
    kind, span, moment, revision, split = (part for part in found.groups() if part is not None)
    try:
        day = date(int(moment[:4]), int(moment[4:6]), int(moment[6:8]))
        start = time(int(moment[8:10]), int(moment[10:12])) if len(moment) == 12 else None
    except ValueError:
        raise Unreadable("name_date", value=name, part=moment) from None
    if len(split) != SPLIT_DIGITS[kind]:
        raise Unreadable("name_split", value=name, count=len(split), expected=SPLIT_DIGITS[kind])
    if start is not None and (start.minute % 30 or (span == "20" and start != time())):
        raise Unreadable("name_start", value=name)
    return FileName(kind + span, day, start, int(revision), int(split))
