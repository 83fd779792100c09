"""The time machine: day D as known at T, for whom; a truth table with later corrections, a replay of any course."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering import as_of as history
from metering import supply
from metering.models import Meter
from metering.supply import NewSupply, Restoration
from portal.models import LedgerEntry
from portal.workdays import jst_date
from switching import as_of, matching, relays
from switching.models import Application, MeterWork
from tests.cast import NOW, client_of
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA
from tests.switching.paging import said
from tests.switching.test_relay_pages import english

HANDED_OVER = NOW + (DESIRED - NOW.date()) + timedelta(minutes=10)  # 2026-04-15 10:10
RESTORED = HANDED_OVER + timedelta(days=20)
LATER = RESTORED + timedelta(days=10)


def asked(point, day, at, by, now=LATER):
    return as_of.ask(point, day=day, at=at, by=by, now=now, purpose="audit")


def to(company, point, day, number="S-9"):
    return NewSupply(
        point_id=point.pk,
        retailer_id=company.pk,
        from_date=day,
        contract_number=number,
        holder_name=HOLDER,
        holder_kana=KANA,
        holder_address=ADDRESS,
    )


@pytest.fixture
def corrected(cast, play):
    """umi's point, handed over to sora in error on 15 April (known that day), restored to umi twenty days later."""
    point = play.point()
    supply.hand_over([to(cast.sora, point, DESIRED)], now=HANDED_OVER)
    supply.restore(
        [
            Restoration(
                point_id=point.pk,
                from_date=DESIRED,
                wrongful_retailer_id=cast.sora.pk,
                rightful_retailer_id=cast.umi.pk,
                cause="erroneous switch",
            )
        ],
        now=RESTORED,
    )
    return point


BEFORE, AFTER = DESIRED - timedelta(days=1), DESIRED + timedelta(days=3)
INSTANT = timedelta(microseconds=1)
TRUTH = [
    # day, known at, who supplied
    (BEFORE, HANDED_OVER - INSTANT, "umi"),
    (AFTER, HANDED_OVER - INSTANT, "umi"),  # the switch was not yet known
    (BEFORE, HANDED_OVER, "umi"),
    (DESIRED, HANDED_OVER, "sora"),  # from the very moment it was made
    (AFTER, HANDED_OVER, "sora"),
    (AFTER, RESTORED - INSTANT, "sora"),
    (BEFORE, RESTORED, "umi"),
    (DESIRED, RESTORED, "umi"),
    (AFTER, RESTORED, "umi"),
    (AFTER, LATER, "umi"),
    (date(2024, 3, 31), LATER, None),
    (AFTER, NOW - INSTANT, None),  # before the hub knew anything
]


@pytest.mark.parametrize(("day", "at", "who"), TRUTH)
def test_who_supplied_on_a_day_as_known_at_a_moment(cast, corrected, day, at, who):
    answer = asked(corrected, day, at, cast["hub.auditor"])
    assert (answer.period.retailer if answer.period else None) == (cast.companies[who] if who else None)
    assert answer.state == ("energised" if who else None)
    numbers = {"umi": "U-00000001", "sora": "S-9", None: None}
    assert (answer.contract.number if answer.contract else None) == numbers[who]


@pytest.mark.parametrize(("day", "at", "who"), TRUTH)
@pytest.mark.parametrize("reader", ["umi", "sora"])
def test_a_retailer_reads_the_days_it_supplied_itself_and_of_others_nothing(cast, corrected, day, at, who, reader):
    answer = asked(corrected, day, at, cast[f"{reader}.viewer"])
    if who == reader:
        assert answer.period.retailer == cast.companies[reader] and answer.contract and answer.state
    else:
        assert (answer.period, answer.contract, answer.state, answer.meters) == (None, None, None, [])
    for belief in answer.beliefs:
        assert belief.period is None or belief.period.retailer == cast.companies[reader]


def test_a_network_operator_reads_who_supplied_on_its_network_but_no_contract(cast, corrected):
    answer = asked(corrected, AFTER, HANDED_OVER, cast["kaze.viewer"])
    assert answer.period.retailer == cast.sora and answer.contract is None


def test_how_the_knowledge_of_a_day_changed_is_told(cast, corrected):
    told = [(b.period.retailer, b.since, b.until) for b in asked(corrected, AFTER, LATER, cast["hub.auditor"]).beliefs]
    assert told == [
        (cast.umi, NOW, HANDED_OVER),
        (cast.sora, HANDED_OVER, RESTORED),
        (cast.umi, RESTORED, None),
    ]
    [only] = asked(corrected, BEFORE, LATER, cast["hub.auditor"]).beliefs
    assert only.period.retailer == cast.umi, "what stayed as it was is one belief"


