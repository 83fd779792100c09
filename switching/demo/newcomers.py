"""Companies that want to come in: applications for use in every state the operators meet."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal import companies, onboarding
from portal.access import Role
from portal.market import Area, MarketRole, SupplyClass
from portal.models import UseApplication
from portal.models.onboarding import UseKind
from portal.onboarding import Asked, Named
from switching.demo.clock import Clock
from switching.demo.market import Market
from switching.demo.usage_files import Story

START_AFTER = timedelta(days=40)


@dataclass(frozen=True)
class Newcomer:
    """A company that applies: its names and what it wants."""

    key: str
    name: str
    name_en: str
    kind: UseKind
    areas: tuple[Area, ...]
    classes: tuple[SupplyClass, ...] = (SupplyClass.LV,)


NEWCOMERS = (
    Newcomer("hoshi", "ほしぞら電力", "Hoshizora Power", UseKind.PRODUCTION, (Area.TOKYO, Area.KANSAI)),
    Newcomer("mori", "もりのエナジー", "Morino Energy", UseKind.CONNECTION_TEST, (Area.CHUBU,)),
    Newcomer("nagisa", "なぎさでんき", "Nagisa Denki", UseKind.PRODUCTION, (Area.KYUSHU,), tuple(SupplyClass)),
    Newcomer("tsubaki", "つばき小売", "Tsubaki Retail", UseKind.PRODUCTION, (Area.SHIKOKU,)),
)


def apply(market: Market, clock: Clock) -> Story:
    """One application waits for review, one is asked back, one waits for a second operator, one is refused."""
    first, second = clock.business_day(-5), clock.business_day(-4)
    filed: dict[str, UseApplication] = {}
    for at, newcomer in enumerate(NEWCOMERS):
        now = yield clock.at(first, 9, 10 + at)
        filed[newcomer.key] = _file(newcomer, at, clock, now=now)
    operator = market.people["hub.operator"]
    now = yield clock.at(second, 10, 5)
    onboarding.ask_back(
        filed["mori"],
        message="法人番号の証明書類と会社名が一致しません。会社名をご確認ください。",
        by=operator,
        now=now,
    )
    now = yield clock.at(second, 10, 20)
    onboarding.propose_approval(
        filed["nagisa"], codes=onboarding.suggested_codes(filed["nagisa"]), by=operator, now=now
    )
    now = yield clock.at(second, 10, 40)
    onboarding.refuse(filed["tsubaki"], reason="小売電気事業者の登録が確認できませんでした。", by=operator, now=now)


def _file(newcomer: Newcomer, at: int, clock: Clock, *, now: datetime) -> UseApplication:
    mailbox = f"shinsei@{newcomer.key}.example"
    letter = onboarding.ask_for_link(kind=newcomer.kind, address=mailbox, asked_from=None, now=now)
    application = onboarding.begin(Asked(newcomer.kind, mailbox, letter.pk), now=now)
    base = f"99{500 + at:010}"
    onboarding.save_company(
        application,
        name=newcomer.name,
        name_en=newcomer.name_en,
        registration_number=f"A{800 + at:04}",
        corporate_number=companies.corporate_check_digit(base) + base,
        notice_address=f"switching@{newcomer.key}.example",
        market_roles=[MarketRole.RETAILER],
    )
    onboarding.save_wanted(
        application,
        areas=newcomer.areas,
        supply_classes=newcomer.classes,
        wanted_start=clock.today + START_AFTER,
        now=now,
    )
    kanri = Named(f"{newcomer.key}.kanri", "管理 一子", f"kanri@{newcomer.key}.example")
    tanto = Named(
        f"{newcomer.key}.tanto", "担当 次郎", f"tanto@{newcomer.key}.example", (Role.INQUIRY.value, Role.RELAY.value)
    )
    onboarding.save_people(application, [kanri], administrators=True)
    onboarding.save_people(application, [tanto], administrators=False)
    return onboarding.file(application, accepts=True, now=now)
