"""Messages of family W5 and the points in them, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from metering.formats.envelopes import Envelope
from metering.halfhours import NULL, SLOTS

FIXED = ("1210", "1220")
EXCHANGE = ("1310", "1320")
OFF_CYCLE = ("1410", "1420")
CODES = FIXED + EXCHANGE + OFF_CYCLE

LARGEST_MONTH = 10**15
"""No point uses more Wh in a month; the sum of all of Japan is a tenth of it."""

Item = tuple[str, "str | tuple[Item, ...]"]
"""An element kept as it stood: its tag, and its text or its elements."""


@dataclass(slots=True)
class MonthMessage(Envelope):
    """What a message of family W5 says about itself, before its points; texts as they stand ("" when absent).

    month           first day of the month a fixed amount is for (JP06401); None when the message names none
    reading_day     JP06116, None when absent; the file name carries it in any case
    unknown_rows    of tags inside days and slots; complete when every point has been read
    """

    code: str
    month: date | None = None
    reading_day: date | None = None

    @property
    def is_low_voltage(self) -> bool:
        """Whether the message carries low-voltage points."""
        return self.code[2:] == "20"


@dataclass(slots=True, eq=False)
class PointMonth:
    """One point and meter of a message: amounts of the month and its half-hours (domain notes, metering §2).

    days            datetime64[D] [m], ascending as in the file
    whole, sorted_  int32 [m, 48] in Wh, NULL where there is no value (JP06424; after sorting JP06425)
    month_wh, month_sorted_wh
                    the month's amounts in Wh (JP06426, JP06427), None when absent
    provided        False: the rest may be missing and is not read (JP06405)
    share           "1" whole supply, "2" part supply, "" when absent (JP06404)
    max_demand_w    maximum demand in W (JP06445); power_factor in per cent (JP06406)
    others          items of the point that stand in no field, as they stood
    whole_point     off-cycle messages only: every item of the point as it stood; this is what is written again
    line            ordinal of the point in the file, from 1
    """

    point: str
    meter: str = ""
    days: NDArray[np.datetime64] = field(default_factory=lambda: np.zeros(0, "datetime64[D]"))
    whole: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, SLOTS), np.int32))
    sorted_: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, SLOTS), np.int32))
    month_wh: int | None = None
    month_sorted_wh: int | None = None
    provided: bool = True
    share: str = ""
    customer_id: str = ""
    customer_name: str = ""
    place: str = ""
    voltage: str = ""
    power_factor: int | None = None
    max_demand_w: int | None = None
    next_reading: date | None = None
    others: tuple[Item, ...] = ()
    whole_point: tuple[Item, ...] = ()
    line: int = 0

    def readings(self) -> int:
        """How many slots hold a whole value."""
        return int(np.count_nonzero(self.whole != NULL))
