"""Check without filing: the same answer as the deed would get, and no trace of it but the asker's own ledger row."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import connection

from portal.models import LedgerEntry
from switching import applications, matching, relays
from switching.models import Application, Relay
from switching.relays import Verdict
from switching.sentences import sentence
from tests.cast import NOW, client_of
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA
from tests.switching.paging import entries, inquire, said
from tests.switching.test_relay_pages import english

KEPT_FOR_ONESELF = {"portal_ledgerentry", "portal_unsealedentry", "django_session", "portal_signin"}
START = {
    "desired_date": "2026-04-15",
    "meter_work": "no",
    "contract_number": "S-1",
    "holder_name": HOLDER,
    "holder_kana": KANA,
    "holder_address": ADDRESS,
}
FINE, WRONG = "It can be filed", "It cannot be filed"


pytestmark = pytest.mark.usefixtures("clock")


def everything() -> dict[str, Any]:
    """Every row of every table of the product except what is the asker's own, and the numbers issued so far."""
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} - KEPT_FOR_ONESELF)
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{table}\" t")
            found[table] = cursor.fetchone()
        cursor.execute("SELECT last_value, is_called FROM switching_case_number")
        found["numbers"] = cursor.fetchone()
    return found


def leaves_no_trace(deed: Callable[[], Any]) -> Any:
    before = everything()
    answer = deed()
    after = everything()
    assert after == before, [table for table in before if before[table] != after[table]]
    return answer


def test_a_relay_is_checked_and_neither_registered_nor_told(cast, play):
    point = play.point()
    play.disclosure(point)
    way, wanted = f"/relays/new/?inquiry={inquire(cast, point).pk}", entries(cast, point)
    client = english(client_of(cast["sora.relay"]))
    page = leaves_no_trace(lambda: client.post(way, {**wanted, "only_check": "1"}))
    assert page.status_code == 200 and FINE in said(page) and "Your switch start must stand by" in said(page)
    assert wanted["contract_number"] in page.content.decode(), "the entries stay"
    [row] = LedgerEntry.objects.filter(action="checked without filing")
    assert row.company == cast.sora and row.subject == f"check of supply point {point.number}"
    assert row.detail == {"deed": "relay.register", "possible": True}
    assert client.post(way, {**wanted, "confirmed": "1"}).status_code == 302 and Relay.objects.count() == 1


def test_a_check_with_everything_in_the_form_is_stronger_than_its_confirmation(cast, play):
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    answer = english(client_of(cast["sora.relay"])).post(
        way, {**entries(cast, point), "only_check": "1", "confirmed": "1"}
    )
    assert FINE in said(answer) and not Relay.objects.exists()


def test_a_refused_check_of_a_relay_says_why_at_its_field_and_above(cast, play):
    point = play.point()
    play.disclosure(point)
    wanted = entries(cast, point, desired_date="2026-04-02")
    client = english(client_of(cast["sora.relay"]))
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    page = leaves_no_trace(lambda: client.post(way, {**wanted, "only_check": "1"}))
    assert page.status_code == 422 and WRONG in said(page) and said(page).count("must lie between 2026-04-04") >= 2
    assert LedgerEntry.objects.get(action="checked without filing").detail["refusal"] == "DateNotPossible"


def test_an_incomplete_form_is_not_asked_of_the_rules(cast, play):
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    page = english(client_of(cast["sora.relay"])).post(way, {**entries(cast, point, holder_name=""), "only_check": "1"})
    assert page.status_code == 422 and FINE not in said(page) and WRONG not in said(page)


def test_a_check_never_compares_the_customers_data_even_where_a_retailer_accepts_by_itself(cast, play):
    play.policy(auto_accept=True)
    point = play.point()
    play.disclosure(point)
    client = english(client_of(cast["sora.relay"]))
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    right = said(client.post(way, {**entries(cast, point), "only_check": "1"}))
    wrong = said(client.post(way, {**entries(cast, point, contract_number="U-0"), "only_check": "1"}))
    assert right == wrong


def test_a_switch_start_is_checked_and_not_filed(cast, play):
    point = play.point()
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, point).pk}"
    client = english(client_of(cast["sora.application"]))
    page = leaves_no_trace(lambda: client.post(way, {**START, "only_check": "1"}))
    assert page.status_code == 200 and FINE in said(page) and "2026-04-14" in said(page)
    page = leaves_no_trace(lambda: client.post(way, {**START, "desired_date": "2026-04-02", "only_check": "1"}))
    assert page.status_code == 422 and WRONG in said(page)
    assert client.post(way, {**START, "confirmed": "1"}).status_code == 302


