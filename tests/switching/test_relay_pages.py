"""The pages of a relay, from the inquiry's answer to the judgement, as the two retailers' clerks meet them."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal import inbox
from portal.models import LedgerEntry
from switching import applications, relays
from switching.models import Application, Disclosure, Relay
from switching.states import RelayState
from tests.cast import NOW, client_of, person
from tests.switching.cases import ADDRESS, HOLDER, KANA
from tests.switching.paging import entries, inquire, said

RAW_NUMBER = re.compile(r"U-0{7}\d")


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def sora(cast):
    return client_of(cast["sora.relay"])


@pytest.fixture
def umi(cast):
    return client_of(cast["umi.relay"])


def english(client):
    client.cookies["django_language"] = "en"
    return client


def test_the_whole_way_of_the_two_clerks(cast, play):
    """Inquiry → explanation → relay → judgement → start, every page opened and every form sent by hand."""
    clerk = client_of(person(cast.sora, "sora.both", roles=["relay", "application"]))
    play.policy(number_pattern=r"U\d{8}", number_hint="U と数字8桁", number_sample="U-12345678")
    point = play.point()
    version_items = play.disclosure(play.point()).version.items.all()  # publishes the list, for another point
    inquiry = inquire(cast, point)

    answer = clerk.get(f"/relays/new/?inquiry={inquiry.pk}")
    assert answer.status_code == 302 and answer.url == f"/disclosures/new/?inquiry={inquiry.pk}"
    page = clerk.get(answer.url)
    for item in version_items:
        assert item.text_ja in said(page) and f'name="item_{item.pk}"' in page.content.decode()
    ticked = {f"item_{item.pk}": "on" for item in version_items}
    answer = clerk.post(answer.url, {**ticked, "channel": "telephone", "explained_on": "2026-04-01"})
    assert answer.status_code == 302 and answer.url == f"/relays/new/?inquiry={inquiry.pk}"
    evidence = Disclosure.objects.get(point=point)
    assert evidence.acknowledgements.count() == len(version_items) and evidence.recorded_by.username == "sora.both"

    way = answer.url
    page = clerk.get(way)
    assert "2026-04-04" in page.content.decode(), "the earliest day is offered"
    shown = clerk.post(way, {**entries(cast, point, contract_number="x"), "show_rule": "1"})
    assert "U と数字8桁" in said(shown) and "U-12345678" in said(shown)
    assert not shown.context["form"].is_bound, "choosing a retailer is no attempt to file"

    page = clerk.post(way, {**entries(cast, point), "check": "1"})
    assert page.status_code == 200 and not Relay.objects.exists(), "nothing is filed before the confirmation"
    for value in (HOLDER, KANA, ADDRESS, point.contracts.get().number, "空 太郎"):
        assert value in said(page)
    carried = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.content.decode()))
    back = clerk.post(way, {**carried, "edit": "1"})
    assert HOLDER in back.content.decode(), "the entries stay when the clerk goes back"
    answer = clerk.post(way, {**carried, "confirmed": "1"})
    relay = Relay.objects.get()
    assert answer.url == f"/relays/{relay.number}/"
    assert (relay.holder_name, relay.disclosure, relay.point) == (HOLDER, evidence, point)

    umi = client_of(cast["umi.relay"])
    assert relay.number in said(umi.get("/relays/"))
    page = umi.get(f"/relays/{relay.number}/judgement/")
    assert HOLDER in said(page) and "一致" in said(page)
    asked = umi.post(f"/relays/{relay.number}/judgement/", {"verdict": "accept"})
    relay.refresh_from_db()
    assert asked.status_code == 200 and relay.state == RelayState.WAITING, "the page asks before it accepts"
    answer = umi.post(f"/relays/{relay.number}/judgement/", {"verdict": "accept", "confirmed": "1"})
    assert answer.url == f"/relays/{relay.number}/"
    relay.refresh_from_db()
    assert relay.state == RelayState.ACCEPTED
    assert Application.objects.get(kind="switch_termination").relay == relay

    page = clerk.get(f"/relays/{relay.number}/")
    start_way = f"/applications/new/switch-start/?relay={relay.number}"
    assert start_way in page.content.decode()
    page = clerk.get(start_way)
    assert HOLDER in page.content.decode() and "2026-04-15" in page.content.decode(), "prefilled from the relay"
    start = {
        "desired_date": "2026-04-15",
        "meter_work": "no",
        "contract_number": "S-1",
        "holder_name": HOLDER,
        "holder_kana": KANA,
        "holder_address": ADDRESS,
    }
    page = clerk.post(start_way, start)
    assert page.status_code == 200 and Application.objects.count() == 1
    answer = clerk.post(start_way, {**start, "confirmed": "1"})
    filed = Application.objects.get(kind="switch_start")
    assert answer.url == f"/applications/{filed.number}/" and filed.relay == relay
    assert filed.number in said(clerk.get(f"/relays/{relay.number}/"))


def test_a_second_click_on_the_confirmation_does_not_file_twice(cast, play, sora):
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    sent = {**entries(cast, point), "confirmed": "1"}
    assert sora.post(way, sent).status_code == 302
    again = english(sora).post(way, sent)
    assert again.status_code == 422 and Relay.objects.count() == 1
    assert "A relay is open on this supply point" in said(again)
    assert Relay.objects.get().number in said(again), "the own relay is named and linked"


def test_another_company_s_relay_on_the_point_is_not_named(cast, play):
    point = play.point()
    other = play.relay(point, who="yama")
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    page = english(client_of(cast["sora.relay"])).post(way, {**entries(cast, point), "check": "1"})
    assert page.status_code == 422 and "A relay is open on this supply point" in said(page)
    assert other.number not in page.content.decode() and "It is your own" not in said(page)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"losing_retailer": ""}, "choose the customer's present retailer"),
        ({"losing_retailer": "99999999999999999999"}, "no retailer in the point's area"),
        ({"losing_retailer": "\x00"}, "Null characters are not allowed"),
        ({"contract_number": "X"}, "This is not how that retailer writes contract numbers"),
        ({"contract_number": "\x00\x01"}, "Please enter the contract number"),
        ({"holder_name": "花" * 1000}, "80"),
        ({"holder_name": "\u200b"}, "Please enter the contract holder's name"),
        ({"holder_kana": ""}, "in kana"),
        ({"holder_address": "あ" * 1000}, "250"),
        ({"contact_person": "人" * 1000}, "60"),
        ({"desired_date": "tomorrow"}, "no day of the calendar"),
        ({"desired_date": "0001-01-01"}, "must lie between 2026-04-0"),
        ({"desired_date": "9999-12-31"}, "must lie between 2026-04-0"),
        ({"desired_date": "2026-04-02"}, "must lie between 2026-04-0"),
    ],
)
def test_each_wrong_entry_gets_its_sentence_and_stays(cast, play, sora, changes, words):
    play.policy(number_pattern=r"U\d{8}", number_hint="U and 8 digits", number_sample="U-12345678")
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    page = english(sora).post(way, {**entries(cast, point, **changes), "check": "1"})
    assert page.status_code == 422 and not Relay.objects.exists()
    assert words in said(page)
    [(name, value)] = changes.items()
    if value.isprintable() and name not in {"losing_retailer"} and value:
        assert value in page.content.decode(), "the wrong value stays"


def test_wrong_ids_are_absent_and_nothing_fails(cast, play, sora):
    relay = play.relay(play.point())
    for way in (
        "/relays/R0000000000/",
        "/relays/R%00/",
        "/relays/x/",
        f"/relays/{relay.number.lower()}/",
        "/relays/R0000000000/judgement/",
        "/disclosures/999999999999999999/",
        "/disclosures/99999999999999999999999/",
        "/relays/new/?inquiry=999999999",
        "/relays/new/?inquiry=%00",
        "/relays/new/?inquiry=" + "9" * 1000,
        "/relays/new/?inquiry=²",
        "/disclosures/new/?inquiry=x",
    ):
        assert sora.get(way).status_code == 404, way


def test_filters_with_anything_in_them_answer(cast, play, sora):
    play.relay(play.point())
    for query in ("q=%00", "q=" + "x" * 1000, "state=99", "desired_min=0001-01-01", "desired_max=9999-12-31", "tab=x"):
        for tab in ("sent", "received", "judge"):
            assert sora.get(f"/relays/?tab={tab}&{query}").status_code == 200, query


def test_an_application_clerk_without_the_relay_role_meets_no_relay_page(cast, play):
    relay = play.relay(play.point())
    client = client_of(cast["sora.application"])
    for way in ("/relays/", "/relays/new/", f"/relays/{relay.number}/"):
        assert client.get(way).status_code == 404


def test_a_relay_clerk_begins_from_a_colleague_s_inquiry_and_not_from_a_strangers(cast, play, sora):
    own, foreign = play.point(), play.point()
    play.disclosure(own)
    mine, theirs = inquire(cast, own), inquire(cast, foreign, who="yama")
    listed = sora.get("/relays/new/")
    assert f"inquiry={mine.pk}" in listed.content.decode() and f"inquiry={theirs.pk}" not in listed.content.decode()
    assert sora.get(f"/relays/new/?inquiry={theirs.pk}").status_code == 404
    assert sora.post(f"/relays/new/?inquiry={theirs.pk}", entries(cast, foreign)).status_code == 404


def test_the_customer_s_data_stands_on_the_losing_side_s_judgement_page_alone(cast, play, umi):
    relay = play.relay(play.point())
    for way in ("/relays/", "/relays/?tab=received", "/relays/?tab=received&format=csv", f"/relays/{relay.number}/"):
        page = umi.get(way)
        words = said(page)
        assert page.status_code == 200 and relay.number in words
        assert not any(value in words for value in (HOLDER, KANA, ADDRESS, relay.contract_number)), way
    for way in ("/relays/", "/relays/?tab=received", "/relays/?tab=received&format=csv"):
        text = said(umi.get(way)).replace(" ", "")
        assert relay.point.number not in text, "no list of the customers about to leave"


def test_each_look_at_the_comparison_is_kept_in_the_ledger(cast, play, umi):
    relay = play.relay(play.point())
    for count in (1, 2):
        assert umi.get(f"/relays/{relay.number}/judgement/").status_code == 200
        reads = LedgerEntry.objects.filter(action="relay.read_identity", subject=f"relay {relay.number}")
        assert reads.count() == count
    assert reads.first().user == cast["umi.relay"] and reads.first().purpose


def test_the_gaining_side_never_sees_what_the_losing_side_holds(cast, play, sora):
    relay = play.rejected(play.point(), 4, 9, text="電話で確認", holder_name="別 人")
    page = said(sora.get(f"/relays/{relay.number}/"))
    assert "別 人" in page and HOLDER not in page
    assert "契約名義" in page and "電話で確認" in page, "the reasons in words"
    assert sora.get(f"/relays/{relay.number}/judgement/").status_code == 404


def test_the_comparison_names_verdict_and_rules(cast, play, umi):
    relay = play.relay(play.point(), holder_name="高橋花子", holder_kana="ﾀｶﾊｼ ﾊﾅｺ", holder_address="大阪府大阪市1-1")
    page = said(english(umi).get(f"/relays/{relay.number}/judgement/"))
    assert "equal only after the loose rules" in page and "old form of a character" in page
    assert "equal after the rules" in page and "full and half width" in page
    assert "different" in page and "大阪府大阪市1-1" in page and ADDRESS in page


def test_a_rejection_asks_for_a_reason_then_for_confirmation(cast, play, umi):
    relay = play.relay(play.point())
    way = f"/relays/{relay.number}/judgement/"
    english(umi)
    page = umi.post(way, {"verdict": "reject"})
    assert page.status_code == 422 and "A rejection names at least one reason" in said(page)
    page = umi.post(way, {"verdict": "reject", "reasons": ["9"], "confirmed": "1"})
    assert page.status_code == 422 and "please say in words which" in said(page)
    page = umi.post(way, {"verdict": "reject", "reasons": ["77"], "confirmed": "1"})
    assert page.status_code == 422 and "not on the list" in said(page)
    page = umi.post(way, {"verdict": "reject", "reasons": ["9"], "reason_text": "x" * 1000, "confirmed": "1"})
    assert page.status_code == 422
    page = umi.post(way, {"verdict": "reject", "reasons": ["2", "9"], "reason_text": "looks odd"})
    relay.refresh_from_db()
    assert page.status_code == 200 and relay.state == RelayState.WAITING
    assert "Reject with these reasons" in said(page) and "looks odd" in said(page)
    answer = umi.post(way, {"verdict": "reject", "reasons": ["2", "9"], "reason_text": "looks odd", "confirmed": "1"})
    relay.refresh_from_db()
    assert answer.status_code == 302 and relay.reasons == [2, 9] and relay.judged_by == cast["umi.relay"]


def test_a_judgement_that_comes_too_late_shows_how_the_relay_stands(cast, play, umi):
    relay = play.relay(play.point())
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=NOW)
    answer = english(umi).post(
        f"/relays/{relay.number}/judgement/", {"verdict": "accept", "confirmed": "1"}, follow=True
    )
    assert answer.redirect_chain == [(f"/relays/{relay.number}/", 302)]
    assert "it is now “withdrawn”" in said(answer) and not Application.objects.exists()
    assert not LedgerEntry.objects.filter(action="relay.read_identity").exists(), "an ended relay shows no data"


def test_an_acceptance_after_the_cut_off_is_a_sentence(cast, play):
    relay = play.relay(play.point(), now=NOW + timedelta(days=1), desired_date=date(2026, 4, 5))
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        page = english(client_of(cast["umi.relay"])).post(
            f"/relays/{relay.number}/judgement/", {"verdict": "accept", "confirmed": "1"}
        )
    assert page.status_code == 422 and "The matching cut-off of the desired date has passed" in said(page)
    relay.refresh_from_db()
    assert relay.state == RelayState.WAITING


def test_a_withdrawal_asks_first_and_ends_the_start_as_well(cast, play, sora):
    point = play.point()
    relay = play.relay(point)
    start = play.start(point, relay=relay)
    way = f"/relays/{relay.number}/withdrawal/"
    assert sora.get(way).status_code == 200
    assert sora.post(way).status_code == 200
    relay.refresh_from_db()
    assert relay.state == RelayState.WAITING
    assert sora.post(way, {"confirmed": "1"}).status_code == 302
    relay.refresh_from_db()
    start.refresh_from_db()
    assert (relay.state, start.state) == (RelayState.WITHDRAWN, "cancelled")
    answer = english(sora).post(way, {"confirmed": "1"}, follow=True)
    assert "it is now “withdrawn”" in said(answer)


def test_the_clock_names_the_day_and_the_days_not_counted(cast, play):
    with time_machine.travel(NOW + timedelta(days=1, hours=4), tick=False):  # Thursday afternoon
        relay = play.relay(play.point(), now=NOW + timedelta(days=1, hours=4))
        page = said(english(client_of(cast["sora.relay"])).get(f"/relays/{relay.number}/"))
    assert "Umi Energy's turn" in page and "until 2026-04-06" in page and "17:00" in page
    assert "Not counted: 2026-04-04" in page and "2026-04-05" in page
    assert "hub operator is told" in page, "what silence leads to"


def test_mark_of_the_class_stands_on_every_page(cast, play, sora, umi):
    for supply_class in ("HV", "FIT"):
        relay = play.relay(play.point(supply_class=supply_class), desired_date=date(2026, 5, 15))
        ways = [
            f"/relays/{relay.number}/",
            f"/relays/{relay.number}/withdrawal/",
            f"/disclosures/{relay.disclosure_id}/",
        ]
        for way in ways:
            assert f"class-mark-{supply_class.lower()}" in sora.get(way).content.decode()
        assert f"class-mark-{supply_class.lower()}" in umi.get(f"/relays/{relay.number}/judgement/").content.decode()


@pytest.mark.parametrize("tab", ["judge", "received", "sent"])
def test_the_list_costs_the_same_for_one_row_and_for_three(cast, play, sora, umi, tab):
    client = sora if tab == "sent" else umi
    costs = []
    for more in (1, 2):
        for _ in range(more):
            play.relay(play.point())
        client.get(f"/relays/?tab={tab}")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/relays/?tab={tab}").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_sender_s_csv_has_every_field_and_leaves_a_trace(cast, play, sora):
    relay = play.rejected(play.point(), 2, 9, text="=cmd")
    text = said(sora.get("/relays/?tab=sent&format=csv"))
    for value in (relay.number, relay.point.number, relay.contract_number, HOLDER, KANA, ADDRESS, "契約番号", "=cmd"):
        assert value in text
    assert LedgerEntry.objects.filter(action="relay.export", user=cast["sora.relay"]).count() == 1


def test_search_finds_by_relay_number_and_by_point_number(cast, play, sora):
    one, two = play.relay(play.point()), play.relay(play.point())
    for query in (one.number, one.number.lower(), one.point.number, f"{one.point.number[:2]}-{one.point.number[2:]}"):
        page = said(sora.get("/relays/", {"tab": "sent", "q": query}))
        assert one.number in page and two.number not in page


def test_the_inbox_tells_both_sides_what_to_do(cast, play):
    point, other = play.point(), play.point()
    relay = play.relay(point)
    high = play.relay(play.point(supply_class="HV"), desired_date=date(2026, 5, 15))
    tasks = {(task.kind, task.supply_class): task for task in inbox.tasks_of(cast["umi.relay"], now=NOW)}
    assert tasks["relays.judge", "LV"].count == 1 and tasks["relays.judge", "LV"].due_at == relay.due_at
    assert tasks["relays.judge", "HV"].due_at == high.due_at
    assert not inbox.tasks_of(cast["yama.relay"], now=NOW)
    relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=NOW)
    [task] = inbox.tasks_of(cast["sora.application"], now=NOW)
    assert (task.kind, task.count) == ("applications.file_start", 1)
    assert task.due_at.date() == date(2026, 4, 14), "the matching cut-off"
    play.start(point)
    assert inbox.tasks_of(cast["sora.application"], now=NOW) == [task], "a start of nobody's relay does not count"
    applications.cancel(
        application_id=Application.objects.get(kind="switch_start").pk, by=cast["sora.application"], now=NOW
    )
    play.start(point, relay=relay)
    assert not inbox.tasks_of(cast["sora.application"], now=NOW)
    play.rejected(other, 2)
    assert [task.kind for task in inbox.tasks_of(cast["sora.relay"], now=NOW)] == ["relays.rejected"]
    play.relay(other)
    assert not inbox.tasks_of(cast["sora.relay"], now=NOW), "a new relay answers the rejection"


def test_each_task_costs_one_query(cast, play):
    play.accepted(play.point())
    user = cast["sora.application"]
    inbox.tasks_of(user, now=NOW)
    with CaptureQueriesContext(connection) as queries:
        inbox.tasks_of(user, now=NOW)
    # File a start; supply that begins soon; what the queue refused; files that wait for confirmation.
    assert len([query for query in queries if "switching_" in query["sql"]]) == 4


def test_the_published_rules_are_those_of_the_check(cast):
    page = said(english(client_of(cast["kaze.viewer"])).get("/identity-check/"))
    assert "full and half width" in page and "old form of a character" in page


def test_hints_stay_beside_the_fields_after_an_error(cast, play, sora):
    play.policy(number_pattern=r"U\d{8}", number_hint="U and 8 digits", number_sample="U-12345678")
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    page = said(english(sora).post(way, {**entries(cast, point, holder_kana=""), "check": "1"}))
    assert "U and 8 digits Sample: U-12345678" in page and "From 2026-04-04 (Sat) to 2026-09-28 (Mon)" in page


def test_a_tab_is_a_place_and_not_a_filter(cast, play, sora):
    page = said(english(sora).get("/relays/?tab=sent"))
    assert "No relay sent yet" in page and "Show all" not in page
    page = sora.get("/relays/?tab=sent&state=04")
    assert "No row fits the filter" in said(page) and 'href="?tab=sent"' in page.content.decode()
