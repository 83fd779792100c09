"""The ledger's hash chain: entries are sealed in small sets, each seal built upon the one before and signed.

    leaf(row)  = SHA-256("entry\\n" + row as canonical JSON)
    link 0     = hash of the seal before (64 zeros before the first), as 32 bytes
    link n     = SHA-256(link n-1 + leaf n)
    seal hash  = SHA-256("seal\\n<number>\\n<sealed at>\\n<entries>\\n" + link of the last entry)
    signature  = Ed25519 over "kirikae seal " + seal hash as 64 hexadecimal digits

Writers never wait: the database notes each new entry as waiting, in its writer's transaction, and a worker seals what
is committed. An entry whose transaction ends late comes into a later seal, an entry of a transaction that was rolled
back into none; the order of the chain is the order of sealing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils.translation import gettext as _
from psycopg.types.range import Int8Range

from portal import hub_key
from portal.models import LedgerEntry, Seal, UnsealedEntry

AT_ONCE, IDS_AT_ONCE, SEALS_AT_ONCE = 5000, 100_000, 200
LINK = np.dtype([("id", "<i8"), ("hash", "S32")])
LINK_BYTES = 40
BEFORE_THE_FIRST = "0" * 64
ABSENT = hashlib.sha256(b"entry\nis gone").digest()
ADVISORY_LOCK = 0x6B6972696B616501
FIELDS = ("id", "at", "user_id", "company_id", "action", "subject", "purpose", "detail", "salt")


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold: the seal, the entry where one can be named, and what is wrong."""

    seal: int | None
    entry: int | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What came out of a walk along the chain; `broken` is the first break or None."""

    seals: int
    entries: int
    waiting: int
    head: str
    broken: Break | None


def canonical(row: dict[str, Any]) -> str:
    """An entry as one line of JSON that is written in one way only: keys sorted, no blanks, times in UTC."""
    return json.dumps(
        {
            **row,
            "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
            "salt": str(row["salt"]),
        },
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def leaf(line: str) -> bytes:
    """The hash of an entry's canonical line."""
    return hashlib.sha256(b"entry\n" + line.encode()).digest()


def rows(ids: Iterable[int]) -> dict[int, str]:
    """Canonical lines of entries by id; ids without an entry are left out."""
    found = LedgerEntry.objects.filter(pk__in=list(ids)).order_by().values(*FIELDS)
    return {row["id"]: canonical(row) for row in found}


def seal_waiting(*, now: datetime) -> int:
    """Seal every committed entry that waits; returns how many. One process at a time; nobody else waits for it.

    Raises hub_key.Missing when there is no key to sign with; the entries wait on.
    """
    sealed = 0
    while count := _seal_some(now):
        sealed += count
    return sealed


def _seal_some(now: datetime) -> int:
    """One seal over up to AT_ONCE entries in the order of their ids; the number of entries, 0 for no seal."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
            cursor.execute(
                "DELETE FROM portal_unsealedentry WHERE entry_id IN "
                "(SELECT entry_id FROM portal_unsealedentry ORDER BY entry_id LIMIT %s) RETURNING entry_id",
                [AT_ONCE],
            )
            ids = sorted(entry_id for (entry_id,) in cursor.fetchall())
        if not ids:
            return 0
        last = Seal.objects.order_by("-number").values_list("number", "hash").first()
        number, previous = (last[0] + 1, last[1]) if last else (1, BEFORE_THE_FIRST)
        lines = rows(ids)
        link, links = bytes.fromhex(previous), bytearray()
        for entry_id in ids:
            link = _next(link, leaf(lines[entry_id]) if entry_id in lines else ABSENT)
            links += entry_id.to_bytes(8, "little", signed=True) + link
        digest = seal_hash(number, now, len(ids), link)
        Seal.objects.create(
            number=number,
            sealed_at=now,
            count=len(ids),
            ids=Int8Range(ids[0], ids[-1], "[]"),
            links=bytes(links),
            previous=previous,
            hash=digest,
            public_key=hub_key.public(),
            signature=hub_key.sign(signed_text(digest)),
        )
        return len(ids)


def _next(link: bytes, leaf_hash: bytes) -> bytes:
    return hashlib.sha256(link + leaf_hash).digest()


def seal_hash(number: int, sealed_at: datetime, count: int, last_link: bytes) -> str:
    """A seal's hash over its own facts and its last link, hexadecimal."""
    moment = sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"seal\n{number}\n{moment}\n{count}\n".encode() + last_link).hexdigest()


