"""Pages of undoing: the list, the case, asking for it from a relay, answering, deciding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import class_mark, company_name, jst, point_number
from portal.workdays import jst_date
from switching import cooling_off, dark_points, exits, frauds, reversals, traces, undoing
from switching.forms import hidden
from switching.forms_undoing import (
    AnswerForm,
    ContractEndForm,
    CoolingOffForm,
    DecisionForm,
    DenialForm,
    EvidenceForm,
    OutcomeForm,
    ReversalForm,
    WordsForm,
)
from switching.models import Application, Relay, UndoCase
from switching.sentences import field_of, sentence
from switching.undo_reasons import REVERSAL_REFUSALS, STOP_REFUSALS
from switching.undo_states import UndoKind, UndoState
from switching.views import timeline, undo_turns
from switching.views.filters import ByNumber, ClassOfSupply, InArea
from switching.views.turns import application_badge


class UndoFilter(ByNumber):
    also = ("relay__number", "point__number")
    q = django_filters.CharFilter(label=gettext_lazy("Case, relay or supply point number"), method="by_number")
    turn = django_filters.ChoiceFilter(
        label=gettext_lazy("Turn"), choices=[("mine", gettext_lazy("waits for my answer"))], method="by_turn"
    )
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=UndoKind.choices)
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=UndoState.choices)
    supply_class = ClassOfSupply()
    area = InArea()

    class Meta:
        model = UndoCase
        fields: list[str] = []

    def by_turn(self, rows: QuerySet[UndoCase], name: str, value: str) -> QuerySet[UndoCase]:
        return rows.filter(undoing.waiting_for(self.request.user))


COLUMNS = [
    Column("number", gettext_lazy("Case"), sort="id", link=lambda c: reverse("switching:undo-case", args=[c.number])),
    Column("kind", gettext_lazy("Kind"), value=lambda c: c.get_kind_display(), sort="kind"),
    Column("state", gettext_lazy("State"), value=lambda c: c.get_state_display(), draw=undo_turns.undo_badge),
    Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column("area", gettext_lazy("Area"), value=lambda c: c.point.get_area_display() if c.point else ""),
    Column(
        "gaining",
        gettext_lazy("Gaining retailer"),
        value=lambda c: company_name(c.gaining_retailer) if c.gaining_retailer else "",
    ),
    Column("losing", gettext_lazy("Losing retailer"), value=lambda c: company_name(c.losing_retailer)),
    Column("due_at", gettext_lazy("Answer due"), sort="due_at"),
    Column("effective_on", gettext_lazy("Effective on"), sort="effective_on"),
    Column("opened_at", gettext_lazy("Case opened at"), sort="opened_at"),
    Column("phase", gettext_lazy("Phase"), value=lambda c: c.get_phase_display(), csv_only=True),
    Column("reason", gettext_lazy("Reason"), value=lambda c: c.get_reason_display(), csv_only=True),
    Column("outcome", gettext_lazy("Outcome"), value=lambda c: c.get_outcome_display(), csv_only=True),
    Column("relay", gettext_lazy("Relay"), value="relay.number", csv_only=True),
    Column("closed_at", gettext_lazy("Closed at"), csv_only=True),
]


@needs(Ability.SEE_UNDOING)
def listing(request: HttpRequest) -> HttpResponseBase:
    """The undoing cases of the own company, of the own network, or all for the hub's people."""
    user: User = request.user  # type: ignore[assignment]
    return lists.show(
        request,
        UndoCase.objects.visible_to(user).select_related("point", "relay", "gaining_retailer", "losing_retailer"),
        columns=COLUMNS,
        filterset=UndoFilter,
        title=_("Undoing of switches"),
        empty=_("No case yet. A cooling-off or a reversal is asked for from its relay."),
        template="switching/undoing.html",
        context={"may_announce": undoing.is_operator(user)},
    )


