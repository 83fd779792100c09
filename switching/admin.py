"""The room in the operator's workbench: cases to look at, stuck matches to try again, lists and policies laid down."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import clock, ledger
from portal.admin.base import ReadOnly
from switching import disclosures, effects, matching, policies, traces
from switching.forms import CheckedRules, lines_in
from switching.models import (
    Application,
    Disclosure,
    DisclosureItem,
    DisclosureVersion,
    Match,
    Relay,
    RetailerPolicy,
    Step,
    UndoCase,
)
from switching.states import OPEN_APPLICATIONS


class ReadByStaff(ReadOnly):
    """A table with customers' data: opening one row leaves a read in the ledger."""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        case = self.get_object(request, object_id)
        if isinstance(case, Relay | Application | UndoCase):
            subject = traces.subject_of(case)
            action = f"{subject.split()[0]}.read"
            ledger.record(action, subject, by=request.user, now=clock.now(), purpose="operator's workbench")  # type: ignore[arg-type]
        return super().change_view(request, object_id, form_url, extra_context)


class StepInline(admin.TabularInline):
    model = Step
    fields = readonly_fields = ("at", "move_label", "by")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=_("move"))
    def move_label(self, step: Step) -> str:
        return step.move_label


@admin.register(Relay)
class RelayAdmin(ReadByStaff):
    list_display = ["number", "state", "gaining_retailer", "losing_retailer", "desired_date", "due_at", "registered_at"]
    list_filter = ["state", "point__supply_class", "point__area"]
    list_select_related = ["gaining_retailer", "losing_retailer"]
    search_fields = ["number__startswith", "point__number__exact"]
    inlines = [StepInline]


class StuckApplicationFilter(admin.SimpleListFilter):
    title = _("carrying out")
    parameter_name = "carrying_out"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("stuck", _("stuck"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Application]) -> QuerySet[Application]:
        if self.value() == "stuck":
            return queryset.filter(state__in=OPEN_APPLICATIONS).exclude(stuck_because="")
        return queryset


@admin.register(Application)
class ApplicationAdmin(ReadByStaff):
    list_display = ["number", "kind", "state", "retailer", "desired_date", "in_effect_on", "completed_at"]
    list_filter = [StuckApplicationFilter, "kind", "state", "point__supply_class", "point__area"]
    list_select_related = ["retailer"]
    search_fields = ["number__startswith", "point__number__exact"]
    inlines = [StepInline]
    actions = ["try_again"]

    def has_try_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("switching.change_match")

    @admin.action(description=_("Try to carry out again"), permissions=["try"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """Put stuck applications back; the worker takes them up within a minute."""
        ids = list(queryset.values_list("pk", flat=True))
        count = effects.try_again(ids, by=request.user, now=clock.now())  # type: ignore[arg-type]
        words = ngettext(
            "%(count)s application is tried again by the worker.",
            "%(count)s applications are tried again by the worker.",
            count,
        )
        self.message_user(request, words % {"count": count}, messages.SUCCESS if count else messages.WARNING)


class StuckFilter(admin.SimpleListFilter):
    title = _("handing over")
    parameter_name = "handing_over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("stuck", _("stuck")),
            ("waiting", _("waiting for its switch date")),
            ("done", _("done")),
            ("dissolved", _("dissolved")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Match]) -> QuerySet[Match]:
        match self.value():
            case "stuck":
                return queryset.filter(handed_over_at__isnull=True, dissolved_at__isnull=True).exclude(stuck_because="")
            case "waiting":
                return queryset.filter(handed_over_at__isnull=True, dissolved_at__isnull=True, stuck_because="")
            case "done":
                return queryset.filter(handed_over_at__isnull=False)
            case "dissolved":
                return queryset.filter(dissolved_at__isnull=False)
        return queryset


@admin.register(Match)
class MatchAdmin(ReadOnly):
    list_display = ["point", "switch_date", "matched_at", "handed_over_at", "stuck_because", "dissolved_at"]
    list_filter = [StuckFilter, "switch_date"]
    list_select_related = ["point"]
    search_fields = ["point__number__exact", "applications__number__startswith"]
    actions = ["try_again"]

    def has_try_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("switching.change_match")

    @admin.action(description=_("Try to hand over again"), permissions=["try"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Match]) -> None:
        """Put stuck matches back; the worker takes them up within a minute."""
        ids = list(queryset.values_list("pk", flat=True))
        count = matching.try_again(ids, by=request.user, now=clock.now())  # type: ignore[arg-type]
        words = ngettext(
            "%(count)s match is tried again by the worker.", "%(count)s matches are tried again by the worker.", count
        )
        self.message_user(request, words % {"count": count}, messages.SUCCESS if count else messages.WARNING)


class ItemInline(admin.TabularInline):
    model = DisclosureItem
    fields = readonly_fields = ("position", "code", "text_ja", "text_en")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class PublishForm(forms.ModelForm):
    """The next version of the list, one line per item."""

    items = forms.CharField(
        label=_("Items"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 12, "cols": 120}),
        help_text=_("One line per item: code | Japanese text | English text. A published version is never changed."),
    )

    class Meta:
        model = DisclosureVersion
        fields = ["valid_from"]

    def clean_items(self) -> list[disclosures.Line]:
        return lines_in(self.cleaned_data["items"])


