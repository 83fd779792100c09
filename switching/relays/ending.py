"""The end of a relay before its match: withdrawn, expired without a judgement, failed; and the reminders before."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from portal import gates
from portal.access import Ability
from portal.models import Function, User
from switching import applications, deadlines, notices, traces
from switching.models import Application, Escalation, Relay
from switching.relays.refusals import NotYours
from switching.relays.rows import by_id, covers, locked, moved, trace_of
from switching.states import BEFORE_MATCH, ApplicationMove, RelayMove, RelayState


def withdraw(*, relay_id: int, by: User, now: datetime, dry_run: bool = False) -> Relay:
    """The customer thought again before the match: relay, start (also one filed before it) and termination end.

    Raises NotYours, AlreadyMoved (after the match only the network operator can stop the switch), gates.Closed.
    With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    if dry_run:
        relay = by_id(relay_id)
        _withdrawable(relay, by)
        return relay
    with transaction.atomic():
        relay = locked(relay_id)
        _withdrawable(relay, by)
        traces.leave(end_together(relay), by=by, now=now)
    return relay


def end_together(relay: Relay) -> list[traces.Trace]:
    """Withdraw an open relay (locked by the caller) with its start, also one filed before it, and its termination.

    Returns the traces for the caller to leave with its own. Raises AlreadyMoved.
    """
    before, relay.state = relay.state, moved(relay, RelayMove.WITHDRAW)
    relay.remind_at = None
    settle_filing([relay])
    relay.save(update_fields=["state", "remind_at"])
    left = [trace_of(relay, RelayMove.WITHDRAW, before, "relay_withdrawn", relay.losing_retailer_id)]
    filed_before = Q(
        relay__isnull=True,
        kind=Application.Kind.SWITCH_START,
        point=relay.point_id,
        retailer=relay.gaining_retailer_id,
        desired_date=relay.desired_date,
    )
    left += applications.end_waiting(_waiting_applications([relay], filed_before), ApplicationMove.CANCEL)
    return left


def _withdrawable(relay: Relay, by: User) -> RelayState:
    """Where withdrawing leads; raises what forbids it."""
    if relay.gaining_retailer_id != by.company_id or not covers(by, Ability.REGISTER_RELAY, relay):
        raise NotYours
    return moved(relay, RelayMove.WITHDRAW)


def settle_filing(relays: Sequence[Relay]) -> None:
    """No termination is owed any more on these relays (locked by the caller): it is filed, or the relay has ended."""
    for relay in relays:
        relay.termination_due_at = relay.termination_cut_off = relay.remind_at = None
    Relay.objects.filter(pk__in=[relay.pk for relay in relays], termination_due_at__isnull=False).update(
        termination_due_at=None, termination_cut_off=None, remind_at=None
    )


def expire_overdue(*, now: datetime, limit: int = 1000, among: Q | None = None) -> int:
    """Expire up to `limit` relays whose judgement is overdue, with their starts; tells both and the hub operator.

    Each is escalated to the hub operator. `among` narrows it down to relays that somebody asks for just now; those
    are waited for where another worker holds them.
    """
    with transaction.atomic():
        overdue = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=among is None)
            .filter(among or Q(), state=RelayState.WAITING, due_at__lte=now)
            .select_related("point")
            .order_by("due_at")[:limit]
        )
        if not overdue:
            return 0
        hub_ids = notices.hub_ids()
        Relay.objects.filter(pk__in=[relay.pk for relay in overdue]).update(state=RelayState.EXPIRED, remind_at=None)
        Escalation.objects.bulk_create(
            Escalation(relay=relay, duty=Escalation.Duty.JUDGEMENT, due_at=relay.due_at, opened_at=now)
            for relay in overdue
        )
        left = []
        for relay in overdue:
            relay.state = RelayState.EXPIRED
            told = (relay.gaining_retailer_id, relay.losing_retailer_id)
            trace = trace_of(relay, RelayMove.EXPIRE, RelayState.WAITING, "relay_expired", *told)
            trace.notices.extend(notices.to_the_hub(relay, "relay_expired", hub_id) for hub_id in hub_ids)
            left.append(trace)
        left += applications.end_waiting(_waiting_applications(overdue), ApplicationMove.FAIL)
        traces.leave(left, by=None, now=now)
    return len(overdue)


def remind_due(*, now: datetime, limit: int = 1000) -> int:
    """Remind losing retailers of up to `limit` judgements and filings at the set shares of their time."""
    with transaction.atomic():
        due = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                Q(state=RelayState.WAITING, due_at__gt=now) | Q(termination_due_at__gt=now),
                remind_at__lte=now,
            )
            .select_related("point")
            .order_by("remind_at")[:limit]
        )
        posts = []
        for relay in due:
            if relay.termination_due_at and relay.judged_at:
                begun_at, due_at, kind = relay.judged_at, relay.termination_due_at, "relay_filing"
                context = {"termination_due_at": due_at.isoformat()}
            else:
                begun_at, due_at, kind, context = relay.registered_at, relay.due_at, "relay_reminder", {}
            relay.remind_at = deadlines.next_reminder(begun_at, due_at, now)
            posts += notices.about_relay(relay, kind, relay.losing_retailer_id, **context)
        Relay.objects.bulk_update(due, ["remind_at"])
        notices.post_many(posts, now=now)
    return len(due)


def fail_with(relays: Sequence[Relay]) -> list[traces.Trace]:
    """Accepted relays (locked by the caller) whose pair did not come together by the cut-off; returns the traces."""
    settle_filing(relays)
    Relay.objects.filter(pk__in=[relay.pk for relay in relays]).update(state=RelayState.MATCHING_FAILED)
    left = []
    for relay in relays:
        before, relay.state = relay.state, moved(relay, RelayMove.FAIL)
        told = (relay.gaining_retailer_id, relay.losing_retailer_id)
        left.append(trace_of(relay, RelayMove.FAIL, before, "relay_failed", *told))
    return left


def _waiting_applications(relays: Sequence[Relay], also: Q | None = None) -> list[Application]:
    theirs = Q(relay__in=relays)
    return list(
        Application.objects.select_for_update(of=("self",))
        .filter(theirs | also if also else theirs, state__in=BEFORE_MATCH)
        .select_related("point")
        .order_by("pk")
    )
