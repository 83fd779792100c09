"""The queue over the quota: what comes over the day's quota is kept in its order and registered when there is room.

Everything is asked at the entry as for a registration, and once more for the day on which its turn will come. The
registration itself is the business of `switching.queue_sweep`.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from portal import gates, ledger, quotas
from portal.access import covers
from portal.models import Registration, User
from portal.quotas import Left
from portal.workdays import JST, jst_date
from switching import applications, numbers, relays
from switching.models import Application, QueuedRegistration, Relay
from switching.models.queue import ABILITY_OF

State = QueuedRegistration.State
Ask = Callable[[datetime], object]


class NotPossible(Exception):
    """The registration cannot wait or cannot be taken out of the queue; subclasses say why."""


class NotYours(NotPossible):
    """The queued registration is of another company, or the person's role does not cover its area and class."""


class AlreadyWaiting(NotPossible):
    """A registration of the same kind waits for this point already; `number` is its queue number."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class AlreadyEnded(NotPossible):
    """It no longer waits; `state` tells what became of it."""

    def __init__(self, state: QueuedRegistration.State) -> None:
        super().__init__(state.label)
        self.state = state


class PersonGone(NotPossible):
    """Whoever entered it has left or is suspended, or the company is closed: nobody answers for it any more."""


def register_relay(
    request: relays.Request, *, by: User, now: datetime, dry_run: bool = False
) -> Relay | QueuedRegistration:
    """Register a relay, or let it wait when the day's quota is used up and the operator wishes a queue.

    Raises what `relays.register` raises, or AlreadyWaiting. With `dry_run` every rule is asked and nothing is written.
    """
    try:
        return relays.register(request, by=by, now=now, dry_run=dry_run)
    except relays.QuotaSpent as spent:
        if not spent.is_queued:
            raise
    queued = QueuedRegistration(
        registration=Registration.RELAY,
        point=request.point,
        losing_retailer=request.losing_retailer,
        disclosure=request.disclosure,
        contract_number=request.contract_number,
        holder_name=request.holder_name,
        holder_kana=request.holder_kana,
        holder_address=request.holder_address,
        desired_date=request.desired_date,
        contact_person=request.contact_person,
    )
    return _enter(
        queued, lambda at: relays.register(request, by=by, now=at, dry_run=True), by=by, now=now, dry_run=dry_run
    )


def file_start(
    start: applications.Start, *, by: User, now: datetime, dry_run: bool = False
) -> Application | QueuedRegistration:
    """File a switch start, or let it wait when the day's quota is used up and the operator wishes a queue.

    Raises what `applications.file_start` raises, or AlreadyWaiting. With `dry_run` nothing is written.
    """
    try:
        return applications.file_start(start, by=by, now=now, dry_run=dry_run)
    except applications.QuotaSpent as spent:
        if not spent.is_queued:
            raise
    queued = QueuedRegistration(registration=Registration.SWITCH_START, **vars(start))
    return _enter(
        queued, lambda at: applications.file_start(start, by=by, now=at, dry_run=True), by=by, now=now, dry_run=dry_run
    )


def _enter(queued: QueuedRegistration, ask: Ask, *, by: User, now: datetime, dry_run: bool) -> QueuedRegistration:
    queued.company, queued.entered_by, queued.entered_at = by.company, by, now
    registration = Registration(queued.registration)
    with transaction.atomic():
        if not dry_run:
            quotas.hold(by.company)
        waits = _line(by.company_id, registration).filter(point=queued.point).first()
        if waits:
            raise AlreadyWaiting(waits.number)
        expected = _expected(_line(by.company_id, registration).count() + 1, _left(queued, now=now), now=now)
        if expected and expected > jst_date(now):
            _ask_for_the_day(ask, expected)
        if not dry_run:
            queued.number = numbers.issue(numbers.QUEUED)[0]
            queued.save(force_insert=True)
            record("queue.entered", queued, by=by, now=now)
    return queued


def _ask_for_the_day(ask: Ask, day: date) -> None:
    """The rules as they will be when the turn comes: a date too early by then is told now."""
    try:
        ask(datetime.combine(day, time(), JST))
    except (relays.QuotaSpent, applications.QuotaSpent, gates.Closed):
        return  # neither the quota nor a maintenance of that hour ends the wait


def withdraw(*, queued_id: int, by: User, now: datetime) -> QueuedRegistration:
    """Take a registration out of the queue while it waits. Raises NotYours, AlreadyEnded."""
    with transaction.atomic():
        queued = QueuedRegistration.objects.select_for_update(of=("self",)).select_related("point").get(pk=queued_id)
        point = queued.point
        ability = ABILITY_OF[Registration(queued.registration)]
        if queued.company_id != by.company_id or not covers(
            by, ability, area=point.area, supply_class=point.supply_class
        ):
            raise NotYours
        if not queued.is_waiting:
            raise AlreadyEnded(State(queued.state))
        queued.state, queued.ended_at = State.WITHDRAWN, now
        queued.save(update_fields=["state", "ended_at"])
        record("queue.withdrawn", queued, by=by, now=now)
    return queued


def waiting(registration: Registration, company_id: int) -> int:
    """How many registrations of this kind the company has in the queue."""
    return _line(company_id, registration).count()


COUNTERS: dict[str, Callable[[int], int]] = {
    registration: partial(waiting, registration) for registration in Registration
}


def places(company_id: int) -> dict[int, int]:
    """The place (1, 2, …) of each waiting registration of the company, by id; each kind has a line of its own."""
    found: dict[int, int] = {}
    last = dict.fromkeys(Registration.values, 0)
    rows = QueuedRegistration.objects.waiting().filter(company=company_id).order_by("pk")
    for pk, registration in rows.values_list("pk", "registration"):
        last[registration] += 1
        found[pk] = last[registration]
    return found


def expected_on(queued: QueuedRegistration, place: int, *, now: datetime) -> date | None:
    """The day on which it is registered as the quota stands; None when it no longer waits."""
    return _expected(place, _left(queued, now=now), now=now) if queued.is_waiting else None


def _expected(place: int, left: Left | None, *, now: datetime) -> date:
    return quotas.day_of_place(place, left, now=now) if left else jst_date(now)


def _left(queued: QueuedRegistration, *, now: datetime) -> Left | None:
    """Where the company stands; None when the quota was lifted meanwhile."""
    return next(iter(quotas.standing(queued.company, now=now, registration=Registration(queued.registration))), None)


def _line(company_id: int, registration: Registration) -> QuerySet[QueuedRegistration]:
    return QueuedRegistration.objects.waiting().filter(company=company_id, registration=registration)


def record(action: str, queued: QueuedRegistration, *, by: User | None, now: datetime, **detail: str) -> None:
    """The ledger's row of a move in the queue."""
    ledger.record(
        action,
        f"queue {queued.number}",
        by=by,
        now=now,
        registration=queued.registration,
        point=queued.point.number,
        **detail,
    )