def test_a_point_without_contract_after_a_termination_is_idle_and_was_not_before(cast, play):
    point = play.point()
    supply.terminate({point.pk: DESIRED}, cause="moved out", now=HANDED_OVER)
    auditor = cast["hub.auditor"]
    assert asked(point, AFTER, HANDED_OVER - INSTANT, auditor).state == "energised"
    assert asked(point, AFTER, HANDED_OVER, auditor).state == "idle"
    assert asked(point, BEFORE, HANDED_OVER, auditor).state == "energised"


def test_a_former_supplier_does_not_learn_whether_its_customer_has_a_contract_now(cast, play):
    gone, idle = play.point(), play.point()
    supply.hand_over([to(cast.sora, gone, DESIRED)], now=HANDED_OVER)
    supply.terminate({idle.pk: DESIRED}, cause="moved out", now=HANDED_OVER)
    one, other = (asked(point, AFTER, LATER, cast["umi.viewer"]) for point in (gone, idle))
    assert (one.period, one.state, one.beliefs[-1].period) == (other.period, other.state, other.beliefs[-1].period)
    assert len(one.beliefs) == len(other.beliefs)


def test_cases_stand_as_they_did_then(cast, play):
    point = play.point()
    relay = play.relay(point)
    start = play.start(point, relay=relay, now=NOW + timedelta(minutes=1))
    accepted = NOW + timedelta(minutes=5)
    relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=accepted)
    matched = NOW + timedelta(minutes=9)
    matching.match_waiting(now=matched)
    matching.hand_over_due(now=HANDED_OVER)
    today = jst_date(NOW)

    def states(at, by, day=today):
        answer = asked(point, day, at, by)
        return {found.case.number: (found.state.label, found.switch_date) for found in answer.cases}

    hub = cast["hub.auditor"]
    [termination] = Application.objects.filter(kind="switch_termination")
    assert states(NOW - INSTANT, hub) == {}
    assert states(NOW, hub) == {relay.number: ("判断待ち", None)}
    assert set(states(accepted, hub)) == {relay.number, start.number, termination.number}
    assert states(matched, hub) == {
        start.number: ("マッチング済（変更不可）", DESIRED),
        termination.number: ("マッチング済（変更不可）", DESIRED),
    }
    assert states(HANDED_OVER, hub, DESIRED) == {}, "what took effect is no open case"
    assert set(states(HANDED_OVER, hub, today)) == {start.number, termination.number}, "on that day it was open still"
    assert set(states(accepted, cast["umi.relay"])) == {relay.number}, "a relay clerk sees relays"
    assert set(states(accepted, cast["umi.application"])) == {termination.number}, "its own application alone"
    assert set(states(accepted, cast["kaze.application"])) == {start.number, termination.number}


def test_a_case_asked_for_is_told_however_it_stood_or_that_it_was_not_there(cast, play):
    relay = play.rejected(play.point(), 2)
    found, case = as_of.find(relay.number, by=cast["sora.relay"])
    then = as_of.ask(
        found, case=case, day=jst_date(NOW), at=NOW, by=cast["sora.relay"], now=LATER, purpose="own_customer"
    )
    assert then.asked.state.label == "否認" and not then.cases
    early = as_of.ask(
        found, case=case, day=jst_date(NOW), at=NOW - INSTANT, by=cast["sora.relay"], now=LATER, purpose="own_customer"
    )
    assert early.asked is None


def test_a_meter_exchanged_and_reported_late_counts_from_its_report_on(cast, play):
    point = play.point()
    old = Meter.objects.create(point=point, number="OLD", installed_on=date(2020, 1, 1), removed_on=DESIRED)
    new = Meter.objects.create(point=point, number="NEW", installed_on=DESIRED)
    MeterWork.objects.create(
        point=point,
        kind="exchange",
        planned_on=DESIRED,
        planned_at=NOW,
        planned_by=cast["kaze.application"],
        done_on=DESIRED,
        old_meter=old,
        new_meter=new,
        reported_at=RESTORED,
        reported_by=cast["kaze.application"],
    )

    def standing(day, at):
        return [meter.number for meter in asked(point, day, at, cast["kaze.viewer"]).meters]

    assert standing(AFTER, RESTORED - INSTANT) == ["OLD"]
    assert standing(AFTER, RESTORED) == ["NEW"]
    assert standing(BEFORE, RESTORED) == ["OLD"]


