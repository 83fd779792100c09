"""A switch told by programs alone: consent, inquiry, explanation, relay, judgement, start; and what is refused."""

from datetime import date

import pytest

from portal.models import LedgerEntry
from switching import disclosures, matching
from switching.models import Application, Relay
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW, lay_calendar, make_points
from tests.switching.cases import ITEMS, Play

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def sora(cast):
    return calling.caller(cast, "sora", "inquiry", "relay", "application")


@pytest.fixture
def umi(cast):
    return calling.caller(cast, "umi", "relay", "application", "viewer")


@pytest.fixture
def house(cast):
    lay_calendar()
    [point] = make_points(cast, 1)
    disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)
    return point


def explained(sora, point):
    """Consent, inquiry and explanation, as a program does them."""
    consent = good(
        sora.post(
            "/consents", {"reference": "R-1", "channel": "web", "purpose": "switch", "obtained_on": "2026-04-01"}
        ),
        201,
    )
    asked = {"number": point.number, "supply_class": point.supply_class, "consent": consent["id"]}
    inquiry = good(sora.post("/facility-inquiries", asked), 201)
    lists = good(sora.get(f"/disclosures/lists?point={point.number}"))
    made = good(
        sora.post(
            "/disclosures",
            {
                "point": point.number,
                "acknowledged": [item["id"] for item in lists["items"]],
                "channel": "telephone",
                "explained_on": "2026-04-01",
            },
        ),
        201,
    )
    return inquiry, made


def relay_of(point, /, **changes):
    contract = point.contracts.latest("pk")
    return {
        "point": point.number,
        "losing_retailer": "UM1E3",
        "contract_number": contract.number,
        "holder_name": contract.holder_name,
        "holder_kana": contract.holder_kana,
        "holder_address": contract.holder_address,
        "desired_date": "2026-04-20",
        "contact_person": "空 花子",
        **changes,
    }


def start_of(point, **changes):
    entries = {
        "contract_number": "S-1",
        "holder_name": "山田 太郎",
        "holder_kana": "ヤマダ タロウ",
        "holder_address": point.address,
    }
    return {"kind": "switch_start", "point": point.number, "desired_date": "2026-04-20", "entries": entries, **changes}


def test_two_programs_switch_a_customer(cast, sora, umi, house):
    inquiry, _made = explained(sora, house)
    assert inquiry["answer"]["number"] == house.number
    answer = sora.post("/relays", relay_of(house))
    relay = good(answer, 201)
    assert answer["Location"] == f"/api/v1/relays/{relay['number']}" and relay["state"] == "01"
    assert relay["side"] == "gaining" and relay["losing_retailer"] == "UM1E3"

    [row] = good(umi.get("/relays?side=losing"))["items"]
    assert row["point"] is None and row["number"] == relay["number"], "a list names no leaving customer"
    reading = good(umi.get(f"/relays/{relay['number']}/judgement"))
    assert {one["field"]: one["verdict"] for one in reading["comparisons"]}["contract_number"] == "exact"
    assert LedgerEntry.objects.filter(subject__contains=relay["number"], user__is_machine=True).exists()
    good(umi.post(f"/relays/{relay['number']}/messages", {"topic": "ask_will"}), 201)
    good(sora.post(f"/relays/{relay['number']}/messages", {"topic": "will_web"}), 201)
    assert [m["is_own"] for m in good(sora.get(f"/relays/{relay['number']}/messages"))["items"]] == [True, False]
    judged = good(umi.post(f"/relays/{relay['number']}/judgement", {"verdict": "accept"}))
    assert judged["state"] == "02" and judged["side"] == "losing"

    start = good(sora.post("/applications", start_of(house, relay=relay["number"])), 201)
    matching.match_waiting(now=NOW)
    found = good(sora.get(f"/applications/{start['number']}"))
    assert found["state"] == "matched" and found["switch_date"] == "2026-04-20"
    kinds = {row["kind"]: row["point"] for row in good(umi.get("/applications"))["items"]}
    assert kinds == {"switch_termination": None}
    refused(sora.post(f"/applications/{start['number']}/cancellation"), 409, "applications.frozen")


