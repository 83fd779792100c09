"""What people ask the time machine."""

import re
import unicodedata
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from metering.points import WrongNumber, normalise_number
from portal.fields import DayField
from portal.workdays import jst_date
from switching import numbers

MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
PURPOSES = [
    ("", _("Please choose")),
    ("complaint", _("a customer's complaint")),
    ("dispute", _("a dispute between companies")),
    ("audit", _("an audit")),
    ("operation of the hub", _("operation of the hub")),
]


class CaseOrPointField(forms.CharField):
    """A relay, application or supply point number, however it was typed; cleans to the plain number."""

    def clean(self, value: Any) -> str:
        text = unicodedata.normalize("NFKC", super().clean(value)).upper()
        plain = re.sub(r"[\s-]", "", text)
        if plain[:1] in (numbers.RELAY, numbers.APPLICATION):
            if not numbers.is_well_formed(plain):
                raise ValidationError(
                    _("A case number is R or A and ten digits; this one was mistyped. Please compare it."), code="case"
                )
            return plain
        try:
            return normalise_number(text, supply_class=None)
        except WrongNumber as mistake:
            raise ValidationError(str(mistake.sentence), code="point") from mistake


class AsOfForm(forms.Form):
    """A point or case, the day, and the moment of knowledge (empty: now); the hub's people name a purpose."""

    number = CaseOrPointField(
        label=_("Supply point or case number"),
        max_length=80,
        help_text=_("22 digits of a supply point, or a number that begins with R or A."),
        error_messages={"required": _("Please enter a supply point number or a case number.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    day = DayField(
        label=_("As it was on"),
        error_messages={"required": _("Please name a day.")},
    )
    at = forms.DateTimeField(
        label=_("As the hub knew it at"),
        required=False,
        input_formats=MOMENTS,
        help_text=_("Empty: as known now. Japanese time."),
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local", "step": "1"}),
        error_messages={"invalid": _("Please give day and hour, for example 2026-04-01 10:00.")},
    )
    purpose = forms.ChoiceField(
        label=_("Purpose"),
        choices=PURPOSES,
        help_text=_("Kept in the ledger with the question."),
        error_messages={"required": _("Please say what the question is for; it is kept with it.")},
    )

    def __init__(self, data: Any = None, *, needs_purpose: bool, now: datetime) -> None:
        self.now = now
        super().__init__(data, initial={"day": jst_date(now)})
        if not needs_purpose:
            del self.fields["purpose"]

    def clean_at(self) -> datetime:
        asked: datetime | None = self.cleaned_data["at"]
        return asked or self.now
