"""Usage in and out beside other ways of doing it, in one run. Run: python -m bench.usage --points 10000,100000

A seeded day of households is made, then every way works on the same files in a process of its own: ours (the real
verbs on a scratch database), plain Django, DuckDB, polars, lxml with COPY, and stand-ins for what the machine can
do at all. Prints a table of points per second, peak memory and the targets; --json keeps the figures.
How to read it: docs/performance.md. The scratch database is dropped at the end; no other one is touched.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import io
import json
import multiprocessing
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".kirikae" / "bench"
DAY = date(2026, 4, 1)
NOW = datetime(2026, 4, 1, 22, tzinfo=UTC)  # 07:00 in Japan on the next day
RETAILERS = 50
SLOTS = [f"hh{n:02}" for n in range(1, 49)]
HISTORY_POINTS = 500


# --- The ways -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way of doing one piece of work; `cap` is the number of points a slow one is tried with."""

    work: str
    name: str
    run: Callable[[int, Path], dict[str, float]]
    cap: int = 1 << 40
    peer: str = ""


WAYS: dict[str, Way] = {}


def way(work: str, name: str, *, cap: int = 1 << 40, peer: str = "") -> Callable[[Any], Any]:
    def enter(run: Callable[[int, Path], dict[str, float]]) -> Any:
        WAYS[run.__name__] = Way(work, name, run, cap, peer)
        return run

    return enter


