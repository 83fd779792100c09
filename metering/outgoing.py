"""Files of one publication on their way out: kept in its folder, listed in a manifest, unseen until the commit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile

from metering.formats.csv import Written
from metering.models import DeliveryCounter, Publication, PublishedFile
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
        for part in Participation.objects.select_related("company"):
            if part.market_role == MarketRole.RETAILER:
                found.retailers[part.company_id, part.area] = part.code, part.company.name
            else:
                found.operators[part.area] = part.code, part.company.name
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


@contextmanager
def new_file() -> Iterator[Any]:
    """A temporary file the storage can take over by moving it."""
    with TemporaryUploadedFile("usage", "application/octet-stream", 0, None) as out:
        yield out


class Outgoing:
    """The files of one recipient, area and class of supply."""

    def __init__(self, folder: str, key: Key) -> None:
        self.folder, self.key = folder, key
        self.files: list[PublishedFile] = []

    def add(self, format_: str, name: str, write: Callable[[IO[bytes]], Written]) -> Written:
        """Write a file and keep it; `write` fills it and says what it wrote."""
        with new_file() as out:
            written = write(out)
            out.flush()
            if settings.FILES_SURVIVE_POWER_CUT:
                os.fsync(out.fileno())
            recipient_id, area, supply_class = self.key
            path = default_storage.save(f"{self.folder}/{recipient_id}-{area}/{name}", out)
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
        text = json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
        self.add_bytes(PublishedFile.Format.MANIFEST, name, text, rows=rows, readings=readings)


def number(files: list[PublishedFile], publication: Publication) -> None:
    """Give every file its number and make it visible with the commit; numbers per recipient have no gaps."""
    recipients = sorted({file.recipient_id for file in files})
    DeliveryCounter.objects.bulk_create(
        [DeliveryCounter(recipient_id=recipient_id) for recipient_id in recipients], ignore_conflicts=True
    )
    counters = {
        counter.pk: counter
        for counter in DeliveryCounter.objects.select_for_update().filter(pk__in=recipients).order_by("pk")
    }
    for file in files:
        counter = counters[file.recipient_id]
        counter.files_published += 1
        file.number, file.publication = counter.files_published, publication
    DeliveryCounter.objects.bulk_update(counters.values(), ["files_published"], batch_size=500)
    PublishedFile.objects.bulk_create(files, batch_size=2000)
