"""Programs in a private market: given in one step, kept over a reset, shut out of every other market; all by API."""

import base64
import io
import re
import zipfile
from datetime import timedelta

import pytest
import time_machine
from cryptography import x509
from django.core.management import call_command
from django.test import Client

from linkage import cast, markets, programs, qualification, travel
from linkage.models import Clock, Evidence, Qualification
from portal import api_clients, private_market, verify_proof
from portal.models import ApiClient, ApiWrite, Certificate, LedgerEntry
from tests.calling import Caller
from tests.cast import client_of
from tests.linkage.playing import at, me
from tests.linkage.test_qualification import as_losing_retailer


class Program:
    """Calls the market at hand with what a program was given, token by the real endpoint."""

    def __init__(self, access):
        self.access = access

    def token(self):
        words = base64.b64encode(f"{self.access.client_id}:{self.access.secret}".encode()).decode()
        answer = Client().post(
            "/api/v1/token",
            "grant_type=client_credentials",
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": f"Basic {words}"},
        )
        return answer.json().get("access_token", "")

    def ask(self, path, token=None):
        return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token or self.token()}"})


def caller(now):
    """A caller of tests.calling for a program just given."""
    access = programs.register(by=me(), now=now)
    return Caller(ApiClient.objects.get(user__username=access.client_id))


def good(answer, status=200):
    assert answer.status_code == status, answer.content.decode()
    return answer.json() if answer.content else None


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content.decode()
    return answer.json()


def test_a_program_keeps_id_secret_roles_and_certificate_when_the_market_is_reset(lobby, market, now):
    with at(now):
        access = programs.register(by=me(), now=now)
        assert "BEGIN PRIVATE KEY" in access.key and "PRIVATE" not in access.certificate
        subject = x509.load_pem_x509_certificate(access.certificate.encode()).subject.rfc4514_string()
        assert access.client_id in subject
        gone = programs.register(by=me(), now=now)
        api_clients.revoke(ApiClient.objects.get(user__username=gone.client_id), by=me(), now=now)
        before = Program(access).token()
        assert good(Program(access).ask("me"))["company"] == lobby.sora.name
        roles = ApiClient.objects.get(user__username=access.client_id).user.roles
    later = now + timedelta(minutes=3)
    markets.reset(market, by=lobby["sora.administrator"], now=later)
    with at(later):
        assert good(Program(access).ask("me"))["client_id"] == access.client_id
        assert ApiClient.objects.get().user.roles == roles == set(cast.CLERK_ROLES)
        [kept] = Certificate.objects.filter(revoked_at__isnull=True, terminal=access.client_id)
        assert kept.pem == access.certificate and kept.purpose == "api"
        assert Program(access).ask("me", before).status_code == 401, "tokens of before the reset are over"
        assert not Program(gone).token()
        assert LedgerEntry.objects.filter(action="api client taken over").exists()


def test_a_token_of_one_market_opens_neither_the_lobby_nor_another_market(lobby, market, now):
    assert lobby["umi.administrator"]
    markets.open_market("umi", company=lobby.umi, by=None, now=now)
    mine = markets.give_program(market, by=lobby["sora.administrator"], now=now)
    with at(now):
        token = Program(mine).token()
        assert good(Program(mine).ask("me", token))
    theirs = markets.give_program(markets.Market.objects.get(name="umi"), by=None, now=now)
    with time_machine.travel(now, tick=False), private_market.inside("umi"):
        assert ApiClient.objects.get().client_id == theirs.client_id
        assert Program(mine).ask("me", token).status_code == 401 and not Program(mine).token()
    assert Program(mine).ask("me", token).status_code == 401


def test_only_people_of_the_company_get_a_program_in_its_market(lobby, market, now):
    for stranger in (lobby["yama.administrator"], lobby["sora.relay"]):
        with pytest.raises(markets.NotAllowed):
            markets.give_program(market, by=stranger, now=now)