@needs(Ability.SEE_UNDOING)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One case: what is undone, whose turn, what each side said, what was filed for it."""
    user: User = request.user  # type: ignore[assignment]
    case = _visible(user, number)
    if user.company.is_hub_operator:
        ledger.record("undoing.read", traces.subject_of(case), by=user, now=clock.now(), purpose="undoing of a switch")
    filed = case.applications.select_related("point", "retailer", "match").order_by("pk")
    sees_relay = case.relay is not None and Relay.objects.visible_to(user).filter(pk=case.relay.pk).exists()
    sees = set(Application.objects.visible_to(user).filter(pk__in=filed).values_list("pk", flat=True))
    exit_rows = _exit_rows(case) if case.kind == UndoKind.MARKET_EXIT else []
    return render(
        request,
        "switching/undo_case.html",
        {
            "title": f"{case.get_kind_display()} {case.number}",
            "case": case,
            "badge": undo_turns.undo_badge(case),
            "supply_class": case.point.supply_class if case.point else "",
            "clock": undo_turns.of_case(case, reader=user.company),
            "notes": undo_turns.what_it_means(case),
            "facts": _facts(case),
            "words": undo_turns.words_of(case, reader=user.company),
            "filed": [(found, application_badge(found), found.pk in sees) for found in filed],
            "sees_relay": sees_relay,
            "related": UndoCase.objects.visible_to(user).filter(Q(parent=case) | Q(children=case)).distinct(),
            "exit_rows": exit_rows,
            "days": exits.days(case) if exit_rows else [],
            "may_list_points": bool(exit_rows) and not user.company.is_hub_operator,
            "events": timeline.of([case], reader=user),
            "number": case.number,
            "acts": [
                (label, reverse(f"switching:{name}", args=[case.number]))
                for label, name in map(ACTS.__getitem__, undoing.acts_now(case, user, today=jst_date(clock.now())))
            ],
        },
    )


def _facts(case: UndoCase) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = []
    if case.point:
        facts += [
            (_("Supply point"), point_number(case.point.number)),
            (_("Area"), case.point.get_area_display()),
            (_("Network operator"), company_name(case.point.network_operator)),
        ]
    if case.gaining_retailer:
        facts.append((_("Gaining retailer"), company_name(case.gaining_retailer)))
    losing = _("Retailer that leaves") if case.kind == UndoKind.MARKET_EXIT else _("Losing retailer")
    facts.append((losing, company_name(case.losing_retailer)))
    optional = [
        (_("Switch date"), jst(case.match.switch_date) if case.match else ""),
        (_("Reason"), case.get_reason_display()),
        (_("Declared by the customer on"), jst(case.declared_on) if case.declared_on else ""),
        (_("Contract papers received on"), jst(case.papers_on) if case.papers_on else ""),
        (_effect_label(case), jst(case.effective_on) if case.effective_on else ""),
        (_("From that day"), case.get_outcome_display()),
        (_("Answer due"), jst(case.due_at) if case.due_at else ""),
        (_("Asked for by"), company_name(case.asked_by) if case.asked_by else _("the hub")),
        (_("Case opened at"), jst(case.opened_at)),
        (_("Closed at"), jst(case.closed_at) if case.closed_at else ""),
    ]
    return facts + [(label, value) for label, value in optional if value]


def _effect_label(case: UndoCase) -> str:
    return {
        UndoKind.COOLING_OFF: _("Former retailer supplies again from"),
        UndoKind.REVERSAL: _("As if uninterrupted from"),
        UndoKind.DARK_POINT: _("Old contract ends on"),
        UndoKind.MARKET_EXIT: _("Last day of supply"),
    }.get(UndoKind(case.kind), _("Effective on"))


def _exit_rows(case: UndoCase) -> list[dict[str, Any]]:
    newest = exits.figures(case)
    return [
        {
            "area": row.get_area_display(),
            "network_operator": company_name(row.network_operator),
            "at_first": row.points_at_first,
            "remaining": newest[row.area].remaining if row.area in newest else row.points_at_first,
            "under_way": newest[row.area].under_way if row.area in newest else 0,
            "day": newest[row.area].day if row.area in newest else None,
            "to_last_resort": row.to_last_resort,
        }
        for row in case.areas.select_related("network_operator")
    ]


ACTS: dict[str, tuple[Any, str]] = {
    "answer": (gettext_lazy("Answer"), "undo-answer"),
    "evidence": (gettext_lazy("Give the evidence"), "undo-evidence"),
    "contract": (gettext_lazy("Say whether the contract goes on"), "undo-contract"),
    "last-resort": (gettext_lazy("Keep the customer's answer"), "undo-last-resort"),
    "decision": (gettext_lazy("Decide"), "undo-decision"),
    "withdrawal": (gettext_lazy("Withdraw"), "undo-withdrawal"),
    "appeal": (gettext_lazy("Bring it before the hub operator"), "undo-appeal"),
    "exit-withdrawal": (gettext_lazy("Call the market exit off"), "exit-withdrawal"),
}
"""What can be done with a case: the words of the button and the page's name."""


