"""The first door: which private market, if any, a request's host name means."""

from collections.abc import Callable
from contextlib import ExitStack

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from linkage import travel
from portal import private_market


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
            travel.visit(now=timezone.now())
            response = self.get_response(request)
            if response.streaming:  # its pieces are yet to be read from the market
                response._resource_closers.append(stay.pop_all().close)  # type: ignore[attr-defined]
            return response


def no_such_market(request: HttpRequest) -> HttpResponseBase:
    """A page that says so, without asking any database."""
    return render(None, "linkage/no_such_market.html", {"host": request.get_host()}, status=404)
