"""Watching over inquiries: the daily budget, alarms, explain in time or be locked."""

import threading
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from metering import governance
from metering.governance import Kind, longest_run
from metering.inquiries import BudgetSpent, Locked, UnknownPoint, inquire, record_consent, search_by_meter
from metering.models import InquiryAlarm, InquiryCount, InquiryRules
from portal import inbox
from portal.models import LedgerEntry, Notice, User
from tests.cast import NOW, client_of, gather, make_points, person

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
State = InquiryAlarm.State


@pytest.fixture
def asker(sora_inquiry) -> User:
    return sora_inquiry


def consent_of(user: User, now: datetime = NOW):
    return record_consent(reference="REC-1", channel="web", purpose="switch", obtained_on=now.date(), by=user, now=now)


def rules(user: User, **changes) -> None:
    given = {"daily_budget": 1000, "hourly_alarm": 1000, "is_watched": True, **changes}
    governance.set_rules(user.company, by=None, now=NOW, **given)


def an_alarm(user: User, *, now: datetime = NOW, kind: str = Kind.HOURLY) -> InquiryAlarm:
    """An alarm of many inquiries within the hour, raised by asking."""
    assert kind == Kind.HOURLY
    rules(user, hourly_alarm=3)
    for _question in range(3):
        governance.count(user, now=now)
    return InquiryAlarm.objects.get(user=user, kind=kind, raised_at=now)


# --- The budget ---------------------------------------------------------------------------------------------------


def test_the_daily_budget_refuses_counts_refusals_too_and_begins_anew_at_midnight(cast, points, asker):
    rules(asker, daily_budget=3)
    consent = consent_of(asker)
    asked = {"supply_class": "LV", "consent": consent, "by": asker}
    inquire(number=points.house.number, now=NOW, **asked)
    with pytest.raises(UnknownPoint):
        inquire(number="0300999999999999999999", now=NOW, **asked)
    assert governance.left_today(asker, now=NOW) == (1, 3)
    search_by_meter(meter_number=points.house.meters.get().number, now=NOW + HOUR, **asked)
    with pytest.raises(BudgetSpent):
        inquire(number=points.house.number, now=NOW + HOUR, **asked)
    with pytest.raises(BudgetSpent):
        search_by_meter(meter_number="03M0000001", now=NOW.replace(hour=23, minute=59), **asked)
    refused = LedgerEntry.objects.filter(detail__reason="BudgetSpent").values_list("action", flat=True)
    assert sorted(refused) == ["facility inquiry refused", "supply point search refused"]
    inquire(number=points.house.number, now=NOW.replace(hour=0, minute=0) + DAY, **asked)


def test_the_budget_is_each_persons_own(cast, points, asker):
    rules(asker, daily_budget=1)
    other = person(cast.sora, "sora.second", roles=["inquiry"])
    for user in (asker, other):
        inquire(number=points.house.number, supply_class="LV", consent=consent_of(user), by=user, now=NOW)
    assert governance.left_today(asker, now=NOW) == (0, 1)
    assert governance.left_today(cast["yama.inquiry"], now=NOW) == (300, 300)


@pytest.mark.django_db(transaction=True)
def test_questions_at_the_same_time_are_each_counted():
    cast = gather()
    user = cast["sora.inquiry"]
    rules(user, daily_budget=5)
    start, answers = threading.Barrier(8), []

    def ask() -> None:
        start.wait(5)
        answers.append(governance.count(user, now=NOW))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [False] * 3 + [True] * 5


def test_only_the_newest_numbers_are_kept(asker):
    rules(asker, is_watched=False)
    for n in range(0, 1300, 10):
        governance.count(asker, number=f"03{n:020d}", now=NOW)
    [row] = InquiryCount.objects.all()
    assert row.count == 130 and len(row.numbers) == governance.NUMBERS_KEPT
    assert row.numbers[0] == f"03{1290:020d}"


def test_the_page_tells_what_is_left(cast, points, asker):
    rules(asker, daily_budget=2)
    client = client_of(asker)
    with time_machine.travel(NOW, tick=False):
        governance.count(asker, now=NOW)
        assert "残り1件です（上限2件）" in client.get("/facility-inquiries/new/lv/").content.decode()
        governance.count(asker, now=NOW)
        answer = client.post(
            f"/facility-inquiries/new/lv/?consent={consent_of(asker).pk}",
            {"number": points.house.number, "consent": consent_of(asker).pk},
        )
    assert answer.status_code == 422 and "本日の照会件数の上限に達しました" in answer.content.decode()


