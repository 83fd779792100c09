"""V16: what was due against what was delivered, said once per day, network, area and class."""

from datetime import timedelta

from metering import day_checks, gaps
from metering.finding_words import sentence
from metering.models import CheckFinding
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver

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
