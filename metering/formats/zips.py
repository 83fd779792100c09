"""One-file zips: opened with distrust, written so that equal content gives equal bytes."""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from isal import isal_zlib

from metering.formats.csv import Sink
from metering.formats.errors import Unreadable, shown

PIECE = 1 << 20
_PATH = re.compile(r"[/\\:\0]|^\.\.?$|^$")
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_MIDNIGHT = 0x0021  # 1980-01-01, the earliest day of the format: no clock in the bytes
_LIMIT = 0xFFFFFFFF


def open_single(stream: BinaryIO, *, max_bytes: int) -> Iterator[bytes]:
    """The content of the one entry of a zip, piece by piece, at most `max_bytes` in all.

    stream  seekable binary
    Raises Unreadable: empty, zip_not, zip_broken (cut off, wrong checksum), zip_empty, zip_many, zip_path,
    zip_encrypted, zip_method, zip_large. What only shows at the end is raised after the last piece, so use
    nothing of a file before it has been read to its end.
    """
    stream.seek(0)
    magic = stream.read(4)
    if not magic:
        raise Unreadable("empty")
    if magic[:2] != b"PK":
        raise Unreadable("zip_not")
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, EOFError, OSError):
        raise Unreadable("zip_broken") from None
    if not entries:
        raise Unreadable("zip_empty")
    if len(entries) > 1:
        raise Unreadable("zip_many", count=len(entries))
    entry = entries[0]
    if _PATH.search(entry.orig_filename):
        raise Unreadable("zip_path", value=shown(entry.orig_filename))
    if entry.flag_bits & 0x41:
        raise Unreadable("zip_encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable("zip_method")
    if entry.file_size > max_bytes:
        raise Unreadable("zip_large", size=entry.file_size, limit=max_bytes)
    return _content(stream, entry, max_bytes)


def _content(stream: BinaryIO, entry: zipfile.ZipInfo, max_bytes: int) -> Iterator[bytes]:
    if entry.header_offset < 0:
        raise Unreadable("zip_broken")
    stream.seek(entry.header_offset)
    head = stream.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise Unreadable("zip_broken")
    *_ignored, name, extra = _LOCAL.unpack(head)
    stream.seek(entry.header_offset + _LOCAL.size + name + extra)
    packed = _packed(stream, entry.compress_size)
    pieces = packed if entry.compress_type == zipfile.ZIP_STORED else _inflate(packed)
    size = crc = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise Unreadable("zip_large", size=f"> {max_bytes}", limit=max_bytes)
        if size > entry.file_size:
            raise Unreadable("zip_broken")
        crc = isal_zlib.crc32(piece, crc)
        yield piece
    if size != entry.file_size or crc != entry.CRC:
        raise Unreadable("zip_broken")


def _packed(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read(min(size, PIECE))
        if not piece:
            raise Unreadable("zip_broken")
        size -= len(piece)
        yield piece


def _inflate(packed: Iterable[bytes]) -> Iterator[bytes]:
    unpack = isal_zlib.decompressobj(wbits=-15)
    for data in packed:
        try:
            piece = unpack.decompress(data, PIECE)
            while piece:
                yield piece
                piece = b"" if unpack.eof else unpack.decompress(unpack.unconsumed_tail, PIECE)
        except isal_zlib.IsalError:  # type: ignore[misc]  # declared as a value in its stub
            raise Unreadable("zip_broken") from None
        if unpack.eof:
            return
    raise Unreadable("zip_broken")


def write_single(out: Sink, name: str, pieces: Iterable[bytes], *, level: int = 1) -> tuple[int, str]:
    """Write a zip with one deflated entry; returns (bytes, SHA-256) of the zip.

    The packed bytes are held in memory until the sizes are known, so that the header carries them and `out`
    need not be seekable. No clock and no machine in the bytes: equal content gives equal bytes with the same
    compression library. ValueError for content or a packed size beyond 4 GiB.
    """
    pack = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -15)
    packed = []
    size = crc = 0
    for piece in pieces:
        size += len(piece)
        crc = isal_zlib.crc32(piece, crc)
        packed.append(pack.compress(piece))
    packed.append(pack.flush())
    small = sum(map(len, packed))
    if max(size, small) >= _LIMIT:
        raise ValueError("a zip entry beyond 4 GiB: split the content")
    title = name.encode("ascii")
    common = (20, 0, 8, 0, _MIDNIGHT, crc, small, size, len(title), 0)
    local = _LOCAL.pack(b"PK\x03\x04", *common) + title
    central = _CENTRAL.pack(b"PK\x01\x02", 20, *common, 0, 0, 0, 0, 0) + title
    end = _END.pack(b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + small, 0)
    digest = hashlib.sha256()
    total = 0
    for part in (local, *packed, central + end):
        digest.update(part)
        total += len(part)
        out.write(part)
    return total, digest.hexdigest()