@pytest.mark.parametrize("who", ["yama.viewer", "yama.relay", "umi.administrator", "hub.helpdesk"])
def test_who_has_nothing_to_do_with_a_point_or_case_cannot_tell_it_from_one_that_is_not_there(cast, play, who):
    relay = play.relay(play.point())
    for number in (relay.number, relay.point.number, "R9999999990", "0300000000000000000000"):
        with pytest.raises(as_of.NothingToDoWith):
            as_of.find(number, by=cast[who])


def test_the_future_of_knowledge_and_days_far_ahead_are_refused(cast, play):
    point = play.point()
    with pytest.raises(as_of.NotYetCome):
        asked(point, DESIRED, LATER + INSTANT, cast["hub.auditor"])
    with pytest.raises(as_of.TooFarAhead):
        asked(point, LATER.date() + timedelta(days=367), NOW, cast["hub.auditor"])


def test_every_answer_is_kept_in_the_ledger_with_purpose_day_and_moment(cast, corrected):
    asked(corrected, AFTER, HANDED_OVER, cast["hub.auditor"])
    row = LedgerEntry.objects.get(action="supply point as of a day")
    assert (row.user, row.subject, row.purpose) == (
        cast["hub.auditor"],
        f"supply point {corrected.number}",
        "audit",
    )
    assert row.detail["day"] == AFTER.isoformat() and row.detail["contract"] == "S-9"


# --- Any course of events -----------------------------------------------------------------------------------------

DEEDS = ["begin", "hand over", "terminate", "restore"]
DAYS = [date(2026, 4, 1) + timedelta(days=n) for n in range(0, 60, 6)]


@dataclass(frozen=True)
class Event:
    """From `first` until `until` (not itself; None: for good) the retailer supplies, known from `at` on."""

    at: datetime
    first: date
    until: date | None
    retailer: int | None


def replayed(events: list[Event], day: date, at: datetime) -> int | None:
    """What the events known at the moment say about the day: the last word counts."""
    found = None
    for event in events:
        if event.at <= at and event.first <= day and (event.until is None or day < event.until):
            found = event.retailer
    return found


