"""Client certificates: ask, decide, collect, register, revoke; and which one my browser sends."""

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal import authority, certificate_gate, certificate_requests, certificates, lists, trusted_authorities
from portal.access import Ability, needs, person, public
from portal.authority import NoAuthority
from portal.certificate_files import Refused
from portal.certificates import Standing
from portal.forms_certificates import CertificateRequestForm, ReasonForm, RegistrationForm, refuse
from portal.lists import Column
from portal.models import Certificate, CertificatePurpose, CertificateRequest
from portal.sessions import freshly_proven
from portal.templatetags.words import badge, company_name, jst

State, Way = CertificateRequest.State, CertificateRequest.Way
REQUEST_TONES = {
    State.WAITING: "waiting",
    State.APPROVED: "going",
    State.ISSUED: "done",
    State.REFUSED: "refused",
    State.WITHDRAWN: "stopped",
}


def request_badge(row: CertificateRequest) -> SafeString:
    return badge(row.get_state_display(), REQUEST_TONES[State(row.state)])


def state_of(certificate: Certificate) -> tuple[str, str]:
    """The certificate's state in words, and its tone."""
    now = timezone.now()
    if certificate.revoked_at:
        return _("revoked"), "refused"
    if now >= certificate.not_after:
        return _("expired"), "stopped"
    if certificate.authority and not certificate.authority.is_trusted:
        return _("authority no longer trusted"), "refused"
    return _("valid"), "done"


class CertificateFilter(django_filters.FilterSet):
    terminal = django_filters.CharFilter(label=gettext_lazy("Terminal"), lookup_expr="icontains")
    purpose = django_filters.ChoiceFilter(label=gettext_lazy("Used for"), choices=CertificatePurpose.choices)
    serial = django_filters.CharFilter(label=gettext_lazy("Serial number"), method="by_number")

    class Meta:
        model = Certificate
        fields: list[str] = []

    def by_number(self, rows: QuerySet[Certificate], name: str, value: str) -> QuerySet[Certificate]:
        return rows.filter(serial__startswith=value.replace(":", "").replace(" ", "").lower().lstrip("0"))


CERTIFICATES = [
    Column(
        "terminal",
        gettext_lazy("Terminal"),
        sort="terminal",
        link=lambda row: reverse("portal:certificate", args=[row.pk]),
    ),
    Column("purpose", gettext_lazy("Used for"), value=lambda row: row.get_purpose_display(), sort="purpose"),
    Column("environment", gettext_lazy("Environment"), value=lambda row: row.get_environment_display()),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda row: state_of(row)[0],
        draw=lambda row: badge(*state_of(row)),
    ),
    Column("not_before", gettext_lazy("Valid from"), sort="not_before", csv_only=True),
    Column("not_after", gettext_lazy("Valid until"), sort="not_after", show=jst),
    Column("serial", gettext_lazy("Serial number")),
    Column("issuer", gettext_lazy("Issuer"), csv_only=True),
    Column("sha256", gettext_lazy("SHA-256"), csv_only=True),
]


@needs(Ability.REQUEST_CERTIFICATE)
@require_GET
def own(request: HttpRequest) -> HttpResponseBase:
    """The certificates of the own company (or the ones I asked for) and the requests that are open."""
    user = person(request)
    open_ones = (
        CertificateRequest.objects.visible_to(user)
        .filter(state__in=[State.WAITING, State.APPROVED])
        .select_related("requested_by")
        .order_by("requested_at")
    )
    manages = user.may(Ability.MANAGE_CERTIFICATES)
    return lists.show(
        request,
        Certificate.objects.visible_to(user).select_related("authority").order_by("-not_after", "-pk"),
        columns=CERTIFICATES,
        filterset=CertificateFilter,
        title=_("Client certificates"),
        empty=_("No certificate yet. Ask for one above."),
        template="portal/certificates.html",
        context={
            "open_requests": [(row, request_badge(row)) for row in open_ones],
            "manages": manages,
            "is_required": user.company.web_certificate_required,
        },
    )


