"""Supply point numbers, registering points, the reading calendar."""

import re
from datetime import date

import pytest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from metering import points as verbs
from metering.models import Meter, ReadingDate, SupplyPoint
from metering.points import (
    AlreadyRegistered,
    CityGasNumber,
    NewMeter,
    NewPoint,
    NoNetworkOperator,
    NotInTheCalendar,
    NotOnlyDigits,
    NumberMissing,
    ReadingDay,
    UnknownArea,
    VoltageDoesNotFit,
    WrongLength,
    WrongNumber,
    next_reading_date,
    next_reading_dates,
    normalise_number,
    register_many,
    set_reading_calendar,
)
from portal.models import LedgerEntry
from tests.cast import lay_calendar, make_points

NUMBER = "0300112233445566778899"


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        "03-0011-2233-4455-6677-8899",
        "03 0011 2233 4455 6677 8899",
        " ０３００１１２２３３４４５５６６７７８８９９　",
        "03‐0011−2233ー4455－6677–8899",
        "03\t0011\n2233\u200b445566778899",
    ],
)
def test_a_number_may_be_typed_with_hyphens_spaces_and_in_full_width(typed: str) -> None:
    assert normalise_number(typed, supply_class="LV") == NUMBER


@pytest.mark.parametrize(
    ("typed", "supply_class", "failure", "words"),
    [
        ("", "LV", NumberMissing, "22 digits"),
        (" - ー ", "LV", NumberMissing, "22 digits"),
        ("03001122334455667788O9", "LV", NotOnlyDigits, "“O”"),
        ("0300112233445566778{9", "LV", NotOnlyDigits, "“{”"),
        ("030011223344556677889③", "LV", NotOnlyDigits, "“③”"),
        ("030011223344556677889٣", "LV", NotOnlyDigits, "“٣”"),
        ("12345678901234567", "LV", CityGasNumber, "city-gas number"),
        ("030011223344556677889", "LV", WrongLength, "21 digits"),
        ("03001122334455667788990", "LV", WrongLength, "23 digits"),
        ("00" + NUMBER[2:], "LV", UnknownArea, "begins with 00"),
        ("11" + NUMBER[2:], "LV", UnknownArea, "begins with 11"),
        (NUMBER, "HV", VoltageDoesNotFit, "no high-voltage number"),
        ("031" + NUMBER[3:], "LV", VoltageDoesNotFit, "no low-voltage number"),
        ("031" + NUMBER[3:], "FIT", VoltageDoesNotFit, "no low-voltage number"),
        ("032" + NUMBER[3:], "HV", VoltageDoesNotFit, "no high-voltage number"),
    ],
)
def test_every_mistake_in_a_number_has_its_own_sentence(
    typed: str, supply_class: str, failure: type[WrongNumber], words: str
) -> None:
    with pytest.raises(WrongNumber) as caught:
        normalise_number(typed, supply_class=supply_class)
    assert type(caught.value) is failure
    with translation.override("en"):
        english = str(caught.value.sentence)
    assert words in english
    with translation.override("ja"):
        assert str(caught.value.sentence) != english


def test_the_first_mistake_in_the_order_of_the_rules_is_named() -> None:
    with pytest.raises(NotOnlyDigits):  # also 17 long, of no area and of the wrong voltage
        normalise_number("9920000000000000x", supply_class="LV")
    with pytest.raises(CityGasNumber):
        normalise_number("99200000000000000", supply_class="LV")
    with pytest.raises(UnknownArea):
        normalise_number("992" + NUMBER[3:], supply_class="LV")


def test_without_a_class_the_voltage_is_not_asked() -> None:
    assert normalise_number("031" + NUMBER[3:], supply_class=None).startswith("031")


@given(
    area=st.integers(1, 10),
    rest=st.text("0123456789", min_size=19, max_size=19),
    supply_class=st.sampled_from(["LV", "HV", "FIT"]),
    noise=st.lists(st.tuples(st.integers(0, 22), st.sampled_from("- 　‐ー−\t")), max_size=12),
    wide=st.booleans(),
)
def test_noise_never_changes_a_number(
    area: int, rest: str, supply_class: str, noise: list[tuple[int, str]], wide: bool
) -> None:
    number = f"{area:02d}{'1' if supply_class == 'HV' else '0'}{rest}"
    typed = "".join(chr(ord("０") + int(c)) for c in number) if wide else number
    for at, mark in noise:
        typed = typed[:at] + mark + typed[at:]
    assert normalise_number(typed, supply_class=supply_class) == number


@given(text=st.text(max_size=40), supply_class=st.sampled_from(["LV", "HV", "FIT", None]))
@example(text=NUMBER, supply_class="LV")
def test_any_text_is_a_number_or_has_a_sentence(text: str, supply_class: str | None) -> None:
    try:
        number = normalise_number(text, supply_class=supply_class)
    except WrongNumber as mistake:
        assert str(mistake.sentence)
        return
    assert re.fullmatch(r"(0[1-9]|10)[0-9]{20}", number, re.ASCII)
    assert normalise_number(number, supply_class=supply_class) == number


