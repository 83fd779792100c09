"""The time machine's lower half: who supplied a point on day D, as the hub knew it at moment T.

A supply period has days (`during`) and a time of belief (`known_from` until `known_until`), and is superseded instead
of changed (decision 2). So every question is answered from all rows a point ever had: few, read in one query.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from metering.models import Meter, SupplyPeriod, SupplyPoint

ContractState = SupplyPoint.ContractState


@dataclass(frozen=True)
class Supply:
    """What the hub held true at a moment about a point on a day; `state` is None where it knew of no supply ever."""

    period: SupplyPeriod | None
    state: ContractState | None


@dataclass(frozen=True)
class Belief:
    """What was held true about one day from a moment until another (None: still); no period: nobody supplied."""

    period: SupplyPeriod | None
    since: datetime
    until: datetime | None


def history(point: SupplyPoint) -> list[SupplyPeriod]:
    """Every period row the point ever had, superseded ones too, with retailer and contract; one query."""
    return list(
        SupplyPeriod.objects.filter(point=point).select_related("retailer", "contract").order_by("known_from", "pk")
    )


def supply(rows: Sequence[SupplyPeriod], day: date, *, at: datetime) -> Supply:
    """Who supplied on the day as known at the moment: `rows` is the point's `history`.

    A change counts from the very moment it was made. Without supply the state is idle once one had been terminated.
    """
    known = [row for row in rows if row.known_from <= at and (row.known_until is None or row.known_until > at)]
    if period := next((row for row in known if _covers(row, day)), None):
        return Supply(period, ContractState.ENERGISED)
    is_over = any(row.during.upper and row.during.upper <= day for row in known)
    return Supply(None, ContractState.IDLE if is_over else None)


def beliefs(rows: Sequence[SupplyPeriod], day: date) -> list[Belief]:
    """How what was held true about the day changed, the oldest belief first; equal neighbours are one.

    Before the first row nothing was known. Two beliefs are equal when retailer and contract are.
    """
    moments = sorted({moment for row in rows for moment in (row.known_from, row.known_until) if moment})
    found: list[Belief] = []
    for since, until in zip(moments, [*moments[1:], None], strict=True):
        period = supply(rows, day, at=since).period
        if found and _same(found[-1].period, period):
            found[-1] = Belief(found[-1].period, found[-1].since, until)
        else:
            found.append(Belief(period, since, until))
    return found


def meters(
    point: SupplyPoint,
    day: date,
    *,
    not_yet_installed: Collection[int] = (),
    not_yet_removed: Collection[int] = (),
) -> list[Meter]:
    """The meters that stood at the point on the day; one query.

    A meter knows its days and not when they were reported: the ids of those whose coming or going was not yet known
    are given by whoever keeps the reports.
    """
    return [
        meter
        for meter in Meter.objects.filter(point=point).order_by("installed_on", "number")
        if meter.installed_on <= day
        and meter.pk not in not_yet_installed
        and (meter.removed_on is None or meter.removed_on > day or meter.pk in not_yet_removed)
    ]


def _covers(row: SupplyPeriod, day: date) -> bool:
    lower, upper = row.during.lower, row.during.upper
    return bool(lower <= day and (upper is None or day < upper))


def _same(one: SupplyPeriod | None, other: SupplyPeriod | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.retailer_id, one.contract_id) == (other.retailer_id, other.contract_id)
