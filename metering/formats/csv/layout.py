"""The columns of wide CSV and how much of it is taken."""

from __future__ import annotations

from metering.halfhours import SLOTS

SLOT_COLUMNS = tuple(f"hh{slot:02}" for slot in range(1, SLOTS + 1))
COLUMNS = ("supply_point", "meter", "date", *SLOT_COLUMNS, "quality")
REQUIRED = ("supply_point", "date", *SLOT_COLUMNS)
PASSED_OVER = ("code", "reason")
ALIASES = {"供給地点特定番号": "supply_point", "計器番号": "meter", "年月日": "date", "品質": "quality"}

MAX_COLUMNS = 200
MAX_LINE = 8 << 20
MAX_RAW = 8192
