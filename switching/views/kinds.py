"""Pages on which the other kinds of application are chosen, filled in, checked, kept as drafts, filed and corrected."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from metering.models import SupplyPoint
from metering.points import WrongNumber, normalise_number
from portal import clock, workdays
from portal.access import Ability, needs
from portal.market import SupplyClass
from portal.models import User
from portal.templatetags.words import company_name, jst, point_number
from portal.workdays import jst_date
from switching import applications, deadlines, dry_runs, entries, kinds, revisions, traces
from switching.forms import hidden, hint
from switching.forms_kinds import CorrectionForm, KindForm, PointForm, as_typed
from switching.kinds import Filer, Kind, Lead, Rule
from switching.models import Application
from switching.sentences import field_of, sentence
from switching.states import FROZEN, ApplicationState
from switching.views import inquiries, shown, turns


@needs(Ability.FILE_APPLICATION)
def choose(request: HttpRequest) -> HttpResponse:
    """Every kind a retailer files, with the classes of supply at which it exists."""
    rows = [
        (
            kind,
            _purpose(kind),
            [(supply_class, _address(kind, supply_class)) for supply_class in kinds.classes_of(kind)],
        )
        for kind in Kind
        if kind != Kind.SWITCH_TERMINATION
    ]
    return render(request, "switching/application_kinds.html", {"title": _("New application"), "rows": rows})


def _address(kind: Kind, supply_class: SupplyClass) -> str:
    if kind == Kind.SWITCH_START:
        return reverse("switching:start-new")
    return reverse("switching:application-new", args=[kind, supply_class])


def _purpose(kind: Kind) -> str:
    return {
        Kind.SWITCH_START: _("A customer changes to your company. It begins with a facility inquiry or a relay."),
        Kind.RECONNECTION: _("A customer moves in where nobody is supplied now. It begins with a facility inquiry."),
        Kind.TERMINATION: _("Your customer moves out; with or without removal of the equipment."),
        Kind.AMPERE_CHANGE: _("Your customer wants another size of the ampere breaker."),
        Kind.CONSUMER_CHANGE: _("Name, address or holder of your customer's contract change."),
    }[kind]


@needs(Ability.FILE_APPLICATION)
def new(request: HttpRequest, kind: str, supply_class: str) -> HttpResponseBase:
    """An application of one kind: its supply point, its entries, the page that shows what will be filed, filed."""
    user: User = request.user  # type: ignore[assignment]
    rule = kinds.rule(kind, supply_class)
    if rule is None:
        raise Http404
    where = {"kind": kind, "supply_class": supply_class, "title": _title(kind)}
    if "point" not in request.GET:
        return render(request, "switching/application_point.html", {**where, "form": PointForm()})
    asked = PointForm(request.GET)
    point = _point(asked, rule, supply_class, user)
    if point is None:
        return render(request, "switching/application_point.html", {**where, "form": asked}, status=422)
    if request.method != "POST" or "edit" in request.POST:
        typed = request.POST.dict() if request.method == "POST" else None
        return _fill_in(request, KindForm(rule=rule, initial=typed), point, where)
    form = KindForm(request.POST, rule=rule)
    if not form.is_valid():
        return _fill_in(request, form, point, where, status=422)
    return _decide(request, form, point, where)


def _point(form: PointForm, rule: Rule, supply_class: str, user: User) -> SupplyPoint | None:
    """The point whose number was typed, when the person may file this kind there; else the form says why not."""
    if not form.is_valid():
        return None
    try:
        number = normalise_number(form.cleaned_data["point"], supply_class=supply_class)
    except WrongNumber as wrong:
        form.add_error("point", str(wrong.sentence))
        return None
    if rule.filer == Filer.ANY:
        found = inquiries.of_company(user, Ability.FILE_APPLICATION).filter(point__number=number).first()
        point = found.point if found else None
        why = _("Your company has made no facility inquiry about this number yet. Please make one first.")
    else:
        point = SupplyPoint.objects.visible_to(user).filter(number=number).first()
        why = sentence(applications.NotOurs())
    if point is None:
        form.add_error("point", why)
    elif point.supply_class != supply_class:
        form.add_error(
            "point",
            _("This point is of the class “%(supply_class)s”. Please choose the application of that class.")
            % {"supply_class": SupplyClass(point.supply_class).label},
        )
        return None
    return point


def _decide(request: HttpRequest, form: KindForm, point: SupplyPoint, where: dict[str, Any]) -> HttpResponseBase:
    """Check, show what will be filed, keep as a draft or file, as the button says."""
    user: User = request.user  # type: ignore[assignment]
    kind, now = where["kind"], clock.now()
    is_confirmed, only_check, is_draft = (name in request.POST for name in ("confirmed", "only_check", "draft"))
    tell = partial(
        dry_runs.outcome, deed=f"application.{kind}", subject=f"supply point {point.number}", by=user, now=now
    )
    try:
        application = applications.file(
            kind=kind,
            point=point,
            desired_date=form.cleaned_data["desired_date"],
            given=form.given,
            by=user,
            now=now,
            dry_run=only_check or not (is_confirmed or is_draft),
            as_draft=is_draft and not only_check,
        )
    except applications.NotPossible as refusal:
        checked = tell(refusal) if only_check else None
        form.add_error(field_of(refusal, form), _said(refusal, form))
        return _fill_in(request, form, point, where, status=422, checked=checked)
    if only_check:
        return _fill_in(request, form, point, where, checked=tell(None, notes=(_what_follows(kind),)))
    if is_draft:
        messages.success(request, _("Kept as draft %(number)s. Nobody else sees it.") % {"number": application.number})
        return redirect("switching:application", application.number)
    if is_confirmed:
        messages.success(
            request,
            _("%(kind)s %(number)s is filed.")
            % {"kind": capfirst(application.get_kind_display()), "number": application.number},
        )
        return redirect("switching:application", application.number)
    back = [(_("Applications"), reverse("switching:applications")), (_("New"), reverse("switching:application-kinds"))]
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("File this application?"),
            "supply_class": point.supply_class,
            "trail": back,
            "facts": [
                (_("Kind"), capfirst(application.get_kind_display())),
                (_("Supply point"), point_number(point.number)),
                (_("Network operator"), company_name(point.network_operator)),
                (_("Desired date"), jst(application.desired_date)),
                *shown.facts(form.rule, form.given),
            ],
            "notes": [_what_follows(kind)],
            "entries": hidden(form),
            "action_label": _("File the application"),
        },
    )


def _said(refusal: Exception, form: KindForm) -> str:
    """The refusal's sentence; beside the field it is about without naming the field once more."""
    if isinstance(refusal, applications.EntryNotPossible) and refusal.field in form.fields:
        return str(refusal.problem.label)
    return sentence(refusal)


