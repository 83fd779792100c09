"""Checks that need what is stored: registers, half-hours, months, earlier days. Run batch by batch after intake.

Intake owes a batch its checks in its own transaction (`owe`); workers claim batches one by one (`run_due`). What is
found is kept; nothing stored is changed. Rules: domain notes, metering §5 (V07 to V10, V13, V14).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from metering import check_rules, findings, registers, stored_days
from metering.check_rules import SCOPE_SQL, InForce
from metering.findings import Found
from metering.formats import names
from metering.formats.errors import Unreadable
from metering.halfhours import NULL, Quality, unpack, unpack_quality
from metering.models import CheckFinding, Layer, OwedCheck, UsageBatch, UsageFile
from metering.registers import Reading
from metering.stored_days import Days
from portal import ledger
from portal.workdays import jst_date

log = logging.getLogger(__name__)

BLOCK_ROWS = 4096
LEAST_SAMPLES = 3
"""V10 says nothing about a point with fewer such weekdays behind it."""
ONE_DAY = timedelta(days=1)

_ROWS = f"""
    SELECT u.point_id, u.meter, u.revision, u.packed, u.quality, {SCOPE_SQL.format(p="p")},
           p.contract_state = 'energised', p.resolution_wh
    FROM metering_usageday u JOIN metering_supplypoint p ON p.id = u.point_id
    WHERE u.day = %s AND u.batch_id = %s AND u.layer = %s
"""
# Days that stand in a month already fixed: told by a message of fixed usage, or before a reading that closed a month.
_FIXED = """
    SELECT k.point_id FROM unnest(%s::bigint[]) AS k(point_id)
    WHERE EXISTS (SELECT FROM metering_fixedrow f
                  WHERE f.point_id = k.point_id AND f.kind = '12' AND %s = ANY(f.days))
       OR EXISTS (SELECT FROM metering_monthlyusage m
                  WHERE m.point_id = k.point_id AND m.read_on > %s AND m.read_on <= %s)
"""


def owe(file: UsageFile, *, now: datetime) -> None:
    """Owe every batch of days the file brought its checks; part of the intake's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_owedcheck (batch_id, owed_at, findings) "
            "SELECT id, %s, 0 FROM metering_usagebatch WHERE file_id = %s AND layer = %s ORDER BY id "
            "ON CONFLICT DO NOTHING",
            [now, file.pk, Layer.DAILY],
        )


def run_due(*, now: datetime) -> int:
    """Check batches until none is owed; what another worker has in hand is passed over. Returns how many were done.

    A batch that fails stays owed and does not hold up the others; the failure is raised at the end.
    """
    done, failure = 0, None
    failed: list[int] = []
    while True:
        with transaction.atomic():
            owed = (
                OwedCheck.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(done_at__isnull=True)
                .exclude(pk__in=failed)
                .select_related("batch__file")
                .order_by("pk")
                .first()
            )
            if owed is None:
                break
            try:
                with transaction.atomic():
                    owed.findings = _Run(owed.batch, now=now).all()
                    owed.done_at = now
                    owed.save(update_fields=["findings", "done_at"])
            except Exception as error:
                log.exception("usage batch %s was not checked", owed.pk)
                failed.append(owed.pk)
                failure = error
                continue
        done += 1
    if failure:
        raise failure
    return done


@dataclass(frozen=True)
class _Block:
    """Rows of a batch with what is known of their points."""

    rows: Days
    revisions: NDArray[np.int64]
    scopes: NDArray[np.int8]
    active: NDArray[np.bool_]
    steps: NDArray[np.int64]

    def key(self, at: int) -> tuple[int, str]:
        return int(self.rows.points[at]), self.rows.meters[at]


