"""The network operator's side through the API: work list, answers, work at meters, actual days, requests to stop."""

from datetime import date, timedelta

import pytest

from metering import supply
from metering.models import Meter, SupplyPeriod
from portal.models import LedgerEntry
from portal.people import Hold
from switching import matching, meter_works, reversals
from switching.models import Application, Cancellation, MeterWork, NetworkAnswer
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW
from tests.switching.cases import DESIRED, Play
from tests.switching.test_matching import at
from tests.switching.undoings import Undo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def play(cast):
    return Play(cast, NOW)


@pytest.fixture
def kaze(cast):
    return calling.caller(cast, "kaze", "application")


@pytest.fixture
def umi(cast):
    return calling.caller(cast, "umi", "application")


def seen(api, number):
    """The headers of who has seen the application as it stands."""
    answer = api.get(f"/applications/{number}")
    good(answer)
    return {"If-Match": answer["ETag"]}


# --- The work list and the answer -----------------------------------------------------------------------------------
def test_what_waits_is_listed_answered_with_codes_and_gone_from_the_list(cast, play, kaze, umi):
    change = play.file("ampere_change", play.point())
    [row] = good(kaze.get("/network-work"))["items"]
    assert (row["application"], row["duty"], row["retailer"]) == (change.number, "answer", "UM1E3")
    assert (
        row["duty_due"] == "2026-04-02"
        and row["answer_due_at"] == good(umi.get(f"/applications/{change.number}"))["answer_due_at"]
    )
    answer = {"verdict": "reject", "codes": ["R02", "R99"], "text": "一度お電話ください"}
    said = good(kaze.post(f"/applications/{change.number}/answer", answer, headers=seen(kaze, change.number)))
    assert said["state"] == "rejected"
    assert good(kaze.get("/network-work"))["items"] == []
    [told] = good(umi.get(f"/applications/{change.number}"))["answers"]
    assert (told["verdict"], told["codes"], told["text"]) == ("reject", ["R02", "R99"], answer["text"])
    assert LedgerEntry.objects.filter(subject__contains=change.number, user__is_machine=True).exists()


def test_an_acceptance_without_codes_is_as_filed(play, kaze):
    change = play.file("ampere_change", play.point())
    address = f"/applications/{change.number}/answer"
    said = good(kaze.post(address, {"verdict": "accept"}, headers=seen(kaze, change.number)))
    assert (said["state"], said["answers"][0]["codes"]) == ("accepted", ["A01"])
    again = kaze.post(address, {"verdict": "reject", "codes": ["R04"]}, headers={"If-Match": "*"})
    assert refused(again, 409, "applications.already_moved")["state"] == "accepted"


def test_an_answer_goes_with_the_revision_that_was_seen(play, kaze, umi):
    change = play.file("ampere_change", play.point())
    address, before = f"/applications/{change.number}", seen(kaze, change.number)
    refused(kaze.post(f"{address}/answer", {"verdict": "accept"}), 428, "api.state_not_named")
    corrected = {"desired_date": DESIRED.isoformat(), "entries": {"ampere": 20}, "reason": "希望変更"}
    good(umi.put(address, corrected, headers=seen(umi, change.number)))
    refused(kaze.post(f"{address}/answer", {"verdict": "accept"}, headers=before), 412, "api.state_has_changed")
    assert not NetworkAnswer.objects.exists()
    good(kaze.post(f"{address}/answer", {"verdict": "accept"}, headers=seen(kaze, change.number)))


