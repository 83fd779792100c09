"""Files of a network operator: answers to applications and reports of meter work, from the work list and back."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from metering import meters
from metering.models import Meter
from portal import people
from portal.models import Notice
from switching import answers, meter_works
from switching.bulk import uploads
from switching.models import MeterWork, NetworkAnswer, Sight, UploadRow
from tests.cast import person
from tests.switching.bulk.sending import csv_of, rules, send, states, work_off
from tests.switching.cases import DESIRED
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def kaze(cast):
    return cast["kaze.application"]


def submitted(play, count=1):
    return [play.start(play.point(), meter_work=True) for _ in range(count)]


def row(application, verdict="accept", codes="", text=""):
    return {"application": application.number, "verdict": verdict, "codes": codes, "text": text, "reference": ""}


def confirmed(upload, by, now):
    uploads.confirm(upload.pk, by=by, now=now)
    return work_off(upload, now=now)


def test_answers_are_checked_then_given_and_the_retailers_are_told(play, cast, kaze, now):
    first, second, third = submitted(play, 3)
    rows = [row(first), row(second, "拒否", "r04 R99", "6月から可"), row(third, "reject", "A01")]
    upload = send("network_answers", csv_of(rows), by=kaze, now=now)
    assert states(upload) == ["good", "good", "wrong"]
    assert rules(upload)[2] == ["code_of_the_other_answer"]
    assert not NetworkAnswer.objects.exists(), "a preview answers nothing"
    confirmed(upload, kaze, now)
    assert states(upload) == ["done", "done", "wrong"]
    for case, state in ((first, "waiting"), (second, "rejected"), (third, "submitted")):
        case.refresh_from_db()
        assert case.state == state
    answer = NetworkAnswer.objects.get(application=second)
    assert (answer.codes, answer.text, answer.by) == (["R04", "R99"], "6月から可", kaze)
    assert NetworkAnswer.objects.get(application=first).codes == ["A01"]
    assert {notice.recipient for notice in Notice.objects.filter(kind="application_rejected")} == {cast.sora}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"verdict": ""}, "value"),
        ({"verdict": "perhaps"}, "value"),
        ({"verdict": "reject"}, "code_missing"),
        ({"verdict": "reject", "codes": "R99"}, "words_missing"),
        ({"codes": "A77"}, "unknown_code"),
        ({"codes": "R01"}, "code_of_the_other_answer"),
        ({"application": "A0000000012"}, "no_application_number"),
        ({"application": "A0000900001"}, "unknown_application"),
    ],
)
def test_each_wrong_answer_has_its_rule(play, kaze, now, changes, rule):
    (application,) = submitted(play)
    upload = send("network_answers", csv_of([row(application) | changes]), by=kaze, now=now)
    assert (states(upload), rules(upload)) == (["wrong"], [[rule]])


def test_an_answer_given_by_hand_is_there_already_and_another_one_is_named(play, kaze, now):
    first, second = submitted(play, 2)
    upload = send("network_answers", csv_of([row(first), row(second)]), by=kaze, now=now)
    answers.accept(application_id=first.pk, by=kaze, now=now)
    answers.reject(application_id=second.pk, codes=["R07"], by=kaze, now=now)
    confirmed(upload, kaze, now)
    assert (states(upload), rules(upload)) == (["known", "refused"], [["is_answered"], ["answered_otherwise"]])


def test_a_strangers_application_and_another_areas_are_unknown_and_a_retailer_has_no_such_file(play, cast, kaze, now):
    (application,) = submitted(play)
    there = person(cast.kaze, "kaze.kansai", roles=[people.Hold("application", "06")])
    upload = send("network_answers", csv_of([row(application)]), by=there, now=now)
    assert rules(upload) == [["unknown_application"]]
    with pytest.raises(uploads.NotYours):
        send("network_answers", csv_of([row(application)]), by=cast["sora.application"], now=now)
    with pytest.raises(uploads.NotYours):
        send("switch_start", b"x", by=kaze, now=now)


def test_the_work_list_of_answers_comes_back_filled_in(play, kaze, client_of, time_machine, now):
    time_machine.move_to(now, tick=False)
    first, second = submitted(play, 2)
    play.start(play.point())  # taken by the tables: nobody answers it
    body = client_of(kaze).get(reverse("switching:upload-work-list", args=["network_answers", "csv"])).content
    listed = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert [line[0] for line in listed[1:]] == [first.number, second.number]
    assert first.holder_name not in body.decode() and first.holder_address not in body.decode()
    assert Sight.objects.filter(application=first).exists(), "it counts as opened"
    for line in listed[1:]:
        line[1] = "受付"
    out = io.StringIO()
    csv.writer(out).writerows(listed)
    upload = send("network_answers", out.getvalue().encode(), by=kaze, now=now)
    assert (states(upload), upload.remarks) == (["good", "good"], [])


def planned(play, kaze, count=1, kind="exchange"):
    works = []
    for _ in range(count):
        point = play.point()
        Meter.objects.create(point=point, number=f"OLD-{point.pk}", installed_on=date(2020, 1, 1))
        works.append(meter_works.plan(point=point, kind=kind, planned_on=DESIRED, by=kaze, now=play.now))
    return works


def report(one, **changes):
    return {
        "work": str(one.pk),
        "supply_point": one.point.number,
        "done_on": DESIRED.isoformat(),
        "old_meter": f"OLD-{one.point_id}",
        "old_reading_wh": "1200",
        "new_meter": f"NEW-{one.point_id}",
        "new_kind": "",
        "multiplier": "",
        "new_reading_wh": "0",
        "reference": "",
        **changes,
    }


def test_reports_put_the_meters_in_their_places_on_the_day_really_done(play, kaze):
    first, second = planned(play, kaze, 2)
    later = DESIRED + timedelta(days=2)
    rows = [report(first), report(second, done_on=later.isoformat(), new_reading_wh="")]
    upload = send("meter_works", csv_of(rows), by=kaze, now=at(later, 18))
    assert (states(upload), rules(upload)) == (["good", "warned"], [[], ["other_day"]])
    assert MeterWork.objects.filter(done_on__isnull=True).count() == 2
    assert Meter.objects.count() == 2, "a preview changes no meter"
    confirmed(upload, kaze, at(later, 18))
    assert states(upload) == ["done", "done"]
    assert [row.meter_work_id for row in upload.lines.order_by("line")] == [first.pk, second.pk]
    second.refresh_from_db()
    assert (second.done_on, second.new_meter.kind, second.new_meter.multiplier) == (later, "smart", 1)
    assert [meter.number for meter in meters.standing(second.point_id, DESIRED)] == [f"OLD-{second.point_id}"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"work": "999999"}, "unknown_work"),
        ({"work": "x"}, "value"),
        ({"work": str(10**30)}, "value"),
        ({"supply_point": "0300000000000000000099"}, "other_point"),
        ({"supply_point": "12345678901234567"}, "CityGasNumber"),
        ({"done_on": ""}, "value"),
        ({"done_on": "2026-05-01"}, "DoneInFuture"),
        ({"done_on": "2020-01-01"}, "DoneLongAgo"),
        ({"new_meter": ""}, "MetersDoNotFit"),
        ({"old_meter": "OTHER"}, "NoSuchMeter"),
        ({"old_reading_wh": "-1"}, "value"),
        ({"new_kind": "clockwork"}, "value"),
    ],
)
def test_each_wrong_report_has_its_rule(play, kaze, changes, rule):
    (work,) = planned(play, kaze)
    upload = send("meter_works", csv_of([report(work, **changes)]), by=kaze, now=at(DESIRED, 18))
    assert states(upload) == ["wrong"] and rule in rules(upload)[0]


def test_a_number_that_stood_at_the_point_is_not_put_up_again(play, kaze):
    (work,) = planned(play, kaze)
    upload = send("meter_works", csv_of([report(work, new_meter=f"OLD-{work.point_id}")]), by=kaze, now=at(DESIRED, 18))
    assert rules(upload) == [["MeterStandsAlready"]]


def test_the_same_report_again_is_there_already_and_another_is_over(play, kaze):
    (work,) = planned(play, kaze)
    now = at(DESIRED, 18)
    confirmed(send("meter_works", csv_of([report(work)]), by=kaze, now=now), kaze, now)
    again = send("meter_works", csv_of([report(work, reference="again")]), by=kaze, now=now)
    other = send("meter_works", csv_of([report(work, old_reading_wh="1300")]), by=kaze, now=now)
    assert (states(again), rules(again)) == (["known"], [["is_reported"]])
    assert (states(other), rules(other)) == (["wrong"], [["WorkIsOver"]])


def test_the_work_list_of_reports_names_the_meter_that_stands_there(play, kaze, client_of, time_machine):
    time_machine.move_to(at(DESIRED, 18), tick=False)
    (work,) = planned(play, kaze)
    body = client_of(kaze).get(reverse("switching:upload-work-list", args=["meter_works", "csv"])).content
    listed = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert listed[1][:4] == [str(work.pk), work.point.number, "", f"OLD-{work.point_id}"]
    listed[1][2], listed[1][5] = DESIRED.isoformat(), "NEW"
    out = io.StringIO()
    csv.writer(out).writerows(listed)
    upload = send("meter_works", out.getvalue().encode(), by=kaze, now=at(DESIRED, 18))
    assert (states(upload), upload.remarks) == (["good"], [])


@pytest.mark.parametrize("content", ["network_answers", "meter_works"])
def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(play, kaze, content):
    def cost(count):
        if content == "network_answers":
            rows = [row(application) for application in submitted(play, count)]
        else:
            rows = [report(work) for work in planned(play, kaze, count)]
        with CaptureQueriesContext(connection) as queries:
            upload = send(content, csv_of(rows), by=kaze, now=at(DESIRED, 18))
        assert states(upload) == ["good"] * count, rules(upload)
        return len(queries)

    cost(1)  # what is asked once per process
    assert cost(1) == cost(7)


def test_the_pages_show_a_network_operator_its_two_kinds_of_files(play, kaze, client_of, now, time_machine):
    time_machine.move_to(now, tick=False)
    (application,) = submitted(play)
    client = client_of(kaze)
    page = client.get(reverse("switching:uploads")).content.decode()
    assert reverse("switching:upload-new", args=["network_answers"]) in page
    assert reverse("switching:upload-new", args=["relays"]) not in page
    assert client.get(reverse("switching:upload-new", args=["relays"])).status_code == 404
    upload = send("network_answers", csv_of([row(application)]), by=kaze, now=now)
    assert application.number in client.get(reverse("switching:upload", args=[upload.pk])).content.decode()
    inbox = client.get("/").content.decode()
    assert reverse("switching:uploads") in inbox
    assert client.get(reverse("switching:network-work")).content.decode().count("network_answers") >= 1


def test_a_row_that_was_carried_out_has_one_case_and_no_second(play, kaze, now):
    (work,) = planned(play, kaze)
    upload = send("meter_works", csv_of([report(work)]), by=kaze, now=at(DESIRED, 18))
    line = upload.lines.get()
    for ids in ({}, {"meter_work": work, "application": submitted(play)[0]}):
        with pytest.raises(IntegrityError, match="a_row_that_was_carried_out_has_its_case"), transaction.atomic():
            UploadRow.objects.filter(pk=line.pk).update(state="done", **ids)
