"""The queue over the quota: kept in its order, asked anew when the turn comes, nothing lost in silence."""

import csv
import io
import threading
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from portal import companies, gates, outbox, people, quotas
from portal.models import Function, LedgerEntry, Notice, Over, Quota, Registration
from portal.people import Hold
from switching import applications, inbox, matching, queue_sweep, registration_queue, relays
from switching.models import Application, QueuedRegistration, Relay
from tests.cast import NOW, client_of, gather
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA, Play
from tests.switching.paging import entries, inquire, said

RELAY, START = Registration.RELAY, Registration.SWITCH_START
State = QueuedRegistration.State
LATE = NOW.replace(hour=23, minute=59, second=59)
MIDNIGHT = LATE + timedelta(seconds=1)
NEXT_MIDNIGHT = MIDNIGHT + timedelta(days=1)


@pytest.fixture
def play(cast) -> Play:
    return Play(cast, NOW)


def quota(cast, most: int, registration: Registration = RELAY, over: Over = Over.QUEUE) -> None:
    quotas.set_quota(cast.sora, registration, most=most, over=over, by=None, now=NOW)


def enter(play: Play, point=None, *, now=NOW, **changes) -> Relay | QueuedRegistration:
    point = point or play.point()
    return registration_queue.register_relay(
        play.request(point, now=now, **changes), by=play.cast["sora.relay"], now=now
    )


def enter_start(play: Play, point=None, **changes) -> Application | QueuedRegistration:
    told = {
        "desired_date": DESIRED,
        "contract_number": "S-1",
        "holder_name": HOLDER,
        "holder_kana": KANA,
        "holder_address": ADDRESS,
    }
    start = applications.Start(point=point or play.point(), **(told | changes))
    return registration_queue.file_start(start, by=play.cast["sora.application"], now=NOW)


def states() -> list[str]:
    return list(QueuedRegistration.objects.order_by("pk").values_list("state", flat=True))


# --- Into the queue -----------------------------------------------------------------------------------------------


def test_below_the_quota_it_is_registered_and_over_it_queued(cast, play):
    quota(cast, 1)
    assert isinstance(enter(play), Relay)
    queued = enter(play)
    assert isinstance(queued, QueuedRegistration) and queued.state == State.WAITING and queued.number[0] == "Q"
    assert Relay.objects.count() == 1
    assert LedgerEntry.objects.filter(action="queue.entered", subject=f"queue {queued.number}").exists()
    [left] = quotas.standing(cast.sora, now=NOW)
    assert (left.used, left.waiting, left.left, left.is_queued) == (1, 1, 0, True)


def test_without_the_operators_wish_it_is_refused_as_before(cast, play):
    quota(cast, 1, over=Over.REFUSE)
    enter(play)
    with pytest.raises(relays.QuotaSpent):
        enter(play)
    assert not QueuedRegistration.objects.exists()
    quota(cast, 0, START, over=Over.REFUSE)
    with pytest.raises(applications.QuotaSpent):
        enter_start(play)


def test_a_trial_writes_nothing(cast, play):
    quota(cast, 1)
    enter(play)
    point = play.point()
    request = play.request(point)
    before = LedgerEntry.objects.count()
    tried = registration_queue.register_relay(request, by=cast["sora.relay"], now=NOW, dry_run=True)
    assert isinstance(tried, QueuedRegistration) and tried.pk is None
    assert not QueuedRegistration.objects.exists() and LedgerEntry.objects.count() == before


def test_every_rule_is_asked_at_the_entry(cast, play):
    quota(cast, 1)
    enter(play)
    play.policy(number_pattern="U[0-9]{8}", number_hint="U", number_sample="U-12345678")
    with pytest.raises(relays.NumberDoesNotFit):
        enter(play, contract_number="x")
    with pytest.raises(relays.AlreadyOurs):
        enter(play, play.point(supplier=cast.sora))
    gates.open_function(Function.RELAYS, opened_from=NEXT_MIDNIGHT, by=None, now=NOW)
    with pytest.raises(gates.Closed):
        enter(play)
    assert not QueuedRegistration.objects.exists()


