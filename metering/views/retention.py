"""What of usage is no longer kept: the months that go with the next run, and what keeps others."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from metering import partitions, retention
from portal import clock
from portal.access import Ability, needs


@needs(Ability.SEE_RETENTION)
@require_GET
def months(request: HttpRequest) -> HttpResponse:
    """Month by month: readings and files there still, and why they stay."""
    now = clock.now()
    there = partitions.months()
    return render(
        request,
        "metering/retention.html",
        {
            "title": _("Retention of usage"),
            "kept_from": retention.kept_from(now),
            "due": retention.due(now=now),
            "kept": [(month, partitions.size_of(name)) for month, name in sorted(there.items(), reverse=True)],
        },
    )