def _visible(user: User, number: str) -> UndoCase:
    return get_object_or_404(
        UndoCase.objects.visible_to(user).select_related(
            "point__network_operator", "gaining_retailer", "losing_retailer", "asked_by", "relay", "match"
        ),
        number=number,
    )


# --- Acts: entries, exactly what will be done, done ----------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """One thing to be done on a page of its own: what is asked, what is shown before it is done, the verb."""

    title: str
    button: str
    facts: Sequence[tuple[str, Any]]
    trail: Sequence[tuple[str, str]]
    back_url: str
    do: Callable[..., UndoCase]
    done: str
    notes: Sequence[str] = ()
    check: Callable[..., Any] | None = None
    supply_class: str = ""
    is_danger: bool = False
    values: Callable[[forms.Form], dict[str, Any]] = field(default=lambda form: form.cleaned_data)


def perform(request: HttpRequest, act: Act, form: forms.Form) -> HttpResponseBase:
    """Ask for the entries (where there are any), show what will be done, do it; a refusal stands by its field."""
    is_asked = bool(form.fields)
    if is_asked and (not form.is_bound or "edit" in request.POST):
        return _entries(request, act, form)
    if is_asked and not form.is_valid():
        return _entries(request, act, form, status=422)
    values = act.values(form) if is_asked else {}
    is_confirmed = request.method == "POST" and "confirmed" in request.POST
    try:
        if is_confirmed:
            case = act.do(**values)
            messages.success(request, act.done % {"number": case.number})
            return redirect("switching:undo-case", case.number)
        if act.check:
            act.check(**values)
    except undoing.NotPossible as refusal:
        if is_asked:
            form.add_error(field_of(refusal, form), sentence(refusal))
            return _entries(request, act, form, status=422)
        messages.error(request, sentence(refusal))
        return redirect(act.back_url)
    return render(
        request,
        "switching/confirm.html",
        {
            "title": act.title,
            "supply_class": act.supply_class,
            "trail": act.trail,
            "facts": [*act.facts, *_entered(form)],
            "notes": act.notes,
            "entries": hidden(form) if is_asked else [],
            "action_label": act.button,
            "is_danger": act.is_danger,
            "back_url": "" if is_asked else act.back_url,
            "back_label": _("Back"),
        },
    )


def _entries(request: HttpRequest, act: Act, form: forms.Form, *, status: int = 200) -> HttpResponse:
    return render(
        request,
        "switching/undo_act.html",
        {
            "title": act.title,
            "supply_class": act.supply_class,
            "trail": act.trail,
            "facts": act.facts,
            "notes": act.notes,
            "form": form,
            "action_label": _("Go on to the confirmation"),
            "cancel_url": act.back_url,
        },
        status=status,
    )


def _entered(form: forms.Form) -> list[tuple[str, Any]]:
    """The entries in words, as they will be kept."""
    told = []
    for name, value in getattr(form, "cleaned_data", {}).items():
        if value in (None, ""):
            continue
        entry = form.fields[name]
        if isinstance(entry, forms.ModelChoiceField):
            value = company_name(value)
        elif isinstance(entry, forms.ChoiceField):
            value = dict(entry.choices)[value]  # type: ignore[arg-type]
        elif isinstance(entry, forms.DateField):
            value = jst(value)
        told.append((str(entry.label), value))
    return told


