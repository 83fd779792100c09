"""The private market of the linkage test that this thread works in; everywhere but there, none.

Each market is a database of its own beside the lobby's. Entering one closes this thread's connection and points it at
that database, so that no verb, page or task knows of markets; files, cache keys and tasks follow by the same name.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import Task
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connections

from portal import clock
from portal.stores import Directory

NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_here: ContextVar[str] = ContextVar("private market", default="")

# How far ahead of the real clock the market at hand is; the linkage room tells.
read_offset: list[Callable[[], timedelta]] = []


class InTransaction(Exception):
    """A market was to be entered or left in the middle of a transaction; it would be lost."""


def name() -> str:
    """The market at hand; "" in the lobby and wherever there are no markets."""
    return _here.get()


def is_name(text: str) -> bool:
    """True when a market may be called so: it becomes part of a host name, of a database's name and of a folder."""
    return bool(NAME.fullmatch(text))


def lobby_database() -> str:
    """The database of the site itself, which knows the markets."""
    return str(settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"])


def database_of(market: str) -> str:
    """The name of a market's database; the lobby's for ""."""
    return f"{lobby_database()}_m_{market}" if market else lobby_database()


@contextmanager
def inside(market: str, *, has_clock: bool = True) -> Iterator[None]:
    """Work in the market ("": the lobby), by its clock, until the block ends; then stand where it was before.

    Raises InTransaction, and django.db.OperationalError where there is no such market; without `has_clock`, which is
    for whoever makes a market, only the first query does.
    """
    before = _here.get()
    _point_at(database_of(market))
    token = _here.set(market)
    try:
        offset = sum((read() for read in read_offset), timedelta()) if market and has_clock else timedelta()
        with clock.ahead_by(offset):
            yield
    finally:
        _here.reset(token)
        _point_at(database_of(before))


@contextmanager
def at_database(database: str) -> Iterator[None]:
    """Ask another database of the same server, restored or being compared, until the block ends."""
    before = str(connections[DEFAULT_DB_ALIAS].settings_dict["NAME"])
    _point_at(database)
    try:
        yield
    finally:
        _point_at(before)


def _point_at(database: str) -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.settings_dict["NAME"] == database:
        return
    if connection.in_atomic_block:
        raise InTransaction
    connection.close()
    connection.settings_dict = {**connection.settings_dict, "NAME": database}  # the dict is shared between threads
    ContentType.objects.clear_cache()


def cache_key(key: str, prefix: str, version: int) -> str:
    """Django's own key with the market before it."""
    return f"{_here.get()}:{prefix}:{version}:{key}"


def files_folder(market: str) -> str:
    """Where a market's files lie; the lobby's own for ""."""
    root = os.path.abspath(settings.MEDIA_ROOT)
    return os.path.join(root, "markets", market) if market else root


def part_of(folder: Path, market: str) -> Path:
    """A market's part of a folder that the whole site watches; the folder itself for ""."""
    return folder / "markets" / market if market else folder


class MarketStorage(Directory):
    """Files in a folder of the market at hand."""

    @property
    def location(self) -> str:
        return files_folder(_here.get())


class MarketTask(Task):
    """A task asked for in a market is carried out in that market; none on a host whose clock is wrong."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        if market := _here.get():
            options["headers"] = {**(options.get("headers") or {}), "private_market": market}
        return super().apply_async(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        clock.require_agreement()
        market = getattr(self.request, "private_market", None)
        if not market or market == _here.get():
            return super().__call__(*args, **kwargs)
        with inside(market):
            return super().__call__(*args, **kwargs)
