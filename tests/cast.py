"""The fixed cast of every test: sora gains, umi loses, yama is nobody to the case, kaze is the network operator.

    cast.sora, cast.umi, cast.yama, cast.kaze, cast.hub          companies
    cast["sora.relay"], cast["hub.operator"], …                  people, `<company>.<role>`
    also as fixtures: sora, umi, yama, kaze, hub, sora_relay, umi_relay, yama_relay, hub_operator, …

Everybody is made by the product's own verbs, with a second factor that is set up and a password (PASSWORD).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from metering import supply
from metering.models import SupplyPoint
from metering.points import NewMeter, NewPoint, days_of_month, register_many, set_reading_calendar
from metering.supply import NewSupply
from portal import companies, people, sessions
from portal.access import Role
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from portal.models import Company, SignIn, User
from portal.workdays import JST

NOW = datetime(2026, 4, 1, 10, 0, tzinfo=JST)  # a Wednesday, no holiday near
PASSWORD = "correct-horse-battery-staple"
TOTP_KEY = "3132333435363738393031323334353637383930"

AREAS = (Area.TOKYO, Area.KANSAI)
# company → (name, name in English, market role, participant codes in AREAS)
COMPANIES = {
    "sora": ("空でんき", "Sora Denki", MarketRole.RETAILER, ("S0RA3", "S0RA6")),
    "umi": ("海エナジー", "Umi Energy", MarketRole.RETAILER, ("UM1E3", "UM1E6")),
    "yama": ("山電力", "Yama Power", MarketRole.RETAILER, ("YAMA3", "YAMA6")),
    "kaze": ("風送配電", "Kaze Network", MarketRole.NETWORK_OPERATOR, ("KAZE3", "KAZE6")),
}
HUB = "切替広域機関"
RETAILER_ROLES = (
    Role.ADMINISTRATOR,
    Role.INQUIRY,
    Role.APPLICATION,
    Role.RELAY,
    Role.USAGE,
    Role.VIEWER,
)
ROLES = {
    "sora": RETAILER_ROLES,
    "umi": RETAILER_ROLES,
    "yama": RETAILER_ROLES,
    "kaze": (Role.ADMINISTRATOR, Role.INQUIRY, Role.APPLICATION, Role.USAGE, Role.VIEWER),
    "hub": (Role.ADMINISTRATOR, Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
}


@dataclass
class Cast:
    """Companies by attribute, people by `<company>.<role>`; a person is registered when first asked for."""

    companies: dict[str, Company] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Company:
        try:
            return self.__dict__["companies"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> User:
        """The person, read anew, so that no test sees another one's cached roles."""
        key, _, role = name.partition(".")
        if Role(role) not in ROLES[key]:
            raise KeyError(f"{name} is not in the cast; add the role to ROLES.")
        known = User.objects.select_related("company").filter(username=name).first()
        return known or person(self.companies[key], name, roles=[role])

    def everybody(self) -> list[User]:
        """The whole cast."""
        return [self[f"{key}.{role}"] for key, roles in ROLES.items() for role in roles]


def gather(now: datetime = NOW) -> Cast:
    """Enter the companies through the verbs; people follow as they are asked for."""
    cast = Cast()
    cast.companies["hub"] = companies.register(
        name=HUB, name_en="Kirikae Hub", is_hub_operator=True, notice_address="hub@kirikae.example", by=None, now=now
    )
    for key, (name, name_en, market_role, codes) in COMPANIES.items():
        cast.companies[key] = companies.register(
            name=name,
            name_en=name_en,
            notice_address=f"{key}@{key}.example",
            participations=[TakesPart(market_role, area, code) for area, code in zip(AREAS, codes, strict=True)],
            by=None,
            now=now,
        )
    return cast


def one_more_company(cast: Cast) -> Company:
    """One more retailer in Tokyo, of whom nobody is registered."""
    count = Company.objects.count()
    return companies.register(
        name=f"星でんき{count}",
        name_en=f"Hoshi Denki {count}",
        notice_address="hoshi@hoshi.example",
        participations=[TakesPart(MarketRole.RETAILER, Area.TOKYO, f"HS{count:02d}3")],
        by=None,
        now=NOW,
    )


def person(company: Company, username: str, *, roles: list[people.Hold | Role | str], now: datetime = NOW) -> User:
    """One more person with password and second factor."""
    user = people.register(
        company=company,
        username=username,
        name=f"{company.name} {username.partition('.')[2]}",
        email=f"{username}@{username.partition('.')[0]}.example",
        password=PASSWORD,
        roles=roles,
        by=None,
        now=now,
    )
    people.enrol_totp(user, key=TOTP_KEY, by=None, now=now)
    return user


