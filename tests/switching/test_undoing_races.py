"""Undoing at the same time as something else: real connections, real locks."""

from datetime import date, datetime

import pytest

from portal.workdays import JST
from switching import cooling_off, matching, relays, reversals, undoing
from switching.models import Match, Relay, UndoCase
from switching.states import RelayState
from switching.undo_states import UndoState
from tests.cast import NOW
from tests.switching.test_races import together
from tests.switching.undoings import AFTER, SWITCH_DAY, match_of, supplier

pytestmark = pytest.mark.django_db(transaction=True)
MIDNIGHT = datetime(2026, 4, 15, 0, 5, tzinfo=JST)


def test_the_stop_and_the_hand_over_at_once_one_wins_and_the_point_has_one_supplier(play, undo):
    kaze = play.cast["kaze.application"]
    for _ in range(3):
        relay = undo.matched()
        case = undo.cool_off(relay)
        together(
            lambda c=case: cooling_off.answer(case_id=c.pk, agrees=True, by=kaze, now=MIDNIGHT),
            lambda: matching.hand_over_due(now=MIDNIGHT),
        )
        case.refresh_from_db()
        match = match_of(relay)
        assert (match.handed_over_at is None) != (match.dissolved_at is None)
        if match.handed_over_at:
            assert case.state == UndoState.ASKED and supplier(relay.point, SWITCH_DAY) == play.cast.sora
            cooling_off.follow_matches(now=MIDNIGHT)
            case.refresh_from_db()
            assert case.state == UndoState.GOING
        else:
            assert case.state == UndoState.DONE and supplier(relay.point, SWITCH_DAY) == play.cast.umi


def test_two_undoings_of_a_point_at_once_one_is_opened(play, undo):
    umi, sora = play.cast["umi.relay"], play.cast["sora.relay"]
    for _ in range(3):
        relay = undo.switched()
        results = together(
            lambda r=relay: reversals.ask(relay_id=r.pk, reason="hub_fault", by=umi, now=AFTER),
            lambda r=relay: reversals.ask(relay_id=r.pk, reason="hub_fault", by=sora, now=AFTER),
        )
        assert sorted(type(result).__name__ for result in results) == ["PointBusy", "UndoCase"]
        assert UndoCase.objects.filter(point=relay.point).count() == 1


def test_a_reversal_and_anothers_relay_at_once_exclude_one_another(play, undo):
    umi, yama = play.cast["umi.relay"], play.cast["yama.relay"]
    for _ in range(3):
        relay = undo.switched()
        request = play.request(
            relay.point, "yama", AFTER, losing_retailer=play.cast.sora, desired_date=date(2026, 5, 12)
        )
        results = together(
            lambda r=relay: reversals.ask(relay_id=r.pk, reason="hub_fault", by=umi, now=AFTER),
            lambda q=request: relays.register(q, by=yama, now=AFTER),
        )
        refused = [result for result in results if isinstance(result, undoing.PointBusy | relays.PointBusy)]
        assert len(refused) == 1, results
        opened = UndoCase.objects.filter(point=relay.point, state=UndoState.ASKED).count()
        waiting = Relay.objects.filter(point=relay.point, state=RelayState.WAITING).count()
        assert opened + waiting == 1


def test_two_workers_carry_a_return_out_once(play, undo):
    relay = undo.switched()
    case = undo.cool_off(relay, now=AFTER)
    day = datetime(2026, 4, 21, 0, 5, tzinfo=JST)
    done = together(*[lambda: cooling_off.carry_out_due(now=day)] * 3)
    assert sorted(done) == [0, 0, 1]
    case.refresh_from_db()
    assert case.state == UndoState.DONE and case.steps.filter(move="carry_out").count() == 1
    assert Match.objects.filter(point=relay.point).count() == 1
    assert case.closed_at > NOW
