"""Two workers that share nothing but database, broker and files publish one day together; one of them may die."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from metering import books, publication
from metering.models import CutDay, Publication, PublishedFile, Slice
from portal import stores
from tests.cast import NOW, make_points
from tests.metering import bucket
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.nginx.conftest import ROOT, site_environment

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
WORKER = [
    *(sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "usage", "-P", "solo"),
    *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
]
WROTE = re.compile(r"wrote slice (\d+) ")


def environment_of(own: Path, folder: Path, files: dict[str, str]) -> dict[str, str]:
    """What a host is started with: the database, the broker, the files, and folders of its own."""
    return {
        **site_environment(folder),
        "KIRIKAE_DATA": str(own),
        "KIRIKAE_LOG_LEVEL": "INFO",
        "TMPDIR": str(own / "tmp"),
        "KIRIKAE_QUEUE_PREFIX": f"{connection.settings_dict['NAME']}.",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **files,
    }


def wake(folder: Path, files: dict[str, str], times: int = 1) -> None:
    """What publication and the periodic sweep do: ask for helpers, from a process with the hosts' broker settings."""
    send = "from config.celery import app\n" + "app.send_task('metering.tasks.write_slices')\n" * times
    subprocess.run(
        [sys.executable, "-c", send], env=environment_of(folder / "waker", folder, files), cwd=ROOT, check=True
    )


@contextmanager
def host(name: str, folder: Path, files: dict[str, str]) -> Iterator[tuple[subprocess.Popen, Path]]:
    """A worker of usage in a process group of its own, with data and temporary files of its own."""
    own = folder / name
    (own / "tmp").mkdir(parents=True)
    log = own / "worker.log"
    environment = environment_of(own, folder, files)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*WORKER, "-n", name],
            env=environment,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait(is_so: Any, *logs: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "\n".join(log.read_text()[-3000:] for log in logs)
        time.sleep(0.05)


@pytest.fixture(params=["bucket", "directory"])
def files(request, settings, tmp_path) -> Iterator[dict[str, str]]:
    """Where both hosts find the files, as variables of their environment."""
    if request.param == "directory":
        settings.MEDIA_ROOT = tmp_path / "shared"
        yield {"KIRIKAE_FILES": str(tmp_path / "shared")}
        return
    with bucket.server(tmp_path / "s3.log") as address:
        settings.STORAGES = bucket.storages(settings, address)
        yield bucket.environment(address)


def test_two_hosts_share_a_day_and_one_may_die(cast, settings, tmp_path, files):
    early = NOW - timedelta(days=60)
    points = [
        point
        for area in ("03", "06")
        for retailer in ("umi", "sora", "yama")
        for point in make_points(cast, 300, area=area, retailer=retailer, now=early)
    ]
    deliver(cast, csv_of(block_of(points)))
    settings.PUBLICATION_CUT_FROM_ROWS, settings.PUBLICATION_ROWS_PER_SLICE = 1, 100
    with host("east", tmp_path, files) as (east, east_log), host("west", tmp_path, files) as (_west, west_log):
        wait(lambda: all("ready." in log.read_text() for log in (east_log, west_log)), east_log, west_log)
        publication._publish(DAY, "D", now=NOW)  # lays it out
        assert CutDay.objects.exists() and Slice.objects.count() > 10
        wake(tmp_path, files, times=2)
        wait(lambda: WROTE.search(east_log.read_text()), east_log, west_log)
        os.killpg(east.pid, signal.SIGKILL)  # in the middle of a slice, or between two
        wake(tmp_path, files)
        wait(lambda: Publication.objects.exists(), east_log, west_log)
    wrote = [number for log in (east_log, west_log) for number in WROTE.findall(log.read_text())]
    assert WROTE.search(west_log.read_text()), "both took part"
    assert len(set(wrote)) == len(wrote), "no slice was written twice to its end"
    published = Publication.objects.get()
    assert published.rows == len(points) and books.balance(DAY, DAY)["balanced"]
    for file in PublishedFile.objects.all():
        part = stores.part(file.content.name, first=0, count=file.size)
        assert len(b"".join(part)) == file.size
        part.close()
    assert publication.publish_day(DAY, now=NOW) is None