def _what_follows(kind: str) -> str:
    if kind == Kind.SWITCH_START:
        return _("It is paired with the switch termination of the same point and date by itself.")
    return _("The network operator accepts or rejects it. On its day the hub carries it out by itself.")


def _title(kind: str) -> str:
    return _("New application: %(kind)s") % {"kind": Kind(kind).label}


def _fill_in(
    request: HttpRequest,
    form: KindForm,
    point: SupplyPoint,
    where: dict[str, Any],
    *,
    status: int = 200,
    checked: dry_runs.Outcome | None = None,
) -> HttpResponse:
    hint(form, "desired_date", _when(form.rule, point))
    return render(
        request,
        "switching/application_new.html",
        {
            **where,
            "form": form,
            "point": point,
            "checked": checked,
            "present": _present(form.rule, point),
            "back_url": f"{reverse('switching:application-new', args=[where['kind'], where['supply_class']])}",
        },
        status=status,
    )


def _present(rule: Rule, point: SupplyPoint) -> list[tuple[str, Any]]:
    """What the point is like now, beside what may change."""
    found: list[tuple[str, Any]] = [(_("Contract state"), point.get_contract_state_display())]
    if "ampere" in rule.fields:
        found.append((_("Present ampere"), f"{point.current_limit_a} A" if point.current_limit_a else ""))
    if {"ampere", "capacity_method"} & set(rule.fields):
        found.append((_("Present method"), point.get_capacity_method_display()))
    if "removal" in rule.fields:
        found.append((_("On termination"), point.get_on_termination_display()))
    return found


def _when(rule: Rule, point: SupplyPoint) -> str:
    """Which days may be named, in words."""
    today, calendar = jst_date(clock.now()), workdays.of_area(point.area)
    days = partial(deadlines.window, rule, supply_class=point.supply_class, today=today, workdays=calendar)
    plain = days(meter_work=False)
    said = _("From %(earliest)s to %(latest)s.") % {"earliest": jst(plain[0]), "latest": jst(plain[1])}
    if "meter_work" in rule.fields:
        work = days(meter_work=True)
        said += " " + _("With meter work from %(earliest)s.") % {"earliest": jst(work[0])}
    if rule.lead in (Lead.SWITCH, Lead.ALWAYS_WORK):
        said += " " + turns.why_earliest(
            today, supply_class=point.supply_class, meter_work=rule.lead == Lead.ALWAYS_WORK, calendar=calendar
        )
    return said


