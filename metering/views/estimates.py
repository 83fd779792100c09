"""Estimating half-hours that were not measured: proposal, confirmation, and what was estimated."""

from datetime import date, timedelta
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from metering import charts, estimates
from metering.charts import HalfHours
from metering.estimates import MeterDays, Proposal
from metering.forms_estimates import EstimateForm, field_name, has_hand_fields, shown
from metering.halfhours import NULL, SLOTS, Quality
from metering.models import Estimate, Gap, SupplyPoint
from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import NOTHING, class_mark, jst, kwh, point_number

METHODS = {
    "line": gettext_lazy("line between the neighbours"),
    "reference_days": gettext_lazy("mean of the last days of the same type"),
    "history": gettext_lazy("mean of days of the same type in four weeks"),
    "profile": gettext_lazy("profile of the area"),
    "none": gettext_lazy("nothing could be said"),
}
QUALITIES = {
    "M": gettext_lazy("measured"),
    "I": gettext_lazy("interpolated"),
    "R": gettext_lazy("reference day"),
    "P": gettext_lazy("profile"),
    "A": gettext_lazy("agreed"),
    "E": gettext_lazy("edited"),
    "N": gettext_lazy("missing"),
}
WORD_OF = {quality: QUALITIES[letter] for quality, letter in zip(Quality, "MIRPAEN", strict=True)}


@needs(Ability.HANDLE_GAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def propose(request: HttpRequest, number: str, first: date, last: date) -> HttpResponseBase:
    """What the methods propose for the days; confirmed, it goes in as a correction."""
    user, now = person(request), clock.now()
    point = get_object_or_404(SupplyPoint.objects.visible_to(user).filter(network_operator=user.company), number=number)
    try:
        proposal = estimates.propose(point, first, last, by=user, now=now)
    except estimates.Refused as refused:
        return _page(request, point, first, last, refusal=str(refused), status=422 if request.method == "POST" else 200)
    form = EstimateForm(request.POST if request.method == "POST" else None, proposal=proposal)
    if request.method == "POST" and form.is_valid():
        by_hand = form.by_hand()
        if form.is_valid():
            try:
                estimate = estimates.make(
                    point,
                    first,
                    last,
                    fingerprint=form.cleaned_data["fingerprint"],
                    reason=form.cleaned_data["reason"],
                    by_hand=by_hand,
                    hand_quality=form.cleaned_data.get("hand_quality", Quality.EDITED),
                    gap=_gap(point, first, last),
                    by=user,
                    now=now,
                )
            except estimates.Refused as refused:
                form.add_error(None, str(refused))
            else:
                messages.success(request, _("The estimate is in force and is published as a correction."))
                return redirect("metering:estimate", estimate.pk)
    ledger.record(
        "usage read",
        f"supply point {point.number}",
        by=user,
        now=now,
        purpose="estimate",
        first=first.isoformat(),
        last=last.isoformat(),
    )
    status = 422 if request.method == "POST" else 200
    return _page(request, point, first, last, proposal=proposal, form=form, status=status)


def _gap(point: SupplyPoint, first: date, last: date) -> Gap | None:
    """The gap the days lie in, the newest where there were several."""
    return Gap.objects.filter(point=point, during__startswith__lte=last, during__endswith__gt=first).first()


def _page(
    request: HttpRequest,
    point: SupplyPoint,
    first: date,
    last: date,
    *,
    proposal: Proposal | None = None,
    form: EstimateForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(point.number)),
        (_("From"), jst(first)),
        (_("To"), jst(last)),
    ]
    if proposal:
        facts.append((_("Step of the meter"), f"{proposal.step / 1000:g} kWh"))
    context = {
        "title": _("Estimate usage"),
        "point": point,
        "first": first,
        "last": last,
        "facts": facts,
        "refusal": refusal,
        "form": form,
        "fingerprint": proposal.fingerprint if proposal else "",
        "by_hand": proposal is not None and has_hand_fields(proposal),
        "meters": [_shown(request, proposal, at, each) for at, each in enumerate(proposal.meters)] if proposal else [],
        "gap": _gap(point, first, last),
        "is_complete": proposal is None or proposal.is_complete,
    }
    return render(request, "metering/estimate_new.html", context, status=status)


def _shown(request: HttpRequest, proposal: Proposal, at: int, each: MeterDays) -> dict[str, Any]:
    days = []
    for row, day in enumerate(proposal.days):
        values = [None if wh == NULL else int(wh) for wh in each.filled.values[row].tolist()]
        cells = []
        for slot in range(1, SLOTS + 1):
            name = field_name(at, day, slot)
            proposed = int(each.filled.values[row, slot - 1])
            cells.append(
                {
                    "slot": f"{slot:02}",
                    "time": f"{(slot - 1) // 2:02}:{(slot - 1) % 2 * 30:02}",
                    "name": name,
                    "is_measured": each.values[row, slot - 1] != NULL,
                    "kwh": kwh(None if proposed == NULL else proposed),
                    "entered": request.POST.get(name, shown(proposed)),
                    "quality": WORD_OF[Quality(int(each.filled.quality[row, slot - 1]))],
                }
            )
        if (each.values[row] != each.filled.values[row]).any() or (each.values[row] == NULL).any():
            before = sum(int(wh) for wh in each.values[row].tolist() if wh != NULL)
            days.append(
                {
                    "day": day,
                    "cells": cells,
                    "before": kwh(before),
                    "after": kwh(sum(wh for wh in values if wh is not None)),
                    "chart": charts.day_line(HalfHours(day, values)),
                }
            )
    return {
        "meter": each.meter,
        "days": days,
        "runs": [
            {
                "start": _moment(proposal.days, run.start),
                "stop": _moment(proposal.days, run.stop),
                "slots": run.stop - run.start,
                "method": METHODS[run.method.value],
                "days": ", ".join(day.isoformat() for day in run.days) or NOTHING,
            }
            for run in each.filled.runs
        ],
        "registers": [
            {
                "start": _moment(proposal.days, held.start),
                "stop": _moment(proposal.days, held.stop),
                "kwh": kwh(held.wh),
                "is_held": held in each.filled.held,
            }
            for held in (*each.filled.held, *each.filled.broken)
        ],
    }


