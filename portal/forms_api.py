"""What the pages about API clients ask for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal import api_clients
from portal.forms_people import MOST_ROLES, HoldForm
from portal.people import LONGEST_NAME


class ApiClientForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the program"),
        max_length=LONGEST_NAME,
        help_text=_("Stands in the ledger beside everything the program does."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[(role.value, role.label) for role in api_clients.ROLES],
        required=False,
        help_text=_("For every area and class of supply; narrow them on the next page."),
        widget=forms.CheckboxSelectMultiple,
    )


class RotationForm(forms.Form):
    overlap = forms.ChoiceField(
        label=_("The secret of now"),
        choices=[
            ("1", _("stays good for one day")),
            ("7", _("stays good for seven days")),
            ("0", _("ends at once, with its tokens")),
        ],
        initial="1",
        widget=forms.RadioSelect,
    )


class ClientHoldForm(HoldForm):
    """A role of a program: those of clerks alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "–"), *((role.value, role.label) for role in api_clients.ROLES)]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]


ClientHoldFormSet = forms.formset_factory(
    ClientHoldForm, extra=3, max_num=MOST_ROLES, absolute_max=MOST_ROLES, validate_max=True
)
