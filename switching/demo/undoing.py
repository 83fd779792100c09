"""Switches of the demo that are undone: each is told as any other first, then one side wants it back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.market import Area, SupplyClass
from portal.models import User
from switching import cooling_off, frauds, reversals, stops
from switching.demo.cases import EXACT, NORMALISED, WEAK, Plan, Teller
from switching.demo.estate import Site
from switching.demo.usage_files import Story
from switching.models import Application, Relay, UndoCase
from switching.undo_reasons import RefusalReason, ReversalReason

Deed = Callable[["Regret", Teller, Relay, datetime], Story]


@dataclass(frozen=True)
class Regret:
    """One switch to be undone: the story before it, how many business days ago it was asked for, and by which way."""

    plan: Plan
    asked: int
    deed: Deed

    def gaining(self, teller: Teller, role: str = "relay") -> User:
        return teller.person(self.plan.gaining, role)

    def losing(self, teller: Teller, role: str = "relay") -> User:
        return teller.person(self.plan.losing, role)


def _cool_off(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """The customer has changed their mind within the days after the papers came."""
    declared = now.date()
    cooling_off.open_case(
        relay_id=relay.pk,
        declared_on=declared,
        papers_on=declared - timedelta(days=3),
        text="お客さまから電話で撤回の申出。",
        by=regret.gaining(teller),
        now=now,
    )
    yield from ()


def _ask_back(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """The former retailer finds that another customer's point was taken; the other side has not answered."""
    _ask(regret, teller, relay, now)
    yield from ()


def _give_back(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    case = _ask(regret, teller, relay, now)
    now = yield now + timedelta(minutes=70)
    reversals.answer(case_id=case.pk, agrees=True, by=regret.gaining(teller), now=now)


def _dispute(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """Refused, and brought before the hub operator."""
    case = _ask(regret, teller, relay, now)
    now = yield now + timedelta(minutes=55)
    reason, text = RefusalReason.CUSTOMER_WANTS, "ご本人に折り返し確認済みです。"
    reversals.answer(case_id=case.pk, agrees=False, reason=reason, text=text, by=regret.gaining(teller), now=now)
    now = yield now + timedelta(minutes=40)
    text = "隣室のご契約です。部屋番号の写しを提出できます。"
    reversals.appeal(case_id=case.pk, text=text, by=regret.losing(teller), now=now)


def _deny(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """The customer says that nobody asked: the gaining retailer owes its evidence."""
    frauds.report(relay_id=relay.pk, by=regret.losing(teller), now=now)
    yield from ()


def _ask_to_stop(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """The gaining retailer asks the network operator to stop the matched start."""
    start = Application.objects.get(relay=relay, kind=Application.Kind.SWITCH_START)
    by = regret.gaining(teller, "application")
    stops.ask(application_id=start.pk, reason="お客さまの転居が取りやめになりました。", by=by, now=now)
    yield from ()


def _go_on(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> Story:
    """The same, and the network operator cannot stop it any more."""
    yield from _ask_to_stop(regret, teller, relay, now)
    now = yield now + timedelta(minutes=45)
    request = stops.open_request(Application.objects.get(relay=relay, kind=Application.Kind.SWITCH_START))
    if request is None:
        return
    operator = teller.person(teller.market.network_operator(relay.point.area), "application")
    stops.decide(request_id=request.pk, stops=False, text="作業班が出発済みです。", by=operator, now=now)


def _ask(regret: Regret, teller: Teller, relay: Relay, now: datetime) -> UndoCase:
    reason, text = ReversalReason.POINT_MIXED_UP, "隣室の地点番号が使われています。"
    return reversals.ask(relay_id=relay.pk, reason=reason, text=text, by=regret.losing(teller), now=now)


_T, _LV = Area.TOKYO, SupplyClass.LV
REGRETS: tuple[Regret, ...] = (
    Regret(Plan("sora", "umi", _T, _LV, EXACT, "accepted", 3), 1, _cool_off),
    Regret(Plan("sora", "umi", _T, _LV, NORMALISED, "matched", 7, start=True), 0, _cool_off),
    Regret(Plan("umi", "sora", _T, _LV, EXACT, "in_effect", 4), 0, _cool_off),
    Regret(Plan("sora", "umi", _T, _LV, EXACT, "in_effect", 5), 0, _ask_back),
    Regret(Plan("umi", "sora", _T, _LV, NORMALISED, "in_effect", 6), 2, _give_back),
    Regret(Plan("yama", "umi", _T, _LV, WEAK, "in_effect", 7), 1, _dispute),
    Regret(Plan("yama", "sora", _T, _LV, EXACT, "in_effect", 5), 1, _deny),
    Regret(Plan("sora", "umi", _T, _LV, EXACT, "matched", 8), 0, _ask_to_stop),
    Regret(Plan("umi", "sora", _T, _LV, EXACT, "matched", 6), 1, _go_on),
)
WANTED = tuple(regret.plan.wanted for regret in REGRETS)


def stories(teller: Teller, sites: Sequence[Site]) -> Iterator[Story]:
    """Each switch told of its own site, and how it is undone."""
    for at, (regret, site) in enumerate(zip(REGRETS, sites, strict=False)):
        yield _tell(teller, regret, site, minute=9 * at)


def _tell(teller: Teller, regret: Regret, site: Site, *, minute: int) -> Story:
    yield from teller.tell(regret.plan, site, minute)
    clock = teller.clock
    asked = clock.at(clock.business_day(-regret.asked), 9, 5) + timedelta(minutes=minute)
    now = yield clock.no_later(asked, before_end=timedelta(minutes=20))
    yield from regret.deed(regret, teller, Relay.objects.select_related("point").get(point=site.row), now)