# --- Alarms -------------------------------------------------------------------------------------------------------


def test_many_inquiries_within_an_hour_raise_one_alarm_a_day(asker):
    rules(asker, hourly_alarm=3)
    for _question in range(2):
        governance.count(asker, now=NOW)
    governance.count(asker, now=NOW + HOUR)
    assert not InquiryAlarm.objects.exists()
    for _question in range(4):
        governance.count(asker, now=NOW + HOUR)
    alarm = InquiryAlarm.objects.get()
    assert (alarm.kind, alarm.count, alarm.explain_by) == (Kind.HOURLY, 3, NOW + 25 * HOUR)
    governance.explain(alarm, explanation="a campaign", by=asker, now=NOW + HOUR)
    governance.count(asker, now=NOW + HOUR)
    assert InquiryAlarm.objects.count() == 1
    for _question in range(3):
        governance.count(asker, now=NOW + DAY)
    assert InquiryAlarm.objects.count() == 2


def test_numbers_one_after_the_other_raise_an_alarm_also_when_no_point_has_them(asker):
    consent = consent_of(asker)
    for n in range(8):
        with pytest.raises(UnknownPoint):
            inquire(number=f"03{n * 2:020d}", supply_class="LV", consent=consent, by=asker, now=NOW + n * HOUR)
    alarm = InquiryAlarm.objects.get()
    assert alarm.kind == Kind.ENUMERATION and alarm.count == 8
    assert alarm.numbers[0] == f"03{0:020d}" and alarm.numbers[-1] == f"03{14:020d}"


def test_scattered_numbers_raise_none(asker):
    for n in range(30):
        governance.count(asker, number=f"03{n * 977:020d}", now=NOW)
    assert not InquiryAlarm.objects.exists()


@pytest.mark.parametrize(
    ("numbers", "run"),
    [
        ([], []),
        (["5"], ["5"]),
        (["5", "1", "2", "9", "3"], ["1", "2", "3", "5"]),
        (["1", "1", "1"], ["1"]),
        (["1", "4", "5", "8"], ["4", "5"]),
    ],
)
def test_the_longest_run(numbers, run):
    assert longest_run(numbers) == run


def test_a_company_that_is_not_watched_raises_none(asker):
    rules(asker, hourly_alarm=1, is_watched=False)
    for n in range(20):
        governance.count(asker, number=f"03{n:020d}", now=NOW)
    assert not InquiryAlarm.objects.exists()


def test_administrators_and_the_hub_are_told_and_the_person_finds_it_in_the_inbox(cast, asker):
    alarm = an_alarm(asker)
    told = Notice.objects.filter(kind="inquiry_alarm")
    assert {notice.recipient for notice in told} == {cast.sora, cast.hub}
    assert Notice.objects.visible_to(cast["sora.administrator"]).filter(kind="inquiry_alarm").exists()
    assert not Notice.objects.visible_to(cast["sora.viewer"]).filter(kind="inquiry_alarm").exists()
    [task] = [task for task in inbox.tasks_of(asker, now=NOW) if task.kind == "inquiries.explain"]
    assert (task.count, task.due_at) == (1, alarm.explain_by)
    with time_machine.travel(NOW, tick=False):
        page = client_of(cast["sora.administrator"]).get("/notices/").content.decode()
    assert "照会の警告：sora.inquiry" in page


# --- Explain or be locked -----------------------------------------------------------------------------------------


def test_an_explanation_in_time_keeps_the_person_asking(cast, points, asker):
    alarm = an_alarm(asker)
    assert alarm.state(NOW) == State.OPEN
    explained = governance.explain(alarm, explanation=" flats of one owner ", by=asker, now=NOW + HOUR)
    assert explained.explanation == "flats of one owner" and explained.state(NOW + 9 * DAY) == State.EXPLAINED
    assert not governance.is_locked(asker, now=NOW + 9 * DAY)
    assert LedgerEntry.objects.get(action="inquiry alarm explained").user == asker
    with pytest.raises(governance.AnsweredAlready):
        governance.explain(alarm, explanation="again", by=asker, now=NOW + HOUR)


