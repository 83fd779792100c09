"""The stage of the usage benchmark: a scratch database with points and contracts, and a seeded day in files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from bench.ways import DAY, NOW, RETAILERS

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".kirikae" / "bench"
DAY_COLUMNS = "point_id, batch_id, day, revision, layer, meter, packed, quality"
XML_SAMPLE = 10_000
"""Points of the day file that the way with lxml is tried with."""


def clear() -> None:
    """An empty store, as after the first start."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE metering_usageday, metering_refusedrow, metering_publishedfile, metering_deliverycounter, "
            "metering_usagebatch, metering_usagefile, metering_publication CASCADE"
        )


def stored_bytes() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [f"metering_usageday_{DAY:%Y_%m}"])
        return int(cursor.fetchone()[0])


def households(points: int, seed: int) -> Any:
    """A day of households, Wh in steps of 10: a base, two peaks, noise, and some gaps."""
    import numpy as np

    rng = np.random.default_rng(seed)
    hour = np.arange(48) / 2
    shape = 0.5 + np.exp(-((hour - 7.5) ** 2) / 4) + 1.6 * np.exp(-((hour - 20) ** 2) / 8)
    size = rng.lognormal(4.6, 0.6, points)
    values = np.empty((points, 48), np.int32)
    for at in range(0, points, 50_000):  # a piece at a time, for the sake of memory
        part = size[at : at + 50_000, None]
        values[at : at + 50_000] = (rng.gamma(2.0, 0.5, (len(part), 48)) * part * shape).astype(np.int32) // 10 * 10
        values[at : at + 50_000][rng.random((len(part), 48)) < 0.002] = -(2**31)
    return values


