"""The life of a sign-in: begun, proven again, timed out, ended here or from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from portal import ledger
from portal.access import View
from portal.models import SignIn, User

BEGAN, SEEN, PROVEN = "signed_in_at", "seen_at", "proven_at"  # seconds since 1970, in the session's own data
NOTED_EVERY = timedelta(minutes=1)
CARRY = "carry"  # in the address of the page that asks for the second factor: a deed waits in what was posted


def begin(request: HttpRequest, user: User, *, now: datetime) -> None:
    """The second factor was proven: take the session in under a new key, with its hours."""
    session = request.session
    session.cycle_key()  # what was known of it before is worth nothing
    session.set_expiry(None)  # as the settings say, not as for a visitor who was asked for a passkey
    session[BEGAN] = session[SEEN] = session[PROVEN] = now.timestamp()
    SignIn.objects.create(
        user=user,
        session_key=str(session.session_key),
        began_at=now,
        seen_at=now,
        address=address_of(request)[:45],
        browser=request.META.get("HTTP_USER_AGENT", "")[:200],
    )


def address_of(request: HttpRequest) -> str:
    """Where the request came from."""
    return request.META.get("REMOTE_ADDR", "")


def prove_again(request: HttpRequest, *, now: datetime) -> None:
    """The second factor was shown once more: dangerous acts are open for a few minutes."""
    request.session[PROVEN] = now.timestamp()


def is_fresh(request: HttpRequest, *, now: datetime) -> bool:
    """True when the second factor was shown within `settings.STEP_UP_MINUTES`."""
    proven = request.session.get(PROVEN)
    return proven is not None and now.timestamp() - proven <= 60 * settings.STEP_UP_MINUTES


def is_over(request: HttpRequest, *, now: datetime) -> bool:
    """True when the session idled too long or is too old; a session without hours is over as well."""
    began, seen, moment = request.session.get(BEGAN), request.session.get(SEEN), now.timestamp()
    if began is None or seen is None:
        return True
    return moment - seen > 60 * settings.SESSION_IDLE_MINUTES or moment - began > 3600 * settings.SESSION_LONGEST_HOURS


def touch(request: HttpRequest, *, now: datetime) -> None:
    """Note that the person is here, once a minute at most; guards of pages go by the same moment."""
    request.moment = now  # type: ignore[attr-defined]
    if now.timestamp() - request.session[SEEN] >= NOTED_EVERY.total_seconds():
        request.session[SEEN] = now.timestamp()
        SignIn.objects.filter(session_key=request.session.session_key).update(seen_at=now)


def own(user: User, *, now: datetime) -> list[SignIn]:
    """The person's sign-ins that still hold, the one used last first."""
    oldest = now - timedelta(minutes=settings.SESSION_IDLE_MINUTES) - NOTED_EVERY
    alive = Session.objects.values("session_key")
    return list(SignIn.objects.filter(user=user, seen_at__gte=oldest, session_key__in=alive))


def end(user: User, *, sign_ins: list[int], by: User, now: datetime) -> int:
    """End these sign-ins of the person from elsewhere; returns how many there were."""
    with transaction.atomic():
        chosen = list(SignIn.objects.select_for_update().filter(user=user, pk__in=sign_ins))
        _drop([row.session_key for row in chosen])
        if chosen:
            ledger.record("signed out elsewhere", f"user {user.username}", by=by, now=now, count=len(chosen))
    return len(chosen)


def end_all(user: User, *, but: str | None = None) -> int:
    """End every sign-in of the person (except the session with the key `but`), in the caller's transaction."""
    rows = SignIn.objects.filter(user=user)
    keys = list((rows.exclude(session_key=but) if but else rows).values_list("session_key", flat=True))
    _drop(keys)
    return len(keys)


@contextmanager
def renamed(request: HttpRequest) -> Iterator[None]:
    """Around what gives the session a new key: its row follows."""
    before = request.session.session_key
    yield
    SignIn.objects.filter(session_key=before).update(session_key=request.session.session_key)


def browser_words(sign_in: SignIn) -> str:
    """What the browser says of itself, in short: "Firefox, Windows"."""
    text = sign_in.browser
    browsers = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
    systems = (
        *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
        *(("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")),
    )
    found = [next((word for mark, word in marks if mark in text), "") for marks in (browsers, systems)]
    return ", ".join(filter(None, found)) or text[:40]


def forget(request: HttpRequest) -> None:
    """The session is about to end by itself: take its row out."""
    if request.session.session_key:
        SignIn.objects.filter(session_key=request.session.session_key).delete()


def sweep(*, now: datetime) -> int:
    """Take out what is over; returns how many sign-ins were dropped."""
    Session.objects.filter(expire_date__lt=now).delete()
    oldest_seen = now - timedelta(minutes=settings.SESSION_IDLE_MINUTES) - NOTED_EVERY
    oldest_begun = now - timedelta(hours=settings.SESSION_LONGEST_HOURS)
    over = SignIn.objects.filter(seen_at__lt=oldest_seen) | SignIn.objects.filter(began_at__lt=oldest_begun)
    keys = list(over.values_list("session_key", flat=True))
    _drop(keys)
    return len(keys)


def freshly_proven(view: View) -> View:
    """Open a dangerous page only to who showed the second factor minutes ago; others show it and come back here.

    Stands inside `access.needs`: `@needs(…)` above, `@freshly_proven` below it.
    """
    return _guarded(view, methods=None)


def deed_freshly_proven(view: View) -> View:
    """As `freshly_proven` for a page that everybody with the ability may look at: only what it does is dangerous."""
    return _guarded(view, methods=frozenset({"POST"}))


def to_proof(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that asks for the second factor again, and back here.

    A deed goes along with all that was entered (307): it is done when the factor is shown (`views.sign_in.proof`).
    """
    wanted = {"next": request.get_full_path()}
    is_deed = request.method == "POST" and bool(request.POST)
    if is_deed:
        wanted[CARRY] = "1"
    return HttpResponseRedirect(reverse("portal:proof") + "?" + urlencode(wanted), preserve_request=is_deed)


def _guarded(view: View, *, methods: frozenset[str] | None) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_open = methods is not None and request.method not in methods
        if is_open or is_fresh(request, now=request.moment):  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)
        return to_proof(request)

    guarded.is_dangerous = True  # type: ignore[attr-defined]
    return guarded


def _drop(keys: list[str]) -> None:
    Session.objects.filter(session_key__in=keys).delete()
    SignIn.objects.filter(session_key__in=keys).delete()
