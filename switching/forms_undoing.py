"""What people type when a switch is undone: cleaned here, decided in the verbs."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.fields import CompanyField, DayField
from portal.models import Company
from switching import undoing
from switching.forms import LineField
from switching.models import Disclosure
from switching.sentences import SENTENCES
from switching.undo_reasons import Outcome, RefusalReason, ReversalReason

NO_DATA = _("No data of the customer, please.")
CHOOSE = _("Please choose one.")


def _radio(label: Any, choices: Iterable[tuple[Any, Any]], **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=list(choices), widget=forms.RadioSelect, error_messages={"required": CHOOSE}, **more
    )


class CoolingOffForm(forms.Form):
    """The customer's cooling-off as the gaining retailer passes it on."""

    declared_on = DayField(
        label=_("Declared by the customer on"),
        help_text=_("The day on which the customer sent or said it."),
        error_messages={"required": _("Please enter the day on which the customer declared it.")},
    )
    papers_on = DayField(
        label=_("Contract papers received on"),
        required=False,
        help_text=_("The cooling-off period runs from this day. Leave it empty if the customer never received them."),
    )
    text = LineField(label=_("Reference of your record"), max_length=80, required=False, help_text=NO_DATA)


class ReversalForm(forms.Form):
    """Why a switch was erroneous."""

    reason = _radio(_("Why the switch was erroneous"), ReversalReason.choices)
    text = LineField(label=_("In words"), max_length=400, required=False, help_text=NO_DATA)


class DenialForm(forms.Form):
    """The customer denies a switch that was carried out; nothing but the fact is passed on."""


class AnswerForm(forms.Form):
    """The side asked agrees or refuses; which reasons it may give depends on the question."""

    verdict = _radio(_("Answer"), [("agree", _("agree")), ("refuse", _("refuse"))])
    reason = forms.ChoiceField(label=_("Reason of a refusal"), required=False)
    text = LineField(label=_("In words"), max_length=400, required=False, help_text=NO_DATA)

    def __init__(self, *args: Any, reasons: Iterable[RefusalReason], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("please choose")), *((reason.value, reason.label) for reason in reasons)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        refuses = cleaned.get("verdict") == "refuse"
        if refuses and not cleaned.get("reason"):
            self.add_error("reason", format_lazy("{}", SENTENCES[undoing.WordsMissing]))
        if not refuses:
            cleaned["reason"] = ""
        return cleaned


class EvidenceForm(forms.Form):
    """The gaining retailer's evidence that the customer consented."""

    channel = forms.ChoiceField(
        label=_("How the customer consented"),
        choices=[("", _("please choose")), *Disclosure.Channel.choices],
        error_messages={"required": CHOOSE},
    )
    given_on = DayField(
        label=_("Consented on"),
        error_messages={"required": _("Please enter the day of the consent.")},
    )
    reference = LineField(
        label=_("Reference of the record"),
        max_length=80,
        help_text=_("Under which the recording or document can be asked for; your company and the hub read it."),
        error_messages={"required": _("Please enter the reference of the record.")},
    )
    sha256 = LineField(
        label=_("SHA-256 of the recording or document"),
        required=False,
        max_length=64,
        validators=[
            RegexValidator(
                r"^[0-9a-f]{64}$",
                _("A SHA-256 has 64 characters, digits and the letters a to f. Please copy it whole."),
            )
        ],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    text = LineField(label=_("In words"), max_length=400, required=False, help_text=_("Read by the hub operator."))

    def clean_sha256(self) -> str:
        return str(self.cleaned_data["sha256"])


class WordsForm(forms.Form):
    """Something that is told in words alone."""

    text = LineField(
        label=_("In words"),
        max_length=400,
        help_text=_("Read by everybody concerned. No data of the customer, please."),
        error_messages={"required": _("Please say why in a sentence.")},
    )


class DecisionForm(WordsForm):
    """The hub operator's decision, with its grounds."""

    verdict = _radio(_("Decision"), [])
    field_order = ("verdict", "text")

    def __init__(self, *args: Any, choices: Iterable[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["verdict"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)


class ContractEndForm(forms.Form):
    """The losing retailer says whether its contract goes on."""

    verdict = _radio(
        _("The old contract"), [("keep", _("goes on as if nothing had been")), ("end", _("ends on the day below"))]
    )
    ends_on = DayField(
        label=_("First day without your contract"),
        required=False,
    )
    text = LineField(label=_("In words"), max_length=400, required=False, help_text=NO_DATA)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("verdict") == "end" and not cleaned.get("ends_on") and "ends_on" not in self.errors:
            self.add_error("ends_on", _("Please enter the first day without your contract."))
        if cleaned.get("verdict") == "keep":
            cleaned["ends_on"] = None
        return cleaned


class OutcomeForm(forms.Form):
    """What the customer answered to the offer of last-resort supply."""

    outcome = _radio(
        _("From that day the customer gets"),
        [(outcome.value, outcome.label) for outcome in (Outcome.LAST_RESORT, Outcome.NO_SUPPLY)],
    )
    text = LineField(
        label=_("In words"),
        max_length=400,
        required=False,
        help_text=_("Without supply: when and how the customer declined."),
    )


class ExitForm(WordsForm):
    """A retailer that leaves the market, as the hub operator announces it."""

    company = CompanyField(
        label=_("Retailer"),
        queryset=Company.objects.none(),
        empty_label=_("please choose"),
        error_messages={"required": _("Please choose the retailer."), "invalid_choice": CHOOSE},
    )
    last_day = DayField(
        label=_("Last day of supply"),
        help_text=_("At the end of this day what is left goes to last-resort supply."),
        error_messages={"required": _("Please enter the last day of supply.")},
    )
    field_order = ("company", "last_day", "text")

    def __init__(self, *args: Any, retailers: QuerySet[Company], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["company"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = retailers
