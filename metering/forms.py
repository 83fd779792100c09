"""What people type about points and inquiries: cleaned here, decided in the verbs."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from metering import inquiries
from metering.inquiries import Refused
from metering.models import Consent
from metering.points import WrongNumber, normalise_number
from portal.fields import DayField

# The ways to name a point, each with the form field it fills.
WAYS = {"number": "number", "address": "address", "meter": "meter_number"}

_FIELD_OF: dict[type[Refused], str] = {
    inquiries.ReferenceMissing: "reference",
    inquiries.ConsentInTheFuture: "obtained_on",
    inquiries.ConsentTooOld: "obtained_on",
}


class SupplyPointNumberField(forms.CharField):
    """A supply point number typed with hyphens, spaces or in full width; cleans to its 22 digits.

    Each mistake has its own sentence and what was typed stays in the field. `supply_class` may be set later on the
    bound form's field; None does not ask the voltage digit.
    """

    def __init__(self, *, supply_class: str | None = None, **options: Any) -> None:
        self.supply_class = supply_class
        options.setdefault("label", _("Supply point number"))
        options.setdefault(
            "help_text", _("22 digits, as on the meter slip; hyphens, spaces and full-width digits may stay.")
        )
        options.setdefault(
            "widget", forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"})
        )
        super().__init__(max_length=80, **options)
        self.error_messages["required"] = _("Enter the supply point number: 22 digits, printed on the meter slip.")

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return normalise_number(text, supply_class=self.supply_class)
        except WrongNumber as mistake:
            raise ValidationError(str(mistake.sentence), code=type(mistake).__name__) from mistake


class InquiryForm(forms.Form):
    """Which point, named in one of three ways, and the customer's consent: a new one or one recorded before."""

    number = SupplyPointNumberField()
    address = forms.CharField(
        label=_("Address"),
        max_length=200,
        help_text=_("Prefecture, municipality, town, number; in a building also its name and the room."),
        error_messages={"required": _("Enter the address at which the customer uses electricity.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    meter_number = forms.CharField(
        label=_("Meter number"),
        max_length=30,
        help_text=_("The whole number, as printed on the meter or the slip."),
        error_messages={"required": _("Enter the whole meter number.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    purpose = forms.ChoiceField(
        label=_("Purpose of the inquiry"),
        choices=Consent.Purpose,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what the inquiry is for.")},
    )
    channel = forms.ChoiceField(
        label=_("How the consent was obtained"),
        choices=Consent.Channel,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how the customer gave the consent.")},
    )
    obtained_on = DayField(
        label=_("Consent obtained on"),
        input_formats=["%Y-%m-%d", "%Y/%m/%d"],
        error_messages={"required": _("Give the day on which the customer agreed.")},
    )
    reference = forms.CharField(
        label=_("Consent reference"),
        max_length=60,
        help_text=_("Your own number of the recording, form or order."),
        error_messages={"required": inquiries.ReferenceMissing.sentence},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    consent = forms.IntegerField(widget=forms.HiddenInput, required=False)

    CONSENT_FIELDS = ("purpose", "channel", "obtained_on", "reference")

    def __init__(
        self, *args: Any, supply_class: str, way: str, consent: Consent | None, today: date, **options: Any
    ) -> None:
        options["initial"] = {"obtained_on": today, "consent": consent and consent.pk, **options.get("initial", {})}
        super().__init__(*args, **options)
        self.fields["number"].supply_class = supply_class  # type: ignore[attr-defined]
        for name in WAYS.values():
            if name != WAYS[way]:
                del self.fields[name]
        if consent:
            for name in self.CONSENT_FIELDS:
                del self.fields[name]
        else:
            del self.fields["consent"]
        self.way = WAYS[way]

    @property
    def asked(self) -> str:
        """The cleaned number, address or meter number."""
        return self.cleaned_data[self.way]

    def refuse(self, refusal: Refused) -> None:
        """Show a verb's refusal beside the field it is about."""
        field = _FIELD_OF.get(type(refusal), self.way)
        self.add_error(field if field in self.fields else None, ValidationError(str(refusal.sentence)))


class CandidateForm(forms.Form):
    """One of the candidates of a search, chosen."""

    number = SupplyPointNumberField()
    consent = forms.IntegerField()

    def __init__(self, *args: Any, supply_class: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["number"].supply_class = supply_class  # type: ignore[attr-defined]
