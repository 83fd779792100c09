"""Private markets: separate from one another, begun anew at will, entered by their host name."""

import io
import json
import os
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from config.celery import app
from linkage import cast, markets, middleware, scripts, travel
from linkage.models import Clock, Market, Script
from metering import drop_folder
from metering.models import SupplyPoint
from portal import clock, private_market
from portal.models import Company, LedgerEntry, User
from switching.models import Relay
from tests.linkage.playing import at, go, relay_for, rival_point


def test_what_is_done_in_one_market_shows_in_no_other(lobby, market, now):
    markets.open_market("umi", company=lobby.umi, by=lobby["umi.administrator"], now=now)
    with at(now):
        relay_for(rival_point(1), now=now)
        assert Relay.objects.count() == 1
    with private_market.inside("umi"):
        assert Relay.objects.count() == 0
        assert SupplyPoint.objects.exists()
        assert cast.participant().name == lobby.umi.name
    assert Relay.objects.count() == 0 and not SupplyPoint.objects.exists()  # the lobby


def test_the_companys_people_enter_their_market_with_their_own_password(lobby, market, now):
    here = lobby["sora.administrator"]
    with private_market.inside("sora"):
        there = User.objects.get(username="sora.administrator")
        assert there.password == here.password and there.company.name == lobby.sora.name
        assert not User.objects.filter(company__name=lobby.umi.name).exists()
        machine = cast.clerk(cast.RIVAL)
        assert not machine.has_usable_password() and not machine.totpdevice_set.exists()


def test_a_reset_throws_everything_away_and_begins_at_the_present(lobby, market, now):
    with at(now):
        scripts.write(partner="losing", number="1", behaves_as="4", by=None, now=now)
        go(days=1)
        private_market.MarketStorage().save("usage/x.csv", io.BytesIO(b"x"))
        assert travel.offset() == timedelta(days=1)
    later = now + timedelta(hours=5)
    markets.reset(market, by=lobby["sora.administrator"], now=later)
    with at(later):
        assert not Script.objects.exists() and travel.offset() == timedelta()
        assert Clock.objects.get().worked_until == later
        assert not private_market.MarketStorage().exists("usage/x.csv")
    assert LedgerEntry.objects.filter(action="market.reset", subject="market sora").exists()


def test_only_the_own_companys_administrator_opens_resets_and_closes(lobby, market, now):
    for stranger in (lobby["yama.administrator"], lobby["sora.relay"]):
        with pytest.raises(markets.NotAllowed):
            markets.reset(market, by=stranger, now=now)
        with pytest.raises(markets.NotAllowed):
            markets.close(market, by=stranger, now=now)
        with pytest.raises(markets.NotAllowed):
            markets.open_market("more", company=lobby.sora, by=stranger, now=now)
        assert market not in Market.objects.visible_to(stranger)
    markets.close(market, by=lobby["sora.administrator"], now=now)
    assert not Market.objects.exists()
    assert "sora" not in markets.ready() and markets._comment("sora") is None


def test_a_name_that_cannot_stand_in_an_address_is_refused(lobby, now):
    for name in ("", "Sora", "-a", "a-", "a_b", "a" * 31, 'x"; drop', "template", "空"):
        with pytest.raises(markets.BadName):
            markets.open_market(name, company=lobby.sora, by=None, now=now)
        assert not Market.objects.exists(), name


def test_a_company_has_one_private_market_and_names_are_unique(lobby, market, now):
    with pytest.raises(markets.HasOne):
        markets.open_market("second", company=lobby.sora, by=None, now=now)
    with pytest.raises(markets.NameTaken):
        markets.open_market("sora", company=lobby.umi, by=None, now=now)


