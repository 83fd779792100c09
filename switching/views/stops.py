"""Pages of the request to stop a frozen application: asked by its retailer, answered by the network operator."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs, person
from portal.templatetags.words import company_name, jst, point_number
from switching import applications, stops
from switching.forms_stops import StopAnswerForm, StopForm
from switching.models import Application, Cancellation
from switching.sentences import sentence
from switching.states import FROZEN, ApplicationState
from switching.views import turns, two_steps


@needs(Ability.FILE_APPLICATION)
def ask(request: HttpRequest, number: str) -> HttpResponseBase:
    """The retailer asks the network operator to stop its matched or scheduled application."""
    user, now = person(request), clock.now()
    application = get_object_or_404(
        Application.objects.visible_to(user)
        .exclude(kind=Application.Kind.SWITCH_TERMINATION)
        .select_related("point", "retailer", "match"),
        number=number,
        retailer=user.company,
    )
    case = reverse("switching:application", args=[number])
    if application.state not in FROZEN:
        messages.error(request, sentence(applications.AlreadyMoved(ApplicationState(application.state))))
        return redirect(case)
    form = (
        StopForm(request.POST) if two_steps.is_sent(request) else StopForm(initial=two_steps.typed(request, StopForm))
    )

    def deed(dry_run: bool) -> Cancellation:
        return stops.ask(
            application_id=application.pk, reason=form.cleaned_data["text"], by=user, now=now, dry_run=dry_run
        )

    def entries(status: int) -> HttpResponse:
        title = _("Ask the network operator to stop %(number)s") % {"number": number}
        return _entries(request, title, application, _facts(application), form, case, status)

    def confirm(made: Cancellation) -> dict[str, Any]:
        return {
            "title": _("Ask to stop this application?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Applications"), reverse("switching:applications")), (number, case)],
            "facts": [*_facts(application), (_("Reason"), made.reason)],
            "notes": [_("Until the network operator has answered, the application goes on.")],
            "action_label": _("Ask to stop it"),
        }

    def finished(made: Cancellation) -> HttpResponseBase:
        messages.success(request, _("The network operator is asked to stop %(number)s.") % {"number": number})
        return redirect(case)

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)


@needs(Ability.ANSWER_APPLICATION)
def answer(request: HttpRequest, number: str) -> HttpResponseBase:
    """The network operator stops the application, or says why it goes on."""
    user, now = person(request), clock.now()
    application = get_object_or_404(
        Application.objects.visible_to(user).select_related("point", "retailer", "match"),
        number=number,
        point__network_operator=user.company,
    )
    case = reverse("switching:application", args=[number])
    asked = stops.open_request(application)
    if asked is None:
        messages.error(request, sentence(stops.Answered()))
        return redirect(case)
    form = (
        StopAnswerForm(request.POST)
        if two_steps.is_sent(request)
        else StopAnswerForm(initial=two_steps.typed(request, StopAnswerForm))
    )
    facts = [*_facts(application), (_("Reason"), asked.reason), (_("Asked at"), jst(asked.requested_at))]

    def deed(dry_run: bool) -> Cancellation:
        return stops.decide(
            request_id=asked.pk,
            stops=form.cleaned_data["answer"] == "stop",
            text=form.cleaned_data["text"],
            by=user,
            now=now,
            dry_run=dry_run,
        )

    def entries(status: int) -> HttpResponse:
        title = _("Request to stop %(number)s") % {"number": number}
        return _entries(request, title, application, facts, form, case, status)

    def confirm(decided: Cancellation) -> dict[str, Any]:
        is_stopped = decided.status == Cancellation.Status.DONE
        return {
            "title": _("Stop this application?") if is_stopped else _("Refuse the request?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Work on applications"), reverse("switching:network-work")), (number, case)],
            "facts": [*facts, *([(_("In words"), decided.answer)] if decided.answer else [])],
            "notes": [
                _("A switch ends with its counterpart and its relay; planned work is called off. All are told.")
                if is_stopped
                else _("The retailer reads the words, and the application goes on.")
            ],
            "action_label": _("Stop the application") if is_stopped else _("Refuse the request"),
            "is_danger": is_stopped,
        }

    def finished(decided: Cancellation) -> HttpResponseBase:
        messages.success(request, _("The request about %(number)s is answered.") % {"number": number})
        return redirect(case)

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)


def _facts(application: Application) -> list[tuple[str, Any]]:
    return [
        (_("Application"), f"{application.number} {application.get_kind_display()}"),
        (_("Supply point"), point_number(application.point.number)),
        (_("Retailer"), company_name(application.retailer)),
        (_("Takes effect on"), jst(application.effective_on)),
    ]


def _entries(
    request: HttpRequest,
    title: str,
    application: Application,
    facts: list[tuple[str, Any]],
    form: StopForm | StopAnswerForm,
    back: str,
    status: int,
) -> HttpResponse:
    return render(
        request,
        "switching/stop.html",
        {
            "title": title,
            "supply_class": application.point.supply_class,
            "badge": turns.application_badge(application),
            "application": application,
            "facts": facts,
            "form": form,
            "back": back,
        },
        status=status,
    )