@pytest.mark.parametrize(
    ("answer", "code", "pointer"),
    [
        ({"verdict": "reject"}, "answers.codes_missing", None),
        ({"verdict": "reject", "codes": ["R99"]}, "answers.codes_missing", None),
        ({"verdict": "reject", "codes": ["A01"]}, "api.entries_wrong", "/codes"),
        ({"verdict": "accept", "codes": ["R02"]}, "api.entries_wrong", "/codes"),
        ({"verdict": "accept", "codes": ["A01"], "text": "gladly"}, "api.entries_wrong", "/text"),
        ({"verdict": "accept", "codes": ["Z01"]}, "api.entries_wrong", "/codes/0"),
        ({"verdict": "perhaps"}, "api.entries_wrong", "/verdict"),
    ],
)
def test_an_answer_that_does_not_fit_its_codes_is_refused(play, kaze, answer, code, pointer):
    change = play.file("ampere_change", play.point())
    said = refused(kaze.post(f"/applications/{change.number}/answer", answer, headers={"If-Match": "*"}), 422, code)
    assert pointer is None or said["errors"][0]["pointer"].startswith(pointer.rpartition("/0")[0] or pointer)
    assert not NetworkAnswer.objects.exists()


def test_a_check_of_an_answer_answers_nothing(play, kaze):
    change = play.file("ampere_change", play.point())
    address, tag = f"/applications/{change.number}/answer", {"If-Match": "*"}
    assert good(kaze.post(address, {"verdict": "accept", "dry_run": True}, headers=tag))["is_possible"]
    wrong = good(kaze.post(address, {"verdict": "reject", "codes": ["R99"], "dry_run": True}, headers=tag))
    assert wrong["problem"]["code"] == "answers.codes_missing" and not NetworkAnswer.objects.exists()


def test_the_work_list_keeps_to_the_areas_of_the_role_and_is_narrowed(cast, play, kaze):
    here, there = play.file("ampere_change", play.point()), play.file("ampere_change", play.point(area="06"))

    def found(query, api=kaze):
        return [row["application"] for row in good(api.get(f"/network-work?{query}"))["items"]]

    assert found("") == [here.number, there.number]
    assert found("area=06") == found(f"point={there.point.number}") == [there.number]
    assert found("duty=plan") == found("due_from=2026-05-01") == found("kind=termination") == []
    assert found("", calling.caller(cast, "kaze", Hold("application", "06", ""))) == [there.number]
    page = good(kaze.get("/network-work?limit=1"))
    assert found(f"limit=1&cursor={page['next_cursor']}") == [there.number]
    narrow = calling.caller(cast, "kaze", Hold("application", "06", ""), Hold("viewer", "03", ""))
    address = f"/applications/{here.number}/answer"
    refused(narrow.post(address, {"verdict": "accept"}, headers={"If-Match": "*"}), 403, "applications.not_yours")


@pytest.mark.parametrize("count", [1, 3])
def test_the_work_list_costs_the_same_however_long(play, kaze, count, django_assert_max_num_queries):
    for _each in range(count):
        play.file("ampere_change", play.point())
    token = kaze.token
    kept, type(kaze).token = type(kaze).token, property(lambda self: token)
    try:
        with django_assert_max_num_queries(13):
            assert len(good(kaze.get("/network-work"))["items"]) == count
    finally:
        type(kaze).token = kept


# --- Work at meters -------------------------------------------------------------------------------------------------
def test_work_for_an_application_is_planned_planned_anew_and_reported(cast, play, kaze, umi, clock):
    change = play.taken_up(play.file("ampere_change", play.point()))
    address = f"/applications/{change.number}/meter-works"
    answer = kaze.post(address, {"kind": "ampere", "planned_on": "2026-04-15"})
    first = good(answer, 201)
    assert answer["Location"] == f"/api/v1/meter-works/{first['id']}" and first["application"] == change.number
    second = good(kaze.post(address, {"kind": "ampere", "planned_on": "2026-04-14"}), 201)
    states = {row["id"]: row["state"] for row in good(kaze.get("/meter-works"))["items"]}
    assert states == {first["id"]: "called_off", second["id"]: "planned"}
    clock.move_to(at(date(2026, 4, 14), 15))
    [row] = good(kaze.get("/network-work"))["items"]
    assert (row["duty"], row["meter_work"]) == ("report", second["id"])
    done = good(kaze.post(f"/meter-works/{second['id']}/report", {"done_on": "2026-04-14"}))
    assert done["state"] == "done" and done["reported_at"]
    told = good(umi.get(f"/applications/{change.number}"))
    assert (told["planned_on"], told["meter_works"][0]["done_on"]) == ("2026-04-14", "2026-04-14")
    refused(
        kaze.post(f"/meter-works/{second['id']}/report", {"done_on": "2026-04-14"}), 409, "meter_works.work_is_over"
    )


