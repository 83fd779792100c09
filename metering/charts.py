"""Usage as pictures made on the server: bars of months, a heat map of half-hours. Plain SVG, colours in the sheet."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.templatetags.words import jst, kwh

SHADES = 8
BAR_HEIGHT, BAR_STEP, BAR_WIDTH, LEFT, TOP = 160, 46, 30, 56, 22
CELL, CELL_HEIGHT, DAY_LEFT = 14, 12, 104
CARPET_LEFT, CARPET_STEP, CARPET_HEIGHT, LINE_WIDTH = 40, 2, 288, 720


class Month(NamedTuple):
    """A month's usage in Wh; None where there is no value."""

    month: date
    wh: int | None


class HalfHours(NamedTuple):
    """A day's usage in Wh per slot; None where there is no value."""

    day: date
    values: Sequence[int | None]


def month_bars(months: Sequence[Month]) -> SafeString:
    """One bar per month with its figure above; a month without a value is a dash, not a zero."""
    highest = max((month.wh or 0 for month in months), default=0) or 1
    width = LEFT + BAR_STEP * len(months)
    bars = format_html_join(
        "\n",
        '<g class="bar{}"><title>{}: {} kWh</title><rect x="{}" y="{}" width="{}" height="{}"></rect>'
        '<text class="figure" x="{}" y="{}">{}</text><text class="tick" x="{}" y="{}">{}</text></g>',
        (
            (
                "" if month.wh is not None else " bar-missing",
                date_format(month.month, "Y-m"),
                kwh(month.wh, 0),
                LEFT + BAR_STEP * at + (BAR_STEP - BAR_WIDTH) // 2,
                TOP + BAR_HEIGHT - (height := round((month.wh or 0) / highest * BAR_HEIGHT)),
                BAR_WIDTH,
                height,
                LEFT + BAR_STEP * at + BAR_STEP // 2,
                TOP + BAR_HEIGHT - height - 5,
                kwh(None if month.wh is None else round(month.wh, -3), 0),
                LEFT + BAR_STEP * at + BAR_STEP // 2,
                TOP + BAR_HEIGHT + 17,
                date_format(month.month, "y-m"),
            )
            for at, month in enumerate(months)
        ),
    )
    return format_html(
        '<svg class="chart chart-months" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"></line><text class="unit" x="0" y="{}">kWh</text>{}</svg>',
        width,
        TOP + BAR_HEIGHT + 26,
        _("Usage by month; the table below holds the figures."),
        LEFT - 8,
        TOP + BAR_HEIGHT,
        width,
        TOP + BAR_HEIGHT,
        TOP + BAR_HEIGHT + 17,
        bars,
    )


def heat_map(days: Sequence[HalfHours]) -> SafeString:
    """A row per day, a cell per half-hour, darker for more; an empty cell where no value came in."""
    slots = max((len(day.values) for day in days), default=48)
    highest = max((value for day in days for value in day.values if value is not None), default=0) or 1
    per_hour = slots // 24
    width, height = DAY_LEFT + CELL * slots, 18 + CELL_HEIGHT * len(days)
    hours = format_html_join(
        "",
        '<text class="tick" x="{}" y="12">{}</text>',
        ((DAY_LEFT + CELL * per_hour * hour, f"{hour}:00") for hour in range(0, 24, 3)),
    )
    rows = format_html_join(
        "\n",
        '<g><text class="day" x="0" y="{}">{}</text>{}</g>',
        (
            (18 + CELL_HEIGHT * at + CELL_HEIGHT - 2, jst(day.day), _cells(day, 18 + CELL_HEIGHT * at, highest))
            for at, day in enumerate(days)
        ),
    )
    return format_html(
        '<svg class="chart chart-heat" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        width,
        height,
        _("Usage by half-hour; the table below holds the figures."),
        hours,
        rows,
    )


