"""A child process that cannot outlive us, whose output goes to a log, and that stops within a given time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOG_BYTES = 5_000_000


def _set_parent_death_signal() -> Callable[[int], int] | None:
    """Linux's prctl, looked up before any fork; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return lambda number: libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


_prctl = _set_parent_death_signal()


def dies_with_us(number: int) -> Callable[[], None]:
    """What a child runs before its program: ask the kernel for this signal when the starting thread is gone.

    Start such children from the main thread only, since the kernel watches the thread, not the process.
    """
    parent = os.getpid()

    def ask() -> None:
        if _prctl is not None:
            _prctl(number)
            if os.getppid() != parent:  # we were gone before the kernel could be asked
                os._exit(1)

    return ask


def alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass
class Child:
    """One process: how it is started, asked to stop (`polite`), and stopped for good.

    `orphan` is the signal it gets when we are killed. `account` is a (user, group) pair to run as; `wrapper`
    is put before the command and then has to see to `orphan` itself.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    polite: int = signal.SIGTERM
    firm: int = signal.SIGKILL
    orphan: int = signal.SIGTERM
    account: tuple[int, int] | None = None
    wrapper: Sequence[str] = ()
    starts: list[float] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again. The log is appended to; one older log is kept when it grew large."""
        self._sweep()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        user, group = self.account or (None, None)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.env) if self.env is not None else None,
                cwd=self.cwd,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop the children in order
                preexec_fn=dies_with_us(self.orphan),
                user=user,
                group=group,
                extra_groups=[] if self.account else None,
            )
        self.starts.append(time.monotonic())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def how_it_ended(self) -> str:
        """The end in words: "ended with code 1", "was killed by SIGKILL", "was never started"."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "is running" if self._process else "was never started"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was killed by {signal.Signals(-code).name}"
            return f"was killed by signal {-code}"
        return f"ended with code {code}"

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of its log."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                return [line.rstrip("\n") for line in deque(log, maxlen=count)]
        except OSError:
            return []

    def ask_to_stop(self) -> None:
        """Send the polite signal; does not wait."""
        if self.running():
            self._signal(self.polite)

    def stop(self, grace: float, *, asked: bool = False) -> None:
        """Ask unless `asked` already, wait `grace` seconds, insist, and end what it left in its process group."""
        if self._process is None:
            return
        if not asked:
            self.ask_to_stop()
        if not self._gone_within(grace):
            self._signal(self.firm)
            if not self._gone_within(1.0):
                self._signal(signal.SIGKILL)
                self._gone_within(2.0)
        self._sweep()

    def _sweep(self) -> None:
        """End what a dead process left behind in its group, such as a worker's pool."""
        if self._process is not None and not self.running():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _gone_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True
