"""Parquet of unknown origin, read in a process of its own: some damaged footers abort the process that reads them.

The child reads the file from its standard input and writes frames: a letter, the length of what follows, and that.
B is a block (arrays), R a refused row (JSON), U why the file cannot be read (JSON), E the end. A child that dies before
its E has met a damaged file.
"""

from __future__ import annotations

import io
import json
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from metering.formats.blocks import DayBlock
from metering.formats.errors import BadRow, Unreadable
from metering.formats.parquet import read_parquet

MEMORY = 4 << 30
"""So much address space the child may take."""
_FRAME = struct.Struct(">cI")


def read_apart(stream: BinaryIO, *, max_bytes: int = 4 << 30) -> Iterator[DayBlock | BadRow]:
    """As `parquet.read_parquet`, whatever the file does to its reader. `stream` is binary; it is copied first."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
        copy.seek(0)
        command = [sys.executable, "-m", "metering.formats.parquet_apart", str(max_bytes)]
        child = subprocess.Popen(
            command,
            stdin=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert child.stdout is not None
        try:
            yield from _frames(child.stdout)
        finally:
            child.kill()
            child.stdout.close()
            child.wait()


def _frames(pipe: IO[bytes]) -> Iterator[DayBlock | BadRow]:
    while len(head := pipe.read(_FRAME.size)) == _FRAME.size:
        kind, size = _FRAME.unpack(head)
        content = pipe.read(size)
        if len(content) < size:
            break
        if kind == b"E":
            return
        if kind == b"B":
            yield _block(content)
        else:
            told = json.loads(content)
            if kind == b"U":
                raise Unreadable(told["code"], **told["params"])
            yield BadRow(**told)
    raise Unreadable("parquet_not")


def _block(content: bytes) -> DayBlock:
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return DayBlock(
            found["points"],
            found["meters"].tolist(),
            found["days"].view("datetime64[D]"),
            found["values"],
            found["quality"],
            found["lines"],
        )


def _write(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(_FRAME.pack(kind, len(content)) + content)


def _read_for_parent(max_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        for item in read_parquet(sys.stdin.buffer, max_bytes=max_bytes):
            if isinstance(item, DayBlock):
                out = io.BytesIO()
                np.savez(
                    out,
                    points=item.points,
                    meters=np.array(item.meters, "U16"),
                    days=item.days.view(np.int64),
                    values=item.values,
                    quality=item.quality,
                    lines=item.lines,
                )
                _write(b"B", out.getvalue())
            else:
                told = {name: getattr(item, name) for name in ("line", "code", "field", "raw", "check")}
                _write(b"R", json.dumps({**told, "params": dict(item.params)}).encode())
        _write(b"E", b"")
    except Unreadable as problem:
        _write(b"U", json.dumps({"code": problem.code, "params": problem.params}, default=str).encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _read_for_parent(int(sys.argv[1]))
