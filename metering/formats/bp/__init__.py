"""Half-hours and days of the Business Protocol (BP 0110/1110 and 0120/1120): XML in a zip.

A day file lists slot by slot and under each slot every point; the portal keeps a row per point and day. So
reading turns the table, for which one file's points are held in memory as arrays: `Limits.points` bounds it
(50,000 points are about 15 MB), and larger deliveries come as several splits.
"""

from metering.formats.bp.messages import DAY, HALF_HOUR, Message
from metering.formats.bp.reading import Delivery, read_xml, read_zip
from metering.formats.bp.table import Limits
from metering.formats.bp.writing import half_hour_xml, write_day_zip, write_half_hour_zip

__all__ = [
    "DAY",
    "HALF_HOUR",
    "Delivery",
    "Limits",
    "Message",
    "half_hour_xml",
    "read_xml",
    "read_zip",
    "write_day_zip",
    "write_half_hour_zip",
]
