"""Daily quotas that spread the load: how many registrations a retailer may make in a day, and how many are left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal import ahead, ledger
from portal.access import Role
from portal.companies import Refused
from portal.market import MarketRole
from portal.models import Company, Quota, Registration, User
from portal.workdays import JST, ONE_DAY, jst_date

Counter = Callable[[int, datetime, datetime], int]

# The rooms that hold the cases tell here how many a company registered in [from, until): counted, never booked, so
# that a quota set at noon knows the morning.
counters: dict[str, Counter] = {}

_LOCK = 0x51A7  # first half of the advisory lock's key; the second is the company


class NotAllowed(Refused):
    sentence = _("Only a hub operator may set quotas.")


class NotARetailer(Refused):
    sentence = _("Quotas are for retailers: this company is none.")


class Spent(Exception):
    """The day's quota of `most` registrations is used up; the next day begins at `again_at`."""

    def __init__(self, registration: Registration, most: int, again_at: datetime) -> None:
        super().__init__(registration, most)
        self.registration, self.most, self.again_at = registration, most, again_at

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

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)


def set_quota(
    company: Company | None, registration: Registration | str, *, most: int, by: User | None, now: datetime
) -> Quota:
    """Let the company (None: every retailer without a quota of its own) register at most so many in a day.

    A quota that stands is changed. Raises NotAllowed, NotARetailer. Source: domain notes, switching §9.
    """
    _only_the_hub(by)
    if company is not None and MarketRole.RETAILER not in company.market_roles:
        raise NotARetailer
    with transaction.atomic():
        quota, _is_new = Quota.objects.update_or_create(
            company=company, registration=Registration(registration), defaults={"most": most}
        )
        ledger.record("quota set", _subject(quota), by=by, now=now, registration=quota.registration, most=most)
    return quota


def lift(quota: Quota, *, by: User | None, now: datetime) -> None:
    """Take a quota away. Raises NotAllowed."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = Quota.objects.filter(pk=quota.pk).delete()
        if gone:
            ledger.record("quota lifted", _subject(quota), by=by, now=now, registration=quota.registration)


def check(company: Company, registration: Registration, *, now: datetime, is_last: bool) -> None:
    """Raise Spent when one more registration would pass the company's quota of the Japanese day; one query without.

    With `is_last` the caller registers next, in the same transaction: two registrations of one company that come at
    the same time wait for one another here, so that together they do not pass the quota either.
    """
    quota = _holding(company.pk, registration)
    if quota is None:
        return
    if is_last:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, company.pk])
    if used(company.pk, registration, jst_date(now)) >= quota.most:
        raise Spent(registration, quota.most, datetime.combine(jst_date(now), time(), JST) + ONE_DAY)


def standing(company: Company, *, now: datetime) -> list[Left]:
    """What is left to a retailer today, one entry per quota that holds for it; nothing for other companies."""
    if MarketRole.RETAILER not in company.market_roles:
        return []
    found: dict[str, Quota] = {}
    for quota in Quota.objects.filter(_for(company.pk)).order_by("registration", _OWN_FIRST):
        found.setdefault(quota.registration, quota)
    return [
        Left(Registration(name), quota.most, used(company.pk, Registration(name), jst_date(now)))
        for name, quota in found.items()
    ]


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


def _subject(quota: Quota) -> str:
    return f"company {quota.company_id}" if quota.company_id else "every retailer"


def _only_the_hub(by: User | None) -> None:
    if by is not None and not (by.is_staff and Role.OPERATOR in by.roles):
        raise NotAllowed