def bound(request: HttpRequest, kind: type[forms.Form], **kwargs: Any) -> forms.Form:
    """The form of this request: empty, filled again to be corrected, or sent."""
    if request.method != "POST":
        return kind(**kwargs)
    if "edit" in request.POST:
        return kind(initial=request.POST.dict(), **kwargs)
    return kind(request.POST, **kwargs)


def _about_relay(relay: Relay) -> dict[str, Any]:
    address = reverse("switching:relay", args=[relay.number])
    return {
        "facts": [
            (_("Relay"), relay.number),
            (_("Supply point"), point_number(relay.point.number)),
            (_("Gaining retailer"), company_name(relay.gaining_retailer)),
            (_("Losing retailer"), company_name(relay.losing_retailer)),
        ],
        "trail": [(_("Cancellation relays"), reverse("switching:relays")), (relay.number, address)],
        "back_url": address,
        "supply_class": relay.point.supply_class,
    }


def about_case(case: UndoCase) -> dict[str, Any]:
    """What every act on a case shows of it."""
    address = reverse("switching:undo-case", args=[case.number])
    return {
        "facts": [(_("Case"), f"{case.number} {case.get_kind_display()}"), *_facts(case)],
        "trail": [(_("Undoing of switches"), reverse("switching:undoing")), (case.number, address)],
        "back_url": address,
        "supply_class": case.point.supply_class if case.point else "",
    }


def _own_relay(user: User, number: str, *, side: str = "") -> Relay:
    relay = get_object_or_404(
        Relay.objects.visible_to(user).select_related("point", "gaining_retailer", "losing_retailer"), number=number
    )
    if side and getattr(relay, f"{side}_id") != user.company_id:
        raise Http404
    return relay


@needs(Ability.UNDO)
def cooling_off_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """The customer cools off: the page opens the phase the switch stands in and says what will happen."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number, side="gaining_retailer"), clock.now()
    try:
        phase = cooling_off.phase_of(relay)
    except cooling_off.NothingToUndo as refusal:
        messages.error(request, sentence(refusal))
        return redirect("switching:relay", relay.number)
    sketch = UndoCase(phase=phase, effective_on=cooling_off.first_day_back(jst_date(now)))
    about = _about_relay(relay)
    about["facts"] = [*about["facts"], (_("The switch stands"), phase.label)]
    open_case = partial(cooling_off.open_case, relay_id=relay.pk, by=user, now=now)
    act = Act(
        title=_("Customer cools off"),
        button=_("Pass the cooling-off on"),
        notes=undo_turns.phase_notes(phase, sketch),
        do=open_case,
        check=partial(open_case, dry_run=True),
        done=_("The cooling-off is case %(number)s."),
        is_danger=True,
        **about,
    )
    return perform(request, act, bound(request, CoolingOffForm))


@needs(Ability.UNDO)
def reversal_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """Either retailer asks that an erroneous switch be reversed."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number), clock.now()
    act = Act(
        title=_("Ask for the reversal of an erroneous switch"),
        button=_("Ask for the reversal"),
        notes=undo_turns.what_it_means(UndoCase(kind=UndoKind.REVERSAL)),
        do=partial(reversals.ask, relay_id=relay.pk, by=user, now=now),
        done=_("The reversal is case %(number)s. The other retailer is asked."),
        **_about_relay(relay),
    )
    return perform(request, act, bound(request, ReversalForm))


