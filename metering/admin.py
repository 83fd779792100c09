"""The operator's view of points, supply and inquiries: to look at; only the reading calendar is kept by hand."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from metering import admin_checks, governance, intake  # noqa: F401 - registers its own
from metering.models import (
    Consent,
    Contract,
    FacilityInquiry,
    HeldDay,
    InquiryAlarm,
    InquiryRules,
    Meter,
    OwedDay,
    Publication,
    ReadingDate,
    SupplyPeriod,
    SupplyPoint,
    UsageFile,
)
from portal import clock, ledger
from portal.admin.base import SetOrTakenBack


class ReadOnly:
    """Nothing is added, changed or removed by hand where a verb exists."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MeterInline(ReadOnly, admin.TabularInline):
    model = Meter
    extra = 0


class PeriodInline(ReadOnly, admin.TabularInline):
    """The whole history, superseded beliefs included; contracts only by number."""

    model = SupplyPeriod
    extra = 0
    fields = ["retailer", "during", "ending", "cause", "known_from", "known_until"]
    readonly_fields = ["retailer", "during", "ending", "cause", "known_from", "known_until"]


@admin.register(SupplyPoint)
class SupplyPointAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["number", "supply_class", "area", "network_operator", "contract_state", "reading_day"]
    list_filter = ["supply_class", "area", "contract_state"]
    list_select_related = ["network_operator"]
    search_fields = ["number__startswith"]
    inlines = [MeterInline, PeriodInline]
    show_full_result_count = False


@admin.register(Contract)
class ContractAdmin(ReadOnly, admin.ModelAdmin):
    """Opening a contract reads a customer's data: it is in the ledger. The list shows none of it."""

    list_display = ["number", "retailer", "point"]
    list_filter = ["retailer"]
    list_select_related = ["retailer", "point"]
    search_fields = ["number__startswith", "point__number__startswith"]
    show_full_result_count = False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        contract = super().get_object(request, object_id, from_field)
        if contract:
            ledger.record(
                "contract read",
                f"supply point {contract.point.number}",
                by=request.user,  # type: ignore[arg-type]
                now=clock.now(),
                purpose="operation of the hub",
                contract=contract.number,
            )
        return contract


@admin.register(FacilityInquiry)
class FacilityInquiryAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["at", "company", "by", "point", "supply_class", "area", "consent"]
    list_filter = ["supply_class", "area", "company"]
    list_select_related = ["company", "by", "point", "consent"]
    date_hierarchy = "at"
    search_fields = ["point__number__startswith"]
    show_full_result_count = False


@admin.register(Consent)
class ConsentAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["reference", "company", "purpose", "channel", "obtained_on", "recorded_by", "recorded_at"]
    list_filter = ["purpose", "channel", "company"]
    list_select_related = ["company", "recorded_by"]
    search_fields = ["reference"]
    show_full_result_count = False


@admin.register(ReadingDate)
class ReadingDateAdmin(admin.ModelAdmin):
    """Single days put right by hand; whole years come through `points.set_reading_calendar`."""

    list_display = ["day", "area", "reading_day"]
    list_filter = ["area", "reading_day"]
    date_hierarchy = "day"

    def save_model(self, request: HttpRequest, obj: ReadingDate, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._record("reading date set", request, obj)

    def delete_model(self, request: HttpRequest, obj: ReadingDate) -> None:
        self._record("reading date removed", request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self._record("reading date removed", request, obj)
        super().delete_queryset(request, queryset)

    def _record(self, action: str, request: HttpRequest, date: ReadingDate) -> None:
        ledger.record(
            action,
            "reading calendar",
            by=request.user,  # type: ignore[arg-type]
            now=clock.now(),
            area=date.area,
            reading_day=date.reading_day,
            day=date.day.isoformat(),
        )


# --- Usage files --------------------------------------------------------------------------------------------------


@admin.register(UsageFile)
class UsageFileAdmin(ReadOnly, admin.ModelAdmin):
    """Files that came in; one that waits with several failed attempts is stuck."""

    list_display = [
        "received_at",
        "sender",
        "name",
        "state",
        "attempts",
        "rows_read",
        "rows_taken",
        "rows_unchanged",
        "rows_refused",
    ]
    list_filter = ["state", "attempts", "sender"]
    list_select_related = ["sender"]
    date_hierarchy = "received_at"
    search_fields = ["name"]
    show_full_result_count = False
    actions = ["try_again"]

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("metering.change_usagefile")

    @admin.action(description=_("Let workers try the chosen files again"), permissions=["operate"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[UsageFile]) -> None:
        count = intake.try_again(
            list(queryset.values_list("pk", flat=True)),
            by=request.user,  # type: ignore[arg-type]
            now=clock.now(),
        )
        messages.success(
            request,
            ngettext("%(count)d file will be tried again.", "%(count)d files will be tried again.", count)
            % {"count": count},
        )


@admin.register(Publication)
class PublicationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "day",
        "layer",
        "revision",
        "published_at",
        "rows",
        "readings",
        "rows_without_supplier",
        "rows_superseded",
        "rows_moved",
        "points_withdrawn",
    ]
    list_filter = ["layer"]
    date_hierarchy = "day"
    show_full_result_count = False


@admin.register(OwedDay)
class OwedDayAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["day", "point", "from_retailer", "to_retailer", "cause", "known_at", "settled_at", "publication"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter)]
    list_select_related = ["point", "from_retailer", "to_retailer", "publication"]
    search_fields = ["point__number", "cause"]
    date_hierarchy = "day"
    show_full_result_count = False


@admin.register(HeldDay)
class HeldDayAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["day", "since", "last_tried_at", "released_at"]
    list_filter = [("released_at", admin.EmptyFieldListFilter)]


# --- Watching over inquiries --------------------------------------------------------------------------------------


@admin.register(InquiryRules)
class InquiryRulesAdmin(SetOrTakenBack):
    list_display = ["company", "daily_budget", "hourly_alarm", "is_watched"]
    list_select_related = ["company"]
    autocomplete_fields = ["company"]

    def deed(self, request: HttpRequest, form: ModelForm, obj: Model | None) -> InquiryRules:
        return governance.set_rules(**form.cleaned_data, by=request.user, now=clock.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: InquiryRules) -> None:
        governance.drop_rules(obj, by=request.user, now=clock.now())  # type: ignore[arg-type]


@admin.register(InquiryAlarm)
class InquiryAlarmAdmin(ReadOnly, admin.ModelAdmin):
    """To look at; explanations and liftings have a page of their own, which "view on site" opens."""

    list_display = ["raised_at", "kind", "count", "company", "user", "explain_by", "explained_at", "lifted_at"]
    list_filter = ["kind", "company"]
    list_select_related = ["company", "user"]
    date_hierarchy = "raised_at"
    show_full_result_count = False

    def view_on_site(self, obj: InquiryAlarm) -> str:
        return reverse("metering:alarm", args=[obj.pk])
