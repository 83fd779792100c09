"""Who supplies a point: the verbs, and the promises the database keeps even against raw SQL."""

import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from metering import supply
from metering.models import Contract, SupplyPeriod, SupplyPoint
from metering.supply import AlreadySupplied, NewSupply, NotSupplied
from tests.cast import SUPPLIED_FROM, make_points

DAY = date(2026, 5, 10)
ONE_DAY = timedelta(days=1)


def to(company: Any, point: SupplyPoint, day: date = DAY, **values: Any) -> NewSupply:
    given = {
        "contract_number": "S1",
        "holder_name": "山田太郎",
        "holder_kana": "ヤマダタロウ",
        "holder_address": "東京都",
    }
    return NewSupply(point_id=point.pk, retailer_id=company.pk, from_date=day, **{**given, **values})


def supplier(point: SupplyPoint, day: date) -> str:
    period = supply.current_period(point, day)
    return period.retailer.name_en if period else ""


def constraint_of(error: DatabaseError) -> str:
    return error.__cause__.diag.constraint_name  # type: ignore[union-attr]


def check_deferred() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_a_point_changes_hands_at_midnight_of_the_day(points, sora, now) -> None:
    supply.hand_over([to(sora, points.house)], now=now)
    check_deferred()
    assert supplier(points.house, DAY - ONE_DAY) == "Umi Energy"
    assert supplier(points.house, DAY) == "Sora Denki"
    points.house.refresh_from_db()
    assert points.house.last_wheeling_change == DAY
    new = supply.current_period(points.house, DAY).contract
    assert (new.number, new.holder_since) == ("S1", SUPPLIED_FROM), "the holder goes on, so the date stays"


def test_a_new_holder_brings_a_new_date(points, sora, now) -> None:
    supply.hand_over([to(sora, points.house, holder_since=DAY)], now=now)
    assert supply.current_period(points.house, DAY).contract.holder_since == DAY


def test_many_points_are_handed_over_at_once_each_on_its_day(
    cast, points, sora, now, django_assert_num_queries
) -> None:
    few, many = make_points(cast, 1, now=now), make_points(cast, 60, now=now)
    with django_assert_num_queries(9):
        supply.hand_over([to(sora, point) for point in few], now=now)
    with django_assert_num_queries(9):
        supply.hand_over([to(sora, point, DAY + ONE_DAY * (at % 2)) for at, point in enumerate(many)], now=now)
    check_deferred()
    assert [supplier(point, DAY) for point in many[:2]] == ["Sora Denki", "Umi Energy"]
    assert {supplier(point, DAY + ONE_DAY) for point in many} == {"Sora Denki"}


def test_one_point_that_cannot_be_handed_over_holds_back_all(cast, points, sora, now) -> None:
    [dark] = make_points(cast, 1, retailer="", now=now)
    with pytest.raises(NotSupplied) as caught:
        supply.hand_over([to(sora, points.house), to(sora, dark)], now=now)
    assert caught.value.point_ids == [dark.pk]
    assert supplier(points.house, DAY) == "Umi Energy"
    assert not Contract.objects.filter(retailer=sora).exists()


def test_a_point_cannot_be_handed_over_on_or_before_the_day_its_supply_began(points, sora, now) -> None:
    with pytest.raises(NotSupplied):
        supply.hand_over([to(sora, points.house, SUPPLIED_FROM)], now=now)


def test_a_point_stands_once_in_one_call(points, sora, now) -> None:
    with pytest.raises(ValueError, match="twice"):
        supply.hand_over([to(sora, points.house), to(sora, points.house, DAY + ONE_DAY)], now=now)


def test_termination_ends_supply_and_a_new_one_may_begin_on_that_day(points, sora, now) -> None:
    supply.terminate({points.house.pk: DAY}, cause="moved out", now=now)
    check_deferred()
    points.house.refresh_from_db()
    assert points.house.contract_state == SupplyPoint.ContractState.IDLE
    assert supplier(points.house, DAY - ONE_DAY) == "Umi Energy"
    assert supplier(points.house, DAY) == ""
    with pytest.raises(AlreadySupplied):
        supply.begin([to(sora, points.house, DAY - ONE_DAY)], now=now)
    supply.begin([to(sora, points.house, DAY)], now=now)
    points.house.refresh_from_db()
    assert points.house.contract_state == SupplyPoint.ContractState.ENERGISED
    assert supplier(points.house, DAY) == "Sora Denki"


def test_supply_does_not_begin_where_somebody_supplies(points, sora, now) -> None:
    with pytest.raises(AlreadySupplied) as caught:
        supply.begin([to(sora, points.house)], now=now)
    assert caught.value.point_ids == [points.house.pk]


def test_what_was_known_then_can_be_asked(points, sora, now) -> None:
    later = now + timedelta(days=30)
    supply.hand_over([to(sora, points.house)], now=later)
    assert supply.known_then(points.house, DAY, at=now).retailer.name_en == "Umi Energy"
    assert supply.known_then(points.house, DAY, at=later).retailer.name_en == "Sora Denki"
    assert supply.known_then(points.house, DAY, at=now - timedelta(days=1)) is None


# --- The database refuses by itself -----------------------------------------------------------------------------------


def raw_period(point: SupplyPoint, retailer: Any, during: DateRange, ending: str = "open") -> SupplyPeriod:
    contract = point.contracts.first()
    known_from = datetime.fromisoformat("2026-04-01T00:00:00+09:00")
    return SupplyPeriod.objects.create(
        point=point, retailer=retailer, contract=contract, during=during, ending=ending, known_from=known_from
    )


