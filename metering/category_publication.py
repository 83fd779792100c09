"""The other categories out: CSV to whoever supplied the point on the row's day, numbered, with a manifest.

When that turns out to be another retailer, rows that were published go to that one and are withdrawn from the other
(`metering.recipients`), with the files of the day it is found.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import IO

from django.db import connection, transaction

from metering import categories, holds, recipients, revisions, run_folders, withdrawals
from metering.categories import Category
from metering.formats.csv import Written
from metering.models import CategoryRow, Layer, Publication, PublishedFile, UsageBatch
from metering.outgoing import Key, Outgoing, Parties
from metering.recipients import Moved
from portal import outbox
from portal.workdays import jst_date

log = logging.getLogger(__name__)

FETCH_ROWS = 2000


def publish_waiting(*, now: datetime) -> list[Publication]:
    """Publish what files of the other categories brought and nobody has published, by the day they came.

    What changed hands since it was published goes with the first of them, or with files of today.
    """
    days = UsageBatch.objects.filter(layer=Layer.OTHER, publication__isnull=True).order_by("day")

    def due() -> Iterator[tuple[date]]:
        yield from list(days.values_list("day").distinct())
        if recipients.moved(Layer.OTHER):
            yield (jst_date(now),)

    return revisions.each(due(), lambda day: publish_day(day, now=now))


def publish_day(day: date, *, now: datetime) -> Publication | None:
    """Publish what came on a day: per category, retailer, area and class one CSV; None when there is nothing to do.

    Entitled is who supplied the point on the row's own day as known now; days with hand-overs still to be carried out
    wait. Raises RevisionsUsedUp.
    """
    with run_folders.run_folder(day) as folder, transaction.atomic():
        with connection.cursor() as cursor:
            # What moved is of any day: one worker at a time, beside the lock of the day its files lie under.
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('publish categories'))")
            if not cursor.fetchone()[0] or not run_folders.lock(day):
                return None
        of_day = {"day": day, "layer": Layer.OTHER}
        batches = list(
            UsageBatch.objects.select_for_update(of=("self",))
            .filter(**of_day, publication__isnull=True)
            .select_related("file")
            .order_by("pk")
        )
        moves = recipients.moved(Layer.OTHER)
        if not (batches or moves) or holds.holds_up(day, now=now):
            return None
        made = revisions.begin(folder, now=now, **of_day)
        made.rows = made.readings = 0  # counted as they are written
        made.save()
        files: list[PublishedFile] = []
        for category in categories.CATEGORIES:
            run = _Run(made, category, [b.pk for b in batches if b.file.format == category.format], moves)
            run.write()
            files += run.files
        rows, readings = sum(batch.rows for batch in batches), sum(batch.readings for batch in batches)
        revisions.count_superseded(made, rows=rows, readings=readings)
        ids = [batch.pk for batch in batches]
        revisions.close(made, ids, files, action="usage category published", now=now)
        outbox.post_many(withdrawals.notices(files, made), now=now)
        return made


@dataclass(frozen=True)
class _Found:
    """A row on its way out: to whom (None: nobody), the point's number, whether it was published before."""

    key: Key | None
    number: str
    row: CategoryRow
    is_again: bool


