"""The switch termination that the losing retailer files by hand: filed late or in time, escalated, or never filed."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from portal import gates, ledger
from portal.models import Function, User
from portal.workdays import jst_date
from switching import applications, notices, relays, traces
from switching.models import Escalation, Relay


def file_termination(*, relay_id: int, by: User, now: datetime) -> Relay:
    """The losing retailer files the switch termination it still owes on an accepted relay.

    Raises NotYours, NothingToFile, TooLate, NotSupplying, OutOfOwnSequence,
    OutOfSequence of `relays`; gates.Closed, or applications.PointBusy.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    with transaction.atomic():
        relay = relays.locked(relay_id)
        relays.require_losing(relay, by)
        if relay.termination_cut_off is None:
            raise relays.NothingToFile
        if relay.termination_cut_off < jst_date(now):
            raise relays.TooLate
        if relays.held_contract(relay, today=jst_date(now)) is None:
            raise relays.NotSupplying
        relays.check_sequence(relay.point_id, relay.desired_date, relay.losing_retailer_id, today=jst_date(now))
        relays.settle_filing([relay])
        traces.leave(applications.file_terminations([relay], by=by, now=now), by=by, now=now)
    return relay


def escalate_filings(*, now: datetime, limit: int = 1000) -> int:
    """Escalate up to `limit` terminations that were to be filed by hand and were not; the relay itself goes on."""
    missed = Escalation.objects.filter(relay=OuterRef("pk"), duty=Escalation.Duty.TERMINATION)
    with transaction.atomic():
        owed = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(~Exists(missed), termination_due_at__lte=now)
            .select_related("point")
            .order_by("termination_due_at")[:limit]
        )
        if not owed:
            return 0
        hub_ids = notices.hub_ids()
        Escalation.objects.bulk_create(
            Escalation(relay=relay, duty=Escalation.Duty.TERMINATION, due_at=relay.termination_due_at, opened_at=now)
            for relay in owed
            if relay.termination_due_at
        )
        posts = []
        for relay in owed:
            cut_off = relay.termination_cut_off.isoformat() if relay.termination_cut_off else ""
            posts += notices.about_relay(relay, "relay_unfiled", relay.losing_retailer_id, cut_off=cut_off)
            posts += [notices.to_the_hub(relay, "relay_unfiled", hub_id, cut_off=cut_off) for hub_id in hub_ids]
        ledger.record_many(
            [ledger.Entry("relay.filing_missed", traces.subject_of(relay)) for relay in owed], by=None, now=now
        )
        notices.post_many(posts, now=now)
    return len(owed)


def close_unfiled(*, now: datetime, limit: int = 1000) -> int:
    """End up to `limit` accepted relays whose cut-off passed before their termination was filed.

    Their starts end at the same cut-off, by `matching.close_unmatched`.
    """
    with transaction.atomic():
        late = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(termination_due_at__isnull=False, termination_cut_off__lt=jst_date(now))
            .select_related("point")
            .order_by("pk")[:limit]
        )
        if late:
            traces.leave(relays.fail_with(late), by=None, now=now)
    return len(late)
