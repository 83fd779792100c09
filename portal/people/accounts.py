"""An account from its registration until the person leaves."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime

from axes.utils import reset
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from portal import ledger, sessions
from portal.access import Role
from portal.models import Company, User
from portal.people.links import give_password, send_link
from portal.people.refusals import BadEmail, BadName, BadUsername, EmailNeeded, NotForMachines, UsernameTaken
from portal.people.roles import Hold, set_roles
from portal.people.second_factors import drop_second_factors
from portal.people.standing import (
    is_frozen,
    keep_an_administrator,
    locked,
    may_change,
    may_thaw,
    subject,
    tell,
)

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
LONGEST_NAME = 60
CHANGEABLE = frozenset({"name", "email"})

Deed = Callable[..., None]  # suspend, thaw, leave …: takes the person, `by` and `now`


def register(
    *,
    company: Company,
    username: str,
    name: str,
    email: str = "",
    password: str | None = None,
    password_hash: str = "",
    roles: Iterable[Hold | Role | str] = (),
    second: User | None = None,
    is_machine: bool = False,
    by: User | None,
    now: datetime,
) -> User:
    """Open an account in a company (domain notes, switching §9); without a password nobody can sign in with it yet.

    `password_hash` takes over an account whose password is hashed already (`make_password`), for set-up in bulk.
    A machine account has neither password nor address, so nobody ever signs in with it (portal.api_clients).

    `by` is a hub operator, an administrator of the same company, or None for the hub's own set-up.
    Raises NotAllowed, BadUsername, BadName, BadEmail, UsernameTaken, WeakPassword, RoleNotForCompany; then nothing is
    entered.
    """
    may_change(by, company)
    if not USERNAME.fullmatch(username):
        raise BadUsername
    user = User(
        company=company, username=username, name=_good_name(name), email=_good_email(email), is_machine=is_machine
    )
    if password_hash:
        user.password = password_hash
    else:
        give_password(user, password)
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise UsernameTaken from error
        ledger.record("user registered", subject(user), by=by, now=now, company=company.name)
        if holds := list(roles):
            set_roles(user, roles=holds, second=second, by=by, now=now)
    return user


def invite(
    *,
    company: Company,
    username: str,
    name: str,
    email: str,
    roles: Iterable[Hold | Role | str] = (),
    second: User | None = None,
    by: User | None,
    now: datetime,
) -> User:
    """Register a person and mail a link, good once and for seven days, that sets the password and second factor.

    Raises EmailNeeded and what `register` raises.
    """
    if not email.strip():
        raise EmailNeeded
    with transaction.atomic():
        user = register(
            company=company, username=username, name=name, email=email, roles=roles, second=second, by=by, now=now
        )
        send_link(user, "invitation", by=by, now=now)
    return user


def change(user: User, *, by: User | None, now: datetime, **values: str) -> User:
    """Change name or e-mail; the ledger keeps old and new. Raises NotAllowed, AlreadyLeft, BadName, BadEmail."""
    if unknown := set(values) - CHANGEABLE:
        raise TypeError(f"not changeable: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        user = locked(user, by)
        checks = {"name": _good_name, "email": _good_email}
        values = {name: checks[name](value) for name, value in values.items()}
        if user.is_machine and values.get("email"):
            raise NotForMachines
        changes = {name: [getattr(user, name), value] for name, value in values.items() if getattr(user, name) != value}
        if changes:
            for name, (_old, new) in changes.items():
                setattr(user, name, new)
            user.save(update_fields=[*changes])
            ledger.record("user changed", subject(user), by=by, now=now, changes=changes)
    return user


def suspend(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Shut the person out from the next request on. Raises NotAllowed, AlreadyLeft, LastAdministrator."""
    with transaction.atomic():
        user = locked(user, by)
        keep_an_administrator(user)
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            sessions.end_all(user)
            ledger.record("user suspended", subject(user), by=by, now=now, reason=reason)
            tell(user, "user_suspended", now=now)


def thaw(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Let a suspended person, or one frozen after too many wrong passwords, sign in again.

    An operator or an administrator of the company may; the helpdesk where no other administrator of the company can
    (domain notes, switching §9). Raises NotAllowed, HasAdministrator, AlreadyLeft.
    """
    with transaction.atomic():
        user = locked(user, by, allowed=may_thaw)
        was_frozen = is_frozen(user)
        if user.is_active and not was_frozen:
            return
        reset(username=user.username)
        user.is_active = True
        user.save(update_fields=["is_active"])
        ledger.record("user thawed", subject(user), by=by, now=now, reason=reason, was_frozen=was_frozen)
        tell(user, "user_thawed", now=now)


def leave(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """The person has left the company: roles, second factors, password and sign-ins end at once; the user id stays.

    What the person did stays in the books under the user id, which is never given again.
    Raises NotAllowed, AlreadyLeft, LastAdministrator.
    """
    with transaction.atomic():
        user = locked(user, by)
        keep_an_administrator(user)
        held = sorted((grant.role, grant.area, grant.supply_class) for grant in user.grants.all())
        user.grants.all().delete()
        drop_second_factors(user)
        user.is_active, user.left_at = False, now
        user.set_unusable_password()
        user.save(update_fields=["is_active", "left_at", "password"])
        reset(username=user.username)
        sessions.end_all(user)
        ledger.record("user left", subject(user), by=by, now=now, reason=reason, roles=[list(key) for key in held])
        tell(user, "user_left", now=now)


def _good_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in name):
        raise BadName
    return name


def _good_email(email: str) -> str:
    email = email.strip()
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise BadEmail from error
        if len(email) > 254:
            raise BadEmail
    return email
