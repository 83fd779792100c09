"""Usage files out: each day's values to exactly the retailer that supplied the point that day, once, with a manifest.

Files are written first, under a folder of this run that nobody knows of; the commit of the transaction that writes
their rows makes them visible all at once. A crash leaves what was there before, and a folder `sweep_orphans` removes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import IO, Any
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.urls import reverse

from metering import holds, joined_days, owed, slices
from metering.checks import LATE_HOUR
from metering.formats import bp, names
from metering.formats.blocks import BLOCK_ROWS, DayBlock, recut
from metering.formats.csv import write_wide
from metering.halfhours import NULL
from metering.models import CutDay, DeliveryCounter, Layer, Publication, PublishedFile, Slice, UsageBatch
from metering.outgoing import new_file
from metering.owed import Move
from metering.slices import Cut
from portal import jobs, ledger, outbox, stores
from portal.access import Ability
from portal.market import MarketRole, SupplyClass
from portal.models import JobRun, Participation
from portal.workdays import JST, jst_date

log = logging.getLogger(__name__)

Format = PublishedFile.Format

NIGHTLY = "publish usage"
DAY_CODE = {SupplyClass.HV: "0120", SupplyClass.LV: "1120", SupplyClass.FIT: "1120"}
"""The message a class of supply travels in; feed-in is low voltage (domain notes, metering §2)."""
ROOT = "usage/out"
LAST_REVISION = 99
TRIES = 3
ONE_DAY = timedelta(days=1)


# Other rooms tell here whether something due by a day is still to be carried out, so that who supplied which point on
# it may yet change: that day is published when nothing is left.
not_yet_settled: list[Callable[[date], bool]] = []


class RevisionsUsedUp(Exception):
    """A day has been published 100 times; the two digits of the file name hold no further revision."""


# --- Publishing ---------------------------------------------------------------------------------------------------


def publish_day(day: date, layer: str = Layer.DAILY, *, now: datetime) -> Publication | None:
    """Publish what intake brought for a day and nobody has published yet, and what changed hands since it was.

    None when there is nothing, another worker is at it, or hand-overs due by that day are still to be carried out.
    Revision 0 holds the whole day, later ones only the rows that came since, each with its newest values, and all rows
    of points that are now another retailer's: who had those gets a list of the points withdrawn, without values.
    For every retailer, area and class of supply: BP 0120/1120 zips of at most PUBLISHED_POINTS_PER_FILE rows, one wide
    CSV (gzip) with the same rows and a manifest. Entitled is who supplies the point on the day as known now, also when
    a correction comes later; rows of points nobody supplied are counted, not published.
    ValueError for a layer other than the daily one; RevisionsUsedUp.
    Rules: domain notes, metering §2, §3.
    """
    if layer != Layer.DAILY:
        raise ValueError("only the daily layer is published as day files")
    for _ in range(TRIES):
        try:
            return _publish(day, layer, now=now) or work_on_slices(day, layer, now=now)
        except _SupplyChanged:
            log.info("supply of %s changed while it was being published; once more", day)
    return None


class _SupplyChanged(Exception):
    """A day changed hands while its files were being written; they may say either."""


def _publish(day: date, layer: str, *, now: datetime) -> Publication | None:
    with run_folder(day) as folder, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"{NIGHTLY} {day} {layer}"])
            if not cursor.fetchone()[0]:
                return None
        if slices.of_day(day, layer):
            return None  # it was laid out already; what is left to do is in its slices
        batches = list(
            UsageBatch.objects.select_for_update(of=("self",))
            .filter(day=day, layer=layer, publication__isnull=True)
            .select_related("file")
            .order_by("pk")
        )
        # Read before anything of supply is: a change that is noted is then seen, and one noted later is found below.
        notes = owed.unsettled(day)
        if not batches and not notes:
            return None
        if any(waits(day) for waits in not_yet_settled):
            log.warning("usage of %s waits: hand-overs due by that day are not carried out yet", day)
            holds.note(day, now=now)
            return None
        holds.release(day, now=now)
        moves = owed.moves(notes, day, layer)
        if not batches and not moves:
            owed.settle(notes, None, now=now)
            return None
        earlier = Publication.objects.filter(day=day, layer=layer).aggregate(Max("revision"))["revision__max"]
        revision = 0 if earlier is None else earlier + 1
        if revision > LAST_REVISION:
            raise RevisionsUsedUp(f"{day} {layer}")
        publication = Publication(day=day, layer=layer, revision=revision, published_at=now, folder=folder)
        if slices.is_worth_it(batches):
            slices.lay_out(publication, batches, notes, {move.area for move in moves})
            return None
        run = _Run(publication, [batch.pk for batch in batches], moves, folder)
        run.write()
        if owed.unsettled(day) != notes:
            raise _SupplyChanged
        run.count(sum(batch.rows for batch in batches), sum(batch.readings for batch in batches))
        _show(run, notes, now=now)
        return publication


def _show(run: _Run, notes: list[int], *, now: datetime) -> None:
    """Enter everything about a publication whose files are written; the commit shows it all at once."""
    publication = run.publication
    publication.save()
    UsageBatch.objects.filter(pk__in=run.batch_ids).update(publication=publication)
    owed.settle(notes, publication, now=now)
    number(run.files, publication)
    _announce(run.files, publication, now=now)
    ledger.record(
        "usage published",
        f"publication {publication.pk}",
        by=None,
        now=now,
        day=publication.day.isoformat(),
        layer=publication.layer,
        revision=publication.revision,
        rows=run.rows,
        readings=run.readings,
        rows_without_supplier=run.rows_without_supplier,
        rows_moved=run.rows_moved,
        points_withdrawn=publication.points_withdrawn,
        files=len(run.files),
        retailers=len({file.recipient_id for file in run.files}),
    )


# --- A big day, by several workers --------------------------------------------------------------------------------


def work_on_slices(day: date, layer: str = Layer.DAILY, *, now: datetime) -> Publication | None:
    """Write slices of a day that was laid out until none is free; who ends last shows the whole.

    None when the day was not laid out, or others are still writing. A slice whose writer was killed is taken by the
    next one. Raises _SupplyChanged when the day has to be laid out anew.
    """
    cut_day = slices.of_day(day, layer)
    if cut_day is None:
        return None
    while True:
        with slices.next_of(cut_day) as piece:
            if piece is None:
                break
            run = _slice_of(cut_day, piece)
            run.write()
            slices.keep(piece, run.files, {name: getattr(run, name) for name in slices.COUNTS}, now=now)
    return _show_slices(cut_day, now=now)


def work_on_open_days(*, now: datetime) -> None:
    """Help with every day that is laid out: a worker that was woken, or the sweep after a crash."""
    for day, layer in slices.open_days():
        try:
            work_on_slices(day, layer, now=now)
        except _SupplyChanged:
            publish_day(day, layer, now=now)


def _publication_of(cut_day: CutDay) -> Publication:
    return Publication(
        day=cut_day.day,
        layer=cut_day.layer,
        revision=cut_day.revision,
        published_at=cut_day.laid_out_at,
        folder=cut_day.folder,
    )


def _slice_of(cut_day: CutDay, piece: Slice) -> _Run:
    """The writing of one slice: it reads the day's rows and writes files, and changes nothing else."""
    cut = slices.Cut(piece.area, tuple(piece.classes), piece.part, piece.parts)
    moves = [
        move
        for move in owed.moves(cut_day.notes, cut_day.day, cut_day.layer)
        if move.area == cut.area and move.supply_class in cut.classes
    ]
    return _Run(_publication_of(cut_day), piece.batches, moves, slices.folder_of(cut_day, piece), cut)