class _Run:
    """The writing of one category of a publication: one pass over its rows in the order of the files."""

    def __init__(self, made: Publication, category: Category, batch_ids: list[int], moves: list[Moved]) -> None:
        self.made, self.category, self.batch_ids = made, category, batch_ids
        self.moves = {(move.point_id, move.on): move for move in moves}
        self.went_to: dict[tuple[int, date], int | None] = {}
        """Of what moved and has rows of this category, who gets it now."""
        self.word = category.slug.replace("-", "_")
        self.outgoing: dict[Key, Outgoing] = {}
        self.points: dict[Key, int] = {}

    @property
    def files(self) -> list[PublishedFile]:
        return [file for outgoing in self.outgoing.values() for file in outgoing.files]

    def write(self) -> None:
        if not self.batch_ids and not self.moves:
            return
        made, parties = self.made, Parties.known()
        for key, rows in groupby(self._rows(), key=lambda found: found.key):
            if key is None:
                made.rows_without_supplier += sum(not found.is_again for found in rows)
                continue
            outgoing = self.outgoing[key] = Outgoing(made.folder, key)
            written = outgoing.add(
                PublishedFile.Format.CATEGORY,
                f"{self._stem(key)}.csv",
                partial(self._write_rows, key, rows),
            )
            made.rows += written.rows
        made.points_withdrawn += withdrawals.write(
            made,
            (
                self.moves[at]
                for at, retailer_id in sorted(self.went_to.items())
                if retailer_id != self.moves[at].from_retailer_id
            ),
            self.outgoing,
            stem=f"withdrawn_{self.word}",
        )
        for key, outgoing in self.outgoing.items():
            outgoing.add_manifest(
                f"manifest_{self._stem(key)}.json",
                category=self.category.slug,
                day=made.day.isoformat(),
                layer=made.layer,
                revision=made.revision,
                recipient=parties.retailers.get(key[:2], ("", ""))[0],
                points=self.points.get(key, 0),
                points_withdrawn=withdrawals.count(outgoing.files),
                published_at=made.published_at,
                rows=sum(file.rows for file in outgoing.files if file.format == PublishedFile.Format.CATEGORY),
                readings=0,
            )

    def _stem(self, key: Key) -> str:
        return f"{self.word}_{key[2]}_{self.made.day:%Y%m%d}_{self.made.revision:02}"

    def _write_rows(self, key: Key, rows: Iterator[_Found], out: IO[bytes]) -> Written:
        """Write the rows as they come, by number: no more of them is held than the database hands over at a time."""
        digest, line = hashlib.sha256(), io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        size = count = points = 0
        last = ""

        def flush() -> int:
            text = line.getvalue().encode()
            line.seek(0)
            line.truncate()
            out.write(text)
            digest.update(text)
            return len(text)

        writer.writerow(self.category.header)
        for found in rows:
            writer.writerow([found.number, *self.category.write(found.row)])
            count += 1
            points += found.number != last
            last = found.number
            self.made.rows_moved += found.is_again
            if count % FETCH_ROWS == 0:
                size += flush()
        size += flush()
        self.points[key] = points
        return Written(count, 0, size, digest.hexdigest())

    def _rows(self) -> Iterator[_Found]:
        """The rows to publish, only the newest of each, by recipient, area and class; of nobody first.

        Of points and days that moved also what was published before.
        """
        model = self.category.model
        keys = ", ".join(("x.point_id", *(f'x."{name}"' for name in model.KEY)))
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                f"""
                SELECT f.id, s.retailer_id, p.area, p.supply_class, p.number, f.is_again
                FROM (SELECT DISTINCT ON ({keys}) x.id, x.point_id, x."on",
                             x.batch_id <> ALL (%(batches)s::bigint[]) AS is_again
                      FROM {model._meta.db_table} x JOIN metering_usagebatch b ON b.id = x.batch_id
                      WHERE x.batch_id = ANY (%(batches)s::bigint[])
                         OR (b.publication_id IS NOT NULL
                             AND (x.point_id, x."on") IN (
                                 SELECT * FROM unnest(%(points)s::bigint[], %(days)s::date[])))
                      ORDER BY {keys}, x.revision DESC) f
                JOIN metering_supplypoint p ON p.id = f.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> f."on"
                ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class, p.number, f."on", f.id
                """,
                {
                    "batches": self.batch_ids,
                    "points": [point_id for point_id, _ in self.moves],
                    "days": [on for _, on in self.moves],
                },
            )
            while part := cursor.fetchmany(FETCH_ROWS):
                rows = model.objects.in_bulk([row[0] for row in part])
                given = [(rows[row[0]].point_id, rows[row[0]].on, row[1]) for row in part]
                recipients.keep(given, self.made)
                self.went_to |= {(at, on): retailer_id for at, on, retailer_id in given if (at, on) in self.moves}
                for pk, retailer_id, area, supply_class, number, is_again in part:
                    key = None if retailer_id is None else (retailer_id, area, supply_class)
                    yield _Found(key, number, rows[pk], is_again)
