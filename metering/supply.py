"""Who supplies which point: the only place that writes contracts and supply periods, many at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q

from metering import owed
from metering.models import Contract, SupplyPeriod, SupplyPoint
from metering.owed import Change
from portal import ahead
from portal.copying import copy_rows, next_ids

Ending = SupplyPeriod.Ending
ContractState = SupplyPoint.ContractState
HOLD_OPEN = """
    SELECT p.id, p.point_id, p.retailer_id, p.contract_id, lower(p.during), c.holder_since
    FROM metering_supplyperiod p JOIN metering_contract c ON c.id = p.contract_id
    WHERE p.point_id = ANY (%s) AND p.known_until IS NULL AND p.ending = 'open'
    ORDER BY p.point_id
    FOR UPDATE OF p
"""
SUPERSEDE = "UPDATE metering_supplyperiod SET known_until = %s WHERE id = ANY (%s)"
WHEELING_CHANGED = """
    UPDATE metering_supplypoint point SET last_wheeling_change = start.day
    FROM unnest(%s::bigint[], %s::date[]) AS start (point_id, day) WHERE point.id = start.point_id
"""


class NotSupplied(Exception):
    """These points have no open supply on the day that could be handed over or ended; nothing was changed."""

    def __init__(self, point_ids: Iterable[int]) -> None:
        self.point_ids = sorted(point_ids)
        super().__init__(f"no open supply at points {self.point_ids[:20]}")


class AlreadySupplied(Exception):
    """These points have a supplier already; nothing was changed."""

    def __init__(self, point_ids: Iterable[int]) -> None:
        self.point_ids = sorted(point_ids)
        super().__init__(f"points {self.point_ids[:20]} have a supplier")


class NotRestorable(Exception):
    """These points were not handed over from the one retailer to the other on that day; nothing was changed."""

    def __init__(self, point_ids: Iterable[int]) -> None:
        self.point_ids = sorted(point_ids)
        super().__init__(f"no such hand-over at points {self.point_ids[:20]}")


@dataclass(frozen=True)
class NewSupply:
    """A retailer takes a point over (or takes it up) from a day on, under a new contract with its holder."""

    point_id: int
    retailer_id: int
    from_date: date
    contract_number: str
    holder_name: str
    holder_kana: str
    holder_address: str
    holder_since: date | None = None
    cause: str = ""
    from_retailer_id: int | None = None  # whose supply a hand-over is meant to end; None: whoever it is


@dataclass(frozen=True)
class Restoration:
    """An erroneous switch to be undone: on `from_date` the point went from the rightful to the wrongful retailer."""

    point_id: int
    from_date: date
    wrongful_retailer_id: int
    rightful_retailer_id: int
    cause: str = ""


@dataclass(frozen=True)
class Renewal:
    """The retailer that supplies a point goes on from a day with other data of the holder, or with another holder."""

    point_id: int
    retailer_id: int
    from_date: date
    holder_name: str
    holder_kana: str
    holder_address: str
    contract_number: str = ""  # empty: the number stays
    is_new_holder: bool = False  # the holder's time begins anew
    cause: str = ""


def begin(supplies: Sequence[NewSupply], *, now: datetime) -> None:
    """Open supply at points that have none from the day on; the points are energised.

    Raises AlreadySupplied, and changes nothing, when a point has a supplier on or after its day.
    """
    starts = _starts(supplies)
    with transaction.atomic():
        held = SupplyPeriod.objects.filter(
            Q(during__endswith__isnull=True) | Q(during__endswith__gt=min(starts.values(), default=date.max)),
            point_id__in=starts,
            known_until__isnull=True,
        )
        if taken := {
            period.point_id
            for period in held
            if period.during.upper is None or period.during.upper > starts[period.point_id]
        }:
            raise AlreadySupplied(taken)
        try:
            with transaction.atomic():
                _open(supplies, now=now)
        except IntegrityError as error:  # somebody else began in between
            if "one_supplier_per_point_and_day" in str(error):
                raise AlreadySupplied(starts) from error
            raise
        owed.note((Change(s.point_id, s.from_date, None, None, s.retailer_id, s.cause) for s in supplies), now=now)
        SupplyPoint.objects.filter(
            pk__in=starts, contract_state__in=[ContractState.IDLE, ContractState.DISCONNECTED]
        ).update(contract_state=ContractState.ENERGISED)


def hand_over(supplies: Sequence[NewSupply], *, now: datetime) -> None:
    """End the present supplier's period at each day and open the new one's the same day, 00:00 JST.

    Raises NotSupplied, and changes nothing, unless each point has exactly one open period begun before its
    day, and of `from_retailer_id` where that is named. The holder's date is kept where the holder goes on
    (`holder_since` None).
    Source: domain notes, switching §5, §8.
    """
    starts = _starts(supplies)
    with transaction.atomic():
        old = _close(
            starts,
            ending=Ending.HANDED_OVER,
            causes={s.point_id: s.cause for s in supplies},
            suppliers={s.point_id: s.from_retailer_id for s in supplies if s.from_retailer_id},
            now=now,
        )
        _open(supplies, now=now, holder_since={held.point_id: held.holder_since for held in old})
        former = {held.point_id: held.retailer_id for held in old}
        owed.note(
            (Change(s.point_id, s.from_date, None, former[s.point_id], s.retailer_id, s.cause) for s in supplies),
            now=now,
        )
        with connection.cursor() as cursor:
            cursor.execute(WHEELING_CHANGED, [list(starts), list(starts.values())])


def terminate(
    days: dict[int, date],
    *,
    cause: str | Mapping[int, str],
    now: datetime,
    suppliers: Mapping[int, int] = MappingProxyType({}),
    removed: Collection[int] = (),
) -> None:
    """End supply at points ({point id: first day without supply}); the points become idle, `removed` ones removed.

    One cause for all or one per point; `suppliers` names whose supply is meant to end. Raises NotSupplied, and changes
    nothing, when a point has no open period (of that supplier) begun before its day.
    """
    with transaction.atomic():
        causes = dict.fromkeys(days, cause) if isinstance(cause, str) else dict(cause)
        old = _close(days, ending=Ending.TERMINATED, causes=causes, suppliers=suppliers, now=now)
        owed.note(
            (Change(p.point_id, days[p.point_id], None, p.retailer_id, None, causes[p.point_id]) for p in old),
            now=now,
        )
        SupplyPoint.objects.filter(pk__in=days.keys() - set(removed)).update(contract_state=ContractState.IDLE)
        if removed:
            SupplyPoint.objects.filter(pk__in=removed).update(contract_state=ContractState.REMOVED)


def renew(renewals: Sequence[Renewal], *, now: datetime) -> list[SupplyPeriod]:
    """Let supply go on from each day under a contract with the holder's new data; no day changes its retailer.

    The open period is superseded by one up to the day and one from it; where it began on the day or later, by one with
    the same days. Raises NotSupplied, and changes nothing, when a point has no open period of that retailer;
    ValueError when a point stands twice.
    """
    wanted = {renewal.point_id: renewal for renewal in renewals}
    if len(wanted) != len(renewals):
        raise ValueError("a point stands twice in one call; renew it in two")
    with transaction.atomic():
        old = {
            period.point_id: period
            for period in SupplyPeriod.objects.select_for_update(of=("self",))
            .filter(point_id__in=wanted, known_until__isnull=True, ending=Ending.OPEN)
            .select_related("contract")
            .order_by("point_id")
            if period.retailer_id == wanted[period.point_id].retailer_id
        }
        if missing := wanted.keys() - old.keys():
            raise NotSupplied(missing)
        contracts = Contract.objects.bulk_create(
            [
                Contract(
                    point_id=point_id,
                    retailer_id=renewal.retailer_id,
                    number=renewal.contract_number or old[point_id].contract.number,
                    holder_name=renewal.holder_name,
                    holder_kana=renewal.holder_kana,
                    holder_address=renewal.holder_address,
                    holder_since=renewal.from_date if renewal.is_new_holder else old[point_id].contract.holder_since,
                )
                for point_id, renewal in wanted.items()
            ],
            batch_size=5000,
        )
        SupplyPeriod.objects.filter(pk__in=[period.pk for period in old.values()]).update(known_until=now)
        periods = []
        for contract, renewal in zip(contracts, wanted.values(), strict=True):
            period = old[renewal.point_id]
            first = max(period.during.lower, renewal.from_date)
            if first > period.during.lower:
                periods.append(
                    SupplyPeriod(
                        point_id=period.point_id,
                        retailer_id=period.retailer_id,
                        contract_id=period.contract_id,
                        during=DateRange(period.during.lower, first),
                        ending=Ending.HANDED_OVER,
                        cause=renewal.cause,
                        known_from=now,
                    )
                )
            periods.append(
                SupplyPeriod(
                    point_id=period.point_id,
                    retailer_id=period.retailer_id,
                    contract=contract,
                    during=DateRange(first, None),
                    cause=renewal.cause,
                    known_from=now,
                )
            )
        SupplyPeriod.objects.bulk_create(periods, batch_size=5000)
    return [period for period in periods if period.ending == Ending.OPEN]


def restore(items: Sequence[Restoration], *, now: datetime) -> list[SupplyPeriod]:
    """Undo erroneous hand-overs as if supply had never been interrupted; returns the rightful retailers' periods.

    The former retailer's period goes on through `from_date` under its own contract and holder, up to where the
    wrongful one ends: open, terminated, or handed over to a third (who keeps the point). Both believed periods are
    superseded, the wrongful retailer's contract is annulled. Days already over are noted as owed in the same
    transaction: the next publication gives them to the rightful retailer and withdraws them from the other.
    Raises NotRestorable, and changes nothing, when a point was not handed over on its day from the one retailer to
    the other as believed now; ValueError when a point stands twice. Source: domain notes, switching §8.
    """
    wanted = {item.point_id: item for item in items}
    if len(wanted) != len(items):
        raise ValueError("a point stands twice in one call; restore it in two")
    with transaction.atomic():
        believed = (
            SupplyPeriod.objects.select_for_update(of=("self",))
            .filter(point_id__in=wanted, known_until__isnull=True)
            .order_by("point_id", "during")
        )
        rightful, wrongful = {}, {}
        for period in believed:
            item = wanted[period.point_id]
            if period.during.upper == item.from_date and period.retailer_id == item.rightful_retailer_id:
                rightful[period.point_id] = period
            if period.during.lower == item.from_date and period.retailer_id == item.wrongful_retailer_id:
                wrongful[period.point_id] = period
        fitting = {
            point_id
            for point_id in rightful.keys() & wrongful.keys()
            if rightful[point_id].ending == Ending.HANDED_OVER
        }
        if missing := wanted.keys() - fitting:
            raise NotRestorable(missing)
        SupplyPeriod.objects.filter(
            pk__in=[period.pk for side in (rightful, wrongful) for period in side.values()]
        ).update(known_until=now)
        Contract.objects.filter(pk__in=[period.contract_id for period in wrongful.values()]).update(annulled_at=now)
        restored = SupplyPeriod.objects.bulk_create(
            [
                SupplyPeriod(
                    point_id=point_id,
                    retailer_id=item.rightful_retailer_id,
                    contract_id=rightful[point_id].contract_id,
                    during=DateRange(rightful[point_id].during.lower, wrongful[point_id].during.upper),
                    ending=wrongful[point_id].ending,
                    cause=item.cause,
                    known_from=now,
                )
                for point_id, item in wanted.items()
            ],
            batch_size=5000,
        )
        owed.note(
            (
                Change(
                    point_id,
                    item.from_date,
                    wrongful[point_id].during.upper,
                    item.wrongful_retailer_id,
                    item.rightful_retailer_id,
                    item.cause,
                )
                for point_id, item in wanted.items()
            ),
            now=now,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE metering_supplypoint point SET last_wheeling_change = start.day
                FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS start (point_id, switched, day)
                WHERE point.id = start.point_id AND point.last_wheeling_change = start.switched
                """,
                [
                    list(wanted),
                    [item.from_date for item in wanted.values()],
                    [rightful[point_id].during.lower for point_id in wanted],
                ],
            )
    return restored


