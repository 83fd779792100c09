"""Collecting usage incrementally: what came since the last file, each proven by its hash, then acknowledged.

The state is one small file beside the usage: the last delivery number that lies complete on the disk. It is moved on
only after that, by a rename, so a program killed at any line goes on where it stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kirikae_client.collecting import Collected, download
from kirikae_client.hub import Hub
from kirikae_client.shapes import PublishedFile

STATE = ".collected.json"


@dataclass(frozen=True)
class Taken:
    """One published file and where it lies now."""

    file: PublishedFile
    collected: Collected


def collect(hub: Hub, folder: Path, *, acknowledge: bool = True) -> Iterator[Taken]:
    """Fetch every file published since the last call into `folder/<day>/`, in the order of their numbers.

    Raises CollectedWrong, Problem, NotReachable; what was fetched before stays, and the next call goes on.
    """
    state = folder / STATE
    folder.mkdir(parents=True, exist_ok=True)
    after = last(folder)
    for row in hub.each("published-files", after=after, limit=200):
        file = cast(PublishedFile, row)
        if not file["removed_at"]:
            # The number keeps two files of one name apart; the name comes from the hub and is no path.
            target = folder / file["day"] / f"{file['number']:08d}-{Path(file['name']).name}"
            path = f"published-files/{file['number']}/content"
            found = download(hub, path, target, sha256=file["sha256"], size=file["size"])
            if acknowledge:
                proof = {"sha256": file["sha256"]}
                hub.post(f"published-files/{file['number']}/acknowledgement", proof, key=f"file-{file['number']}")
            yield Taken(file, found)
        _write(state, {"after": file["number"]})


def last(folder: Path) -> int:
    """The last delivery number that lies complete in the folder; 0 for none."""
    try:
        return int(json.loads((folder / STATE).read_text(encoding="utf-8"))["after"])
    except FileNotFoundError:
        return 0


def _write(path: Path, value: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
