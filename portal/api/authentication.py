"""Who calls: a token of the client and, where the site asks for it, the certificate it is bound to (RFC 8705)."""

import hashlib

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from portal import api_clients, certificate_gate, certificates
from portal.api.problems import CertificateMissing, TokenOfAnotherCertificate
from portal.certificates import Standing
from portal.models import ApiClient, CertificatePurpose, Company, User


class ClientAuthentication(BaseAuthentication):
    """`request.user` becomes the client's machine account, `request.auth` the client."""

    def authenticate(self, request: Request) -> tuple[User, ApiClient]:
        """Raises NotAuthenticated, api_clients.TokenNotGood, CertificateMissing, TokenOfAnotherCertificate."""
        words = get_authorization_header(request).split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise NotAuthenticated
        try:
            text = words[1].decode("ascii")
        except UnicodeDecodeError as error:
            raise api_clients.TokenNotGood from error
        token = api_clients.read_token(text, now=timezone.now())
        company = token.client.user.company
        if (shown := shown_certificate(request, company)) != token.certificate_sha256 and token.certificate_sha256:
            raise TokenOfAnotherCertificate
        if certificates.is_required(company, CertificatePurpose.API) and not (shown and token.certificate_sha256):
            raise TokenOfAnotherCertificate
        return token.client.user, token.client

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="kirikae"'


def shown_certificate(request: Request, company: Company) -> str:
    """SHA-256 of the certificate of this connection, "" without one. Raises CertificateMissing for one not good."""
    shown = certificate_gate.presented(request._request)
    if shown is None and not certificates.is_required(company, CertificatePurpose.API):
        return ""
    found = certificates.standing(
        shown.der if shown else None,
        is_chain_proven=bool(shown and shown.is_chain_proven),
        company_id=company.pk,
        purpose=CertificatePurpose.API,
        now=timezone.now(),
    )
    if shown is None or found != Standing.VALID:
        raise CertificateMissing(standing=str(found))
    return hashlib.sha256(shown.der).hexdigest()


class Described(OpenApiAuthenticationExtension):
    """How the OpenAPI document tells it."""

    target_class = ClientAuthentication
    name = "client"

    def get_security_definition(self, auto_schema: object) -> dict[str, object]:
        return {
            "type": "oauth2",
            "description": "Client credentials over mutual TLS; the token is bound to the certificate (RFC 8705).",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": f"{settings.SITE_ADDRESS}/api/v1/token",
                    "scopes": {str(role): str(role.label) for role in api_clients.ROLES},
                }
            },
        }