def new_point(number: str = NUMBER, **values: object) -> NewPoint:
    place = {
        "supply_class": "LV",
        "prefecture": "東京都",
        "municipality": "世田谷区",
        "town": "粕谷四丁目",
        "block": "8-1",
    }
    return NewPoint(number=number, **{**place, **values})


def test_points_are_registered_with_meters_operator_and_search_key(cast, now) -> None:
    [point] = register_many(
        [
            new_point(
                building="ハイツ１０１号室", meters=(NewMeter("A1", date(2018, 1, 1)), NewMeter("A2", date(2020, 1, 1)))
            )
        ],
        now=now,
    )
    assert point.area == "03"
    assert point.network_operator == cast.kaze
    assert point.address_key == "東京都世田谷区粕谷4-8-1 ハイツ101号室"
    assert list(point.meters.values_list("number", flat=True)) == ["A1", "A2"]
    entry = LedgerEntry.objects.get(action="supply points registered")
    assert entry.detail == {"count": 1}


@pytest.mark.parametrize(
    ("numbers", "failure"),
    [
        ([NUMBER, NUMBER], AlreadyRegistered),
        (["0100112233445566778899"], NoNetworkOperator),
        (["03-0011-2233-4455-6677-8899"], WrongNumber),
        (["0310112233445566778899"], VoltageDoesNotFit),
    ],
)
def test_a_point_that_does_not_fit_registers_none(cast, now, numbers, failure) -> None:
    with pytest.raises(failure):
        register_many([new_point("0300000000000000000001"), *map(new_point, numbers)], now=now)
    assert not SupplyPoint.objects.exists()


def test_a_number_is_registered_once(cast, now) -> None:
    register_many([new_point()], now=now)
    with pytest.raises(AlreadyRegistered) as caught:
        register_many([new_point(), new_point("0300000000000000000001")], now=now)
    assert caught.value.numbers == [NUMBER]
    assert SupplyPoint.objects.count() == 1


def test_many_points_cost_as_many_queries_as_few(cast, now, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(10):
        make_points(cast, 1, retailer="", now=now)
    with django_assert_max_num_queries(10):
        make_points(cast, 300, retailer="", now=now)
    assert Meter.objects.count() == 301


def test_the_next_reading_date_is_the_first_on_or_after_a_day(points) -> None:
    point = points.house
    point.reading_day = 10
    assert next_reading_date(point, on_or_after=date(2026, 4, 10)) == date(2026, 4, 10)
    assert next_reading_date(point, on_or_after=date(2026, 4, 11)) == date(2026, 5, 10)
    assert next_reading_date(point, on_or_after=date(2027, 12, 11)) is None


def test_next_reading_dates_agree_with_the_single_one_in_one_query(cast, points, django_assert_num_queries) -> None:
    everything = list(SupplyPoint.objects.all())
    asked = {point.pk: date(2026, 1 + at, 7 + 3 * at) for at, point in enumerate(everything)}
    asked[everything[0].pk] = date(2028, 1, 1)
    with django_assert_num_queries(1):
        found = next_reading_dates(asked)
    assert found == {point.pk: next_reading_date(point, on_or_after=asked[point.pk]) for point in everything}
    assert found[everything[0].pk] is None
    assert next_reading_dates({}) == {}


def test_a_calendar_year_is_replaced_and_other_years_stay(cast, now) -> None:
    lay_calendar(now)
    before = ReadingDate.objects.filter(area="03", reading_day=10)
    assert before.count() == 12 * 12
    set_reading_calendar([ReadingDay("03", 10, date(2026, 4, 13)), ReadingDay("03", 10, date(2026, 5, 10))], now=now)
    of_2026 = before.filter(day__year=2026).values_list("day", flat=True)
    assert sorted(of_2026) == [date(2026, 4, 13), date(2026, 5, 10)]
    assert before.filter(day__year=2025).count() == 12
    assert ReadingDate.objects.filter(area="06", reading_day=10, day__year=2026).count() == 12
    assert ReadingDate.objects.filter(area="03", reading_day=20, day__year=2026).count() == 12


@pytest.mark.parametrize("day", [ReadingDay("11", 1, date(2026, 4, 1)), ReadingDay("03", 32, date(2026, 4, 1))])
def test_a_calendar_names_known_areas_and_groups(db, now, day) -> None:
    with pytest.raises(NotInTheCalendar):
        set_reading_calendar([ReadingDay("03", 1, date(2026, 4, 1)), day], now=now)
    assert not ReadingDate.objects.exists()


def test_a_group_beyond_the_months_end_is_read_on_its_last_day() -> None:
    days = {d.day for d in verbs.days_of_month(["03"], [31], first_year=2024, last_year=2024)}
    assert date(2024, 2, 29) in days and date(2024, 4, 30) in days and date(2024, 12, 31) in days
    assert len(days) == 12