def test_a_repeated_registration_is_one_relay(sora, house):
    explained(sora, house)
    first = sora.post("/relays", relay_of(house), key="night-1")
    again = sora.post("/relays", relay_of(house), key="night-1")
    assert first.json() == again.json() and Relay.objects.count() == 1
    refused(sora.post("/relays", relay_of(house), key="night-2"), 409, "relays.point_busy")


def test_a_check_registers_nothing_and_says_what_would_be(sora, house):
    explained(sora, house)
    said = good(sora.post("/relays", relay_of(house, dry_run=True)))
    assert said["is_possible"] and said["problem"] is None and not Relay.objects.exists()
    said = good(sora.post("/relays", relay_of(house, desired_date="2026-04-02", dry_run=True)))
    assert not said["is_possible"] and said["problem"]["code"] == "relays.date_not_possible"
    assert said["problem"]["errors"][0]["pointer"] == "/desired_date"
    assert said["problem"]["earliest"] <= said["problem"]["latest"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"losing_retailer": "XXXXX"}, 422, "cases.no_such_code", "/losing_retailer"),
        ({"losing_retailer": "S0RA3"}, 422, "relays.not_a_retailer_there", "/losing_retailer"),
        ({"desired_date": "2030-01-01"}, 422, "relays.date_not_possible", "/desired_date"),
        ({"desired_date": "tomorrow"}, 422, "api.entries_wrong", "/desired_date"),
        ({"holder_name": ""}, 422, "api.entries_wrong", "/holder_name"),
        ({"holder_name": "\u200b"}, 422, "api.entries_wrong", "/holder_name"),
        ({"point": "0311112222333344445555"}, 422, "cases.point_not_asked", "/point"),
        ({"point": "12"}, 422, "points.wrong_number", "/point"),
    ],
)
def test_a_wrong_registration_is_refused_at_its_entry(sora, house, changes, status, code, pointer):
    explained(sora, house)
    said = refused(sora.post("/relays", relay_of(house, **changes)), status, code)
    assert [wrong["pointer"] for wrong in said["errors"]] == [pointer]
    assert not Relay.objects.exists()


def test_without_an_explanation_no_relay(cast, sora, house):
    consent = good(
        sora.post(
            "/consents", {"reference": "R-1", "channel": "web", "purpose": "switch", "obtained_on": "2026-04-01"}
        ),
        201,
    )
    asked = {"number": house.number, "supply_class": "LV", "consent": consent["id"]}
    good(sora.post("/facility-inquiries", asked), 201)
    refused(sora.post("/relays", relay_of(house)), 409, "relays.disclosure_missing")


def test_a_rejection_names_its_reasons(sora, umi, house):
    explained(sora, house)
    number = good(sora.post("/relays", relay_of(house)), 201)["number"]
    address = f"/relays/{number}/judgement"
    refused(umi.post(address, {"verdict": "reject"}), 422, "api.entries_wrong")
    refused(umi.post(address, {"verdict": "reject", "reasons": [9]}), 422, "relays.reasons_missing")
    assert good(umi.post(address, {"verdict": "reject", "reasons": [2], "dry_run": True}))["is_possible"]
    assert good(umi.post(address, {"verdict": "reject", "reasons": [2, 4]}))["reasons"] == [2, 4]
    said = refused(umi.post(address, {"verdict": "accept"}), 409, "relays.already_moved")
    assert said["state"] == "03"


