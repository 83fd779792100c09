"""W5 files out: fixed months, meter exchanges and off-cycle readings, to the retailer of the reading day.

The books are those of day publication (one lock per day, a folder nobody knows of until the commit, numbers without
gaps). Due is the fourth business day counted from the reading day; what arrived is published at the next run. When the
supplier of the reading day turns out to be another one, what was published goes to that one and is withdrawn from the
other, as it is with days (`metering.recipients`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from metering import fixed_rows, holds, recipients, revisions, run_folders, withdrawals
from metering.formats import fixed, names
from metering.models import FixedRow, Layer, Publication, PublishedFile, UsageBatch
from metering.outgoing import Key, Outgoing, Parties
from metering.recipients import Moved
from portal import outbox
from portal.access import Ability
from portal.market import SupplyClass
from portal.workdays import jst_date

log = logging.getLogger(__name__)

FETCH_ROWS = 500
VOLTAGE = {SupplyClass.HV: "10", SupplyClass.LV: "20", SupplyClass.FIT: "20"}
"""The second half of the information code a class of supply travels in."""


def publish_waiting(*, now: datetime) -> list[Publication]:
    """Publish every reading day up to today that brought something or changed hands since it was last published.

    The oldest first; one that fails does not hold up the others; the first failure is raised at the end.
    """
    days = UsageBatch.objects.filter(layer=Layer.FIXED, publication__isnull=True, day__lte=jst_date(now))
    moved = {move.on for move in recipients.moved(Layer.FIXED)}
    return revisions.each(
        [(day,) for day in sorted({*days.order_by().values_list("day", flat=True).distinct(), *moved})],
        lambda day: publish_reading_day(day, now=now),
    )


def publish_reading_day(day: date, *, now: datetime) -> Publication | None:
    """Publish what arrived of a reading day and nobody has published: BP 12x0, 13x0 and 14x0 zips and a manifest.

    What was published to a retailer that is no longer entitled goes along to the one that is; the former gets a list of
    the points withdrawn.
    None when there is nothing, another worker is at the day, or hand-overs due by it are still to be carried out.
    Entitled is who supplies the point on the reading day as known now. Raises RevisionsUsedUp.
    Rules: domain notes, metering §2-§4.
    """
    with run_folders.run_folder(day) as folder, transaction.atomic():
        if not run_folders.lock(day):
            return None
        of_day = {"day": day, "layer": Layer.FIXED}
        batches = list(UsageBatch.objects.select_for_update().filter(**of_day, publication__isnull=True).order_by("pk"))
        moves = recipients.moved(Layer.FIXED, day)
        if not batches and not moves:
            return None
        if holds.holds_up(day, now=now):
            return None
        made = revisions.begin(folder, now=now, **of_day)
        made.rows = made.readings = 0  # counted as they are written
        made.save()
        run = _Run(made, [batch.pk for batch in batches], moves)
        run.write()
        rows, readings = sum(batch.rows for batch in batches), sum(batch.readings for batch in batches)
        revisions.count_superseded(made, rows=rows, readings=readings)
        revisions.close(made, run.batch_ids, run.files, action="fixed usage published", now=now)
        _announce(run.files, made, now=now)
        return made


@dataclass(frozen=True)
class _Found:
    """A row on its way out: to whom (None: nobody), the point's number, whether it was published before."""

    key: Key | None
    number: str
    row: FixedRow
    is_again: bool