def test_a_date_too_early_for_the_day_of_its_turn_is_told_at_the_entry(cast, play):
    quota(cast, 1)
    point = play.point()
    earliest, _latest = applications.date_window(point, meter_work=False, today=date(2026, 4, 1))
    enter(play)
    with pytest.raises(relays.DateNotPossible) as refused:
        enter(play, point, desired_date=earliest)
    assert refused.value.earliest > earliest
    assert isinstance(enter(play, point, desired_date=refused.value.earliest), QueuedRegistration)


def test_one_point_waits_once(cast, play):
    quota(cast, 1)
    enter(play)
    point = play.point()
    queued = enter(play, point)
    with pytest.raises(registration_queue.AlreadyWaiting) as refused:
        enter(play, point)
    assert refused.value.number == queued.number


def test_nobody_overtakes_the_queue(cast, play):
    quota(cast, 2)
    for _at in range(2):
        enter(play)
    first = enter(play)
    second = enter(play, now=MIDNIGHT)  # the new day has begun, the worker has not come yet
    assert isinstance(second, Relay), "there is room for the one that waits and for one more"
    third = enter(play, now=MIDNIGHT)
    assert isinstance(third, QueuedRegistration)
    queue_sweep.register_waiting(now=MIDNIGHT)
    first.refresh_from_db()
    assert first.state == State.REGISTERED
    assert states() == [State.REGISTERED, State.WAITING]


def test_the_place_and_the_day_are_told(cast, play):
    quota(cast, 2)
    for _at in range(2):
        enter(play)
    waits = [enter(play) for _at in range(5)]
    places = registration_queue.places(cast.sora.pk)
    assert [places[queued.pk] for queued in waits] == [1, 2, 3, 4, 5]
    days = [registration_queue.expected_on(queued, places[queued.pk], now=NOW).day for queued in waits]
    assert days == [2, 2, 3, 3, 4]


# --- Out of the queue ---------------------------------------------------------------------------------------------


def test_at_midnight_they_are_registered_in_their_order_up_to_the_new_quota(cast, play):
    quota(cast, 2)
    for _at in range(2):
        enter(play)
    waits = [enter(play) for _at in range(3)]
    assert queue_sweep.register_waiting(now=LATE) == 0 and states() == [State.WAITING] * 3
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 2
    assert states() == [State.REGISTERED, State.REGISTERED, State.WAITING]
    waits[0].refresh_from_db()
    relay = waits[0].became_relay
    assert relay.registered_at == MIDNIGHT and relay.registered_by == cast["sora.relay"]
    assert relay.point == waits[0].point and relay.holder_name == HOLDER
    assert relay.steps.count() == 1 and Notice.objects.filter(subject=relay.number, recipient=cast.umi).exists()
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 0
    assert queue_sweep.register_waiting(now=NEXT_MIDNIGHT) == 1
    assert Relay.objects.count() == 5


def test_a_start_waits_and_goes_with_the_relay_registered_meanwhile(cast, play):
    quota(cast, 1, START)
    enter_start(play)
    point = play.point()
    queued = enter_start(play, point, meter_work=False)
    relay = play.relay(point)
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1
    queued.refresh_from_db()
    assert queued.became_application.relay == relay and queued.became_application.filed_at == MIDNIGHT


def test_a_quota_raised_at_noon_lets_them_in_at_noon(cast, play):
    quota(cast, 1)
    enter(play)
    for _at in range(3):
        enter(play)
    noon = NOW + timedelta(hours=2)
    quota(cast, 3)
    assert queue_sweep.register_waiting(now=noon) == 2
    quotas.lift(Quota.objects.get(), by=None, now=noon)
    assert queue_sweep.register_waiting(now=noon) == 1
    assert states() == [State.REGISTERED] * 3


