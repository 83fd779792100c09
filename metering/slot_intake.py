"""Half-hours in: preliminary values of BP 0110/1110, checked like day rows and kept as segments of their own layer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from metering import checks, slots, usage_formats
from metering.day_intake import DayStore
from metering.formats import names
from metering.formats.blocks import DayBlock, SlotBlock
from metering.formats.errors import BadRow
from metering.halfhours import NULL, SLOTS, Quality, slot_end
from metering.models import Layer, UsageBatch, UsageFile
from metering.tallies import Tally

ON_TIME = timedelta(minutes=60)
"""[default] A half-hour is on time until so long after it ended (domain notes, metering §4)."""


class SlotStore:
    """One half-hour file on its way into the database; lives inside one transaction."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.tally = Tally(file)
        self.days = DayStore(file, now=now)

    def all(self) -> Tally:
        blocks: list[SlotBlock] = []
        with self.file.content.open("rb") as stream:
            for item in usage_formats.half_hours(self.file, stream):
                if isinstance(item, BadRow):
                    self.tally.refuse(item)
                else:
                    blocks.append(item)
        if blocks:
            self._take(_joined(blocks))
        self.tally.write_refused()
        return self.tally

    def _take(self, block: SlotBlock) -> None:
        day, slot = cast(date, block.day.item()), block.slot
        wide = _as_days(block)
        facts = self.days.facts(wide)
        findings = checks.examine(wide, facts, self.days.bounds, self.days.rules, whole_days=False)
        for row in np.flatnonzero(~findings.good).tolist():
            code = findings.code_of(row)
            column, params = checks.particulars(code, wide, row, self.days.bounds)
            (raw,) = usage_formats.refused_lines(self.file.format, wide.rows(np.array([row])))
            self.tally.refuse(BadRow(int(block.lines[row]), code, column, params, raw))
        for code, ranks in findings.noted.items():
            self.tally.note(code, block.lines[ranks > 0], severity=int(ranks.max()))
        good = np.flatnonzero(findings.good)
        if not good.size:
            return
        self.tally.read += len(good)
        lines = block.lines[good]
        if self.file.received_at > slot_end(day, slot) + ON_TIME:
            self.tally.note("half_hour_late", lines, severity=self._severity("V03"))
        if (absent := block.values[good] == NULL).any():
            self.tally.note("gaps", lines[absent], severity=self._severity("V03"))
        ids, meters = facts.point_ids[good], [block.meters[row] for row in good.tolist()]
        values = block.values[good]
        keep, corrected = self._compare(day, slot, ids, meters, values, lines)
        chosen = np.flatnonzero(keep)
        if chosen.size:
            batch = UsageBatch.objects.create(
                file=self.file,
                day=day,
                layer=Layer.PRELIMINARY,
                slot=slot,
                rows=len(chosen),
                readings=int(np.count_nonzero(values[chosen] != NULL)),
                rows_corrected=corrected,
            )
            slots.write(batch, ids[chosen], [meters[row] for row in chosen.tolist()], values[chosen])
        self.tally.taken += len(chosen)
        self.tally.unchanged += len(good) - len(chosen)

    def _severity(self, check: str) -> int:
        return int(self.days.rules.severities(check).max())

    def _compare(
        self, day: Any, slot: int, ids: NDArray[np.int64], meters: list[str], values: NDArray[np.int32], lines: Any
    ) -> tuple[NDArray[np.bool_], int]:
        """Which rows are to be stored, and how many of them correct others; what a newer file said stays in force."""
        keep = np.ones(len(ids), bool)
        before = list(
            UsageBatch.objects.filter(
                day=day, slot=slot, layer=Layer.PRELIMINARY, file__sender=self.file.sender_id
            ).select_related("file")
        )
        own = names.parse(self.file.name)
        known = [names.parse(batch.file.name).revision for batch in before]
        if own.revision > max(known, default=-1) + 1:
            self.tally.note("revision_jump", lines, severity=self._severity("V14"))
        if not before:
            return keep, 0
        held = slots.held(before)
        touched = np.isin(held.ids, ids)
        rows = [row for row in held.newest().tolist() if touched[row]]
        stored = {(int(held.ids[row]), held.meters[row]): row for row in rows}
        order = (*own.order, self.file.pk)
        overtaken, corrected = [], 0
        for row, key in enumerate(zip(ids.tolist(), meters, strict=True)):
            at = stored.get(key)
            if at is None:
                continue
            if held.values[at] == values[row]:
                keep[row] = False
            elif held.orders[held.source[at]] > order:
                keep[row] = False
                overtaken.append(row)
            else:
                corrected += 1
        if overtaken:
            self.tally.note("overtaken", lines[overtaken], severity=self._severity("V14"))
        return keep, corrected


def _joined(blocks: list[SlotBlock]) -> SlotBlock:
    first = blocks[0]
    return SlotBlock(
        np.concatenate([block.points for block in blocks]),
        [meter for block in blocks for meter in block.meters],
        first.day,
        first.slot,
        np.concatenate([block.values for block in blocks]),
        np.concatenate([block.quality for block in blocks]),
        np.concatenate([block.lines for block in blocks]),
    )


def _as_days(block: SlotBlock) -> DayBlock:
    """The half-hour as the day rows that the checks look at."""
    rows = len(block)
    values = np.full((rows, SLOTS), NULL, np.int32)
    values[:, block.slot - 1] = block.values
    quality = np.full((rows, SLOTS), Quality.MISSING, np.uint8)
    quality[:, block.slot - 1] = block.quality
    return DayBlock(block.points, block.meters, np.full(rows, block.day), values, quality, block.lines)
