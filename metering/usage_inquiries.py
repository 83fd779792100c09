"""A customer's past usage behind an access code: the last 13 months, nothing from before the holder came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from metering import access_codes, governance, usage
from metering.halfhours import SLOTS, Quality
from metering.inquiries import BudgetSpent, Locked, OutsideYourRoles, Refused
from metering.models import SupplyPoint, UsageAccessRequest, UsageInquiry, WrongCode
from metering.points import normalise_number
from metering.supply import current_period
from portal import gates, ledger
from portal.access import Ability, covers
from portal.models import Function, User
from portal.workdays import ONE_DAY, jst_date

ESTIMATED = frozenset({Quality.INTERPOLATED, Quality.REFERENCE_DAY, Quality.PROFILE, Quality.AGREED, Quality.EDITED})
LONGEST_READING_PERIOD = timedelta(days=35)


class NoSuchCode(Refused):
    sentence = _(
        "This code does not open this supply point. Compare the number and the twelve digits with the page of your "
        "request."
    )


class TooManyWrongCodes(Refused):
    sentence = _(
        "Too many wrong codes were entered. Please compare them with the page of your request; try again in an hour."
    )


class CodeExpired(Refused):
    sentence = _("This code is no longer valid. With the customer's consent you can request a new one.")


class HolderChanged(Refused):
    sentence = _(
        "The contract at this supply point has ended or passed to another holder since the consent was given. The "
        "usage is closed; the new holder's consent is needed."
    )


@dataclass(frozen=True)
class Window:
    """The days that may be seen, both included; `since` is the holder's first day where it cut the 13 months."""

    first: date
    last: date
    since: date | None


@dataclass(frozen=True)
class Day:
    """48 half-hours of a point: Wh or None, and one `Quality` each; of several meters the sum."""

    day: date
    values: list[int | None]
    quality: list[int]

    @property
    def wh(self) -> int | None:
        """The sum; None where no slot has a value."""
        held = [value for value in self.values if value is not None]
        return sum(held) if held else None

    @property
    def missing(self) -> int:
        return sum(value is None for value in self.values)

    @property
    def estimated(self) -> int:
        return sum(
            code in ESTIMATED for value, code in zip(self.values, self.quality, strict=True) if value is not None
        )

    @property
    def peak(self) -> int | None:
        """The highest half-hour."""
        return max((value for value in self.values if value is not None), default=None)


@dataclass(frozen=True)
class MonthRow:
    """A month: the fixed figure where it may be told, else the sum of the half-hours at hand."""

    month: date
    wh: int | None
    is_fixed: bool
    is_part: bool  # not the whole month is in the window
    missing: int
    estimated: int


@dataclass(frozen=True)
class Past:
    """What the holder used in the window, a day for each of its days."""

    window: Window
    months: list[MonthRow]
    days: list[Day]

    def day(self, wanted: date | None) -> Day | None:
        """The wanted day; without one, or with one outside the window, the newest that has a value."""
        if wanted and self.window.first <= wanted <= self.window.last:
            return self.days[(wanted - self.window.first).days]
        return next((day for day in reversed(self.days) if day.wh is not None), None)


