"""Undoing through the API: cooling-off, reversal, denial, a point about to go dark, a market exit; every refusal."""

from datetime import date, timedelta

import pytest

from portal.models import LedgerEntry
from portal.people import Hold
from switching import exits, frauds, matching
from switching.models import UndoCase
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW
from tests.switching.cases import Play
from tests.switching.undoings import AFTER, SWITCH_DAY, Undo, supplier

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def undo(cast):
    return Undo(Play(cast, NOW))


@pytest.fixture
def sora(cast):
    return calling.caller(cast, "sora", "relay", "application")


@pytest.fixture
def umi(cast):
    return calling.caller(cast, "umi", "relay", "application")


@pytest.fixture
def kaze(cast):
    return calling.caller(cast, "kaze", "application")


def at_relay(api, relay, what, body=None):
    return api.post(f"/relays/{relay.number}/{what}", body or {})


def opened(answer):
    made = good(answer, 201)
    assert answer["Location"] == f"/api/v1/undoing/{made['number']}"
    return made["number"]


# --- Cooling-off ----------------------------------------------------------------------------------------------------
def test_a_cooling_off_after_the_match_is_stopped_by_the_network_operator(cast, undo, sora, umi, kaze):
    relay = undo.matched()
    declared = {"declared_on": "2026-04-01", "papers_on": "2026-03-29", "text": "C-7"}
    assert good(at_relay(sora, relay, "cooling-off", {**declared, "dry_run": True}))["is_possible"]
    assert not UndoCase.objects.exists()
    number = opened(at_relay(sora, relay, "cooling-off", declared))
    case = good(kaze.get(f"/undoing/{number}"))
    assert (case["kind"], case["phase"], case["state"]) == ("cooling_off", "matched", "asked")
    assert case["waits_for_you"] and case["acts"] == ["answer"] and case["due_at"]
    assert good(sora.get(f"/undoing/{number}"))["acts"] == ["withdrawal"]
    [row] = good(kaze.get("/undoing?waits_for_you=true"))["items"]
    assert row["number"] == number and good(umi.get("/undoing?waits_for_you=true"))["items"] == []
    done = good(kaze.post(f"/undoing/{number}/answer", {"verdict": "agree"}))
    assert (done["state"], done["acts"]) == ("done", [])
    assert [word["word"] for word in good(umi.get(f"/undoing/{number}"))["words"]] == ["asked", "agreed"]
    assert supplier(relay.point, SWITCH_DAY) == cast.umi
    assert LedgerEntry.objects.filter(subject=f"undoing {number}", user__is_machine=True).exists()


def test_a_refused_stop_names_its_reason(undo, kaze):
    number = undo.cool_off(undo.matched()).number
    address = f"/undoing/{number}/answer"
    said = refused(kaze.post(address, {"verdict": "refuse"}), 422, "api.entries_wrong")
    assert said["errors"][0]["pointer"] == "/reason"
    refused(kaze.post(address, {"verdict": "refuse", "reason": "customer_wants"}), 422, "api.entries_wrong")
    other = refused(kaze.post(address, {"verdict": "refuse", "reason": "other"}), 422, "undoing.words_missing")
    assert other["errors"][0]["pointer"] == "/text"
    told = good(kaze.post(address, {"verdict": "refuse", "reason": "work_begun"}))["words"][-1]
    assert (told["word"], told["reason"], told["is_own"], told["company"]) == ("refused", "work_begun", True, "KAZE3")


def test_before_the_match_all_end_together_and_the_network_operator_hears_nothing_of_it(undo, sora, kaze):
    relay = undo.play.accepted(undo.play.point())
    number = opened(at_relay(sora, relay, "cooling-off", {"declared_on": "2026-04-01"}))
    assert good(sora.get(f"/undoing/{number}"))["phase"] == "before"
    refused(kaze.get(f"/undoing/{number}"), 404, "api.not_found")


