"""V16: what was due against what was delivered, said once per day, network, area and class."""

from datetime import timedelta

from django.utils import translation

from metering import day_checks, gaps, history_checks
from metering.finding_words import sentence
from metering.models import CheckFinding
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.metering.test_arrival_checks import rule
from tests.metering.test_half_hours import send as send_half_hour

LATER = NOW + timedelta(days=1)


def test_active_points_that_were_not_delivered_are_said_once(cast):
    houses = make_points(cast, 3)
    make_points(cast, 1, supply_class="FIT")
    deliver(cast, csv_of(block_of(houses[:1])))
    gaps.check(now=LATER)
    assert day_checks.run_due(now=NOW) == 0  # the day has not had its time
    assert day_checks.run_due(now=LATER) == 1
    assert day_checks.run_due(now=LATER) == 0
    found = CheckFinding.objects.filter(check_code="V16").order_by("supply_class")
    assert [(f.supply_class, f.numbers) for f in found] == [
        ("FIT", {"missing": 1, "due": 1}),
        ("LV", {"missing": 2, "due": 3}),
    ]
    assert {f.day for f in found} == {DAY} and {f.network_operator for f in found} == {cast.kaze}
    assert "2" in sentence(found[1])


def test_points_that_nobody_supplies_are_said(cast):
    [alone] = make_points(cast, 1, retailer="")
    deliver(cast, csv_of(block_of([alone])))
    gaps.check(now=LATER)
    day_checks.run_due(now=LATER)
    [finding] = CheckFinding.objects.filter(check_code="V16")
    assert (finding.kind, finding.numbers) == ("not_supplied", {"unsupplied": 1})


def test_a_finding_without_a_point_is_not_a_retailers(cast):
    deliver(cast, csv_of(block_of(make_points(cast, 2)[:1])))
    gaps.check(now=LATER)
    day_checks.run_due(now=LATER)
    found = CheckFinding.objects.filter(check_code="V16")
    assert found.visible_to(cast["kaze.usage"]).count() == found.visible_to(cast["hub.auditor"]).count() == 1
    assert not found.visible_to(cast["umi.usage"]).exists()


def not_in_the_day_file():
    found = CheckFinding.objects.filter(kind="not_in_day_file", replaced_at__isnull=True).order_by("point")
    return [finding.point for finding in found]


def test_a_point_whose_half_hours_came_but_no_day_is_said_by_name(cast):
    houses = make_points(cast, 4)
    send_half_hour(cast, houses[:2], [10, 20], 3, day=DAY)
    send_half_hour(cast, houses[1:3], [10, None], 9, day=DAY)
    deliver(cast, csv_of(block_of(houses[:1])))
    day_checks.check(DAY, now=LATER)
    assert not_in_the_day_file() == houses[1:3]
    with translation.override("en"):
        assert sentence(CheckFinding.objects.filter(kind="not_in_day_file")[0]).startswith("Half-hours came")
    deliver(cast, csv_of(block_of(houses[1:2])), now=LATER)  # the day comes after all
    history_checks.run_due(now=LATER)
    assert not_in_the_day_file() == houses[2:3]


def test_half_hours_of_a_network_that_sent_no_day_at_all_are_not_said_one_by_one(cast):
    send_half_hour(cast, make_points(cast, 2), [10, 20], 3, day=DAY)
    day_checks.check(DAY, now=LATER)
    assert not_in_the_day_file() == []


def test_half_hours_are_held_to_the_day_only_where_the_rules_say_so(cast):
    [house] = make_points(cast, 1, supply_class="LV")
    [shop] = make_points(cast, 1, supply_class="HV")
    send_half_hour(cast, [house], [10], 3, day=DAY)
    send_half_hour(cast, [shop], [10], 3, day=DAY, code="0110")
    deliver(cast, csv_of(block_of(make_points(cast, 1))))
    rule(cast, "V16", "off", supply_class="LV")
    day_checks.check(DAY, now=LATER)
    assert not_in_the_day_file() == [shop]


def test_so_many_points_of_a_network_and_day_are_said_and_no_more(cast, monkeypatch):
    monkeypatch.setattr(day_checks, "MOST", 3)
    monkeypatch.setattr(day_checks, "BLOCK_ROWS", 2)
    houses = make_points(cast, 5)
    send_half_hour(cast, houses[1:], [10, 20, 30, 40], 3, day=DAY)
    deliver(cast, csv_of(block_of(houses[:1])))
    day_checks.check(DAY, now=LATER)
    assert not_in_the_day_file() == houses[1:4]
