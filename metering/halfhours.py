"""Half-hour arithmetic in one place, so that no other module counts slots, minutes or packed bytes by hand.

Slot n of a day covers [(n-1)·interval, n·interval) in Japan Standard Time: with half-hours slot 1 is
00:00-00:30 and slot 48 is 23:30-24:00 (domain notes, metering §3). Japan has no daylight saving, so a day
always has 1440 minutes; the interval length is data because meters of the next generation deliver 15 and 5
minutes.

Layout of a packed day (the `bytea` of a stored day row)
    byte 0        form: 1, 2 or 4 = width of every cell in bytes, cells are unsigned;
                  0x84 = width 4, cells hold value + 2,147,483,647 (only for a day with a negative value)
    bytes 1..     one cell per slot, slot 1 first, little-endian; all bits set = no value
The narrowest form that can hold the whole day is used, so equal days have equal bytes: 49, 97 or 193 bytes
for 48 slots. The smallest and the largest value that fit are -2,147,483,647 and 2,147,483,647 Wh.

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
_FORMS = {1: (1, "u1"), 2: (2, "<u2"), 4: (4, "<u4"), _SIGNED: (4, "<u4")}


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
    values = np.ascontiguousarray(values, dtype=np.int32)
    rows, slots = values.shape
    null = values == NULL
    highest = np.where(null, 0, values).max(axis=1, initial=0)
    signed = ((values < 0) & ~null).any(axis=1)
    forms = np.where(highest < 0xFF, 1, np.where(highest < 0xFFFF, 2, 4))
    forms[signed] = _SIGNED
    packed: list[bytes] = [b""] * rows
    for form, (width, dtype) in _FORMS.items():
        chosen = np.flatnonzero(forms == form)
        if not chosen.size:
            continue
        cells = values[chosen].astype(np.int64)
        if form == _SIGNED:
            cells += _BIAS  # NULL becomes -1: all bits set, as in every other form
        else:
            cells[null[chosen]] = -1
        size = 1 + slots * width
        table = np.empty((chosen.size, size), np.uint8)
        table[:, 0] = form
        table[:, 1:] = cells.astype(dtype).view(np.uint8).reshape(chosen.size, slots * width)
        flat = table.tobytes()
        if chosen.size == rows:
            return [flat[at : at + size] for at in range(0, len(flat), size)]
        for at, row in enumerate(chosen.tolist()):
            packed[row] = flat[at * size : (at + 1) * size]
    return packed


def unpack(packed: Sequence[bytes | memoryview], slots: int = SLOTS) -> NDArray[np.int32]:
    """Undo `pack`: packed days of `slots` slots to int32 [n, slots] with NULL for no value.

    Raises BrokenBytes, naming the row, when a length or a form byte does not fit the layout.
    """
    values = np.empty((len(packed), slots), np.int32)
    groups: dict[int, list[int]] = {}
    for row, data in enumerate(packed):
        form = data[0] if len(data) else -1
        if form not in _FORMS or len(data) != 1 + slots * _FORMS[form][0]:
            raise BrokenBytes(f"row {row}: {len(data)} bytes of form {form} are no packed day of {slots} slots")
        groups.setdefault(form, []).append(row)
    for form, rows in groups.items():
        width, dtype = _FORMS[form]
        joined = b"".join(packed if len(rows) == len(packed) else [packed[row] for row in rows])
        table = np.frombuffer(joined, np.uint8).reshape(len(rows), 1 + slots * width)
        cells = np.ascontiguousarray(table[:, 1:]).view(dtype)
        wide = cells.astype(np.int64)
        if form == _SIGNED:
            wide -= _BIAS
        wide[cells == np.iinfo(dtype).max] = NULL
        values[rows] = wide
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
    for row, data in enumerate(packed):
        if data is None:
            continue
        codes = np.frombuffer(data, np.uint8)
        if codes.size != values.shape[1] or codes.max(initial=0) > max(Quality):
            raise BrokenBytes(f"row {row}: these are no quality codes of {values.shape[1]} slots")
        quality[row] = codes
    return quality
