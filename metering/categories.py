"""The other categories as one table: their columns in files, how each is read and written, what is held against it.

docs/usage-categories.md documents the columns for whoever makes the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering.formats.csv import day_of
from metering.formats.errors import shown
from metering.formats.fixed import LARGEST_MONTH
from metering.formats.kwh import BadNumber, kwh_text, parse_kwh
from metering.halfhours import JST, SLOTS
from metering.models import CategoryRow, ContractPower, Interruption, SortedEnergy, UsageFile

ONE_MINUTE = timedelta(minutes=1)
PREVIOUS = tuple(f"previous_{at}" for at in range(1, 12))


class BadCell(Exception):
    """A cell that cannot be: `code` and `params` make the sentence, `column` is where it stands."""

    def __init__(self, code: str, column: str, value: str, **params: object) -> None:
        self.code, self.column = code, column
        self.params = {"column": column, "value": shown(value), **params}
        super().__init__(code, column)


Cells = dict[str, str]


@dataclass(frozen=True)
class Category:
    """One category: its format and word in addresses, the table, the columns after `supply_point`, both ways."""

    format: str
    slug: str
    title: str | Promise
    model: type[CategoryRow]
    columns: tuple[str, ...]
    read: Callable[[Cells], dict[str, Any]]
    write: Callable[[Any], list[str]]

    @property
    def header(self) -> tuple[str, ...]:
        return ("supply_point", *self.columns)


def _day(cells: Cells, column: str) -> date:
    found = day_of(cells[column])
    if isinstance(found, str):
        raise BadCell("cell_day", column, cells[column])
    return found


def _month(cells: Cells, column: str) -> date:
    text = cells[column]
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text, re.ASCII):
        raise BadCell("cell_month", column, text)
    return date(int(text[:4]), int(text[5:]), 1)


def _moment(cells: Cells, column: str) -> datetime:
    try:
        found = datetime.strptime(cells[column], "%Y-%m-%d %H:%M")
    except ValueError:
        raise BadCell("cell_moment", column, cells[column]) from None
    return found.replace(tzinfo=JST)


def _whole(cells: Cells, column: str, *, most: int) -> int:
    text = cells[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= most):
        raise BadCell("cell_number", column, text, most=most)
    return int(text)


def _amount(cells: Cells, column: str) -> int:
    try:
        found = parse_kwh(cells[column], largest=LARGEST_MONTH) if cells[column] else -1
    except BadNumber:
        found = -1
    if found < 0:
        raise BadCell("cell_amount", column, cells[column])
    return found


def _read_interruption(cells: Cells) -> dict[str, Any]:
    on, began, ended = _day(cells, "date"), _moment(cells, "from"), _moment(cells, "to")
    minutes = _whole(cells, "minutes", most=100_000)
    if began.date() != on:
        raise BadCell("cell_other_day", "from", cells["from"])
    if ended <= began:
        raise BadCell("cell_order", "to", cells["to"])
    if minutes != (ended - began) // ONE_MINUTE:
        raise BadCell("cell_minutes", "minutes", cells["minutes"], expected=(ended - began) // ONE_MINUTE)
    if not cells["cause"] or len(cells["cause"]) > 80:
        raise BadCell("cell_text", "cause", cells["cause"], most=80)
    if cells["planned"] not in ("0", "1"):
        raise BadCell("cell_flag", "planned", cells["planned"])
    return {
        "on": on,
        "began_at": began,
        "ended_at": ended,
        "minutes": minutes,
        "cause": cells["cause"],
        "planned": cells["planned"] == "1",
        "days_counted": _whole(cells, "days_counted", most=1),
    }


def _write_interruption(row: Interruption) -> list[str]:
    return [
        row.on.isoformat(),
        f"{row.began_at.astimezone(JST):%Y-%m-%d %H:%M}",
        f"{row.ended_at.astimezone(JST):%Y-%m-%d %H:%M}",
        str(row.minutes),
        row.cause,
        str(int(row.planned)),
        str(row.days_counted),
    ]


def _read_sorted(cells: Cells) -> dict[str, Any]:
    if not cells["contract"] or len(cells["contract"]) > 30:
        raise BadCell("cell_text", "contract", cells["contract"], most=30)
    slot = _whole(cells, "slot", most=SLOTS)
    if not slot:
        raise BadCell("cell_slot", "slot", cells["slot"])
    whole, later = _amount(cells, "kwh"), _amount(cells, "sorted_kwh")
    if later > whole:
        raise BadCell("cell_sorted", "sorted_kwh", cells["sorted_kwh"])
    return {"on": _day(cells, "date"), "contract": cells["contract"], "slot": slot, "wh": whole, "sorted_wh": later}


def _write_sorted(row: SortedEnergy) -> list[str]:
    return [row.contract, row.on.isoformat(), str(row.slot), kwh_text(row.wh), kwh_text(row.sorted_wh)]


def _read_power(cells: Cells) -> dict[str, Any]:
    return {
        "on": _month(cells, "month"),
        "max_demand_w": _amount(cells, "max_demand_kw"),
        "max_at": _moment(cells, "max_at"),
        "previous_w": [_amount(cells, column) if cells[column] else None for column in PREVIOUS],
        "contract_w": _amount(cells, "contract_kw"),
        "from_month": _month(cells, "from_month"),
    }


def _write_power(row: ContractPower) -> list[str]:
    return [
        f"{row.on:%Y-%m}",
        kwh_text(row.max_demand_w),
        f"{row.max_at.astimezone(JST):%Y-%m-%d %H:%M}",
        *("" if wh is None else kwh_text(wh) for wh in row.previous_w),
        kwh_text(row.contract_w),
        f"{row.from_month:%Y-%m}",
    ]


_F = UsageFile.Format
CATEGORIES = (
    Category(
        _F.INTERRUPTION,
        "interruptions",
        _("Interruption discounts"),
        Interruption,
        ("date", "from", "to", "minutes", "cause", "planned", "days_counted"),
        _read_interruption,
        _write_interruption,
    ),
    Category(
        _F.SORTED_ENERGY,
        "sorted-energy",
        _("Generators' sorted energy"),
        SortedEnergy,
        ("contract", "date", "slot", "kwh", "sorted_kwh"),
        _read_sorted,
        _write_sorted,
    ),
    Category(
        _F.CONTRACT_POWER,
        "contract-power",
        _("Contract power results"),
        ContractPower,
        ("month", "max_demand_kw", "max_at", *PREVIOUS, "contract_kw", "from_month"),
        _read_power,
        _write_power,
    ),
)
OF_FORMAT = {category.format: category for category in CATEGORIES}
OF_SLUG = {category.slug: category for category in CATEGORIES}