@needs(Ability.REQUEST_CERTIFICATE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a certificate: for a key of one's own, or for key and certificate as a PKCS#12 file."""
    user = person(request)
    form = CertificateRequestForm(request.POST, request.FILES) if request.method == "POST" else CertificateRequestForm()
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            asked = certificate_requests.ask(
                purpose=values["purpose"],
                terminal=values["terminal"],
                way=values["way"],
                csr=values["csr"],
                by=user,
                now=timezone.now(),
            )
        except Refused as refused:
            refuse(form, refused, _field_of(refused))
        else:
            messages.success(request, _("Your request waits for an administrator of your company."))
            return redirect("portal:certificate-request", pk=asked.pk)
    return render(
        request,
        "portal/certificate_new.html",
        {
            "title": _("Ask for a client certificate"),
            "form": form,
            "organisations": certificate_requests.organisations(user.company),
        },
        status=422 if form.is_bound else 200,
    )


@needs(Ability.REQUEST_CERTIFICATE)
@require_GET
def asked(request: HttpRequest, pk: int) -> HttpResponse:
    """One request: what is asked for, and what I can do with it now."""
    return _request_page(request, _visible_request(request, pk), ReasonForm())


@needs(Ability.REQUEST_CERTIFICATE)
@freshly_proven
@require_POST
def decision(request: HttpRequest, pk: int) -> HttpResponse:
    """The registration authority's yes or no, or the person's own withdrawal."""
    row, user, now = _visible_request(request, pk), person(request), timezone.now()
    deed = request.POST.get("deed")
    try:
        if deed == "approve":
            issued = certificate_requests.approve(row, by=user, now=now)
            words = _("The certificate is issued.") if issued else _("Approved. The person can collect the file now.")
        elif deed == "refuse":
            form = ReasonForm(request.POST)
            if not form.is_valid():
                return _request_page(request, row, form, status=422)
            certificate_requests.refuse(row, reason=form.cleaned_data["reason"], by=user, now=now)
            words = _("The request is refused.")
        elif deed == "withdraw":
            certificate_requests.withdraw(row, by=user, now=now)
            words = _("The request is withdrawn.")
        else:
            raise Http404
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, words)
    return redirect("portal:certificate-request", pk=pk)


@needs(Ability.REQUEST_CERTIFICATE)
@freshly_proven
@require_POST
def collection(request: HttpRequest, pk: int) -> HttpResponse:
    """Make key and certificate; this page shows the passphrase, and never again."""
    row = _visible_request(request, pk)
    try:
        certificate, passphrase = certificate_requests.collect(row, by=person(request), now=timezone.now())
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("portal:certificate-request", pk=pk)
    return render(
        request,
        "portal/certificate_collected.html",
        {"title": _("Collect the certificate"), "certificate": certificate, "passphrase": passphrase},
    )


@needs(Ability.REQUEST_CERTIFICATE)
@require_GET
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One certificate: its numbers, its validity, what can be done."""
    row = _visible_certificate(request, pk)
    user = person(request)
    asked_by_me = row.request is not None and row.request.requested_by_id == user.pk
    facts = [
        (_("State"), badge(*state_of(row))),
        (_("Company"), company_name(row.company)),
        (_("Used for"), row.get_purpose_display()),
        (_("Environment"), row.get_environment_display()),
        (_("Name in the certificate"), row.subject),
        (_("Issuer"), row.issuer),
        (_("Serial number"), row.serial),
        (_("SHA-256"), row.sha256),
        (_("Valid from"), jst(row.not_before)),
        (_("Valid until"), jst(row.not_after)),
        (_("Registered"), f"{jst(row.registered_at)} {row.registered_by.name}"),
    ]
    if row.revoked_at and row.revoked_by:
        facts += [
            (_("Revoked"), f"{jst(row.revoked_at)} {row.revoked_by.name}"),
            (_("Reason"), row.revocation_reason),
        ]
    return render(
        request,
        "portal/certificate.html",
        {
            "title": row.terminal,
            "facts": facts,
            "certificate": row,
            "can_collect": row.bundle is not None and asked_by_me,
            "can_revoke": not row.revoked_at,
        },
    )


@needs(Ability.REQUEST_CERTIFICATE)
@require_GET
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """The certificate and, for one the hub issued, the authorities above it, as text."""
    row = _visible_certificate(request, pk)
    return _file(
        row.pem + certificates.chain_above(row, now=timezone.now()),
        f"certificate-{row.pk}.pem",
        "application/x-pem-file",
    )


@needs(Ability.REQUEST_CERTIFICATE)
@freshly_proven
@require_POST
def bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """The PKCS#12 file, once."""
    row = _visible_certificate(request, pk)
    try:
        content = certificate_requests.hand_out(row, by=person(request), now=timezone.now())
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("portal:certificate", pk=pk)
    return _file(content, f"certificate-{row.pk}.p12", "application/x-pkcs12")


