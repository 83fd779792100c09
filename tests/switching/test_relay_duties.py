"""Duties of the losing retailer with their clocks: judging in time, filing the termination, and what follows if not."""

from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from portal import inbox
from portal.models import Notice
from portal.workdays import JST
from switching import applications, escalations, filings, matching, policies, relays
from switching.models import Application, Escalation, Relay
from switching.relays import Verdict
from switching.sentences import sentence
from switching.states import ApplicationState, RelayState
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED
from tests.switching.paging import said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
THURSDAY_FIVE = datetime(2026, 4, 2, 17, tzinfo=JST)


def judge(cast, relay, verdict=Verdict.ACCEPT, now=NOW, **more):
    return relays.judge(relay_id=relay.pk, verdict=verdict, by=cast["umi.relay"], now=now, **more)


def file(cast, relay, now=NOW, who="umi.relay"):
    return filings.file_termination(relay_id=relay.pk, by=cast[who], now=now)


# --- Judging in time


@pytest.mark.parametrize("verdict", [Verdict.ACCEPT, Verdict.REJECT])
def test_after_its_time_a_relay_is_judged_no_more_and_expires_there_before_any_sweep(cast, play, verdict):
    relay = play.relay(play.point())
    with pytest.raises(relays.Overdue) as refusal:
        judge(cast, relay, verdict, now=relay.due_at, reasons=[2])
    relay.refresh_from_db()
    assert relay.state == RelayState.EXPIRED and refusal.value.due_at == relay.due_at
    assert relay.escalations.get().duty == Escalation.Duty.JUDGEMENT
    assert Notice.objects.filter(kind="relay_expired").count() == 3
    assert relays.expire_overdue(now=relay.due_at) == 0, "the sweep finds nothing left"


def test_a_second_before_its_end_a_relay_is_still_judged(cast, play):
    relay = play.relay(play.point())
    assert judge(cast, relay, now=relay.due_at - timedelta(seconds=1)).state == RelayState.ACCEPTED


def test_a_dry_run_after_the_time_refuses_and_changes_nothing(cast, play):
    relay = play.relay(play.point())
    with pytest.raises(relays.Overdue):
        judge(cast, relay, now=relay.due_at, dry_run=True)
    relay.refresh_from_db()
    assert relay.state == RelayState.WAITING


def test_nobody_but_the_losing_retailer_makes_a_relay_expire_by_asking(cast, play):
    relay = play.relay(play.point())
    with pytest.raises(relays.NotYours):
        relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast["yama.relay"], now=relay.due_at)
    relay.refresh_from_db()
    assert relay.state == RelayState.WAITING


def test_the_customers_data_is_read_no_more_after_the_time(cast, play):
    relay = play.relay(play.point())
    with pytest.raises(relays.Overdue):
        relays.read_for_judgement(relay, by=cast["umi.relay"], now=relay.due_at)
    with time_machine.travel(relay.due_at, tick=False):
        umi = client_of(cast["umi.relay"])
        answer = umi.get(f"/relays/{relay.number}/judgement/")
        assert answer.status_code == 302
        page = umi.get(answer.url)
        assert f"/relays/{relay.number}/judgement/" not in page.content.decode()


def test_an_overdue_relay_does_not_keep_the_next_one_away(cast, play):
    point = play.point()
    first = play.relay(point)
    second = play.relay(point, who="yama", now=first.due_at, desired_date=DESIRED)
    first.refresh_from_db()
    assert (first.state, second.state) == (RelayState.EXPIRED, RelayState.WAITING)


# --- Filing the termination


def test_by_default_the_termination_comes_with_the_acceptance_by_the_same_person(cast, play):
    relay = play.accepted(play.point())
    assert not relay.owes_termination and Application.objects.get().filed_by == cast["umi.relay"]


def test_the_hub_files_by_itself_where_the_retailer_wishes_so(cast, play):
    play.policy(filing="by_itself")
    judge(cast, play.relay(play.point()), with_termination=False)
    assert Application.objects.get().filed_by is None