def _moment(days: list[date], at: int) -> str:
    day, slot = divmod(at, SLOTS)
    return f"{(days[0] + timedelta(days=day)).isoformat()} {slot // 2:02}:{slot % 2 * 30:02}"


# --- What was estimated -------------------------------------------------------------------------------------------


class EstimateFilter(django_filters.FilterSet):
    point = django_filters.CharFilter(label=gettext_lazy("Supply point number"), method="of_point")

    class Meta:
        model = Estimate
        fields: list[str] = []

    def of_point(self, rows: QuerySet[Estimate], name: str, value: str) -> QuerySet[Estimate]:
        return rows.filter(point__number="".join(value.split()))


COLUMNS = [
    Column(
        "point",
        gettext_lazy("Supply point"),
        value="point.number",
        show=point_number,
        sort="point__number",
        link=lambda estimate: reverse("metering:estimate", args=[estimate.pk]),
    ),
    Column("supply_class", gettext_lazy("Class"), value="point.supply_class", show=class_mark),
    Column("first_day", gettext_lazy("From"), show=jst, sort="first_day"),
    Column("last_day", gettext_lazy("To"), show=jst, sort="last_day"),
    Column("slots", gettext_lazy("Half-hours"), numeric=True, sort="slots"),
    Column("reason", pgettext_lazy("estimate", "Why")),
    Column("made_at", pgettext_lazy("estimate", "Made"), show=jst, sort="made_at"),
]


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def estimate_list(request: HttpRequest) -> HttpResponseBase:
    """Estimates, the newest first."""
    return lists.show(
        request,
        Estimate.objects.visible_to(person(request)).select_related("point"),
        columns=COLUMNS,
        filterset=EstimateFilter,
        title=_("Estimated usage"),
        empty=_("Nothing was estimated. Network operators estimate from a gap in usage."),
    )


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def estimate(request: HttpRequest, pk: int) -> HttpResponse:
    """One estimate: what it rests on, what stood before and what stands now. Looking is kept in the ledger."""
    user = person(request)
    found = get_object_or_404(
        Estimate.objects.visible_to(user).select_related("point__network_operator", "made_by", "gap"), pk=pk
    )
    is_inside = user.company.is_hub_operator or found.point.network_operator_id == user.company_id
    ledger.record(
        "usage read",
        f"supply point {found.point.number}",
        by=user,
        now=clock.now(),
        purpose="estimate",
        estimate=found.pk,
    )
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(found.point.number)),
        (_("Network operator"), found.point.network_operator.name),
        (_("From"), jst(found.first_day)),
        (_("To"), jst(found.last_day)),
        (_("Half-hours"), f"{found.slots:,}"),
        (pgettext("estimate", "Why"), found.reason),
        (pgettext("estimate", "Made"), jst(found.made_at)),
    ]
    if is_inside:
        facts.append((pgettext("estimate", "By"), found.made_by.name))
    mine = _days_of(found, user, is_inside)
    context = {
        "title": _("Estimate"),
        "estimate": found,
        "facts": facts,
        "days": [_day(each) for each in mine],
        "runs": _runs_of(found) if is_inside else [],
        "may_send": user.may(Ability.SEND_USAGE) and is_inside,
    }
    return render(request, "metering/estimate.html", context)


def _days_of(found: Estimate, user: Any, is_inside: bool) -> list[dict[str, Any]]:
    """A retailer sees the days it supplies, no others."""
    if is_inside:
        return found.days
    periods = [
        period.during for period in found.point.supply_periods.filter(retailer=user.company, known_until__isnull=True)
    ]
    return [each for each in found.days if any(date.fromisoformat(each["day"]) in during for during in periods)]


def _day(each: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "time": f"{at // 2:02}:{at % 2 * 30:02}",
            "before": kwh(before),
            "after": kwh(after),
            "quality": QUALITIES[letter],
            "changed": before != after,
        }
        for at, (before, after, letter) in enumerate(zip(each["before"], each["after"], each["quality"], strict=True))
    ]
    day = date.fromisoformat(each["day"])
    return {
        "day": day,
        "meter": each["meter"],
        "rows": rows,
        "chart": charts.day_line(HalfHours(day, each["after"])),
        "kwh": kwh(sum(wh for wh in each["after"] if wh is not None)),
    }


def _runs_of(found: Estimate) -> list[dict[str, Any]]:
    days = [found.first_day]
    return [
        {
            "meter": each["meter"],
            "start": _moment(days, run["start"]),
            "stop": _moment(days, run["stop"]),
            "slots": run["stop"] - run["start"],
            "method": METHODS[run["method"]],
            "days": ", ".join(run["days"]) or NOTHING,
        }
        for each in found.inputs
        for run in each["runs"]
    ]
