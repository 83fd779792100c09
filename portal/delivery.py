"""Whether what the hub tells gets through: what waits, since when, for whom; and the alarm when it waits too long.

A mail or an event that is not out after UNSENT_ALARM is told to the hub operator, and to the company whose receiver it
is, by a notice; a look every minute makes that five minutes at most. One alarm stands per company and channel until
everything is out again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Min, Q
from django.urls import reverse

from portal import ledger, outbox
from portal.access import Ability
from portal.models import Company, Delivery, DeliveryAlarm, Letter, Webhook
from portal.monitoring import Figure, by, single

Channel = DeliveryAlarm.Channel

WEBHOOKS_BEHIND = """
    SELECT hook.company_id, sum(waiting.count)::bigint, min(waiting.since)
    FROM portal_webhook hook
    JOIN portal_company company ON company.id = hook.company_id AND company.events_posted > hook.sent_to
    CROSS JOIN LATERAL (
        SELECT count(*) AS count, min(event.at) AS since FROM portal_event event
        WHERE event.recipient_id = hook.company_id AND event.number > hook.sent_to AND event.topic = ANY (hook.topics)
    ) waiting
    WHERE hook.state IN ('active', 'paused') AND hook.paused_because <> 'by_hand' AND waiting.count > 0
    GROUP BY hook.company_id
"""
UNACKNOWLEDGED = """
    SELECT company.id, company.events_posted - coalesce(position.number, 0), waiting.at, position.at,
           EXISTS (SELECT FROM portal_webhook hook WHERE hook.company_id = company.id AND hook.state <> 'removed')
    FROM portal_company company
    LEFT JOIN portal_feedposition position ON position.company_id = company.id
    LEFT JOIN LATERAL (
        SELECT event.at FROM portal_event event
        WHERE event.recipient_id = company.id AND event.number > coalesce(position.number, 0)
        ORDER BY event.number LIMIT 1
    ) waiting ON true
    WHERE company.events_posted > 0 AND (%(company)s::bigint IS NULL OR company.id = %(company)s)
    ORDER BY waiting.at NULLS LAST, company.id
"""


@dataclass(frozen=True)
class Waiting:
    """What waits for one company on one channel: how many, since when."""

    company_id: int | None
    channel: str
    count: int
    since: datetime

    def age(self, now: datetime) -> timedelta:
        return now - self.since


@dataclass(frozen=True)
class Unread:
    """How far a company's systems are behind the feed, by their own word."""

    company_id: int
    count: int
    since: datetime | None
    acknowledged_at: datetime | None
    has_webhook: bool

    def stage(self, now: datetime) -> str:
        """One of AGES by the age of the oldest event not acknowledged; "" where there is none."""
        if self.count == 0 or self.since is None:
            return ""
        return next(name for name, limit in AGES if limit is None or now - self.since < limit)


AGES: tuple[tuple[str, timedelta | None], ...] = (
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
    ("week", timedelta(days=7)),
    ("older", None),
)


def waiting(*, company: Company | None = None) -> list[Waiting]:
    """What is not out yet, per company and channel, the oldest first: mails, letters, events to receivers.

    What was given up, and what waits at a receiver the hub paused, counts too: it is unsent.
    """
    mails = Delivery.objects.exclude(state=Delivery.State.SENT)
    if company:
        mails = mails.filter(notice__recipient=company)
    rows = mails.order_by().values("notice__recipient").annotate(count=Count("pk"), since=Min("notice__posted_at"))
    found = [Waiting(row["notice__recipient"], Channel.MAIL, row["count"], row["since"]) for row in rows]
    if company is None:
        letters = Letter.objects.exclude(state=Letter.State.SENT).aggregate(count=Count("pk"), since=Min("written_at"))
        if letters["count"]:
            found.append(Waiting(None, Channel.LETTER, letters["count"], letters["since"]))
    with connection.cursor() as cursor:
        cursor.execute(WEBHOOKS_BEHIND)
        hooks = [Waiting(row[0], Channel.WEBHOOK, row[1], row[2]) for row in cursor.fetchall()]
    found += [one for one in hooks if company is None or one.company_id == company.pk]
    return sorted(found, key=lambda one: one.since)


