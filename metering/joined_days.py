"""Stored days of many points fetched as a few values: what a query gathers in one row, as blocks in order.

Fetching a row per day costs several times what the values in it do. So the days of a group (a retailer's, say) come
joined in four values, in any order but all four in the same, and are put in order and taken apart here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import METER_LENGTH, POINT_LENGTH, DayBlock
from metering.halfhours import SLOTS, packed_length, plain_quality, unpack_joined, unpack_quality

JOINED = """
    string_agg(p.number, ''),
    string_agg(u.meter, ','),
    string_agg(substr(u.packed, 1, 1) || CASE WHEN u.quality IS NULL THEN '\\x00'::bytea ELSE '\\x01'::bytea END, ''),
    string_agg(u.packed || coalesce(u.quality, ''), '')
"""
"""Columns of a query that groups rows `u` of metering_usageday with their points `p`; no meter number holds a comma."""

Joined = tuple[str, str, bytes, bytes]


class JoinedDays:
    """Days of one day of the calendar by point and meter; their values stay packed until they are asked for."""

    def __init__(self, day: date, joined: Joined) -> None:
        numbers, meters, kinds, self.cells = joined
        self.day = np.datetime64(day, "D")
        self.points = np.frombuffer(numbers.encode(), f"S{POINT_LENGTH}")
        self.meters = meters.split(",")
        told = np.frombuffer(kinds, np.uint8).reshape(-1, 2)
        self.has_quality = told[:, 1] == 1
        self.lengths = packed_length(told[:, 0])
        ends = np.cumsum(self.lengths + SLOTS * self.has_quality)
        self.starts = ends - self.lengths - SLOTS * self.has_quality
        if len(self.meters) != len(self.points) or len(told) != len(self.points) or int(ends[-1]) != len(self.cells):
            raise ValueError("the joined columns do not belong together")
        self.order = self._order()

    def _order(self) -> NDArray[np.intp] | None:
        """By point and meter; None when they came in order."""
        if (self.points[1:] > self.points[:-1]).all():
            return None
        order = np.argsort(self.points, kind="stable")
        ordered = self.points[order]
        if (ordered[1:] == ordered[:-1]).any():  # a point with two meters
            return np.lexsort((np.array(self.meters, f"U{METER_LENGTH}"), self.points))
        return order

    def __len__(self) -> int:
        return len(self.points)

    def blocks(self, rows: int) -> Iterator[tuple[DayBlock, NDArray[np.intp] | slice]]:
        """Blocks of at most so many rows, each with the places its rows had in the joined columns."""
        for at in range(0, len(self), rows):
            last = min(at + rows, len(self))
            chosen = slice(at, last) if self.order is None else self.order[at:last]
            values, quality = self._values(np.arange(at, last) if isinstance(chosen, slice) else chosen)
            if isinstance(chosen, slice):
                meters = self.meters[chosen]
            else:
                meters = [self.meters[row] for row in chosen.tolist()]
            days = np.full(last - at, self.day)
            lines = np.arange(1, last - at + 1, dtype=np.int64)
            yield DayBlock(self.points[chosen], meters, days, values, quality, lines), chosen

    def _values(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Values and quality of the rows, unpacked."""
        starts, lengths, told = self.starts[rows], self.lengths[rows], self.has_quality[rows]
        values = unpack_joined(self.cells, lengths, starts=starts)
        quality = plain_quality(values)
        for row in np.flatnonzero(told).tolist():
            behind = int(starts[row] + lengths[row])
            codes = self.cells[behind : behind + SLOTS]
            quality[row] = unpack_quality([codes], values[row : row + 1])[0]
        return values, quality
