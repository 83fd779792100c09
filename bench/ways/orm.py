"""Plain Django: the ORM with csv, lxml and zipfile, the way it is written first."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.ways import DAY, SLOTS, first, timed, way


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
