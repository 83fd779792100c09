"""Passkeys: the own ones, and the four steps of the browser's ceremony, which speak JSON."""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from django.contrib import messages
from django.contrib.auth import login
from django.db import DataError, IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_otp_webauthn import exceptions
from django_otp_webauthn.models import WebAuthnCredential
from django_otp_webauthn.views import (
    BeginCredentialAuthenticationView,
    BeginCredentialRegistrationView,
    CompleteCredentialAuthenticationView,
    CompleteCredentialRegistrationView,
)
from webauthn.helpers.exceptions import WebAuthnException

from portal import ledger, passkeys, people, sessions
from portal.access import Ability, half_signed_in, needs, person, public
from portal.models import User
from portal.sessions import freshly_proven
from portal.views.sign_in import let_in, onwards

UNREADABLE = (
    *(WebAuthnException, UnsupportedAlgorithm, ValueError, TypeError, LookupError, AttributeError, RecursionError),
    *(IntegrityError, DataError),  # a key that is somebody's already, figures no key has
)
"""What reading a browser's answer may raise when it is none."""

SENTENCES = {
    "invalid_state": gettext_lazy("This was begun elsewhere or is over. Please begin again."),
    "credential_not_found": gettext_lazy("The hub does not know this passkey; perhaps it was removed."),
    "credential_user_mismatch": gettext_lazy("This passkey belongs to another user id."),
    "user_disabled": gettext_lazy(
        "This user id is suspended. Your company's administrator or the hub operator can thaw it."
    ),
    "user_frozen": gettext_lazy("This user id is frozen after too many wrong passwords. Please ask to have it thawed."),
    "company_suspended": gettext_lazy("Your company's use of the portal is suspended. Please ask the hub operator."),
    "too_many": passkeys.TooMany.sentence,
}
OTHERWISE = gettext_lazy("The passkey was not accepted. Please try again, or use another way.")
ANONYMOUS_SECONDS = 600
"""How long a session waits that was opened only to ask for a passkey."""


class Shut(exceptions.OTPWebAuthnApiError):
    """The passkey is right, its owner may not come in."""

    status_code = 403


class Ceremony:
    """What all four steps share: the product's own rules, and sentences of its own for every refusal."""

    request: HttpRequest

    def get_helper(self) -> passkeys.Helper:
        return passkeys.Helper(self.request, now=timezone.now())

    def initial(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if not isinstance(request.data, dict):  # type: ignore[attr-defined]
            raise exceptions.MalformedRequest

    def handle_exception(self, exc: Exception) -> HttpResponse:
        if isinstance(exc, passkeys.TooMany):
            code, status = "too_many", 409
        elif isinstance(exc, exceptions.OTPWebAuthnApiError):
            code, status = exc.code, exc.status_code
        elif isinstance(exc, UNREADABLE):
            code, status = "unreadable", 422
        else:
            raise exc
        self.refused(code)
        return JsonResponse({"detail": str(SENTENCES.get(code, OTHERWISE)), "code": code}, status=status)

    def refused(self, code: str) -> None:
        """Leave a trace of what was refused, where it is worth one."""


class BeginRegistration(Ceremony, BeginCredentialRegistrationView):
    pass


class CompleteRegistration(Ceremony, CompleteCredentialRegistrationView):
    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        user = person(self.request)
        is_first = not user.is_verified()  # type: ignore[attr-defined]
        super().post(*args, **kwargs)
        if is_first:
            let_in(self.request, user, passkeys.of(user)[-1])
        messages.success(self.request, _("The passkey is set up."))
        return JsonResponse({"redirect_url": onwards(self.request) if is_first else ""})


class BeginAuthentication(Ceremony, BeginCredentialAuthenticationView):
    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.request.user.is_authenticated:
            self.request.session.set_expiry(ANONYMOUS_SECONDS)
        return super().post(*args, **kwargs)


class CompleteAuthentication(Ceremony, CompleteCredentialAuthenticationView):
    def check_device_usable(self, device: WebAuthnCredential) -> None:
        """A passkey takes the place of the password too, and opens nothing that the password would not open."""
        try:
            super().check_device_usable(device)
            if self.request.user.is_authenticated:
                return
            if not device.user.company.is_active:
                raise Shut(code="company_suspended")
            if people.is_frozen(device.user):
                raise Shut(code="user_frozen")
        except exceptions.OTPWebAuthnApiError as refused:
            user: User = device.user
            ledger.record("sign-in refused", f"user {user.username}", by=user, now=timezone.now(), why=refused.code)
            raise

    def complete_auth(self, device: WebAuthnCredential) -> None:
        """Let in whose device it is; who is in already has proven it again."""
        user, now = device.user, timezone.now()
        if self.request.user.is_authenticated and person(self.request).is_verified():  # type: ignore[attr-defined]
            sessions.prove_again(self.request, now=now)
            ledger.record("second factor shown again", f"user {user.username}", by=user, now=now)
            return
        if not self.request.user.is_authenticated:
            login(self.request, user, backend="django.contrib.auth.backends.ModelBackend")
        let_in(self.request, user, device)

    def get_success_url(self) -> str:
        return onwards(self.request)

    def refused(self, code: str) -> None:
        if self.request.user.is_authenticated:
            user, now = person(self.request), timezone.now()
            address = sessions.address_of(self.request)
            ledger.record("second factor failed", f"user {user.username}", by=user, now=now, address=address, why=code)


@needs(Ability.ENTER)
@freshly_proven
@require_http_methods(["GET", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """My passkeys: taken in with the browser's help, removed by a button."""
    user = person(request)
    if request.method == "POST":
        chosen = request.POST.get("remove", "")
        passkey = get_object_or_404(
            WebAuthnCredential, user=user, pk=int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
        )
        try:
            passkeys.remove(passkey, by=user, now=timezone.now())
        except passkeys.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The passkey is removed."))
        return redirect("portal:passkeys")
    return render(
        request,
        "portal/passkeys.html",
        {
            "title": _("Passkeys"),
            "passkeys": passkeys.of(user),
            "are_offered": passkeys.are_offered(request),
            "origin": passkeys.origin(),
            "longest_name": passkeys.LONGEST_NAME,
        },
    )


@half_signed_in
@require_POST
def registration_begin(request: HttpRequest) -> HttpResponseBase:
    """The challenge for a new passkey: to who proved a second factor just now, or has none yet."""
    return _registration(BeginRegistration, request)


@half_signed_in
@require_POST
def registration_complete(request: HttpRequest) -> HttpResponseBase:
    """The browser's answer: the new passkey."""
    return _registration(CompleteRegistration, request)


@public
@require_POST
def authentication_begin(request: HttpRequest) -> HttpResponseBase:
    """The challenge: for one of the person's passkeys, before a password for any passkey of this site."""
    return BeginAuthentication.as_view()(request)


@public
@require_POST
def authentication_complete(request: HttpRequest) -> HttpResponseBase:
    """The browser's answer: who it is, or the second factor of who gave the password."""
    if "otp_webauthn_authentication_state" not in request.session:
        return redirect("portal:sign-in")  # over, or begun in another browser
    return CompleteAuthentication.as_view()(request)


def _registration(step: type[BeginRegistration | CompleteRegistration], request: HttpRequest) -> HttpResponseBase:
    user = person(request)
    if not user.is_verified():  # type: ignore[attr-defined]
        if passkeys.is_enrolled(user):
            return redirect("portal:code")
    elif not sessions.is_fresh(request, now=timezone.now()):
        return sessions.to_proof(request)
    return step.as_view()(request)
