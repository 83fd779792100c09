"""The life of a person's account: invited, given roles and second factors, suspended, frozen, thawed, left."""

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from portal import ledger, letters, outbox, sessions
from portal.access import HUB_ROLES, Role
from portal.market import Area, SupplyClass
from portal.models import Company, Grant, Letter, User
from portal.outbox import Post
from portal.refusals import Refusal

SECOND_FACTORS: tuple[Any, ...] = (TOTPDevice, StaticDevice, WebAuthnCredential)
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
CHANGEABLE = frozenset({"name", "email"})
TAKES_TWO_OPERATORS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
"""Roles that give access to others: no operator gives them alone (see portal.four_eyes)."""
LONGEST_NAME = 60
RECOVERY_CODES, RECOVERY_LETTERS = 10, "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else


Deed = Callable[..., None]  # suspend, thaw, leave …: takes the person, `by` and `now`


class Refused(Refusal):
    """A change of an account that the rules do not allow; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator or an administrator of the same company may change this account.")


class BadUsername(Refused):
    sentence = _("A user id has 3 to 40 characters: small letters, digits, full stop, hyphen, underscore.")


class UsernameTaken(Refused):
    sentence = _("This user id is already in use; user ids are never given twice.")


class BadName(Refused):
    sentence = _("A name has 1 to 60 characters and no line breaks.")


class BadEmail(Refused):
    sentence = _("This is not an e-mail address: it needs a name, @ and a domain, and no spaces or line breaks.")


class EmailNeeded(Refused):
    sentence = _("An invitation needs an e-mail address: the link to set the password is sent there.")


class AlreadyLeft(Refused):
    sentence = _("This person has left; a returning person gets a new user id.")


class HasAdministrator(NotAllowed):
    sentence = _(
        "This company has an administrator who can thaw the account; the helpdesk does it only where there is none."
    )


class LinkNotGood(Refused):
    sentence = _("This link has been used, replaced by a newer one or is older than seven days.")


class WeakPassword(Refused):
    """The password does not meet the rules; the sentences of the validators are joined."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.sentence = " ".join(reasons)
        super().__init__(self.sentence)


class RoleNotForCompany(Refused):
    sentence = _("Hub operator, helpdesk and auditor are roles of the hub operator's own people.")


class SecondOperatorNeeded(Refused):
    sentence = _("This role gives access to others. Please propose it; a second operator has to confirm.")


class NotForMachines(Refused):
    sentence = _("A program holds the roles of clerks only, and has neither password nor second factor.")


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
    _may_change(by, company)
    if not USERNAME.fullmatch(username):
        raise BadUsername
    user = User(
        company=company, username=username, name=_good_name(name), email=_good_email(email), is_machine=is_machine
    )
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
        _send_link(user, "invitation", by=by, now=now)
    return user


def send_password_link(user: User, *, by: User | None, now: datetime) -> None:
    """Take the password away and mail a link that sets a new one; earlier links and the person's sign-ins end.

    Raises NotAllowed, AlreadyLeft, EmailNeeded.
    """
    with transaction.atomic():
        user = _locked(user, by)
        if user.is_machine:
            raise NotForMachines
        if not user.email:
            raise EmailNeeded
        user.set_unusable_password()
        user.save(update_fields=["password"])
        sessions.end_all(user)
        _send_link(user, "password_link", by=by, now=now)


