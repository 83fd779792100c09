"""Start meets termination: match, freeze, cut-off, hand-over."""

from datetime import date, datetime, timedelta

import pytest

from metering import supply
from metering.models import ReadingDate, SupplyPeriod
from portal.models import LedgerEntry, Notice
from portal.workdays import JST
from switching import applications, matching, relays
from switching.models import Application, Match, Relay, Step
from switching.states import ApplicationState, RelayState
from tests.switching.cases import DESIRED

pytestmark = pytest.mark.django_db


def at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=JST)


def switched(play, point=None):
    """A pair, matched."""
    point = point or play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay)
    assert matching.match_waiting(now=play.now) == 1
    start.refresh_from_db()
    relay.refresh_from_db()
    return relay, start


def test_a_start_and_a_termination_of_the_same_point_and_date_are_paired(play, cast):
    relay, start = switched(play)
    termination = Application.objects.get(kind=Application.Kind.SWITCH_TERMINATION)
    assert start.state == termination.state == ApplicationState.MATCHED
    assert start.match == termination.match
    assert start.match.switch_date == DESIRED
    assert relay.state == RelayState.MATCHED
    assert matching.match_waiting(now=play.now) == 0
    told = Notice.objects.filter(kind="application_matched").values_list("recipient", flat=True)
    assert sorted(told) == sorted([cast.sora.pk, cast.umi.pk, cast.kaze.pk])


def test_the_start_may_come_before_the_acceptance(play, cast):
    point = play.point()
    relay = play.relay(point)
    play.start(point, relay=relay)
    assert matching.match_waiting(now=play.now) == 0
    relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=play.now)
    assert matching.match_waiting(now=play.now) == 1


def test_another_date_or_another_gaining_retailer_is_not_paired(play):
    point, other = play.point(), play.point()
    play.accepted(point)
    play.start(point, desired_date=DESIRED + timedelta(days=1))
    play.accepted(other)
    # No verb lets this start in beside sora's relay; two requests in the same moment might.
    Application.objects.filter(pk=play.start(other).pk).update(retailer=play.cast.yama)
    assert matching.match_waiting(now=play.now) == 0


def test_a_late_match_moves_the_switch_to_the_first_reading_date_in_reach(play):
    point = play.point(reading_day=7)
    for day in (date(2026, 4, 16), date(2026, 4, 20), date(2026, 5, 20)):
        ReadingDate.objects.create(area="03", reading_day=7, day=day)
    relay = play.accepted(point)
    play.start(point, relay=relay)
    assert matching.match_waiting(now=at(date(2026, 4, 14))) == 1
    assert Match.objects.get().switch_date == date(2026, 4, 20), "earliest is Wed 15 + 2 days = 17"


def test_meter_work_needs_eight_business_days(play):
    with pytest.raises(applications.DateNotPossible) as refusal:
        play.start(play.point(), meter_work=True, desired_date=DESIRED - timedelta(days=3))
    assert refusal.value.earliest == date(2026, 4, 15)


def test_a_matched_pair_is_frozen_for_both_sides(play, cast):
    relay, start = switched(play)
    with pytest.raises(applications.Frozen):
        applications.cancel(application_id=start.pk, by=cast["sora.application"], now=play.now)
    with pytest.raises(relays.AlreadyMoved):
        relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=play.now)
    with pytest.raises(relays.AlreadyMoved):
        relays.judge(relay_id=relay.pk, verdict=relays.Verdict.REJECT, reasons=[8], by=cast["umi.relay"], now=play.now)
    termination = Application.objects.get(kind=Application.Kind.SWITCH_TERMINATION)
    with pytest.raises(applications.NotYours):
        applications.cancel(application_id=termination.pk, by=cast["umi.application"], now=play.now)


def test_on_its_date_the_point_belongs_to_the_new_retailer_and_not_a_day_before(play, cast):
    _, start = switched(play)
    assert matching.hand_over_due(now=at(DESIRED - timedelta(days=1), 23)) == 0
    assert matching.hand_over_due(now=at(DESIRED, 0)) == 1
    assert supply.current_period(start.point, DESIRED - timedelta(days=1)).retailer == cast.umi
    period = supply.current_period(start.point, DESIRED)
    assert (period.retailer, period.contract.number, period.cause) == (
        cast.sora,
        start.contract_number,
        start.number,
    )
    start.refresh_from_db()
    assert (start.state, start.in_effect_on, start.completed_at) == (ApplicationState.IN_EFFECT, DESIRED, None)
    assert matching.hand_over_due(now=at(DESIRED, 1)) == 0


def test_a_worker_that_was_away_hands_over_from_the_right_day(play, cast):
    _, start = switched(play)
    assert matching.hand_over_due(now=at(DESIRED + timedelta(days=5))) == 1
    assert supply.current_period(start.point, DESIRED).retailer == cast.sora


