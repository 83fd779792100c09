"""How the commands of one folder share the servers: who starts them, who is a guest, and the note that says where.

A lock names the one process that may start servers over a data folder; a second one keeps it from stopping them while
a guest is at work. With the standard library alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.processes import alive
from config.services import CannotStart, Servers, data_folder


@dataclass(frozen=True)
class Running:
    """What the note of running servers says."""

    pid: int
    purpose: str
    urls: dict[str, str]
    address: str = ""
    sockets: str = ""


def _note(data: Path) -> Path:
    return data / "running.json"


def write_note(data: Path, running: Running) -> None:
    """Tell other commands where the servers are. Replaced whole, readable by its owner alone."""
    unfinished = _note(data).with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(running.__dict__), encoding="utf-8")
    unfinished.replace(_note(data))


def forget_note(data: Path) -> None:
    """The servers are gone."""
    _note(data).unlink(missing_ok=True)


def read_note(data: Path) -> Running | None:
    """The note, or None when there is none or it cannot be read."""
    try:
        return Running(**json.loads(_note(data).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _open_lock(data: Path, name: str) -> int:
    try:
        data.mkdir(parents=True, exist_ok=True)
        return os.open(data / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise CannotStart(
            f"{data} cannot be used: {problem.strerror}.\nSet KIRIKAE_DATA to a folder you may write to."
        ) from problem


@contextlib.contextmanager
def sole_starter(data: Path) -> Iterator[bool]:
    """Hold the right to start servers over this folder; yields False when another process holds it."""
    handle = _open_lock(data, "servers.lock")
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        stale = read_note(data)
        if stale:  # its process was killed: the sockets' folder is all that it left
            forget_note(data)
            if Path(stale.sockets).name.startswith("kirikae-"):
                shutil.rmtree(stale.sockets, ignore_errors=True)
        yield True
    finally:
        os.close(handle)


@contextlib.contextmanager
def _guest(data: Path) -> Iterator[Running | None]:
    """Use another command's servers; it does not stop them while we do. None when there are none."""
    handle = _open_lock(data, "guests.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield read_note(data)
    finally:
        os.close(handle)


def _wait_for_guests(data: Path) -> int:
    handle = _open_lock(data, "guests.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another command still uses the servers; they are stopped when it is done …", flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def missing() -> dict[str, bool]:
    """Which servers nobody gave us, as arguments of `Servers.start`."""
    return {"database": not os.environ.get("DATABASE_URL"), "broker": not os.environ.get("REDIS_URL")}


@contextlib.contextmanager
def for_one_command(purpose: str) -> Iterator[None]:
    """DATABASE_URL and REDIS_URL in the environment for the length of one command.

    Given ones are left alone. Else the servers of a running `up` or of another command are used, else they
    are started and stopped at the end. Raises CannotStart.
    """
    needed = missing()
    if not any(needed.values()):
        yield
        return
    data = data_folder()
    deadline = time.monotonic() + 90
    while True:
        with sole_starter(data) as ours:
            if ours:
                servers = Servers(data)
                urls = servers.start(**needed)
                try:
                    write_note(data, Running(os.getpid(), purpose, urls, "", str(servers.sockets)))
                    os.environ.update(urls)
                    yield
                finally:
                    handle = _wait_for_guests(data)
                    forget_note(data)
                    servers.stop()
                    os.close(handle)
                return
        with _guest(data) as running:
            if running and alive(running.pid) and all(running.urls.get(name) for name in _variables(needed)):
                os.environ.update({name: running.urls[name] for name in _variables(needed)})
                if running.address:  # links that the command prints lead to the portal that runs
                    os.environ.setdefault("KIRIKAE_ADDRESS", running.address.rstrip("/"))
                yield
                return
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Another process holds {data / 'servers.lock'} but its servers do not come up.\n"
                "End it, or set KIRIKAE_DATA to another folder."
            )
        time.sleep(0.1)


def _variables(needed: dict[str, bool]) -> list[str]:
    return [name for name, key in (("DATABASE_URL", "database"), ("REDIS_URL", "broker")) if needed[key]]
