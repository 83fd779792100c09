"""Half-hour arithmetic in one place, so that no other module counts slots, minutes or packed bytes by hand.

Slot n of a day covers [(n-1)·interval, n·interval) in Japan Standard Time: with half-hours slot 1 is
00:00-00:30 and slot 48 is 23:30-24:00 (domain notes, metering §3). Japan has no daylight saving, so a day
always has 1440 minutes; the interval length is data because meters of the next generation deliver 15 and 5
minutes.

Layout of a packed day (the `bytea` of a stored day row)
    byte 0        form: low digit 1, 2 or 4 = width of every cell in bytes, cells are unsigned; high digit 0, 1 or 2 =
                  cells count steps of 1, 10 or 100 Wh, as far as the meter resolves;
                  0x84 = width 4, cells hold value + 2,147,483,647 (only for a day with a negative value)
    bytes 1..     one cell per slot, slot 1 first, little-endian; all bits set = no value
The narrowest form that can hold the whole day is used, and of equally narrow ones the finest step, so equal days have
equal bytes: 49, 97 or 193 bytes for 48 slots. (Rows stored before there were steps may be wider than need be: they are
read alike, and compared by value.) The smallest and the largest value that fit are -2,147,483,647 and 2,147,483,647 Wh.

Layout of packed quality: nothing (None) when every slot with a value is measured and every other slot is
missing, which is nearly always; otherwise one byte per slot holding the `Quality` code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

JST = timezone(timedelta(hours=9), "JST")
SLOTS = 48
INTERVALS = (30, 15, 5)

NULL = -(2**31)
"""The int32 that stands for "no value" in memory; zero is a value."""

_SIGNED = 0x84
_BIAS = 2**31 - 1
_FORMS = {
    # form: (bytes of a cell, its type, Wh of a step), the narrowest and of these the finest first
    0x01: (1, "u1", 1),
    0x11: (1, "u1", 10),
    0x21: (1, "u1", 100),
    0x02: (2, "<u2", 1),
    0x12: (2, "<u2", 10),
    0x22: (2, "<u2", 100),
    0x04: (4, "<u4", 1),
    _SIGNED: (4, "<u4", 1),
}


class Quality(IntEnum):
    """How a slot's value came about (domain notes, metering §5); the numbers are stored, never renumber."""

    MEASURED = 0
    INTERPOLATED = 1
    REFERENCE_DAY = 2
    PROFILE = 3
    AGREED = 4
    EDITED = 5
    MISSING = 6


class UnknownInterval(ValueError):
    """The interval length is none of the lengths meters deliver."""


class NoSuchSlot(ValueError):
    """The slot number does not exist in a day of this interval length."""


class BrokenBytes(ValueError):
    """Bytes that do not follow the packed layout."""


def slots_per_day(interval: int = 30) -> int:
    """How many slots a day has: 48 at 30 minutes, 96 at 15, 288 at 5. UnknownInterval for another length."""
    if interval not in INTERVALS:
        raise UnknownInterval(f"meters deliver 30, 15 or 5 minutes, not {interval}")
    return 1440 // interval


def slot_start(day: date, slot: int, interval: int = 30) -> datetime:
    """First instant of a slot, aware in JST. Slots count from 1; NoSuchSlot outside the day."""
    if not 1 <= slot <= slots_per_day(interval):
        raise NoSuchSlot(f"slot {slot} does not exist: a day has slots 1 to {slots_per_day(interval)}")
    return datetime.combine(day, time(), JST) + timedelta(minutes=(slot - 1) * interval)


def slot_end(day: date, slot: int, interval: int = 30) -> datetime:
    """First instant after a slot, aware in JST: the end of slot 48 is 00:00 of the next day."""
    return slot_start(day, slot, interval) + timedelta(minutes=interval)


def slot_at(instant: datetime, interval: int = 30) -> tuple[date, int]:
    """The JST day and the slot that holds an aware instant. ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("a slot can only be found for an aware datetime")
    local = instant.astimezone(JST)
    slots_per_day(interval)
    return local.date(), (local.hour * 60 + local.minute) // interval + 1


def slots_of(day: date, interval: int = 30) -> Iterator[tuple[int, datetime, datetime]]:
    """Every slot of a day in order, as (number, start, end), both instants aware in JST."""
    start, step = datetime.combine(day, time(), JST), timedelta(minutes=interval)
    for slot in range(1, slots_per_day(interval) + 1):
        yield slot, start, start + step
        start += step


def pack(values: NDArray[np.int32]) -> list[bytes]:
    """Pack days of Wh, int32 [n, slots] with NULL for no value, into one byte string per day.

    The layout is written down at the top of this module. Works column-free for any number of slots.
    """
    packed: list[bytes] = [b""] * len(values)
    for rows, table in pack_tables(values):
        size = table.shape[1]
        flat = table.tobytes()
        days = [flat[at : at + size] for at in range(0, len(flat), size)]
        if len(days) == len(packed):
            return days
        for row, day in zip(rows.tolist(), days, strict=True):
            packed[row] = day
    return packed


def pack_tables(values: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.uint8]]]:
    """As `pack`, days of one form under one another: (which rows, uint8 [m, bytes of a day]); every row once."""
    values = np.ascontiguousarray(values, dtype=np.int32)
    _, slots = values.shape
    forms = _forms(values)
    for form in np.unique(forms).tolist():
        width, dtype, step = _FORMS[form]
        rows = np.flatnonzero(forms == form)
        chosen = values if rows.size == len(values) else values[rows]
        table = np.empty((rows.size, 1 + slots * width), np.uint8)
        table[:, 0] = form
        if form == _SIGNED:
            cells = np.asarray(chosen.astype(np.int64) + _BIAS)  # NULL becomes -1: all bits set, as in every other form
        else:
            null = chosen == NULL
            cells = np.asarray(chosen if step == 1 else chosen // np.int32(step))
            if null.any():
                cells = np.where(null, -1, cells)
        table[:, 1:] = cells.astype(dtype).view(np.uint8).reshape(rows.size, slots * width)
        yield rows, table


def _forms(values: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The form of every day: the narrowest, and of these the one with the finest step."""
    rows = len(values)
    highest = values.max(axis=1, initial=0)
    forms = np.where(highest < 0xFF, 0x01, np.where(highest < 0xFFFF, 0x02, 0x04)).astype(np.uint8)
    narrower = {1: 0xFF, 2: 0xFFFF}
    for step, code in ((10, 0x10), (100, 0x20)):
        for width, limit in narrower.items():
            chosen_rows = np.flatnonzero((forms & 0x0F > width) & (highest < limit * step))
            if chosen_rows.size:
                chosen = values if chosen_rows.size == rows else values[chosen_rows]
                even = ((chosen % np.int32(step) == 0) | (chosen == NULL)).all(axis=1)
                forms[chosen_rows[even]] = code | width
    negative = (values < 0) & (values != NULL)
    if negative.any():
        forms[negative.any(axis=1)] = _SIGNED
    return forms


