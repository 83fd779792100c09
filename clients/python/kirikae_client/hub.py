"""The hub as a client sees it: a token beside the certificate, asking again, writing once, lists row by row."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

from kirikae_client.errors import Gap, NotReachable, Problem, seconds
from kirikae_client.shapes import Event

AGAIN = frozenset({429, 502, 503, 504})
TRIES = 5
LONGEST_WAIT = 120.0
EARLY = 30.0  # a token is renewed so many seconds before it ends
READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Answer:
    """A decoded answer with what stands in its head."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str | None:
        return self.headers.get("ETag")

    @property
    def is_replayed(self) -> bool:
        """True where the hub had done this very write before and only repeats its answer."""
        return self.headers.get("Idempotent-Replayed", "").lower() == "true"


class LocalNames(httpx.HTTPTransport):
    """Names below `.localhost` are this machine (RFC 6761), also where the system does not resolve them."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host.endswith(".localhost"):
            request.url = request.url.copy_with(host="127.0.0.1")
            request.extensions = {**request.extensions, "sni_hostname": host}
        return super().handle_request(request)


class Hub:
    """One hub, for one API client of one company. Not to be shared between threads.

    address      of the site, as in a browser: "https://hub.example", "http://sora.linkage.localhost:8000"
    certificate  files of the client certificate and its key, where the hub asks for one
    trusted      file with the authorities whose server certificates are taken; the system's without it
    language     "ja" or "en", of the sentences in problems
    """

    def __init__(
        self,
        address: str,
        *,
        client_id: str,
        secret: str,
        certificate: tuple[str, str] | None = None,
        trusted: str | None = None,
        language: str = "en",
        timeout: float = 30.0,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        context = ssl.create_default_context(cafile=trusted)
        if certificate:
            context.load_cert_chain(*certificate)
        self.address = address.rstrip("/")
        self._client_id, self._secret = client_id, secret
        self._tries, self._sleep = tries, sleep
        self._token, self._token_ends = "", 0.0
        self._http = httpx.Client(
            base_url=f"{self.address}/api/v1/",
            transport=LocalNames(verify=context),
            headers={"Accept-Language": language, "User-Agent": "kirikae-client/0.1"},
            timeout=timeout,
        )

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- Reading
    def get(self, path: str, **query: Any) -> Any:
        """The decoded answer to a question. Raises Problem, NotReachable."""
        return self.ask("GET", path, query=query).body

    def each(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page, as they are needed."""
        cursor: str | None = None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def events(self, after: int = 0, **query: Any) -> Iterator[Event]:
        """Every event of the own numbered feed after a number, as far as there are any now.

        Raises Gap where a number is missing: the feed has none, so what is missing was lost on the way.
        """
        while True:
            page = self.get("events", after=after, **query)
            for event in page["items"]:
                if event["number"] != after + 1:
                    raise Gap(f"event {event['number']} follows {after}")
                after = event["number"]
                yield event
            if after >= page["last"]:
                return

    def acknowledge(self, number: int) -> None:
        """Tell the hub that every event up to this number is stored."""
        self.post("events/acknowledgement", {"number": number})

    # --- Writing
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """Do something once, however often the network wants it asked; `key` makes it once across restarts too."""
        return self.ask("POST", path, body=body or {}, key=key).body

    def put(self, path: str, body: Mapping[str, Any], *, etag: str | None = None, key: str | None = None) -> Any:
        """Replace something that was read with this ETag."""
        return self.ask("PUT", path, body=body, etag=etag, key=key).body

    def patch(self, path: str, body: Mapping[str, Any], *, etag: str | None = None, key: str | None = None) -> Any:
        """Change something that was read with this ETag."""
        return self.ask("PATCH", path, body=body, etag=etag, key=key).body

    def delete(self, path: str, *, key: str | None = None) -> None:
        """Take something away. Raises Problem, NotReachable."""
        self.ask("DELETE", path, key=key)

    # --- Both
    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
        key: str | None = None,
    ) -> Answer:
        """One request with everything around it: token, key, asking again. Raises Problem, NotReachable."""
        headers: dict[str, str] = {}
        if method not in READING:
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        if etag:
            headers["If-Match"] = etag
        response = self.send(method, path, query=query, body=body, headers=headers)
        try:
            if response.is_error:
                response.read()
                raise Problem.of(response)
            return Answer(response.status_code, _decoded(response), response.headers)
        finally:
            response.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The open answer, whatever its status, for who reads it as a stream and closes it. Raises NotReachable.

        Asked again, after the wait the hub names or a growing one, where it is over its rate or not there. A write
        goes with the same key each time, so it is done once.
        """
        is_renewed = False
        for attempt in range(1, self._tries + 1):
            request = self._http.build_request(
                method,
                path.lstrip("/"),
                params={name: value for name, value in (query or {}).items() if value is not None},
                json=body,
                headers={**(headers or {}), "Authorization": f"Bearer {self._bearer()}"},
            )
            try:
                response = self._http.send(request, stream=True)
            except httpx.TransportError as error:
                if attempt == self._tries:
                    raise NotReachable(f"{self.address} does not answer: {error}") from error
                self._sleep(min(2.0**attempt / 2, LONGEST_WAIT))
                continue
            if response.status_code == 401 and not is_renewed:
                response.close()
                self._token, is_renewed = "", True
                continue
            if response.status_code not in AGAIN or attempt == self._tries:
                return response
            wait = seconds(response.headers.get("Retry-After"))
            response.close()
            self._sleep(min(2.0**attempt / 2 if wait is None else wait, LONGEST_WAIT))
        return response

    def _bearer(self) -> str:
        """A token that is good for a while yet."""
        if self._token and time.monotonic() < self._token_ends:
            return self._token
        for attempt in range(1, self._tries + 1):
            try:
                response = self._http.post(
                    "token", data={"grant_type": "client_credentials"}, auth=(self._client_id, self._secret)
                )
            except httpx.TransportError as error:
                if attempt == self._tries:
                    raise NotReachable(f"{self.address} does not answer: {error}") from error
                self._sleep(min(2.0**attempt / 2, LONGEST_WAIT))
                continue
            if response.status_code in AGAIN and attempt < self._tries:
                self._sleep(min(seconds(response.headers.get("Retry-After")) or 2.0**attempt / 2, LONGEST_WAIT))
                continue
            if response.is_error:
                raise Problem.of(response)
            given = response.json()
            self._token = str(given["access_token"])
            self._token_ends = time.monotonic() + max(float(given.get("expires_in", 0)) - EARLY, 1.0)
            return self._token
        raise NotReachable(f"{self.address} gives no token")


def _decoded(response: httpx.Response) -> Any:
    content = response.read()
    if "json" in response.headers.get("Content-Type", ""):
        return response.json()
    return content
