"""Supply points: what a number must look like, registering points in bulk, the reading calendar."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, connection, transaction
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering.addresses import search_key
from metering.folding import DASHES, drop_spaces
from metering.models import Meter, ReadingDate, SupplyPoint
from portal import ledger
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Participation, User

NUMBER_LENGTH, CITY_GAS_LENGTH = 22, 17
HIGH_VOLTAGE_DIGIT = "1"
_FULL_WIDTH = {ord("０") + digit: str(digit) for digit in range(10)}
_DASHES = dict.fromkeys(map(ord, DASHES))


class WrongNumber(ValueError):
    """Text that is no supply point number; `sentence` says what is wrong and what to do."""

    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)


class NumberMissing(WrongNumber):
    sentence = _("Enter the supply point number: 22 digits, printed on the meter slip.")


class NotOnlyDigits(WrongNumber):
    """Holds other characters than digits, spaces and hyphens; `character` is the first of them."""

    def __init__(self, character: str) -> None:
        self.character = character
        self.sentence = format_lazy(
            _("A supply point number has digits only; this one holds “{character}”. Please take it out."),
            character=character,
        )
        super().__init__(character)


class CityGasNumber(WrongNumber):
    sentence = _("The number has 17 digits; that is a city-gas number. An electricity supply point number has 22.")


class WrongLength(WrongNumber):
    """Has `length` digits, which is neither 22 nor 17."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.sentence = format_lazy(
            _("The number has {length} digits; a supply point number has 22. Please compare digit by digit."),
            length=length,
        )
        super().__init__(length)


class UnknownArea(WrongNumber):
    """Begins with two digits, `area`, that name no supply area."""

    def __init__(self, area: str) -> None:
        self.area = area
        self.sentence = format_lazy(
            _("The number begins with {area}; the first two digits are the supply area, 01 to 10."), area=area
        )
        super().__init__(area)


class VoltageDoesNotFit(WrongNumber):
    """The third digit is not that of the chosen class of supply."""

    def __init__(self, supply_class: str) -> None:
        self.supply_class = supply_class
        if supply_class == SupplyClass.HV:
            self.sentence = _(
                "The third digit is not 1, so this is no high-voltage number. Choose low voltage or feed-in."
            )
        else:
            self.sentence = _(
                "The third digit is not 0, so this is no low-voltage number. Choose high voltage if it is 1."
            )
        super().__init__(supply_class)


class NoNetworkOperator(Exception):
    """These areas have no network operator, so no point can be registered there; nothing was changed."""

    def __init__(self, areas: Iterable[str]) -> None:
        self.areas = sorted(areas)
        super().__init__(f"no network operator in areas {self.areas}")