def test_two_companies_book_a_market_with_days(lobby, market, now):
    day = now.date()
    by = lobby["sora.administrator"]
    for first, last in (
        (day - timedelta(days=1), day),
        (day, day - timedelta(days=1)),
        (day, day + timedelta(days=31)),
    ):
        with pytest.raises(markets.BadDays):
            markets.book("both", company=lobby.sora, guest=lobby.umi, first_day=first, last_day=last, by=by, now=now)
    booked = markets.book(
        "both", company=lobby.sora, guest=lobby.umi, first_day=day + timedelta(days=2),
        last_day=day + timedelta(days=4), by=by, now=now,
    )  # fmt: skip
    assert booked in Market.objects.visible_to(lobby["umi.administrator"])
    assert booked not in Market.objects.visible_to(lobby["yama.administrator"])
    assert [markets.is_today(booked, now=now + timedelta(days=n)) for n in (1, 2, 4, 5)] == [False, True, True, False]
    with pytest.raises(markets.OverlappingDays):
        markets.book(
            "again", company=lobby.umi, guest=lobby.sora, first_day=day + timedelta(days=4),
            last_day=day + timedelta(days=9), by=lobby["umi.administrator"], now=now,
        )  # fmt: skip
    lobby["umi.relay"]
    with private_market.inside("both"):
        names = set(Company.objects.values_list("name", flat=True))
        assert {lobby.sora.name, lobby.umi.name} <= names and cast.RIVAL[1] not in names
        assert User.objects.get(username="sora.administrator").company.name == lobby.sora.name
    with at(now, "both"):
        assert travel.play_partners(now=now) >= 0  # nobody answers for umi: it is real
        relay = relay_for(SupplyPoint.objects.filter(number__endswith="1", area="03").first(), now=now)
        travel.play_partners(now=now)
        relay.refresh_from_db()
        assert relay.state == "01" and relay.losing_retailer.name == lobby.umi.name


def test_a_market_is_not_entered_in_the_middle_of_a_transaction(lobby, market):
    with transaction.atomic(), pytest.raises(private_market.InTransaction), private_market.inside("sora"):
        pass
    assert private_market.name() == ""


class TestDoor:
    """The middleware that turns a host name into a market."""

    def ask(self, host, answer=None):
        seen = {}

        def page(request):
            seen.update(name=private_market.name(), points=SupplyPoint.objects.count(), now=clock.now())
            return answer or HttpResponse("page")

        request = RequestFactory().get("/", headers={"host": host})
        return middleware.PrivateMarkets(page)(request), seen

    def test_the_host_name_says_the_market(self, market, settings):
        for host in ("sora.linkage.localhost", "SORA.linkage.localhost:8108"):
            response, seen = self.ask(host)
            assert response.status_code == 200 and seen["name"] == "sora" and seen["points"] > 100
            assert private_market.name() == ""

    def test_every_other_name_is_the_lobby(self, market):
        for host in ("linkage.localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "testserver"):
            _response, seen = self.ask(host)
            assert seen["name"] == "" and seen["points"] == 0, host

    def test_a_market_that_is_not_there_is_a_page_that_says_so(self, market):
        for host in ("umi.linkage.localhost", "a.b.linkage.localhost", "1x.linkage.localhost"):
            response, seen = self.ask(host)
            assert response.status_code == 404 and not seen, host
            assert SupplyPoint.objects.count() == 0 and private_market.name() == ""  # we stand in the lobby again

    def test_a_test_of_two_companies_is_entered_on_its_days_alone(self, lobby, market, now):
        day = now.date()
        both = {"first_day": day + timedelta(days=1), "last_day": day + timedelta(days=2)}
        assert lobby["umi.administrator"]
        by = lobby["sora.administrator"]
        markets.book("both", company=lobby.sora, guest=lobby.umi, by=by, now=now, **both)
        found = []
        for ahead in range(4):
            with time_machine.travel(now + timedelta(days=ahead), tick=False):
                response, seen = self.ask("both.linkage.localhost")
                found.append((response.status_code, bool(seen)))
                request = RequestFactory().get("/api/v1/me", headers={"host": "both.linkage.localhost"})
                told = middleware.PrivateMarkets(lambda request: HttpResponse("{}"))(request)
                assert (told.status_code == 409) == (ahead in (0, 3))
                if ahead in (0, 3):
                    assert json.loads(told.content)["code"] == "market.closed_today"
                with private_market.inside("both"):
                    assert travel.is_awake(now=now + timedelta(days=ahead)) == (ahead in (1, 2))
        assert found == [(409, False), (200, True), (200, True), (409, False)]

    def test_a_program_is_told_of_a_market_that_is_not_there_as_a_problem(self, lobby):
        request = RequestFactory().get("/api/v1/me", headers={"host": "umi.linkage.localhost"})
        told = middleware.PrivateMarkets(lambda request: HttpResponse("{}"))(request)
        assert told.status_code == 404 and json.loads(told.content)["code"] == "market.not_there"

    def test_a_stream_is_read_from_its_market_to_its_end(self, market):
        pieces = (str(SupplyPoint.objects.count()).encode() for _ in range(2))
        response, _seen = self.ask("sora.linkage.localhost", StreamingHttpResponse(pieces))
        assert set(response) != {b"0"}
        response.close()
        assert private_market.name() == "" and SupplyPoint.objects.count() == 0


def test_a_task_asked_for_in_a_market_is_done_there(market, monkeypatch):
    sent = {}
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda self, args, kwargs, **options: sent.update(options))
    from linkage.tasks import go_on

    with private_market.inside("sora"):
        go_on.delay()
    assert sent["headers"] == {"private_market": "sora"}
    seen = []

    class Probe(private_market.MarketTask):
        name = "probe"

        def run(self):
            seen.append((private_market.name(), SupplyPoint.objects.count() > 0))

    probe = app.register_task(Probe())
    probe.push_request(private_market="sora")
    probe()
    probe.pop_request()
    probe()
    app.tasks.unregister(probe.name)
    assert seen == [("sora", True), ("", False)]


