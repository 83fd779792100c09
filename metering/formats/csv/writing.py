"""Blocks of rows into wide CSV."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from isal import isal_zlib

from metering.formats import usual_lines
from metering.formats.blocks import BLOCK_ROWS, LETTERS, METER_LENGTH, POINT_LENGTH, DayBlock
from metering.formats.csv.layout import COLUMNS, MAX_RAW
from metering.formats.kwh import TABLE_SIZE, cells, kwh_text
from metering.halfhours import NULL, SLOTS, Quality

_LETTER_OF = np.array([ord(LETTERS[quality]) for quality in Quality], np.uint8)


class Sink(Protocol):
    """Anything bytes can be written to."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer wrote: day rows, readings (slots with a value), bytes of the file and their SHA-256."""

    rows: int
    readings: int
    size: int
    sha256: str


def write_wide(out: Sink, blocks: Iterable[DayBlock], *, compress: bool = False) -> Written:
    """Write blocks as wide CSV: `COLUMNS`, UTF-8 without a mark, \\n; gzip when `compress`.

    Equal rows give equal bytes.

    Streams: one block is in memory at a time. Returns rows, readings, size and SHA-256 of the bytes written.
    """
    return write_lines(out, blocks, columns=COLUMNS, lines_of=wide_lines, at_once=BLOCK_ROWS, compress=compress)


def write_lines(
    out: Sink,
    blocks: Iterable[DayBlock],
    *,
    columns: Sequence[str],
    lines_of: Callable[[DayBlock], bytes],
    at_once: int,
    compress: bool,
) -> Written:
    """Write a head of `columns` and the lines of each `at_once` rows, counted, hashed and packed on the way."""
    digest = hashlib.sha256()
    size = rows = readings = 0
    pack = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31) if compress else None

    def put(data: bytes) -> None:
        nonlocal size
        digest.update(data)
        size += len(data)
        out.write(data)

    def text(data: bytes) -> None:
        put(pack.compress(data) if pack else data)

    text((",".join(columns) + "\n").encode())
    for block in blocks:
        for at in range(0, len(block), at_once):
            part = block.rows(slice(at, at + at_once))
            text(lines_of(part))
            rows += len(part)
            readings += part.readings()
    if pack:
        put(pack.flush())
    return Written(rows, readings, size, digest.hexdigest())


def raw_line(
    point: str, meter: str, day: str, values: Iterable[int], texts: Mapping[int, str], quality: str = ""
) -> str:
    """A refused row as a line of wide CSV for whoever corrects it: 48 values in Wh, `texts` where wrong ones stood.

    texts   slot (1 to 48) → the text as it was sent
    """
    cells = ["" if value == NULL else kwh_text(value) for value in values]
    for slot, text in texts.items():
        cells[slot - 1] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([point, meter, day, *cells, quality])
    return out.getvalue()[:MAX_RAW]


def wide_lines(block: DayBlock) -> bytes:
    """The lines of a block, without the header, as UTF-8 bytes."""
    rows = len(block)
    if not rows:
        return b""
    null = block.values == NULL
    in_table = null | ((block.values >= 0) & (block.values < TABLE_SIZE))
    simple = in_table.all(axis=1)
    if not all(map(str.isascii, block.meters)):
        simple &= np.array([meter.isascii() for meter in block.meters])
    if not simple.all():
        out: list[bytes] = []
        lines = wide_lines(block.rows(simple)).splitlines(keepends=True)
        fast = iter(lines)
        for row in range(rows):
            out.append(next(fast) if simple[row] else line_by_hand(block, row))
        return b"".join(out)
    if (block.days == block.days[0]).all():
        days, which = block.days[:1], np.zeros(rows, np.intp)
    else:
        days, which = np.unique(block.days, return_inverse=True)
    dates = np.array([f"{day}," for day in np.datetime_as_string(days, "D")], "S11")[which]
    if block.values.max() <= usual_lines.LARGEST:
        meters = np.array(block.meters, "S")
        return usual_lines.write(block.points, meters, dates, block.values, _LETTER_OF[block.quality])
    wide = POINT_LENGTH + 1 + METER_LENGTH + 1 + 11
    table = np.zeros((rows, wide + 8 * SLOTS + SLOTS + 1), np.uint8)
    table[:, :POINT_LENGTH] = block.points.view(np.uint8).reshape(rows, POINT_LENGTH)
    table[:, POINT_LENGTH] = 0x2C
    at = POINT_LENGTH + 1
    meters = np.array(block.meters, f"S{METER_LENGTH}")
    table[:, at : at + METER_LENGTH] = meters.view(np.uint8).reshape(rows, METER_LENGTH)
    at += METER_LENGTH
    table[:, at] = 0x2C
    table[:, at + 1 : at + 12] = dates.view(np.uint8).reshape(rows, 11)
    index = np.where(null, TABLE_SIZE, block.values)
    table[:, wide : wide + 8 * SLOTS] = cells()[index].view(np.uint8).reshape(rows, 8 * SLOTS)
    table[:, wide + 8 * SLOTS : -1] = _LETTER_OF[block.quality]
    table[:, -1] = 0x0A
    return table[table != 0].tobytes()


def line_by_hand(block: DayBlock, row: int) -> bytes:
    """One line by hand, for values and meters outside the table."""
    values = ["" if value == NULL else kwh_text(value) for value in block.values[row].tolist()]
    letters = _LETTER_OF[block.quality[row]].tobytes().decode()
    point = block.points[row].decode()
    return (",".join([point, block.meters[row], str(block.days[row]), *values, letters]) + "\n").encode()
