"""Wide CSV, the portal's own exchange format: one line per supply point, meter and day with 48 values.

    supply_point,meter,date,hh01,…,hh48,quality
    0300112233445566778899,M123,2026-04-01,0.159,…,0.055,MMM…M

Values are kWh with a decimal point and up to three decimals, empty = missing (missing is not zero); quality
is one letter per slot (blocks.LETTERS). Columns may stand in any order; `meter` and `quality` may be absent;
`code` and `reason`, which a list of refused rows carries, are passed over.
Read: UTF-8 with or without a byte order mark, Shift_JIS (cp932), any line ends, plain or gzip.
Clean lines are read as columns of arrays; only the lines that fail go through the slow reader, which alone
names what is wrong. Readers do not judge values: negative ones pass, repeated lines pass.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Protocol

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from metering.formats import usual_lines
from metering.formats.blocks import BLOCK_ROWS, LETTERS, METER_LENGTH, POINT_LENGTH, DayBlock
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.kwh import (
    TABLE_SIZE,
    BadNumber,
    cells,
    kwh_text,
    parse_columns,
    parse_kwh,
    windows,
    words,
)
from metering.halfhours import NULL, SLOTS, Quality

SLOT_COLUMNS = tuple(f"hh{slot:02}" for slot in range(1, SLOTS + 1))
COLUMNS = ("supply_point", "meter", "date", *SLOT_COLUMNS, "quality")
REQUIRED = ("supply_point", "date", *SLOT_COLUMNS)
PASSED_OVER = ("code", "reason")
ALIASES = {"供給地点特定番号": "supply_point", "計器番号": "meter", "年月日": "date", "品質": "quality"}

MAX_COLUMNS = 200
MAX_LINE = 8 << 20
MAX_RAW = 8192
CHUNK = 1 << 20
PAD = b"\n" * 32

_CODE_OF = np.full(256, 255, np.uint8)
for _quality, _letter in LETTERS.items():
    _CODE_OF[ord(_letter)] = _quality
_LETTER_OF = np.array([ord(LETTERS[quality]) for quality in Quality], np.uint8)
_METER_BYTE = np.zeros(256, bool)
_METER_BYTE[0x21:0x7F] = True
_METER_BYTE[list(b',"<>&')] = False
_KNOWN = "".join(LETTERS.values())
_EXTRA_SLOT = re.compile(r"hh\d{2,3}")
_KINDS = {
    b"PK\x03\x04": "zip / Excel",
    b"\xd0\xcf\x11\xe0": "Excel 97",
    b"%PDF": "PDF",
    b"<?xml": "XML",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


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
    chunks = _chunks(_plain(stream), max_bytes)
    head, line, text = _head(chunks)
    decoder = _Decoder()
    header = _header(head, line, decoder)
    line += 1
    while True:
        if text:
            yield from _rows(text, line, header, decoder, block_rows)
            line += _count_lines(text) + (not text.endswith(b"\n"))
        following = next(chunks, None)
        if following is None:
            return
        text = following


def _plain(stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of the file, unpacked when it is gzip, without its byte order mark."""
    head = stream.read(CHUNK)
    if head[:2] == b"\x1f\x8b":
        yield from _unmarked(_gunzip(head, stream))
    else:
        yield from _unmarked(iter_pieces(head, stream))


def read_lines(
    stream: BinaryIO, columns: tuple[str, ...], required: tuple[str, ...], *, max_bytes: int
) -> tuple[int, dict[str, int], Iterator[tuple[int, str]]]:
    """Open a CSV of other columns with the same care: (number of columns, column → position, lines lazily).

    The lines come with their numbers and without their ends, blank ones left out. Raises Unreadable as
    `read_wide` does, while the lines are read too.
    """
    chunks = _chunks(_plain(stream), max_bytes)
    head, line, text = _head(chunks)
    decoder = _Decoder()
    header = _header(head, line, decoder, columns, required)

    def lines(line: int, text: bytes | None) -> Iterator[tuple[int, str]]:
        while text is not None:
            for raw in text.removesuffix(b"\n").split(b"\n") if text else []:
                line += 1
                if raw.strip(b" \t,"):
                    yield line, decoder.decode(raw, line)
            text = next(chunks, None)

    return header.count, header.at, lines(line, text)


