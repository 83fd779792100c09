"""Forms and filters of the usage pages."""

from typing import Any

import django_filters
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from metering import intake
from metering.models import PublishedFile, UsageFile
from portal.filters import DayFilter
from portal.market import Area, SupplyClass

MOST_AT_ONCE = 100


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or several files chosen at once; cleans to a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = list(data) if isinstance(data, list | tuple) else [data]
        if len(given) > MOST_AT_ONCE:
            raise forms.ValidationError(
                _("%(count)d files were chosen; please send at most %(most)d at once."),
                params={"count": len(given), "most": MOST_AT_ONCE},
            )
        # Size and content are the verb's business: an empty file gets its sentence there, beside the good ones.
        if not given or given[0] in self.empty_values:
            raise forms.ValidationError(_("Choose at least one file."), code="required")
        return given


class UploadForm(forms.Form):
    """Usage files to be sent."""

    files = FilesField(  # type: ignore[assignment]
        label=_("Files to send"),
        help_text=_(
            "Wide or long CSV (.csv, .csv.gz), Parquet, Green Button (.xml), JSON lines (.jsonl) or files of the "
            "Business Protocol (W4….zip, W5….zip); several at once are fine. The same content is taken in only once."
        ),
    )


class UsageFileFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(label=_("File name"), lookup_expr="icontains")
    state = django_filters.ChoiceFilter(label=_("State"), choices=UsageFile.State.choices)
    kind = django_filters.ChoiceFilter(label=_("Format"), field_name="format", choices=UsageFile.Format.choices)
    open = django_filters.ChoiceFilter(
        label=_("To do"), choices=[("yes", _("refused or unreadable, not dealt with"))], method="only_open"
    )

    class Meta:
        model = UsageFile
        fields: list[str] = []

    def only_open(self, rows: QuerySet[UsageFile], name: str, value: str) -> QuerySet[UsageFile]:
        return rows.filter(pk__in=intake.unsettled(self.request.user).values("pk"))


class PublishedFileFilter(django_filters.FilterSet):
    """`request.last_visit` (a moment or None) is what "new" counts from."""

    day = DayFilter(label=_("Day"), field_name="publication__day")
    day_from = DayFilter(
        label=_("Days from"),
        field_name="publication__day",
        lookup_expr="gte",
    )
    day_to = DayFilter(
        label=_("Days to"),
        field_name="publication__day",
        lookup_expr="lte",
    )
    name = django_filters.CharFilter(label=_("File name"), lookup_expr="icontains")
    area = django_filters.ChoiceFilter(label=_("Area"), choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(label=_("Class"), choices=SupplyClass.choices)
    kind = django_filters.ChoiceFilter(label=_("Format"), field_name="format", choices=PublishedFile.Format.choices)
    first = django_filters.NumberFilter(label=_("From number"), field_name="number", lookup_expr="gte")
    last = django_filters.NumberFilter(label=_("To number"), field_name="number", lookup_expr="lte")
    only = django_filters.ChoiceFilter(
        label=_("Only"),
        choices=[
            ("new", _("new since my last visit")),
            ("open", _("not collected yet")),
            ("changed", _("changed since they were collected")),
        ],
        method="only_some",
    )

    class Meta:
        model = PublishedFile
        fields: list[str] = []

    def only_some(self, rows: QuerySet[PublishedFile], name: str, value: str) -> QuerySet[PublishedFile]:
        if value == "open":
            return rows.filter(first_collected_at__isnull=True)
        if value == "changed":
            return rows.changed_since_read()  # type: ignore[attr-defined]
        since = getattr(self.request, "last_visit", None)
        return rows.filter(publication__published_at__gt=since) if since else rows


class CategoryFilter(django_filters.FilterSet):
    """The declared fields stand in every category's table, so no model is named."""

    point = django_filters.CharFilter(label=_("Supply point"), field_name="point__number", lookup_expr="startswith")
    first = DayFilter(label=_("From"), field_name="on", lookup_expr="gte")
    last = DayFilter(label=_("To"), field_name="on", lookup_expr="lte")


class AgainForm(forms.Form):
    """Delivery numbers that are to be sent again."""

    first = forms.IntegerField(label=_("From number"), min_value=1)
    last = forms.IntegerField(label=_("To number"), min_value=1)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            self.add_error("last", _("The last number lies before the first one."))
        return given