def test_by_hand_the_acceptance_leaves_a_duty_with_a_clock_and_a_page_to_file(cast, play):
    play.policy(filing="by_hand")
    relay = judge(cast, play.relay(play.point()))
    assert relay.termination_due_at == THURSDAY_FIVE and relay.termination_cut_off == date(2026, 4, 14)
    assert not Application.objects.exists()
    [task] = [task for task in inbox.tasks_of(cast["umi.relay"], now=NOW) if task.kind == "relays.file_termination"]
    umi = client_of(cast["umi.relay"])
    umi.cookies["django_language"] = "en"
    assert task.due_at == THURSDAY_FIVE and relay.number in said(umi.get(task.link))
    page = said(umi.get(f"/relays/{relay.number}/"))
    assert "Your turn: file the switch termination. until 2026-04-02 (Thu) 17:00" in page
    assert "17:00 of the next business day after the acceptance on 2026-04-01 (Wed)" in page
    way = f"/relays/{relay.number}/termination/"
    assert "hub operator is told" in said(umi.get(way))
    assert umi.post(way).url == f"/relays/{relay.number}/"
    termination = Application.objects.get()
    assert (termination.kind, termination.filed_by) == ("switch_termination", cast["umi.relay"])
    relay.refresh_from_db()
    assert not relay.owes_termination
    assert umi.get(way).url == f"/relays/{relay.number}/" and umi.post(way).status_code == 302
    assert Application.objects.count() == 1


def test_the_gaining_retailer_sees_whose_turn_it_is_and_its_start_is_paired_once_filed(cast, play):
    play.policy(filing="by_hand")
    point = play.point()
    relay = judge(cast, play.relay(point))
    [task] = inbox.tasks_of(cast["sora.application"], now=NOW)
    assert task.kind == "applications.file_start" and task.due_at.date() == date(2026, 4, 14)
    sora = client_of(cast["sora.relay"])
    sora.cookies["django_language"] = "en"
    assert "Umi Energy's turn: it files the switch termination." in said(sora.get(f"/relays/{relay.number}/"))
    assert sora.get(f"/relays/{relay.number}/termination/").status_code == 404
    play.start(point, relay=relay)
    assert matching.match_waiting(now=NOW) == 0
    file(cast, relay)
    assert matching.match_waiting(now=NOW) == 1


def test_one_click_can_be_left_for_later(cast, play):
    relay = play.relay(play.point())
    umi = client_of(cast["umi.relay"])
    asked = umi.post(f"/relays/{relay.number}/judgement/", {"verdict": "accept"}).content.decode()
    assert 'name="later"' in asked
    umi.post(f"/relays/{relay.number}/judgement/", {"verdict": "accept", "confirmed": "1", "later": "1"})
    relay.refresh_from_db()
    assert relay.state == RelayState.ACCEPTED and relay.owes_termination


def test_a_relay_accepted_by_policy_tells_that_the_termination_is_to_be_filed(cast, play):
    play.policy(filing="by_hand", auto_accept=True)
    relay = play.relay(play.point())
    assert relay.state == RelayState.ACCEPTED and relay.owes_termination
    assert Notice.objects.filter(kind="relay_filing", recipient=cast.umi).count() == 1


def test_reminders_of_the_filing_come_at_half_and_at_four_fifths_then_it_is_escalated_once(cast, play):
    play.policy(filing="by_hand")
    relay = judge(cast, play.relay(play.point()))
    span = THURSDAY_FIVE - NOW
    for share, sent in ((0.49, 0), (0.5, 1), (0.79, 0), (0.8, 1), (0.99, 0)):
        assert relays.remind_due(now=NOW + span * share) == sent, share
    assert filings.escalate_filings(now=THURSDAY_FIVE - timedelta(seconds=1)) == 0
    assert filings.escalate_filings(now=THURSDAY_FIVE) == 1
    assert filings.escalate_filings(now=THURSDAY_FIVE) == 0
    assert relay.escalations.get().duty == Escalation.Duty.TERMINATION
    told = set(Notice.objects.filter(kind="relay_unfiled").values_list("recipient", flat=True))
    assert told == {cast.umi.pk, cast.hub.pk}
    file(cast, relay, now=THURSDAY_FIVE + timedelta(days=1))
    assert Application.objects.count() == 1, "late, but the customer is served"


def test_what_is_not_filed_by_the_cut_off_ends_with_its_start(cast, play):
    play.policy(filing="by_hand")
    point = play.point()
    relay = judge(cast, play.relay(point))
    start = play.start(point, relay=relay)
    after = datetime(2026, 4, 15, 0, 1, tzinfo=JST)
    with pytest.raises(relays.TooLate):
        file(cast, relay, now=after)
    assert filings.close_unfiled(now=after - timedelta(minutes=2)) == 0
    assert filings.close_unfiled(now=after) == 1
    matching.close_unmatched(now=after)
    relay.refresh_from_db()
    start.refresh_from_db()
    assert (relay.state, start.state) == (RelayState.MATCHING_FAILED, ApplicationState.UNMATCHED)
    assert not relay.owes_termination


