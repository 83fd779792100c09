"""Movement information: what retailers plan before the opening, checked against the facility data of the point.

Open from the connectivity check on (the gate of facility inquiries), as in January and February 2016; nothing is filed
by it and nobody is bound: network operators see the load that is coming and plan work at meters.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from metering.models import Meter, SupplyPeriod, SupplyPoint
from portal import events, gates, ledger, workdays
from portal.access import Ability, covers
from portal.models import Cause, Function, Topic, User
from portal.workdays import jst_date
from switching import applications, deadlines
from switching.models import Movement

Kind, Ending = Movement.Kind, Movement.Ending


class NotPossible(Exception):
    """The plan cannot be taken; subclasses say why. `field` names the column concerned."""

    field = ""


class NotYours(NotPossible):
    """The person may not plan for this point's area and class."""


class NoPartInArea(NotPossible):
    """The company has no participant code as a retailer in the point's area."""

    field = "supply_point"


class DateNotPossible(NotPossible):
    """The wished date lies in the past or too far ahead."""

    field = "wished_on"

    def __init__(self, earliest: date, latest: date) -> None:
        super().__init__(f"{earliest} to {latest}")
        self.earliest, self.latest = earliest, latest


class AlreadyOurs(NotPossible):
    """The company supplies the point already: there is nothing to switch."""

    field = "kind"


class NobodySupplies(NotPossible):
    """Nobody supplies the point: a reconnection is what is to be planned, not a switch."""

    field = "kind"


class SomebodySupplies(NotPossible):
    """Somebody supplies the point: a switch is what is to be planned, not a reconnection."""

    field = "kind"


class NotOurs(NotPossible):
    """An ampere change is planned by who supplies the point."""

    field = "kind"


class PointRemoved(NotPossible):
    """The equipment at the point was removed."""

    field = "supply_point"


class ToldAlready(NotPossible):
    """The very same plan stands already, as `movement`."""

    def __init__(self, movement: Movement) -> None:
        super().__init__(movement.pk)
        self.movement = movement


class Over(NotPossible):
    """The plan has ended already."""


@dataclass(frozen=True)
class Facts:
    """What the hub knows about a point as far as a plan goes; looked up for many points at once."""

    supplier_id: int | None
    has_smart_meter: bool


def facts_of(point_ids: Collection[int], *, today: date) -> dict[int, Facts]:
    """The facts of many points in two queries."""
    supplied = dict(
        SupplyPeriod.objects.filter(point__in=point_ids, known_until__isnull=True, during__contains=today).values_list(
            "point_id", "retailer_id"
        )
    )
    smart = set(
        Meter.objects.filter(point__in=point_ids, kind=Meter.Kind.SMART, removed_on__isnull=True).values_list(
            "point_id", flat=True
        )
    )
    return {pk: Facts(supplied.get(pk), pk in smart) for pk in point_ids}


def announce(
    *,
    point: SupplyPoint,
    kind: str,
    wished_on: date,
    reference: str = "",
    facts: Facts | None = None,
    by: User,
    now: datetime,
    dry_run: bool = False,
) -> Movement:
    """Tell the network operator of a planned movement; one the company told for this point before is replaced.

    Raises a NotPossible with the reason, or gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    if not covers(by, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class):
        raise NotYours
    if not applications.supplies_in(point.area, by.company_id):
        raise NoPartInArea
    today = jst_date(now)
    known = facts or facts_of([point.pk], today=today)[point.pk]
    _check(point, kind, wished_on, known, today=today, by=by)
    work = kind == Kind.SWITCH and not known.has_smart_meter
    movement = Movement(
        company=by.company,
        point=point,
        kind=kind,
        wished_on=wished_on,
        meter_work=work,
        earliest_on=deadlines.earliest_switch_date(
            today, supply_class=point.supply_class, meter_work=work, workdays=workdays.of_area(point.area)
        ),
        reference=reference,
        announced_at=now,
        announced_by=by,
    )
    standing = Movement.objects.filter(company=by.company, point=point, ended_at=None)
    if dry_run:
        _compare(standing.first(), movement)
        return movement
    with transaction.atomic():
        SupplyPoint.objects.select_for_update(no_key=True).only("pk").get(pk=point.pk)
        _compare(standing.first(), movement)
        standing.update(ended_at=now, ending=Ending.REPLACED)
        movement.save(force_insert=True)
        _leave("announce", movement, by=by, now=now)
    return movement


def withdraw(movement_id: int, *, by: User, now: datetime) -> Movement:
    """Take a plan back. Raises NotYours, Over, gates.Closed."""
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    with transaction.atomic():
        movement = Movement.objects.select_for_update(of=("self",)).select_related("point").get(pk=movement_id)
        point = movement.point
        if movement.company_id != by.company_id or not covers(
            by, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class
        ):
            raise NotYours
        if movement.ended_at:
            raise Over
        movement.ended_at, movement.ending = now, Ending.WITHDRAWN
        movement.save(update_fields=["ended_at", "ending"])
        _leave("withdraw", movement, by=by, now=now)
    return movement


def _check(point: SupplyPoint, kind: str, wished_on: date, known: Facts, *, today: date, by: User) -> None:
    first, last = today + timedelta(days=1), today + timedelta(days=settings.FURTHEST_AHEAD_DAYS)
    if not first <= wished_on <= last:
        raise DateNotPossible(first, last)
    if point.contract_state == SupplyPoint.ContractState.REMOVED:
        raise PointRemoved
    if kind == Kind.SWITCH and known.supplier_id == by.company_id:
        raise AlreadyOurs
    if kind == Kind.SWITCH and known.supplier_id is None:
        raise NobodySupplies
    if kind == Kind.RECONNECTION and known.supplier_id is not None:
        raise SomebodySupplies
    if kind == Kind.AMPERE_CHANGE and known.supplier_id != by.company_id:
        raise NotOurs


def _compare(standing: Movement | None, fresh: Movement) -> None:
    if standing and (standing.kind, standing.wished_on) == (fresh.kind, fresh.wished_on):
        raise ToldAlready(standing)


def _leave(move: str, movement: Movement, *, by: User, now: datetime) -> None:
    """A ledger row, and an event to the retailer and to the network operator."""
    subject, point = f"movement {movement.pk}", movement.point
    ledger.record(f"movement.{move}", subject, by=by, now=now, point=point.number, kind=movement.kind)
    events.write_many(
        [
            events.Happening(
                recipient_id=company_id,
                topic=Topic.APPLICATIONS,
                kind=f"movement.{move}",
                cause=Cause.OWN_DEED if company_id == by.company_id else Cause.COUNTERPART_DEED,
                subject=subject,
                resource=f"/api/v1/movements/{movement.pk}",
                page="/movements/",
                area=point.area,
                supply_class=point.supply_class,
                ability=Ability.SEE_APPLICATIONS,
                detail={
                    "kind": movement.kind,
                    "wished_on": movement.wished_on.isoformat(),
                    "meter_work": movement.meter_work,
                },
            )
            for company_id in dict.fromkeys((movement.company_id, point.network_operator_id))
        ],
        now=now,
    )
