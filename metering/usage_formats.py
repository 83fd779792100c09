"""The formats of usage files: told from name and first bytes at the door, read row by row afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from django.conf import settings

from metering import checks
from metering.formats import bp, names
from metering.formats.blocks import DayBlock
from metering.formats.csv import read_wide
from metering.formats.errors import BadRow, Unreadable, shown
from metering.models import UsageFile
from portal.market import MarketRole
from portal.models import Participation

Format = UsageFile.Format

NAME_LENGTH = 120


class NotAUsageFile(Exception):
    """By name, size or first bytes this is no usage file; `code` and `params` make the sentence."""

    def __init__(self, code: str, **params: object) -> None:
        self.code, self.params = code, params
        super().__init__(code, params)

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


def recognise(name: str, head: bytes) -> str:
    """The format a name promises, when the first bytes agree."""
    if not name or len(name) > NAME_LENGTH:
        raise NotAUsageFile("name_kind", name=shown(name))
    if not head:
        raise NotAUsageFile("file_empty")
    lower = name.lower()
    if lower.endswith((".csv", ".csv.gz")):
        is_gzip = head.startswith(b"\x1f\x8b")
        if head.startswith(b"PK\x03\x04") or is_gzip != lower.endswith(".gz"):
            raise NotAUsageFile(
                "content_differs", name=shown(name), expected="CSV" + (".gz" if lower.endswith(".gz") else "")
            )
        return Format.WIDE_CSV
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


class FileProblem(Unreadable):
    """A file problem with a sentence of `checks`."""

    @property
    def sentence(self) -> str:
        return checks.sentence(self.code, self.params)


def items(file: UsageFile, stream: BinaryIO) -> Iterator[DayBlock | BadRow]:
    if file.format == Format.WIDE_CSV:
        yield from read_wide(stream, max_bytes=settings.USAGE_XML_MAX_BYTES)
        return
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
    if message.test:
        raise FileProblem("bp_test")
    own = Participation.objects.filter(company=file.sender, market_role=MarketRole.NETWORK_OPERATOR)
    codes = sorted(own.values_list("code", flat=True))
    if message.sender not in codes:
        raise FileProblem("bp_sender", sender=shown(message.sender), known=", ".join(codes))
    for item in delivery.items:
        assert isinstance(item, DayBlock | BadRow)  # a day message has no other
        yield item
