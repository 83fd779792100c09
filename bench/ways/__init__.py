"""The ways usage is taken in and published in the benchmark: each enters itself into WAYS when it is imported."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

DAY = date(2026, 4, 1)
NOW = datetime(2026, 4, 1, 22, tzinfo=UTC)  # 07:00 in Japan on the next day
RETAILERS = 50
SLOTS = [f"hh{n:02}" for n in range(1, 49)]


@dataclass(frozen=True)
class Way:
    """One way of doing one piece of work; `cap` is the number of points a slow one is tried with."""

    work: str
    name: str
    run: Callable[[int, Path], dict[str, float]]
    cap: int = 1 << 40
    peer: str = ""


WAYS: dict[str, Way] = {}


def way(work: str, name: str, *, cap: int = 1 << 40, peer: str = "") -> Callable[[Any], Any]:
    def enter(run: Callable[[int, Path], dict[str, float]]) -> Any:
        WAYS[run.__name__] = Way(work, name, run, cap, peer)
        return run

    return enter


def timed(points: int, work: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the clock, and of processor time: this process, its children and its database session."""
    busy, began = _processor(), time.perf_counter()
    work()
    return {"points": points, "seconds": time.perf_counter() - began, "cpu": _processor() - busy}


def _processor() -> float:
    from django.db import connection

    spent = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if connection.connection is not None and not connection.connection.closed:
        told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        if told.exists():  # the server is on this machine; nanoseconds, where `stat` counts in hundredths of a second
            spent += int(told.read_text().split()[0]) / 1e9
    return spent


def first(path: Path, points: int) -> io.BytesIO:
    """The head of a wide CSV with so many rows."""
    with path.open("rb") as stream:
        return io.BytesIO(b"".join(stream.readline() for _ in range(points + 1)))


def load() -> dict[str, Way]:
    """All ways, in the order in which they are measured."""
    from bench.ways import limits, orm, ours, peers  # noqa: F401

    order = ["CSV intake", "XML intake", "CSV.gz publication", "XML publication", "Both formats published"]
    place = {work: at for at, work in enumerate(order)}
    return dict(sorted(WAYS.items(), key=lambda item: place.get(item[1].work, len(order))))
