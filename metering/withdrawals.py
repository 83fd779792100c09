"""What was published to a retailer and is not its own: lists of point and day, no values, and the notice of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.urls import reverse

from metering.models import Publication, PublishedFile
from metering.outgoing import Key, Outgoing
from metering.recipients import Moved
from portal import outbox
from portal.access import Ability

WITHDRAWAL = PublishedFile.Format.WITHDRAWAL


def write(made: Publication, moves: Iterable[Moved], outgoing: dict[Key, Outgoing], *, stem: str) -> int:
    """Write one list per retailer, area and class that loses points; returns how many points and days they name."""
    lost: dict[Key, list[tuple[str, date]]] = {}
    for move in moves:
        if move.key:
            lost.setdefault(move.key, []).append((move.number, move.on))
    for key, lines in sorted(lost.items()):
        name = f"{stem}_{key[2]}_{made.day:%Y%m%d}_{made.revision:02}.csv"
        to = outgoing.setdefault(key, Outgoing(made.folder, key))
        to.add_bytes(WITHDRAWAL, name, text(lines), rows=len(lines), readings=0)
    return sum(map(len, lost.values()))


def text(lines: Iterable[tuple[str, date]]) -> bytes:
    """A list of points and days as the bytes of its file."""
    return "".join(f"{line}\n" for line in ("supply_point,date", *(f"{number},{on}" for number, on in lines))).encode()


def count(files: Iterable[PublishedFile]) -> int:
    """How many points and days these files withdraw."""
    return sum(file.rows for file in files if file.format == WITHDRAWAL)


def notices(files: Iterable[PublishedFile], made: Publication) -> list[outbox.Post]:
    """One notice to every retailer that loses something by this publication."""
    of_recipient: dict[int, list[PublishedFile]] = {}
    for file in files:
        of_recipient.setdefault(file.recipient_id, []).append(file)
    day = made.day.isoformat()
    return [
        outbox.Post(
            recipient_id=recipient_id,
            kind="usage_withdrawn",
            subject=day,
            link=f"{reverse('metering:published-files')}?day={day}",
            ability=Ability.COLLECT_USAGE,
            context={"day": day, "revision": made.revision, "files": len(theirs), "points": count(theirs)},
        )
        for recipient_id, theirs in of_recipient.items()
        if count(theirs)
    ]