def test_a_closed_function_lets_them_wait(cast, play):
    quota(cast, 1)
    enter(play)
    enter(play)
    gates.announce(
        begins_at=MIDNIGHT, ends_at=MIDNIGHT + timedelta(hours=3), announced_from=NOW, words_ja="保守", words_en="x",
        by=None, now=NOW,
    )  # fmt: skip
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 0 and states() == [State.WAITING]
    assert queue_sweep.register_waiting(now=MIDNIGHT + timedelta(hours=3)) == 1


def test_a_rule_that_no_longer_holds_ends_the_wait_and_the_company_is_told(cast, play):
    quota(cast, 1)
    enter(play)
    point = play.point()
    queued = enter(play, point)
    play.relay(point, who="yama")
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1
    queued.refresh_from_db()
    assert queued.state == State.REFUSED and queued.ended_at == MIDNIGHT
    assert "廃止取次" in queued.refusal_ja and "relay is open" in queued.refusal_en
    assert "山" not in queued.refusal_ja and "Yama" not in queued.refusal_en
    notice = Notice.objects.get(kind="queue_refused")
    assert (notice.recipient, notice.subject) == (cast.sora, queued.number)
    for language, reason in (("ja", queued.refusal_ja), ("en", queued.refusal_en)):
        headline, body = outbox.words(notice, language)
        assert queued.number in headline and reason in body and notice.link in body
        assert not any(personal in body for personal in (HOLDER, KANA, ADDRESS, point.number))
    [task] = [task for task in inbox.refused_from_queue(cast["sora.relay"], MIDNIGHT) if task.count]
    assert task.count == 1
    assert not [task for task in inbox.refused_from_queue(cast["sora.application"], MIDNIGHT) if task.count]


def test_one_that_is_refused_does_not_use_the_quota_up(cast, play):
    quota(cast, 1)
    enter(play)
    point = play.point()
    enter(play, point)
    enter(play)
    play.relay(point, who="yama")
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 2
    assert states() == [State.REFUSED, State.REGISTERED]


@pytest.mark.parametrize("happens", ["left", "suspended", "role"])
def test_whoever_may_no_longer_register_it_is_asked_for_at_the_turn(cast, play, happens):
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    clerk = cast["sora.relay"]
    if happens == "left":
        people.leave(clerk, by=cast["sora.administrator"], now=NOW)
    elif happens == "suspended":
        people.suspend(clerk, by=cast["sora.administrator"], now=NOW)
    else:
        people.set_roles(clerk, roles=[Hold("relay", area="06")], by=cast["sora.administrator"], now=NOW)
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1
    queued.refresh_from_db()
    assert queued.state == State.REFUSED
    words = {"left": "退職または停止中", "suspended": "退職または停止中", "role": "権限"}
    assert words[happens] in queued.refusal_ja


def test_a_fault_of_the_hub_stops_nobody_behind(cast, play, monkeypatch, caplog):
    quota(cast, 1)
    enter(play)
    broken = enter(play)
    enter(play)
    quota(cast, 5)
    real = relays.register

    def register(request, **options):
        if request.point == broken.point:
            raise RuntimeError("a fault")
        return real(request, **options)

    monkeypatch.setattr(relays, "register", register)
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1
    assert states() == [State.WAITING, State.REGISTERED] and broken.number in caplog.text
    monkeypatch.undo()
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1


def test_killed_in_the_middle_nothing_is_half_and_nothing_twice(cast, play, monkeypatch):
    quota(cast, 1)
    enter(play)
    enter(play)
    quota(cast, 5)

    def die(*args, **options):
        raise SystemExit("killed")

    monkeypatch.setattr(queue_sweep, "_end", die)  # the relay is written, the queue is not yet
    with pytest.raises(SystemExit):
        queue_sweep.register_waiting(now=MIDNIGHT)
    assert Relay.objects.count() == 1 and states() == [State.WAITING]
    monkeypatch.undo()
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 1
    assert Relay.objects.count() == 2