def test_after_the_switch_day_both_applications_stand_in_the_case(undo, sora, umi, clock):
    relay = undo.switched()
    clock.move_to(AFTER)
    number = opened(at_relay(sora, relay, "cooling-off", {"declared_on": "2026-04-20", "papers_on": "2026-04-18"}))
    case = good(umi.get(f"/undoing/{number}"))
    assert {row["kind"] for row in case["applications"]} == {"termination", "reconnection"}
    assert case["state"] == "going" and case["effective_on"] > "2026-04-20"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"declared_on": "2026-04-02"}, 422, "cooling_off.declared_in_future"),
        ({"declared_on": "2026-04-01", "papers_on": "2026-03-01"}, 409, "cooling_off.period_over"),
        ({}, 422, "api.entries_wrong"),
        ({"declared_on": "2026-04-01", "reason": "x"}, 422, "api.entries_wrong"),
    ],
)
def test_a_cooling_off_that_cannot_be(undo, sora, body, status, code):
    assert refused(at_relay(sora, undo.matched(), "cooling-off", body), status, code)["what_to_do"]
    assert not UndoCase.objects.exists()


def test_nothing_to_cool_off_from_and_no_second_case(undo, sora):
    ended = undo.play.rejected(undo.play.point(), 2)
    declared = {"declared_on": "2026-04-01"}
    refused(at_relay(sora, ended, "cooling-off", declared), 409, "cooling_off.nothing_to_undo")
    relay = undo.matched()
    good(at_relay(sora, relay, "cooling-off", declared), 201)
    refused(at_relay(sora, relay, "cooling-off", declared), 409, "undoing.point_busy")


def test_the_side_that_asked_withdraws_while_nobody_has_answered(undo, sora, umi):
    number = undo.cool_off(undo.matched()).number
    refused(umi.post(f"/undoing/{number}/withdrawal"), 404, "api.not_found")
    assert good(sora.post(f"/undoing/{number}/withdrawal"))["state"] == "withdrawn"
    assert refused(sora.post(f"/undoing/{number}/withdrawal"), 409, "undoing.already_moved")["state"] == "withdrawn"


# --- Reversal -------------------------------------------------------------------------------------------------------
@pytest.fixture
def relay(undo, clock):
    """A switch carried out five days ago."""
    found = undo.switched()
    clock.move_to(AFTER)
    return found


def test_with_the_word_of_both_supply_is_as_if_uninterrupted(cast, sora, umi, kaze, relay):
    number = opened(at_relay(umi, relay, "reversal", {"reason": "point_mixed_up", "text": "隣家"}))
    assert good(sora.get(f"/undoing/{number}"))["acts"] == ["answer"]
    refused(umi.post(f"/undoing/{number}/answer", {"verdict": "agree"}), 404, "api.not_found")
    done = good(sora.post(f"/undoing/{number}/answer", {"verdict": "agree"}))
    assert (done["state"], done["reason"]) == ("done", "point_mixed_up")
    words = good(kaze.get(f"/undoing/{number}"))["words"]
    assert [(word["word"], word["company"]) for word in words] == [("asked", "UM1E3"), ("agreed", "S0RA3")]
    assert supplier(relay.point, SWITCH_DAY) == cast.umi
    refused(sora.post(f"/undoing/{number}/answer", {"verdict": "agree"}), 409, "undoing.already_moved")


def test_a_refused_reversal_goes_before_the_hub_operator_once(sora, umi, relay):
    number = opened(at_relay(umi, relay, "reversal", {"reason": "not_agreed"}))
    good(sora.post(f"/undoing/{number}/answer", {"verdict": "refuse", "reason": "customer_wants"}))
    assert good(umi.get(f"/undoing/{number}"))["acts"] == ["appeal"]
    refused(sora.post(f"/undoing/{number}/appeal", {"text": "x"}), 404, "api.not_found")
    refused(umi.post(f"/undoing/{number}/appeal", {"text": ""}), 422, "api.entries_wrong")
    assert good(umi.post(f"/undoing/{number}/appeal", {"text": "録音があります"}))["state"] == "escalated"
    refused(umi.post(f"/undoing/{number}/appeal", {"text": "録音があります"}), 409, "undoing.already_moved")


def test_what_was_not_switched_and_what_was_long_ago_is_not_reversed(undo, sora, umi, relay, clock):
    reason = {"reason": "hub_fault"}
    waiting = undo.play.accepted(undo.play.point())
    refused(at_relay(umi, waiting, "reversal", reason), 409, "reversals.not_reversible")
    refused(at_relay(umi, relay, "reversal", {"reason": "too_dear"}), 422, "api.entries_wrong")
    clock.move_to(AFTER + timedelta(days=100))
    refused(at_relay(sora, relay, "reversal", reason), 409, "reversals.too_late")


