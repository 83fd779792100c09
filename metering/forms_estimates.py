"""Forms of estimates: why, and values entered by hand in place of the proposed ones."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering import estimates
from metering.estimates import Proposal
from metering.formats.kwh import BadNumber, kwh_text, parse_kwh
from metering.halfhours import NULL, Quality

HAND_DAYS = 3
"""So many days have a field per half-hour; longer ones are entered part by part."""


def field_name(at: int, day: date, slot: int) -> str:
    return f"m{at}-{day.isoformat()}-{slot:02}"


class EstimateForm(forms.Form):
    fingerprint = forms.CharField(widget=forms.HiddenInput())
    reason = forms.CharField(
        label=pgettext_lazy("estimate", "Why it is estimated"),
        max_length=300,
        help_text=_("The retailer reads it, for example: communication lost, meter readable again from 5 April."),
        error_messages={"required": estimates.WordsMissing.sentence},
    )
    hand_quality = forms.TypedChoiceField(
        label=_("Values you change below are"),
        coerce=lambda value: Quality(int(value)),
        choices=[
            (int(Quality.EDITED), _("edited: from another source of the network operator")),
            (int(Quality.AGREED), _("agreed: settled with the retailer or customer")),
        ],
        initial=int(Quality.EDITED),
    )

    def __init__(self, data: Any, *, proposal: Proposal) -> None:
        super().__init__(data, initial={"fingerprint": proposal.fingerprint})
        self.proposal = proposal
        if not has_hand_fields(proposal):
            del self.fields["hand_quality"]

    def by_hand(self) -> dict[tuple[str, date, int], int]:
        """The half-hours entered otherwise than proposed; adds an error and leaves out what is no number of kWh."""
        found: dict[tuple[str, date, int], int] = {}
        if not has_hand_fields(self.proposal):
            return found
        for at, each in enumerate(self.proposal.meters):
            for row, day in enumerate(self.proposal.days):
                for slot in range(1, each.values.shape[1] + 1):
                    text = self.data.get(field_name(at, day, slot), "").strip()
                    if each.values[row, slot - 1] != NULL or not text:
                        continue
                    try:
                        wh = parse_kwh(text)
                    except BadNumber:
                        self.add_error(None, str(estimates.BadValue(day, slot, self.proposal.step)))
                        continue
                    if wh != each.filled.values[row, slot - 1]:
                        found[each.meter, day, slot] = wh
        return found


def has_hand_fields(proposal: Proposal) -> bool:
    return len(proposal.days) <= HAND_DAYS


def shown(wh: int) -> str:
    """A value as its field holds it; nothing where nothing could be said."""
    return "" if wh == NULL else kwh_text(wh)
