"""The page on which a switch start is filed: for a relay of the own company or for the point of an inquiry."""

from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from metering.models import SupplyPoint
from portal import clock, quotas, workdays
from portal.access import Ability, needs, person, within
from portal.models import Registration, User
from portal.templatetags.words import company_name, jst, point_number
from portal.workdays import jst_date
from switching import applications, dry_runs, registration_queue, relays
from switching.forms import StartForm, hidden, hint
from switching.models import Application, QueuedRegistration, Relay
from switching.sentences import field_of, sentence
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS
from switching.views import inquiries, queue, turns
from switching.views.applications import may
from switching.views.relay_new import reading_dates, way


@needs(Ability.FILE_APPLICATION)
def start_new(request: HttpRequest) -> HttpResponseBase:
    """A switch start for a relay of the own company or for the point of an inquiry: entries, confirmation, filed."""
    user: User = request.user  # type: ignore[assignment]
    now = clock.now()
    relay = _relay_asked_for(request, user)
    inquiry = None if relay else inquiries.asked_for(request, Ability.FILE_APPLICATION)
    if relay:
        point = relay.point
    elif inquiry:
        point = inquiry.point
    else:
        return inquiries.choose(
            request,
            Ability.FILE_APPLICATION,
            next_page="switching:start-new",
            title=_("New switch start: choose the relay or the supply point"),
            template="switching/choose_start.html",
            context={"relays": _waiting_for_a_start(user)},
        )
    today = jst_date(now)
    if request.method != "POST" or "edit" in request.POST:
        initial = request.POST.dict() if request.method == "POST" else _prefilled(user, relay, point, today)
        return _entries(request, StartForm(initial=initial), point, relay, today)
    form = StartForm(request.POST)
    if not form.is_valid():
        return _entries(request, form, point, relay, today, status=422)
    is_confirmed, only_check = "confirmed" in request.POST, "only_check" in request.POST
    tell = partial(
        dry_runs.outcome, deed="application.switch_start", subject=f"supply point {point.number}", by=user, now=now
    )
    fitting = relay or relays.open_relay_of(user.company, point, form.cleaned_data["desired_date"])
    try:
        application = registration_queue.file_start(
            applications.Start(point=point, relay=fitting, **form.cleaned_data),
            by=user,
            now=now,
            dry_run=only_check or not is_confirmed,
        )
    except (applications.NotPossible, registration_queue.NotPossible) as refusal:
        checked = tell(refusal) if only_check else None
        form.add_error(field_of(refusal, form), sentence(refusal))
        own = Application.objects.visible_to(user).filter(
            point=point, kind=Application.Kind.SWITCH_START, state__in=OPEN_APPLICATIONS
        )
        busy = own.first() if isinstance(refusal, applications.PointBusy) else None
        return _entries(request, form, point, relay, today, status=422, busy=busy, checked=checked)
    if only_check:
        notes = tuple(_start_to_confirm(form, application, now)["notes"])
        return _entries(request, form, point, relay, today, checked=tell(None, notes=notes))
    if is_confirmed and isinstance(application, QueuedRegistration):
        return queue.entered(request, application, now=now)
    if is_confirmed:
        messages.success(
            request,
            _("Switch start %(number)s is filed. The hub pairs it with the termination by itself.")
            % {"number": application.number},
        )
        return redirect("switching:application", application.number)
    return render(request, "switching/confirm.html", _start_to_confirm(form, application, now))


