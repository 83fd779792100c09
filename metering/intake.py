"""Usage files in: received once, checked and stored in blocks, bad rows kept with their reasons.

A file is taken in by one transaction, so a crash leaves nothing half in. Rows travel as arrays from the reader to
PostgreSQL's binary COPY; a row becomes an object of its own only when it is refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import uuid4

import numpy as np
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from numpy.typing import NDArray

from metering import checks, partitions
from metering.checks import Bounds, Facts
from metering.formats import bp, names
from metering.formats.blocks import DayBlock, join
from metering.formats.csv import read_wide, wide_lines
from metering.formats.errors import BadRow, Unreadable, shown
from metering.halfhours import NULL, pack, pack_quality
from metering.models import Layer, RefusedRow, UsageBatch, UsageFile
from portal import gates, ledger, outbox, scanning
from portal.access import Ability
from portal.market import MarketRole
from portal.models import Company, Function, Participation, User

log = logging.getLogger(__name__)

State, Format = UsageFile.State, UsageFile.Format

WORK_ROWS = 16_384
"""Rows looked up, checked and stored at once."""
TRIES = 3
GIVE_UP_AFTER = 5
"""A file that failed so often for reasons of ours is no longer tried by itself; it waits for the operator."""
NAME_LENGTH = 120
QUIET_SECONDS = 10
"""A dropped file nobody has written to for so long is complete."""


class AlreadyReceived(Exception):
    """The same sender sent the same content before, as `file`; nothing was stored."""

    def __init__(self, file: UsageFile) -> None:
        self.file = file
        super().__init__(f"received already as usage file {file.pk}")


class NotAUsageFile(Exception):
    """By name, size or first bytes this is no usage file; `code` and `params` make the sentence."""

    def __init__(self, code: str, **params: object) -> None:
        self.code, self.params = code, params
        super().__init__(code, params)

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


class NotScanned(NotAUsageFile):
    """The scanner did not answer; the same file may be taken in later."""


class NotANetworkOperator(Exception):
    """Only network operators send usage."""


# --- Receiving ----------------------------------------------------------------------------------------------------


def receive(upload: IO[bytes], *, name: str, sender: Company, by: User | None, now: datetime) -> UsageFile:
    """Store a file that came in and queue it for a worker; its rows are read there, not here.

    upload  binary and seekable; read in pieces
    name    as the sender wrote it; it and the first bytes decide the format
    by      the person who uploaded it, None for the drop folder

    Raises gates.Closed, NotANetworkOperator, NotAUsageFile, NotScanned, AlreadyReceived.
    """
    gates.require(Function.USAGE, now=now, by=by)
    if MarketRole.NETWORK_OPERATOR not in sender.market_roles:
        raise NotANetworkOperator(sender.name)
    name = os.path.basename(name.replace("\\", "/")).strip()
    format_ = _format(name, _head(upload))
    digest, size = hashlib.sha256(), 0
    upload.seek(0)
    while piece := upload.read(1 << 20):
        digest.update(piece)
        size += len(piece)
        if size > settings.USAGE_FILE_MAX_BYTES:
            raise NotAUsageFile("file_too_large", size=size, limit=settings.USAGE_FILE_MAX_BYTES)
    sha256 = digest.hexdigest()
    known = UsageFile.objects.filter(sender=sender, sha256=sha256)
    if file := known.first():
        raise AlreadyReceived(file)
    _scan(upload, name)
    upload.seek(0)
    path = default_storage.save(f"usage/in/{now:%Y/%m/%d}/{uuid4().hex}", File(upload))
    try:
        with transaction.atomic():
            file = UsageFile.objects.create(
                sender=sender,
                name=name,
                content=path,
                sha256=sha256,
                size=size,
                format=format_,
                layer=Layer.DAILY,
                received_at=now,
                received_from=by,
            )
            ledger.record(
                "usage file received", f"usage file {file.pk}", by=by, now=now, name=name, sha256=sha256, size=size
            )
    except IntegrityError:
        default_storage.delete(path)
        if file := known.first():  # the same content came in through another door this very moment
            raise AlreadyReceived(file) from None
        raise
    except BaseException:
        default_storage.delete(path)
        raise
    transaction.on_commit(lambda: _queue(file.pk), robust=True)
    return file


def _scan(upload: IO[bytes], name: str) -> None:
    try:
        scanning.scan(upload, name=name)
    except scanning.Infected as infected:
        raise NotAUsageFile("infected", found=infected.found) from infected
    except scanning.Unscanned as unscanned:
        raise NotScanned("not_scanned") from unscanned


def _queue(file_id: int) -> None:
    """Ask a worker to take the file in now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("metering.tasks.take_in", kwargs={"file_id": file_id})