def current_period(point: SupplyPoint, day: date) -> SupplyPeriod | None:
    """The period that holds the point on the day, as known now; with retailer and contract."""
    return period_of(point.pk, day)


@ahead.question
def period_of(point_id: int, day: date) -> SupplyPeriod | None:
    """The same by the point's id."""
    return periods_of([point_id], day).get(point_id)


def periods_of(point_ids: Collection[int], day: date, *, bare: bool = False) -> dict[int, SupplyPeriod]:
    """The same for many points in one query; a point nobody supplies on the day is left out.

    `bare`: retailer and contract are left to be read when they are asked for.
    """
    found = SupplyPeriod.objects.filter(point_id__in=point_ids, known_until__isnull=True, during__contains=day)
    return {period.point_id: period for period in (found if bare else found.select_related("retailer", "contract"))}


def known_then(point: SupplyPoint, day: date, *, at: datetime) -> SupplyPeriod | None:
    """The period that held the point on the day as the hub believed at a past moment; see `current_period`."""
    return (
        SupplyPeriod.objects.filter(
            Q(known_until__isnull=True) | Q(known_until__gt=at),
            point=point,
            known_from__lte=at,
            during__contains=day,
        )
        .select_related("retailer", "contract")
        .first()
    )


def last_days(point_ids: Collection[int]) -> dict[int, date]:
    """The first day from which each point has no supplier any more, as known now; `date.max` while it goes on.

    A point that never had one is left out.
    """
    ends: dict[int, date] = {}
    for point_id, during in SupplyPeriod.objects.filter(point_id__in=point_ids, known_until__isnull=True).values_list(
        "point_id", "during"
    ):
        ends[point_id] = max(ends.get(point_id, date.min), during.upper or date.max)
    return ends


