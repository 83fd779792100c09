"""Announcements of the hub operator: what is told to the own company, and making one."""

from typing import Any

import django_filters
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import announcements, lists
from portal.access import Ability, needs, person
from portal.forms_desk import AnnouncementForm
from portal.lists import Column
from portal.models import Announcement
from portal.templatetags.words import jst

ANNOUNCEMENTS = [
    Column("shown_from", gettext_lazy("Shown from"), sort="shown_from"),
    Column("title", gettext_lazy("Title"), value=str, link=lambda told: reverse("portal:announcement", args=[told.pk])),
    Column("market_role", gettext_lazy("For"), value=lambda told: told.get_market_role_display() or _("all companies")),
    Column("area", gettext_lazy("Area"), value=lambda told: told.get_area_display() or _("all areas")),
    Column("shown_until", gettext_lazy("Shown until"), sort="shown_until"),
    Column("withdrawn_at", gettext_lazy("Withdrawn at"), csv_only=True),
]


class AnnouncementFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(label=gettext_lazy("Title"), lookup_expr="icontains")

    class Meta:
        model = Announcement
        fields: list[str] = []


@needs(Ability.ENTER)
def told(request: HttpRequest) -> HttpResponseBase:
    """Every announcement to the own company, also past ones."""
    return lists.show(
        request,
        Announcement.objects.visible_to(person(request), now=timezone.now()),
        columns=ANNOUNCEMENTS,
        filterset=AnnouncementFilter,
        title=_("Announcements"),
        empty=_("The hub operator has announced nothing yet."),
        template="portal/announcements.html",
        context={"may_publish": person(request).may(Ability.PUBLISH)},
        filename="announcements",
    )


def _announcement(request: HttpRequest, pk: int) -> Announcement:
    return get_object_or_404(Announcement.objects.visible_to(person(request), now=timezone.now()), pk=pk)


@needs(Ability.ENTER)
def announcement(request: HttpRequest, pk: int) -> HttpResponse:
    """One announcement in whole."""
    found = _announcement(request, pk)
    context: dict[str, Any] = {
        "title": str(found),
        "announcement": found,
        "may_publish": person(request).may(Ability.PUBLISH),
        "facts": [
            (_("For"), found.get_market_role_display() or _("all companies")),
            (_("Area"), found.get_area_display() or _("all areas")),
            (_("Shown from"), jst(found.shown_from)),
            (_("Shown until"), jst(found.shown_until)),
        ],
    }
    return render(request, "portal/announcement.html", context)


@needs(Ability.PUBLISH)
def new(request: HttpRequest) -> HttpResponse:
    """Make an announcement."""
    now = timezone.now()
    form = AnnouncementForm(request.POST) if request.method == "POST" else AnnouncementForm(initial={"shown_from": now})
    if request.method == "POST" and form.is_valid():
        try:
            made = announcements.publish(**form.cleaned_data, by=person(request), now=now)
        except (announcements.EndsBeforeItBegins, announcements.OverAlready) as refused:
            form.add_error("shown_until", str(refused))
        except announcements.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The announcement is entered."))
            return redirect("portal:announcement", made.pk)
    context = {"title": _("New announcement"), "form": form}
    return render(request, "portal/announcement_new.html", context, status=422 if form.is_bound else 200)


@needs(Ability.PUBLISH)
def withdrawal(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an announcement back, after a page that asks."""
    found = _announcement(request, pk)
    if request.method == "POST":
        try:
            announcements.withdraw(pk, by=person(request), now=timezone.now())
        except announcements.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The announcement is withdrawn."))
        return redirect("portal:announcements")
    context = {
        "title": _("Withdraw the announcement"),
        "facts": [(_("Title"), str(found)), (_("Shown from"), jst(found.shown_from))],
        "action_label": _("Withdraw"),
        "is_danger": True,
        "back_url": reverse("portal:announcement", args=[pk]),
        "back_label": _("Cancel"),
    }
    return render(request, "portal/announcement_deed.html", context)
