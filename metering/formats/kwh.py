"""kWh text and integer Wh, exact both ways and never through a float; single values and whole columns.

Columns are read eight characters at a time as one 64-bit integer, and written from a table with the text of
every usual value; whatever does not fit that shape goes through the single-value functions, which define
what is right.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from metering.halfhours import NULL

LARGEST = 2**31 - 1
TABLE_SIZE = 1 << 16
"""Values from 0 to TABLE_SIZE - 1 Wh are written from the table."""

_NUMBER = re.compile(r"(-?)(\d*)(?:\.(\d*))?", re.ASCII)
_COMMA = re.compile(r"-?\d*,\d+", re.ASCII)

_U = np.uint64
_SHIFT = [_U(8 * n) for n in range(9)]
_ONES = 0xFFFFFFFFFFFFFFFF
_ZEROS = 0x3030303030303030
_KEEP = np.array([(_ONES << (8 * (8 - n))) & _ONES if n else 0 for n in range(9)], _U)
_FILL = np.array([_ZEROS & ~int(keep) & _ONES for keep in _KEEP], _U)


class BadNumber(ValueError):
    """A text that is no amount of energy; `code` is its key in errors.REASONS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_kwh(text: str, *, largest: int = LARGEST) -> int:
    """Wh of a decimal kWh text: digits, at most three decimals that count, a leading minus allowed.

    "0.5" is 500, ".5" and "5." are read, "0.1000" is 100. `largest` is the greatest amount read, in Wh:
    what a half-hour can hold unless a month is read. Raises BadNumber with the code number_comma,
    number_fine, number_large or number_text.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise BadNumber("number_comma" if _COMMA.fullmatch(text) else "number_text")
    decimals = (found[3] or "").rstrip("0")
    if len(decimals) > 3:
        raise BadNumber("number_fine")
    whole = found[2].lstrip("0")
    if len(whole) > len(str(largest)) - 3:
        raise BadNumber("number_large")
    wh = int(whole or "0") * 1000 + int(decimals.ljust(3, "0"))
    if wh > largest:
        raise BadNumber("number_large")
    return -wh if found[1] else wh


def kwh_text(wh: int) -> str:
    """Decimal kWh of whole Wh, always with three decimals: 159 is "0.159"."""
    sign, wh = ("-", -wh) if wh < 0 else ("", wh)
    return f"{sign}{wh // 1000}.{wh % 1000:03}"


def windows(buffer: bytes | bytearray, width: int) -> NDArray[np.uint8]:
    """View [len - width + 1, width] of a buffer: row i holds the `width` bytes from position i. No copy."""
    return np.ndarray((max(len(buffer) - width + 1, 0), width), np.uint8, buffer, 0, (1, 1))


def words(buffer: bytes | bytearray) -> NDArray[np.uint64]:
    """View of a buffer as the little-endian 64-bit integer that starts at every position. No copy."""
    return np.ndarray((max(len(buffer) - 7, 0),), "<u8", buffer, 0, (1,))


def parse_columns(
    words: NDArray[np.uint64], ends: NDArray[np.intp], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Read many kWh texts at once: (Wh int32, understood bool), both shaped like `ends`.

    words    `words(buffer)` of a buffer whose texts all end at position 8 or later
    ends     position behind the last character of each text
    lengths  number of characters; 0 gives NULL and is understood

    Where `understood` is False the text is longer than 8 characters or not plain digits with up to three
    decimals; ask `parse_kwh`, which reads more and names what is wrong.
    """
    return parse_words(words[ends - 8], lengths)


def parse_words(w: NDArray[np.uint64], lengths: NDArray[np.intp] | int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """As `parse_columns`, given the eight bytes that end each text; `w` is overwritten."""
    lengths = np.broadcast_to(np.asarray(lengths), w.shape)
    understood = (lengths >= 0) & (lengths <= 8)
    size = np.where(understood, lengths, 0)
    w &= _KEEP[size]
    w |= _FILL[size]
    dot = _U(0x2E)
    byte = _U(0xFF)
    three = ((w >> _SHIFT[4]) & byte) == dot
    x = (w & _U(0xFFFFFF0000000000)) | ((w & _U(0xFFFFFFFF)) << _SHIFT[1]) | _U(0x30)
    rest = ~three & (size > 0)
    if rest.any():
        w = w[rest]
        pad = _U(0x30)
        two = ((w >> _SHIFT[5]) & byte) == dot
        one = ((w >> _SHIFT[6]) & byte) == dot
        low5 = _U(0xFFFFFFFFFF)
        x2 = (w & low5) | ((w >> _SHIFT[1]) & _U(0x00FFFF0000000000)) | (pad << _SHIFT[7])
        x1 = ((w >> _SHIFT[1]) & low5) | ((w >> _SHIFT[2]) & _U(0x0000FF0000000000)) | _U(0x3030000000000000)
        x0 = ((w >> _SHIFT[3]) & low5) | _U(0x3030300000000000)
        x[rest] = np.where(two, x2, np.where(one, x1, x0))
        whole = ~two & ~one
        # characters that fell out on the left must have been padding
        fits = np.where(one, (w & byte) == pad, ~whole | ((w & _U(0xFFFFFF)) == _U(0x303030)))
        understood[rest] &= fits
    x ^= _U(_ZEROS)
    digits = ((x | (x + _U(0x7676767676767676))) & _U(0x8080808080808080)) == 0
    x = (x * _U(10) + (x >> _SHIFT[1])) & _U(0x00FF00FF00FF00FF)
    x = (x * _U(100) + (x >> _SHIFT[2])) & _U(0x0000FFFF0000FFFF)
    x = (x * _U(10000) + (x >> _SHIFT[4])) & _U(0xFFFFFFFF)
    empty = size == 0
    understood &= digits | empty
    values = x.astype(np.int32)
    values[empty | ~understood] = NULL
    return values, understood


@cache
def cells() -> NDArray[np.uint64]:
    """Table [TABLE_SIZE + 1] of "0.159," as eight bytes filled up with zero bytes; the last entry is ","."""
    texts = [kwh_text(wh) + "," for wh in range(TABLE_SIZE)] + [","]
    return np.array(texts, "S8").view("<u8")
