"""Applications for use and what one operator proposed to another."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from portal import four_eyes
from portal.admin.base import ReadOnly
from portal.models import Proposal, UseApplication
from portal.views import onboarding_review


@admin.register(UseApplication)
class UseApplicationAdmin(ReadOnly):
    list_display = ["name", "kind", "state", "wanted_start", "filed_at", "address"]
    list_filter = ["state", "kind"]
    search_fields = ["name", "name_en", "corporate_number", "registration_number", "address"]
    date_hierarchy = "filed_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[UseApplication]:
        """What was not filed yet is the applicant's alone."""
        return super().get_queryset(request).filter(filed_at__isnull=False)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return onboarding_review.review(request, self, object_id)


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["what", "subject", "state", "proposed_by", "proposed_at", "answered_by", "answered_at"]
    list_filter = ["state", "act"]
    search_fields = ["subject", "proposed_by__username"]
    list_select_related = ["proposed_by", "answered_by"]

    @admin.display(description=_("act"))
    def what(self, proposal: Proposal) -> str:
        return str(four_eyes.act_of(proposal).label)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return onboarding_review.answer(request, self, object_id)