def test_nobody_returns_to_a_retailer_that_leaves(cast, sora, relay):
    exits.announce(company=cast.umi, last_day=date(2026, 4, 30), text="x", by=cast["hub.operator"], now=AFTER)
    refused(at_relay(sora, relay, "reversal", {"reason": "hub_fault"}), 409, "reversals.former_has_left")


# --- Denial ---------------------------------------------------------------------------------------------------------
def test_a_denial_is_answered_with_evidence_whose_place_the_other_side_does_not_read(cast, sora, umi, kaze, relay):
    refused(at_relay(sora, relay, "denial"), 404, "api.not_found")
    number = opened(at_relay(umi, relay, "denial"))
    assert good(sora.get(f"/undoing/{number}"))["acts"] == ["evidence"]
    refused(kaze.get(f"/undoing/{number}"), 404, "api.not_found")
    evidence = {"channel": "telephone", "given_on": "2026-03-30", "reference": "REC-17", "sha256": "ab" * 32}
    late = {**evidence, "given_on": "2026-04-10"}
    said = refused(sora.post(f"/undoing/{number}/evidence", late), 422, "frauds.evidence_in_future")
    assert said["errors"][0]["pointer"] == "/given_on"
    refused(sora.post(f"/undoing/{number}/evidence", {**evidence, "sha256": "zz"}), 422, "api.entries_wrong")
    refused(umi.post(f"/undoing/{number}/evidence", evidence), 404, "api.not_found")
    assert good(sora.post(f"/undoing/{number}/evidence", {**evidence, "text": "14:05"}))["state"] == "escalated"
    own, theirs = (good(api.get(f"/undoing/{number}"))["words"][-1] for api in (sora, umi))
    assert (own["reference"], own["text"]) == ("REC-17", "14:05")
    assert (theirs["reference"], theirs["text"], theirs["sha256"]) == ("", "", "ab" * 32)
    case = UndoCase.objects.get(number=number)
    frauds.decide(case_id=case.pk, upholds=True, text="録音なし", by=cast["hub.operator"], now=AFTER)
    told = good(umi.get(f"/undoing/{number}"))
    assert told["words"][-1]["is_hub"] and told["words"][-1]["company"] == ""
    [reversal] = told["related"]
    assert good(sora.get(f"/undoing/{reversal}"))["related"] == [number]


# --- A point about to go dark ---------------------------------------------------------------------------------------
@pytest.fixture
def dark(undo, clock):
    found = undo.play.accepted(undo.play.point())
    matching.close_unmatched(now=AFTER)
    clock.move_to(AFTER)
    return found.undo_cases.get().number


def test_the_losing_retailer_keeps_its_contract(umi, dark):
    assert good(umi.get(f"/undoing/{dark}"))["acts"] == ["contract"]
    assert good(umi.post(f"/undoing/{dark}/contract", {"verdict": "keep"}))["state"] == "kept"
    refused(umi.post(f"/undoing/{dark}/contract", {"verdict": "keep"}), 409, "undoing.already_moved")


def test_or_ends_it_and_the_network_operator_keeps_the_customers_answer(sora, umi, kaze, dark):
    address = f"/undoing/{dark}"
    said = refused(umi.post(f"{address}/contract", {"verdict": "end"}), 422, "api.entries_wrong")
    assert said["errors"][0]["pointer"] == "/ends_on"
    soon = umi.post(f"{address}/contract", {"verdict": "end", "ends_on": "2026-04-21"})
    assert refused(soon, 422, "dark_points.ends_too_soon")["earliest"] > "2026-04-21"
    refused(sora.post(f"{address}/contract", {"verdict": "keep"}), 404, "api.not_found")
    assert good(umi.post(f"{address}/contract", {"verdict": "end", "ends_on": "2026-05-20"}))["state"] == "offered"
    assert good(kaze.get(address))["acts"] == ["last-resort"]
    refused(kaze.post(f"{address}/last-resort", {"outcome": "no_supply"}), 422, "undoing.words_missing")
    refused(kaze.post(f"{address}/last-resort", {"outcome": "moved"}), 422, "api.entries_wrong")
    told = good(kaze.post(f"{address}/last-resort", {"outcome": "no_supply", "text": "書面で辞退"}))
    assert (told["state"], told["outcome"]) == ("going", "no_supply")


