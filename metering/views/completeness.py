"""How complete usage is: the board of counted days, and the gaps that are followed up."""

from datetime import date, timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from metering import fixed_completeness, gaps, holds
from metering.models import DayCount, Gap, Layer, SupplyPoint
from portal import clock, lists
from portal.access import Ability, Role, needs, person
from portal.fields import DayField
from portal.filters import DayFilter
from portal.lists import Column
from portal.market import Area, MarketRole, SupplyClass
from portal.models import User
from portal.templatetags.words import NOTHING, badge, class_mark, jst, point_number
from portal.workdays import jst_date

SHOWN_DAYS = 14
SHOWN_READING_DAYS = 45
FIGURES = (
    "due",
    "on_time",
    "late_day",
    "late_days",
    "late_week",
    "late_more",
    "refused",
    "not_sent",
    "held",
    "unsupplied",
)
GROUPS = {
    "day": gettext_lazy("day"),
    "retailer": gettext_lazy("retailer"),
    "network_operator": gettext_lazy("network operator"),
    "area": gettext_lazy("area"),
    "supply_class": gettext_lazy("class of supply"),
}
TONES = {
    Gap.State.OPEN: "waiting",
    Gap.State.ARRIVED: "done",
    Gap.State.NOT_DUE: "stopped",
    Gap.State.GIVEN_UP: "refused",
}


class BoardFilter(django_filters.FilterSet):
    layer = django_filters.ChoiceFilter(
        label=gettext_lazy("What"),
        choices=[("D", gettext_lazy("half-hourly days")), ("F", gettext_lazy("fixed months"))],
        method="grouped",
        empty_label=None,
    )
    by = django_filters.ChoiceFilter(
        label=gettext_lazy("A line per"), choices=list(GROUPS.items()), method="grouped", empty_label=None
    )
    first = DayFilter(label=gettext_lazy("From"), field_name="day", lookup_expr="gte")
    last = DayFilter(label=gettext_lazy("To"), field_name="day", lookup_expr="lte")
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class"), choices=SupplyClass.choices)

    class Meta:
        model = DayCount
        fields: list[str] = []

    def grouped(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows  # the view groups before it filters


def _share(row: dict[str, Any]) -> str:
    return f"{100 * row['on_time'] / row['due']:.1f}" if row["due"] else ""


def _head(by: str, layer: str) -> Column:
    """The column that says what a line is about."""
    if by == "day" and layer == Layer.FIXED:
        return Column(
            "day",
            gettext_lazy("Reading day"),
            value=lambda row: row["day"],
            show=jst,
            link=lambda row: reverse("metering:months-missing", args=[row["day"]]),
        )
    if by == "day":
        return Column("day", gettext_lazy("Day"), value=lambda row: row["day"], show=jst)
    if by == "supply_class":
        return Column("supply_class", gettext_lazy("Class"), value=lambda row: row["supply_class"], show=class_mark)
    if by == "area":
        return Column("area", gettext_lazy("Area"), value=lambda row: Area(row["area"]).label)
    label = gettext_lazy("Retailer") if by == "retailer" else gettext_lazy("Network operator")
    return Column(by, label, value=lambda row: row["name"] or _("nobody"))


def _columns(by: str, layer: str) -> list[Column]:
    words = {name: DayCount._meta.get_field(name).verbose_name for name in FIGURES}  # type: ignore[union-attr]

    def figure(name: str) -> Column:
        return Column(name, words[name], value=lambda row: row[name], numeric=True)

    return [
        _head(by, layer),
        figure("due"),
        figure("on_time"),
        Column("share", gettext_lazy("% on time"), value=_share, numeric=True),
        *(figure(name) for name in FIGURES[2:]),
    ]


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def board(request: HttpRequest) -> HttpResponseBase:
    """Due, on time, late by age, missing by cause, of days or fixed months; a line per day, retailer or area."""
    now, user = clock.now(), person(request)
    by = request.GET.get("by", "day")
    by = by if by in GROUPS else "day"
    layer = Layer.FIXED if request.GET.get("layer") == Layer.FIXED else Layer.DAILY
    shown_days = SHOWN_READING_DAYS if layer == Layer.FIXED else SHOWN_DAYS
    rows = DayCount.objects.visible_to(user).filter(layer=layer)
    if not request.GET.get("first") and not request.GET.get("last"):
        rows = rows.filter(day__gte=jst_date(now) - timedelta(days=shown_days))
    named = by in ("retailer", "network_operator")
    grouped = (rows.values(by, name=F(f"{by}__name")) if named else rows.values(by)).annotate(
        **{name: Sum(name) for name in FIGURES}
    )
    held = holds.lasting(now) if user.company.is_hub_operator else holds.lasting(now).none()
    return lists.show(
        request,
        grouped.order_by("-day" if by == "day" else "name" if named else by),
        columns=_columns(by, layer),
        filterset=BoardFilter,
        title=_("Completeness of usage"),
        empty=_("Nothing is counted yet. A reading day is counted when its four business days are over.")
        if layer == Layer.FIXED
        else _("Nothing is counted yet. A day is counted soon after 06:00 of the next day."),
        template="metering/completeness.html",
        context={
            "held_days": held,
            "open_gaps": Gap.objects.visible_to(user).filter(state=Gap.State.OPEN).count(),
            "shown_days": shown_days,
            "is_fixed": layer == Layer.FIXED,
            "may_administer": user.may(Ability.ADMINISTER),
        },
    )


MISSING_COLUMNS = [
    Column("number", gettext_lazy("Supply point"), show=point_number, sort="number"),
    Column("supply_class", gettext_lazy("Class"), show=class_mark, sort="supply_class"),
    Column("area", gettext_lazy("Area"), value=lambda point: point.get_area_display(), sort="area"),
    Column(
        "network_operator",
        gettext_lazy("Network operator"),
        value="network_operator.name",
        sort="network_operator__name",
    ),
    Column("reading_day", gettext_lazy("Reading day group"), sort="reading_day", numeric=True),
]


class MissingFilter(django_filters.FilterSet):
    number = django_filters.CharFilter(label=gettext_lazy("Supply point"))
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class"), choices=SupplyClass.choices)

    class Meta:
        model = SupplyPoint
        fields: list[str] = []


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def months_missing(request: HttpRequest, day: date) -> HttpResponseBase:
    """Points whose fixed month of a reading day was due and has not come."""
    return lists.show(
        request,
        fixed_completeness.missing_visible_to(person(request), day).select_related("network_operator"),
        columns=MISSING_COLUMNS,
        filterset=MissingFilter,
        title=_("Months not delivered, read on %(day)s") % {"day": jst(day)},
        empty=_("No month is missing: of every point that was due a fixed month came, or nothing was due."),
    )


# --- Gaps ---------------------------------------------------------------------------------------------------------


class GapFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=Gap.State.choices)
    point = django_filters.CharFilter(label=gettext_lazy("Supply point"), field_name="point__number")
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), field_name="point__area", choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(
        label=gettext_lazy("Class"), field_name="point__supply_class", choices=SupplyClass.choices
    )
    only = django_filters.ChoiceFilter(
        label=gettext_lazy("Only"),
        choices=[("mine", gettext_lazy("assigned to me")), ("todo", gettext_lazy("to be followed up"))],
        method="only_some",
    )

    class Meta:
        model = Gap
        fields: list[str] = []

    def only_some(self, rows: QuerySet[Gap], name: str, value: str) -> QuerySet[Gap]:
        user = person(self.request)
        if value == "mine":
            return rows.filter(assigned_to=user, state=Gap.State.OPEN)
        return rows.filter(pk__in=gaps.to_follow_up(user, today=jst_date(clock.now())).values("pk"))