def _head(upload: IO[bytes]) -> bytes:
    upload.seek(0)
    return upload.read(8)


def _format(name: str, head: bytes) -> str:
    """The format a name promises, when the first bytes agree."""
    if not name or len(name) > NAME_LENGTH:
        raise NotAUsageFile("name_kind", name=shown(name))
    if not head:
        raise NotAUsageFile("file_empty")
    lower = name.lower()
    if lower.endswith((".csv", ".csv.gz")):
        is_gzip = head.startswith(b"\x1f\x8b")
        if head.startswith(b"PK\x03\x04") or is_gzip != lower.endswith(".gz"):
            raise NotAUsageFile(
                "content_differs", name=shown(name), expected="CSV" + (".gz" if lower.endswith(".gz") else "")
            )
        return Format.WIDE_CSV
    if not lower.endswith(".zip"):
        raise NotAUsageFile("name_kind", name=shown(name))
    try:
        parsed = names.parse(name)
    except Unreadable as problem:
        raise NotAUsageFile(problem.code, **problem.params) from None
    if not parsed.is_day:
        raise NotAUsageFile("name_not_day", name=shown(name))
    if not head.startswith(b"PK"):
        raise NotAUsageFile("content_differs", name=shown(name), expected="zip")
    return Format.BP_DAY


# --- Taking in ----------------------------------------------------------------------------------------------------


def waiting(*, limit: int = 50) -> list[int]:
    """Files no worker has taken in yet, the oldest first; those that failed too often are left to the operator."""
    found = UsageFile.objects.filter(state=State.WAITING, attempts__lt=GIVE_UP_AFTER).order_by("id")
    return list(found.values_list("pk", flat=True)[:limit])


def take_in(file_id: int, *, now: datetime) -> UsageFile | None:
    """Read, check and store one waiting file in one transaction; None when it is done or in another worker's hands.

    Good rows go in, refused ones are kept with their reasons (RefusedRow), a file that cannot be read at all ends
    UNREADABLE with `problem`. Values equal to those in force are counted as unchanged; different ones become the
    next revision. A file received earlier never overtakes one received later. Rules: domain notes, metering §3, §5.
    """
    partitions.ahead(1, now=now, back=settings.USAGE_MONTHS_KEPT + 1)
    try:
        with transaction.atomic():
            file = (
                UsageFile.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("sender")
                .filter(pk=file_id, state=State.WAITING)
                .first()
            )
            if file is None:
                return None
            _finish(file, _stored(file, now=now), now=now)
            return file
    except Exception:
        UsageFile.objects.filter(pk=file_id, state=State.WAITING).update(attempts=F("attempts") + 1)
        raise
    finally:
        _tell_progress(file_id, None)


def take_in_waiting(*, now: datetime) -> int:
    """Take in what waits, the oldest first; returns how many files this worker finished.

    A file that fails does not hold up the ones behind it.
    """
    done = 0
    for file_id in waiting():
        try:
            done += take_in(file_id, now=now) is not None
        except Exception:
            log.exception("usage file %s was not taken in", file_id)
    return done