@pytest.mark.parametrize("verdict", ["accept", "reject"])
def test_a_judgement_is_checked_and_the_other_side_learns_nothing(cast, play, verdict):
    relay = play.relay(play.point())
    client = english(client_of(cast["umi.relay"]))
    data = {"only_check": verdict, "reasons": ["2"]}
    client.get(f"/relays/{relay.number}/judgement/")  # from here on it has been seen
    page = leaves_no_trace(lambda: client.post(f"/relays/{relay.number}/judgement/", data))
    assert page.status_code == 200 and FINE in said(page)
    relay.refresh_from_db()
    assert relay.state == "01"
    row = LedgerEntry.objects.get(action="checked without filing")
    assert row.company == cast.umi and row.subject == f"check of relay {relay.number}"


def test_a_checked_acceptance_after_the_cut_off_is_refused_like_the_deed(cast, play):
    relay = play.relay(play.point())
    Relay.objects.filter(pk=relay.pk).update(desired_date=NOW.date())
    client = english(client_of(cast["umi.relay"]))
    client.get(f"/relays/{relay.number}/judgement/")  # from here on it has been seen
    page = leaves_no_trace(lambda: client.post(f"/relays/{relay.number}/judgement/", {"only_check": "accept"}))
    assert WRONG in said(page) and "The matching cut-off of the desired date has passed" in said(page)
    with pytest.raises(relays.TooLate):
        relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast["umi.relay"], now=NOW)


def test_a_checked_rejection_without_a_reason_says_what_lacks(cast, play):
    relay = play.relay(play.point())
    client = english(client_of(cast["umi.relay"]))
    page = client.post(f"/relays/{relay.number}/judgement/", {"only_check": "reject", "reasons": ["9"]})
    assert page.status_code == 422 and "please say in words which" in said(page)


def test_a_withdrawal_is_checked_and_nothing_ends(cast, play):
    relay = play.relay(play.point())
    start = play.start(relay.point, relay=relay)
    client = english(client_of(cast["sora.relay"]))
    page = leaves_no_trace(lambda: client.post(f"/relays/{relay.number}/withdrawal/", {"only_check": "1"}))
    assert FINE in said(page)
    start.refresh_from_db()
    assert start.state == "waiting"


def test_a_cancellation_is_checked_and_the_start_still_waits(cast, play):
    start = play.start(play.point())
    client = english(client_of(cast["sora.application"]))
    page = leaves_no_trace(lambda: client.post(f"/applications/{start.number}/cancellation/", {"only_check": "1"}))
    assert FINE in said(page)


def test_completed_paperwork_is_checked_and_not_reported(cast, play):
    point = play.point()
    start = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=NOW)
    after = NOW + (DESIRED - NOW.date()) + timedelta(hours=1)
    matching.hand_over_due(now=after)
    with time_machine.travel(after, tick=False):
        client = english(client_of(cast["kaze.application"]))
        page = leaves_no_trace(lambda: client.post(f"/applications/{start.number}/completion/", {"only_check": "1"}))
    assert FINE in said(page) and Application.objects.get(pk=start.pk).state == "in_effect"


def every_way_to_ask(cast, relay: Relay, start: Application) -> dict[str, Callable[[bool], Any]]:
    """The verbs with a dry run, on one relay and one start."""
    sora, umi, kaze = cast["sora.relay"], cast["umi.relay"], cast["kaze.application"]
    clerk = cast["sora.application"]
    return {
        "accept": lambda dry: relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=umi, now=NOW, dry_run=dry),
        "reject": lambda dry: relays.judge(
            relay_id=relay.pk, verdict=Verdict.REJECT, reasons=[2], by=umi, now=NOW, dry_run=dry
        ),
        "withdraw": lambda dry: relays.withdraw(relay_id=relay.pk, by=sora, now=NOW, dry_run=dry),
        "cancel": lambda dry: applications.cancel(application_id=start.pk, by=clerk, now=NOW, dry_run=dry),
        "complete": lambda dry: applications.complete(application_id=start.pk, by=kaze, now=NOW, dry_run=dry),
    }


STANDS: dict[str, Callable[[Any, Relay], None]] = {
    "waiting": lambda cast, relay: None,
    "accepted": lambda cast, relay: relays.judge(
        relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast["umi.relay"], now=NOW
    ),
    "rejected": lambda cast, relay: relays.judge(
        relay_id=relay.pk, verdict=Verdict.REJECT, reasons=[3], by=cast["umi.relay"], now=NOW
    ),
    "withdrawn": lambda cast, relay: relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=NOW),
}


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("stand", STANDS)
@pytest.mark.parametrize("deed", ["accept", "reject", "withdraw", "cancel", "complete"])
def test_the_check_answers_as_the_deed_does(cast, play, stand, deed, matched):
    relay = play.relay(play.point())
    start = play.start(relay.point, relay=relay)
    STANDS[stand](cast, relay)
    if matched:
        matching.match_waiting(now=NOW)

    ask = every_way_to_ask(cast, relay, start)[deed]

    def answer(dry: bool) -> str:
        try:
            ask(dry)
        except (relays.NotPossible, applications.NotPossible) as refusal:
            return sentence(refusal)
        return "possible"

    checked = leaves_no_trace(lambda: answer(True))
    assert checked == answer(False)
