"""Point rows cut out of the bytes of a message as arrays, where every byte of them is as expected."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import METER_LENGTH, POINT_LENGTH
from metering.formats.bp.messages import KEY, METER_BYTE
from metering.formats.kwh import parse_words, words
from metering.formats.tags import TagTable
from metering.formats.xml import PROLOG
from metering.halfhours import NULL

_SPACE = b" \t\r\n"
_LEAF = re.compile(rb"[ \t\r\n]*<(JP\d{5})>([^<]*)</(JP\d{5})>")
_TEXT_STOPS = np.zeros(256, bool)
_TEXT_STOPS[:0x20] = True
_TEXT_STOPS[0x3C] = True
_EDGE = b" " * 8
_SHAPES = 48
"""How many shapes of rows (order of tags, lengths of texts) a run may have to be read as arrays."""


@dataclass(slots=True)
class Run:
    """Point rows cut out of bytes: keys S38 (point and meter side by side), value texts parsed per voltage."""

    keys: NDArray[np.bytes_]
    present: NDArray[np.bool_]
    values: dict[str, NDArray[np.int32]]
    tags: dict[str, int]


def scan(run: bytes, table: TagTable) -> Run | None:
    """Cut a run of point rows into arrays; None when any byte of it is not exactly as expected.

    Rows of one length are laid under one another and compared with the first of them, which is taken apart
    by hand; its texts are the columns that may differ.
    """
    if b"&" in run:
        return None
    if not run.isascii():
        try:
            run.decode()
        except UnicodeDecodeError:
            return None
    buffer = run + _EDGE
    flat = np.frombuffer(buffer, np.uint8)
    opening, closing = f"<{table.point_row}>".encode(), f"</{table.point_row}>".encode()
    starts = _starts(flat, words(buffer), opening)
    if not starts.size or starts[0] != 0:
        return None
    lengths = np.diff(starts, append=len(run))  # a row reaches to the next one: space between belongs to it
    if lengths.max() > PROLOG:
        return None
    rows = len(starts)
    keys = np.zeros((rows, KEY), np.uint8)
    present = np.zeros(rows, bool)
    values = {tag: np.full(rows, NULL, np.int32) for tag in (table.kwh_low, table.kwh_high)}
    tags: dict[str, int] = {}
    shapes = 0
    for length in np.unique(lengths).tolist():
        left = np.flatnonzero(lengths == length)
        while left.size:
            shapes += 1
            shape = _shape(run[starts[left[0]] : starts[left[0]] + length], opening, closing)
            if shape is None or shapes > _SHAPES:
                return None
            laid = _laid(buffer, starts[left], length)
            alike = shape.alike(laid)
            if alike.all():
                chosen, left = left, left[:0]
            else:
                chosen, left, laid = left[alike], left[~alike], laid[alike]
            if not _take(laid, shape.spans, chosen, table, keys, present, values):
                return None
            for name in shape.spans:
                tags[name] = tags.get(name, 0) + len(chosen)
    used = {tag: found for tag, found in values.items() if tag in tags}
    if len(used) > 1:
        return None
    return Run(keys.reshape(-1).view(f"S{KEY}"), present, used, tags)


def _starts(flat: NDArray[np.uint8], word: NDArray[np.uint64], opening: bytes) -> NDArray[np.intp]:
    """Where rows begin: every place where the opening tag stands."""
    marks = np.flatnonzero(flat == opening[4])  # the R of JPMR; few other texts have one
    marks = marks[marks >= 4] - 4
    return marks[word[marks] == np.frombuffer(opening[:8], "<u8")[0]]


def _laid(buffer: bytes, starts: NDArray[np.intp], length: int) -> NDArray[np.uint8]:
    """Rows of one length under one another: uint8 [n, length rounded up to eights]."""
    wide = -(-length // 8) * 8
    view = np.ndarray((len(buffer) - wide + 1,), f"V{wide}", buffer, 0, (1,))
    return view[starts].view(np.uint8).reshape(len(starts), wide)


@dataclass(slots=True)
class _Shape:
    """A row taken apart: tag → (start, end) of its text, and the bytes that every row of the shape shares."""

    spans: dict[str, tuple[int, int]]
    row: NDArray[np.uint64]
    fixed: NDArray[np.uint64]

    def alike(self, laid: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which rows have the same bytes outside the texts."""
        differs: NDArray[np.uint64] = np.bitwise_or.reduce((laid.view("<u8") ^ self.row) & self.fixed, axis=1)
        return differs == 0


def _shape(row: bytes, opening: bytes, closing: bytes) -> _Shape | None:
    wide = -(-len(row) // 8) * 8
    fixed = np.zeros(wide, np.uint8)
    fixed[: len(row)] = 255
    spans: dict[str, tuple[int, int]] = {}
    at, stop = len(opening), row.rfind(closing)
    if not row.startswith(opening) or stop < 0 or row[stop + len(closing) :].strip(_SPACE):
        return None
    while row[at:stop].strip(_SPACE):
        leaf = _LEAF.match(row, at, stop)
        if leaf is None or leaf[1] != leaf[3] or leaf[1].decode() in spans:
            return None
        spans[leaf[1].decode()] = leaf.span(2)
        fixed[slice(*leaf.span(2))] = 0
        at = leaf.end()
    return _Shape(spans, np.frombuffer(row.ljust(wide), "<u8"), fixed.view("<u8"))


def _take(
    laid: NDArray[np.uint8],
    spans: dict[str, tuple[int, int]],
    chosen: NDArray[np.intp],
    table: TagTable,
    keys: NDArray[np.uint8],
    present: NDArray[np.bool_],
    values: dict[str, NDArray[np.int32]],
) -> bool:
    """Enter rows of one shape at the places `chosen`; False when a text is not as plain as expected."""
    start, end = spans.get(table.point, (0, 0))
    points = np.ascontiguousarray(laid[:, start:end])
    if end - start != POINT_LENGTH or ((points - np.uint8(0x30)) > 9).any():
        return False
    keys[chosen, :POINT_LENGTH] = points
    start, end = spans.get(table.meter, (0, 0))
    meters = np.ascontiguousarray(laid[:, start:end])
    if end - start > METER_LENGTH or not METER_BYTE[meters].all():
        return False
    keys[chosen, POINT_LENGTH : POINT_LENGTH + end - start] = meters
    here = np.ones(len(chosen), bool)
    for name in (table.status, table.provided):
        if name in spans:
            start, end = spans[name]
            if end - start != 1 or ((laid[:, start] - np.uint8(0x30)) > 9).any():
                return False
            here &= laid[:, start] == 0x30
    present[chosen] = here
    found = False
    for name, column in values.items():
        if name in spans:
            start, end = spans[name]
            word = np.ascontiguousarray(laid[:, end - 8 : end]).view("<u8")[:, 0]
            parsed, understood = parse_words(word, end - start)
            if not understood.all():
                return False
            column[chosen] = np.where(here, parsed, NULL)
            found |= end > start
    if not found and here.any():
        return False
    read = {table.point, table.meter, table.status, table.provided, *values}
    return not any(_TEXT_STOPS[laid[:, slice(*span)]].any() for name, span in spans.items() if name not in read)