class AlreadyRegistered(Exception):
    """These numbers stand in the register (or twice in one call) already; nothing was changed."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self.numbers = sorted(numbers)
        super().__init__(f"points {self.numbers[:20]} are registered")


class NotInTheCalendar(Exception):
    """A day of the reading calendar names an unknown area or a group outside 1..31; nothing was changed."""


def normalise_number(text: str, *, supply_class: str | None) -> str:
    """The 22 ASCII digits of a supply point number typed with hyphens, spaces or in full width.

    Asked in this order: anything there at all (NumberMissing), digits only (NotOnlyDigits), length 22
    (CityGasNumber for 17, else WrongLength), area 01..10 (UnknownArea), third digit fits the class
    (VoltageDoesNotFit; not asked when `supply_class` is None). There is no check digit.
    Source: domain notes, switching §2.
    """
    digits = digits_of(text)
    if not digits:
        raise NumberMissing
    if stray := re.search(r"[^0-9]", digits):
        raise NotOnlyDigits(stray.group())
    if len(digits) == CITY_GAS_LENGTH:
        raise CityGasNumber
    if len(digits) != NUMBER_LENGTH:
        raise WrongLength(len(digits))
    if digits[:2] not in Area.values:
        raise UnknownArea(digits[:2])
    if supply_class is not None:
        fitting = HIGH_VOLTAGE_DIGIT if supply_class == SupplyClass.HV else "0"
        if digits[2] != fitting:
            raise VoltageDoesNotFit(supply_class)
    return digits


def digits_of(text: str) -> str:
    """The text without spaces and hyphens, full-width digits made plain; other characters stay as they are."""
    return drop_spaces(text).translate(_DASHES).translate(_FULL_WIDTH)


@dataclass(frozen=True)
class NewMeter:
    """A meter to be registered with its point; `number` has at most 16 characters."""

    number: str
    installed_on: date
    kind: str = Meter.Kind.SMART
    multiplier: int = 1
    removed_on: date | None = None


@dataclass(frozen=True)
class NewPoint:
    """A supply point to be registered; the area is the number's own, the network operator the area's."""

    number: str
    supply_class: str
    prefecture: str
    municipality: str
    town: str = ""
    block: str = ""
    building: str = ""
    remote_island: bool = False
    contract_size: Decimal | None = None
    contract_size_unit: str = SupplyPoint.SizeUnit.AMPERE
    current_limit_a: int | None = None
    menu: str = SupplyPoint.Menu.LAMP
    power_factor: int | None = None
    phases: str = "1φ3W"
    voltage_v: int = 100
    capacity_method: str = SupplyPoint.CapacityMethod.AMPERE_BREAKER
    service_pole: str = ""
    has_generation: bool = False
    last_wheeling_change: date | None = None
    reading_day: int = 1
    contract_state: str = SupplyPoint.ContractState.ENERGISED
    on_termination: str = SupplyPoint.OnTermination.STAYS
    half_hourly_collectable: bool = True
    remote_reading_possible: bool = True
    resolution_wh: int = 10
    meters: tuple[NewMeter, ...] = ()


def register_many(points: Sequence[NewPoint], *, now: datetime, by: User | None = None) -> list[SupplyPoint]:
    """Register points with their meters, many at once; returns them in the given order, with ids.

    Raises WrongNumber (a number that is none or does not fit its class), NoNetworkOperator, AlreadyRegistered;
    then nothing is registered. The search key is made of the address (`metering.addresses.search_key`).
    """
    for point in points:
        if normalise_number(point.number, supply_class=point.supply_class) != point.number:
            raise NotOnlyDigits(next(c for c in point.number if c not in "0123456789"))
    numbers = [point.number for point in points]
    if twice := _twice(numbers):
        raise AlreadyRegistered(twice)
    operators = dict(
        Participation.objects.filter(market_role=MarketRole.NETWORK_OPERATOR).values_list("area", "company_id")
    )
    if missing := {number[:2] for number in numbers} - operators.keys():
        raise NoNetworkOperator(missing)
    rows = []
    for point in points:
        values = {name: value for name, value in vars(point).items() if name != "meters"}
        row = SupplyPoint(**values, area=point.number[:2], network_operator_id=operators[point.number[:2]])
        row.address_key = search_key(row.address)
        rows.append(row)
    with transaction.atomic():
        if known := set(SupplyPoint.objects.filter(number__in=numbers).values_list("number", flat=True)):
            raise AlreadyRegistered(known)
        try:
            with transaction.atomic():
                rows = SupplyPoint.objects.bulk_create(rows, batch_size=5000)
        except IntegrityError as error:
            if "number" in str(error) and "unique" in str(error):
                raise AlreadyRegistered(numbers) from error
            raise
        Meter.objects.bulk_create(
            [
                Meter(point=row, **vars(meter))
                for row, point in zip(rows, points, strict=True)
                for meter in point.meters
            ],
            batch_size=5000,
        )
        ledger.record("supply points registered", f"{len(rows)} supply points", by=by, now=now, count=len(rows))
    return rows


@dataclass(frozen=True)
class FacilityChange:
    """What a point is like from now on; what is None or "" stays as it is."""

    point_id: int
    ampere: int | None = None
    capacity_method: str = ""
    contract_size: Decimal | None = None
    contract_size_unit: str = ""
    phases: str = ""


def change_facilities(changes: Sequence[FacilityChange]) -> None:
    """Set what the network operator tells about points, one statement; the case that brings it is its record.

    An ampere is the current limit, and the contract size where that is counted in ampere.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE metering_supplypoint p SET
                current_limit_a = coalesce(c.ampere, p.current_limit_a),
                capacity_method = coalesce(nullif(c.method, ''), p.capacity_method),
                contract_size = coalesce(c.size, CASE WHEN p.contract_size_unit = 'A' THEN c.ampere END,
                                         p.contract_size),
                contract_size_unit = coalesce(nullif(c.unit, ''), p.contract_size_unit),
                phases = coalesce(nullif(c.phases, ''), p.phases)
            FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::numeric[], %s::text[], %s::text[])
                 AS c (point_id, ampere, method, size, unit, phases)
            WHERE p.id = c.point_id
            """,
            [
                [change.point_id for change in changes],
                [change.ampere for change in changes],
                [change.capacity_method for change in changes],
                [change.contract_size for change in changes],
                [change.contract_size_unit for change in changes],
                [change.phases for change in changes],
            ],
        )


@dataclass(frozen=True)
class ReadingDay:
    """One day of the reading calendar: the group is read in the area on that day."""

    area: str
    reading_day: int
    day: date


def set_reading_calendar(days: Iterable[ReadingDay], *, now: datetime, by: User | None = None) -> int:
    """Lay down the reading days of whole years; returns how many days stand there afterwards.

    For each area, group and calendar year that occurs in `days` the former days of that year give way to the
    given ones. Raises NotInTheCalendar for an unknown area or a group outside 1..31.
    """
    given = sorted({(day.area, day.reading_day, day.day) for day in days})
    for area, group, _day in given:
        if area not in Area.values or not 1 <= group <= 31:
            raise NotInTheCalendar(f"area {area}, reading day group {group}")
    columns = [list(column) for column in zip(*given, strict=True)] or [[], [], []]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS (SELECT * FROM unnest(%s::varchar[], %s::smallint[], %s::date[])
                                         AS g(area, reading_day, day)),
                 years AS (SELECT DISTINCT area, reading_day, extract(year FROM day) AS year FROM given)
            DELETE FROM metering_readingdate r USING years y
            WHERE r.area = y.area AND r.reading_day = y.reading_day AND extract(year FROM r.day) = y.year
              AND NOT EXISTS (SELECT FROM given g
                              WHERE g.area = r.area AND g.reading_day = r.reading_day AND g.day = r.day)
            """,
            columns,
        )
        cursor.execute(
            """
            INSERT INTO metering_readingdate (area, reading_day, day)
            SELECT * FROM unnest(%s::varchar[], %s::smallint[], %s::date[])
            ON CONFLICT DO NOTHING
            """,
            columns,
        )
        ledger.record(
            "reading calendar set",
            "reading calendar",
            by=by,
            now=now,
            areas=sorted({d[0] for d in given}),
            days=len(given),
        )
    return len(given)


