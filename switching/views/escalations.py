"""Escalations in the hub operator's area: what retailers let pass, per company, and each case with its notes."""

import django_filters
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.market import Area, SupplyClass
from portal.models import Company
from portal.templatetags.words import badge, class_mark, company_name, jst
from switching import escalations, traces
from switching.forms import NoteForm
from switching.models import Escalation
from switching.sentences import field_of, sentence
from switching.views import turns
from switching.views.relays import typed_number


def _state(one: Escalation) -> str:
    return _("in work") if one.is_open else _("closed")


class EscalationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Relay"), method="by_number")
    duty = django_filters.ChoiceFilter(label=gettext_lazy("What was missed"), choices=Escalation.Duty.choices)
    open = django_filters.ChoiceFilter(
        label=gettext_lazy("State"),
        choices=[("yes", gettext_lazy("in work")), ("no", gettext_lazy("closed"))],
        method="by_state",
    )
    company = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Losing retailer"),
        field_name="relay__losing_retailer",
        queryset=Company.objects.filter(relays_received__escalations__isnull=False).distinct(),
    )
    area = django_filters.ChoiceFilter(
        label=gettext_lazy("Area"), choices=Area.choices, field_name="relay__point__area"
    )
    supply_class = django_filters.ChoiceFilter(
        label=gettext_lazy("Class of supply"), choices=SupplyClass.choices, field_name="relay__point__supply_class"
    )

    class Meta:
        model = Escalation
        fields: list[str] = []

    def by_number(self, rows: QuerySet[Escalation], name: str, value: str) -> QuerySet[Escalation]:
        return rows.filter(relay__number__startswith=typed_number(value))

    def by_state(self, rows: QuerySet[Escalation], name: str, value: str) -> QuerySet[Escalation]:
        return rows.filter(Q(closed_at__isnull=value == "yes"))


COLUMNS = [
    Column(
        "relay",
        gettext_lazy("Relay"),
        value="relay.number",
        link=lambda one: reverse("switching:escalation", args=[one.pk]),
    ),
    Column("supply_class", gettext_lazy("Class of supply"), value="relay.point.supply_class", show=class_mark),
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
        gettext_lazy("Losing retailer"),
        value=lambda one: company_name(one.relay.losing_retailer),
        sort="relay__losing_retailer__name",
    ),
    Column("due_at", gettext_lazy("Was due"), sort="due_at"),
    Column("opened_at", gettext_lazy("Escalated at"), sort="opened_at"),
    Column("closed_at", gettext_lazy("Closed at"), sort="closed_at"),
]


@needs(Ability.WORK_ESCALATIONS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Every escalation, open ones first, and above them how often each company let a duty pass."""
    now = clock.now()
    rows = Escalation.objects.select_related("relay__point", "relay__losing_retailer").order_by("-closed_at", "-pk")
    return lists.show(
        request,
        rows,
        columns=COLUMNS,
        filterset=EscalationFilter,
        title=_("Escalations"),
        empty=_("Nothing is escalated: every relay was judged and every termination filed in time."),
        template="switching/escalations.html",
        context={"records": escalations.records(now=now), "days": escalations.counted_days()},
        filename="escalations",
    )


@needs(Ability.WORK_ESCALATIONS)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """One escalation: the case without the customer's data, the notes so far, the next note, closing it."""
    user, now = person(request), clock.now()
    one = get_object_or_404(
        Escalation.objects.select_related(
            "relay__point", "relay__losing_retailer", "relay__gaining_retailer", "closed_by"
        ),
        pk=pk,
    )
    relay = one.relay
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
    ledger.record("escalation.read", traces.subject_of(relay), by=user, now=now, purpose="escalation")
    facts = [
        (_("What was missed"), one.get_duty_display()),
        (_("Was due"), jst(one.due_at)),
        (_("Escalated at"), jst(one.opened_at)),
        (_("Losing retailer"), company_name(relay.losing_retailer)),
        (_("Gaining retailer"), company_name(relay.gaining_retailer)),
        (_("Area"), relay.point.get_area_display()),
        (_("Registered at"), jst(relay.registered_at)),
        (_("Desired date"), jst(relay.desired_date)),
        (_("State of the relay"), turns.relay_badge(relay)),
    ]
    if one.closed_by:
        facts.append((_("Closed"), f"{jst(one.closed_at)} {one.closed_by.name}"))
    return render(
        request,
        "switching/escalation.html",
        {
            "title": _("Escalation of relay %(number)s") % {"number": relay.number},
            "supply_class": relay.point.supply_class,
            "badge": badge(_state(one), "waiting" if one.is_open else "done"),
            "relay": relay,
            "facts": facts,
            "notes": one.notes.select_related("by"),
            "form": form if one.is_open else None,
        },
        status=422 if form.errors else 200,
    )
