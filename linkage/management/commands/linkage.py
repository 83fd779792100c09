"""`manage.py linkage`: private markets of the linkage test from the command line."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from linkage import markets, sandbox, travel
from linkage.models import Market
from portal import clock, private_market
from portal.models import Company
from portal.workdays import JST


class Command(BaseCommand):
    help = (
        "Private markets of the linkage test. prepare: make the template. sandbox: an invented company and its market. "
        "open NAME --company COMPANY, reset NAME, close NAME, list. travel NAME --days N: go N days forward, now. "
        "client NAME: an API client for programs, as lines a shell reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "deed", choices=["prepare", "sandbox", "open", "reset", "close", "list", "travel", "client"]
        )
        parser.add_argument("name", nargs="?", default="", help="the market")
        parser.add_argument("--company", default="", help="open: the company's name in the lobby")
        parser.add_argument("--days", type=int, default=1, help="travel: how many days (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LINKAGE_TEST:
            raise CommandError("Private markets are of the linkage test alone: set KIRIKAE_ENV=linkage_test.")
        deeds: dict[str, Callable[[dict[str, Any]], None]] = {
            "prepare": self._prepare,
            "sandbox": self._sandbox,
            "open": self._open,
            "reset": self._reset,
            "close": self._close,
            "list": self._list,
            "travel": self._travel,
            "client": self._client,
        }
        try:
            deeds[options["deed"]](options)
        except markets.Refused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _prepare(self, options: dict[str, Any]) -> None:
        markets.prepare(now=timezone.now())

    def _sandbox(self, options: dict[str, Any]) -> None:
        self._tell(sandbox.fill(now=timezone.now()))

    def _open(self, options: dict[str, Any]) -> None:
        company = Company.objects.filter(name=options["company"]).first()
        if company is None:
            raise CommandError(f"There is no company {options['company']!r} in the lobby. Name it with --company.")
        self._tell(markets.open_market(options["name"], company=company, by=None, now=timezone.now()))

    def _reset(self, options: dict[str, Any]) -> None:
        self._tell(markets.reset(self._named(options), by=None, now=timezone.now()))

    def _close(self, options: dict[str, Any]) -> None:
        markets.close(self._named(options), by=None, now=timezone.now())

    def _list(self, options: dict[str, Any]) -> None:
        for market in Market.objects.select_related("company", "guest"):
            self._tell(market)

    def _travel(self, options: dict[str, Any]) -> None:
        market = self._named(options)
        with private_market.inside(market.name):
            try:
                travel.set_out(clock.now() + timedelta(days=options["days"]), by=None, now=clock.now())
            except (travel.NotForward, travel.TooFar, travel.OnItsWay) as refusal:
                raise CommandError(f"The market does not travel so: {refusal.__doc__}") from refusal
            stops = travel.go_on(real=timezone.now)
        with private_market.inside(market.name):
            self.stdout.write(
                f"{stops} stops; it is {clock.now().astimezone(JST):%Y-%m-%d %H:%M} in {market.name} now."
            )

    def _client(self, options: dict[str, Any]) -> None:
        market = self._named(options)
        access = markets.give_program(market, by=None, now=timezone.now())
        for name, value in (
            ("HUB_ADDRESS", markets.address_of(market)),
            ("HUB_CLIENT_ID", access.client_id),
            ("HUB_SECRET", access.secret),
        ):
            self.stdout.write(f"export {name}={value}")

    def _named(self, options: dict[str, Any]) -> Market:
        market = Market.objects.select_related("company", "guest").filter(name=options["name"]).first()
        if market is None:
            raise CommandError(f"There is no market {options['name']!r}; `manage.py linkage list` shows them.")
        return market

    def _tell(self, market: Market) -> None:
        who = " + ".join(company.name for company in (market.company, market.guest) if company)
        self.stdout.write(f"{market.name:<20} {who}  {markets.address_of(market)}/")
