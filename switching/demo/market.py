"""Who takes part in the demo: hub operator, network operators, retailers and their people. Every name is invented."""

from dataclasses import dataclass, field
from datetime import date, datetime

from django.contrib.auth.hashers import make_password

from portal import companies, people
from portal.access import Role
from portal.companies import TakesPart
from portal.demo import DEMO_PASSWORD
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User
from portal.people import Hold
from switching import disclosures, policies
from switching.models import Charge, DisclosureVersion


@dataclass(frozen=True)
class NetworkOperatorProfile:
    """A network operator of one area; `code` is its participant code there."""

    name: str
    name_en: str
    code: str


@dataclass(frozen=True)
class RetailerProfile:
    """A retailer: four letters of its participant codes, its areas, its rule for contract numbers.

    `number` is a template of the contract number as the retailer prints it: # stands for a digit, ? for a letter.
    """

    name: str
    name_en: str
    letters: str
    areas: tuple[Area, ...]
    number: str
    pattern: str
    hint: str
    sample: str
    auto_accept: bool = False

    def code(self, area: str) -> str:
        """The participant code in an area: the letters and the area's last digit."""
        return self.letters + area[-1]


HUB_NAME, HUB_NAME_EN = "全国電力切替機構", "National Electricity Switching Organisation"

NETWORK_OPERATORS: dict[str, tuple[Area, NetworkOperatorProfile]] = {
    "hokkai": (Area.HOKKAIDO, NetworkOperatorProfile("北海ネットワーク", "Hokkai Network", "HKKA1")),
    "michinoku": (Area.TOHOKU, NetworkOperatorProfile("みちのく送配電", "Michinoku Network", "M1CH2")),
    "kaze": (Area.TOKYO, NetworkOperatorProfile("風送配電", "Kaze Network", "KAZE3")),
    "kiso": (Area.CHUBU, NetworkOperatorProfile("木曽川送配電", "Kisogawa Network", "K1S04")),
    "hakusan": (Area.HOKURIKU, NetworkOperatorProfile("白山送配電", "Hakusan Network", "HAKU5")),
    "naniwa": (Area.KANSAI, NetworkOperatorProfile("なにわ送配電", "Naniwa Network", "NAN16")),
    "seto": (Area.CHUGOKU, NetworkOperatorProfile("瀬戸送配電", "Seto Network", "SET07")),
    "shimanto": (Area.SHIKOKU, NetworkOperatorProfile("四万十送配電", "Shimanto Network", "SMNT8")),
    "aso": (Area.KYUSHU, NetworkOperatorProfile("阿蘇送配電", "Aso Network", "AS0K9")),
    "churaumi": (Area.OKINAWA, NetworkOperatorProfile("美ら海送配電", "Churaumi Network", "CHUR0")),
}

_ALL = tuple(Area)
RETAILERS: dict[str, RetailerProfile] = {
    "sora": RetailerProfile(
        "空でんき",
        "Sora Denki",
        "S0RA",
        _ALL,
        "S-####-####-##",
        r"S[0-9]{10}",
        "「S」と数字10桁。検針票の右上「お客さま番号」",
        "S-0123-4567-89",
    ),
    "umi": RetailerProfile(
        "海エナジー",
        "Umi Energy",
        "UM1E",
        _ALL,
        "U-####-####-##",
        r"U[0-9]{10}",
        "「U」と数字10桁。請求書の「ご契約番号」",
        "U-1234-5678-90",
    ),
    "yama": RetailerProfile(
        "山電力",
        "Yama Power",
        "YAMA",
        _ALL,
        "####-#####-####",
        r"[0-9]{13}",
        "数字13桁。先頭の0も省かずに入力",
        "0301-23456-7890",
    ),
    "hoshi": RetailerProfile(
        "星のでんき",
        "Hoshi no Denki",
        "H0SH",
        (Area.TOHOKU, Area.TOKYO, Area.CHUBU, Area.KANSAI, Area.CHUGOKU, Area.KYUSHU),
        "HS########",
        r"HS[0-9]{8}",
        "「HS」と数字8桁。マイページの契約番号",
        "HS20161234",
        auto_accept=True,
    ),
    "mori": RetailerProfile(
        "森と水の電力",
        "Mori to Mizu Power",
        "M0R1",
        (Area.HOKKAIDO, Area.TOHOKU, Area.TOKYO, Area.HOKURIKU, Area.KANSAI, Area.SHIKOKU, Area.KYUSHU),
        "??#########",
        r"[A-Z]{2}[0-9]{9}",
        "英大文字2字と数字9桁(ハイフンなし)",
        "MK301234567",
    ),
    "machi": RetailerProfile(
        "まちのでんき",
        "Machi no Denki",
        "MACH",
        (Area.HOKKAIDO, Area.TOKYO, Area.CHUBU, Area.HOKURIKU, Area.KANSAI, Area.CHUGOKU, Area.SHIKOKU),
        "####-?-#####",
        r"[0-9]{4}[A-Z][0-9]{5}",
        "数字4桁、英大文字1字、数字5桁",
        "2024-A-00123",
    ),
    "niji": RetailerProfile(
        "にじいろ電力",
        "Nijiiro Power",
        "N1J1",
        (Area.TOHOKU, Area.TOKYO, Area.CHUBU, Area.KANSAI, Area.KYUSHU, Area.OKINAWA),
        "## #### ####",
        r"[0-9]{10}",
        "数字10桁。2桁、4桁、4桁に区切って印字",
        "30 1234 5678",
    ),
}

