"""The pages of applications for both retailers and the network operator."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal import inbox
from portal.models import LedgerEntry
from switching import answers, applications, matching
from switching.models import Application
from tests.cast import NOW, client_of
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA
from tests.switching.paging import inquire, said
from tests.switching.test_relay_pages import english

AFTER = NOW + timedelta(days=14)  # the desired date, 10:00
START = {
    "desired_date": "2026-04-15",
    "meter_work": "no",
    "contract_number": "S-1",
    "holder_name": HOLDER,
    "holder_kana": KANA,
    "holder_address": ADDRESS,
}


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def pair(play):
    """A start and its termination, matched and frozen."""
    point = play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay)
    matching.match_waiting(now=NOW)
    return start, Application.objects.get(kind="switch_termination", point=point)


def test_a_clerk_without_the_relay_role_files_from_an_inquiry_and_the_hub_ties_the_relay(cast, play):
    point = play.point()
    relay = play.relay(point)
    client = client_of(cast["sora.application"])
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, point).pk}"
    page = client.get(way)
    assert page.status_code == 200 and HOLDER not in page.content.decode(), "relay data is for the relay role only"
    page = client.get(f"/applications/new/switch-start/?relay={relay.number}")
    assert page.status_code == 200 and HOLDER not in page.content.decode()
    assert client.post(way, START).status_code == 200 and not Application.objects.exists()
    answer = client.post(way, {**START, "confirmed": "1"})
    start = Application.objects.get()
    assert answer.url == f"/applications/{start.number}/" and start.relay == relay
    page = client.get(answer.url)
    assert relay.number in said(page) and f"/relays/{relay.number}/" not in page.content.decode()


def test_the_way_in_offers_relays_without_a_start(cast, play):
    bare, started = play.relay(play.point()), play.relay(play.point())
    foreign = play.relay(play.point(), who="yama")
    play.start(started.point, relay=started)
    page = said(client_of(cast["sora.application"]).get("/applications/new/switch-start/"))
    assert bare.number in page and started.number not in page and foreign.number not in page


def test_a_second_click_does_not_file_twice(cast, play):
    point = play.point()
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, point).pk}"
    client = english(client_of(cast["sora.application"]))
    assert client.post(way, {**START, "confirmed": "1"}).status_code == 302
    page = client.post(way, {**START, "confirmed": "1"})
    assert page.status_code == 422 and Application.objects.count() == 1
    assert "An application of this kind is open" in said(page) and Application.objects.get().number in said(page)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"desired_date": "2026-04-16"}, "The cancellation relay does not fit"),
        ({"desired_date": "2026-04-02"}, "The cancellation relay does not fit"),
        ({"desired_date": "x"}, "no day of the calendar"),
        ({"meter_work": "maybe"}, "maybe"),
        ({"contract_number": ""}, "your company's number for the new contract"),
        ({"contract_number": "\x00\u200b"}, "your company's number for the new contract"),
        ({"contract_number": "9" * 1000}, "40"),
        ({"holder_name": "\x01"}, "Please enter the contract holder's name"),
        ({"holder_address": "あ" * 1000}, "250"),
    ],
)
def test_each_wrong_entry_of_a_start_gets_its_sentence(cast, play, changes, words):
    relay = play.relay(play.point())
    page = english(client_of(cast["sora.application"])).post(
        f"/applications/new/switch-start/?relay={relay.number}", {**START, **changes}
    )
    assert page.status_code == 422 and words in said(page) and not Application.objects.exists()


def test_meter_work_moves_the_earliest_day(cast, play):
    point = play.point()
    client = english(client_of(cast["sora.application"]))
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, point).pk}"
    page = client.post(way, {**START, "desired_date": "2026-04-06", "meter_work": "yes"})
    assert page.status_code == 422 and "must lie between 2026-04-15" in said(page)


def test_wrong_addresses_are_absent(cast, play):
    foreign = play.relay(play.point(), who="yama")
    client = client_of(cast["sora.application"])
    for way in (
        "/applications/A0000000000/",
        "/applications/A%00/",
        "/applications/new/switch-start/?relay=R0000000000",
        "/applications/new/switch-start/?relay=%00",
        f"/applications/new/switch-start/?relay={foreign.number}",
        "/applications/new/switch-start/?inquiry=-1",
    ):
        assert client.get(way).status_code == 404, way
    for query in ("q=%00", "q=" + "x" * 1000, "kind=x", "switch_min=0001-01-01", "switch_max=9999-12-31"):
        assert client.get(f"/applications/?{query}").status_code == 200


def test_a_waiting_start_is_cancelled_after_a_page_that_asks(cast, play):
    start = play.start(play.point())
    client = english(client_of(cast["sora.application"]))
    way = f"/applications/{start.number}/cancellation/"
    assert client.get(way).status_code == 200 and client.post(way).status_code == 200
    start.refresh_from_db()
    assert start.state == "waiting"
    assert client.post(way, {"confirmed": "1"}).url == f"/applications/{start.number}/"
    start.refresh_from_db()
    assert start.state == "cancelled"
    assert "it is now “cancelled”" in said(client.post(way, {"confirmed": "1"}, follow=True))


def test_a_matched_start_is_frozen_and_says_so(cast, pair):
    start, _termination = pair
    client = english(client_of(cast["sora.application"]))
    page = client.post(f"/applications/{start.number}/cancellation/", {"confirmed": "1"}, follow=True)
    assert "a matched pair is frozen for both sides" in said(page)
    start.refresh_from_db()
    assert start.state == "matched"


def test_a_termination_is_not_cancelled_alone(cast, pair):
    _start, termination = pair
    assert (
        client_of(cast["umi.application"]).get(f"/applications/{termination.number}/cancellation/").status_code == 404
    )


def test_supply_started_and_paperwork_completed_are_two_dated_facts(cast, pair):
    start, _termination = pair
    matching.hand_over_due(now=AFTER)
    with time_machine.travel(AFTER, tick=False):
        kaze, sora = english(client_of(cast["kaze.application"])), english(client_of(cast["sora.viewer"]))
        page = said(sora.get(f"/applications/{start.number}/"))
        assert "Supply started on 2026-04-15" in page and "Paperwork completed at not yet" in page
        assert "The network operator's turn" in page
        way = f"/applications/{start.number}/completion/"
        assert kaze.get(way).status_code == 200 and kaze.post(way).status_code == 200
        assert kaze.post(way, {"confirmed": "1"}).url == f"/applications/{start.number}/"
    with time_machine.travel(AFTER + timedelta(hours=2), tick=False):
        kaze, sora = english(client_of(cast["kaze.application"])), english(client_of(cast["sora.viewer"]))
        page = said(sora.get(f"/applications/{start.number}/"))
        assert "Supply started on 2026-04-15" in page and "Paperwork completed at 2026-04-15" in page
        again = said(kaze.post(way, {"confirmed": "1"}, follow=True))
        assert "it is now “completed”" in again
    assert client_of(cast["sora.application"]).get(way).status_code == 404


def test_a_moved_switch_date_says_why(cast, play):
    """With meter work the lead time from the day of the match no longer reaches the desired date."""
    point = play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay, meter_work=True)
    answers.accept(application_id=start.pk, by=cast["kaze.application"], now=NOW)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        matching.match_waiting(now=NOW + timedelta(days=1))
        page = said(english(client_of(cast["sora.application"])).get(f"/applications/{start.number}/"))
    start.refresh_from_db()
    assert start.match.switch_date > DESIRED
    assert "Moved from the desired date 2026-04-15" in page and f"Switch date {start.match.switch_date}" in page


def test_the_network_operator_sees_the_application_and_not_the_relay(cast, pair):
    start, termination = pair
    client = client_of(cast["kaze.application"])
    page = client.get(f"/applications/{start.number}/")
    assert HOLDER in said(page) and start.relay.number not in page.content.decode()
    assert LedgerEntry.objects.filter(action="application.read", subject=f"application {start.number}").count() == 1
    page = client.get(f"/applications/{termination.number}/")
    assert page.status_code == 200 and termination.relay.number not in page.content.decode()
    held = start.point.contracts.get(retailer=cast.umi).number
    assert held not in page.content.decode(), "the other company's contract is no part of an application"
    assert start.relay.number not in said(client.get("/applications/?format=csv"))


def test_the_losing_retailer_s_list_does_not_tell_who_is_about_to_leave(cast, pair):
    start, termination = pair
    client = client_of(cast["umi.application"])
    for way in ("/applications/", "/applications/?format=csv"):
        words = said(client.get(way))
        assert termination.number in words and termination.point.number not in words.replace(" ", "")
        assert start.number not in words
    assert client.get(f"/applications/{start.number}/").status_code == 404
    matching.hand_over_due(now=AFTER)
    assert termination.point.number in said(client.get("/applications/?format=csv")), "afterwards it is history"


def test_the_csv_has_every_field(cast, pair):
    start, _termination = pair
    text = said(client_of(cast["sora.application"]).get("/applications/?format=csv"))
    for value in (start.number, start.point.number, "2026-04-15", "2026-04-14", start.relay.number, "空でんき", "風"):
        assert (value in text) == (value != "風")


@pytest.mark.parametrize("who", ["sora.viewer", "kaze.application"])
def test_the_list_costs_the_same_for_one_row_and_for_three(cast, play, who):
    client = client_of(cast[who])
    costs = []
    for more in (1, 2):
        for _ in range(more):
            point = play.point()
            play.start(point, relay=play.accepted(point))
            matching.match_waiting(now=NOW)
        client.get("/applications/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/applications/").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_inbox_tells_of_switches_near_and_of_open_paperwork(cast, pair):
    near = NOW + timedelta(days=10)
    kinds = lambda who, now: {task.kind: task for task in inbox.tasks_of(cast[who], now=now)}  # noqa: E731
    assert not kinds("sora.application", NOW), "fourteen days away"
    assert kinds("sora.application", near)["applications.soon"].due_at.date() == date(2026, 4, 15)
    assert kinds("umi.viewer", near)["applications.soon"].count == 1
    assert kinds("kaze.viewer", near)["applications.soon"].count == 1, "a switch is told once, not twice"
    matching.hand_over_due(now=AFTER)
    assert kinds("kaze.application", AFTER)["applications.complete"].count == 2
    assert not kinds("kaze.viewer", AFTER)
    applications.complete(application_id=pair[0].pk, by=cast["kaze.application"], now=AFTER)
    assert kinds("kaze.application", AFTER)["applications.complete"].count == 1


def test_an_inquiry_tells_kind_and_date_of_what_is_pending_and_nobody_s_name(cast, play):
    point = play.point()
    play.accepted(point)
    inquiry = inquire(cast, point, who="yama")
    assert inquiry.answer["pending"] == [{"kind": "switch_termination", "date": "2026-04-15"}]
