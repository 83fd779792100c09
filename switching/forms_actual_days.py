"""What is typed in to report the actual day of supply."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.fields import DayField
from switching.models import ActualDay


class ActualDayForm(forms.Form):
    """The day and why it is another one."""

    actual = DayField(
        label=_("Actual day"),
        help_text=_("From 00:00 of this day on supply is as the application asked."),
        error_messages={"required": _("Please enter the day on which it really happened.")},
    )
    cause = forms.ChoiceField(
        label=_("Why another day"),
        choices=ActualDay.Cause.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Please choose why the day is another one.")},
    )
