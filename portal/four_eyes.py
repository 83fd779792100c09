"""Four eyes: an act that gives access is proposed by one operator and done when another one confirms it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal import ledger
from portal.models import Proposal, User
from portal.refusals import Refusal


class Refused(Refusal):
    """A proposal or answer the rules do not allow; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator may propose or answer this.")


class SecondPersonNeeded(Refused):
    sentence = _("You proposed this yourself; another operator has to confirm it.")


class AlreadyProposed(Refused):
    sentence = _("This is proposed already and waits for a second operator.")


class AlreadyAnswered(Refused):
    sentence = _("This proposal is answered already.")


class ReasonMissing(Refused):
    sentence = _("Please say why, in a sentence the other operator can work with.")


@dataclass(frozen=True)
class Act:
    """An act that needs two operators.

    `carry_out(proposal, by, now)` does it, in the transaction of the confirmation; what it raises undoes that.
    `decline(proposal, by, now)`, where given, sets back what waited. `facts(proposal)` says in labels and values what
    will be done. `refusals` are the exceptions of `carry_out` whose words are for the operator.
    """

    key: str
    label: str | Promise
    carry_out: Callable[[Proposal, User, datetime], Any]
    facts: Callable[[Proposal], Iterable[tuple[str, Any]]]
    refusals: tuple[type[Exception], ...] = ()
    decline: Callable[[Proposal, User, datetime], Any] | None = None


_acts: dict[str, Act] = {}


def register(act: Act) -> Act:
    """Make an act known; call it where the act's verbs stand, when the module is loaded."""
    _acts[act.key] = act
    return act


def act_of(proposal: Proposal) -> Act:
    """The act a proposal is about."""
    return _acts[proposal.act]


def propose(act: Act, *, subject: str, by: User, now: datetime, payload: dict[str, Any] | None = None) -> Proposal:
    """Ask a second operator for an act on one subject (`company 7`, `user sora.clerk`); `payload` is plain JSON.

    Raises NotAllowed, AlreadyProposed.
    """
    _only_operators(by)
    with transaction.atomic():
        proposal = Proposal(act=act.key, subject=subject, payload=payload or {}, proposed_by=by, proposed_at=now)
        try:
            with transaction.atomic():
                proposal.save()
        except IntegrityError as error:
            raise AlreadyProposed from error
        ledger.record("act proposed", subject, by=by, now=now, act=act.key, proposal=proposal.pk)
    return proposal


def confirm(proposal: Proposal, *, by: User, now: datetime) -> Proposal:
    """Confirm and carry out. Raises NotAllowed, SecondPersonNeeded, AlreadyAnswered and what the act refuses."""
    _only_operators(by)
    with transaction.atomic():
        proposal = _locked(proposal)
        if proposal.proposed_by_id == by.pk:
            raise SecondPersonNeeded
        _answer(proposal, Proposal.State.CONFIRMED, "", by=by, now=now)
        act_of(proposal).carry_out(proposal, by, now)
    return proposal


def decline(proposal: Proposal, *, reason: str, by: User, now: datetime) -> Proposal:
    """Decline, or take back the own proposal. Raises NotAllowed, ReasonMissing, AlreadyAnswered."""
    _only_operators(by)
    if not reason.strip():
        raise ReasonMissing
    with transaction.atomic():
        proposal = _locked(proposal)
        _answer(proposal, Proposal.State.DECLINED, reason.strip()[:400], by=by, now=now)
        if set_back := act_of(proposal).decline:
            set_back(proposal, by, now)
    return proposal


def _answer(proposal: Proposal, state: str, reason: str, *, by: User, now: datetime) -> None:
    proposal.state, proposal.reason, proposal.answered_by, proposal.answered_at = state, reason, by, now
    proposal.save(update_fields=["state", "reason", "answered_by", "answered_at"])
    ledger.record(
        f"proposal {state}", proposal.subject, by=by, now=now, act=proposal.act, proposal=proposal.pk, reason=reason
    )


def _only_operators(by: User) -> None:
    if not by.is_operator:
        raise NotAllowed


def _locked(proposal: Proposal) -> Proposal:
    found = Proposal.objects.select_for_update(of=("self",)).select_related("proposed_by").get(pk=proposal.pk)
    if found.state != Proposal.State.WAITING:
        raise AlreadyAnswered
    return found