def test_withdrawn_by_the_own_company_while_it_waits(cast, play):
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    for stranger in ("yama.relay", "sora.application", "sora.viewer"):
        with pytest.raises(registration_queue.NotYours):
            registration_queue.withdraw(queued_id=queued.pk, by=cast[stranger], now=NOW)
    registration_queue.withdraw(queued_id=queued.pk, by=cast["sora.relay"], now=NOW)
    with pytest.raises(registration_queue.AlreadyEnded):
        registration_queue.withdraw(queued_id=queued.pk, by=cast["sora.relay"], now=NOW)
    assert queue_sweep.register_waiting(now=MIDNIGHT) == 0 and Relay.objects.count() == 1
    assert isinstance(enter(play, queued.point), QueuedRegistration), "it may be entered again, at the end"


# --- At the same time ---------------------------------------------------------------------------------------------


def together(*acts) -> list[object]:
    start, outcomes = threading.Barrier(len(acts)), []

    def run(act) -> None:
        try:
            start.wait(5)
            outcomes.append(act())
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_two_workers_and_a_clerk_at_midnight_do_not_pass_the_quota():
    cast = gather()
    play = Play(cast, NOW)
    quota(cast, 2)
    for _at in range(2):
        enter(play)
    waits = [enter(play) for _at in range(3)]
    request = play.request(play.point(), now=NOW)
    clerk = cast["sora.relay"]

    def sweep() -> int:
        return queue_sweep.register_waiting(now=MIDNIGHT)

    outcomes = together(sweep, sweep, lambda: registration_queue.register_relay(request, by=clerk, now=MIDNIGHT))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    sweep()
    assert relays.registered_between(cast.sora.pk, MIDNIGHT, NEXT_MIDNIGHT) == 2
    assert states() == [State.REGISTERED, State.REGISTERED, State.WAITING, State.WAITING]
    assert len({queued.pk for queued in waits}) == 3


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_and_the_worker_at_once_end_it_one_way():
    cast = gather()
    play = Play(cast, NOW)
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    clerk = cast["sora.relay"]
    together(
        lambda: queue_sweep.register_waiting(now=MIDNIGHT),
        lambda: registration_queue.withdraw(queued_id=queued.pk, by=clerk, now=MIDNIGHT),
    )
    queued.refresh_from_db()
    assert (queued.state, Relay.objects.count()) in {(State.REGISTERED, 2), (State.WITHDRAWN, 1)}


# --- What the database holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"state": State.WITHDRAWN}, "a_wait_that_ended_has_its_moment"),
        ({"state": State.REFUSED, "ended_at": NOW}, "a_refusal_from_the_queue_says_why"),
        ({"state": State.REGISTERED, "ended_at": NOW}, "what_was_registered_from_the_queue_is_named"),
        ({"disclosure": None}, "a_queued_relay_names_retailer_and_disclosure"),
    ],
)
def test_the_database_refuses_what_cannot_be(cast, play, changes, name):
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        QueuedRegistration.objects.filter(pk=queued.pk).update(**changes)


def test_the_database_keeps_every_entry_and_lets_a_wait_end_once(cast, play):
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    with pytest.raises(IntegrityError, match="a_point_waits_once"), transaction.atomic():
        QueuedRegistration.objects.bulk_create([_copy(queued)])
    registration_queue.withdraw(queued_id=queued.pk, by=cast["sora.relay"], now=NOW)
    with pytest.raises(ProgrammingError), transaction.atomic():
        QueuedRegistration.objects.filter(pk=queued.pk).update(state=State.WAITING, ended_at=None)
    with pytest.raises(ProgrammingError), transaction.atomic():
        queued.delete()
    with pytest.raises(quotas.QueueNeedsRoom):
        quota(cast, 0)
    with pytest.raises(IntegrityError, match="a_quota_that_queues_lets_some_in"), transaction.atomic():
        Quota.objects.update(most=0)


def _copy(queued: QueuedRegistration) -> QueuedRegistration:
    copy = QueuedRegistration.objects.get(pk=queued.pk)
    copy.pk, copy.number = None, "Q0000000000"
    return copy


