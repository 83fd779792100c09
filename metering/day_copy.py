"""Day rows as PostgreSQL's binary COPY wants them, made from arrays without an object per row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATEMENT = (
    "COPY metering_usageday (point_id, batch_id, day, revision, layer, meter, packed, quality) "
    "FROM STDIN (FORMAT binary)"
)
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
_EPOCH = np.datetime64("2000-01-01", "D")


def binary_rows(
    point_ids: NDArray[np.int64],
    batch_ids: NDArray[np.int64],
    days: NDArray[np.datetime64],
    revisions: NDArray[np.int64],
    layer: str,
    meters: list[str],
    packed: list[bytes],
    quality: list[bytes | None],
) -> Iterator[bytes]:
    """Rows of metering_usageday in PostgreSQL's binary COPY form, made in runs of rows that are equally long.

    A row is the number of columns and then, per column, its length and its bytes, all big-endian.
    """
    names_ = [meter.encode() for meter in meters]
    shapes = np.array(
        [
            np.fromiter(map(len, names_), np.int64, len(names_)),
            np.fromiter(map(len, packed), np.int64, len(packed)),
            np.fromiter((-1 if q is None else len(q) for q in quality), np.int64, len(quality)),
        ]
    )
    keys = (shapes[0] << 40) | (shapes[1] << 20) | (shapes[2] + 1)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    kinds = shapes[:, first]
    for at, (meter_length, cells_length, quality_length) in enumerate(kinds.T.tolist()):
        chosen = np.flatnonzero(which == at)
        columns: list[tuple[str, str, int, Any]] = [
            ("point", ">i8", 8, point_ids[chosen]),
            ("batch", ">i8", 8, batch_ids[chosen]),
            ("day", ">i4", 4, (days[chosen] - _EPOCH).astype(np.int64)),
            ("revision", ">i2", 2, revisions[chosen]),
            ("layer", "S1", 1, layer.encode()),
            ("meter", f"V{meter_length}", meter_length, _cells(names_, chosen, meter_length)),
            ("packed", f"V{cells_length}", cells_length, _cells(packed, chosen, cells_length)),
            ("quality", f"V{max(quality_length, 0)}", quality_length, _cells(quality, chosen, quality_length)),
        ]
        shape: list[tuple[str, str]] = [("columns", ">i2")]
        for name, kind, length, _ in columns:
            shape.append((f"{name}_length", ">i4"))
            if length > 0:
                shape.append((name, kind))
        table = np.zeros(len(chosen), np.dtype(shape))
        table["columns"] = len(columns)
        for name, _, length, content in columns:
            table[f"{name}_length"] = length
            if length > 0:
                table[name] = content
        yield table.tobytes()


def _cells(texts: list[Any], chosen: NDArray[np.intp], length: int) -> Any:
    if length <= 0:
        return None
    whole = texts if len(chosen) == len(texts) else [texts[row] for row in chosen.tolist()]
    return np.frombuffer(b"".join(whole), f"V{length}")
