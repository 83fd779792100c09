"""The cancellation relay, verb by verb."""

from datetime import date, datetime, timedelta

import pytest

from metering import supply
from portal import people
from portal.models import LedgerEntry, Notice
from portal.workdays import JST
from switching import applications, identity, relays
from switching.models import Application, Relay
from switching.reasons import Reason
from switching.states import ApplicationState, RelayMove, RelayState
from tests.switching.cases import DESIRED

pytestmark = pytest.mark.django_db


def test_a_relay_waits_in_the_losing_retailers_inbox_with_step_ledger_row_and_notice(play, cast):
    relay = play.relay(play.point())
    assert relay.state == RelayState.WAITING
    assert relay.due_at == datetime(2026, 4, 3, 17, tzinfo=JST)
    step = relay.steps.get()
    assert (step.move, step.to_state, step.by) == (RelayMove.REGISTER, RelayState.WAITING, cast["sora.relay"])
    assert LedgerEntry.objects.get(subject=f"relay {relay.number}").company == cast.sora
    notice = Notice.objects.get(recipient=cast.umi)
    assert (notice.kind, notice.subject) == ("relay_registered", relay.number)


def test_a_dry_run_asks_every_rule_and_leaves_no_trace(play, cast):
    point = play.point()
    before = LedgerEntry.objects.count()
    request = play.request(point)
    asked = LedgerEntry.objects.count()
    relays.register(request, by=cast["sora.relay"], now=play.now, dry_run=True)
    assert not Relay.objects.exists()
    assert not Notice.objects.exists()
    assert LedgerEntry.objects.count() == asked > before
    with pytest.raises(relays.DateNotPossible):
        relays.register(
            play.request(point, desired_date=date(2026, 4, 2)), by=cast["sora.relay"], now=play.now, dry_run=True
        )


def test_acceptance_files_the_termination_of_the_same_day(play, cast):
    relay = play.accepted(play.point())
    assert (relay.state, relay.judged_by) == (RelayState.ACCEPTED, cast["umi.relay"])
    termination = Application.objects.get()
    assert termination.kind == Application.Kind.SWITCH_TERMINATION
    assert (termination.retailer, termination.relay, termination.desired_date) == (cast.umi, relay, DESIRED)
    assert termination.state == ApplicationState.WAITING
    kinds = set(Notice.objects.values_list("recipient__name_en", "kind"))
    assert {("Sora Denki", "relay_accepted"), ("Kaze Network", "application_filed")} <= kinds


def test_a_rejection_carries_several_reasons_and_no_held_value(play, cast):
    point = play.point()
    relay = play.rejected(point, Reason.NAME_DIFFERS, Reason.NUMBER_DIFFERS, contract_number="U-99999999")
    assert relay.state == RelayState.REJECTED
    assert relay.reasons == [Reason.NUMBER_DIFFERS, Reason.NAME_DIFFERS]
    notice = Notice.objects.get(recipient=cast.sora, kind="relay_rejected")
    assert point.contracts.get().number not in str(notice.context)


@pytest.mark.parametrize(("reasons", "text"), [((), ""), ((Reason.OTHER,), ""), ((Reason.OTHER,), "   ")])
def test_a_rejection_without_reason_is_refused(play, reasons, text):
    with pytest.raises(relays.ReasonsMissing):
        play.rejected(play.point(), *reasons, text=text)
    assert Relay.objects.get().state == RelayState.WAITING


def test_only_the_losing_retailers_relay_role_judges(play, cast):
    relay = play.relay(play.point())
    for who in ("sora.relay", "yama.relay", "umi.application", "umi.administrator", "kaze.application"):
        with pytest.raises(relays.NotYours):
            relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast[who], now=play.now)
        with pytest.raises(relays.NotYours):
            relays.read_for_judgement(relay, by=cast[who], now=play.now)
    assert not Relay.objects.visible_to(cast["yama.relay"]).exists()
    assert not Relay.objects.visible_to(cast["umi.viewer"]).exists()


def test_a_role_for_one_area_does_not_reach_another(play, cast):
    clerk = cast["umi.relay"]
    people.set_roles(clerk, roles=[people.Hold("relay", area="06")], by=None, now=play.now)
    relay = play.relay(play.point())
    with pytest.raises(relays.NotYours):
        relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=play.now)
    assert not Relay.objects.visible_to(cast["umi.relay"]).exists()


def test_an_answered_relay_is_not_answered_again(play, cast):
    relay = play.accepted(play.point())
    with pytest.raises(relays.AlreadyMoved) as refusal:
        relays.judge(relay_id=relay.pk, verdict=relays.Verdict.REJECT, reasons=[8], by=cast["umi.relay"], now=play.now)
    assert refusal.value.state == RelayState.ACCEPTED


def test_a_second_relay_on_a_point_is_refused_without_naming_the_other(play):
    point = play.point()
    play.relay(point)
    with pytest.raises(relays.PointBusy) as refusal:
        play.relay(point, who="yama")
    assert "Sora" not in str(refusal.value)


def test_three_identity_rejections_throttle_but_other_reasons_do_not(play):
    point = play.point()
    for reasons in ([Reason.DATE_NOT_POSSIBLE], [2], [4, 6], [5]):
        play.rejected(point, *reasons)
    with pytest.raises(relays.Throttled):
        play.relay(point)
    play.relay(point, who="yama")


def test_a_relay_needs_the_own_companys_disclosure_for_that_point(play, cast):
    point, other = play.point(), play.point()
    for disclosure in (play.disclosure(other), play.disclosure(point, who="yama")):
        with pytest.raises(relays.DisclosureMissing):
            play.relay(point, disclosure=disclosure)


