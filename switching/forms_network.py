"""What a network operator's clerk types in: an answer to an application, work at a meter, and how it was done."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from metering.meters import NUMBER_LENGTH, NewMeter
from metering.models import Meter
from portal.fields import DayField
from switching.codes import ACCEPTANCES, AnswerCode
from switching.forms import LineField
from switching.meter_works import NEEDED, Done
from switching.models import MeterWork, NetworkAnswer

_LARGEST = 10**15
_CHOOSE = _("Please choose one of the list.")


class NetworkAnswerForm(forms.Form):
    """Accepted or rejected, with at least one code of the verdict; an acceptance without one is "as filed"."""

    verdict = forms.ChoiceField(
        label=_("Answer"),
        choices=[
            (NetworkAnswer.Verdict.ACCEPT.value, _("Accept the application")),
            (NetworkAnswer.Verdict.REJECT.value, _("Reject the application")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Please choose accept or reject.")},
    )
    codes = forms.MultipleChoiceField(
        label=_("Codes"),
        choices=[(code.value, f"{code.value} {code.label}") for code in AnswerCode],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "A01 to A03 with an acceptance (none means A01), R01 to R99 with a rejection; several are possible."
        ),
        error_messages={"invalid_choice": _CHOOSE},
    )
    text = LineField(
        label=_("In words"),
        max_length=200,
        required=False,
        help_text=_("With R99 only. The retailer reads it; no data of the customer."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["codes"].choices = [(code.value, f"{code.value} {code.label}") for code in AnswerCode]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        is_acceptance = values.get("verdict") == NetworkAnswer.Verdict.ACCEPT
        if is_acceptance and not values.get("codes"):
            values["codes"] = [AnswerCode.AS_FILED.value]
        codes = set(values.get("codes", ()))
        if values.get("verdict") and codes and is_acceptance != bool(codes <= ACCEPTANCES):
            self.add_error(
                "codes",
                _("An acceptance goes with codes that begin with A, a rejection with codes that begin with R."),
            )
        elif not is_acceptance and codes & ACCEPTANCES:
            self.add_error("codes", _("A rejection goes with codes that begin with R alone."))
        if values.get("text") and AnswerCode.OTHER not in codes:
            self.add_error("text", _("Words go with the code R99 only. Please tick it, or leave the words out."))
        return values


class PlanForm(forms.Form):
    """Work at a meter and its day; which kinds there are to choose comes from the view."""

    kind = forms.ChoiceField(label=_("Work"), error_messages={"invalid_choice": _CHOOSE})
    planned_on = DayField(
        label=_("Planned on"),
        error_messages={"required": _("Please enter the day of the work.")},
    )

    def __init__(self, *args: Any, kinds: list[MeterWork.Kind], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in kinds]  # type: ignore[attr-defined]


class PointPlanForm(PlanForm):
    """Work at a point that no application asks for, such as the exchange of a meter whose time is up."""

    point = LineField(
        label=_("Supply point"),
        help_text=_("22 digits; a point on your network."),
        error_messages={"required": _("Enter the supply point number: 22 digits.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("point", "kind", "planned_on")


class DoneForm(forms.Form):
    """How planned work was done; asks for the meters that work of its kind takes away and puts up."""

    done_on = DayField(
        label=_("Done on"),
        error_messages={"required": _("Please enter the day on which the work was done.")},
    )
    old_meter = LineField(
        label=_("Number of the meter taken away"),
        max_length=NUMBER_LENGTH,
        error_messages={"required": _("Please enter the number on the meter.")},
    )
    old_reading_wh = forms.IntegerField(
        label=_("Last reading of the old meter (Wh)"), required=False, min_value=0, max_value=_LARGEST
    )
    new_meter = LineField(
        label=_("Number of the new meter"),
        max_length=NUMBER_LENGTH,
        error_messages={"required": _("Please enter the number on the meter.")},
    )
    new_kind = forms.ChoiceField(label=_("Kind of the new meter"), choices=Meter.Kind.choices)
    multiplier = forms.IntegerField(
        label=_("Multiplier of the new meter"),
        initial=1,
        min_value=1,
        max_value=100_000,
        help_text=_("1 without instrument transformers."),
    )
    new_reading_wh = forms.IntegerField(
        label=_("First reading of the new meter (Wh)"), required=False, min_value=0, max_value=_LARGEST
    )

    def __init__(self, *args: Any, work: MeterWork, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        takes_away, puts_up = NEEDED[MeterWork.Kind(work.kind)]
        unasked = [
            *([] if takes_away else ["old_meter", "old_reading_wh"]),
            *([] if puts_up else ["new_meter", "new_kind", "multiplier", "new_reading_wh"]),
        ]
        for name in unasked:
            del self.fields[name]

    @property
    def done(self) -> Done:
        """The report; of a form that was found valid."""
        values = self.cleaned_data
        new = values.get("new_meter")
        return Done(
            done_on=values["done_on"],
            old_meter=values.get("old_meter", ""),
            new_meter=NewMeter(new, values["new_kind"], values["multiplier"]) if new else None,
            old_reading_wh=values.get("old_reading_wh"),
            new_reading_wh=values.get("new_reading_wh"),
        )
