"""Register readings come in as CSV, are kept with their corrections, and hold stored days to their sums."""

import csv
import io
from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse

from metering import history_checks
from metering.models import CheckFinding, RegisterReading, UsageFile
from tests.cast import NOW, client_of, make_points
from tests.metering.delivering import DAY, block_of, counts, csv_of, deliver, reasons

HEAD = "supply_point,meter,date,kind,reading_kwh"
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def house(cast):
    return make_points(cast, 1)[0]


def send(cast, *lines: str, head: str = HEAD, now=NOW) -> UsageFile:
    return deliver(cast, ("\n".join([head, *lines]) + "\n").encode(), name="registers.csv", now=now)


def test_readings_are_recorded_and_known_ones_passed_over(cast, house):
    file = send(cast, f"{house.number},M1,{DAY},regular,100.5", f"{house.number},M1,{NEXT},,124.5")
    assert file.format == "registers" and counts(file) == (2, 2, 0, 0)
    assert list(RegisterReading.objects.values_list("day", "kind", "wh")) == [
        (DAY, "regular", 100_500),
        (NEXT, "regular", 124_500),
    ]
    again = send(cast, f"{house.number},M1,{DAY},regular,100.5", f"{house.number},M1,{NEXT},regular,125")
    assert counts(again) == (2, 1, 1, 0)
    assert list(RegisterReading.objects.filter(day=NEXT).values_list("revision", "wh")) == [(0, 124_500), (1, 125_000)]


def test_bad_rows_are_kept_with_their_reasons_and_the_others_go_in(cast, house):
    other = make_points(cast, 1)[0].number
    file = send(
        cast,
        f"{house.number[:-1]},M1,{DAY},regular,1",
        f"03{9:020},M1,{DAY},regular,1",
        f"{house.number},M1,2026/03/31,regular,1",
        f"{house.number},M1,{NEXT + timedelta(days=9)},regular,1",
        f"{house.number},M1,{DAY},weekly,1",
        f"{house.number},M1,{DAY},regular,-1",
        f"{house.number},M1,{DAY},regular,much",
        f"{house.number},M12345678901234567,{DAY},regular,1",
        f"{house.number},M1,{DAY},regular,5",
        f"{house.number},M1,{DAY},regular,6",
        f"{house.number},M1,{DAY},regular,5",
        f"{other},M1,{DAY},regular,7",
    )
    assert sorted(reasons(file)) == [
        (2, "point_length"),
        (3, "point_unknown"),
        (4, "date_form"),
        (5, "day_future"),
        (6, "register_kind"),
        (7, "register_number"),
        (8, "register_number"),
        (9, "meter_length"),
        (11, "register_differs"),
    ]
    assert counts(file) == (12, 2, 1, 9)


@pytest.mark.parametrize("head", ["supply_point,reading_kwh", f"{HEAD},colour"])
def test_a_file_with_another_head_is_unreadable(cast, house, head):
    file = send(cast, head=head)
    assert file.state == "unreadable" and file.problem["code"].startswith("header_")


def test_refused_readings_are_corrected_and_sent_again_as_they_are(cast, house):
    file = send(cast, f"{house.number},M1,{DAY},regular,x", f"{house.number},M1,{NEXT},regular,5")
    response = client_of(cast["kaze.usage"]).get(reverse("metering:refused-rows", args=[file.pk]))
    content = b"".join(response.streaming_content)
    [row] = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["reading_kwh"] == "x" and row["reason"]
    assert counts(deliver(cast, content.replace(b",x", b",4"), name="registers-2.csv")) == (1, 1, 0, 0)


def test_readings_that_come_after_the_day_hold_it_to_them(cast, house):
    values = np.full((1, 48), 500, np.int32)
    deliver(cast, csv_of(block_of([house], values=values, meters=["M1"])))
    history_checks.run_due(now=NOW)
    assert not CheckFinding.objects.exists()
    send(cast, f"{house.number},M1,{DAY},regular,0", f"{house.number},M1,{NEXT},regular,30")
    [finding] = CheckFinding.objects.all()
    assert (finding.check_code, finding.numbers["register_wh"]) == ("V07", 30_000)
    send(cast, f"{house.number},M1,{NEXT},regular,24", now=NOW + timedelta(hours=1))
    assert not CheckFinding.objects.filter(replaced_at__isnull=True).exists()
