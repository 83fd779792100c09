"""Post, do not send: notices are written with the deed they tell of; a worker sends the mails afterwards."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.utils import translation

from portal import event_kinds, events
from portal.access import Ability
from portal.copying import copy_rows
from portal.models import Company, Delivery, Notice

log = logging.getLogger(__name__)

DELIVER = """
    INSERT INTO portal_delivery (notice_id, address, state, attempts, next_attempt_at, last_error)
    SELECT notice.id, company.notice_address, 'waiting', 0, %(now)s, ''
    FROM unnest(%(ids)s::bigint[], %(before)s::bigint[]) AS fresh (recipient_id, before)
    JOIN portal_company company ON company.id = fresh.recipient_id AND company.notice_address <> ''
    JOIN portal_notice notice ON notice.recipient_id = fresh.recipient_id AND notice.number > fresh.before
    ORDER BY notice.recipient_id, notice.number
"""
TAKE = """
    UPDATE portal_company SET notices_posted = notices_posted + fresh.count
    FROM unnest(%s::bigint[], %s::bigint[]) AS fresh (id, count)
    WHERE portal_company.id = fresh.id
"""
FIRST_RETRY, LONGEST_RETRY, GIVE_UP_AFTER = timedelta(minutes=1), timedelta(hours=6), 20


@dataclass(frozen=True)
class Post:
    """A notice to be: `kind` names its template `mail/<kind>.txt`, whose first line is the subject.

    `ability` says which of the recipient's people it concerns; `area` narrows it further ("" = all).
    `context` holds only what may be seen by everybody with that ability: never a customer's name.
    `resource` is the address in the API of what it is about.
    """

    recipient_id: int
    kind: str
    subject: str
    link: str = ""
    area: str = ""
    ability: Ability | str = ""
    context: dict[str, Any] = field(default_factory=dict)
    resource: str = ""


def post(notice: Post, *, now: datetime) -> None:
    """Post one notice; see `post_many`."""
    post_many([notice], now=now)


def post_many(posts: Iterable[Post], *, now: datetime, are_told: bool = False) -> int:
    """Write numbered notices, their mails and their events in the caller's transaction; returns how many.

    Numbers per recipient are gap-free: the counter rows are locked until the transaction ends. `are_told`: the events
    are written already, as those of a case's move.
    """
    posts = list(posts)
    if not are_told:
        events.write_many(map(_happening, posts), now=now)
    by_recipient: dict[int, list[Post]] = defaultdict(list)
    for item in posts:
        by_recipient[item.recipient_id].append(item)
    if not by_recipient:
        return 0
    rows: list[tuple[Any, ...]] = []
    with transaction.atomic():
        recipients = Company.objects.select_for_update(no_key=True).filter(pk__in=by_recipient).order_by("pk")
        before = dict(recipients.values_list("pk", "notices_posted"))
        for recipient_id, last in before.items():
            for number, item in enumerate(by_recipient[recipient_id], last + 1):
                subject = (number, item.kind, item.subject, item.link, item.area, str(item.ability))
                rows.append((recipient_id, *subject, item.context, now))
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [list(before), [len(by_recipient[recipient_id]) for recipient_id in before]])
        copy_rows(
            Notice,
            ("recipient_id", "number", "kind", "subject", "link", "area", "ability", "context", "posted_at"),
            rows,
        )
        with connection.cursor() as cursor:
            cursor.execute(DELIVER, {"ids": list(before), "before": list(before.values()), "now": now})
        transaction.on_commit(_wake_sender, robust=True)
    return len(rows)


def _happening(post: Post) -> events.Happening:
    """The notice as an event; its words and context stay with the notice."""
    as_told = event_kinds.of(post.kind)
    return events.Happening(
        recipient_id=post.recipient_id,
        topic=as_told.topic,
        kind=as_told.kind,
        cause=as_told.cause,
        subject=as_told.subject or post.subject,
        resource=post.resource,
        page=post.link,
        area=post.area,
        supply_class=str(post.context.get("supply_class", "")),
        ability=post.ability,
    )


def _wake_sender() -> None:
    """Ask a worker to send now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("portal.tasks.send_outbox")


def words(notice: Notice, language: str = "ja", *, site: str = "") -> tuple[str, str]:
    """The notice's subject line and body in the language, from `templates/mail/<kind>.txt`.

    `site` is put before the link: a mail is read outside the portal.
    """
    with translation.override(language):
        text = render_to_string(
            f"mail/{notice.kind}.txt",
            {
                "notice": notice,
                "subject": notice.subject,
                "link": notice.link and site.rstrip("/") + notice.link,
                **notice.context,
            },
        ).strip()
    headline, _, body = text.partition("\n")
    return " ".join(headline.split()), body.strip()


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to `limit` waiting mails whose hour has come; returns how many went out.

    Rows are claimed with SKIP LOCKED, so several workers share the queue. A crash between the mail server's
    yes and our commit sends that one mail again: at least once, never not at all.
    """
    with transaction.atomic():
        due = list(
            Delivery.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=Delivery.State.WAITING, next_attempt_at__lte=now)
            .select_related("notice__recipient")
            .order_by("next_attempt_at", "pk")[:limit]
        )
        if not due:
            return 0
        sent = 0
        mailer = get_connection()
        for delivery in due:
            delivery.attempts += 1
            try:
                headline, body = words(delivery.notice, site=settings.SITE_ADDRESS)
                EmailMessage(
                    headline,
                    body,
                    to=[delivery.address],
                    headers={"X-Kirikae-Notice": str(delivery.notice.number)},
                    connection=mailer,
                ).send()
            except Exception as error:  # a mail server may fail in any way; the row keeps what it said
                log.warning("mail for notice %s failed: %s", delivery.notice_id, type(error).__name__)
                delivery.last_error = f"{type(error).__name__}: {error}"[:300]
                wait = min(FIRST_RETRY * 2 ** (delivery.attempts - 1), LONGEST_RETRY)
                delivery.next_attempt_at = now + wait
                if delivery.attempts >= GIVE_UP_AFTER:
                    delivery.state = Delivery.State.GIVEN_UP
            else:
                delivery.state, delivery.sent_at, delivery.last_error = Delivery.State.SENT, now, ""
                sent += 1
        Delivery.objects.bulk_update(due, ["state", "attempts", "next_attempt_at", "sent_at", "last_error"])
    return sent


def send_again(delivery_ids: Iterable[int], *, now: datetime) -> int:
    """Put given-up deliveries back into the queue (an operator's act); returns how many."""
    return Delivery.objects.filter(pk__in=list(delivery_ids), state=Delivery.State.GIVEN_UP).update(
        state=Delivery.State.WAITING, attempts=0, next_attempt_at=now
    )