@needs(Ability.UNDO)
def denial_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """The former retailer reports that the customer denies a switch that was carried out."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number, side="losing_retailer"), clock.now()
    act = Act(
        title=_("The customer denies the switch"),
        button=_("Report the denial"),
        notes=undo_turns.what_it_means(UndoCase(kind=UndoKind.FRAUD)),
        do=partial(frauds.report, relay_id=relay.pk, by=user, now=now),
        done=_("The denial is case %(number)s. The other retailer is asked for its evidence."),
        **_about_relay(relay),
    )
    return perform(request, act, bound(request, DenialForm))


def _case_of(request: HttpRequest, number: str, *kinds: UndoKind) -> tuple[User, UndoCase]:
    user: User = request.user  # type: ignore[assignment]
    case = _visible(user, number)
    if kinds and case.kind not in kinds:
        raise Http404
    return user, case


@needs(Ability.SEE_UNDOING)
def answer(request: HttpRequest, number: str) -> HttpResponseBase:
    """The network operator answers a request to stop, the other retailer one for a reversal."""
    user, case = _case_of(request, number, UndoKind.COOLING_OFF, UndoKind.REVERSAL)
    if case.answering_id != user.company_id:
        raise Http404
    is_stop = case.kind == UndoKind.COOLING_OFF
    verb = cooling_off.answer if is_stop else reversals.answer
    act = Act(
        title=_("Stop this switch?") if is_stop else _("Reverse this switch?"),
        button=_("Give this answer"),
        notes=undo_turns.what_it_means(case),
        do=partial(verb, case_id=case.pk, by=user, now=clock.now()),
        done=_("Your answer to case %(number)s is kept."),
        values=lambda form: {
            "agrees": form.cleaned_data["verdict"] == "agree",
            "reason": form.cleaned_data["reason"],
            "text": form.cleaned_data["text"],
        },
        **about_case(case),
    )
    return perform(request, act, bound(request, AnswerForm, reasons=STOP_REFUSALS if is_stop else REVERSAL_REFUSALS))


@needs(Ability.UNDO)
def evidence(request: HttpRequest, number: str) -> HttpResponseBase:
    """The gaining retailer gives its evidence that the customer consented."""
    user, case = _case_of(request, number, UndoKind.FRAUD)
    if case.gaining_retailer_id != user.company_id:
        raise Http404
    act = Act(
        title=_("Evidence of the customer's consent"),
        button=_("Give the evidence"),
        notes=undo_turns.what_it_means(case),
        do=partial(frauds.answer, case_id=case.pk, by=user, now=clock.now()),
        done=_("The evidence is kept in case %(number)s; the hub operator decides."),
        values=lambda form: {"evidence": frauds.Evidence(**form.cleaned_data)},
        **about_case(case),
    )
    return perform(request, act, bound(request, EvidenceForm))


DECISIONS: dict[str, tuple[Callable[..., UndoCase], list[tuple[str, Any]]]] = {
    UndoKind.REVERSAL: (
        reversals.decide,
        [
            ("uphold", gettext_lazy("The switch was erroneous: supply is restored")),
            ("dismiss", gettext_lazy("The switch stands")),
        ],
    ),
    UndoKind.FRAUD: (
        frauds.decide,
        [
            ("uphold", gettext_lazy("The customer had not consented: a switch carried out is reversed")),
            ("dismiss", gettext_lazy("The customer had consented")),
        ],
    ),
    UndoKind.COOLING_OFF: (
        cooling_off.decide,
        [
            ("uphold", gettext_lazy("Try the return again from tomorrow")),
            ("dismiss", gettext_lazy("The return is not possible")),
        ],
    ),
}


@needs(Ability.DECIDE_UNDOING)
def decision(request: HttpRequest, number: str) -> HttpResponseBase:
    """The hub operator decides, with its grounds."""
    user, case = _case_of(request, number, UndoKind.REVERSAL, UndoKind.FRAUD, UndoKind.COOLING_OFF)
    verb, choices = DECISIONS[case.kind]
    ledger.record("undoing.read", traces.subject_of(case), by=user, now=clock.now(), purpose="decision")
    act = Act(
        title=_("Decide on this case"),
        button=_("Decide so"),
        notes=undo_turns.what_it_means(case),
        do=partial(verb, case_id=case.pk, by=user, now=clock.now()),
        done=_("Case %(number)s is decided; both sides are told."),
        values=lambda form: {
            "upholds": form.cleaned_data["verdict"] == "uphold",
            "text": form.cleaned_data["text"],
        },
        **about_case(case),
    )
    return perform(request, act, bound(request, DecisionForm, choices=choices))


@needs(Ability.UNDO)
def withdrawal(request: HttpRequest, number: str) -> HttpResponseBase:
    """The side that asked takes its question back."""
    user, case = _case_of(request, number, UndoKind.COOLING_OFF, UndoKind.REVERSAL)
    if case.asked_by_id != user.company_id:
        raise Http404
    act = Act(
        title=_("Withdraw this case?"),
        button=_("Withdraw the case"),
        notes=[_("Everything stays as it is. The case can be opened again while the time for it lasts.")],
        do=partial(undoing.withdraw, case_id=case.pk, by=user, now=clock.now()),
        done=_("Case %(number)s is withdrawn."),
        is_danger=True,
        **about_case(case),
    )
    return perform(request, act, bound(request, DenialForm))


@needs(Ability.UNDO)
def appeal(request: HttpRequest, number: str) -> HttpResponseBase:
    """The asking side brings a refused reversal before the hub operator."""
    user, case = _case_of(request, number, UndoKind.REVERSAL)
    if case.asked_by_id != user.company_id:
        raise Http404
    act = Act(
        title=_("Bring the reversal before the hub operator"),
        button=_("Bring it before the hub operator"),
        do=partial(reversals.appeal, case_id=case.pk, by=user, now=clock.now()),
        done=_("Case %(number)s is with the hub operator."),
        **about_case(case),
    )
    return perform(request, act, bound(request, WordsForm))


@needs(Ability.UNDO)
def contract(request: HttpRequest, number: str) -> HttpResponseBase:
    """The losing retailer says whether its contract goes on although no start came."""
    user, case = _case_of(request, number, UndoKind.DARK_POINT)
    if case.losing_retailer_id != user.company_id:
        raise Http404
    now = clock.now()
    act = Act(
        title=_("Does your contract go on?"),
        button=_("Give this answer"),
        notes=[
            *undo_turns.what_it_means(case),
            _("Your contract can end on %(day)s at the earliest.") % {"day": jst(dark_points.first_end(jst_date(now)))},
        ],
        do=partial(dark_points.answer, case_id=case.pk, by=user, now=now),
        done=_("Your answer to case %(number)s is kept."),
        values=lambda form: {"ends_on": form.cleaned_data["ends_on"], "text": form.cleaned_data["text"]},
        **about_case(case),
    )
    return perform(request, act, bound(request, ContractEndForm))


@needs(Ability.STOP_SWITCH)
def last_resort(request: HttpRequest, number: str) -> HttpResponseBase:
    """The network operator keeps what the customer answered to the offer of last-resort supply."""
    user, case = _case_of(request, number, UndoKind.DARK_POINT)
    act = Act(
        title=_("Last-resort supply: the customer's answer"),
        button=_("Keep this answer"),
        notes=undo_turns.what_it_means(case),
        do=partial(dark_points.decide, case_id=case.pk, by=user, now=clock.now()),
        done=_("The customer's answer is kept in case %(number)s."),
        **about_case(case),
    )
    return perform(request, act, bound(request, OutcomeForm))


@needs(Ability.DECIDE_UNDOING)
def denials(request: HttpRequest) -> HttpResponseBase:
    """Denials per gaining retailer, for the hub operator."""
    return lists.show(
        request,
        frauds.counts(),
        columns=[
            Column(
                "company",
                gettext_lazy("Gaining retailer"),
                value="name",
                sort="name",
                link=lambda company: f"{reverse('switching:undoing')}?kind={UndoKind.FRAUD}",
            ),
            Column("denials", gettext_lazy("Denials"), numeric=True, sort="denials"),
            Column("open_denials", gettext_lazy("open cases"), numeric=True, sort="open_denials"),
            Column("upheld", gettext_lazy("upheld"), numeric=True, sort="upheld"),
            Column("dismissed", gettext_lazy("dismissed"), numeric=True, sort="dismissed"),
            Column("silent", gettext_lazy("without evidence in time"), numeric=True, sort="silent"),
        ],
        title=_("Denials by retailer"),
        empty=_("No customer has denied a switch yet."),
        template="switching/denials.html",
    )