# --- Pages --------------------------------------------------------------------------------------------------------


def test_the_clerk_sees_the_way_through_the_queue(cast, play, time_machine):
    time_machine.move_to(NOW, tick=False)
    quota(cast, 1)
    enter(play)
    clerk = client_of(cast["sora.relay"])
    for _at in range(2):
        queued = enter(play)
    page = clerk.get("/queue/").content.decode()
    assert queued.number in page and "登録待ち" in page and HOLDER not in page
    page = clerk.get(f"/queue/{queued.number}/").content.decode()
    assert HOLDER in page and "2番目" in page and "2026-04-03" in page
    assert LedgerEntry.objects.filter(action="queue.read", purpose__gt="").count() == 1
    page = clerk.get(f"/queue/{queued.number}/withdrawal/").content.decode()
    assert "取り下げますか" in page
    assert clerk.post(f"/queue/{queued.number}/withdrawal/", {"confirmed": "1"}).url == "/queue/"
    answer = clerk.post(f"/queue/{queued.number}/withdrawal/", {"confirmed": "1"}, follow=True)
    assert "取下げ」に変わりました" in answer.content.decode()
    home = clerk.get("/").content.decode()
    assert "登録待ち 1件" in home and 'href="/queue/"' in home


def test_the_file_holds_what_was_entered_and_is_in_the_ledger(cast, play):
    quota(cast, 1)
    enter(play)
    point = play.point()
    queued = enter(play, point)
    play.relay(point, who="yama")
    queue_sweep.register_waiting(now=MIDNIGHT)
    answer = client_of(cast["sora.relay"]).get("/queue/?format=csv&state=refused")
    [row] = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    queued.refresh_from_db()
    assert row["登録待ち番号"] == queued.number and row["却下の理由"] == queued.refusal_ja
    assert row["供給地点"] == point.number and HOLDER in row.values()
    assert LedgerEntry.objects.filter(action="queue.export").exists()


def test_the_queue_shows_each_kind_to_its_own_role_and_nothing_to_others(cast, play):
    quota(cast, 1)
    quota(cast, 1, START)
    enter(play)
    enter_start(play)
    relay, start = enter(play), enter_start(play)
    seen = {
        "sora.relay": {relay.number},
        "sora.application": {start.number},
        "yama.relay": set(),
    }
    for who, numbers in seen.items():
        page = client_of(cast[who]).get("/queue/").content.decode()
        assert {number for number in (relay.number, start.number) if number in page} == numbers
        for number in (relay.number, start.number):
            assert client_of(cast[who]).get(f"/queue/{number}/").status_code == (200 if number in numbers else 404)
    for who in ("sora.viewer", "sora.administrator", "kaze.application", "hub.operator"):
        assert client_of(cast[who]).get("/queue/").status_code == 404


@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_list_costs_the_same_however_long_the_queue(cast, play, count, django_assert_max_num_queries):
    quota(cast, 10)
    for _at in range(10):
        play.relay(play.point())
    for _at in range(count):
        enter(play)
    clerk = client_of(cast["sora.relay"])
    clerk.get("/queue/")
    with django_assert_max_num_queries(16):
        clerk.get("/queue/")


def test_the_matching_takes_a_start_that_came_from_the_queue(cast, play):
    quota(cast, 1, START)
    enter_start(play)
    point = play.point()
    accepted = play.accepted(point)
    enter_start(play, point, relay=accepted)
    queue_sweep.register_waiting(now=MIDNIGHT)
    matching.match_waiting(now=MIDNIGHT)
    accepted.refresh_from_db()
    assert accepted.state == "04"


def test_a_closed_company_registers_nothing_more(cast, play):
    quota(cast, 1)
    enter(play)
    queued = enter(play)
    companies.Company.objects.filter(pk=cast.sora.pk).update(is_active=False)
    queue_sweep.register_waiting(now=MIDNIGHT)
    queued.refresh_from_db()
    assert queued.state == State.REFUSED


