"""The room in the operator's workbench: what is looked at leaves a trace, what is changed goes through the verbs."""

from datetime import timedelta

import pytest

from metering import supply
from portal import inbox
from portal.models import LedgerEntry, Notice
from switching import matching, relays
from switching.models import DisclosureVersion, Match, RetailerPolicy
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED, HOLDER
from tests.switching.paging import said
from tests.switching.test_relay_pages import english

WORKBENCH = "/workbench/switching"
AFTER = NOW + timedelta(days=14)


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def operator(cast):
    return english(client_of(cast["hub.operator"]))


@pytest.fixture
def stuck(play):
    """A match whose point lost its supplier before the switch date."""
    point = play.point()
    play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=NOW)
    supply.terminate({point.pk: DESIRED - timedelta(days=5)}, cause="moved out", now=NOW)
    matching.hand_over_due(now=AFTER)
    return Match.objects.get(point=point)


def test_every_table_opens_and_no_list_shows_the_customer(cast, play, operator, stuck):
    relay = play.relay(play.point())
    for table in ("relay", "application", "match", "disclosure", "disclosureversion", "retailerpolicy", "step"):
        page = operator.get(f"{WORKBENCH}/{table}/")
        assert page.status_code == 200 and HOLDER not in page.content.decode(), table
    assert relay.number in said(operator.get(f"{WORKBENCH}/relay/?q={relay.number}"))


def test_opening_a_case_leaves_a_read_in_the_ledger(cast, play, operator):
    relay = play.relay(play.point())
    start = play.start(relay.point, relay=relay)
    for table, case in (("relay", relay), ("application", start)):
        page = operator.get(f"{WORKBENCH}/{table}/{case.pk}/change/")
        assert page.status_code == 200 and HOLDER in said(page)
        [read] = LedgerEntry.objects.filter(action=f"{table}.read", subject=f"{table} {case.number}")
        assert read.user == cast["hub.operator"] and read.purpose == "operator's workbench"


def test_a_relay_is_not_changed_by_hand(cast, play, operator):
    relay = play.relay(play.point())
    assert operator.post(f"{WORKBENCH}/relay/{relay.pk}/change/", {"state": "02"}).status_code == 403
    assert operator.post(f"{WORKBENCH}/relay/{relay.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operator.get(f"{WORKBENCH}/relay/add/").status_code == 403
    relay.refresh_from_db()
    assert relay.state == "01"


def test_a_stuck_match_is_told_found_and_tried_again(cast, operator, stuck):
    [task] = [task for task in inbox.tasks_of(cast["hub.operator"], now=AFTER) if task.kind == "matches.stuck"]
    assert task.count == 1 and "1 match" in said(operator.get(task.link))
    answer = operator.post(task.link, {"action": "try_again", "_selected_action": [stuck.pk]}, follow=True)
    assert "1 match is tried again" in said(answer)
    stuck.refresh_from_db()
    assert stuck.stuck_because == ""
    [row] = LedgerEntry.objects.filter(action="match.try_again")
    assert row.user == cast["hub.operator"] and row.detail["point"] == stuck.point.number


def test_an_auditor_may_look_and_not_try_again(cast, stuck):
    auditor = client_of(cast["hub.auditor"])
    assert auditor.get(f"{WORKBENCH}/match/").status_code == 200
    auditor.post(f"{WORKBENCH}/match/", {"action": "try_again", "_selected_action": [stuck.pk]})
    stuck.refresh_from_db()
    assert stuck.stuck_because


def test_a_list_of_disadvantages_is_published_and_never_changed(cast, operator):
    lines = "charge | 違約金 | A charge\n\nmenu | 再加入不可 | No way back"
    answer = operator.post(f"{WORKBENCH}/disclosureversion/add/", {"valid_from": "2026-04-01", "items": lines})
    assert answer.status_code == 302
    version = DisclosureVersion.objects.get()
    assert list(version.items.values_list("code", "text_en")) == [("charge", "A charge"), ("menu", "No way back")]
    assert LedgerEntry.objects.filter(action="disclosure_version.publish", user=cast["hub.operator"]).exists()
    page = operator.get(f"{WORKBENCH}/disclosureversion/{version.pk}/change/")
    assert page.status_code == 200 and "A charge" in said(page)
    changed = operator.post(f"{WORKBENCH}/disclosureversion/{version.pk}/change/", {"valid_from": "2026-05-01"})
    assert changed.status_code == 403


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("charge | 違約金", "Line 1 does not have three parts"),
        ("a | b | c\nbad code! | b | c", "Line 2: a code has at most 40"),
        ("a | b | c\na | b | c", "Line 2: this code stands above already"),
        (f"a | {'あ' * 301} | c", "Line 1: a text has at most 300"),
        ("\n \n", "at least one item"),
    ],
)
def test_each_mistake_in_a_list_gets_its_sentence(operator, lines, words):
    page = operator.post(f"{WORKBENCH}/disclosureversion/add/", {"valid_from": "2026-04-01", "items": lines})
    assert page.status_code == 200 and not DisclosureVersion.objects.exists()
    assert words in said(page) or (words == "at least one item" and "required" in said(page))


def test_a_policy_is_laid_down_through_the_verb_and_a_bad_pattern_is_a_sentence(cast, operator):
    entries = {"retailer": cast.umi.pk, "number_hint": "U", "number_separators": "- ", "filing": "one_click"}
    way = f"{WORKBENCH}/retailerpolicy/add/"
    for pattern, sample, words in (
        ("U(", "", "no regular expression"),
        (r"(?=U)U\d+", "", "no look-around"),
        (r"U\d{8}", "X1", "The sample X1 does not follow"),
    ):
        page = operator.post(way, {**entries, "number_pattern": pattern, "number_sample": sample})
        assert page.status_code == 200 and words in said(page)
    assert not RetailerPolicy.objects.exists()
    good = {**entries, "number_pattern": r"U\d{8}", "number_sample": "U-12345678"}
    assert operator.post(way, good).status_code == 302
    assert LedgerEntry.objects.filter(action="retailer_policy.lay_down", user=cast["hub.operator"]).count() == 1
    change = f"{WORKBENCH}/retailerpolicy/{cast.umi.pk}/change/"
    assert operator.post(change, {**good, "auto_accept": "on"}).status_code == 302
    assert RetailerPolicy.objects.get().auto_accept
    assert LedgerEntry.objects.filter(action="retailer_policy.lay_down").count() == 2


def test_an_expired_relay_is_escalated_to_people_who_can_open_it(cast, play, operator):
    relay = play.relay(play.point())
    relays.expire_overdue(now=NOW + timedelta(days=7))
    [notice] = Notice.objects.visible_to(cast["hub.operator"]).filter(kind="relay_expired")
    assert relay.number in said(operator.get(notice.link))
