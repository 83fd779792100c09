"""Pages of applications: the list, filing a switch start, the case, cancelling, reporting the paperwork completed.

Against win-back selling the list and its CSV do not tell the supply point of a retailer's own switch termination
before supply has ended: it would be a list of the customers about to leave (domain notes, switching §5). The case's
own page shows it.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering.models import SupplyPoint
from portal import clock, ledger, lists, quotas, workdays
from portal.access import Ability, covers, needs, person, within
from portal.filters import Days
from portal.lists import Column
from portal.models import Registration, User
from portal.templatetags.words import class_mark, company_name, jst, point_number
from portal.workdays import jst_date
from switching import (
    actual_days,
    applications,
    dry_runs,
    kinds,
    network_work,
    registration_queue,
    relays,
    sights,
    traces,
)
from switching.forms import StartForm, hidden, hint
from switching.models import Application, QueuedRegistration, Relay
from switching.sentences import field_of, sentence
from switching.states import (
    FREE_TO_CANCEL,
    FROZEN,
    OPEN_APPLICATIONS,
    OPEN_RELAYS,
    ApplicationMove,
    ApplicationState,
)
from switching.views import inquiries, moves, queue, shown, timeline, turns
from switching.views.filters import ByNumber, ClassOfSupply, InArea
from switching.views.kinds import may_correct
from switching.views.relay_new import reading_dates, way


class ApplicationFilter(ByNumber):
    q = django_filters.CharFilter(label=gettext_lazy("Application or supply point number"), method="by_number")
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=Application.Kind.choices)
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=ApplicationState.choices)
    supply_class = ClassOfSupply()
    area = InArea()
    desired = Days(gettext_lazy("Desired date from / until"), "desired_date")
    switch = Days(gettext_lazy("Switch date from / until"), "match__switch_date")

    class Meta:
        model = Application
        fields: list[str] = []


def _is_own_leaving(application: Application, user: User) -> bool:
    is_termination = application.kind == Application.Kind.SWITCH_TERMINATION
    return is_termination and application.is_open and application.retailer_id == user.company_id


def _columns(user: User) -> list[Column]:
    def point(application: Application) -> str:
        return "" if _is_own_leaving(application, user) else application.point.number

    def relay(application: Application) -> str:
        own = application.relay and application.retailer_id == user.company_id
        return application.relay.number if own and application.relay else ""

    return [
        Column(
            "number",
            gettext_lazy("Application"),
            sort="id",
            link=lambda application: reverse("switching:application", args=[application.number]),
        ),
        Column("kind", gettext_lazy("Kind"), value=lambda a: a.get_kind_display(), sort="kind"),
        Column(
            "supply_class",
            gettext_lazy("Class of supply"),
            value="point.supply_class",
            show=class_mark,
            sort="point__supply_class",
        ),
        Column(
            "state",
            gettext_lazy("State"),
            value=turns.application_state,
            draw=turns.application_badge,
            sort="state",
        ),
        Column("point", gettext_lazy("Supply point"), value=point, show=point_number),
        Column("area", gettext_lazy("Area"), value=lambda a: a.point.get_area_display(), sort="point__area"),
        Column(
            "retailer",
            gettext_lazy("Retailer"),
            value=lambda a: company_name(a.retailer),
            sort="retailer__name",
        ),
        Column("desired_date", gettext_lazy("Desired date"), sort="desired_date"),
        Column("answer_due_at", gettext_lazy("Answer due"), csv_only=True),
        Column("matching_deadline", gettext_lazy("Matching cut-off"), sort="matching_deadline"),
        Column("switch_date", gettext_lazy("Switch date"), value="match.switch_date", sort="match__switch_date"),
        Column("in_effect_on", gettext_lazy("Supply started or ended on"), sort="in_effect_on"),
        Column("completed_at", gettext_lazy("Paperwork completed at"), sort="completed_at"),
        Column("relay", gettext_lazy("Relay"), value=relay, csv_only=True),
        Column("meter_work", gettext_lazy("Meter work"), csv_only=True),
        Column("filed_at", gettext_lazy("Filed at"), csv_only=True),
        Column("problem", gettext_lazy("What hinders it"), value=_problem, csv_only=True),
        *moves.columns(ApplicationMove),
    ]


def _problem(application: Application) -> str:
    """The error of a hand-over that could not be carried out."""
    if application.match and application.match.stuck_because:
        return _("The point could not be handed over on the switch date; the hub operator has it in hand.")
    return ""


@needs(Ability.SEE_APPLICATIONS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """The own company's applications, or those on the own network."""
    user: User = request.user  # type: ignore[assignment]
    return lists.show(
        request,
        moves.with_times(Application.objects.visible_to(user), "application").select_related(
            "point", "retailer", "relay", "match"
        ),
        columns=_columns(user),
        filterset=ApplicationFilter,
        title=_("Applications"),
        empty=_("No application yet. A switch start is filed for a relay or a facility inquiry."),
        template="switching/applications.html",
        context={"may_file": user.may(Ability.FILE_APPLICATION)},
    )


