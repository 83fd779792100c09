"""Which client certificate came with a request, and shutting out who needs one and has none that holds.

TLS ends either in gunicorn itself, which then hands over the peer's certificate, or in nginx, which passes it in
headers. Headers are believed only where a client cannot have written them: on a Unix socket that nginx alone may open,
or beside a secret that nginx adds (`settings.CERTIFICATE_SOURCE`). Everybody else's headers are not looked at.
"""

import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from portal import certificates
from portal.access import Ability, person
from portal.certificates import Standing
from portal.machines import Machine
from portal.middleware import is_endpoint
from portal.models import CertificatePurpose
from portal.tracing import route_of

log = logging.getLogger(__name__)

ALWAYS_OPEN = frozenset({"portal:sign-out"})
CERTIFICATE, VERIFY, SECRET = "HTTP_X_CLIENT_CERTIFICATE", "HTTP_X_CLIENT_VERIFY", "HTTP_X_PROXY_SECRET"
PROVEN = "SUCCESS"


@dataclass(frozen=True)
class Presented:
    """A certificate whose key the client has shown to hold; `is_chain_proven`: its chain leads to a trusted root."""

    der: bytes
    is_chain_proven: bool


def presented(request: HttpRequest) -> Presented | None:
    """The client certificate of this request's connection, or None; never what a client merely wrote."""
    line = request.META.get("gunicorn.socket")
    if isinstance(line, ssl.SSLSocket):
        der = line.getpeercert(binary_form=True)
        return Presented(der, True) if der else None  # gunicorn completes no handshake with an unproven chain
    if not _is_from_proxy(request, line):
        return None
    text = unquote(request.META.get(CERTIFICATE, ""))
    if not text:
        return None
    try:
        der = ssl.PEM_cert_to_DER_cert(text.strip())
    except ValueError:
        log.warning("the proxy passed a client certificate that cannot be read")
        return None
    return Presented(der, request.META.get(VERIFY) == PROVEN)


def standing(request: HttpRequest, *, company_id: int | None, purpose: CertificatePurpose) -> Standing:
    """What the request's certificate opens for the company (None: for any)."""
    shown = presented(request)
    return certificates.standing(
        shown.der if shown else None,
        is_chain_proven=bool(shown and shown.is_chain_proven),
        company_id=company_id,
        purpose=purpose,
        now=timezone.now(),
    )


class CertificateGate:
    """People of a company that wants it so use the web pages with a valid certificate of that company only.

    Stands after ClosedByDefault, so a person is known here. Asked at every request: a revocation holds at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        ability = getattr(view, "certificate_ability", None)
        if ability is not None:
            return _let_in_a_machine(request, ability)
        match = request.resolver_match
        if getattr(view, "is_public", False) or is_endpoint(view) or (match and match.view_name in ALWAYS_OPEN):
            return None
        company = person(request).company
        if not certificates.is_required(company, CertificatePurpose.WEB):
            return None
        found = standing(request, company_id=company.pk, purpose=CertificatePurpose.WEB)
        if found == Standing.VALID:
            return None
        log.info("user %s of company %s: certificate %s", person(request).pk, company.pk, found)
        return render(
            request,
            "portal/certificate_needed.html",
            {
                "title": _("Your company lets nobody in without a client certificate"),
                "standing": found,
                "is_inside": False,
                "menu": [],
            },
            status=403,
        )


def _let_in_a_machine(request: HttpRequest, ability: Ability) -> HttpResponse | None:
    """Let in who shows a certificate of purpose API whose company holds the ability; whatever the session says."""
    found = standing(request, company_id=None, purpose=CertificatePurpose.API)
    if found != Standing.VALID:
        log.info("a machine at %s: certificate %s", route_of(request), found)
        words = _("This address opens with a client certificate for the API only, issued to your company.")
        return plain(f"{words} {found.label}", status=403)
    shown = presented(request)
    certificate = certificates.find(shown.der) if shown else None
    if certificate is None or not certificate.company.is_active:
        return plain(_("Your company's use of the portal is suspended. Please ask the hub operator."), status=403)
    machine = Machine(certificate)
    if not machine.may(ability):
        return plain(_("There is nothing here for your company."), status=404)
    request.machine = machine  # type: ignore[attr-defined]
    return None


def plain(words: str, *, status: int) -> HttpResponse:
    """An answer a machine's log can hold: one sentence."""
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain; charset=utf-8")


def _is_from_proxy(request: HttpRequest, line: Any) -> bool:
    if settings.CERTIFICATE_SOURCE == "socket":
        return getattr(line, "family", None) == socket.AF_UNIX
    if settings.CERTIFICATE_SOURCE == "secret":
        return constant_time_compare(request.META.get(SECRET, ""), settings.CERTIFICATE_SECRET)
    return False
