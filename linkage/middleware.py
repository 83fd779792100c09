"""The first door: which private market, if any, a request's host name means."""

from collections.abc import Callable
from contextlib import ExitStack

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from linkage import travel
from linkage.models import Clock
from portal import private_market
from portal.api import problems
from portal.api.problems import Kind

problems.register(
    Kind(
        "market.not_there",
        404,
        _(
            "There is no private market of this name, or it is being reset just now. "
            "The lobby shows your company's markets."
        ),
    ),
    Kind(
        "market.closed_today",
        409,
        _("This market is open on the days booked for the test alone. The lobby shows them."),
    ),
)


def market_of(host: str) -> str:
    """The market a host name means; "" for the lobby."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    label = name.lower().removesuffix(f".{settings.LINKAGE_DOMAIN}")
    return "" if label == name.lower() else label


class PrivateMarkets:
    """Every request of `<market>.<domain>` is served inside that market, with its database, clock, files and cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        market = market_of(request.get_host())
        if not market:
            return self.get_response(request)
        if not private_market.is_name(market):
            return no_such_market(request)
        with ExitStack() as stay:
            try:
                stay.enter_context(private_market.inside(market))
            except OperationalError:
                return no_such_market(request)
            now = timezone.now()
            if shut := travel.closed(now=now):
                return closed_today(request, market, shut)
            travel.visit(now=now)
            response = self.get_response(request)
            if response.streaming:  # its pieces are yet to be read from the market
                response._resource_closers.append(stay.pop_all().close)  # type: ignore[attr-defined]
            return response


def no_such_market(request: HttpRequest) -> HttpResponseBase:
    """Told without asking any database, as a page or, to programs, as a problem."""
    return _told(request, "market.not_there", "linkage/no_such_market.html", 404, host=request.get_host())


def closed_today(request: HttpRequest, market: str, shut: Clock) -> HttpResponseBase:
    """A test of two companies on another day than those booked."""
    return _told(request, "market.closed_today", "linkage/closed_today.html", 409, market=market, clock=shut)


def _told(request: HttpRequest, code: str, template: str, status: int, **context: object) -> HttpResponseBase:
    with translation.override(translation.get_language_from_request(request)):
        if problems.is_api(request):
            return problems.plain_answer(request, code)
        return render(None, template, context, status=status)
