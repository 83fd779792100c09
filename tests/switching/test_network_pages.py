"""The network operator's pages: its work list, answers to applications, work at meters planned and reported."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metering import meters
from metering.models import Meter
from portal.inbox import tasks_of
from portal.models import LedgerEntry
from switching import answers, matching, meter_works, network_work
from switching.models import MeterWork, NetworkAnswer
from switching.states import ApplicationState
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED
from tests.switching.paging import said
from tests.switching.test_matching import at
from tests.switching.test_relay_pages import english

WORK = "/network-work/"


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def kaze(cast):
    return english(client_of(cast["kaze.application"]))


def submitted(play):
    return play.file("ampere_change", play.point())


def way(application, page="answer"):
    return f"/applications/{application.number}/{page}/"


def exchange(play):
    point = play.point()
    Meter.objects.create(point=point, number="OLD-1", installed_on=date(2020, 1, 1))
    return meter_works.plan(
        point=point, kind="exchange", planned_on=DESIRED, by=play.cast["kaze.application"], now=play.now
    )


def one_of_each_duty(play):
    """An answer, a plan, a report and the paperwork, by number of the application."""
    kaze = play.cast["kaze.application"]
    to_answer = submitted(play)
    to_plan = play.taken_up(play.file("ampere_change", play.point(), day=date(2026, 4, 30), meter_work=True))
    to_report = play.taken_up(submitted(play))
    meter_works.plan(
        point=to_report.point, application=to_report, kind="ampere", planned_on=DESIRED, by=kaze, now=play.now
    )
    switched = play.point()
    done = play.start(switched, relay=play.accepted(switched))
    matching.match_waiting(now=play.now)
    matching.hand_over_due(now=at(DESIRED, 1))
    return {
        to_answer.number: "answer",
        to_plan.number: "plan",
        to_report.number: "report",
        done.number: "paperwork",
    }


def test_each_application_stands_in_the_work_list_with_what_is_to_be_done(cast, play, kaze):
    expected = one_of_each_duty(play)
    found = {row.number: row.duty for row in network_work.of(cast["kaze.application"])}
    assert expected.items() <= found.items()
    assert set(found.values()) == {"answer", "plan", "report", "paperwork"}
    text = kaze.get(WORK).content.decode()
    for number, duty in expected.items():
        page = {"answer": "answer", "plan": "meter-work", "paperwork": "completion"}.get(duty)
        address = f"/applications/{number}/{page}/" if page else "/meter-works/"
        assert address in text
    assert {number for number in expected if number in said(kaze.get(f"{WORK}?duty=plan"))} == {
        number for number, duty in expected.items() if duty == "plan"
    }
    rows = kaze.get(f"{WORK}?duty=answer&format=csv").getvalue().decode()
    assert "accept or reject" in rows and "plan the work" not in rows


def test_the_inbox_tells_how_much_of_each_waits_and_until_when(cast, play):
    one_of_each_duty(play)
    tasks = {task.kind: task for task in tasks_of(cast["kaze.application"], now=NOW)}
    assert {"network.answer", "network.plan", "network.report"} <= set(tasks)
    assert tasks["network.report"].due_at == at(DESIRED, 23) + timedelta(minutes=59)
    assert not any(task.kind.startswith("network.") for task in tasks_of(cast["sora.application"], now=NOW))


def test_the_work_list_costs_the_same_queries_at_one_and_at_three(play, kaze):
    counts = []
    for more in (1, 2):
        for _ in range(more):
            submitted(play)
        with CaptureQueriesContext(connection) as queries:
            assert kaze.get(WORK).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_application_is_accepted_after_a_page_that_shows_the_answer(play, kaze):
    application = submitted(play)
    page = kaze.get(way(application))
    assert page.status_code == 200
    assert LedgerEntry.objects.filter(action="application.read", purpose="answer to an application").exists()
    page = kaze.post(way(application), {"verdict": "accept", "text": ""})
    assert "Accept this application?" in said(page) and "A01 Accepted as filed" in said(page)
    application.refresh_from_db()
    assert application.state == ApplicationState.SUBMITTED and not NetworkAnswer.objects.exists()
    assert kaze.post(way(application), {"verdict": "accept", "text": "", "confirmed": "1"}).url == WORK
    application.refresh_from_db()
    assert application.state == ApplicationState.ACCEPTED
    assert application.answers.get().codes == ["A01"]
    assert "it is now “accepted”" in said(kaze.get(way(application), follow=True))


def test_a_rejection_names_several_codes_and_its_words(play, kaze, cast):
    application = submitted(play)
    entries = {"verdict": "reject", "codes": ["R05", "R99"], "text": "the lane is closed"}
    assert "Reject this application?" in said(kaze.post(way(application), entries))
    back = kaze.post(way(application), {**entries, "edit": "1"})
    assert back.context["form"]["codes"].value() == ["R05", "R99"] and "the lane is closed" in back.content.decode()
    kaze.post(way(application), {**entries, "confirmed": "1"})
    application.refresh_from_db()
    assert application.state == ApplicationState.REJECTED
    assert "the lane is closed" in said(client_of(cast["umi.viewer"]).get(f"/applications/{application.number}/"))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "choose accept or reject"),
        ({"verdict": "maybe"}, "Answer"),
        ({"verdict": "reject"}, "at least one code"),
        ({"verdict": "reject", "codes": ["R99"]}, "say in words"),
        ({"verdict": "accept", "codes": ["R05"]}, "codes that begin with A"),
        ({"verdict": "reject", "codes": ["A01", "R05"]}, "begin with R alone"),
        ({"verdict": "reject", "codes": ["R05"], "text": "why"}, "R99 only"),
        ({"verdict": "reject", "codes": ["X"]}, "one of the list"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_sentence(play, kaze, entries, words):
    application = submitted(play)
    page = kaze.post(way(application), {**entries, "confirmed": "1"})
    assert page.status_code == 422 and words in said(page)
    assert not NetworkAnswer.objects.exists()


def test_two_clerks_answer_and_one_answer_holds(play, cast, kaze):
    application = submitted(play)
    answers.reject(application_id=application.pk, codes=["R04"], by=cast["kaze.application"], now=NOW)
    kaze.post(way(application), {"verdict": "accept", "confirmed": "1"})
    application.refresh_from_db()
    assert (application.state, application.answers.count()) == (ApplicationState.REJECTED, 1)


def test_work_is_planned_from_the_application_and_told_on_its_page(play, kaze, cast):
    application = play.taken_up(submitted(play))
    assert way(application, "meter-work") in kaze.get(f"/applications/{application.number}/").content.decode()
    late = DESIRED + timedelta(days=2)
    entries = {"kind": "ampere", "planned_on": late.isoformat()}
    assert "Plan this work?" in said(kaze.post(way(application, "meter-work"), entries))
    assert not MeterWork.objects.exists()
    answer = kaze.post(way(application, "meter-work"), {**entries, "confirmed": "1"})
    work = MeterWork.objects.get()
    assert answer.url == f"/meter-works/{work.pk}/"
    application.refresh_from_db()
    assert (application.state, application.planned_on) == (ApplicationState.SCHEDULED, late)
    page = english(client_of(cast["umi.viewer"])).get(f"/applications/{application.number}/")
    assert "planned for" in said(page) and f"/meter-works/{work.pk}/" not in page.content.decode()
    page = kaze.post(way(application, "meter-work"), {**entries, "planned_on": "2026-01-01"})
    assert page.status_code == 422
    page = kaze.post(way(application, "meter-work"), {**entries, "kind": "remove"})
    assert page.status_code == 422 and "one of the list" in said(page)


def test_an_application_that_is_not_accepted_brings_no_work(play, kaze):
    application = submitted(play)
    assert kaze.get(way(application, "meter-work")).url == f"/applications/{application.number}/"


def test_work_is_planned_at_a_point_of_the_own_network_only(play, kaze):
    point = play.point()
    entries = {"point": point.number, "kind": "exchange", "planned_on": DESIRED.isoformat()}
    kaze.post("/meter-works/new/", {**entries, "confirmed": "1"})
    assert MeterWork.objects.get().point == point
    for number, words in (("0" * 22, "area"), ("12345", "22"), (f"{point.number[:-4]}9999", "on your network")):
        page = kaze.post("/meter-works/new/", {**entries, "point": number, "confirmed": "1"})
        assert page.status_code == 422 and words in said(page)
    assert MeterWork.objects.count() == 1


def test_a_report_is_shown_before_it_is_filed_and_then_puts_the_meters_in_their_places(play, kaze):
    work = exchange(play)
    address = f"/meter-works/{work.pk}/"
    with time_machine.travel(at(DESIRED, 18), tick=False):
        kaze = english(client_of(play.cast["kaze.application"]))
        assert "OLD-1" in said(kaze.get(address))
        entries = {
            "done_on": DESIRED.isoformat(),
            "old_meter": "OLD-1",
            "old_reading_wh": "123450",
            "new_meter": "NEW-1",
            "new_kind": "smart",
            "multiplier": "1",
            "new_reading_wh": "",
        }
        wrong = kaze.post(address, {**entries, "old_meter": "ELSE"})
        assert wrong.status_code == 422 and "No meter ELSE stood" in said(wrong)
        assert kaze.post(address, {**entries, "multiplier": "0"}).status_code == 422
        page = kaze.post(address, entries)
        assert "Report this work done?" in said(page) and "123,450" in said(page)
        assert [meter.number for meter in meters.standing(work.point_id, DESIRED)] == ["OLD-1"]
        assert kaze.post(address, {**entries, "confirmed": "1"}).url == address
        assert [meter.number for meter in meters.standing(work.point_id, DESIRED)] == ["NEW-1"]
        assert "not read" in said(kaze.get(address))
        assert "already" in said(kaze.post(address, {**entries, "confirmed": "1"}, follow=True))
        assert "NEW-1" in kaze.get("/meter-works/?state=done&format=csv").getvalue().decode()


def test_planned_work_is_called_off_after_a_page_that_says_so(play, kaze):
    work = exchange(play)
    address = f"/meter-works/{work.pk}/calling-off/"
    assert "Call this work off?" in said(kaze.get(address))
    kaze.post(address, {"confirmed": "1"})
    work.refresh_from_db()
    assert work.cancelled_at
    assert "reported or called off" in said(kaze.post(address, {"confirmed": "1"}, follow=True))


@pytest.mark.parametrize("who", ["sora.application", "umi.application", "yama.application", "hub.operator"])
def test_nobody_else_finds_these_pages(play, cast, who):
    application, work = submitted(play), exchange(play)
    client = client_of(cast[who])
    for address in (WORK, way(application), way(application, "meter-work"), f"/meter-works/{work.pk}/"):
        assert client.get(address).status_code in (403, 404), address
    assert client.post(way(application), {"verdict": "accept", "confirmed": "1"}).status_code in (403, 404)
    application.refresh_from_db()
    assert application.state == ApplicationState.SUBMITTED
