"""Builds `.venv` from the hash-pinned lock and re-executes inside it, with the standard library alone.

How pip reaches packages is the machine's business: its PIP_* variables and pip.conf are passed on as they
are, and nothing here or in the lock names an address.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "config" / "requirements.lock"
STAMP = ".kirikae-lock"


class CannotBuild(Exception):
    """The environment cannot be built; the message says why and what to do."""


def place() -> Path | None:
    """Where the environment belongs: `.venv` here, `KIRIKAE_VENV`, or None for `KIRIKAE_VENV=none`."""
    given = os.environ.get("KIRIKAE_VENV", "")
    if given == "none":
        return None
    return Path(given).expanduser().absolute() if given else ROOT / ".venv"


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / "bin" / "python"


def stamp_of(lock: Path) -> str:
    """What the environment's stamp must read for this lock: the hash of its bytes."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def is_current(environment: Path, lock: Path = LOCK) -> bool:
    """Whether the environment stands, with its interpreter, and was made from exactly this lock."""
    try:
        stamp = (environment / STAMP).read_text(encoding="ascii").strip()
    except OSError:
        return False
    return interpreter(environment).exists() and stamp == stamp_of(lock)


def somebody_elses(environment: Path | None) -> bool:
    """Whether this process runs in a virtual environment that is not ours: then nothing is touched."""
    if environment is None:
        return True
    inside_one = sys.prefix != sys.base_prefix or sys.prefix == os.environ.get("CONDA_PREFIX")
    return inside_one and Path(sys.prefix).resolve() != environment.resolve()


def enter(argv: list[str]) -> None:
    """Make sure that this process runs with the locked packages; re-execute inside `.venv` when it does not.

    Returns only when the interpreter is the right one. Ends the process with a sentence when it cannot be.
    """
    environment = place()
    if somebody_elses(environment):
        if importlib.util.find_spec("django") is None:
            sys.exit(
                f"This is your own environment ({sys.prefix}): it is left alone, but has no Django in it.\n"
                f"Fill it: python3 -m pip install --require-hashes -r {LOCK.relative_to(ROOT)}\n"
                "or leave it (deactivate) and start again; then .venv is made by itself."
            )
        return
    assert environment is not None
    try:
        build(environment)
    except CannotBuild as problem:
        sys.exit(str(problem))
    if Path(sys.prefix).resolve() != environment.resolve():
        python = str(interpreter(environment))
        sys.stdout.flush()
        os.execv(python, [python, *argv])


def build(environment: Path, lock: Path = LOCK) -> bool:
    """Create or renew the environment from the lock; False when it was current already.

    Two processes at once take turns. An interrupted build is finished by the next call, since the stamp is
    written last. Raises CannotBuild with a sentence for people.
    """
    if is_current(environment, lock):
        return False
    with _one_at_a_time(environment):
        if is_current(environment, lock):
            return False
        print(f"Preparing {_shown(environment)} from {_shown(lock)} (first start only) …", flush=True)
        stamp = stamp_of(lock)  # read first: a lock that changes under the installation is installed by the next call
        (environment / STAMP).unlink(missing_ok=True)
        pip = _create(environment) if not _usable(environment) else _pip_of(environment)
        _install(pip, lock)
        (environment / STAMP).write_text(stamp + "\n", encoding="ascii")
    return True


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)


@contextlib.contextmanager
def _one_at_a_time(environment: Path) -> Iterator[None]:
    import fcntl

    lock_path = environment.parent / f"{environment.name}.lock"
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        handle = lock_path.open("w")
    except OSError as problem:
        raise CannotBuild(
            f"The environment cannot be made: {problem.strerror} ({lock_path}).\n"
            "Run this in a folder you may write to, or set KIRIKAE_VENV to a place that is."
        ) from problem
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another process is preparing the environment; waiting for it …", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _usable(environment: Path) -> bool:
    """Whether an environment left by an earlier build has a Python that still starts and is new enough."""
    python = interpreter(environment)
    if not python.exists():
        return False
    question = [str(python), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(question, capture_output=True).returncode == 0
    except OSError:
        return False


def _create(environment: Path) -> list[str]:
    """Make an empty environment and return the pip command that installs into it."""
    if importlib.util.find_spec("venv") is None:
        raise CannotBuild(_apt_line("The Python on this machine has no venv module."))
    base = [sys.executable, "-m", "venv", "--clear"]
    if importlib.util.find_spec("ensurepip") is not None:
        made = subprocess.run([*base, str(environment)], capture_output=True, text=True)
        if made.returncode == 0:
            return _pip_of(environment)
    if importlib.util.find_spec("pip") is None:
        raise CannotBuild(_apt_line("This Python can make no environment with pip in it, and has no pip itself."))
    made = subprocess.run([*base, "--without-pip", str(environment)], capture_output=True, text=True)
    if made.returncode != 0:
        raise CannotBuild(
            f"The environment {_shown(environment)} cannot be made:\n{(made.stderr or made.stdout).strip()}"
        )
    return _pip_of(environment)


def _pip_of(environment: Path) -> list[str]:
    """The environment's own pip, else this Python's pip pointed at it."""
    python = str(interpreter(environment))
    own = subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    if own:
        return [python, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", python]


def _install(pip: list[str], lock: Path) -> None:
    command = [
        *pip,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--requirement",
        str(lock),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        raise CannotBuild(
            "pip could not install the locked packages:\n  "
            + "\n  ".join(said[-12:] or ["(it said nothing)"])
            + "\nIs the package index reachable? pip's own settings (PIP_* variables, pip.conf) are used"
            " as they are. Start the same command again once it is."
        )


def _apt_line(why: str) -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{why}\nOn Debian or Ubuntu: apt-get install python{version}-venv    Then start again."
