"""The form of each kind of application, built from its rule in `switching.kinds`: one field per entry it asks for."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.fields import DayField
from switching.entries import PHASES
from switching.forms import HolderForm, LineField
from switching.kinds import FIELDS, Rule
from switching.models import Application

_CHOOSE = ("", _("please choose"))
_AS_IT_IS = ("", _("as it is"))


def _line(length: int, help_text: Any = "", autocomplete: str = "off") -> Callable[[str, bool], forms.Field]:
    def make(name: str, is_required: bool) -> forms.Field:
        widget = forms.TextInput(attrs={"autocomplete": autocomplete, "spellcheck": "false"})
        return LineField(max_length=length, help_text=help_text, widget=widget, required=is_required)

    return make


def _holder(name: str, is_required: bool) -> forms.Field:
    field = HolderForm.base_fields[name]
    return LineField(
        max_length=field.max_length,  # type: ignore[attr-defined]
        help_text=field.help_text,
        error_messages={"required": field.error_messages["required"]},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        required=is_required,
    )


def _choice(choices: list[tuple[Any, Any]], coerce: Callable[[str], Any] = str) -> Callable[[str, bool], forms.Field]:
    def make(name: str, is_required: bool) -> forms.Field:
        return forms.TypedChoiceField(
            choices=[_CHOOSE if is_required else _AS_IT_IS, *choices],
            coerce=coerce,
            empty_value=None,
            required=is_required,
            error_messages={"required": _("Please choose one of the list.")},
        )

    return make


def _yes_or_no(words: tuple[Any, Any], help_text: Any = "") -> Callable[[str, bool], forms.Field]:
    def make(name: str, is_required: bool) -> forms.Field:
        return forms.TypedChoiceField(
            choices=[("no", words[0]), ("yes", words[1])],
            coerce=lambda choice: choice == "yes",
            initial="yes" if is_required else "no",
            widget=forms.RadioSelect,
            help_text=help_text,
        )

    return make


def _day(name: str, is_required: bool) -> forms.Field:
    return DayField(required=is_required)


def _whole(name: str, is_required: bool) -> forms.Field:
    return forms.IntegerField(
        required=is_required,
        max_value=10**15,
        help_text=_("As the meter shows it, times its multiplier, in Wh."),
        error_messages={"invalid": _("Please give a whole number of Wh, without a comma.")},
    )


def _size(name: str, is_required: bool) -> forms.Field:
    return forms.DecimalField(
        required=is_required,
        max_digits=8,
        decimal_places=1,
        help_text=_("Empty: as it is."),
        error_messages={"invalid": _("Please give a number with at most one decimal.")},
    )


MAKERS: dict[str, Callable[[str, bool], forms.Field]] = {
    "contract_number": _line(40, _("Your own company's number for the contract.")),
    "holder_name": _holder,
    "holder_kana": _holder,
    "holder_address": _holder,
    "change": _choice(list(Application.Change.choices)),
    "ampere": _choice(list(Application.Ampere.choices), int),
    "capacity_method": _choice(list(SupplyPoint.CapacityMethod.choices)),
    "contract_size": _size,
    "contract_size_unit": _choice(list(SupplyPoint.SizeUnit.choices)),
    "phases": _choice([(phases, phases) for phases in PHASES]),
    "removal": _yes_or_no((_("no, it stays"), _("yes, it is removed"))),
    "moved_out_on": _day,
    "reading_wh": _whole,
    "meter_work": _yes_or_no(
        (_("not needed"), _("needed")), _("A meter exchange or other work at the point takes longer.")
    ),
    "work_contact": _line(80, _("Whom the network operator calls before it comes.")),
    "remarks": _line(200),
}


class KindForm(forms.Form):
    """An application of one kind at one class of supply: the desired date, then the entries of its rule."""

    desired_date = DayField(
        label=_("Desired date"),
        error_messages={"required": _("Please enter the day.")},
    )

    def __init__(self, *args: Any, rule: Rule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rule = rule
        for name in rule.fields:
            field = MAKERS[name](name, name in rule.required)
            field.label = FIELDS[name]  # type: ignore[assignment]
            self.fields[name] = field

    @property
    def given(self) -> dict[str, Any]:
        """The entries as the verbs take them; what was left empty is left out."""
        values = {name: self.cleaned_data.get(name) for name in self.rule.fields}
        return {name: value for name, value in values.items() if value is not None and value != ""}


class CorrectionForm(KindForm):
    """The same entries once more, and why they are corrected."""

    def __init__(self, *args: Any, rule: Rule, **kwargs: Any) -> None:
        super().__init__(*args, rule=rule, **kwargs)
        self.fields["reason"] = LineField(
            label=_("Why it is corrected"),
            max_length=200,
            error_messages={"required": _("Please say why; the network operator reads it beside the difference.")},
        )


def as_typed(given: dict[str, Any], desired_date: date) -> dict[str, Any]:
    """Entries as the initial values of a form."""
    typed = {name: {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
             for name, value in given.items()}  # fmt: skip
    return {"desired_date": desired_date, **typed}


class PointForm(forms.Form):
    """The supply point an application is about, typed or pasted."""

    point = LineField(
        label=_("Supply point number"),
        max_length=60,
        help_text=_("22 digits; hyphens and spaces do not matter."),
        error_messages={"required": _("Please enter the supply point number.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "spellcheck": "false"}),
    )
