"""Signing in: invitation, password, then second factor; proving it again; signing out; each failure its sentence."""

from base64 import b32encode
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language
from django_otp import login as otp_login
from django_otp.models import Device
from django_otp.oath import hotp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import demo, ledger, passkeys, people, sessions
from portal.access import Ability, half_signed_in, needs, person, public
from portal.forms import CodeForm, SignInForm
from portal.forms_people import NewPasswordForm, ProofForm
from portal.models import User

SHOWN_DEMO_USERS = 12


@public
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """User id and password; a right pair leads on to the second factor."""
    if request.method == "GET" and request.user.is_authenticated:
        is_verified = request.user.is_verified()  # type: ignore[attr-defined]
        return redirect(onwards(request) if is_verified else _with_next(request, "portal:code"))
    form = SignInForm(request.POST) if request.method == "POST" else SignInForm(initial=_asked_for(request))
    if request.method == "POST" and form.is_valid():
        username, now = form.cleaned_data["username"], timezone.now()
        user = authenticate(request, username=username, password=form.cleaned_data["password"])
        if user is None:
            known = User.objects.filter(username=username).select_related("company").first()
            action = "user frozen" if getattr(request, "axes_locked_out", False) else "sign-in failed"
            ledger.record(action, f"user {username}", by=known, now=now, address=sessions.address_of(request))
            form.add_error(None, _why_not(known, form.cleaned_data["password"]))
        elif not user.company.is_active:
            ledger.record("sign-in refused", f"user {username}", by=user, now=now, why="company suspended")
            form.add_error(None, _("Your company's use of the portal is suspended. Please ask the hub operator."))
        else:
            login(request, user)
            return redirect(_with_next(request, "portal:code"))
    return render(
        request,
        "portal/sign_in.html",
        {
            "title": _("Sign in"),
            "form": form,
            "next": _next(request),
            "offers_passkey": passkeys.are_offered(request),
            **_demo_users(),
        },
        status=422 if form.is_bound else 200,
    )


@half_signed_in
@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second factor's code; without a device yet, on to its set-up."""
    user = person(request)
    if user.is_verified():  # type: ignore[attr-defined]
        return redirect(onwards(request))
    if not passkeys.is_enrolled(user):
        return redirect(_with_next(request, "portal:second-factor"))
    form = ProofForm(request.POST) if request.method == "POST" else ProofForm()
    if request.method == "POST" and form.is_valid():
        device, why = _shown(user, form)
        now = timezone.now()
        if device:
            let_in(request, user, device)
            return redirect(onwards(request))
        ledger.record(
            "second factor failed", f"user {user.username}", by=user, now=now, address=sessions.address_of(request)
        )
        form.add_error("code", why)
    return render(
        request,
        "portal/code.html",
        {
            "title": _("Second factor"),
            "form": form,
            "next": _next(request),
            "demo_code": demo.code_of(user) if demo.is_demo() else "",
            "offers_passkey": passkeys.are_offered(request) and passkeys.are_held_by(user),
        },
        status=422 if form.is_bound else 200,
    )


@needs(Ability.ENTER)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def proof(request: HttpRequest) -> HttpResponse:
    """The second factor once more, before an act that could do much harm; then back to it.

    A deed that was under way waits in hidden fields, and the browser takes it along again when the factor is shown.
    """
    user, now = person(request), timezone.now()
    waiting, prefix = _waiting(request), "proof" if sessions.CARRY in request.GET else None
    if prefix and request.FILES:
        messages.warning(request, _("A file was chosen; please choose it again after this."))
        return redirect(reverse("portal:proof") + "?" + urlencode({"next": request.GET.get("next", "/")}))
    is_shown = request.method == "POST" and (not prefix or f"{prefix}-code" in request.POST)
    form = ProofForm(request.POST if is_shown else None, prefix=prefix)
    if is_shown and form.is_valid():
        device, why = _shown(user, form)
        if device:
            sessions.prove_again(request, now=now)
            ledger.record("second factor shown again", f"user {user.username}", by=user, now=now)
            return redirect(onwards(request), preserve_request=bool(waiting and _next(request)))
        ledger.record(
            "second factor failed", f"user {user.username}", by=user, now=now, address=sessions.address_of(request)
        )
        form.add_error("code", why)
    return render(
        request,
        "portal/proof.html",
        {
            "title": _("Please show your second factor again"),
            "form": form,
            "waiting": waiting,
            "next": _next(request),
            "minutes": settings.STEP_UP_MINUTES,
            "demo_code": demo.code_of(user) if demo.is_demo() else "",
            "offers_passkey": passkeys.are_offered(request) and passkeys.are_held_by(user),
        },
        status=422 if form.is_bound else 200,
    )


