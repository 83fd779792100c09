"""What is open when, and how much of it: holidays, gates, maintenance, quotas."""

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal import gates, holidays, quotas
from portal.admin.base import ByVerbs, SetOrTakenBack
from portal.models import ExtraHoliday, Gate, MaintenanceWindow, Quota


@admin.register(ExtraHoliday)
class ExtraHolidayAdmin(ByVerbs):
    list_display = ["day", "area", "name", "is_business_day"]
    list_filter = ["area", "is_business_day"]
    date_hierarchy = "day"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A holiday is set or taken back, never turned into another one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("portal.delete_extraholiday")

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> ExtraHoliday:
        values = form.cleaned_data
        return holidays.close_day(
            area=values["area"],
            day=values["day"],
            name=values["name"],
            is_business_day=values["is_business_day"],
            by=request.user,  # type: ignore[arg-type]
            now=timezone.now(),
        )

    def delete_model(self, request: HttpRequest, obj: ExtraHoliday) -> None:
        holidays.open_day(area=obj.area, day=obj.day, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExtraHoliday]) -> None:
        for holiday in queryset:
            self.delete_model(request, holiday)


@admin.register(Gate)
class GateAdmin(SetOrTakenBack):
    list_display = ["environment", "function", "opened_from", "closed_from", "note"]
    list_filter = ["environment", "function"]

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Gate:
        return gates.open_function(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Gate) -> None:
        gates.take_back(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(SetOrTakenBack):
    list_display = ["begins_at", "ends_at", "announced_from", "environment", "function", "words_ja"]
    list_filter = ["environment", "function"]
    date_hierarchy = "begins_at"

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> MaintenanceWindow:
        return gates.announce(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: MaintenanceWindow) -> None:
        gates.call_off(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(Quota)
class QuotaAdmin(SetOrTakenBack):
    list_display = ["registration", "company", "most", "over"]
    list_filter = ["registration", "over"]
    list_select_related = ["company"]
    autocomplete_fields = ["company"]

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Quota:
        return quotas.set_quota(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Quota) -> None:
        quotas.lift(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]
