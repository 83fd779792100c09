"""What the pages about accounts, second factors and sign-in help ask for."""

import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.access import HUB_ROLES, Role
from portal.forms import CODE_GAPS, CodeForm, SignInForm
from portal.market import Area, SupplyClass
from portal.models import Company
from portal.people import LONGEST_NAME, RECOVERY_LETTERS, Hold

RECOVERY_LENGTH = 10
MOST_ROLES = 100


def roles_for(company: Company) -> list[tuple[str, Any]]:
    """The roles a company's people can hold, with their words."""
    return [(role.value, role.label) for role in Role if company.is_hub_operator or role not in HUB_ROLES]


class PersonForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME)
    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("Invitations and links to set a password go there, and to nobody else."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class InvitationForm(PersonForm):
    username = forms.CharField(
        label=_("User id"),
        max_length=40,
        help_text=_("3 to 40 characters: small letters, digits, full stop, hyphen, underscore. It is never changed."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        required=False,
        help_text=_("For every area and class of supply; narrow them on the next page."),
        widget=forms.CheckboxSelectMultiple,
    )
    field_order = ["username", "name", "email", "roles"]

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = roles_for(company)  # type: ignore[attr-defined]

    def clean_username(self) -> str:
        return unicodedata.normalize("NFKC", self.cleaned_data["username"]).strip().lower()


class HoldForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), required=False)
    area = forms.ChoiceField(label=_("Area"), required=False, choices=[("", _("all areas")), *Area.choices])
    supply_class = forms.ChoiceField(
        label=_("Class of supply"), required=False, choices=[("", _("all classes")), *SupplyClass.choices]
    )

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [("", "–"), *roles_for(company)]  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select"

    @property
    def hold(self) -> Hold | None:
        """The role of this line, None where the line is empty."""
        entered = self.cleaned_data
        return Hold(entered["role"], entered["area"], entered["supply_class"]) if entered.get("role") else None


HoldFormSet = forms.formset_factory(HoldForm, extra=3, max_num=MOST_ROLES, absolute_max=MOST_ROLES, validate_max=True)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("Kept in the ledger."),
    )


class ProofForm(CodeForm):
    """Six digits of the app, or one of the recovery codes."""

    def clean_code(self) -> str:
        code = CODE_GAPS.sub("", unicodedata.normalize("NFKC", self.cleaned_data["code"])).upper()
        if len(code) == RECOVERY_LENGTH and not code.isdigit() and set(code) <= set(RECOVERY_LETTERS):
            return code
        return super().clean_code()

    @property
    def is_recovery(self) -> bool:
        return len(self.cleaned_data["code"]) == RECOVERY_LENGTH


class NewPasswordForm(forms.Form):
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=200,
        help_text=_("At least 12 characters, not one of the common ones and not like your name."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password again"),
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        if entered.get("new") and entered.get("again") and entered["new"] != entered["again"]:
            self.add_error("again", _("The two passwords differ."))
        return entered


class HelpForm(SignInForm):
    """The same entries as for signing in; nobody is signed in by it."""


class PeopleFileForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("UTF-8 or Shift_JIS, one person per line, at most 1,000 lines and 1 MB."),
    )
