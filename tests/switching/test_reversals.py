"""Reversal of an erroneous switch, and the customer who denies one."""

from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from metering.models import Contract
from portal import proofs
from portal.models import Notice
from portal.workdays import JST
from switching import cooling_off, exits, frauds, relays, reversals, undoing
from switching.models import Approval, UndoCase
from switching.relays import Verdict
from switching.undo_states import UndoKind, UndoState
from tests.cast import NOW
from tests.switching.undoings import AFTER, EVIDENCE, SWITCH_DAY, supplier

LATER = AFTER + timedelta(days=10)


def test_both_retailers_agree_and_supply_is_as_if_uninterrupted(play, undo):
    relay = undo.switched()
    case = undo.reversal(relay)
    assert case.due_at == datetime(2026, 4, 27, 17, 0, tzinfo=JST)
    assert Notice.objects.get(recipient=play.cast.sora, kind="undoing_asked").context["is_your_turn"]
    reversals.answer(case_id=case.pk, agrees=True, by=play.cast["sora.relay"], now=AFTER)
    case.refresh_from_db()
    assert case.state == UndoState.DONE
    for day in (SWITCH_DAY - timedelta(days=1), SWITCH_DAY, date(2026, 12, 1)):
        assert supplier(relay.point, day) == play.cast.umi
    assert Contract.objects.get(point=relay.point, retailer=play.cast.sora).annulled_at == AFTER
    assert [(said.company, said.word) for said in case.approvals.all()] == [
        (play.cast.umi, Approval.Word.ASKED), (play.cast.sora, Approval.Word.AGREED),
    ]  # fmt: skip


@pytest.mark.parametrize(("asks", "answers"), [("umi", "sora"), ("sora", "umi")])
def test_either_side_asks_and_only_the_other_answers(play, undo, asks, answers):
    case = undo.reversal(undo.switched(), asks)
    for name in (f"{asks}.relay", "yama.relay", "kaze.application", f"{answers}.application"):
        with pytest.raises(undoing.NotYours):
            reversals.answer(case_id=case.pk, agrees=True, by=play.cast[name], now=AFTER)
    reversals.answer(case_id=case.pk, agrees=True, by=play.cast[f"{answers}.relay"], now=AFTER)
    with pytest.raises(undoing.AlreadyMoved):
        reversals.answer(
            case_id=case.pk, agrees=False, reason="customer_wants", by=play.cast[f"{answers}.relay"], now=AFTER
        )


def test_a_silent_side_brings_the_hub_operator_in(play, undo):
    relay = undo.switched()
    case = undo.reversal(relay)
    assert undoing.escalate_overdue(now=case.due_at - timedelta(minutes=1)) == 0
    assert undoing.escalate_overdue(now=case.due_at) == 1
    assert Notice.objects.filter(recipient=play.cast.hub, kind="undoing_escalated").exists()
    for name in ("sora.relay", "umi.relay", "hub.helpdesk"):
        with pytest.raises(undoing.NotYours):
            reversals.decide(case_id=case.pk, upholds=True, text="x", by=play.cast[name], now=LATER)
    reversals.decide(case_id=case.pk, upholds=True, text="Wrong point.", by=play.cast["hub.operator"], now=LATER)
    assert supplier(relay.point, SWITCH_DAY) == play.cast.umi


def test_a_refused_reversal_can_be_appealed_once_in_time(play, undo):
    relay = undo.switched()
    case = undo.reversal(relay)
    by, sora, hub = play.cast["umi.relay"], play.cast["sora.relay"], play.cast["hub.operator"]
    with pytest.raises(undoing.WordsMissing):
        reversals.answer(case_id=case.pk, agrees=False, reason="other", by=sora, now=AFTER)
    reversals.answer(case_id=case.pk, agrees=False, reason="customer_wants", by=sora, now=AFTER)
    assert undoing.appeal_until(UndoCase.objects.get(pk=case.pk)) == date(2026, 4, 27)
    with pytest.raises(undoing.AlreadyMoved):
        reversals.appeal(case_id=case.pk, text="No.", by=by, now=AFTER + timedelta(days=9))
    reversals.appeal(case_id=case.pk, text="The customer wrote to us.", by=by, now=AFTER)
    reversals.decide(case_id=case.pk, upholds=False, text="The switch stands.", by=hub, now=AFTER)
    assert supplier(relay.point, SWITCH_DAY) == play.cast.sora
    with pytest.raises(undoing.AlreadyMoved):
        reversals.appeal(case_id=case.pk, text="Again.", by=by, now=AFTER)