@needs(Ability.FILE_APPLICATION)
def correction(request: HttpRequest, number: str) -> HttpResponseBase:
    """The entries once more, the difference before it is filed as another revision."""
    user: User = request.user  # type: ignore[assignment]
    application = _own(user, number)
    rule = kinds.rule(application.kind, application.point.supply_class)
    assert rule, "what was filed has its rule"
    if application.state in FROZEN:
        return _see_the_case(request, application, applications.Frozen())
    if not may_correct(application):
        return _see_the_case(request, application, applications.AlreadyMoved(ApplicationState(application.state)))
    if request.method != "POST" or "edit" in request.POST:
        held = as_typed(entries.of(application, rule), application.desired_date)
        typed = request.POST.dict() if request.method == "POST" else held
        return _correct(request, CorrectionForm(rule=rule, initial=typed), application)
    form = CorrectionForm(request.POST, rule=rule)
    if not form.is_valid():
        return _correct(request, form, application, status=422)
    is_confirmed, only_check, now = "confirmed" in request.POST, "only_check" in request.POST, clock.now()
    before = revisions.entries_of(application)
    tell = partial(
        dry_runs.outcome, deed="application.correct", subject=traces.subject_of(application), by=user, now=now
    )
    try:
        corrected = applications.correct(
            application_id=application.pk,
            desired_date=form.cleaned_data["desired_date"],
            given=form.given,
            reason=form.cleaned_data["reason"],
            by=user,
            now=now,
            dry_run=only_check or not is_confirmed,
        )
    except applications.NotPossible as refusal:
        checked = tell(refusal) if only_check else None
        form.add_error(field_of(refusal, form), _said(refusal, form))
        return _correct(request, form, application, status=422, checked=checked)
    if only_check:
        return _correct(request, form, application, checked=tell(None))
    if is_confirmed:
        messages.success(request, _("%(number)s is corrected.") % {"number": application.number})
        return redirect("switching:application", application.number)
    address = reverse("switching:application", args=[application.number])
    return render(
        request,
        "switching/correction_confirm.html",
        {
            "title": _("File this correction?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Applications"), reverse("switching:applications")), (application.number, address)],
            "differences": shown.differences(before, revisions.entries_of(corrected)),
            "notes": [form.cleaned_data["reason"]],
            "entries": hidden(form),
            "action_label": _("File the correction"),
        },
    )


def may_correct(application: Application) -> bool:
    """True where a correction leads somewhere."""
    return application.kind != Kind.SWITCH_TERMINATION and application.state in applications.CORRECTABLE


def _correct(
    request: HttpRequest,
    form: CorrectionForm,
    application: Application,
    *,
    status: int = 200,
    checked: dry_runs.Outcome | None = None,
) -> HttpResponse:
    hint(form, "desired_date", _when(form.rule, application.point))
    return render(
        request,
        "switching/correction.html",
        {
            "title": _("Correct %(number)s") % {"number": application.number},
            "supply_class": application.point.supply_class,
            "application": application,
            "form": form,
            "checked": checked,
        },
        status=status,
    )


@needs(Ability.FILE_APPLICATION)
def draft(request: HttpRequest, number: str) -> HttpResponseBase:
    """A draft is filed, after the page that shows what will be filed."""
    user: User = request.user  # type: ignore[assignment]
    application = _own(user, number)
    rule = kinds.rule(application.kind, application.point.supply_class)
    assert rule, "what was kept has its rule"
    if application.state != ApplicationState.DRAFT:
        return _see_the_case(request, application, applications.AlreadyMoved(ApplicationState(application.state)))
    if request.method == "POST" and "confirmed" in request.POST:
        try:
            applications.file_draft(application_id=application.pk, by=user, now=clock.now())
        except applications.NotPossible as refusal:
            return _see_the_case(request, application, refusal)
        messages.success(
            request,
            _("%(kind)s %(number)s is filed.")
            % {"kind": capfirst(application.get_kind_display()), "number": application.number},
        )
        return redirect("switching:application", application.number)
    address = reverse("switching:application", args=[application.number])
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("File this application?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Applications"), reverse("switching:applications")), (application.number, address)],
            "facts": [
                (_("Kind"), capfirst(application.get_kind_display())),
                (_("Supply point"), point_number(application.point.number)),
                (_("Desired date"), jst(application.desired_date)),
                *shown.of(application, rule),
            ],
            "notes": [_what_follows(application.kind)],
            "action_label": _("File the application"),
            "back_url": address,
            "back_label": _("Back to the application"),
        },
    )


def _own(user: User, number: str) -> Application:
    return get_object_or_404(
        Application.objects.visible_to(user)
        .filter(retailer=user.company)
        .exclude(kind=Kind.SWITCH_TERMINATION)
        .select_related("point__network_operator", "retailer", "relay"),
        number=number,
    )


def _see_the_case(request: HttpRequest, application: Application, refusal: Exception) -> HttpResponseBase:
    messages.error(request, sentence(refusal))
    return redirect("switching:application", application.number)