CLERK_ROLES = (Role.INQUIRY, Role.RELAY, Role.APPLICATION, Role.USAGE, Role.VIEWER)
RETAILER_PEOPLE: dict[str, tuple[Role, ...]] = {
    "clerk": CLERK_ROLES,
    "administrator": (Role.ADMINISTRATOR,),
    "inquiry": (Role.INQUIRY,),
    "relay": (Role.RELAY,),
    "application": (Role.APPLICATION,),
    "usage": (Role.USAGE,),
    "viewer": (Role.VIEWER,),
}
NETWORK_CLERK_ROLES = (Role.APPLICATION, Role.USAGE, Role.VIEWER)
NETWORK_PEOPLE: dict[str, tuple[Role, ...]] = {
    "administrator": (Role.ADMINISTRATOR,),
    "application": (Role.APPLICATION,),
    "usage": (Role.USAGE,),
}
HUB_PEOPLE: dict[str, tuple[Role, ...]] = {
    "operator": (Role.OPERATOR,),
    "helpdesk": (Role.HELPDESK,),
    "auditor": (Role.AUDITOR,),
    "administrator": (Role.ADMINISTRATOR,),
    "operator2": (Role.OPERATOR,),
}
# People whose roles hold for one area or class of supply only.
NARROW_PEOPLE: dict[str, tuple[Hold, ...]] = {
    "sora.kansai": tuple(Hold(role, Area.KANSAI) for role in (Role.RELAY, Role.APPLICATION)),
    "umi.hv": tuple(Hold(role, "", SupplyClass.HV) for role in (Role.RELAY, Role.APPLICATION)),
}
_STAFF_FAMILY = [
    "青木",
    "石川",
    "上野",
    "遠藤",
    "大塚",
    "川口",
    "菊地",
    "小松",
    "佐野",
    "島田",
    "菅原",
    "関口",
    "高木",
    "千葉",
    "土屋",
    "中野",
    "西村",
    "野口",
    "原田",
    "平野",
]
_STAFF_GIVEN = [
    "恵",
    "誠",
    "由美",
    "健一",
    "直子",
    "隆",
    "真理",
    "亮",
    "智子",
    "剛",
    "薫",
    "翼",
    "千尋",
    "光",
    "遥",
    "悠",
    "渚",
    "司",
    "忍",
    "歩",
]

# (code, Japanese, English) of the eight disadvantages, domain notes, switching §7.
DISADVANTAGES: tuple[tuple[str, str, str], ...] = (
    (
        "early-termination",
        "現在の契約を途中で解約すると、解約金が生じることがあります。",
        "Ending the present contract early may cost a charge.",
    ),
    (
        "points",
        "現在の契約でためたポイントが失われることがあります。",
        "Points collected under the present contract may be lost.",
    ),
    (
        "tenure-discount",
        "継続期間に応じた割引が終わり、期間も引き継がれません。",
        "A discount for the length of the contract ends, and the time does not carry over.",
    ),
    (
        "past-usage",
        "現在の小売電気事業者の会員ページで、過去の使用量や請求を見られなくなることがあります。",
        "Past usage and bills may no longer be visible on the present retailer's portal.",
    ),
    (
        "closed-menu",
        "新規受付を終えた料金メニューには、あとから戻れません。",
        "A menu that is closed to newcomers cannot be joined again.",
    ),
    (
        "bundle-discount",
        "ガスや通信などとのセット割引が終わることがあります。",
        "A discount for a bundle with gas or telecommunications may end.",
    ),
    (
        "attached-services",
        "付帯サービスが終わり、機器の分割払いの残額を一括で請求されることがあります。",
        "Attached services end, and remaining instalments of equipment may fall due.",
    ),
    (
        "broken-month",
        "切替月の料金は日割りとなり、請求が2社に分かれます。",
        "The month of the switch is billed in two parts, one by each retailer.",
    ),
)


@dataclass
class Market:
    """The companies and people once they are registered, by their short names."""

    hub: Company
    companies: dict[str, Company] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)

    def network_operator(self, area: str) -> str:
        """Short name of the area's network operator."""
        return next(key for key, (where, _profile) in NETWORK_OPERATORS.items() if where == area)


