"""An API client for the own company's programs in one step; its secret, certificate and key are shown once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from linkage import programs
from linkage.views.common import show_access, the_clock
from portal import api_clients, certificate_files
from portal.access import Ability, needs, person


@require_POST
@needs(Ability.MANAGE_API_CLIENTS)
def registered(request: HttpRequest) -> HttpResponseBase:
    """Register a program with every role of clerks in this market."""
    the_clock()
    try:
        access = programs.register(by=person(request), now=timezone.now())
    except (api_clients.Refused, certificate_files.Refused) as refusal:
        messages.error(request, str(refusal))
        return redirect("linkage:home")
    return show_access(request, access, address=request.build_absolute_uri("/").rstrip("/"))