def client_of(user: User, *, verified: bool = True) -> Client:
    """A browser in which the person has signed in; with verified=False only the password was given."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if verified:
        session, now = client.session, timezone.now()
        session[DEVICE_ID_SESSION_KEY] = user.totpdevice_set.get().persistent_id
        session[sessions.BEGAN] = session[sessions.SEEN] = session[sessions.PROVEN] = now.timestamp()
        session.save()
        SignIn.objects.create(user=user, session_key=session.session_key, began_at=now, seen_at=now)
    return client


# --- Metering: points, contracts, usage ---------------------------------------------------------------------------
#
#    points = gather_points(cast)      also as the fixture `points`
#    points.house, points.shop (HV), points.roof (FIT), points.rooms (three in one building): umi supplies them all
#    make_points(cast, 50)             more of umi's houses; supply_class, retailer, area may be chosen

READING_GROUPS = (1, 10, 20)
SUPPLIED_FROM = date(2020, 4, 1)
HOLDERS = (("山田 太郎", "ヤマダ タロウ"), ("佐藤 花子", "サトウ ハナコ"), ("髙橋 一郎", "タカハシ イチロウ"))


@dataclass
class Points:
    """Points in area 03 that umi supplies, with contracts in umi's format U-1234-5678-90."""

    house: SupplyPoint
    shop: SupplyPoint
    roof: SupplyPoint
    rooms: list[SupplyPoint]


def gather_points(cast: Cast, now: datetime = NOW) -> Points:
    """The cast's points, umi their supplier since 2020-04-01, and a reading calendar of 2016 to 2027."""
    lay_calendar(now)
    [house] = make_points(cast, 1, now=now, block="8-1", town="粕谷四丁目")
    [shop] = make_points(cast, 1, supply_class="HV", now=now, block="2-15", town="駒沢一丁目")
    [roof] = make_points(cast, 1, supply_class="FIT", now=now, block="8-1", town="粕谷四丁目", building="屋根")
    rooms = make_points(cast, 3, now=now, block="12-7", town="上用賀五丁目", building="ハイツ桜 {}号室", first=101)
    return Points(house, shop, roof, rooms)


def lay_calendar(now: datetime = NOW) -> None:
    """Groups 1, 10 and 20 of the cast's areas are read on that day of each month, 2016 to 2027."""
    set_reading_calendar(days_of_month(AREAS, READING_GROUPS, first_year=2016, last_year=2027), now=now)


def make_points(
    cast: Cast,
    count: int,
    *,
    supply_class: str = "LV",
    retailer: str = "umi",
    area: str = "03",
    town: str = "経堂二丁目",
    block: str = "{}-3",
    building: str = "",
    first: int = 1,
    supplied_from: date = SUPPLIED_FROM,
    now: datetime = NOW,
) -> list[SupplyPoint]:
    """Register points of one class and let the retailer (a key of the cast, "" for nobody) supply them.

    `block` and `building` may hold {}, which becomes `first`, first + 1, …; numbers never collide within a test.
    """
    begun = SupplyPoint.objects.count()
    is_high = supply_class == "HV"
    points = register_many(
        [
            NewPoint(
                number=f"{area}{1 if is_high else 0}{9 if supply_class == 'FIT' else 0}{begun + at:018d}",
                supply_class=supply_class,
                prefecture="東京都",
                municipality="世田谷区",
                town=town,
                block=block.format(first + at),
                building=building.format(first + at),
                contract_size=Decimal(120 if is_high else 40),
                contract_size_unit="kW" if is_high else "A",
                current_limit_a=None if is_high else 40,
                menu="power" if is_high else "lamp",
                power_factor=95 if is_high else None,
                phases="3φ3W" if is_high else "1φ3W",
                voltage_v=6600 if is_high else 100,
                capacity_method="actual_demand" if is_high else "ampere_breaker",
                service_pole=f"粕谷幹{begun + at}",
                has_generation=supply_class == "FIT",
                reading_day=READING_GROUPS[(begun + at) % len(READING_GROUPS)],
                meters=(NewMeter(f"{area}M{begun + at:07d}", date(2018, 6, 1)),),
            )
            for at in range(count)
        ],
        now=now,
    )
    if retailer:
        supply.begin(
            [
                NewSupply(
                    point_id=point.pk,
                    retailer_id=cast.companies[retailer].pk,
                    from_date=supplied_from,
                    contract_number=contract_number(begun + at),
                    holder_name=HOLDERS[(begun + at) % len(HOLDERS)][0],
                    holder_kana=HOLDERS[(begun + at) % len(HOLDERS)][1],
                    holder_address=point.address,
                    cause="made for a test",
                )
                for at, point in enumerate(points)
            ],
            now=now,
        )
    return points


def contract_number(at: int) -> str:
    """The at-th contract number in umi's format."""
    return f"U-{1000 + at // 10000:04d}-{at % 10000:04d}-{at % 97:02d}"


# --- Switching: relays, applications ------------------------------------------------------------------------------