@ahead.question
def last_day(point_id: int) -> date:
    """The same for one point; `date.min` where it never had a supplier."""
    return last_days([point_id]).get(point_id, date.min)


def _starts(supplies: Sequence[NewSupply]) -> dict[int, date]:
    starts = {supply.point_id: supply.from_date for supply in supplies}
    if len(starts) != len(supplies):
        raise ValueError("a point stands twice in one call; hand it over in two")
    return starts


class _Held(NamedTuple):
    """An open supply period, locked."""

    period_id: int
    point_id: int
    retailer_id: int
    contract_id: int
    first: date
    holder_since: date


def _close(
    days: dict[int, date],
    *,
    ending: str,
    causes: dict[int, str],
    now: datetime,
    suppliers: Mapping[int, int] = MappingProxyType({}),
) -> list[_Held]:
    """Supersede each point's open period by one that ends on its day; returns the superseded ones."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD_OPEN, [list(days)])
        old = [_Held(*row) for row in cursor.fetchall()]
        fitting = {
            held.point_id
            for held in old
            if held.first < days[held.point_id] and suppliers.get(held.point_id, held.retailer_id) == held.retailer_id
        }
        if missing := days.keys() - fitting:
            raise NotSupplied(missing)
        cursor.execute(SUPERSEDE, [now, [held.period_id for held in old]])
    _insert_periods(
        ((held.point_id, held.retailer_id, held.contract_id, held.first, days[held.point_id]) for held in old),
        ending=ending,
        causes=causes,
        now=now,
    )
    return old


def _open(
    supplies: Sequence[NewSupply], *, now: datetime, holder_since: Mapping[int, date] = MappingProxyType({})
) -> None:
    """Write each point's new contract and its period without an end."""
    ids = next_ids(Contract, len(supplies))
    copy_rows(
        Contract,
        (
            *("id", "point_id", "retailer_id", "number", "holder_name", "holder_kana", "holder_address"),
            "holder_since",
        ),
        (
            (
                *(pk, supply.point_id, supply.retailer_id, supply.contract_number),
                *(supply.holder_name, supply.holder_kana, supply.holder_address),
                supply.holder_since or holder_since.get(supply.point_id, supply.from_date),
            )
            for pk, supply in zip(ids, supplies, strict=True)
        ),
    )
    _insert_periods(
        (
            (supply.point_id, supply.retailer_id, pk, supply.from_date, None)
            for pk, supply in zip(ids, supplies, strict=True)
        ),
        ending=Ending.OPEN,
        causes={supply.point_id: supply.cause for supply in supplies},
        now=now,
    )


def _insert_periods(
    rows: Iterable[tuple[int, int, int, date, date | None]], *, ending: str, causes: Mapping[int, str], now: datetime
) -> None:
    """Write periods (point, retailer, contract, first day, first day no longer) of one ending."""
    copy_rows(
        SupplyPeriod,
        ("point_id", "retailer_id", "contract_id", "during", "ending", "cause", "known_from"),
        (
            (point_id, retailer_id, contract_id, f"[{first},{until or ''})", str(ending), causes[point_id], now)
            for point_id, retailer_id, contract_id, first, until in rows
        ),
    )
