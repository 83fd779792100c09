"""A real Chromium before the real site: a server whose clock the story sets, a real Celery worker beside it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
FLAGS = [
    *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
    *["--disable-background-networking", "--disable-component-update"],
]


def chromium() -> str | None:
    """Where the machine's browser is."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
            if not chromium() and os.environ.get("KIRIKAE_REQUIRE_BROWSER") != "1":
                item.add_marker(pytest.mark.skip(reason="no Chromium here: apt-get install chromium fonts-noto-cjk"))


@pytest.fixture(scope="session", autouse=True)
def _event_loop_beside_the_database() -> Iterator[None]:
    """Playwright's synchronous interface leaves an event loop, at which Django would take offence."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    assert path, "KIRIKAE_REQUIRE_BROWSER is set and there is no Chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    """A storage of its own for usage files, shared with the worker."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def worker(transactional_db: None, files: Path, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A Celery worker on the test's database; called with a task and a moment it has the worker do the task then."""
    prefix = f"story-{uuid4().hex[:8]}:"
    values = connection.get_connection_params()
    log = (tmp_path / "worker.log").open("wb")
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{quote(values.get('user') or '', safe='')}"
        f"@{quote(values.get('host') or 'localhost', safe='')}:{values.get('port') or 5432}/{values['dbname']}",
        "KIRIKAE_QUEUE_PREFIX": prefix,
        "KIRIKAE_RESULTS": settings.CELERY_BROKER_URL,
        "KIRIKAE_FILES": str(files),
        "KIRIKAE_ENV": "test",
    }
    if values.get("password"):
        environment["PGPASSWORD"] = values["password"]
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-l", "WARNING", "-c", "1"]
    process = subprocess.Popen(
        [*command, "-Q", "cases,usage,outbox", "--without-gossip", "--without-mingle"],
        env=environment,
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    send = _sender(environment)
    try:
        yield send
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()
        broker = redis.Redis.from_url(settings.REDIS_URL)
        for key in broker.scan_iter(f"{prefix}*"):
            broker.delete(key)


def _sender(environment: dict[str, str]) -> Callable[[str, datetime], None]:
    """Send a task to that worker, by name, as of a moment, from a process with the worker's own settings; wait."""
    script = (
        "import sys; from config.celery import app;"
        "app.send_task(sys.argv[1], kwargs={'at': sys.argv[2]}, ignore_result=False).get(timeout=180)"
    )

    def send(task: str, at: datetime) -> None:
        subprocess.run([sys.executable, "-c", script, task, at.isoformat()], env=environment, cwd=ROOT, check=True)

    return send


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is true, by the real clock."""

    def wait(is_so: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait
