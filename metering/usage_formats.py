"""The formats of usage files: told from name and first bytes at the door, read row by row afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO

from django.conf import settings

from metering import checks
from metering.formats import bp, espi, jsonl, long_csv, names
from metering.formats.blocks import DayBlock
from metering.formats.csv import read_wide, wide_lines
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.parquet_apart import read_apart
from metering.models import UsageFile
from portal.market import MarketRole
from portal.models import Participation

Format = UsageFile.Format

NAME_LENGTH = 120
HEAD_BYTES = 4096
"""So many first bytes of a file are looked at to tell its format; a header line is shorter."""

_XML_STARTS = (b"<", b"\xef\xbb\xbf<")
_ENDINGS: dict[tuple[str, ...], tuple[str, str, tuple[bytes, ...]]] = {
    (".parquet",): (Format.PARQUET, "Parquet", (b"PAR1",)),
    (".xml",): (Format.ESPI, "XML", _XML_STARTS),
    (".jsonl", ".ndjson"): (Format.JSON_LINES, "JSON", (b"{", b"\xef\xbb\xbf{")),
}
"""What names end in, and what the content then begins with."""


class NotAUsageFile(Exception):
    """By name, size or first bytes this is no usage file; `code` and `params` make the sentence."""

    def __init__(self, code: str, **params: object) -> None:
        self.code, self.params = code, params
        super().__init__(code, params)

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


def recognise(name: str, upload: IO[bytes]) -> str:
    """The format a name promises, when the first bytes agree; `upload` is seekable. Raises NotAUsageFile."""
    upload.seek(0)
    head = upload.read(HEAD_BYTES)
    if not name or len(name) > NAME_LENGTH:
        raise NotAUsageFile("name_kind", name=shown(name))
    if not head:
        raise NotAUsageFile("file_empty")
    lower = name.lower()
    if lower.endswith((".csv", ".csv.gz")):
        return _csv(name, lower.endswith(".gz"), head)
    for endings, (format_, expected, starts) in _ENDINGS.items():
        if lower.endswith(endings):
            if not head.lstrip(b" \t\r\n").startswith(starts):
                raise NotAUsageFile("content_differs", name=shown(name), expected=expected)
            return format_
    if not lower.endswith(".zip"):
        raise NotAUsageFile("name_kind", name=shown(name))
    try:
        parsed = names.parse(name)
    except Unreadable as problem:
        raise NotAUsageFile(problem.code, **problem.params) from None
    if not parsed.is_day:
        raise NotAUsageFile("name_not_day", name=shown(name))
    if not head.startswith(b"PK"):
        raise NotAUsageFile("content_differs", name=shown(name), expected="zip")
    return Format.BP_DAY


def _csv(name: str, packed: bool, head: bytes) -> str:
    is_gzip = head.startswith(b"\x1f\x8b")
    if head.startswith((b"PK\x03\x04", b"PAR1")) or is_gzip != packed:
        raise NotAUsageFile("content_differs", name=shown(name), expected="CSV.gz" if packed else "CSV")
    if is_gzip:
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD_BYTES)
        except zlib.error:
            head = b""  # its reader says what is wrong
    header = head.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    columns = {column.strip().strip('"').strip().lower() for column in header.split(",")}
    return Format.LONG_CSV if {"slot", "kwh"} <= columns else Format.WIDE_CSV


class FileProblem(Unreadable):
    """A file problem with a sentence of `checks`."""

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


def day_rows(file: UsageFile, stream: BinaryIO) -> Iterator[DayBlock | BadRow]:
    """The day rows of a file in any of the formats that carry days. Raises Unreadable, also midway."""
    most = settings.USAGE_XML_MAX_BYTES
    match file.format:
        case Format.WIDE_CSV:
            yield from read_wide(stream, max_bytes=most)
        case Format.LONG_CSV:
            yield from long_csv.read_long(stream, limits=long_csv.Limits(max_bytes=most))
        case Format.JSON_LINES:
            yield from jsonl.read_lines(stream, max_bytes=most)
        case Format.ESPI:
            yield from espi.read_feed(stream, limits=espi.Limits(xml_bytes=min(most, espi.Limits().xml_bytes)))
        case Format.PARQUET:
            yield from read_apart(stream, max_bytes=most)
        case Format.BP_DAY:
            yield from _message_days(file, stream)
        case _:
            raise AssertionError(f"{file.format} carries no days")


def refused_lines(format_: str, block: DayBlock) -> list[str]:
    """Good rows written again for whoever corrects them: JSON for a file of JSON lines, else wide CSV."""
    if format_ == Format.JSON_LINES:
        return [line.decode() for line in jsonl.lines(block)]
    return wide_lines(block).decode().splitlines()


def _message_days(file: UsageFile, stream: BinaryIO) -> Iterator[DayBlock | BadRow]:
    delivery = bp.read_zip(stream, limits=bp.Limits(xml_bytes=settings.USAGE_XML_MAX_BYTES))
    message, name = delivery.message, names.parse(file.name)
    if message.code not in bp.DAY:
        raise FileProblem("bp_not_day", message_code=message.code)
    if (message.code, message.day) != (name.code, name.day):
        raise FileProblem(
            "bp_name_differs",
            name_code=name.code,
            name_day=name.day.isoformat(),
            message_code=message.code,
            message_day=message.day.isoformat(),
        )
    own_message(file, message.sender, test=message.test)
    for item in delivery.items:
        assert isinstance(item, DayBlock | BadRow)  # a day message has no other
        yield item


def own_message(file: UsageFile, sender: str, *, test: bool) -> None:
    """FileProblem for a message that is marked as a test or names another sender than who sent the file."""
    if test:
        raise FileProblem("bp_test")
    own = Participation.objects.filter(company=file.sender, market_role=MarketRole.NETWORK_OPERATOR)
    codes = sorted(own.values_list("code", flat=True))
    if sender not in codes:
        raise FileProblem("bp_sender", sender=shown(sender), known=", ".join(codes))
