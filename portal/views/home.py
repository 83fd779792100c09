"""The first page: what waits for me, until when, what is new."""

from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal import clock, inbox, quotas
from portal.access import Ability, needs, person
from portal.models import Announcement, Company, Notice
from portal.notices import Told, told
from portal.workdays import jst_date

NEWEST = 10


@needs(Ability.ENTER)
def home(request: HttpRequest) -> HttpResponse:
    """The inbox, sorted by deadline, and the newest notices that concern this person."""
    now = clock.now()
    notices: list[Told] = told(Notice.objects.visible_to(person(request))[:NEWEST], language=get_language() or "ja")
    return render(
        request,
        "portal/home.html",
        {
            "title": _("What waits for me"),
            "tasks": inbox.tasks_of(person(request), now=now),
            "notices": notices,
            "announcements": Announcement.objects.visible_to(person(request), now=now).current(now=now)[:NEWEST],
            "quotas": quotas.standing(person(request).company, now=now),
            "begins_on": _ahead(person(request).company, now),
            "may_see_queue": person(request).may(Ability.SEE_QUEUE),
            "now": now,
        },
    )


def _ahead(company: Company, now: datetime) -> date | None:
    """The company's start of use while it lies ahead."""
    return company.starts_on if company.starts_on and company.starts_on > jst_date(now) else None
