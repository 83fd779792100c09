"""What the pages of an application for use ask for."""

import unicodedata
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.forms.utils import ErrorDict
from django.utils.translation import gettext_lazy as _

from portal.fields import DayField
from portal.market import Area, MarketRole, SupplyClass
from portal.onboarding import MOST_ADMINISTRATORS, offered

no_control = RegexValidator(
    r"[\x00-\x1f\x7f\x85\u2028\u2029]",
    _("An entry holds a line break or another invisible character. Please type it again."),
    inverse_match=True,
)


def plain(value: str) -> str:
    """Full-width letters and digits as half-width ones, without gaps around."""
    return unicodedata.normalize("NFKC", value).strip()


class StartForm(forms.Form):
    kind = forms.ChoiceField(label=_("What for"), widget=forms.RadioSelect)
    address = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=254,
        help_text=_("The link to the application is sent there; so is every answer of the hub operator."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in offered()]  # type: ignore[attr-defined]
        if len(offered()) == 1:
            self.fields["kind"].initial = offered()[0].value


class CompanyForm(forms.Form):
    name = forms.CharField(label=_("Company name"), max_length=120, validators=[no_control])
    name_en = forms.CharField(
        label=_("Company name in English"), max_length=120, required=False, validators=[no_control]
    )
    market_roles = forms.MultipleChoiceField(
        label=_("Market roles"), choices=MarketRole.choices, widget=forms.CheckboxSelectMultiple
    )
    registration_number = forms.CharField(
        label=_("Registration number"),
        max_length=20,
        required=False,
        help_text=_("Retailers: the letter A and four digits, for example A0123."),
    )
    corporate_number = forms.CharField(label=_("Corporate number"), max_length=30, help_text=_("13 digits."))
    notice_address = forms.EmailField(
        label=_("Address for notices"),
        max_length=254,
        help_text=_("A mailbox of the company, not of one person: the hub's notices go there."),
    )

    def clean_registration_number(self) -> str:
        return plain(self.cleaned_data["registration_number"]).upper()

    def clean_corporate_number(self) -> str:
        return "".join(plain(self.cleaned_data["corporate_number"]).replace("-", "").split())


class WantedForm(forms.Form):
    areas = forms.MultipleChoiceField(label=_("Areas"), choices=Area.choices, widget=forms.CheckboxSelectMultiple)
    supply_classes = forms.MultipleChoiceField(
        label=_("Classes of supply"), choices=SupplyClass.choices, widget=forms.CheckboxSelectMultiple
    )
    wanted_start = DayField(label=_("Wanted start"))


class AdministratorForm(forms.Form):
    username = forms.CharField(
        label=_("User id"),
        max_length=40,
        help_text=_("3 to 40 small letters, digits, full stops, hyphens; the person keeps it."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    name = forms.CharField(label=_("Name"), max_length=60, validators=[no_control])
    email = forms.EmailField(label=_("E-mail"), max_length=254, help_text=_("The link to set the password goes there."))

    def clean_username(self) -> str:
        return plain(self.cleaned_data["username"]).lower()

    def full_clean(self) -> None:
        """A row whose fields were all emptied names nobody."""
        super().full_clean()
        if self.is_bound and not any((self[name].value() or "").strip() for name in self.fields):
            self._errors, self.cleaned_data = ErrorDict(), {}


AdministratorFormSet = forms.formset_factory(
    AdministratorForm, extra=2, max_num=MOST_ADMINISTRATORS, validate_max=True, absolute_max=MOST_ADMINISTRATORS + 5
)


class UserListForm(forms.Form):
    file = forms.FileField(
        label=_("List of general users (CSV)"),
        help_text=_("Columns: user id, name, e-mail, roles. UTF-8 or Shift_JIS, up to 1,000 people."),
        error_messages={"required": _("Please choose a file."), "empty": _("The file is empty.")},
    )


class CertificatesForm(forms.Form):
    certificate_ids = forms.CharField(
        label=_("Client certificates you have already"),
        required=False,
        max_length=3000,
        help_text=_("One id per line, as the issuer gave it. Leave it empty to have certificates issued later."),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )


class FileForm(forms.Form):
    accepts = forms.BooleanField(
        label=_("Our company has read the statement and agrees to the joint use of personal data."),
        error_messages={
            "required": _("Without the agreement to the joint use of personal data nobody can use the hub.")
        },
    )


class MessageForm(forms.Form):
    message = forms.CharField(
        label=_("To the applicant"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Please tell the applicant what is wrong, in a sentence they can act on.")},
    )
