"""The daily statement of a company's events: count, first and last number, and a hash built upon the day before.

    line      the event as the feed tells it (`events.told`, addresses without the site), as canonical JSON
    link 0    the hash of the statement before (64 zeros before the first), as 32 bytes
    link n    SHA-256(link n-1 + SHA-256("event\\n" + line n))
    hash      SHA-256("statement\\n<company id>\\n<day>\\n<first>\\n<last>\\n" + last link)
    signature Ed25519 over "kirikae statement " + hash as 64 hexadecimal digits

A receiver that kept its events compares one figure a day and knows that nothing is missing and nothing was changed.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Min

from portal import events, hub_key
from portal.models import Company, Event, EventStatement
from portal.workdays import JST, jst_date

BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True)
class Account:
    """What a statement says, before it is signed."""

    first: int
    last: int
    hash: str


def line(told: dict[str, Any]) -> str:
    """An event as one line of JSON written in one way only: keys sorted, no blanks."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def account(
    company_id: int, day: date, told: Iterable[dict[str, Any]], *, first: int, last: int, previous: str
) -> Account:
    """Hash a day's events in their order, one after the other; nothing is held."""
    link = bytes.fromhex(previous)
    for one in told:
        link = hashlib.sha256(link + hashlib.sha256(f"event\n{line(one)}".encode()).digest()).digest()
    head = f"statement\n{company_id}\n{day.isoformat()}\n{first}\n{last}\n".encode()
    return Account(first, last, hashlib.sha256(head + link).hexdigest())


def signed_text(digest: str) -> bytes:
    """What the hub signs for a statement."""
    return f"kirikae statement {digest}".encode()


def make_due(*, now: datetime) -> int:
    """Write the statements of every day that is over and has none; returns how many. Raises hub_key.Missing.

    A day without an event has no statement; two workers at once write each statement once.
    """
    midnight = datetime.combine(jst_date(now), time(), JST)
    made = 0
    for company in Company.objects.filter(events_posted__gt=0).order_by("pk"):
        while _make_next(company, midnight, now=now):
            made += 1
    return made


def _make_next(company: Company, midnight: datetime, *, now: datetime) -> bool:
    with transaction.atomic():
        Company.objects.select_for_update(no_key=True).get(pk=company.pk)
        before = EventStatement.objects.filter(company=company).order_by("-day").first()
        after = before.last if before else 0
        due = Event.objects.filter(recipient=company, number__gt=after, at__lt=midnight)
        oldest = due.aggregate(Min("at"))["at__min"]
        if oldest is None:
            return False
        day = jst_date(oldest)
        if before and day <= before.day:
            day = before.day + timedelta(days=1)  # an event with an earlier hour than the last one's stands in the next
        ends = datetime.combine(day + timedelta(days=1), time(), JST)
        found = due.filter(at__lt=ends).aggregate(first=Min("number"), last=Max("number"))
        if found["last"] is None or ends > midnight:
            return False
        first, last = found["first"], found["last"]
        told = (events.told(event) for event in events.stream(company, after=first - 1, until=last))
        previous = before.hash if before else BEFORE_THE_FIRST
        made = account(company.pk, day, told, first=first, last=last, previous=previous)
        EventStatement.objects.create(
            company=company,
            day=day,
            first=first,
            last=last,
            count=last - first + 1,
            previous=previous,
            hash=made.hash,
            public_key=hub_key.public(),
            signature=hub_key.sign(signed_text(made.hash)),
            made_at=now,
        )
    return True


def holds(statement: EventStatement) -> bool:
    """True while the statement fits the events kept and its signature the hub's key. Raises events.NoLongerKept."""
    company = statement.company
    told = (events.told(event) for event in events.stream(company, after=statement.first - 1, until=statement.last))
    fresh = account(
        company.pk, statement.day, told, first=statement.first, last=statement.last, previous=statement.previous
    )
    return fresh.hash == statement.hash and hub_key.is_signed(
        signed_text(statement.hash), signature=statement.signature, public_key=statement.public_key
    )
