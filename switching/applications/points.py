"""What stands at a point beside an application: movements, starts, relays, undoings; who takes part there; the days."""

from collections.abc import Collection
from datetime import date

from django.db.models import Q

from metering.models import SupplyPoint
from portal import ahead, workdays
from portal.market import MarketRole
from portal.models import Participation
from switching import deadlines, sequence, undoing
from switching.models import Application, Relay
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS

Kind = Application.Kind


def date_window(
    point: SupplyPoint, *, meter_work: bool, today: date, calendar: workdays.Workdays | None = None
) -> tuple[date, date]:
    """The first and last desired date that may be asked for today."""
    calendar = calendar or workdays.of_area(point.area)
    earliest = deadlines.earliest_switch_date(
        today, supply_class=point.supply_class, meter_work=meter_work, workdays=calendar
    )
    return earliest, deadlines.furthest_date(today, point.area)


@ahead.question
def supplies_in(area: str, company_id: int) -> bool:
    """True when the company takes part as a retailer in the area."""
    return Participation.objects.filter(company=company_id, area=area, market_role=MarketRole.RETAILER).exists()


@ahead.question
def movements_of(point_id: int, since: date) -> list[sequence.Movement]:
    """The point's movements that are open or have taken effect on `since` or later."""
    return movements([point_id], since).get(point_id, [])


def movements(point_ids: Collection[int], since: date) -> dict[int, list[sequence.Movement]]:
    """The same for many points in one query; a point without any is left out."""
    found: dict[int, list[sequence.Movement]] = {}
    for row in Application.objects.filter(
        Q(state__in=OPEN_APPLICATIONS) | Q(in_effect_on__gte=since), point_id__in=point_ids
    ).select_related("match"):
        found.setdefault(row.point_id, []).append(
            sequence.Movement(
                kind=row.kind,
                day=row.effective_on,
                is_done=row.in_effect_on is not None,
                number=row.number,
                retailer_id=row.retailer_id,
                removes=row.removal,
            )
        )
    return found


@ahead.question
def is_taken(point_id: int, company_id: int) -> bool:
    """True when a start of anybody, another company's relay or the undoing of a switch is open on the point."""
    return bool(taken([point_id], company_id))


def taken(point_ids: Collection[int], company_id: int) -> set[int]:
    """The same for many points in three queries: those that are taken."""
    starts = Application.objects.filter(point_id__in=point_ids, kind=Kind.SWITCH_START, state__in=OPEN_APPLICATIONS)
    others = Relay.objects.filter(point_id__in=point_ids, state__in=OPEN_RELAYS).exclude(gaining_retailer=company_id)
    return {
        *starts.values_list("point_id", flat=True),
        *others.values_list("point_id", flat=True),
        *undoing.held(point_ids),
    }


def pending_on(point_ids: list[int]) -> dict[int, list[dict[str, str]]]:
    """Open applications per point as kind and date alone: what an inquiry may tell about them."""
    pending: dict[int, list[dict[str, str]]] = {}
    for point_id, kind, desired in (
        Application.objects.filter(point_id__in=point_ids, state__in=OPEN_APPLICATIONS)
        .order_by("desired_date", "kind")
        .values_list("point_id", "kind", "desired_date")
    ):
        pending.setdefault(point_id, []).append({"kind": kind, "date": desired.isoformat()})
    return pending
