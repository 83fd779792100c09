"""Who stands in every private market: the participant, the hub, the simulated partners and their invented customers.

    area 03, 06   points of `RIVAL` (to win), of the participant (to lose); the simulated network operator
    area 09       points of `RIVAL`; the participant is the network operator

The last digit of a point's number says how the partners behave there (switching.partners.behaviours).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product

from metering import governance, partitions, points, supply
from metering.models import SupplyPeriod, SupplyPoint
from portal import companies, people
from portal.access import Role
from portal.companies import TakesPart
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User
from portal.workdays import jst_date
from switching import disclosures, policies

HUB = ("linkage.hub", "全国電力切替機構", "Kirikae Hub")
PARTICIPANT = ("participant", "参加事業者", "Participant")
RIVAL = ("rival", "模擬小売(現小売役)", "Simulated retailer that loses")
SUITOR = ("suitor", "模擬小売(新小売役)", "Simulated retailer that gains")
NETWORK = ("network", "模擬送配電", "Simulated network operator")
OWN_AREAS, OWN_NETWORK = (Area.TOKYO, Area.KANSAI), Area.KYUSHU
CLERK_ROLES = (Role.INQUIRY, Role.RELAY, Role.APPLICATION, Role.USAGE, Role.VIEWER)
SUPPLIED_SINCE = date(2024, 4, 1)
PLACES = {
    Area.TOKYO: ("東京都", "世田谷区", "架空台"),
    Area.KANSAI: ("大阪府", "大阪市北区", "架空町"),
    Area.KYUSHU: ("福岡県", "福岡市博多区", "架空浜"),
}
FAMILY = (("佐藤", "サトウ"), ("高橋", "タカハシ"), ("田中", "タナカ"), ("中村", "ナカムラ"), ("小林", "コバヤシ"))
GIVEN = (("花子", "ハナコ"), ("太郎", "タロウ"), ("一郎", "イチロウ"), ("美咲", "ミサキ"), ("健", "ケン"))
DISADVANTAGES = (
    ("charge", "解約違約金が発生する場合があります", "An early-termination charge may fall due"),
    ("points", "ポイントが失効する場合があります", "Points may be lost"),
    ("history", "過去の使用量や請求が旧会社の画面で見られなくなります", "Past usage and bills are no longer shown"),
    ("menu", "解約した料金メニューに再加入できない場合があります", "A closed menu may not be joined again"),
)


class NoCast(Exception):
    """The database at hand holds no cast: it is the lobby's."""


@dataclass(frozen=True)
class Block:
    """Points alike: `count` per last digit, supplied by one company."""

    serial: int
    area: Area
    supplier: str
    per_digit: int
    supply_class: SupplyClass = SupplyClass.LV


BLOCKS = (
    Block(1, Area.TOKYO, RIVAL[0], 5),
    Block(2, Area.KANSAI, RIVAL[0], 3),
    Block(3, Area.TOKYO, PARTICIPANT[0], 3),
    Block(4, Area.KANSAI, PARTICIPANT[0], 1),
    Block(5, Area.TOKYO, RIVAL[0], 1, SupplyClass.HV),
    Block(6, Area.TOKYO, RIVAL[0], 1, SupplyClass.FIT),
    Block(7, OWN_NETWORK, RIVAL[0], 2),
)


def raise_curtain(*, now: datetime) -> None:
    """Fill an empty database with the companies, people, customers and points of a private market."""
    companies.register(
        name=HUB[1], name_en=HUB[2], is_hub_operator=True, notice_address="hub@linkage.example", by=None, now=now
    )
    retailers = {
        RIVAL[0]: _retailer(RIVAL, "R1VA", now=now, areas=(*OWN_AREAS, OWN_NETWORK)),
        SUITOR[0]: _retailer(SUITOR, "SU1T", now=now, areas=(*OWN_AREAS, OWN_NETWORK)),
        PARTICIPANT[0]: companies.register(
            name=PARTICIPANT[1],
            name_en=PARTICIPANT[2],
            notice_address="participant@linkage.example",
            participations=[
                *(TakesPart(MarketRole.RETAILER, area, f"0WNR{area[-1]}") for area in OWN_AREAS),
                TakesPart(MarketRole.NETWORK_OPERATOR, OWN_NETWORK, f"0WNN{OWN_NETWORK[-1]}"),
            ],
            by=None,
            now=now,
        ),
    }
    network = companies.register(
        name=NETWORK[1],
        name_en=NETWORK[2],
        notice_address="network@linkage.example",
        participations=[TakesPart(MarketRole.NETWORK_OPERATOR, area, f"NETW{area[-1]}") for area in OWN_AREAS],
        by=None,
        now=now,
    )
    for company, username in (
        (retailers[RIVAL[0]], RIVAL[0]),
        (retailers[SUITOR[0]], SUITOR[0]),
        (network, NETWORK[0]),
    ):
        people.register(
            company=company, username=username, name=company.name, roles=CLERK_ROLES, by=None, now=now
        )  # without a password: nobody but the simulator is this person
    for key, letter in ((RIVAL[0], "R"), (PARTICIPANT[0], "P")):
        policies.lay_down(
            retailer=retailers[key],
            number_pattern=rf"{letter}\d{{10}}",
            number_hint=f"「{letter}」と数字10桁 / the letter {letter} and ten digits",
            number_sample=f"{letter}-0000-0000-01",
            by=None,
            now=now,
        )
    for company in retailers.values():
        governance.set_rules(company, daily_budget=100_000, hourly_alarm=100_000, is_watched=False, by=None, now=now)
    disclosures.publish_version(DISADVANTAGES, valid_from=SUPPLIED_SINCE, by=None, now=now)
    today = jst_date(now)
    points.set_reading_calendar(
        points.days_of_month((*OWN_AREAS, OWN_NETWORK), range(1, 21), first_year=today.year, last_year=today.year + 3),
        now=now,
    )
    partitions.ensure(today + timedelta(days=n) for n in range(-31, 186))
    _settle(retailers, now=now)


