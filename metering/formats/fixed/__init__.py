"""Months, meter exchanges and off-cycle readings of the Business Protocol (BP 1210-1420, family W5): XML in a zip.

Days and half-hours nest the other way round than in a day file (point, then day, then slot), so a file is read
point by point and memory does not grow with it. What the public notes say nothing about is kept and written
again as it stood: unknown items of a point always, a whole off-cycle point (1410/1420) always.

A meter exchange (1310/1320) is read as the months are: meter numbers are part of a row's key, so the removed
and the installed meter of a point are two rows.
"""

from metering.formats.fixed.reading import Limits, MonthDelivery, read_xml, read_zip
from metering.formats.fixed.records import (
    CODES,
    EXCHANGE,
    FIXED,
    LARGEST_MONTH,
    OFF_CYCLE,
    Item,
    MonthMessage,
    PointMonth,
)
from metering.formats.fixed.writing import point_xml, splits, to_xml, write_zip

__all__ = [
    "CODES",
    "EXCHANGE",
    "FIXED",
    "LARGEST_MONTH",
    "OFF_CYCLE",
    "Item",
    "Limits",
    "MonthDelivery",
    "MonthMessage",
    "PointMonth",
    "point_xml",
    "read_xml",
    "read_zip",
    "splits",
    "to_xml",
    "write_zip",
]
