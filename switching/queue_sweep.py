"""Registers what waits in the queues when there is room: in order, up to the day's quota, each in its own transaction.

A rule that no longer holds ends the wait with its sentence, told to the company: nothing is lost in silence. Apart
from `registration_queue` because the sentences know the refusals of the queue too.
"""

import logging
from datetime import datetime

from django.db import connection, transaction
from django.urls import reverse
from django.utils import translation

from portal import gates, outbox
from portal.models import Registration, User
from switching import applications, registration_queue, relays
from switching.models import Application, QueuedRegistration, Relay
from switching.models.queue import ABILITY_OF
from switching.registration_queue import PersonGone
from switching.sentences import sentence

log = logging.getLogger(__name__)

State = QueuedRegistration.State
Refusal = relays.NotPossible | applications.NotPossible | PersonGone
REFUSALS = (relays.NotPossible, applications.NotPossible, PersonGone)
NO_ROOM_NOW = (relays.QuotaSpent, applications.QuotaSpent, gates.Closed)

_LINE = 0x51A8  # first half of the advisory lock's key; the second is the company


def register_waiting(*, now: datetime, limit: int = 500) -> int:
    """Register or refuse up to `limit` waiting registrations; returns how many waits ended.

    One worker at a time works on a company's line, several companies' lines go on side by side. A crash at any line
    leaves a registration either waiting or registered. What a closed function or a spent quota stops goes on waiting.
    """
    ended = 0
    lines = QueuedRegistration.objects.waiting().order_by().values_list("company", "registration").distinct()
    for company_id, registration in list(lines):
        after = 0
        while ended < limit:
            queued, has_ended = _next(company_id, registration, after=after, now=now)
            if queued is None:
                break
            after = queued.pk
            ended += has_ended
    return ended


def _next(company_id: int, registration: str, *, after: int, now: datetime) -> tuple[QueuedRegistration | None, bool]:
    """The line's next registration and whether its wait ended; None when there is no more to be done."""
    with transaction.atomic():
        if not _is_ours(company_id):
            return None, False
        queued = (
            QueuedRegistration.objects.waiting()
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("point", "company", "entered_by__company", "losing_retailer", "disclosure", "relay")
            .filter(company=company_id, registration=registration, pk__gt=after)
            .order_by("pk")
            .first()
        )
        if queued is None:
            return None, False
        try:
            with transaction.atomic():
                case = _register(queued, now=now)
        except NO_ROOM_NOW:
            return None, False
        except REFUSALS as refusal:
            _refuse(queued, refusal, now=now)
        except Exception:  # a fault of ours must not stop those behind; it is tried again with the next sweep
            log.exception("queued registration %s could not be registered", queued.number)
            return queued, False
        else:
            _end(queued, case, now=now)
    return queued, True


def _is_ours(company_id: int) -> bool:
    """True when no other worker is at the company's lines; held to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LINE, company_id])
        [is_ours] = cursor.fetchone()
    return is_ours


def _register(queued: QueuedRegistration, *, now: datetime) -> Relay | Application:
    by: User = queued.entered_by
    if not by.is_active or by.company_id != queued.company_id or not by.company.is_active:
        raise PersonGone
    if queued.registration == Registration.RELAY:
        assert queued.losing_retailer and queued.disclosure  # the database holds it
        request = relays.Request(
            point=queued.point,
            losing_retailer=queued.losing_retailer,
            contract_number=queued.contract_number,
            holder_name=queued.holder_name,
            holder_kana=queued.holder_kana,
            holder_address=queued.holder_address,
            desired_date=queued.desired_date,
            contact_person=queued.contact_person,
            disclosure=queued.disclosure,
        )
        return relays.register(request, by=by, now=now, from_queue=True)
    start = applications.Start(
        point=queued.point,
        desired_date=queued.desired_date,
        contract_number=queued.contract_number,
        holder_name=queued.holder_name,
        holder_kana=queued.holder_kana,
        holder_address=queued.holder_address,
        meter_work=queued.meter_work,
        relay=queued.relay or relays.open_relay_of(by.company, queued.point, queued.desired_date),
    )
    return applications.file_start(start, by=by, now=now, from_queue=True)


def _end(queued: QueuedRegistration, case: Relay | Application, *, now: datetime) -> None:
    """The case has told of itself already; the queue only keeps what it became."""
    queued.state, queued.ended_at = State.REGISTERED, now
    if isinstance(case, Relay):
        queued.became_relay = case
    else:
        queued.became_application = case
    queued.save(update_fields=["state", "ended_at", "became_relay", "became_application"])
    registration_queue.record("queue.registered", queued, by=None, now=now, became=case.number)


def _refuse(queued: QueuedRegistration, refusal: Refusal, *, now: datetime) -> None:
    words = {}
    for language in ("ja", "en"):
        with translation.override(language):
            words[language] = sentence(refusal)
    queued.state, queued.ended_at = State.REFUSED, now
    queued.refusal_ja, queued.refusal_en = words["ja"], words["en"]
    queued.save(update_fields=["state", "ended_at", "refusal_ja", "refusal_en"])
    registration_queue.record("queue.refused", queued, by=None, now=now, refusal=type(refusal).__qualname__)
    outbox.post(
        outbox.Post(
            recipient_id=queued.company_id,
            kind="queue_refused",
            subject=queued.number,
            link=reverse("switching:queued", args=[queued.number]),
            resource=f"/api/v1/queue/{queued.number}",
            area=queued.point.area,
            ability=ABILITY_OF[Registration(queued.registration)],
            context={
                "registration": queued.registration,
                "supply_class": queued.point.supply_class,
                "desired_date": queued.desired_date.isoformat(),
                "reason_ja": words["ja"],
                "reason_en": words["en"],
            },
        ),
        now=now,
    )
