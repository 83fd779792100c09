"""Checks on arrival (VEE) as one table: what each looks at, whether it refuses the row, and how it says so.

Every check runs over a whole block of day rows at once. Rules: domain notes, metering §5; the codes V01… are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from metering.formats.blocks import DayBlock
from metering.formats.csv import SLOT_COLUMNS
from metering.formats.errors import REASONS
from metering.formats.kwh import kwh_text
from metering.halfhours import JST, NULL, SLOTS

LATE_HOUR = 6
"""[default] A day file is on time until this hour (JST) of the next day (domain notes, metering §4)."""


class Result(TextChoices):
    """What a check does to the row it strikes."""

    REFUSE = "refuse", _("refused")
    WARN = "warn", _("warning")
    INFO = "info", _("information")


@dataclass(frozen=True)
class Check:
    """One check: its code in the domain notes ("" for a rule of the portal), its result and its sentence."""

    check: str
    result: Result
    sentence: str | Promise


CHECKS: dict[str, Check] = {
    "day_future": Check("", Result.REFUSE, _("%(day)s lies in the future; usage is taken in afterwards.")),
    "slot_future": Check(
        "", Result.REFUSE, _("Slot %(slot)s of %(day)s is not over yet, but the row has a value for it.")
    ),
    "day_too_old": Check(
        "",
        Result.REFUSE,
        _("%(day)s is too long ago: usage is kept and corrected back to %(oldest)s."),
    ),
    "point_unknown": Check(
        "V01", Result.REFUSE, _("Your network has no supply point %(number)s. Please compare the number.")
    ),
    "point_inactive": Check(
        "V01", Result.REFUSE, _("Supply point %(number)s was not active on %(day)s: nobody was supplied there.")
    ),
    "row_differs": Check(
        "V02",
        Result.REFUSE,
        _(
            "This point, meter and day stand twice in the file with different values; "
            "the first of the rows was taken in. Please send the right values as a correction."
        ),
    ),
    "negative": Check(
        "V04",
        Result.REFUSE,
        _("Slot %(slot)s: %(value)s kWh is negative. Feed-in has a supply point number of its own."),
    ),
    "month_amount_missing": Check(
        "V08", Result.REFUSE, _("The fixed usage of supply point %(number)s is missing (JP06426).")
    ),
    "month_negative": Check(
        "V04",
        Result.REFUSE,
        _("Supply point %(number)s has a negative amount. Feed-in has a supply point number of its own."),
    ),
    "month_sum": Check(
        "V08",
        Result.REFUSE,
        _("Supply point %(number)s: the month has %(month)s kWh, its half-hours together have %(sum)s kWh."),
    ),
    "sorted_above_whole": Check(
        "V08", Result.REFUSE, _("Supply point %(number)s: energy after sorting is more than the whole.")
    ),
    "above_contract": Check(
        "V05", Result.WARN, _("A half-hour is above one and a half times what the contract size allows.")
    ),
    "resolution": Check("V11", Result.WARN, _("A value is no multiple of the point's resolution.")),
    "overtaken": Check(
        "V14", Result.WARN, _("A file received later brought other values already; those stay in force.")
    ),
    "meter_unclear": Check(
        "", Result.WARN, _("It is unclear which meter was removed and which installed; none was changed.")
    ),
    "gaps": Check("V03", Result.INFO, _("Half-hours are missing.")),
    "late": Check("V03", Result.INFO, _("The row came later than 06:00 of the next day.")),
    "half_hour_late": Check("V03", Result.INFO, _("The half-hour came later than 60 minutes after its end.")),
    "revision_jump": Check(
        "V14",
        Result.WARN,
        _("The file name's revision leaves out a number: an earlier file seems to be missing."),
    ),
}

FILE_PROBLEMS: dict[str, str | Promise] = {
    "name_kind": _(
        "“%(name)s” is no usage file by its name. Taken in are CSV (.csv, .csv.gz), Parquet (.parquet), Green Button "
        "(.xml), JSON lines (.jsonl) and files of the Business Protocol (W4….zip, W5….zip)."
    ),
    "content_differs": _("“%(name)s” is by its name %(expected)s, but its content is something else."),
    "file_too_large": _("The file has %(size)s bytes; at most %(limit)s are taken in. Please split it."),
    "file_empty": _("The file is empty."),
    "infected": _("The file holds something harmful (%(found)s) and was not kept. Please have your computer checked."),
    "not_scanned": _(
        "The file could not be checked for harmful content and was not kept. Please try again in a few minutes."
    ),
    "bp_name_differs": _(
        "The name of the file says %(name_code)s of %(name_day)s, "
        "the message inside says %(message_code)s of %(message_day)s."
    ),
    "bp_sender": _("The message names “%(sender)s” as its sender; your participant codes are %(known)s."),
    "bp_test": _("The message is marked as a test (JPC03 = 1), so its values are not taken in."),
}


def sentence(code: str, params: Mapping[str, object] | None = None) -> str:
    """The sentence for any reason a row or a file was refused, in the language of the moment.

    Knows the checks, the problems of files and the reasons of `metering.formats`; a code nobody knows (of an
    older release) is given back as it is.
    """
    known = CHECKS.get(code)
    words = known.sentence if known else FILE_PROBLEMS.get(code) or REASONS.get(code)
    if words is None:
        return code
    try:
        return str(words) % dict(params or {})
    except (KeyError, TypeError, ValueError):
        return str(words)


@dataclass(frozen=True)
class Bounds:
    """The days a file may bring, seen from one moment: `oldest` to `today`, and how many slots of today are over."""

    oldest: date
    today: date
    slots_over: int
    received_at: datetime

    @classmethod
    def of(cls, *, now: datetime, received_at: datetime, months_kept: int) -> Bounds:
        """Bounds for a file taken in at `now`; days are kept for `months_kept` months, counted to the day."""
        local = now.astimezone(JST)
        months = local.year * 12 + local.month - 1 - months_kept
        oldest = date(months // 12, months % 12 + 1, min(local.day, 28))
        return cls(oldest, local.date(), (local.hour * 60 + local.minute) // 30, received_at)


@dataclass(frozen=True)
class Facts:
    """What is known of each row's point, as arrays [n].

    point_ids   int64, 0 where the sender's network has no such point
    active      bool, energised now or supplied by somebody on the row's day
    limits      int64 Wh a half-hour may have before V05 warns, 0 for no limit
    resolution  int64 Wh
    """

    point_ids: NDArray[np.int64]
    active: NDArray[np.bool_]
    limits: NDArray[np.int64]
    resolution: NDArray[np.int64]


@dataclass
class Findings:
    """What the checks found: per refused row its code, and per warning or information the rows it strikes."""

    codes: NDArray[np.int8]
    names: tuple[str, ...]
    noted: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def good(self) -> NDArray[np.bool_]:
        return self.codes == 0

    def code_of(self, row: int) -> str:
        """The reason the row is refused for; "" when it is not."""
        at = int(self.codes[row])
        return self.names[at - 1] if at else ""


_REFUSING = tuple(code for code, check in CHECKS.items() if check.result == Result.REFUSE)


def examine(block: DayBlock, facts: Facts, bounds: Bounds) -> Findings:
    """Run every check over a block in one pass; a row is refused for the first reason of the table that strikes it.

    V02 between rows needs what is stored and is the intake's own (`row_differs`).
    """
    values, days = block.values, block.days
    present = values != NULL
    today = np.datetime64(bounds.today, "D")
    is_today = days == today
    struck: dict[str, NDArray[np.bool_]] = {
        "day_future": days > today,
        "day_too_old": days < np.datetime64(bounds.oldest, "D"),
        "point_unknown": facts.point_ids == 0,
        "point_inactive": ~facts.active,
        "negative": ((values < 0) & present).any(axis=1),
    }
    if is_today.any():
        struck["slot_future"] = is_today & present[:, bounds.slots_over :].any(axis=1)
    codes = np.zeros(len(block), np.int8)
    for at, code in enumerate(_REFUSING, 1):
        if code in struck:
            codes[struck[code] & (codes == 0)] = at
    good = codes == 0
    above = (facts.limits > 0) & (values.max(axis=1, initial=NULL) > facts.limits)
    steps = np.unique(facts.resolution[good & (facts.resolution > 1)])
    uneven = np.zeros(len(block), bool)
    for step in steps.tolist():
        rows = good & (facts.resolution == step)
        uneven[rows] = ((values[rows] % step != 0) & present[rows]).any(axis=1)
    noted = {
        "above_contract": good & above,
        "resolution": uneven,
        "gaps": good & ~present.all(axis=1),
        "late": good & _late(days, bounds.received_at),
    }
    return Findings(codes, _REFUSING, {code: rows for code, rows in noted.items() if rows.any()})


def particulars(code: str, block: DayBlock, row: int, bounds: Bounds) -> tuple[str, dict[str, Any]]:
    """The column a refusal points at and what fills its sentence."""
    day = block.days[row].item()
    values = block.values[row]
    if code == "negative":
        slot = int(np.flatnonzero((values < 0) & (values != NULL))[0])
        return SLOT_COLUMNS[slot], {"slot": f"{slot + 1:02}", "value": kwh_text(int(values[slot]))}
    if code == "slot_future":
        later = np.flatnonzero(values[bounds.slots_over :] != NULL)
        slot = bounds.slots_over + int(later[0])
        return SLOT_COLUMNS[min(slot, SLOTS - 1)], {"slot": f"{slot + 1:02}", "day": day.isoformat()}
    if code in ("day_future", "day_too_old"):
        return "date", {"day": day.isoformat(), "oldest": bounds.oldest.isoformat()}
    number = block.points[row].decode()
    return "supply_point" if code != "row_differs" else "", {"number": number, "day": day.isoformat()}


def _late(days: NDArray[np.datetime64], received_at: datetime) -> NDArray[np.bool_]:
    """Rows whose day had to be delivered before the moment."""
    newest_late = (received_at.astimezone(JST) - timedelta(days=1, hours=LATE_HOUR)).date()
    result: NDArray[np.bool_] = days <= np.datetime64(newest_late, "D")
    return result