def timed(points: int, work: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the clock, and of processor time: this process, its children and its database session."""
    busy, began = _processor(), time.perf_counter()
    work()
    return {"points": points, "seconds": time.perf_counter() - began, "cpu": _processor() - busy}


def _processor() -> float:
    from django.db import connection

    spent = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if connection.connection is not None and not connection.connection.closed:
        stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat")
        if stat.exists():  # the server is on this machine
            fields = stat.read_text().rpartition(")")[2].split()
            spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def first(path: Path, points: int) -> io.BytesIO:
    """The head of a wide CSV with so many rows."""
    with path.open("rb") as stream:
        return io.BytesIO(b"".join(stream.readline() for _ in range(points + 1)))


# Ours


def _take_in(paths: list[Path]) -> None:
    from metering import intake
    from portal.models import Company

    operator = Company.objects.get(name="Network")
    for path in paths:
        with path.open("rb") as stream:
            file = intake.receive(stream, name=path.name, sender=operator, by=None, now=NOW)
        done = intake.take_in(file.pk, now=NOW)
        if done is None or done.rows_refused or done.problem or not done.rows_taken:
            raise SystemExit(f"{path.name} was not taken in: {done and (done.rows_refused, done.problem)}")


def _in_two(work: Callable[[Any], None], arguments: list[Any]) -> None:
    """The same work in two processes at once."""
    from django.db import connections

    connections.close_all()
    running = [multiprocessing.get_context("fork").Process(target=work, args=(one,)) for one in arguments]
    for process in running:
        process.start()
    for process in running:
        process.join()
        if process.exitcode:
            raise SystemExit("a worker failed")


@way("CSV intake", "ours: receive, check, store (one worker)")
def csv_ours(points: int, folder: Path) -> dict[str, float]:
    _clear()
    found = timed(points, lambda: _take_in([folder / "day.csv"]))
    return found | {"bytes": _stored_bytes() / (points * 48)}


@way("CSV intake", "ours, two workers with half the file each")
def csv_ours_two(points: int, folder: Path) -> dict[str, float]:
    _clear()
    return timed(points, lambda: _in_two(_take_in, [[folder / "half0.csv"], [folder / "half1.csv"]])) | {
        "cpu": 0.0
    }  # spent in other sessions


@way("XML intake", "ours: receive, check, store (one worker)")
def xml_ours(points: int, folder: Path) -> dict[str, float]:
    _clear()
    return timed(points, lambda: _take_in(sorted((folder / "xml").glob("*.zip"))))


@way("XML intake", "ours, two workers with half the files each")
def xml_ours_two(points: int, folder: Path) -> dict[str, float]:
    _clear()
    zips = sorted((folder / "xml").glob("*.zip"))
    if len(zips) < 2:
        return {}
    return timed(points, lambda: _in_two(_take_in, [zips[::2], zips[1::2]])) | {"cpu": 0.0}  # spent in other sessions


def _publish(day: date = DAY) -> None:
    from metering import publication

    done = publication.publish_day(day, now=NOW)
    if done is None or done.rows_without_supplier or not done.rows:
        raise SystemExit("nothing was published")


@way("CSV.gz publication", "ours: the verb without its XML")
def publish_csv(points: int, folder: Path) -> dict[str, float]:
    from metering import publication

    _stored(folder)
    publication._Run._write_zip = lambda self, group, block: None  # type: ignore[method-assign]
    return timed(points, _publish)


@way("XML publication", "ours: the verb without its CSV")
def publish_xml(points: int, folder: Path) -> dict[str, float]:
    from metering import publication
    from metering.formats.csv import Written

    def passing(out: Any, blocks: Any, *, compress: bool) -> Written:
        rows = readings = 0
        for block in blocks:
            rows += len(block)
            readings += block.readings()
        return Written(rows, readings, 0, "")

    _stored(folder)
    publication.write_wide = passing  # type: ignore[assignment]
    return timed(points, _publish)


@way("Both formats published", "ours: the verb as it is (one worker)")
def publish_ours(points: int, folder: Path) -> dict[str, float]:
    _stored(folder)
    return timed(points, _publish)


@way("Both formats published", "ours, two workers with a day each")
def publish_ours_two(points: int, folder: Path) -> dict[str, float]:
    _clear()
    _take_in([folder / "day.csv", folder / "next.csv"])
    return timed(2 * points, lambda: _in_two(_publish, [DAY, DAY - timedelta(days=1)])) | {
        "cpu": 0.0
    }  # spent in other sessions


@way("13 months of one point", "ours: usage.days, p95 in ms")
def months_ours(points: int, folder: Path) -> dict[str, float]:
    from django.db import connection

    from metering import usage
    from metering.models import SupplyPoint

    _stored(folder)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(
            f"INSERT INTO metering_usageday ({_DAY_COLUMNS}) "
            f"SELECT {_DAY_COLUMNS.replace('day,', 'u.day - n,', 1)} FROM generate_series(1, 395) n, "
            "(SELECT * FROM metering_usageday WHERE day = %s AND point_id IN "
            " (SELECT id FROM metering_supplypoint ORDER BY md5(number) LIMIT %s)) u",
            [DAY, HISTORY_POINTS],
        )
        cursor.execute("ANALYZE metering_usageday")
        cursor.execute("SELECT DISTINCT point_id FROM metering_usageday WHERE day = %s", [DAY - timedelta(days=9)])
        chosen = [pk for (pk,) in cursor.fetchall()]
    took = []
    for pk in chosen:
        point = SupplyPoint(pk=pk)
        began = time.perf_counter()
        found = usage.days(point, DAY - timedelta(days=395), DAY)
        took.append(1000 * (time.perf_counter() - began))
        if len(found) != 396:
            raise SystemExit(f"{len(found)} days of {pk}")
    return {"points": len(chosen), "seconds": sum(took) / 1000, "p95": sorted(took)[int(len(took) * 0.95)]}


# Plain Django


def _array_day() -> Any:
    """A model as anyone would write it first: a row per point and day with an array of 48 integers."""
    from django.apps import apps
    from django.contrib.postgres.fields import ArrayField
    from django.db import connection, models

    if "benchday" not in apps.all_models["metering"]:

        class BenchDay(models.Model):  # noqa: DJ008
            supply_point = models.CharField(max_length=22)
            meter = models.CharField(max_length=16)
            day = models.DateField()
            values = ArrayField(models.IntegerField(null=True))

            class Meta:
                app_label = "metering"
                constraints = [models.UniqueConstraint(fields=["supply_point", "meter", "day"], name="bench_day_once")]

        class BenchReading(models.Model):  # noqa: DJ008
            supply_point = models.CharField(max_length=22)
            at = models.DateTimeField()
            wh = models.IntegerField(null=True)

            class Meta:
                app_label = "metering"
                constraints = [models.UniqueConstraint(fields=["supply_point", "at"], name="bench_reading_once")]

    day, reading = apps.get_model("metering", "benchday"), apps.get_model("metering", "benchreading")
    existing = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in (day, reading):
            if model._meta.db_table not in existing:
                editor.create_model(model)
    day.objects.all().delete()
    reading.objects.all().delete()
    return day, reading


def _dicts(stream: io.BytesIO) -> Iterator[dict[str, str]]:
    import csv

    return csv.DictReader(io.TextIOWrapper(stream, "utf-8"))


def _wh(text: str) -> int | None:
    return round(float(text) * 1000) if text else None


def _days(rows: Any, model: Any) -> Iterator[Any]:
    for row in rows:
        values = [_wh(row[name]) for name in SLOTS]
        yield model(supply_point=row["supply_point"], meter=row["meter"], day=row["date"], values=values)


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    held = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


@way("CSV intake", "Django: csv, a row per point with an array", cap=10_000)
def csv_django(points: int, folder: Path) -> dict[str, float]:
    from django.db import transaction

    model, _ = _array_day()
    stream = first(folder / "day.csv", points)

    def work() -> None:
        with transaction.atomic():
            for batch in _batches(_days(_dicts(stream), model), 1000):
                model.objects.bulk_create(batch)

    return timed(points, work)


@way("CSV intake", "Django: csv, a row per half-hour", cap=1000)
def csv_django_readings(points: int, folder: Path) -> dict[str, float]:
    from django.db import transaction

    _, model = _array_day()
    stream = first(folder / "day.csv", points)
    midnight = datetime(2026, 3, 31, 15, tzinfo=UTC)

    def readings() -> Iterator[Any]:
        for row in _dicts(stream):
            for n, name in enumerate(SLOTS):
                at = midnight + n * timedelta(minutes=30)
                yield model(supply_point=row["supply_point"], at=at, wh=_wh(row[name]))

    def work() -> None:
        with transaction.atomic():
            for batch in _batches(readings(), 2000):
                model.objects.bulk_create(batch)

    return timed(points, work)


def _filled(points: int, folder: Path) -> Any:
    model, _ = _array_day()
    for batch in _batches(_days(_dicts(first(folder / "day.csv", points)), model), 5000):
        model.objects.bulk_create(batch)
    return model


def _of_retailers(points: int, folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (folder / "supply.csv").read_text().splitlines()[1 : points + 1]:
        number, retailer = line.split(",")
        found.setdefault(retailer, []).append(number)
    return found


@way("CSV.gz publication", "Django: iterator, csv, gzip", cap=10_000)
def publish_csv_django(points: int, folder: Path) -> dict[str, float]:
    import csv

    model, retailers = _filled(points, folder), _of_retailers(points, folder)

    def work() -> None:
        for retailer, numbers in retailers.items():
            with gzip.open(folder / f"out-{retailer}.csv.gz", "wt", compresslevel=6) as out:
                writer = csv.writer(out)
                writer.writerow(["supply_point", "meter", "date", *SLOTS])
                for row in model.objects.filter(supply_point__in=numbers).order_by("supply_point").iterator():
                    values = ["" if wh is None else f"{wh / 1000:.3f}" for wh in row.values]
                    writer.writerow([row.supply_point, row.meter, row.day, *values])

    return timed(points, work)


@way("XML publication", "Django: iterator, lxml, zipfile", cap=3000)
def publish_xml_django(points: int, folder: Path) -> dict[str, float]:
    from lxml import etree

    model, retailers = _filled(points, folder), _of_retailers(points, folder)

    def work() -> None:
        for retailer, numbers in retailers.items():
            rows = list(model.objects.filter(supply_point__in=numbers).order_by("supply_point").iterator())
            root = etree.Element("SBD-MSG")
            slots = etree.SubElement(etree.SubElement(etree.SubElement(root, "JPMGRP"), "JPTRM"), "JPM00010")
            for slot in range(48):
                outer = etree.SubElement(slots, "JPMR00010")
                etree.SubElement(outer, "JP06219").text = f"{slot + 1:02}"
                inner = etree.SubElement(outer, "JPM00011")
                for row in rows:
                    item = etree.SubElement(inner, "JPMR00011")
                    etree.SubElement(item, "JP06400").text = row.supply_point
                    etree.SubElement(item, "JP06121").text = row.meter
                    wh = row.values[slot]
                    etree.SubElement(item, "JP06122").text = "1" if wh is None else "0"
                    if wh is not None:
                        etree.SubElement(item, "JP06125").text = f"{wh / 1000:.3f}"
            with zipfile.ZipFile(folder / f"out-{retailer}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("day.xml", etree.tostring(root, encoding="utf-8", xml_declaration=True))

    return timed(points, work)


@way("XML intake", "lxml iterparse + COPY", cap=10_000)
def xml_lxml(points: int, folder: Path) -> dict[str, float]:
    from django.db import connection
    from lxml import etree

    model, _ = _array_day()

    def work() -> None:
        found: dict[tuple[str, str], list[int | None]] = {}
        with zipfile.ZipFile(folder / "some.zip") as archive, archive.open(archive.namelist()[0]) as stream:
            slot = 0
            for _, element in etree.iterparse(stream, tag=("JP06219", "JPMR00011"), huge_tree=False):
                if element.tag == "JP06219":
                    slot = int(element.text) - 1
                    continue
                item = {child.tag: child.text for child in element}
                day = found.setdefault((item["JP06400"], item.get("JP06121", "")), [None] * 48)
                if item["JP06122"] == "0":
                    day[slot] = round(float(item["JP06125"]) * 1000)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        with connection.cursor() as cursor:
            table = model._meta.db_table
            with cursor.copy(f"COPY {table} (supply_point, meter, day, values) FROM STDIN") as copy:
                for (point, meter), values in found.items():
                    copy.write_row((point, meter, DAY, values))

    return timed(points, work)


# DuckDB and polars


def _duck(folder: Path, name: str = "duck.db") -> Any:
    import duckdb

    connection = duckdb.connect(str(folder / name))
    connection.execute(f"SET threads = {os.environ['BENCH_PEER_THREADS']}")
    return connection


_TO_WH = ", ".join(f"CAST(round({name} * 1000) AS INTEGER) AS {name}" for name in SLOTS)


def _from_csv(path: Path) -> str:
    read = f"read_csv('{path}', header=true, auto_detect=false, delim=',', quote='\"', columns={_ordered_types()})"
    return f"SELECT supply_point, meter, date, {_TO_WH} FROM {read}"


def _ordered_types() -> str:
    kinds = {"supply_point": "VARCHAR", "meter": "VARCHAR", "date": "DATE", **dict.fromkeys(SLOTS, "DOUBLE")}
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in (kinds | {"quality": "VARCHAR"}).items()) + "}"


@way("CSV intake", "DuckDB: keyed table", peer="duckdb")
def csv_duckdb(points: int, folder: Path) -> dict[str, float]:
    (folder / "duck.db").unlink(missing_ok=True)
    duck = _duck(folder)
    columns = ", ".join(f"{name} INTEGER" for name in SLOTS)
    duck.execute(
        "CREATE TABLE days (supply_point VARCHAR, meter VARCHAR, date DATE, "
        f"{columns}, PRIMARY KEY (supply_point, meter, date))"
    )

    def work() -> None:
        duck.execute(f"INSERT INTO days {_from_csv(folder / 'day.csv')}")
        duck.execute("CHECKPOINT")

    found = timed(points, work)
    duck.close()
    return found | {"bytes": (folder / "duck.db").stat().st_size / (points * 48)}


@way("CSV intake", "DuckDB: Parquet, no key", peer="duckdb")
def csv_duckdb_parquet(points: int, folder: Path) -> dict[str, float]:
    path = folder / "duck.parquet"
    statement = f"COPY ({_from_csv(folder / 'day.csv')}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    found = timed(points, lambda: _duck(folder, "scratch.db").execute(statement))
    return found | {"bytes": path.stat().st_size / (points * 48)}


@way("CSV intake", "polars: Parquet, no key", peer="polars")
def csv_polars(points: int, folder: Path) -> dict[str, float]:
    import polars as pl

    path = folder / "polars.parquet"
    kinds = {"supply_point": pl.String, "meter": pl.String, "date": pl.Date, **dict.fromkeys(SLOTS, pl.Float64)}

    def work() -> None:
        table = pl.scan_csv(folder / "day.csv", schema=kinds | {"quality": pl.String})
        wh = [(pl.col(name) * 1000).round().cast(pl.Int32) for name in SLOTS]
        table.select("supply_point", "meter", "date", *wh).sink_parquet(path, compression="zstd")

    return timed(points, work) | {"bytes": path.stat().st_size / (points * 48) if path.exists() else 0}


def _duck_days(folder: Path) -> Any:
    duck = _duck(folder)
    duck.execute(
        f"CREATE OR REPLACE TEMP TABLE supply AS SELECT * FROM read_csv('{folder / 'supply.csv'}', all_varchar=true)"
    )
    return duck


@way("CSV.gz publication", "DuckDB: a query per retailer", peer="duckdb")
def publish_csv_duckdb(points: int, folder: Path) -> dict[str, float]:
    duck = _duck_days(folder)
    kwh = ", ".join(f"{name} / 1000.0 AS {name}" for name in SLOTS)

    def work() -> None:
        for retailer in range(RETAILERS):
            duck.execute(
                f"COPY (SELECT supply_point, meter, date, {kwh}, repeat('M', 48) AS quality FROM days "
                f"JOIN supply USING (supply_point) WHERE retailer = '{retailer}' ORDER BY supply_point) "
                f"TO '{folder / f'duck-{retailer}.csv.gz'}' (FORMAT csv, COMPRESSION gzip)"
            )

    return timed(points, work)


@way("CSV.gz publication", "polars: one table cut by retailer, isal", peer="polars")
def publish_csv_polars(points: int, folder: Path) -> dict[str, float]:
    import polars as pl
    from isal import igzip

    if not (folder / "polars.parquet").exists():
        csv_polars(points, folder)

    def work() -> None:
        supply = pl.read_csv(folder / "supply.csv", schema={"supply_point": pl.String, "retailer": pl.String})
        table = pl.read_parquet(folder / "polars.parquet").join(supply, on="supply_point").sort("supply_point")
        table = table.with_columns(*((pl.col(name) / 1000) for name in SLOTS), pl.lit("M" * 48).alias("quality"))
        for key, part in table.partition_by("retailer", as_dict=True).items():
            with igzip.open(folder / f"polars-{key[0]}.csv.gz", "wb", compresslevel=1) as out:
                part.drop("retailer").write_csv(out, float_precision=3)

    return timed(points, work)


@way("XML publication", "DuckDB: text built in SQL, isal", cap=100_000, peer="duckdb")
def publish_xml_duckdb(points: int, folder: Path) -> dict[str, float]:
    from metering.formats.zips import write_single

    duck = _duck_days(folder)

    def rows(name: str) -> str:
        front = "'<JPMR00011><JP06400>' || supply_point || '</JP06400><JP06121>' || meter || '</JP06121><JP06122>'"
        there = f"'0</JP06122><JP06125>' || ({name} / 1000.0)::VARCHAR || '</JP06125>'"
        value = f"CASE WHEN {name} IS NULL THEN '1</JP06122>' ELSE {there} END"
        return f"string_agg({front} || {value} || '</JPMR00011>', '')"

    select = ", ".join(rows(name) for name in SLOTS)
    limit = f"WHERE supply_point IN (SELECT supply_point FROM supply LIMIT {points})"

    def work() -> None:
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE part AS "
            "SELECT *, row_number() OVER (PARTITION BY retailer ORDER BY supply_point) "
            f"// 10000 AS split FROM days JOIN supply USING (supply_point) {limit}"
        )
        parts = duck.execute("SELECT DISTINCT retailer, split FROM part").fetchall()
        for retailer, split in parts:
            texts = duck.execute(
                f"SELECT {select} FROM part WHERE retailer = ? AND split = ?", [retailer, split]
            ).fetchone()
            pieces = (
                f"<JPMR00010><JP06219>{slot:02}</JP06219><JPM00011>{text}</JPM00011></JPMR00010>".encode()
                for slot, text in enumerate(texts, 1)
            )
            with (folder / f"duck-{retailer}-{split}.zip").open("wb") as out:
                write_single(out, "day.xml", pieces)

    return timed(points, work)


# What the machine can do at all


@way("CSV intake", "limit: COPY of a prebuilt binary file")
def copy_prebuilt(points: int, folder: Path) -> dict[str, float]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_days")
        cursor.execute(
            "CREATE TABLE bench_days (point_id bigint, batch_id bigint, day date, revision int2, layer varchar(1), "
            "meter varchar(16), packed bytea, quality bytea, PRIMARY KEY (point_id, day, layer, meter, revision))"
        )

        def work() -> None:
            with (
                (folder / "days.bin").open("rb") as stream,
                cursor.copy(f"COPY bench_days ({_DAY_COLUMNS}) FROM STDIN (FORMAT binary)") as copy,
            ):
                while piece := stream.read(1 << 20):
                    copy.write(piece)

        return timed(points, work)


@way("CSV intake", "limit: wc -l over the file")
def wc(points: int, folder: Path) -> dict[str, float]:
    return timed(points, lambda: subprocess.run(["wc", "-l", folder / "day.csv"], check=True, capture_output=True))


@way("CSV.gz publication", "limit: isal over the prebuilt text")
def isal_prebuilt(points: int, folder: Path) -> dict[str, float]:
    from isal import isal_zlib

    def work() -> None:
        pack = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
        with (folder / "day.csv").open("rb") as stream, (folder / "limit.gz").open("wb") as out:
            while piece := stream.read(1 << 20):
                out.write(pack.compress(piece))
            out.write(pack.flush())

    return timed(points, work)


# --- The stage ------------------------------------------------------------------------------------------------------

_DAY_COLUMNS = "point_id, batch_id, day, revision, layer, meter, packed, quality"


def _clear() -> None:
    """An empty store, as after the first start."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE metering_usageday, metering_refusedrow, metering_publishedfile, metering_deliverycounter, "
            "metering_usagebatch, metering_usagefile, metering_publication CASCADE"
        )