class _Run:
    """The checks of one batch; lives inside one transaction."""

    def __init__(self, batch: UsageBatch, *, now: datetime) -> None:
        self.batch, self.file, self.day, self.now = batch, batch.file, batch.day, now
        self.rules: InForce = check_rules.on(jst_date(batch.file.received_at))
        self.kept = 0
        self.fixed_changed = 0

    def all(self) -> int:
        self._keep(self._out_of_order())
        for block in self._blocks():
            findings.replace(block.rows.points.tolist(), self.day, but_of_file=self.file.pk, now=self.now)
            for check in (self._registers, self._half_hours, self._zeros, self._usual, self._estimated, self._fixed):
                self._keep(check(block))
        if self.fixed_changed:
            ledger.record(
                "fixed usage changed",
                f"usage file {self.file.pk}",
                by=None,
                now=self.now,
                day=self.day.isoformat(),
                points=self.fixed_changed,
            )
        return self.kept

    def _keep(self, found: Iterator[Found]) -> None:
        self.kept += findings.keep(list(found), operator_id=self.file.sender_id, file_id=self.file.pk, now=self.now)

    def _blocks(self) -> Iterator[_Block]:
        with connection.chunked_cursor() as cursor:
            cursor.execute(_ROWS, [self.day, self.batch.pk, self.batch.layer])
            while found := cursor.fetchmany(BLOCK_ROWS):
                points, meters, revisions, packed, quality, scopes, active, steps = zip(*found, strict=True)
                values = unpack(packed)
                rows = Days(
                    np.array(points, np.int64),
                    [self.day] * len(found),
                    list(meters),
                    values,
                    unpack_quality(quality, values),
                )
                yield _Block(
                    rows,
                    np.array(revisions, np.int64),
                    np.array(scopes, np.int8),
                    np.array(active, bool),
                    np.array(steps, np.int64),
                )

    def _found(self, check: str, kind: str, block: _Block, at: int, **numbers: int | str) -> Found:
        point_id, meter = block.key(at)
        rank = int(self.rules.severities(check)[block.scopes[at]])
        return Found(check, kind, rank, self.day, point_id, meter, numbers)

    # V07

    def _registers(self, block: _Block) -> Iterator[Found]:
        if self.rules.is_off("V07"):
            return

        def found(at: int, **numbers: int) -> Found:
            return self._found("V07", "register", block, at, **numbers)

        yield from against_registers(block.rows, block.steps, found)

    # V08: the slots the day file has measured, against the half-hours that came during the day

    def _half_hours(self, block: _Block) -> Iterator[Found]:
        if self.rules.is_off("V08"):
            return
        earlier = stored_days.half_hours(block.rows.points.tolist(), self.day)
        for at in range(len(block.rows)):
            half_hours = earlier.get(block.key(at))
            if half_hours is None:
                continue
            both = (block.rows.quality[at] == Quality.MEASURED) & (half_hours != NULL) & (block.rows.values[at] != NULL)
            day_wh = int(block.rows.values[at][both].sum(dtype=np.int64))
            half_hours_wh = int(half_hours[both].sum(dtype=np.int64))
            if day_wh != half_hours_wh:
                yield self._found("V08", "half_hours", block, at, day_wh=day_wh, half_hours_wh=half_hours_wh)

    # V09 and V13: days on end

    def _zeros(self, block: _Block) -> Iterator[Found]:
        struck = block.active & block.rows.is_whole & (block.rows.sums == 0)
        yield from self._runs("V09", "zeros", block, struck, lambda days: days.is_whole & (days.sums == 0))

    def _estimated(self, block: _Block) -> Iterator[Found]:
        yield from self._runs("V13", "estimated", block, block.rows.is_estimated, lambda days: days.is_estimated)

    def _runs(
        self,
        check: str,
        kind: str,
        block: _Block,
        struck: NDArray[np.bool_],
        alike: Callable[[Days], NDArray[np.bool_]],
    ) -> Iterator[Found]:
        """Rows that have been alike for more than the days that pass; said once, and again after as many days."""
        if self.rules.is_off(check) or not struck.any():
            return
        most = self.rules.figures(check, "days")[block.scopes].astype(int)
        candidates = np.flatnonzero(struck)
        back = int(most[candidates].max())
        days = [self.day - timedelta(days=at) for at in range(1, back + 1)]
        points = block.rows.points[candidates].tolist()
        earlier = stored_days.in_force(points, days)
        same = alike(earlier) if len(earlier) else np.zeros(0, bool)
        seen = {
            (point, meter, day)
            for point, meter, day, is_same in zip(
                earlier.points.tolist(), earlier.meters, earlier.days, same.tolist(), strict=True
            )
            if is_same
        }
        said = set(
            CheckFinding.objects.filter(
                check_code=check, point_id__in=points, day__in=days, replaced_at__isnull=True
            ).values_list("point_id", "day")
        )
        for at in candidates.tolist():
            point_id, meter = block.key(at)
            before = days[: most[at]]
            if all((point_id, meter, day) in seen for day in before) and not any(
                (point_id, day) in said for day in before
            ):
                yield self._found(
                    check, kind, block, at, days=len(before) + 1, since=before[-1].isoformat() if before else ""
                )

    # V10

    def _usual(self, block: _Block) -> Iterator[Found]:
        if self.rules.is_off("V10"):
            return
        whole = np.flatnonzero(block.rows.is_whole)
        if not whole.size:
            return
        back = self.rules.figures("V10", "days")[block.scopes].astype(int)
        weeks = int(back.max()) // 7
        days = [self.day - timedelta(days=7 * week) for week in range(1, weeks + 1)]
        earlier = stored_days.in_force(block.rows.points[whole].tolist(), days)
        usable = earlier.is_whole & ~earlier.is_estimated if len(earlier) else np.zeros(0, bool)
        earlier_sums = earlier.sums
        samples: dict[tuple[int, str], list[tuple[date, int]]] = {}
        for at in np.flatnonzero(usable).tolist():
            key = (int(earlier.points[at]), earlier.meters[at])
            samples.setdefault(key, []).append((earlier.days[at], int(earlier_sums[at])))
        sigma = self.rules.figures("V10", "sigma")[block.scopes]
        least = self.rules.figures("V10", "least_wh")[block.scopes]
        sums = block.rows.sums
        for at in whole.tolist():
            oldest = self.day - timedelta(days=int(back[at]))
            known = [wh for day, wh in samples.get(block.key(at), []) if day >= oldest]
            if len(known) < LEAST_SAMPLES:
                continue
            mean, deviation = float(np.mean(known)), float(np.std(known, ddof=1))
            off = abs(int(sums[at]) - mean)
            if off > sigma[at] * deviation and off >= least[at]:
                yield self._found(
                    "V10", "unusual", block, at, wh=int(sums[at]), mean_wh=round(mean), deviation_wh=round(deviation)
                )

    # V14

    def _fixed(self, block: _Block) -> Iterator[Found]:
        corrected = np.flatnonzero(block.revisions > 0)
        if self.rules.is_off("V14") or not corrected.size:
            return
        with connection.cursor() as cursor:
            ids = block.rows.points[corrected].tolist()
            month = self.day + timedelta(days=35)
            cursor.execute(_FIXED, [ids, self.day, self.day, month])
            fixed = {point_id for (point_id,) in cursor.fetchall()}
        for at in corrected.tolist():
            if block.key(at)[0] in fixed:
                self.fixed_changed += 1
                revision, wh = int(block.revisions[at]), int(block.rows.sums[at])
                yield self._found("V14", "fixed", block, at, revision=revision, wh=wh)

    def _out_of_order(self) -> Iterator[Found]:
        """The revision in a day file's name follows the highest one its sender sent for the day."""
        try:
            name = names.parse(self.file.name)
        except Unreadable:
            return
        if not name.is_day or self.rules.is_off("V14"):
            return
        earlier = UsageFile.objects.filter(
            sender=self.file.sender_id, pk__lt=self.file.pk, state=UsageFile.State.TAKEN_IN, format=self.file.format
        ).filter(name__startswith=str(name)[:18])
        revisions = [
            other.revision
            for other in map(names.parse, earlier.values_list("name", flat=True))
            if other.split == name.split and other.code == name.code and other.day == name.day
        ]
        expected = max(revisions) + 1 if revisions else 0
        if name.revision != expected:
            rank = int(self.rules.severities("V14").max())
            numbers = {"revision": name.revision, "expected": expected}
            yield Found("V14", "revision_order", rank, self.day, numbers=numbers)