# --- A retailer leaves ----------------------------------------------------------------------------------------------
def test_a_market_exit_is_read_with_its_areas_and_its_points(cast, undo, sora, umi, kaze):
    points = [undo.play.point(), undo.play.point(area="06")]
    number = exits.announce(
        company=cast.umi, last_day=date(2026, 4, 30), text="撤退", by=cast["hub.operator"], now=NOW
    ).number
    case = good(umi.get(f"/undoing/{number}"))
    assert (case["kind"], case["point"], case["effective_on"]) == ("market_exit", None, "2026-04-30")
    here = next(row for row in case["areas"] if row["area"] == "03")
    assert (here["retailer"], here["network_operator"], here["points_at_first"], here["remaining"]) == (
        *("UM1E3", "KAZE3"),
        *(1, 1),
    )
    address = f"/market-exits/{number}/points"
    for api in (umi, kaze):
        assert [row["point"] for row in good(api.get(address))["items"]] == sorted(point.number for point in points)
    assert [row["area"] for row in good(umi.get(f"{address}?area=06"))["items"]] == ["06"]
    assert good(umi.get(f"{address}?is_under_way=true"))["items"] == []
    page = good(umi.get(f"{address}?limit=1"))
    rest = good(umi.get(f"{address}?limit=1&cursor={page['next_cursor']}"))
    assert [row["area"] for row in page["items"] + rest["items"]] == ["03", "06"]
    refused(sora.get(address), 404, "api.not_found")
    narrow = calling.caller(cast, "kaze", Hold("application", "06", ""))
    assert [row["area"] for row in good(narrow.get(address))["items"]] == ["06"]
    assert LedgerEntry.objects.filter(action="undoing.remaining", subject=f"undoing {number}").count() >= 6


# --- Whose it is ----------------------------------------------------------------------------------------------------
def test_a_stranger_finds_no_case_and_opens_none(cast, undo, relay):
    yama = calling.caller(cast, "yama", "relay", "application")
    number = undo.reversal(relay).number
    assert good(yama.get("/undoing"))["items"] == []
    refused(yama.get(f"/undoing/{number}"), 404, "api.not_found")
    for what, body in (("answer", {"verdict": "agree"}), ("withdrawal", {}), ("appeal", {"text": "x"})):
        refused(yama.post(f"/undoing/{number}/{what}", body), 404, "api.not_found")
    for what, body in (
        ("cooling-off", {"declared_on": "2026-04-20"}),
        ("reversal", {"reason": "hub_fault"}),
        ("denial", {}),
    ):
        refused(at_relay(yama, relay, what, body), 404, "api.not_found")


def test_a_role_of_another_area_or_for_applications_alone_answers_nothing(cast, undo, relay):
    number = undo.reversal(relay).number
    elsewhere = calling.caller(cast, "sora", Hold("relay", "06", ""))
    refused(elsewhere.get(f"/undoing/{number}"), 404, "api.not_found")
    reads_only = calling.caller(cast, "sora", "application")
    assert good(reads_only.get(f"/undoing/{number}"))["acts"] == []
    refused(reads_only.post(f"/undoing/{number}/answer", {"verdict": "agree"}), 403, "undoing.not_yours")


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_of_cases_costs_the_same_however_long(undo, sora, count, django_assert_max_num_queries):
    for _each in range(count):
        undo.cool_off(undo.matched())
    token = sora.token
    kept, type(sora).token = type(sora).token, property(lambda self: token)
    try:
        with django_assert_max_num_queries(16):
            assert len(good(sora.get("/undoing"))["items"]) == count
    finally:
        type(sora).token = kept


def test_lists_are_narrowed_and_paged(undo, sora):
    first, second = undo.cool_off(undo.matched()), undo.cool_off(undo.matched())

    def found(query):
        return [row["number"] for row in good(sora.get(f"/undoing?{query}"))["items"]]

    assert found("") == [second.number, first.number]
    assert found(f"relay={first.relay.number}") == found(f"point={first.point.number}") == [first.number]
    assert found("kind=fraud") == found("state=done") == found("area=06") == found("supply_class=HV") == []
    page = good(sora.get("/undoing?limit=1"))
    assert found(f"limit=1&cursor={page['next_cursor']}") == [first.number]
