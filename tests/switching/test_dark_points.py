"""A termination without a start, and a retailer that leaves the market: no point goes dark silently."""

from datetime import date, datetime, timedelta

import pytest

from metering.models import SupplyPeriod
from portal.models import Notice
from portal.workdays import JST
from switching import dark_points, exits, matching, relays, undoing
from switching.models import ExitDay, StartWarning, UndoCase
from switching.states import ApplicationState, RelayState
from switching.undo_reasons import Outcome
from switching.undo_states import UndoState
from tests.cast import NOW, make_points
from tests.switching.cases import DESIRED
from tests.switching.undoings import supplier

CUT_OFF = date(2026, 4, 14)
CLOSED = datetime(2026, 4, 15, 0, 5, tzinfo=JST)
ENDS = date(2026, 4, 25)


def at(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, datetime.min.time(), JST) + timedelta(hours=hour)


def test_a_missing_start_is_warned_of_at_half_time_and_on_the_last_day(play):
    relay = play.accepted(play.point())
    started = play.point()
    play.start(started, relay=play.accepted(started))
    assert dark_points.warn_of_missing_starts(now=at(date(2026, 4, 7))) == 0
    half = at(date(2026, 4, 8), 9)
    assert dark_points.warn_of_missing_starts(now=half) == 1
    assert dark_points.warn_of_missing_starts(now=half) == 0
    assert dark_points.warn_of_missing_starts(now=at(CUT_OFF)) == 1
    assert dark_points.warn_of_missing_starts(now=at(CUT_OFF, 23)) == 0
    assert list(StartWarning.objects.values_list("relay", "stage")) == [(relay.pk, "half"), (relay.pk, "last_day")]
    assert Notice.objects.filter(recipient=play.cast.sora, kind="start_missing", subject=relay.number).count() == 2
    assert Notice.objects.filter(recipient=play.cast.kaze, kind="start_missing_here").count() == 2


def test_a_hub_that_slept_warns_once_on_the_last_day(play):
    play.accepted(play.point())
    assert dark_points.warn_of_missing_starts(now=at(CUT_OFF)) == 1
    assert StartWarning.objects.get().stage == "last_day"


def warned(play):
    relay = play.accepted(play.point())
    matching.close_unmatched(now=CLOSED)
    relay.refresh_from_db()
    return relay, UndoCase.objects.get(relay=relay)


def test_a_termination_without_a_start_warns_and_silence_keeps_the_old_contract(play):
    relay, case = warned(play)
    assert (relay.state, case.state) == (RelayState.MATCHING_FAILED, UndoState.ASKED)
    told = Notice.objects.filter(kind="undoing_asked", subject=case.number).values_list("recipient", flat=True)
    assert set(told) == {play.cast.umi.pk, play.cast.kaze.pk}
    assert dark_points.keep_unanswered(now=case.due_at) == 1
    case.refresh_from_db()
    assert case.state == UndoState.KEPT
    assert supplier(relay.point, date(2026, 12, 1)) == play.cast.umi


def test_a_start_without_a_termination_ends_unmatched_and_warns_of_nothing(play):
    start = play.start(play.point())
    matching.close_unmatched(now=CLOSED)
    start.refresh_from_db()
    assert start.state == ApplicationState.UNMATCHED
    assert not UndoCase.objects.exists()
    assert supplier(start.point, DESIRED) == play.cast.umi


def test_a_contract_that_ends_gives_last_resort_supply_without_a_word(play):
    relay, case = warned(play)
    by = play.cast["umi.relay"]
    with pytest.raises(dark_points.EndsTooSoon) as refusal:
        dark_points.answer(case_id=case.pk, ends_on=date(2026, 4, 19), by=by, now=CLOSED)
    assert refusal.value.earliest == date(2026, 4, 20)
    with pytest.raises(undoing.NotYours):
        dark_points.answer(case_id=case.pk, ends_on=ENDS, by=play.cast["sora.relay"], now=CLOSED)
    dark_points.answer(case_id=case.pk, ends_on=ENDS, by=by, now=CLOSED)
    assert dark_points.carry_out_due(now=at(ENDS - timedelta(days=1))) == 0
    assert dark_points.carry_out_due(now=at(ENDS, 0)) == 1
    case.refresh_from_db()
    assert (case.state, case.outcome) == (UndoState.DONE, Outcome.LAST_RESORT)
    assert supplier(relay.point, ENDS - timedelta(days=1)) == play.cast.umi
    assert supplier(relay.point, ENDS) == play.cast.kaze