def record_registers(
    readings: Sequence[Reading], *, operator_id: int, received_on: date, now: datetime, file_id: int | None = None
) -> list[tuple[int, date]]:
    """Record readings of an operator's network and hold stored days to the new ones; returns (point, day) of those."""
    new = registers.record(readings, now=now, file_id=file_id)
    check_registers(new, operator_id=operator_id, received_on=received_on, now=now, file_id=file_id)
    return new


def check_registers(
    changed: Iterable[tuple[int, date]],
    *,
    operator_id: int,
    received_on: date,
    now: datetime,
    file_id: int | None = None,
) -> int:
    """Hold stored days to readings that came or changed: those of the day and of the day that ends with them (V07).

    `changed` is (point, day of the reading); what was found by earlier readings about these days is replaced. The
    rules of the day on which the readings were received hold.
    """
    rules = check_rules.on(received_on)
    if rules.is_off("V07"):
        return 0
    touched: dict[date, set[int]] = {}
    for point_id, day in changed:
        touched.setdefault(day, set()).add(point_id)
        touched.setdefault(day - ONE_DAY, set()).add(point_id)
    kept = 0
    for day, points in sorted(touched.items()):
        ids = sorted(points)
        for at in range(0, len(ids), BLOCK_ROWS):
            part = ids[at : at + BLOCK_ROWS]
            CheckFinding.objects.filter(check_code="V07", point_id__in=part, day=day, replaced_at__isnull=True).update(
                replaced_at=now
            )
            rows = stored_days.in_force(part, [day])
            facts = _facts_of(part)
            kept += findings.keep(
                list(_against(rows, facts, rules, day)), operator_id=operator_id, file_id=file_id, now=now
            )
    return kept


