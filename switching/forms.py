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

from portal import attachments
from portal.fields import CompanyField, DayField, DayInput
from portal.models import Company
from switching import disclosures, escalations, policies, relays, threads
from switching.models import Charge, Disclosure, DisclosureItem, Evidence, RelayMessage, RetailerPolicy
from switching.reasons import Reason
from switching.sentences import SENTENCES, field_of, sentence

MOST_TRIES = 50
GAPS = re.compile(r"\s+")
INVISIBLE = frozenset({"Cc", "Cf", "Cs"})


class LineField(forms.CharField):
    """One line of text: gaps of any kind become one space, characters that cannot be seen are dropped."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        if not text.isprintable():  # else nothing in it is invisible, which is known far sooner
            text = "".join(
                letter for letter in text if letter.isspace() or unicodedata.category(letter) not in INVISIBLE
            )
        return GAPS.sub(" ", text).strip()


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

    losing_retailer = CompanyField(
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
    desired_date = DayField(
        label=_("Desired date"),
        error_messages={"required": _("Please enter the day of the switch.")},
        widget=DayInput(list="possible-dates"),
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

    desired_date = DayField(
        label=_("Desired date"),
        error_messages={"required": _("Please enter the day of the switch.")},
        widget=DayInput(list="possible-dates"),
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
    """Each item of the lists in force with a checkbox of its own, then how and when it was explained."""

    channel = forms.ChoiceField(
        label=_("Explained"),
        choices=[("", _("please choose")), *Disclosure.Channel.choices],
        error_messages={"required": _("Please choose how you explained it.")},
    )
    explained_on = DayField(
        label=_("Explained on"),
        error_messages={"required": _("Please enter the day on which you explained it.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    own_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, lists: disclosures.Lists, today: date, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "explained_on": today,
            "version": lists.base.pk,
            "own_version": lists.own.pk if lists.own else None,
            **(kwargs.get("initial") or {}),
        }
        super().__init__(*args, **kwargs)
        self.items: list[DisclosureItem] = list(lists.items)
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
            label=_("Separators to drop"),
            required=False,
            strip=False,
            max_length=10,
            help_text=_("Characters that are left out before the pattern is asked, such as hyphen and blank."),
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )


class CheckedRules(forms.ModelForm):
    """Pattern, hint and sample of a retailer's rule are checked together."""

    number_separators = SeparatorsField()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                policies.check(RetailerPolicy(**{name: values[name] for name in values if name.startswith("number_")}))
            except policies.BadPattern as refusal:
                self.add_error(field_of(refusal, self), sentence(refusal))
        return values


class RulesForm(CheckedRules):
    """A retailer's own rules for relays addressed to it, and numbers to try the pattern with."""

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


def lines_in(text: str) -> list[disclosures.Line]:
    """(code, Japanese, English) per line of a list; a ValidationError names the line and what to do."""
    found: list[disclosures.Line] = []
    for at, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not all(parts):
            raise forms.ValidationError(
                _("Line %(at)s does not have three parts: code | Japanese text | English text."), params={"at": at}
            )
        try:
            forms.SlugField(max_length=40).clean(parts[0])
        except forms.ValidationError as error:
            raise forms.ValidationError(
                _("Line %(at)s: a code has at most 40 letters, digits, hyphens and underscores."), params={"at": at}
            ) from error
        if max(map(len, parts[1:])) > 300:
            raise forms.ValidationError(_("Line %(at)s: a text has at most 300 characters."), params={"at": at})
        if parts[0] in {code for code, _ja, _en in found}:
            raise forms.ValidationError(_("Line %(at)s: this code stands above already."), params={"at": at})
        found.append((parts[0], parts[1], parts[2]))
    if not found:
        raise forms.ValidationError(_("A list has at least one item."))
    return found


def written(lines: Iterable[Iterable[str]]) -> str:
    """A list as it is written, one line per item."""
    return "\n".join(" | ".join(line) for line in lines)


class ListForm(forms.Form):
    """A retailer's own list of disadvantages for one of its menus."""

    menu = LineField(
        label=_("Menu"),
        max_length=60,
        required=False,
        help_text=_("As it stands on your customers' bills; empty: the list for all your other menus."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    valid_from = DayField(
        label=_("Valid from"),
        error_messages={"required": _("Please enter the day from which the list holds.")},
    )
    charge = forms.ChoiceField(
        label=_("Early-termination charge"),
        choices=Charge.choices,
        widget=forms.RadioSelect,
        help_text=_("Whether leaving early may cost something; never an amount and never whose contract."),
    )
    items = forms.CharField(
        label=_("Items"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "One line per item: code | Japanese text | English text. An item with a code of the hub-wide list is said "
            "in its place."
        ),
        error_messages={"required": _("A list has at least one item.")},
    )

    def clean_items(self) -> list[disclosures.Line]:
        return lines_in(self.cleaned_data["items"])


class EvidenceForm(forms.Form):
    """A file that proves what a customer said."""

    kind = forms.ChoiceField(label=_("What it proves"), choices=Evidence.Kind.choices)
    channel = forms.ChoiceField(
        label=_("How it was given"),
        choices=[("", _("please choose")), *Disclosure.Channel.choices],
        error_messages={"required": _("Please choose how the customer gave it.")},
    )
    obtained_on = DayField(
        label=_("Given on"),
        error_messages={"required": _("Please enter the day on which the customer gave it.")},
    )
    agent = LineField(
        label=_("Sales agent"),
        max_length=40,
        required=False,
        help_text=_("The agent's id at your company, where one was involved."),
    )
    file = forms.FileField(
        label=_("File"),
        max_length=200,
        help_text=_("PDF, PNG or JPEG, or a recording as WAV, MP3, M4A or OGG; at most 25 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(attachments.PROOFS)}),
        error_messages={"required": _("Please choose the file.")},
    )


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
