"""Is the hub alive, is it ready: for load balancers, service managers and the person on duty.

Public and beyond every gate: maintenance closes functions, not the question whether they could be served.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import health
from portal.access import public


@public
@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; whether anything behind it does is another question. Who gets no answer restarts it."""
    return HttpResponse("alive\n", content_type="text/plain; charset=utf-8")


@public
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """`{"database": true, "migrations": true, "clock": true, "broker": true, "files": true}`, 503 when one is false."""
    return _answer(health.parts())


@public
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """`{"database": true, "broker": true}` with 200, or 503 when one is away: the quick look of `manage.py up`."""
    return _answer({"database": health.database_answers(), "broker": health.broker_answers()})


def _answer(parts: dict[str, bool]) -> JsonResponse:
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)
