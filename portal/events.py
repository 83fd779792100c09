"""The feed of events: what a company's systems must know, numbered without a gap, written with the deed itself.

Who asks for the feed gets every number. Of an event outside the asker's own roles, areas and classes comes the number
alone (`withheld`), so that a gap is always a fault and never a question of roles.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal import ledger
from portal.access import Ability, covers
from portal.copying import copy_rows
from portal.models import Cause, Company, Event, FeedPosition, Topic, User
from portal.refusals import Refusal

AT_ONCE = 1000
"""Events on one page of the feed at most."""

DROP_OLD = """
    DELETE FROM portal_event WHERE id IN (
        SELECT id FROM portal_event old
        WHERE recipient_id = %(company)s AND at < %(before)s
          AND number < (SELECT min(number) FROM portal_event WHERE recipient_id = %(company)s AND at >= %(before)s)
        ORDER BY number LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
"""
TAKE = """
    UPDATE portal_company SET events_posted = events_posted + fresh.count
    FROM unnest(%s::bigint[], %s::bigint[]) AS fresh (id, count)
    WHERE portal_company.id = fresh.id
    RETURNING portal_company.id, events_posted - fresh.count
"""


class Refused(Refusal):
    """What is asked of the feed cannot be; `sentence` says why and what to do."""


class NoLongerKept(Refused):
    """The numbers asked for are gone; `oldest` is the first that is kept."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        self.sentence = format_lazy(
            _("Events before number {oldest} are no longer kept. Read on from there and compare your own cases once."),
            oldest=oldest,
        )
        super().__init__(oldest)


class NotPostedYet(Refused):
    """A number beyond the last one was named; `last` is the last."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.sentence = format_lazy(
            _("The last event has number {last}. A later one cannot be acknowledged or sent."), last=last
        )
        super().__init__(last)


class Backwards(Refused):
    """The position was further on already, at `stands`."""

    def __init__(self, stands: int) -> None:
        self.stands = stands
        self.sentence = format_lazy(
            _("Your company has acknowledged number {stands} already. To read again, ask for the feed after a number."),
            stands=stands,
        )
        super().__init__(stands)


@dataclass(frozen=True)
class Happening:
    """An event to be. `subject` reads like `relay R0000-0000-17`; `ability` and `area` say whose business it is.

    `resource` is the address in the API, `page` the one in the portal; `detail` holds states, dates and counts only.
    """

    recipient_id: int
    topic: Topic
    kind: str
    cause: Cause
    subject: str
    resource: str = ""
    page: str = ""
    area: str = ""
    supply_class: str = ""
    ability: Ability | str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """Where a company's feed stands: the first number kept, the last one posted, the last one acknowledged."""

    oldest: int
    last: int
    acknowledged: int
    acknowledged_at: datetime | None


def write_many(happenings: Iterable[Happening], *, now: datetime) -> int:
    """Write numbered events in the caller's transaction; returns how many.

    Numbers per recipient are gap-free: the companies' rows are locked, in one order, until the transaction ends.
    """
    by_recipient: dict[int, list[Happening]] = {}
    for item in happenings:
        by_recipient.setdefault(item.recipient_id, []).append(item)
    if not by_recipient:
        return 0
    with transaction.atomic():
        list(Company.objects.select_for_update(no_key=True).filter(pk__in=by_recipient).order_by("pk").values("pk"))
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [list(by_recipient), [len(items) for items in by_recipient.values()]])
            before = dict(cursor.fetchall())
        copy_rows(
            Event,
            (
                *("recipient_id", "number", "at", "topic", "kind", "cause", "subject", "resource", "page", "area"),
                *("supply_class", "ability", "detail"),
            ),
            (
                (
                    *(company_id, number, now, str(item.topic), item.kind, str(item.cause), item.subject[:80]),
                    *(item.resource, item.page, item.area, item.supply_class, str(item.ability), item.detail),
                )
                for company_id, items in by_recipient.items()
                for number, item in enumerate(items, before[company_id] + 1)
            ),
        )
        transaction.on_commit(_wake_sender, robust=True)
    return sum(map(len, by_recipient.values()))