def test_a_termination_due_after_the_cut_off_is_due_at_its_end(cast, play):
    play.policy(filing="by_hand")
    relay = play.relay(play.point(), desired_date=date(2026, 4, 6), now=NOW)
    friday = datetime(2026, 4, 3, 9, tzinfo=JST)
    judge(cast, relay, now=friday)
    relay.refresh_from_db()
    assert relay.termination_due_at == datetime(2026, 4, 3, 23, 59, tzinfo=JST)


def test_withdrawing_ends_the_duty(cast, play):
    play.policy(filing="by_hand")
    relay = judge(cast, play.relay(play.point()))
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=NOW)
    relay.refresh_from_db()
    assert not relay.owes_termination
    with pytest.raises(relays.NothingToFile):
        file(cast, relay)


def test_only_the_losing_retailers_relay_role_files(cast, play):
    play.policy(filing="by_hand")
    relay = judge(cast, play.relay(play.point()))
    for who in ("sora.relay", "yama.relay", "umi.viewer"):
        with pytest.raises(relays.NotYours):
            file(cast, relay, who=who)


def test_filing_while_another_termination_is_open_is_refused_and_still_owed(cast, play):
    play.policy(filing="by_hand")
    point = play.point()
    relay = judge(cast, play.relay(point))
    other = play.relay(play.point())
    applications.file_terminations([other], by=None, now=NOW)
    Application.objects.filter(relay=other).update(point=point)
    with pytest.raises(relays.OutOfOwnSequence):
        file(cast, relay)
    relay.refresh_from_db()
    assert relay.owes_termination


# --- Escalations


def test_the_operator_works_through_an_escalation_with_notes_and_closes_it(cast, play):
    relay = play.relay(play.point())
    relays.expire_overdue(now=relay.due_at)
    operator = client_of(cast["hub.operator"])
    operator.cookies["django_language"] = "en"
    [task] = [task for task in inbox.tasks_of(cast["hub.operator"], now=NOW) if task.kind == "escalations.open"]
    assert relay.number in said(operator.get(task.link))
    one = relay.escalations.get()
    way = f"/escalations/{one.pk}/"
    page = operator.get(way)
    for held in (relay.contract_number, relay.holder_name, relay.holder_address, relay.point.number):
        assert held not in said(page), "the case, not the customer"
    assert operator.post(way, {"text": "", "note": "1"}).status_code == 422
    assert operator.post(way, {"text": "Called the relay desk", "note": "1"}).url == way
    assert operator.post(way, {"text": "They staffed the desk anew", "close": "1"}).url == "/escalations/"
    one.refresh_from_db()
    assert one.closed_by == cast["hub.operator"] and one.notes.count() == 2
    assert operator.post(way, {"text": "too late", "note": "1"}).status_code == 422
    assert "Called the relay desk" in said(operator.get(way))
    assert not [t for t in inbox.tasks_of(cast["hub.operator"], now=NOW) if t.kind == "escalations.open"]


def test_missed_duties_are_counted_per_company(cast, play):
    for _ in range(2):
        relays.expire_overdue(now=play.relay(play.point()).due_at)
    play.policy(filing="by_hand")
    judge(cast, play.relay(play.point()))
    filings.escalate_filings(now=THURSDAY_FIVE)
    first = Escalation.objects.order_by("pk").first()
    escalations.write(escalation_id=first.pk, text="done", by=cast["hub.operator"], now=NOW, close=True)
    [record] = escalations.records(now=THURSDAY_FIVE)
    assert (record.name_en, record.still_open, record.judgements, record.terminations) == ("Umi Energy", 2, 2, 1)
    [later] = escalations.records(now=THURSDAY_FIVE + timedelta(days=92))
    assert (later.still_open, later.judgements) == (2, 0), "old ones count as long as they are open"
    operator = client_of(cast["hub.operator"])
    assert "海エナジー 2 2 1 0" in said(operator.get("/escalations/"))
    rows = operator.get("/escalations/", {"open": "yes", "company": cast.umi.pk}).context["list"].rows
    assert rows.count() == 2


def test_only_the_operator_writes_notes(cast, play):
    relay = play.relay(play.point())
    relays.expire_overdue(now=relay.due_at)
    for who in ("hub.helpdesk", "umi.relay", "sora.administrator"):
        with pytest.raises(escalations.NotYours):
            escalations.write(escalation_id=relay.escalations.get().pk, text="x", by=cast[who], now=NOW)


# --- The clock in the inbox


