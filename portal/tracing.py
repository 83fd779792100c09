"""Every request, and every task it asked for, by one number: on the page, in the answer's header, on lines of the log.

The log says which route, person and company (by their numbers), how it ended and how long it took; never the address,
what was entered or a name.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject, empty
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from portal.models import User
from portal.quotable import quotable_id

HEADER = "Trace-Id"
ON_MESSAGE = "kirikae_trace_id"
NOWHERE = "none"  # what leads to no page
UNASKED = {"portal:livez", "portal:readyz", "portal:healthz", "portal:metrics"}  # too often to be worth a line

log = structlog.stdlib.get_logger(__name__)


class Traced:
    """The outermost middleware but the one that counts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        clear_contextvars()
        number = trace_id(request)
        bind_contextvars(trace_id=number)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            if not response.has_header(HEADER):
                response[HEADER] = number
            if (route := route_of(request)) not in UNASKED or response.status_code >= 500:
                seen_by(request)
                log.info(
                    "request",
                    method=request.method,
                    route=route,
                    status=response.status_code,
                    ms=round((time.perf_counter() - began) * 1000),
                    **getattr(request, "told", {}),
                )
            return response
        finally:
            clear_contextvars()


def trace_id(request: HttpRequest) -> str:
    """The number of this request, made when it is asked for first."""
    if not hasattr(request, "trace_id"):
        request.trace_id = quotable_id()  # type: ignore[attr-defined]
    number: str = request.trace_id  # type: ignore[attr-defined]
    return number


def route_of(request: HttpRequest) -> str:
    """The name of the address, `none` where there is none; never the address itself."""
    match = request.resolver_match
    return (match.view_name or NOWHERE) if match else NOWHERE


def tell(request: HttpRequest, **facts: Any) -> None:
    """Have something said in the request's line: codes and numbers of the hub's own, nothing that was entered."""
    told = getattr(request, "told", {})
    request.told = {**told, **facts}  # type: ignore[attr-defined]


def seen_by(request: HttpRequest) -> None:
    """Put person and company, by their numbers, on every line from here on, where it is known who asks."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject):  # asking it would ask the session, which what is public does without
        user = None if user.__dict__.get("_wrapped") is empty else user._wrapped  # type: ignore[attr-defined]
    while isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is not empty:
        user = user._wrapped  # type: ignore[attr-defined]
    if isinstance(user, User):
        bind_contextvars(user=user.pk, company=user.company_id)


def task_begins(task_id: str = "", task: Any = None, **_rest: Any) -> None:
    """Celery's signal: name the task on every line, with the request that asked for it."""
    clear_contextvars()
    number = getattr(task.request, ON_MESSAGE, None) or (task.request.headers or {}).get(ON_MESSAGE)
    bind_contextvars(task=task.name, task_id=task_id, **({"trace_id": number} if number else {}))


def task_ends(**_rest: Any) -> None:
    """Celery's signal."""
    clear_contextvars()


def stamp(headers: dict[str, Any]) -> None:
    """Say on a message which request it comes from."""
    if number := get_contextvars().get("trace_id"):
        headers.setdefault(ON_MESSAGE, number)
