"""Days that changed hands after they were over are noted with the change, by the verbs and against raw SQL."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from metering import owed, supply
from metering.models import Contract, OwedDay, SupplyPeriod, SupplyPoint
from metering.supply import NotRestorable, Restoration
from tests.cast import NOW, SUPPLIED_FROM, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.metering.test_supply import check_deferred, constraint_of, supplier, to

ONE_DAY = timedelta(days=1)
TODAY = NOW.date()
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def house(cast) -> SupplyPoint:
    return make_points(cast, 1, now=NOW - timedelta(days=30))[0]


def undo(point: SupplyPoint, cast: Any, day: date, cause: str = "U-1") -> Restoration:
    return Restoration(point.pk, day, cast.sora.pk, cast.umi.pk, cause)


def noted(point: SupplyPoint) -> list[tuple[date, str, str]]:
    rows = OwedDay.objects.filter(point=point).select_related("from_retailer", "to_retailer").order_by("id")
    return [(row.day, *(side.name_en if side else "" for side in (row.from_retailer, row.to_retailer))) for row in rows]


def days(first: date, until: date) -> list[date]:
    return [first + n * ONE_DAY for n in range((until - first).days)]


def test_a_hand_over_of_today_owes_nothing(cast, house):
    supply.hand_over([to(cast.sora, house, TODAY)], now=NOW)
    check_deferred()
    assert noted(house) == []


def test_a_late_hand_over_owes_the_days_in_between(cast, house):
    supply.hand_over([to(cast.sora, house, TODAY - 3 * ONE_DAY, cause="A-7")], now=NOW)
    check_deferred()
    assert noted(house) == [(day, "Umi Energy", "Sora Denki") for day in days(TODAY - 3 * ONE_DAY, TODAY)]
    assert set(OwedDay.objects.values_list("cause", "known_at", "settled_at")) == {("A-7", NOW, None)}


def test_a_late_hand_over_to_the_same_retailer_owes_nothing(cast, house):
    supply.hand_over([to(cast.umi, house, TODAY - 3 * ONE_DAY)], now=NOW)
    check_deferred()
    assert noted(house) == []


def test_a_termination_back_in_time_owes_days_to_nobody_and_a_reconnection_days_with_usage(cast, house):
    deliver(cast, csv_of(block_of([house], DAY)))
    supply.terminate({house.pk: DAY - ONE_DAY}, cause="moved out", now=NOW)
    check_deferred()
    assert noted(house) == [(day, "Umi Energy", "") for day in days(DAY - ONE_DAY, TODAY)]
    OwedDay.objects.update(settled_at=NOW)
    supply.begin([to(cast.sora, house, DAY - ONE_DAY)], now=LATER)
    check_deferred()
    assert noted(house)[2:] == [(DAY, "", "Sora Denki")], "nobody sent usage of the day before"


def test_a_point_that_begins_long_ago_without_usage_owes_nothing(cast, house):
    assert noted(house) == []


class TestRestoration:
    def test_supply_goes_on_as_if_it_had_never_been_interrupted(self, cast, house):
        former = supply.current_period(house, DAY).contract
        supply.hand_over([to(cast.sora, house, DAY)], now=NOW)
        lost = supply.current_period(house, DAY).contract
        [period] = supply.restore([undo(house, cast, DAY)], now=LATER)
        check_deferred()
        assert (period.during.lower, period.during.upper, period.ending) == (SUPPLIED_FROM, None, "open")
        assert period.contract_id == former.pk
        assert {supplier(house, day) for day in (SUPPLIED_FROM, DAY - ONE_DAY, DAY, DAY + 400 * ONE_DAY)} == {
            "Umi Energy"
        }
        assert Contract.objects.get(pk=lost.pk).annulled_at == LATER
        assert Contract.objects.get(pk=former.pk).annulled_at is None
        house.refresh_from_db()
        assert (house.last_wheeling_change, house.contract_state) == (SUPPLIED_FROM, "energised")

    def test_what_was_believed_before_can_still_be_asked(self, cast, house):
        supply.hand_over([to(cast.sora, house, DAY)], now=NOW)
        supply.restore([undo(house, cast, DAY)], now=LATER)
        assert supply.known_then(house, DAY, at=NOW).retailer == cast.sora
        assert supply.known_then(house, DAY, at=LATER).retailer == cast.umi

    def test_the_days_that_are_over_are_owed_to_the_rightful_retailer(self, cast, house):
        first = TODAY - 5 * ONE_DAY
        supply.hand_over([to(cast.sora, house, first)], now=NOW - timedelta(days=5))
        supply.restore([undo(house, cast, first)], now=NOW)
        check_deferred()
        assert noted(house) == [(day, "Sora Denki", "Umi Energy") for day in days(first, TODAY)]

    def test_before_the_switch_date_nothing_is_owed(self, cast, house):
        supply.hand_over([to(cast.sora, house, TODAY + 9 * ONE_DAY)], now=NOW)
        supply.restore([undo(house, cast, TODAY + 9 * ONE_DAY)], now=LATER)
        check_deferred()
        assert noted(house) == [] and supplier(house, TODAY + 9 * ONE_DAY) == "Umi Energy"

    def test_a_termination_since_then_stands(self, cast, house):
        supply.hand_over([to(cast.sora, house, DAY)], now=NOW)
        ended = DAY + 20 * ONE_DAY
        supply.terminate({house.pk: ended}, cause="moved out", now=NOW)
        [period] = supply.restore([undo(house, cast, DAY)], now=LATER)
        check_deferred()
        assert (period.during.upper, period.ending) == (ended, "terminated")
        house.refresh_from_db()
        assert (supplier(house, ended), house.contract_state) == ("", "idle")

    def test_a_third_retailer_keeps_the_point(self, cast, house):
        first, second = TODAY - 9 * ONE_DAY, TODAY - 4 * ONE_DAY
        supply.hand_over([to(cast.sora, house, first)], now=NOW - timedelta(days=9))
        supply.hand_over([to(cast.yama, house, second)], now=NOW - timedelta(days=4))
        supply.restore([undo(house, cast, first)], now=NOW)
        check_deferred()
        assert [supplier(house, day) for day in (first, second - ONE_DAY, second)] == [
            "Umi Energy",
            "Umi Energy",
            "Yama Power",
        ]
        assert [day for day, _, _ in noted(house)] == days(first, second)

    def test_many_points_cost_as_many_statements_as_one(self, cast, django_assert_num_queries):
        few, many = make_points(cast, 1), make_points(cast, 40)
        supply.hand_over([to(cast.sora, point, DAY) for point in [*few, *many]], now=NOW)
        with django_assert_num_queries(8):
            supply.restore([undo(point, cast, DAY) for point in few], now=LATER)
        with django_assert_num_queries(8):
            supply.restore([undo(point, cast, DAY) for point in many], now=LATER)
        check_deferred()

    @pytest.mark.parametrize("wrong", ["day", "retailer", "sides", "never switched"])
    def test_what_does_not_fit_is_refused_and_nothing_is_changed(self, cast, wrong):
        good, bad = make_points(cast, 2)
        supply.hand_over([to(cast.sora, good, DAY)], now=NOW)
        if wrong != "never switched":
            supply.hand_over([to(cast.sora, bad, DAY)], now=NOW)
        item = {
            "day": Restoration(bad.pk, DAY + ONE_DAY, cast.sora.pk, cast.umi.pk),
            "retailer": Restoration(bad.pk, DAY, cast.yama.pk, cast.umi.pk),
            "sides": Restoration(bad.pk, DAY, cast.umi.pk, cast.sora.pk),
            "never switched": Restoration(bad.pk, DAY, cast.sora.pk, cast.umi.pk),
        }[wrong]
        with pytest.raises(NotRestorable) as caught:
            supply.restore([undo(good, cast, DAY), item], now=LATER)
        assert caught.value.point_ids == [bad.pk]
        assert supplier(good, DAY) == "Sora Denki"

    def test_a_second_time_is_refused(self, cast, house):
        supply.hand_over([to(cast.sora, house, DAY)], now=NOW)
        supply.restore([undo(house, cast, DAY)], now=LATER)
        with pytest.raises(NotRestorable):
            supply.restore([undo(house, cast, DAY)], now=LATER)

    def test_the_point_can_be_switched_again_afterwards(self, cast, house):
        supply.hand_over([to(cast.sora, house, DAY)], now=NOW)
        supply.restore([undo(house, cast, DAY)], now=LATER)
        supply.hand_over([to(cast.yama, house, TODAY + 9 * ONE_DAY)], now=LATER)
        check_deferred()
        assert supplier(house, TODAY + 9 * ONE_DAY) == "Yama Power"

    def test_an_annulled_contract_supplies_nothing(self, cast, house):
        check_deferred()
        contract = house.contracts.get()
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            Contract.objects.filter(pk=contract.pk).update(annulled_at=NOW)
            check_deferred()
        assert constraint_of(caught.value) == "an_annulled_contract_supplies_nothing"


class TestTheDatabaseRefusesByItself:
    """Whoever changes supply past the verbs cannot forget the days that were published."""

    @pytest.fixture
    def read(self, cast, house) -> SupplyPoint:
        deliver(cast, csv_of(block_of([house], DAY)))
        check_deferred()
        return house

    def forget(self, monkeypatch) -> None:
        monkeypatch.setattr(owed, "note", lambda *args, **values: None)

    def test_a_past_day_that_changed_hands_is_owed(self, cast, read, monkeypatch):
        self.forget(monkeypatch)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            supply.hand_over([to(cast.sora, read, DAY)], now=NOW)
            check_deferred()
        assert constraint_of(caught.value) == "a_past_day_that_changed_hands_is_owed"

    def test_a_past_day_left_to_nobody_is_owed(self, cast, read, monkeypatch):
        self.forget(monkeypatch)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            supply.terminate({read.pk: DAY - ONE_DAY}, cause="moved out", now=NOW)
            check_deferred()
        assert constraint_of(caught.value) == "a_past_day_that_changed_hands_is_owed"

    def test_a_restored_day_is_owed(self, cast, read, monkeypatch):
        supply.hand_over([to(cast.sora, read, DAY)], now=NOW)
        check_deferred()
        self.forget(monkeypatch)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            supply.restore([undo(read, cast, DAY)], now=LATER)
            check_deferred()
        assert constraint_of(caught.value) == "a_past_day_that_changed_hands_is_owed"

    def test_a_past_day_taken_up_is_owed(self, cast, read, settings, tmp_path, monkeypatch):
        from metering.publication import publish_day

        settings.MEDIA_ROOT = tmp_path
        supply.terminate({read.pk: DAY}, cause="moved out", now=NOW)
        publish_day(DAY, now=NOW)
        self.forget(monkeypatch)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            supply.begin([to(cast.sora, read, DAY)], now=LATER)
            check_deferred()
        assert constraint_of(caught.value) == "a_past_day_taken_up_is_owed"

    def test_a_period_written_by_hand_is_held_to_it_too(self, cast, read):
        period = SupplyPeriod.objects.get(point=read)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            SupplyPeriod.objects.filter(pk=period.pk).update(known_until=NOW)
            SupplyPeriod.objects.create(
                point=read,
                retailer=cast.sora,
                contract=period.contract,
                during=DateRange(SUPPLIED_FROM, None),
                known_from=NOW,
            )
            check_deferred()
        assert constraint_of(caught.value) == "a_past_day_that_changed_hands_is_owed"

    @pytest.mark.parametrize("change", ["day = day - 1", "to_retailer_id = NULL", "known_at = now()"])
    def test_an_owed_day_is_settled_once_never_rewritten(self, cast, read, change):
        supply.hand_over([to(cast.sora, read, DAY)], now=NOW)
        with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE metering_owedday SET {change}")
        assert constraint_of(caught.value) == "an_owed_day_is_settled_once_never_rewritten"
        OwedDay.objects.update(settled_at=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            OwedDay.objects.update(settled_at=None)

    def test_what_was_owed_is_not_deleted(self, cast, read):
        supply.hand_over([to(cast.sora, read, DAY)], now=NOW)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM metering_owedday")

    @pytest.mark.parametrize("pair", [("umi", "umi"), (None, None)])
    def test_an_owed_day_changed_hands(self, cast, read, pair):
        sides = [cast.companies[key] if key else None for key in pair]
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            OwedDay.objects.create(point=read, day=DAY, from_retailer=sides[0], to_retailer=sides[1], known_at=NOW)
        assert constraint_of(caught.value) == "an_owed_day_changed_hands"