def unsettled(user: User) -> QuerySet[UsageFile]:
    """The person's files with refused rows, or unreadable ones, that nobody has declared dealt with."""
    return UsageFile.objects.visible_to(user).filter(
        Q(rows_refused__gt=0) | Q(state=State.UNREADABLE), settled_at__isnull=True
    )


def settle(file: UsageFile, *, by: User, now: datetime) -> None:
    """Declare what was refused of a file dealt with: it no longer waits in the inbox. A second time changes nothing."""
    with transaction.atomic():
        if UsageFile.objects.filter(pk=file.pk, settled_at__isnull=True).update(settled_at=now):
            ledger.record("usage file settled", f"usage file {file.pk}", by=by, now=now, refused=file.rows_refused)


def try_again(file_ids: list[int], *, by: User, now: datetime) -> int:
    """Let workers try given-up files once more (an operator's act); returns how many."""
    with transaction.atomic():
        files = UsageFile.objects.select_for_update().filter(
            pk__in=file_ids, state=State.WAITING, attempts__gte=GIVE_UP_AFTER
        )
        found = list(files.values_list("pk", flat=True))
        UsageFile.objects.filter(pk__in=found).update(attempts=0)
        ledger.record_many([ledger.Entry("usage file tried again", f"usage file {pk}") for pk in found], by=by, now=now)
    return len(found)


def progress(file: UsageFile) -> int | None:
    """Rows of a waiting file read so far by the worker that has it in hand; None when nobody says."""
    try:
        return cache.get(f"usage-file-{file.pk}")
    except Exception:  # the cache is a comfort; its absence is no error
        return None


def _tell_progress(file_id: int, rows: int | None) -> None:
    try:
        if rows is None:
            cache.delete(f"usage-file-{file_id}")
        else:
            cache.set(f"usage-file-{file_id}", rows, timeout=600)
    except Exception:  # the cache is a comfort; its absence is no error
        log.debug("progress of usage file %s not told", file_id)


@dataclass
class _Tally:
    """What a file's rows came to."""

    read: int = 0
    taken: int = 0
    unchanged: int = 0
    refused: int = 0
    warnings: dict[str, dict[str, int]] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)

    def note(self, code: str, lines: NDArray[np.int64]) -> None:
        first = int(lines.min())
        noted = self.warnings.setdefault(code, {"rows": 0, "first": first})
        noted["rows"] += len(lines)
        noted["first"] = min(noted["first"], first)


