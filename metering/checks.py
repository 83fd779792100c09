"""Checks on arrival (VEE) as one table: what each looks at, whether it refuses the row, and how it says so.

Every check runs over a whole block of day rows at once. Rules: domain notes, metering §5; the codes V01… are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from metering.check_rules import DEFAULTS, InForce
from metering.formats.blocks import DayBlock
from metering.formats.csv import SLOT_COLUMNS
from metering.formats.errors import REASONS
from metering.formats.kwh import kwh_text
from metering.halfhours import JST, NULL, SLOTS
from metering.vee import KEEPS_OUT

LATE_HOUR = 6
"""[default] A day file is on time until this hour (JST) of the next day (domain notes, metering §4)."""


@dataclass(frozen=True)
class Check:
    """One reason: its check in the domain notes ("" for a rule of the portal, which always refuses) and its sentence.

    What a check results in is decided by the rules in force (metering.check_rules).
    """

    check: str
    sentence: str | Promise


CHECKS: dict[str, Check] = {
    "day_future": Check("", _("%(day)s lies in the future; usage is taken in afterwards.")),
    "slot_future": Check("", _("Slot %(slot)s of %(day)s is not over yet, but the row has a value for it.")),
    "day_too_old": Check(
        "",
        _("%(day)s is too long ago: usage is kept and corrected back to %(oldest)s."),
    ),
    "point_unknown": Check("V01", _("Your network has no supply point %(number)s. Please compare the number.")),
    "point_inactive": Check("V01", _("Supply point %(number)s was not active on %(day)s: nobody was supplied there.")),
    "row_differs": Check(
        "V02",
        _(
            "This point, meter and day stand twice in the file with different values; "
            "the first of the rows was taken in. Please send the right values as a correction."
        ),
    ),
    "negative": Check(
        "V04",
        _("Slot %(slot)s: %(value)s kWh is negative. Feed-in has a supply point number of its own."),
    ),
    "month_amount_missing": Check("", _("The fixed usage of supply point %(number)s is missing (JP06426).")),
    "month_negative": Check(
        "V04",
        _("Supply point %(number)s has a negative amount. Feed-in has a supply point number of its own."),
    ),
    "month_sum": Check(
        "V08",
        _("Supply point %(number)s: the month has %(month)s kWh, its half-hours together have %(sum)s kWh."),
    ),
    "sorted_above_whole": Check("V08", _("Supply point %(number)s: energy after sorting is more than the whole.")),
    "above_contract": Check("V05", _("A half-hour is above what the contract size allows.")),
    "spike": Check("V06", _("A half-hour stands far above the other high ones of its day.")),
    "resolution": Check("V11", _("A value is no multiple of the point's resolution.")),
    "overtaken": Check("V14", _("A file received later brought other values already; those stay in force.")),
    "meter_unclear": Check("", _("It is unclear which meter was removed and which installed; none was changed.")),
    "gaps": Check("V03", _("Half-hours are missing.")),
    "late": Check("V03", _("The row came later than 06:00 of the next day.")),
    "half_hour_late": Check("V03", _("The half-hour came later than 60 minutes after its end.")),
    "register_kind": Check(
        "", _("“%(value)s” is no kind of reading. Write regular (00:00 of the day), put_up or taken_away.")
    ),
    "register_number": Check(
        "", _("“%(value)s” is no register reading. Write kWh from 0 with at most three decimals, for example 12345.6.")
    ),
    "register_differs": Check(
        "V02",
        _("This meter, day and kind stand twice in the file with different readings; the first one was taken in."),
    ),
    "revision_jump": Check(
        "V14",
        _("The file name's revision leaves out a number: an earlier file seems to be missing."),
    ),
}

CELLS: dict[str, str | Promise] = {
    "cell_day": _("Column %(column)s: “%(value)s” is not a day. Write it as 2026-04-01."),
    "cell_month": _("Column %(column)s: “%(value)s” is not a month. Write it as 2026-04."),
    "cell_moment": _("Column %(column)s: “%(value)s” is not a time. Write it as 2026-04-01 13:30."),
    "cell_number": _("Column %(column)s: “%(value)s” is not a whole number from 0 to %(most)s."),
    "cell_slot": _("Column %(column)s: “%(value)s” is not a slot. Write 1 to 48; slot 1 is 00:00 to 00:30."),
    "cell_amount": _(
        "Column %(column)s: “%(value)s” is no amount. Write it with a decimal point and at most three decimals."
    ),
    "cell_text": _("Column %(column)s: a text of 1 to %(most)s characters is expected, not “%(value)s”."),
    "cell_flag": _("Column %(column)s: “%(value)s” is neither 0 (no) nor 1 (yes)."),
    "cell_other_day": _("Column %(column)s: “%(value)s” is on another day than the row's date."),
    "cell_order": _("Column %(column)s: “%(value)s” does not lie after the beginning."),
    "cell_minutes": _("Column %(column)s: “%(value)s” minutes, but from beginning to end there are %(expected)s."),
    "cell_sorted": _("Column %(column)s: “%(value)s” kWh after sorting is more than the whole."),
}
"""What is wrong with a cell of the other categories' files."""

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
    words = known.sentence if known else FILE_PROBLEMS.get(code) or CELLS.get(code) or REASONS.get(code)
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
    limits      int64 Wh the contract size allows in half an hour, 0 for no limit
    resolution  int64 Wh
    scopes      int8, area and class as a place in check_rules.SCOPES
    """

    point_ids: NDArray[np.int64]
    active: NDArray[np.bool_]
    limits: NDArray[np.int64]
    resolution: NDArray[np.int64]
    scopes: NDArray[np.int8]


@dataclass
class Findings:
    """What the checks found: per refused row its reason, and per reason that lets rows in how hard it strikes each.

    `noted` holds per reason the RANK of the severity per row, 0 where it does not strike.
    """

    codes: NDArray[np.int8]
    names: tuple[str, ...]
    noted: dict[str, NDArray[np.int8]] = field(default_factory=dict)

    @property
    def good(self) -> NDArray[np.bool_]:
        return self.codes == 0

    def code_of(self, row: int) -> str:
        """The reason the row is refused for; "" when it is not."""
        at = int(self.codes[row])
        return self.names[at - 1] if at else ""


_REASONS = tuple(CHECKS)


def examine(
    block: DayBlock, facts: Facts, bounds: Bounds, rules: InForce = DEFAULTS, *, whole_days: bool = True
) -> Findings:
    """Run every check over a block in one pass; a row is refused for the first reason of the table that strikes it.

    V02 between rows needs what is stored and is the intake's own (`row_differs`). Rows that hold half-hours of days
    not yet over are not asked what only a whole day can answer (V03, V06).
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
    }
    if is_today.any():
        struck["slot_future"] = is_today & present[:, bounds.slots_over :].any(axis=1)
    highest = values.max(axis=1, initial=NULL)
    if not rules.is_off("V04"):
        struck["negative"] = ((values < 0) & present).any(axis=1)
    if not rules.is_off("V05"):
        most = facts.limits * _per_row(rules.figures("V05", "factor"), facts.scopes)
        struck["above_contract"] = (facts.limits > 0) & (highest > most)
    if whole_days and not rules.is_off("V06"):
        struck["spike"] = _spikes(values, highest, facts.scopes, rules)
    if not rules.is_off("V11"):
        struck["resolution"] = _uneven(values, present, facts.resolution)
    if whole_days and not rules.is_off("V03"):
        struck["gaps"] = ~present.all(axis=1)
        struck["late"] = _late(days, bounds.received_at)
    codes = np.zeros(len(block), np.int8)
    noted: dict[str, NDArray[np.int8]] = {}
    for at, reason in enumerate(_REASONS, 1):
        rows = struck.get(reason)
        if rows is None or not rows.any():
            continue
        check = CHECKS[reason].check
        if not check:
            codes[rows & (codes == 0)] = at
            continue
        ranks = np.where(rows, _per_row(rules.severities(check), facts.scopes), np.int8(0))
        codes[(ranks >= KEEPS_OUT) & (codes == 0)] = at
        noted[reason] = np.where(ranks < KEEPS_OUT, ranks, np.int8(0))
    good = codes == 0
    noted = {reason: np.where(good, ranks, np.int8(0)) for reason, ranks in noted.items()}
    return Findings(codes, _REASONS, {reason: ranks for reason, ranks in noted.items() if ranks.any()})


