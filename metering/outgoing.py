"""Files of one publication on their way out: kept in its folder, listed in a manifest, unseen until the commit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from django.db import connection

from metering.formats.csv import Written
from metering.models import Publication, PublishedFile
from portal import stores
from portal.copying import copy_rows
from portal.market import MarketRole
from portal.models import Participation

Key = tuple[int, str, str]
"""Recipient, area and class of supply."""


@dataclass
class Parties:
    """Participant code and name of every company, as messages and manifests say them."""

    retailers: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)
    operators: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def known(cls) -> Parties:
        found = cls()
        parts = Participation.objects.values_list("market_role", "company_id", "area", "code", "company__name")
        for market_role, company_id, area, code, name in parts:
            if market_role == MarketRole.RETAILER:
                found.retailers[company_id, area] = code, name
            else:
                found.operators[area] = code, name
        return found

    def of(self, recipient_id: int, area: str) -> dict[str, Any]:
        """sender, sender_name, receiver and receiver_name of a message to a retailer in an area."""
        sender, sender_name = self.operators.get(area, ("", ""))
        receiver, receiver_name = self.retailers.get((recipient_id, area), ("", ""))
        return {
            "sender": sender,
            "sender_name": sender_name,
            "receiver": receiver,
            "receiver_name": receiver_name,
        }


class Outgoing:
    """The files of one recipient, area and class of supply."""

    def __init__(self, folder: str, key: Key) -> None:
        self.folder, self.key = folder, key
        self.files: list[PublishedFile] = []

    def add(self, format_: str, name: str, write: Callable[[IO[bytes]], Written]) -> Written:
        """Write a file and keep it; `write` fills it and says what it wrote."""
        recipient_id, area, supply_class = self.key
        path = f"{self.folder}/{recipient_id}-{area}/{name}"
        with stores.new_file(path) as out:
            written = write(out)
        self.files.append(
            PublishedFile(
                recipient_id=recipient_id,
                area=area,
                supply_class=supply_class,
                format=format_,
                name=name,
                content=path,
                rows=written.rows,
                readings=written.readings,
                size=written.size,
                sha256=written.sha256,
            )
        )
        return written

    def add_bytes(self, format_: str, name: str, content: bytes, *, rows: int, readings: int) -> None:
        """Keep a small file."""

        def write(out: IO[bytes]) -> Written:
            out.write(content)
            return Written(rows, readings, len(content), hashlib.sha256(content).hexdigest())

        self.add(format_, name, write)

    def add_manifest(self, name: str, *, published_at: datetime, rows: int, readings: int, **said: object) -> None:
        """The manifest of the files so far; `said` are its further items."""
        content = {
            **said,
            "published_at": published_at.isoformat(),
            "area": self.key[1],
            "supply_class": self.key[2],
            "rows": rows,
            "readings": readings,
            "files": [
                {item: getattr(file, item) for item in ("name", "format", "rows", "readings", "size", "sha256")}
                for file in sorted(self.files, key=lambda file: (file.format, file.name))
            ],
        }
        text = json.dumps(content, ensure_ascii=False).encode() + b"\n"
        self.add_bytes(PublishedFile.Format.MANIFEST, name, text, rows=rows, readings=readings)


_TAKE = """
    INSERT INTO metering_deliverycounter AS counter (recipient_id, files_published)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS fresh (recipient_id, count) ORDER BY recipient_id
    ON CONFLICT (recipient_id) DO UPDATE SET files_published = counter.files_published + excluded.files_published
    RETURNING recipient_id, files_published
"""
_COLUMNS = (
    *("publication_id", "recipient_id", "number", "area", "supply_class", "format", "name", "content"),
    *("rows", "readings", "size", "sha256"),
)


def number(files: list[PublishedFile], publication: Publication) -> None:
    """Give every file its number and make it visible with the commit; numbers per recipient have no gaps.

    The counters are locked, in one order, until the transaction ends.
    """
    of_recipient = Counter(file.recipient_id for file in files)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [list(of_recipient), list(of_recipient.values())])
        last = {recipient_id: total - of_recipient[recipient_id] for recipient_id, total in cursor.fetchall()}
    for file in files:
        last[file.recipient_id] += 1
        file.number, file.publication = last[file.recipient_id], publication
    copy_rows(
        PublishedFile,
        _COLUMNS,
        (
            [str(getattr(file, name)) if name == "content" else getattr(file, name) for name in _COLUMNS]
            for file in files
        ),
    )