def _show_slices(cut_day: CutDay, *, now: datetime) -> Publication | None:
    """Show a day all of whose slices are written; None while one is not, or when somebody has shown it."""
    with transaction.atomic():
        found = slices.locked(cut_day)
        if found is None or not slices.is_written(found):
            return None
        batches = list(UsageBatch.objects.select_for_update(of=("self",)).filter(pk__in=found.batches).order_by("pk"))
        if owed.unsettled(found.day) == found.notes:
            publication = _publication_of(found)
            moves = owed.moves(found.notes, found.day, found.layer)
            run = _Run(publication, found.batches, moves, found.folder)
            run.files, counts = slices.gathered(found)
            for name, value in counts.items():
                setattr(run, name, value)
            run.count(sum(batch.rows for batch in batches), sum(batch.readings for batch in batches))
            _show(run, found.notes, now=now)
            slices.forget(found, with_files=False)
            return publication
        slices.forget(found, with_files=True)
    raise _SupplyChanged


def publish_nightly(*, now: datetime) -> Publication | None:
    """Publish yesterday's day, once per day however often it is asked; then clear away what crashes left."""
    yesterday = jst_date(now) - ONE_DAY
    publication = None
    with jobs.once(NIGHTLY, yesterday.isoformat(), now=now) as run:
        if run:
            publication = _publish_or_lay_out(yesterday, now=now)
            run.counts = {"rows": publication.rows, "readings": publication.readings} if publication else {}
    # Slices are written outside the job's transaction, so that others see what is left to do.
    publication = publication or (publish_day(yesterday, now=now) if slices.of_day(yesterday, Layer.DAILY) else None)
    sweep_orphans(now=now)
    return publication