def invited_by_link(uid: str, token: str) -> User:
    """The person whose link this is. Raises LinkNotGood."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
        user = User.objects.select_related("company").get(pk=pk)
    except (ValueError, OverflowError, User.DoesNotExist) as error:
        raise LinkNotGood from error
    if not (user.is_active and user.company.is_active and _links.check_token(user, token)):
        raise LinkNotGood
    return user


def accept_link(uid: str, token: str, *, password: str, now: datetime) -> User:
    """Set the password with a mailed link, which is used up by it. Raises LinkNotGood, WeakPassword."""
    with transaction.atomic():
        user = invited_by_link(uid, token)
        user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
        if not _links.check_token(user, token):
            raise LinkNotGood
        _set_password(user, password)
        user.save(update_fields=["password"])
        reset(username=user.username)
        sessions.end_all(user)
        ledger.record("password set by link", _subject(user), by=user, now=now)
    return user


def change(user: User, *, by: User | None, now: datetime, **values: str) -> User:
    """Change name or e-mail; the ledger keeps old and new. Raises NotAllowed, AlreadyLeft, BadName, BadEmail."""
    if unknown := set(values) - CHANGEABLE:
        raise TypeError(f"not changeable: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        user = _locked(user, by)
        checks = {"name": _good_name, "email": _good_email}
        values = {name: checks[name](value) for name, value in values.items()}
        if user.is_machine and values.get("email"):
            raise NotForMachines
        changes = {name: [getattr(user, name), value] for name, value in values.items() if getattr(user, name) != value}
        if changes:
            for name, (_old, new) in changes.items():
                setattr(user, name, new)
            user.save(update_fields=[*changes])
            ledger.record("user changed", _subject(user), by=by, now=now, changes=changes)
    return user


def set_password(user: User, *, password: str, by: User, now: datetime, keep: str | None = None) -> None:
    """Give the account a password; a person may do it for the own account.

    Ends the account's sign-ins, except the session with the key `keep`.
    """
    if by.pk != user.pk:
        _may_change(by, user.company)
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
        if user.is_machine:
            raise NotForMachines
        _set_password(user, password)
        user.save(update_fields=["password"])
        sessions.end_all(user, but=keep)
        ledger.record("password set", _subject(user), by=by, now=now)


def set_roles(
    user: User,
    *,
    roles: Iterable[Hold | Role | str],
    second: User | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """Replace the person's roles by exactly these; a bare role holds for every area and class.

    `second` is the operator who proposed what `by` confirms; an operator alone makes nobody an administrator.
    Raises NotAllowed, RoleNotForCompany, LastAdministrator, SecondOperatorNeeded.
    """
    wanted = {hold if isinstance(hold, Hold) else Hold(hold) for hold in roles}
    wanted_keys = {(str(hold.role), str(hold.area), str(hold.supply_class)) for hold in wanted}
    with transaction.atomic():
        user = _locked(user, by)
        if user.is_machine and any(role in HUB_ROLES or role == Role.ADMINISTRATOR for role, _a, _c in wanted_keys):
            raise NotForMachines
        if not user.company.is_hub_operator and any(role in HUB_ROLES for role, _area, _class in wanted_keys):
            raise RoleNotForCompany
        held = {(grant.role, grant.area, grant.supply_class): grant for grant in user.grants.all()}
        hub_roles_change = any(role in HUB_ROLES for role, _area, _class in wanted_keys ^ set(held))
        if hub_roles_change and by is not None and Role.OPERATOR not in by.roles:
            raise NotAllowed  # the hub's own roles are given by its operators, not by whoever keeps its accounts
        if any(role in TAKES_TWO_OPERATORS for role, _area, _class in wanted_keys - set(held)):
            _ask_for_two(by, second, user.company)
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


def make_recovery_codes(user: User, *, by: User, now: datetime) -> list[str]:
    """Ten new codes, each good once in place of the second factor; earlier ones end. Only the person may ask.

    The codes are returned once; the database keeps a keyed hash of each.
    """
    if by.pk != user.pk:
        raise NotAllowed
    codes: list[str] = []
    while len(codes) < RECOVERY_CODES:
        code = "".join(secrets.choice(RECOVERY_LETTERS) for _place in range(10))
        if not code.isdigit() and code not in codes:
            codes.append(code)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery", confirmed=True)
        StaticToken.objects.bulk_create(
            [StaticToken(device=device, token=recovery_token(user, code)) for code in codes]
        )
        ledger.record("recovery codes made", _subject(user), by=by, now=now)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def recovery_token(user: User, code: str) -> str:
    """What the database keeps of a recovery code (16 hex digits)."""
    return salted_hmac("portal.people.recovery", f"{user.pk}:{code}", algorithm="sha256").hexdigest()[:16]


def recovery_codes_left(user: User) -> int:
    """How many unused recovery codes the person has."""
    return StaticToken.objects.filter(device__user=user).count()


def reset_second_factor(user: User, *, by: User | None, now: datetime) -> None:
    """Take every second factor away (telephone lost); the next sign-in with the password sets up a new one.

    Raises NotAllowed, AlreadyLeft.
    """
    with transaction.atomic():
        user = _locked(user, by)
        _drop_second_factors(user)
        ledger.record("second factor reset", _subject(user), by=by, now=now)
        _tell(user, "second_factor_reset", now=now)


def suspend(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Shut the person out from the next request on. Raises NotAllowed, AlreadyLeft, LastAdministrator."""
    with transaction.atomic():
        user = _locked(user, by)
        _keep_an_administrator(user)
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            sessions.end_all(user)
            ledger.record("user suspended", _subject(user), by=by, now=now, reason=reason)
            _tell(user, "user_suspended", now=now)


