"""How complete the days are: counts that add up, gaps that open, shrink, split and close, days held up, the pages."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext

from metering import completeness, gaps, holds, publication, supply
from metering.inbox import gaps_to_follow_up, held_up_days
from metering.models import DayCount, Gap, HeldDay, SupplyPoint, UsageFile
from portal.models import LedgerEntry
from portal.people import Hold
from portal.workdays import JST
from tests.cast import NOW, make_points, person
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.metering.test_publication import hand_over

ONE_DAY = timedelta(days=1)
BEFORE = NOW - 60 * ONE_DAY
BOARD, GAPS = "/usage-completeness/", "/usage-gaps/"


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast) -> list[SupplyPoint]:
    return make_points(cast, 6, now=BEFORE)


def at(day: date, hour: int = 5, minute: int = 0) -> datetime:
    return datetime.combine(day, datetime.min.time(), JST).replace(hour=hour, minute=minute)


def send(cast: Any, points: list[SupplyPoint], day: date, when: datetime, **values: Any) -> UsageFile:
    whole = figures(len(points), seed=day.day, gaps=False)
    return deliver(cast, csv_of(block_of(points, day, values=whole, **values)), now=when)


def counted(day: date, **choice: Any) -> dict[str, int]:
    names = [
        *("due", "on_time", "late_day", "late_days", "late_week"),
        *("late_more", "refused", "not_sent", "held", "unsupplied"),
    ]
    rows = list(DayCount.objects.filter(day=day, **choice).values(*names))
    return {name: total for name in names if (total := sum(row[name] for row in rows))}


class TestCounting:
    def test_what_is_due_is_on_time_late_by_its_age_or_missing(self, cast, houses):
        day = DAY - 20 * ONE_DAY
        send(cast, houses[:1], day - ONE_DAY, at(day, 5))
        for point, when in zip(
            houses[:5],
            [at(day + ONE_DAY, 6), at(day + ONE_DAY, 6, 1), at(day + 3 * ONE_DAY), at(day + 8 * ONE_DAY), NOW],
            strict=True,
        ):
            send(cast, [point], day, when)
        assert completeness.count(day, now=NOW)
        assert counted(day) == {
            **{"due": 6, "on_time": 1, "late_day": 1, "late_days": 1, "late_week": 1, "late_more": 1},
            **{"not_sent": 1, "held": 5},
        }

    def test_a_refused_row_is_a_cause_of_its_own_until_the_right_one_comes(self, cast, houses):
        values = figures(6, gaps=False)
        values[2, 5] = -10
        deliver(cast, csv_of(block_of(houses, DAY, values=values)), now=at(NOW.date()))
        completeness.count(DAY, now=NOW)
        assert counted(DAY) == {"due": 6, "on_time": 5, "refused": 1, "held": 5}
        send(cast, houses[2:3], DAY, NOW)
        completeness.count(DAY, now=NOW)
        assert counted(DAY) == {"due": 6, "on_time": 5, "late_day": 1, "held": 6}

    def test_published_days_are_not_held_and_unsupplied_points_are_told(self, cast, houses):
        [nobodys] = make_points(cast, 1, retailer="", now=BEFORE)
        send(cast, [*houses, nobodys], DAY, at(NOW.date()))
        publication.publish_day(DAY, now=NOW)
        completeness.count(DAY, now=NOW)
        assert counted(DAY) == {"due": 6, "on_time": 6, "unsupplied": 1}
        assert counted(DAY, retailer=None) == {"unsupplied": 1}

    def test_areas_classes_and_retailers_are_counted_apart(self, cast, houses):
        roof = make_points(cast, 1, supply_class="FIT", area="06", now=BEFORE)
        theirs = make_points(cast, 2, retailer="yama", now=BEFORE)
        send(cast, [*houses, *roof, *theirs], DAY, at(NOW.date()))
        completeness.count(DAY, now=NOW)
        rows = DayCount.objects.values_list("retailer__name_en", "area", "supply_class", "due").order_by("due")
        assert list(rows) == [
            ("Umi Energy", "06", "FIT", 1),
            ("Yama Power", "03", "LV", 2),
            ("Umi Energy", "03", "LV", 6),
        ]

    def test_nothing_is_due_before_the_network_operator_ever_sent(self, cast, houses):
        send(cast, houses, DAY, at(NOW.date()))
        completeness.count(DAY - ONE_DAY, now=NOW)
        assert counted(DAY - ONE_DAY) == {}

    def test_a_point_that_is_not_read_half_hourly_is_due_only_when_it_comes(self, cast, houses):
        SupplyPoint.objects.filter(pk__in=[houses[0].pk, houses[1].pk]).update(half_hourly_collectable=False)
        send(cast, houses[:5], DAY - ONE_DAY, at(DAY))
        send(cast, houses[1:5], DAY, at(NOW.date()))
        completeness.count(DAY, now=NOW)
        assert counted(DAY) == {"due": 5, "on_time": 4, "not_sent": 1, "held": 4}

    def test_counting_again_replaces(self, cast, houses):
        send(cast, houses, DAY, at(NOW.date()))
        for _ in range(2):
            completeness.count(DAY, now=NOW)
        assert counted(DAY)["due"] == 6

    def test_days_are_counted_again_when_something_about_them_changed(self, cast, houses):
        def stale(now: datetime) -> list[date]:
            return [day for day in completeness.days_to_count(now=now) if day > DAY - 5 * ONE_DAY]

        send(cast, houses[:3], DAY - 3 * ONE_DAY, at(DAY))
        gaps.check(now=NOW)
        assert stale(NOW + ONE_DAY / 24) == []
        later = NOW + timedelta(hours=2)
        send(cast, houses[3:], DAY - 2 * ONE_DAY, later)
        assert stale(later) == [DAY - 2 * ONE_DAY]
        gaps.check(now=later + timedelta(minutes=1))
        publication.publish_day(DAY - 3 * ONE_DAY, now=later + timedelta(hours=1))
        assert stale(later + timedelta(hours=1)) == [DAY - 3 * ONE_DAY]
        gaps.check(now=later + timedelta(hours=2))
        supply.terminate({houses[0].pk: DAY}, cause="moved out", now=later + timedelta(hours=3))
        assert stale(later + timedelta(hours=3)) == [DAY]

    def test_a_day_is_not_counted_before_it_was_due(self, cast, houses):
        send(cast, houses, DAY - 2 * ONE_DAY, at(DAY))
        assert completeness.days_to_count(now=at(NOW.date(), 5, 59))[-1] == DAY - ONE_DAY
        assert completeness.days_to_count(now=at(NOW.date(), 6))[-1] == DAY

    def test_the_database_holds_the_sums(self, cast):
        figures_of_a_day = dict.fromkeys(
            ["due", "on_time", "late_day", "late_days", "late_week", "late_more", "refused", "not_sent", "held"], 0
        )
        common = {
            "day": DAY, "network_operator": cast.kaze, "area": "03", "supply_class": "LV",
            "unsupplied": 0, "counted_at": NOW, **figures_of_a_day,
        }  # fmt: skip
        with pytest.raises(IntegrityError, match="what_is_due_is_on_time_late_or_missing"), transaction.atomic():
            DayCount.objects.create(**{**common, "retailer": cast.umi, "due": 1})
        with pytest.raises(IntegrityError, match="due_is_what_somebody_supplies"), transaction.atomic():
            DayCount.objects.create(**{**common, "retailer": None, "due": 1, "on_time": 1})
        DayCount.objects.create(**{**common, "retailer": None})
        with pytest.raises(IntegrityError, match="a_day_is_counted_once"), transaction.atomic():
            DayCount.objects.create(**{**common, "retailer": None})


def open_gaps(point: SupplyPoint) -> list[tuple[date, date]]:
    """First and last missing day."""
    found = Gap.objects.filter(point=point, state="open").order_by("during")
    return [(gap.during.lower, gap.during.upper - ONE_DAY) for gap in found]


class TestGaps:
    """houses[0] always comes; houses[1] is the one that is missed."""

    first = DAY - 9 * ONE_DAY

    def play(self, cast: Any, houses: list[SupplyPoint], until: date, missing: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        """Every morning the day before comes; houses[1] is missing on the days numbered."""
        SupplyPoint.objects.exclude(pk__in=[p.pk for p in houses[:2]]).update(half_hourly_collectable=False)
        for n in range((until - self.first).days + 1):
            day = self.first + n * ONE_DAY
            send(cast, houses[:1] if n in missing else houses[:2], day, at(day + ONE_DAY))
            gaps.check(now=at(day + ONE_DAY, 7))

    def test_a_gap_opens_a_day_after_the_day_was_due_and_grows(self, cast, houses):
        self.play(cast, houses, self.first + 2 * ONE_DAY, missing={1, 2})
        assert open_gaps(houses[1]) == [(self.first + ONE_DAY, self.first + ONE_DAY)]
        gaps.check(now=at(self.first + 4 * ONE_DAY, 5, 59))
        assert len(open_gaps(houses[1])) == 1 and Gap.objects.get().during.upper == self.first + 2 * ONE_DAY
        gaps.check(now=at(self.first + 4 * ONE_DAY, 6))
        assert open_gaps(houses[1]) == [(self.first + ONE_DAY, self.first + 2 * ONE_DAY)]
        gaps.check(now=at(self.first + 4 * ONE_DAY, 6))
        assert Gap.objects.count() == 1
        assert LedgerEntry.objects.filter(action="usage gaps opened").count() == 2

    def test_arriving_data_closes_a_gap(self, cast, houses):
        self.play(cast, houses, self.first + 4 * ONE_DAY, missing={1})
        now = at(self.first + 5 * ONE_DAY, 9)
        send(cast, houses[1:2], self.first + ONE_DAY, now)
        gaps.check(now=now)
        gap = Gap.objects.get()
        assert (gap.state, gap.closed_at) == ("arrived", now)

    def test_data_in_the_middle_splits_it_and_keeps_who_has_it_in_hand(self, cast, houses):
        self.play(cast, houses, self.first + 7 * ONE_DAY, missing={1, 2, 3, 4, 5})
        gap = Gap.objects.get()
        by, now = cast["kaze.usage"], at(self.first + 8 * ONE_DAY, 9)
        gaps.follow_up(gap.pk, assigned_to=by, follow_up_on=DAY, note="asked the site", by=by, now=now)
        send(cast, houses[1:2], self.first + 3 * ONE_DAY, now)
        gaps.check(now=now)
        assert open_gaps(houses[1]) == [
            (self.first + ONE_DAY, self.first + 2 * ONE_DAY),
            (self.first + 4 * ONE_DAY, self.first + 5 * ONE_DAY),
        ]
        told = Gap.objects.values_list("assigned_to__username", "note", "opened_at").order_by().distinct()
        assert list(told) == [("kaze.usage", "asked the site", gap.opened_at)]

    def test_a_point_that_was_not_supplied_after_all_has_no_gap(self, cast, houses):
        self.play(cast, houses, self.first + 4 * ONE_DAY, missing={2, 3})
        now = at(self.first + 5 * ONE_DAY, 9)
        supply.terminate({houses[1].pk: self.first + 2 * ONE_DAY}, cause="moved out", now=now)
        gaps.check(now=now)
        assert Gap.objects.get().state == "not_due"

    def test_what_was_given_up_opens_no_gap_again(self, cast, houses):
        self.play(cast, houses, self.first + 3 * ONE_DAY, missing={1})
        gaps.give_up(Gap.objects.get().pk, reason="meter burnt", by=cast["kaze.usage"], now=NOW)
        for n in range(1, 9):
            gaps.open_missing(self.first + n * ONE_DAY, now=NOW)
        assert Gap.objects.filter(point=houses[1], during__contains=self.first + ONE_DAY).count() == 1
        assert Gap.objects.get(during__contains=self.first + ONE_DAY).state == "given_up"

    @pytest.mark.parametrize("verb", ["follow_up", "give_up"])
    @pytest.mark.parametrize(("who", "why"), [("umi.usage", gaps.NotYours), ("kaze.viewer", gaps.NotYours)])
    def test_only_the_network_operators_usage_people_follow_up(self, cast, houses, verb, who, why):
        self.play(cast, houses, self.first + 3 * ONE_DAY, missing={1})
        pk = Gap.objects.get().pk
        with pytest.raises(why):
            if verb == "follow_up":
                gaps.follow_up(pk, assigned_to=None, follow_up_on=None, note="x", by=cast[who], now=NOW)
            else:
                gaps.give_up(pk, reason="x", by=cast[who], now=NOW)

    def test_a_closed_gap_stays_closed_and_reasons_and_colleagues_are_checked(self, cast, houses):
        self.play(cast, houses, self.first + 3 * ONE_DAY, missing={1})
        pk, by = Gap.objects.get().pk, cast["kaze.usage"]
        with pytest.raises(gaps.WordsMissing):
            gaps.give_up(pk, reason="  ", by=by, now=NOW)
        west = person(cast.kaze, "kaze.west", roles=[Hold("usage", area="06")])
        for stranger in (cast["umi.usage"], cast["kaze.viewer"], west):
            with pytest.raises(gaps.NotAColleague):
                gaps.follow_up(pk, assigned_to=stranger, follow_up_on=None, note="", by=by, now=NOW)
        gaps.give_up(pk, reason="meter burnt", by=by, now=NOW)
        with pytest.raises(gaps.NotOpen):
            gaps.follow_up(pk, assigned_to=None, follow_up_on=None, note="", by=by, now=NOW)

    def test_the_inbox_tells_what_nobody_has_in_hand_and_what_is_to_be_looked_at(self, cast, houses):
        self.play(cast, houses, self.first + 3 * ONE_DAY, missing={1})
        by, pk = cast["kaze.usage"], Gap.objects.get().pk
        assert [task.count for task in gaps_to_follow_up(by, NOW)] == [1]
        gaps.follow_up(pk, assigned_to=by, follow_up_on=NOW.date() + ONE_DAY, note="", by=by, now=NOW)
        assert [task.count for task in gaps_to_follow_up(by, NOW)] == [0]
        assert [task.count for task in gaps_to_follow_up(by, NOW + ONE_DAY)] == [1]
        assert list(gaps_to_follow_up(cast["umi.usage"], NOW)) == []

    def test_many_gaps_cost_as_many_statements_as_one(self, cast, houses):
        self.play(cast, houses, self.first + 3 * ONE_DAY)
        day = self.first + 2 * ONE_DAY

        def statements() -> int:
            with CaptureQueriesContext(connection) as caught:
                gaps.open_missing(day, now=NOW)
                gaps.close_arrived(now=NOW)
            return len(caught)

        make_points(cast, 1, now=BEFORE)
        few = statements()
        make_points(cast, 50, now=BEFORE)
        assert statements() == few and Gap.objects.count() == 51

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({}, "one_gap_per_point_and_day"),
            ({"state": "given_up", "closed_at": NOW, "note": "x"}, "one_gap_per_point_and_day"),
            ({"state": "arrived"}, "a_closed_gap_has_a_time"),
            ({"state": "given_up", "closed_at": NOW}, "a_gap_is_given_up_for_a_reason"),
            ({"during": DateRange(DAY, None)}, "a_gap_has_a_first_and_a_last_day"),
        ],
    )
    def test_the_database_refuses(self, cast, houses, values, constraint):
        common = {"point": houses[0], "during": DateRange(DAY, DAY + ONE_DAY), "opened_at": NOW}
        Gap.objects.create(**common)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Gap.objects.create(**{**common, **values})


class TestHeldDays:
    def test_a_day_that_keeps_waiting_alarms_the_hub_and_is_released(self, cast, houses, monkeypatch):
        send(cast, houses, DAY, at(NOW.date()))
        monkeypatch.setattr(holds, "not_yet_settled", [lambda day: True])
        for minutes in (0, 10, 29):
            publication.publish_late(now=NOW + timedelta(minutes=minutes))
        held = HeldDay.objects.get()
        assert (held.day, held.since, held.last_tried_at) == (DAY, NOW, NOW + timedelta(minutes=29))
        soon, later = NOW + timedelta(minutes=29), NOW + timedelta(minutes=31)
        operator = cast["hub.operator"]
        assert [task.count for task in held_up_days(operator, soon)] == [0]
        assert [(task.count, task.due_at) for task in held_up_days(operator, later)] == [(1, NOW)]
        assert list(held_up_days(cast["kaze.usage"], later)) == []
        monkeypatch.setattr(holds, "not_yet_settled", [])
        publication.publish_late(now=later)
        assert HeldDay.objects.get().released_at == later
        assert not holds.lasting(later).exists()

    def test_a_day_is_held_up_once(self, db):
        HeldDay.objects.create(day=DAY, since=NOW, last_tried_at=NOW)
        with pytest.raises(IntegrityError, match="a_day_is_held_up_once"):
            HeldDay.objects.create(day=DAY, since=NOW, last_tried_at=NOW)


@pytest.mark.usefixtures("clock")
class TestPages:
    @pytest.fixture
    def played(self, cast, houses):
        hand_over(houses[4:], cast.sora, DAY - 5 * ONE_DAY)
        send(cast, houses, DAY - 3 * ONE_DAY, at(DAY - 2 * ONE_DAY))
        for days in (2, 1):
            send(cast, [houses[0], *houses[2:]], DAY - days * ONE_DAY, at(DAY - (days - 1) * ONE_DAY, 7))
        gaps.check(now=NOW)
        return houses

    def rows(self, response: Any) -> list[list[str]]:
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return [line.split(",") for line in text.splitlines()]

    def test_each_sees_the_own_share(self, cast, client_of, played):
        def due(who: str) -> list[str]:
            head, *lines = self.rows(client_of(cast[who]).get(BOARD, {"format": "csv", "by": "day"}))
            return [f"{line[0]} {line[head.index('対象')]}" for line in lines]

        day = DAY - 2 * ONE_DAY
        assert f"{day} 4" in due("umi.usage")
        assert f"{day} 2" in due("sora.usage")
        assert f"{day} 6" in due("kaze.usage") and f"{day} 6" in due("hub.operator")
        assert due("yama.usage") == []

    @pytest.mark.parametrize("by", ["day", "retailer", "network_operator", "area", "supply_class"])
    def test_lines_per_day_retailer_operator_area_and_class(self, cast, client_of, played, by):
        page = client_of(cast["hub.operator"]).get(BOARD, {"by": by})
        assert page.status_code == 200
        head, *lines = self.rows(client_of(cast["hub.operator"]).get(BOARD, {"format": "csv", "by": by}))
        assert (sum(int(line[head.index("対象")]) for line in lines) == DayCount.objects.count() and lines) or lines

    def test_a_retailer_reads_no_word_of_the_operators_notes(self, cast, client_of, played):
        gap = Gap.objects.get(point=played[1])
        gaps.follow_up(
            gap.pk, assigned_to=cast["kaze.usage"], follow_up_on=None, note="inside", by=cast["kaze.usage"], now=NOW
        )
        for url in (GAPS, f"{GAPS}{gap.pk}/", f"{GAPS}?format=csv"):
            response = client_of(cast["umi.usage"]).get(url)
            content = b"".join(response) if response.streaming else response.content
            assert response.status_code == 200 and b"inside" not in content
            assert "風送配電 usage".encode() not in content
            inside = client_of(cast["kaze.usage"]).get(url)
            assert inside.status_code == 200
        assert b"inside" in client_of(cast["kaze.usage"]).get(f"{GAPS}{gap.pk}/").content

    def test_a_gap_is_followed_up_and_given_up_in_the_browser(self, cast, client_of, played):
        gap, client = Gap.objects.get(point=played[1]), client_of(cast["kaze.usage"])
        answer = client.post(
            f"{GAPS}{gap.pk}/follow-up/",
            {"assigned_to": cast["kaze.usage"].pk, "follow_up_on": "2026-04-03", "note": "電話済み"},
        )
        assert answer.status_code == 302
        gap.refresh_from_db()
        assert (gap.assigned_to, gap.follow_up_on, gap.note) == (cast["kaze.usage"], date(2026, 4, 3), "電話済み")
        wrong = client.post(f"{GAPS}{gap.pk}/follow-up/", {"assigned_to": cast["umi.usage"].pk})
        assert wrong.status_code == 422
        empty = client.post(f"{GAPS}{gap.pk}/giving-up/", {"reason": ""})
        assert empty.status_code == 422 and "値が届かない理由を入力してください" in empty.content.decode()
        assert client.post(f"{GAPS}{gap.pk}/giving-up/", {"reason": "計器焼損"}).status_code == 302
        again = client.post(f"{GAPS}{gap.pk}/giving-up/", {"reason": "計器焼損"})
        assert again.status_code == 422 and "既に解消済み" in again.content.decode()
        assert "計器焼損" in client_of(cast["umi.usage"]).get(f"{GAPS}{gap.pk}/").content.decode()

    def test_filters_narrow_the_gaps(self, cast, client_of, played):
        client = client_of(cast["kaze.usage"])
        total = client.get(GAPS).context["list"].page.paginator.count
        assert total == 1
        for query, count in (
            ({"state": "open"}, 1),
            ({"state": "arrived"}, 0),
            ({"only": "mine"}, 0),
            ({"only": "todo"}, 1),
            ({"point": played[1].number}, 1),
            ({"supply_class": "HV"}, 0),
        ):
            assert client.get(GAPS, query).context["list"].page.paginator.count == count, query

    def test_a_page_costs_the_same_whatever_its_length(self, cast, client_of, played):
        client = client_of(cast["kaze.usage"])

        def queries(url: str) -> int:
            client.get(url)
            with CaptureQueriesContext(connection) as caught:
                assert client.get(url).status_code == 200
            return len(caught)

        few = queries(GAPS), queries(BOARD)
        more = make_points(cast, 5, now=BEFORE)
        Gap.objects.bulk_create(
            [Gap(point=point, during=DateRange(DAY, DAY + ONE_DAY), opened_at=NOW) for point in more]
        )
        completeness.count(DAY, now=NOW)
        assert (queries(GAPS), queries(BOARD)) == few

    def test_a_held_day_stands_on_the_hubs_board_alone(self, cast, client_of, played, monkeypatch):
        HeldDay.objects.create(day=DAY, since=NOW - timedelta(hours=2), last_tried_at=NOW)
        assert "公表が止まっています" in client_of(cast["hub.operator"]).get(BOARD).content.decode()
        assert "公表が止まっています" not in client_of(cast["umi.usage"]).get(BOARD).content.decode()