def clerk(which: tuple[str, str, str]) -> User | None:
    """The machine user as whom a partner acts in the market at hand; None where a real company stands in its place."""
    found = User.objects.select_related("company").prefetch_related("grants")
    return found.filter(username=which[0], is_active=True).first()


def give_place(which: tuple[str, str, str]) -> Company:
    """Take a simulated partner out of the market at hand; returns its company, for a real one to be seated there."""
    user = User.objects.select_related("company").get(username=which[0])
    user.is_active = False
    user.save(update_fields=["is_active"])
    return user.company


def place_of(which: tuple[str, str, str]) -> Company:
    """The company in a partner's place in the market at hand, be it simulated or real. Raises NoCast."""
    user = User.objects.select_related("company").filter(username=which[0]).first()
    if user is None:
        raise NoCast
    return user.company


def participant() -> Company:
    """The participant's company in the market at hand: the one nobody simulates."""
    found = Company.objects.filter(participations__code__startswith="0WNN").first()
    if found is None:
        raise NoCast
    return found


def customers(company: Company) -> list[SupplyPeriod]:
    """Who is supplied by a company now, with contract and point; invented people all of them."""
    return list(
        SupplyPeriod.objects.filter(retailer=company, known_until__isnull=True, ending="open")
        .select_related("point", "contract")
        .order_by("point__number")
    )


def point_number(block: Block, at: int) -> str:
    """Area, class, block, running number, and at last the digit that says how partners behave."""
    is_high = block.supply_class == SupplyClass.HV
    return f"{block.area}{1 if is_high else 0}{block.serial:02d}{at // 10:016d}{at % 10}"


def _retailer(who: tuple[str, str, str], letters: str, *, now: datetime, areas: tuple[Area, ...]) -> Company:
    return companies.register(
        name=who[1],
        name_en=who[2],
        notice_address=f"{who[0]}@linkage.example",
        participations=[TakesPart(MarketRole.RETAILER, area, f"{letters}{area[-1]}") for area in areas],
        by=None,
        now=now,
    )


def _settle(retailers: dict[str, Company], *, now: datetime) -> None:
    holders = list(product(FAMILY, GIVEN))
    new, contracts = [], []
    for block in BLOCKS:
        prefecture, municipality, town = PLACES[block.area]
        is_high = block.supply_class == SupplyClass.HV
        for at in range(block.per_digit * 10):
            (family, family_kana), (given, given_kana) = holders[(at + 7 * block.serial) % len(holders)]
            house = f"{block.serial}-{at + 1}"
            new.append(
                points.NewPoint(
                    number=point_number(block, at),
                    supply_class=block.supply_class,
                    prefecture=prefecture,
                    municipality=municipality,
                    town=f"{town}一丁目",
                    block=house,
                    contract_size=Decimal(120 if is_high else 40),
                    contract_size_unit="kW" if is_high else "A",
                    current_limit_a=None if is_high else 40,
                    has_generation=block.supply_class == SupplyClass.FIT,
                    reading_day=at % 20 + 1,
                    meters=(points.NewMeter(f"{block.serial:02d}{at:07d}", SUPPLIED_SINCE),),
                )
            )
            letter = "R" if block.supplier == RIVAL[0] else "P"
            contracts.append(
                (
                    retailers[block.supplier].pk,
                    f"{letter}{block.serial:02d}{at:08d}",
                    f"{family} {given}",
                    f"{family_kana} {given_kana}",
                    f"{prefecture}{municipality}{town}一丁目{house}",
                )
            )
    made: list[SupplyPoint] = points.register_many(new, now=now)
    supply.begin(
        [
            supply.NewSupply(
                point_id=point.pk,
                retailer_id=retailer_id,
                from_date=SUPPLIED_SINCE,
                contract_number=number,
                holder_name=name,
                holder_kana=kana,
                holder_address=address,
                cause="linkage test",
            )
            for point, (retailer_id, number, name, kana, address) in zip(made, contracts, strict=True)
        ],
        now=now,
    )
