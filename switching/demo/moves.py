"""The demo's other applications: customers who move in or out, want another breaker or have a new name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from metering import inquiries
from metering.models import Consent, SupplyPoint
from portal.market import Area, SupplyClass
from switching import answers, applications
from switching.codes import AnswerCode
from switching.demo import holders
from switching.demo.cases import Teller
from switching.demo.estate import Site, Wanted
from switching.demo.market import RETAILERS
from switching.demo.usage_files import Story
from switching.kinds import Kind
from switching.models import Application

LV, HV, FIT = SupplyClass.LV, SupplyClass.HV, SupplyClass.FIT


@dataclass(frozen=True)
class Plan:
    """One application: whose, of which kind, how far it has come.

    outcome  draft, submitted, corrected, cancelled, rejected, accepted, in_effect, completed
    filed    how many business days ago it was filed
    ahead    how many days after its filing it is wished to take effect
    """

    kind: Kind
    company: str
    supply_class: SupplyClass
    outcome: str
    filed: int
    ahead: int
    given: dict[str, Any] = field(default_factory=dict)

    def fits(self, site: Site) -> bool:
        """True when the site is one this can be told of."""
        if self.kind == Kind.RECONNECTION:
            return not site.wanted.retailer and site.wanted.supply_class == LV
        if self.kind == Kind.AMPERE_CHANGE and site.new.capacity_method != SupplyPoint.CapacityMethod.AMPERE_BREAKER:
            return False
        return site.wanted.retailer == self.company and site.wanted.supply_class == self.supply_class


PLANS: tuple[Plan, ...] = (
    Plan(Kind.TERMINATION, "umi", HV, "submitted", 2, 60, {"removal": True, "remarks": "キュービクルごと撤去します。"}),
    Plan(Kind.TERMINATION, "umi", LV, "submitted", 1, 5, {"work_contact": "海 管理人室"}),
    Plan(Kind.TERMINATION, "sora", LV, "draft", 1, 12),
    Plan(Kind.TERMINATION, "umi", LV, "accepted", 3, 14, {"removal": True}),
    Plan(Kind.TERMINATION, "sora", LV, "accepted", 2, 20),
    Plan(Kind.RECONNECTION, "sora", LV, "in_effect", 4, -6),
    Plan(Kind.RECONNECTION, "umi", LV, "rejected", 3, 2),
    Plan(Kind.AMPERE_CHANGE, "umi", LV, "completed", 9, 7),
    Plan(Kind.AMPERE_CHANGE, "sora", LV, "corrected", 2, 11),
    Plan(Kind.CONSUMER_CHANGE, "umi", LV, "in_effect", 5, 1, {"change": Application.Change.NEW_NAME}),
    Plan(Kind.CONSUMER_CHANGE, "sora", LV, "cancelled", 4, 6, {"change": Application.Change.NEW_HOLDER}),
    Plan(Kind.CONSUMER_CHANGE, "umi", FIT, "submitted", 1, 3, {"change": Application.Change.CORRECTION}),
)
WANTED: tuple[Wanted, ...] = (
    *(Wanted(Area.TOKYO, LV, company) for company in ("umi", "sora") for _ in range(5)),
    *(Wanted(Area.TOKYO, LV, "") for _ in range(2)),
    Wanted(Area.TOKYO, HV, "umi"),
    Wanted(Area.TOKYO, FIT, "umi"),
)
"""Points for these stories, a few more than needed, because not every one has an ampere breaker."""


def stories(teller: Teller, sites: Iterable[Site]) -> Iterator[Story]:
    """Each plan told of the first site that fits and is not taken."""
    left = list(sites)
    for at, plan in enumerate(PLANS):
        site = next((site for site in left if plan.fits(site)), None)
        if site is not None:
            left.remove(site)
            yield _tell(teller, plan, site, minute=7 * at)


def _tell(teller: Teller, plan: Plan, site: Site, *, minute: int) -> Story:
    clock, market = teller.clock, teller.market
    day = clock.business_day(-plan.filed)
    now = yield clock.at(day, 13) + timedelta(minutes=minute)
    clerk = teller.person(plan.company, "application")
    if plan.kind == Kind.RECONNECTION:
        by = teller.person(plan.company, "inquiry")
        consent = teller.consent(by, Consent.Purpose.SWITCH, now)
        inquiries.inquire(number=site.new.number, supply_class=plan.supply_class, consent=consent, by=by, now=now)
    found = applications.file(
        kind=plan.kind,
        point=site.row,
        desired_date=day + timedelta(days=plan.ahead),
        given={**_entries(teller, plan, site), **plan.given},
        by=clerk,
        now=now,
        as_draft=plan.outcome == "draft",
    )
    if plan.outcome in ("draft", "submitted"):
        return
    now = yield now + timedelta(minutes=50)
    if plan.outcome == "cancelled":
        applications.cancel(application_id=found.pk, reason="お客さまの取りやめ", by=clerk, now=now)
        return
    if plan.outcome == "corrected":
        given = {"ampere": _another_ampere(site, besides=found.ampere), "work_contact": "空 太郎"}
        applications.correct(
            application_id=found.pk,
            desired_date=found.desired_date,
            given=given,
            reason="お客さまから容量変更の申出",
            by=clerk,
            now=now,
        )
        return
    now = yield clock.at(clock.workdays.add(day, 1), 10) + timedelta(minutes=minute)
    operator = teller.person(market.network_operator(site.wanted.area), "application")
    if plan.outcome == "rejected":
        answers.reject(application_id=found.pk, codes=[AnswerCode.NO_ACCESS], by=operator, now=now)
        return
    answers.accept(application_id=found.pk, by=operator, now=now)
    if plan.outcome != "completed":
        return
    now = yield clock.at(clock.workdays.add(found.desired_date, 1), 15) + timedelta(minutes=minute)
    found.refresh_from_db()
    if found.in_effect_on:
        applications.complete(application_id=found.pk, by=operator, now=now)


def _entries(teller: Teller, plan: Plan, site: Site) -> dict[str, Any]:
    if plan.kind == Kind.TERMINATION:
        return {}
    if plan.kind == Kind.AMPERE_CHANGE:
        return {"ampere": _another_ampere(site)}
    new_comer = holders.somebody_else(site.holder, teller.rng) if site.holder else holders.person(teller.rng)
    data = {
        "holder_name": new_comer.name,
        "holder_kana": new_comer.kana,
        "holder_address": site.place.written,
    }
    if plan.kind == Kind.RECONNECTION:
        data["contract_number"] = holders.contract_number(RETAILERS[plan.company].number, teller.rng)
    return data


def _another_ampere(site: Site, besides: int | None = None) -> int:
    held = site.row.current_limit_a
    return next(size for size in (30, 40, 50) if size not in (held, besides))