def test_the_command_prints_the_lines_a_shell_reads(lobby, market, now, settings, capsys):
    settings.LINKAGE_TEST = True
    call_command("linkage", "client", "sora")
    lines = dict(line.removeprefix("export ").split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == {"HUB_ADDRESS", "HUB_CLIENT_ID", "HUB_SECRET"}
    assert lines["HUB_ADDRESS"] == markets.address_of(market)
    with at(now):
        assert api_clients.proven(lines["HUB_CLIENT_ID"], lines["HUB_SECRET"], now=now).user.company == me().company


def test_who_opens_a_market_is_shown_its_program_once_and_gets_more_inside(lobby, now):
    with time_machine.travel(now, tick=False):
        page = client_of(lobby["sora.administrator"]).post("/linkage/markets/", {"name": "sora"})
        shown = dict(re.findall(r"export (HUB_\w+)=(\S+?)(?=\n|</pre>)", page.content.decode()))
    assert page["Cache-Control"] == "no-store"
    with at(now):
        assert api_clients.proven(shown["HUB_CLIENT_ID"], shown["HUB_SECRET"], now=now)
        assert shown["HUB_ADDRESS"] == markets.address_of(markets.Market(name="sora"))
        again = client_of(me()).post("/linkage/programs/").content.decode()
        assert "BEGIN CERTIFICATE" in again and shown["HUB_SECRET"] not in again
        assert ApiClient.objects.count() == 2


def test_the_endpoints_of_a_market_are_absent_in_the_lobby(lobby, now):
    from tests import calling

    api = calling.caller(lobby, "sora", "relay", "viewer", now=now)
    for path in ("clock", "customers", "scripts", "qualification", "evidence"):
        refused(api.get(f"/linkage/{path}"), 404, "api.not_found")
    refused(api.post("/linkage/clock", {"days": 1}), 404, "api.not_found")


def test_the_clock_is_put_forward_by_program(market, now):
    with at(now):
        api = caller(now)
        assert good(api.get("/linkage/clock"))["percent"] == 100
        for body, code in (
            ({"days": 186}, "api.entries_wrong"),
            ({}, "api.entries_wrong"),
            ({"days": 1, "to": "x"}, "api.entries_wrong"),
        ):
            refused(api.post("/linkage/clock", body), 422, code)
        refused(api.post("/linkage/clock", {"to": "2020-01-01T00:00:00+09:00"}), 422, "clock.not_forward")
        refused(api.post("/linkage/clock", {"to": "2099-01-01T00:00:00+09:00"}), 422, "clock.too_far")
        said = good(api.post("/linkage/clock", {"days": 2}), 202)
        assert said["travelling_to"] and said["market"] == "sora"
        refused(api.post("/linkage/clock", {"days": 2}), 409, "clock.on_its_way")
        travel.go_on(real=lambda: now)
        assert Clock.objects.get().worked_until == now + timedelta(days=2)


def test_customers_scripts_and_orders_are_the_pages_own(market, now):
    with at(now):
        api = caller(now)
        rows = good(api.get("/linkage/customers?side=others&ending=1&area=03&supply_class=LV"))["items"]
        assert rows and {row["retailer"] for row in rows} == {"R1VA3"} and all(row["point"][-1] == "1" for row in rows)
        first = good(api.get("/linkage/customers?limit=2"))
        second = good(api.get(f"/linkage/customers?limit=2&cursor={first['next_cursor']}"))
        assert len({row["point"] for row in first["items"] + second["items"]}) == 4
        script = good(api.post("/linkage/scripts", {"partner": "losing", "number": "1", "behaves_as": "5"}), 201)
        refused(
            api.post("/linkage/scripts", {"partner": "losing", "number": "12", "behaves_as": "5"}),
            422,
            "api.entries_wrong",
        )
        assert [row["id"] for row in good(api.get("/linkage/scripts"))["items"]] == [script["id"]]
        assert api.delete(f"/linkage/scripts/{script['id']}").status_code == 204
        refused(api.delete(f"/linkage/scripts/{script['id']}"), 404, "api.not_found")
        own = good(api.get("/linkage/customers?side=own&ending=1"))["items"][0]["point"]
        number = good(api.post("/linkage/received-relays", {"point": own}), 201)["relay"]
        assert good(api.get(f"/relays/{number}"))["side"] == "losing"
        refused(api.post("/linkage/received-relays", {"point": own}), 409, "partners.not_sent")
        refused(api.post("/linkage/received-relays", {"point": "12"}), 422, "points.wrong_number")


def test_evidence_is_handed_over_by_program_once_and_verifies(lobby, market, now):
    with at(now):
        api = caller(now)
        said = refused(api.post("/linkage/evidence", {"role": "gaining"}), 409, "qualification.not_complete")
        assert len(said["missing"]) == 18
        as_losing_retailer(now)
        roles = {role["role"]: role for role in good(api.get("/linkage/qualification"))["roles"]}
        assert roles["losing"]["shown"] == roles["losing"]["whole"] == 12
        answer = api.post("/linkage/evidence", {"role": "losing"}, key="k1")
        made = good(answer, 201)
        assert good(api.post("/linkage/evidence", {"role": "losing"}, key="k1"), 201) == made
        assert Evidence.objects.count() == 1 and ApiWrite.objects.filter(key="k1").exists()
        assert good(api.get(answer["Location"]))["handed_over_at"]
        content = api.get(f"/linkage/evidence/{made['id']}/content").content
        key = good(api.get("/linkage/qualification"))["public_key"]
        assert qualification.deliver(now=now) == 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert any("qualification losing-1" in line for line in verify_proof.check(files, key))
    assert Qualification.objects.get().sha256 == made["sha256"]  # in the lobby


def test_what_was_signed_and_not_handed_over_is_handed_over_by_the_next_sweep(lobby, market, now, monkeypatch):
    with at(now):
        as_losing_retailer(now)
        monkeypatch.setattr(qualification, "deliver", lambda **given: 1 / 0)
        kept = qualification.hand_over("losing", by=me(), now=now + timedelta(hours=26), real=now)
        monkeypatch.undo()
        assert Evidence.objects.get().handed_over_at is None
        with private_market.inside(""):
            assert not Qualification.objects.exists()
        assert qualification.deliver(now=now) == 1
        Evidence.objects.update(handed_over_at=None)  # as after a crash between the two databases
        assert qualification.deliver(now=now) == 1
    assert Qualification.objects.get().sha256 == kept.sha256
    assert LedgerEntry.objects.filter(action="qualification.handed_over").count() == 1


def test_in_a_test_of_two_companies_nothing_is_handed_over(lobby, market, now):
    day = now.date()
    markets.book(
        "both",
        company=lobby.sora,
        guest=lobby.umi,
        first_day=day,
        last_day=day,
        by=lobby["sora.administrator"],
        now=now,
    )
    with at(now, "both"):
        api = caller(now)
        refused(api.post("/linkage/evidence", {"role": "losing"}), 409, "qualification.only_in_private")
