"""The other categories out: CSV to whoever supplied the point on the row's day, numbered, with a manifest."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Max

from metering import categories, publication
from metering.categories import Category
from metering.models import CategoryRow, Layer, Publication, PublishedFile, UsageBatch
from metering.outgoing import Key, Outgoing, Parties
from metering.publication import LAST_REVISION, NIGHTLY, RevisionsUsedUp
from portal import ledger

log = logging.getLogger(__name__)


def publish_waiting(*, now: datetime) -> list[Publication]:
    """Publish what files of the other categories brought and nobody has published, by the day they came."""
    days = UsageBatch.objects.filter(layer=Layer.OTHER, publication__isnull=True).order_by("day")
    found = [publish_day(day, now=now) for day in list(days.values_list("day", flat=True).distinct())]
    return [made for made in found if made]


def publish_day(day: date, *, now: datetime) -> Publication | None:
    """Publish what came on a day: per category, retailer, area and class one CSV; None when there is nothing to do.

    Entitled is who supplied the point on the row's own day as known now; days with hand-overs still to be carried out
    wait. Raises RevisionsUsedUp.
    """
    with publication.run_folder(day) as folder, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"{NIGHTLY} {day} {Layer.DAILY}"])
            if not cursor.fetchone()[0]:
                return None
        of_day = {"day": day, "layer": Layer.OTHER}
        batches = list(
            UsageBatch.objects.select_for_update(of=("self",))
            .filter(**of_day, publication__isnull=True)
            .select_related("file")
            .order_by("pk")
        )
        if not batches or any(waits(day) for waits in publication.not_yet_settled):
            return None
        earlier = Publication.objects.filter(**of_day).aggregate(Max("revision"))["revision__max"]
        revision = 0 if earlier is None else earlier + 1
        if revision > LAST_REVISION:
            raise RevisionsUsedUp(f"{day} {Layer.OTHER}")
        made = Publication(**of_day, revision=revision, published_at=now, folder=folder, rows=0, readings=0)
        parties, files = Parties.known(), []
        for category in categories.CATEGORIES:
            of_category = [batch.pk for batch in batches if batch.file.format == category.format]
            if of_category:
                files += list(_files(category, of_category, made, parties))
        made.rows_superseded = sum(batch.rows for batch in batches) - made.rows - made.rows_without_supplier
        made.save()
        UsageBatch.objects.filter(pk__in=[batch.pk for batch in batches]).update(publication=made)
        publication.number(files, made)
        ledger.record(
            "usage category published",
            f"publication {made.pk}",
            by=None,
            now=now,
            day=day.isoformat(),
            revision=revision,
            rows=made.rows,
            rows_without_supplier=made.rows_without_supplier,
            files=len(files),
        )
        return made


def _files(category: Category, batch_ids: list[int], made: Publication, parties: Parties) -> Iterator[PublishedFile]:
    word = category.slug.replace("-", "_")
    for key, rows in groupby(_rows(category, batch_ids), key=lambda found: found[0]):
        if key is None:
            made.rows_without_supplier += sum(1 for _ in rows)
            continue
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(category.header)
        count = 0
        points: set[str] = set()
        for _, number, row in rows:
            writer.writerow([number, *category.write(row)])
            points.add(number)
            count += 1
        outgoing = Outgoing(made.folder, key)
        stem = f"{word}_{key[2]}_{made.day:%Y%m%d}_{made.revision:02}"
        outgoing.add_bytes(
            PublishedFile.Format.CATEGORY, f"{stem}.csv", text.getvalue().encode(), rows=count, readings=0
        )
        outgoing.add_manifest(
            f"manifest_{stem}.json",
            category=category.slug,
            day=made.day.isoformat(),
            layer=made.layer,
            revision=made.revision,
            recipient=parties.retailers.get(key[:2], ("", ""))[0],
            points=len(points),
            published_at=made.published_at,
            rows=count,
            readings=0,
        )
        made.rows += count
        yield from outgoing.files


def _rows(category: Category, batch_ids: list[int]) -> Iterator[tuple[Key | None, str, CategoryRow]]:
    """The rows to publish, only the newest of each, by recipient, area and class; of nobody first."""
    table, keys = category.model._meta.db_table, ", ".join(("point_id", *(f'"{name}"' for name in category.model.KEY)))
    rows = category.model.objects.raw(
        f"""
        SELECT f.*, p.number AS point_number, p.area AS point_area, p.supply_class AS point_class, s.retailer_id
        FROM (SELECT DISTINCT ON ({keys}) * FROM {table} WHERE batch_id = ANY (%s)
              ORDER BY {keys}, revision DESC) f
        JOIN metering_supplypoint p ON p.id = f.point_id
        LEFT JOIN metering_supplyperiod s ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> f."on"
        ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class, p.number, f."on", f.id
        """,
        [batch_ids],
    )
    for row in rows.iterator():
        key = None if row.retailer_id is None else (row.retailer_id, row.point_area, row.point_class)
        yield key, row.point_number, row