def publish_late(*, now: datetime) -> list[Publication]:
    """Publish every past day with unpublished rows or that changed hands: corrections, reversals, what came too late.

    Yesterday belongs to the nightly job until that has run; from 06:00 JST on it is late and taken here too, for a
    night in which nobody woke the job. A day that fails does not hold up the others.
    """
    yesterday = jst_date(now) - ONE_DAY
    nightly_ran = JobRun.objects.filter(job=NIGHTLY, key=yesterday.isoformat(), finished_at__isnull=False).exists()
    is_late = now.astimezone(JST).hour >= LATE_HOUR
    last = yesterday if nightly_ran or is_late else yesterday - ONE_DAY
    work_on_open_days(now=now)
    days = set(
        UsageBatch.objects.filter(publication__isnull=True, layer=Layer.DAILY, day__lte=last)
        .order_by()
        .values_list("day", flat=True)
        .distinct()
    )
    published, failure = [], None
    for day in sorted(days | owed.days_to_settle(last)):
        try:
            if publication := publish_day(day, now=now):
                published.append(publication)
        except Exception as error:
            log.exception("usage of %s was not published", day)
            failure = error
    if failure:
        raise failure
    return published


def _publish_or_lay_out(day: date, *, now: datetime) -> Publication | None:
    for _ in range(TRIES):
        try:
            return _publish(day, Layer.DAILY, now=now)
        except _SupplyChanged:
            log.info("supply of %s changed while it was being published; once more", day)
    return None


@dataclass
class _Group:
    """The files of one retailer, area and class of supply."""

    recipient_id: int
    area: str
    supply_class: str
    files: list[PublishedFile] = field(default_factory=list)
    points: int = 0
    last_point: bytes = b""

    def count(self, block: DayBlock) -> None:
        """Count points as they pass by in order; a point with two meters is one."""
        self.points += len(np.unique(block.points)) - int(block.points[0] == self.last_point)
        self.last_point = block.points[-1]