def _wake_sender() -> None:
    """Ask a worker to send now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("portal.tasks.send_webhooks")


def standing(company: Company) -> Standing:
    """Where the company's feed stands, in two queries."""
    known = Company.objects.filter(pk=company.pk).values_list(
        "events_posted", "feed_position__number", "feed_position__at"
    )
    last, acknowledged, at = known[0]
    oldest = Event.objects.filter(recipient=company).aggregate(Min("number"))["number__min"]
    return Standing(oldest or last + 1, last, acknowledged or 0, at)


def page(company: Company, *, after: int, limit: int = AT_ONCE) -> list[Event]:
    """Up to `limit` events after a number, in order and without a gap. Raises NoLongerKept.

    Numbers become visible in order: a later one is never there before an earlier one.
    """
    found = list(Event.objects.filter(recipient=company, number__gt=after).order_by("number")[: min(limit, AT_ONCE)])
    first = found[0].number if found else standing(company).oldest
    if first > after + 1:
        raise NoLongerKept(first)
    return found


def stream(company: Company, *, after: int, until: int | None = None) -> Iterator[Event]:
    """Every event after a number, page by page, in constant memory. Raises NoLongerKept at the first step."""
    while found := page(company, after=after):
        for event in found:
            if until is not None and event.number > until:
                return
            yield event
        after = found[-1].number


def concerns(event: Event, user: User) -> bool:
    """True when the event lies inside the person's roles, areas and classes."""
    if not event.ability:
        return True
    ability = Ability(event.ability)
    if not event.area and not event.supply_class:
        return user.may(ability)
    return covers(user, ability, area=event.area, supply_class=event.supply_class)


def told(event: Event, *, to: User | None = None, site: str = "") -> dict[str, Any]:
    """The event as data. `to` is the reader whose roles count; None: a receiver the company's administrator chose."""
    if to is not None and not concerns(event, to):
        return {"number": event.number, "at": event.at.isoformat(), "withheld": True}
    return {
        "number": event.number,
        "at": event.at.isoformat(),
        "topic": event.topic,
        "kind": event.kind,
        "cause": event.cause,
        "subject": event.subject,
        "resource": event.resource and site + event.resource,
        "page": event.page and site + event.page,
        "area": event.area,
        "supply_class": event.supply_class,
        "detail": event.detail,
    }


def acknowledge(number: int, *, by: User, now: datetime) -> Standing:
    """Say that the company's systems hold everything up to the number; said again it changes nothing.

    Raises NotPostedYet, Backwards.
    """
    with transaction.atomic():
        company = Company.objects.select_for_update(no_key=True).get(pk=by.company_id)
        if number > company.events_posted:
            raise NotPostedYet(company.events_posted)
        position = FeedPosition.objects.filter(company=company).first()
        if position and number < position.number:
            raise Backwards(position.number)
        if position is None or number > position.number:
            FeedPosition.objects.update_or_create(company=company, defaults={"number": number, "at": now, "by": by})
            ledger.record("events acknowledged", f"feed of {company.name}"[:80], by=by, now=now, number=number)
    return standing(company)


def drop_old(*, now: datetime, limit: int = 10_000) -> int:
    """Remove up to `limit` events per company that are older than EVENT_DAYS; the newest one always stays."""
    before = now - timedelta(days=settings.EVENT_DAYS)
    gone = 0
    old = Event.objects.filter(at__lt=before).order_by().values("recipient").annotate(last=Max("number"))
    for row in old:
        with connection.cursor() as cursor:
            cursor.execute(DROP_OLD, {"company": row["recipient"], "before": before, "limit": limit})
            gone += cursor.rowcount
    return gone
