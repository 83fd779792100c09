"""The own sign-ins and recovery codes."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal import people, sessions
from portal.access import Ability, needs, person
from portal.sessions import freshly_proven


@needs(Ability.ENTER)
@require_http_methods(["GET", "POST"])
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Where I am signed in; one sign-in or all the others end at a button."""
    user, rows = person(request), sessions.own(person(request), now=timezone.now())
    here = request.session.session_key
    if request.method == "POST":
        others = [row.pk for row in rows if row.session_key != here]
        wanted = request.POST.get("end", "")
        chosen = others if wanted == "others" else [pk for pk in others if str(pk) == wanted]
        if not chosen and wanted != "others":
            raise Http404
        count = sessions.end(user, sign_ins=chosen, by=user, now=timezone.now())
        messages.success(
            request, ngettext("%(count)s sign-in ended.", "%(count)s sign-ins ended.", count) % {"count": count}
        )
        return redirect("portal:sign-ins")
    return render(
        request,
        "portal/sign_ins.html",
        {
            "title": _("Where I am signed in"),
            "sign_ins": [(row, sessions.browser_words(row), row.session_key == here) for row in rows],
            "has_others": any(row.session_key != here for row in rows),
        },
    )


@needs(Ability.ENTER)
@freshly_proven
@never_cache
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown this once."""
    user = person(request)
    codes = people.make_recovery_codes(user, by=user, now=timezone.now()) if request.method == "POST" else []
    return render(
        request,
        "portal/recovery_codes.html",
        {
            "title": _("Recovery codes"),
            "codes": codes,
            "left": people.recovery_codes_left(user),
            "back_url": reverse("portal:me"),
        },
    )