class _Run:
    """The writing of one publication: one pass over its rows in the order of the files, a block at a time."""

    def __init__(
        self, publication: Publication, batch_ids: list[int], moves: list[Move], folder: str, cut: Cut | None = None
    ) -> None:
        self.publication, self.batch_ids, self.folder, self.cut = publication, batch_ids, folder, cut
        self.moved = [move.point_id for move in moves if move.to_retailer_id]
        self.withdrawn: dict[tuple[int, str, str], list[str]] = {}
        for move in moves:
            if move.from_retailer_id and (
                cut is None
                or cut.holds(area=move.area, supply_class=move.supply_class, retailer_id=move.from_retailer_id)
            ):
                key = (move.from_retailer_id, move.area, move.supply_class)
                self.withdrawn.setdefault(key, []).append(move.number)
        self.files: list[PublishedFile] = []
        self.rows = self.readings = 0
        self.rows_moved = self.readings_moved = 0
        self.rows_without_supplier = self.readings_without_supplier = 0
        self.written: set[tuple[int, str, str]] = set()
        self.next_split: dict[tuple[int, str, str], int] = {}
        self.participants: dict[tuple[int, str], tuple[str, str]] = {}
        self.operators: dict[str, tuple[str, str]] = {}
        for p in Participation.objects.select_related("company"):
            if p.market_role == MarketRole.RETAILER:
                self.participants[p.company_id, p.area] = (p.code, p.company.name)
            else:
                self.operators[p.area] = (p.code, p.company.name)

    def write(self) -> None:
        for (recipient_id, area, supply_class), blocks in groupby(self._parts(), key=lambda part: part[0]):
            days = (block for _, block in blocks)
            if recipient_id is None:
                for block in days:
                    self.rows_without_supplier += len(block)
                    self.readings_without_supplier += block.readings()
                continue
            self._write_group(_Group(recipient_id, area, supply_class), days)
        for key in sorted(self.withdrawn.keys() - self.written):
            group = _Group(*key)
            self._write_withdrawal(group)
            self._write_manifest(group)
            self.files += group.files

    def count(self, batch_rows: int, batch_readings: int) -> None:
        """Enter what was written into the publication, beside what its batches hold."""
        publication = self.publication
        publication.rows, publication.readings = self.rows, self.readings
        publication.rows_moved, publication.readings_moved = self.rows_moved, self.readings_moved
        publication.points_withdrawn = sum(map(len, self.withdrawn.values()))
        publication.rows_without_supplier = self.rows_without_supplier
        publication.readings_without_supplier = self.readings_without_supplier
        publication.rows_superseded = batch_rows - (self.rows - self.rows_moved) - self.rows_without_supplier
        publication.readings_superseded = (
            batch_readings - (self.readings - self.readings_moved) - self.readings_without_supplier
        )

    def _write_group(self, group: _Group, blocks: Iterator[DayBlock]) -> None:
        """Both formats from one pass: the CSV takes the blocks, the zips are cut from what passes by."""
        limit = settings.PUBLISHED_POINTS_PER_FILE
        held: list[DayBlock] = []

        def passing() -> Iterator[DayBlock]:
            for block in blocks:
                group.count(block)
                held.append(block)
                yield block
                if sum(map(len, held)) >= limit:
                    parts = list(recut(held, limit))
                    held[:] = [parts.pop()] if len(parts[-1]) < limit else []
                    for part in parts:
                        self._write_zip(group, part)

        name = f"usage_{group.supply_class}_{self.publication.day:%Y%m%d}_{self.publication.revision:02}.csv.gz"
        with new_file() as out:
            written = write_wide(out, passing(), compress=True)
            for part in recut(held, limit):
                self._write_zip(group, part)
            self._keep(group, Format.WIDE_CSV, name, out, written.rows, written.readings, written.sha256)
        self._write_withdrawal(group)
        self._write_manifest(group)
        self.written.add((group.recipient_id, group.area, group.supply_class))
        self.rows += written.rows
        self.readings += written.readings
        self.files += group.files

    def _write_zip(self, group: _Group, block: DayBlock) -> None:
        code = DAY_CODE[SupplyClass(group.supply_class)]
        # LV and feed-in share a code and so one row of split numbers.
        key = (group.recipient_id, group.area, code)
        split = self.next_split.get(key, 0)
        self.next_split[key] = split + 1
        day = self.publication.day
        name = names.build(code, day, revision=self.publication.revision, split=split)
        sender, sender_name = self.operators.get(group.area, ("", ""))
        receiver, receiver_name = self.participants.get((group.recipient_id, group.area), ("", ""))
        message = bp.Message(
            code=code,
            day=day,
            sender=sender,
            sender_name=sender_name,
            receiver=receiver,
            receiver_name=receiver_name,
            created=self.publication.published_at,
        )
        with new_file() as out:
            written = bp.write_day_zip(out, name, message, block)
            self._keep(group, Format.BP_ZIP, str(name), out, written.rows, written.readings, written.sha256)

    def _write_withdrawal(self, group: _Group) -> None:
        """The points of this day that were published to the retailer and are not its own: numbers, no values."""
        numbers = self.withdrawn.get((group.recipient_id, group.area, group.supply_class))
        if not numbers:
            return
        publication = self.publication
        lines = ["supply_point,date", *(f"{number},{publication.day.isoformat()}" for number in numbers)]
        text = "".join(f"{line}\n" for line in lines).encode()
        name = f"withdrawn_{group.supply_class}_{publication.day:%Y%m%d}_{publication.revision:02}.csv"
        with new_file() as out:
            out.write(text)
            self._keep(group, Format.WITHDRAWAL, name, out, len(numbers), 0, hashlib.sha256(text).hexdigest())

    def _write_manifest(self, group: _Group) -> None:
        publication = self.publication
        table = next((file for file in group.files if file.format == Format.WIDE_CSV), None)
        rows, readings = (table.rows, table.readings) if table else (0, 0)
        content = {
            "day": publication.day.isoformat(),
            "layer": publication.layer,
            "revision": publication.revision,
            "published_at": publication.published_at.isoformat(),
            "area": group.area,
            "supply_class": group.supply_class,
            "recipient": self.participants.get((group.recipient_id, group.area), ("", ""))[0],
            "rows": rows,
            "points": group.points,
            "readings": readings,
            "points_withdrawn": sum(file.rows for file in group.files if file.format == Format.WITHDRAWAL),
            "files": [
                {
                    "name": file.name,
                    "format": file.format,
                    "rows": file.rows,
                    "readings": file.readings,
                    "size": file.size,
                    "sha256": file.sha256,
                }
                for file in sorted(group.files, key=lambda file: (file.format, file.name))
            ],
        }
        text = json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
        name = f"manifest_{group.supply_class}_{publication.day:%Y%m%d}_{publication.revision:02}.json"
        with new_file() as out:
            out.write(text)
            digest = hashlib.sha256(text).hexdigest()
            self._keep(group, Format.MANIFEST, name, out, rows, readings, digest)

    def _keep(
        self, group: _Group, format_: str, name: str, out: IO[bytes], rows: int, readings: int, sha256: str
    ) -> None:
        out.flush()
        size = out.tell()
        if settings.FILES_SURVIVE_POWER_CUT:
            os.fsync(out.fileno())
        path = default_storage.save(f"{self.folder}/{group.recipient_id}-{group.area}/{name}", out)
        group.files.append(
            PublishedFile(
                recipient_id=group.recipient_id,
                area=group.area,
                supply_class=group.supply_class,
                format=format_,
                name=name,
                content=path,
                rows=rows,
                readings=readings,
                size=size,
                sha256=sha256,
            )
        )

    def _parts(self) -> Iterator[tuple[tuple[int | None, str, str], DayBlock]]:
        """The rows to publish, sorted by recipient, area, class, point and meter, in blocks of one recipient each.

        Of a row that was corrected before anybody saw it, only the newest revision is there; of points that moved to
        another retailer also what was published before, in its newest revision.
        """
        parameters = {
            "day": self.publication.day,
            "layer": self.publication.layer,
            "batches": self.batch_ids,
            "moved": self.moved,
        }
        if cut := self.cut:
            parameters |= {"area": cut.area, "classes": list(cut.classes), "part": cut.part, "parts": cut.parts}
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute("SET LOCAL cursor_tuple_fraction = 1")  # every row of the cursor below is wanted
        with _server_cursor() as cursor:
            cursor.execute(
                f"""
                SELECT s.retailer_id, p.area, p.supply_class, {joined_days.JOINED}
                       {", array_agg(u.moved)" if self.moved else ""}
                FROM {_WITH_MOVED if self.moved else "metering_usageday"} u
                JOIN metering_supplypoint p ON p.id = u.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = u.point_id AND s.known_until IS NULL AND s.during @> %(day)s::date
                WHERE u.day = %(day)s AND u.layer = %(layer)s
                  {"" if self.moved else "AND u.batch_id = ANY(%(batches)s)"}
                  {_OF_THE_SLICE if self.cut else ""}
                  {_NOT_SUPERSEDED if self._corrects_itself() else ""}
                GROUP BY s.retailer_id, p.area, p.supply_class
                ORDER BY s.retailer_id NULLS FIRST, p.area, p.supply_class
                """,
                parameters,
            )
            while group := cursor.fetchone():
                key, joined, moved = group[:3], group[3:7], group[7:]
                days = joined_days.JoinedDays(self.publication.day, joined)
                again = np.array(moved[0], bool) if moved else None
                for block, rows in days.blocks(BLOCK_ROWS):
                    if again is not None:
                        self.rows_moved += int(again[rows].sum())
                        self.readings_moved += int(np.count_nonzero(block.values[again[rows]] != NULL))
                    yield key, block

    def _corrects_itself(self) -> bool:
        """Whether rows of these batches may supersede one another: only corrections do."""
        return (
            len(self.batch_ids) > 1 and UsageBatch.objects.filter(pk__in=self.batch_ids, rows_corrected__gt=0).exists()
        )


