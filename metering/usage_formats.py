"""The formats of usage files: told from name and first bytes at the door, read row by row afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import date
from typing import IO, BinaryIO

from django.conf import settings

from metering import checks
from metering.formats import bp, espi, fixed, jsonl, long_csv, names
from metering.formats.blocks import DayBlock, SlotBlock
from metering.formats.csv import read_wide, wide_lines
from metering.formats.errors import BadRow, Unreadable, shown
from metering.formats.parquet_apart import read_apart
from metering.models import Layer, UsageFile
from portal.market import MarketRole
from portal.models import Participation

Format = UsageFile.Format

_CATEGORIES = (Format.INTERRUPTION, Format.SORTED_ENERGY, Format.CONTRACT_POWER)
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


_CSV_COLUMNS = {
    Format.SORTED_ENERGY: {"contract", "sorted_kwh"},
    Format.LONG_CSV: {"slot", "kwh"},
    Format.INTERRUPTION: {"cause", "days_counted"},
    Format.CONTRACT_POWER: {"contract_kw", "from_month"},
}
"""Columns of the header line by which a CSV is known; with none of them it is a wide one."""
_OF_CODE = {
    **dict.fromkeys(bp.HALF_HOUR, Format.BP_HALF_HOUR),
    **dict.fromkeys(bp.DAY, Format.BP_DAY),
    **dict.fromkeys(fixed.FIXED, Format.BP_FIXED),
    **dict.fromkeys(fixed.EXCHANGE, Format.BP_EXCHANGE),
    **dict.fromkeys(fixed.OFF_CYCLE, Format.BP_OFF_CYCLE),
}
LAYERS = {
    Format.BP_HALF_HOUR: Layer.PRELIMINARY,
    **dict.fromkeys(_CATEGORIES, Layer.OTHER),
    **dict.fromkeys((Format.BP_FIXED, Format.BP_EXCHANGE, Format.BP_OFF_CYCLE), Layer.FIXED),
}
"""The layer of what a format brings, where it is not the daily one."""


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
    if not head.startswith(b"PK"):
        raise NotAUsageFile("content_differs", name=shown(name), expected="zip")
    return _OF_CODE[parsed.code]


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
    if "reading_kwh" in columns:
        return Format.REGISTERS
    for format_, its_own in _CSV_COLUMNS.items():
        if its_own <= columns:
            return format_
    return Format.WIDE_CSV


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


def half_hours(file: UsageFile, stream: BinaryIO) -> Iterator[SlotBlock | BadRow]:
    """The half-hours of a BP 0110/1110 file. Raises Unreadable."""
    for item in _message(file, stream).items:
        assert not isinstance(item, DayBlock)  # a half-hour message has no other
        yield item


def months(file: UsageFile, stream: BinaryIO) -> tuple[fixed.MonthMessage, Iterator[fixed.PointMonth | BadRow]]:
    """The message of family W5 in a file and, lazily, its points. Raises Unreadable, also midway."""
    delivery = fixed.read_zip(stream, limits=fixed.Limits(xml_bytes=settings.USAGE_XML_MAX_BYTES))
    message, name = delivery.message, names.parse(file.name)
    if message.code != name.code or message.reading_day not in (None, name.day):
        raise FileProblem(
            "bp_name_differs",
            name_code=name.code,
            name_day=name.day.isoformat(),
            message_code=message.code,
            message_day=message.reading_day.isoformat() if message.reading_day else "",
        )
    own_message(file, message.sender, test=message.test)
    return message, delivery.items


def _message_days(file: UsageFile, stream: BinaryIO) -> Iterator[DayBlock | BadRow]:
    for item in _message(file, stream).items:
        assert not isinstance(item, SlotBlock)  # a day message has no other
        yield item


def _message(file: UsageFile, stream: BinaryIO) -> bp.Delivery:
    """The message of family W4 inside, which must be the one its name says and the sender's own."""
    delivery = bp.read_zip(stream, limits=bp.Limits(xml_bytes=settings.USAGE_XML_MAX_BYTES))
    message, name = delivery.message, names.parse(file.name)
    if (message.code, message.day, message.slot) != (name.code, name.day, name.slot):
        raise FileProblem(
            "bp_name_differs",
            name_code=name.code,
            name_day=_when(name.day, name.slot),
            message_code=message.code,
            message_day=_when(message.day, message.slot),
        )
    own_message(file, message.sender, test=message.test)
    return delivery


def _when(day: date, slot: int | None) -> str:
    return day.isoformat() if slot is None else f"{day.isoformat()} ({slot:02})"


def own_message(file: UsageFile, sender: str, *, test: bool) -> None:
    """FileProblem for a message that is marked as a test or names another sender than who sent the file."""
    if test:
        raise FileProblem("bp_test")
    own = Participation.objects.filter(company=file.sender, market_role=MarketRole.NETWORK_OPERATOR)
    codes = sorted(own.values_list("code", flat=True))
    if sender not in codes:
        raise FileProblem("bp_sender", sender=shown(sender), known=", ".join(codes))
