"""Wide CSV into blocks of rows; the lines that fail are read again, slowly, to name what is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from metering.formats import usual_lines
from metering.formats.blocks import BLOCK_ROWS, LETTERS, METER_LENGTH, POINT_LENGTH, DayBlock
from metering.formats.csv.cells import day_of, meter_fault, point_fault
from metering.formats.csv.layout import COLUMNS, MAX_RAW, SLOT_COLUMNS
from metering.formats.csv.lines import Decoder, Header, chunks_of, count_lines, head_of, header_of, plain
from metering.formats.errors import BadRow, shown
from metering.formats.kwh import BadNumber, parse_columns, parse_kwh, windows, words
from metering.halfhours import NULL, SLOTS, Quality

PAD = b"\n" * 32

_CODE_OF = np.full(256, 255, np.uint8)
for _quality, _letter in LETTERS.items():
    _CODE_OF[ord(_letter)] = _quality
_METER_BYTE = np.zeros(256, bool)
_METER_BYTE[0x21:0x7F] = True
_METER_BYTE[list(b',"<>&')] = False
_KNOWN = "".join(LETTERS.values())


def read_wide(
    stream: BinaryIO, *, block_rows: int = BLOCK_ROWS, max_bytes: int = 4 << 30
) -> Iterator[DayBlock | BadRow]:
    """Read a wide CSV lazily: blocks of good rows and, apart from them, each row that cannot be read.

    stream     binary, read once from where it stands; gzip is recognised
    max_bytes  refuse more than so many unpacked bytes (protection against bombs)

    Every line with content is in exactly one block or one BadRow; rows keep their order among the good ones.
    Raises Unreadable, also midway, when the file as a whole is none: empty, another kind of file, a header
    that does not fit, bytes of no known encoding, a damaged gzip, too large.
    """
    chunks = chunks_of(plain(stream), max_bytes)
    head, line, text = head_of(chunks)
    decoder = Decoder()
    header = header_of(head, line, decoder)
    line += 1
    while True:
        if text:
            yield from _rows(text, line, header, decoder, block_rows)
            line += count_lines(text) + (not text.endswith(b"\n"))
        following = next(chunks, None)
        if following is None:
            return
        text = following


def _rows(text: bytes, line: int, header: Header, decoder: Decoder, block_rows: int) -> Iterator[DayBlock | BadRow]:
    """All rows of a run of whole lines whose first one has the number `line`."""
    buffer = PAD + text + (b"" if text.endswith(b"\n") else b"\n")
    flat = np.frombuffer(buffer, np.uint8)
    line_ends = np.flatnonzero(flat[len(PAD) :] == 0x0A) + len(PAD)
    line_starts = np.concatenate([[len(PAD)], line_ends[:-1] + 1])
    for at in range(0, len(line_ends), block_rows):
        part = slice(at, at + block_rows)
        yield from _block(buffer, flat, line_starts[part], line_ends[part], line + at, header, decoder)


def _block(
    buffer: bytes,
    flat: NDArray[np.uint8],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    line: int,
    header: Header,
    decoder: Decoder,
) -> Iterator[DayBlock | BadRow]:
    rows = len(starts)
    block = DayBlock(
        np.zeros(rows, f"S{POINT_LENGTH}"),
        [""] * rows,
        np.zeros(rows, "datetime64[D]"),
        np.full((rows, SLOTS), NULL, np.int32),
        np.full((rows, SLOTS), Quality.MISSING, np.uint8),
        np.arange(line, line + rows, dtype=np.int64),
    )
    good = np.zeros(rows, bool)
    if header.usual:
        _fill_usual(block, good, buffer, starts, ends)
    left = np.flatnonzero(~good)
    if left.size:
        if left.size < rows:  # the others alone, so that no comma of a line that is understood is looked for
            lines = [
                buffer[start : end + 1] for start, end in zip(starts[left].tolist(), ends[left].tolist(), strict=True)
            ]
            some = PAD + b"".join(lines)
            run = np.frombuffer(some, np.uint8)
            behind = len(PAD) + np.cumsum(np.fromiter(map(len, lines), np.intp, len(lines)))
            rest = (some, run[len(PAD) :], len(PAD), np.concatenate([[len(PAD)], behind[:-1]]), behind - 1)
        else:
            rest = (buffer, flat[int(starts[0]) : int(ends[-1]) + 1], int(starts[0]), starts, ends)
        _fill_plain(block, good, left, *rest, header)
    refused: list[BadRow] = []
    for row in np.flatnonzero(~good).tolist():
        raw = buffer[starts[row] : ends[row]]
        if not raw.strip(b" \t,"):
            continue
        bad = _fill_slowly(block, row, raw, header, decoder)
        if bad is None:
            good[row] = True
        else:
            refused.append(bad)
    if good.all():
        yield block
    elif good.any():
        yield block.rows(good)
    yield from refused


def _fill_usual(
    block: DayBlock, good: NDArray[np.bool_], buffer: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> None:
    """Fill the lines that look as nearly all do, and mark them as good."""
    found = usual_lines.read(buffer, starts, ends)
    if found is None:
        return
    days, known = _parsed_days(found.dates)
    if len(found.rows) == len(block) and known.all():
        block.points, block.meters, block.days = found.points, found.meters, days
        block.values, block.quality = found.values, found.quality
        good[:] = True
        return
    rows = found.rows
    block.points[rows], block.days[rows] = found.points, days
    block.values[rows], block.quality[rows] = found.values, found.quality
    for row, meter in zip(rows.tolist(), found.meters, strict=True):
        block.meters[row] = meter
    good[rows] = known


def _parsed_days(texts: NDArray[np.bytes_]) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """The days of texts of ten bytes, and which of them are days."""
    if (texts == texts[0]).all():  # nearly always, and far quicker than sorting them
        names, which = texts[:1], np.zeros(len(texts), np.intp)
    else:
        names, which = np.unique(texts, return_inverse=True)
    parsed = np.zeros(len(names), "datetime64[D]")
    known = np.zeros(len(names), bool)
    for n, name in enumerate(names.tolist()):
        found = day_of(name.decode("latin-1"))
        if not isinstance(found, str):
            parsed[n], known[n] = np.datetime64(found, "D"), True
    return parsed[which], known[which]


def _fill_plain(
    block: DayBlock,
    filled: NDArray[np.bool_],
    left: NDArray[np.intp],
    buffer: bytes,
    run: NDArray[np.uint8],
    first: int,
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    header: Header,
) -> None:
    """Fill the lines `left` that have the right number of columns and no quotes, and mark those that were understood.

    run, first    the bytes of those lines, which begin at `first` in the buffer
    starts, ends  where each of them stands in the buffer
    """
    marks = np.flatnonzero((run == 0x2C) | (run == 0x0A)) + first
    behind = np.searchsorted(marks, ends) + 1
    plain = np.flatnonzero(np.diff(behind, prepend=0) == header.count)
    if (run == 0x22).any():  # quoted rows are for the slow reader
        quotes = np.flatnonzero(run == 0x22) + first
        plain = plain[~np.isin(plain, np.searchsorted(ends, quotes))]
    if not plain.size:
        return
    rows = left[plain]
    edges = np.empty((len(rows), header.count + 1), np.intp)
    edges[:, 0] = starts[plain] - 1
    edges[:, 1:] = marks[(behind[plain] - header.count)[:, None] + np.arange(header.count)]

    def span(name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        at = header.at[name]
        return edges[:, at] + 1, edges[:, at + 1]

    start, end = span("supply_point")
    good = (end - start) == POINT_LENGTH
    points = windows(buffer, POINT_LENGTH)[np.where(good, start, 0)]
    good &= ((points - np.uint8(0x30)) <= 9).all(axis=1)
    block.points[rows] = points.reshape(-1).view(f"S{POINT_LENGTH}")

    start, end = span("date")
    good &= (end - start) == 10
    texts = windows(buffer, 10)[np.where(good, start, 0)].reshape(-1).view("S10")
    block.days[rows], known = _parsed_days(texts)
    good &= known

    if "meter" in header.at:
        start, end = span("meter")
        size = end - start
        good &= size <= METER_LENGTH
        letters = windows(buffer, METER_LENGTH)[np.minimum(start, len(buffer) - METER_LENGTH)]
        shift = start - np.minimum(start, len(buffer) - METER_LENGTH)
        good &= shift == 0  # a meter in the last bytes of the run: the slow reader takes it
        inside = np.arange(METER_LENGTH) < size[:, None]
        good &= (_METER_BYTE[letters] | ~inside).all(axis=1)
        meters = (letters * (inside & good[:, None])).reshape(-1).view(f"S{METER_LENGTH}")
        for row, meter in zip(rows.tolist(), meters.astype(f"U{METER_LENGTH}").tolist(), strict=True):
            block.meters[row] = meter

    columns = np.array([header.at[name] for name in SLOT_COLUMNS])
    stops = edges[:, columns + 1]
    values, understood = parse_columns(words(buffer), stops, stops - edges[:, columns] - 1)
    good &= understood.all(axis=1)
    block.values[rows] = values

    missing = values == NULL
    quality = np.where(missing, np.uint8(Quality.MISSING), np.uint8(Quality.MEASURED))
    if "quality" in header.at:
        start, end = span("quality")
        size = end - start
        good &= (size == 0) | (size == SLOTS)
        full = (size == SLOTS) & good
        if full.any():
            codes = _CODE_OF[windows(buffer, SLOTS)[start[full]]]
            agrees = (codes == Quality.MISSING) == missing[full]
            good[full] &= (agrees & (codes != 255)).all(axis=1)
            quality[full] = codes
    block.quality[rows] = quality
    filled[rows] = good


def _fill_slowly(block: DayBlock, row: int, raw: bytes, header: Header, decoder: Decoder) -> BadRow | None:
    """Read one line field by field into the block; the BadRow when it cannot be read."""
    line = int(block.lines[row])
    text = decoder.decode(raw, line)
    kept = text[:MAX_RAW]

    def bad(code: str, field: str = "", **params: object) -> BadRow:
        return BadRow(line, code, field, params, kept)

    try:
        if len(text) > MAX_RAW:
            fields = text.split(",")
        else:
            fields = next(csv.reader([text], strict=True))
    except csv.Error:
        return bad("quotes")
    if len(fields) != header.count:
        return bad("column_count", count=len(fields), expected=header.count)
    cell = {name: fields[at].strip() for name, at in header.at.items()}
    if not header.usual:  # a refused row is kept in the usual order, so that all of them fit under one header
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow([cell.get(name, "") for name in COLUMNS])
        kept = out.getvalue()[:MAX_RAW]

    if reason := point_fault(cell["supply_point"]):
        return bad(reason[0], "supply_point", **reason[1])
    meter = cell.get("meter", "")
    if reason := meter_fault(meter):
        return bad(reason[0], "meter", **reason[1])
    day = day_of(cell["date"])
    if isinstance(day, str):
        return bad(day, "date", value=shown(cell["date"]))
    values = []
    for slot, name in enumerate(SLOT_COLUMNS, 1):
        try:
            values.append(parse_kwh(cell[name]) if cell[name] else NULL)
        except BadNumber as error:
            return bad(error.code, name, slot=f"{slot:02}", value=shown(cell[name]))
    letters = cell.get("quality", "")
    quality = [Quality.MISSING if value == NULL else Quality.MEASURED for value in values]
    if letters:
        if len(letters) != SLOTS:
            return bad("quality_length", "quality", count=len(letters))
        for slot, (letter, value) in enumerate(zip(letters, values, strict=True), 1):
            code = int(_CODE_OF[ord(letter)]) if letter.isascii() else 255
            if code == 255:
                return bad("quality_letter", "quality", slot=f"{slot:02}", value=shown(letter), known=_KNOWN)
            if value == NULL and code != Quality.MISSING:
                return bad("quality_without_value", "quality", slot=f"{slot:02}", value=letter)
            if value != NULL and code == Quality.MISSING:
                return bad("value_without_quality", "quality", slot=f"{slot:02}")
            quality[slot - 1] = Quality(code)
    block.points[row] = cell["supply_point"].encode()
    block.meters[row] = meter
    block.days[row] = np.datetime64(day, "D")
    block.values[row] = values
    block.quality[row] = quality
    return None