# The batches' rows and, of the points that moved, the newest of what was published before.
_WITH_MOVED = """(
                    SELECT b.point_id, b.day, b.layer, b.meter, b.revision, b.batch_id, b.packed, b.quality,
                           false AS moved
                    FROM metering_usageday b
                    WHERE b.day = %(day)s AND b.layer = %(layer)s AND b.batch_id = ANY(%(batches)s)
                    UNION ALL
                    SELECT * FROM (
                        SELECT DISTINCT ON (o.point_id, o.meter) o.point_id, o.day, o.layer, o.meter, o.revision,
                               o.batch_id, o.packed, o.quality, true AS moved
                        FROM metering_usageday o
                        JOIN metering_usagebatch f ON f.id = o.batch_id
                        WHERE o.point_id = ANY(%(moved)s) AND o.day = %(day)s AND o.layer = %(layer)s
                          AND (f.publication_id IS NOT NULL OR f.id = ANY(%(batches)s))
                        ORDER BY o.point_id, o.meter, o.revision DESC) AS before
                    WHERE before.batch_id <> ALL(%(batches)s))"""

_OF_THE_SLICE = """
                  AND p.area = %(area)s AND p.supply_class = ANY(%(classes)s)
                  AND coalesce(s.retailer_id, 0) %% %(parts)s = %(part)s
"""