def days_of_month(
    areas: Iterable[str], groups: Iterable[int], *, first_year: int, last_year: int
) -> Iterator[ReadingDay]:
    """The plainest calendar: group n is read on day n of each month, on its last day where that is earlier."""
    groups = list(groups)
    for area in areas:
        for year in range(first_year, last_year + 1):
            for month in range(1, 13):
                following = date(year + month // 12, month % 12 + 1, 1)
                last = (following - timedelta(days=1)).day
                for group in groups:
                    yield ReadingDay(area, group, date(year, month, min(group, last)))


def next_reading_date(point: SupplyPoint, *, on_or_after: date) -> date | None:
    """The point's first scheduled reading day on or after a day; None where the calendar does not reach.

    Source: domain notes, switching §4, §8.
    """
    return (
        ReadingDate.objects.filter(area=point.area, reading_day=point.reading_day, day__gte=on_or_after)
        .order_by("day")
        .values_list("day", flat=True)
        .first()
    )


def next_reading_dates(on_or_after: Mapping[int, date]) -> dict[int, date | None]:
    """The same for many points in one query: {point id: from day} in, {point id: reading day or None} out."""
    if not on_or_after:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, (SELECT min(r.day) FROM metering_readingdate r
                          WHERE r.area = p.area AND r.reading_day = p.reading_day AND r.day >= a.day)
            FROM unnest(%s::bigint[], %s::date[]) AS a(id, day)
            LEFT JOIN metering_supplypoint p ON p.id = a.id
            """,
            [list(on_or_after), list(on_or_after.values())],
        )
        return dict(cursor.fetchall())


def _twice(numbers: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    return {number for number in numbers if number in seen or seen.add(number)}  # type: ignore[func-returns-value]
