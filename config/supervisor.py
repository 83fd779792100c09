"""`manage.py up`: servers, migrations, demo market, web, worker and beat under one process."""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType

from config import services, shared_services
from config.processes import Child
from config.services import CannotStart, Servers
from config.shared_services import Running

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
RESTARTS, WITHIN_SECONDS = 4, 60.0
WEB_PATIENCE = 60.0
STOP_SECONDS = 3.0
JST = timezone(timedelta(hours=9))


class Stop(Exception):
    """Somebody asked us to stop (Ctrl-C, SIGTERM, a closed terminal)."""


def up(arguments: list[str]) -> int:
    """Start everything and stay until asked to stop; the exit code is 0 after a clean stop, else 1."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start the portal with all that it needs.")
    parser.add_argument("--port", type=int, default=8000, help="port of the web pages on this machine (8000)")
    parser.add_argument(
        "--linkage",
        action="store_true",
        help="the linkage test instead of the demo: private markets, simulated partners",
    )
    options = parser.parse_args(arguments)
    if options.linkage:
        os.environ.setdefault("KIRIKAE_ENV", "linkage_test")
        os.environ.setdefault("KIRIKAE_OPEN_SANDBOX", "1")
        os.environ.setdefault("KIRIKAE_DATA", str(ROOT / ".kirikae" / "linkage"))
    if not 0 < options.port < 65536:
        parser.error(f"a port is a number from 1 to 65535, not {options.port}")
    os.environ.setdefault("KIRIKAE_ENV", "demo")
    data = services.data_folder()
    try:
        with shared_services.sole_starter(data) as ours:
            if ours:
                return Supervisor(data, options.port).run()
        return _already(data, arguments)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1


def _already(data: Path, arguments: list[str]) -> int:
    """What holds the servers: a running portal is named with its address, a short command is waited for."""
    running = shared_services.read_note(data)
    if running is None or running.purpose == "up":
        where = f" at {running.address}" if running and running.address else ""
        who = f" (process {running.pid})" if running else ""
        print(f"Kirikae is already running{where}{who}. Stop it with Ctrl-C where it was started.")
        print("For a second one beside it, set KIRIKAE_DATA to another folder and give --port.")
        return 1
    print(
        f"`manage.py {running.purpose}` (process {running.pid}) uses the servers; waiting for it …",
        flush=True,
    )
    while True:
        time.sleep(0.2)
        with shared_services.sole_starter(data) as free:
            pass
        if free:
            return up(arguments)


def port_is_free(port: int) -> bool:
    """Whether the web server could listen there. Raises CannotStart for a port reserved for root."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
            trial.listen()
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise CannotStart(f"Port {port} is reserved for root here. Choose another: --port 8080") from problem
            return False
    return True


