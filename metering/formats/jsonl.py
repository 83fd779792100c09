"""JSON lines, as the API gives usage: one object per point, meter and day.

    {"supply_point":"0300112233445566778899","meter":"M123","date":"2026-04-01","interval":30,
     "wh":[159,…,null,…,55],"quality":"MMM…NM"}

Energy is whole Wh, null where there is no value; one quality letter per slot (blocks.LETTERS).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from metering.formats.blocks import BLOCK_ROWS, LETTERS, POINT_LENGTH, DayBlock
from metering.formats.csv import MAX_RAW, Sink, Written, day_of, iter_pieces, meter_fault, point_fault
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import LARGEST
from metering.halfhours import NULL, SLOTS, Quality

KEYS = ("supply_point", "meter", "date", "interval", "wh", "quality")
REQUIRED = {"supply_point", "date", "wh"}
MAX_LINE = 1 << 16

_CODES = {letter: int(quality) for quality, letter in LETTERS.items()}
_LETTER_OF = np.array([ord(LETTERS[quality]) for quality in Quality], np.uint8)
_KNOWN = "".join(LETTERS.values())

_Row = tuple[str, str, Any, list[int], list[int], int]


class _Bad(Exception):
    def __init__(self, code: str, field: str = "", **params: object) -> None:
        self.code, self.field, self.params = code, field, params


def read_lines(
    stream: BinaryIO, *, block_rows: int = BLOCK_ROWS, max_bytes: int = 4 << 30
) -> Iterator[DayBlock | BadRow]:
    """Read JSON lines (UTF-8) lazily: blocks of good rows and, apart from them, each line that cannot be read.

    `meter`, `interval` and `quality` may be absent. Numbers are whole Wh; 159.0, true and "159" are none.
    Raises Unreadable, also midway: empty, undecodable, line_too_long, too_large.
    """
    held: list[_Row] = []
    some = False
    for line, raw in _lines(stream, max_bytes):
        some = True
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise Unreadable(
                "undecodable", line=line, position=error.start + 1, byte=f"{raw[error.start]:02X}"
            ) from None
        try:
            held.append((*_row(text), line))
        except _Bad as bad:
            yield BadRow(line, bad.code, bad.field, bad.params, text[:MAX_RAW])
        if len(held) >= block_rows:
            yield _block(held)
            held = []
    if held:
        yield _block(held)
    if not some:
        raise Unreadable("empty")


def _lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    held, line, size = b"", 0, 0
    for number, piece in enumerate(iter_pieces(stream.read(1 << 20), stream)):
        size += len(piece)
        if size > max_bytes:
            raise Unreadable("too_large", limit=max_bytes)
        *whole, held = (held + (piece if number else piece.removeprefix(b"\xef\xbb\xbf"))).split(b"\n")
        for raw in whole:
            line += 1
            if raw.strip():
                yield line, raw.rstrip(b"\r")
        if len(held) > MAX_LINE:
            raise Unreadable("line_too_long", line=line + 1, limit=MAX_LINE)
    if held.strip():
        yield line + 1, held.rstrip(b"\r")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted({key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1})
        raise _Bad("json_keys", keys=shown(", ".join(twice)), expected=", ".join(KEYS))
    return found


def _row(text: str) -> tuple[str, str, Any, list[int], list[int]]:
    if len(text) > MAX_LINE:
        raise _Bad("json_broken", detail=f"> {MAX_LINE}")
    try:
        found = json.loads(text, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise _Bad("json_broken", detail=shown(str(error))) from None
    if not isinstance(found, dict):
        raise _Bad("json_broken", detail=shown(text))
    if wrong := (REQUIRED - found.keys()) | (found.keys() - set(KEYS)):
        raise _Bad("json_keys", keys=shown(", ".join(sorted(wrong))), expected=", ".join(KEYS))
    for key in ("supply_point", "meter", "date", "quality"):
        if not isinstance(found.setdefault(key, ""), str):
            raise _Bad("json_text", key, key=key, value=shown(json.dumps(found[key])))
    if found.get("interval", 30) != 30 or isinstance(found.get("interval"), bool | float):
        raise _Bad("json_interval", "interval", value=shown(json.dumps(found["interval"])))
    point, meter = found["supply_point"], found["meter"]
    for check, column in ((point_fault(point), "supply_point"), (meter_fault(meter), "meter")):
        if check is not None:
            raise _Bad(check[0], column, **check[1])
    day = day_of(found["date"])
    if isinstance(day, str):
        raise _Bad(day, "date", value=shown(found["date"]))
    wh = found["wh"]
    if not isinstance(wh, list) or len(wh) != SLOTS:
        raise _Bad("json_values", "wh", count=len(wh) if isinstance(wh, list) else shown(json.dumps(wh)))
    values = []
    for slot, value in enumerate(wh, 1):
        if value is not None and (type(value) is not int or abs(value) > LARGEST):
            raise _Bad("json_wh", "wh", slot=f"{slot:02}", value=shown(json.dumps(value)))
        values.append(NULL if value is None else value)
    return point, meter, day, values, _codes(found["quality"], values)


def _codes(letters: str, values: list[int]) -> list[int]:
    """The codes of a day's quality letters, plain quality for ""; _Bad where letters and values disagree."""
    if not letters:
        return [int(Quality.MISSING if value == NULL else Quality.MEASURED) for value in values]
    if len(letters) != SLOTS:
        raise _Bad("quality_length", "quality", count=len(letters))
    codes = []
    for slot, (letter, value) in enumerate(zip(letters, values, strict=True), 1):
        if letter not in _CODES:
            raise _Bad("quality_letter", "quality", slot=f"{slot:02}", value=shown(letter), known=_KNOWN)
        if value == NULL and _CODES[letter] != Quality.MISSING:
            raise _Bad("quality_without_value", "quality", slot=f"{slot:02}", value=letter)
        if value != NULL and _CODES[letter] == Quality.MISSING:
            raise _Bad("value_without_quality", "quality", slot=f"{slot:02}")
        codes.append(_CODES[letter])
    return codes


