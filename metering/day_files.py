"""The files of one day's publication: its rows read in the order of the files, written once, counted as they pass."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from typing import IO, Any
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.db import connection

from metering import joined_days, revisions, withdrawals
from metering.formats import bp, names
from metering.formats.blocks import BLOCK_ROWS, DayBlock, recut
from metering.formats.csv import Written, write_wide
from metering.halfhours import NULL
from metering.models import Publication, PublishedFile
from metering.outgoing import Key, Outgoing, Parties
from metering.owed import Move
from metering.slices import Cut
from portal.market import SupplyClass

DAY_CODE = {SupplyClass.HV: "0120", SupplyClass.LV: "1120", SupplyClass.FIT: "1120"}
"""The message a class of supply travels in; feed-in is low voltage (domain notes, metering §2)."""

MUCH = 0.1
"""A look-up costs about ten times what a row costs in a walk along the whole table."""

ROWS_AT_ONCE = 250_000
"""Rows of a retailer that are held at a time, at the most some."""

Format = PublishedFile.Format


class DayFiles:
    """The files of one publication, or of one slice of it: one pass over its rows, a block at a time."""

    def __init__(
        self, publication: Publication, batch_ids: list[int], moves: list[Move], folder: str, cut: Cut | None = None
    ) -> None:
        self.publication, self.batch_ids, self.folder, self.cut = publication, batch_ids, folder, cut
        self.moved = [move.point_id for move in moves if move.to_retailer_id]
        self.withdrawn: dict[Key, list[str]] = {}
        for move in moves:
            if move.from_retailer_id and (
                cut is None
                or cut.holds(area=move.area, supply_class=move.supply_class, retailer_id=move.from_retailer_id)
            ):
                key = (move.from_retailer_id, move.area, move.supply_class)
                self.withdrawn.setdefault(key, []).append(move.number)
        self.parties = Parties.known()
        self.files: list[PublishedFile] = []
        self.rows = self.readings = 0
        self.rows_moved = self.readings_moved = 0
        self.rows_without_supplier = self.readings_without_supplier = 0
        self.next_split: dict[Key, int] = {}

    def write(self) -> None:
        """Write all of them; what is written is in `files` and counted."""
        with closing(self._parts()) as parts:  # a writer that fails leaves no cursor open behind the transaction
            self._write_all(parts)

    def _write_all(self, parts: Iterator[tuple[tuple[int | None, str, str], DayBlock]]) -> None:
        written: set[Key] = set()
        for (recipient_id, area, supply_class), blocks in groupby(parts, key=lambda part: part[0]):
            days = (block for _, block in blocks)
            if recipient_id is None:
                for block in days:
                    self.rows_without_supplier += len(block)
                    self.readings_without_supplier += block.readings()
                continue
            outgoing = Outgoing(self.folder, (recipient_id, area, supply_class))
            self._write_days(outgoing, days)
            written.add(outgoing.key)
            self.files += outgoing.files
        for key in sorted(self.withdrawn.keys() - written):
            outgoing = Outgoing(self.folder, key)
            self._write_withdrawal(outgoing)
            self._write_manifest(outgoing, Written(0, 0, 0, ""), 0)
            self.files += outgoing.files

    def count(self, batch_rows: int, batch_readings: int) -> None:
        """Enter what was written into the publication, beside what its batches hold."""
        publication = self.publication
        publication.rows, publication.readings = self.rows, self.readings
        publication.rows_moved, publication.readings_moved = self.rows_moved, self.readings_moved
        publication.points_withdrawn = sum(map(len, self.withdrawn.values()))
        publication.rows_without_supplier = self.rows_without_supplier
        publication.readings_without_supplier = self.readings_without_supplier
        revisions.count_superseded(publication, rows=batch_rows, readings=batch_readings)

    def _write_days(self, outgoing: Outgoing, blocks: Iterator[DayBlock]) -> None:
        """Both formats from one pass: the CSV takes the blocks, the zips are cut from what passes by."""
        limit = settings.PUBLISHED_POINTS_PER_FILE
        held: list[DayBlock] = []
        points = _Points()

        def passing() -> Iterator[DayBlock]:
            for block in blocks:
                points.count(block)
                held.append(block)
                yield block
                if sum(map(len, held)) >= limit:
                    parts = list(recut(held, limit))
                    held[:] = [parts.pop()] if len(parts[-1]) < limit else []
                    for part in parts:
                        self._write_zip(outgoing, part)

        def write(out: IO[bytes]) -> Written:
            written = write_wide(out, passing(), compress=True)
            for part in recut(held, limit):
                self._write_zip(outgoing, part)
            return written

        written = outgoing.add(Format.WIDE_CSV, self._name("usage", outgoing, "csv.gz"), write)
        self._write_withdrawal(outgoing)
        self._write_manifest(outgoing, written, points.number)
        self.rows += written.rows
        self.readings += written.readings

    def _name(self, stem: str, outgoing: Outgoing, ending: str) -> str:
        publication, supply_class = self.publication, outgoing.key[2]
        return f"{stem}_{supply_class}_{publication.day:%Y%m%d}_{publication.revision:02}.{ending}"

    def _write_zip(self, outgoing: Outgoing, block: DayBlock) -> None:
        recipient_id, area, supply_class = outgoing.key
        code = DAY_CODE[SupplyClass(supply_class)]
        # LV and feed-in share a code and so one row of split numbers.
        key = (recipient_id, area, code)
        split = self.next_split.get(key, 0)
        self.next_split[key] = split + 1
        day = self.publication.day
        name = names.build(code, day, revision=self.publication.revision, split=split)
        message = bp.Message(
            code=code, day=day, created=self.publication.published_at, **self.parties.of(recipient_id, area)
        )
        outgoing.add(Format.BP_ZIP, str(name), lambda out: bp.write_day_zip(out, name, message, block))

    def _write_withdrawal(self, outgoing: Outgoing) -> None:
        """The points of this day that were published to the retailer and are not its own: numbers, no values."""
        if numbers := self.withdrawn.get(outgoing.key):
            text = withdrawals.text((number, self.publication.day) for number in numbers)
            name = self._name("withdrawn", outgoing, "csv")
            outgoing.add_bytes(Format.WITHDRAWAL, name, text, rows=len(numbers), readings=0)

    def _write_manifest(self, outgoing: Outgoing, table: Written, points: int) -> None:
        publication = self.publication
        outgoing.add_manifest(
            self._name("manifest", outgoing, "json"),
            day=publication.day.isoformat(),
            layer=publication.layer,
            revision=publication.revision,
            recipient=self.parties.retailers.get(outgoing.key[:2], ("", ""))[0],
            points=points,
            points_withdrawn=withdrawals.count(outgoing.files),
            published_at=publication.published_at,
            rows=table.rows,
            readings=table.readings,
        )

    def _parts(self) -> Generator[tuple[tuple[int | None, str, str], DayBlock]]:
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
        count, points, corrects_itself, is_much = self._about()
        parameters["bounds"] = _bounds(max(count, points)) if count > ROWS_AT_ONCE else []
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute("SET LOCAL cursor_tuple_fraction = 1")  # every row of the cursor below is wanted
            if is_much:  # the statistics of a day that has just come in say that it is empty
                cursor.execute("SET LOCAL enable_nestloop = off")
        with _server_cursor() as cursor:
            cursor.execute(
                f"""
                SELECT s.retailer_id, p.area, p.supply_class, width_bucket(p.number::text, %(bounds)s::text[]),
                       {joined_days.JOINED}
                       {", array_agg(u.moved)" if self.moved else ""}
                FROM {_WITH_MOVED if self.moved else "metering_usageday"} u
                JOIN metering_supplypoint p ON p.id = u.point_id
                LEFT JOIN metering_supplyperiod s
                       ON s.point_id = u.point_id AND s.known_until IS NULL AND s.during @> %(day)s::date
                WHERE u.day = %(day)s AND u.layer = %(layer)s
                  {"" if self.moved else "AND u.batch_id = ANY(%(batches)s)"}
                  {_OF_THE_SLICE if self.cut else ""}
                  {_NOT_SUPERSEDED if corrects_itself else ""}
                GROUP BY 1, 2, 3, 4
                ORDER BY 1 NULLS FIRST, 2, 3, 4
                """,
                parameters,
            )
            if is_much:  # the cursor has its plan
                with connection.cursor() as other:
                    other.execute("SET LOCAL enable_nestloop = on")
            while group := cursor.fetchone():
                key, joined, moved = group[:3], group[4:8], group[8:]
                days = joined_days.JoinedDays(self.publication.day, joined)
                again = np.array(moved[0], bool) if moved else None
                for block, rows in days.blocks(BLOCK_ROWS):
                    if again is not None:
                        self.rows_moved += int(again[rows].sum())
                        self.readings_moved += int(np.count_nonzero(block.values[again[rows]] != NULL))
                    yield key, block

    def _about(self) -> tuple[int, int, bool, bool]:
        """How many rows the batches have; how many points there are; whether the rows may supersede one another (only
        corrections do); and whether they are so many that walking through all points and supply periods once is quicker
        than looking each row's up.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT coalesce(sum(b.rows), 0), p.reltuples, count(*) > 1 AND bool_or(b.rows_corrected > 0),
                       coalesce(sum(b.rows), 0) / %s >= %s * p.reltuples
                FROM pg_class p LEFT JOIN metering_usagebatch b ON b.id = ANY(%s)
                WHERE p.oid = 'metering_supplypoint'::regclass
                GROUP BY p.reltuples
                """,
                [self.cut.parts if self.cut else 1, MUCH, self.batch_ids],
            )
            rows, points, corrects_itself, is_much = cursor.fetchone()
        return int(rows), int(points), bool(corrects_itself), is_much


def _bounds(points: int) -> list[str]:
    """Supply point numbers, in their order, between which lie some ROWS_AT_ONCE of so many points each.

    A retailer's rows come joined, and are held here, in pieces of these ranges: neither the process's memory nor the
    server's largest value (1 GB) then sets a limit to how many points a retailer has. The bounds are the statistics'
    and need not be exact.
    """
    pieces = max(1, points // ROWS_AT_ONCE)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT histogram_bounds::text::text[] FROM pg_stats WHERE schemaname = current_schema() "
            "AND tablename = 'metering_supplypoint' AND attname = 'number'"
        )
        found = cursor.fetchone()
    known: list[str] = (found[0] or [])[1:-1] if found else []
    return known[:: max(1, len(known) // pieces)]


class _Points:
    """How many points pass by in order; a point with two meters is one."""

    def __init__(self) -> None:
        self.number = 0
        self.last = b""

    def count(self, block: DayBlock) -> None:
        self.number += len(np.unique(block.points)) - int(block.points[0] == self.last)
        self.last = block.points[-1]


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
    """A cursor of the server in binary form: a piece of a retailer's rows comes at a time, joined."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor(name=f"publication_{uuid4().hex}", binary=True) as cursor,
    ):
        yield cursor
