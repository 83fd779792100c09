"""What is not paired takes effect on its day: supply begins and ends, breaker and holder change."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metering import supply
from metering.models import SupplyPeriod
from portal.models import Notice
from switching import effects, matching
from switching.models import Application
from switching.states import ApplicationState
from tests.switching.cases import DESIRED
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db
BEFORE = DESIRED - timedelta(days=1)


def filed(play, kind, point, who="umi", **given):
    return play.taken_up(play.file(kind, point, who, **given))


def test_supply_ends_on_the_day_of_a_termination_and_not_before(play, cast):
    point = play.point()
    found = filed(play, "termination", point)
    assert effects.take_effect_due(now=at(BEFORE, 23)) == 0
    assert effects.take_effect_due(now=at(DESIRED, 0)) == 1
    found.refresh_from_db()
    point.refresh_from_db()
    assert (found.state, found.in_effect_on) == (ApplicationState.IN_EFFECT, DESIRED)
    assert point.contract_state == "idle"
    assert supply.current_period(point, BEFORE).retailer == cast.umi
    assert supply.current_period(point, DESIRED) is None
    assert Notice.objects.get(kind="supply_ended").recipient == cast.umi
    assert Notice.objects.get(kind="application_effective").recipient == cast.kaze
    assert effects.take_effect_due(now=at(DESIRED, 1)) == 0


def test_a_termination_with_removal_leaves_no_equipment(play):
    point = play.point()
    filed(play, "termination", point, removal=True)
    effects.take_effect_due(now=at(DESIRED))
    point.refresh_from_db()
    assert point.contract_state == "removed"


def test_a_reconnection_dated_back_supplies_from_its_day(play, cast):
    point = play.vacant()
    day = date(2026, 3, 10)
    found = filed(play, "reconnection", point, "sora", day=day, ampere=20)
    assert effects.take_effect_due(now=play.now) == 1
    period = supply.current_period(point, day)
    assert (period.retailer, period.cause, period.contract.holder_since) == (cast.sora, found.number, day)
    assert supply.current_period(point, day - timedelta(days=1)) is None
    point.refresh_from_db()
    assert (point.contract_state, point.current_limit_a) == ("energised", 20)


def test_out_and_in_on_the_same_day_leave_no_day_without_supply_whoever_is_answered_first(play, cast):
    for order in ((0, 1), (1, 0)):
        point = play.point()
        both = [play.file("termination", point), play.file("reconnection", point, "sora")]
        play.taken_up(both[order[0]])
        assert effects.take_effect_due(now=at(BEFORE)) == 0
        if order == (1, 0):
            assert effects.take_effect_due(now=at(DESIRED)) == 0, "who moves in waits for who moves out"
        play.taken_up(both[order[1]], now=at(DESIRED, 9))
        while effects.take_effect_due(now=at(DESIRED)):
            pass
        assert supply.current_period(point, BEFORE).retailer == cast.umi
        assert supply.current_period(point, DESIRED).retailer == cast.sora
        assert not Application.objects.filter(point=point).exclude(state="in_effect").exists()


def test_an_ampere_change_sets_the_breaker_and_the_size(play):
    point = play.point(current_limit_a=40, contract_size=40)
    filed(play, "ampere_change", point)
    effects.take_effect_due(now=at(DESIRED))
    point.refresh_from_db()
    assert (point.current_limit_a, point.contract_size) == (30, 30)


@pytest.mark.parametrize(
    ("change", "since"),
    [("new_holder", DESIRED), ("new_name", date(2024, 4, 1)), ("correction", date(2024, 4, 1))],
)
def test_a_consumer_change_is_known_from_its_day_and_only_a_new_holder_begins_anew(play, cast, change, since):
    point = play.point()
    held = point.contracts.get()
    filed(play, "consumer_change", point, change=change)
    effects.take_effect_due(now=at(DESIRED))
    before, after = supply.current_period(point, BEFORE), supply.current_period(point, DESIRED)
    assert (before.contract, after.retailer, after.contract.number) == (held, cast.umi, held.number)
    assert (after.contract.holder_name, after.contract.holder_since) == ("新井 次郎", since)
    assert supply.known_then(point, DESIRED, at=at(BEFORE)).contract == held, "what was believed then stays known"


def test_a_start_brings_its_contract_size_with_the_hand_over(play, cast):
    point = play.point(capacity_method="ampere_breaker", contract_size=40)
    relay = play.accepted(point)
    play.file(
        "switch_start", point, "sora", relay=relay, capacity_method="actual_demand", contract_size=6,
        contract_size_unit="kW",
    )  # fmt: skip
    matching.match_waiting(now=play.now)
    matching.hand_over_due(now=at(DESIRED))
    point.refresh_from_db()
    assert (point.capacity_method, point.contract_size, point.contract_size_unit) == ("actual_demand", 6, "kW")


def test_what_cannot_be_carried_out_is_set_aside_and_the_others_go_on(play, cast):
    broken, fine = play.point(), play.point()
    first, second = filed(play, "termination", broken), filed(play, "termination", fine)
    supply.terminate({broken.pk: DESIRED - timedelta(days=3)}, cause="otherwise", now=play.now)
    assert effects.waits_to_take_effect(DESIRED)
    assert effects.take_effect_due(now=at(DESIRED)) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.stuck_because and first.state == ApplicationState.ACCEPTED
    assert second.state == ApplicationState.IN_EFFECT
    assert effects.take_effect_due(now=at(DESIRED)) == 0 and not effects.waits_to_take_effect(DESIRED)
    assert effects.try_again([first.pk, second.pk], by=cast["hub.operator"], now=at(DESIRED)) == 1
    assert effects.take_effect_due(now=at(DESIRED)) == 1


def test_three_take_as_many_queries_as_one(play):
    costs = []
    for count in (1, 3):
        for _ in range(count):
            filed(play, "termination", play.point())
        with CaptureQueriesContext(connection) as queries:
            assert effects.take_effect_due(now=at(DESIRED)) == count
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_a_point_never_has_two_suppliers_or_a_gap_after_a_holder_change_before_a_switch(play, cast):
    point = play.point()
    filed(play, "consumer_change", point, day=date(2026, 3, 25), change="new_name")
    effects.take_effect_due(now=play.now)
    relay = play.accepted(point)
    play.start(point, relay=relay)
    matching.match_waiting(now=play.now)
    matching.hand_over_due(now=at(DESIRED))
    believed = SupplyPeriod.objects.filter(point=point, known_until__isnull=True).order_by("during")
    assert [period.retailer for period in believed] == [cast.umi, cast.umi, cast.sora]
    assert [period.during.lower for period in believed[1:]] == [period.during.upper for period in believed[:2]]