def test_an_exchange_at_a_point_names_both_meters_and_their_readings(play, kaze):
    point = play.point()
    Meter.objects.create(point=point, number="OLD-1", installed_on=date(2020, 1, 1))
    work = good(kaze.post("/meter-works", {"point": point.number, "kind": "exchange", "planned_on": "2026-04-01"}), 201)
    report = {"done_on": "2026-04-01", "old_meter": "OLD-1", "new_meter": "NEW-1", "old_reading_wh": 123450}
    address = f"/meter-works/{work['id']}/report"
    missing = {"done_on": "2026-04-01", "old_meter": "OLD-1"}
    assert refused(kaze.post(address, missing), 422, "api.entries_wrong")["errors"][0]["pointer"] == "/new_meter"
    wrong = refused(kaze.post(address, {**report, "old_meter": "OLD-9"}), 422, "meters.no_such_meter")
    assert "OLD-9" in wrong["detail"] and wrong["errors"][0]["pointer"] == "/old_meter"
    refused(kaze.post(address, {**report, "new_meter": "OLD-1"}), 409, "meters.meter_stands_already")
    checked = good(kaze.post(address, {**report, "old_meter": "OLD-9", "dry_run": True}))
    assert not checked["is_possible"] and checked["problem"]["code"] == "meters.no_such_meter"
    assert good(kaze.post(address, {**report, "dry_run": True}))["is_possible"]
    assert MeterWork.objects.get().done_on is None
    done = good(kaze.post(address, report))
    assert (done["old_meter"], done["new_meter"], done["old_reading_wh"]) == ("OLD-1", "NEW-1", 123450)
    assert Meter.objects.get(number="NEW-1").kind == "smart"


def test_a_report_with_a_meter_nobody_asks_for_is_refused_and_not_passed_over(play, kaze):
    work = good(
        kaze.post("/meter-works", {"point": play.point().number, "kind": "ampere", "planned_on": "2026-04-01"}), 201
    )
    report = {"done_on": "2026-04-01", "new_meter": "NEW-1"}
    refused(kaze.post(f"/meter-works/{work['id']}/report", report), 422, "meter_works.meters_do_not_fit")


@pytest.mark.parametrize(
    ("report", "code"),
    [({"done_on": "2026-04-02"}, "done_in_future"), ({"done_on": "2025-04-01"}, "done_long_ago")],
)
def test_work_is_reported_of_a_day_that_was_and_not_long_ago(play, kaze, report, code):
    work = good(
        kaze.post("/meter-works", {"point": play.point().number, "kind": "ampere", "planned_on": "2026-04-01"}), 201
    )
    said = refused(kaze.post(f"/meter-works/{work['id']}/report", report), 422, f"meter_works.{code}")
    assert said["errors"][0]["pointer"] == "/done_on"
    assert code == "done_in_future" or said["oldest"] <= "2026-04-01"


def test_what_cannot_be_planned(play, kaze):
    point, change = play.point(), play.taken_up(play.file("ampere_change", play.point()))
    at_point = {"point": point.number, "kind": "exchange", "planned_on": "2026-03-31"}
    refused(kaze.post("/meter-works", at_point), 422, "meter_works.planned_in_past")
    elsewhere = {**at_point, "point": "0311112222333344445555", "planned_on": "2026-04-02"}
    refused(kaze.post("/meter-works", elsewhere), 422, "cases.point_not_on_network")
    for_it = {"kind": "remove", "planned_on": "2026-04-15"}
    refused(kaze.post(f"/applications/{change.number}/meter-works", for_it), 422, "meter_works.wrong_work")
    waiting = play.file("ampere_change", play.point())
    early = kaze.post(f"/applications/{waiting.number}/meter-works", {"kind": "ampere", "planned_on": "2026-04-15"})
    refused(early, 409, "applications.already_moved")
    assert not MeterWork.objects.exists()