def test_the_operator_sets_what_becomes_of_the_rest(cast):
    client, bench = client_of(cast["hub.operator"]), "/workbench/portal/quota"
    form = {"company": cast.sora.pk, "registration": "relay", "most": "10", "over": "queue"}
    assert client.post(f"{bench}/add/", form).status_code == 302
    assert Quota.objects.get().over == Over.QUEUE
    assert "登録待ちの枠がありません" in client.post(f"{bench}/add/", form | {"most": "0"}).content.decode()
    assert LedgerEntry.objects.filter(action="quota set", detail__over="queue").exists()


def test_the_form_tells_what_is_left_and_puts_what_is_over_into_the_queue(cast, play, time_machine):
    time_machine.move_to(NOW, tick=False)
    quota(cast, 1)
    clerk = client_of(cast["sora.relay"])
    point = play.point()
    play.disclosure(point)
    way = f"/relays/new/?inquiry={inquire(cast, point).pk}"
    assert "1件中 0件使用" in said(clerk.get(way))
    enter(play)
    page = said(clerk.get(way))
    assert "1件中 1件使用" in page and "登録待ちとなり" in page
    sent = entries(cast, point)
    page = said(clerk.post(way, {**sent, "check": "1"}))
    assert "登録待ちにしますか" in page and "1番目" in page and "2026-04-02" in page and HOLDER in page
    assert not QueuedRegistration.objects.exists()
    answer = clerk.post(way, {**sent, "confirmed": "1"})
    queued = QueuedRegistration.objects.get()
    assert answer.url == f"/queue/{queued.number}/" and "次に登録されます" in said(clerk.get(answer.url))
    again = clerk.post(way, {**sent, "confirmed": "1"})
    assert again.status_code == 422 and queued.number in said(again)
    queue_sweep.register_waiting(now=MIDNIGHT)
    queued.refresh_from_db()
    page = clerk.get(f"/queue/{queued.number}/").content.decode()
    assert f'href="/relays/{queued.became_relay.number}/"' in page


def test_the_form_of_a_start_does_so_too(cast, play, time_machine):
    time_machine.move_to(NOW, tick=False)
    quota(cast, 1, START)
    enter_start(play)
    clerk, point = client_of(cast["sora.application"]), play.point()
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, point).pk}"
    sent = {
        "desired_date": "2026-04-15",
        "meter_work": "no",
        "contract_number": "S-1",
        "holder_name": HOLDER,
        "holder_kana": KANA,
        "holder_address": ADDRESS,
    }
    assert "登録待ちとなり" in said(clerk.get(way))
    assert "登録待ちにしますか" in said(clerk.post(way, sent))
    assert clerk.post(way, {**sent, "confirmed": "1"}).url.startswith("/queue/Q")
    quota(cast, 1, START, over=Over.REFUSE)
    other = play.point()
    way = f"/applications/new/switch-start/?inquiry={inquire(cast, other).pk}"
    assert "本日はこれ以上登録できません" in said(clerk.get(way))
    assert "登録上限（1件）に達したため" in said(clerk.post(way, sent))


def test_a_draft_of_a_start_is_filed_while_the_quota_lasts_and_stays_a_draft_over_it(cast, play):
    quota(cast, 1, START)
    clerk = cast["sora.application"]
    holder = {"holder_name": HOLDER, "holder_kana": KANA, "holder_address": ADDRESS}
    drafts = [
        applications.file(
            kind="switch_start",
            point=play.point(),
            desired_date=DESIRED,
            given={**holder, "contract_number": "S-1", "meter_work": False},
            by=clerk,
            now=NOW,
            as_draft=True,
        )
        for _at in range(2)
    ]
    assert applications.file_draft(application_id=drafts[0].pk, by=clerk, now=NOW).state == "waiting"
    with pytest.raises(applications.QuotaSpent):
        applications.file_draft(application_id=drafts[1].pk, by=clerk, now=NOW)
    assert Application.objects.get(pk=drafts[1].pk).state == "draft"