def prepare(points: int, folder: Path, seed: int) -> None:
    """Companies, points and contracts in the database; the day's files in the folder. Not measured."""
    import numpy as np
    from django.db import connection

    from metering import points as verbs
    from metering import supply
    from metering.formats import bp, names
    from metering.formats.blocks import day_block
    from metering.formats.csv import write_wide
    from metering.halfhours import pack
    from portal import companies
    from portal.companies import TakesPart
    from portal.market import Area, MarketRole

    companies.register(
        name="Network",
        notice_address="n@bench.example",
        participations=[TakesPart(MarketRole.NETWORK_OPERATOR, Area.TOKYO, "N0000")],
        by=None,
        now=NOW,
    )
    retailers = [
        companies.register(
            name=f"Retail {n}",
            notice_address=f"r{n}@bench.example",
            participations=[TakesPart(MarketRole.RETAILER, Area.TOKYO, f"R{n:04}")],
            by=None,
            now=NOW,
        )
        for n in range(RETAILERS)
    ]
    numbers = [f"030{n:019}" for n in range(points)]
    (template,) = verbs.register_many(
        [verbs.NewPoint(number=numbers[0], supply_class="LV", prefecture="東京都", municipality="千代田区")], now=NOW
    )
    share = np.cumsum(1 / np.arange(1, RETAILERS + 1))
    of = np.searchsorted(share / share[-1], np.random.default_rng(seed).random(points))
    supply.begin(
        [
            supply.NewSupply(
                point_id=template.pk,
                retailer_id=retailers[of[0]].pk,
                from_date=date(2020, 4, 1),
                contract_number="0",
                holder_name="-",
                holder_kana="-",
                holder_address="-",
            )
        ],
        now=NOW,
    )
    with connection.cursor() as cursor:  # the other points are copies of the first: making them is not what is measured
        cursor.execute("DROP INDEX points_by_address_trigrams, points_by_address_prefix")
        columns = [c for c in _columns(cursor, "metering_supplypoint") if c not in ("id", "number")]
        cursor.execute(
            f"INSERT INTO metering_supplypoint (number, {', '.join(columns)}) "
            f"SELECT '030' || lpad(n::text, 19, '0'), {', '.join('t.' + c for c in columns)} "
            "FROM generate_series(1, %s) n, metering_supplypoint t WHERE t.id = %s",
            [points - 1, template.pk],
        )
        cursor.execute("CREATE TEMP TABLE chosen (number text, retailer_id bigint)")
        with cursor.copy("COPY chosen FROM STDIN") as copy:
            for number, n in zip(numbers[1:], of[1:].tolist(), strict=True):
                copy.write_row((number, retailers[n].pk))
        columns = [c for c in _columns(cursor, "metering_supplyperiod") if c not in ("id", "point_id", "retailer_id")]
        cursor.execute("ANALYZE metering_supplypoint")
        # The constraint triggers keep the plan of their first row: of an empty table that is a walk through all of it.
        for chosen in (f"c.number <= '{numbers[points // 100]}'", f"c.number > '{numbers[points // 100]}'"):
            cursor.execute(
                f"INSERT INTO metering_supplyperiod (point_id, retailer_id, {', '.join(columns)}) "
                f"SELECT p.id, c.retailer_id, {', '.join('t.' + c for c in columns)} "
                "FROM chosen c JOIN metering_supplypoint p ON p.number = c.number, metering_supplyperiod t "
                f"WHERE t.point_id = %s AND {chosen}",
                [template.pk],
            )
            cursor.execute("ANALYZE metering_supplyperiod")
        cursor.execute("SELECT number, id FROM metering_supplypoint")
        ids = dict(cursor.fetchall())
    lines = [f"{number},{n}\n" for number, n in zip(numbers, of.tolist(), strict=True)]
    (folder / "supply.csv").write_text("supply_point,retailer\n" + "".join(lines))

    meters = [f"M{n:09}" for n in range(points)]
    values = households(points, seed)
    for name, day, chosen in (
        ("day.csv", DAY, slice(None)),
        ("half0.csv", DAY, slice(0, points // 2)),
        ("half1.csv", DAY, slice(points // 2, None)),
        ("next.csv", DAY - timedelta(days=1), slice(None)),
        ("warm.csv", DAY - timedelta(days=2), slice(0, 20)),
    ):
        with (folder / name).open("wb") as out:
            part = values[chosen]
            write_wide(out, [day_block(numbers[chosen], [day] * len(part), part, meters[chosen])])
    (folder / "xml").mkdir()
    message = bp.Message("1120", DAY, sender="N0000")
    limit = min(50_000, max(points // 2, 1))
    for split, at in enumerate(range(0, points, limit)):
        part = slice(at, at + limit)
        name = names.build("1120", DAY, split=split)
        with (folder / "xml" / str(name)).open("wb") as out:
            block = day_block(numbers[part], [DAY] * len(values[part]), values[part], meters[part])
            bp.write_day_zip(out, name, message, block)
    some = slice(0, min(points, XML_SAMPLE))
    with (folder / "some.zip").open("wb") as out:
        block = day_block(numbers[some], [DAY] * len(values[some]), values[some], meters[some])
        bp.write_day_zip(out, names.build("1120", DAY), message, block)
    _prebuilt(folder / "days.bin", [ids[number] for number in numbers], meters, pack(values))


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    return [name for (name,) in cursor.fetchall()]


def _prebuilt(path: Path, ids: list[int], meters: list[str], packed: list[bytes]) -> None:
    """The stored rows as PostgreSQL's binary COPY wants them."""
    import struct

    day = (DAY - date(2000, 1, 1)).days
    with path.open("wb") as out:
        out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        for pk, meter, cells in zip(ids, meters, packed, strict=True):
            name = meter.encode()
            row = struct.pack(">hiqiqiiihi1s", 8, 8, pk, 8, 1, 4, day, 2, 0, 1, b"D")
            out.write(
                row + struct.pack(">i", len(name)) + name + struct.pack(">i", len(cells)) + cells + b"\xff\xff\xff\xff"
            )
        out.write(struct.pack(">h", -1))


@contextmanager
def scratch() -> Iterator[tuple[dict[str, str], Path]]:
    """A database and a folder of our own, gone at the end; beside the configured servers or the built-in ones."""
    import psycopg
    from psycopg import sql

    from config import shared_services

    name = f"kirikae_bench_{uuid4().hex[:8]}"
    # What is set for one stage is gone after it: the next size has servers of its own.
    with (
        patch.dict(os.environ),
        shared_services.for_one_command("bench"),
        tempfile.TemporaryDirectory(prefix="kirikae-bench-") as folder,
    ):
        url = os.environ["DATABASE_URL"]
        with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            head, _, rest = url.partition("://")
            base, question, options = rest.partition("?")
            environment = {
                **os.environ,
                "DATABASE_URL": f"{head}://{base.rpartition('/')[0]}/{name}{question}{options}",
                "KIRIKAE_ENV": "demo",
                "KIRIKAE_DATA": folder,
                "KIRIKAE_FILES": f"{folder}/files",
                "KIRIKAE_QUEUE_PREFIX": f"{name}:",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{PEERS}",
            }
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "--verbosity=0"], env=environment, cwd=ROOT, check=True
            )
            yield environment, Path(folder)
        finally:
            _forget_queues(f"{name}:")
            with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _forget_queues(prefix: str) -> None:
    """What was posted for workers that do not exist."""
    import redis

    broker = redis.Redis.from_url(os.environ["REDIS_URL"])
    for key in broker.scan_iter(f"{prefix}*"):
        broker.delete(key)


def install_peers() -> None:
    """DuckDB and polars beside the environment, pinned; the product itself never sees them."""
    if (PEERS / "duckdb").is_dir() and (PEERS / "polars").is_dir():
        return
    print("Installing DuckDB and polars for the comparison (first run only) …", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    command += ["--no-deps", "--only-binary=:all:", "--target", str(PEERS), "-r", str(ROOT / "bench/requirements.lock")]
    if subprocess.run(command, check=False).returncode:
        sys.exit("DuckDB and polars could not be installed; run again with --without-peers to leave them out.")
