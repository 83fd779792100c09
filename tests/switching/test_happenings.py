"""Nothing is silently unsent: every move in every table is an event to each party, with a cause that fits."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from portal import event_kinds, events
from portal.models import Cause, Event, Topic
from portal.workdays import JST
from switching import happenings, matching, relays, stops, traces
from switching.models import Application
from switching.states import APPLICATION_MOVES, RELAY_MOVES, ApplicationState, RelayMove, RelayState
from switching.undo_states import UNDO_MOVES, Phase, UndoKind


def told(subject: str, kind: str) -> dict[int, str]:
    """Recipient → cause of the last event of this kind on the subject."""
    found = Event.objects.filter(subject=subject, kind=kind).order_by("pk")
    return {event.recipient_id: event.cause for event in found}


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["", "sora.relay", "umi.relay", "hub.operator"])
def test_every_move_of_a_relay_is_an_event_to_both_retailers(play, who):
    relay = play.relay(play.point())
    by = play.cast[who] if who else None
    for (before, move), after in RELAY_MOVES.items():
        kind, seen = f"relay.{move}", Event.objects.count()
        traces.leave([traces.Trace(relay, move, before or "", after)], by=by, now=play.now)
        assert set(told(f"relay {relay.number}", kind)) == {play.cast.sora.pk, play.cast.umi.pk}, move
        assert Event.objects.count() == seen + 2
    assert not Event.objects.filter(recipient__in=[play.cast.yama, play.cast.kaze], topic=Topic.RELAYS).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["", "umi.application", "kaze.application"])
def test_every_move_of_an_application_is_an_event_to_its_retailer_and_the_network_operator_and_a_draft_to_its_own(
    play, who
):
    application = play.file("termination", play.point())
    by = play.cast[who] if who else None
    own, both = {play.cast.umi.pk}, {play.cast.umi.pk, play.cast.kaze.pk}
    for (before, move), after in APPLICATION_MOVES.items():
        newest = Event.objects.order_by("-pk").first()
        traces.leave([traces.Trace(application, move, before or "", after)], by=by, now=play.now)
        got = Event.objects.filter(pk__gt=newest.pk if newest else 0)
        is_draft = after == ApplicationState.DRAFT or (before, after) == (
            ApplicationState.DRAFT,
            ApplicationState.CANCELLED,
        )
        assert {event.recipient_id for event in got} == (own if is_draft else both), (before, move)
        assert {event.kind for event in got} == {f"application.{move}"}


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["", "umi.relay", "hub.operator"])
def test_every_move_of_an_undoing_is_an_event_to_both_retailers_and_where_it_concerns_it_to_the_network_operator(
    undo, who
):
    cast = undo.play.cast
    case = undo.reversal(undo.switched())
    by = cast[who] if who else None
    for (kind, before, move), after in UNDO_MOVES.items():
        phases = list(Phase) if kind == UndoKind.COOLING_OFF else [""]
        for phase in phases:
            case.kind, case.phase = kind, phase
            newest = Event.objects.order_by("-pk").first()
            traces.leave([traces.Trace(case, move, before or "", after)], by=by, now=undo.play.now)
            got = Event.objects.filter(pk__gt=newest.pk)
            wanted = {cast.umi.pk, cast.sora.pk}
            if kind != UndoKind.FRAUD and phase != Phase.BEFORE_MATCH:
                wanted.add(cast.kaze.pk)
            assert {event.recipient_id for event in got} == wanted, (kind, before, move, phase)
            assert all(event.cause for event in got)


@pytest.mark.parametrize(
    ("noun", "moves"),
    [
        ("relay", {move for _state, move in RELAY_MOVES}),
        ("application", {move for _state, move in APPLICATION_MOVES}),
        ("undoing", {move for _kind, _state, move in UNDO_MOVES}),
    ],
)
def test_every_move_has_a_cause_where_nobody_made_it_by_hand(noun, moves):
    assert {move for of, move in happenings.OF_ITSELF if of == noun} == moves


@pytest.mark.django_db
def test_the_cause_is_each_sides_own(play):
    relay = play.accepted(play.point())
    subject = f"relay {relay.number}"
    sora, umi = play.cast.sora.pk, play.cast.umi.pk
    assert told(subject, "relay.register") == {sora: Cause.OWN_DEED, umi: Cause.COUNTERPART_DEED}
    assert told(subject, "relay.accept") == {umi: Cause.OWN_DEED, sora: Cause.COUNTERPART_DEED}
    play.start(relay.point, relay=relay)
    matching.match_waiting(now=play.now)
    assert set(told(subject, "relay.match").values()) == {Cause.PAIR_FOUND}


@pytest.mark.django_db
def test_silence_a_rule_and_a_cut_off_are_told_apart(play):
    quiet = play.relay(play.point())
    relays.expire_overdue(now=play.now + timedelta(days=10))
    assert set(told(f"relay {quiet.number}", "relay.expire").values()) == {Cause.SILENCE}
    play.policy(auto_accept=True)
    by_rule = play.relay(play.point())
    assert set(told(f"relay {by_rule.number}", "relay.accept").values()) == {Cause.STANDING_RULE}
    play.policy(auto_accept=False)
    alone = play.accepted(play.point())
    assert matching.close_unmatched(now=datetime(2026, 4, 20, 9, tzinfo=JST))
    assert set(told(f"relay {alone.number}", "relay.fail").values()) == {Cause.CUT_OFF}


@pytest.mark.django_db
def test_a_withdrawal_takes_the_losing_sides_termination_along_and_says_so(play):
    play.policy(filing="by_itself")
    relay = play.accepted(play.point())
    termination = Application.objects.get(relay=relay)
    relays.withdraw(relay_id=relay.pk, by=play.cast["sora.relay"], now=play.now)
    causes = told(f"application {termination.number}", "application.cancel")
    assert causes[play.cast.umi.pk] == Cause.FOLLOWED


@pytest.mark.django_db
def test_a_request_to_stop_and_its_answer_are_events(undo):
    relay = undo.matched()
    start = Application.objects.get(point=relay.point, kind="switch_start")
    asked = stops.ask(
        application_id=start.pk,
        reason="customer changed mind",
        by=undo.play.cast["sora.application"],
        now=undo.play.now,
    )
    subject = start.number
    assert told(subject, "application.ask_stop") == {undo.play.cast.kaze.pk: Cause.COUNTERPART_DEED}
    stops.decide(
        request_id=asked.pk, stops=False, text="too late", by=undo.play.cast["kaze.application"], now=undo.play.now
    )
    assert told(subject, "application.refuse_stop") == {undo.play.cast.sora.pk: Cause.NETWORK_DEED}


@pytest.mark.django_db
def test_an_event_carries_no_customers_data(play):
    relay = play.accepted(play.point())
    play.start(relay.point, relay=relay)
    for event in Event.objects.all():
        text = str(events.told(event))
        for secret in (relay.holder_name, relay.holder_kana, relay.holder_address, relay.contract_number, "空 太郎"):
            assert secret not in text


def test_every_notice_has_been_spoken_for_as_an_event():
    kinds = {path.stem for path in (Path(settings.BASE_DIR) / "templates" / "mail").glob("*.txt")}
    letters = {kind for kind in kinds if kind.startswith(("_", "use_application_"))}  # to people without a company
    assert sorted(kinds - letters - set(event_kinds.KINDS)) == []


@pytest.mark.django_db
def test_a_rolled_back_move_leaves_no_event_and_no_gap(play):
    relay = play.relay(play.point())
    before = events.standing(play.cast.umi)
    with pytest.raises(InterruptedError), transaction.atomic():
        traces.leave([traces.Trace(relay, RelayMove.ACCEPT, "01", RelayState.ACCEPTED)], by=None, now=play.now)
        raise InterruptedError
    assert events.standing(play.cast.umi) == before