def test_without_an_explanation_inquiries_and_searches_are_locked_to_the_minute(cast, points, asker):
    alarm = an_alarm(asker)
    consent = consent_of(asker)
    asked = {"supply_class": "LV", "consent": consent, "by": asker}
    inquire(number=points.house.number, now=alarm.explain_by - timedelta(seconds=1), **asked)
    with pytest.raises(Locked):
        inquire(number=points.house.number, now=alarm.explain_by, **asked)
    with pytest.raises(Locked):
        search_by_meter(meter_number="03M0000001", now=alarm.explain_by, **asked)
    assert LedgerEntry.objects.filter(detail__reason="Locked").count() == 2
    with pytest.raises(governance.TooLate):
        governance.explain(alarm, explanation="sorry", by=asker, now=alarm.explain_by)
    colleague = person(cast.sora, "sora.second", roles=["inquiry"])
    inquire(
        number=points.house.number, supply_class="LV", consent=consent_of(colleague), by=colleague, now=alarm.explain_by
    )


def test_a_lock_is_told_once(cast, asker):
    alarm = an_alarm(asker)
    assert governance.tell_of_locks(now=alarm.explain_by - HOUR) == 0
    assert governance.tell_of_locks(now=alarm.explain_by) == 1
    assert governance.tell_of_locks(now=alarm.explain_by + HOUR) == 0
    assert Notice.objects.filter(kind="inquiry_locked").count() == 2
    assert LedgerEntry.objects.get(action="inquiries locked").detail == {"user": "sora.inquiry"}


@pytest.mark.parametrize("who", ["sora.administrator", "hub.operator"])
def test_an_administrator_or_the_operator_lifts_the_lock_with_a_reason(cast, asker, who):
    alarm = an_alarm(asker)
    with pytest.raises(governance.NotLocked):
        governance.lift(alarm, reason="too early", by=cast[who], now=NOW)
    with pytest.raises(governance.WordsMissing):
        governance.lift(alarm, reason=" ", by=cast[who], now=alarm.explain_by)
    governance.lift(alarm, reason="talked to", by=cast[who], now=alarm.explain_by)
    assert not governance.is_locked(asker, now=alarm.explain_by)
    assert LedgerEntry.objects.get(action="inquiry lock lifted").detail == {"reason": "talked to"}
    with pytest.raises(governance.AnsweredAlready):
        governance.lift(alarm, reason="again", by=cast[who], now=alarm.explain_by)


@pytest.mark.parametrize("who", ["sora.inquiry", "sora.viewer", "yama.administrator", "hub.helpdesk", "hub.auditor"])
def test_nobody_else_lifts_it(cast, asker, who):
    alarm = an_alarm(asker)
    with pytest.raises(governance.NotAllowed):
        governance.lift(alarm, reason="please", by=cast[who], now=alarm.explain_by)


def test_an_administrator_who_asks_does_not_lift_the_own_lock(cast):
    both = person(cast.sora, "sora.both", roles=["inquiry", "administrator"])
    alarm = an_alarm(both)
    with pytest.raises(governance.NotAllowed):
        governance.lift(alarm, reason="it was me", by=both, now=alarm.explain_by)
    with pytest.raises(IntegrityError, match="nobody_lifts_the_own_lock"), transaction.atomic():
        InquiryAlarm.objects.filter(pk=alarm.pk).update(lifted_by=both, lifted_at=NOW, lift_reason="x")


def test_the_database_keeps_one_open_alarm_per_person_and_kind(asker):
    alarm = an_alarm(asker)
    alarm.pk = None
    with pytest.raises(IntegrityError, match="one_open_alarm_per_person_and_kind"), transaction.atomic():
        alarm.save(force_insert=True)


# --- Pages --------------------------------------------------------------------------------------------------------


def test_the_person_explains_on_the_page(cast, asker):
    alarm = an_alarm(asker)
    client, url = client_of(asker), f"/inquiry-alarms/{alarm.pk}/"
    with time_machine.travel(NOW + HOUR, tick=False):
        assert "1時間に多数の照会" in client.get("/inquiry-alarms/").content.decode()
        assert "説明する" in client.get(url).content.decode()
        empty = client.post(f"{url}explanation/", {"explanation": "  "})
        assert empty.status_code == 422 and "理由を1、2文で入力してください" in empty.content.decode()
        assert client.post(f"{url}explanation/", {"explanation": "団地の一括申込"}).status_code == 302
        page = client.get(url).content.decode()
        assert "団地の一括申込" in page and "説明する" not in page
        late = client.post(f"{url}explanation/", {"explanation": "more"})
        assert late.status_code == 422 and "すでに対応済み" in late.content.decode()