@given(
    course=st.lists(
        st.tuples(st.sampled_from(DEEDS), st.sampled_from(DAYS), st.integers(0, 2)),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_answer_is_what_a_replay_of_the_events_says_for_any_day_and_moment(cast, play, course):
    companies = [cast.umi.pk, cast.sora.pk, cast.yama.pk]
    with transaction.atomic():
        point = play.point()
        events = [Event(NOW, date(2024, 4, 1), None, companies[0])]
        for turn, (deed, day, choice) in enumerate(course, 1):
            at = NOW + timedelta(days=turn)
            try:
                with transaction.atomic():
                    event = carried_out(deed, point, day, companies[choice], at)
                    commit_would_succeed()
            except (supply.AlreadySupplied, supply.NotSupplied, supply.NotRestorable):
                continue
            if event:
                events.append(event)
        rows = history.history(point)
        moments = [event.at + shift for event in events for shift in (-INSTANT, timedelta(), INSTANT)]
        for day in [date(2024, 3, 31), *DAYS, DAYS[-1] + timedelta(days=99)]:
            for at in moments:
                then = history.supply(rows, day, at=at)
                assert (then.period and then.period.retailer_id) == replayed(events, day, at), (day, at, events)
                known = supply.known_then(point, day, at=at)
                assert (known and known.pk) == (then.period and then.period.pk)
            for belief in history.beliefs(rows, day):
                assert (belief.period and belief.period.retailer_id) == replayed(events, day, belief.since)
        transaction.set_rollback(True)


def commit_would_succeed() -> None:
    """Ask what the database asks at a commit, after each event as in real life."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def carried_out(deed, point, day, company_id, at) -> Event | None:
    """Have the verb do it; what it says in terms of days. None where there is nothing to do it to."""
    if deed == "terminate":
        supply.terminate({point.pk: day}, cause="ends", now=at)
        return Event(at, day, None, None)
    if deed == "restore":
        return restored(point, at)
    new = NewSupply(
        point_id=point.pk,
        retailer_id=company_id,
        from_date=day,
        contract_number=f"C-{company_id}",
        holder_name=HOLDER,
        holder_kana=KANA,
        holder_address=ADDRESS,
    )
    (supply.begin if deed == "begin" else supply.hand_over)([new], now=at)
    return Event(at, day, None, company_id)


def restored(point, at) -> Event | None:
    """Undo the first hand-over between two companies that is believed now."""
    believed = list(point.supply_periods.filter(known_until=None).order_by("during"))
    for one, two in pairwise(believed):
        if one.ending == "handed_over" and one.retailer_id != two.retailer_id:
            supply.restore(
                [Restoration(point.pk, two.during.lower, two.retailer_id, one.retailer_id, "erroneous")], now=at
            )
            return Event(at, two.during.lower, two.during.upper, one.retailer_id)
    return None


# --- The page -----------------------------------------------------------------------------------------------------


@pytest.fixture
def today():
    with time_machine.travel(LATER, tick=False):
        yield LATER


def test_the_page_shows_then_and_how_it_changed(cast, corrected, today):
    client = english(client_of(cast["sora.viewer"]))
    way = f"/as-of/?number=03-{corrected.number[2:]}&day={AFTER}&at=2026-04-20T12:00"
    words = said(client.get(way))
    assert "Sora Denki" in words and "S-9" in words and HOLDER in words and "known at the moment asked for" in words
    words = said(client.get(f"/as-of/?number={corrected.number}&day={AFTER}&at="))
    assert "not by your company" in words and "S-9" not in words and HOLDER not in words


def test_the_hub_names_a_purpose_before_it_reads(cast, corrected, today):
    client = english(client_of(cast["hub.auditor"]))
    way = f"/as-of/?number={corrected.number}&day={AFTER}"
    page = client.get(way)
    assert page.status_code == 422 and "Please say what the question is for" in said(page) and HOLDER not in said(page)
    assert not LedgerEntry.objects.filter(action=as_of.ACTION).exists()
    assert HOLDER in said(client.get(way + "&purpose=complaint"))
    assert LedgerEntry.objects.get(action=as_of.ACTION).purpose == "complaint"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("number=&day=2026-04-01", "Please enter a supply point number or a case number"),
        ("number=0300112233445566778&day=2026-04-01", "22"),
        ("number=12345678901234567&day=2026-04-01", "city-gas"),
        ("number=R0000000001&day=2026-04-01", "mistyped"),
        ("number=R%00&day=2026-04-01", "Null characters"),
        ("number={point}&day=2026-02-30", "no day of the calendar"),
        ("number={point}&day=", "Please name a day"),
        ("number={point}&day=2026-04-01&at=yesterday", "Please give day and hour"),
        ("number={point}&day=2026-04-01&at=2099-01-01T00:00", "This moment has not come yet"),
        ("number={point}&day=9999-12-31", "Nothing is known so far ahead"),
        ("number={point}&day=0001-01-01&at=0001-01-01T00:00", "not by your company"),
        ("number={other}&day=2026-04-01", "that your company has to do with"),
    ],
)
def test_each_wrong_question_gets_its_sentence(cast, play, today, query, words):
    point, other = play.point(), play.point(supplier=cast.yama)
    page = english(client_of(cast["umi.viewer"])).get(f"/as-of/?{query.format(point=point.number, other=other.number)}")
    assert words in said(page) and page.status_code in (200, 422)


def test_point_and_case_lead_to_the_time_machine_and_it_opens_with_their_number(cast, play):
    relay = play.relay(play.point())
    with time_machine.travel(NOW, tick=False):
        client = client_of(cast["umi.relay"])
        assert f"/as-of/?number={relay.number}" in client.get(f"/relays/{relay.number}/").content.decode()
        page = client.get(f"/as-of/?number={relay.number}")
        assert page.status_code == 200 and f'value="{relay.number}"' in page.content.decode()
        assert not LedgerEntry.objects.filter(action=as_of.ACTION).exists(), "nothing was read yet"
        viewer = client_of(cast["umi.viewer"])
        page = viewer.get(f"/supply-points/{relay.point.number}/").content.decode()
        assert f"/as-of/?number={relay.point.number}" in page


def test_the_page_costs_the_same_however_much_happened(cast, play, today):
    client = client_of(cast["hub.auditor"])

    def cost(point) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/as-of/?number={point.number}&day=2026-04-01&purpose=audit").status_code == 200
        return len(queries)

    quiet, busy = play.point(), play.point()
    play.relay(quiet)
    for _try in range(2):
        play.rejected(busy, 2)
    for n in range(3):
        supply.hand_over([to(cast.sora if n % 2 else cast.yama, busy, DESIRED + timedelta(days=n))], now=LATER)
    cost(quiet)
    assert cost(quiet) == cost(busy)