def _stored(file: UsageFile, *, now: datetime) -> _Tally:
    """The file's rows in the database, or the problem why there are none.

    Another file that brings the same rows at the same moment makes one of the two fail on the primary key (or a
    deadlock); its work is undone and done again, now seeing what the other one stored.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return _Store(file, now=now).all()
        except Unreadable as problem:
            return _Tally(problem={"code": problem.code, "params": _plain(problem.params)})
        except (IntegrityError, OperationalError):
            if attempt == TRIES:
                raise
            log.info("usage file %s met another one on the same rows; once more", file.pk)
    raise AssertionError("unreachable")


def _finish(file: UsageFile, tally: _Tally, *, now: datetime) -> None:
    file.state = State.UNREADABLE if tally.problem else State.TAKEN_IN
    file.finished_at = now
    file.rows_read, file.rows_taken = tally.read, tally.taken
    file.rows_unchanged, file.rows_refused = tally.unchanged, tally.refused
    file.warnings, file.problem = tally.warnings, tally.problem
    file.save()
    ledger.record(
        "usage file taken in" if not tally.problem else "usage file unreadable",
        f"usage file {file.pk}",
        by=None,
        now=now,
        rows=tally.read,
        taken=tally.taken,
        unchanged=tally.unchanged,
        refused=tally.refused,
        **({"problem": tally.problem["code"]} if tally.problem else {}),
    )
    if tally.refused or tally.problem:
        outbox.post(
            outbox.Post(
                recipient_id=file.sender_id,
                kind="usage_unreadable" if tally.problem else "usage_refused",
                subject=file.name[:80],
                link=reverse("metering:usage-file", args=[file.pk]),
                ability=Ability.SEND_USAGE,
                context={"read": tally.read, "taken": tally.taken, "refused": tally.refused},
            ),
            now=now,
        )


class _FileProblem(Unreadable):
    """A file problem with a sentence of `checks`."""

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


def _items(file: UsageFile, stream: BinaryIO) -> Iterator[DayBlock | BadRow]:
    if file.format == Format.WIDE_CSV:
        yield from read_wide(stream, max_bytes=settings.USAGE_XML_MAX_BYTES)
        return
    delivery = bp.read_zip(stream, limits=bp.Limits(xml_bytes=settings.USAGE_XML_MAX_BYTES))
    message, name = delivery.message, names.parse(file.name)
    if message.code not in bp.DAY:
        raise _FileProblem("bp_not_day", message_code=message.code)
    if (message.code, message.day) != (name.code, name.day):
        raise _FileProblem(
            "bp_name_differs",
            name_code=name.code,
            name_day=name.day.isoformat(),
            message_code=message.code,
            message_day=message.day.isoformat(),
        )
    if message.test:
        raise _FileProblem("bp_test")
    own = Participation.objects.filter(company=file.sender, market_role=MarketRole.NETWORK_OPERATOR)
    codes = sorted(own.values_list("code", flat=True))
    if message.sender not in codes:
        raise _FileProblem("bp_sender", sender=shown(message.sender), known=", ".join(codes))
    for item in delivery.items:
        assert isinstance(item, DayBlock | BadRow)  # a day message has no other
        yield item


_POINT_FACTS = np.dtype([("id", ">i8"), ("limit", ">i8"), ("step", ">i4"), ("energised", "?")])
"""What `_Store._look_up` is told about a point, as the server sends it."""


def _days(block: DayBlock) -> tuple[list[date], NDArray[np.intp]]:
    """The days of a block and, per row, which of them it is; nearly always there is one."""
    if (block.days == block.days[0]).all():
        return [block.days[0].item()], np.zeros(len(block), np.intp)
    days, which = np.unique(block.days, return_inverse=True)
    return days.tolist(), which


class _Store:
    """One file on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.bounds = Bounds.of(now=now, received_at=file.received_at, months_kept=settings.USAGE_MONTHS_KEPT)
        self.tally = _Tally()
        self.batches: dict[date, UsageBatch] = {}
        self.file_of_batch: dict[int, int] = {}
        self.touched: dict[date, bool] = {}
        self.highest: dict[date, bytes] = {}
        self.refused: list[RefusedRow] = []
        self.told = time.monotonic()

    def all(self) -> _Tally:
        held: list[DayBlock] = []
        rows = 0
        with self.file.content.open("rb") as stream:
            for item in _items(self.file, stream):
                if isinstance(item, BadRow):
                    self._refuse(item)
                    continue
                held.append(item)
                rows += len(item)
                if rows >= WORK_ROWS:
                    self._take(join(held))
                    held, rows = [], 0
        if held:
            self._take(join(held))
        self._write_refused()
        UsageBatch.objects.bulk_update(self.batches.values(), ["rows", "readings", "rows_corrected"], batch_size=500)
        return self.tally

    def _refuse(self, bad: BadRow) -> None:
        self.tally.read += 1
        self.tally.refused += 1
        self.refused.append(
            RefusedRow(
                file=self.file,
                line=bad.line,
                field=bad.field,
                code=bad.code,
                params=_plain(bad.params),
                raw=bad.raw,
            )
        )
        if len(self.refused) >= 2000:
            self._write_refused()

    def _write_refused(self) -> None:
        if not self.refused:
            return
        statement = "COPY metering_refusedrow (file_id, line, field, code, params, raw) FROM STDIN"
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in self.refused:
                copy.write_row((self.file.pk, row.line, row.field, row.code, json.dumps(row.params), row.raw))
        self.refused = []

    def _refuse_rows(self, block: DayBlock, rows: NDArray[np.intp], codes: list[str]) -> None:
        lines = wide_lines(block.rows(rows)).decode().splitlines()
        for row, code, raw in zip(rows.tolist(), codes, lines, strict=True):
            column, params = checks.particulars(code, block, row, self.bounds)
            self._refuse(BadRow(int(block.lines[row]), code, column, params, raw))

    def _take(self, block: DayBlock) -> None:
        facts = self._facts(block)
        findings = checks.examine(block, facts, self.bounds)
        bad = np.flatnonzero(~findings.good)
        if bad.size:
            self._refuse_rows(block, bad, [findings.code_of(row) for row in bad.tolist()])
        for code, struck in findings.noted.items():
            self.tally.note(code, block.lines[struck])
        if bad.size:
            ids = facts.point_ids[findings.good]
            block = block.rows(findings.good)
        else:
            ids = facts.point_ids
        if not len(block):
            return
        packed, quality = pack(block.values), pack_quality(block.quality, block.values)
        revisions = np.zeros(len(block), np.int64)
        keep = self._compare(block, ids, packed, quality, revisions)
        self.tally.read += len(block)  # refused rows counted themselves
        chosen = np.flatnonzero(keep)
        if chosen.size:
            self._copy(block, ids, packed, quality, revisions, chosen)
        if time.monotonic() - self.told > 1:
            _tell_progress(self.file.pk, self.tally.read)
            self.told = time.monotonic()

    # What the points are

    def _facts(self, block: DayBlock) -> Facts:
        heads = np.ones(len(block), bool)
        heads[1:] = block.points[1:] != block.points[:-1]  # a point with several days in a row is asked for once
        known = self._look_up(block.points[heads])[np.cumsum(heads) - 1]
        active = known["energised"].copy()
        facts = Facts(
            known["id"].astype(np.int64), active, known["limit"].astype(np.int64), known["step"].astype(np.int64)
        )
        idle = np.flatnonzero(~active)
        if idle.size:
            active[idle] = self._supplied(facts.point_ids[idle], block.days[idle])
        return facts

    def _look_up(self, points: NDArray[np.bytes_]) -> NDArray[np.void]:
        """Points of the sender's own network; another operator's are as unknown as those that do not exist.

        V05: kW (kVA, 100 V times ampere) times half an hour times one and a half. The answer is one value for all
        points, and each is found through its key whatever the statistics say.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT string_agg(int8send(coalesce(p.id, 0)) || int8send(coalesce(p.size, 0))
                                  || int4send(coalesce(p.resolution_wh, 0)) || boolsend(coalesce(p.energised, true)),
                                  ''::bytea ORDER BY k.at)
                FROM unnest(string_to_array(%s, ',')) WITH ORDINALITY AS k(number, at)
                LEFT JOIN LATERAL (
                    SELECT id, contract_state = 'energised' AS energised, resolution_wh,
                           round(contract_size * CASE contract_size_unit WHEN 'A' THEN 75 ELSE 750 END)::bigint AS size
                    FROM metering_supplypoint
                    WHERE number = k.number AND network_operator_id = %s OFFSET 0
                ) p ON true
                """,
                [b",".join(points.tolist()).decode(), self.file.sender_id],
            )
            (found,) = cursor.fetchone()
        return np.frombuffer(found, _POINT_FACTS)

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
        packed: list[bytes],
        quality: list[bytes | None],
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
                if (packed[first], quality[first]) == (packed[row], quality[row]):
                    self.tally.unchanged += 1
                else:
                    contradicts.append(row)

        asked = np.flatnonzero(self._may_be_stored(block) & keep)
        if asked.size:
            stored = self._in_force(ids[asked], block.days[asked])
            overtaken: list[int] = []
            for row in asked.tolist():
                current = stored.get((int(ids[row]), block.days[row].item(), block.meters[row]))
                if current is None:
                    continue
                revision, cells, letters, batch_id = current
                brought_by = self._file_of(batch_id)
                if (cells, letters) == (packed[row], quality[row]):
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
                self.tally.note("overtaken", block.lines[overtaken])
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
    ) -> dict[tuple[int, date, str], tuple[int, bytes, bytes | None, int]]:
        """The newest revision of each point, day and meter that is asked for."""
        newest: dict[tuple[int, date, str], tuple[int, bytes, bytes | None, int]] = {}
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
                for point_id, day, meter, revision, cells, letters, batch_id in rows:
                    key = (point_id, day, meter)
                    if key not in newest or newest[key][0] < revision:
                        newest[key] = (
                            revision,
                            bytes(cells),
                            None if letters is None else bytes(letters),
                            batch_id,
                        )
        return newest

    def _file_of(self, batch_id: int) -> int:
        if batch_id not in self.file_of_batch:
            self.file_of_batch[batch_id] = UsageBatch.objects.values_list("file_id", flat=True).get(pk=batch_id)
        return self.file_of_batch[batch_id]

    # Storing

    def _copy(
        self,
        block: DayBlock,
        ids: NDArray[np.int64],
        packed: list[bytes],
        quality: list[bytes | None],
        revisions: NDArray[np.int64],
        chosen: NDArray[np.intp],
    ) -> None:
        everything = len(chosen) == len(block)
        if not everything:
            block, ids, revisions = block.rows(chosen), ids[chosen], revisions[chosen]
            packed = [packed[row] for row in chosen.tolist()]
            quality = [quality[row] for row in chosen.tolist()]
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
        statement = (
            "COPY metering_usageday (point_id, batch_id, day, revision, layer, meter, packed, quality) "
            "FROM STDIN (FORMAT binary)"
        )
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_COPY_HEAD)
            for piece in binary_rows(
                ids, batch_ids, block.days, revisions, self.file.layer, block.meters, packed, quality
            ):
                copy.write(piece)
            copy.write(_COPY_END)
        self.tally.taken += len(block)

    def _batch(self, day: date) -> UsageBatch:
        if day not in self.batches:
            batch = UsageBatch.objects.create(
                file=self.file, day=day, layer=self.file.layer, rows=0, readings=0, rows_corrected=0
            )
            self.batches[day] = batch
            self.file_of_batch[batch.pk] = self.file.pk
        return self.batches[day]