def test_only_a_customer_who_declined_is_left_without_supply(play):
    relay, case = warned(play)
    dark_points.answer(case_id=case.pk, ends_on=ENDS, by=play.cast["umi.relay"], now=CLOSED)
    by = play.cast["kaze.application"]
    with pytest.raises(undoing.WordsMissing):
        dark_points.decide(case_id=case.pk, outcome=Outcome.NO_SUPPLY, text="", by=by, now=CLOSED)
    with pytest.raises(undoing.NotYours):
        dark_points.decide(case_id=case.pk, outcome=Outcome.NO_SUPPLY, text="x", by=play.cast["umi.relay"], now=CLOSED)
    dark_points.decide(case_id=case.pk, outcome=Outcome.NO_SUPPLY, text="Letter of 16 April.", by=by, now=CLOSED)
    dark_points.carry_out_due(now=at(ENDS, 0))
    assert supplier(relay.point, ENDS) is None
    relay.point.refresh_from_db()
    assert relay.point.contract_state == "idle"


def test_a_switch_that_comes_in_time_wins_over_the_last_resort(play):
    relay, case = warned(play)
    dark_points.answer(case_id=case.pk, ends_on=ENDS, by=play.cast["umi.relay"], now=CLOSED)
    again = play.relay(relay.point, now=CLOSED, desired_date=ENDS)
    relays.judge(relay_id=again.pk, verdict=relays.Verdict.ACCEPT, by=play.cast["umi.relay"], now=CLOSED)
    play.start(relay.point, relay=again, desired_date=ENDS, now=CLOSED)
    matching.match_waiting(now=CLOSED)
    midnight = at(ENDS, 0)
    assert dark_points.carry_out_due(now=midnight) == 0, "the hand-over of the day goes first"
    matching.hand_over_due(now=midnight)
    assert dark_points.carry_out_due(now=midnight) == 1
    case.refresh_from_db()
    assert (case.outcome, supplier(relay.point, ENDS)) == (Outcome.MOVED, play.cast.sora)


# --- A retailer leaves the market

LAST = date(2026, 4, 30)


@pytest.fixture
def leave(play):
    def announce(last_day: date = LAST, now: datetime = NOW) -> UndoCase:
        return exits.announce(
            company=play.cast.umi, last_day=last_day, text="Licence returned.", by=play.cast["hub.operator"], now=now
        )

    return announce


def until_done(now: datetime, limit: int = 2) -> int:
    rounds = 0
    while exits.carry_out_due(now=now, limit=limit):
        rounds += 1
    return rounds


def test_every_point_has_a_supplier_after_the_last_day(play, leave):
    points = make_points(play.cast, 7)
    case = leave()
    assert {row.area: row.points_at_first for row in case.areas.all()} == {"03": 7, "06": 0}
    assert exits.carry_out_due(now=at(LAST)) == 0, "the last day is still its own"
    assert until_done(at(LAST + timedelta(days=1), 0)) == 5  # 2 + 2 + 2 + 1 points and the end
    for point in points:
        assert supplier(point, LAST) == play.cast.umi
        assert supplier(point, LAST + timedelta(days=1)) == play.cast.kaze
        period = SupplyPeriod.objects.get(point=point, known_until=None, ending="open")
        assert period.cause == case.number
    case.refresh_from_db()
    assert case.state == UndoState.DONE
    assert case.areas.get(area="03").to_last_resort == 7


def test_relays_to_a_leaving_retailer_are_accepted_by_the_hub_where_the_data_fit(play, leave):
    exact, weak, before = play.point(), play.point(), play.point()
    assert play.relay(before).state == RelayState.WAITING
    leave()
    assert play.relay(exact).state == RelayState.ACCEPTED
    assert play.relay(weak, holder_name="高橋 花").state == RelayState.WAITING


