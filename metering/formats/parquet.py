"""Parquet for analysis: one row per point, meter and day, files partitioned by area and day.

supply_point  string       date     date32
meter         string       wh       list<int32>: 48 whole Wh, null where there is no value
                           quality  string: one letter per slot (blocks.LETTERS)

area=03/date=2026-04-01/usage_00_0000.parquet         (revision, split)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from metering.formats.blocks import BLOCK_ROWS, LETTERS, POINT_LENGTH, DayBlock, recut
from metering.formats.csv import Sink, Written, meter_fault, point_fault, raw_line
from metering.formats.errors import SHOWN, BadRow, Unreadable, shown
from metering.halfhours import NULL, SLOTS, Quality

SCHEMA = pa.schema(
    [
        pa.field("supply_point", pa.string(), nullable=False),
        pa.field("meter", pa.string(), nullable=False),
        pa.field("date", pa.date32(), nullable=False),
        pa.field("wh", pa.list_(pa.field("element", pa.int32())), nullable=False),
        pa.field("quality", pa.string(), nullable=False),
    ],
    metadata={b"interval": b"30 minutes, slot 1 begins 00:00 JST", b"unit": b"Wh"},
)
GROUP_ROWS = 1 << 16

_LETTER_OF = np.array([ord(LETTERS[quality]) for quality in Quality], np.uint8)
_CODE_OF = np.full(256, 255, np.uint8)
for _quality, _letter in LETTERS.items():
    _CODE_OF[ord(_letter)] = _quality


def partition(area: str, day: date, *, revision: int = 0, split: int = 0) -> str:
    """The path of a file below the root of a partitioned data set: area=03/date=2026-04-01/usage_00_0000.parquet."""
    return f"area={area}/date={day.isoformat()}/usage_{revision:02}_{split:04}.parquet"


def write_parquet(out: Sink, blocks: Iterable[DayBlock]) -> Written:
    """Write blocks as one Parquet file (zstd). Equal rows give equal bytes with the same library version.

    Streams: at most GROUP_ROWS rows are in memory at a time.
    """
    sink = _Digest(out)
    rows = readings = 0
    with pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        SCHEMA,
        compression="zstd",
        use_dictionary=["meter", "quality"],
        store_schema=False,
    ) as writer:
        for block in recut(blocks, GROUP_ROWS):
            writer.write_table(pa.Table.from_batches([_batch(block)], SCHEMA))
            rows += len(block)
            readings += block.readings()
    return Written(rows, readings, sink.size, sink.digest.hexdigest())


def write_partitioned(
    create: Callable[[str], Sink], blocks: Iterable[DayBlock], *, revision: int = 0
) -> dict[str, Written]:
    """Write rows into one file per area (first two digits of the number) and day; {path: report}.

    create  opens the sink of a path below the root (see `partition`); closing it is the caller's
    Rows that are sorted by area and day stream; a day that comes back later becomes a further split.
    """
    done: dict[str, Written] = {}
    split: dict[tuple[str, date], int] = {}
    key: tuple[str, date] | None = None
    held: list[DayBlock] = []

    def close() -> None:
        if key is not None and held:
            number = split.get(key, 0)
            split[key] = number + 1
            path = partition(*key, revision=revision, split=number)
            done[path] = write_parquet(create(path), held)

    for block in blocks:
        areas = block.points.astype("S2")
        cut = np.flatnonzero((areas[1:] != areas[:-1]) | (block.days[1:] != block.days[:-1])) + 1
        for start, stop in zip([0, *cut.tolist()], [*cut.tolist(), len(block)], strict=True):
            if start == stop:
                continue
            here = areas[start].decode(), block.days[start].item()
            if here != key or sum(map(len, held)) >= 4 * GROUP_ROWS:
                close()
                key, held = here, []
            held.append(block.rows(slice(start, stop)))
    close()
    return done


class _Digest(io.RawIOBase):
    """A sink that counts and digests what passes through it."""

    def __init__(self, out: Sink) -> None:
        self.out, self.size, self.digest = out, 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        data = bytes(data)
        self.digest.update(data)
        self.size += len(data)
        self.out.write(data)
        return len(data)


def _batch(block: DayBlock) -> pa.RecordBatch:
    rows = len(block)
    flat = block.values.reshape(-1)
    wh = pa.ListArray.from_arrays(
        pa.array(np.arange(0, (rows + 1) * SLOTS, SLOTS, dtype=np.int32)),
        pa.array(flat, pa.int32(), mask=flat == NULL),
        type=SCHEMA.field("wh").type,
    )
    letters = _LETTER_OF[block.quality].reshape(-1).tobytes()
    offsets = np.arange(0, (rows + 1) * SLOTS, SLOTS, dtype=np.int32)
    quality = pa.StringArray.from_buffers(rows, pa.py_buffer(offsets.tobytes()), pa.py_buffer(letters))
    points = pa.array(block.numbers(), pa.string())
    days = pa.array(block.days, pa.date32())
    return pa.RecordBatch.from_arrays([points, pa.array(block.meters, pa.string()), days, wh, quality], schema=SCHEMA)


def read_parquet(
    stream: BinaryIO, *, block_rows: int = BLOCK_ROWS, max_bytes: int = 4 << 30, max_rows: int = 20_000_000
) -> Iterator[DayBlock | BadRow]:
    """Read a Parquet file lazily: blocks of good rows and, apart from them, each row that cannot be taken.

    stream  seekable binary; integers of any width are taken for `wh`, further columns are passed over, `meter`
            and `quality` may be absent. `lines` count rows from 1.
    The sizes the file claims are compared with the limits before any of it is unpacked. Raises Unreadable, also
    midway: empty, parquet_not, parquet_columns, too_large, rows_many.
    For files of trusted origin: pyarrow aborts the process on some damaged footers, so intake reads it through
    parquet_apart, in a process of its own.
    """
    stream.seek(0)
    if not stream.read(4):
        raise Unreadable("empty")
    stream.seek(0)
    try:
        # a footer that claims absurd sizes is refused by its reader
        file = pq.ParquetFile(
            stream, thrift_string_size_limit=1 << 20, thrift_container_size_limit=1 << 20, pre_buffer=False
        )
        wanted = _columns(file.schema_arrow)
        _measure(file.metadata, max_bytes, max_rows)
        line = 1
        for batch in file.iter_batches(batch_size=block_rows, columns=wanted, use_threads=False):
            yield from _rows(batch, line)
            line += batch.num_rows
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError):
        raise Unreadable("parquet_not") from None


def _columns(schema: pa.Schema) -> list[str]:
    def fits(name: str) -> bool:
        at = schema.get_all_field_indices(name)
        if not at and name in ("meter", "quality"):
            return True
        if len(at) != 1:
            return False
        kind = schema.field(at[0]).type
        if name == "wh":
            lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
            return bool(lists and pa.types.is_integer(kind.value_type))
        if name == "date":
            return bool(pa.types.is_date(kind))
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    if wrong := [name for name in SCHEMA.names if not fits(name)]:
        raise Unreadable("parquet_columns", expected=", ".join(SCHEMA.names), columns=", ".join(wrong))
    return [name for name in SCHEMA.names if name in schema.names]


def _measure(metadata: pq.FileMetaData, max_bytes: int, max_rows: int) -> None:
    if metadata.num_rows > max_rows:
        raise Unreadable("rows_many", limit=max_rows)
    size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(group.num_columns):
            chunk = group.column(column)
            size += max(chunk.total_uncompressed_size, 0)
            if chunk.num_values > SLOTS * 2 * max(group.num_rows, 1):
                raise Unreadable("parquet_not")
    if size > max_bytes:
        raise Unreadable("too_large", limit=max_bytes)


def _rows(batch: pa.RecordBatch, first: int) -> Iterator[DayBlock | BadRow]:
    column = {name: batch.column(name) for name in batch.schema.names}
    rows = batch.num_rows
    points = column["supply_point"].to_pylist()
    meters = column["meter"].to_pylist() if "meter" in column else [""] * rows
    days = column["date"].cast(pa.date32()).to_pylist()
    texts = column["quality"].to_pylist() if "quality" in column else [""] * rows
    lists = column["wh"]
    values = np.full((rows, SLOTS), NULL, np.int32)
    quality = np.full((rows, SLOTS), Quality.MISSING, np.uint8)
    counts = np.array(lists.value_lengths().fill_null(-1).to_pylist(), np.int64)
    cells = lists.flatten().cast(pa.int64())
    wide = cells.fill_null(NULL).to_numpy(zero_copy_only=False).copy()
    wide[(wide == NULL) & cells.is_valid().to_numpy(zero_copy_only=False)] -= 1  # no half-hour can hold it
    ends = np.cumsum(np.maximum(counts, 0))
    known: dict[str, tuple[str, dict[str, object]] | None] = {}
    good = np.zeros(rows, bool)
    bad: list[BadRow] = []
    for row in range(rows):
        fault = _fault(points[row], meters[row], days[row], texts[row], int(counts[row]), known)
        if fault is None:
            here = wide[ends[row] - SLOTS : ends[row]]
            fault = _enter(here, texts[row], values[row], quality[row])
        if fault is None:
            good[row] = True
        else:
            here = wide[ends[row] - SLOTS : ends[row]].tolist() if counts[row] == SLOTS else [NULL] * SLOTS
            point, meter, day = (
                "" if cell is None else str(cell)[:SHOWN] for cell in (points[row], meters[row], days[row])
            )
            raw = raw_line(point, meter, day, here, {}, (texts[row] or "")[:SLOTS])
            bad.append(BadRow(first + row, fault[0], fault[1], fault[2], raw))
    chosen = np.flatnonzero(good)
    if chosen.size:
        yield DayBlock(
            np.array([points[row] for row in chosen], f"S{POINT_LENGTH}"),
            [meters[row] for row in chosen],
            np.array([days[row] for row in chosen], "datetime64[D]"),
            values[chosen],
            quality[chosen],
            chosen + first,
        )
    yield from bad


_Reason = tuple[str, str, dict[str, object]]


def _fault(
    point: str | None, meter: str | None, day: date | None, letters: str | None, count: int, known: dict[str, Any]
) -> _Reason | None:
    for name, cell in (("supply_point", point), ("meter", meter), ("date", day), ("quality", letters)):
        if cell is None:
            return "parquet_null", name, {"column": name}
    assert point is not None and meter is not None and letters is not None
    if count < 0:
        return "parquet_null", "wh", {"column": "wh"}
    if found := point_fault(point):
        return found[0], "supply_point", found[1]
    if meter not in known:
        known[meter] = meter_fault(meter)
    if found := known[meter]:
        return found[0], "meter", found[1]
    if count != SLOTS:
        return "parquet_values", "wh", {"count": count}
    if letters and len(letters) != SLOTS:
        return "quality_length", "quality", {"count": len(letters)}
    return None


def _enter(
    cells: np.ndarray[Any, Any], letters: str, values: np.ndarray[Any, Any], quality: np.ndarray[Any, Any]
) -> _Reason | None:
    large = (cells > 2**31 - 1) | (cells < NULL)
    if large.any():
        slot = int(np.flatnonzero(large)[0])
        return "json_wh", "wh", {"slot": f"{slot + 1:02}", "value": int(cells[slot])}
    missing = cells == NULL
    codes = np.where(missing, np.uint8(Quality.MISSING), np.uint8(Quality.MEASURED))
    if letters:
        if not letters.isascii() or (_CODE_OF[np.frombuffer(letters.encode(), np.uint8)] == 255).any():
            slot = next(n for n, letter in enumerate(letters) if letter not in LETTERS.values())
            known = "".join(LETTERS.values())
            return (
                "quality_letter",
                "quality",
                {"slot": f"{slot + 1:02}", "value": shown(letters[slot]), "known": known},
            )
        codes = _CODE_OF[np.frombuffer(letters.encode(), np.uint8)]
        differs = (codes == Quality.MISSING) != missing
        if differs.any():
            slot = int(np.flatnonzero(differs)[0])
            if missing[slot]:
                return "quality_without_value", "quality", {"slot": f"{slot + 1:02}", "value": letters[slot]}
            return "value_without_quality", "quality", {"slot": f"{slot + 1:02}"}
    values[:] = cells
    quality[:] = codes
    return None
