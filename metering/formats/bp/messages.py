"""A message of half-hours or of a day, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from metering.formats.blocks import METER_LENGTH, POINT_LENGTH
from metering.formats.envelopes import Envelope

HALF_HOUR = ("0110", "1110")
DAY = ("0120", "1120")
KEY = POINT_LENGTH + METER_LENGTH
"""Bytes of a row's key: point and meter side by side."""
METER_BYTE = np.zeros(256, bool)
METER_BYTE[0x21:0x7F] = True
METER_BYTE[list(b',"<>&')] = False
"""Bytes that a meter number may have."""


@dataclass(slots=True)
class Message(Envelope):
    """What a message says about itself, before its rows.

    code, day       information code and JST day; slot only for a half-hour (1 to 48)
    """

    code: str
    day: date
    slot: int | None = None

    @property
    def is_low_voltage(self) -> bool:
        """Whether the message carries low-voltage points."""
        return self.code in ("1110", "1120")
