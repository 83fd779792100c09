"""What can go wrong, as exceptions: a problem the hub tells (RFC 9457), or a hub that does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class HubError(Exception):
    """Anything that kept the hub from doing what was asked."""


class NotReachable(HubError):
    """The hub did not answer, also not when it was asked again."""


class Gap(HubError):
    """A number of the feed is missing; read it again after the last one you hold."""


class Problem(HubError):
    """A refusal with the hub's stable code, its sentence and the trace id to quote to the helpdesk."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.body = dict(body)
        self.code = str(body.get("code") or body.get("error") or "")
        self.title = str(body.get("title") or "")
        self.detail = str(body.get("detail") or body.get("error_description") or "")
        self.what_to_do = str(body.get("what_to_do") or "")
        self.fields: list[dict[str, Any]] = list(body.get("errors") or [])
        self.contradicts = body.get("contradicts")
        self.trace_id = str(body.get("trace_id") or headers.get("Trace-Id") or "")
        self.retry_after = seconds(headers.get("Retry-After"))
        words = [f"{status} {self.code}".strip(), self.detail or self.title]
        super().__init__(": ".join(filter(None, words)) + (f" (trace {self.trace_id})" if self.trace_id else ""))

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """The problem an answer tells; an answer that is no problem document is told by its status alone."""
        try:
            body = response.json()
        except ValueError:
            body = {}
        return cls(response.status_code, body if isinstance(body, dict) else {}, response.headers)


def seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; None where there is none or it is a date."""
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
