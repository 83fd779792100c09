"""The stage of a rehearsal: a database, queues, files and a Celery worker of its own, gone when it is over."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import quote
from uuid import uuid4

import psycopg
import redis
from django.conf import settings
from django.db import connection
from psycopg import sql

KILL_EVERY_SECONDS = (1.0, 4.0)


@contextmanager
def stage(*, kills: int, seed: int, concurrency: int = 2) -> Iterator[dict[str, str]]:
    """Yield the environment in which the play runs; a worker serves it and, with `kills`, is killed so many times.

    The database is created beside the configured one and dropped afterwards; nothing of the configured one is touched.
    """
    name = f"kirikae_rehearsal_{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="kirikae-rehearsal-") as folder, _database(name):
        environment = {
            **os.environ,
            "DATABASE_URL": _url(name),
            "REDIS_URL": settings.REDIS_URL,
            "KIRIKAE_ENV": "demo",  # mails go to files
            "KIRIKAE_SMTP_HOST": "",
            "KIRIKAE_DATA": folder,
            "KIRIKAE_FILES": f"{folder}/files",
            "KIRIKAE_QUEUE_PREFIX": f"{name}:",
            "KIRIKAE_RESULTS": settings.CELERY_BROKER_URL,
        }
        _django("migrate", "--verbosity=0", environment=environment)
        try:
            with _worker(environment, Path(folder) / "worker.log", kills=kills, seed=seed, concurrency=concurrency):
                yield environment
        finally:
            _forget_queues(f"{name}:")


def play(arguments: list[str], environment: dict[str, str]) -> int:
    """Run the play on the stage in a process of its own; returns its exit code."""
    command = [sys.executable, "-m", "django", "rehearse", "--on-stage", *arguments]
    return subprocess.run(
        command, env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"}, cwd=settings.BASE_DIR, check=False
    ).returncode


def _django(*arguments: str, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=settings.BASE_DIR,
        check=True,
    )


@contextmanager
def _database(name: str) -> Iterator[None]:
    parameters = {
        key: value
        for key, value in connection.get_connection_params().items()
        if key in {"host", "port", "user", "password", "sslmode"}
    }
    with psycopg.connect(**parameters, dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield
    finally:
        with psycopg.connect(**parameters, dbname="postgres", autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _url(name: str) -> str:
    values = connection.get_connection_params()
    credentials = quote(values.get("user") or "", safe="")
    if values.get("password"):
        credentials += ":" + quote(values["password"], safe="")
    host = quote(values.get("host") or "localhost", safe="")
    return f"postgres://{credentials}@{host}:{values.get('port') or 5432}/{name}"


@contextmanager
def _worker(environment: dict[str, str], log: Path, *, kills: int, seed: int, concurrency: int) -> Iterator[None]:
    over = threading.Event()
    random = Random(seed)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [
                    *[sys.executable, "-m", "celery", "-A", "config", "worker", "-l", "WARNING"],
                    *["-c", str(concurrency), "-Q", "cases,usage,outbox", "--without-gossip", "--without-mingle"],
                ],
                env=environment,
                cwd=settings.BASE_DIR,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    running = [start()]

    def kill_now_and_then() -> None:
        for _ in range(kills):
            if over.wait(random.uniform(*KILL_EVERY_SECONDS)):
                return
            _end(running[0], signal.SIGKILL)
            running[0] = start()

    killer = threading.Thread(target=kill_now_and_then, daemon=True)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()
        _end(running[0], signal.SIGTERM)


def _end(worker: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Signal the worker and all its children, wait until it is gone."""
    try:
        os.killpg(worker.pid, how)
        worker.wait(timeout=10)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _forget_queues(prefix: str) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    for key in broker.scan_iter(f"{prefix}*"):
        broker.delete(key)
