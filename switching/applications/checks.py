"""Every rule about an application that is to be filed or corrected: who, when, in which order, in which state."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from metering.models import SupplyPoint
from metering.supply import current_period, last_day
from portal import gates, quotas, workdays
from portal.access import Ability, covers
from portal.models import Company, Function, Registration, User
from portal.workdays import jst_date
from switching import deadlines, entries, kinds, sequence
from switching.applications.points import is_taken, movements_of, supplies_in
from switching.applications.refusals import (
    AlreadyOurs,
    BackDated,
    DateNotPossible,
    EntryNotPossible,
    FollowsRelay,
    NoPartInArea,
    NotOffered,
    NotOurs,
    NotYours,
    OutOfOwnSequence,
    OutOfSequence,
    PointBusy,
    PointInUse,
    PointNotInUse,
    QuotaSpent,
    RelayDoesNotFit,
    StateDoesNotFit,
)
from switching.kinds import Filer, Lead
from switching.models import Application
from switching.states import ApplicationState

Kind = Application.Kind
ContractState = SupplyPoint.ContractState


def rule_for(kind: str, point: SupplyPoint, *, by: User, now: datetime) -> kinds.Rule:
    """The rule of the kind, when the person may file it at the point at all."""
    gates.require(Function.APPLICATIONS, now=now, by=by)
    if not covers(by, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class):
        raise NotYours
    rule = kinds.rule(kind, point.supply_class)
    if rule is None:
        raise NotOffered(kind, point.supply_class)
    if rule.filer == Filer.LOSING:
        raise FollowsRelay
    if not supplies_in(point.area, by.company_id):
        raise NoPartInArea
    return rule


def check_entries(application: Application, rule: kinds.Rule, given: Mapping[str, Any]) -> None:
    """Ask what the kind asks of its entries. Raises EntryNotPossible."""
    if found := entries.problem(rule, given, point=application.point, desired_date=application.desired_date):
        raise EntryNotPossible(*found)


def check(application: Application, rule: kinds.Rule, *, now: datetime) -> None:
    """Ask every rule about an application that is to be filed or corrected: who, when, in which order, which state.

    Source: domain notes, switching §8.
    """
    point, company_id, today, day = application.point, application.retailer_id, jst_date(now), application.desired_date
    period = current_period(point, today)
    if rule.filer in (Filer.GAINING, Filer.PRESENT):
        if not period:
            raise PointNotInUse
        is_own = period.retailer_id == company_id
        if rule.filer == Filer.GAINING and is_own:
            raise AlreadyOurs
        if rule.filer == Filer.PRESENT and not is_own:
            raise NotOurs
    relay = application.relay
    if relay and (
        relay.point_id != point.pk
        or relay.gaining_retailer_id != company_id
        or relay.desired_date != day
        or not relay.is_open
    ):
        raise RelayDoesNotFit
    _check_day(application, rule, today)
    is_new = application.pk is None or application.state == ApplicationState.DRAFT
    if application.is_start and is_new and is_taken(point.pk, company_id):
        raise PointBusy
    others = [
        other
        for other in movements_of(point.pk, today - timedelta(days=kinds.BACK_DAYS))
        if other.number != application.number
    ]
    if rule.filer == Filer.ANY:
        _check_free(application, others)
    if against := sequence.contradicted(application.kind, day, others):
        other, order = against
        raise OutOfOwnSequence(other, order) if other.retailer_id == company_id else OutOfSequence
    # Who supplies the point is the truth; a facility record that lags behind does not turn a customer away.
    present = ContractState.ENERGISED if period and point.contract_state == ContractState.IDLE else point.contract_state
    if not period and present == ContractState.ENERGISED:
        present = ContractState.IDLE
    state = sequence.state_on(day, present, others)
    if state not in rule.begins_in:
        raise StateDoesNotFit(state)


def _check_day(application: Application, rule: kinds.Rule, today: date) -> None:
    point, day = application.point, application.desired_date
    earliest, latest = deadlines.window(
        rule,
        supply_class=point.supply_class,
        meter_work=application.meter_work,
        today=today,
        workdays=workdays.of_area(point.area),
    )
    if not earliest <= day <= latest:
        is_back_dated = day < today and rule.lead in (Lead.SAME_DAY, Lead.WORK) and not application.meter_work
        raise (BackDated if is_back_dated else DateNotPossible)(earliest, latest)


def _check_free(application: Application, others: Sequence[sequence.Movement]) -> None:
    """The point is without supply from the desired date on, or a termination that is open will see to that."""
    day = application.desired_date
    is_leaving = any(other.kind == Kind.TERMINATION and not other.is_done and other.day <= day for other in others)
    if not is_leaving and last_day(application.point_id) > day:
        raise PointInUse


def check_quota(company: Company, *, now: datetime, is_last: bool, from_queue: bool = False) -> None:
    """Ask the quota of switch starts (see quotas.check). Raises QuotaSpent."""
    try:
        quotas.check(company, Registration.SWITCH_START, now=now, is_last=is_last, from_queue=from_queue)
    except quotas.Spent as spent:
        raise QuotaSpent(spent.most, is_queued=spent.is_queued) from spent
