"""Day rows as PostgreSQL's binary COPY wants them, made from arrays without an object per row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering import partitions
from metering.halfhours import SLOTS, pack_tables, plain_quality

_COLUMNS = "point_id, batch_id, day, revision, layer, meter, packed, quality"
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
_EPOCH = np.datetime64("2000-01-01", "D")


def statement(days: NDArray[np.datetime64]) -> str:
    """The COPY that takes rows of these days: into their month, which holds its rows to its bounds; else into any."""
    months = days.astype("datetime64[M]")
    table = partitions.name_of(months[0].item()) if (months == months[0]).all() else partitions.PARENT
    return f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT binary)"


def binary_rows(
    point_ids: NDArray[np.int64],
    batch_ids: NDArray[np.int64],
    days: NDArray[np.datetime64],
    revisions: NDArray[np.int64],
    layer: str,
    meters: list[str],
    values: NDArray[np.int32],
    quality: NDArray[np.uint8],
) -> bytes:
    """Rows of metering_usageday in PostgreSQL's binary COPY form, in their order.

    A row is the number of columns and then, per column, its length and its bytes, all big-endian. Rows that are equally
    long are made together and put where they belong: in rising order they fill the pages of the key, out of order they
    would leave them half empty.
    """
    tables: list[tuple[NDArray[np.intp], NDArray[np.void]]] = []
    sizes = np.zeros(len(point_ids), np.int64)
    told = (quality != plain_quality(values)).any(axis=1)
    texts, lengths = _texts(meters)
    for packed_rows, packed in pack_tables(values):
        kinds = lengths[packed_rows] * 2 + told[packed_rows]
        for kind in np.unique(kinds).tolist():
            meter_length, has_quality = divmod(kind, 2)
            inside = np.flatnonzero(kinds == kind)
            rows = packed_rows if len(inside) == len(packed_rows) else packed_rows[inside]
            cells = packed if len(inside) == len(packed_rows) else packed[inside]
            columns: list[tuple[str, str, int, Any]] = [
                ("point", ">i8", 8, point_ids[rows]),
                ("batch", ">i8", 8, batch_ids[rows]),
                ("day", ">i4", 4, (days[rows] - _EPOCH).astype(np.int64)),
                ("revision", ">i2", 2, revisions[rows]),
                ("layer", "S1", 1, layer.encode()),
                ("meter", f"V{meter_length}", meter_length, texts(rows, meter_length) if meter_length else None),
                ("packed", f"V{cells.shape[1]}", cells.shape[1], cells.reshape(-1).view(f"V{cells.shape[1]}")),
                ("quality", f"V{SLOTS}", SLOTS, np.ascontiguousarray(quality[rows]).reshape(-1).view(f"V{SLOTS}"))
                if has_quality
                else ("quality", "", -1, None),
            ]
            table = _table(len(rows), columns)
            sizes[rows] = table.dtype.itemsize
            tables.append((rows, table))
    if len(tables) == 1:
        return tables[0][1].tobytes()
    ends = np.cumsum(sizes)
    joined = bytearray(int(ends[-1]))
    for rows, table in tables:
        size = table.dtype.itemsize
        places = np.ndarray((len(joined) - size + 1,), f"V{size}", joined, 0, (1,))
        places[ends[rows] - size] = table.view(f"V{size}")
    return bytes(joined)


def _table(count: int, columns: list[tuple[str, str, int, Any]]) -> NDArray[np.void]:
    shape: list[tuple[str, str]] = [("columns", ">i2")]
    for name, kind, length, _ in columns:
        shape.append((f"{name}_length", ">i4"))
        if length > 0:
            shape.append((name, kind))
    frame = np.zeros(1, np.dtype(shape))
    frame["columns"] = len(columns)
    for name, _, length, _ in columns:
        frame[f"{name}_length"] = length
    table = np.repeat(frame, count)
    for name, _, length, content in columns:
        if length > 0:
            table[name] = content
    return table


def _texts(meters: list[str]) -> tuple[Callable[[NDArray[np.intp], int], Any], NDArray[np.int64]]:
    """The meter numbers as bytes: a way to get those of rows with one length, and the lengths."""
    joined, first = "".join(meters), len(meters[0])
    if joined.isascii() and set(map(len, meters)) == {first}:
        flat = np.frombuffer(joined.encode(), f"V{first}") if first else None
        lengths = np.full(len(meters), first)
        return lambda rows, _: flat if flat is None or len(rows) == len(meters) else flat[rows], lengths
    texts = [meter.encode() for meter in meters]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return lambda rows, length: np.frombuffer(b"".join([texts[row] for row in rows.tolist()]), f"V{length}"), lengths