@pytest.mark.parametrize(
    ("during", "ending", "constraint"),
    [
        (DateRange(DAY, None), "open", "one_supplier_per_point_and_day"),
        (DateRange(SUPPLIED_FROM, SUPPLIED_FROM + ONE_DAY), "terminated", "one_supplier_per_point_and_day"),
        (DateRange(None, SUPPLIED_FROM), "terminated", "a_supply_period_has_a_first_day"),
        (DateRange(empty=True), "open", "a_supply_period_has_a_first_day"),
        (DateRange(date(2019, 1, 1), date(2019, 2, 1)), "open", "a_supply_period_ends_only_for_a_reason"),
    ],
)
def test_a_period_that_breaks_a_promise_is_not_stored(points, sora, during, ending, constraint) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        raw_period(points.house, sora, during, ending)
    assert constraint_of(caught.value) == constraint


@pytest.mark.parametrize(
    "change",
    [
        "retailer_id = %(other)s",
        "during = daterange('2020-04-01', '2026-05-10'), ending = 'terminated'",
        "cause = 'rewritten'",
        "known_from = known_from - interval '1 day'",
    ],
)
def test_a_period_is_superseded_not_changed(points, sora, change) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE metering_supplyperiod SET {change} WHERE point_id = %(point)s",
            {"point": points.house.pk, "other": sora.pk},
        )
    assert constraint_of(caught.value) == "a_period_is_superseded_not_changed"


def test_a_superseded_belief_is_not_revived(points, sora, now) -> None:
    supply.hand_over([to(sora, points.house)], now=now)
    check_deferred()
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE metering_supplyperiod SET known_until = NULL WHERE known_until IS NOT NULL AND point_id = %s",
            [points.house.pk],
        )
    assert constraint_of(caught.value) == "a_period_is_superseded_not_changed"


def test_what_was_known_is_not_deleted(points) -> None:
    check_deferred()
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM metering_supplyperiod WHERE point_id = %s", [points.house.pk])


def test_a_point_cannot_be_left_dark_by_superseding_without_a_successor(points, now) -> None:
    check_deferred()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        SupplyPeriod.objects.filter(point=points.house).update(known_until=now)
        check_deferred()
    assert constraint_of(caught.value) == "no_day_without_supplier_unless_terminated"


@pytest.mark.parametrize("gap", [0, 1])
def test_a_handed_over_period_needs_its_successor_the_same_day(points, sora, now, gap) -> None:
    check_deferred()

    def rewrite() -> None:
        with transaction.atomic():
            SupplyPeriod.objects.filter(point=points.house).update(known_until=now)
            raw_period(
                points.house, points.house.contracts.first().retailer, DateRange(SUPPLIED_FROM, DAY), "handed_over"
            )
            raw_period(points.house, sora, DateRange(DAY + gap * ONE_DAY, None))
            check_deferred()

    if not gap:
        rewrite()
        return
    with pytest.raises(IntegrityError) as caught:
        rewrite()
    assert constraint_of(caught.value) == "no_day_without_supplier_unless_terminated"


@pytest.mark.django_db(transaction=True)
def test_of_two_that_begin_at_the_same_point_at_once_one_is_refused(cast, now) -> None:
    [point] = make_points(cast, 1, retailer="", now=now)
    outcomes = at_once(
        lambda: supply.begin([to(cast.sora, point)], now=now), lambda: supply.begin([to(cast.yama, point)], now=now)
    )
    assert sorted(outcomes) == ["AlreadySupplied", "done"]
    assert SupplyPeriod.objects.filter(point=point).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_take_the_same_point_over_at_once_one_is_refused(cast, now) -> None:
    [point] = make_points(cast, 1, now=now)
    outcomes = at_once(
        lambda: supply.hand_over([to(cast.sora, point)], now=now),
        lambda: supply.hand_over([to(cast.yama, point)], now=now),
    )
    assert sorted(outcomes) == ["NotSupplied", "done"]
    assert SupplyPeriod.objects.filter(point=point, known_until=None).count() == 2
    assert supplier(point, DAY) in {"Sora Denki", "Yama Power"}


@pytest.mark.django_db(transaction=True)
def test_the_exclusion_constraint_holds_between_two_connections(cast, now) -> None:
    [point] = make_points(cast, 1, now=now)
    contract = point.contracts.get()
    SupplyPeriod.objects.filter(point=point).count()

    def insert(retailer: Any) -> Any:
        return lambda: SupplyPeriod.objects.create(
            point=point, retailer=retailer, contract=contract, known_from=now,
            during=DateRange(date(2019, 1, 1), date(2019, 2, 1)), ending="terminated",
        )  # fmt: skip

    refused, done = sorted(at_once(insert(cast.sora), insert(cast.yama)))
    assert done == "done"
    assert refused in {"IntegrityError", "OperationalError"}, "refused by the constraint, or as a deadlock upon it"
    assert SupplyPeriod.objects.filter(point=point, during__contains=date(2019, 1, 15)).count() == 1


def at_once(*works: Any) -> list[str]:
    """Run each work in a thread with a connection of its own; all commit as late as they can."""
    outcomes: list[str] = []
    start = threading.Barrier(len(works))

    def run(work: Any) -> None:
        try:
            with transaction.atomic():
                start.wait(10)
                work()
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes
