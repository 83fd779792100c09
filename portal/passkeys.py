"""Passkeys (WebAuthn): a second factor no forged page can ask for; with the device's own lock a sign-in by itself."""

from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential
from webauthn.helpers.structs import UserVerificationRequirement

from portal import ledger
from portal.models import User
from portal.refusals import Refusal

LONGEST_NAME = 40
MOST = 10


class Refused(Refusal):
    """A passkey that is not taken in or away; `sentence` says why and what to do."""


class TooMany(Refused):
    sentence = _("You have ten passkeys already. Please remove one you no longer use.")


class LastFactor(Refused):
    sentence = _("This is your last second factor. Please set up an authenticator app or another passkey first.")


def origin() -> str:
    """The one address, of `settings.SITE_ADDRESS`, under which passkeys are made and shown: `https://hub.example`."""
    parts = urlsplit(settings.SITE_ADDRESS)
    return f"{parts.scheme}://{parts.netloc}"


def domain(request: HttpRequest | None = None) -> str:
    """The domain a passkey belongs to, of `settings.SITE_ADDRESS`."""
    return urlsplit(settings.SITE_ADDRESS).hostname or ""


def are_offered(request: HttpRequest) -> bool:
    """True where a browser lets passkeys be used: under the site's own name, by HTTPS or on this very machine."""
    try:
        ip_address(domain())
    except ValueError:
        is_safe = origin().startswith("https://") or domain() == "localhost"
        return is_safe and f"{request.scheme}://{request.get_host()}" == origin()
    return False  # a passkey belongs to a name, never to a number


class Helper(WebAuthnHelper):
    """The ceremony's rules: this site alone may ask, the device has to know its owner, and both ends leave a trace."""

    def __init__(self, request: HttpRequest, *, now: datetime) -> None:
        super().__init__(request=request)
        self.now = now

    def get_relying_party_domain(self) -> str:
        return domain()

    def get_allowed_origins(self) -> list[str]:
        return [origin()]

    def get_credential_display_name(self, user: User) -> str:
        return f"{user.name} ({user.username})"

    def get_generate_registration_options_kwargs(self, *, user: User) -> dict[str, Any]:
        options = super().get_generate_registration_options_kwargs(user=user)
        options["authenticator_selection"].user_verification = UserVerificationRequirement.REQUIRED
        return options

    def get_generate_authentication_options_kwargs(
        self, *, user: User | None = None, require_user_verification: bool
    ) -> dict[str, Any]:
        return super().get_generate_authentication_options_kwargs(user=user, require_user_verification=True)

    def register_complete(self, user: User, state: dict[str, Any], data: dict[str, Any]) -> WebAuthnCredential:
        """Take a passkey in under `data["name"]`, the name its owner knows it by. Raises TooMany."""
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if len(of(user)) >= MOST:
                raise TooMany
            passkey = super().register_complete(user=user, state=state, data=data)
            TOTPDevice.objects.filter(user=user, confirmed=False).delete()  # offered while the password was enough
            passkey.name = _good_name(data.get("name")) or f"{passkey.created_at:%Y-%m-%d}"
            passkey.save(update_fields=["name"])
            _record("passkey enrolled", passkey, by=user, now=self.now)
        return passkey

    def authenticate_complete(
        self, user: User | None, state: dict[str, Any], data: dict[str, Any]
    ) -> WebAuthnCredential:
        """The passkey that was shown; `user` is None before anybody is known, then the passkey says who it is."""
        with transaction.atomic():
            passkey = super().authenticate_complete(user=user, state=state, data=data)
            _record("passkey shown", passkey, by=passkey.user, now=self.now)
        return passkey


def of(user: User) -> list[WebAuthnCredential]:
    """The person's passkeys, the oldest first."""
    return list(WebAuthnCredential.objects.filter(user=user, confirmed=True).order_by("pk"))


def are_held_by(user: User) -> bool:
    """True when the person has a passkey."""
    return WebAuthnCredential.objects.filter(user=user, confirmed=True).exists()


def is_enrolled(user: User) -> bool:
    """True when the person has a second factor, app or passkey, so that the password is not enough."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists() or are_held_by(user)


def remove(passkey: WebAuthnCredential, *, by: User, now: datetime) -> None:
    """Take a passkey of one's own away; sign-ins made with it are asked for another factor. Raises LastFactor."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        passkey = WebAuthnCredential.objects.get(pk=passkey.pk, user=by)
        has_app = TOTPDevice.objects.filter(user=by, confirmed=True).exists()
        if not has_app and len(of(by)) == 1:
            raise LastFactor
        _record("passkey removed", passkey, by=by, now=now)
        passkey.delete()


def _record(action: str, passkey: WebAuthnCredential, *, by: User, now: datetime) -> None:
    ledger.record(action, f"user {by.username}", by=by, now=now, name=passkey.name, passkey=passkey.pk)


def _good_name(given: Any) -> str:
    """What was entered as a name, without line breaks and control characters."""
    words = " ".join(given.split()) if isinstance(given, str) else ""
    return "".join(letter for letter in words if letter.isprintable())[:LONGEST_NAME].strip()