def test_the_administrator_lifts_on_the_page(cast, asker):
    alarm = an_alarm(asker)
    client, url = client_of(cast["sora.administrator"]), f"/inquiry-alarms/{alarm.pk}/"
    with time_machine.travel(NOW, tick=False):
        early = client.post(f"{url}lifting/", {"reason": "now"})
        assert early.status_code == 422 and "まだ停止されていません" in early.content.decode()
        assert client.post(f"{url}explanation/", {"explanation": "not mine"}).status_code == 422
    with time_machine.travel(NOW + 2 * DAY, tick=False):
        assert "照会が停止されているユーザ" in client.get("/").content.decode()
        assert "照会が停止されています" in client_of(asker).get("/facility-inquiries/new/lv/").content.decode()
        assert "停止を解除する" in client.get(url).content.decode()
        assert client.post(f"{url}lifting/", {"reason": "面談で確認"}).status_code == 302
        assert "面談で確認" in client.get(url).content.decode()
    assert InquiryAlarm.objects.get().lifted_by == cast["sora.administrator"]


def test_who_sees_which_alarms(cast, asker):
    alarm = an_alarm(asker)
    second = person(cast.sora, "sora.second", roles=["inquiry"])
    for who in (asker, cast["sora.administrator"], cast["hub.operator"], cast["hub.helpdesk"], cast["hub.auditor"]):
        assert client_of(who).get(f"/inquiry-alarms/{alarm.pk}/").status_code == 200, who
    for who in (second, cast["yama.inquiry"], cast["yama.administrator"], cast["kaze.administrator"]):
        assert client_of(who).get(f"/inquiry-alarms/{alarm.pk}/").status_code == 404, who
        assert client_of(who).post(f"/inquiry-alarms/{alarm.pk}/lifting/", {"reason": "x"}).status_code == 404, who
    assert client_of(cast["sora.viewer"]).get("/inquiry-alarms/").status_code == 404


def test_the_list_of_alarms_costs_the_same_queries_whatever_its_length(cast):
    client, costs = client_of(cast["sora.administrator"]), []
    client.get("/inquiry-alarms/")
    for names in (["a"], ["b", "c"]):
        for name in names:
            an_alarm(person(cast.sora, f"sora.asker-{name}", roles=["inquiry"]))
        with CaptureQueriesContext(connection) as queries:
            assert "sora.asker" not in client.get("/inquiry-alarms/?who=nobody").content.decode()
            client.get("/inquiry-alarms/")
        costs.append(len(queries))
    assert costs[0] == costs[1]


# --- The operator -------------------------------------------------------------------------------------------------


def test_the_operator_gives_a_company_rules_of_its_own_in_the_workbench(cast):
    client, bench = client_of(cast["hub.operator"]), "/workbench/metering/inquiryrules"
    form = {"company": cast.sora.pk, "daily_budget": "50", "hourly_alarm": "0", "is_watched": "on"}
    assert "1件以上を指定" in client.post(f"{bench}/add/", form).content.decode()
    assert client.post(f"{bench}/add/", form | {"hourly_alarm": "20"}).status_code == 302
    assert governance.rules_of(cast.sora) == governance.Rules(50, 20, True)
    own = InquiryRules.objects.get()
    assert client.post(f"{bench}/{own.pk}/delete/", {"post": "yes"}).status_code == 302
    assert governance.rules_of(cast.sora) == governance.Rules(300, 100, True)
    assert client_of(cast["hub.auditor"]).get(f"{bench}/add/").status_code == 403
    for who in ("hub.helpdesk", "sora.administrator"):
        with pytest.raises(governance.OnlyTheHub):
            governance.set_rules(cast.sora, daily_budget=1, hourly_alarm=1, by=cast[who], now=NOW)


def test_the_workbench_shows_alarms_and_leads_to_their_page(cast, asker):
    alarm = an_alarm(asker)
    client = client_of(cast["hub.operator"])
    assert client.get("/workbench/metering/inquiryalarm/").status_code == 200
    page = client.get(f"/workbench/metering/inquiryalarm/{alarm.pk}/change/").content.decode()
    assert f"/inquiry-alarms/{alarm.pk}/" in page


def test_points_made_in_a_row_may_be_asked_when_few(cast, asker):
    for point in make_points(cast, 7):
        inquire(number=point.number, supply_class="LV", consent=consent_of(asker), by=asker, now=NOW)
    assert not InquiryAlarm.objects.exists()
