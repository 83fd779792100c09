"""The feed of events as people see it, its daily statements, and what is not delivered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import django_filters
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from portal import back_pressure, delivery, events, lists
from portal.access import Ability, needs, person
from portal.forms_webhooks import PositionForm
from portal.lists import Column
from portal.market import Area
from portal.models import Cause, Company, DeliveryAlarm, Event, EventStatement, Topic
from portal.templatetags.words import class_mark

AGE_LABELS = {
    "hour": gettext_lazy("under an hour"),
    "day": gettext_lazy("under a day"),
    "week": gettext_lazy("under a week"),
    "older": gettext_lazy("a week and more"),
}


class EventFilter(django_filters.FilterSet):
    topic = django_filters.ChoiceFilter(label=gettext_lazy("Topic"), choices=Topic.choices)
    cause = django_filters.ChoiceFilter(label=gettext_lazy("Cause"), choices=Cause.choices)
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    subject = django_filters.CharFilter(label=gettext_lazy("About"), lookup_expr="icontains")
    after = django_filters.NumberFilter(label=gettext_lazy("After number"), field_name="number", lookup_expr="gt")

    class Meta:
        model = Event
        fields: list[str] = []


COLUMNS = [
    Column("number", gettext_lazy("No."), value=lambda one: str(one.number), sort="number", numeric=True),
    Column("at", gettext_lazy("At"), sort="at"),
    Column("kind", gettext_lazy("Kind"), sort="kind"),
    Column("cause", gettext_lazy("Cause"), value=lambda one: one.get_cause_display()),
    Column("subject", gettext_lazy("About"), sort="subject", link=lambda one: one.page),
    Column("supply_class", gettext_lazy("Class of supply"), show=class_mark),
    Column("area", gettext_lazy("Area"), value=lambda one: one.get_area_display()),
    Column("topic", gettext_lazy("Topic"), csv_only=True),
    Column("resource", gettext_lazy("Resource"), csv_only=True),
]


@needs(Ability.READ_EVENTS)
def feed(request: HttpRequest) -> HttpResponseBase:
    """The own company's events, as far as they concern this person, the newest first."""
    return _feed(request, PositionForm())


def _feed(request: HttpRequest, form: PositionForm) -> HttpResponseBase:
    user = person(request)
    return lists.show(
        request,
        Event.objects.visible_to(user).concerning(user).order_by("-number"),
        columns=COLUMNS,
        filterset=EventFilter,
        title=_("Feed of events"),
        empty=_("No event yet. The hub writes one here whenever something happens in a case of your company."),
        template="portal/events.html",
        context={"stands": events.standing(user.company), "form": form},
        filename="events",
    )


@needs(Ability.READ_EVENTS)
@require_POST
def acknowledgement(request: HttpRequest) -> HttpResponseBase:
    """Say by hand up to where the company's systems hold the feed."""
    form = PositionForm(request.POST)
    if form.is_valid():
        try:
            events.acknowledge(form.cleaned_data["number"], by=person(request), now=timezone.now())
        except events.Refused as refused:
            form.add_error("number", str(refused))
        else:
            messages.success(request, _("The position is kept."))
            return redirect("portal:events")
    answer = _feed(request, form)
    answer.status_code = 422
    return answer


STATEMENTS = [
    Column("day", gettext_lazy("Day"), sort="day"),
    Column("first", gettext_lazy("First number"), value=lambda one: str(one.first), numeric=True),
    Column("last", gettext_lazy("Last number"), value=lambda one: str(one.last), numeric=True),
    Column("count", gettext_lazy("Events"), numeric=True, sort="count"),
    Column("hash", gettext_lazy("Hash")),
    Column("previous", gettext_lazy("Hash of the statement before"), csv_only=True),
    Column("signature", gettext_lazy("Signature"), csv_only=True),
    Column("public_key", gettext_lazy("Public key"), csv_only=True),
]


@needs(Ability.READ_EVENTS)
def statements(request: HttpRequest) -> HttpResponseBase:
    """The daily statements of the own company's events."""
    return lists.show(
        request,
        EventStatement.objects.visible_to(person(request)),
        columns=STATEMENTS,
        title=_("Daily statements of events"),
        empty=_("No statement yet. One is written for each day with an event, shortly after midnight."),
        filename="event-statements",
    )


@dataclass(frozen=True)
class Line:
    """One company's row on the page of what is not acknowledged."""

    company: Company
    cells: list[str]
    since: datetime | None
    acknowledged_at: datetime | None
    has_webhook: bool


@needs(Ability.READ_EVENTS)
def undelivered(request: HttpRequest) -> HttpResponse:
    """What is not out or not acknowledged: of the own company; for the hub's people, of every company."""
    user, now = person(request), timezone.now()
    company = None if user.may(Ability.WATCH_DELIVERY) else user.company
    waiting, unread = delivery.waiting(company=company), delivery.unread(company=company)
    alarms = DeliveryAlarm.objects.filter(ended_at=None).select_related("company")
    if company:
        alarms = alarms.filter(company=company)
    known = Company.objects.in_bulk(
        {one.company_id for one in waiting if one.company_id} | {one.company_id for one in unread}
    )
    channels = dict(DeliveryAlarm.Channel.choices)
    context: dict[str, Any] = {
        "title": _("What is not delivered"),
        "alarms": alarms,
        "waiting": [
            {
                "company": known.get(one.company_id or 0),
                "label": channels[one.channel],
                "count": one.count,
                "since": one.since,
            }
            for one in waiting
        ],
        "ages": [AGE_LABELS[name] for name, _limit in delivery.AGES],
        "unread": [
            Line(
                known[one.company_id],
                [f"{one.count:,}" if one.stage(now) == name else "" for name, _limit in delivery.AGES],
                one.since,
                one.acknowledged_at,
                one.has_webhook,
            )
            for one in unread
            if one.count
        ],
        "limits": back_pressure.in_words(),
    }
    return render(request, "portal/delivery.html", context)