@needs(Ability.REQUEST_CERTIFICATE)
@freshly_proven
@require_http_methods(["GET", "POST"])
def revocation(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke, after a page that says what follows."""
    row = _visible_certificate(request, pk)
    form = ReasonForm(request.POST) if request.method == "POST" else ReasonForm()
    if request.method == "POST" and form.is_valid():
        try:
            certificates.revoke(row, reason=form.cleaned_data["reason"], by=person(request), now=timezone.now())
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The certificate is revoked; it opens nothing any more."))
        return redirect("portal:certificate", pk=pk)
    return render(
        request,
        "portal/certificate_deed.html",
        {
            "title": _("Revoke the certificate"),
            "intro": _("Whoever uses it is shut out from the next click or call on. This cannot be taken back."),
            "facts": [
                (_("Terminal"), row.terminal),
                (_("Used for"), row.get_purpose_display()),
                (_("Serial number"), row.serial),
                (_("Valid until"), jst(row.not_after)),
            ],
            "form": form,
            "action_label": _("Revoke"),
            "is_danger": True,
            "back_url": reverse("portal:certificate", args=[pk]),
            "back_label": _("Cancel"),
        },
        status=422 if form.is_bound else 200,
    )


@needs(Ability.MANAGE_CERTIFICATES)
@freshly_proven
@require_http_methods(["GET", "POST"])
def registration(request: HttpRequest) -> HttpResponse:
    """Register a certificate that a trusted outside authority issued."""
    form = RegistrationForm(request.POST, request.FILES) if request.method == "POST" else RegistrationForm()
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            row = certificates.register(
                purpose=values["purpose"],
                terminal=values["terminal"],
                content=values["certificate"],
                by=person(request),
                now=timezone.now(),
            )
        except Refused as refused:
            refuse(form, refused, "terminal" if isinstance(refused, certificates.BadTerminal) else "certificate")
        else:
            messages.success(request, _("The certificate is registered."))
            return redirect("portal:certificate", pk=row.pk)
    return render(
        request,
        "portal/certificate_registration.html",
        {
            "title": _("Register a certificate of another authority"),
            "form": form,
            "authorities": trusted_authorities.in_force(),
        },
        status=422 if form.is_bound else 200,
    )


@needs(Ability.MANAGE_CERTIFICATES)
@freshly_proven
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    """Let the company's people in with a certificate only, or without one too, after a page that says what follows."""
    user = person(request)
    is_required = user.company.web_certificate_required
    if request.method == "POST":
        try:
            certificates.require_for_web(
                user.company, required=request.POST.get("required") == "yes", by=user, now=timezone.now()
            )
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The rule is changed."))
        return redirect("portal:certificates")
    browser = certificate_gate.standing(request, company_id=user.company_id, purpose=CertificatePurpose.WEB)
    return render(
        request,
        "portal/certificate_policy.html",
        {
            "title": _("Web pages with a certificate only"),
            "is_required": is_required,
            "standing": browser,
            "is_valid": browser == Standing.VALID,
        },
    )


@public
@require_GET
def check(request: HttpRequest) -> HttpResponse:
    """Which certificate my browser sends and what the hub makes of it; open before signing in."""
    shown = certificate_gate.presented(request)
    found = certificate_gate.standing(request, company_id=None, purpose=CertificatePurpose.WEB)
    row = certificates.find(shown.der) if shown else None
    facts: list[tuple[str, Any]] = []
    if row:
        facts = [
            (_("Name in the certificate"), row.subject),
            (_("Serial number"), row.serial),
            (_("Used for"), row.get_purpose_display()),
            (_("Valid until"), jst(row.not_after)),
        ]
    return render(
        request,
        "portal/certificate_check.html",
        {
            "title": _("Which certificate does my browser send?"),
            "standing": found,
            "is_valid": found == Standing.VALID,
            "facts": facts,
        },
    )


@public
@require_GET
def chain(request: HttpRequest) -> HttpResponse:
    """The built-in authority's issuing and root certificate."""
    return _authority_file("chain.pem", "kirikae-authority.pem", "application/x-pem-file")


@public
@require_GET
def revoked(request: HttpRequest) -> HttpResponse:
    """The built-in authority's lists of revoked certificates."""
    return _authority_file("revoked.pem", "kirikae-revoked.pem", "application/x-pem-file")


def _authority_file(name: str, shown_name: str, content_type: str) -> HttpResponse:
    try:
        folder = authority.built_in(now=timezone.now()).folder
    except NoAuthority as error:
        raise Http404 from error
    return _file((folder / name).read_bytes(), shown_name, content_type)


def _request_page(
    request: HttpRequest, row: CertificateRequest, form: ReasonForm, *, status: int = 200
) -> HttpResponse:
    user = person(request)
    is_mine, manages = row.requested_by_id == user.pk, user.may(Ability.MANAGE_CERTIFICATES)
    facts = [
        (_("State"), request_badge(row)),
        (_("Terminal"), row.terminal),
        (_("Used for"), row.get_purpose_display()),
        (_("Environment"), row.get_environment_display()),
        (_("Way"), row.get_way_display()),
        (_("SHA-256 of the public key"), row.key_sha256),
        (_("Requested"), f"{jst(row.requested_at)} {row.requested_by.name}"),
    ]
    if row.decided_by:
        facts.append((_("Decided"), f"{jst(row.decided_at)} {row.decided_by.name}"))
    if row.reason:
        facts.append((_("Reason"), row.reason))
    return render(
        request,
        "portal/certificate_request.html",
        {
            "title": _("Certificate request %(number)s") % {"number": row.pk},
            "row": row,
            "facts": facts,
            "form": form,
            "certificate": Certificate.objects.visible_to(user).filter(request=row).first(),
            "can_decide": manages and row.state == State.WAITING,
            "can_refuse": manages and row.state in {State.WAITING, State.APPROVED},
            "can_withdraw": is_mine and row.state == State.WAITING,
            "can_collect": is_mine and row.state == State.APPROVED,
        },
        status=status,
    )


def _visible_request(request: HttpRequest, pk: int) -> CertificateRequest:
    rows = CertificateRequest.objects.visible_to(person(request)).select_related("requested_by", "decided_by")
    return get_object_or_404(rows, pk=pk)


def _visible_certificate(request: HttpRequest, pk: int) -> Certificate:
    rows = Certificate.objects.visible_to(person(request)).select_related(
        "company", "authority", "request", "registered_by", "revoked_by"
    )
    return get_object_or_404(rows, pk=pk)


def _field_of(refused: Refused) -> str | None:
    if isinstance(refused, certificates.BadTerminal):
        return "terminal"
    if isinstance(refused, certificate_requests.TooManyWaiting | certificate_requests.NoneIssuedHere):
        return None
    return "csr_file"


def _file(content: str | bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
