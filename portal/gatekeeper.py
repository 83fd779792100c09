"""At the door of every page: what is closed now is not served, and what is under maintenance soon is told."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal import clock
from portal.access import may, person
from portal.gates import FUNCTION_OF, Closed, Hours, not_begun


def hours_of(request: HttpRequest) -> Hours:
    """The calendar as it stands at the moment of the request, read once however often it is asked."""
    if not hasattr(request, "hours"):
        request.hours = Hours(clock.now())  # type: ignore[attr-defined]
    hours: Hours = request.hours  # type: ignore[attr-defined]
    return hours


class Gatekeeper:
    """Stands after the questions of who comes in: a stranger learns nothing of a function that is closed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        machine = getattr(request, "machine", None)
        ability = getattr(view, "certificate_ability" if machine else "ability", None)
        function = FUNCTION_OF.get(ability) if ability else None
        caller = machine or person(request)
        if function is None or ability is None or not may(caller, ability):
            return None
        hours = hours_of(request)
        closed = hours.closure(function) or not_begun(caller.company, function, now=hours.now)
        return closed_page(request, closed) if closed else None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A verb found its function closed: in the minute it closes, or on a page that serves several functions."""
        return closed_page(request, error) if isinstance(error, Closed) else None


def closed_page(request: HttpRequest, closed: Closed) -> HttpResponse:
    """503 with the hour of opening, for people in words and for programs as Retry-After (seconds)."""
    response = _words(request, closed)
    if closed.opens_at:
        response["Retry-After"] = str(_seconds_until(closed.opens_at, hours_of(request).now))
    return response


def _words(request: HttpRequest, closed: Closed) -> HttpResponse:
    if hasattr(request, "machine"):
        return HttpResponse(f"{closed.sentence}\n", status=503, content_type="text/plain; charset=utf-8")
    return render(
        request,
        "portal/closed.html",
        {
            "title": _("%(function)s: closed now") % {"function": closed.function.label},
            "closed": closed,
            "is_post": request.method == "POST",
        },
        status=503,
    )


def _seconds_until(moment: datetime, now: datetime) -> int:
    return max(1, int((moment - now).total_seconds()) + 1)