def test_each_market_has_a_drop_folder_of_its_own_that_wakes_it(lobby, market, now, settings, tmp_path):
    settings.USAGE_DROP_DIR = tmp_path / "drop"
    assert lobby["umi.administrator"]
    markets.open_market("umi", company=lobby.umi, by=None, now=now)
    late = now + timedelta(hours=3)
    with at(late):
        drop_folder.collect_dropped(now=late)  # makes the folders
        assert not travel.is_awake(now=late)
        folder = settings.USAGE_DROP_DIR / "markets" / "sora" / "0WNN9"
        dropped = folder / "letter.pdf"
        dropped.write_text("no usage at all\n")
        os.utime(dropped, (1, 1))
        assert travel.is_awake(now=late)
    with time_machine.travel(late, tick=False), private_market.inside("umi"):
        assert drop_folder.collect_dropped(now=late) == drop_folder.Collected() and dropped.exists()
        assert not travel.is_awake(now=late)
    with at(late):
        assert drop_folder.collect_dropped(now=late).refused == 1
        assert (folder / "refused" / "letter.pdf").exists() and not travel.is_awake(now=late)
    markets.reset(market, by=lobby["sora.administrator"], now=late)
    assert not folder.exists()


def test_cache_keys_and_files_of_two_markets_never_meet(lobby, market, now):
    markets.open_market("umi", company=lobby.umi, by=None, now=now)
    keys, places = set(), set()
    for name in ("", "sora", "umi"):
        with private_market.inside(name):
            keys.add(private_market.cache_key("x", "", 1))
            places.add(private_market.MarketStorage().path("usage/x"))
    assert len(keys) == len(places) == 3


class TestConstraints:
    def refused(self, name, deed):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            deed()

    def test_each_promise_is_kept_by_the_database(self, lobby, market, now):
        def new(**given):
            return lambda: Market.objects.create(created_at=now, **({"name": "x", "company": lobby.umi} | given))

        day = now.date()
        self.refused("one_private_market_per_company", new(company=lobby.sora))
        self.refused("a_market_is_named_like_a_host", new(name="X"))
        self.refused("a_test_of_two_companies_has_its_days", new(guest=lobby.yama))
        self.refused("a_test_of_two_companies_has_its_days", new(first_day=day, last_day=day))
        self.refused("a_company_is_not_its_own_guest", new(guest=lobby.umi, first_day=day, last_day=day))
        with private_market.inside("sora"):
            held = Clock.objects.filter(pk=1)
            self.refused("a_market_has_one_clock", lambda: Clock.objects.create(worked_until=now, seen_at=now, pk=2))
            self.refused("a_market_is_never_behind", lambda: held.update(offset=timedelta(seconds=-1)))
            past = now - timedelta(days=1)
            self.refused("a_market_travels_forward_only", lambda: held.update(travelling_to=past, set_out_at=now))

            def script(**given):
                values = {"partner": "losing", "number": "1", "behaves_as": "2", "set_at": now} | given
                return lambda: Script.objects.create(**values)

            script()()
            self.refused("one_script_per_partner_and_point", script())
            self.refused("a_script_is_for_a_point_or_a_digit", script(number="12"))
            self.refused("a_script_names_a_digit", script(number="2", behaves_as="x"))
