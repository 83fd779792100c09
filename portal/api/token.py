"""The token endpoint: OAuth 2.0 client credentials; the token is bound to the certificate of the connection."""

import json
import logging
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauthlib.oauth2 import BackendApplicationServer, RequestValidator
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal import api_clients
from portal.api import problems
from portal.api.authentication import shown_certificate
from portal.api.endpoint import ANYBODY, Endpoint
from portal.api.schema import operation
from portal.models import ApiClient

log = logging.getLogger(__name__)


class Form(BaseParser):
    """The form is read by oauthlib, from the body as it came."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return {}


class Clients(RequestValidator):
    """Answers oauthlib's questions from `portal.api_clients`."""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        client_id, secret = _credentials(request)
        try:
            client = api_clients.proven(client_id, secret, now=timezone.now())
        except api_clients.WrongSecret:
            return False
        request.client = client
        return True

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_grant_type(
        self, client_id: Any, grant_type: str, client: Any, request: Any, *a: Any, **kw: Any
    ) -> bool:
        return grant_type == "client_credentials"

    def get_default_scopes(self, client_id: Any, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        return sorted(request.client.user.roles)

    def validate_scopes(self, client_id: Any, scopes: Any, client: ApiClient, request: Any, *a: Any, **kw: Any) -> bool:
        return set(scopes) <= client.user.roles

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Tokens are signed, not kept."""


def _credentials(request: Any) -> tuple[str, str]:
    """From the Authorization header (basic) or from the form."""
    words = str(request.headers.get("Authorization", "")).split()
    if len(words) == 2 and words[0].lower() == "basic":
        return api_clients.from_basic(words[1])
    return str(getattr(request, "client_id", None) or ""), str(getattr(request, "client_secret", None) or "")


def _sign(request: Any, refresh_token: bool = False) -> str:
    return api_clients.give_token(
        request.client,
        certificate_sha256=request.extra_credentials["certificate_sha256"],
        scopes=request.scopes,
        now=timezone.now(),
    )


server = BackendApplicationServer(
    Clients(), token_generator=_sign, token_expires_in=lambda request: settings.API_TOKEN_MINUTES * 60
)


class TokenEntries(serializers.Serializer):
    """The form of RFC 6749 §4.4; client id and secret by HTTP Basic, or in the form."""

    grant_type = serializers.ChoiceField(choices=["client_credentials"])
    scope = serializers.CharField(required=False, help_text="Roles, divided by blanks; without it all of the client's.")
    client_id = serializers.CharField(required=False)
    client_secret = serializers.CharField(required=False)


class TokenShown(serializers.Serializer):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField()


class TokenRefused(serializers.Serializer):
    """RFC 6749 §5.2."""

    error = serializers.CharField()
    error_description = serializers.CharField(required=False)
    trace_id = serializers.CharField()


class Token(Endpoint):
    """Give a client a token, good for ten minutes."""

    needs = {"post": ANYBODY}
    parser_classes = [Form]

    @operation(
        _("Get a token"),
        entries={"application/x-www-form-urlencoded": TokenEntries},
        shows=TokenShown,
        also={400: TokenRefused, 401: TokenRefused},
    )
    def post(self, request: Request) -> Response:
        body = request._request.body.decode("utf-8", "replace")
        headers = {"Authorization": request.headers.get("Authorization", ""), "Content-Type": Form.media_type}
        if str(request.content_type).partition(";")[0] != Form.media_type:
            return self._refuse(400, "invalid_request", "Send a form: application/x-www-form-urlencoded.")
        client_id = _claimed(headers, body)
        found = ApiClient.objects.select_related("user__company").filter(user__username=client_id).first()
        try:
            shown = shown_certificate(request, found.user.company) if found else ""
        except problems.CertificateMissing as error:
            return self._refuse(401, "invalid_client", f"certificate: {error.more['standing']}")
        try:
            _headers, text, status = server.create_token_response(
                request.build_absolute_uri(),
                "POST",
                body,
                headers,
                credentials={"certificate_sha256": shown},
            )
        except ValueError:
            return self._refuse(400, "invalid_request", "The form cannot be read.")
        said = json.loads(text)
        if status != 200:
            return self._refuse(status, said["error"], said.get("error_description", ""))
        return Response(said, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _refuse(self, status: int, error: str, words: str) -> Response:
        said = {"error": error, "error_description": words, "trace_id": self.trace_id}
        response = Response(said, status=status, content_type="application/json")  # RFC 6749, not a problem
        if status == 401:
            response["WWW-Authenticate"] = 'Basic realm="kirikae"'
        return response


def _claimed(headers: dict[str, str], body: str) -> str:
    """Which client the request says it is, before anything is proven: its company's certificate is looked at."""
    words = headers["Authorization"].split()
    if len(words) == 2 and words[0].lower() == "basic":
        return api_clients.from_basic(words[1])[0]
    return parse_qs(body).get("client_id", [""])[0].replace("\0", "")
