"""W5 files out: fixed months, meter exchanges and off-cycle readings, to the retailer of the reading day.

The books are those of day publication (one lock per day, a folder nobody knows of until the commit, numbers without
gaps). Due is the fourth business day counted from the reading day; what arrived is published at the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby, islice

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.urls import reverse

from metering import fixed_rows, holds, publication
from metering.formats import fixed, names
from metering.models import FixedRow, Layer, Publication, PublishedFile, UsageBatch
from metering.outgoing import Key, Outgoing, Parties
from metering.publication import LAST_REVISION, NIGHTLY, RevisionsUsedUp
from portal import ledger, outbox, workdays
from portal.access import Ability
from portal.market import SupplyClass
from portal.workdays import jst_date

log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
FETCH_ROWS = 500
VOLTAGE = {SupplyClass.HV: "10", SupplyClass.LV: "20", SupplyClass.FIT: "20"}
"""The second half of the information code a class of supply travels in."""


def publish_waiting(*, now: datetime) -> list[Publication]:
    """Publish every reading day up to today that brought something since it was last published, the oldest first.

    One that fails does not hold up the others; the first failure is raised at the end.
    """
    days = UsageBatch.objects.filter(layer=Layer.FIXED, publication__isnull=True, day__lte=jst_date(now))
    published, failure = [], None
    for day in list(days.order_by("day").values_list("day", flat=True).distinct()):
        try:
            if one := publish_reading_day(day, now=now):
                published.append(one)
        except Exception as error:
            log.exception("fixed usage read on %s was not published", day)
            failure = failure or error
    if failure:
        raise failure
    return published


def publish_reading_day(day: date, *, now: datetime) -> Publication | None:
    """Publish what arrived of a reading day and nobody has published: BP 12x0, 13x0 and 14x0 zips and a manifest.

    None when there is nothing, another worker is at the day, or hand-overs due by it are still to be carried out.
    Entitled is who supplies the point on the reading day as known now. Raises RevisionsUsedUp.
    Rules: domain notes, metering §2-§4.
    """
    with publication.run_folder(day) as folder, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"{NIGHTLY} {day} {Layer.DAILY}"])
            if not cursor.fetchone()[0]:
                return None
        of_day = {"day": day, "layer": Layer.FIXED}
        batches = list(UsageBatch.objects.select_for_update().filter(**of_day, publication__isnull=True).order_by("pk"))
        if not batches:
            return None
        if any(waits(day) for waits in publication.not_yet_settled):
            log.warning("fixed usage read on %s waits: hand-overs due by that day are not carried out yet", day)
            holds.note(day, now=now)
            return None
        holds.release(day, now=now)
        earlier = Publication.objects.filter(**of_day).aggregate(Max("revision"))["revision__max"]
        revision = 0 if earlier is None else earlier + 1
        if revision > LAST_REVISION:
            raise RevisionsUsedUp(f"{day} {Layer.FIXED}")
        made = Publication(**of_day, revision=revision, published_at=now, folder=folder)
        run = _Run(made, [batch.pk for batch in batches])
        run.write()
        made.rows_superseded = sum(batch.rows for batch in batches) - made.rows - made.rows_without_supplier
        made.readings_superseded = (
            sum(batch.readings for batch in batches) - made.readings - made.readings_without_supplier
        )
        made.save()
        UsageBatch.objects.filter(pk__in=run.batch_ids).update(publication=made)
        publication.number(run.files, made)
        _announce(run.files, made, now=now)
        ledger.record(
            "fixed usage published",
            f"publication {made.pk}",
            by=None,
            now=now,
            day=day.isoformat(),
            revision=revision,
            rows=made.rows,
            rows_without_supplier=made.rows_without_supplier,
            files=len(run.files),
        )
        return made


class _Run:
    """The writing of one publication: one pass over its rows in the order of the files."""

    def __init__(self, made: Publication, batch_ids: list[int]) -> None:
        self.made, self.batch_ids, self.parties = made, batch_ids, Parties.known()
        self.files: list[PublishedFile] = []
        self.next_split: dict[tuple[int, str, str], int] = {}
        made.rows = made.readings = made.rows_without_supplier = made.readings_without_supplier = 0

    def write(self) -> None:
        made = self.made
        for key, rows in groupby(self._rows(), key=lambda found: found[0]):
            if key is None:
                for _, _, row in rows:
                    made.rows_without_supplier += 1
                    made.readings_without_supplier += row.wh is not None
                continue
            outgoing = Outgoing(made.folder, key)
            points: set[int] = set()
            count = readings = 0
            for (kind, month), of_message in groupby(rows, key=lambda found: (found[2].kind, found[2].month)):
                while part := list(islice(of_message, settings.PUBLISHED_MONTHS_PER_FILE)):
                    self._zip(outgoing, kind, month, [(number, row) for _, number, row in part])
                    points |= {row.point_id for _, _, row in part}
                    count += len(part)
                    readings += sum(1 for _, _, row in part if row.wh is not None)
            outgoing.add_manifest(
                f"manifest_fixed_{key[2]}_{made.day:%Y%m%d}_{made.revision:02}.json",
                day=made.day.isoformat(),
                layer=made.layer,
                revision=made.revision,
                recipient=self.parties.retailers.get(key[:2], ("", ""))[0],
                points=len(points),
                published_at=made.published_at,
                rows=count,
                readings=readings,
            )
            made.rows += count
            made.readings += readings
            self.files += outgoing.files

    def _rows(self) -> Iterator[tuple[Key | None, str, FixedRow]]:
        """The rows to publish by recipient, area, class, kind, month, point and meter, only the newest of each."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT f.id, s.retailer_id, p.area, p.supply_class, p.number
                FROM (SELECT DISTINCT ON (point_id, kind, meter) id, point_id, kind, meter, month, read_on
                      FROM metering_fixedrow
                      WHERE batch_id = ANY (%s) ORDER BY point_id, kind, meter, revision DESC) f
                JOIN metering_supplypoint p ON p.id = f.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> f.read_on
                ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class, f.kind, f.month, p.number, f.meter
                """,
                [self.batch_ids],
            )
            found = cursor.fetchall()
        for at in range(0, len(found), FETCH_ROWS):  # a row is a month of half-hours: few of them at a time
            part = found[at : at + FETCH_ROWS]
            rows = FixedRow.objects.in_bulk([row[0] for row in part])
            for pk, retailer_id, area, supply_class, number in part:
                yield None if retailer_id is None else (retailer_id, area, supply_class), number, rows[pk]

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


def due(day: date, area: str) -> date:
    """Until when fixed usage of a reading day is to be published: the fourth business day, the reading day counted."""
    return workdays.of_area(area).add(day - ONE_DAY, settings.FIXED_USAGE_BUSINESS_DAYS)


def _announce(files: list[PublishedFile], made: Publication, *, now: datetime) -> None:
    day = made.day.isoformat()
    of_recipient: dict[int, list[PublishedFile]] = {}
    for file in files:
        of_recipient.setdefault(file.recipient_id, []).append(file)
    outbox.post_many(
        [
            outbox.Post(
                recipient_id=recipient_id,
                kind="fixed_published",
                subject=day,
                link=f"{reverse('metering:published-files')}?day={day}",
                ability=Ability.COLLECT_USAGE,
                context={
                    "day": day,
                    "revision": made.revision,
                    "files": len(theirs),
                    "rows": sum(file.rows for file in theirs if file.format == PublishedFile.Format.BP_ZIP),
                },
            )
            for recipient_id, theirs in of_recipient.items()
        ],
        now=now,
    )
