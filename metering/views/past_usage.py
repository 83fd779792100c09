"""Pages of a usage inquiry: entering the code, thirteen months as pictures and tables, the half-hours as CSV."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from metering import charts, usage_inquiries
from metering.charts import HalfHours, Month
from metering.forms_access import CodeForm
from metering.inquiries import Refused
from metering.models import UsageAccessRequest, UsageInquiry
from metering.views.handing_out import usage_as_csv
from portal import clock
from portal.access import Ability, needs, person
from portal.workdays import ONE_DAY


@needs(Ability.INQUIRE)
def enter(request: HttpRequest) -> HttpResponse:
    """Open a point's past usage with its code."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            inquiry = usage_inquiries.enter(**form.cleaned_data, by=person(request), now=clock.now())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return redirect("metering:usage-inquiry", inquiry.pk)
    return render(
        request,
        "metering/usage_inquiry_new.html",
        {"title": _("Open past usage"), "form": form, "action_label": _("Open past usage")},
        status=422 if form.errors else 200,
    )


@needs(Ability.INQUIRE)
def usage(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Thirteen months: bars, a heat map of all half-hours, one day as a line; each also as a table, fit to print."""
    found = _own(request, pk)
    try:
        past = usage_inquiries.read(found, by=person(request), now=clock.now())
    except Refused as refusal:
        return _closed(request, found, refusal)
    day = past.day(_wanted(request))
    first, last = past.window.first, past.window.last
    return render(
        request,
        "metering/usage_inquiry.html",
        {
            "title": _("Past usage"),
            "inquiry": found,
            "asked": found.request,
            "window": past.window,
            "has_values": any(row.wh is not None for row in past.months),
            "months": list(reversed(past.months)),
            "month_chart": charts.month_bars([Month(row.month, row.wh) for row in past.months]),
            "days": list(reversed(past.days)),
            "heat_map": charts.carpet([HalfHours(row.day, row.values) for row in past.days]),
            "day": day,
            "day_line": charts.day_line(HalfHours(day.day, day.values)) if day else "",
            "slots": usage_inquiries.slots(day) if day else [],
            "before": day and day.day > first and day.day - ONE_DAY,
            "after": day and day.day < last and day.day + ONE_DAY,
        },
    )


@needs(Ability.INQUIRE)
def as_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every half-hour of the window, streamed."""
    found = _own(request, pk)
    try:
        past = usage_inquiries.read(found, by=person(request), now=clock.now(), way="csv")
    except Refused as refusal:
        return _closed(request, found, refusal)
    return usage_as_csv(past, found.request.point.number)


def _own(request: HttpRequest, pk: int) -> UsageInquiry:
    user = person(request)
    rows = UsageInquiry.objects.filter(request__in=UsageAccessRequest.objects.visible_to(user))
    return get_object_or_404(rows.select_related("request__point", "request__consent", "by"), pk=pk)


def _closed(request: HttpRequest, inquiry: UsageInquiry, refusal: Refused) -> HttpResponse:
    messages.error(request, str(refusal))
    return redirect("metering:access-request", inquiry.request_id)


def _wanted(request: HttpRequest) -> date | None:
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None