def test_the_inbox_names_the_days_that_were_not_counted_and_what_silence_leads_to(cast, play):
    before_golden_week = datetime(2026, 5, 1, 10, tzinfo=JST)
    play.relay(play.point(), now=before_golden_week, desired_date=date(2026, 6, 1))
    [task] = [t for t in inbox.tasks_of(cast["umi.relay"], now=before_golden_week) if t.kind == "relays.judge"]
    for words in ("憲法記念日", "みどりの日", "こどもの日", "土曜日", "広域機関"):
        assert words in task.note
    assert task.due_at == datetime(2026, 5, 8, 17, tzinfo=JST)
    with time_machine.travel(before_golden_week, tick=False):
        assert "憲法記念日" in said(client_of(cast["umi.relay"]).get("/"))


# --- No list of who is about to leave


def test_no_list_file_or_notice_of_the_losing_side_tells_who_is_about_to_leave(cast, play):
    play.policy(filing="by_hand")
    for make in (play.relay, play.accepted):
        make(play.point())
    play.rejected(play.point(), 2)
    held = [value for relay in Relay.objects.select_related("point") for value in values_of(relay)]
    umi = client_of(cast["umi.relay"])
    for tab in ("judge", "to_file", "received"):
        for page in (f"/relays/?tab={tab}", f"/relays/?tab={tab}&format=csv"):
            told = said(umi.get(page))
            assert not [value for value in held if value in told], page
    for page in ("/", "/notices/"):
        told = said(umi.get(page))
        assert not [value for value in held if value in told], page
    for notice in Notice.objects.filter(recipient=cast.umi, subject__startswith="R"):
        assert not [value for value in held if value in str(notice.context)]
    for who in ("umi.administrator", "umi.viewer", "umi.application", "umi.inquiry", "umi.usage"):
        assert client_of(cast[who]).get("/relays/").status_code == 404, "the relay role alone"
    sent = said(umi.get("/relays/?tab=sent&format=csv"))
    assert not [value for value in held if value in sent], "the full file is of what the company itself sent"


def values_of(relay):
    return (relay.point.number, relay.contract_number, relay.holder_name, relay.holder_kana, relay.holder_address)


# --- Guessing over many points


def test_a_company_that_guesses_over_many_points_is_throttled_until_it_has_calmed_down(cast, play, settings):
    settings.IDENTITY_REJECTIONS_PER_COMPANY = 3
    for _ in range(3):
        play.rejected(play.point(), 2)
    with pytest.raises(relays.ThrottledCompany) as refusal:
        play.relay(play.point())
    with translation.override("en"):
        assert "In the last 7 days 3 relays" in sentence(refusal.value)
    assert play.relay(play.point(), who="yama").state == RelayState.WAITING
    late = NOW + timedelta(days=7, minutes=1)
    assert play.relay(play.point(), now=late, desired_date=DESIRED + timedelta(days=7))


def test_a_large_company_with_an_ordinary_share_of_rejections_is_not_throttled(cast, play, settings):
    settings.IDENTITY_REJECTIONS_PER_COMPANY, settings.IDENTITY_REJECTIONS_SHARE = 2, 0.5
    for reasons in ([7], [1], [3], [4], [4]):
        play.rejected(play.point(), *reasons)
    assert play.relay(play.point()), "two of five answers"
    play.rejected(play.point(), 5)
    with pytest.raises(relays.ThrottledCompany):
        play.relay(play.point())


# --- The rule for contract numbers


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"(a|aa)+$", r"(\w+\s?)*!", r"(x+x+)+y"])
def test_a_pattern_that_would_never_end_elsewhere_answers_at_once(play, pattern):
    policy = policies.Policy(number_pattern=pattern)
    begun = datetime.now()
    with time_machine.travel(NOW, tick=True):
        assert not policy.number_fits("a" * 39 + "c") and not policy.number_fits("x" * 40)
    assert (datetime.now() - begun).total_seconds() < 1


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"number_pattern": "U(", "number_hint": "U"}, policies.NoPattern),
        ({"number_pattern": r"(?!U)\d", "number_hint": "U"}, policies.NoPattern),
        ({"number_pattern": r"(\d)\1", "number_hint": "U"}, policies.NoPattern),
        ({"number_pattern": "((x{100}){100}){100}", "number_hint": "U"}, policies.NoPattern),
        ({"number_pattern": r"U\d{8}", "number_hint": "U", "number_sample": "V-1"}, policies.SampleDoesNotFit),
        ({"number_pattern": r"U\d{8}", "number_sample": "U-12345678"}, policies.HintMissing),
    ],
)
def test_a_rule_that_cannot_be_published_is_refused(play, fields, refusal):
    with pytest.raises(refusal):
        play.policy(**fields)
    assert not policies.Policy.objects.exists()
