"""Fields that pages of every room ask with."""

from django import forms
from django.utils.translation import gettext_lazy as _


class DayInput(forms.DateInput):
    """A day, typed or picked, in the one form every browser understands."""

    input_type = "date"

    def __init__(self, **attrs: str) -> None:
        super().__init__(format="%Y-%m-%d", attrs=attrs)


class DayField(forms.DateField):
    """A day of the calendar."""

    widget = DayInput
    default_error_messages = {"invalid": _("This is no day of the calendar. Please write it as 2026-04-15.")}