@public
@never_cache
@sensitive_post_parameters("new", "again")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """The mailed link: set the password, then on to the second factor."""
    form = NewPasswordForm(request.POST) if request.method == "POST" else NewPasswordForm()
    try:
        user = people.invited_by_link(uid, token)
        if request.method == "POST" and form.is_valid():
            user = people.accept_link(uid, token, password=form.cleaned_data["new"], now=timezone.now())
            logout(request)  # whoever was signed in on this browser
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, _("Your password is set."))
            return redirect("portal:code")
    except people.LinkNotGood as refused:
        return render(
            request,
            "portal/invitation_over.html",
            {"title": _("This link is no longer good"), "sentence": str(refused)},
            status=410,
        )
    except people.WeakPassword as refused:
        form.add_error("new", str(refused))
    return render(
        request,
        "portal/invitation.html",
        {
            "title": _("Set your password"),
            "form": form,
            "facts": [(_("Company"), user.company), (_("Name"), user.name), (_("User id"), user.username)],
        },
        status=422 if form.is_bound else 200,
    )


@half_signed_in
@never_cache
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set-up of the authenticator app, for who has no second factor yet or a passkey alone; a passkey does instead."""
    user, now = person(request), timezone.now()
    is_inside = user.is_verified()  # type: ignore[attr-defined]
    if passkeys.is_enrolled(user) and not is_inside:
        return redirect(_with_next(request, "portal:code"))
    if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        return redirect("portal:me")
    if is_inside and not sessions.is_fresh(request, now=now):
        return sessions.to_proof(request)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first() or people.enrol_totp(
        user, confirmed=False, by=user, now=now
    )
    form = CodeForm(request.POST) if request.method == "POST" else CodeForm()
    if request.method == "POST" and form.is_valid():
        proven, why = _verify(user, form.cleaned_data["code"], confirmed=False)
        if proven:
            people.confirm_totp(proven, now=now)
            if not is_inside:
                let_in(request, user, proven)
            messages.success(
                request,
                _(
                    "Your second factor is set up. You will need it at every sign-in. Make recovery codes in your "
                    "profile now, for the day the telephone is lost."
                ),
            )
            return redirect(onwards(request))
        form.add_error("code", why)
    return render(
        request,
        "portal/second_factor.html",
        {
            "title": _("Set up the second factor"),
            "form": form,
            "next": _next(request),
            "key": _in_fours(device),
            "account": f"{settings.OTP_TOTP_ISSUER}: {user.username}",
            "offers_passkey": passkeys.are_offered(request) and not is_inside,
            "longest_name": passkeys.LONGEST_NAME,
        },
        status=422 if form.is_bound else 200,
    )


@half_signed_in
@never_cache
def qr(request: HttpRequest) -> HttpResponse:
    """The unconfirmed device's address as an SVG picture; once it is confirmed the picture is gone."""
    user = person(request)
    if passkeys.is_enrolled(user) and not user.is_verified():  # type: ignore[attr-defined]
        return HttpResponse(status=404)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).select_related("user").first()
    if device is None:
        return HttpResponse(status=404)
    picture = segno.make(device.config_url, error="m").svg_inline(scale=6, border=4, light="#fff")
    picture = picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return HttpResponse(picture, content_type="image/svg+xml")


@half_signed_in
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    user = person(request)
    ledger.record("signed out", f"user {user.username}", by=user, now=timezone.now())
    sessions.forget(request)
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect("portal:sign-in")