def test_the_side_that_asked_may_withdraw(play, undo):
    case = undo.reversal(undo.switched())
    with pytest.raises(undoing.NotYours):
        undoing.withdraw(case_id=case.pk, by=play.cast["sora.relay"], now=AFTER)
    undoing.withdraw(case_id=case.pk, by=play.cast["umi.relay"], now=AFTER)
    assert UndoCase.objects.get(pk=case.pk).state == UndoState.WITHDRAWN


def test_after_ninety_days_it_is_too_late(play, undo):
    relay = undo.switched()
    last = SWITCH_DAY + timedelta(days=89)
    noon = datetime.combine(last, datetime.min.time(), JST) + timedelta(hours=12)
    with pytest.raises(reversals.TooLate) as refusal:
        undo.reversal(relay, now=noon + timedelta(days=1))
    assert refusal.value.last == last
    assert undo.reversal(relay, now=noon).state == UndoState.ASKED


def test_what_was_not_switched_or_moved_on_is_not_reversed(play, undo):
    with pytest.raises(reversals.NotReversible):
        undo.reversal(undo.matched(), now=NOW)
    relay = undo.switched()
    undo.cool_off(relay, now=AFTER)
    cooling_off.carry_out_due(now=AFTER + timedelta(days=1))
    with pytest.raises(reversals.NotReversible):
        undo.reversal(relay, now=LATER)


def test_an_open_relay_and_a_reversal_exclude_one_another(play, undo):
    relay = undo.switched()
    third = {"losing_retailer": play.cast.sora, "desired_date": date(2026, 5, 12)}
    play.relay(relay.point, "yama", now=AFTER, **third)
    with pytest.raises(undoing.PointBusy):
        undo.reversal(relay)
    other = undo.switched()
    undo.reversal(other)
    with pytest.raises(relays.PointBusy):
        play.relay(other.point, "yama", now=AFTER, **third)


def test_nobody_returns_to_a_retailer_that_leaves_the_market(play, undo):
    relay = undo.switched()
    exits.announce(company=play.cast.umi, last_day=date(2026, 5, 1), text="x", by=play.cast["hub.operator"], now=AFTER)
    with pytest.raises(reversals.FormerHasLeft):
        undo.reversal(relay, "sora")


# --- Denials


def _denied(play):
    relay = play.rejected(play.point(), 8)
    return relay, UndoCase.objects.get(kind=UndoKind.FRAUD, relay=relay)


def test_reason_eight_opens_the_case_by_itself(play, undo):
    relay, case = _denied(play)
    assert (case.state, case.match, case.opened_by, case.answering_id) == (
        UndoState.ASKED, None, None, play.cast.sora.pk,
    )  # fmt: skip
    play.rejected(play.point(), 2, 4)
    assert UndoCase.objects.count() == 1, "other reasons open nothing"
    assert play.relay(relay.point, "yama").state == "01", "a denial holds nobody else up"


def test_the_gaining_retailer_answers_with_evidence_and_the_operator_decides(play, undo):
    _relay, case = _denied(play)
    with pytest.raises(undoing.NotYours):
        frauds.answer(case_id=case.pk, evidence=EVIDENCE, by=play.cast["umi.relay"], now=NOW)
    late = frauds.Evidence("web", date(2026, 4, 2), "REC-18")
    with pytest.raises(frauds.EvidenceInFuture):
        frauds.answer(case_id=case.pk, evidence=late, by=play.cast["sora.relay"], now=NOW)
    frauds.answer(case_id=case.pk, evidence=EVIDENCE, by=play.cast["sora.relay"], now=NOW)
    said = case.approvals.get(word=Approval.Word.EVIDENCE)
    assert (said.reference, said.sha256) == ("REC-17", "ab" * 32)
    frauds.decide(case_id=case.pk, upholds=False, text="The recording is clear.", by=play.cast["hub.operator"], now=NOW)
    assert UndoCase.objects.get(pk=case.pk).state == UndoState.REFUSED


