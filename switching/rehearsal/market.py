"""The market a rehearsal plays on: companies, people, points, contracts; all entered through the verbs."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import product

from metering import governance, points, supply
from metering.models import SupplyPoint
from portal import companies, people
from portal.access import Role
from portal.companies import TakesPart
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User
from switching import disclosures, policies
from switching.models import DisclosureVersion

AREAS = (Area.TOKYO, Area.KANSAI, Area.KYUSHU)
SUPPLIED_SINCE = date(2020, 4, 1)
TOWNS = (
    ("東京都", "千代田区", "神田神保町"),
    ("東京都", "世田谷区", "三軒茶屋"),
    ("東京都", "八王子市", "打越町"),
)
PLACES = {
    Area.TOKYO: TOWNS,
    Area.KANSAI: (
        ("大阪府", "大阪市北区", "梅田"),
        ("京都府", "京都市左京区", "下鴨"),
        ("兵庫県", "神戸市中央区", "三宮町"),
    ),
    Area.KYUSHU: (("福岡県", "福岡市博多区", "博多駅前"), ("熊本県", "熊本市中央区", "水前寺")),
}
SURNAMES = (("佐藤", "サトウ"), ("髙橋", "タカハシ"), ("渡邉", "ワタナベ"), ("齋藤", "サイトウ"), ("中村", "ナカムラ"))
GIVEN = (("花子", "ハナコ"), ("太郎", "タロウ"), ("一郎", "イチロウ"), ("美咲", "ミサキ"))


@dataclass(frozen=True)
class Customer:
    """What a customer knows about the own contract, and what the losing retailer holds."""

    point: SupplyPoint
    supplier: Company
    contract_number: str
    holder_name: str
    holder_kana: str
    address: str


@dataclass
class Market:
    """Who takes part; `clerks` by company name."""

    network_operators: dict[str, Company] = field(default_factory=dict)
    retailers: list[Company] = field(default_factory=list)
    clerks: dict[int, User] = field(default_factory=dict)
    customers: list[Customer] = field(default_factory=list)

    @property
    def disclosure(self) -> DisclosureVersion:
        """The list of disadvantages in force."""
        return DisclosureVersion.objects.get()


def open_market(*, point_count: int, retailer_count: int, now: datetime, years: tuple[int, int]) -> Market:
    """Register everybody and everything; the first retailer accepts by itself what the identity check allows."""
    market = Market()
    companies.register(name="切替広域機関", is_hub_operator=True, notice_address="hub@hub.example", by=None, now=now)
    for n, area in enumerate(AREAS):
        operator = companies.register(
            name=f"第{n + 1}送配電",
            notice_address=f"net{n}@net.example",
            participations=[TakesPart(MarketRole.NETWORK_OPERATOR, area, f"N{n:04d}")],
            by=None,
            now=now,
        )
        market.network_operators[area] = operator
        market.clerks[operator.pk] = _clerk(operator, f"net{n}.clerk", now)
    for n in range(retailer_count):
        retailer = companies.register(
            name=f"小売第{n + 1}電力",
            notice_address=f"retail{n}@retail.example",
            participations=[TakesPart(MarketRole.RETAILER, area, f"R{m}{n:03d}") for m, area in enumerate(AREAS)],
            by=None,
            now=now,
        )
        policies.lay_down(
            retailer=retailer,
            number_pattern=rf"R{n:03d}\d{{8}}",
            number_hint=f"R{n:03d}-NNNN-NNNN",
            number_sample=f"R{n:03d}-0000-0001",
            auto_accept=n == 0,
            by=None,
            now=now,
        )
        # one clerk does the work of hundreds here
        governance.set_rules(
            retailer, daily_budget=1_000_000, hourly_alarm=1_000_000, is_watched=False, by=None, now=now
        )
        market.retailers.append(retailer)
        market.clerks[retailer.pk] = _clerk(retailer, f"retail{n}.clerk", now)
    disclosures.publish_version(
        [("charge", "解約違約金が発生する場合があります", "An early-termination charge may fall due")],
        valid_from=SUPPLIED_SINCE,
        by=None,
        now=now,
    )
    points.set_reading_calendar(
        points.days_of_month(AREAS, range(1, 21), first_year=years[0], last_year=years[1]), now=now
    )
    _connect(market, point_count, now)
    return market


def _clerk(company: Company, username: str, now: datetime) -> User:
    roles = (Role.INQUIRY, Role.APPLICATION, Role.RELAY, Role.USAGE)
    return people.register(company=company, username=username, name=username, roles=roles, by=None, now=now)


def _connect(market: Market, count: int, now: datetime) -> None:
    """Points with contracts, spread over areas, classes and retailers."""
    holders = list(product(SURNAMES, GIVEN))
    new, texts = [], []
    for n in range(count):
        area = AREAS[0 if n % 5 < 3 else n % 5 - 2]
        supply_class = SupplyClass.HV if n % 25 == 7 else SupplyClass.FIT if n % 25 == 13 else SupplyClass.LV
        prefecture, municipality, town = PLACES[area][n % len(PLACES[area])]
        new.append(
            points.NewPoint(
                number=f"{area}{1 if supply_class == SupplyClass.HV else 0}{n:019d}",
                supply_class=supply_class,
                prefecture=prefecture,
                municipality=municipality,
                town=f"{town}{n % 4 + 1}丁目",
                block=f"{n // 40 + 1}-{n % 40 + 1}",
                contract_size=Decimal(300 if supply_class == SupplyClass.HV else 40),
                contract_size_unit="kW" if supply_class == SupplyClass.HV else "A",
                reading_day=n % 20 + 1,
                meters=(points.NewMeter(number=f"M{n:09d}", installed_on=SUPPLIED_SINCE),),
            )
        )
        texts.append(f"{prefecture}{municipality}{town}{n % 4 + 1}丁目{n // 40 + 1}番{n % 40 + 1}号")
    rows = points.register_many(new, now=now)
    beginnings = []
    for n, (point, address) in enumerate(zip(rows, texts, strict=True)):
        retailer = market.retailers[n % len(market.retailers)]
        (surname, surname_kana), (given, given_kana) = holders[n % len(holders)]
        beginnings.append(
            supply.NewSupply(
                point_id=point.pk,
                retailer_id=retailer.pk,
                from_date=SUPPLIED_SINCE,
                contract_number=f"R{n % len(market.retailers):03d}{n:08d}",
                holder_name=f"{surname}{given}",
                holder_kana=f"{surname_kana}{given_kana}",
                holder_address=address,
            )
        )
    for first in range(0, len(beginnings), 5000):
        supply.begin(beginnings[first : first + 5000], now=now)
    market.customers = [
        Customer(
            point=point,
            supplier=market.retailers[n % len(market.retailers)],
            contract_number=new_supply.contract_number,
            holder_name=new_supply.holder_name,
            holder_kana=new_supply.holder_kana,
            address=new_supply.holder_address,
        )
        for n, (point, new_supply) in enumerate(zip(rows, beginnings, strict=True))
    ]
