"""A hub of a test's own whose servers may be killed: database, broker, worker; this process is connected to it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from config import blank_cluster, services
from config.processes import Child
from config.services import ROOT, Servers

QUEUES = "cases,usage,outbox,webhooks"
PATIENCE = 120


@dataclass
class OwnHub:
    """The servers and the worker; everything may be killed and started again."""

    home: Path
    servers: Servers
    worker: subprocess.Popen | None = None
    killed: dict[str, int] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        address, _slash, _name = self.servers.urls["DATABASE_URL"].rpartition("/")
        return {
            **os.environ,
            **self.servers.urls,
            "DATABASE_URL": f"{address}/{blank_cluster.DATABASE}",
            "KIRIKAE_ENV": "test",
            "KIRIKAE_DATA": str(self.home),
            "KIRIKAE_LOG_LEVEL": "INFO",
            "KIRIKAE_FILES": str(self.home / "files"),
            "KIRIKAE_HUB_KEY": str(settings.HUB_KEY_FILE),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def start_worker(self) -> None:
        with (self.home / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "2", "-Q", QUEUES,
                 "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
                env=self.environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def kill_worker(self) -> None:
        """As a machine that loses its power: main process and children at once; another is started."""
        assert self.worker
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        self._count("worker")
        self.start_worker()

    def kill_database(self) -> None:
        """Every session ends in the middle of its statement; the server recovers from its log."""
        self._restart(self.servers.postgres, signal.SIGQUIT)
        connection.close()
        self.wait_for_the_database()
        self._count("database")

    def kill_broker(self) -> None:
        self._restart(self.servers.valkey, signal.SIGKILL)
        self._count("broker")

    def send(self, *tasks: str) -> None:
        """Queue tasks as beat does, given as `module.tasks.name at`; without a broker they are lost as beat's are."""
        lines = [
            f"app.send_task({name!r}, kwargs={{'at': {at!r}}})" if at else f"app.send_task({name!r})"
            for name, _blank, at in (task.partition(" ") for task in tasks)
        ]
        code = "from config.celery import app\n" + "\n".join(lines)
        subprocess.run([sys.executable, "-c", code], env=self.environment, cwd=ROOT, capture_output=True, timeout=60)

    def wait_for_the_database(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.environment["DATABASE_URL"]).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end, "the database does not come back"
                time.sleep(0.05)

    def said(self) -> str:
        """What the worker wrote."""
        return (self.home / "worker.log").read_text(errors="replace")

    def _restart(self, child: Child | None, how: signal.Signals) -> None:
        assert child and child.pid
        os.kill(child.pid, how)
        end = time.monotonic() + PATIENCE
        while child.running():
            assert time.monotonic() < end, f"{child.name} does not end"
            time.sleep(0.01)
        child.start()

    def _count(self, what: str) -> None:
        self.killed[what] = self.killed.get(what, 0) + 1


@contextmanager
def own_hub() -> Iterator[OwnHub]:
    """A hub whose database has the tables and nothing in them; this process's Django speaks to it meanwhile."""
    home = services.private_folder("kirikae-faults-")
    laid = blank_cluster.lay(home)
    hub = OwnHub(home, Servers(home))
    hub.servers.start()
    known = dict(connection.settings_dict)
    try:
        if not laid:
            assert hub.servers.sockets
            services.make_database(hub.servers.sockets, blank_cluster.DATABASE)
        connection.close()
        connection.settings_dict.update(NAME=blank_cluster.DATABASE, HOST=str(hub.servers.sockets), PORT="5432")
        if not laid:
            call_command("migrate", verbosity=0)
        hub.start_worker()
        with override_settings(MEDIA_ROOT=home / "files"):
            yield hub
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(known)
        if hub.worker:
            os.killpg(hub.worker.pid, signal.SIGKILL)
            hub.worker.wait()
        hub.servers.stop()
        shutil.rmtree(home, ignore_errors=True)
