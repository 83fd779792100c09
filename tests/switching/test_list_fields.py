"""What the lists of cases hold: every field in the CSV, nothing private on the page, each class under its mark."""

from datetime import timedelta

import pytest

from metering import supply
from switching import matching, relays
from tests.cast import NOW, client_of
from tests.portal.test_lists import rows_of
from tests.portal.test_saved_views import heads
from tests.switching.cases import DESIRED, HOLDER
from tests.switching.paging import inquire, said

MARKS = {"LV": "class-mark-lv", "HV": "class-mark-hv", "FIT": "class-mark-fit"}


pytestmark = pytest.mark.usefixtures("clock")


def csv_of(client, way):
    head, *rows = rows_of(client.get(way))
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_the_csv_of_relays_tells_when_each_move_was_made_and_every_reason_by_code_and_word(cast, play):
    relay = play.relay(play.point())
    play.start(relay.point, relay=relay)
    relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=NOW + timedelta(minutes=5))
    matching.match_waiting(now=NOW + timedelta(minutes=9))
    play.rejected(play.point(), 2, 9, text="読めません")
    refused, matched = csv_of(client_of(cast["sora.relay"]), "/relays/?tab=sent&format=csv")
    assert matched["「承諾」の日時"] == "2026-04-01 10:05:00+09:00"
    assert matched["「マッチング済」の日時"] == "2026-04-01 10:09:00+09:00"
    assert matched["「取下げ」の日時"] == "" and matched["廃止取次"] == relay.number
    assert refused["「否認」の日時"] == "2026-04-01 10:00:00+09:00"
    assert refused["理由コード"] == "2 9" and "読めません" in refused["理由"]


def test_the_csv_of_applications_tells_when_each_move_was_made_and_what_hinders(cast, play):
    point = play.point()
    relay = play.accepted(point)
    play.start(point, relay=relay)
    matching.match_waiting(now=NOW + timedelta(minutes=1))
    [start] = csv_of(client_of(cast["sora.application"]), "/applications/?format=csv")
    assert start["「マッチング済」の日時"] == "2026-04-01 10:01:00+09:00"
    assert start["廃止取次"] == relay.number and start["エラー内容"] == ""
    supply.terminate({point.pk: DESIRED - timedelta(days=3)}, cause="moved out", now=NOW)
    matching.hand_over_due(now=NOW + timedelta(days=14))
    [start] = csv_of(client_of(cast["sora.application"]), "/applications/?format=csv")
    assert "切替ができませんでした" in start["エラー内容"]


def test_what_the_customer_told_stands_in_the_csv_alone_whatever_columns_are_asked_for(cast, play):
    play.relay(play.point())
    page = client_of(cast["sora.relay"]).get("/relays/?tab=sent&cols=number,holder_name,contract_number,registered_by")
    assert (
        len(heads(page)) == 2
        and HOLDER not in page.content.decode()
        and 'value="holder_name"' not in page.content.decode()
    )
    shown = client_of(cast["sora.relay"]).get("/relays/?tab=sent&cols=number,holder_name&format=csv-shown")
    assert rows_of(shown)[0] == ["廃止取次"]


@pytest.mark.parametrize("supply_class", MARKS)
def test_every_list_and_page_of_a_class_bears_its_mark_and_no_other(cast, play, supply_class):
    point = play.point(supply_class=supply_class)
    relay = play.accepted(point)
    start = play.start(point, relay=relay)
    waiting = play.relay(play.point(supply_class=supply_class))
    own = play.point(supply_class=supply_class)
    inquiry = inquire(cast, waiting.point)
    pages = {
        "sora.relay": [
            "/relays/?tab=sent",
            f"/relays/{relay.number}/",
            f"/relays/{relay.number}/withdrawal/",
            f"/relays/new/?inquiry={inquiry.pk}",
            f"/disclosures/new/?inquiry={inquiry.pk}",
            f"/disclosures/{relay.disclosure_id}/",
        ],
        "umi.relay": ["/relays/", "/relays/?tab=received", f"/relays/{waiting.number}/judgement/"],
        "sora.application": [
            "/applications/",
            f"/applications/{start.number}/",
            f"/applications/{start.number}/cancellation/",
            f"/applications/new/switch-start/?relay={waiting.number}",
            f"/applications/new/switch-start/?inquiry={inquiry.pk}",
        ],
        "kaze.application": ["/applications/", f"/applications/{start.number}/"],
        "umi.viewer": [f"/supply-points/?supply_class={supply_class}", f"/supply-points/{own.number}/"],
        "sora.inquiry": [
            "/facility-inquiries/",
            f"/facility-inquiries/{inquiry.pk}/",
            f"/facility-inquiries/new/{supply_class.lower()}/",
        ],
    }
    for who, ways in pages.items():
        client = client_of(cast[who])
        for way in ways:
            text = client.get(way).content.decode()
            assert MARKS[supply_class] in text, way
            others = [mark for name, mark in MARKS.items() if name != supply_class and mark in text]
            assert not others, (way, others)
            is_list = "data-list-rows" in text
            assert is_list or f"class-band-{supply_class.lower()}" in text, f"{way} has no band"
            words = said(client.get(way))
            assert {"LV": "低圧", "HV": "高圧", "FIT": "低圧FIT"}[supply_class] in words, way