def unread(*, company: Company | None = None) -> list[Unread]:
    """How far each company is behind the feed; one query, the one with the oldest unread event first."""
    with connection.cursor() as cursor:
        cursor.execute(UNACKNOWLEDGED, {"company": company.pk if company else None})
        return [Unread(*row) for row in cursor.fetchall()]


def look(*, now: datetime) -> tuple[int, int]:
    """Raise an alarm for what waits longer than UNSENT_ALARM, end those whose cause is gone: (raised, ended)."""
    late = {(one.company_id, one.channel): one for one in waiting() if one.age(now) >= settings.UNSENT_ALARM}
    standing = {(alarm.company_id, alarm.channel): alarm for alarm in DeliveryAlarm.objects.filter(ended_at=None)}
    raised = sum(_raise(one, now=now) for key, one in late.items() if key not in standing)
    ended = sum(_end(alarm, now=now) for key, alarm in standing.items() if key not in late)
    return raised, ended


def _raise(one: Waiting, *, now: datetime) -> bool:
    try:
        with transaction.atomic():
            alarm = DeliveryAlarm.objects.create(
                company_id=one.company_id, channel=one.channel, raised_at=now, since=one.since, count=one.count
            )
            ledger.record("delivery alarm", _subject(alarm), by=None, now=now, count=one.count, channel=one.channel)
            outbox.post_many(_posts(alarm, "delivery_alarm"), now=now)
    except IntegrityError:
        return False  # another worker raised it at the same moment
    return True


def _end(alarm: DeliveryAlarm, *, now: datetime) -> bool:
    with transaction.atomic():
        if not DeliveryAlarm.objects.filter(pk=alarm.pk, ended_at=None).update(ended_at=now):
            return False
        ledger.record("delivery alarm ended", _subject(alarm), by=None, now=now)
        outbox.post_many(_posts(alarm, "delivery_well"), now=now)
    return True


def _posts(alarm: DeliveryAlarm, kind: str) -> Iterator[outbox.Post]:
    """To the hub operator always; to the company where its receiver is what stands still."""
    told = [
        (pk, Ability.WATCH_DELIVERY) for pk in Company.objects.filter(is_hub_operator=True).values_list("pk", flat=True)
    ]
    if alarm.channel == Channel.WEBHOOK and alarm.company_id and alarm.company_id not in {pk for pk, _ability in told}:
        told.append((alarm.company_id, Ability.MANAGE_WEBHOOKS))
    for recipient_id, ability in told:
        yield outbox.Post(
            recipient_id=recipient_id,
            kind=kind,
            subject=_subject(alarm),
            link=reverse("portal:delivery"),
            ability=ability,
            context={
                "channel": alarm.channel,
                "company": alarm.company.name if alarm.company else "",
                "count": alarm.count,
                "since": alarm.since.isoformat(),
            },
        )


def _subject(alarm: DeliveryAlarm) -> str:
    return f"delivery alarm {alarm.pk}"


def figures(now: datetime) -> Iterator[Figure]:
    """How much is unsent per channel and for how long, how far companies' systems are behind, what is paused."""
    unsent: dict[str, float] = dict.fromkeys(Channel.values, 0)
    oldest: dict[str, float] = dict.fromkeys(Channel.values, 0)
    for one in waiting():
        unsent[one.channel] += one.count
        oldest[one.channel] = max(oldest[one.channel], one.age(now).total_seconds())
    yield by("channel", "kirikae_unsent", "Mails, letters and receivers' events that are not out.", unsent)
    yield by("channel", "kirikae_unsent_age_seconds", "Age of the oldest that is not out.", oldest)
    feeds: dict[str, float] = {name: 0 for name, _limit in AGES}
    total = 0
    for company in unread():
        total += company.count
        if stage := company.stage(now):
            feeds[stage] += 1
    yield single("kirikae_events_unacknowledged", "Events that companies' systems have not acknowledged.", total)
    yield by("age", "kirikae_feeds_behind", "Companies by the age of their oldest unacknowledged event.", feeds)
    alarms = DeliveryAlarm.objects.filter(ended_at=None).count()
    yield single("kirikae_delivery_alarms", "Alarms about what does not get out.", alarms)
    paused = Webhook.objects.filter(Q(state=Webhook.State.PAUSED) & ~Q(paused_because=Webhook.Failure.BY_HAND))
    yield single("kirikae_webhooks_paused", "Receivers the hub paused because they fail.", paused.count())