_NOT_SUPERSEDED = """
                  AND NOT EXISTS (SELECT FROM metering_usageday n
                                  WHERE n.point_id = u.point_id AND n.day = u.day AND n.layer = u.layer
                                    AND n.meter = u.meter AND n.revision > u.revision
                                    AND n.batch_id = ANY(%(batches)s))
"""


@contextmanager
def _server_cursor() -> Iterator[Any]:
    """A cursor of the server in binary form: a retailer's rows come at a time, joined."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor(name=f"publication_{uuid4().hex}", binary=True) as cursor,
    ):
        yield cursor


@contextmanager
def run_folder(day: date) -> Iterator[str]:
    """A folder of the storage for one run; when the run fails its files are taken away again.

    Where it cannot be told whether the commit went through, they stay, for `sweep_orphans` to decide.
    """
    folder = f"{ROOT}/{day:%Y/%m/%d}/{uuid4().hex}"
    try:
        yield folder
    except BaseException:
        try:
            if not Publication.objects.filter(folder=folder).exists():
                stores.remove_folder(folder)
        except Exception:
            log.warning("files of a failed publication stay in %s for now", folder)
        raise


def sweep_orphans(*, now: datetime) -> int:
    """Remove files of publications that never came to be (the process was killed); returns how many.

    A day at which somebody is publishing this moment is left alone: its lock is asked for first.
    """
    removed = 0
    known = {*Publication.objects.values_list("folder", flat=True), *CutDay.objects.values_list("folder", flat=True)}
    for day_folder in _day_folders():
        for name in stores.folders(day_folder):
            folder = f"{day_folder}/{name}"
            if folder in known:
                continue
            day = "-".join(day_folder.split("/")[-3:])
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"{NIGHTLY} {day} {Layer.DAILY}"])
                alive = (
                    Publication.objects.filter(folder=folder).exists() or CutDay.objects.filter(folder=folder).exists()
                )
                if cursor.fetchone()[0] and not alive:
                    removed += stores.remove_folder(folder)
    if removed:
        ledger.record("unpublished files removed", "usage files", by=None, now=now, files=removed)
    return removed


def _day_folders() -> Iterator[str]:
    folders = [ROOT]
    for _ in range(3):  # year, month, day
        folders = [f"{above}/{name}" for above in folders for name in stores.folders(above)]
    yield from folders


def number(files: list[PublishedFile], publication: Publication) -> None:
    """Give every file its number and make it visible with the commit; numbers per recipient have no gaps."""
    recipients = sorted({file.recipient_id for file in files})
    DeliveryCounter.objects.bulk_create(
        [DeliveryCounter(recipient_id=recipient_id) for recipient_id in recipients], ignore_conflicts=True
    )
    counters = {
        counter.pk: counter
        for counter in DeliveryCounter.objects.select_for_update().filter(pk__in=recipients).order_by("pk")
    }
    for file in files:
        counter = counters[file.recipient_id]
        counter.files_published += 1
        file.number, file.publication = counter.files_published, publication
    DeliveryCounter.objects.bulk_update(counters.values(), ["files_published"], batch_size=500)
    PublishedFile.objects.bulk_create(files, batch_size=2000)


def _announce(files: list[PublishedFile], publication: Publication, *, now: datetime) -> None:
    """One notice to every retailer that got something, and one to every retailer that loses points of the day."""
    of_recipient: dict[int, list[PublishedFile]] = {}
    for file in files:
        of_recipient.setdefault(file.recipient_id, []).append(file)
    day = publication.day.isoformat()
    posts = []
    for recipient_id, theirs in of_recipient.items():
        told = {"day": day, "revision": publication.revision, "files": len(theirs)}
        rows = sum(file.rows for file in theirs if file.format == Format.WIDE_CSV)
        withdrawn = sum(file.rows for file in theirs if file.format == Format.WITHDRAWAL)
        for kind, context in (("usage_published", {"rows": rows}), ("usage_withdrawn", {"points": withdrawn})):
            if any(context.values()):
                posts.append(
                    outbox.Post(
                        recipient_id=recipient_id,
                        kind=kind,
                        subject=day,
                        link=f"{reverse('metering:published-files')}?day={day}",
                        ability=Ability.COLLECT_USAGE,
                        context={**told, **context},
                    )
                )
    outbox.post_many(posts, now=now)


# --- Keeping the books --------------------------------------------------------------------------------------------


# Per retailer: the rows it was to get when they were published (what changed hands later says who that was), and those
# published again to it because it took the day over afterwards.
_ENTITLED = """
    WITH moved AS (
        SELECT o.point_id, o.day, q.revision, (array_agg(o.from_retailer_id ORDER BY o.id))[1] AS from_id,
               (array_agg(o.to_retailer_id ORDER BY o.id DESC))[1] AS to_id
        FROM metering_owedday o JOIN metering_publication q ON q.id = o.publication_id AND q.layer = %(layer)s
        WHERE o.day BETWEEN %(first)s AND %(last)s GROUP BY o.point_id, o.day, q.revision)
    SELECT retailer_id, sum(count)::bigint FROM (
        SELECT CASE WHEN since.id IS NULL THEN s.retailer_id ELSE since.from_retailer_id END AS retailer_id, count(*)
        FROM metering_usageday u
        JOIN metering_usagebatch b ON b.id = u.batch_id
        JOIN metering_publication done ON done.id = b.publication_id
        LEFT JOIN metering_supplyperiod s
          ON s.point_id = u.point_id AND s.known_until IS NULL AND s.during @> u.day
        LEFT JOIN LATERAL (
            SELECT o.id, o.from_retailer_id FROM metering_owedday o
            LEFT JOIN metering_publication q ON q.id = o.publication_id
            WHERE o.point_id = u.point_id AND o.day = u.day
              AND (o.settled_at IS NULL OR q.revision > done.revision
                   OR (q.id IS NULL AND o.settled_at > done.published_at))
            ORDER BY o.id LIMIT 1) AS since ON true
        WHERE u.day BETWEEN %(first)s AND %(last)s AND u.layer = %(layer)s
          AND NOT EXISTS (SELECT FROM metering_usageday n
                          JOIN metering_usagebatch nb ON nb.id = n.batch_id
                          WHERE n.point_id = u.point_id AND n.day = u.day AND n.layer = u.layer
                            AND n.meter = u.meter AND n.revision > u.revision
                            AND nb.publication_id = b.publication_id)
        GROUP BY 1
        UNION ALL
        SELECT m.to_id, count(*) FROM moved m
        JOIN LATERAL (
            SELECT DISTINCT ON (u.meter) u.meter, done.revision
            FROM metering_usageday u
            JOIN metering_usagebatch b ON b.id = u.batch_id
            JOIN metering_publication done ON done.id = b.publication_id AND done.revision <= m.revision
            WHERE u.point_id = m.point_id AND u.day = m.day AND u.layer = %(layer)s
            ORDER BY u.meter, u.revision DESC) AS newest ON newest.revision < m.revision
        WHERE m.from_id IS DISTINCT FROM m.to_id
        GROUP BY 1) AS counted
    WHERE retailer_id IS NOT NULL GROUP BY 1
