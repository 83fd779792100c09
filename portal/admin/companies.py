"""Companies in the workbench, and where each takes part."""

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import certificates, companies
from portal.access import Role, person
from portal.admin.base import ByVerbs, Hanging, TriedFormSet, each
from portal.companies import TakesPart
from portal.models import Company, Participation


class ParticipationFormSet(TriedFormSet):
    def do(self) -> None:
        by, now, company = self.request.user, timezone.now(), self.instance
        wanted = [TakesPart(row["market_role"], row["area"], row["code"]) for row in self.wanted()]
        kept = {(part.market_role, part.area) for part in wanted}
        for part in company.participations.all():
            if (part.market_role, part.area) not in kept:
                companies.leave(company, market_role=part.market_role, area=part.area, by=by, now=now)  # type: ignore[arg-type]
        for part in wanted:
            companies.take_part(company, part, by=by, now=now)  # type: ignore[arg-type]


class ParticipationInline(Hanging):
    model = Participation
    formset = ParticipationFormSet


@admin.register(Company)
class CompanyAdmin(ByVerbs):
    list_display = ["name", "registration_number", "codes", "is_active", "starts_on"]
    list_filter = ["is_active", "participations__market_role", "participations__area"]
    search_fields = ["name", "name_en", "registration_number", "corporate_number", "participations__code"]
    fields = [
        *["name", "name_en", "registration_number", "corporate_number", "notice_address"],
        *["is_active", "starts_on", "web_certificate_required"],
    ]
    readonly_fields = ["is_active", "starts_on", "web_certificate_required"]
    inlines = [ParticipationInline]
    actions = ["begin_now", "suspend", "thaw", "let_in_without_certificate"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        return super().get_queryset(request).prefetch_related("participations")

    @admin.display(description=_("participant code"))
    def codes(self, company: Company) -> str:
        return " ".join(part.code for part in company.participations.all())

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Company:
        by, now = request.user, timezone.now()
        values = {name: form.cleaned_data[name] for name in companies.CHANGEABLE}
        if obj is None:
            return companies.register(**values, by=by, now=now)  # type: ignore[arg-type]
        return companies.change(obj, **values, by=by, now=now)  # type: ignore[arg-type]

    @admin.action(description=_("Let the chosen companies begin now, before their start of use"), permissions=["begin"])
    def begin_now(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, companies.begin_now)

    def has_begin_permission(self, request: HttpRequest) -> bool:
        return bool({Role.OPERATOR, Role.HELPDESK} & person(request).roles)

    @admin.action(description=_("Suspend the chosen companies"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, companies.suspend)

    @admin.action(description=_("Let the chosen companies in again"), permissions=["change"])
    def thaw(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, companies.thaw)

    @admin.action(description=_("Let the chosen companies in without a client certificate"), permissions=["change"])
    def let_in_without_certificate(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, certificates.require_for_web, required=False)