def _head(chunks: Iterator[bytes]) -> tuple[bytes, int, bytes]:
    """The header line, its number and what follows it in its chunk; it is the first line with content."""
    first = next(chunks, None)
    if first is None:
        raise Unreadable("empty")
    start, text, line = 0, first, 1
    while True:
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        head = text[start:end]
        if head.strip(b" \t,"):
            return head, line, text[end + 1 :]
        start, line = end + 1, line + 1
        if start >= len(text):
            following = next(chunks, None)
            if following is None:
                raise Unreadable("empty")
            start, text = 0, following


def iter_pieces(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """What was read already and then the rest of the stream, piece by piece."""
    while head:
        yield head
        head = stream.read(CHUNK)


def _unmarked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = next(pieces, b"")
    while len(head) < 8 and (more := next(pieces, b"")):
        head += more
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            raise Unreadable("not_csv", kind=kind)
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head:
        yield head
    yield from pieces


def _gunzip(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    member = None  # a gzip file may hold several members one behind the other
    for packed in iter_pieces(head, stream):
        data = packed
        while data:
            member = member or isal_zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(data, CHUNK)
                while piece:
                    yield piece
                    data = member.unconsumed_tail
                    piece = b"" if member.eof else member.decompress(data, CHUNK)
            except isal_zlib.IsalError:  # type: ignore[misc]  # declared as a value in its stub
                raise Unreadable("gzip_broken") from None
            data = b""
            if member.eof:
                data, member = member.unused_data.lstrip(b"\0"), None
    if member is not None:
        raise Unreadable("gzip_broken")


def _chunks(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Runs of whole lines that all end in \\n (the last one of the file may not)."""
    held = b""
    lines = 1
    total = 0
    for fetched in pieces:
        total += len(fetched)
        if total > max_bytes:
            raise Unreadable("too_large", limit=max_bytes)
        if b"\0" in fetched:
            raise Unreadable("not_csv", kind="binary data")
        piece = held + fetched
        if b"\r" in fetched or held.endswith(b"\r"):
            waits = piece.endswith(b"\r")  # its \n may stand at the head of the next piece
            piece = (piece[:-1] if waits else piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            waits = False
        cut = piece.rfind(b"\n") + 1
        held = piece[cut:] + (b"\r" if waits else b"")
        if len(held) > MAX_LINE:
            raise Unreadable("line_too_long", line=lines + _count_lines(piece), limit=MAX_LINE)
        if cut:
            lines += _count_lines(piece)
            yield piece[:cut]
    if held:
        yield held.removesuffix(b"\r")


def _count_lines(text: bytes) -> int:
    """How many line ends there are; many times quicker than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == 0x0A))


class _Decoder:
    """UTF-8 until a line says otherwise, then Shift_JIS: a file has one encoding."""

    def __init__(self) -> None:
        self.encoding = "utf-8"

    def decode(self, data: bytes, line: int) -> str:
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError:
            try:
                text = data.decode("cp932")
            except UnicodeDecodeError as error:
                raise Unreadable(
                    "undecodable", line=line, position=error.start + 1, byte=f"{data[error.start]:02X}"
                ) from None
            self.encoding = "cp932"
            return text


@dataclass(frozen=True, slots=True)
class _Header:
    count: int
    at: dict[str, int]
    usual: bool
    """The columns stand as in COLUMNS."""


def _header(
    head: bytes,
    line: int,
    decoder: _Decoder,
    columns: tuple[str, ...] = COLUMNS,
    required: tuple[str, ...] = REQUIRED,
) -> _Header:
    count = head.count(b",") + 1
    if count > MAX_COLUMNS:
        raise Unreadable("too_many_columns", count=count, limit=MAX_COLUMNS)
    names = [name.strip() for name in next(csv.reader([decoder.decode(head, line)]))]
    names = [ALIASES.get(name, name.lower()) for name in names]
    missing = [name for name in required if name not in names]
    if missing:
        raise Unreadable("header_missing", columns=_listed(missing))
    if extra := [name for name in names if name not in columns and _EXTRA_SLOT.fullmatch(name)]:
        raise Unreadable("header_slots", columns=_listed(extra))
    if unknown := [name for name in names if name not in columns + PASSED_OVER]:
        raise Unreadable("header_unknown", columns=_listed([shown(name) or "“”" for name in unknown]))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Unreadable("header_twice", columns=_listed(twice))
    at = {name: column for column, name in enumerate(names) if name in columns}
    return _Header(len(names), at, tuple(names) == columns)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" … ({len(names)})" if len(names) > 8 else "")