def carpet(days: Sequence[HalfHours]) -> SafeString:
    """A column per day, midnight at the top: a year of half-hours on one screen, drawn as one path per shade."""
    slots = max((len(day.values) for day in days), default=48)
    highest = max((value for day in days for value in day.values if value is not None), default=0) or 1
    tall = CARPET_HEIGHT // slots
    paths: dict[str, list[str]] = {}
    for at, day in enumerate(days):
        x = CARPET_LEFT + CARPET_STEP * at
        names = [shade(value, highest) for value in day.values]
        start = 0
        for slot in range(1, len(names) + 1):
            if slot == len(names) or names[slot] != names[start]:
                path = f"M{x} {TOP + tall * start}h{CARPET_STEP}v{tall * (slot - start)}h-{CARPET_STEP}z"
                paths.setdefault(names[start], []).append(path)
                start = slot
    width, height = CARPET_LEFT + CARPET_STEP * len(days) + 34, TOP + tall * slots
    return format_html(
        '<svg class="chart chart-carpet" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        width,
        height + 4,
        _("Usage by half-hour; the table below holds the figures."),
        format_html_join(
            "",
            '<text class="tick" x="{}" y="12">{}</text>',
            (
                (CARPET_LEFT + CARPET_STEP * at, date_format(day.day, "y-m"))
                for at, day in enumerate(days)
                if day.day.day == 1
            ),
        ),
        format_html_join(
            "",
            '<text class="tick" x="0" y="{}">{}</text>',
            ((TOP + tall * slots * hour // 24 + 4, f"{hour}:00") for hour in range(0, 25, 6)),
        ),
        format_html_join("", '<path class="{}" d="{}"></path>', ((name, "".join(d)) for name, d in paths.items())),
    )


def day_line(day: HalfHours) -> SafeString:
    """One day as steps, broken where no value came in."""
    highest = max((value for value in day.values if value is not None), default=0) or 1
    step = LINE_WIDTH / max(len(day.values), 1)
    pieces: list[str] = []
    is_open = False
    for slot, value in enumerate(day.values):
        if value is None:
            is_open = False
            continue
        y = TOP + BAR_HEIGHT - round(max(value, 0) / highest * BAR_HEIGHT)
        pieces.append(f"{'L' if is_open else 'M'}{LEFT + step * slot:.1f} {y}H{LEFT + step * (slot + 1):.1f}")
        is_open = True
    return format_html(
        '<svg class="chart chart-day" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"></line>'
        '<text class="tick" x="0" y="{}">{}</text><text class="unit" x="0" y="{}">kWh</text>{}'
        '<path class="line" d="{}"></path></svg>',
        LEFT + LINE_WIDTH + 34,
        TOP + BAR_HEIGHT + 26,
        _("Usage on %(day)s; the table below holds the figures.") % {"day": jst(day.day)},
        LEFT,
        TOP + BAR_HEIGHT,
        LEFT + LINE_WIDTH,
        TOP + BAR_HEIGHT,
        TOP + 4,
        kwh(highest),
        TOP + BAR_HEIGHT + 17,
        format_html_join(
            "",
            '<text class="tick" x="{}" y="{}">{}</text>',
            ((LEFT + LINE_WIDTH * hour // 24, TOP + BAR_HEIGHT + 17, f"{hour}:00") for hour in range(0, 25, 6)),
        ),
        "".join(pieces),
    )


def shade(wh: int | None, highest: int) -> str:
    """The class of a cell: heat-missing, heat-0 (nothing) or heat-1 … heat-8 (the highest)."""
    if wh is None:
        return "heat-missing"
    return f"heat-{0 if wh <= 0 else min(SHADES, 1 + wh * SHADES // (highest + 1))}"


def _cells(day: HalfHours, y: int, highest: int) -> SafeString:
    """Runs of equal shade are one rectangle, so that a month of half-hours stays a small page."""
    runs: list[list[int | str]] = []
    for slot, value in enumerate(day.values):
        name = shade(value, highest)
        if runs and runs[-1][2] == name:
            runs[-1][1] = int(runs[-1][1]) + 1
        else:
            runs.append([slot, 1, name])
    return format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"></rect>',
        ((name, DAY_LEFT + CELL * int(slot), y, CELL * int(count), CELL_HEIGHT) for slot, count, name in runs),
    )
