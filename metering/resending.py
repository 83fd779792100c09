"""Refused rows of a Business Protocol file as a file to be corrected and sent: the same message, the next revision."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from metering.formats import bp, fixed, names, zips
from metering.models import UsageFile

Format = UsageFile.Format
OF_FAMILY_W5 = (Format.BP_FIXED, Format.BP_EXCHANGE, Format.BP_OFF_CYCLE)
AS_MESSAGE = (Format.BP_HALF_HOUR, *OF_FAMILY_W5)
"""Formats whose refused rows are given back as a message, because a CSV of them would be taken for day rows."""


def message(file: UsageFile) -> tuple[str, bytes]:
    """(name, zip) of the message with the refused rows alone, as they were sent, under the next revision's name."""
    name = names.parse(file.name)
    name = replace(name, revision=min(name.revision + 1, 99), split=0)
    raws = file.refused.order_by("line", "id").values_list("raw", flat=True)
    with file.content.open("rb") as stream:
        if file.format in OF_FAMILY_W5:
            xml = fixed.to_xml(fixed.read_zip(stream).message, [])
            front, block, back = xml.partition(b"<JPM00010>")
            xml = front + block + "".join(raws).encode() + back
        else:
            said = bp.read_zip(stream).message
            assert said.slot is not None
            rows = [(row[0], row[1], row[2 + said.slot]) for row in csv.reader(raws) if len(row) > 2 + said.slot]
            xml = bp.half_hour_xml(said, rows)
    out = io.BytesIO()
    zips.write_single(out, name.xml, [xml])
    return str(name), out.getvalue()
