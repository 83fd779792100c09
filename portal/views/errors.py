"""Pages for what went wrong: a sentence, a way back and a number that can be quoted on the telephone."""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

from portal import outages
from portal.access import public
from portal.api import problems
from portal.tracing import route_of, trace_id

log = logging.getLogger(__name__)


@public
def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 where the hub itself is without disk or database; the id stands in the log beside the traceback.

    Asks neither the database nor the session.
    """
    outage = outages.named(sys.exc_info()[1])
    if problems.is_api(request):
        return problems.plain_answer(request, _code_of(outage))
    number = trace_id(request)
    log.exception("error %s at %s %s", number, request.method, route_of(request))
    try:
        page = loader.render_to_string("500.html", {"error_id": number, "outage": outage})
        if outage:
            return HttpResponse(page, status=503, headers={"Retry-After": str(outage.seconds)})
        return HttpResponse(page, status=500)
    except Exception:  # the error page must not fail, whatever broke before it
        log.exception("the error page itself failed")
        return HttpResponse(f"Kirikae: error {number}", status=500, content_type="text/plain; charset=utf-8")


def _code_of(outage: outages.Outage | None) -> str:
    kind = problems.kind_of(outage) if outage else None
    return kind.code if kind else "api.error"


@public
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: what arrived was not a request this site can read."""
    if problems.is_api(request):
        return problems.plain_answer(request, "api.bad_request")
    return _page(request, "400.html", 400, _("This request could not be read"))


@public
def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: the request came from a form or host that this site does not trust."""
    return _page(request, "403.html", 403, _("This request was refused"))


@public
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: the same page for what does not exist and for what this person may not see."""
    if problems.is_api(request):
        return problems.plain_answer(request, "api.not_found")
    return _page(request, "404.html", 404, _("There is no such page for you"))


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open too long or sent from elsewhere."""
    return _page(request, "403_csrf.html", 403, _("This form has expired"))


def _page(request: HttpRequest, template: str, status: int, title: str) -> HttpResponse:
    number = trace_id(request)
    return HttpResponse(loader.render_to_string(template, {"title": title, "error_id": number}, request), status=status)
