"""What stands at a point beside a relay: other relays, pairs, undoings, terminations, movements, tries."""

from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import Count, Q

from portal import ahead
from switching import applications, kinds, sequence, undoing
from switching.models import Application, Match, Relay
from switching.reasons import IDENTITY_REASONS
from switching.relays.refusals import OutOfOwnSequence, OutOfSequence
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS, RelayState


def check_sequence(point_id: int, day: date, company_id: int, *, today: date) -> None:
    """Ask the sequence check for the termination the relay leads to: it would be stuck beside what contradicts it.

    A start that came before its relay, of whomever, contradicts nothing: the first accepted relay wins.
    Raises OutOfOwnSequence, OutOfSequence.
    """
    others = applications.movements_of(point_id, today - timedelta(days=kinds.BACK_DAYS))
    if against := sequence.contradicted(Application.Kind.SWITCH_TERMINATION, day, others):
        other, order = against
        raise OutOfOwnSequence(other, order) if other.retailer_id == company_id else OutOfSequence


@ahead.question
def is_busy(point_id: int) -> bool:
    """True when a relay of anybody is open on the point, a matched pair waits for its day or a switch is undone."""
    return bool(busy([point_id]))


def busy(point_ids: Collection[int]) -> set[int]:
    """The same for many points in three queries: those that are busy."""
    relayed = Relay.objects.filter(point_id__in=point_ids, state__in=OPEN_RELAYS)
    matched = Match.objects.filter(point_id__in=point_ids, handed_over_at__isnull=True, dissolved_at__isnull=True)
    return {
        *relayed.values_list("point_id", flat=True),
        *matched.values_list("point_id", flat=True),
        *undoing.held(point_ids),
    }


@ahead.question
def is_being_terminated(point_id: int) -> bool:
    """True when a switch termination is open on the point."""
    return bool(being_terminated([point_id]))


def being_terminated(point_ids: Collection[int]) -> set[int]:
    """The same for many points in one query."""
    found = Application.objects.filter(
        point_id__in=point_ids, kind=Application.Kind.SWITCH_TERMINATION, state__in=OPEN_APPLICATIONS
    )
    return set(found.values_list("point_id", flat=True))


@ahead.question
def tries_at_identity(point_id: int, company_id: int) -> int:
    """How many of the company's relays on the point were tries at the customer's data.

    Those rejected because the customer was not the holder, and those that a retailer which accepts by itself did not
    accept at once and that were then withdrawn unanswered: that silence tells as much as a rejection.
    """
    return tries([point_id], company_id).get(point_id, 0)


def tries(point_ids: Collection[int], company_id: int) -> dict[int, int]:
    """The same for many points in one query; a point without a try is left out."""
    found = Relay.objects.filter(
        Q(state=RelayState.REJECTED, reasons__overlap=sorted(IDENTITY_REASONS))
        | Q(state=RelayState.WITHDRAWN, judged_at__isnull=True, losing_retailer__relay_policy__auto_accept=True),
        point_id__in=point_ids,
        gaining_retailer=company_id,
    )
    return dict(found.values_list("point_id").annotate(Count("pk")).order_by())
