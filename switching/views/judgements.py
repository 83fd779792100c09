"""The page on which the losing retailer compares and answers; every read of the data is kept in the ledger."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from portal import clock, workdays
from portal.access import Ability, needs
from portal.models import User
from portal.workdays import jst_date
from switching import (
    applications,
    dry_runs,
    identity,
    policies,
    relays,
    sights,
    traces,
)
from switching.forms import RejectForm, hidden
from switching.models import Relay
from switching.reasons import Reason
from switching.sentences import sentence
from switching.states import RelayState
from switching.views import turns
from switching.views.relay_words import told
from switching.views.relays import detailed, see_the_case

VERDICT_TONES = {
    identity.Verdict.EXACT: "done",
    identity.Verdict.NORMALISED: "going",
    identity.Verdict.WEAK: "waiting",
    identity.Verdict.DIFFERENT: "refused",
    identity.Verdict.MISSING: "stopped",
}


@needs(Ability.JUDGE_RELAY)
def judgement(request: HttpRequest, number: str) -> HttpResponse:
    """The losing retailer compares and answers; the page asks once more before it accepts or rejects."""
    user: User = request.user  # type: ignore[assignment]
    received = detailed(Relay.objects.visible_to(user).filter(losing_retailer=user.company))
    relay = get_object_or_404(received, number=number)
    now = clock.now()
    if sights.note(relay, by=user, now=now):
        relay = received.get(pk=relay.pk)
    if relay.state != RelayState.WAITING:
        return see_the_case(request, relay, relays.AlreadyMoved(RelayState(relay.state)))
    only_check = request.POST.get("only_check", "")
    verdict = only_check or request.POST.get("verdict", "")
    reject = RejectForm(request.POST) if verdict == "reject" else RejectForm()
    is_ready = verdict == "accept" or (verdict == "reject" and _names_a_reason(reject))
    checked = _judgement_checked(relay, verdict, reject, by=user, now=now) if is_ready and only_check else None
    is_ready = is_ready and not only_check
    refusal: Exception | None = None
    if is_ready and "confirmed" in request.POST:
        try:
            judged = relays.judge(
                relay_id=relay.pk,
                verdict=relays.Verdict(verdict),
                reasons=reject.cleaned_data["reasons"] if verdict == "reject" else (),
                reason_text=reject.cleaned_data["reason_text"] if verdict == "reject" else "",
                with_termination="later" not in request.POST,
                by=user,
                now=now,
            )
        except (relays.AlreadyMoved, relays.Overdue) as moved:
            return see_the_case(request, relay, moved)
        except (relays.NotPossible, applications.NotPossible) as other:
            refusal, is_ready = other, False
        else:
            messages.success(request, _answered(judged) % {"number": relay.number})
            return redirect("switching:relay", relay.number)
    try:
        report = relays.read_for_judgement(relay, by=user, now=now)
    except relays.NotPossible as not_yours:
        return see_the_case(request, relay, not_yours)
    contract = relays.held_contract(relay, today=jst_date(now))
    return render(
        request,
        "switching/judgement.html",
        {
            "title": _("Judge relay %(number)s") % {"number": relay.number},
            "relay": relay,
            "rows": _compared(relay, contract, report),
            "contract": contract,
            "clock": turns.of_relay(
                relay, reader=user.company, own=None, match=None, calendar=workdays.of_area(relay.point.area)
            ),
            "form": reject,
            "verdict": verdict if is_ready else "",
            "entries": hidden(reject) if is_ready and verdict == "reject" else [],
            "chosen": _chosen(reject) if is_ready and verdict == "reject" else [],
            "refusal": sentence(refusal) if refusal else "",
            "checked": checked,
            "filing": policies.of(user.company).filing,
            "asked": relay.messages.count(),
            "evidence": relay.evidence.select_related("attached_by"),
            "is_losing": True,
        },
        status=422 if refusal or reject.errors else 200,
    )


def _judgement_checked(
    relay: Relay, verdict: str, form: RejectForm, *, by: User, now: datetime
) -> dry_runs.Outcome | None:
    """What would become of this judgement."""
    is_reject = verdict == relays.Verdict.REJECT
    refusal: Exception | None = None
    try:
        relays.judge(
            relay_id=relay.pk,
            verdict=relays.Verdict(verdict),
            reasons=form.cleaned_data["reasons"] if is_reject else (),
            reason_text=form.cleaned_data["reason_text"] if is_reject else "",
            by=by,
            now=now,
            dry_run=True,
        )
    except (relays.NotPossible, applications.NotPossible) as found:
        refusal = found
    return dry_runs.outcome(refusal, deed=f"relay.{verdict}", subject=traces.subject_of(relay), by=by, now=now)


def _answered(relay: Relay) -> str:
    if relay.state == RelayState.REJECTED:
        return _("Relay %(number)s is rejected. The other retailer is told the reasons.")
    if relay.owes_termination:
        return _("Relay %(number)s is accepted. Your switch termination is still to be filed.")
    return _("Relay %(number)s is accepted and the switch termination is filed.")


def _names_a_reason(form: RejectForm) -> bool:
    if not form.is_valid():
        return False
    reasons, text = form.cleaned_data["reasons"], form.cleaned_data["reason_text"]
    if Reason.OTHER not in reasons or text:
        return True
    form.add_error("reason_text", sentence(relays.ReasonsMissing()))
    return False


def _chosen(form: RejectForm) -> list[str]:
    return told(form.cleaned_data["reasons"], form.cleaned_data["reason_text"])


def _compared(relay: Relay, contract: Any, report: identity.Report) -> list[dict[str, Any]]:
    """One line per field: what was given, what is held, how they agree and by which rules."""
    values = {
        identity.Field.CONTRACT_NUMBER: (relay.contract_number, contract.number if contract else ""),
        identity.Field.HOLDER_NAME: (relay.holder_name, contract.holder_name if contract else ""),
        identity.Field.HOLDER_KANA: (relay.holder_kana, contract.holder_kana if contract else ""),
        identity.Field.ADDRESS: (relay.holder_address, contract.holder_address if contract else ""),
    }
    return [
        {
            "label": comparison.field.label,
            "given": values.get(comparison.field, ("", ""))[0],
            "held": values.get(comparison.field, ("", ""))[1],
            "is_part": comparison.field not in values,
            "verdict": comparison.verdict,
            "tone": VERDICT_TONES[comparison.verdict],
            "rules": [rule.label for rule in comparison.rules],
            "is_loose": any(rule.is_loose for rule in comparison.rules),
        }
        for comparison in report.comparisons
    ]
