"""Daily quotas that spread the load: how many registrations a retailer may make in a day, and how many are left.

What comes over a quota is refused or waits in a queue of the room that registers it, as the operator sets. Whoever
waits keeps the place: a registration that waits uses up the quota as one that is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal import ahead, ledger
from portal.companies import Refused
from portal.market import MarketRole
from portal.models import Company, Over, Quota, Registration, User
from portal.workdays import JST, ONE_DAY, jst_date, next_midnight

Counter = Callable[[int, datetime, datetime], int]
Queue = Callable[[int], int]

# The rooms that hold the cases tell here how many a company registered in [from, until): counted, never booked, so
# that a quota set at noon knows the morning.
counters: dict[str, Counter] = {}
# And how many of the company's registrations wait for room.
queues: dict[str, Queue] = {}

_LOCK = 0x51A7  # first half of the advisory lock's key; the second is the company


class NotAllowed(Refused):
    sentence = _("Only a hub operator may set quotas.")


class NotARetailer(Refused):
    sentence = _("Quotas are for retailers: this company is none.")


class QueueNeedsRoom(Refused):
    sentence = _(
        "A quota of nothing has no room for a queue. Set at least 1 a day, or let what comes over it be refused."
    )


class Spent(Exception):
    """The day's quota of `most` registrations is used up; the next day begins at `again_at`.

    With `is_queued` the operator wishes that what comes now waits for room.
    """

    def __init__(self, registration: Registration, most: int, again_at: datetime, *, is_queued: bool = False) -> None:
        super().__init__(registration, most)
        self.registration, self.most, self.again_at, self.is_queued = registration, most, again_at, is_queued

    @property
    def sentence(self) -> str | Promise:
        return format_lazy(
            _("Your company's quota of {most} {registration} a day is used up. It begins anew at midnight."),
            most=self.most,
            registration=self.registration.label,
        )

    def __str__(self) -> str:
        return str(self.sentence)


@dataclass(frozen=True)
class Left:
    """Where a company stands with one quota today."""

    registration: Registration
    most: int
    used: int
    waiting: int = 0
    over: str = Over.REFUSE

    @property
    def left(self) -> int:
        return max(0, self.most - self.used - self.waiting)

    @property
    def is_queued(self) -> bool:
        return self.over == Over.QUEUE

    @property
    def room(self) -> int:
        """How many of those that wait may be registered now."""
        return max(0, self.most - self.used)


def set_quota(
    company: Company | None,
    registration: Registration | str,
    *,
    most: int,
    over: Over | str = Over.REFUSE,
    by: User | None,
    now: datetime,
) -> Quota:
    """Let the company (None: every retailer without a quota of its own) register at most so many in a day.

    What comes over it is refused or queued; what waits already stays in the queue. A quota that stands is changed.
    Raises NotAllowed, NotARetailer, QueueNeedsRoom. Source: domain notes, switching §9.
    """
    _only_the_hub(by)
    if company is not None and MarketRole.RETAILER not in company.market_roles:
        raise NotARetailer
    if over == Over.QUEUE and not most:
        raise QueueNeedsRoom
    with transaction.atomic():
        quota, _is_new = Quota.objects.update_or_create(
            company=company, registration=Registration(registration), defaults={"most": most, "over": Over(over)}
        )
        ledger.record(
            "quota set", _subject(quota), by=by, now=now, registration=quota.registration, most=most, over=quota.over
        )
    return quota


def lift(quota: Quota, *, by: User | None, now: datetime) -> None:
    """Take a quota away. Raises NotAllowed."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = Quota.objects.filter(pk=quota.pk).delete()
        if gone:
            ledger.record("quota lifted", _subject(quota), by=by, now=now, registration=quota.registration)


def check(
    company: Company, registration: Registration, *, now: datetime, is_last: bool, from_queue: bool = False
) -> None:
    """Raise Spent when one more registration would pass the company's quota of the Japanese day; one query without.

    With `is_last` the caller registers next, in the same transaction: two registrations of one company that come at
    the same time wait for one another here, so that together they do not pass the quota either. What waits in the
    queue comes before everything but itself (`from_queue`).
    """
    quota = _holding(company.pk, registration)
    if quota is None:
        return
    if is_last:
        hold(company)
    count = used(company.pk, registration, jst_date(now))
    if not from_queue:
        count += waiting(company.pk, registration)
    if count >= quota.most:
        raise Spent(registration, quota.most, next_midnight(now), is_queued=quota.over == Over.QUEUE)


def hold(company: Company) -> None:
    """Let nobody else count or register for this company until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, company.pk])


def standing(company: Company, *, now: datetime, registration: Registration | None = None) -> list[Left]:
    """What is left to a retailer today, one entry per quota that holds for it; nothing for other companies."""
    if MarketRole.RETAILER not in company.market_roles:
        return []
    quotas = Quota.objects.filter(_for(company.pk))
    if registration:
        quotas = quotas.filter(registration=registration)
    found: dict[str, Quota] = {}
    for quota in quotas.order_by("registration", _OWN_FIRST):
        found.setdefault(quota.registration, quota)
    return [
        Left(
            Registration(name),
            quota.most,
            used(company.pk, Registration(name), jst_date(now)),
            waiting(company.pk, Registration(name)),
            quota.over,
        )
        for name, quota in found.items()
    ]


def day_of_place(place: int, left: Left, *, now: datetime) -> date:
    """The Japanese day on which the registration at this place of the queue (1, 2, …) will have room."""
    if place <= left.room:
        return jst_date(now)
    return jst_date(now) + ONE_DAY * (1 + (place - left.room - 1) // max(1, left.most))


_OWN_FIRST = F("company").asc(nulls_last=True)


def _for(company_id: int) -> Q:
    return Q(company=company_id) | Q(company__isnull=True)


@ahead.question
def _holding(company_id: int, registration: Registration) -> Quota | None:
    return Quota.objects.filter(_for(company_id), registration=registration).order_by(_OWN_FIRST).first()


@ahead.question
def used(company_id: int, registration: Registration, day: date) -> int:
    """How many registrations the company has made on the Japanese day."""
    begin = datetime.combine(day, time(), JST)
    return counters[registration](company_id, begin, begin + ONE_DAY)


@ahead.question
def waiting(company_id: int, registration: Registration) -> int:
    """How many registrations of the company wait for room."""
    queue = queues.get(registration)
    return queue(company_id) if queue else 0


def _subject(quota: Quota) -> str:
    return f"company {quota.company_id}" if quota.company_id else "every retailer"


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise NotAllowed
