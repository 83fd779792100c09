"""The published figures are those of the cases, and never tell of a few cases of one company."""

import csv
import io
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from portal.models import LedgerEntry
from portal.workdays import JST
from switching import relays, statistics
from switching.models import AnswerMonth, DayCount, Relay
from switching.relays import Verdict
from switching.statistics import Audience, Figures, NotAllowed, Step
from switching.tasks import count_statistics
from tests.cast import client_of
from tests.switching.paging import inquire, said

APRIL = date(2026, 4, 1)
IN_MAY = datetime(2026, 5, 1, 2, tzinfo=JST)
DESIRED = date(2026, 6, 30)


@pytest.fixture
def cases(play, cast, now):
    """April 1: an inquiry, a relay, a start in 03; a relay in 06 that is judged; April 6 (Monday): a relay in 03."""
    house = play.point()
    inquire(cast, house)
    play.relay(house, desired_date=DESIRED)
    play.start(house, desired_date=DESIRED)
    answered(play, cast, now, now + timedelta(hours=2), area="06")
    play.relay(play.point(), now=now + timedelta(days=5), desired_date=DESIRED)
    return play


def answered(play, cast, registered, judged, *, who="sora", losing="umi", area="03"):
    """A relay that `losing` accepts at `judged`; its termination is filed with it."""
    point = play.point(supplier=cast.companies[losing], area=area)
    relay = play.relay(point, who, now=registered, desired_date=DESIRED, losing_retailer=cast.companies[losing])
    return relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast[f"{losing}.relay"], now=judged)


def answers_of(month=APRIL, to=None):
    return {line.company_id: line for _month, line in statistics.answers(month, to=to)}


# --- Counting -----------------------------------------------------------------------------------------------------


def test_the_table_counts_what_reached_the_hub_per_month_and_week(cases):
    assert statistics.count_days(now=IN_MAY) == 30
    [april] = statistics.table(Step.MONTH)
    assert (april.period, april.figures) == (APRIL, Figures(inquiries=1, switch_starts=1, others=4))
    weeks = statistics.table(Step.WEEK)
    assert [line.period for line in weeks[:2]] == [date(2026, 3, 30), date(2026, 4, 6)]
    assert [line.figures for line in weeks[:2]] == [Figures(1, 1, 3), Figures(0, 0, 1)]
    assert weeks[-1].cumulative == april.figures == statistics.total(weeks)


def test_every_area_has_its_own_line_and_they_sum_up(cases):
    statistics.count_days(now=IN_MAY)
    lines = {line.area: line.figures for line in statistics.table(Step.MONTH, by_area=True)}
    assert lines["03"] == Figures(1, 1, 2)
    assert lines["06"] == Figures(0, 0, 2)  # a relay and the termination its acceptance filed
    assert len(lines) == 10 and lines["01"] == Figures()
    [osaka] = statistics.table(Step.MONTH, area="06")
    assert osaka.figures == lines["06"]


def test_cumulative_figures_begin_with_the_opening_whatever_is_shown(cases):
    statistics.count_days(now=IN_MAY)
    [week] = statistics.table(Step.WEEK, first=date(2026, 4, 8), last=date(2026, 4, 8))
    assert week.period == date(2026, 4, 6)
    assert (week.figures, week.cumulative) == (Figures(0, 0, 1), Figures(1, 1, 4))


def test_a_day_is_a_japanese_day(play):
    play.relay(play.point(), now=datetime(2026, 4, 2, 0, 30, tzinfo=JST), desired_date=DESIRED)
    play.relay(play.point(), now=datetime(2026, 4, 1, 23, 30, tzinfo=JST), desired_date=DESIRED)
    statistics.count_days(now=IN_MAY)
    counted = DayCount.objects.filter(others=1).order_by("day").values_list("day", flat=True)
    assert list(counted) == [date(2026, 4, 1), date(2026, 4, 2)]


