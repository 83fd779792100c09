"""What lists of cases are narrowed by: class and area of the point, a number as somebody types it."""

from typing import Any, ClassVar

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from portal.market import Area, SupplyClass
from switching.views.relay_words import typed_number


class ClassOfSupply(django_filters.ChoiceFilter):
    """The class of the case's point."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Class of supply"), choices=SupplyClass.choices, field_name="point__supply_class"
        )


class InArea(django_filters.ChoiceFilter):
    """The area of the case's point."""

    def __init__(self) -> None:
        super().__init__(label=gettext_lazy("Area"), choices=Area.choices, field_name="point__area")


class ByNumber(django_filters.FilterSet):
    """Lists with a field `q` for numbers: what a case's own begins with, or, by the look-ups in `also`, another."""

    begins: ClassVar[str] = "number"
    also: ClassVar[tuple[str, ...]] = ("point__number",)

    def by_number(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Rows of the number that was typed."""
        number = typed_number(value)
        found = Q(**{f"{self.begins}__startswith": number})
        for path in self.also:
            found |= Q(**{path: number})
        return rows.filter(found)