@public
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch between Japanese and English; the choice is kept in a cookie."""
    return set_language(request)


def frozen(request: HttpRequest, credentials: dict[str, Any] | None = None, *rest: Any) -> HttpResponse:
    """The answer to an id that too many wrong passwords were given for; called by django-axes."""
    return render(request, "portal/frozen.html", {"title": _("This user id is frozen")}, status=429)


def _shown(user: User, form: ProofForm) -> tuple[TOTPDevice | StaticDevice | None, str]:
    """Try what was entered, a code of the app or a recovery code; else a sentence saying why not."""
    code = form.cleaned_data["code"]
    return _recover(user, code) if form.is_recovery else _verify(user, code, confirmed=True)


def _recover(user: User, code: str) -> tuple[StaticDevice | None, str]:
    """Try a recovery code under a lock: it serves once."""
    with transaction.atomic():
        device = StaticDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None:
            return None, _("There are no recovery codes for this user id. Please ask your company's administrator.")
        if wait := _wait(device):
            return None, wait
        if not device.verify_token(people.recovery_token(user, code)):
            return None, _("This recovery code is not right or has been used; each is good once.")
        device.user = user
        left = people.recovery_codes_left(user)
        ledger.record("recovery code used", f"user {user.username}", by=user, now=timezone.now(), left=left)
    return device, ""


def _wait(device: TOTPDevice | StaticDevice) -> str:
    """How long the device takes no code after wrong ones, as a sentence; "" when it does."""
    allowed, wait = device.verify_is_allowed()
    if allowed or not wait:
        return ""
    seconds = max(1, round((wait["locked_until"] - timezone.now()).total_seconds()))
    return _("Too many wrong codes. Please wait %(seconds)s seconds.") % {"seconds": seconds}


def _verify(user: User, code: str, *, confirmed: bool) -> tuple[TOTPDevice | None, str]:
    """Try the code on the person's device under a lock, so that a code serves once; else a sentence saying why not."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=confirmed).first()
        if device is None:
            if passkeys.are_held_by(user):
                return None, _("No authenticator app is set up. Please use your passkey or a recovery code.")
            return None, _("Your second factor was reset. Please sign in again.")
        if wait := _wait(device):
            return None, wait
        device.user = user
        last = device.last_t
        if device.verify_token(code):
            return device, ""
        if last >= 0 and _was_last(device, code, last):
            device.throttle_reset()
            return None, _("This code has been used already. Please wait for the next one (up to 30 seconds).")
        return None, _("This code is not right. Please enter the one your app shows now, and check the phone's clock.")


def _was_last(device: TOTPDevice, code: str, step: int) -> bool:
    return int(code) == hotp(device.bin_key, step, device.digits)


def let_in(request: HttpRequest, user: User, device: Device) -> None:
    """Mark the session as verified and take it in."""
    now = timezone.now()
    otp_login(request, device)
    sessions.begin(request, user, now=now)
    ledger.record("signed in", f"user {user.username}", by=user, now=now, address=sessions.address_of(request))


def _why_not(known: User | None, password: str) -> str:
    """Only who knows the password learns that the id is suspended; the rest hear nothing about which ids exist.

    One password is hashed whichever way it goes, so that the time the answer takes tells nothing either.
    """
    if known and not known.is_active and not known.left_at:
        if check_password(password, known.password):
            return _("This user id is suspended. Your company's administrator or the hub operator can thaw it.")
    else:
        make_password(password)
    return _("User id or password is wrong. After five wrong passwords the user id is frozen.")


def _waiting(request: HttpRequest) -> list[tuple[str, str]]:
    """What was entered for the deed that waits for the second factor, field by field."""
    if sessions.CARRY not in request.GET:
        return []
    own = {"csrfmiddlewaretoken", "proof-code"}
    entered = [(name, str(value)) for name, values in request.POST.lists() for value in values if name not in own]
    return entered or ([("carried", "1")] if request.method == "POST" else [])


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, when it is a page of this site."""
    wanted = request.GET.get("next") or ""
    if sessions.CARRY not in request.GET:  # where a deed waits, a field of that name is the deed's
        wanted = request.POST.get("next") or wanted
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe and wanted.startswith("/") else ""


def onwards(request: HttpRequest) -> str:
    return _next(request) or reverse("portal:home")


def _with_next(request: HttpRequest, name: str) -> str:
    wanted = _next(request)
    return reverse(name) + ("?" + urlencode({"next": wanted}) if wanted else "")


def _in_fours(device: TOTPDevice) -> list[str]:
    """The key as the apps want it typed: base 32 in groups of four."""
    key = b32encode(device.bin_key).decode().rstrip("=")
    return [key[at : at + 4] for at in range(0, len(key), 4)]


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """In the demo `?as=sora.clerk` fills the user id in, also without script."""
    return {"username": request.GET.get("as", "")} if demo.is_demo() else {}


def _demo_users() -> dict[str, Any]:
    if not demo.is_demo():
        return {}
    users = demo.users()
    return {
        "demo_users": users[:SHOWN_DEMO_USERS],
        "more_demo_users": users[SHOWN_DEMO_USERS:],
        "demo_password": demo.DEMO_PASSWORD,
    }
