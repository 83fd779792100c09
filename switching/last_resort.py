"""Last-resort supply: the area's network operator supplies a point whose retailer ends, so that it never goes dark.

The customer keeps contract number and holder as they were, so that the next retailer's relay finds them. Switches under
way go on: the network operator takes the former retailer's place in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from metering import supply
from metering.models import SupplyPeriod, SupplyPoint
from metering.supply import period_of
from portal import ledger
from switching.states import OPEN_APPLICATIONS

OPEN = sorted(OPEN_APPLICATIONS)
INHERIT_TERMINATIONS = """
    UPDATE switching_application a SET retailer_id = point.network_operator_id
    FROM metering_supplypoint point
    WHERE a.point_id = point.id AND point.id = ANY (%(points)s) AND a.kind = 'switch_termination'
      AND a.state = ANY (%(open)s) AND a.retailer_id <> point.network_operator_id
    RETURNING a.number
"""
INHERIT_RELAYS = """
    UPDATE switching_relay r SET losing_retailer_id = point.network_operator_id
    FROM metering_supplypoint point
    WHERE r.point_id = point.id AND point.id = ANY (%(points)s)
      AND (r.state IN ('01', '02') OR EXISTS (
              SELECT FROM switching_application a JOIN switching_match m ON m.id = a.match_id
              WHERE a.relay_id = r.id AND m.handed_over_at IS NULL AND m.dissolved_at IS NULL))
    RETURNING r.number
"""


@dataclass(frozen=True)
class Catch:
    """A point that its retailer no longer supplies from a day on; `cause` is the case's number."""

    point_id: int
    from_date: date
    former_retailer_id: int
    cause: str


def take_in(catches: Sequence[Catch], *, now: datetime) -> set[int]:
    """The network operators take these points over, each from its day; returns those that were not the former's.

    In sets: some statements for any number of points, in the caller's transaction.
    """
    wanted = {catch.point_id: catch for catch in catches}
    periods = {
        period.point_id: period
        for period in SupplyPeriod.objects.filter(
            point_id__in=wanted, known_until__isnull=True, ending=SupplyPeriod.Ending.OPEN
        ).select_related("contract", "point")
        if period.retailer_id == wanted[period.point_id].former_retailer_id
        and period.during.lower < wanted[period.point_id].from_date
    }
    if not periods:
        return set(wanted)
    supply.hand_over(
        [
            supply.NewSupply(
                point_id=point_id,
                retailer_id=period.point.network_operator_id,
                from_date=wanted[point_id].from_date,
                contract_number=period.contract.number,
                holder_name=period.contract.holder_name,
                holder_kana=period.contract.holder_kana,
                holder_address=period.contract.holder_address,
                cause=wanted[point_id].cause,
                from_retailer_id=period.retailer_id,
            )
            for point_id, period in periods.items()
        ],
        now=now,
    )
    entries = [
        ledger.Entry(
            "supply.last_resort",
            f"supply point {period.point.number}",
            detail={"case": wanted[point_id].cause, "since": wanted[point_id].from_date.isoformat()},
        )
        for point_id, period in periods.items()
    ]
    entries += _inherit(list(periods))
    ledger.record_many(entries, by=None, now=now)
    return wanted.keys() - periods.keys()


def _inherit(point_ids: list[int]) -> list[ledger.Entry]:
    entries = []
    with connection.cursor() as cursor:
        for name, statement in (("relay", INHERIT_RELAYS), ("application", INHERIT_TERMINATIONS)):
            cursor.execute(statement, {"points": point_ids, "open": OPEN})
            entries += [
                ledger.Entry(f"{name}.inherited", f"{name} {number}", purpose="last-resort supply")
                for (number,) in cursor.fetchall()
            ]
    return entries


def supplies(point: SupplyPoint, company_id: int, day: date) -> bool:
    """True when the company is the point's network operator and supplies it as the last resort on the day."""
    if point.network_operator_id != company_id:
        return False
    period = period_of(point.pk, day)
    return period is not None and period.retailer_id == company_id
