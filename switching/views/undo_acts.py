"""An act on a case of undoing, on a page of its own: entries, exactly what will be done, done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.models import User
from portal.templatetags.words import company_name, jst, point_number
from switching import undoing
from switching.forms import hidden
from switching.models import UndoCase
from switching.sentences import field_of, sentence
from switching.undo_states import UndoKind


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


def about_case(case: UndoCase) -> dict[str, Any]:
    """What every act on a case shows of it."""
    address = reverse("switching:undo-case", args=[case.number])
    return {
        "facts": [(_("Case"), f"{case.number} {case.get_kind_display()}"), *facts_of(case)],
        "trail": [(_("Undoing of switches"), reverse("switching:undoing")), (case.number, address)],
        "back_url": address,
        "supply_class": case.point.supply_class if case.point else "",
    }


def facts_of(case: UndoCase) -> list[tuple[str, Any]]:
    """What a case is about, in words."""
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


def visible(user: User, number: str) -> UndoCase:
    """The case, or 404."""
    return get_object_or_404(
        UndoCase.objects.visible_to(user).select_related(
            "point__network_operator", "gaining_retailer", "losing_retailer", "asked_by", "relay", "match"
        ),
        number=number,
    )