def test_a_day_is_counted_once_when_it_is_surely_over(cases, now):
    midnight = datetime(2026, 4, 2, 0, 0, tzinfo=JST)
    assert statistics.count_days(now=midnight + timedelta(minutes=59)) == 0
    assert statistics.count_days(now=midnight + timedelta(minutes=61)) == 1
    assert statistics.count_days(now=midnight + timedelta(minutes=62)) == 0
    assert statistics.counted_until() == APRIL
    assert DayCount.objects.count() == 10
    count_statistics(at="2026-04-04T12:00:00+09:00")
    assert statistics.counted_until() == date(2026, 4, 3)
    with pytest.raises(IntegrityError, match="a_day_is_counted_once_per_area"), transaction.atomic():
        DayCount.objects.create(day=APRIL, area="03", inquiries=0, switch_starts=0, others=0)


def test_nothing_is_counted_before_anything_happened(cast):
    assert statistics.count_days(now=IN_MAY) == 0
    assert statistics.counted_until() is None and statistics.table(Step.WEEK) == []


def test_the_number_of_statements_does_not_grow_with_the_cases(cases, cast, now, django_assert_num_queries):
    with django_assert_num_queries(7):  # transaction, lock, last day, first day, two counts, end
        statistics.count_days(now=IN_MAY)
    DayCount.objects.all().delete()
    AnswerMonth.objects.all().delete()
    for _n in range(3):
        answered(cases, cast, now, now + timedelta(hours=1))
    with django_assert_num_queries(7):
        statistics.count_days(now=IN_MAY)


def test_counting_again_takes_in_what_was_restored(cases, cast, now, hub_operator):
    statistics.count_days(now=IN_MAY)
    answered(cases, cast, now, now + timedelta(hours=1))
    assert statistics.count_days(now=IN_MAY) == 0
    assert statistics.count_again(since=date(2026, 4, 20), by=hub_operator, now=IN_MAY) == 30
    [april] = statistics.table(Step.MONTH)
    assert april.figures == Figures(1, 1, 6)
    assert LedgerEntry.objects.filter(action="statistics.count_again", user=hub_operator).count() == 1
    with pytest.raises(NotAllowed):
        statistics.count_again(since=APRIL, by=cast["sora.administrator"], now=IN_MAY)


# --- Answers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def months_answers(play, cast, now):
    """umi answers after 1, 2, 3, 4, 5 and 100 hours (the last past its deadline), yama four times after an hour."""
    for hours in (1, 2, 3, 4, 5):
        answered(play, cast, now, now + timedelta(hours=hours))
    late = answered(play, cast, now, now + timedelta(hours=6))
    # Past the deadline no verb judges; the figures must say so all the same.
    Relay.objects.filter(pk=late.pk).update(judged_at=now + timedelta(hours=100))
    for _n in range(4):
        answered(play, cast, now, now + timedelta(hours=1), losing="yama")
    statistics.count_days(now=IN_MAY)
    return play


def test_median_95th_percentile_and_on_time_share_of_known_answers(months_answers, umi):
    umis = answers_of()[umi.pk]
    assert umis.ended == 6
    assert umis.median_seconds == 3.5 * 3600
    assert umis.p95_seconds == pytest.approx((5 + 0.75 * 95) * 3600)
    assert umis.on_time_share == pytest.approx(5 / 6)


def test_fewer_than_five_are_not_told(months_answers, yama, umi, sora, cast):
    for reader in (None, cast["sora.relay"], cast["umi.administrator"], cast["kaze.viewer"]):
        yamas = answers_of(to=reader)[yama.pk]
        assert (yamas.ended, yamas.median_seconds, yamas.p95_seconds, yamas.on_time_share) == (None,) * 4
    assert sora.pk not in answers_of()


def test_the_number_of_all_cases_does_not_tell_of_the_company_left_out(months_answers, cast):
    together = answers_of()[None]
    assert together.ended is None
    assert together.on_time_share == pytest.approx(9 / 10)
    assert answers_of(to=cast["hub.operator"])[None].ended == 10


