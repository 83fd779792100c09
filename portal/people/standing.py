"""Who may change an account, whether it is frozen, and the trace of a change."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum

from portal import outbox
from portal.access import Role
from portal.models import Company, User
from portal.outbox import Post
from portal.people.refusals import AlreadyLeft, HasAdministrator, LastAdministrator, NotAllowed


def administrators_of(company: Company, *, but: User | None = None) -> list[User]:
    """The company's administrators who can act: active and not frozen (two queries)."""
    found = User.objects.filter(company=company, is_active=True, grants__role=Role.ADMINISTRATOR).distinct()
    frozen = frozen_usernames(company)
    return [
        user for user in found.order_by("username") if user.username not in frozen and not (but and user.pk == but.pk)
    ]


def is_frozen(user: User) -> bool:
    """True when too many wrong passwords were given since the last good sign-in."""
    tries = AccessAttempt.objects.filter(username=user.username).aggregate(n=Sum("failures_since_start"))["n"]
    return (tries or 0) >= settings.AXES_FAILURE_LIMIT


def frozen_usernames(company: Company) -> frozenset[str]:
    """The user ids of the company's people that are frozen now, for lists (one query)."""
    tries = (
        AccessAttempt.objects.filter(username__in=company.people.values("username"))
        .values("username")
        .annotate(n=Sum("failures_since_start"))
        .filter(n__gte=settings.AXES_FAILURE_LIMIT)
    )
    return frozenset(tries.values_list("username", flat=True))


def may_change(by: User | None, company: Company) -> None:
    if by is None or by.is_operator:
        return
    if not (by.is_active and by.company_id == company.pk and Role.ADMINISTRATOR in by.roles):
        raise NotAllowed


def may_thaw(by: User | None, company: Company, user: User) -> None:
    """As every change; and the helpdesk where nobody in the company can."""
    if by is not None and by.is_staff and Role.HELPDESK in by.roles and Role.OPERATOR not in by.roles:
        if company.is_hub_operator and Role.ADMINISTRATOR in by.roles:
            return
        if administrators_of(company, but=user):
            raise HasAdministrator
        return
    may_change(by, company)


def locked(user: User, by: User | None, *, allowed: Callable[[User | None, Company, User], None] | None = None) -> User:
    """The account under its company's lock, so that two administrators cannot remove one another at the same time."""
    company = Company.objects.select_for_update(no_key=True).get(people=user.pk)
    if allowed:
        allowed(by, company, user)
    else:
        may_change(by, company)
    user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
    if user.left_at:
        raise AlreadyLeft
    return user


def keep_an_administrator(user: User) -> None:
    """Raise LastAdministrator when the person is the only active administrator the company has."""
    active = User.objects.filter(company=user.company_id, is_active=True, grants__role=Role.ADMINISTRATOR)
    if active.filter(pk=user.pk).exists() and not active.exclude(pk=user.pk).exists():
        raise LastAdministrator


def tell(user: User, kind: str, *, now: datetime) -> None:
    context: dict[str, Any] = {"username": user.username}
    outbox.post(Post(user.company_id, kind, f"user {user.username}", context=context), now=now)


def subject(user: User) -> str:
    return f"user {user.username}"
