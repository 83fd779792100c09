"""The time machine 時点照会: a point and its cases as they were on day D, as the hub knew it at moment T.

Who may ask what: the hub's operators and auditors everything, with a purpose; a network operator its whole network,
without the customers' contracts; a retailer the days it supplied itself, and the cases it may open anyway. What
another company supplied is told to a retailer as "not by your company", also where nobody did: whether a former
customer has a contract now is none of its business. Every answer is kept in the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from metering import as_of
from metering.as_of import Belief, ContractState
from metering.models import Consent, Contract, Meter, SupplyPeriod, SupplyPoint
from portal import ledger
from portal.access import Ability, Role, covers
from portal.models import User
from portal.workdays import JST
from switching import numbers
from switching.models import Application, MeterWork, Relay, Step
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS, ApplicationState, RelayState

ACTION = "supply point as of a day"
AHEAD = timedelta(days=366)


class NotPossible(Exception):
    """The question cannot be answered; subclasses say why."""


class NothingToDoWith(NotPossible):
    """There is no such point or case, or the person's company has nothing to do with it: both sound the same."""


class NotYetCome(NotPossible):
    """The moment of knowledge lies ahead: nobody knows yet what the hub will know."""


class TooFarAhead(NotPossible):
    """The day lies more than a year ahead."""


@dataclass(frozen=True)
class CaseThen:
    """A case as it stood: its state, since when, and of a switch the date that had been settled by then."""

    case: Relay | Application
    state: RelayState | ApplicationState
    since: datetime
    switch_date: date | None

    @property
    def is_open(self) -> bool:
        return self.state in (OPEN_RELAYS if isinstance(self.case, Relay) else OPEN_APPLICATIONS)


@dataclass(frozen=True)
class Answer:
    """What the reader may know. `is_open_to_all`: it names every company, so no period means that nobody supplied;
    otherwise that the reader's company did not. `contract` stands only where the reader is entitled to it.

    `cases` are those that were open; `asked` is the case the question named, however it stood (None: not yet there,
    or the question named a point). `beliefs` tells how the knowledge of the day changed.
    """

    point: SupplyPoint
    day: date
    at: datetime
    period: SupplyPeriod | None
    is_open_to_all: bool
    state: ContractState | None
    contract: Contract | None
    meters: list[Meter]
    cases: list[CaseThen]
    asked: CaseThen | None
    beliefs: list[Belief]


def is_hub(user: User) -> bool:
    """The hub's people who may ask about every point, naming a purpose."""
    return user.company.is_hub_operator and bool({Role.OPERATOR, Role.AUDITOR} & set(user.roles))


def find(number: str, *, by: User) -> tuple[SupplyPoint, Relay | Application | None]:
    """The point of a supply point number or case number, and the case; as far as the person may ask about it.

    `number` is cleaned already. Raises NothingToDoWith.
    """
    case: Relay | Application | None = None
    if number[:1] in (numbers.RELAY, numbers.APPLICATION):
        cases: QuerySet[Relay] | QuerySet[Application] = (
            _relays(by) if number.startswith(numbers.RELAY) else _applications(by)
        )
        case = cases.filter(number=number).first()
        if case is None:
            raise NothingToDoWith
        return case.point, case
    point = SupplyPoint.objects.select_related("network_operator").filter(number=number).first()
    if point is None or not _may_ask(point, by):
        raise NothingToDoWith
    return point, None


def ask(
    point: SupplyPoint,
    *,
    day: date,
    at: datetime,
    by: User,
    now: datetime,
    purpose: str,
    case: Relay | Application | None = None,
) -> Answer:
    """Who supplied the point on the day, its contract, meters and cases, as the hub knew it at the moment.

    `point` and `case` come from `find`. Cases stand as they did when the day ended, or at `at` where that is earlier.
    Raises NotYetCome, TooFarAhead.
    """
    if at > now:
        raise NotYetCome
    if day > now.astimezone(JST).date() + AHEAD:
        raise TooFarAhead
    rows = as_of.history(point)
    then = as_of.supply(rows, day, at=at)
    is_open_to_all = is_hub(by) or point.network_operator_id == by.company_id
    period = then.period if is_open_to_all or _is_own(then.period, by) else None
    contract = period.contract if period and _may_read_contract(period, point, by) else None
    moment = min(at, datetime.combine(day + timedelta(days=1), time(), JST))
    standing = _cases(point, case, moment=moment, by=by)
    ledger.record(
        ACTION,
        f"supply point {point.number}",
        by=by,
        now=now,
        purpose=purpose,
        day=day.isoformat(),
        known_at=at.isoformat(),
        contract=contract.number if contract else "",
    )
    return Answer(
        point=point,
        day=day,
        at=at,
        period=period,
        is_open_to_all=is_open_to_all,
        state=then.state if is_open_to_all or period else None,
        contract=contract,
        meters=_known_meters(point, day, at) if is_open_to_all or period else [],
        cases=[found for found in standing if found.is_open],
        asked=next((found for found in standing if found.case == case), None),
        beliefs=_veiled(as_of.beliefs(rows, day), by, is_open_to_all=is_open_to_all),
    )


