"""Client certificates, the requests for them, and authorities of others that are trusted."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import certificates, trusted_authorities
from portal.admin.base import ByVerbs, ReadOnly, VerbForm, each
from portal.certificate_files import MOST_BYTES
from portal.models import Certificate, CertificateRequest, TrustedAuthority


class AuthorityForm(VerbForm):
    file = forms.FileField(
        label=_("Certificate file"),
        help_text=_("The authority's own certificate, then those above it up to the root, as PEM."),
    )

    class Meta:
        model = TrustedAuthority
        fields = ["name"]


@admin.register(TrustedAuthority)
class TrustedAuthorityAdmin(ByVerbs):
    form = AuthorityForm
    list_display = ["name", "subject", "not_after", "proposed_by", "confirmed_by", "ended_at"]
    list_select_related = ["proposed_by", "confirmed_by"]
    search_fields = ["name", "subject", "sha256"]
    fields = ["name", "file"]
    actions = ["end_trust"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was proposed is confirmed or ended, never turned into another authority."""
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        shown = ["name", "subject", "sha256", "not_after", "proposed_by", "proposed_at", "confirmed_by"]
        return [*shown, "confirmed_at", "ended_at", "pem"] if obj else list(self.fields)

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> TrustedAuthority:
        file = form.cleaned_data["file"]
        file.seek(0)
        return trusted_authorities.propose(
            name=form.cleaned_data["name"],
            content=file.read(MOST_BYTES + 1),
            by=request.user,  # type: ignore[arg-type]
            now=timezone.now(),
        )

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_trustedauthority")

    @admin.action(description=_("End the trust in the chosen authorities"), permissions=["decide"])
    def end_trust(self, request: HttpRequest, queryset: QuerySet[TrustedAuthority]) -> None:
        each(request, queryset, trusted_authorities.end_trust)


@admin.register(CertificateRequest)
class CertificateRequestAdmin(ReadOnly):
    list_display = ["id", "company", "terminal", "purpose", "way", "state", "requested_by", "requested_at"]
    list_filter = ["state", "purpose", "way", "company"]
    list_select_related = ["company", "requested_by"]
    search_fields = ["terminal", "key_sha256", "company__name"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnly):
    list_display = ["terminal", "company", "purpose", "environment", "serial", "not_after", "revoked_at"]
    list_filter = ["purpose", "environment", "company"]
    list_select_related = ["company"]
    search_fields = ["terminal", "serial", "sha256", "subject", "issuer", "company__name"]
    exclude = ["bundle"]
    date_hierarchy = "not_after"
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_certificate")

    @admin.action(description=_("Revoke the chosen certificates"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Certificate]) -> None:
        reason = str(_("Revoked by the hub operator"))
        each(request, queryset, certificates.revoke, reason=reason)
