"""Every page closed by default: who is not signed in twice over is sent to do so, what is not marked is not served."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from portal import sessions, tracing

log = logging.getLogger(__name__)


def is_workbench(view: Callable[..., Any]) -> bool:
    """True for the views of Django's admin, which ask `Workbench.has_permission` themselves."""
    return hasattr(view, "admin_site") or hasattr(view, "model_admin")


def is_endpoint(view: Callable[..., Any]) -> bool:
    """True for endpoints of the API, which ask certificate, token and ability themselves (portal.api.endpoint)."""
    return getattr(view, "is_endpoint", False)


def is_marked(view: Callable[..., Any]) -> bool:
    """True when the view says who may open it (portal.access) or belongs to the operator's workbench."""
    return (
        getattr(view, "ability", None) is not None
        or getattr(view, "certificate_ability", None) is not None
        or getattr(view, "is_public", False)
        or getattr(view, "is_half_open", False)
        or is_endpoint(view)
        or is_workbench(view)
    )


class ClosedByDefault:
    """Order of questions: marked? public? signed in? still active? second factor? and, for the workbench, hub staff?"""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.session.accessed and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"  # a shared desk's back button must not show a customer's case
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if not is_marked(view):
            log.error(
                "the view %s.%s says not who may open it; it is not served",
                view.__module__,
                view.__qualname__,
            )
            raise Http404
        if getattr(view, "is_public", False) or is_endpoint(view):
            return None
        if getattr(view, "certificate_ability", None) is not None:
            return None  # asked for its certificate next (portal.certificate_gate)
        user = request.user
        if not user.is_authenticated:
            return to_sign_in(request)
        if user.is_machine:  # no way of signing in leads here; should one ever, it ends here
            logout(request)
            return to_sign_in(request)
        if not user.company.is_active:
            logout(request)
            messages.error(request, _("Your company's use of the portal is suspended. Please ask the hub operator."))
            return to_sign_in(request)
        if not user.is_verified():  # type: ignore[attr-defined]
            return None if getattr(view, "is_half_open", False) else to_second_factor(request)
        now = timezone.now()
        if sessions.is_over(request, now=now):
            sessions.forget(request)
            logout(request)
            messages.info(request, _("You were signed out because nothing happened for a while. Please sign in again."))
            return to_sign_in(request)
        sessions.touch(request, now=now)
        tracing.seen_by(request)
        if is_workbench(view) and not user.is_staff:
            raise Http404
        return None


def to_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """To the sign-in page and back here afterwards."""
    return _and_back(request, "portal:sign-in")


def to_second_factor(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that asks for the second factor and back here afterwards."""
    return _and_back(request, "portal:code")


def _and_back(request: HttpRequest, name: str) -> HttpResponseRedirect:
    here = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    return HttpResponseRedirect(reverse(name) + ("?" + urlencode({"next": here}) if here != "/" else ""))
