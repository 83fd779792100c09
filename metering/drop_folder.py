"""The drop folder: network operators lay files there, a sweep receives what is complete."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connection

from metering.intake import AlreadyReceived, NotAUsageFile, NotScanned, receive
from portal import gates, private_market
from portal.market import MarketRole
from portal.models import Company, Function, Participation

QUIET_SECONDS = 10
"""A dropped file nobody has written to for so long is complete."""


@dataclass
class Collected:
    """What a sweep of the drop folder came to."""

    received: int = 0
    refused: int = 0


def collect_dropped(*, now: datetime) -> Collected:
    """Receive what network operators put into their folder (named by their participant code) of the drop folder.

    A file is complete when nobody has written to it for QUIET_SECONDS; names that end in `.part` or begin with a
    dot are still being written. Afterwards it stands in `done/`, or in `refused/` beside a `.txt` that says why.
    One sweep runs at a time. A file interrupted between receiving and moving is found again and moved then. While usage
    is closed (portal.gates) everything stays where it lies, and so does what the scanner could not look at.
    """
    collected = Collected()
    own = Participation.objects.filter(market_role=MarketRole.NETWORK_OPERATOR).select_related("company")
    with _alone("usage drop folder") as mine:
        if not mine or gates.Hours(now).closure(Function.USAGE):
            return collected
        for participation in own:
            folder = _watched() / participation.code
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.iterdir()):
                if _is_complete(path):
                    _collect(path, participation.company, collected, now=now)
    return collected


def has_any() -> bool:
    """True where something lies in the drop folder that a sweep would look at, complete or not."""
    return any(path.is_file() and not path.name.startswith(".") for path in _watched().glob("*/*"))


def _watched() -> Path:
    return private_market.part_of(settings.USAGE_DROP_DIR, private_market.name())


def _is_complete(path: Path) -> bool:
    """A regular file that is not being written any more; its stamp and this clock are the same machine's."""
    if path.name.startswith(".") or path.name.endswith(".part") or path.is_symlink() or not path.is_file():
        return False
    return time.time() - path.stat().st_mtime >= QUIET_SECONDS


def _collect(path: Path, sender: Company, collected: Collected, *, now: datetime) -> None:
    try:
        with path.open("rb") as stream:
            receive(stream, name=path.name, sender=sender, by=None, now=now)
    except AlreadyReceived as known:
        _put_away(path, "done", f"{known}\n")
    except NotScanned:
        pass  # it stays where it lies until the scanner answers
    except NotAUsageFile as problem:
        collected.refused += 1
        _put_away(path, "refused", f"{problem.sentence}\n")
    else:
        collected.received += 1
        _put_away(path, "done", "")


def _put_away(path: Path, folder: str, why: str) -> None:
    target = path.parent / folder / path.name
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        target = target.with_name(f"{uuid4().hex[:8]}-{path.name}")
    if why:
        target.with_name(target.name + ".txt").write_text(why, encoding="utf-8")
    path.rename(target)


@contextmanager
def _alone(purpose: str) -> Iterator[bool]:
    """True for the only process that does this now; the others get False at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [purpose])
        (mine,) = cursor.fetchone()
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [purpose])
