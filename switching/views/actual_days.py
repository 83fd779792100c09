"""The page on which the network operator reports that supply began, ended or changed hands on another day."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs, person
from portal.templatetags.words import company_name, jst, point_number
from switching import actual_days, applications
from switching.forms_actual_days import ActualDayForm
from switching.models import ActualDay, Application
from switching.sentences import sentence
from switching.states import ApplicationState
from switching.views import two_steps


@needs(Ability.ANSWER_APPLICATION)
def page(request: HttpRequest, number: str) -> HttpResponseBase:
    """The actual day and why; a page in between shows whose days change before anything does."""
    user, now = person(request), clock.now()
    application = get_object_or_404(
        Application.objects.visible_to(user)
        .filter(kind__in=actual_days.KINDS)
        .select_related("point", "retailer", "match"),
        number=number,
        point__network_operator=user.company,
    )
    case = reverse("switching:application", args=[number])
    if application.in_effect_on is None:
        messages.error(request, sentence(applications.AlreadyMoved(ApplicationState(application.state))))
        return redirect(case)
    form = (
        ActualDayForm(request.POST)
        if two_steps.is_sent(request)
        else ActualDayForm(initial=two_steps.typed(request, ActualDayForm, actual=application.in_effect_on))
    )
    facts: list[tuple[str, Any]] = [
        (_("Application"), f"{number} {application.get_kind_display()}"),
        (_("Supply point"), point_number(application.point.number)),
        (_("Retailer"), company_name(application.retailer)),
        (_("Supply ended on") if application.kind == Application.Kind.TERMINATION else _("Supply started on"),
         jst(application.in_effect_on)),
    ]  # fmt: skip

    def deed(dry_run: bool) -> Application:
        return actual_days.report(application_id=application.pk, **form.cleaned_data, by=user, now=now, dry_run=dry_run)

    def entries(status: int) -> HttpResponse:
        context = {
            "title": _("Actual day of supply"),
            "supply_class": application.point.supply_class,
            "application": application,
            "facts": facts,
            "form": form,
            "back": case,
        }
        return render(request, "switching/stop.html", context, status=status)

    def confirm(checked: Application) -> dict[str, Any]:
        cause = ActualDay.Cause(form.cleaned_data["cause"]).label
        return {
            "title": _("Report this actual day?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Applications"), reverse("switching:applications")), (number, case)],
            "facts": [*facts, (_("Actual day"), jst(form.cleaned_data["actual"])), (_("Why"), cause)],
            "notes": [
                _("Supply is moved to this day, and the usage of the days between goes to who really supplied them."),
                _("The retailers concerned are told. When the paperwork was completed stays as it is."),
            ],
            "action_label": _("Report the actual day"),
        }

    def finished(reported: Application) -> HttpResponseBase:
        messages.success(request, _("The actual day of %(number)s is reported.") % {"number": number})
        return redirect(case)

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)
