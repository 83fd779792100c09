"""What a cell of a supply point, a meter and a day may hold: the same for every format of usage."""

from __future__ import annotations

import re
from datetime import date

from metering.formats.blocks import METER_LENGTH, POINT_LENGTH
from metering.formats.errors import shown


def point_fault(number: str) -> tuple[str, dict[str, object]] | None:
    """Why a text is no supply point number (reason code and params), None when it is one.

    22 ASCII digits without a check digit; area and voltage are judged where the market is known.
    """
    if not number:
        return "point_missing", {}
    if not (number.isascii() and number.isdigit()):
        return "point_characters", {"value": shown(number)}
    if len(number) == 17:
        return "point_gas", {}
    if len(number) != POINT_LENGTH:
        return "point_length", {"count": len(number)}
    return None


def meter_fault(meter: str) -> tuple[str, dict[str, object]] | None:
    """Why a text is no meter control number (reason code and params), None when it is one: "" to 16 characters."""
    if len(meter) > METER_LENGTH:
        return "meter_length", {"count": len(meter)}
    if not meter.isprintable() or set(meter) & set(',"<>&') or meter != meter.strip():
        return "meter_characters", {"value": shown(meter)}
    return None


def day_of(text: str) -> date | str:
    """The day of 2026-04-01, 2026/4/1 or 20260401; else the code of the reason."""
    if not text:
        return "date_missing"
    found = re.fullmatch(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})|(\d{4})(\d\d)(\d\d)", text, re.ASCII)
    if found is None:
        return "date_form"
    year, month, day = (int(part) for part in found.group(*((1, 3, 4) if found[1] else (5, 6, 7))))
    try:
        return date(year, month, day)
    except ValueError:
        return "date_unknown"