def _stored(folder: Path) -> None:
    """The day in the store, not yet published."""
    _clear()
    _take_in([folder / "day.csv"])


def _stored_bytes() -> int:
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
    values = (rng.gamma(2.0, 0.5, (points, 48)) * size[:, None] * shape).astype(np.int32) // 10 * 10
    values[rng.random((points, 48)) < 0.002] = -(2**31)
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
    (period,) = supply.begin(
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
        cursor.execute(
            f"INSERT INTO metering_supplyperiod (point_id, retailer_id, {', '.join(columns)}) "
            f"SELECT p.id, c.retailer_id, {', '.join('t.' + c for c in columns)} "
            "FROM chosen c JOIN metering_supplypoint p ON p.number = c.number, metering_supplyperiod t WHERE t.id = %s",
            [period.pk],
        )
        cursor.execute("ANALYZE metering_supplypoint")
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
    some = slice(0, min(points, WAYS["xml_lxml"].cap))
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
    """A database and a folder of our own, gone at the end."""
    import psycopg
    from psycopg import sql

    name = f"kirikae_bench_{uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="kirikae-bench-") as folder:
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


# --- One run --------------------------------------------------------------------------------------------------------


def inner(name: str, points: int, folder: Path, seed: int) -> None:
    """One way in this process; prints its figures as JSON. What a worker has at hand all day is loaded before."""
    import django

    django.setup()
    from django.core.cache import cache
    from django.db import connection

    from metering import intake, partitions, publication  # noqa: F401

    cache.delete("bench")
    connection.ensure_connection()
    partitions.ahead(1, now=NOW, back=15)
    if name.startswith(("csv_ours", "xml_ours", "publish_")) and (folder / "warm.csv").exists():
        _clear()
        _take_in([folder / "warm.csv"])
        _publish(DAY - timedelta(days=2))
    profile = cProfile.Profile()
    if os.environ.get("BENCH_PROFILE") and name != "prepare":
        profile.enable()
    found = prepare(points, folder, seed) if name == "prepare" else WAYS[name].run(points, folder)
    profile.disable()
    if profile.getstats():
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(18)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps((found or {}) | {"mb": peak / 1024}))


