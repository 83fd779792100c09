"""Pages of work at meters: the list, planning for an application or a point, the report, calling it off."""

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering import meters
from metering.models import SupplyPoint
from metering.points import WrongNumber, normalise_number
from portal import clock, lists
from portal.access import Ability, needs, person, within
from portal.filters import Days
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import badge, class_mark, company_name, jst, point_number
from portal.workdays import jst_date
from switching import applications, meter_works, network_work
from switching.forms_network import DoneForm, PlanForm, PointPlanForm
from switching.meter_works import Standing
from switching.models import Application, MeterWork
from switching.sentences import sentence
from switching.states import ApplicationState
from switching.views import two_steps
from switching.views.filters import ByNumber, ClassOfSupply, InArea

TONES = {Standing.PLANNED: "waiting", Standing.DONE: "done", Standing.CALLED_OFF: "stopped"}


def _works(user: User) -> QuerySet[MeterWork]:
    """Work on the person's network, with where it stands and what its page shows."""
    return meter_works.on_network_of(user).select_related(
        "point", "application", "old_meter", "new_meter", "planned_by", "reported_by"
    )


def _badge(work: Any) -> str:
    return badge(Standing(work.stands).label, TONES[Standing(work.stands)])


class MeterWorkFilter(ByNumber):
    begins = "application__number"
    q = django_filters.CharFilter(label=gettext_lazy("Application or supply point number"), method="by_number")
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=Standing.choices, field_name="stands")
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Work"), choices=MeterWork.Kind.choices)
    supply_class = ClassOfSupply()
    area = InArea()
    planned = Days(gettext_lazy("Planned from / until"), "planned_on")

    class Meta:
        model = MeterWork
        fields: list[str] = []


def _application_number(work: MeterWork) -> str:
    return work.application.number if work.application else ""


COLUMNS = [
    Column(
        "kind",
        gettext_lazy("Work"),
        value=lambda work: work.get_kind_display(),
        sort="kind",
        link=lambda work: reverse("switching:meter-work", args=[work.pk]),
    ),
    Column(
        "state", gettext_lazy("State"), value=lambda work: str(Standing(work.stands).label), draw=_badge, sort="stands"
    ),
    Column("planned_on", gettext_lazy("Planned on"), sort="planned_on"),
    Column("done_on", gettext_lazy("Done on"), sort="done_on"),
    Column(
        "supply_class",
        gettext_lazy("Class of supply"),
        value="point.supply_class",
        show=class_mark,
        sort="point__supply_class",
    ),
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column("area", gettext_lazy("Area"), value=lambda work: work.point.get_area_display(), sort="point__area"),
    Column(
        "application",
        gettext_lazy("Application"),
        value=_application_number,
        link=lambda work: reverse("switching:application", args=[work.application.number]) if work.application else "",
    ),
    Column("old_meter", gettext_lazy("Old meter"), value="old_meter.number", csv_only=True),
    Column("old_reading_wh", gettext_lazy("Last reading of the old meter (Wh)"), csv_only=True, numeric=True),
    Column("new_meter", gettext_lazy("New meter"), value="new_meter.number", csv_only=True),
    Column("new_reading_wh", gettext_lazy("First reading of the new meter (Wh)"), csv_only=True, numeric=True),
    Column("reported_at", gettext_lazy("Reported at"), csv_only=True),
]


