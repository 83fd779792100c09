"""Kill a process of ours in the middle of its work: at a line of the product, or at a moment."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection, connections

KILLED = "to be killed"  # the name under which such a process is known to the database
SECONDS = 120  # no piece of work under test takes a tenth of it
ROOMS = tuple(str(settings.BASE_DIR / room) for room in ("portal", "metering", "switching"))


def lines_of(work: Callable[[], Any]) -> int:
    """How many lines of the product the work runs through; it is done by this, in a process of its own."""
    reader, writer = os.pipe()
    pid = started(lambda: os.write(writer, str(_traced(work, None)).encode()))
    os.close(writer)
    status = _status_of(pid)
    count = os.read(reader, 20)
    os.close(reader)
    assert status == 0, "the work itself failed"
    return int(count)


def at_line(work: Callable[[], Any], number: int) -> bool:
    """Do the work in a process that is killed (SIGKILL) before its n-th line; True when it was, False: it was done."""
    pid = started(lambda: _traced(work, number))
    return _ended(pid)


def after(work: Callable[[], Any], seconds: float) -> bool:
    """Do the work in a process that is killed after so long; True when it was, False: it was done before."""
    reader, writer = os.pipe()

    def told() -> None:
        connection.ensure_connection()
        os.write(writer, b"!")
        work()

    pid = started(told)
    os.close(writer)
    select.select([reader], [], [], 60)
    os.close(reader)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    os.kill(pid, signal.SIGKILL)
    return _ended(pid)


def started(work: Callable[[], Any]) -> int:
    """Begin the work in a process of its own, to be waited for by the caller; returns its number."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # A browser's event loop in this process keeps connections of its own apart, which were not closed above:
        # they are the other process's and only forgotten here.
        for inherited in connections.all(initialized_only=True):
            inherited.connection = None
        os.environ["PGAPPNAME"] = KILLED
        current_app._after_fork()
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _traced(work: Callable[[], Any], kill_before: int | None) -> int:
    passed = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal passed
        if event == "line":
            passed += 1
            if passed == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(ROOMS) else None

    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(None)
    return passed


def _status_of(pid: int) -> int:
    """How the process ended; one that does not end within its time is killed and fails the test."""
    end = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"the work was not done within {SECONDS} s")
        time.sleep(0.002)


def _ended(pid: int) -> bool:
    """Wait for the process, and for the database to have undone or finished what it was at."""
    status = _status_of(pid)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed before it was killed"
    end = time.monotonic() + 60
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
                [KILLED],
            )
            if not cursor.fetchone()[0]:
                return os.WIFSIGNALED(status)
            assert time.monotonic() < end, "the killed process's session is still there"
            time.sleep(0.005)