def unpack(packed: Sequence[bytes | memoryview], slots: int = SLOTS) -> NDArray[np.int32]:
    """Undo `pack`: packed days of `slots` slots to int32 [n, slots] with NULL for no value.

    Raises BrokenBytes, naming the row, when a length or a form byte does not fit the layout.
    """
    lengths = np.fromiter(map(len, packed), np.int64, len(packed))
    return unpack_joined(b"".join(packed), lengths, slots)


def packed_length(forms: NDArray[np.uint8], slots: int = SLOTS) -> NDArray[np.int64]:
    """How many bytes packed days of these forms (their first bytes) have; 0 for a form that does not exist."""
    lengths = np.zeros(256, np.int64)
    for form, (width, _, _) in _FORMS.items():
        lengths[form] = 1 + slots * width
    return lengths[forms]


def unpack_joined(
    joined: bytes, lengths: NDArray[np.int64], slots: int = SLOTS, *, starts: NDArray[np.int64] | None = None
) -> NDArray[np.int32]:
    """As `unpack`, of packed days inside one byte string, each as long as `lengths` says.

    starts  where each of them begins; without it they stand one behind the other
    """
    values = np.empty((len(lengths), slots), np.int32)
    if not len(lengths):
        return values
    flat = np.frombuffer(joined, np.uint8)
    if starts is None:
        starts = np.cumsum(lengths) - lengths
    forms = np.where(lengths > 0, flat[np.minimum(starts, len(flat) - 1)] if len(flat) else 0, 0).astype(np.int64)
    left = len(lengths)
    for form, (width, dtype, step) in _FORMS.items():
        size = 1 + slots * width
        rows = np.flatnonzero((forms == form) & (lengths == size))
        if not rows.size:
            continue
        left -= rows.size
        first = int(starts[0])
        if rows.size == len(lengths) and (np.diff(starts) == size).all():
            table = flat[first : first + size * len(rows)].reshape(len(rows), size)
        else:
            view = np.ndarray((len(flat) - size + 1,), f"V{size}", joined, 0, (1,))
            table = view[starts[rows]].view(np.uint8).reshape(len(rows), size)
        cells = np.ascontiguousarray(table[:, 1:]).view(dtype)
        if form == _SIGNED:
            wide = (cells.astype(np.int64) - _BIAS).astype(np.int32)
        else:
            wide = cells.astype(np.int32)
            if step > 1:
                wide *= np.int32(step)
        null = cells == np.iinfo(dtype).max
        if null.any():
            wide[null] = NULL
        if rows.size == len(lengths):
            return wide
        values[rows] = wide
    if left:
        known = np.array(
            [
                length == 1 + slots * _FORMS.get(form, (0,))[0] and form in _FORMS
                for form, length in zip(forms.tolist(), lengths.tolist(), strict=True)
            ]
        )
        row = int(np.flatnonzero(~known)[0])
        form = int(forms[row]) if lengths[row] else -1
        raise BrokenBytes(f"row {row}: {lengths[row]} bytes of form {form} are no packed day of {slots} slots")
    return values


def plain_quality(values: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The quality of days nobody has touched: measured where there is a value, missing where there is none."""
    return np.where(values == NULL, np.uint8(Quality.MISSING), np.uint8(Quality.MEASURED))


def pack_quality(quality: NDArray[np.uint8], values: NDArray[np.int32]) -> list[bytes | None]:
    """Pack quality codes, uint8 [n, slots]: None for a day of plain quality, else one byte per slot."""
    slots = quality.shape[1]
    packed: list[bytes | None] = [None] * len(quality)
    chosen = np.flatnonzero((quality != plain_quality(values)).any(axis=1))
    if chosen.size:
        flat = np.ascontiguousarray(quality[chosen], np.uint8).tobytes()
        for at, row in enumerate(chosen.tolist()):
            packed[row] = flat[at * slots : (at + 1) * slots]
    return packed


def unpack_quality(packed: Sequence[bytes | memoryview | None], values: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Undo `pack_quality`, given the unpacked values of the same days. BrokenBytes for a wrong length or code."""
    quality = plain_quality(values)
    if all(data is None for data in packed):
        return quality
    for row, data in enumerate(packed):
        if data is None:
            continue
        codes = np.frombuffer(data, np.uint8)
        if codes.size != values.shape[1] or codes.max(initial=0) > max(Quality):
            raise BrokenBytes(f"row {row}: these are no quality codes of {values.shape[1]} slots")
        quality[row] = codes
    return quality
