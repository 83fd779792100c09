"""The demo's supply points: equipment, meters, contracts and what is behind each meter."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np

from metering import points, supply, usage
from metering.models import Meter, SupplyPoint
from metering.points import NewMeter, NewPoint, ReadingDay
from portal.market import Area, SupplyClass
from portal.workdays import Workdays
from switching.demo import holders
from switching.demo.holders import Holder
from switching.demo.market import RETAILERS, Market
from switching.demo.places import Place, Places
from switching.demo.readings import Load, Readings

READING_GROUPS = 20
MONTHS_OF_USAGE = 14
AMPERES = (10, 15, 20, 30, 40, 50, 60)
WH_PER_AMPERE = 75  # a half-hour at one ampere and 100 V, times one and a half: above it the intake warns

AREA_WEIGHTS = {
    Area.TOKYO: 40,
    Area.KANSAI: 20,
    Area.CHUBU: 7,
    Area.KYUSHU: 7,
    Area.TOHOKU: 6,
    Area.HOKKAIDO: 5,
    Area.CHUGOKU: 4,
    Area.HOKURIKU: 4,
    Area.SHIKOKU: 4,
    Area.OKINAWA: 3,
}
# Who supplies low voltage where, in shares; the other retailers of the registry have no customers there yet.
SHARES: dict[Area, dict[str, int]] = {
    Area.TOKYO: {"umi": 27, "sora": 22, "yama": 16, "hoshi": 13, "mori": 8, "machi": 8, "niji": 6},
    Area.KANSAI: {"umi": 40, "sora": 26, "yama": 20, "hoshi": 14},
    Area.CHUBU: {"umi": 60, "hoshi": 40},
    Area.KYUSHU: {"umi": 60, "sora": 40},
    Area.TOHOKU: {"yama": 1},
    Area.HOKKAIDO: {"umi": 1},
    Area.CHUGOKU: {"yama": 1},
    Area.HOKURIKU: {"umi": 1},
    Area.SHIKOKU: {"umi": 1},
    Area.OKINAWA: {"umi": 1},
}
# Where high voltage and feed-in are, and with whom.
OTHER_CLASSES: tuple[tuple[Area, str], ...] = (
    (Area.TOKYO, "umi"),
    (Area.TOKYO, "sora"),
    (Area.KANSAI, "umi"),
)
HV_SHARE = FIT_SHARE = 0.05
IDLE_SHARE, WITHOUT_SMART_METER_SHARE = 0.03, 0.04


@dataclass(frozen=True)
class Wanted:
    """A point to be made; `retailer` "" is an idle one, `old_form` a holder with an old character in the name."""

    area: Area
    supply_class: SupplyClass
    retailer: str
    smart: bool = True
    old_form: bool = False


@dataclass
class Site:
    """A point of the demo with all that was made up for it."""

    wanted: Wanted
    place: Place
    new: NewPoint
    load: Load
    holder: Holder | None
    contract_number: str = ""
    point: SupplyPoint | None = None

    @property
    def row(self) -> SupplyPoint:
        assert self.point is not None
        return self.point

    @property
    def meter(self) -> str:
        return next(meter.number for meter in self.new.meters if meter.removed_on is None)

    @property
    def is_read(self) -> bool:
        """Half-hourly values come in for it."""
        return bool(self.wanted.retailer) and self.new.half_hourly_collectable


def fill(wanted: Sequence[Wanted], count: int, rng: random.Random) -> list[Wanted]:
    """The wanted points and as many more as make up `count`; every area has one, the large ones most."""
    more: list[Wanted] = []
    missing = max(0, count - len(wanted))
    areas = [area for area in AREA_WEIGHTS if not any(point.area == area for point in wanted)][:missing]
    areas += rng.choices(list(AREA_WEIGHTS), list(AREA_WEIGHTS.values()), k=missing - len(areas))
    others = [SupplyClass.HV] * round(count * HV_SHARE) + [SupplyClass.FIT] * round(count * FIT_SHARE)
    for point in wanted:
        if point.supply_class in others:
            others.remove(point.supply_class)
    for area in areas:
        if others and any(area == where for where, _retailer in OTHER_CLASSES):
            where_with = [retailer for where, retailer in OTHER_CLASSES if where == area]
            more.append(Wanted(area, others.pop(0), rng.choice(where_with)))
            continue
        chance = rng.random()
        shares = SHARES[area]
        retailer = rng.choices(list(shares), list(shares.values()))[0]
        if chance < IDLE_SHARE:
            more.append(Wanted(area, SupplyClass.LV, ""))
        else:
            smart = chance > IDLE_SHARE + WITHOUT_SMART_METER_SHARE
            more.append(Wanted(area, SupplyClass.LV, retailer, smart=smart))
    return [*wanted, *more]


def draw(
    wanted: Iterable[Wanted], *, places: Places, readings: Readings, today: date, rng: random.Random
) -> list[Site]:
    """Make up place, equipment, holder and contract number of each point; nothing is entered yet."""
    sites: list[Site] = []
    numbers: set[str] = set()
    for serial, want in enumerate(wanted, start=1):
        place = places.next(want.area)
        household = rng.randrange(6)
        voltage = "1" if want.supply_class == SupplyClass.HV else "0"
        number = f"{want.area}{voltage}{rng.randrange(10**6):06}{serial:07}{rng.randrange(10**6):06}"
        if want.supply_class == SupplyClass.HV:
            new, scale, solar = _high_voltage(number, place, want, readings, today, rng)
        elif want.supply_class == SupplyClass.FIT:
            new, scale, solar = _feed_in(number, place, want, today, rng)
        else:
            new, scale, solar = _low_voltage(number, place, want, readings, today, rng)
        load = Load(household, scale, new.resolution_wh, serial, int(want.area), solar)
        site = Site(want, place, new, load, holder=None)
        if want.retailer:
            business = want.supply_class == SupplyClass.HV or (not want.old_form and rng.random() < 0.08)
            site.holder = holders.company(rng) if business else holders.person(rng, with_old_form=want.old_form)
            while not site.contract_number or site.contract_number in numbers:
                site.contract_number = holders.contract_number(RETAILERS[want.retailer].number, rng)
            numbers.add(site.contract_number)
        sites.append(site)
    return sites


def enter(sites: Sequence[Site], market: Market, *, today: date, rng: random.Random, now: datetime) -> None:
    """Register the points with their meters and begin supply where somebody supplies them."""
    for site, point in zip(sites, points.register_many([site.new for site in sites], now=now), strict=True):
        site.point = point
    begun: list[supply.NewSupply] = []
    for site in sites:
        if not site.holder:
            continue
        from_date = today - timedelta(days=rng.randint(470, 3300))
        begun.append(
            supply.NewSupply(
                point_id=site.row.pk,
                retailer_id=market.companies[site.wanted.retailer].pk,
                from_date=from_date,
                contract_number=site.contract_number,
                holder_name=site.holder.name,
                holder_kana=site.holder.kana,
                holder_address=site.place.written,
                holder_since=from_date - timedelta(days=rng.choice((0, 0, rng.randint(30, 5000)))),
                cause="opening balance",
            )
        )
    supply.begin(begun, now=now)


def reading_calendar(today: date) -> Iterator[ReadingDay]:
    """Twenty groups on business days of every month from January of last year (at least) to 14 months ahead.

    Group n is read on the n-th business day, in every third area one day later; a short month ends on its last.
    """
    workdays = Workdays()
    month = min(date(2025, 1, 1), date(today.year - 1, 1, 1))
    last = (today + timedelta(days=14 * 31)).replace(day=1)
    while month <= last:
        following = (month + timedelta(days=32)).replace(day=1)
        span = (following - month).days
        business = [day for n in range(span) if workdays.is_open(day := month + timedelta(days=n))]
        for at, area in enumerate(Area):
            for group in range(1, READING_GROUPS + 1):
                yield ReadingDay(area, group, business[min(group - 1 + at % 3 // 2, len(business) - 1)])
        month = following


def record_months(
    sites: Sequence[Site], readings: Readings, *, today: date, calendar: dict[tuple[str, int], list[date]]
) -> Iterator[usage.NewMonth]:
    """The last 14 months of each supplied point: from a reading day to the day before the next, named by the latter."""
    supplied = [site for site in sites if site.wanted.retailer]
    if not supplied:
        return
    first = today - timedelta(days=(MONTHS_OF_USAGE + 3) * 31)
    span = (today - first).days
    loads = [site.load for site in supplied]
    sums = np.zeros((span + 1, len(loads)))
    for n in range(span):
        sums[n + 1] = sums[n] + readings.day_totals(loads, first + timedelta(days=n))
    for column, site in enumerate(supplied):
        read = [day for day in calendar[site.wanted.area, site.new.reading_day] if first <= day <= today]
        for before, day in list(pairwise(read))[-MONTHS_OF_USAGE:]:
            wh = sums[(day - first).days, column] - sums[(before - first).days, column]
            step = site.new.resolution_wh
            yield usage.NewMonth(site.row.pk, day.replace(day=1), round(wh / step) * step, day)


def _meters(
    want: Wanted, today: date, rng: random.Random, *, multiplier: int = 1, kind: str = Meter.Kind.SMART
) -> tuple[NewMeter, ...]:
    """The meter that stands there now, and now and then the one before it."""
    changed = today - timedelta(days=rng.randint(200, 2600))
    now = NewMeter(f"{rng.randrange(10**4):04}-{rng.randrange(10**6):06}", changed, kind, multiplier)
    if rng.random() > 0.15:
        return (now,)
    before = NewMeter(
        f"{rng.randrange(10**7):07}",
        changed - timedelta(days=3650),
        Meter.Kind.INTEGRATING if want.supply_class != SupplyClass.HV else Meter.Kind.DEMAND,
        multiplier,
        removed_on=changed,
    )
    return (before, now)


def _at(number: str, want: Wanted, place: Place) -> NewPoint:
    return NewPoint(
        number=number,
        supply_class=want.supply_class,
        prefecture=place.prefecture,
        municipality=place.municipality,
        town=place.town,
        block=place.block,
        building=place.building,
    )


def _pole(rng: random.Random) -> str:
    """A pole by its line and number; it names no town, for an inquiry tells it to everybody."""
    line = rng.choice(("本線", "東幹", "西幹", "中央支", "緑支", "港支"))
    return f"{line}{rng.randint(1, 240)}{rng.choice(('', '', '右', '左'))}"


def _low_voltage(
    number: str, place: Place, want: Wanted, readings: Readings, today: date, rng: random.Random
) -> tuple[NewPoint, float, int]:
    method, menu = SupplyPoint.CapacityMethod, SupplyPoint.Menu
    scale = round(rng.triangular(0.25, 1.15, 0.5), 2)
    amperes = readings.usual_peak_wh * scale / WH_PER_AMPERE
    chance = rng.random()
    size: dict[str, Any]
    if amperes > AMPERES[-1] or chance < 0.12:
        size = {
            "contract_size": Decimal(max(6, round(amperes / 10) + 1)),
            "contract_size_unit": SupplyPoint.SizeUnit.KVA,
            "capacity_method": method.MAIN_SWITCH,
            "voltage_v": 200,
        }
    elif chance < 0.2:
        size = {
            "contract_size": Decimal(max(2, round(amperes / 10) + 1)),
            "contract_size_unit": SupplyPoint.SizeUnit.KW,
            "capacity_method": rng.choice((method.ACTUAL_DEMAND, method.CONNECTED_LOAD)),
            "menu": menu.POWER,
            "power_factor": rng.choice((85, 90, 95)),
            "phases": "3φ3W",
            "voltage_v": 200,
        }
    else:
        amperes_held = next(ampere for ampere in AMPERES if ampere >= amperes)
        size = {
            "contract_size": Decimal(amperes_held),
            "contract_size_unit": SupplyPoint.SizeUnit.AMPERE,
            "current_limit_a": amperes_held,
            "capacity_method": method.AMPERE_BREAKER,
        }
    states = SupplyPoint.ContractState
    idle = states.IDLE if rng.random() < 0.7 else states.DISCONNECTED
    kind = Meter.Kind.SMART if want.smart else Meter.Kind.INTEGRATING
    return (
        replace(
            _at(number, want, place),
            **size,
            service_pole=_pole(rng),
            has_generation=rng.random() < 0.06,
            last_wheeling_change=today - timedelta(days=rng.randint(400, 3000)),
            reading_day=rng.randint(1, READING_GROUPS),
            contract_state=states.ENERGISED if want.retailer else idle,
            on_termination=rng.choice(SupplyPoint.OnTermination.values)
            if rng.random() < 0.1
            else SupplyPoint.OnTermination.STAYS,
            half_hourly_collectable=want.smart,
            remote_reading_possible=want.smart and rng.random() > 0.02,
            remote_island=want.area == Area.OKINAWA and rng.random() < 0.2,
            resolution_wh=100 if want.area == Area.SHIKOKU else 10,
            meters=_meters(want, today, rng, kind=kind),
        ),
        scale,
        0,
    )


def _high_voltage(
    number: str, place: Place, want: Wanted, readings: Readings, today: date, rng: random.Random
) -> tuple[NewPoint, float, int]:
    scale = round(rng.uniform(20, 80), 1)
    kilowatts = min(499, round(readings.highest_wh * scale * 2 / 1000 * 0.8))
    scale = min(scale, round(kilowatts / (readings.highest_wh * 2 / 1000 * 0.8), 1))
    multiplier = rng.choice((20, 40, 60))
    return (
        replace(
            _at(number, want, place),
            contract_size=Decimal(kilowatts),
            contract_size_unit=SupplyPoint.SizeUnit.KW,
            menu=SupplyPoint.Menu.POWER,
            power_factor=rng.choice((95, 98, 100)),
            phases="3φ3W",
            voltage_v=6000,
            capacity_method=SupplyPoint.CapacityMethod.ACTUAL_DEMAND,
            service_pole=_pole(rng),
            has_generation=rng.random() < 0.2,
            last_wheeling_change=today - timedelta(days=rng.randint(400, 3000)),
            reading_day=1,
            on_termination=SupplyPoint.OnTermination.METER_REMOVED,
            resolution_wh=multiplier * 10,
            meters=_meters(want, today, rng, multiplier=multiplier),
        ),
        scale,
        0,
    )


def _feed_in(number: str, place: Place, want: Wanted, today: date, rng: random.Random) -> tuple[NewPoint, float, int]:
    kilowatts = Decimal(rng.randint(30, 99)) / 10
    return (
        replace(
            _at(number, want, place),
            contract_size=kilowatts,
            contract_size_unit=SupplyPoint.SizeUnit.KW,
            menu=SupplyPoint.Menu.POWER,
            power_factor=95,
            voltage_v=200,
            capacity_method=SupplyPoint.CapacityMethod.CONNECTED_LOAD,
            service_pole=_pole(rng),
            has_generation=True,
            last_wheeling_change=today - timedelta(days=rng.randint(400, 2500)),
            reading_day=rng.randint(1, READING_GROUPS),
            resolution_wh=10,
            meters=_meters(want, today, rng),
        ),
        1.0,
        int(kilowatts * 1000),
    )
