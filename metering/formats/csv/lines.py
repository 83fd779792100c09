"""A CSV file opened: unpacked, its kind and encoding recognised, its header understood, its lines whole."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from isal import isal_zlib

from metering.formats.csv.layout import ALIASES, COLUMNS, MAX_COLUMNS, MAX_LINE, PASSED_OVER, REQUIRED
from metering.formats.errors import Unreadable, shown

CHUNK = 1 << 20
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


def plain(stream: BinaryIO) -> Iterator[bytes]:
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
    chunks = chunks_of(plain(stream), max_bytes)
    head, line, text = head_of(chunks)
    decoder = Decoder()
    header = header_of(head, line, decoder, columns, required)

    def lines(line: int, text: bytes | None) -> Iterator[tuple[int, str]]:
        while text is not None:
            for raw in text.removesuffix(b"\n").split(b"\n") if text else []:
                line += 1
                if raw.strip(b" \t,"):
                    yield line, decoder.decode(raw, line)
            text = next(chunks, None)

    return header.count, header.at, lines(line, text)


def head_of(chunks: Iterator[bytes]) -> tuple[bytes, int, bytes]:
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


def chunks_of(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
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
            raise Unreadable("line_too_long", line=lines + count_lines(piece), limit=MAX_LINE)
        if cut:
            lines += count_lines(piece)
            yield piece[:cut]
    if held:
        yield held.removesuffix(b"\r")


def count_lines(text: bytes) -> int:
    """How many line ends there are; many times quicker than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == 0x0A))


class Decoder:
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
class Header:
    count: int
    at: dict[str, int]
    usual: bool
    """The columns stand as in COLUMNS."""


def header_of(
    head: bytes,
    line: int,
    decoder: Decoder,
    columns: tuple[str, ...] = COLUMNS,
    required: tuple[str, ...] = REQUIRED,
) -> Header:
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
    return Header(len(names), at, tuple(names) == columns)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" … ({len(names)})" if len(names) > 8 else "")
