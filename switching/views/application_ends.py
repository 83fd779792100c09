"""How an application ends by a person's hand: cancelled by its retailer, its paperwork reported completed."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs
from portal.models import User
from portal.templatetags.words import company_name, jst, point_number
from switching import applications, dry_runs, traces
from switching.models import Application
from switching.sentences import sentence
from switching.states import FREE_TO_CANCEL, FROZEN, ApplicationState
from switching.views import turns
from switching.views.applications import visible


@needs(Ability.FILE_APPLICATION)
def cancellation(request: HttpRequest, number: str) -> HttpResponseBase:
    """The retailer cancels its waiting switch start, after a page that says so."""
    user: User = request.user  # type: ignore[assignment]
    application = visible(user, number)
    if application.retailer_id != user.company_id or application.kind == Application.Kind.SWITCH_TERMINATION:
        raise Http404
    if application.state not in FREE_TO_CANCEL:
        is_frozen = application.state in FROZEN
        return _see_the_case(request, application, applications.Frozen() if is_frozen else _moved(application))
    notes = [_("This cannot be undone; a new application can be filed.")]
    if application.is_start:
        notes.insert(0, _("The relay stays as it is. To end it as well, withdraw the relay instead."))
    return _end(
        request,
        application,
        applications.cancel,
        done=_("%(number)s is cancelled.") % {"number": application.number},
        title=_("Cancel this application?"),
        action_label=_("Cancel the application"),
        notes=notes,
        is_danger=True,
    )


@needs(Ability.COMPLETE_APPLICATION)
def completion(request: HttpRequest, number: str) -> HttpResponseBase:
    """The network operator reports the paperwork completed: a fact of its own beside "supply started"."""
    user: User = request.user  # type: ignore[assignment]
    application = visible(user, number)
    if application.point.network_operator_id != user.company_id:
        raise Http404
    if application.state != ApplicationState.IN_EFFECT:
        return _see_the_case(request, application, _moved(application))
    return _end(
        request,
        application,
        applications.complete,
        done=_("The paperwork of %(number)s is reported completed.") % {"number": application.number},
        title=_("Report the paperwork completed?"),
        action_label=_("Report completed"),
        notes=[_("The retailer is told. The day on which supply changed stays as it is.")],
    )


def _end(
    request: HttpRequest, application: Application, verb: Callable[..., Application], *, done: str, **page: Any
) -> HttpResponseBase:
    """The page that says what follows, the check without filing, and the deed once it is confirmed."""
    user: User = request.user  # type: ignore[assignment]
    checked = None
    if "only_check" in request.POST:
        checked = _checked(verb, application, by=user)
    elif "confirmed" in request.POST:
        try:
            verb(application_id=application.pk, by=user, now=clock.now())
        except applications.NotPossible as refusal:
            return _see_the_case(request, application, refusal)
        messages.success(request, done)
        return redirect("switching:application", application.number)
    return render(request, "switching/confirm.html", {**_to_confirm(application), **page, "checked": checked})


def _checked(verb: Callable[..., Application], application: Application, *, by: User) -> dry_runs.Outcome:
    """What would become of the verb's deed on the application."""
    now = clock.now()
    refusal: Exception | None = None
    try:
        verb(application_id=application.pk, by=by, now=now, dry_run=True)
    except applications.NotPossible as found:
        refusal = found
    deed, subject = f"application.{verb.__name__}", traces.subject_of(application)
    return dry_runs.outcome(refusal, deed=deed, subject=subject, by=by, now=now)


def _to_confirm(application: Application) -> dict[str, Any]:
    address = reverse("switching:application", args=[application.number])
    return {
        "supply_class": application.point.supply_class,
        "trail": [(_("Applications"), reverse("switching:applications")), (application.number, address)],
        "facts": [
            (_("Application"), f"{application.number} {application.get_kind_display()}"),
            (_("Supply point"), point_number(application.point.number)),
            (_("Retailer"), company_name(application.retailer)),
            (_("Desired date"), jst(application.desired_date)),
            (_("State"), turns.application_badge(application)),
            *([(_("Supply changed on"), jst(application.in_effect_on))] if application.in_effect_on else []),
        ],
        "may_check": True,
        "back_url": address,
        "back_label": _("Back to the application"),
    }


def _moved(application: Application) -> applications.AlreadyMoved:
    return applications.AlreadyMoved(ApplicationState(application.state))


def _see_the_case(request: HttpRequest, application: Application, refusal: Exception) -> HttpResponseBase:
    """The refusal in words on the page that shows how the application stands."""
    messages.error(request, sentence(refusal))
    return redirect("switching:application", application.number)