def test_work_no_application_asks_for_is_called_off_other_work_is_not(play, kaze):
    at_point = {"point": play.point().number, "kind": "exchange", "planned_on": "2026-04-02"}
    work = good(kaze.post("/meter-works", at_point), 201)
    address = f"/meter-works/{work['id']}/calling-off"
    assert good(kaze.post(address))["state"] == "called_off"
    refused(kaze.post(address), 409, "meter_works.work_is_over")
    change = play.taken_up(play.file("ampere_change", play.point()))
    planned = {"kind": "ampere", "planned_on": "2026-04-15"}
    of_it = good(kaze.post(f"/applications/{change.number}/meter-works", planned), 201)
    refused(kaze.post(f"/meter-works/{of_it['id']}/calling-off"), 422, "meter_works.wrong_work")


# --- The actual day -------------------------------------------------------------------------------------------------
@pytest.fixture
def started(play, clock):
    """A start of sora whose point changed hands on DESIRED; a week later."""
    relay = Undo(play).switched()
    clock.move_to(at(DESIRED + timedelta(days=7), 9))
    return relay.applications.get(kind="switch_start")


def test_the_actual_day_moves_supply_and_is_told_to_its_retailer(cast, kaze, started):
    report = {"actual": "2026-04-18", "cause": "reading"}
    address = f"/applications/{started.number}/actual-day"
    assert good(kaze.post(address, {**report, "dry_run": True}))["is_possible"]
    assert good(kaze.post(address, report))["in_effect_on"] == "2026-04-18"
    told = good(calling.caller(cast, "sora", "viewer").get(f"/applications/{started.number}"))
    [day] = told["actual_days"]
    assert (day["believed"], day["actual"], day["cause"]) == ("2026-04-15", "2026-04-18", "reading")
    held = SupplyPeriod.objects.get(point=started.point, known_until=None, during__contains=date(2026, 4, 17))
    assert held.retailer == cast.umi
    said = refused(kaze.post(address, report), 409, "actual_days.same_day")
    assert said["errors"][0]["pointer"] == "/actual"


def test_an_actual_day_that_cannot_be(play, kaze, started):
    address = f"/applications/{started.number}/actual-day"
    refused(kaze.post(address, {"actual": "2026-04-23", "cause": "work"}), 422, "actual_days.not_yet")
    assert refused(kaze.post(address, {"actual": "2024-04-23", "cause": "work"}), 422, "actual_days.long_ago")["oldest"]
    refused(kaze.post(address, {"actual": "2026-04-16", "cause": "whim"}), 422, "api.entries_wrong")
    other = started.match.applications.get(kind="switch_termination")
    same = {"actual": "2026-04-16", "cause": "work"}
    refused(kaze.post(f"/applications/{other.number}/actual-day", same), 409, "actual_days.no_day_of_supply")
    open_one = play.file("ampere_change", play.point())
    refused(kaze.post(f"/applications/{open_one.number}/actual-day", same), 409, "actual_days.no_day_of_supply")


def test_a_day_that_is_being_undone_or_whose_supply_moved_on_is_not_reported(cast, play, kaze, started):
    address, day = f"/applications/{started.number}/actual-day", {"actual": "2026-04-16", "cause": "work"}
    reversals.ask(
        relay_id=started.relay_id, reason="not_agreed", by=cast["umi.relay"], now=at(DESIRED + timedelta(days=7), 9)
    )
    refused(kaze.post(address, day), 409, "actual_days.being_undone")
    before_umi = refused(
        kaze.post(f"/applications/{_moved_on(play).number}/actual-day", day), 409, "actual_days.supply_moved_on"
    )
    assert before_umi["errors"][0]["pointer"] == "/actual"


def _moved_on(play):
    """A start whose point has ended since."""
    point = play.point()
    play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=NOW)
    matching.hand_over_due(now=at(DESIRED, 1))
    supply.terminate({point.pk: date(2026, 4, 16)}, cause="moved out", now=at(DESIRED + timedelta(days=2), 9))
    return Application.objects.get(point=point, kind="switch_start")