_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_EPOCH = np.datetime64("2000-01-01", "D")


def binary_rows(
    point_ids: NDArray[np.int64],
    batch_ids: NDArray[np.int64],
    days: NDArray[np.datetime64],
    revisions: NDArray[np.int64],
    layer: str,
    meters: list[str],
    packed: list[bytes],
    quality: list[bytes | None],
) -> Iterator[bytes]:
    """Rows of metering_usageday in PostgreSQL's binary COPY form, made in runs of rows that are equally long.

    A row is the number of columns and then, per column, its length and its bytes, all big-endian.
    """
    names_ = [meter.encode() for meter in meters]
    shapes = np.array(
        [
            np.fromiter(map(len, names_), np.int64, len(names_)),
            np.fromiter(map(len, packed), np.int64, len(packed)),
            np.fromiter((-1 if q is None else len(q) for q in quality), np.int64, len(quality)),
        ]
    )
    keys = (shapes[0] << 40) | (shapes[1] << 20) | (shapes[2] + 1)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    kinds = shapes[:, first]
    for at, (meter_length, cells_length, quality_length) in enumerate(kinds.T.tolist()):
        chosen = np.flatnonzero(which == at)
        columns: list[tuple[str, str, int, Any]] = [
            ("point", ">i8", 8, point_ids[chosen]),
            ("batch", ">i8", 8, batch_ids[chosen]),
            ("day", ">i4", 4, (days[chosen] - _EPOCH).astype(np.int64)),
            ("revision", ">i2", 2, revisions[chosen]),
            ("layer", "S1", 1, layer.encode()),
            ("meter", f"V{meter_length}", meter_length, _cells(names_, chosen, meter_length)),
            ("packed", f"V{cells_length}", cells_length, _cells(packed, chosen, cells_length)),
            ("quality", f"V{max(quality_length, 0)}", quality_length, _cells(quality, chosen, quality_length)),
        ]
        shape: list[tuple[str, str]] = [("columns", ">i2")]
        for name, kind, length, _ in columns:
            shape.append((f"{name}_length", ">i4"))
            if length > 0:
                shape.append((name, kind))
        table = np.zeros(len(chosen), np.dtype(shape))
        table["columns"] = len(columns)
        for name, _, length, content in columns:
            table[f"{name}_length"] = length
            if length > 0:
                table[name] = content
        yield table.tobytes()


