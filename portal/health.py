"""What the hub needs to serve anybody, part by part: asked by load balancers, service managers and people on duty.

A part that is away is named, with the kind of failure in the log; never an address, a name or a password.
"""

import logging
import socket
import time
from collections.abc import Callable
from functools import cache
from uuid import uuid4

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from portal import clock

log = logging.getLogger(__name__)

PATIENCE = 2  # seconds for the broker
FILES_HOLD_FOR = 10  # seconds: whoever asks often must not fill the disk or the bucket's bill
FOLDER = ".readiness"
_files_answered_at: dict[str, float] = {}


def parts() -> dict[str, bool]:
    """Which parts of what the hub needs are there: database, migrations, a clock that agrees with it, broker, files."""
    database = database_answers()
    return {
        "database": database,
        "migrations": database and migrations_are_applied(),
        "clock": database and _told("clock", clock.agrees, DatabaseError),
        "broker": broker_answers(),
        "files": files_are_writable(),
    }


def database_answers() -> bool:
    """The database answers a question."""

    def ask() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() == (1,)

    return _told("database", ask, DatabaseError)


def migrations_are_applied() -> bool:
    """The database is at least as new as this code. A newer one is well: it still serves the version before."""
    return _told(
        "migrations", lambda: newest() <= set(MigrationRecorder(connection).applied_migrations()), DatabaseError
    )


@cache
def newest() -> frozenset[tuple[str, str]]:
    """The last migration of each room and package, as the code has it; read from disk once per process."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())


def broker_answers() -> bool:
    """The broker answers a ping within PATIENCE."""

    def ask() -> bool:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        ) as client:
            return bool(client.ping())

    return _told("broker", ask, redis.RedisError, OSError)


def files_are_writable() -> bool:
    """A file can be written where files lie and be taken away again; a good answer holds for FILES_HOLD_FOR seconds."""
    place = str(getattr(default_storage, "location", "")) + settings.S3_BUCKET
    if time.monotonic() - _files_answered_at.get(place, float("-inf")) < FILES_HOLD_FOR:
        return True

    def ask() -> bool:
        name = default_storage.save(f"{FOLDER}/{socket.gethostname()}-{uuid4().hex}", ContentFile(b"ready"))
        default_storage.delete(name)
        return True

    is_there = _told("files", ask, Exception)  # each kind of storage fails in its own words
    if is_there:
        _files_answered_at[place] = time.monotonic()
    return is_there


def _told(part: str, ask: Callable[[], bool], *failures: type[Exception]) -> bool:
    try:
        return ask()
    except failures as error:
        log.warning("not ready: %s (%s)", part, type(error).__name__)
        return False