def _last_day(gap: Gap) -> date:
    return gap.during.upper - timedelta(days=1)


def _days(gap: Gap) -> int:
    return (gap.during.upper - gap.during.lower).days


def _state(gap: Gap) -> Any:
    return badge(gap.get_state_display(), TONES[Gap.State(gap.state)])


GAP_COLUMNS = [
    Column(
        "point",
        gettext_lazy("Supply point"),
        value="point.number",
        show=point_number,
        sort="point__number",
        link=lambda gap: reverse("metering:gap", args=[gap.pk]),
    ),
    Column("supply_class", gettext_lazy("Class"), value="point.supply_class", show=class_mark),
    Column("area", gettext_lazy("Area"), value=lambda gap: gap.point.get_area_display(), sort="point__area"),
    Column("first", gettext_lazy("From"), value="during.lower", show=jst, sort="during"),
    Column("last", gettext_lazy("To"), value=_last_day, show=jst),
    Column("days", gettext_lazy("Days"), value=_days, numeric=True),
    Column("state", gettext_lazy("State"), value=lambda gap: gap.get_state_display(), draw=_state, sort="state"),
    Column("opened_at", pgettext_lazy("gap", "Opened"), show=jst, sort="opened_at"),
    Column("closed_at", pgettext_lazy("gap", "Closed"), csv_only=True),
]
INSIDE_COLUMNS = [
    Column(
        "assigned_to", pgettext_lazy("gap", "Assigned to"), value=lambda gap: gap.assigned_to and gap.assigned_to.name
    ),
    Column("follow_up_on", gettext_lazy("Look again on"), show=jst, sort="follow_up_on"),
    Column("note", pgettext_lazy("gap", "Note"), csv_only=True),
]


def _is_inside(user: User) -> bool:
    """Whether the person's company follows gaps up itself: a retailer does not read the operator's notes."""
    return user.company.is_hub_operator or MarketRole.NETWORK_OPERATOR in user.company.market_roles


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def gap_list(request: HttpRequest) -> HttpResponseBase:
    """Days of points that are missing, the newest gap first."""
    user = person(request)
    return lists.show(
        request,
        Gap.objects.visible_to(user).select_related("point", "assigned_to"),
        columns=[*GAP_COLUMNS, *(INSIDE_COLUMNS if _is_inside(user) else [])],
        filterset=GapFilter,
        title=_("Gaps in usage"),
        empty=_("No gap. One opens when a day of a point is still missing a day after it was due."),
    )


