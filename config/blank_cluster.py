"""A PostgreSQL cluster with the tables made, kept between test runs so that each need not migrate anew.

It is kept under the hash of all that makes the tables; where migrations came since, they are run on top of the nearest.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from config import services
from config.services import ROOT, CannotStart, Servers

DATABASE = "kirikae_blank"
FOLDER = ROOT / ".kirikae" / "test-clusters"
KEPT = 3  # clusters of other migrations, for going back and forth between branches


def lay(home: Path) -> str:
    """Put a migrated cluster where `Servers(home)` will look for it; returns its database's name.

    "" where none can be kept (PostgreSQL runs as another user, a folder that cannot be written, migrations that fail):
    then the test run makes its own and shows what is wrong.
    """
    if os.geteuid() == 0 and not services.namespaces_work():
        return ""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with open(FOLDER / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sources = _sources()
            kept = FOLDER / _fingerprint(sources)
            if not kept.exists():
                _make(kept, sources)
            os.utime(kept)
            shutil.copytree(kept, home / "postgres")
            _sweep()
    except (OSError, CannotStart, subprocess.CalledProcessError):
        shutil.rmtree(home / "postgres", ignore_errors=True)
        return ""
    return DATABASE


def _sources() -> dict[str, str]:
    """What the tables depend on, each with its hash: migrations, installed packages (theirs) and the server."""
    paths = [*ROOT.glob("*/migrations/*.py"), ROOT / "config" / "requirements.lock"]
    hashes = {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return hashes | {"server": str(services.postgres_binaries()).removeprefix(sys.prefix)}


def _fingerprint(sources: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()[:24]


def _nearest(sources: dict[str, str]) -> Path | None:
    """The kept cluster that lacks the fewest migrations and has none that is not wanted; None: begin from nothing."""
    nearest, most = None, 0
    for note in FOLDER.glob("*.json"):
        made_of = json.loads(note.read_text(encoding="utf-8"))
        if most < len(made_of) and made_of.items() <= sources.items() and note.with_suffix("").is_dir():
            nearest, most = note.with_suffix(""), len(made_of)
    return nearest


def _make(kept: Path, sources: dict[str, str]) -> None:
    home = services.private_folder("kirikae-blank-")
    servers = Servers(home, throw_away=True)
    try:
        if nearest := _nearest(sources):
            shutil.copytree(nearest, home / "postgres")
        url = servers.start(broker=False)["DATABASE_URL"]
        assert servers.sockets
        services.make_database(servers.sockets, DATABASE)
        migrate = "from django.core.management import execute_from_command_line as run; run(['', 'migrate', '-v0'])"
        variables = {
            "DATABASE_URL": url.removesuffix(services.DATABASE) + DATABASE,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "KIRIKAE_DATA": str(home),
            "KIRIKAE_ENV": "test",
        }
        subprocess.run(
            [sys.executable, "-c", migrate], cwd=ROOT, env=os.environ | variables, check=True, capture_output=True
        )
        servers.stop()  # in order, so that the files are whole
        shutil.move(home / "postgres", kept.with_suffix(".new"))
        kept.with_suffix(".json").write_text(json.dumps(sources), encoding="utf-8")
        kept.with_suffix(".new").rename(kept)
    finally:
        servers.stop()
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(kept.with_suffix(".new"), ignore_errors=True)


def _sweep() -> None:
    """Forget clusters that were not used for the longest time."""
    found = [path for path in FOLDER.iterdir() if path.is_dir()]
    for old in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
            old.with_suffix(".json").unlink(missing_ok=True)
