"""What every page's frame shows: environment, company, menu."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal import navigation
from portal.gatekeeper import hours_of

ENVIRONMENT_WORDS = {
    "production": _("Production"),
    "demo": _("Demo – invented data"),
    "test": _("Linkage test"),
    "linkage_test": _("Linkage test – invented data"),
}


def furniture(request: HttpRequest) -> dict[str, Any]:
    """Environment always; company and menu once the person is signed in with the second factor."""
    frame: dict[str, Any] = {
        "environment": settings.ENVIRONMENT,
        "environment_words": ENVIRONMENT_WORDS[settings.ENVIRONMENT],
        "languages": settings.LANGUAGES,
        "maintenance": lambda: hours_of(request).announced,
    }
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        frame["is_inside"] = user.is_verified()
        if frame["is_inside"]:
            frame["menu"] = navigation.shown_to(user, request)
    return frame