def thaw(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """Let a suspended person, or one frozen after too many wrong passwords, sign in again.

    An operator or an administrator of the company may; the helpdesk where no other administrator of the company can
    (domain notes, switching §9). Raises NotAllowed, HasAdministrator, AlreadyLeft.
    """
    with transaction.atomic():
        user = _locked(user, by, allowed=_may_thaw)
        was_frozen = is_frozen(user)
        if user.is_active and not was_frozen:
            return
        reset(username=user.username)
        user.is_active = True
        user.save(update_fields=["is_active"])
        ledger.record("user thawed", _subject(user), by=by, now=now, reason=reason, was_frozen=was_frozen)
        _tell(user, "user_thawed", now=now)


def leave(user: User, *, by: User | None, now: datetime, reason: str = "") -> None:
    """The person has left the company: roles, second factors, password and sign-ins end at once; the user id stays.

    What the person did stays in the books under the user id, which is never given again.
    Raises NotAllowed, AlreadyLeft, LastAdministrator.
    """
    with transaction.atomic():
        user = _locked(user, by)
        _keep_an_administrator(user)
        held = sorted((grant.role, grant.area, grant.supply_class) for grant in user.grants.all())
        user.grants.all().delete()
        _drop_second_factors(user)
        user.is_active, user.left_at = False, now
        user.set_unusable_password()
        user.save(update_fields=["is_active", "left_at", "password"])
        reset(username=user.username)
        sessions.end_all(user)
        ledger.record("user left", _subject(user), by=by, now=now, reason=reason, roles=[list(key) for key in held])
        _tell(user, "user_left", now=now)


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


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(error.messages) from error
    user.set_password(password)


def _ask_for_two(by: User | None, second: User | None, company: Company) -> None:
    """An administrator gives the own company's roles alone, an operator only together with another one."""
    if by is None or (not by.is_staff and by.company_id == company.pk):
        return
    if second is None or second.pk == by.pk or not second.is_operator:
        raise SecondOperatorNeeded


def _may_change(by: User | None, company: Company) -> None:
    if by is None or by.is_operator:
        return
    if not (by.is_active and by.company_id == company.pk and Role.ADMINISTRATOR in by.roles):
        raise NotAllowed


def _may_thaw(by: User | None, company: Company, user: User) -> None:
    """As every change; and the helpdesk where nobody in the company can."""
    if by is not None and by.is_staff and Role.HELPDESK in by.roles and Role.OPERATOR not in by.roles:
        if company.is_hub_operator and Role.ADMINISTRATOR in by.roles:
            return
        if administrators_of(company, but=user):
            raise HasAdministrator
        return
    _may_change(by, company)


def _locked(
    user: User, by: User | None, *, allowed: Callable[[User | None, Company, User], None] | None = None
) -> User:
    """The account under its company's lock, so that two administrators cannot remove one another at the same time."""
    company = Company.objects.select_for_update(no_key=True).get(people=user.pk)
    if allowed:
        allowed(by, company, user)
    else:
        _may_change(by, company)
    user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
    if user.left_at:
        raise AlreadyLeft
    return user


def _drop_second_factors(user: User) -> None:
    for model in SECOND_FACTORS:
        model.objects.filter(user=user).delete()


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


class _Links(PasswordResetTokenGenerator):
    """Links to set a password: used up when it is set, replaced when a new one is sent."""

    key_salt = "portal.people.links"


_links = _Links()


def password_link(user: User) -> str:
    """The path of the page on which the person sets a password, good once and for seven days."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return reverse("portal:invitation", args=[uid, _links.make_token(user)])


def _send_link(user: User, kind: str, *, by: User | None, now: datetime) -> None:
    letters.write(address=user.email, kind=kind, now=now, user=user)
    ledger.record("link to set the password sent", _subject(user), by=by, now=now, to=user.email)


def _link_words(letter: Letter) -> dict[str, Any]:
    """What an invitation says when it is sent; the link in it stands in no table."""
    user = letter.user
    assert user is not None, "a link to set a password is always written to a person"
    return {
        "username": user.username,
        "name": user.name,
        "company": user.company.name,
        "link": letters.absolute(password_link(user)),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86400,
    }


for _kind in ("invitation", "password_link"):
    letters.made_when_sent(_kind, _link_words)


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
