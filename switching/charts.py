"""Counts as bars, made on the server: plain SVG in the looks of the site's other charts (static/usage.css)."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

HEIGHT, STEP, WIDTH, TOP = 120, 60, 40, 20


class Bar(NamedTuple):
    """What stands under a bar, its figure, and the figure as it is written above the bar."""

    name: str
    figure: float
    words: str


def bars(bars: Sequence[Bar], *, label: str) -> SafeString:
    """One bar each, side by side from zero, with its figure above; `label` tells what is drawn to who cannot see it."""
    highest = max((bar.figure for bar in bars), default=0) or 1
    width, foot = STEP * max(len(bars), 1), TOP + HEIGHT
    drawn = format_html_join(
        "\n",
        '<g class="bar"><title>{}: {}</title><rect x="{}" y="{}" width="{}" height="{}"></rect>'
        '<text class="figure" x="{}" y="{}">{}</text><text class="tick" x="{}" y="{}">{}</text></g>',
        (
            (
                bar.name,
                bar.words,
                STEP * at + (STEP - WIDTH) // 2,
                foot - (height := round(bar.figure / highest * HEIGHT)),
                WIDTH,
                height,
                STEP * at + STEP // 2,
                foot - height - 5,
                bar.words,
                STEP * at + STEP // 2,
                foot + 16,
                bar.name,
            )
            for at, bar in enumerate(bars)
        ),
    )
    return format_html(
        '<svg class="chart chart-months" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="0" y1="{}" x2="{}" y2="{}"></line>{}</svg>',
        width,
        foot + 24,
        label,
        foot,
        width,
        foot,
        drawn,
    )
