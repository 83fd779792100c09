"""A person's second factors: an authenticator app, passkeys, recovery codes."""

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from portal import ledger
from portal.models import User
from portal.people.refusals import NotAllowed
from portal.people.standing import locked, may_change, subject, tell

SECOND_FACTORS: tuple[Any, ...] = (TOTPDevice, StaticDevice, WebAuthnCredential)
RECOVERY_CODES, RECOVERY_LETTERS = 10, "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else


def enrol_totp(user: User, *, key: str = "", confirmed: bool = True, by: User | None, now: datetime) -> TOTPDevice:
    """Give the account a second factor in place of any it had; `key` is 40 hex digits, random when not given.

    Unconfirmed until `confirm_totp` where the person sets it up alone. Anybody else's account needs an administrator.
    """
    if by is None or by.pk != user.pk:
        may_change(by, user.company)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice(user=user, name="totp", confirmed=confirmed)
        if key:
            device.key = key
        device.save()
        ledger.record("second factor enrolled" if confirmed else "second factor offered", subject(user), by=by, now=now)
    return device


def confirm_totp(device: TOTPDevice, *, now: datetime) -> None:
    """The person has shown a right code of the device: from now on it is the account's second factor."""
    with transaction.atomic():
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        device.confirmed = True
        ledger.record("second factor enrolled", subject(device.user), by=device.user, now=now)


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
        ledger.record("recovery codes made", subject(user), by=by, now=now)
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
        user = locked(user, by)
        drop_second_factors(user)
        ledger.record("second factor reset", subject(user), by=by, now=now)
        tell(user, "second_factor_reset", now=now)


def drop_second_factors(user: User) -> None:
    for model in SECOND_FACTORS:
        model.objects.filter(user=user).delete()
