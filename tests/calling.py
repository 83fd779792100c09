"""A program that calls the API in tests: a client of a company with roles, its token, a new key for every write.

api = calling.caller(cast, "sora", "relay", "inquiry")      the roles sora's program holds
api.get("/relays"), api.post("/relays", {...})              below /api/v1; answers have .json()
api.post("/relays", {...}, key="k1", headers={"If-Match": tag})
good(answer), refused(answer, 409, "relays.point_busy")     what it says, or the problem
"""

import json
import uuid
from datetime import datetime
from typing import Any

from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from portal import api_clients
from portal.models import ApiClient
from portal.people import Hold
from tests.cast import NOW, Cast

ROOT = "/api/v1"


class Caller:
    """One API client with its token."""

    def __init__(self, client: ApiClient | None, secret: str = "", *, language: str = "en") -> None:
        self.client, self.secret, self.language = client, secret, language
        self.http = Client(raise_request_exception=False)

    @property
    def token(self) -> str:
        assert self.client is not None
        client = ApiClient.objects.select_related("user__company").get(pk=self.client.pk)
        scopes = client.user.roles
        return api_clients.give_token(client, certificate_sha256="", scopes=scopes, now=timezone.now())

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        sent = {"Accept-Language": self.language}
        if self.client is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if method != "get":
            sent["Idempotency-Key"] = key or uuid.uuid4().hex
        sent |= headers or {}
        data: Any = json.dumps(body) if content_type == "application/json" and body is not None else body or ""
        return self.http.generic(
            method.upper(),
            path if path.startswith("/api/") else ROOT + path,
            data,
            content_type=content_type,
            headers={name: value for name, value in sent.items() if value},
        )

    def get(self, path: str, **more: Any) -> Any:
        return self.call("get", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("post", path, {} if body is None else body, **more)

    def send(self, path: str, entries: dict[str, Any], **more: Any) -> Any:
        """Post a form of several parts; files are uploaded files."""
        body = encode_multipart(BOUNDARY, entries)
        return self.call("post", path, body, content_type=MULTIPART_CONTENT, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("put", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("delete", path, **more)


def caller(cast: Cast, company: str, *roles: str | Hold, now: datetime = NOW, language: str = "en") -> Caller:
    """Register a program of the company; without roles it holds none."""
    by = cast[f"{company}.administrator"]
    return Caller(*api_clients.register(name="連携", roles=roles, by=by, now=now), language=language)


def nobody() -> Caller:
    """Calls without any token."""
    return Caller(None)


def good(answer: Any, status: int = 200) -> Any:
    """What a call that succeeded says."""
    assert answer.status_code == status, answer.content.decode()
    return answer.json()


def refused(answer: Any, status: int, code: str) -> Any:
    """The problem of a call that was refused so."""
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    return said
