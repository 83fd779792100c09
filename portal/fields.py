"""Fields that pages of every room ask with."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.templatetags.words import company_name


class DayInput(forms.DateInput):
    """A day, typed or picked, in the one form every browser understands."""

    input_type = "date"

    def __init__(self, **attrs: str) -> None:
        super().__init__(format="%Y-%m-%d", attrs=attrs)


class DayField(forms.DateField):
    """A day of the calendar."""

    widget = DayInput
    default_error_messages = {"invalid": _("This is no day of the calendar. Please write it as 2026-04-15.")}


class CompanyField(forms.ModelChoiceField):
    """A choice of companies, named in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        return company_name(obj)
