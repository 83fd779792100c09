"""Day rows in: every row's point looked up, checked, compared with what is in force and stored in blocks.

Rows travel as arrays from the reader to PostgreSQL's binary COPY; a row becomes an object of its own only when it is
refused.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from metering import check_rules, checks, day_copy, usage_formats
from metering.arrival_findings import ArrivalFindings
from metering.checks import Bounds, Facts
from metering.formats.blocks import DayBlock, join
from metering.formats.errors import BadRow
from metering.halfhours import NULL, unpack, unpack_quality
from metering.models import UsageBatch, UsageFile
from metering.tallies import Tally
from portal.workdays import jst_date

WORK_ROWS = 16_384
"""Rows looked up, checked and stored at once."""

_POINT_FACTS = np.dtype([("id", ">i8"), ("limit", ">i8"), ("step", ">i4"), ("scope", ">i2"), ("energised", "?")])
"""What `DayStore._look_up` is told about a point, as the server sends it."""

_FACTS = f"""
    id, contract_state = 'energised' AS energised, resolution_wh,
    round(contract_size * CASE contract_size_unit WHEN 'A' THEN 50 ELSE 500 END)::bigint AS size,
    {check_rules.SCOPE_SQL.format(p="metering_supplypoint")} AS scope"""
_FACTS_SENT = """
    int8send(coalesce(p.id, 0)) || int8send(coalesce(p.size, 0)) || int4send(coalesce(p.resolution_wh, 0))
    || int2send(coalesce(p.scope, 0)::int2) || boolsend(coalesce(p.energised, true))"""


def _days(block: DayBlock) -> tuple[list[date], NDArray[np.intp]]:
    """The days of a block and, per row, which of them it is; nearly always there is one."""
    if (block.days == block.days[0]).all():
        return [block.days[0].item()], np.zeros(len(block), np.intp)
    days, which = np.unique(block.days, return_inverse=True)
    return days.tolist(), which


class _Values(NamedTuple):
    """Values and quality as in a DayBlock."""

    values: NDArray[np.int32]
    quality: NDArray[np.uint8]


def _equal(one: _Values | DayBlock, row: int, other: _Values | DayBlock, its_row: int) -> bool:
    """Whether two day rows say the same, however they are packed."""
    return bool((one.values[row] == other.values[its_row]).all() and (one.quality[row] == other.quality[its_row]).all())


class DayStore:
    """One file on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.bounds = Bounds.of(now=now, received_at=file.received_at, months_kept=settings.USAGE_MONTHS_KEPT)
        self.rules = check_rules.on(jst_date(file.received_at))
        self.tally = Tally(file)
        self.noticed = ArrivalFindings(file, now=now)
        self.batches: dict[date, UsageBatch] = {}
        self.file_of_batch: dict[int, int] = {}
        self.touched: dict[date, bool] = {}
        self.highest: dict[date, bytes] = {}
        self.in_order = True

    def all(self) -> Tally:
        held: list[DayBlock] = []
        rows = 0
        with self.file.content.open("rb") as stream:
            for item in usage_formats.day_rows(self.file, stream):
                if isinstance(item, BadRow):
                    self.tally.refuse(item)
                    continue
                held.append(item)
                rows += len(item)
                if rows >= WORK_ROWS:
                    self._take(join(held))
                    held, rows = [], 0
        if held:
            self._take(join(held))
        self.tally.write_refused()
        self._count_batches()
        return self.tally

    def _count_batches(self) -> None:
        batches = list(self.batches.values())
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE metering_usagebatch b
                SET rows = n.rows, readings = n.readings, rows_corrected = n.rows_corrected
                FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
                     AS n (id, rows, readings, rows_corrected)
                WHERE b.id = n.id
                """,
                [[getattr(each, name) for each in batches] for name in ("pk", "rows", "readings", "rows_corrected")],
            )

    def _refuse_rows(self, block: DayBlock, rows: NDArray[np.intp], codes: list[str]) -> None:
        lines = usage_formats.refused_lines(self.file.format, block.rows(rows))
        for row, code, raw in zip(rows.tolist(), codes, lines, strict=True):
            column, params = checks.particulars(code, block, row, self.bounds)
            self.tally.refuse(BadRow(int(block.lines[row]), code, column, params, raw))

    def _take(self, block: DayBlock) -> None:
        facts = self.facts(block)
        findings = checks.examine(block, facts, self.bounds, self.rules)
        bad = np.flatnonzero(~findings.good)
        if bad.size:
            self._refuse_rows(block, bad, [findings.code_of(row) for row in bad.tolist()])
        for code, ranks in findings.noted.items():
            self.tally.note(code, block.lines[ranks > 0], severity=int(ranks.max()))
        whole, ids = block, facts.point_ids
        if bad.size:
            ids = facts.point_ids[findings.good]
            block = block.rows(findings.good)
        if not len(block):
            return
        revisions = np.zeros(len(block), np.int64)
        keep = self._compare(block, ids, revisions)
        self.tally.read += len(block)  # refused rows counted themselves
        chosen = np.flatnonzero(keep)
        if chosen.size:
            self._copy(block, ids, revisions, chosen)
            self.noticed.keep(whole, facts, findings, np.flatnonzero(findings.good)[chosen])
        self.tally.tell()

    # What the points are

    def facts(self, block: DayBlock) -> Facts:
        """What is known of the point of every row."""
        heads = np.ones(len(block), bool)
        heads[1:] = block.points[1:] != block.points[:-1]  # a point with several days in a row is asked for once
        known = self._look_up(block.points[heads])[np.cumsum(heads) - 1]
        active = known["energised"].copy()
        facts = Facts(
            known["id"].astype(np.int64),
            active,
            known["limit"].astype(np.int64),
            known["step"].astype(np.int64),
            known["scope"].astype(np.int8),
        )
        idle = np.flatnonzero(~active)
        if idle.size:
            active[idle] = self._supplied(facts.point_ids[idle], block.days[idle])
        return facts

    def _look_up(self, points: NDArray[np.bytes_]) -> NDArray[np.void]:
        """Points of the sender's own network; another operator's are as unknown as those that do not exist.

        The limit is kW (kVA, 100 V times ampere) times half an hour. The answer is one value for all points.
        """
        if self.in_order and len(points) > 1 and bool((points[1:] > points[:-1]).all()):
            found = self._look_up_between(points)
            if found is not None:
                return found
            self.in_order = False  # many points between those of the file are not in it: asked for one by one instead
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                -- Each through its key whatever the statistics say.
                SELECT string_agg({_FACTS_SENT}, ''::bytea ORDER BY k.at)
                FROM unnest(string_to_array(%s, ',')) WITH ORDINALITY AS k(number, at)
                LEFT JOIN LATERAL (
                    SELECT {_FACTS} FROM metering_supplypoint
                    WHERE number = k.number AND network_operator_id = %s OFFSET 0
                ) p ON true
                """,
                [b",".join(points.tolist()).decode(), self.file.sender_id],
            )
            (found,) = cursor.fetchone()
        return np.frombuffer(found, _POINT_FACTS)

    def _look_up_between(self, points: NDArray[np.bytes_]) -> NDArray[np.void] | None:
        """As `_look_up` for rising numbers, in one walk along the key; None where that would read twice as many."""
        limit = 2 * len(points)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT count(*), string_agg(p.number, ''), string_agg({_FACTS_SENT}, ''::bytea)
                FROM (SELECT number, {_FACTS} FROM metering_supplypoint
                      WHERE network_operator_id = %s AND number BETWEEN %s AND %s ORDER BY number LIMIT %s) p
                """,
                [self.file.sender_id, points[0].decode(), points[-1].decode(), limit + 1],
            )
            count, numbers, facts = cursor.fetchone()
        if count > limit:
            return None
        known = np.frombuffer((numbers or "").encode(), points.dtype)
        found = np.frombuffer(facts or b"", _POINT_FACTS)
        if len(known) == len(points) and bool((known == points).all()):
            return found
        result = np.zeros(len(points), _POINT_FACTS)
        result["energised"] = True  # of a point nobody knows that alone is told
        if len(known):
            places = np.minimum(np.searchsorted(known, points), len(known) - 1)
            hits = known[places] == points
            result[hits] = found[places[hits]]
        return result

    def _supplied(self, ids: NDArray[np.int64], days: NDArray[np.datetime64]) -> list[bool]:
        """Whether somebody supplied each point on its day: an idle point's past may still be corrected."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT EXISTS (SELECT FROM metering_supplyperiod s
                               WHERE s.point_id = k.point_id AND s.known_until IS NULL AND s.during @> k.day)
                FROM unnest(%s::bigint[], %s::date[]) WITH ORDINALITY AS k(point_id, day, at) ORDER BY k.at
                """,
                [ids.tolist(), days.tolist()],
            )
            return [supplied for (supplied,) in cursor.fetchall()]

    # What is stored already

    def _compare(
        self,
        block: DayBlock,
        ids: NDArray[np.int64],
        revisions: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """True for rows to be stored; fills their revisions, counts the unchanged, refuses what contradicts itself."""
        keep = np.ones(len(block), bool)
        contradicts: list[int] = []

        days = block.days.astype(np.int64)
        rising = bool((ids[1:] > ids[:-1]).all())  # then nothing can stand twice
        order = np.arange(len(ids)) if rising else np.lexsort((days, ids))
        same = (np.diff(ids[order]) == 0) & (np.diff(days[order]) == 0)
        if same.any():  # a point and day twice in this block: one meter more, or the row again
            seen: dict[tuple[int, int, str], int] = {}
            doubtful = np.zeros(len(block), bool)
            doubtful[order[:-1]] |= same
            doubtful[order[1:]] |= same
            for row in np.flatnonzero(doubtful).tolist():
                first = seen.setdefault((int(ids[row]), int(days[row]), block.meters[row]), row)
                if first == row:
                    continue
                keep[row] = False
                if _equal(block, first, block, row):
                    self.tally.unchanged += 1
                else:
                    contradicts.append(row)

        asked = np.flatnonzero(self._may_be_stored(block) & keep)
        if asked.size:
            stored, in_force = self._in_force(ids[asked], block.days[asked])
            overtaken: list[int] = []
            for row in asked.tolist():
                current = stored.get((int(ids[row]), block.days[row].item(), block.meters[row]))
                if current is None:
                    continue
                revision, at, batch_id = current
                brought_by = self._file_of(batch_id)
                if _equal(in_force, at, block, row):
                    keep[row] = False
                    self.tally.unchanged += 1
                elif brought_by == self.file.pk:
                    keep[row] = False
                    contradicts.append(row)
                elif brought_by > self.file.pk:
                    keep[row] = False
                    self.tally.unchanged += 1
                    overtaken.append(row)
                else:
                    revisions[row] = revision + 1
            if overtaken:
                rank = int(self.rules.severities("V14").max())
                if rank:
                    self.tally.note("overtaken", block.lines[overtaken], severity=rank)
        if contradicts:
            self._refuse_rows(block, np.array(sorted(contradicts)), ["row_differs"] * len(contradicts))
            self.tally.read -= len(contradicts)  # counted with the block
        return keep

    def _may_be_stored(self, block: DayBlock) -> NDArray[np.bool_]:
        """Rows for which the store must be asked: days another file of the sender has brought, and points not
        above every point this file has brought for the day. Files in order ask nothing."""
        found = np.zeros(len(block), bool)
        days, which = _days(block)
        for at, day in enumerate(days):
            rows = np.flatnonzero(which == at)
            points = block.points[rows]
            if day not in self.touched:
                self.touched[day] = (
                    UsageBatch.objects.filter(day=day, layer=self.file.layer, file__sender=self.file.sender_id)
                    .exclude(file=self.file)
                    .exists()
                )
            highest = self.highest.get(day, b"")
            found[rows] = self.touched[day] or points <= np.bytes_(highest)
            self.highest[day] = max(highest, *points.tolist())
        return found

    def _in_force(
        self, ids: NDArray[np.int64], days: NDArray[np.datetime64]
    ) -> tuple[dict[tuple[int, date, str], tuple[int, int, int]], _Values]:
        """The newest revision of each point, day and meter that is asked for: (revision, row of the values, batch)."""
        newest: dict[tuple[int, date, str], tuple[int, int, int]] = {}
        packed: list[bytes] = []
        letters: list[bytes | None] = []
        with connection.cursor() as cursor:
            cursor.execute(
                """
                -- Point by point through the key: a plan for the whole set goes by statistics, and those of a day
                -- that is just coming in say that it is empty.
                SELECT k.point_id, k.day, u.meter, u.revision, u.packed, u.quality, u.batch_id
                FROM unnest(%s::bigint[], %s::date[]) AS k(point_id, day)
                CROSS JOIN LATERAL (
                    SELECT meter, revision, packed, quality, batch_id FROM metering_usageday
                    WHERE point_id = k.point_id AND day = k.day AND layer = %s AND day BETWEEN %s AND %s OFFSET 0
                ) u
                """,
                [ids.tolist(), days.tolist(), self.file.layer, days.min().item(), days.max().item()],
            )
            while rows := cursor.fetchmany(5000):
                for point_id, day, meter, revision, cells, codes, batch_id in rows:
                    key = (point_id, day, meter)
                    if key not in newest or newest[key][0] < revision:
                        newest[key] = (revision, len(packed), batch_id)
                        packed.append(cells)
                        letters.append(codes)
        values = unpack(packed)
        return newest, _Values(values, unpack_quality(letters, values))

    def _file_of(self, batch_id: int) -> int:
        if batch_id not in self.file_of_batch:
            self.file_of_batch[batch_id] = UsageBatch.objects.values_list("file_id", flat=True).get(pk=batch_id)
        return self.file_of_batch[batch_id]

    # Storing

    def _copy(
        self,
        block: DayBlock,
        ids: NDArray[np.int64],
        revisions: NDArray[np.int64],
        chosen: NDArray[np.intp],
    ) -> None:
        everything = len(chosen) == len(block)
        if not everything:
            block, ids, revisions = block.rows(chosen), ids[chosen], revisions[chosen]
        batch_ids = np.zeros(len(block), np.int64)
        days, which = _days(block)
        readings = np.count_nonzero(block.values != NULL, axis=1)
        for at, day in enumerate(days):
            rows = which == at
            batch = self._batch(day)
            batch_ids[rows] = batch.pk
            batch.rows += int(np.count_nonzero(rows))
            batch.readings += int(readings[rows].sum())
            batch.rows_corrected += int(np.count_nonzero(revisions[rows]))
        statement = day_copy.statement(block.days)
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(day_copy.HEAD)
            copy.write(
                day_copy.binary_rows(
                    ids, batch_ids, block.days, revisions, self.file.layer, block.meters, block.values, block.quality
                )
            )
            copy.write(day_copy.END)
        self.tally.taken += len(block)

    def _batch(self, day: date) -> UsageBatch:
        if day not in self.batches:
            batch = UsageBatch.objects.create(
                file=self.file, day=day, layer=self.file.layer, rows=0, readings=0, rows_corrected=0
            )
            self.batches[day] = batch
            self.file_of_batch[batch.pk] = self.file.pk
        return self.batches[day]