def test_without_evidence_in_time_the_operator_decides_on_what_there_is(play, undo):
    _relay, case = _denied(play)
    assert undoing.escalate_overdue(now=case.due_at) == 1
    frauds.decide(case_id=case.pk, upholds=True, text="No evidence.", by=play.cast["hub.operator"], now=LATER)
    counted = frauds.counts().get(pk=play.cast.sora.pk)
    assert (counted.denials, counted.open_denials, counted.upheld, counted.dismissed, counted.silent) == (1, 0, 1, 0, 1)


def test_a_denied_switch_that_was_carried_out_is_reversed_by_the_decision(play, undo):
    relay = undo.switched()
    with pytest.raises(undoing.NotYours):
        frauds.report(relay_id=relay.pk, by=play.cast["sora.relay"], now=AFTER)
    case = frauds.report(relay_id=relay.pk, by=play.cast["umi.relay"], now=AFTER)
    with pytest.raises(relays.PointBusy):
        play.relay(relay.point, "yama", now=AFTER, losing_retailer=play.cast.sora, desired_date=date(2026, 5, 12))
    frauds.answer(case_id=case.pk, evidence=EVIDENCE, by=play.cast["sora.relay"], now=AFTER)
    frauds.decide(case_id=case.pk, upholds=True, text="Another voice.", by=play.cast["hub.operator"], now=AFTER)
    child = case.children.get()
    assert (child.kind, child.state, child.reason) == (UndoKind.REVERSAL, UndoState.DONE, "not_agreed")
    assert supplier(relay.point, SWITCH_DAY) == play.cast.umi


def test_a_relay_judged_at_once_twice_is_denied_once(play):
    relay, _case = _denied(play)
    with pytest.raises(relays.AlreadyMoved):
        relays.judge(relay_id=relay.pk, verdict=Verdict.REJECT, reasons=[8], by=play.cast["umi.relay"], now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        UndoCase.objects.create(
            number="U0000000000", kind="fraud", state="asked", point=relay.point, relay=relay, due_at=NOW,
            gaining_retailer=play.cast.sora, losing_retailer=play.cast.umi, opened_at=NOW,
        )  # fmt: skip


def test_a_proof_pack_tells_the_whole_undoing(play, undo):
    relay = undo.switched()
    case = frauds.report(relay_id=relay.pk, by=play.cast["umi.relay"], now=AFTER)
    frauds.answer(case_id=case.pk, evidence=EVIDENCE, by=play.cast["sora.relay"], now=AFTER)
    frauds.decide(case_id=case.pk, upholds=True, text="Another voice.", by=play.cast["hub.operator"], now=AFTER)
    told = proofs.find(case.number)
    child = case.children.get()
    assert told.kind == "undoing" and told.ledger_subjects[0] == f"undoing {case.number}"
    assert {relay.number, child.number, case.number} <= set(told.notice_subjects)
    facts = told.files["case.json"]["cases"][0]
    assert [said["word"] for said in facts["words"]] == ["asked", "evidence", "upheld"]
    assert facts["words"][1]["sha256"] == EVIDENCE.sha256
    assert {step["move"] for step in told.files["steps.json"]} >= {"take_effect", "uphold", "order"}
    by_relay = proofs.find(relay.number)
    assert f"undoing {case.number}" in by_relay.ledger_subjects
    gone = exits.announce(
        company=play.cast.yama, last_day=AFTER.date(), text="x", by=play.cast["hub.operator"], now=AFTER
    )
    assert proofs.find(gone.number).files["case.json"]["cases"][0]["point"] is None
