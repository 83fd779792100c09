"""A company that was let in waits for the start it wanted: access can be tried, the functions open on the day."""

from datetime import date, datetime, timedelta

import pytest
from django.urls import reverse

from metering import inquiries
from portal import companies, four_eyes, gates, onboarding, outbox
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from portal.models import Company, Function, LedgerEntry, Notice, Proposal, User
from portal.workdays import JST
from switching import relays
from tests.cast import NOW, PASSWORD, client_of, make_points, person
from tests.portal import newcomers
from tests.switching.cases import Play

START = date(2026, 4, 20)
MIDNIGHT = datetime(2026, 4, 20, tzinfo=JST)
INQUIRE = "/facility-inquiries/new/LV/"


@pytest.fixture
def hoshi(cast) -> Company:
    return companies.register(
        name="星でんき",
        notice_address="hoshi@hoshi.example",
        starts_on=START,
        participations=[TakesPart(MarketRole.RETAILER, Area.TOKYO, "H0SH3")],
        by=None,
        now=NOW,
    )


@pytest.fixture
def clerk(hoshi) -> User:
    return person(hoshi, "hoshi.clerk", roles=["inquiry", "relay", "application", "administrator"])


def consent(by: User, now: datetime):
    return inquiries.record_consent(
        reference="REC-1", channel="web", purpose="switch", obtained_on=now.date(), by=by, now=now
    )


def test_an_approved_newcomer_is_held_back_until_the_start_it_wanted(cast):
    application = newcomers.filed()
    codes = onboarding.suggested_codes(application)
    onboarding.propose_approval(application, codes=codes, by=cast["hub.operator"], now=NOW)
    four_eyes.confirm(Proposal.objects.get(), by=newcomers.second_operator(cast), now=NOW)
    assert Company.objects.get(name="星でんき").starts_on == newcomers.START
    assert LedgerEntry.objects.filter(action="company registered", detail__starts_on="2026-05-01").exists()


@pytest.mark.parametrize(
    ("moment", "is_open"), [(MIDNIGHT - timedelta(seconds=1), False), (MIDNIGHT, True), (MIDNIGHT + timedelta(9), True)]
)
def test_the_functions_open_at_midnight_of_the_start_and_the_rest_is_open_before(clerk, time_machine, moment, is_open):
    time_machine.move_to(moment, tick=False)
    client = client_of(clerk)
    for path in (INQUIRE, "/relays/", "/applications/", "/relays/new/"):
        answer = client.get(path)
        assert answer.status_code == (200 if is_open else 503), path
        if not is_open:
            assert "利用開始日は2026-04-20 (月)です" in answer.content.decode() and answer["Retry-After"] == "2"
    for path in ("/me/", "/people/", "/certificates/", "/participants/", "/notices/"):
        assert client.get(path).status_code == 200, path
    assert ("利用開始日は2026-04-20" in client.get("/").content.decode()) != is_open


def test_the_verbs_refuse_too(cast, clerk):
    play = Play(cast, NOW)
    point = play.point()
    with pytest.raises(gates.NotBegun, match="利用開始日"):
        consent(clerk, NOW)
    with pytest.raises(gates.NotBegun):
        inquiries.inquire(number=point.number, supply_class="LV", consent=None, by=clerk, now=NOW)
    with pytest.raises(gates.NotBegun):
        relays.register(play.request(point), by=clerk, now=NOW)
    assert gates.require(Function.FACILITY_INQUIRY, now=MIDNIGHT, by=clerk) is None
    assert gates.require(Function.FACILITY_INQUIRY, now=NOW, by=cast["sora.inquiry"]) is None


@pytest.mark.parametrize("who", ["hub.operator", "hub.helpdesk"])
def test_operator_and_helpdesk_open_earlier_and_the_company_is_told(cast, hoshi, clerk, time_machine, who):
    time_machine.move_to(NOW, tick=False)
    bench = client_of(cast[who])
    chosen = {"action": "begin_now", "_selected_action": [hoshi.pk], "index": "0"}
    assert bench.post("/workbench/portal/company/", chosen).status_code == 302
    hoshi.refresh_from_db()
    assert hoshi.starts_on == NOW.date() and client_of(clerk).get(INQUIRE).status_code == 200
    entry = LedgerEntry.objects.get(action="company begins early")
    assert (entry.user.username, entry.detail["instead_of"]) == (who, "2026-04-20")
    notice = Notice.objects.get(recipient=hoshi)
    for language, word in (("ja", "利用を開始"), ("en", "has begun")):
        headline, body = outbox.words(notice, language)
        assert word in headline and "2026-04-20" in body
    answer = bench.post("/workbench/portal/company/", chosen, follow=True)
    assert "すでに始まっている" in answer.content.decode() and Notice.objects.filter(recipient=hoshi).count() == 1


def test_nobody_else_opens_earlier(cast, hoshi, clerk):
    for by in (cast["hub.auditor"], cast["sora.administrator"], clerk):
        with pytest.raises(companies.NotAllowed):
            companies.begin_now(hoshi, by=by, now=NOW)
    chosen = {"action": "begin_now", "_selected_action": [hoshi.pk], "index": "0"}
    client_of(cast["hub.auditor"]).post("/workbench/portal/company/", chosen)
    hoshi.refresh_from_db()
    assert hoshi.starts_on == START


def test_the_sign_in_help_tells_it_to_who_knows_the_password_only(clerk, time_machine, client):
    time_machine.move_to(NOW, tick=False)
    page = reverse("portal:sign-in-help")
    answer = client.post(page, {"username": clerk.username, "password": PASSWORD}).content.decode()
    assert "2026-04-20 (月)に始まります" in answer
    answer = client.post(page, {"username": clerk.username, "password": "wrong-wrong-wrong"}).content.decode()
    assert "2026-04-20" not in answer


def test_an_inquiry_needs_a_part_in_the_area(cast, clerk):
    play = Play(cast, NOW)
    later = MIDNIGHT + timedelta(hours=10)
    tokyo, kansai = play.point(), play.point(area="06")
    allowed = consent(clerk, later)
    assert inquiries.inquire(number=tokyo.number, supply_class="LV", consent=allowed, by=clerk, now=later)
    with pytest.raises(inquiries.NoPartInArea, match="供給区域"):
        inquiries.inquire(number=kansai.number, supply_class="LV", consent=allowed, by=clerk, now=later)
    unknown = f"06{'0' * 20}"
    with pytest.raises(inquiries.NoPartInArea):
        inquiries.inquire(number=unknown, supply_class="LV", consent=allowed, by=clerk, now=later)
    assert LedgerEntry.objects.filter(
        action="facility inquiry refused", subject=f"supply point {kansai.number}"
    ).exists()


def test_a_search_by_address_finds_points_of_the_own_areas_only(cast, clerk):
    later = MIDNIGHT + timedelta(hours=10)
    [tokyo] = make_points(cast, 1, town="経堂二丁目", block="4-3")
    [kansai] = make_points(cast, 1, town="経堂二丁目", block="4-3", area="06")
    given = {"address": "東京都世田谷区経堂2-4-3", "supply_class": "LV", "now": later}
    found = inquiries.search_by_address(**given, consent=consent(clerk, later), by=clerk)
    assert [candidate.number for candidate in found] == [tokyo.number]
    everywhere = cast["sora.inquiry"]
    found = inquiries.search_by_address(**given, consent=consent(everywhere, later), by=everywhere)
    assert {candidate.number for candidate in found} == {tokyo.number, kansai.number}
