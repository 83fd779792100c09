"""The life of a person's account: registered, given roles, a second factor, suspended, frozen, thawed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import ledger, outbox
from portal.access import HUB_ROLES, Role
from portal.market import Area, SupplyClass
from portal.models import Company, Grant, User
from portal.outbox import Post

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
CHANGEABLE = frozenset({"name", "email"})


class Refused(Exception):
    """A change of an account that the rules do not allow; `sentence` says why and what to do."""

    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)


class NotAllowed(Refused):
    sentence = _("Only a hub operator or an administrator of the same company may change this account.")


class BadUsername(Refused):
    sentence = _("A user id has 3 to 40 characters: small letters, digits, full stop, hyphen, underscore.")


class UsernameTaken(Refused):
    sentence = _("This user id is already in use; user ids are never given twice.")


class WeakPassword(Refused):
    """The password does not meet the rules; the sentences of the validators are joined."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.sentence = " ".join(reasons)
        super().__init__(self.sentence)


class RoleNotForCompany(Refused):
    sentence = _("Hub operator, helpdesk and auditor are roles of the hub operator's own people.")


class LastAdministrator(Refused):
    sentence = _("This is the company's last administrator. Please name another one first.")


@dataclass(frozen=True)
class Hold:
    """A role to be held, for one area and class of supply or ("") for all of them."""

    role: Role | str
    area: Area | str = ""
    supply_class: SupplyClass | str = ""


def register(
    *,
    company: Company,
    username: str,
    name: str,
    email: str = "",
    password: str | None = None,
    password_hash: str = "",
    roles: Iterable[Hold | Role | str] = (),
    by: User | None,
    now: datetime,
) -> User:
    """Open an account in a company (domain notes, switching §9); without a password nobody can sign in with it yet.

    `password_hash` takes over an account whose password is hashed already (`make_password`), for set-up in bulk.

    `by` is a hub operator, an administrator of the same company, or None for the hub's own set-up.
    Raises NotAllowed, BadUsername, UsernameTaken, WeakPassword, RoleNotForCompany; then nothing is entered.
    """
    _may_change(by, company)
    if not USERNAME.fullmatch(username):
        raise BadUsername
    user = User(company=company, username=username, name=name.strip(), email=email.strip())
    if password_hash:
        user.password = password_hash
    else:
        _set_password(user, password)
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise UsernameTaken from error
        ledger.record("user registered", _subject(user), by=by, now=now, company=company.name)
        if holds := list(roles):
            set_roles(user, roles=holds, by=by, now=now)
    return user