class _Run:
    """The writing of one publication: one pass over its rows in the order of the files."""

    def __init__(self, made: Publication, batch_ids: list[int], moves: list[Moved]) -> None:
        self.made, self.batch_ids, self.parties = made, batch_ids, Parties.known()
        self.moves = {move.point_id: move for move in moves}
        self.went_to: dict[int, int | None] = {}
        """Of the points that moved, who gets them now."""
        self.outgoing: dict[Key, Outgoing] = {}
        self.points: dict[Key, int] = {}
        self.next_split: dict[tuple[int, str, str], int] = {}

    @property
    def files(self) -> list[PublishedFile]:
        return [file for outgoing in self.outgoing.values() for file in outgoing.files]

    def write(self) -> None:
        made = self.made
        for key, rows in groupby(self._rows(), key=lambda found: found.key):
            if key is None:
                for found in rows:
                    made.rows_without_supplier += not found.is_again
                    made.readings_without_supplier += found.row.wh is not None and not found.is_again
                continue
            outgoing = self.outgoing[key] = Outgoing(made.folder, key)
            points: set[int] = set()
            for (kind, month), of_message in groupby(rows, key=lambda found: (found.row.kind, found.row.month)):
                while part := list(islice(of_message, settings.PUBLISHED_MONTHS_PER_FILE)):
                    self._zip(outgoing, kind, month, [(found.number, found.row) for found in part])
                    points |= {found.row.point_id for found in part}
                    self._count(part)
            self.points[key] = len(points)
        made.points_withdrawn = withdrawals.write(
            made,
            (move for pk, move in self.moves.items() if self.went_to.get(pk) != move.from_retailer_id),
            self.outgoing,
            stem="withdrawn_fixed",
        )
        for key, outgoing in self.outgoing.items():
            self._manifest(key, outgoing)

    def _count(self, part: list[_Found]) -> None:
        made = self.made
        readings = [found for found in part if found.row.wh is not None]
        made.rows += len(part)
        made.readings += len(readings)
        made.rows_moved += sum(found.is_again for found in part)
        made.readings_moved += sum(found.is_again for found in readings)

    def _manifest(self, key: Key, outgoing: Outgoing) -> None:
        made = self.made
        zips = [file for file in outgoing.files if file.format == PublishedFile.Format.BP_ZIP]
        outgoing.add_manifest(
            f"manifest_fixed_{key[2]}_{made.day:%Y%m%d}_{made.revision:02}.json",
            day=made.day.isoformat(),
            layer=made.layer,
            revision=made.revision,
            recipient=self.parties.retailers.get(key[:2], ("", ""))[0],
            points=self.points.get(key, 0),
            points_withdrawn=withdrawals.count(outgoing.files),
            published_at=made.published_at,
            rows=sum(file.rows for file in zips),
            readings=sum(file.readings for file in zips),
        )

    def _rows(self) -> Iterator[_Found]:
        """The rows to publish by recipient, area, class, kind, month, point and meter, only the newest of each.

        Of points that moved also what was published before.
        """
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                """
                SELECT f.id, s.retailer_id, p.area, p.supply_class, p.number, f.is_again
                FROM (SELECT DISTINCT ON (x.point_id, x.kind, x.meter) x.id, x.point_id, x.kind, x.meter, x.month,
                             x.read_on, x.batch_id <> ALL (%(batches)s) AS is_again
                      FROM metering_fixedrow x JOIN metering_usagebatch b ON b.id = x.batch_id
                      WHERE x.batch_id = ANY (%(batches)s)
                         OR (x.point_id = ANY (%(moved)s) AND x.read_on = %(day)s AND b.publication_id IS NOT NULL)
                      ORDER BY x.point_id, x.kind, x.meter, x.revision DESC) f
                JOIN metering_supplypoint p ON p.id = f.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> f.read_on
                ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class, f.kind, f.month, p.number, f.meter
                """,
                {"batches": self.batch_ids, "moved": list(self.moves), "day": self.made.day},
            )
            while part := cursor.fetchmany(FETCH_ROWS):  # a row is a month of half-hours: few of them at a time
                rows = FixedRow.objects.in_bulk([row[0] for row in part])
                given = [(rows[row[0]].point_id, self.made.day, row[1]) for row in part]
                recipients.keep(given, self.made)
                self.went_to |= {point_id: retailer_id for point_id, _, retailer_id in given if point_id in self.moves}
                for pk, retailer_id, area, supply_class, number, is_again in part:
                    key = None if retailer_id is None else (retailer_id, area, supply_class)
                    yield _Found(key, number, rows[pk], is_again)

    def _zip(self, outgoing: Outgoing, kind: str, month: date | None, rows: list[tuple[str, FixedRow]]) -> None:
        recipient_id, area, supply_class = outgoing.key
        made, code = self.made, kind + VOLTAGE[SupplyClass(supply_class)]
        # LV and feed-in share a code and so one row of split numbers.
        split = self.next_split.get((recipient_id, area, code), 0)
        self.next_split[recipient_id, area, code] = split + 1
        name = names.build(code, made.day, revision=made.revision, split=split)
        message = fixed.MonthMessage(
            code=code,
            month=month,
            reading_day=made.day,
            created=made.published_at,
            **self.parties.of(recipient_id, area),
        )
        points = (fixed_rows.to_point(row, number) for number, row in rows)
        outgoing.add(PublishedFile.Format.BP_ZIP, str(name), lambda out: fixed.write_zip(out, name, message, points))


def _announce(files: list[PublishedFile], made: Publication, *, now: datetime) -> None:
    day = made.day.isoformat()
    of_recipient: dict[int, list[PublishedFile]] = {}
    for file in files:
        of_recipient.setdefault(file.recipient_id, []).append(file)
    posts = []
    for recipient_id, theirs in of_recipient.items():
        if rows := sum(file.rows for file in theirs if file.format == PublishedFile.Format.BP_ZIP):
            posts.append(
                outbox.Post(
                    recipient_id=recipient_id,
                    kind="fixed_published",
                    subject=day,
                    link=f"{reverse('metering:published-files')}?day={day}",
                    ability=Ability.COLLECT_USAGE,
                    context={"day": day, "revision": made.revision, "files": len(theirs), "rows": rows},
                )
            )
    outbox.post_many([*posts, *withdrawals.notices(files, made)], now=now)
