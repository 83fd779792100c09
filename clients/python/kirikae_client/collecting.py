"""Files of usage: fetched once, resumed where the line broke, believed only when their hash is the hub's."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from kirikae_client.errors import HubError, NotReachable, Problem
from kirikae_client.hub import Hub

TRIES = 5


class CollectedWrong(HubError):
    """What arrived is not what the hub says it sent; the partial file is thrown away."""


@dataclass(frozen=True)
class Collected:
    """A file that lies complete and proven on the disk; `is_new` is False where it lay there before."""

    path: Path
    size: int
    is_new: bool


def download(hub: Hub, path: str, target: Path, *, sha256: str, size: int | None = None) -> Collected:
    """Fetch what `path` holds into `target`; resume with Range from a `.part` left by an earlier try.

    The target appears only when its hash is `sha256`. Raises CollectedWrong, Problem, NotReachable.
    """
    if target.exists() and _hash(target) == sha256:
        return Collected(target, target.stat().st_size, is_new=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(1, TRIES + 1):
        try:
            _fetch(hub, path, part, size)
            break
        except httpx.TransportError as error:  # the line broke: what has arrived stays for the next try
            if attempt == TRIES:
                raise NotReachable(f"{path} broke off {TRIES} times: {error}") from error
    found = _hash(part)
    if found != sha256:
        part.unlink()
        raise CollectedWrong(f"{path} has the hash {found} instead of {sha256}")
    os.replace(part, target)
    return Collected(target, target.stat().st_size, is_new=True)


def _fetch(hub: Hub, path: str, part: Path, size: int | None) -> None:
    begun = part.stat().st_size if part.exists() else 0
    if size is not None and begun >= size:
        if begun == size:
            return
        begun = 0
    headers = {"Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    response = hub.send("GET", path, headers=headers)
    try:
        if response.status_code == 416:  # nothing is left to fetch, or the part is of another file
            part.unlink(missing_ok=True)
            return _fetch(hub, path, part, size)
        if response.is_error:
            response.read()
            raise Problem.of(response)
        is_rest = response.status_code == 206 and begun > 0
        with part.open("ab" if is_rest else "wb") as file:
            for piece in response.iter_raw():  # as it comes: a buffer would be lost with the line
                file.write(piece)
    finally:
        response.close()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
