"""The simulated losing retailer: answers relays and files terminations when its behaviour says so."""

from datetime import datetime, timedelta

from django.db.models import Q

from portal import ledger
from portal.models import LedgerEntry, User
from switching import applications, filings, relays, traces
from switching.identity import Verdict as Likeness
from switching.models import Relay
from switching.partners.behaviours import (
    AFTER_THE_DEADLINE,
    BEFORE_THE_DEADLINE,
    Losing,
    Scripts,
    When,
)
from switching.reasons import Reason
from switching.relays import NotPossible, Verdict
from switching.states import RelayState

SPOKE_TOO_LATE = "partner.spoke_too_late"
AN_HOUR = timedelta(hours=1)
REASON_OF = {
    "contract_number": Reason.NUMBER_DIFFERS,
    "holder_name": Reason.NAME_DIFFERS,
    "holder_kana": Reason.KANA_DIFFERS,
    "address": Reason.ADDRESS_DIFFERS,
}


def act(clerk: User, scripts: Scripts, *, now: datetime) -> int:
    """Do whatever is due at the clerk's company; returns how many deeds were done."""
    done = 0
    received = Relay.objects.filter(losing_retailer=clerk.company).select_related("point", "losing_retailer")
    for relay in received.filter(state=RelayState.WAITING).order_by("pk"):
        behaviour = scripts.losing(relay.point.number)
        moment = answers_at(relay, behaviour)
        if moment and moment <= now and moment < relay.due_at:
            done += _judge(relay, behaviour, clerk, now=now)
    for relay in received.filter(Q(termination_due_at__isnull=False)).order_by("pk"):
        if scripts.losing(relay.point.number).files == When.AT_THE_DEADLINE:
            assert relay.termination_due_at
            if relay.termination_due_at - BEFORE_THE_DEADLINE <= now:
                done += _file(relay, clerk, now=now)
    for relay in received.filter(state=RelayState.EXPIRED).order_by("pk"):
        behaviour = scripts.losing(relay.point.number)
        if behaviour.when == When.TOO_LATE and relay.due_at + AFTER_THE_DEADLINE <= now:
            done += _speak_too_late(relay, clerk, now=now)
    return done


def answers_at(relay: Relay, behaviour: Losing) -> datetime | None:
    """When the answer to a relay comes; None for never."""
    match behaviour.when:
        case When.AT_ONCE:
            return relay.registered_at
        case When.AFTER_AN_HOUR:
            return relay.registered_at + AN_HOUR
        case When.AT_THE_DEADLINE:
            return relay.due_at - BEFORE_THE_DEADLINE
        case When.TOO_LATE:
            return relay.due_at + AFTER_THE_DEADLINE
    return None


def _judge(relay: Relay, behaviour: Losing, clerk: User, *, now: datetime) -> int:
    reasons = list(behaviour.reasons)
    report = relays.read_for_judgement(relay, by=clerk, now=now)
    if behaviour.by_data:
        reasons = [
            REASON_OF[found.field]
            for found in report.comparisons
            if found.field in REASON_OF and found.verdict in (Likeness.DIFFERENT, Likeness.MISSING)
        ]
    try:
        relays.judge(
            relay_id=relay.pk,
            verdict=Verdict.REJECT if reasons else Verdict.ACCEPT,
            reasons=reasons,
            with_termination=behaviour.files == When.AT_ONCE,
            by=clerk,
            now=now,
        )
    except (relays.TooLate, relays.NotSupplying) as refusal:
        reason = Reason.DATE_NOT_POSSIBLE if isinstance(refusal, relays.TooLate) else Reason.NOT_SUPPLIED_BY_US
        relays.judge(relay_id=relay.pk, verdict=Verdict.REJECT, reasons=[reason], by=clerk, now=now)
    except (NotPossible, applications.NotPossible):
        return 0  # another move came first
    return 1


def _file(relay: Relay, clerk: User, *, now: datetime) -> int:
    try:
        filings.file_termination(relay_id=relay.pk, by=clerk, now=now)
    except (NotPossible, applications.NotPossible):
        return 0
    return 1


def _speak_too_late(relay: Relay, clerk: User, *, now: datetime) -> int:
    """Try the answer once after the deadline; the refusal is kept, and nothing else happens."""
    subject = traces.subject_of(relay)
    if LedgerEntry.objects.filter(action=SPOKE_TOO_LATE, subject=subject).exists():
        return 0
    try:
        relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=clerk, now=now)
    except NotPossible as refusal:
        ledger.record(SPOKE_TOO_LATE, subject, by=clerk, now=now, refused=type(refusal).__name__)
        return 1
    return 0
