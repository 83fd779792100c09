"""Cooling-off in its three phases."""

from datetime import date, datetime, timedelta

import pytest

from metering import supply
from metering.models import SupplyPeriod
from portal.models import LedgerEntry, Notice
from portal.workdays import JST
from switching import cooling_off, matching, relays, undoing
from switching.models import Application, Relay, UndoCase
from switching.states import ApplicationState, RelayState
from switching.undo_states import Phase, UndoState
from tests.cast import NOW
from tests.switching.undoings import AFTER, SWITCH_DAY, match_of, supplier

NEXT_DAY = datetime(2026, 4, 21, 0, 5, tzinfo=JST)


def test_before_the_match_relay_start_and_termination_end_together(play, undo):
    point = play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay)
    case = undo.cool_off(relay)
    relay.refresh_from_db()
    start.refresh_from_db()
    assert (case.phase, case.state) == (Phase.BEFORE_MATCH, UndoState.DONE)
    assert relay.state == RelayState.WITHDRAWN
    assert set(Application.objects.filter(relay=relay).values_list("state", flat=True)) == {ApplicationState.CANCELLED}
    assert supplier(point, SWITCH_DAY) == play.cast.umi
    assert [step.move for step in case.steps.all()] == ["end_together"]
    assert LedgerEntry.objects.filter(action="undoing.end_together", subject=f"undoing {case.number}").exists()


def test_after_the_match_the_network_operator_stops_it_and_the_old_contract_goes_on(play, undo):
    relay = undo.matched()
    case = undo.cool_off(relay)
    assert (case.phase, case.state) == (Phase.MATCHED, UndoState.ASKED)
    assert case.answering_id == play.cast.kaze.pk
    assert Notice.objects.filter(recipient=play.cast.kaze, kind="undoing_asked", context__is_your_turn=True).exists()
    cooling_off.answer(case_id=case.pk, agrees=True, by=play.cast["kaze.application"], now=NOW)
    relay.refresh_from_db()
    case.refresh_from_db()
    assert (case.state, relay.state) == (UndoState.DONE, RelayState.WITHDRAWN)
    assert match_of(relay).dissolved_at == NOW
    assert set(relay.applications.values_list("state", flat=True)) == {ApplicationState.CANCELLED}
    assert matching.hand_over_due(now=AFTER) == 0
    assert supplier(relay.point, SWITCH_DAY) == play.cast.umi
    again = play.relay(relay.point)  # the point is free again
    assert again.state == RelayState.WAITING


def test_a_refused_stop_lets_the_switch_happen_and_the_third_phase_stays_open(play, undo):
    relay = undo.matched()
    case = undo.cool_off(relay)
    with pytest.raises(undoing.WordsMissing):
        cooling_off.answer(case_id=case.pk, agrees=False, by=play.cast["kaze.application"], now=NOW)
    cooling_off.answer(case_id=case.pk, agrees=False, reason="work_begun", by=play.cast["kaze.application"], now=NOW)
    case.refresh_from_db()
    assert case.state == UndoState.REFUSED
    matching.hand_over_due(now=datetime(2026, 4, 15, 0, 5, tzinfo=JST))
    later = undo.cool_off(relay, now=AFTER)
    assert (later.phase, later.state) == (Phase.SWITCHED, UndoState.GOING)


def test_after_the_switch_termination_and_reconnection_are_one_act_without_a_gap(play, undo):
    relay = undo.switched()
    former = relay.point.contracts.get(retailer=play.cast.umi)
    case = undo.cool_off(relay, now=AFTER)
    assert (case.phase, case.state, case.effective_on) == (Phase.SWITCHED, UndoState.GOING, date(2026, 4, 21))
    filed = {a.kind: a for a in case.applications.all()}
    assert filed["termination"].retailer == play.cast.sora
    assert filed["reconnection"].retailer == play.cast.umi
    assert filed["reconnection"].contract_number == former.number
    assert cooling_off.carry_out_due(now=AFTER) == 0, "its day has not come"
    assert cooling_off.carry_out_due(now=NEXT_DAY) == 1
    assert cooling_off.carry_out_due(now=NEXT_DAY) == 0
    case.refresh_from_db()
    assert case.state == UndoState.DONE
    days = [SWITCH_DAY - timedelta(days=1), SWITCH_DAY, date(2026, 4, 20), date(2026, 4, 21), date(2026, 6, 1)]
    assert [supplier(relay.point, day).name_en for day in days] == [
        "Umi Energy", "Sora Denki", "Sora Denki", "Umi Energy", "Umi Energy",
    ]  # fmt: skip
    period = SupplyPeriod.objects.get(point=relay.point, known_until=None, ending="open")
    assert (period.contract.number, period.contract.holder_since) == (former.number, former.holder_since)
    for application in filed.values():
        application.refresh_from_db()
        assert (application.state, application.in_effect_on) == (ApplicationState.IN_EFFECT, date(2026, 4, 21))