@needs(Ability.ANSWER_APPLICATION)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Work at the meters of the own network, the newest plan first."""
    return lists.show(
        request,
        _works(person(request)),
        columns=COLUMNS,
        filterset=MeterWorkFilter,
        title=_("Work at meters"),
        empty=_("No work at a meter yet. It is planned for an application, or here for a point."),
        template="switching/meter_works.html",
        filename="meter-works",
    )


@needs(Ability.ANSWER_APPLICATION)
def for_application(request: HttpRequest, number: str) -> HttpResponseBase:
    """Plan the work an application brings; planning anew replaces what was planned."""
    user, now = person(request), clock.now()
    application = get_object_or_404(
        Application.objects.visible_to(user).select_related("point", "retailer", "match"),
        number=number,
        point__network_operator=user.company,
    )
    case = reverse("switching:application", args=[number])
    if not network_work.may_plan(application):
        messages.error(request, sentence(applications.AlreadyMoved(ApplicationState(application.state))))
        return redirect(case)
    kinds = sorted(meter_works.FITTING[application.kind], key=list(MeterWork.Kind).index)
    day = max(application.effective_on, jst_date(now))
    form = (
        PlanForm(request.POST, kinds=kinds)
        if two_steps.is_sent(request)
        else PlanForm(initial=two_steps.typed(request, PlanForm, planned_on=day), kinds=kinds)
    )

    def deed(dry_run: bool) -> MeterWork:
        return meter_works.plan(
            point=application.point,
            application=application,
            kind=form.cleaned_data["kind"],
            planned_on=form.cleaned_data["planned_on"],
            by=user,
            now=now,
            dry_run=dry_run,
        )

    facts = [
        (_("Application"), f"{application.number} {application.get_kind_display()}"),
        (_("Supply point"), point_number(application.point.number)),
        (_("Retailer"), company_name(application.retailer)),
        (_("Takes effect on"), jst(application.effective_on)),
    ]
    note = (
        _("The retailer is told. The switch date stays as it is, whenever the work is done.")
        if application.is_switch
        else _("The retailer is told. The application takes effect on the day of the work.")
    )
    return _planning(request, form, application.point.supply_class, facts, deed, case, note)


@needs(Ability.ANSWER_APPLICATION)
def new(request: HttpRequest) -> HttpResponseBase:
    """Plan work at a point that no application asks for."""
    user, now = person(request), clock.now()
    kinds = list(MeterWork.Kind)
    form = (
        PointPlanForm(request.POST, kinds=kinds)
        if two_steps.is_sent(request)
        else PointPlanForm(
            initial=two_steps.typed(request, PointPlanForm, point=request.GET.get("point", "")), kinds=kinds
        )
    )
    point = _point(user, form) if form.is_bound and form.is_valid() else None

    def deed(dry_run: bool) -> MeterWork:
        assert point is not None
        return meter_works.plan(
            point=point,
            kind=form.cleaned_data["kind"],
            planned_on=form.cleaned_data["planned_on"],
            by=user,
            now=now,
            dry_run=dry_run,
        )

    facts = [(_("Supply point"), point_number(point.number))] if point else []
    supply_class = point.supply_class if point else ""
    note = _("No contract is touched by that.")
    return _planning(request, form, supply_class, facts, deed, reverse("switching:meter-works"), note)


def _point(user: User, form: PointPlanForm) -> SupplyPoint | None:
    """The point typed in; one that is not on the person's network is unknown."""
    try:
        number = normalise_number(form.cleaned_data["point"], supply_class=None)
    except WrongNumber as wrong:
        form.add_error("point", str(wrong))
        return None
    found = SupplyPoint.objects.filter(
        within(user, Ability.ANSWER_APPLICATION, area="area", supply_class="supply_class"),
        network_operator=user.company,
        number=number,
    ).first()
    if found is None:
        form.add_error("point", _("There is no point with this number on your network. Please compare the digits."))
    return found


def _planning(
    request: HttpRequest, form: PlanForm, supply_class: str, facts: list[Any], deed: Any, back: str, note: str
) -> HttpResponseBase:
    def entries(status: int) -> HttpResponse:
        return render(
            request,
            "switching/meter_work_new.html",
            {
                "title": _("Plan work at the meter"),
                "supply_class": supply_class,
                "facts": facts,
                "form": form,
                "back": back,
            },
            status=status,
        )

    def confirm(work: MeterWork) -> dict[str, Any]:
        return {
            "title": _("Plan this work?"),
            "supply_class": supply_class,
            "trail": [(_("Work at meters"), reverse("switching:meter-works"))],
            "facts": [*facts, (_("Work"), work.get_kind_display()), (_("Planned on"), jst(work.planned_on))],
            "notes": [note],
            "action_label": _("Plan the work"),
        }

    def finished(work: MeterWork) -> HttpResponseBase:
        messages.success(
            request,
            _("%(work)s is planned for %(day)s.") % {"work": work.get_kind_display(), "day": jst(work.planned_on)},
        )
        return redirect("switching:meter-work", work.pk)

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)


