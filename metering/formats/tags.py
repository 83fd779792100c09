"""The tags of the Business Protocol as versioned data, because the official tables change and are not public.

Lengths and marks are facts gathered from working files (domain notes, metering §2); readers keep a message
with tags that stand in no table and never reject one because of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """One item: what it means and, where known, its greatest length."""

    name: str
    meaning: str
    length: int | None = None


@dataclass(frozen=True, slots=True)
class TagTable:
    """One version of the messages: where items stand and what they mean."""

    version: str
    header: dict[str, Tag]
    body: dict[str, Tag]
    row: dict[str, Tag]
    root: str = "SBD-MSG"
    group: str = "JPMGRP"
    header_block: str = "JPMGH"
    body_block: str = "JPTRM"
    slot_row: str = "JPMR00010"
    point_list: str = "JPM00011"
    point_row: str = "JPMR00011"
    slot: str = "JP06219"
    point: str = "JP06400"
    meter: str = "JP06121"
    status: str = "JP06122"
    provided: str = "JP06405"
    kwh_high: str = "JP06123"
    kwh_low: str = "JP06125"
    month_day_list: str = "JPM00013"
    month_day: str = "JPMR00013"
    month_slot_list: str = "JPM00014"
    month_slot: str = "JPMR00014"
    month: str = "JP06401"
    reading_day: str = "JP06116"
    date: str = "JP06423"
    kwh_whole: str = "JP06424"
    kwh_sorted: str = "JP06425"

    def kwh(self, low_voltage: bool) -> str:
        """The tag that carries kWh: low and high voltage use different ones."""
        return self.kwh_low if low_voltage else self.kwh_high


def _table(*tags: tuple[str, str, int | None]) -> dict[str, Tag]:
    return {name: Tag(name, meaning, length) for name, meaning, length in tags}


TAGS = {
    "3A": TagTable(
        version="3A",
        header=_table(
            ("JPC03", "mode, 1 = test", 1),
            ("JPC06", "sender", 12),
            ("JPC09", "receiver", 12),
            ("JPC10", "body id", None),
            ("JPC11", "message family, W4 or W5", 2),
            ("JPC12", "version", 2),
            ("JPC14", "information code", 4),
            ("JPC19", "created, YYYYMMDDHHMMSS in JST", 14),
            ("JPC21", "syntax", None),
        ),
        body=_table(
            ("JP00002", "information code", 4),
            ("JP06110", "sender code", 5),
            ("JP06111", "sender name", None),
            ("JP06112", "receiver code", None),
            ("JP06113", "receiver name", None),
            ("JP06114", "meaning unknown", None),
            ("JP06115", "meaning unknown", None),
            ("JP06116", "date, YYYYMMDD", 8),
            ("JP06219", "slot, 01 to 48", 2),
            ("JP06401", "month of a fixed amount, YYYYMM", 6),
        ),
        row=_table(
            ("JP06119", "customer id", 21),
            ("JP06120", "customer name", 80),
            ("JP06121", "meter control number, part of the row's key", 16),
            ("JP06122", "status, 0 = value present", 1),
            ("JP06123", "kWh, high voltage", None),
            ("JP06125", "kWh, low voltage", None),
            ("JP06400", "supply point number", 22),
            ("JP06402", "place", None),
            ("JP06403", "voltage name", None),
            ("JP06404", "1 whole, 2 part", 1),
            ("JP06405", "0 provided, 1 not provided", 1),
            ("JP06406", "power factor, per cent", None),
            ("JP06423", "day, YYYYMMDD", 8),
            ("JP06424", "kWh of a slot, whole", None),
            ("JP06425", "kWh of a slot, after sorting", None),
            ("JP06426", "kWh of the month, whole", None),
            ("JP06427", "kWh of the month, after sorting", None),
            ("JP06445", "maximum demand, kW", None),
            ("JP06446", "next scheduled reading day, YYYYMMDD", 8),
        ),
    ),
}
NEWEST = "3A"
"""The table that writers use and that readers take for a version nobody has described."""
