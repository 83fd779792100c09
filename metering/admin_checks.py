"""Rules of the checks in the operator's workbench: proposed in a form, confirmed by a second operator."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering import check_rules
from metering.models import CheckFinding, CheckRule
from metering.vee import VEE
from portal import clock
from portal.admin.base import ByVerbs, VerbForm
from portal.admin.base import ReadOnly as Kept

FIGURES = sorted({name for check in VEE.values() for name in check.thresholds})


def _help(name: str) -> str:
    return "; ".join(
        f"{code}: {check.thresholds[name].label} ({check.thresholds[name].default:g})"
        for code, check in VEE.items()
        if name in check.thresholds
    )


class CheckRuleForm(VerbForm):
    """The figures have a field each; those left empty keep the check's default."""

    figure_days = forms.FloatField(label=gettext_lazy("Figure: days"), required=False)
    figure_factor = forms.FloatField(label=gettext_lazy("Figure: factor"), required=False)
    figure_least_wh = forms.FloatField(label=gettext_lazy("Figure: least Wh"), required=False)
    figure_percent = forms.FloatField(label=gettext_lazy("Figure: %"), required=False)
    figure_sigma = forms.FloatField(label=gettext_lazy("Figure: standard deviations"), required=False)

    class Meta:
        model = CheckRule
        fields = ["check_code", "area", "supply_class", "severity", "effective_from", "why"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["check_code"].choices = [(code, f"{code} {check.label}") for code, check in VEE.items()]  # type: ignore[attr-defined]
        for name in FIGURES:
            self.fields[f"figure_{name}"].help_text = _help(name)

    @property
    def figures(self) -> dict[str, float]:
        entered = {name: self.cleaned_data.get(f"figure_{name}") for name in FIGURES}
        return {name: value for name, value in entered.items() if value is not None}


@admin.register(CheckRule)
class CheckRuleAdmin(ByVerbs):
    """Saving proposes; what stands in the list was confirmed."""

    form = CheckRuleForm
    list_display = [
        "check_code",
        "area",
        "supply_class",
        "severity",
        "thresholds",
        "effective_from",
        "proposed_by",
        "confirmed_by",
        "why",
    ]
    list_filter = ["check_code", "area", "supply_class"]
    list_select_related = ["proposed_by", "confirmed_by"]
    date_hierarchy = "effective_from"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A rule is followed by another one, never changed."""
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        own = ["check_code", "area", "supply_class", "severity"]
        if obj:
            return [*own, "thresholds", "effective_from", "why", "proposed_by", "confirmed_by", "confirmed_at"]
        return [*own, *(f"figure_{name}" for name in FIGURES), "effective_from", "why"]

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Model:
        assert isinstance(form, CheckRuleForm)
        return check_rules.propose(
            check=form.cleaned_data["check_code"],
            severity=form.cleaned_data["severity"],
            area=form.cleaned_data["area"],
            supply_class=form.cleaned_data["supply_class"],
            thresholds=form.figures,
            effective_from=form.cleaned_data["effective_from"],
            why=form.cleaned_data["why"],
            by=request.user,  # type: ignore[arg-type]
            now=clock.now(),
        )

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """What was made is a proposal; the ledger holds it."""

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, _("The rule is proposed. Another operator has to confirm it."))
        return redirect("admin:portal_proposal_change", obj.pk)


@admin.register(CheckFinding)
class CheckFindingAdmin(Kept):
    list_display = ["found_at", "check_code", "severity", "network_operator", "point", "day", "replaced_at"]
    list_filter = ["check_code", "severity", "network_operator"]
    list_select_related = ["network_operator", "point"]
    search_fields = ["point__number__startswith"]
    date_hierarchy = "day"
