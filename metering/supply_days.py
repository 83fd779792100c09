"""A day on which supply changed hands, began or ended, believed anew: it really was another one than planned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from metering import owed
from metering.models import Contract, SupplyPeriod
from metering.owed import Change


class NotMovable(Exception):
    """The supply of these points did not change on the day said, or has moved on since; nothing was changed."""

    def __init__(self, point_ids: Iterable[int]) -> None:
        self.point_ids = sorted(point_ids)
        super().__init__(f"no such day of supply at points {self.point_ids[:20]}")


@dataclass(frozen=True)
class Shift:
    """Supply went on `believed` from one retailer to another (None: from or to nobody); it really was on `actual`."""

    point_id: int
    believed: date
    actual: date
    from_retailer_id: int | None
    to_retailer_id: int | None
    cause: str


def move(shifts: Sequence[Shift], *, now: datetime) -> None:
    """Let supply begin, end or change hands on the actual day; what was believed is superseded on both sides.

    The contracts stay, each with other days. Days already over are noted as owed in the same transaction: the next
    publication gives them to who really supplied them and withdraws them from the other. A holder whose time began
    with the supply has begun on the actual day.
    Raises NotMovable, and changes nothing, where the point did not change so as believed now, where a side would be
    left without a day, or where somebody else supplies one of the days; ValueError when a point stands twice or does
    not move. Source: domain notes, switching §8.
    """
    wanted = {shift.point_id: shift for shift in shifts}
    if len(wanted) != len(shifts) or any(shift.believed == shift.actual for shift in shifts):
        raise ValueError("a point moves once in one call, and to another day")
    with transaction.atomic():
        before, after = _sides(wanted)
        if missing := {shift.point_id for shift in shifts if not _fits(shift, before, after)}:
            raise NotMovable(missing)
        SupplyPeriod.objects.filter(pk__in=[period.pk for side in (before, after) for period in side.values()]).update(
            known_until=now
        )
        try:
            with transaction.atomic():
                SupplyPeriod.objects.bulk_create(
                    [
                        *(_again(wanted[pk], p, p.during.lower, wanted[pk].actual, now) for pk, p in before.items()),
                        *(_again(wanted[pk], p, wanted[pk].actual, p.during.upper, now) for pk, p in after.items()),
                    ],
                    batch_size=5000,
                )
        except IntegrityError as error:
            if "one_supplier_per_point_and_day" in str(error):
                raise NotMovable(wanted) from error
            raise
        owed.note((_changed(shift) for shift in shifts), now=now)
        for pk, period in after.items():
            Contract.objects.filter(pk=period.contract_id, holder_since=wanted[pk].believed).update(
                holder_since=wanted[pk].actual
            )
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE metering_supplypoint point SET last_wheeling_change = start.day
                FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS start (point_id, believed, day)
                WHERE point.id = start.point_id AND point.last_wheeling_change = start.believed
                """,
                [list(wanted), [s.believed for s in wanted.values()], [s.actual for s in wanted.values()]],
            )


def _sides(wanted: dict[int, Shift]) -> tuple[dict[int, SupplyPeriod], dict[int, SupplyPeriod]]:
    """Each point's believed period that ended, and the one that began, on the day said; both locked."""
    before, after = {}, {}
    for period in (
        SupplyPeriod.objects.select_for_update(of=("self",))
        .filter(point_id__in=wanted, known_until__isnull=True)
        .order_by("point_id", "during")
    ):
        shift = wanted[period.point_id]
        if shift.from_retailer_id and (period.during.upper, period.retailer_id) == (
            shift.believed,
            shift.from_retailer_id,
        ):
            before[period.point_id] = period
        if shift.to_retailer_id and (period.during.lower, period.retailer_id) == (
            shift.believed,
            shift.to_retailer_id,
        ):
            after[period.point_id] = period
    return before, after


def _fits(shift: Shift, before: dict[int, SupplyPeriod], after: dict[int, SupplyPeriod]) -> bool:
    old, new = before.get(shift.point_id), after.get(shift.point_id)
    if (old is None) != (shift.from_retailer_id is None) or (new is None) != (shift.to_retailer_id is None):
        return False
    return (old is None or old.during.lower < shift.actual) and (
        new is None or new.during.upper is None or shift.actual < new.during.upper
    )


def _again(shift: Shift, period: SupplyPeriod, first: date, until: date | None, now: datetime) -> SupplyPeriod:
    return SupplyPeriod(
        point_id=period.point_id,
        retailer_id=period.retailer_id,
        contract_id=period.contract_id,
        during=DateRange(first, until),
        ending=period.ending,
        cause=shift.cause,
        known_from=now,
    )


def _changed(shift: Shift) -> Change:
    """The days between the two: a later day leaves them with who had supplied before, an earlier one takes them."""
    if shift.actual > shift.believed:
        days, sides = (shift.believed, shift.actual), (shift.to_retailer_id, shift.from_retailer_id)
    else:
        days, sides = (shift.actual, shift.believed), (shift.from_retailer_id, shift.to_retailer_id)
    return Change(shift.point_id, *days, *sides, shift.cause)