def _block(rows: list[_Row]) -> DayBlock:
    points, meters, days, values, quality, lines = zip(*rows, strict=True)
    return DayBlock(
        np.array(points, f"S{POINT_LENGTH}"),
        list(meters),
        np.array(days, "datetime64[D]"),
        np.array(values, np.int32),
        np.array(quality, np.uint8),
        np.array(lines, np.int64),
    )


def write_lines(out: Sink, blocks: Iterable[DayBlock]) -> Written:
    """Write blocks as JSON lines in UTF-8, one line per row, keys in the order of `KEYS`; equal rows, equal bytes."""
    digest = hashlib.sha256()
    size = rows = readings = 0
    for block in blocks:
        data = b"".join(lines(block))
        digest.update(data)
        size += len(data)
        rows += len(block)
        readings += block.readings()
        out.write(data)
    return Written(rows, readings, size, digest.hexdigest())


def lines(block: DayBlock) -> Iterator[bytes]:
    """The lines of a block, each with its line end."""
    return map(_line, *_columns(block))


def objects(block: DayBlock) -> Iterator[dict[str, Any]]:
    """The rows of a block as plain objects, for an API that makes its JSON itself."""
    for point, meter, day, values, letters in zip(*_columns(block), strict=True):
        wh = [None if value == NULL else value for value in values]
        yield dict(zip(KEYS, (point, meter, str(day), 30, wh, letters), strict=True))


def _columns(block: DayBlock) -> tuple[list[str], list[str], list[Any], list[list[int]], list[str]]:
    letters = [row.tobytes().decode() for row in _LETTER_OF[block.quality]]
    return block.numbers(), block.meters, block.days.tolist(), block.values.tolist(), letters


_NULL_TEXT = str(NULL)


def _line(point: str, meter: str, day: object, values: list[int], letters: str) -> bytes:
    wh = ",".join(map(str, values)).replace(_NULL_TEXT, "null")
    return (
        f'{{"supply_point":"{point}","meter":{json.dumps(meter, ensure_ascii=False)},"date":"{day}",'
        f'"interval":30,"wh":[{wh}],"quality":"{letters}"}}\n'
    ).encode()