def own_purpose(point: SupplyPoint, *, by: User) -> str:
    """The purpose a company's own people ask for."""
    return "network" if point.network_operator_id == by.company_id else Consent.Purpose.OWN_CUSTOMER


def _relays(user: User) -> QuerySet[Relay]:
    rows = Relay.objects.all() if is_hub(user) else Relay.objects.visible_to(user)
    return rows.select_related("point__network_operator", "gaining_retailer", "losing_retailer")


def _applications(user: User) -> QuerySet[Application]:
    rows = Application.objects.all() if is_hub(user) else Application.objects.visible_to(user)
    return rows.select_related("point__network_operator", "retailer", "match")


def _may_ask(point: SupplyPoint, user: User) -> bool:
    if is_hub(user):
        return True
    if not covers(user, Ability.SEE_HISTORY, area=point.area, supply_class=point.supply_class):
        return False
    return (
        point.network_operator_id == user.company_id
        or SupplyPeriod.objects.filter(point=point, retailer=user.company).exists()
        or _relays(user).filter(point=point).exists()
        or _applications(user).filter(point=point).exists()
    )


def _is_own(period: SupplyPeriod | None, user: User) -> bool:
    return period is not None and period.retailer_id == user.company_id


def _may_read_contract(period: SupplyPeriod, point: SupplyPoint, user: User) -> bool:
    """The retailer that supplied reads its own contract, by people who may see its points; the hub reads all."""
    return is_hub(user) or (
        period.retailer_id == user.company_id
        and covers(user, Ability.SEE_POINTS, area=point.area, supply_class=point.supply_class)
    )


def _veiled(beliefs: Iterable[Belief], user: User, *, is_open_to_all: bool) -> list[Belief]:
    """The same for a retailer: others and nobody are one, and neighbours that look the same become one."""
    if is_open_to_all:
        return list(beliefs)
    shown: list[Belief] = []
    for belief in beliefs:
        period = belief.period if _is_own(belief.period, user) else None
        if shown and shown[-1].period is None and period is None:
            shown[-1] = Belief(None, shown[-1].since, belief.until)
        else:
            shown.append(Belief(period, belief.since, belief.until))
    return shown


def _known_meters(point: SupplyPoint, day: date, at: datetime) -> list[Meter]:
    """The meters of the day without what was reported only after the moment."""
    later = list(MeterWork.objects.filter(point=point, reported_at__gt=at).values_list("old_meter", "new_meter"))
    return as_of.meters(
        point,
        day,
        not_yet_removed={old for old, _new in later if old},
        not_yet_installed={new for _old, new in later if new},
    )


def _cases(point: SupplyPoint, asked: Relay | Application | None, *, moment: datetime, by: User) -> list[CaseThen]:
    """The point's cases the person may open, as each stood at the moment; the oldest first. Three queries."""
    relays = {relay.pk: relay for relay in _relays(by).filter(point=point)}
    applications = {application.pk: application for application in _applications(by).filter(point=point)}
    if isinstance(asked, Relay):
        relays.setdefault(asked.pk, asked)
    elif asked:
        applications.setdefault(asked.pk, asked)
    last: dict[tuple[bool, int | None], Step] = {}
    for step in Step.objects.filter(Q(relay__in=relays) | Q(application__in=applications), at__lte=moment).order_by(
        "pk"
    ):
        last[step.relay_id is not None, step.relay_id or step.application_id] = step
    found = []
    for step in last.values():
        is_relay = step.relay_id is not None
        case: Relay | Application = relays[step.relay_id] if step.relay_id else applications[step.application_id or 0]
        state = RelayState(step.to_state) if is_relay else ApplicationState(step.to_state)
        if state == ApplicationState.DRAFT and isinstance(case, Application) and case.retailer_id != by.company_id:
            continue
        match = None if isinstance(case, Relay) else case.match
        is_settled = match is not None and match.matched_at <= moment
        found.append(CaseThen(case, state, step.at, match.switch_date if match and is_settled else None))
    return found