def _cells(texts: list[Any], chosen: NDArray[np.intp], length: int) -> Any:
    if length <= 0:
        return None
    whole = texts if len(chosen) == len(texts) else [texts[row] for row in chosen.tolist()]
    return np.frombuffer(b"".join(whole), f"V{length}")


def _plain(params: Any) -> dict[str, Any]:
    """Parameters as JSON can keep them."""
    return {key: value if isinstance(value, int | str) else str(value) for key, value in dict(params).items()}


# --- The drop folder ----------------------------------------------------------------------------------------------


@dataclass
class Collected:
    """What a sweep of the drop folder came to."""

    received: int = 0
    refused: int = 0


def collect_dropped(*, now: datetime) -> Collected:
    """Receive what network operators put into their folder (named by their participant code) of the drop folder.

    A file is complete when nobody has written to it for QUIET_SECONDS; names that end in `.part` or begin with a
    dot are still being written. Afterwards it stands in `done/`, or in `refused/` beside a `.txt` that says why.
    One sweep runs at a time. A file interrupted between receiving and moving is found again and moved then. While usage
    is closed (portal.gates) everything stays where it lies, and so does what the scanner could not look at.
    """
    collected = Collected()
    own = Participation.objects.filter(market_role=MarketRole.NETWORK_OPERATOR).select_related("company")
    with _alone("usage drop folder") as mine:
        if not mine or gates.Hours(now).closure(Function.USAGE):
            return collected
        for participation in own:
            folder = settings.USAGE_DROP_DIR / participation.code
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.iterdir()):
                if _is_complete(path):
                    _collect(path, participation.company, collected, now=now)
    return collected


