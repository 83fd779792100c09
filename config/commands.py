"""Dispatches `manage.py` commands: our own three, and Django's with servers where none are given."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from config import blank_cluster, services, shared_services
from config.processes import dies_with_us
from config.services import CannotStart, Servers

ROOT = Path(__file__).resolve().parent.parent
OURS = """Kirikae
  up [--port 8000]     set everything up and start the portal with all that it needs
  test [pytest …]      run the tests with servers of their own
  quality              format, lint, types, templates, migrations, deployment check
  pictures             take the documentation's pictures anew with the browser tests
  COMMAND …            any command below; servers are started for its length when none run
"""
# Commands that read code or files alone; they must also work where no server can be started.
WITHOUT_SERVERS = {
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help", "identity_report",
    "makemessages", "settings_reference", "sqlmigrate", "startapp", "translations", "version", "--version",
}  # fmt: skip


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    name = arguments[0] if arguments else "help"
    if name == "up":
        from config import supervisor

        return supervisor.up(arguments[1:])
    if name == "test":
        return test(arguments[1:])
    if name == "quality":
        from config import quality

        return quality.run(arguments[1:])
    if name == "pictures":
        from config import pictures

        return pictures.run(arguments[1:], test)
    os.environ.setdefault("KIRIKAE_ENV", "demo")
    os.environ["KIRIKAE_DATA"] = str(services.data_folder())
    if name in {"help", "--help", "-h"} and len(arguments) < 2:
        print(OURS, flush=True)
    if name in WITHOUT_SERVERS or {"--help", "-h"} & set(arguments):
        return django(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        with shared_services.for_one_command(name):
            return django(arguments)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def django(arguments: list[str]) -> int:
    """Hand over to Django in this process; its exit code comes back as a return value or as SystemExit."""
    # The stand-in for `config` that manage.py made gives way to the real package with its Celery app.
    for name in [name for name in sys.modules if name == "config" or name.startswith("config.")]:
        del sys.modules[name]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if arguments[:1] != ["translations"]:
        _compile_words()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])
    return 0


def _compile_words() -> None:
    """What a command prints or writes is in its language from a fresh clone on; on a read-only one nothing is done."""
    words = [(po.stat().st_mtime_ns, po.with_suffix(".mo")) for po in ROOT.glob("*/locale/*/LC_MESSAGES/django.po")]
    if all(mo.exists() and mo.stat().st_mtime_ns >= written for written, mo in words):
        return
    from portal.catalogues import compile_catalogues

    with contextlib.suppress(OSError):
        compile_catalogues(ROOT)


def parallel(arguments: list[str]) -> list[str]:
    """The arguments that use both cores: for the whole suite, unless the caller chose or debugs."""
    chosen = any(
        argument in {"-n", "--pdb", "--trace", "-s", "--collect-only", "--co", "--help", "-h", "--version"}
        or argument.startswith(("-n", "--numprocesses", "--dist"))
        for argument in arguments
    )
    named = any(not argument.startswith("-") and _is_a_test(argument) for argument in arguments)
    return [] if chosen or named else ["-n", "2", "--dist", "worksteal"]


def _is_a_test(argument: str) -> bool:
    return (ROOT / argument.partition("::")[0]).exists() and argument not in {"tests", "tests/"}


def test(arguments: list[str]) -> int:
    """Run pytest with throw-away servers (or those given); runs and an `up` can stand side by side."""
    os.environ["KIRIKAE_ENV"] = "test"
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    home: Path | None = None
    servers: Servers | None = None
    try:
        services.sweep_private_folders()
        home = services.private_folder("kirikae-test-")
        os.environ["KIRIKAE_DATA"] = str(home)
        needed = shared_services.missing()
        if any(needed.values()):
            if needed["database"]:
                os.environ["KIRIKAE_TEST_TEMPLATE"] = blank_cluster.lay(home)
            servers = Servers(home, throw_away=True)
            os.environ.update(servers.start(**needed))
        command = [sys.executable, "-m", "pytest", *parallel(arguments), *arguments]
        process = subprocess.Popen(command, cwd=ROOT, preexec_fn=dies_with_us(signal.SIGTERM))
        return _code_of(process)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        if servers:
            servers.stop()
        if home:
            shutil.rmtree(home, ignore_errors=True)


def _code_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for pytest. Ctrl-C reaches it as well as us: it ends in its own way and we wait for that."""
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