def test_a_leaving_retailer_gains_nothing_more(play, undo, leave):
    point = play.point(supplier=play.cast.yama)
    waiting = play.relay(point, "umi", losing_retailer=play.cast.yama)
    leave()
    waiting.refresh_from_db()
    assert waiting.state == RelayState.WITHDRAWN
    with pytest.raises(relays.Leaving):
        play.relay(play.point(supplier=play.cast.yama), "umi", losing_retailer=play.cast.yama)


def test_switches_under_way_go_on_from_the_last_resort(play, undo, leave):
    late = play.accepted(play.point(), desired_date=date(2026, 5, 12))
    leave()
    until_done(at(LAST + timedelta(days=1), 0))
    late.refresh_from_db()
    assert late.losing_retailer == play.cast.kaze
    play.start(late.point, relay=late, desired_date=date(2026, 5, 12))
    assert matching.match_waiting(now=at(LAST + timedelta(days=1))) == 1
    assert matching.hand_over_due(now=at(date(2026, 5, 12), 0)) == 1
    assert supplier(late.point, date(2026, 5, 11)) == play.cast.kaze
    assert supplier(late.point, date(2026, 5, 12)) == play.cast.sora


def test_a_hand_over_of_the_first_day_after_goes_before_the_last_resort(play, undo, leave):
    relay = undo.matched()
    leave(last_day=DESIRED - timedelta(days=1))
    midnight = at(DESIRED, 0)
    assert exits.carry_out_due(now=midnight) == 0
    matching.hand_over_due(now=midnight)
    assert until_done(midnight) == 1
    assert supplier(relay.point, DESIRED) == play.cast.sora


def test_a_customer_leaves_last_resort_supply_by_an_ordinary_relay(play, leave):
    point = play.point()
    leave()
    until_done(at(LAST + timedelta(days=1), 0))
    now = at(date(2026, 5, 7))
    relay = play.relay(point, now=now, losing_retailer=play.cast.kaze, desired_date=date(2026, 5, 20))
    assert relay.state == RelayState.ACCEPTED, "the data fit, so the hub accepts it by itself"
    play.start(point, relay=relay, desired_date=date(2026, 5, 20), now=now)
    matching.match_waiting(now=now)
    matching.hand_over_due(now=at(date(2026, 5, 20), 0))
    assert supplier(point, date(2026, 5, 20)) == play.cast.sora
    with pytest.raises(relays.NotARetailerThere):
        play.relay(
            play.point(supplier=play.cast.yama), now=now, losing_retailer=play.cast.kaze, desired_date=date(2026, 5, 20)
        )


def test_what_is_left_is_counted_once_a_day(play, leave):
    relay = play.accepted(play.point())
    _others = play.point(), play.point()
    case = leave()
    assert ExitDay.objects.filter(case=case, area="03").values_list("remaining", "under_way").get() == (3, 1)
    assert exits.count_days(now=NOW) == 0
    assert exits.count_days(now=NOW + timedelta(days=1)) == 2
    found = exits.remaining(case)
    assert {(point.pk == relay.point_id, point.is_under_way) for point in found} == {(True, True), (False, False)}


def test_the_operator_alone_announces_and_calls_off(play, leave):
    with pytest.raises(undoing.NotYours):
        exits.announce(company=play.cast.umi, last_day=LAST, text="x", by=play.cast["umi.relay"], now=NOW)
    by = play.cast["hub.operator"]
    with pytest.raises(exits.LastDayPast):
        exits.announce(company=play.cast.umi, last_day=date(2026, 3, 31), text="x", by=by, now=NOW)
    with pytest.raises(exits.NotARetailer):
        exits.announce(company=play.cast.hub, last_day=LAST, text="x", by=by, now=NOW)
    case = leave()
    with pytest.raises(undoing.PointBusy):
        leave()
    exits.call_off(case_id=case.pk, text="Rescued.", by=by, now=NOW)
    assert exits.carry_out_due(now=at(LAST + timedelta(days=1))) == 0
    assert leave().number != case.number