def _per_row(per_scope: NDArray[Any], scopes: NDArray[np.int8]) -> Any:
    """What holds for each row; one value for all where the scopes do not differ, which is nearly always."""
    return per_scope[0] if (per_scope == per_scope[0]).all() else per_scope[scopes]


def _spikes(
    values: NDArray[np.int32], highest: NDArray[np.int32], scopes: NDArray[np.int8], rules: InForce
) -> NDArray[np.bool_]:
    """Rows whose highest half-hour is more than so many % above the third highest.

    That is so when fewer than three values reach what the highest would have to come down to.
    """
    within = 100 + _per_row(rules.figures("V06", "percent"), scopes)
    floor = np.maximum(np.ceil(highest * 100.0 / within - 1e-6), 1).astype(np.int32)
    near = np.count_nonzero(values >= floor[:, None], axis=1)
    struck: NDArray[np.bool_] = (near < 3) & (highest >= _per_row(rules.figures("V06", "least_wh"), scopes))
    rows = np.flatnonzero(struck)
    struck[rows] = np.count_nonzero(values[rows] != NULL, axis=1) >= 3
    return struck


def _uneven(values: NDArray[np.int32], present: NDArray[np.bool_], resolution: NDArray[np.int64]) -> NDArray[np.bool_]:
    uneven = np.zeros(len(values), bool)
    for step in np.unique(resolution[resolution > 1]).tolist():
        rows = resolution == step
        chosen = slice(None) if rows.all() else rows
        uneven[chosen] = ((values[chosen] % step != 0) & present[chosen]).any(axis=1)
    return uneven


