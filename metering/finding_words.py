"""What each kind of finding says, in the reader's language."""

from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering.models import CheckFinding
from portal.templatetags.words import jst, kwh

SENTENCES: dict[str, str | Promise] = {
    "negative": _("Half-hour %(slot)s: %(wh)s kWh is negative."),
    "above_contract": _("Half-hour %(slot)s: %(wh)s kWh; the contract size allows %(most_wh)s kWh."),
    "spike": _("Half-hour %(slot)s: %(wh)s kWh; the third highest of the day has %(third_wh)s kWh."),
    "resolution": _("Half-hour %(slot)s: %(wh)s kWh is no multiple of %(step_wh)s kWh."),
    "register": _(
        "The half-hours sum up to %(sum_wh)s kWh, the register moved on by %(register_wh)s kWh (step %(step_wh)s kWh)."
    ),
    "half_hours": _(
        "The day has %(day_wh)s kWh where the half-hours that came during the day sum up to %(half_hours_wh)s kWh."
    ),
    "month": _("The month is fixed at %(month_wh)s kWh; its half-hours sum up to %(sum_wh)s kWh."),
    "month_negative": _("The fixed usage of %(wh)s kWh, or a half-hour of it, is negative."),
    "sorted": _("A half-hour has more energy after sorting (%(sorted_wh)s kWh) than before it (%(whole_wh)s kWh)."),
    "fixed_month": _("Revision %(revision)s changes the fixed usage from %(before_wh)s kWh to %(wh)s kWh."),
    "zeros": _("Nothing but zeros for %(days)s days, since %(since)s, though the point is active."),
    "unusual": _("%(wh)s kWh; the same weekday usually has %(mean_wh)s kWh, give or take %(deviation_wh)s kWh."),
    "estimated": _("Estimated for %(days)s days on end, since %(since)s."),
    "fixed": _("Revision %(revision)s (%(wh)s kWh) changes a day of a month that is fixed already."),
    "revision_order": _("The file says it is revision %(revision)s; after what came before it, %(expected)s follows."),
    "not_in_day_file": _("Half-hours came during the day, but no row of the whole day was taken in."),
    "not_delivered": _("%(missing)s of %(due)s points that are due were not delivered."),
    "not_supplied": _("%(unsupplied)s points were delivered that nobody supplies."),
}


def sentence(finding: CheckFinding) -> str:
    """The finding in words; a kind nobody knows (of an older release) is given back as it is."""
    words = SENTENCES.get(finding.kind)
    if words is None:
        return finding.kind
    try:
        return str(words) % {name: _shown(name, value) for name, value in finding.numbers.items()}
    except (KeyError, TypeError, ValueError):
        return str(words)


def _shown(name: str, value: Any) -> str:
    if name == "wh" or name.endswith("_wh"):
        return str(kwh(value))
    if name == "since":
        return jst(date.fromisoformat(value)) if value else ""
    return f"{value:02}" if name == "slot" else f"{value:,}"
