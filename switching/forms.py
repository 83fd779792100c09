"""What people type into the room's pages: cleaned here, decided in the verbs."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import Company
from portal.templatetags.words import company_name
from switching import escalations, policies, relays, threads
from switching.models import Disclosure, DisclosureItem, DisclosureVersion, RelayMessage, RetailerPolicy
from switching.reasons import Reason
from switching.sentences import SENTENCES, field_of, sentence

MOST_TRIES = 50
GAPS = re.compile(r"\s+")
INVISIBLE = frozenset({"Cc", "Cf", "Cs"})


class DateInput(forms.DateInput):
    """A day, typed or picked, in the one form every browser understands."""

    input_type = "date"

    def __init__(self, **attrs: str) -> None:
        super().__init__(format="%Y-%m-%d", attrs=attrs)


class RetailerField(forms.ModelChoiceField):
    """A choice of retailers, named in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        return company_name(obj)


class LineField(forms.CharField):
    """One line of text: gaps of any kind become one space, characters that cannot be seen are dropped."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        seen = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) not in INVISIBLE)
        return GAPS.sub(" ", seen).strip()


class HolderForm(forms.Form):
    """The customer as contract holder: what both a relay and a start carry."""

    holder_name = LineField(
        label=_("Contract holder"),
        max_length=80,
        help_text=_("As on the bill, in kanji; a company with its legal form."),
        error_messages={"required": _("Please enter the contract holder's name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    holder_kana = LineField(
        label=_("Contract holder in kana"),
        max_length=120,
        error_messages={"required": _("Please enter the contract holder's name in kana.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    holder_address = LineField(
        label=_("Address"),
        max_length=250,
        help_text=_("Where the electricity is used, with building and room."),
        error_messages={"required": _("Please enter the address of the place of use.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RelayForm(HolderForm):
    """A relay as the gaining retailer's clerk types it in; which retailers can be chosen comes from the view."""

    losing_retailer = RetailerField(
        label=_("Present retailer"),
        queryset=Company.objects.none(),
        empty_label=_("please choose"),
        help_text=_("The retailer on the customer's bill."),
        error_messages={
            "required": _("Please choose the customer's present retailer."),
            "invalid_choice": _("This company is no retailer in the point's area. Please choose from the list."),
        },
    )
    contract_number = LineField(
        label=_("Contract number at the present retailer"),
        max_length=40,
        error_messages={"required": _("Please enter the contract number printed on the bill.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    desired_date = forms.DateField(
        label=_("Desired date"),
        error_messages={
            "required": _("Please enter the day of the switch."),
            "invalid": _("This is no day of the calendar. Please write it as 2026-04-15."),
        },
        widget=DateInput(list="possible-dates"),
    )
    contact_person = LineField(
        label=_("Contact person at your company"),
        max_length=60,
        help_text=_("Whom the present retailer may call; never the customer."),
        error_messages={"required": _("Please name a contact person of your company.")},
    )
    field_order = (
        "losing_retailer",
        "contract_number",
        "holder_name",
        "holder_kana",
        "holder_address",
        "desired_date",
        "contact_person",
    )

    def __init__(self, *args: Any, retailers: QuerySet[Company], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["losing_retailer"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = retailers


class StartForm(HolderForm):
    """A switch start as the gaining retailer's clerk types it in."""

    desired_date = forms.DateField(
        label=_("Desired date"),
        error_messages={
            "required": _("Please enter the day of the switch."),
            "invalid": _("This is no day of the calendar. Please write it as 2026-04-15."),
        },
        widget=DateInput(list="possible-dates"),
    )
    contract_number = LineField(
        label=_("New contract number"),
        max_length=40,
        help_text=_("Your own company's number for the new contract."),
        error_messages={"required": _("Please enter your company's number for the new contract.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    meter_work = forms.TypedChoiceField(
        label=_("Meter work"),
        choices=[("no", _("not needed")), ("yes", _("needed"))],
        coerce=lambda choice: choice == "yes",
        initial="no",
        widget=forms.RadioSelect,
        help_text=_("A meter exchange or other work at the point takes longer."),
    )
    field_order = ("desired_date", "meter_work", "contract_number", "holder_name", "holder_kana", "holder_address")


class DisclosureForm(forms.Form):
    """Each item of the version in force with a checkbox of its own, then how and when it was explained."""

    channel = forms.ChoiceField(
        label=_("Explained"),
        choices=[("", _("please choose")), *Disclosure.Channel.choices],
        error_messages={"required": _("Please choose how you explained it.")},
    )
    explained_on = forms.DateField(
        label=_("Explained on"),
        error_messages={
            "required": _("Please enter the day on which you explained it."),
            "invalid": _("This is no day of the calendar. Please write it as 2026-04-15."),
        },
        widget=DateInput(),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, version: DisclosureVersion, today: date, **kwargs: Any) -> None:
        kwargs["initial"] = {"explained_on": today, "version": version.pk, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self.items: list[DisclosureItem] = list(version.items.all())
        boxes: dict[str, forms.Field] = {
            self.name_of(item): forms.BooleanField(label=item.text, required=False) for item in self.items
        }
        self.fields = {**boxes, **self.fields}

    @staticmethod
    def name_of(item: DisclosureItem) -> str:
        return f"item_{item.pk}"

    @property
    def acknowledged(self) -> set[int]:
        """The ids of the ticked items."""
        return {item.pk for item in self.items if self.cleaned_data.get(self.name_of(item))}


class RejectForm(forms.Form):
    """Why a relay is rejected: up to nine reasons at once, words for "other"."""

    reasons = forms.TypedMultipleChoiceField(
        label=_("Reasons"),
        choices=Reason.choices,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The other retailer is told the reasons, never your data."),
        error_messages={
            "required": format_lazy("{}", SENTENCES[relays.ReasonsMissing]),
            "invalid_choice": _("This reason is not on the list."),
        },
    )
    reason_text = LineField(
        label=_("Other reason in words"),
        max_length=200,
        required=False,
        help_text=_("Only with “other”. No figures, names or addresses: words that carry a value are refused."),
    )


class MessageForm(forms.Form):
    """One message on a waiting relay: what the own side may say, and a few words."""

    topic = forms.ChoiceField(
        label=_("What you want to say"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose what you want to say."),
            "invalid_choice": format_lazy("{}", SENTENCES[threads.NotYoursToSay]),
        },
    )
    text = LineField(
        label=_("In a few words"),
        required=False,
        max_length=threads.LONGEST_TEXT,
        help_text=_("No figures, names or addresses: words that carry a value are refused."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"max_length": format_lazy("{}", SENTENCES[threads.TextTooLong])},
    )

    def __init__(self, *args: Any, topics: Iterable[RelayMessage.Topic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["topic"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(topic.value, topic.label) for topic in topics]


class SeparatorsField(forms.CharField):
    """Characters to drop; a blank among them is one of them and stays."""

    def __init__(self) -> None:
        super().__init__(
            label=_("separators to drop"),
            required=False,
            strip=False,
            max_length=10,
            help_text=_("Characters that are left out before the pattern is asked, such as hyphen and blank."),
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )


class RulesForm(forms.ModelForm):
    """A retailer's own rules for relays addressed to it, and numbers to try the pattern with."""

    number_separators = SeparatorsField()
    tries = forms.CharField(
        label=_("Numbers to try"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One per line; made-up ones will do. Nothing of this is kept."),
    )

    class Meta:
        model = RetailerPolicy
        fields = (
            "number_pattern",
            "number_separators",
            "number_hint",
            "number_sample",
            "auto_accept",
            "filing",
        )
        widgets = {
            "number_pattern": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "filing": forms.RadioSelect,
        }
        help_texts = {
            "number_pattern": _(
                "Regular expression for the whole number after width is evened out and the separators are dropped; "
                "empty: any number. Without look-around and back-references."
            ),
            "number_hint": _("The rule in words, for those who type your customers' numbers."),
            "number_sample": _("A made-up number that follows the pattern."),
            "auto_accept": _(
                "Only where contract number, name and address agree exactly or by the strict rules; all else goes to "
                "a person."
            ),
            "filing": _("By hand: within the next business day after the acceptance, or the hub operator is told."),
        }

    def tried(self) -> list[tuple[str, bool]]:
        """Each number to try and whether it fits; for a form whose rules are in order."""
        lines = self.cleaned_data["tries"].splitlines()
        return [(line.strip(), self.instance.number_fits(line)) for line in lines if line.strip()][:MOST_TRIES]

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            try:
                policies.check(self.instance)
            except policies.BadPattern as refusal:
                self.add_error(field_of(refusal, self), sentence(refusal))


class NoteForm(forms.Form):
    """What an operator found out about an escalated case."""

    text = LineField(
        label=_("Note"),
        max_length=escalations.LONGEST_NOTE,
        help_text=_("Whom you called and what was arranged. No data of the customer."),
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": format_lazy("{}", SENTENCES[escalations.NoteMissing]),
            "max_length": format_lazy("{}", SENTENCES[escalations.NoteTooLong]),
        },
    )


def hint(form: forms.Form, name: str, text: str) -> None:
    """Set a field's hint for this request; a form that was checked keeps its drawn fields, so both are told."""
    form.fields[name].help_text = text
    form[name].help_text = text


def hidden(form: forms.Form) -> list[tuple[str, str]]:
    """A bound form's entries as (name, value) pairs, to be carried through the page that asks for confirmation."""
    pairs: list[tuple[str, str]] = []
    for name in form.fields:
        values: Iterable[str] = (
            form.data.getlist(form.add_prefix(name)) if hasattr(form.data, "getlist") else [form.data[name]]
        )
        pairs += [(form.add_prefix(name), str(value)) for value in values]
    return pairs
