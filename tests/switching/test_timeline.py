"""One timeline per case: everything in order, told as one company may know it; a sheet of paper of it."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from switching import matching, relays
from switching.models import Application, Cancellation, MeterWork, NetworkAnswer, RelayMessage, Revision
from switching.views import timeline
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED, HOLDER
from tests.switching.paging import said
from tests.switching.test_relay_pages import english
from tests.switching.undoings import Undo

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW + 30 * MINUTE, tick=False):
        yield


@pytest.fixture
def switch(cast, play):
    """A relay asked about, accepted and matched with its start; work planned at the meter."""
    relay = play.relay(play.point())
    RelayMessage.objects.create(
        relay=relay, company=cast.umi, topic="ask_will", text="お願いします", at=NOW + MINUTE, by=cast["umi.relay"]
    )
    start = play.start(relay.point, relay=relay, now=NOW + 2 * MINUTE)
    relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=NOW + 3 * MINUTE)
    matching.match_waiting(now=NOW + 4 * MINUTE)
    kaze = cast["kaze.application"]
    NetworkAnswer.objects.create(application=start, verdict="accept", codes=["A02"], at=NOW + 5 * MINUTE, by=kaze)
    MeterWork.objects.create(
        point=relay.point,
        application=start,
        kind="ampere",
        planned_on=date(2026, 4, 14),
        planned_at=NOW + 6 * MINUTE,
        planned_by=kaze,
        done_on=date(2026, 4, 14),
        reported_at=NOW + 9 * MINUTE,
        reported_by=kaze,
    )
    Cancellation.objects.create(
        application=start, reason="熟慮期間", requested_at=NOW + 7 * MINUTE, requested_by=cast["sora.application"]
    )
    number = start.revisions.count() + 1
    Revision.objects.create(
        application=start,
        number=number,
        act="corrected",
        entries={},
        reason="誤記",
        at=NOW + 8 * MINUTE,
        by=cast["sora.application"],
    )
    return relay, start


def told(cases, reader):
    return [(event.words, event.who) for event in timeline.of(cases, reader=reader) if not event.is_notice]


def test_everything_stands_in_one_order_with_who_when_and_what(cast, switch):
    relay, start = switch
    events = timeline.of([relay, start], reader=cast["sora.application"])
    assert [event.at for event in events] == sorted(event.at for event in events)
    words = told([relay, start], cast["sora.application"])
    assert words[0][0] == "登録"
    assert [who for _words, who in words][:2] == [cast["sora.relay"].name, "海エナジー"]
    assert any("誤記" in text and who == cast["sora.application"].name for text, who in words)
    assert any("計器工事を予定" in text and who == "風送配電" for text, who in words)
    assert any("計器工事を実施" in text for text, _who in words)
    assert any("A02" in text and who == "風送配電" for text, who in words)
    assert any("熟慮期間" in text for text, _who in words)
    assert any("お願いします" in text for text, _who in words)
    assert any(text.startswith("マッチング済") and who == "システム" for text, who in words)


def test_people_of_the_other_side_are_never_named(cast, switch):
    relay, start = switch
    [termination] = Application.objects.filter(kind="switch_termination")
    for reader, own in (("umi.relay", termination), ("kaze.application", start)):
        cases = [relay, own] if reader == "umi.relay" else [start, termination]
        for _words, who in told(cases, cast[reader]):
            for stranger in ("sora.relay", "sora.application"):
                assert cast[stranger].name not in who
    for _words, who in told([relay, start], cast["sora.relay"]):
        assert cast["umi.relay"].name not in who and cast["kaze.application"].name not in who


def test_the_losing_side_does_not_learn_of_the_start_s_own_matters(cast, switch):
    relay, start = switch
    page = said(client_of(cast["umi.relay"]).get(f"/relays/{relay.number}/"))
    assert start.number not in page and "誤記" not in page and "熟慮期間" not in page and "計器工事" not in page


def test_notices_of_the_own_company_alone_stand_in_it(cast, switch):
    relay, start = switch
    for reader in ("sora.relay", "umi.relay"):
        events = [event for event in timeline.of([relay], reader=cast[reader]) if event.is_notice]
        own = cast[reader].company.notices.filter(subject=relay.number)
        assert len(events) == own.count() > 0
    assert not [e for e in timeline.of([relay], reader=cast["sora.viewer"]) if e.is_notice], "they concern the role"
    assert start


def test_the_network_operator_sees_both_applications_of_a_switch_and_no_relay(cast, switch):
    relay, start = switch
    [termination] = Application.objects.filter(kind="switch_termination")
    page = said(client_of(cast["kaze.application"]).get(f"/applications/{start.number}/"))
    assert termination.number in page and relay.number not in page


def test_a_case_costs_the_same_however_much_happened(cast, play):
    client = client_of(cast["umi.relay"])
    quiet, busy = play.relay(play.point()), play.relay(play.point())
    for number in range(5):
        RelayMessage.objects.create(
            relay=busy, company=cast.umi, topic="ask_will", text=str(number), at=NOW, by=cast["umi.relay"]
        )

    def cost(relay) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/relays/{relay.number}/").status_code == 200
        return len(queries)

    for relay in (quiet, busy):
        cost(relay)  # the first look is noted
    assert cost(quiet) == cost(busy)


@pytest.mark.parametrize("reader", ["sora", "umi"])
def test_the_sheet_of_paper_says_what_the_page_says_without_menu_and_buttons(cast, switch, reader):
    relay, start = switch
    client = english(client_of(cast[f"{reader}.relay"]))
    assert "?print=1" in client.get(f"/relays/{relay.number}/").content.decode()
    raw = client.get(f"/relays/{relay.number}/?print=1").content.decode()
    assert "class-mark-lv" in raw and "<nav" not in raw and "<button" not in raw and "<form" not in raw
    words = said(client.get(f"/relays/{relay.number}/?print=1"))
    assert relay.number in words and "Printed" in words and (HOLDER in words) == (reader == "sora")
    assert (start.number in words) == (reader == "sora")
    page = english(client_of(cast["sora.application"])).get(f"/applications/{start.number}/?print=1")
    assert DESIRED.isoformat() in said(page) and "<nav" not in page.content.decode()
    assert client_of(cast["yama.relay"]).get(f"/relays/{relay.number}/?print=1").status_code == 404


def test_an_undoing_has_its_timeline_too_and_names_the_own_people_alone(cast, play):
    case = Undo(play).cool_off(Undo(play).matched())
    client = client_of(cast["sora.relay"])
    page = client.get(reverse("switching:undo-case", args=[case.number]))
    assert cast["sora.relay"].name in said(page) and "timeline" in page.content.decode()
    assert timeline.of([case], reader=cast["sora.relay"])[0].number == case.number
    for _words, who in told([case], cast["kaze.application"]):
        assert cast["sora.relay"].name not in who