def found(*, now: datetime) -> Market:
    """Register every company, its people with second factor, and each retailer's rule for contract numbers."""
    hub = companies.register(
        name=HUB_NAME,
        name_en=HUB_NAME_EN,
        corporate_number=_corporate_number(0),
        notice_address="hub@kirikae.example",
        is_hub_operator=True,
        by=None,
        now=now,
    )
    market = Market(hub)
    for at, (key, (area, operator)) in enumerate(NETWORK_OPERATORS.items(), start=1):
        market.companies[key] = companies.register(
            name=operator.name,
            name_en=operator.name_en,
            corporate_number=_corporate_number(at),
            notice_address=f"haisoden@{key}.example",
            participations=[TakesPart(MarketRole.NETWORK_OPERATOR, area, operator.code)],
            by=None,
            now=now,
        )
    for at, (key, retailer) in enumerate(RETAILERS.items(), start=1):
        market.companies[key] = companies.register(
            name=retailer.name,
            name_en=retailer.name_en,
            registration_number=f"A{700 + at:04}",
            corporate_number=_corporate_number(100 + at),
            notice_address=f"switching@{key}.example",
            participations=[TakesPart(MarketRole.RETAILER, area, retailer.code(area)) for area in retailer.areas],
            by=None,
            now=now,
        )
        policies.lay_down(
            retailer=market.companies[key],
            number_pattern=retailer.pattern,
            number_hint=retailer.hint,
            number_sample=retailer.sample,
            number_separators="- ",
            auto_accept=retailer.auto_accept,
            by=None,
            now=now,
        )
    _enter_people(market, now=now)
    return market


def explain_disadvantages(*, valid_from: date, now: datetime, newer: bool = False) -> DisclosureVersion:
    """Publish the list of disadvantages; the newer edition says more about the charge for leaving early."""
    items = list(DISADVANTAGES)
    if newer:
        items[0] = (
            items[0][0],
            "現在の契約を途中で解約すると、解約金や契約残期間分の料金が生じることがあります。金額は現在の契約先にご確認ください。",
            "Ending the present contract early may cost a charge or the rest of its term; ask the present retailer.",
        )
    return disclosures.publish_version(items, valid_from=valid_from, by=None, now=now)


def list_own_disadvantages(market: Market, *, valid_from: date, now: datetime) -> None:
    """umi's own lists: one for all its menus, one for a menu with a term."""
    bundle = ("bundle_umi", "海でんきとガスのセット割が終了します。", "The bundle of Umi's electricity and gas ends.")
    term = (
        "term_umi",
        "夜トクプランは一年契約で、更新月以外の解約には解約金が生じることがあります。",
        "The night plan runs for a year; leaving before its renewal may cost a charge.",
    )
    lists = (("", Charge.NONE, [bundle]), ("夜トクプラン", Charge.POSSIBLE, [bundle, term]))
    for menu, charge, items in lists:
        disclosures.publish_version(
            items,
            retailer=market.companies["umi"],
            menu=menu,
            charge=charge,
            valid_from=valid_from,
            by=None,
            now=now,
        )


def _enter_people(market: Market, *, now: datetime) -> None:
    """The people one visits the demo as come first: clerks of both sides of a switch, network operator, operator."""
    wanted: list[tuple[str, tuple[Hold | Role, ...]]] = [
        (f"{company}.clerk", CLERK_ROLES if company in RETAILERS else NETWORK_CLERK_ROLES)
        for company in ("sora", "umi", "kaze")
    ]
    wanted += [(f"hub.{title}", roles) for title, roles in HUB_PEOPLE.items()]
    for company in RETAILERS:
        wanted += [(f"{company}.{title}", roles) for title, roles in RETAILER_PEOPLE.items()]
    wanted += list(NARROW_PEOPLE.items())
    for company in NETWORK_OPERATORS:
        wanted += [(f"{company}.{title}", roles) for title, roles in NETWORK_PEOPLE.items()]
    password_hash = make_password(DEMO_PASSWORD)
    for at, (username, roles) in enumerate(dict(wanted).items()):
        company = username.partition(".")[0]
        user = people.register(
            company=market.hub if company == "hub" else market.companies[company],
            username=username,
            name=f"{_STAFF_FAMILY[at % len(_STAFF_FAMILY)]} {_STAFF_GIVEN[at * 7 % len(_STAFF_GIVEN)]}",
            email=f"{username}@kirikae.example",
            password_hash=password_hash,
            roles=roles,
            by=None,
            now=now,
        )
        people.enrol_totp(user, by=None, now=now)
        market.people[username] = user


def _corporate_number(serial: int) -> str:
    """A well-formed 法人番号 that begins like no real one (the twelve digits start with 99)."""
    base = f"99{serial:010}"
    return companies.corporate_check_digit(base) + base
