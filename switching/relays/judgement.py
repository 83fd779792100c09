"""The losing retailer's answer: the comparison of both sides' data, acceptance with what is filed then, rejection."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Q

from metering import governance
from metering.models import Contract
from metering.supply import current_period
from portal import gates, ledger, workdays
from portal.models import Function, User
from portal.workdays import jst_date
from switching import applications, deadlines, frauds, guard, identity, leaving, notices, policies, traces
from switching.models import Relay
from switching.reasons import IDENTITY_REASONS, Reason
from switching.relays.ending import expire_overdue
from switching.relays.points import check_sequence, is_being_terminated
from switching.relays.refusals import CarriesData, NotSupplying, Overdue, ReasonsMissing, TooLate
from switching.relays.rows import by_id, locked, moved, require_losing, trace_of
from switching.states import RelayMove, RelayState


class Verdict(StrEnum):
    """The losing retailer's judgement."""

    ACCEPT = "accept"
    REJECT = "reject"


def answers_by_itself(relay: Relay, policy: policies.Policy) -> bool:
    """True when nobody need judge a relay whose data fit: by policy, at last-resort supply, at a leaving retailer."""
    return (
        policy.auto_accept
        or relay.losing_retailer_id == relay.point.network_operator_id
        or leaving.has_left(relay.losing_retailer_id)
    )


def held_contract(relay: Relay, *, today: date) -> Contract | None:
    """The losing retailer's contract at the point today; None when it does not supply the point."""
    period = current_period(relay.point, today)
    return period.contract if period and period.retailer_id == relay.losing_retailer_id else None


def compare(relay: Relay, *, today: date) -> identity.Report:
    """The identity check: what the customer told beside what the losing retailer holds (domain notes, switching §6)."""
    contract = held_contract(relay, today=today)
    given = identity.Claim(
        contract_number=relay.contract_number,
        holder_name=relay.holder_name,
        holder_kana=relay.holder_kana,
        address=relay.holder_address,
    )
    held = identity.Claim(
        contract_number=contract.number if contract else "",
        holder_name=contract.holder_name if contract else "",
        holder_kana=contract.holder_kana if contract else "",
        address=contract.holder_address if contract else "",
    )
    return identity.compare(given, held, number_rule=policies.of(relay.losing_retailer))


def read_for_judgement(relay: Relay, *, by: User, now: datetime) -> identity.Report:
    """The comparison for the person who judges; the read of both sides' data is kept in the ledger.

    Raises NotYours, and Overdue once the time for the judgement is over: then there is nothing left to read it for.
    """
    require_losing(relay, by)
    if relay.is_overdue(now):
        raise Overdue(relay.due_at)
    report = compare(relay, today=jst_date(now))
    ledger.record("relay.read_identity", traces.subject_of(relay), by=by, now=now, purpose="identity check")
    return report