def numbers(reason: str, values: NDArray[np.int32], limit: int, step: int) -> dict[str, int]:
    """What a finding about one row says: slot (from 1), Wh and what it was held to."""
    present = values != NULL
    slot = int(np.argmax(values))
    if reason == "above_contract":
        return {"slot": slot + 1, "wh": int(values[slot]), "most_wh": limit}
    if reason == "spike":
        return {"slot": slot + 1, "wh": int(values[slot]), "third_wh": int(np.sort(values)[-3])}
    if reason == "resolution":
        slot = int(np.flatnonzero(present & (values % step != 0))[0])
        return {"slot": slot + 1, "wh": int(values[slot]), "step_wh": step}
    if reason == "negative":
        slot = int(np.flatnonzero(present & (values < 0))[0])
        return {"slot": slot + 1, "wh": int(values[slot])}
    return {"missing": int(np.count_nonzero(~present))}


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
    if code in ("above_contract", "spike"):
        return SLOT_COLUMNS[int(np.argmax(values))], {}
    if code in ("gaps", "late", "resolution"):
        return "", {}
    number = block.points[row].decode()
    return "supply_point" if code != "row_differs" else "", {"number": number, "day": day.isoformat()}


def _late(days: NDArray[np.datetime64], received_at: datetime) -> NDArray[np.bool_]:
    """Rows whose day had to be delivered before the moment."""
    newest_late = (received_at.astimezone(JST) - timedelta(days=1, hours=LATE_HOUR)).date()
    result: NDArray[np.bool_] = days <= np.datetime64(newest_late, "D")
    return result
