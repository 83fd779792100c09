"""Reading stored usage: the days and months of a point, always in the newest revision."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction

from metering.halfhours import NULL, unpack, unpack_quality
from metering.models import Layer, MonthlyUsage, SupplyPoint
from portal import ledger
from portal.models import User


@dataclass(frozen=True)
class DayRow:
    """48 half-hours of one meter on one day.

    values   Wh, slot 01 first, None where there is no value (0 is a value)
    quality  one code of `halfhours.Quality` per slot
    """

    day: date
    meter: str
    values: list[int | None]
    quality: list[int]
    revision: int

    @property
    def wh(self) -> int:
        """The day's sum over the slots that have a value."""
        return sum(value for value in self.values if value is not None)


@dataclass(frozen=True)
class NewMonth:
    """Fixed monthly usage to be recorded; `month` is its first day, `wh` in Wh."""

    point_id: int
    month: date
    wh: int
    read_on: date
    revision: int = 0


def days(point: SupplyPoint, from_day: date, to_day: date, *, layer: str = Layer.DAILY) -> list[DayRow]:
    """A point's days from `from_day` to `to_day` (both included) in the newest revision, by day and meter."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (day, meter) day, meter, packed, quality, revision
            FROM metering_usageday
            WHERE point_id = %s AND layer = %s AND day BETWEEN %s AND %s
            ORDER BY day, meter, revision DESC
            """,
            [point.pk, layer, from_day, to_day],
        )
        found = cursor.fetchall()
    if not found:
        return []
    values = unpack([packed for _, _, packed, _, _ in found])
    quality = unpack_quality([letters for _, _, _, letters, _ in found], values).tolist()
    return [
        DayRow(day, meter, [None if wh == NULL else wh for wh in cells], letters, revision)
        for (day, meter, _, _, revision), cells, letters in zip(found, values.tolist(), quality, strict=True)
    ]


def monthly(point: SupplyPoint, *, months: int = 14) -> list[MonthlyUsage]:
    """The newest `months` months of fixed usage in the newest revision, the oldest month first."""
    newest = MonthlyUsage.objects.filter(point=point).order_by("-month", "-revision").distinct("month")[:months]
    return list(reversed(newest))


def record_months(rows: Iterable[NewMonth], *, now: datetime, by: User | None = None) -> int:
    """Record fixed monthly usage, many rows at once; returns how many.

    IntegrityError, and nothing is recorded, when a point's month stands there in the same revision.
    """
    months = [MonthlyUsage(**vars(row)) for row in rows]
    if not months:
        return 0
    with transaction.atomic():
        MonthlyUsage.objects.bulk_create(months, batch_size=5000)
        ledger.record(
            "monthly usage recorded",
            f"{len(months)} months",
            by=by,
            now=now,
            first=min(row.month for row in months).isoformat(),
            last=max(row.month for row in months).isoformat(),
        )
    return len(months)
