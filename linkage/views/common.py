"""What the room's pages share: the clock that only a market has, and the page that shows a program's secret once."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from linkage.models import Clock
from linkage.programs import Access


def the_clock() -> Clock:
    """The clock of the market at hand. Raises Http404 in the lobby."""
    held = Clock.objects.filter(pk=1).first()
    if held is None:
        raise Http404
    return held


def show_access(request: HttpRequest, access: Access, *, address: str) -> HttpResponse:
    """The page that shows what a program signs in by, this once."""
    context = {"title": _("An API client for your programs"), "access": access, "address": address}
    return render(request, "linkage/program.html", context)
