"""The statement of accessibility: what the pages promise, what was checked, where to report what bars the way."""

from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal.access import public
from portal.models import Company

EDITION = date(2026, 12, 1)  # the day of the statement; a new one comes with what is checked otherwise


@public
def statement(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "portal/accessibility.html",
        {
            "title": _("Accessibility"),
            "edition": EDITION,
            "operator": Company.objects.filter(is_hub_operator=True).first(),
            "contact": settings.CONTACT_ADDRESS,
        },
    )
