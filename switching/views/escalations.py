"""Escalations in the hub operator's area: what companies let pass, per company, and each case with its notes."""

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.filters import CompanyFilter
from portal.lists import Column
from portal.market import Area, SupplyClass
from portal.models import Company
from portal.templatetags.words import badge, class_mark, company_name, jst
from switching import escalations, traces
from switching.forms import NoteForm
from switching.models import Application, Escalation, Relay
from switching.sentences import field_of, sentence
from switching.views import turns
from switching.views.filters import ByNumber


def _state(one: Escalation) -> str:
    return _("in work") if one.is_open else _("closed")


class EscalationFilter(ByNumber):
    begins = "relay__number"
    also = ("application__number__startswith",)
    q = django_filters.CharFilter(label=gettext_lazy("Relay or application"), method="by_number")
    duty = django_filters.ChoiceFilter(label=gettext_lazy("What was missed"), choices=Escalation.Duty.choices)
    open = django_filters.ChoiceFilter(
        label=gettext_lazy("State"),
        choices=[("yes", gettext_lazy("in work")), ("no", gettext_lazy("closed"))],
        method="by_state",
    )
    company = CompanyFilter(label=gettext_lazy("Company"), queryset=lambda request: _companies(), method="by_company")
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices, method="by_area")
    supply_class = django_filters.ChoiceFilter(
        label=gettext_lazy("Class of supply"), choices=SupplyClass.choices, method="by_class"
    )

    class Meta:
        model = Escalation
        fields: list[str] = []

    def by_company(self, rows: QuerySet[Escalation], name: str, value: Company) -> QuerySet[Escalation]:
        return rows.filter(Q(relay__losing_retailer=value) | Q(application__point__network_operator=value))

    def by_area(self, rows: QuerySet[Escalation], name: str, value: str) -> QuerySet[Escalation]:
        return rows.filter(Q(relay__point__area=value) | Q(application__point__area=value))

    def by_class(self, rows: QuerySet[Escalation], name: str, value: str) -> QuerySet[Escalation]:
        return rows.filter(Q(relay__point__supply_class=value) | Q(application__point__supply_class=value))

    def by_state(self, rows: QuerySet[Escalation], name: str, value: str) -> QuerySet[Escalation]:
        return rows.filter(Q(closed_at__isnull=value == "yes"))


def _companies() -> QuerySet[Company]:
    """Every company that ever let a duty pass."""
    return Company.objects.filter(
        Exists(Escalation.objects.filter(relay__losing_retailer=OuterRef("pk")))
        | Exists(Escalation.objects.filter(application__point__network_operator=OuterRef("pk")))
    )


CASES = ("relay__point", "relay__losing_retailer", "application__point__network_operator")
COLUMNS = [
    Column(
        "case",
        gettext_lazy("Relay or application"),
        value="case.number",
        link=lambda one: reverse("switching:escalation", args=[one.pk]),
    ),
    Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
    Column("duty", gettext_lazy("What was missed"), value=lambda one: one.get_duty_display(), sort="duty"),
    Column(
        "state",
        gettext_lazy("State"),
        value=_state,
        draw=lambda one: badge(_state(one), "waiting" if one.is_open else "done"),
        sort="closed_at",
    ),
    Column(
        "company",
        gettext_lazy("Company"),
        value=lambda one: company_name(one.company),
        sort="company_name",
    ),
    Column("due_at", gettext_lazy("Was due"), sort="due_at"),
    Column("opened_at", gettext_lazy("Escalated at"), sort="opened_at"),
    Column("closed_at", gettext_lazy("Closed at"), sort="closed_at"),
]


@needs(Ability.WORK_ESCALATIONS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Every escalation, open ones first, and above them how often each company let a duty pass."""
    now = clock.now()
    rows = escalations.listed().select_related(*CASES).order_by("-closed_at", "-pk")
    return lists.show(
        request,
        rows,
        columns=COLUMNS,
        filterset=EscalationFilter,
        title=_("Escalations"),
        empty=_("Nothing is escalated: every judgement, every filing and every answer came in time."),
        template="switching/escalations.html",
        context={"records": escalations.records(now=now), "days": escalations.counted_days()},
        filename="escalations",
    )


@needs(Ability.WORK_ESCALATIONS)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """One escalation: the case without the customer's data, the notes so far, the next note, closing it."""
    user, now = person(request), clock.now()
    one = get_object_or_404(
        Escalation.objects.select_related(*CASES, "relay__gaining_retailer", "application__retailer", "closed_by"),
        pk=pk,
    )
    form = NoteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        is_closing = "close" in request.POST
        try:
            escalations.write(escalation_id=one.pk, text=form.cleaned_data["text"], by=user, now=now, close=is_closing)
        except escalations.NotPossible as refusal:
            form.add_error(field_of(refusal, form), sentence(refusal))
        else:
            messages.success(request, _("The escalation is closed.") if is_closing else _("The note is kept."))
            return redirect("switching:escalations" if is_closing else request.path)
    ledger.record("escalation.read", traces.subject_of(one.case), by=user, now=now, purpose="escalation")
    facts = [
        (_("What was missed"), one.get_duty_display()),
        (_("Was due"), jst(one.due_at)),
        (_("Escalated at"), jst(one.opened_at)),
        *_facts(one.case),
    ]
    if one.closed_by:
        facts.append((_("Closed"), f"{jst(one.closed_at)} {one.closed_by.name}"))
    return render(
        request,
        "switching/escalation.html",
        {
            "title": (_("Escalation of relay %(number)s") if one.relay else _("Escalation of application %(number)s"))
            % {"number": one.case.number},
            "supply_class": one.point.supply_class,
            "badge": badge(_state(one), "waiting" if one.is_open else "done"),
            "number": one.case.number,
            "facts": facts,
            "notes": one.notes.select_related("by"),
            "form": form if one.is_open else None,
        },
        status=422 if form.errors else 200,
    )


def _facts(case: Relay | Application) -> list[tuple[str, Any]]:
    """The case without anything of the customer."""
    if isinstance(case, Relay):
        return [
            (_("Losing retailer"), company_name(case.losing_retailer)),
            (_("Gaining retailer"), company_name(case.gaining_retailer)),
            (_("Area"), case.point.get_area_display()),
            (_("Registered at"), jst(case.registered_at)),
            (_("Desired date"), jst(case.desired_date)),
            (_("State of the relay"), turns.relay_badge(case)),
        ]
    return [
        (_("Network operator"), company_name(case.point.network_operator)),
        (_("Retailer"), company_name(case.retailer)),
        (_("Kind"), case.get_kind_display()),
        (_("Area"), case.point.get_area_display()),
        (_("Submitted at"), jst(case.submitted_at)),
        (_("Desired date"), jst(case.desired_date)),
        (_("State of the application"), turns.application_badge(case)),
    ]
