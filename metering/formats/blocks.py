"""Usage in memory: blocks of day rows as arrays, because a million points are never a million objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.halfhours import NULL, SLOTS, Quality, plain_quality

BLOCK_ROWS = 4096
"""Readers give blocks of at most so many rows, so that memory stays flat."""

POINT_LENGTH = 22
METER_LENGTH = 16

LETTERS = {
    Quality.MEASURED: "M",
    Quality.INTERPOLATED: "I",
    Quality.REFERENCE_DAY: "R",
    Quality.PROFILE: "P",
    Quality.AGREED: "A",
    Quality.EDITED: "E",
    Quality.MISSING: "N",
}
"""The letter of each quality in a file: measured, interpolated, reference day, profile, agreed, edited, none."""


@dataclass(slots=True)
class DayBlock:
    """Day rows side by side: row i is one point and meter on one day.

    points   S22 [n], the supply point numbers as ASCII digits
    meters   n strings of at most 16 characters, "" when the file names no meter
    days     datetime64[D] [n], the JST days
    values   int32 [n, 48] in Wh, NULL where there is no value (0 is a value; negative values are kept)
    quality  uint8 [n, 48], codes of halfhours.Quality; MISSING exactly where the value is NULL
    lines    int64 [n], where in the file the row stands (CSV: line; XML: ordinal of the row), from 1
    """

    points: NDArray[np.bytes_]
    meters: list[str]
    days: NDArray[np.datetime64]
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)

    def numbers(self) -> list[str]:
        """The supply point numbers as text, in row order."""
        return self.points.astype(f"U{POINT_LENGTH}").tolist()

    def readings(self) -> int:
        """How many slots hold a value."""
        return int(np.count_nonzero(self.values != NULL))

    def rows(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> DayBlock:
        """A block of the chosen rows (slice, mask or indices)."""
        if isinstance(chosen, slice):
            meters = self.meters[chosen]
        else:
            chosen = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
            meters = [self.meters[row] for row in chosen.tolist()]
        return DayBlock(
            self.points[chosen],
            meters,
            self.days[chosen],
            self.values[chosen],
            self.quality[chosen],
            self.lines[chosen],
        )


@dataclass(slots=True)
class SlotBlock:
    """One half-hour of many points: what a half-hour message carries (shapes as in DayBlock, values [n])."""

    points: NDArray[np.bytes_]
    meters: list[str]
    day: np.datetime64
    slot: int
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)


def day_block(
    points: list[str],
    days: list[object] | NDArray[np.datetime64],
    values: NDArray[np.int32],
    meters: list[str] | None = None,
    quality: NDArray[np.uint8] | None = None,
) -> DayBlock:
    """A block from plain lists, for callers that hold rows: plain quality and no meter unless given.

    Raises ValueError when the lengths differ or a number does not have 22 digits.
    """
    rows = len(points)
    values = np.ascontiguousarray(values, np.int32).reshape(rows, SLOTS)
    if len(days) != rows or (meters is not None and len(meters) != rows):
        raise ValueError("points, days, meters and values must have the same number of rows")
    if any(len(p) != POINT_LENGTH or not (p.isascii() and p.isdigit()) for p in points):
        raise ValueError("a supply point number has 22 digits")
    return DayBlock(
        np.array(points, f"S{POINT_LENGTH}").reshape(rows),
        [""] * rows if meters is None else list(meters),
        np.array(days, "datetime64[D]").reshape(rows),
        values,
        plain_quality(values) if quality is None else np.ascontiguousarray(quality, np.uint8),
        np.arange(1, rows + 1, dtype=np.int64),
    )


def join(blocks: list[DayBlock]) -> DayBlock:
    """One block of all rows in order; ValueError without any block."""
    if len(blocks) == 1:
        return blocks[0]
    return DayBlock(
        np.concatenate([b.points for b in blocks]),
        [meter for b in blocks for meter in b.meters],
        np.concatenate([b.days for b in blocks]),
        np.concatenate([b.values for b in blocks]),
        np.concatenate([b.quality for b in blocks]),
        np.concatenate([b.lines for b in blocks]),
    )


def recut(blocks: Iterable[DayBlock], rows: int) -> Iterator[DayBlock]:
    """The same rows in the same order in blocks of exactly `rows` rows, the last one shorter: file splits."""
    held: list[DayBlock] = []
    count = 0
    for block in blocks:
        while len(block):
            part = block.rows(slice(0, rows - count))
            block = block.rows(slice(len(part), None))
            held.append(part)
            count += len(part)
            if count == rows:
                yield join(held)
                held, count = [], 0
    if held:
        yield join(held)