@needs(Ability.ANSWER_APPLICATION)
def page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One work: what is planned, the report that closes it, and afterwards the meters with their readings."""
    user, now = person(request), clock.now()
    work: Any = get_object_or_404(_works(user), pk=pk)
    is_to_do = work.stands == Standing.PLANNED
    standing = meters.standing(work.point_id, jst_date(now))
    form = None
    if is_to_do:
        first = standing[0].number if len(standing) == 1 else ""
        given = {"done_on": min(work.planned_on, jst_date(now)), "old_meter": first, "multiplier": 1}
        form = (
            DoneForm(request.POST, work=work)
            if two_steps.is_sent(request)
            else DoneForm(initial=two_steps.typed(request, DoneForm, **given), work=work)
        )
    elif request.method == "POST":
        messages.error(request, sentence(meter_works.WorkIsOver()))
        return redirect(request.path)
    facts = _facts(work)

    def entries(status: int) -> HttpResponse:
        return render(
            request,
            "switching/meter_work.html",
            {
                "title": work.get_kind_display(),
                "supply_class": work.point.supply_class,
                "badge": _badge(work),
                "work": work,
                "facts": [*facts, *_report(work)],
                "standing": standing,
                "form": form,
                "may_call_off": is_to_do and work.application is None,
            },
            status=status,
        )

    if form is None:
        return entries(200)

    def deed(dry_run: bool) -> MeterWork:
        return meter_works.report(work_id=work.pk, done=form.done, by=user, now=now, dry_run=dry_run)

    def confirm(checked: MeterWork) -> dict[str, Any]:
        return {
            "title": _("Report this work done?"),
            "supply_class": work.point.supply_class,
            "trail": [
                (_("Work at meters"), reverse("switching:meter-works")),
                (work.get_kind_display(), reverse("switching:meter-work", args=[work.pk])),
            ],
            "facts": [*facts, *_report(checked)],
            "notes": [_("The retailer of that day is told. What was reported is not changed afterwards.")],
            "action_label": _("Report the work done"),
        }

    def finished(done: MeterWork) -> HttpResponseBase:
        messages.success(request, _("The work is reported done."))
        return redirect(request.path)

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)


def _facts(work: MeterWork) -> list[tuple[str, Any]]:
    return [
        (_("Supply point"), point_number(work.point.number)),
        (_("Area"), work.point.get_area_display()),
        *([(_("Application"), work.application.number)] if work.application else []),
        (_("Work"), work.get_kind_display()),
        (_("Planned on"), f"{jst(work.planned_on)} {work.planned_by.name}"),
    ]


def _report(work: MeterWork) -> list[tuple[str, Any]]:
    if work.done_on is None:
        return []
    rows: list[tuple[str, Any]] = [(_("Done on"), jst(work.done_on))]
    for meter, label, reading, reading_label in (
        (work.old_meter, _("Old meter"), work.old_reading_wh, _("Last reading of the old meter (Wh)")),
        (work.new_meter, _("New meter"), work.new_reading_wh, _("First reading of the new meter (Wh)")),
    ):
        if meter:
            rows.append((label, f"{meter.number} {meter.get_kind_display()} ×{meter.multiplier}"))
            rows.append((reading_label, f"{reading:,}" if reading is not None else _("not read")))
    if work.reported_at and work.reported_by:
        rows.append((_("Reported at"), f"{jst(work.reported_at)} {work.reported_by.name}"))
    return rows


@needs(Ability.ANSWER_APPLICATION)
def calling_off(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Call off planned work that no application asks for, after a page that says so."""
    user = person(request)
    work = get_object_or_404(_works(user), pk=pk)
    back = reverse("switching:meter-work", args=[work.pk])
    if "confirmed" in request.POST:
        try:
            meter_works.call_off(work_id=work.pk, by=user, now=clock.now())
        except applications.NotPossible as refusal:
            messages.error(request, sentence(refusal))
        else:
            messages.success(request, _("The work is called off."))
        return redirect(back)
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("Call this work off?"),
            "supply_class": work.point.supply_class,
            "trail": [(_("Work at meters"), reverse("switching:meter-works")), (work.get_kind_display(), back)],
            "facts": _facts(work),
            "notes": [_("Work that an application asks for is not called off; it is planned for another day.")],
            "action_label": _("Call the work off"),
            "is_danger": True,
            "back_url": back,
            "back_label": _("Back to the work"),
        },
    )