def signed_text(digest: str) -> bytes:
    """What the hub signs for a seal."""
    return f"kirikae seal {digest}".encode()


def links_of(seal: Seal) -> list[tuple[int, bytes]]:
    """The seal's entries in its order: (id, link)."""
    packed = bytes(seal.links)
    return [
        (int.from_bytes(packed[at : at + 8], "little", signed=True), packed[at + 8 : at + LINK_BYTES])
        for at in range(0, len(packed) - len(packed) % LINK_BYTES, LINK_BYTES)
    ]


def seals_of(ids: Iterable[int]) -> list[Seal]:
    """The seals that hold these entries, in the order of the chain."""
    wanted = set(ids)
    found: dict[int, Seal] = {}
    while wanted:
        entry_id = min(wanted)
        holding = None
        for seal in Seal.objects.filter(ids__contains=entry_id).order_by("number"):
            inside = wanted & {held for held, _link in links_of(seal)}
            if inside:
                found[seal.number] = seal
            if entry_id in inside:
                holding = seal
            wanted -= inside
            if holding:
                break
        wanted.discard(entry_id)
    return [found[number] for number in sorted(found)]


def verify(*, expected: tuple[int, str] | None = None, after: int = 0, most: int | None = None) -> Verdict:
    """Walk along the chain behind seal `after` and hash every entry anew; stops at the first break.

    `expected` is a seal's number and hash that somebody wrote down elsewhere: it tells a chain that was cut off or
    made anew as a whole. `most` ends the walk with the seal that reaches so many entries, so that a long chain can be
    walked in stretches, each `after` the last seal of the one before. Memory does not follow the length of the walk.
    Entries that wait are counted, not judged. Raises hub_key.Missing.
    """
    walk = _Walk(after, expected)
    broken = walk.first_break(most) or _outside(after, walk.number)
    return Verdict(walk.number, walk.entries, UnsealedEntry.objects.count(), walk.hash, broken)


class _Walk:
    """One pass over the seals behind a seal."""

    def __init__(self, after: int, expected: tuple[int, str] | None) -> None:
        self.expected = expected
        self.number, self.hash, self.entries = after, BEFORE_THE_FIRST, 0

    def first_break(self, most: int | None) -> Break | None:
        if self.number:
            start = Seal.objects.filter(pk=self.number).values_list("hash", flat=True).first()
            if start is None:
                return Break(self.number, None, _("The seal is missing."))
            self.hash = start
        for seal, links, lines in _with_lines(self.number):
            if broken := self._step(seal, links, lines):
                return broken
            if most is not None and self.entries >= most:
                return None
        if self.expected and self.expected[0] > self.number:
            return Break(
                self.expected[0], None, _("The chain ends at seal %(number)s, before the one that was written down.")
                % {"number": self.number},
            )  # fmt: skip
        return None

    def _step(self, seal: Seal, links: list[tuple[int, bytes]], lines: dict[int, str]) -> Break | None:
        if seal.number != self.number + 1:
            return Break(self.number + 1, None, _("The seal is missing."))
        if seal.previous != self.hash:
            return Break(seal.number, None, _("The seal does not follow from the one before."))
        link = bytes.fromhex(self.hash)
        for entry_id, kept in links:
            line = lines.get(entry_id)
            if line is None:
                return Break(seal.number, entry_id, _("The entry was removed."))
            link = _next(link, leaf(line))
            if link != kept:
                return Break(seal.number, entry_id, _("The entry was changed after it was sealed."))
        if seal.count != len(links) or seal.hash != seal_hash(seal.number, seal.sealed_at, seal.count, link):
            return Break(seal.number, None, _("The seal itself was changed."))
        if seal.public_key not in hub_key.published():
            return Break(seal.number, None, _("The seal is signed with a key that is not the hub's."))
        if not hub_key.is_signed(signed_text(seal.hash), signature=seal.signature, public_key=seal.public_key):
            return Break(seal.number, None, _("The seal's signature does not fit."))
        if self.expected and self.expected[0] == seal.number and self.expected[1] != seal.hash:
            return Break(seal.number, None, _("The seal's hash is not the one that was written down."))
        self.number, self.hash = seal.number, seal.hash
        self.entries += len(links)
        return None