def enter(*, number: str, code: str, by: User, now: datetime) -> UsageInquiry:
    """Open a point's past usage with its code, and note the use.

    Raises points.WrongNumber, gates.Closed, Locked, TooManyWrongCodes, NoSuchCode, OutsideYourRoles, CodeExpired,
    HolderChanged, BudgetSpent. A wrong code is kept and counted: do not call this inside a transaction that the
    refusal rolls back.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    number = normalise_number(number, supply_class=None)
    if governance.is_locked(by, now=now):
        raise Locked
    request = _request(number, code, by=by, now=now)
    if isinstance(request, Refused):
        ledger.record("usage inquiry refused", f"supply point {number}", by=by, now=now, reason=type(request).__name__)
        raise request
    since(request, by=by, now=now)
    if not governance.count(by, number=number, now=now):
        raise BudgetSpent
    with transaction.atomic():
        inquiry = UsageInquiry.objects.create(request=request, by=by, at=now)
        ledger.record(
            "access code used", access_codes.subject_of(request), by=by, now=now, purpose=request.consent.purpose
        )
    return inquiry


def since(request: UsageAccessRequest, *, by: User, now: datetime) -> date:
    """The holder's first day, if the code still opens the usage for the person.

    Raises CodeExpired, OutsideYourRoles, HolderChanged.
    """
    point = request.point
    if not request.is_valid(now):
        raise CodeExpired
    is_own = request.company_id == by.company_id
    if not is_own or not covers(by, Ability.INQUIRE, area=point.area, supply_class=point.supply_class):
        raise OutsideYourRoles
    period = current_period(point, jst_date(now))
    if period is None or period.contract.holder_since > jst_date(request.registered_at):
        raise HolderChanged
    holder_since: date = period.contract.holder_since
    return holder_since


def read(inquiry: UsageInquiry, *, by: User, now: datetime, way: str = "page") -> Past:
    """The usage behind an entered code; each read is in the ledger. Raises as `since`.

    Source: domain notes, metering §6.
    """
    request = inquiry.request
    found = past(request.point, holder_since=since(request, by=by, now=now), today=jst_date(now))
    ledger.record(
        "usage inquiry",
        f"supply point {request.point.number}",
        by=by,
        now=now,
        purpose=request.consent.purpose,
        consent=request.consent.reference,
        request=request.pk,
        way=way,
        first=found.window.first.isoformat(),
        last=found.window.last.isoformat(),
    )
    return found


def window(*, holder_since: date, today: date) -> Window:
    """Thirteen calendar months up to yesterday, the month of yesterday the newest, cut where the holder came later.

    >>> window(holder_since=date(2020, 1, 1), today=date(2026, 4, 1)).first
    datetime.date(2025, 3, 1)
    """
    last = today - ONE_DAY
    at = last.year * 12 + last.month - settings.USAGE_INQUIRY_MONTHS
    first = date(at // 12, at % 12 + 1, 1)
    return Window(max(first, holder_since), last, holder_since if holder_since > first else None)


def past(point: SupplyPoint, *, holder_since: date, today: date) -> Past:
    """Months and days of the window: two queries, one row per day and meter."""
    seen = window(holder_since=holder_since, today=today)
    by_day: dict[date, list[usage.DayRow]] = {}
    for row in usage.days(point, seen.first, seen.last):
        by_day.setdefault(row.day, []).append(row)
    days = [
        _together(day, by_day.get(day, []))
        for day in (seen.first + ONE_DAY * at for at in range((seen.last - seen.first).days + 1))
    ]
    return Past(seen, _months(point, seen, days, holder_since), days)


def lines(found: Past) -> Iterator[list[str]]:
    """The half-hours as lines of a CSV: day, from, kWh (empty: no value), quality; the newest day last."""
    yield ["day", "from", "kwh", "quality"]
    for day in found.days:
        for slot, (value, code) in enumerate(zip(day.values, day.quality, strict=True)):
            yield [
                day.day.isoformat(),
                f"{slot // 2:02d}:{slot % 2 * 30:02d}",
                "" if value is None else f"{value / 1000:.3f}",
                Quality(code).name.lower(),
            ]


def slots(day: Day) -> list[tuple[str, int | None, bool]]:
    """The half-hours of a day for a table: from when, Wh, estimated or not."""
    return [
        (f"{slot // 2:02d}:{slot % 2 * 30:02d}", value, value is not None and code in ESTIMATED)
        for slot, (value, code) in enumerate(zip(day.values, day.quality, strict=True))
    ]


def _request(number: str, code: str, *, by: User, now: datetime) -> UsageAccessRequest | Refused:
    with transaction.atomic():
        User.objects.select_for_update(no_key=True, of=("self",)).get(pk=by.pk)  # guesses at the same moment queue up
        earlier = WrongCode.objects.filter(by=by, at__gt=now - settings.WRONG_ACCESS_CODES_WITHIN)
        if earlier.count() >= settings.WRONG_ACCESS_CODES:
            return TooManyWrongCodes()
        found = (
            UsageAccessRequest.objects.filter(
                company=by.company, point__number=number, code_hash=access_codes.hash_of(code)
            )
            .select_related("point", "consent")
            .first()
        )
        if found is None:
            WrongCode.objects.create(by=by, at=now)
            return NoSuchCode()
        return found


def _together(day: date, rows: list[usage.DayRow]) -> Day:
    if len(rows) == 1:
        return Day(day, rows[0].values, rows[0].quality)
    values: list[int | None] = [None] * SLOTS
    quality: list[int] = [Quality.MISSING] * SLOTS
    for row in rows:
        for slot, value in enumerate(row.values[:SLOTS]):
            if value is not None:
                held = values[slot]
                quality[slot] = row.quality[slot] if held is None else max(quality[slot], row.quality[slot])
                values[slot] = value + (held or 0)
    return Day(day, values, quality)


def _months(point: SupplyPoint, seen: Window, days: list[Day], holder_since: date) -> list[MonthRow]:
    """Every month of the window; a fixed figure that may hold days before the holder came is left out."""
    fixed: dict[date, int] = {}
    before: date | None = None
    for held in usage.monthly(point, months=settings.USAGE_INQUIRY_MONTHS + 2):
        begins = before if before and before.month != held.read_on.month else held.read_on - LONGEST_READING_PERIOD
        if min(begins, held.month) >= holder_since:
            fixed[held.month] = held.wh
        before = held.read_on
    by_month: dict[date, list[Day]] = {}
    for day in days:
        by_month.setdefault(day.day.replace(day=1), []).append(day)
    rows = []
    for month, of_month in by_month.items():
        sums = [day.wh for day in of_month if day.wh is not None]
        next_month = (month + timedelta(days=31)).replace(day=1)
        rows.append(
            MonthRow(
                month,
                fixed[month] if month in fixed else (sum(sums) if sums else None),
                is_fixed=month in fixed,
                is_part=len(of_month) < (next_month - month).days,
                missing=sum(day.missing for day in of_month),
                estimated=sum(day.estimated for day in of_month),
            )
        )
    return rows
