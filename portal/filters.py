"""Filters that many lists have."""

from typing import Any

import django_filters


class Days(django_filters.DateFromToRangeFilter):
    """From one day until another, each of them by the browser's own calendar."""

    def __init__(self, label: Any, field_name: str | None = None) -> None:
        widget = django_filters.widgets.RangeWidget(attrs={"type": "date", "class": "form-control"})
        super().__init__(label=label, field_name=field_name, widget=widget)
