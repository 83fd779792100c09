"""Filters that many lists have."""

from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from portal.fields import CompanyField, DayField


class Days(django_filters.DateFromToRangeFilter):
    """From one day until another, each of them by the browser's own calendar."""

    def __init__(self, label: Any, field_name: str | None = None) -> None:
        widget = django_filters.widgets.RangeWidget(attrs={"type": "date", "class": "form-control"})
        super().__init__(label=label, field_name=field_name, widget=widget)


class YesOrNo(django_filters.BooleanFilter):
    """What holds, what does not, or all, which Django would call "unknown"; `usually_no`: not asked is no."""

    def __init__(self, label: Any, *, usually_no: bool = False, **more: Any) -> None:
        words = [("", settings.FILTERS_EMPTY_CHOICE_LABEL), ("true", _("Yes")), ("false", _("No"))]
        if usually_no:
            words = [("", _("No")), ("true", _("Yes"))]
        super().__init__(label=label, widget=forms.Select(choices=words), **more)


class DayFilter(django_filters.DateFilter):
    """Rows of a day, or from or until it."""

    field_class = DayField


class _CompanyField(CompanyField, django_filters.fields.ModelChoiceField):
    pass


class CompanyFilter(django_filters.ModelChoiceFilter):
    """Rows of a company, chosen by its name in the reader's language."""

    field_class = _CompanyField