"""


def balance(day_from: date, day_to: date, *, layer: str = Layer.DAILY) -> dict[str, Any]:
    """The books of a span of days (both included): what is stored, what was published, and to whom.

    Keys: rows_/readings_ stored, published, of these moved (published again because another retailer is entitled),
    without_supplier, superseded (corrected before publication), waiting; `retailers` {company id: {rows, readings,
    rows_entitled}}; `balanced`: every stored row is counted once, the published ones are exactly those the retailer
    got that was entitled to them then. Rows stored are counted in the store itself.
    """
    days = {"day__gte": day_from, "day__lte": day_to, "layer": layer}
    of_publication = {f"publication__{name}": value for name, value in days.items()}

    def sums(**columns: Any) -> dict[str, int]:
        return {name: value or 0 for name, value in columns.items()}

    batches = sums(**UsageBatch.objects.filter(**days).aggregate(rows=Sum("rows"), readings=Sum("readings")))
    waiting = sums(
        **UsageBatch.objects.filter(**days, publication__isnull=True).aggregate(
            rows=Sum("rows"), readings=Sum("readings")
        )
    )
    out = sums(
        **Publication.objects.filter(**days).aggregate(
            rows=Sum("rows"),
            readings=Sum("readings"),
            lost_rows=Sum("rows_without_supplier"),
            lost_readings=Sum("readings_without_supplier"),
            old_rows=Sum("rows_superseded"),
            old_readings=Sum("readings_superseded"),
            moved_rows=Sum("rows_moved"),
            moved_readings=Sum("readings_moved"),
        )
    )
    files = PublishedFile.objects.filter(**of_publication, format=Format.WIDE_CSV)
    retailers: dict[int, dict[str, int]] = {
        row["recipient_id"]: {"rows": row["r"], "readings": row["n"], "rows_entitled": 0}
        for row in files.values("recipient_id").annotate(r=Sum("rows"), n=Sum("readings")).order_by()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM metering_usageday WHERE day BETWEEN %s AND %s AND layer = %s",
            [day_from, day_to, layer],
        )
        (rows_stored,) = cursor.fetchone()
        cursor.execute(_ENTITLED, {"first": day_from, "last": day_to, "layer": layer})
        for retailer_id, count in cursor.fetchall():
            retailers.setdefault(retailer_id, {"rows": 0, "readings": 0, "rows_entitled": 0})["rows_entitled"] = count
    balanced = (
        rows_stored
        == batches["rows"]
        == out["rows"] - out["moved_rows"] + out["lost_rows"] + out["old_rows"] + waiting["rows"]
        and batches["readings"]
        == out["readings"] - out["moved_readings"] + out["lost_readings"] + out["old_readings"] + waiting["readings"]
        and sum(entry["rows"] for entry in retailers.values()) == out["rows"]
        and sum(entry["readings"] for entry in retailers.values()) == out["readings"]
        and all(entry["rows"] == entry["rows_entitled"] for entry in retailers.values())
    )
    return {
        "rows_stored": rows_stored,
        "readings_stored": batches["readings"],
        "rows_published": out["rows"],
        "readings_published": out["readings"],
        "rows_moved": out["moved_rows"],
        "readings_moved": out["moved_readings"],
        "rows_without_supplier": out["lost_rows"],
        "readings_without_supplier": out["lost_readings"],
        "rows_superseded": out["old_rows"],
        "readings_superseded": out["old_readings"],
        "rows_waiting": waiting["rows"],
        "readings_waiting": waiting["readings"],
        "retailers": retailers,
        "balanced": balanced,
    }