def measure(environment: dict[str, str], folder: Path, name: str, points: int, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.usage", "--inner", name, "--points", str(points), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print(f"  {name} failed", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(size: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every way with one size, on a stage of its own."""
    figures: list[dict[str, Any]] = []
    with scratch() as (environment, folder):
        environment["BENCH_PROFILE"] = "1" if options.profile else ""
        environment["BENCH_PEER_THREADS"] = environment["POLARS_MAX_THREADS"] = str(options.peer_threads)
        work = folder / "work"
        work.mkdir()
        began = time.monotonic()
        if not measure(environment, work, "prepare", size, options.seed):
            sys.exit("The data could not be made.")
        print(f"\n{size:,} points ({time.monotonic() - began:.0f} s to prepare)", flush=True)
        for name, one in WAYS.items():
            if (one.peer and options.without_peers) or (options.only and not any(o in name for o in options.only)):
                continue
            points = min(size, one.cap)
            runs = [measure(environment, work, name, points, options.seed) for _ in range(options.repeat)]
            runs = [found for found in runs if found.get("seconds")]
            if not runs:
                continue
            rates = sorted(found["points"] / found["seconds"] for found in runs)
            figure = {
                "size": size,
                "way": name,
                "work": one.work,
                "name": one.name,
                "points": points,
                "rate": statistics.median(rates),
                "slowest": rates[0],
                "fastest": rates[-1],
                "cpu_rate": statistics.median(f["points"] / f["cpu"] if f.get("cpu") else 0 for f in runs),
                "mb": max(found["mb"] for found in runs),
                **{key: statistics.median(f[key] for f in runs) for key in ("bytes", "p95") if key in runs[0]},
            }
            figures.append(figure)
            print(line(figure), flush=True)
        print(targets(figures), flush=True)
    return figures


def line(figure: dict[str, Any]) -> str:
    tried = f" (tried with {figure['points']:,})" if figure["points"] < figure["size"] else ""
    more = f"  {figure['bytes']:.2f} bytes/reading" if "bytes" in figure else ""
    more += f"  p95 {figure['p95']:.1f} ms" if "p95" in figure else ""
    spread = f"{figure['slowest']:,.0f}-{figure['fastest']:,.0f}"
    busy = f"{figure['cpu_rate']:,.0f}/cpu s" if figure["cpu_rate"] else ""
    name = figure["name"] + tried
    cells = f"{figure['rate']:>11,.0f}/s  {spread:>21}  {busy:>15} {figure['mb']:>6.0f} MB"
    return f"  {figure['work']:<23} {name:<66} {cells}{more}"


TARGETS: list[tuple[str, str, str, float, float]] = [
    ("CSV intake", "csv_ours", "csv_duckdb", 1.3, 0),
    ("CSV intake", "csv_ours", "csv_django", 50, 0),
    ("CSV intake", "csv_ours", "csv_polars", 0, 1.0),
    ("BP day XML intake", "xml_ours", "xml_lxml", 5, 12),
    ("CSV.gz publication", "publish_csv", "publish_csv_duckdb", 4, 0),
    ("CSV.gz publication", "publish_csv", "publish_csv_django", 15, 0),
    ("CSV.gz publication", "publish_csv", "publish_csv_polars", 0, 1.2),
    ("BP XML zip publication", "publish_xml", "publish_xml_duckdb", 1.2, 1.5),
    ("BP XML zip publication", "publish_xml", "publish_xml_django", 25, 0),
    ("two workers, CSV intake", "csv_ours_two", "csv_ours", 1.4, 1.8),
    ("two workers, XML intake", "xml_ours_two", "xml_ours", 1.4, 1.8),
    ("two workers, publication", "publish_ours_two", "publish_ours", 1.4, 1.8),
]


def targets(figures: list[dict[str, Any]]) -> str:
    """Each target with what was measured: a ratio of two rates of this run, or a figure of its own."""
    by = {figure["way"]: figure for figure in figures}

    def verdict(good: bool, better: bool) -> str:
        return "aim reached" if better else "reached" if good else "NOT reached"

    rows = []
    for work, ours, other, must, aim in TARGETS:
        if ours in by and other in by:
            ratio = by[ours]["rate"] / by[other]["rate"]
            state = verdict(ratio >= must and must > 0, aim > 0 and ratio >= aim)
            wanted = " / ".join(f"{value:g} ×" if value else "-" for value in (must, aim))
            state = "aim not reached" if not must and state == "NOT reached" else state
            busy = ""
            if by[ours]["cpu_rate"] and by[other]["cpu_rate"] and "two" not in ours:
                busy = f"(processor {by[ours]['cpu_rate'] / by[other]['cpu_rate']:.2f} ×)"
            rows.append(f"  {work:<25} {ratio:>6.2f} × {by[other]['name']:<45} must/aim {wanted:<14} {state} {busy}")
    ours = [figure for figure in figures if figure["name"].startswith("ours")]
    if ours:
        peak = max(figure["mb"] for figure in ours)
        state = verdict(peak <= 500, False)
        rows.append(f"  peak memory of a process  {peak:>6.0f} MB {'':<44} must     500 MB         {state}")
    if "csv_ours" in by:
        size = by["csv_ours"]["bytes"]
        state = verdict(size <= 3.8, size <= 2.5)
        rows.append(f"  bytes per reading, hot    {size:>6.2f} {'':<47} must/aim 3.8 / 2.5      {state}")
    if "months_ours" in by:
        p95 = by["months_ours"]["p95"]
        state = verdict(p95 <= 50, p95 <= 20)
        rows.append(f"  13 months of one point    {p95:>6.1f} ms (p95) {'':<38} must/aim 50 / 20 ms     {state}")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage", description=__doc__)
    sizes = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--points", type=sizes, default=[10_000, 100_000], help="sizes, e.g. 10000,100000,1000000")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way; the median counts (default 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--peer-threads", type=int, default=1, help="threads of DuckDB and polars (default 1, like ours)"
    )
    parser.add_argument("--without-peers", action="store_true", help="leave DuckDB and polars out")
    parser.add_argument("--only", type=lambda text: text.split(","), help="only ways whose name holds one of these")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--profile", action="store_true", help="tell where each way spends its time")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        inner(options.inner, options.points[0], options.folder, options.seed)
        return
    if not options.without_peers:
        install_peers()
    from config import services

    figures: list[dict[str, Any]] = []
    with services.for_one_command("bench"):
        for size in options.points:
            figures += run(size, options)
            if options.json:
                options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