def test_the_own_company_and_the_hub_see_small_numbers(months_answers, yama, cast):
    for reader in (cast["yama.viewer"], cast["hub.operator"], cast["hub.auditor"]):
        yamas = answers_of(to=reader)[yama.pk]
        assert (yamas.ended, yamas.median_seconds, yamas.on_time_share) == (4, 3600, 1.0)


def test_a_relay_without_judgement_is_not_on_time_and_has_no_answer_time(play, cast, now, umi):
    for _n in range(5):
        answered(play, cast, now, now + timedelta(hours=2))
    for _n in range(3):
        play.relay(play.point(), desired_date=DESIRED)
    assert relays.expire_overdue(now=now + timedelta(days=5)) == 3
    statistics.count_days(now=IN_MAY)
    umis = answers_of()[umi.pk]
    assert (umis.ended, umis.median_seconds, umis.on_time_share) == (8, 7200, 5 / 8)


def test_times_that_rest_on_four_answers_are_left_out_though_five_relays_ended(play, cast, now, umi):
    for _n in range(4):
        answered(play, cast, now, now + timedelta(hours=2))
    play.relay(play.point(), desired_date=DESIRED)
    relays.expire_overdue(now=now + timedelta(days=5))
    statistics.count_days(now=IN_MAY)
    umis = answers_of()[umi.pk]
    assert (umis.ended, umis.median_seconds, umis.p95_seconds, umis.on_time_share) == (5, None, None, 4 / 5)


def test_a_running_month_is_not_told(play, cast, now):
    for _n in range(6):
        answered(play, cast, now, now + timedelta(hours=2))
    statistics.count_days(now=datetime(2026, 4, 30, 23, tzinfo=JST))
    assert statistics.answer_months() == []
    statistics.count_days(now=datetime(2026, 5, 1, 1, tzinfo=JST))
    assert statistics.answer_months() == [APRIL]


# --- Pages --------------------------------------------------------------------------------------------------------

ADDRESSES = ("/statistics/", "/statistics/counts.csv", "/statistics/answers.csv", "/statistics/open-data.json")


@pytest.mark.parametrize("address", ADDRESSES)
def test_statistics_open_to_everybody_only_when_the_operator_says_so(address, months_answers, cast, now):
    half = client_of(cast["sora.relay"], verified=False)
    assert Client().get(address).status_code == 302 and half.get(address).status_code == 302
    assert client_of(cast["sora.relay"]).get(address).status_code == 200
    statistics.open_to(Audience.EVERYBODY, by=cast["hub.operator"], now=now)
    assert Client().get(address).status_code == 200 and half.get(address).status_code == 200
    statistics.open_to(Audience.PARTICIPANTS, by=cast["hub.operator"], now=now)
    assert Client().get(address).status_code == 302


def test_only_an_operator_decides_who_may_read(cast, now):
    for name in ("sora.administrator", "hub.helpdesk", "hub.auditor"):
        with pytest.raises(NotAllowed):
            statistics.open_to(Audience.EVERYBODY, by=cast[name], now=now)
    answer = client_of(cast["hub.helpdesk"]).post("/statistics/audience/", {"audience": "everybody"}, follow=True)
    assert "統計の設定は広域機関の担当者だけが変更できます" in said(answer)
    assert statistics.audience() == Audience.PARTICIPANTS
    client_of(cast["hub.operator"]).post("/statistics/audience/", {"audience": "everybody"})
    assert statistics.audience() == Audience.EVERYBODY
    answer = client_of(cast["hub.operator"]).post("/statistics/audience/", {"audience": "nobody"}, follow=True)
    assert answer.status_code == 200 and statistics.audience() == Audience.EVERYBODY


def test_the_page_shows_table_charts_and_answers(months_answers, cast):
    answer = client_of(cast["sora.relay"]).get("/statistics/")
    words = said(answer)
    assert "2026-04" in words and "海エナジー 6 3.5" in words
    assert "山電力 – – – –" in words
    assert answer.content.count(b'<svg class="chart') == 3
    assert "山電力 4 1.0" in said(client_of(cast["hub.operator"]).get("/statistics/"))


