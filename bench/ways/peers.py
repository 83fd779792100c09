"""DuckDB and polars on the same files, without any check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bench.ways import RETAILERS, SLOTS, timed, way


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