def test_what_was_known_before_the_hand_over_stays_known(play, cast):
    _, start = switched(play)
    matching.hand_over_due(now=at(DESIRED))
    then = SupplyPeriod.objects.filter(point=start.point, known_from__lt=at(DESIRED), known_until__gte=at(DESIRED))
    assert then.get().retailer == cast.umi


def test_supply_started_and_paperwork_completed_are_two_facts(play, cast):
    _, start = switched(play)
    with pytest.raises(applications.AlreadyMoved):
        applications.complete(application_id=start.pk, by=cast["kaze.application"], now=play.now)
    matching.hand_over_due(now=at(DESIRED))
    for who in ("sora.application", "yama.application", "kaze.viewer"):
        with pytest.raises(applications.NotYours):
            applications.complete(application_id=start.pk, by=cast[who], now=at(DESIRED))
    later = at(DESIRED + timedelta(days=2))
    done = applications.complete(application_id=start.pk, by=cast["kaze.application"], now=later)
    assert (done.state, done.in_effect_on, done.completed_at) == (ApplicationState.COMPLETED, DESIRED, later)


def test_a_termination_without_start_is_unmatched_after_its_cut_off_and_the_old_contract_goes_on(play, cast):
    relay = play.accepted(play.point())
    cut_off = Application.objects.get().matching_deadline
    assert cut_off == DESIRED - timedelta(days=1)
    assert matching.close_unmatched(now=at(cut_off, 23)) == 0
    assert matching.close_unmatched(now=at(DESIRED, 0)) == 2
    relay.refresh_from_db()
    assert relay.state == RelayState.MATCHING_FAILED
    assert Application.objects.get().state == ApplicationState.UNMATCHED
    assert supply.current_period(relay.point, DESIRED).retailer == cast.umi
    assert matching.match_waiting(now=at(DESIRED)) == 0
    told = Notice.objects.filter(kind="relay_failed").values_list("recipient", flat=True)
    assert sorted(told) == sorted([cast.sora.pk, cast.umi.pk])


def test_a_start_without_termination_is_unmatched_after_its_cut_off(play):
    start = play.start(play.point())
    assert matching.close_unmatched(now=at(DESIRED)) == 1
    start.refresh_from_db()
    assert start.state == ApplicationState.UNMATCHED


def test_a_match_whose_point_changed_meanwhile_is_set_aside_and_the_others_go_on(play, cast):
    _, start = switched(play)
    _, other = switched(play)
    supply.terminate({start.point_id: DESIRED - timedelta(days=5)}, cause="moved out", now=play.now)
    assert matching.hand_over_due(now=at(DESIRED)) == 2
    stuck = Match.objects.get(point=start.point)
    assert stuck.stuck_because
    assert supply.current_period(other.point, DESIRED).retailer == cast.sora
    assert matching.hand_over_due(now=at(DESIRED)) == 0
    assert matching.try_again([stuck.pk, other.match_id], by=cast["hub.operator"], now=at(DESIRED)) == 1


def test_every_move_leaves_a_step_and_a_ledger_row(play, cast):
    _, start = switched(play)
    matching.hand_over_due(now=at(DESIRED))
    applications.complete(application_id=start.pk, by=cast["kaze.application"], now=at(DESIRED))
    for case in (*Relay.objects.all(), *Application.objects.all()):
        steps = list(case.steps.all())
        subject = f"{'relay' if isinstance(case, Relay) else 'application'} {case.number}"
        assert steps[0].from_state == ""
        assert [s.to_state for s in steps[:-1]] == [s.from_state for s in steps[1:]]
        assert steps[-1].to_state == case.state
        assert LedgerEntry.objects.filter(subject=subject, detail__has_key="to").count() == len(steps)
    assert Step.objects.filter(by=None).count() == 5


def test_matching_costs_the_same_number_of_queries_whatever_the_size(play, django_assert_max_num_queries):
    def cost(count: int) -> int:
        for _ in range(count):
            point = play.point()
            play.start(point, relay=play.accepted(point))
        with django_assert_max_num_queries(40) as captured:
            assert matching.match_waiting(now=play.now) == count
        return len(captured)

    assert cost(1) == cost(5)


def test_closing_costs_the_same_number_of_queries_whatever_the_size(play, django_assert_max_num_queries):
    def cost(count: int) -> int:
        for _ in range(count):
            play.accepted(play.point())
        with django_assert_max_num_queries(40) as captured:
            assert matching.close_unmatched(now=at(DESIRED)) == 2 * count
        return len(captured)

    assert cost(1) == cost(5)


def test_handing_over_costs_the_same_number_of_queries_whatever_the_size(play, django_assert_max_num_queries):
    def cost(count: int) -> int:
        for _ in range(count):
            switched(play)
        with django_assert_max_num_queries(40) as captured:
            assert matching.hand_over_due(now=at(DESIRED)) == count
        return len(captured)

    assert cost(1) == cost(5)
