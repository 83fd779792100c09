"""Pages on which a case of undoing is answered, decided, withdrawn or taken further."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger
from portal.access import Ability, needs
from portal.models import User
from portal.templatetags.words import jst
from portal.workdays import jst_date
from switching import cooling_off, dark_points, frauds, reversals, traces, undoing
from switching.forms_undoing import (
    AnswerForm,
    ContractEndForm,
    DecisionForm,
    DenialForm,
    EvidenceForm,
    OutcomeForm,
    WordsForm,
)
from switching.models import UndoCase
from switching.undo_reasons import REVERSAL_REFUSALS, STOP_REFUSALS
from switching.undo_states import UndoKind
from switching.views import undo_turns
from switching.views.undo_acts import Act, about_case, bound, perform, visible


def _case_of(request: HttpRequest, number: str, *kinds: UndoKind) -> tuple[User, UndoCase]:
    user: User = request.user  # type: ignore[assignment]
    case = visible(user, number)
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
