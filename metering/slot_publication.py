"""Half-hour files out: what arrived goes to whoever supplies the point that day, within minutes, slot by slot.

The books are those of day publication: files are written under a folder nobody knows of, numbered without gaps and made
visible by the commit. A half-hour and a publication of its whole day wait for one another (one lock per day).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray

from metering import holds, revisions, run_folders, slots
from metering.formats import bp, names
from metering.formats.blocks import POINT_LENGTH, SlotBlock
from metering.halfhours import NULL, plain_quality, slot_start
from metering.models import Layer, Publication, PublishedFile, UsageBatch
from metering.outgoing import Key, Outgoing, Parties
from portal.market import SupplyClass

log = logging.getLogger(__name__)

CODE = {SupplyClass.HV: "0110", SupplyClass.LV: "1110", SupplyClass.FIT: "1110"}
"""The message a class of supply travels in, as with whole days."""


def publish_waiting(*, now: datetime) -> list[Publication]:
    """Publish every half-hour that brought something since it was last published, the oldest first.

    One that fails does not hold up the others; the first failure is raised at the end.
    """
    waiting = (
        UsageBatch.objects.filter(layer=Layer.PRELIMINARY, publication__isnull=True)
        .order_by("day", "slot")
        .values_list("day", "slot")
        .distinct()
    )
    return revisions.each(list(waiting), lambda day, slot: publish_slot(day, slot, now=now))


def publish_slot(day: date, slot: int, *, now: datetime) -> Publication | None:
    """Publish what arrived of one half-hour and nobody has published: BP 0110/1110 zips and a manifest per retailer.

    None when there is nothing, another worker is at the day, or hand-overs due by it are still to be carried out.
    Entitled is who supplies the point that day as known now. Preliminary values are not published anew when supply
    changes afterwards: the day file follows who supplied. Raises RevisionsUsedUp. Rules: domain notes, metering §2-§4.
    """
    with run_folders.run_folder(day) as folder, transaction.atomic():
        if not run_folders.lock(day):
            return None
        of_slot = {"day": day, "layer": Layer.PRELIMINARY, "slot": slot}
        batches = list(
            UsageBatch.objects.select_for_update(of=("self",))
            .filter(**of_slot, publication__isnull=True)
            .select_related("file")
            .order_by("pk")
        )
        if not batches:
            return None
        if holds.holds_up(day, now=now):
            return None
        made = revisions.begin(folder, now=now, **of_slot)
        run = _Run(made)
        run.write(slots.held(batches))
        rows, readings = sum(batch.rows for batch in batches), sum(batch.readings for batch in batches)
        revisions.count_superseded(made, rows=rows, readings=readings)
        ids = [batch.pk for batch in batches]
        revisions.close(made, ids, run.files, action="half-hour published", now=now, slot=slot)
        return made


class _Run:
    """The writing of one publication."""

    def __init__(self, made: Publication) -> None:
        self.made, self.parties = made, Parties.known()
        self.files: list[PublishedFile] = []
        self.next_split: dict[tuple[int, str, str], int] = {}

    def write(self, held: slots.Held) -> None:
        rows = held.newest()
        ids, values = held.ids[rows], held.values[rows]
        meters = [held.meters[row] for row in rows.tolist()]
        made = self.made
        made.rows = made.readings = made.rows_without_supplier = made.readings_without_supplier = 0
        for key, numbers, chosen in self._parts(ids, meters):
            readings = int(np.count_nonzero(values[chosen] != NULL))
            if key is None:
                made.rows_without_supplier += len(chosen)
                made.readings_without_supplier += readings
                continue
            made.rows += len(chosen)
            made.readings += readings
            outgoing = Outgoing(made.folder, key)
            for at in range(0, len(chosen), settings.PUBLISHED_POINTS_PER_FILE):
                part = slice(at, at + settings.PUBLISHED_POINTS_PER_FILE)
                of_part = [meters[row] for row in chosen[part].tolist()]
                self._zip(outgoing, numbers[part], of_part, values[chosen[part]])
            start = slot_start(made.day, made.slot)
            outgoing.add_manifest(
                f"manifest_{key[2]}_{start:%Y%m%d_%H%M}_{made.revision:02}.json",
                day=made.day.isoformat(),
                layer=made.layer,
                slot=made.slot,
                revision=made.revision,
                recipient=self.parties.retailers.get(key[:2], ("", ""))[0],
                points=len(set(numbers)),
                published_at=made.published_at,
                rows=len(chosen),
                readings=readings,
            )
            self.files += outgoing.files

    def _parts(
        self, ids: NDArray[np.int64], meters: list[str]
    ) -> Iterator[tuple[Key | None, list[str], NDArray[np.intp]]]:
        """The rows of each recipient, area and class, in the order of points and meters; of nobody first."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT s.retailer_id, p.area, p.supply_class, p.number, k.at - 1
                FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS k (point_id, meter, at)
                JOIN metering_supplypoint p ON p.id = k.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> %s::date
                ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class, p.number, k.meter COLLATE "C"
                """,
                [ids.tolist(), meters, self.made.day],
            )
            found = cursor.fetchall()
        for (recipient_id, area, supply_class), rows in groupby(found, key=lambda row: row[:3]):
            theirs = list(rows)
            key = None if recipient_id is None else (recipient_id, area, supply_class)
            yield key, [row[3] for row in theirs], np.array([row[4] for row in theirs], np.intp)

    def _zip(self, outgoing: Outgoing, numbers: list[str], meters: list[str], values: NDArray[np.int32]) -> None:
        recipient_id, area, supply_class = outgoing.key
        made, code = self.made, CODE[SupplyClass(supply_class)]
        # LV and feed-in share a code and so one row of split numbers.
        split = self.next_split.get((recipient_id, area, code), 0)
        self.next_split[recipient_id, area, code] = split + 1
        start = slot_start(made.day, made.slot).time()
        name = names.build(code, made.day, revision=made.revision, split=split, start=start)
        message = bp.Message(
            code=code,
            day=made.day,
            slot=made.slot,
            created=made.published_at,
            **self.parties.of(recipient_id, area),
        )
        block = SlotBlock(
            np.array(numbers, f"S{POINT_LENGTH}"),
            meters,
            np.datetime64(made.day, "D"),
            made.slot,
            values,
            plain_quality(values),
            np.arange(1, len(numbers) + 1, dtype=np.int64),
        )
        outgoing.add(
            PublishedFile.Format.BP_ZIP, str(name), lambda out: bp.write_half_hour_zip(out, name, message, block)
        )
