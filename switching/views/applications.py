"""Pages of applications: the list and the case.

Against win-back selling the list and its CSV do not tell the supply point of a retailer's own switch termination
before supply has ended: it would be a list of the customers about to leave (domain notes, switching §5). The case's
own page shows it.
"""

from typing import Any

import django_filters
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering.models import SupplyPoint
from portal import clock, ledger, lists, workdays
from portal.access import Ability, covers, needs
from portal.filters import Days
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import class_mark, company_name, jst, point_number
from switching import actual_days, kinds, network_work, sights, traces
from switching.models import Application, Relay
from switching.states import FREE_TO_CANCEL, FROZEN, ApplicationMove, ApplicationState
from switching.views import moves, shown, timeline, turns
from switching.views.filters import ByNumber, ClassOfSupply, InArea
from switching.views.kinds import may_correct


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
    application = visible(user, number)
    if sights.note(application, by=user, now=clock.now()):
        application = visible(user, number)
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
    is_network_operator = point.network_operator_id == user.company_id and may(user, Ability.ANSWER_APPLICATION, point)
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
            and may(user, Ability.FILE_APPLICATION, point),
            "is_network_operator": is_network_operator,
            "may_answer": is_network_operator and application.state == ApplicationState.SUBMITTED,
            "may_plan": is_network_operator and network_work.may_plan(application),
            "may_cancel": is_own
            and application.kind != Application.Kind.SWITCH_TERMINATION
            and application.state in FREE_TO_CANCEL
            and may(user, Ability.FILE_APPLICATION, point),
            "may_correct": is_own and may_correct(application) and may(user, Ability.FILE_APPLICATION, point),
            "is_draft": application.state == ApplicationState.DRAFT,
            "may_report_day": actual_days.may_report(application)
            and point.network_operator_id == user.company_id
            and may(user, Ability.ANSWER_APPLICATION, point),
            "may_complete": application.state == ApplicationState.IN_EFFECT
            and point.network_operator_id == user.company_id
            and may(user, Ability.COMPLETE_APPLICATION, point),
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


def visible(user: User, number: str) -> Application:
    """The application, or 404."""
    return get_object_or_404(
        Application.objects.visible_to(user).select_related(
            "point__network_operator", "retailer", "relay", "match", "filed_by"
        ),
        number=number,
    )


def may(user: User, ability: Ability, point: SupplyPoint) -> bool:
    """True when the person holds the ability for the point's area and class."""
    return covers(user, ability, area=point.area, supply_class=point.supply_class)
