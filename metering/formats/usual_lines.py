"""Lines of wide CSV as nearly all of them are: 48 values below 10 kWh, each written "d.ddd", columns in their order.

Such lines differ in length by their meter alone, so that many of them are laid under one another and read or written
as one table, without looking for commas. Any other line is left to `formats.csv`, which defines what is right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import LETTERS, METER_LENGTH, POINT_LENGTH
from metering.formats.kwh import kwh_text
from metering.halfhours import NULL, SLOTS, Quality

_CELL = 6  # "0.159,"
_DATE = 11  # "2026-04-01,"
LARGEST = 9_999
"""Wh; the largest value whose text has five characters."""
TAIL = SLOTS * _CELL + SLOTS
"""Bytes of the values with their commas and of the quality letters."""
SHORTEST = POINT_LENGTH + 1 + 1 + _DATE + TAIL
"""Length of a usual line without meter, without its line end."""

_CODE_OF = np.full(256, 255, np.uint8)
for _quality, _letter in LETTERS.items():
    _CODE_OF[ord(_letter)] = _quality
_MEASURED = np.frombuffer(LETTERS[Quality.MEASURED].encode() * 8, "<u8")[0]
_METER_BYTE = np.zeros(256, bool)
_METER_BYTE[0x21:0x7F] = True
_METER_BYTE[list(b',"<>&')] = False
_ZERO = np.frombuffer(b"0.000," * SLOTS, np.uint8)
_FRACTIONS = np.array([100 * (n & 0xFF) + 10 * (n >> 8) for n in range(0x0A0A)], np.uint16)
_SPREAD = np.array([9, 0, 9, 9, 9, 0] * SLOTS, np.uint8)


class UsualLines:
    """Lines read at once: which of the given ones they were (`rows`), and their columns as in a DayBlock."""

    def __init__(
        self,
        rows: NDArray[np.intp],
        points: NDArray[np.bytes_],
        meters: list[str],
        dates: NDArray[np.bytes_],
        values: NDArray[np.int32],
        quality: NDArray[np.uint8],
    ) -> None:
        self.rows, self.points, self.meters, self.dates = rows, points, meters, dates
        self.values, self.quality = values, quality


def read(buffer: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> UsualLines | None:
    """The usual ones among lines [start, end) of a buffer whose columns stand in their order; None without any.

    Nothing is guessed: a line is taken only when every byte of it is where and what it is in a usual line. The dates
    are text still (S10).
    """
    meter_length = ends - starts - SHORTEST
    rows = np.flatnonzero((meter_length >= 0) & (meter_length <= METER_LENGTH))
    if not rows.size:
        return None
    everything = rows.size == len(starts)
    start, end = (starts, ends) if everything else (starts[rows], ends[rows])
    tails = _cut(buffer, end - TAIL, SLOTS * _CELL)
    digits = tails ^ _ZERO  # digits become 0 to 9, dots and commas 0
    good = (digits <= _SPREAD).all(axis=1)
    heads = _cut(buffer, start, POINT_LENGTH + 1)
    good &= ((heads[:, :POINT_LENGTH] - np.uint8(0x30)) <= 9).all(axis=1) & (heads[:, POINT_LENGTH] == 0x2C)
    dates = _cut(buffer, end - TAIL - _DATE - 1, _DATE + 1)
    good &= (dates[:, 0] == 0x2C) & (dates[:, _DATE] == 0x2C)
    letters = _cut(buffer, end - SLOTS, SLOTS)
    codes = None
    if (letters.view("<u8") != _MEASURED).any():
        codes = _CODE_OF[letters]
        good &= ((codes != 255) & (codes != Quality.MISSING)).all(axis=1)
    meters, sound = _meters(buffer, start + POINT_LENGTH + 1, end - TAIL - _DATE - 1)
    good &= sound
    if not good.all():
        chosen = np.flatnonzero(good)
        if not chosen.size:
            return None
        rows, digits, heads, dates = rows[chosen], digits[chosen], heads[chosen], dates[chosen]
        codes = None if codes is None else codes[chosen]
        meters = [meters[row] for row in chosen.tolist()]
    pairs = digits.view("<u2").reshape(-1, 3)  # units and dot, tenths and hundredths, thousandths and comma
    values = np.take(_FRACTIONS, pairs[:, 1], mode="clip")
    values += pairs[:, 2]
    values += pairs[:, 0] * np.uint16(1000)
    return UsualLines(
        rows,
        np.ascontiguousarray(heads[:, :POINT_LENGTH]).reshape(-1).view(f"S{POINT_LENGTH}"),
        meters,
        np.ascontiguousarray(dates[:, 1:_DATE]).reshape(-1).view(f"S{_DATE - 1}"),
        values.astype(np.int32).reshape(-1, SLOTS),
        np.zeros((len(rows), SLOTS), np.uint8) if codes is None else codes,
    )


def _cut(buffer: bytes, starts: NDArray[np.intp], width: int) -> NDArray[np.uint8]:
    """So many bytes from each place, under one another: uint8 [n, width]."""
    view = np.ndarray((len(buffer) - width + 1,), f"V{width}", buffer, 0, (1,))
    return view[starts].view(np.uint8).reshape(len(starts), width)


def _meters(buffer: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> tuple[list[str], NDArray[np.bool_]]:
    """The meter numbers, and which of them are made of characters a meter number may have."""
    sizes = ends - starts
    good = np.ones(len(starts), bool)
    meters = [""] * len(starts)
    for size in np.unique(sizes).tolist():
        if not size:
            continue
        chosen = np.flatnonzero(sizes == size)
        letters = _cut(buffer, starts[chosen], size)
        good[chosen] = sound = _METER_BYTE[letters].all(axis=1)
        if not sound.all():
            chosen, letters = chosen[sound], letters[sound]
        joined = letters.tobytes().decode("ascii")
        texts = [joined[at : at + size] for at in range(0, len(joined), size)]
        if len(texts) == len(meters):
            return texts, good
        for row, text in zip(chosen.tolist(), texts, strict=True):
            meters[row] = text
    return meters, good


_texts = [kwh_text(wh) + "," for wh in range(LARGEST + 1)]
_CELLS = np.array([*_texts, ","], "S8").view("<u8")
"""The text of every usual value, and last a comma alone for "no value"."""


def write(
    points: NDArray[np.bytes_],
    meters: NDArray[np.bytes_],
    dates: NDArray[np.bytes_],
    values: NDArray[np.int32],
    letters: NDArray[np.uint8],
) -> bytes:
    """Lines as bytes: points S22, meters S, dates S11 with their comma, values 0 to LARGEST or NULL, letters [n, 48].

    Zero bytes fill the places that are shorter and are taken out at the end: few, so that this is quick.
    """
    rows, width = len(points), max(meters.dtype.itemsize, 1)
    table = np.empty(
        rows,
        [
            *(("point", f"S{POINT_LENGTH}"), ("comma", "S1"), ("meter", f"S{width}"), ("another", "S1")),
            *(("date", f"S{_DATE}"), ("cells", "<u2", (SLOTS, _CELL // 2)), ("letters", f"V{SLOTS}"), ("end", "S1")),
        ],
    )
    table["point"], table["comma"], table["meter"], table["another"] = points, b",", meters, b","
    table["date"], table["end"] = dates, b"\n"
    cells = np.take(_CELLS, np.where(values == NULL, LARGEST + 1, values)).view("<u2").reshape(rows, SLOTS, 4)
    for part in range(_CELL // 2):
        table["cells"][:, :, part] = cells[:, :, part]
    table["letters"] = np.ascontiguousarray(letters).reshape(-1).view(f"V{SLOTS}")
    return table.tobytes().replace(b"\0", b"")