def test_the_switch_date_before_the_answer_files_the_return_by_itself(play, undo):
    relay = undo.matched()
    case = undo.cool_off(relay)
    assert cooling_off.follow_matches(now=NOW) == 0
    matching.hand_over_due(now=datetime(2026, 4, 15, 0, 5, tzinfo=JST))
    now = datetime(2026, 4, 15, 0, 6, tzinfo=JST)
    assert cooling_off.follow_matches(now=now) == 1
    case.refresh_from_db()
    assert (case.phase, case.state, case.effective_on) == (Phase.SWITCHED, UndoState.GOING, date(2026, 4, 16))
    cooling_off.carry_out_due(now=datetime(2026, 4, 16, 0, 5, tzinfo=JST))
    assert supplier(relay.point, date(2026, 4, 16)) == play.cast.umi


def test_a_match_dissolved_some_other_way_ends_the_question(play, undo):
    relay = undo.matched()
    case = undo.cool_off(relay)
    matching.dissolve(match_of(relay).pk, now=NOW)
    assert cooling_off.follow_matches(now=NOW) == 1
    case.refresh_from_db()
    assert case.state == UndoState.DONE


def test_the_period_counts_from_the_papers_and_their_day_is_the_first(play, undo):
    relay = undo.matched()
    assert cooling_off.last_day(date(2026, 4, 1)) == date(2026, 4, 8)
    with pytest.raises(cooling_off.PeriodOver) as refusal:
        undo.cool_off(relay, papers_on=date(2026, 3, 24), declared_on=date(2026, 4, 1))
    assert refusal.value.last == date(2026, 3, 31)
    with pytest.raises(cooling_off.DeclaredInFuture):
        undo.cool_off(relay, declared_on=date(2026, 4, 2))
    with pytest.raises(cooling_off.DeclaredInFuture):
        undo.cool_off(relay, papers_on=date(2026, 4, 1), declared_on=date(2026, 3, 31))
    assert undo.cool_off(relay, papers_on=None).state == UndoState.ASKED, "without papers no period has begun"


def test_only_the_gaining_retailer_passes_it_on_and_only_the_network_operator_answers(play, undo):
    relay = undo.matched()
    for name in ("umi.relay", "yama.relay", "sora.application", "kaze.application"):
        with pytest.raises(undoing.NotYours):
            undo.cool_off(relay, by=play.cast[name])
    case = undo.cool_off(relay)
    for name in ("umi.relay", "sora.relay", "kaze.viewer", "hub.operator"):
        with pytest.raises(undoing.NotYours):
            cooling_off.answer(case_id=case.pk, agrees=True, by=play.cast[name], now=NOW)


def test_a_second_case_on_the_point_is_refused_while_one_is_open(play, undo):
    relay = undo.matched()
    undo.cool_off(relay)
    with pytest.raises(undoing.PointBusy):
        undo.cool_off(relay)
    switched = undo.switched()
    undo.cool_off(switched, now=AFTER)
    with pytest.raises(undoing.PointBusy):
        undo.reversal(switched)
    with pytest.raises(relays.PointBusy):
        play.relay(switched.point, "yama", now=AFTER, losing_retailer=play.cast.sora, desired_date=date(2026, 5, 12))


def test_nothing_is_left_to_cool_off_from_after_an_end(play, undo):
    relay = play.rejected(play.point(), 2)
    with pytest.raises(cooling_off.NothingToUndo):
        undo.cool_off(relay)
    switched = undo.switched()
    undo.cool_off(switched, now=AFTER)
    cooling_off.carry_out_due(now=NEXT_DAY)
    with pytest.raises(cooling_off.NothingToUndo):
        undo.cool_off(switched, now=NEXT_DAY)


def test_a_return_whose_point_moved_on_goes_to_the_hub_operator(play, undo):
    stuck, fine = undo.switched(), undo.switched()
    cases = [undo.cool_off(relay, now=AFTER) for relay in (stuck, fine)]
    supply.terminate({stuck.point_id: date(2026, 4, 21)}, cause="moved out", now=AFTER)
    assert cooling_off.carry_out_due(now=NEXT_DAY) == 2
    assert [UndoCase.objects.get(pk=case.pk).state for case in cases] == [UndoState.ESCALATED, UndoState.DONE]
    assert supplier(fine.point, date(2026, 4, 21)) == play.cast.umi
    with pytest.raises(undoing.WordsMissing):
        cooling_off.decide(case_id=cases[0].pk, upholds=False, text=" ", by=play.cast["hub.operator"], now=NEXT_DAY)
    cooling_off.decide(
        case_id=cases[0].pk, upholds=False, text="Moved out.", by=play.cast["hub.operator"], now=NEXT_DAY
    )
    assert UndoCase.objects.get(pk=cases[0].pk).state == UndoState.REFUSED
    assert {a.state for a in cases[0].applications.all()} == {ApplicationState.CANCELLED}


def test_checking_writes_nothing(play, undo):
    relay = undo.switched()
    sketch = undo.cool_off(relay, now=AFTER, dry_run=True)
    assert sketch.effective_on == date(2026, 4, 21)
    assert not UndoCase.objects.exists()
    assert Relay.objects.get(pk=relay.pk).state == RelayState.MATCHED