def judge(
    *,
    relay_id: int,
    verdict: Verdict,
    by: User,
    now: datetime,
    reasons: Collection[int] = (),
    reason_text: str = "",
    with_termination: bool = True,
    dry_run: bool = False,
) -> Relay:
    """The losing retailer accepts or rejects with reasons.

    With an acceptance the switch termination is filed: by the person in the same click, by the hub, or, where the
    retailer's policy says "by hand" or `with_termination` is false, later by `filings.file_termination`, with a clock
    of its own. After `due_at` there is no judgement, also before the sweep: the relay expires here and now.

    Raises NotYours, Overdue, AlreadyMoved, ReasonsMissing, CarriesData, TooLate, NotSupplying, gates.Closed, or
    applications.PointBusy. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    named = sorted({Reason(code) for code in reasons})
    if dry_run:
        relay = by_id(relay_id)
        require_losing(relay, by)
        if relay.is_overdue(now):
            raise Overdue(relay.due_at)
        if verdict == Verdict.ACCEPT:
            _acceptable(relay, now=now)
        else:
            _rejectable(relay, named, reason_text, by=by, now=now)
        return relay
    if expire_overdue(now=now, among=Q(pk=relay_id, losing_retailer=by.company_id)):
        raise Overdue(Relay.objects.values_list("due_at", flat=True).get(pk=relay_id))
    with transaction.atomic():
        relay = locked(relay_id)
        require_losing(relay, by)
        if verdict == Verdict.ACCEPT:
            left = accept(relay, by=by, now=now, with_termination=with_termination)
        else:
            left = _reject(relay, named, reason_text, by=by, now=now)
        traces.leave(left, by=by, now=now)
    if verdict == Verdict.REJECT and IDENTITY_REASONS & set(relay.reasons):
        _tell_of_identity(relay, now=now)
    return relay


def _tell_of_identity(relay: Relay, *, now: datetime) -> None:
    governance.identity_rejected(
        relay.registered_by,
        rejections_since=lambda moment: Relay.objects.filter(
            registered_by=relay.registered_by,
            state=RelayState.REJECTED,
            reasons__overlap=sorted(IDENTITY_REASONS),
            judged_at__gt=moment,
        ).count(),
        now=now,
    )


def _acceptable(relay: Relay, *, now: datetime) -> RelayState:
    """Where accepting leads; raises what forbids it."""
    state = moved(relay, RelayMove.ACCEPT)
    if deadlines.matching_cut_off(relay.desired_date, workdays.of_area(relay.point.area)) < jst_date(now):
        raise TooLate
    if held_contract(relay, today=jst_date(now)) is None:
        raise NotSupplying
    if is_being_terminated(relay.point_id):
        raise applications.PointBusy
    check_sequence(relay.point_id, relay.desired_date, relay.losing_retailer_id, today=jst_date(now))
    return state


def accept(relay: Relay, *, by: User | None, now: datetime, with_termination: bool = True) -> list[traces.Trace]:
    """Accept; `by` is None where the retailer's policy does. The termination is filed, or owed from now on."""
    before = relay.state
    relay.state = _acceptable(relay, now=now)
    relay.judged_at, relay.judged_by, relay.judged_by_policy = now, by, by is None
    filing = policies.of(relay.losing_retailer).filing
    is_owed = filing == policies.Filing.BY_HAND or not (with_termination or filing == policies.Filing.BY_ITSELF)
    relay.remind_at = None
    if is_owed:
        calendar = workdays.of_area(relay.point.area)
        relay.termination_cut_off = deadlines.matching_cut_off(relay.desired_date, calendar)
        relay.termination_due_at = deadlines.filing_due(now, relay.termination_cut_off, calendar)
        relay.remind_at = deadlines.next_reminder(now, relay.termination_due_at, now)
    relay.save(
        update_fields=[
            *("state", "judged_at", "judged_by", "judged_by_policy"),
            *("remind_at", "termination_due_at", "termination_cut_off"),
        ]
    )
    accepted = trace_of(relay, RelayMove.ACCEPT, before, "relay_accepted", relay.gaining_retailer_id, is_owed=is_owed)
    if is_owed and by is None:
        due = relay.termination_due_at.isoformat() if relay.termination_due_at else ""
        accepted.notices.extend(
            notices.about_relay(relay, "relay_filing", relay.losing_retailer_id, termination_due_at=due)
        )
    filed_by = None if filing == policies.Filing.BY_ITSELF else by
    return [
        accepted,
        *([] if is_owed else applications.file_terminations([relay], by=filed_by, now=now)),
        *applications.end_competing_starts(relay),
    ]


def _rejectable(relay: Relay, reasons: Sequence[Reason], reason_text: str, *, by: User, now: datetime) -> RelayState:
    """Where rejecting leads; raises what forbids it."""
    state = moved(relay, RelayMove.REJECT)
    if not reasons or (Reason.OTHER in reasons and not reason_text.strip()):
        raise ReasonsMissing
    if Reason.OTHER in reasons:
        check_words(relay, reason_text, by=by, now=now)
    return state


def _reject(
    relay: Relay, reasons: Sequence[Reason], reason_text: str, *, by: User, now: datetime
) -> list[traces.Trace]:
    before = relay.state
    relay.state = _rejectable(relay, reasons, reason_text, by=by, now=now)
    reason_text = reason_text.strip()
    relay.judged_at, relay.judged_by, relay.remind_at = now, by, None
    relay.reasons, relay.reason_text = list(reasons), reason_text if Reason.OTHER in reasons else ""
    relay.save(update_fields=["state", "judged_at", "judged_by", "remind_at", "reasons", "reason_text"])
    trace = trace_of(
        relay, RelayMove.REJECT, before, "relay_rejected", relay.gaining_retailer_id, reasons=relay.reasons
    )
    if Reason.CUSTOMER_DENIES in reasons:
        return [trace, frauds.open_for(relay, match=None, by=None, now=now)]
    return [trace]


def check_words(relay: Relay, text: str, *, by: User, now: datetime, field: str = "reason_text") -> None:
    """Refuse free words that could carry one of the customer's values to the other side; raises CarriesData.

    The losing retailer's words are held against what was given and what it holds; the gaining retailer's against
    what it gave alone, because a refusal over a held value would tell that a guess was right.
    """
    known = [(relay.contract_number, relay.holder_name, relay.holder_kana, relay.holder_address)]
    contract = held_contract(relay, today=jst_date(now)) if by.company_id == relay.losing_retailer_id else None
    if contract:
        known.append((contract.number, contract.holder_name, contract.holder_kana, contract.holder_address))
    values = [guard.Values(*each) for each in known]
    if finding := guard.finding_in(text, values):
        raise CarriesData(finding, field)