def test_the_page_speaks_english(months_answers, cast):
    answer = client_of(cast["sora.relay"]).get("/statistics/", headers={"accept-language": "en"})
    words = said(answer)
    assert "How cancellation relays are answered" in words
    assert f"{cast.umi.name_en} 6 3.5" in words and cast.umi.name not in words


def test_the_page_costs_the_same_whatever_the_number_of_companies(
    months_answers, cast, now, django_assert_max_num_queries
):
    client = client_of(cast["sora.relay"])
    client.get("/statistics/")
    with django_assert_max_num_queries(60) as one:
        client.get("/statistics/?step=week")
    for _n in range(2):
        answered(months_answers, cast, now, now + timedelta(hours=1), who="umi", losing="sora")
    statistics.count_again(since=APRIL, by=None, now=IN_MAY)
    with django_assert_max_num_queries(60) as three:
        client.get("/statistics/?step=week")
    assert len(one) == len(three)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("first=2026-05-01&last=2026-04-01", "終了日が開始日より前です"),
        ("first=0001-01-01", "2000年から2999年"),
        ("last=9999-12-31", "2000年から2999年"),
        ("area=99", "99"),
        ("step=hour", "hour"),
        ("first=tomorrow", "日付"),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_sentence(query, sentence, months_answers, cast):
    client = client_of(cast["sora.relay"])
    for address in ("/statistics/", "/statistics/counts.csv", "/statistics/open-data.json"):
        answer = client.get(f"{address}?{query}")
        assert answer.status_code == 422 and sentence in answer.content.decode()


def test_the_csv_holds_every_area_and_what_is_told_of_companies(months_answers, cast):
    client = client_of(cast["hub.operator"])
    head, *rows = csv.reader(io.StringIO(client.get("/statistics/counts.csv").content.decode("utf-8-sig")))
    assert len(rows) == 10 and len(head) == 9
    assert [row for row in rows if row[1] == "03"] == [["2026-04", "03", "東京", "0", "0", "20", "0", "0", "20"]]
    head, *rows = csv.reader(io.StringIO(client.get("/statistics/answers.csv").content.decode("utf-8-sig")))
    by_name = {row[1]: row[2:] for row in rows}
    assert by_name["山電力"] == ["–"] * 4, "a file is for handing on: small numbers are left out for the hub too"
    assert by_name["海エナジー"][:2] == ["6", "3.5"]


def test_the_open_data_are_the_same_for_everybody(months_answers, cast, now):
    inside = client_of(cast["yama.viewer"]).get("/statistics/open-data.json?step=week")
    assert not inside.has_header("Access-Control-Allow-Origin")
    statistics.open_to(Audience.EVERYBODY, by=None, now=now)
    outside = Client().get("/statistics/open-data.json?step=week")
    assert outside["Access-Control-Allow-Origin"] == "*"
    data = outside.json()
    assert data == inside.json()
    assert data["counted_until"] == "2026-04-30" and len(data["counts"]) == 5 * 10
    by_name = {line["losing_retailer"]: line for line in data["answers"]}
    assert by_name["山電力"]["ended"] is None and by_name["山電力"]["median_hours"] is None
    assert by_name["海エナジー"]["median_hours"] == 3.5 and by_name["海エナジー"]["on_time_share"] == 0.8333


def test_the_operator_counts_anew_from_the_page(months_answers, cast):
    client = client_of(cast["hub.operator"])
    DayCount.objects.all().update(others=999)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("switching.views.statistics.clock.now", lambda: IN_MAY)
        answer = client.post("/statistics/counting/", {"since": "2026-04-15"}, follow=True)
    assert "再集計しました" in said(answer)
    assert statistics.total(statistics.table(Step.MONTH)).others == 20
    answer = client.post("/statistics/counting/", {"since": "soon"}, follow=True)
    assert answer.status_code == 200 and statistics.counted_until() == date(2026, 4, 30)
