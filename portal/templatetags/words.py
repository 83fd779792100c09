"""How numbers, moments, classes and states are written, the same on every page. Built into every template.

{{ point.number|point_number }}   03 0011 2233 …, grouped for the eye and copied without spaces (HTML)
{{ wh|kwh }} {{ wh|kwh:1 }}       1,234.56 from integer Wh; more digits than asked for rather than a rounded figure
{{ moment|jst }} {{ day|jst }}    2026-04-01 (水) 10:00, or without the hour for a date (plain text)
{{ "LV"|class_mark }}             letter, shape, colour and word (HTML)
<h1 class="{{ "LV"|class_band }}"> the head of a page of that class
{{ relay.get_state_display|state_badge:"waiting" }}   word, shape and colour (HTML); tones below
{{ value|or_dash }}               None and "" as an en dash
{{ code|may_break }}              relay.not_yours, with room to break a line after a dot or an underscore (HTML)

The same functions serve Python: `from portal.templatetags.words import point_number, kwh, jst, badge`.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal.access import Role
from portal.market import SupplyClass

register = template.Library()

JST = ZoneInfo("Asia/Tokyo")
NOTHING = "–"
_AFTER_A_WORD = re.compile(r"(?<=[._])")
GROUPS = (2, 4, 4, 4, 4, 4)
CLASS_LETTERS = {SupplyClass.LV: "L", SupplyClass.HV: "H", SupplyClass.FIT: "F"}
# What a tone means; its shape and colour stand in static/kirikae.css.
TONES = frozenset(
    {
        "waiting",  # somebody's turn: a hollow circle, amber
        "going",  # under way by itself: a half-filled circle, blue
        "done",  # finished well: a filled circle, green
        "refused",  # finished badly: a cross, red
        "frozen",  # may not be changed any more: a square, violet
        "stopped",  # withdrawn, expired, cancelled: a dash, grey
    }
)


@register.filter
def point_number(value: str | None) -> SafeString | str:
    """A supply point number grouped `03 0011 2233 4455 6677 8899`; the gaps are drawn, so a copy has 22 digits."""
    digits = str(value or "")
    if not digits:
        return NOTHING
    if len(digits) != sum(GROUPS):
        return digits
    parts, at = [], 0
    for length in GROUPS:
        parts.append((digits[at : at + length],))
        at += length
    return format_html(
        '<span class="point-number" translate="no">{}</span>', format_html_join("", "<span>{}</span>", parts)
    )


@register.filter
def kwh(value: int | None, digits: int = 2) -> str:
    """Integer Wh as kWh with `digits` decimals, with three where fewer would hide something; "–" for no value."""
    if value is None or value == "":
        return NOTHING
    wh = int(value)
    if wh % 10 ** (3 - digits):
        digits = 3
    whole, rest = divmod(abs(wh), 1000)
    decimals = f".{rest:03d}"[: digits + 1] if digits else ""
    return f"{'-' if wh < 0 else ''}{whole:,}{decimals}"


@register.filter
def jst(value: datetime | date | None) -> str:
    """A moment in Japanese time, `2026-04-01 (水) 10:00`, or a date, `2026-04-01 (水)`; "–" for none."""
    if not value:
        return NOTHING
    if isinstance(value, datetime):
        return date_format(value.astimezone(JST), "Y-m-d (D) H:i")
    return date_format(value, "Y-m-d (D)")


@register.filter
def class_mark(value: str | None) -> SafeString | str:
    """The mark that keeps LV, HV and FIT apart: letter, shape, colour and word."""
    if not value or value not in SupplyClass.values:
        return NOTHING
    supply_class = SupplyClass(value)
    return format_html(
        '<span class="class-mark class-mark-{}"><span class="class-shape" aria-hidden="true">{}</span>{}</span>',
        supply_class.lower(),
        CLASS_LETTERS[supply_class],
        supply_class.label,
    )


@register.filter
def class_band(value: str | None) -> str:
    """The CSS classes of a page's head in its class of supply; none where the page has no class."""
    return f"class-band class-band-{value.lower()}" if value in SupplyClass.values else ""


def badge(label: Any, tone: str) -> SafeString:
    """A state as word, shape and colour; `tone` is one of TONES."""
    if tone not in TONES:
        raise ValueError(f"{tone!r} is no tone; there are {', '.join(sorted(TONES))}.")
    return format_html('<span class="state state-{}">{}</span>', tone, label)


@register.filter
def state_badge(value: Any, tone: str = "") -> SafeString:
    """`{{ label|state_badge:tone }}`, or a member of an enum that has `label` and `tone`."""
    return badge(getattr(value, "label", value), tone or getattr(value, "tone", ""))


@register.filter
def or_dash(value: Any) -> Any:
    """The value, or an en dash where there is none, so that an empty cell is not mistaken for a fault."""
    return NOTHING if value is None or value == "" else value


@register.filter
def company_name(company: Any) -> str:
    """The company's name in the reader's language."""
    if (get_language() or "ja").startswith("ja"):
        return company.name
    return company.name_en or company.name


@register.filter
def role_words(roles: Iterable[str]) -> str:
    """Roles by their names, in words; a word that names no role stays as it is."""
    known = dict(Role.choices)
    return ", ".join(str(known.get(role, role)) for role in roles) or NOTHING


@register.filter
def styled(field: BoundField) -> SafeString:
    """A form field's widget in the look of the site (for filters; whole forms use `_parts/form.html`)."""
    widget = field.field.widget
    kind = getattr(widget, "input_type", "")
    css = {"select": "form-select", "checkbox": "form-check-input", "radio": "form-check-input"}.get(
        kind, "form-control"
    )
    for part, said in zip(getattr(widget, "widgets", ()), (_("%(label)s: from"), _("%(label)s: until")), strict=False):
        part.attrs["aria-label"] = said % {"label": field.label}
    return field.as_widget(attrs={"class": f"{css} is-invalid" if field.errors else css})


@register.filter
def deadline(due: datetime, now: datetime) -> dict[str, str]:
    """A deadline as people say it, with the class that colours it: "until tomorrow 17:00", "overdue since …"."""
    local, today = due.astimezone(JST), now.astimezone(JST).date()
    days, hour = (local.date() - today).days, f"{local:%H:%M}"
    if due < now:
        return {"css": "is-overdue", "text": _("overdue since %(moment)s") % {"moment": jst(due)}}
    if days == 0:
        return {"css": "is-soon", "text": _("until today %(hour)s") % {"hour": hour}}
    if days == 1:
        return {"css": "is-soon", "text": _("until tomorrow %(hour)s") % {"hour": hour}}
    return {"css": "", "text": _("until %(moment)s") % {"moment": jst(due)}}


@register.filter
def may_break(code: str) -> SafeString:
    """A long code that a narrow column breaks between its words and nowhere else."""
    return format_html_join(mark_safe("<wbr>"), "{}", ([part] for part in _AFTER_A_WORD.split(code)))