def _is_complete(path: Path) -> bool:
    """A regular file that is not being written any more; its stamp and this clock are the same machine's."""
    if path.name.startswith(".") or path.name.endswith(".part") or path.is_symlink() or not path.is_file():
        return False
    return time.time() - path.stat().st_mtime >= QUIET_SECONDS


def _collect(path: Path, sender: Company, collected: Collected, *, now: datetime) -> None:
    try:
        with path.open("rb") as stream:
            receive(stream, name=path.name, sender=sender, by=None, now=now)
    except AlreadyReceived as known:
        _put_away(path, "done", f"{known}\n")
    except NotScanned:
        pass  # it stays where it lies until the scanner answers
    except NotAUsageFile as problem:
        collected.refused += 1
        _put_away(path, "refused", f"{problem.sentence}\n")
    else:
        collected.received += 1
        _put_away(path, "done", "")


def _put_away(path: Path, folder: str, why: str) -> None:
    target = path.parent / folder / path.name
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        target = target.with_name(f"{uuid4().hex[:8]}-{path.name}")
    if why:
        target.with_name(target.name + ".txt").write_text(why, encoding="utf-8")
    path.rename(target)


@contextmanager
def _alone(purpose: str) -> Iterator[bool]:
    """True for the only process that does this now; the others get False at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [purpose])
        (mine,) = cursor.fetchone()
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [purpose])
