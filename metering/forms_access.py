"""What people type to ask for a customer's past usage, and to open it with its code."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from metering import access_codes, inquiries, usage_inquiries
from metering.forms import InquiryForm, SupplyPointNumberField
from metering.inquiries import Refused
from metering.models import UsageAccessRequest
from metering.points import digits_of

_CONSENT = InquiryForm.base_fields
_FIELD_OF: dict[type[Refused], str] = {
    inquiries.ReferenceMissing: "reference",
    inquiries.ConsentInTheFuture: "obtained_on",
    inquiries.ConsentTooOld: "obtained_on",
    access_codes.HolderMissing: "contract_number",
    usage_inquiries.NoSuchCode: "code",
    usage_inquiries.TooManyWrongCodes: "code",
    usage_inquiries.CodeExpired: "code",
}


class RefusableForm(forms.Form):
    """A form that shows a verb's refusal beside the field it is about."""

    FALLBACK = "number"

    def refuse(self, refusal: Refused) -> None:
        """Show the refusal; one that is about no other field stands beside the supply point number."""
        self.add_error(_FIELD_OF.get(type(refusal), self.FALLBACK), ValidationError(str(refusal.sentence)))


class AccessRequestForm(RefusableForm):
    """The point, what the customer said of the contract, the consent and what proves it, how long the code holds."""

    number = SupplyPointNumberField()
    contract_number = forms.CharField(
        label=_("Contract number"),
        max_length=40,
        help_text=_("The customer's number with the present retailer, as on the meter slip."),
        error_messages={"required": access_codes.HolderMissing.sentence},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    holder_name = forms.CharField(
        label=_("Contract holder"),
        max_length=80,
        error_messages={"required": access_codes.HolderMissing.sentence},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    holder_kana = forms.CharField(
        label=_("Contract holder (kana)"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    holder_address = forms.CharField(
        label=_("Address of the contract"),
        max_length=250,
        error_messages={"required": access_codes.HolderMissing.sentence},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    purpose, channel = _CONSENT["purpose"], _CONSENT["channel"]
    obtained_on, reference = _CONSENT["obtained_on"], _CONSENT["reference"]
    evidence = forms.FileField(
        label=_("What proves the consent"),
        required=False,
        help_text=_("Scan, picture or recording, if you have one; it is kept with its SHA-256."),
    )
    valid_days = forms.TypedChoiceField(
        label=_("Code valid for"),
        choices=UsageAccessRequest.Validity,
        coerce=int,
        initial=7,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how long the code is to be valid.")},
    )

    CONSENT_FIELDS = InquiryForm.CONSENT_FIELDS

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        options["initial"] = {"obtained_on": today, **options.get("initial", {})}
        super().__init__(*args, **options)


_ASKED = AccessRequestForm.base_fields


class AccessCorrectionForm(RefusableForm):
    """What the customer said of the contract, told anew while the request waits."""

    contract_number, holder_name = _ASKED["contract_number"], _ASKED["holder_name"]
    holder_kana, holder_address = _ASKED["holder_kana"], _ASKED["holder_address"]
    valid_days = _ASKED["valid_days"]
    reason = forms.CharField(
        label=_("Why it is corrected"),
        max_length=200,
        required=False,
        help_text=_("For your own company, for example: read wrongly from the meter slip."),
    )

    FALLBACK = "contract_number"


class CodeForm(RefusableForm):
    """A supply point number and its access code."""

    number = SupplyPointNumberField()
    code = forms.CharField(
        label=_("Access code"),
        max_length=40,
        help_text=_("Twelve digits; hyphens, spaces and full-width digits may stay."),
        error_messages={"required": _("Enter the access code: twelve digits.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_code(self) -> str:
        code = digits_of(self.cleaned_data["code"])
        if not (code.isascii() and code.isdigit()):
            raise ValidationError(_("An access code holds digits only."))
        if len(code) != access_codes.DIGITS:
            raise ValidationError(
                _("An access code has %(digits)d digits; these are %(given)d."),
                params={"digits": access_codes.DIGITS, "given": len(code)},
            )
        return code