def _start_to_confirm(form: StartForm, application: Application | QueuedRegistration, now: datetime) -> dict[str, Any]:
    point = application.point
    waits = isinstance(application, QueuedRegistration)
    return {
        "title": _("Put this switch start into the queue?") if waits else _("File this switch start?"),
        "supply_class": point.supply_class,
        "trail": [(_("Applications"), reverse("switching:applications"))],
        "steps": way(4),
        "facts": [
            (_("Supply point"), point_number(point.number)),
            (_("Network operator"), company_name(point.network_operator)),
            (_("Relay"), application.relay.number if application.relay else _("none yet")),
            (_("Desired date"), jst(application.desired_date)),
            (_("Meter work"), _("needed") if application.meter_work else _("not needed")),
            (_("New contract number"), application.contract_number),
            (_("Contract holder"), application.holder_name),
            (_("Contract holder in kana"), application.holder_kana),
            (_("Address"), application.holder_address),
        ],
        "notes": queue.notes(application, now=now)
        if isinstance(application, QueuedRegistration)
        else [
            _("It is paired with the switch termination of the same point and date until %(day)s. %(why)s")
            % {
                "day": jst(application.matching_deadline),
                "why": turns.why_cut_off(application.desired_date, workdays.of_area(point.area)),
            }
        ],
        "entries": hidden(form),
        "action_label": _("Put into the queue") if waits else _("File the switch start"),
    }


def _relay_asked_for(request: HttpRequest, user: User) -> Relay | None:
    number = request.GET.get("relay", "")
    if not number:
        return None
    relay = _startable(user).filter(number=number).first() if number.isascii() and number.isalnum() else None
    if relay is None:
        raise Http404
    return relay


def _startable(user: User) -> QuerySet[Relay]:
    """The company's relays in the areas where the person files applications; of them number, point and dates are shown.

    What the customer told is prefilled only for people who may see relays as well.
    """
    return Relay.objects.filter(
        within(user, Ability.FILE_APPLICATION, area="point__area", supply_class="point__supply_class"),
        gaining_retailer=user.company,
    ).select_related("point")


def _waiting_for_a_start(user: User) -> QuerySet[Relay]:
    starts = Application.objects.filter(
        relay=OuterRef("pk"), kind=Application.Kind.SWITCH_START, state__in=OPEN_APPLICATIONS
    )
    return _startable(user).filter(~Exists(starts), state__in=OPEN_RELAYS).order_by("desired_date", "pk")[:200]


def _prefilled(user: User, relay: Relay | None, point: SupplyPoint, today: date) -> dict[str, Any]:
    if relay is None:
        earliest, _latest = applications.date_window(point, meter_work=False, today=today)
        return {"desired_date": next(iter(reading_dates(point, today)), earliest)}
    known: dict[str, Any] = {"desired_date": relay.desired_date}
    if may(user, Ability.SEE_RELAYS, point):
        known |= {
            "holder_name": relay.holder_name,
            "holder_kana": relay.holder_kana,
            "holder_address": relay.holder_address,
        }
    return known


def _entries(
    request: HttpRequest,
    form: StartForm,
    point: SupplyPoint,
    relay: Relay | None,
    today: date,
    *,
    status: int = 200,
    busy: Application | None = None,
    checked: dry_runs.Outcome | None = None,
) -> HttpResponse:
    calendar = workdays.of_area(point.area)
    plain = applications.date_window(point, meter_work=False, today=today, calendar=calendar)
    work = applications.date_window(point, meter_work=True, today=today, calendar=calendar)
    hint(
        form,
        "desired_date",
        _("The relay's date. Start, termination and relay must name the same day.")
        if relay
        else _("From %(earliest)s (with meter work from %(work)s) to %(latest)s. %(why)s")
        % {
            "earliest": jst(plain[0]),
            "work": jst(work[0]),
            "latest": jst(plain[1]),
            "why": turns.why_earliest(today, supply_class=point.supply_class, meter_work=False, calendar=calendar),
        },
    )
    return render(
        request,
        "switching/start_new.html",
        {
            "title": _("New switch start"),
            "supply_class": point.supply_class,
            "form": form,
            "point": point,
            "relay": relay,
            "dates": [relay.desired_date] if relay else [plain[0], *reading_dates(point, today)],
            "busy": busy,
            "checked": checked,
            "steps": way(4),
            "quotas": quotas.standing(person(request).company, now=clock.now(), registration=Registration.SWITCH_START),
        },
        status=status,
    )