def _rows(text: bytes, line: int, header: _Header, decoder: _Decoder, block_rows: int) -> Iterator[DayBlock | BadRow]:
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
    header: _Header,
    decoder: _Decoder,
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
    header: _Header,
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


def _fill_slowly(block: DayBlock, row: int, raw: bytes, header: _Header, decoder: _Decoder) -> BadRow | None:
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


def point_fault(number: str) -> tuple[str, dict[str, object]] | None:
    """Why a text is no supply point number (reason code and params), None when it is one.

    22 ASCII digits without a check digit; area and voltage are judged where the market is known.
    """
    if not number:
        return "point_missing", {}
    if not (number.isascii() and number.isdigit()):
        return "point_characters", {"value": shown(number)}
    if len(number) == 17:
        return "point_gas", {}
    if len(number) != POINT_LENGTH:
        return "point_length", {"count": len(number)}
    return None


def meter_fault(meter: str) -> tuple[str, dict[str, object]] | None:
    """Why a text is no meter control number (reason code and params), None when it is one: "" to 16 characters."""
    if len(meter) > METER_LENGTH:
        return "meter_length", {"count": len(meter)}
    if not meter.isprintable() or set(meter) & set(',"<>&') or meter != meter.strip():
        return "meter_characters", {"value": shown(meter)}
    return None


def day_of(text: str) -> date | str:
    """The day of 2026-04-01, 2026/4/1 or 20260401; else the code of the reason."""
    if not text:
        return "date_missing"
    found = re.fullmatch(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})|(\d{4})(\d\d)(\d\d)", text, re.ASCII)
    if found is None:
        return "date_form"
    year, month, day = (int(part) for part in found.group(*((1, 3, 4) if found[1] else (5, 6, 7))))
    try:
        return date(year, month, day)
    except ValueError:
        return "date_unknown"


def write_wide(out: Sink, blocks: Iterable[DayBlock], *, compress: bool = False) -> Written:
    """Write blocks as wide CSV: `COLUMNS`, UTF-8 without a mark, \\n; gzip when `compress`.

    Equal rows give equal bytes.

    Streams: one block is in memory at a time. Returns rows, readings, size and SHA-256 of the bytes written.
    """
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

    text((",".join(COLUMNS) + "\n").encode())
    for block in blocks:
        for at in range(0, len(block), BLOCK_ROWS):
            part = block.rows(slice(at, at + BLOCK_ROWS))
            text(wide_lines(part))
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
            out.append(next(fast) if simple[row] else _line(block, row))
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


def _line(block: DayBlock, row: int) -> bytes:
    """One line by hand, for values and meters outside the table."""
    values = ["" if value == NULL else kwh_text(value) for value in block.values[row].tolist()]
    letters = _LETTER_OF[block.quality[row]].tobytes().decode()
    point = block.points[row].decode()
    return (",".join([point, block.meters[row], str(block.days[row]), *values, letters]) + "\n").encode()