def change(user: User, *, by: User | None, now: datetime, **values: str) -> User:
    """Change name or e-mail; the ledger keeps old and new."""
    if unknown := set(values) - CHANGEABLE:
        raise TypeError(f"not changeable: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        user = _locked(user, by)
        changes = {
            name: [getattr(user, name), value.strip()]
            for name, value in values.items()
            if getattr(user, name) != value.strip()
        }
        if changes:
            for name, (_old, new) in changes.items():
                setattr(user, name, new)
            user.save(update_fields=[*changes])
            ledger.record("user changed", _subject(user), by=by, now=now, changes=changes)
    return user


def set_password(user: User, *, password: str, by: User, now: datetime) -> None:
    """Give the account a password; a person may do it for the own account. Ends the account's other sign-ins."""
    if by.pk != user.pk:
        _may_change(by, user.company)
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
        _set_password(user, password)
        user.save(update_fields=["password"])
        ledger.record("password set", _subject(user), by=by, now=now)


def set_roles(user: User, *, roles: Iterable[Hold | Role | str], by: User | None, now: datetime) -> None:
    """Replace the person's roles by exactly these; a bare role holds for every area and class.

    Raises NotAllowed, RoleNotForCompany, LastAdministrator.
    """
    wanted = {hold if isinstance(hold, Hold) else Hold(hold) for hold in roles}
    wanted_keys = {(str(hold.role), str(hold.area), str(hold.supply_class)) for hold in wanted}
    with transaction.atomic():
        user = _locked(user, by)
        if not user.company.is_hub_operator and any(role in HUB_ROLES for role, _area, _class in wanted_keys):
            raise RoleNotForCompany
        held = {(grant.role, grant.area, grant.supply_class): grant for grant in user.grants.all()}
        hub_roles_change = any(role in HUB_ROLES for role, _area, _class in wanted_keys ^ set(held))
        if hub_roles_change and by is not None and Role.OPERATOR not in by.roles:
            raise NotAllowed  # the hub's own roles are given by its operators, not by whoever keeps its accounts
        if not any(role == Role.ADMINISTRATOR for role, _area, _class in wanted_keys):
            _keep_an_administrator(user)
        if set(held) == wanted_keys:
            return
        user.grants.filter(pk__in=[grant.pk for key, grant in held.items() if key not in wanted_keys]).delete()
        Grant.objects.bulk_create(
            [
                Grant(user=user, role=role, area=area, supply_class=supply_class)
                for role, area, supply_class in sorted(wanted_keys - set(held))
            ]
        )
        ledger.record(
            "roles set",
            _subject(user),
            by=by,
            now=now,
            before=[list(key) for key in sorted(held)],
            after=[list(key) for key in sorted(wanted_keys)],
        )


def enrol_totp(user: User, *, key: str = "", confirmed: bool = True, by: User | None, now: datetime) -> TOTPDevice:
    """Give the account a second factor in place of any it had; `key` is 40 hex digits, random when not given.

    Unconfirmed until `confirm_totp` where the person sets it up alone. Anybody else's account needs an administrator.
    """
    if by is None or by.pk != user.pk:
        _may_change(by, user.company)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice(user=user, name="totp", confirmed=confirmed)
        if key:
            device.key = key
        device.save()
        ledger.record(
            "second factor enrolled" if confirmed else "second factor offered", _subject(user), by=by, now=now
        )
    return device


def confirm_totp(device: TOTPDevice, *, now: datetime) -> None:
    """The person has shown a right code of the device: from now on it is the account's second factor."""
    with transaction.atomic():
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        device.confirmed = True
        ledger.record("second factor enrolled", _subject(device.user), by=device.user, now=now)


def reset_second_factor(user: User, *, by: User, now: datetime) -> None:
    """Take the second factor away (telephone lost); the next sign-in with the password sets up a new one."""
    with transaction.atomic():
        user = _locked(user, by)
        TOTPDevice.objects.filter(user=user).delete()
        ledger.record("second factor reset", _subject(user), by=by, now=now)


def suspend(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Shut the person out from the next request on. Raises NotAllowed, LastAdministrator."""
    with transaction.atomic():
        user = _locked(user, by)
        _keep_an_administrator(user)
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            ledger.record("user suspended", _subject(user), by=by, now=now, reason=reason)
            _tell(user, "user_suspended", now=now)


def thaw(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Let a suspended person, or one frozen after too many wrong passwords, sign in again."""
    with transaction.atomic():
        user = _locked(user, by)
        was_frozen = is_frozen(user)
        if user.is_active and not was_frozen:
            return
        reset(username=user.username)
        user.is_active = True
        user.save(update_fields=["is_active"])
        ledger.record("user thawed", _subject(user), by=by, now=now, reason=reason, was_frozen=was_frozen)
        _tell(user, "user_thawed", now=now)


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


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(error.messages) from error
    user.set_password(password)


def _may_change(by: User | None, company: Company) -> None:
    if by is None or (by.is_staff and Role.OPERATOR in by.roles):
        return
    if not (by.is_active and by.company_id == company.pk and Role.ADMINISTRATOR in by.roles):
        raise NotAllowed


def _locked(user: User, by: User | None) -> User:
    """The account under its company's lock, so that two administrators cannot remove one another at the same time."""
    company = Company.objects.select_for_update(no_key=True).get(people=user.pk)
    _may_change(by, company)
    return User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)


def _keep_an_administrator(user: User) -> None:
    """Raise LastAdministrator when the person is the only active administrator the company has."""
    active = User.objects.filter(company=user.company_id, is_active=True, grants__role=Role.ADMINISTRATOR)
    if active.filter(pk=user.pk).exists() and not active.exclude(pk=user.pk).exists():
        raise LastAdministrator


def _tell(user: User, kind: str, *, now: datetime) -> None:
    context: dict[str, Any] = {"username": user.username}
    outbox.post(Post(user.company_id, kind, f"user {user.username}", context=context), now=now)


def _subject(user: User) -> str:
    return f"user {user.username}"
