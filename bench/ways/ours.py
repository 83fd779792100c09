"""Ours: the real verbs on a scratch database."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.stage import DAY_COLUMNS, clear, stored_bytes
from bench.ways import DAY, NOW, timed, way

HISTORY_POINTS = 500


def take_in(paths: list[Path]) -> None:
    from metering import intake
    from portal.models import Company

    operator = Company.objects.get(name="Network")
    for path in paths:
        with path.open("rb") as stream:
            file = intake.receive(stream, name=path.name, sender=operator, by=None, now=NOW)
        done = intake.take_in(file.pk, now=NOW)
        if done is None or done.rows_refused or done.problem or not done.rows_taken:
            raise SystemExit(f"{path.name} was not taken in: {done and (done.rows_refused, done.problem)}")


def _in_two(points: int, work: Callable[[Any], None], arguments: list[Any]) -> dict[str, float]:
    """The same work in two processes at once, timed from the moment both are connected, as workers are all day."""
    from django.db import connections

    connections.close_all()
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(len(arguments) + 1)
    running = [context.Process(target=_when_ready, args=(ready, work, one)) for one in arguments]
    for process in running:
        process.start()

    def run() -> None:
        ready.wait(60)
        for process in running:
            process.join()
            if process.exitcode:
                raise SystemExit("a worker failed")

    ready.wait(60)
    return timed(points, run) | {"cpu": 0.0}  # spent in other sessions


def _when_ready(ready: Any, work: Callable[[Any], None], one: Any) -> None:
    from django.db import connection

    connection.ensure_connection()
    ready.wait(60)  # connected
    ready.wait(60)  # the clock runs
    work(one)


@way("CSV intake", "ours: receive, check, store (one worker)")
def csv_ours(points: int, folder: Path) -> dict[str, float]:
    clear()
    found = timed(points, lambda: take_in([folder / "day.csv"]))
    return found | {"bytes": stored_bytes() / (points * 48)}


@way("CSV intake", "ours, two workers with half the file each")
def csv_ours_two(points: int, folder: Path) -> dict[str, float]:
    clear()
    return _in_two(points, take_in, [[folder / "half0.csv"], [folder / "half1.csv"]])


@way("XML intake", "ours: receive, check, store (one worker)")
def xml_ours(points: int, folder: Path) -> dict[str, float]:
    clear()
    return timed(points, lambda: take_in(sorted((folder / "xml").glob("*.zip"))))


@way("XML intake", "ours, two workers with half the files each")
def xml_ours_two(points: int, folder: Path) -> dict[str, float]:
    clear()
    zips = sorted((folder / "xml").glob("*.zip"))
    if len(zips) < 2:
        return {}
    return _in_two(points, take_in, [zips[::2], zips[1::2]])


def publish(day: date = DAY) -> None:
    from metering import publication

    done = publication.publish_day(day, now=NOW)
    if done is None or done.rows_without_supplier or not done.rows:
        raise SystemExit("nothing was published")


@way("CSV.gz publication", "ours: the verb without its XML")
def publish_csv(points: int, folder: Path) -> dict[str, float]:
    from metering import day_files

    _stored(folder)
    day_files.DayFiles._write_zip = lambda self, outgoing, block: None  # type: ignore[method-assign]
    return timed(points, publish)


@way("XML publication", "ours: the verb without its CSV")
def publish_xml(points: int, folder: Path) -> dict[str, float]:
    from metering import day_files
    from metering.formats.csv import Written

    def passing(out: Any, blocks: Any, *, compress: bool) -> Written:
        rows = readings = 0
        for block in blocks:
            rows += len(block)
            readings += block.readings()
        return Written(rows, readings, 0, "")

    _stored(folder)
    day_files.write_wide = passing  # type: ignore[assignment]
    return timed(points, publish)


@way("Both formats published", "ours: the verb as it is (one worker)")
def publish_ours(points: int, folder: Path) -> dict[str, float]:
    _stored(folder)
    return timed(points, publish)


@way("Both formats published", "ours, two workers with a day each")
def publish_ours_two(points: int, folder: Path) -> dict[str, float]:
    clear()
    take_in([folder / "day.csv", folder / "next.csv"])
    return _in_two(2 * points, publish, [DAY, DAY - timedelta(days=1)])


@way("13 months of one point", "ours: usage.days, p95 in ms")
def months_ours(points: int, folder: Path) -> dict[str, float]:
    from django.db import connection

    from metering import usage
    from metering.models import SupplyPoint

    _stored(folder)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(
            f"INSERT INTO metering_usageday ({DAY_COLUMNS}) "
            f"SELECT {DAY_COLUMNS.replace('day,', 'u.day - n,', 1)} FROM generate_series(1, 395) n, "
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


def _stored(folder: Path) -> None:
    """The day in the store, not yet published."""
    clear()
    take_in([folder / "day.csv"])