class Supervisor:
    """The one process everything else hangs on; its children are told by the kernel when it is gone."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.address = f"http://{'localhost' if HOST == '127.0.0.1' else HOST}:{port}/"
        self.servers = Servers(data)
        self.programs: list[Child] = []
        self.began = time.monotonic()

    def run(self) -> int:
        """The whole life: start, announce, watch, stop."""
        if os.environ["KIRIKAE_ENV"] == "production" and any(shared_services.missing().values()):
            raise CannotStart(
                "Production data does not belong into the built-in servers, which are for trying out.\n"
                "Set DATABASE_URL and REDIS_URL (see docs/running.md)."
            )
        if not port_is_free(self.port):
            raise CannotStart(
                f"Port {self.port} is in use by another program. Choose another: python3 manage.py up --port"
                f" {self.port + 1 if self.port < 65535 else 8000}"
            )
        os.environ["KIRIKAE_DATA"] = str(self.data)
        if os.environ["KIRIKAE_ENV"] != "production":
            os.environ.setdefault("KIRIKAE_ADDRESS", self.address.rstrip("/"))  # links in mails, passkeys
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _raise_stop)
        code = 1
        try:
            self._prepare()
            self._start_programs()
            self._announce()
            self._watch()
        except Stop:
            code = 0
        except CannotStart as problem:
            print(f"\n{problem}", file=sys.stderr)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, _leave_at_once)
            self._stop()
        return code

    # --- Before the programs
    def _prepare(self) -> None:
        needed = shared_services.missing()
        if any(needed.values()):
            print("Starting the built-in servers (for trying out, not for production data) …", flush=True)
            urls = self.servers.start(**needed)
            os.environ.update(urls)
        self._note("")
        done = Done(self.data, needed["database"])
        self._step("migrate", "Preparing the database", done, code_fingerprint(), "migrate", "--verbosity=0")
        self._step("translations", "Compiling the translations", done, translation_fingerprint(),
                   "translations", "--compile")  # fmt: skip
        if os.environ["KIRIKAE_ENV"] == "demo":
            today = datetime.now(JST).date().isoformat()
            self._step("seed_demo", "Filling the demo market", done, f"{code_fingerprint()} {today}", "seed_demo")
        if os.environ["KIRIKAE_ENV"] == "linkage_test":
            month = f"{datetime.now(JST):%Y-%m}"
            self._step("markets", "Preparing the private markets", done, f"{code_fingerprint()} {month}",
                       "linkage", "prepare")  # fmt: skip
            if os.environ.get("KIRIKAE_OPEN_SANDBOX") == "1":
                self._step("sandbox", "Opening a private market", done, "", "linkage", "sandbox")
        if os.environ["KIRIKAE_ENV"] == "production":
            self._run_command("collectstatic", "--noinput", "--verbosity=0")

    def _note(self, address: str) -> None:
        urls = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
        sockets = str(self.servers.sockets or "")
        shared_services.write_note(self.data, Running(os.getpid(), "up", urls, address, sockets))

    def _step(self, name: str, words: str, done: Done, fingerprint: str, *command: str) -> None:
        """One preparation, left out when the same was done for the same code on the same database."""
        if done.already(name, fingerprint):
            return
        if not has_command(command[0]):
            print(f"{words}: left out, there is no command `{command[0]}`.", flush=True)
            return
        print(f"{words} …", flush=True)
        code = self._run_command(*command)
        if code != 0:
            raise CannotStart(f"`manage.py {' '.join(command)}` failed with code {code}; its messages are above.")
        done.remember(name, fingerprint)

    def _run_command(self, *command: str) -> int:
        process = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), *command], cwd=ROOT)
        try:
            return process.wait()
        except Stop:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()
            raise

    # --- The programs
    def _start_programs(self) -> None:
        logs = self.data / "logs"
        python = [sys.executable, "-m"]
        counts = self.data / "metrics"
        shutil.rmtree(counts, ignore_errors=True)  # of processes that are gone
        web = Child(
            "web",
            [*python, "gunicorn", "config.wsgi:application", "--bind", f"{HOST}:{self.port}",
             "--workers", "2", "--threads", "4", "--worker-class", "gthread", "--timeout", "60",
             "--graceful-timeout", "2", "--preload", "--capture-output",
             "--no-control-socket"],
            logs / "web.log", env={**os.environ, "KIRIKAE_METRICS_DIR": str(counts)}, cwd=ROOT,
            firm=signal.SIGQUIT, orphan=signal.SIGTERM,
        )  # fmt: skip
        celery = [*python, "celery", "-A", "config"]
        worker = Child(
            "worker", [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle",
                       "--without-gossip", "--hostname", f"kirikae-{os.getpid()}@%h"],
            logs / "worker.log", cwd=ROOT, firm=signal.SIGQUIT,
            orphan=signal.SIGKILL,  # a cold shutdown without a broker can hang
        )  # fmt: skip
        beat = Child(
            "beat", [*celery, "beat", "--loglevel", "INFO", "--schedule", str(self.data / "beat-schedule"),
                     "--pidfile="],
            logs / "beat.log", cwd=ROOT,
        )  # fmt: skip
        self.programs = [web, worker, beat]
        web.start()  # first and alone: the page is what somebody waits for
        self._wait_for_the_web(web)
        worker.start()
        beat.start()

    def _wait_for_the_web(self, web: Child) -> None:
        deadline = time.monotonic() + WEB_PATIENCE
        answer: int | None = None
        while answer != 200:
            if not web.running() or time.monotonic() > deadline:
                what = "does not answer" if web.running() else web.how_it_ended()
                said = f" (/healthz says {answer})" if answer else ""
                raise CannotStart(f"The web server {what}{said}.\n{_tail(web)}")
            time.sleep(0.05)
            answer = healthz(self.port)

    def _announce(self) -> None:
        self._note(self.address)
        seconds = time.monotonic() - self.began
        print(f"\nKirikae is running at {self.address}   (ready after {seconds:.0f} s)")
        print(f"Logs: {_short(self.data / 'logs')}   Stop: Ctrl-C\n", flush=True)
        if os.environ.get("KIRIKAE_OPEN_SANDBOX") == "1":
            self._run_command("linkage", "list")
            self._run_command("demo_users")
        for command in ("demo_customers", "demo_users"):
            if os.environ["KIRIKAE_ENV"] == "demo" and has_command(command):
                self._run_command(command)

    # --- While it runs
    def _watch(self) -> None:
        """Restart what dies, a few times; give up with its last words when it keeps dying."""
        while True:
            time.sleep(0.3)
            for child in [*self.servers.children, *self.programs]:
                if child.running():
                    continue
                print(f"\n{child.name} {child.how_it_ended()}.\n{_tail(child)}", file=sys.stderr, flush=True)
                now = time.monotonic()
                child.starts = [start for start in child.starts if now - start < WITHIN_SECONDS]
                if len(child.starts) > RESTARTS:
                    raise CannotStart(f"{child.name} ended {len(child.starts)} times within a minute. Stopping.")
                time.sleep(0.2 + 0.5 * len(child.starts))
                child.start()
                print(f"{child.name} was started again.", file=sys.stderr, flush=True)

    def _stop(self) -> None:
        """Web, worker and beat, then the servers they need: broker, database. Together within five seconds."""
        if self.programs:
            print("\nStopping …", flush=True)
        # Asked at once: what the last requests still queue stays in the broker for the next start.
        for child in self.programs:
            child.ask_to_stop()
        enough = time.monotonic() + STOP_SECONDS
        for child in self.programs:
            child.stop(enough - time.monotonic(), asked=True)
        self.servers.stop()
        shared_services.forget_note(self.data)
        if self.programs:
            print("Everything is stopped.", flush=True)


def _raise_stop(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:  # the terminal is gone: words would only raise
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    raise Stop


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(1)  # asked twice: the kernel tells the children


def _tail(child: Child) -> str:
    lines = child.last_lines()
    shown = "\n".join(f"  | {line}" for line in lines) or "  | (it wrote nothing)"
    return f"Last lines of {_short(child.log)}:\n{shown}"


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def healthz(port: int) -> int | None:
    """The status of /healthz, or None while nothing answers."""
    line = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        line.request("GET", "/healthz", headers={"Host": "localhost"})
        return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()


# --- What need not be done twice ------------------------------------------------------------------------
class Done:
    """Which preparations were done for which state of the code, kept beside the cluster they were done on.

    With a database from outside nothing is remembered: it may be another one behind the same address.
    """

    def __init__(self, data: Path, embedded: bool) -> None:
        self.path = data / "done.json"
        self.embedded = embedded
        try:
            self.marks: dict[str, str] = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.marks = {}
        cluster = _cluster_identity(data)
        if self.marks.get("cluster") != cluster:
            self.marks = {"cluster": cluster}

    def already(self, name: str, fingerprint: str) -> bool:
        return self.embedded and self.marks.get(name) == fingerprint

    def remember(self, name: str, fingerprint: str) -> None:
        if self.embedded:
            self.marks[name] = fingerprint
            unfinished = self.path.with_suffix(".new")
            unfinished.write_text(json.dumps(self.marks), encoding="utf-8")
            unfinished.replace(self.path)


def _cluster_identity(data: Path) -> str:
    """PostgreSQL's own number of the cluster: a cluster made anew has another one."""
    try:
        return (services.cluster_folder(data) / "global" / "pg_control").read_bytes()[:8].hex()
    except OSError:
        return "none"


def _fingerprint(choose: Callable[[Path], bool]) -> str:
    digest = hashlib.sha256()
    for room in ("config", "linkage", "metering", "portal", "switching"):
        for path in sorted((ROOT / room).rglob("*")):
            if choose(path):
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def code_fingerprint() -> str:
    """The Python code of the rooms: migrations and the demo market depend on nothing else."""
    return _fingerprint(lambda path: path.suffix == ".py")


def translation_fingerprint() -> str:
    """The message catalogues, and whether each has its compiled form."""
    catalogues = [
        path for room in ("linkage", "metering", "portal", "switching") for path in (ROOT / room).rglob("*.po")
    ]
    compiled = all(path.with_suffix(".mo").exists() for path in catalogues)
    return f"{_fingerprint(lambda path: path.suffix == '.po')} {compiled}"


def has_command(name: str) -> bool:
    """Whether Django or one of the rooms has this command; looked up on disk, without starting Django."""
    if name in {"migrate", "collectstatic"}:
        return True
    return any(ROOT.glob(f"*/management/commands/{name}.py"))