def _outside(after: int, until: int) -> Break | None:
    """An entry among those of a stretch of seals that neither waits nor stands in a seal was put in past the product.

    Stretches that follow one another leave out no id: each begins at the highest id sealed before it, the first
    at the lowest and the last goes on to the highest there is.
    """
    lowest = _sealed_up_to(after) if after else None
    end = _sealed_up_to(until) if Seal.objects.filter(number__gt=until).exists() else None
    while (standing := _standing(lowest, end)).size:
        first, last = int(standing[0]), int(standing[-1])
        seals = (
            Seal.objects.filter(ids__overlap=Int8Range(first, last, "[]")).order_by().values_list("links", flat=True)
        )
        sealed = [np.frombuffer(bytes(links), dtype=LINK)["id"] for links in seals]
        strange = np.setdiff1d(standing, np.concatenate(sealed) if sealed else np.empty(0, dtype=np.int64))
        if strange.size:
            return Break(
                None, int(strange[0]), _("The entry stands outside the chain: it was put in past the product.")
            )
        lowest = last + 1
    return None


def _sealed_up_to(number: int) -> int:
    """The id behind the highest one in the seals up to this one."""
    end: int | None = Seal.objects.filter(number__lte=number).aggregate(end=Max("ids__endswith"))["end"]
    return end or 0


def _standing(lowest: int | None, end: int | None) -> np.ndarray:
    """The next ids, in their order, of entries that do not wait for a seal."""
    entries = LedgerEntry.objects.filter(~Exists(UnsealedEntry.objects.filter(entry_id=OuterRef("pk"))))
    if lowest is not None:
        entries = entries.filter(pk__gte=lowest)
    if end is not None:
        entries = entries.filter(pk__lt=end)
    ids = entries.order_by("pk").values_list("pk", flat=True)[:IDS_AT_ONCE]
    return np.fromiter(ids, dtype=np.int64)


def _with_lines(after: int) -> Iterator[tuple[Seal, list[tuple[int, bytes]], dict[int, str]]]:
    """Every seal behind `after` in order, its links and its entries' lines, fetched for many small seals at once."""
    batch: list[tuple[Seal, list[tuple[int, bytes]]]] = []
    held = 0
    while page := list(Seal.objects.filter(number__gt=after).order_by("number")[:SEALS_AT_ONCE]):
        for seal in page:
            links = links_of(seal)
            batch.append((seal, links))
            held += len(links)
            if held >= AT_ONCE:
                yield from _fetched(batch)
                batch, held = [], 0
        after = page[-1].number
    yield from _fetched(batch)


def _fetched(
    batch: list[tuple[Seal, list[tuple[int, bytes]]]],
) -> Iterator[tuple[Seal, list[tuple[int, bytes]], dict[int, str]]]:
    lines = rows(entry_id for _seal, links in batch for entry_id, _link in links)
    for seal, links in batch:
        yield seal, links, lines
