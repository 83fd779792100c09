"""The time machine through the API, and lists narrowed by point and day."""

from datetime import timedelta

import pytest
import time_machine

from portal.models import LedgerEntry
from portal.people import Hold
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW
from tests.switching.cases import DESIRED, HOLDER, Play
from tests.switching.undoings import AFTER, Undo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hour():
    with time_machine.travel(AFTER, tick=False):
        yield


@pytest.fixture
def relay(cast):
    """umi's point that went to sora on DESIRED."""
    return Undo(Play(cast, NOW)).switched()


def asked(api, number, day="2026-04-18", at=""):
    return api.get(f"/as-of?number={number}&day={day}" + (f"&at={at}" if at else ""))


def test_each_retailer_reads_the_days_it_supplied_and_the_network_operator_all(cast, relay):
    sora, umi, kaze = (calling.caller(cast, who, "application", "viewer") for who in ("sora", "umi", "kaze"))
    number = relay.point.number
    own = good(asked(sora, number))
    assert (own["supplier"], own["supplied_since"], own["names_every_company"]) == ("S0RA3", "2026-04-15", False)
    assert own["contract"]["holder_name"] == HOLDER and own["contract"]["number"].startswith("S-")
    former = good(asked(umi, number))
    assert (former["supplier"], former["contract"], former["contract_state"]) == (None, None, None)
    assert good(asked(umi, number, "2026-04-10"))["contract"]["number"].startswith("U-")
    all_of_it = good(asked(kaze, number, "2026-04-10"))
    assert (all_of_it["supplier"], all_of_it["names_every_company"], all_of_it["contract"]) == ("UM1E3", True, None)
    rows = LedgerEntry.objects.filter(action="supply point as of a day", user__is_machine=True)
    assert {row.purpose for row in rows} == {"own_customer", "network"} and rows.count() == 4


def test_what_was_known_then_is_told_as_it_was(cast, relay):
    api = calling.caller(cast, "kaze", "viewer")
    before = (NOW + timedelta(hours=1)).isoformat().replace("+", "%2B")
    then = good(asked(api, relay.point.number, DESIRED.isoformat(), before))
    assert then["supplier"] == "UM1E3", "the switch had not been carried out"
    assert [belief["supplier"] for belief in then["beliefs"]] == ["UM1E3", "S0RA3"]
    assert {case["kind"] for case in then["cases"]} == {"switch_start", "switch_termination"}


def test_a_case_is_asked_for_by_its_number(cast, relay):
    api = calling.caller(cast, "sora", "relay")
    said = good(asked(api, relay.number.lower(), "2026-04-01"))
    assert (said["asked"]["number"], said["asked"]["kind"], said["asked"]["state"]) == (relay.number, "relay", "04")


@pytest.mark.parametrize(
    ("number", "day", "at", "status", "code"),
    [
        ("0399999999999999999999", "2026-04-01", "", 404, "as_of.nothing_to_do_with"),
        ("R0000000001", "2026-04-01", "", 422, "api.entries_wrong"),
        ("123", "2026-04-01", "", 422, "api.entries_wrong"),
        ("0300000000000000000001", "2028-04-01", "", 422, "as_of.too_far_ahead"),
        ("0300000000000000000001", "2026-04-01", "2026-05-01T00:00:00Z", 422, "as_of.not_yet_come"),
        ("0300000000000000000001", "spring", "", 422, "api.entries_wrong"),
    ],
)
def test_a_question_that_cannot_be_answered(cast, relay, number, day, at, status, code):
    api = calling.caller(cast, "sora", "viewer")
    said = refused(asked(api, number, day, at), status, code)
    assert code != "api.entries_wrong" or said["errors"][0]["parameter"] in {"number", "day"}


def test_a_stranger_hears_the_same_as_of_a_point_that_is_not_there(cast, relay):
    yama = calling.caller(cast, "yama", "viewer")
    there = refused(asked(yama, relay.point.number), 404, "as_of.nothing_to_do_with")
    nowhere = refused(asked(yama, "0399999999999999999999"), 404, "as_of.nothing_to_do_with")
    assert there["detail"] == nowhere["detail"]
    refused(asked(yama, relay.number), 404, "as_of.nothing_to_do_with")
    elsewhere = calling.caller(cast, "sora", Hold("viewer", "06", ""))
    refused(asked(elsewhere, relay.point.number), 404, "as_of.nothing_to_do_with")


def test_lists_of_relays_and_applications_are_narrowed_by_point_and_day(cast, relay):
    api = calling.caller(cast, "sora", "relay", "application")
    other = Play(cast, NOW, made=10)
    waiting = other.relay(other.point())

    def found(path):
        return [row["number"] for row in good(api.get(path))["items"]]

    start = relay.applications.get(kind="switch_start").number
    assert found(f"/relays?point={relay.point.number}") == [relay.number]
    assert found("/relays?desired_from=2026-04-15&desired_until=2026-04-15") == [waiting.number, relay.number]
    assert found("/relays?desired_from=2026-04-16") == found("/applications?desired_until=2026-04-14") == []
    assert (
        found(f"/applications?point={relay.point.number}") == found("/applications?switch_from=2026-04-15") == [start]
    )
    assert found("/applications?switch_until=2026-04-14") == []
