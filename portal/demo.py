"""The demo's people: one password for all and codes anybody may read. Refused wherever the data is not invented."""

import time
from dataclasses import dataclass

from django.conf import settings
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal.models import User

DEMO_PASSWORD = "kirikae-demo-2016"


class NotADemo(Exception):
    """Asked for demo credentials where KIRIKAE_ENV is not demo."""


@dataclass(frozen=True)
class DemoUser:
    """What a visitor needs to sign in as this person; `code` is "" before the second factor is set up."""

    user: User
    roles: str
    code: str


def is_demo() -> bool:
    return settings.ENVIRONMENT == "demo" or bool(settings.OPEN_SANDBOX)


def users() -> list[DemoUser]:
    """Everybody who can sign in, in the order of registration, with the code that is good now."""
    _only_in_the_demo()
    found = (
        User.objects.filter(is_active=True, company__is_active=True)
        .exclude(password__startswith="!")
        .select_related("company")
        .prefetch_related("grants", "totpdevice_set")
        .order_by("pk")
    )
    return [DemoUser(user, roles_of(user), _code(next(iter(user.totpdevice_set.all()), None))) for user in found]


def code_of(user: User) -> str:
    """The code the person's second factor takes now; "" when it has none."""
    _only_in_the_demo()
    return _code(TOTPDevice.objects.filter(user=user, confirmed=True).first())


def roles_of(user: User) -> str:
    """The person's roles in words, each once."""
    return ", ".join(dict.fromkeys(str(grant.get_role_display()) for grant in user.grants.all()))


def _code(device: TOTPDevice | None) -> str:
    """The first code from now on that was not used yet: a device takes each code once and the next one a step early."""
    if device is None:
        return ""
    step = int(time.time() - device.t0) // device.step
    number = totp(device.bin_key, device.step, device.t0, device.digits, drift=int(device.last_t >= step))
    return f"{number:0{device.digits}d}"


def _only_in_the_demo() -> None:
    if not is_demo():
        raise NotADemo("Passwords and codes are shown in the demo only (KIRIKAE_ENV=demo).")