def _facts_of(points: list[int]) -> dict[int, tuple[int, int]]:
    """Point → (step in Wh, scope)."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.id, p.resolution_wh, {SCOPE_SQL.format(p='p')} FROM metering_supplypoint p WHERE p.id = ANY(%s)",
            [points],
        )
        return {point_id: (step, scope) for point_id, step, scope in cursor.fetchall()}


def _against(rows: Days, facts: dict[int, tuple[int, int]], rules: InForce, day: date) -> Iterator[Found]:
    steps = np.array([facts[point_id][0] for point_id in rows.points.tolist()], np.int64)

    def found(at: int, **numbers: int) -> Found:
        point_id = int(rows.points[at])
        rank = int(rules.severities("V07")[facts[point_id][1]])
        return Found("V07", "register", rank, day, point_id, rows.meters[at], numbers)

    yield from against_registers(rows, steps, found)


def against_registers(rows: Days, steps: NDArray[np.int64], found: Callable[..., Found]) -> Iterator[Found]:
    """Rows whose slots do not sum up to what their register moved on; `found(at, **numbers)` makes the finding.

    A row with missing slots can only be too high. On the day of an exchange a meter's slots outside its time are
    missing and its registers say the rest, so that it is held to them from both sides.
    """
    keys = list(zip(rows.points.tolist(), rows.meters, rows.days, strict=True))
    known = registers.used(keys)
    if not known:
        return
    exchanged = registers.exchanged(keys)
    whole, sums = rows.is_whole, rows.sums
    for at, key in enumerate(keys):
        register_wh = known.get(key)
        if register_wh is None:
            continue
        off = int(sums[at]) - register_wh
        complete = bool(whole[at]) or (key in exchanged and _is_one_piece(rows.values[at]))
        if off > int(steps[at]) or (complete and -off > int(steps[at])):
            yield found(at, sum_wh=int(sums[at]), register_wh=register_wh, step_wh=int(steps[at]))


def _is_one_piece(values: NDArray[np.int32]) -> bool:
    """True when the slots with a value stand without a gap between them."""
    present = np.flatnonzero(values != NULL)
    return bool(present.size) and bool(present[-1] - present[0] + 1 == present.size)