@pytest.mark.parametrize("desired", [date(2026, 4, 3), date(2026, 3, 31), date(2026, 9, 29)])
def test_a_date_before_the_lead_time_or_beyond_180_days_is_refused_with_the_window(play, desired):
    with pytest.raises(relays.DateNotPossible) as refusal:
        play.relay(play.point(), desired_date=desired)
    assert (refusal.value.earliest, refusal.value.latest) == (date(2026, 4, 4), date(2026, 9, 28))


def test_the_losing_retailer_must_be_another_retailer_of_the_area(play, cast):
    for company in (cast.sora, cast.kaze):
        with pytest.raises(relays.NotARetailerThere):
            play.relay(play.point(), losing_retailer=company)


def test_an_own_point_needs_no_relay(play, cast):
    with pytest.raises(relays.AlreadyOurs):
        play.relay(play.point(supplier=cast.sora))


def test_the_losing_retailers_number_rule_holds_at_entry(play):
    play.policy(number_pattern=r"U\d{8}", number_hint="U and eight digits", number_sample="U-12345678")
    point = play.point()
    with pytest.raises(relays.NumberDoesNotFit) as refusal:
        play.relay(point, contract_number="12345")
    assert refusal.value.sample == "U-12345678"
    assert play.relay(point, contract_number="Ｕ－１２３４ ５６７８").state == RelayState.WAITING


def test_withdrawal_before_the_match_ends_relay_start_and_termination_together(play, cast):
    point = play.point()
    relay = play.accepted(point)
    play.start(point, relay=relay)
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=play.now)
    relay.refresh_from_db()
    assert relay.state == RelayState.WITHDRAWN
    assert set(Application.objects.values_list("state", flat=True)) == {ApplicationState.CANCELLED}
    assert supply.current_period(point, date(2026, 12, 1)).retailer == cast.umi


def test_only_the_gaining_retailer_withdraws(play, cast):
    relay = play.relay(play.point())
    for who in ("umi.relay", "yama.relay", "sora.viewer"):
        with pytest.raises(relays.NotYours):
            relays.withdraw(relay_id=relay.pk, by=cast[who], now=play.now)


def test_a_relay_without_judgement_expires_and_all_three_are_told(play, cast):
    relay = play.relay(play.point())
    assert relays.expire_overdue(now=relay.due_at - timedelta(seconds=1)) == 0
    assert relays.expire_overdue(now=relay.due_at) == 1
    relay.refresh_from_db()
    assert relay.state == RelayState.EXPIRED
    told = set(Notice.objects.filter(kind="relay_expired").values_list("recipient", flat=True))
    assert told == {cast.sora.pk, cast.umi.pk, cast.hub.pk}
    assert relays.expire_overdue(now=relay.due_at) == 0


def test_the_losing_retailer_is_reminded_twice(play, cast):
    relay = play.relay(play.point())
    sent, moment = 0, play.now
    while moment < relay.due_at:
        sent += relays.remind_due(now=moment)
        moment += timedelta(hours=1)
    assert sent == Notice.objects.filter(recipient=cast.umi, kind="relay_reminder").count() == 2


def test_a_policy_accepts_by_itself_only_what_the_identity_check_allows(play):
    play.policy(auto_accept=True)
    same, other = play.point(), play.point()
    assert play.relay(same).state == RelayState.ACCEPTED
    assert Relay.objects.get().judged_by_policy
    assert play.relay(other, holder_name="高橋 花子").state == RelayState.WAITING, "old form 髙: weak goes to a person"


def test_the_comparison_shows_verdicts_per_field_and_the_read_is_kept(play, cast):
    relay = play.relay(
        play.point(), holder_name="高橋花子", holder_kana="ﾀｶﾊｼ ﾊﾅｺ", holder_address="東京都千代田区丸の内1-2-4"
    )
    report = relays.read_for_judgement(relay, by=cast["umi.relay"], now=play.now)
    verdicts = {comparison.field: comparison.verdict for comparison in report.comparisons}
    assert verdicts["contract_number"] == identity.Verdict.EXACT
    assert verdicts["holder_name"] == identity.Verdict.WEAK
    assert verdicts["holder_kana"] == identity.Verdict.NORMALISED
    assert verdicts["address"] == identity.Verdict.DIFFERENT
    assert LedgerEntry.objects.filter(action="relay.read_identity", user=cast["umi.relay"]).count() == 1


def test_a_point_supplied_by_somebody_else_compares_as_missing(play, cast):
    relay = play.relay(play.point(supplier=cast.yama))
    report = relays.compare(relay, today=date(2026, 4, 1))
    assert {comparison.verdict for comparison in report.comparisons} == {identity.Verdict.MISSING}


def test_acceptance_after_the_matching_cut_off_is_refused(play, cast):
    thursday = play.now + timedelta(days=1)
    relay = play.relay(play.point(), now=thursday, desired_date=date(2026, 4, 5))
    assert relay.due_at.date() == date(2026, 4, 6), "judged on Saturday it is in time for the judgement alone"
    with pytest.raises(relays.TooLate):
        relays.judge(
            relay_id=relay.pk,
            verdict=relays.Verdict.ACCEPT,
            by=cast["umi.relay"],
            now=datetime(2026, 4, 4, 9, tzinfo=JST),
        )
    assert not Application.objects.exists()


def test_a_start_needs_a_fitting_relay_when_it_names_one(play, cast):
    point, other = play.point(), play.point()
    relay = play.relay(point)
    with pytest.raises(applications.RelayDoesNotFit):
        play.start(other, relay=relay)
    with pytest.raises(applications.RelayDoesNotFit):
        play.start(point, relay=relay, desired_date=DESIRED + timedelta(days=1))
    with pytest.raises(applications.RelayDoesNotFit):
        play.start(point, who="yama", relay=relay)