# --- Requests to stop -----------------------------------------------------------------------------------------------
def scheduled(play, cast):
    change = play.taken_up(play.file("ampere_change", play.point()))
    meter_works.plan(
        point=change.point, application=change, kind="ampere", planned_on=DESIRED, by=cast["kaze.application"], now=NOW
    )
    return change.number


@pytest.mark.parametrize(
    ("answer", "state", "status"), [("stop", "cancelled", "done"), ("refuse", "scheduled", "refused")]
)
def test_a_request_to_stop_is_asked_seen_and_answered(cast, play, kaze, umi, answer, state, status):
    address = f"/applications/{scheduled(play, cast)}"
    asked = good(umi.post(f"{address}/stop-request", {"text": "入力を誤りました"}))
    assert asked["stop_requests"][0]["status"] == "requested"
    refused(umi.post(f"{address}/stop-request", {"text": "もう一度"}), 409, "stops.asked_already")
    assert [row["duty"] for row in good(kaze.get("/network-work"))["items"]] == ["stop"]
    if answer == "refuse":
        refused(kaze.post(f"{address}/stop-answer", {"answer": "refuse"}), 422, "stops.reason_missing")
    assert good(kaze.post(f"{address}/stop-answer", {"answer": answer, "text": "了解", "dry_run": True}))["is_possible"]
    said = good(kaze.post(f"{address}/stop-answer", {"answer": answer, "text": "了解"}))
    assert (said["state"], said["stop_requests"][0]["status"]) == (state, status)
    assert good(umi.get(address))["stop_requests"][0]["answer"] == "了解"
    refused(kaze.post(f"{address}/stop-answer", {"answer": "stop"}), 409, "stops.answered")


def test_what_cannot_be_stopped(cast, play, umi):
    waiting = play.file("ampere_change", play.point())
    said = umi.post(f"/applications/{waiting.number}/stop-request", {"text": "x"})
    refused(said, 409, "applications.already_moved")
    address = f"/applications/{scheduled(play, cast)}/stop-request"
    assert refused(umi.post(address, {"text": ""}), 422, "api.entries_wrong")["errors"][0]["pointer"] == "/text"
    assert good(umi.post(address, {"text": "x", "dry_run": True}))["is_possible"]
    assert not Cancellation.objects.exists()


def test_what_an_undoing_filed_is_stopped_there_alone(cast, play, umi, started, clock):
    undo = Undo(play)
    later = at(DESIRED + timedelta(days=7), 9)
    case = undo.cool_off(started.relay, now=later)
    back = case.applications.filter(retailer=cast.umi).exclude(kind="switch_termination").first()
    assert back is not None and back.state in {"accepted", "scheduled", "matched"}
    Application.objects.filter(pk=back.pk).update(state="scheduled")
    refused(umi.post(f"/applications/{back.number}/stop-request", {"text": "x"}), 409, "stops.undone_otherwise")


# --- Whose it is ----------------------------------------------------------------------------------------------------
def test_nobody_but_the_own_network_operator_finds_its_work(cast, play, umi):
    change = play.file("ampere_change", play.point())
    work = meter_works.plan(
        point=play.point(), kind="exchange", planned_on=DESIRED, by=cast["kaze.application"], now=NOW
    )
    others = calling.caller(cast, "yama", "application")
    for api in (umi, others):
        refused(api.get("/network-work"), 403, "api.role_missing")
        refused(api.get(f"/meter-works/{work.pk}"), 403, "api.role_missing")
        said = api.post(f"/applications/{change.number}/answer", {"verdict": "accept"}, headers={"If-Match": "*"})
        refused(said, 403, "api.role_missing")
    refused(others.post(f"/applications/{change.number}/stop-request", {"text": "x"}), 404, "api.not_found")
    another = calling.caller(cast, "kaze", Hold("application", "06", ""))
    refused(another.get(f"/meter-works/{work.pk}"), 404, "api.not_found")
    answer = {"verdict": "accept"}
    refused(
        another.post(f"/applications/{change.number}/answer", answer, headers={"If-Match": "*"}), 404, "api.not_found"
    )