def test_an_error_of_sequence_says_what_contradicts_what(cast, house):
    umi = calling.caller(cast, "umi", "application")
    first = {"kind": "termination", "point": house.number, "desired_date": "2026-04-20", "entries": {}}
    number = good(umi.post("/applications", first), 201)["number"]
    change = {"kind": "ampere_change", "point": house.number, "desired_date": "2026-04-28", "entries": {"ampere": 30}}
    said = refused(umi.post("/applications", change), 409, "applications.out_of_own_sequence")
    assert said["contradicts"] == {
        "number": number,
        "kind": "termination",
        "day": "2026-04-20",
        "is_done": False,
        "would_fit": "before",
    }
    assert number in said["detail"] and said["errors"][0]["pointer"] == "/desired_date"


def test_a_correction_goes_with_the_state_it_was_made_from(cast, house):
    umi = calling.caller(cast, "umi", "application")
    first = {"kind": "ampere_change", "point": house.number, "desired_date": "2026-04-28", "entries": {"ampere": 30}}
    answer = umi.post("/applications", first)
    number, tag = good(answer, 201)["number"], answer["ETag"]
    correction = {"desired_date": "2026-04-28", "entries": {"ampere": 20}, "reason": "希望変更"}
    refused(umi.put(f"/applications/{number}", correction), 428, "api.state_not_named")
    changed = umi.put(f"/applications/{number}", correction, headers={"If-Match": tag})
    assert good(changed)["entries"]["ampere"] == 20 and changed["ETag"] != tag
    refused(umi.put(f"/applications/{number}", correction, headers={"If-Match": tag}), 412, "api.state_has_changed")
    assert Application.objects.get(number=number).ampere == 20


def test_each_revision_is_read_by_both_sides_and_by_nobody_else(cast, house):
    umi, kaze = calling.caller(cast, "umi", "application"), calling.caller(cast, "kaze", "viewer")
    first = {"kind": "ampere_change", "point": house.number, "desired_date": "2026-04-28", "entries": {"ampere": 30}}
    answer = umi.post("/applications", first)
    address = f"/applications/{good(answer, 201)['number']}"
    correction = {"desired_date": "2026-04-28", "entries": {"ampere": 20}, "reason": "希望変更"}
    good(umi.put(address, correction, headers={"If-Match": answer["ETag"]}))
    newest, oldest = good(umi.get(f"{address}/revisions"))["items"]
    assert (newest["act"], newest["reason"], newest["is_own"]) == ("corrected", "希望変更", True)
    assert (oldest["number"], newest["entries"]["ampere"], oldest["entries"]["ampere"]) == (1, 20, 30)
    page = good(kaze.get(f"{address}/revisions?limit=1"))
    rest = good(kaze.get(f"{address}/revisions?limit=1&cursor={page['next_cursor']}"))
    assert [(row["number"], row["is_own"]) for row in page["items"] + rest["items"]] == [(2, False), (1, False)]
    refused(calling.caller(cast, "yama", "viewer").get(f"{address}/revisions"), 404, "api.not_found")


def test_a_draft_is_kept_filed_and_cancelled(cast, house):
    umi = calling.caller(cast, "umi", "application")
    first = {"kind": "termination", "point": house.number, "desired_date": "2026-04-28", "entries": {}}
    number = good(umi.post("/applications", {**first, "as_draft": True}), 201)["number"]
    assert good(umi.get(f"/applications/{number}"))["state"] == "draft"
    assert good(umi.post(f"/applications/{number}/filing", {"dry_run": True}))["is_possible"]
    assert good(umi.post(f"/applications/{number}/filing"))["state"] != "draft"
    assert good(umi.post(f"/applications/{number}/cancellation", {"reason": "取りやめ"}))["state"] == "cancelled"


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_costs_the_same_however_long(cast, umi, count, django_assert_max_num_queries):
    play = Play(cast, NOW)
    for _each in range(count):
        play.relay(play.point())
    token = umi.token
    type(umi).token, kept = property(lambda self: token), type(umi).token
    try:
        with django_assert_max_num_queries(16):
            assert len(good(umi.get("/relays"))["items"]) == count
    finally:
        type(umi).token = kept