class FollowUpForm(forms.Form):
    assigned_to = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        label=pgettext_lazy("gap", "Assigned to"),
        empty_label=gettext_lazy("nobody yet"),
    )
    follow_up_on = DayField(
        label=gettext_lazy("Look again on"),
        required=False,
        help_text=gettext_lazy("The gap stands in the inbox again from this day on."),
    )
    note = forms.CharField(
        label=pgettext_lazy("gap", "Note"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For your own company and the hub. No customer's name."),
    )


class GiveUpForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why no values will come"),
        max_length=500,
        help_text=gettext_lazy("The retailer reads it, for example: meter burnt on 3 April, register lost."),
        error_messages={"required": gaps.WordsMissing.sentence},
    )


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def gap(request: HttpRequest, pk: int) -> HttpResponse:
    """One gap: which days, since when, who has it in hand."""
    return _gap_page(request, _visible(request, pk))


@needs(Ability.HANDLE_GAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def gap_follow_up(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give the gap to somebody, with a day and a note."""
    found, user = _own(request, pk), person(request)
    if request.method != "POST":
        return redirect("metering:gap", pk)
    form = _follow_up_form(found, request.POST)
    if form.is_valid():
        try:
            gaps.follow_up(found.pk, **form.cleaned_data, by=user, now=clock.now())
        except gaps.Refused as refused:
            form.add_error(None, str(refused.sentence))
        else:
            messages.success(request, _("The gap is noted as in hand."))
            return redirect("metering:gap", pk)
    return _gap_page(request, found, follow_up=form)


@needs(Ability.HANDLE_GAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def gap_give_up(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Declare that no values will come."""
    found, user = _own(request, pk), person(request)
    if request.method != "POST":
        return redirect("metering:gap", pk)
    form = GiveUpForm(request.POST)
    if form.is_valid():
        try:
            gaps.give_up(found.pk, reason=form.cleaned_data["reason"], by=user, now=clock.now())
        except gaps.Refused as refused:
            form.add_error(None, str(refused.sentence))
        else:
            messages.success(request, _("The gap is closed; the retailer sees why no values come."))
            return redirect("metering:gap", pk)
    return _gap_page(request, found, give_up=form)


def _visible(request: HttpRequest, pk: int) -> Gap:
    rows = Gap.objects.visible_to(person(request)).select_related("point__network_operator", "assigned_to")
    return get_object_or_404(rows, pk=pk)


def _own(request: HttpRequest, pk: int) -> Gap:
    rows = Gap.objects.visible_to(person(request)).filter(point__network_operator=person(request).company)
    return get_object_or_404(rows.select_related("point__network_operator", "assigned_to"), pk=pk)


def _follow_up_form(found: Gap, data: Any = None) -> FollowUpForm:
    form = FollowUpForm(
        data,
        initial={"assigned_to": found.assigned_to, "follow_up_on": found.follow_up_on, "note": found.note},
    )
    form.fields["assigned_to"].queryset = gaps.colleagues(found)  # type: ignore[attr-defined]
    form.fields["assigned_to"].label_from_instance = lambda user: f"{user.name} ({user.username})"  # type: ignore[attr-defined]
    return form


def _gap_page(
    request: HttpRequest, found: Gap, *, follow_up: forms.Form | None = None, give_up: forms.Form | None = None
) -> HttpResponse:
    user = person(request)
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(found.point.number)),
        (_("Network operator"), found.point.network_operator.name),
        (_("Area"), found.point.get_area_display()),
        (_("From"), jst(found.during.lower)),
        (_("To"), jst(_last_day(found))),
        (_("Days"), f"{_days(found):,}"),
        (pgettext("gap", "Opened"), jst(found.opened_at)),
    ]
    if found.closed_at:
        facts.append((pgettext("gap", "Closed"), jst(found.closed_at)))
    if _is_inside(user):
        facts += [
            (pgettext("gap", "Assigned to"), found.assigned_to.name if found.assigned_to else NOTHING),
            (_("Look again on"), jst(found.follow_up_on)),
        ]
    if found.note and (_is_inside(user) or found.state == Gap.State.GIVEN_UP):
        facts.append((pgettext("gap", "Note"), found.note))
    mine = (
        found.state == Gap.State.OPEN
        and found.point.network_operator_id == user.company_id
        and Role.USAGE in user.roles
        and user.may(Ability.HANDLE_GAPS)
    )
    bad = (follow_up is not None and follow_up.errors) or (give_up is not None and give_up.errors)
    refusals = [] if mine else [str(e) for form in (follow_up, give_up) if form for e in form.non_field_errors()]
    return render(
        request,
        "metering/gap.html",
        {
            "title": _("Gap in usage"),
            "gap": found,
            "gap_last": _last_day(found),
            "state_badge": _state(found),
            "facts": facts,
            "follow_up": (follow_up or _follow_up_form(found)) if mine else None,
            "give_up": (give_up or GiveUpForm()) if mine else None,
            "refusals": refusals,
        },
        status=422 if bad else 200,
    )
