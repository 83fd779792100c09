"""Alarms about inquiries: the person explains, an administrator or the hub lifts the lock."""

from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering import governance
from metering.models import InquiryAlarm
from portal import clock, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import badge, company_name, jst, point_number

State = InquiryAlarm.State
TONES = {State.OPEN: "waiting", State.EXPLAINED: "done", State.LOCKED: "refused", State.LIFTED: "stopped"}


class AlarmFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=InquiryAlarm.Kind.choices)
    who = django_filters.CharFilter(label=gettext_lazy("User id"), field_name="user__username", lookup_expr="icontains")

    class Meta:
        model = InquiryAlarm
        fields: list[str] = []


class ExplanationForm(forms.Form):
    explanation = forms.CharField(
        label=gettext_lazy("What was behind it"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("For example the campaign or building the customers come from. No customer's name."),
        error_messages={"required": governance.WordsMissing.sentence},
    )


class LiftForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why the lock is lifted"),
        max_length=200,
        help_text=gettext_lazy("It stands in the ledger beside your name."),
        error_messages={"required": governance.WordsMissing.sentence},
    )


def _badge(state: State) -> Any:
    return badge(state.label, TONES[state])


@needs(Ability.SEE_ALARMS)
def alarms(request: HttpRequest) -> HttpResponseBase:
    """The own alarms; an administrator's company's; everybody's for the hub."""
    now, user = clock.now(), person(request)
    columns = [
        Column(
            "raised_at",
            gettext_lazy("Raised at"),
            sort="raised_at",
            link=lambda alarm: reverse("metering:alarm", args=[alarm.pk]),
        ),
        Column("kind", gettext_lazy("What was noticed"), value=lambda alarm: alarm.get_kind_display(), sort="kind"),
        Column("count", gettext_lazy("How many"), numeric=True, sort="count"),
        Column(
            "company", gettext_lazy("Company"), value=lambda alarm: company_name(alarm.company), sort="company__name"
        ),
        Column("user", gettext_lazy("Person"), value="user.name", sort="user__name"),
        Column("explain_by", gettext_lazy("To be explained by"), sort="explain_by"),
        Column(
            "state",
            gettext_lazy("State"),
            value=lambda alarm: alarm.state(now).label,
            draw=lambda alarm: _badge(alarm.state(now)),
        ),
        Column("explanation", gettext_lazy("What was explained"), csv_only=True),
        Column("lift_reason", gettext_lazy("Why the lock is lifted"), csv_only=True),
    ]
    return lists.show(
        request,
        InquiryAlarm.objects.visible_to(user).select_related("company", "user"),
        columns=columns,
        filterset=AlarmFilter,
        title=_("Inquiry alarms"),
        empty=_("No alarm. One is raised when somebody's inquiries look like leafing through customers."),
    )


@needs(Ability.SEE_ALARMS)
def alarm(request: HttpRequest, pk: int) -> HttpResponse:
    """One alarm: what was noticed, until when it can be explained, what was answered, what can be done."""
    return _page(request, _visible(request, pk))


@needs(Ability.SEE_ALARMS)
def explanation(request: HttpRequest, pk: int) -> HttpResponse:
    """The person's own explanation."""
    found, user = _visible(request, pk), person(request)
    form = ExplanationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            governance.explain(found, explanation=form.cleaned_data["explanation"], by=user, now=clock.now())
        except governance.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("Thank you. Your explanation is recorded; you can go on asking."))
            return redirect("metering:alarm", pk)
    return _page(request, found, form=form)


@needs(Ability.SEE_ALARMS)
def lifting(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift the lock, with a reason."""
    found, user = _visible(request, pk), person(request)
    form = LiftForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            governance.lift(found, reason=form.cleaned_data["reason"], by=user, now=clock.now())
        except governance.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("%(name)s can make inquiries again.") % {"name": found.user})
            return redirect("metering:alarm", pk)
    return _page(request, found, form=form)


def _visible(request: HttpRequest, pk: int) -> InquiryAlarm:
    rows = InquiryAlarm.objects.visible_to(person(request)).select_related("user", "company", "lifted_by")
    return get_object_or_404(rows, pk=pk)


def _page(request: HttpRequest, found: InquiryAlarm, *, form: forms.Form | None = None) -> HttpResponse:
    now, user = clock.now(), person(request)
    state = found.state(now)
    given: dict[str, Any] = {}
    if state == State.OPEN and found.user_id == user.pk:
        given = _deed("metering:alarm-explanation", found, _("Explain"), form or ExplanationForm())
    elif state == State.LOCKED and governance.may_lift(found, user):
        given = _deed("metering:alarm-lifting", found, _("Lift the lock"), form or LiftForm())
    elif form is not None and form.errors:
        given = {"refusals": [str(error) for errors in form.errors.values() for error in errors]}
    return render(
        request,
        "metering/alarm.html",
        {
            "title": _("Inquiry alarm"),
            "alarm": found,
            "state_badge": _badge(state),
            "is_locked": state == State.LOCKED,
            "is_own": found.user_id == user.pk,
            "facts": _facts(found),
            **given,
        },
        status=422 if form is not None and form.errors else 200,
    )


def _deed(name: str, found: InquiryAlarm, label: str, form: forms.Form) -> dict[str, Any]:
    return {"form": form, "action": reverse(name, args=[found.pk]), "action_label": label}


def _facts(found: InquiryAlarm) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Person"), f"{found.user.name} ({found.user.username})"),
        (_("Company"), company_name(found.company)),
        (_("What was noticed"), found.get_kind_display()),
        (_("How many"), f"{found.count:,}"),
        (_("Raised at"), jst(found.raised_at)),
        (_("To be explained by"), jst(found.explain_by)),
    ]
    if found.numbers:
        facts.append((_("From – to"), _range(found.numbers)))
    if found.explained_at:
        facts += [(_("Explained at"), jst(found.explained_at)), (_("What was explained"), found.explanation)]
    if found.lifted_at and found.lifted_by:
        facts += [
            (_("Lifted at"), jst(found.lifted_at)),
            (_("Lifted by"), found.lifted_by.name),
            (_("Why the lock is lifted"), found.lift_reason),
        ]
    return facts


def _range(numbers: list[str]) -> Any:
    first, last = point_number(numbers[0]), point_number(numbers[-1])
    return format_html("{} – {}", first, last)
