"""Before the opening: facility inquiries and movement information by file, checked, carried out, answered by file."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from metering.models import Consent, FacilityInquiry, InquiryCount
from portal import gates
from portal.models import Event, Function, LedgerEntry
from switching import movements
from switching.bulk import uploads
from switching.models import Movement, UploadRow
from tests.switching.bulk import sending
from tests.switching.cases import DESIRED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _store(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def question(number: str, **changes: str) -> dict[str, str]:
    return {
        "supply_class": "LV",
        "supply_point": number,
        "consent_reference": "K-1",
        "consent_channel": "telephone",
        "purpose": "switch",
        "obtained_on": "2026-03-30",
        "reference": "mine",
        **changes,
    }


def plan(number: str, **changes: str) -> dict[str, str]:
    row = {"supply_class": "LV", "supply_point": number, "kind": "switch", "wished_on": DESIRED.isoformat()}
    return {**row, "reference": "mine", **changes}


def as_file(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def sent(content: str, rows: list[dict[str, str]], by, now):
    return sending.send(content, as_file(rows), by=by, now=now)


def carried_out(upload, by, now):
    uploads.confirm(upload.pk, by=by, now=now)
    while uploads.carry_out(upload.pk, now=now):
        pass
    upload.refresh_from_db()
    return upload


def rules(upload) -> list[list[str]]:
    return [[item["rule"] for item in row.findings] for row in upload.lines.order_by("line")]


def answers(client, upload) -> list[dict[str, str]]:
    answer = client.get(f"/uploads/{upload.pk}/answers.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_each_row_is_an_inquiry_of_its_own_with_its_own_consent_and_answered_by_file(play, client_of):
    by, now = play.cast["sora.inquiry"], play.now
    points = [play.point() for _ in range(3)]
    rows = [question(point.number, consent_reference=f"K-{at}") for at, point in enumerate(points)]
    upload = sent("inquiries", rows, by, now)
    assert upload.rows_good == 3
    assert not FacilityInquiry.objects.exists(), "the check asks nothing"
    upload = carried_out(upload, by, now)
    assert upload.state == "done"
    asked = FacilityInquiry.objects.filter(company=play.cast.sora)
    assert {one.consent.reference for one in asked} == {"K-0", "K-1", "K-2"}
    assert LedgerEntry.objects.filter(action="facility inquiry", user=by).count() == 3
    assert sum(InquiryCount.objects.filter(user=by).values_list("count", flat=True)) == 3
    told = answers(client_of(by), upload)
    assert [row["supply_point"] for row in told] == [point.number for point in points]
    assert {row["verdict"] for row in told} == {"done"} and all(row["contract_state"] for row in told)
    assert LedgerEntry.objects.filter(action="upload.answers", subject=f"upload {upload.pk}").exists()
    assert client_of(play.cast["yama.inquiry"]).get(f"/uploads/{upload.pk}/answers.csv").status_code == 404


def test_a_row_that_cannot_be_asked_says_why_and_the_check_tells_nothing_about_a_point(play):
    by, now = play.cast["sora.inquiry"], play.now
    known, unknown = play.point().number, "03" + "0" * 19 + "7"
    upload = sent(
        "inquiries",
        [
            question(known),
            question(unknown),
            question(known[:-1]),
            question(play.point(area="06").number, obtained_on="2025-11-01"),
            question(play.point().number, obtained_on="2026-04-02"),
            question("01" + "0" * 19 + "1"),
            question(play.point().number, consent_reference=""),
        ],
        by,
        now,
    )
    found = rules(upload)
    assert found[0] == found[1] == [], "whether a point exists is no matter of the check"
    assert found[2] and found[3:6] == [["ConsentTooOld"], ["ConsentInTheFuture"], ["NoPartInArea"]]
    assert found[6] == ["value"]
    carried_out(upload, by, now)
    first, second = upload.lines.order_by("line")[:2]
    assert (first.state, second.state) == ("done", "refused")
    assert second.findings[0]["rule"] == "UnknownPoint"
    assert LedgerEntry.objects.filter(action="facility inquiry refused", user=by).count() == 1


def test_the_budget_of_the_day_ends_a_file_and_what_is_left_can_be_sent_again(play, settings):
    settings.INQUIRIES_PER_PERSON_AND_DAY = 2
    by, now = play.cast["sora.inquiry"], play.now
    upload = sent("inquiries", [question(play.point().number) for _ in range(4)], by, now)
    carried_out(upload, by, now)
    assert list(upload.lines.order_by("line").values_list("state", flat=True)) == ["done", "done", "refused", "refused"]
    assert rules(upload)[2:] == [["BudgetSpent"], ["BudgetSpent"]]
    assert Consent.objects.count() == 4


def test_both_are_open_in_the_connectivity_check_before_the_opening(play):
    now = play.now
    gates.open_function(Function.FACILITY_INQUIRY, opened_from=now, by=None, now=now)
    gates.open_function(Function.APPLICATIONS, opened_from=now + timedelta(days=30), by=None, now=now)
    point = play.point()
    asked = sent("inquiries", [question(point.number)], play.cast["sora.inquiry"], now)
    assert carried_out(asked, play.cast["sora.inquiry"], now).state == "done"
    planned = sent("movements", [plan(point.number)], play.cast["sora.application"], now)
    assert carried_out(planned, play.cast["sora.application"], now).state == "done"


def test_a_plan_is_checked_against_the_point_and_seen_by_its_network_operator_alone(play, client_of):
    by, now = play.cast["sora.application"], play.now
    house, other, ours = play.point(), play.point(), play.point(supplier=play.cast.sora)
    vacant, gone = play.vacant(), play.vacant()
    sending.inquire(play, [house, ours, vacant, gone])
    gone.contract_state = "removed"
    gone.save()
    upload = sent(
        "movements",
        [
            plan(house.number),
            plan(other.number),
            plan(ours.number),
            plan(vacant.number),
            plan(gone.number),
        ],
        by,
        now,
    )
    found = rules(upload)
    assert found[0] == ["meter_work"], "no meter is registered there, so work is to be expected"
    assert found[1:] == [["not_inquired"], ["AlreadyOurs"], ["NobodySupplies"], ["PointRemoved"]]
    carried_out(upload, by, now)
    told = Movement.objects.get()
    assert (told.point, told.wished_on, told.meter_work) == (house, DESIRED, True)
    for who, sees in (("kaze.application", True), ("sora.viewer", True), ("yama.application", False)):
        page = client_of(play.cast[who]).get("/movements/").content.decode()
        assert (f"/movements/{told.pk}/withdrawal/" in page) == (who == "sora.viewer"), who
        assert Movement.objects.visible_to(play.cast[who]).exists() == sees, who
    recipients = set(Event.objects.filter(kind="movement.announce").values_list("recipient", flat=True))
    assert recipients == {play.cast.sora.pk, play.cast.kaze.pk}
    verdicts = [row["verdict"] for row in answers(client_of(by), upload)]
    assert verdicts == ["done", "wrong", "wrong", "wrong", "wrong"]


def test_a_plan_told_anew_replaces_the_one_before_and_the_same_one_is_known(play):
    by, now = play.cast["sora.application"], play.now
    point = play.point()
    sending.inquire(play, [point])
    carried_out(sent("movements", [plan(point.number)], by, now), by, now)
    assert rules(sent("movements", [plan(point.number)], by, now)) == [["is_told"]]
    later = (DESIRED + timedelta(days=7)).isoformat()
    carried_out(sent("movements", [plan(point.number, wished_on=later)], by, now), by, now)
    first, second = Movement.objects.order_by("pk")
    assert (first.ending, second.ending) == ("replaced", "")
    movements.withdraw(second.pk, by=by, now=now)
    with pytest.raises(movements.Over):
        movements.withdraw(second.pk, by=by, now=now)
    with pytest.raises(movements.NotYours):
        movements.withdraw(second.pk, by=play.cast["yama.application"], now=now)


@pytest.mark.parametrize("day", ["2026-04-01", "2025-12-31", "2026-12-31"])
def test_a_date_outside_what_can_be_planned_is_refused_with_the_dates_that_can(play, day):
    point = play.point()
    sending.inquire(play, [point])
    upload = sent("movements", [plan(point.number, wished_on=day)], play.cast["sora.application"], play.now)
    assert rules(upload) == [["DateNotPossible"]]
    assert "2026-04-02" in upload.lines.get().findings[0]["words"]["en"]


def test_plans_are_checked_in_a_number_of_queries_that_does_not_grow_by_row_more_than_a_little(
    play, django_assert_max_num_queries
):
    by, now = play.cast["sora.application"], play.now
    points = [play.point() for _ in range(10)]
    sending.inquire(play, points)
    with django_assert_max_num_queries(120):
        sent("movements", [plan(point.number) for point in points], by, now)


@pytest.mark.parametrize(
    ("name", "change"),
    [("an_ended_plan_says_why", {"ending": "replaced"}), ("a_company_plans_one_movement_per_point", None)],
)
def test_the_database_refuses(play, name, change):
    by, now, point = play.cast["sora.application"], play.now, play.point()
    made = movements.announce(point=point, kind="switch", wished_on=DESIRED, by=by, now=now)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        if change:
            Movement.objects.filter(pk=made.pk).update(**change)
        else:
            made.pk = None
            made.save(force_insert=True)


def test_a_row_that_was_carried_out_has_one_case_alone(play):
    by, now, point = play.cast["sora.application"], play.now, play.point()
    sending.inquire(play, [point])
    upload = carried_out(sent("movements", [plan(point.number)], by, now), by, now)
    with pytest.raises(IntegrityError, match="a_row_that_was_carried_out_has_its_case"), transaction.atomic():
        UploadRow.objects.filter(upload=upload).update(inquiry=FacilityInquiry.objects.first())