@needs(Ability.SEE_APPLICATIONS)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One application: where it stands, whose turn it is, when supply changes, when the paperwork was done."""
    user: User = request.user  # type: ignore[assignment]
    application = _visible(user, number)
    if sights.note(application, by=user, now=clock.now()):
        application = _visible(user, number)
    is_own = application.retailer_id == user.company_id
    if application.holder_name and not is_own:
        ledger.record(
            "application.read",
            traces.subject_of(application),
            by=user,
            now=clock.now(),
            purpose="application on the own network",
        )
    point = application.point
    relay = application.relay if is_own else None
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(point.number)),
        (_("Area"), point.get_area_display()),
        (_("Retailer"), company_name(application.retailer)),
        (_("Network operator"), company_name(point.network_operator)),
        (_("Desired date"), jst(application.desired_date)),
        (_("Filed at"), jst(application.filed_at)),
    ]
    if is_own and application.filed_by and application.filed_by.company_id == user.company_id:
        facts.append((_("Filed by"), application.filed_by.name))
    stop_requests = list(application.cancellations.all())
    has_open_request = any(one.status == one.Status.REQUESTED for one in stop_requests)
    is_network_operator = point.network_operator_id == user.company_id and _may(user, Ability.ANSWER_APPLICATION, point)
    rule = kinds.rule(application.kind, point.supply_class)
    entries = shown.of(application, rule) if rule else []
    may_open_relay = relay is not None and Relay.objects.visible_to(user).filter(pk=relay.pk).exists()
    events = timeline.of([application, *_beside(application, relay if may_open_relay else None, user)], reader=user)
    if "print" in request.GET:
        return timeline.on_paper(
            request,
            application,
            title=f"{capfirst(application.get_kind_display())} {application.number}",
            badge=turns.application_badge(application),
            facts=facts,
            sections=[
                (_("Dates"), _dates(application)),
                (_("Entries"), entries),
            ],
            events=events,
        )
    return render(
        request,
        "switching/application.html",
        {
            "title": f"{capfirst(application.get_kind_display())} {application.number}",
            "application": application,
            "badge": turns.application_badge(application),
            "clock": turns.of_application(application, reader=user.company, calendar=workdays.of_area(point.area)),
            "facts": facts,
            "dates": _dates(application),
            "entries": entries,
            "history": shown.history(application, user.company),
            "relay": relay,
            "may_open_relay": may_open_relay,
            "events": events,
            "number": application.number,
            "answers": application.answers.all(),
            "works": application.meter_works.all(),
            "stop_requests": stop_requests,
            "may_decide_stop": is_network_operator and has_open_request,
            "may_ask_stop": is_own
            and application.kind != Application.Kind.SWITCH_TERMINATION
            and application.state in FROZEN
            and not has_open_request
            and _may(user, Ability.FILE_APPLICATION, point),
            "is_network_operator": is_network_operator,
            "may_answer": is_network_operator and application.state == ApplicationState.SUBMITTED,
            "may_plan": is_network_operator and network_work.may_plan(application),
            "may_cancel": is_own
            and application.kind != Application.Kind.SWITCH_TERMINATION
            and application.state in FREE_TO_CANCEL
            and _may(user, Ability.FILE_APPLICATION, point),
            "may_correct": is_own and may_correct(application) and _may(user, Ability.FILE_APPLICATION, point),
            "is_draft": application.state == ApplicationState.DRAFT,
            "may_report_day": actual_days.may_report(application)
            and point.network_operator_id == user.company_id
            and _may(user, Ability.ANSWER_APPLICATION, point),
            "may_complete": application.state == ApplicationState.IN_EFFECT
            and point.network_operator_id == user.company_id
            and _may(user, Ability.COMPLETE_APPLICATION, point),
        },
    )


def _beside(application: Application, relay: Relay | None, user: User) -> list[Application | Relay]:
    """The cases of the same switch that the person may open: the relay, on the own network the other application."""
    counterparts = Application.objects.visible_to(user).filter(match=application.match).exclude(pk=application.pk)
    others = list(counterparts.select_related("point")) if application.match else []
    return [*([relay] if relay else []), *others]


def _dates(application: Application) -> list[tuple[str, Any]]:
    """The dated facts, each for itself: matched, switch date, supply changed, paperwork completed."""
    match = application.match
    if not application.is_switch:
        return _dates_of_one_side(application)
    rows: list[tuple[str, Any]] = [
        (_("Matched at"), jst(match.matched_at) if match else _("not yet")),
        (_("Switch date"), jst(match.switch_date) if match else _("not yet")),
    ]
    if match and match.switch_date != application.desired_date:
        rows.append((_("Why that day"), turns.why_switch_date(match, application.desired_date)))
    label = _("Supply started on") if application.is_start else _("Supply ended on")
    rows.append((label, jst(application.in_effect_on) if application.in_effect_on else _("not yet")))
    done = application.completed_at
    rows.append((_("Paperwork completed at"), jst(done) if done else _("not yet")))
    return rows if application.is_open or match else []


def _dates_of_one_side(application: Application) -> list[tuple[str, Any]]:
    """The same where nothing is matched: the planned day, the day it took effect, the paperwork."""
    if not application.is_open and not application.in_effect_on:
        return []
    label = {
        Application.Kind.RECONNECTION: _("Supply started on"),
        Application.Kind.TERMINATION: _("Supply ended on"),
    }.get(Application.Kind(application.kind), _("In effect since"))
    planned, done, completed = application.planned_on, application.in_effect_on, application.completed_at
    return [
        (_("Takes effect on"), jst(planned) if planned else _("not yet settled")),
        (label, jst(done) if done else _("not yet")),
        (_("Paperwork completed at"), jst(completed) if completed else _("not yet")),
    ]


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
            point=point,
            relay=fitting,
            by=user,
            now=now,
            dry_run=only_check or not is_confirmed,
            **form.cleaned_data,
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
    if _may(user, Ability.SEE_RELAYS, point):
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


@needs(Ability.FILE_APPLICATION)
def cancellation(request: HttpRequest, number: str) -> HttpResponseBase:
    """The retailer cancels its waiting switch start, after a page that says so."""
    user: User = request.user  # type: ignore[assignment]
    application = _visible(user, number)
    if application.retailer_id != user.company_id or application.kind == Application.Kind.SWITCH_TERMINATION:
        raise Http404
    if application.state not in FREE_TO_CANCEL:
        is_frozen = application.state in FROZEN
        return _see_the_case(request, application, applications.Frozen() if is_frozen else _moved(application))
    checked = None
    if only_check := "only_check" in request.POST:
        checked = _checked(applications.cancel, application, by=user)
    if not only_check and "confirmed" in request.POST:
        try:
            applications.cancel(application_id=application.pk, by=user, now=clock.now())
        except applications.NotPossible as refusal:
            return _see_the_case(request, application, refusal)
        messages.success(request, _("%(number)s is cancelled.") % {"number": application.number})
        return redirect("switching:application", application.number)
    return render(
        request,
        "switching/confirm.html",
        _to_confirm(
            application,
            title=_("Cancel this application?"),
            action_label=_("Cancel the application"),
            notes=[
                *(
                    [_("The relay stays as it is. To end it as well, withdraw the relay instead.")]
                    if application.is_start
                    else []
                ),
                _("This cannot be undone; a new application can be filed."),
            ],
        )
        | {"is_danger": True, "checked": checked},
    )


@needs(Ability.COMPLETE_APPLICATION)
def completion(request: HttpRequest, number: str) -> HttpResponseBase:
    """The network operator reports the paperwork completed: a fact of its own beside "supply started"."""
    user: User = request.user  # type: ignore[assignment]
    application = _visible(user, number)
    if application.point.network_operator_id != user.company_id:
        raise Http404
    if application.state != ApplicationState.IN_EFFECT:
        return _see_the_case(request, application, _moved(application))
    checked = None
    if only_check := "only_check" in request.POST:
        checked = _checked(applications.complete, application, by=user)
    if not only_check and "confirmed" in request.POST:
        try:
            applications.complete(application_id=application.pk, by=user, now=clock.now())
        except applications.NotPossible as refusal:
            return _see_the_case(request, application, refusal)
        messages.success(
            request, _("The paperwork of %(number)s is reported completed.") % {"number": application.number}
        )
        return redirect("switching:application", application.number)
    return render(
        request,
        "switching/confirm.html",
        _to_confirm(
            application,
            title=_("Report the paperwork completed?"),
            action_label=_("Report completed"),
            notes=[_("The retailer is told. The day on which supply changed stays as it is.")],
        )
        | {"checked": checked},
    )


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


def _to_confirm(application: Application, *, title: str, action_label: str, notes: list[str]) -> dict[str, Any]:
    address = reverse("switching:application", args=[application.number])
    return {
        "title": title,
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
        "notes": notes,
        "action_label": action_label,
        "may_check": True,
        "back_url": address,
        "back_label": _("Back to the application"),
    }


def _visible(user: User, number: str) -> Application:
    return get_object_or_404(
        Application.objects.visible_to(user).select_related(
            "point__network_operator", "retailer", "relay", "match", "filed_by"
        ),
        number=number,
    )


def _may(user: User, ability: Ability, point: SupplyPoint) -> bool:
    return covers(user, ability, area=point.area, supply_class=point.supply_class)


def _moved(application: Application) -> applications.AlreadyMoved:
    return applications.AlreadyMoved(ApplicationState(application.state))


def _see_the_case(request: HttpRequest, application: Application, refusal: Exception) -> HttpResponseBase:
    """The refusal in words on the page that shows how the application stands."""
    messages.error(request, sentence(refusal))
    return redirect("switching:application", application.number)
