"""The manifest: one form for the files of every format, so that a recipient can tell what is complete and unharmed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, BinaryIO

from metering.formats.csv import Written
from metering.formats.errors import Unreadable, shown

LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: rows of point, meter and day (points in messages of family W5), readings, bytes, SHA-256 in hex."""

    name: str
    format: str
    rows: int
    readings: int
    size: int
    sha256: str

    @classmethod
    def of(cls, name: str, format_: str, written: Written) -> Entry:
        """The entry of a file from its writer's report."""
        return cls(name, format_, written.rows, written.readings, written.size, written.sha256)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What belongs together: the files of one recipient, area and class of supply for one day (or month).

    day           2026-04-01, or 2026-04 for a month
    layer         P, D or F (preliminary, daily, fixed); revision from 0
    published_at  aware
    rows, points, readings   of the whole, each counted once whatever the number of formats
    """

    day: str
    layer: str
    revision: int
    published_at: datetime
    area: str
    supply_class: str
    recipient: str
    rows: int
    points: int
    readings: int
    files: tuple[Entry, ...] = ()


def write(manifest: Manifest) -> bytes:
    """The manifest as JSON in UTF-8, files sorted by format and name; equal manifests give equal bytes."""
    content = asdict(manifest)
    content["published_at"] = manifest.published_at.isoformat()
    content["files"] = [asdict(entry) for entry in sorted(manifest.files, key=lambda entry: (entry.format, entry.name))]
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def read(data: bytes) -> Manifest:
    """Read a manifest; further keys are passed over. Raises Unreadable (manifest_broken) with what is wrong."""
    try:
        if len(data) > LARGEST:
            raise ValueError(f"> {LARGEST} bytes")
        content = json.loads(data)
        entries = tuple(Entry(**_typed(Entry, entry)) for entry in content["files"])
        plain = {**content, "files": (), "published_at": None}
        moment = datetime.fromisoformat(content["published_at"])
        if moment.tzinfo is None:
            raise ValueError("published_at")
        values = _typed(Manifest, plain)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable("manifest_broken", detail=shown(str(error))) from None
    return Manifest(**{**values, "published_at": moment, "files": entries})


def _typed(kind: type, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{content!r}")
    found = {}
    for item in fields(kind):
        value = content[item.name]
        kind_wrong = item.type == "str" and type(value) is not str
        if kind_wrong or (item.type == "int" and (type(value) is not int or value < 0)):
            raise ValueError(f"{item.name}: {value!r}")
        found[item.name] = value
    return found


def compare(entry: Entry, stream: BinaryIO) -> None:
    """Read a fetched file to its end; Unreadable (manifest_differs) when its size or SHA-256 is not the entry's."""
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    if size != entry.size:
        raise Unreadable("manifest_differs", name=entry.name, what="size")
    if digest.hexdigest() != entry.sha256:
        raise Unreadable("manifest_differs", name=entry.name, what="SHA-256")


def total(entries: Iterable[Entry], format_: str) -> tuple[int, int]:
    """(rows, readings) of the files of one format together: the splits of a delivery."""
    chosen = [entry for entry in entries if entry.format == format_]
    return sum(entry.rows for entry in chosen), sum(entry.readings for entry in chosen)
