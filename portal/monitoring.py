"""Figures for a monitoring system: each room registers what it can count, all of it asked when somebody collects.

What stands in the database or the broker is counted there at that moment, so that it does not matter how many web
processes and workers run, nor on which hosts. Never a person, a case, a point or a company in a label.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import redis
from django.db import DatabaseError, connection, transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figure:
    """One gauge: its name, what it says, and its values by the values of `labels` (one value: no labels)."""

    name: str
    words: str
    values: dict[tuple[str, ...], float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


def single(name: str, words: str, value: float) -> Figure:
    """A figure without labels."""
    return Figure(name, words, {(): float(value)})


def by(label: str, name: str, words: str, values: dict[str, float]) -> Figure:
    """A figure by one label."""
    return Figure(name, words, {(key,): float(value) for key, value in values.items()}, (label,))


Provider = Callable[[datetime], Iterable[Figure]]

_providers: list[Provider] = []


def register(*providers: Provider) -> None:
    """Add providers; call it in the room's `AppConfig.ready`. Each does a fixed, small number of queries."""
    _providers.extend(provider for provider in providers if provider not in _providers)


def figures(*, now: datetime) -> Iterator[Figure]:
    """Every figure; what cannot be counted just now is left out, and `kirikae_uncounted` says how much that is."""
    uncounted = 0
    for provider in _providers:
        try:
            yield from _counted(provider, now)
        except (DatabaseError, redis.RedisError, OSError) as error:
            log.warning("not counted: %s.%s (%s)", provider.__module__, provider.__qualname__, type(error).__name__)
            uncounted += 1
    yield single("kirikae_uncounted", "Groups of figures that could not be counted just now.", uncounted)


def _counted(provider: Provider, now: datetime) -> list[Figure]:
    if connection.in_atomic_block:  # a query that fails must not end the transaction around it
        with transaction.atomic():
            return list(provider(now))
    return list(provider(now))