@admin.register(DisclosureVersion)
class DisclosureVersionAdmin(ReadOnly):
    list_display = ["retailer", "menu", "version", "valid_from", "charge"]
    list_filter = ["retailer"]
    list_select_related = ["retailer"]
    form = PublishForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("switching.add_disclosureversion")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ["retailer", "menu", "version", "valid_from", "charge"] if obj else ["valid_from", "items"]

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        return [ItemInline] if obj else []

    def save_model(self, request: HttpRequest, obj: DisclosureVersion, form: forms.ModelForm, change: bool) -> None:
        published = disclosures.publish_version(
            form.cleaned_data["items"],
            valid_from=form.cleaned_data["valid_from"],
            by=request.user,  # type: ignore[arg-type]
            now=clock.now(),
        )
        obj.pk, obj.version = published.pk, published.version


@admin.register(Disclosure)
class DisclosureAdmin(ReadOnly):
    list_display = ["company", "point", "version", "channel", "explained_on", "recorded_at"]
    list_select_related = ["company", "point", "version"]
    search_fields = ["point__number__exact"]


class PolicyForm(CheckedRules):
    class Meta:
        model = RetailerPolicy
        fields = [
            "retailer",
            "number_pattern",
            "number_hint",
            "number_sample",
            "number_separators",
            "auto_accept",
            "filing",
        ]


@admin.register(RetailerPolicy)
class RetailerPolicyAdmin(admin.ModelAdmin):
    list_display = ["retailer", "number_hint", "number_sample", "auto_accept"]
    list_select_related = ["retailer"]
    form = PolicyForm

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["retailer"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RetailerPolicy, form: forms.ModelForm, change: bool) -> None:
        policies.lay_down(
            retailer=obj.retailer,
            number_pattern=obj.number_pattern,
            number_hint=obj.number_hint,
            number_sample=obj.number_sample,
            number_separators=obj.number_separators,
            auto_accept=obj.auto_accept,
            filing=obj.filing,
            by=request.user,  # type: ignore[arg-type]
            now=clock.now(),
        )


@admin.register(Step)
class StepAdmin(ReadOnly):
    list_display = ["at", "relay", "application", "move_label", "by"]
    list_select_related = ["relay", "application", "by"]
    search_fields = ["relay__number__exact", "application__number__exact"]

    @admin.display(description=_("move"))
    def move_label(self, step: Step) -> str:
        return step.move_label


@admin.register(UndoCase)
class UndoCaseAdmin(ReadByStaff):
    list_display = ["number", "kind", "state", "gaining_retailer", "losing_retailer", "due_at", "effective_on"]
    list_filter = ["kind", "state", "point__supply_class", "point__area"]
    list_select_related = ["gaining_retailer", "losing_retailer"]
    search_fields = ["number__startswith", "relay__number__exact", "point__number__exact"]
    inlines = [StepInline]
