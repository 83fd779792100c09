"""A retailer's own reader of published usage, written from the public notes alone: it shares no code with the product.

    collected = Collected()
    for name, content in files_in_the_order_of_their_delivery_numbers:
        collected.take(name, content)
    collected.days            {(point, meter, day): 48 Wh or None}

It does what clients in use do: the name by the published grammar, the first entry of a zip only, tags by their local
names, later over earlier, null is not zero. Anything it does not expect is an assertion.
"""

import csv
import gzip
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

NAME = re.compile(r"^(?:W4(01|11)(10|20)(\d{12})(\d{2})(\d{2}|\d{4})|W5(12|13|14)(10|20)(\d{8})(\d{2})(\d{5}))\.zip$")
Row = tuple[str, str, date]
Values = list[int | None]


def wh(text: str | None) -> int:
    """kWh as written, in whole Wh; the finest step is 1 Wh."""
    assert text is not None and re.fullmatch(r"\d+(\.\d+)?", text.strip()), text
    exact = Decimal(text.strip()) * 1000
    assert exact == exact.to_integral_value(), text
    return int(exact)


def local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    found = [item for item in element if local(item) == name]
    assert len(found) <= 1, name
    return found[0] if found else None


def text(element: ElementTree.Element, name: str) -> str:
    found = child(element, name)
    assert found is not None, f"{name} is missing"
    return (found.text or "").strip()


def rows_of(element: ElementTree.Element, number: str) -> list[ElementTree.Element]:
    """The rows JPMRnnnnn of the repeated block JPMnnnnn."""
    block = child(element, f"JPM{number}")
    return [] if block is None else [row for row in block if local(row) == f"JPMR{number}"]


def parts_of(content: bytes) -> tuple[ElementTree.Element, ElementTree.Element]:
    """Header and body of the one message in a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 1, "one XML per zip"
        xml = archive.read(archive.namelist()[0])
    assert xml.startswith(b"<?xml"), "a declaration names the encoding"
    root = ElementTree.fromstring(xml)
    assert local(root) == "SBD-MSG"
    group = child(root, "JPMGRP")
    assert group is not None
    header, body = child(group, "JPMGH"), child(group, "JPTRM")
    assert header is not None and body is not None
    return header, body


@dataclass
class Message:
    """A day message 0120/1120 as its tags say."""

    code: str
    day: date
    sender: str
    receiver: str
    rows: dict[Row, Values] = field(default_factory=dict)


def read_message(name: str, content: bytes) -> Message:
    """One zip of family W4, whole day: slot → points (metering notes §2)."""
    grammar = NAME.match(name)
    assert grammar and grammar[2] == "20", f"{name} is not a day file"
    header, body = parts_of(content)
    code = text(header, "JPC14")
    assert code == text(body, "JP00002") == f"{grammar[1]}20"
    assert text(header, "JPC11") == "W4" and text(header, "JPC03") != "1"
    written = text(body, "JP06116")
    assert grammar[3] == f"{written}0000"
    day = date(int(written[:4]), int(written[4:6]), int(written[6:]))
    message = Message(code, day, text(body, "JP06110"), text(body, "JP06112"))
    kwh = {"01": "JP06123", "11": "JP06125"}[grammar[1]]
    other = {"JP06123", "JP06125"} - {kwh}
    slots = rows_of(body, "00010")
    assert [text(slot, "JP06219") for slot in slots] == [f"{n:02}" for n in range(1, 49)]
    for at, slot in enumerate(slots):
        for point in rows_of(slot, "00011"):
            number = text(point, "JP06400")
            assert re.fullmatch(r"\d{22}", number) and number[2] == ("1" if grammar[1] == "01" else "0")
            assert not any(child(point, tag) is not None for tag in other), "HV and LV have different tags"
            meter = child(point, "JP06121")
            key = (number, (meter.text or "").strip() if meter is not None else "", day)
            values = message.rows.setdefault(key, [None] * 48)
            assert values[at] is None
            if text(point, "JP06122") == "0":
                values[at] = wh(text(point, kwh))
    return message


@dataclass
class HalfHour:
    """A half-hour message 0110/1110 as its tags say: (point, meter, day, slot) → Wh or None."""

    code: str
    receiver: str
    rows: dict[tuple[str, str, date, int], int | None] = field(default_factory=dict)


def read_half_hour(name: str, content: bytes) -> HalfHour:
    """One zip of family W4, one half-hour: points (metering notes §2)."""
    grammar = NAME.match(name)
    assert grammar and grammar[2] == "10", f"{name} is not a half-hour file"
    header, body = parts_of(content)
    code = text(header, "JPC14")
    assert code == text(body, "JP00002") == f"{grammar[1]}10" and text(header, "JPC11") == "W4"
    written, slot = text(body, "JP06116"), int(text(body, "JP06219"))
    began = (slot - 1) * 30
    assert grammar[3] == f"{written}{began // 60:02}{began % 60:02}", "the name says when the half-hour began"
    day = date(int(written[:4]), int(written[4:6]), int(written[6:]))
    message = HalfHour(code, text(body, "JP06112"))
    kwh = {"01": "JP06123", "11": "JP06125"}[grammar[1]]
    for point in rows_of(body, "00010"):
        number, meter = text(point, "JP06400"), child(point, "JP06121")
        assert re.fullmatch(r"\d{22}", number) and number[2] == ("1" if grammar[1] == "01" else "0")
        key = (number, (meter.text or "").strip() if meter is not None else "", day, slot)
        assert key not in message.rows
        message.rows[key] = wh(text(point, kwh)) if text(point, "JP06122") == "0" else None
    return message


@dataclass
class Month:
    """What a fixed message says of a point and meter: amounts in Wh, and 48 values per day whole and after sorting."""

    month: str
    wh: int | None
    sorted_wh: int | None
    days: dict[date, Values] = field(default_factory=dict)
    sorted_days: dict[date, Values] = field(default_factory=dict)


@dataclass
class Months:
    """A fixed message 1210/1220 as its tags say."""

    code: str
    receiver: str
    points: dict[tuple[str, str], Month] = field(default_factory=dict)


def read_months(name: str, content: bytes) -> Months:
    """One zip of family W5, fixed amounts: point → day → slot (metering notes §2)."""
    grammar = NAME.match(name)
    assert grammar and grammar[6] == "12", f"{name} is no file of fixed amounts"
    header, body = parts_of(content)
    code = text(header, "JPC14")
    assert code == text(body, "JP00002") == f"12{grammar[7]}" and text(header, "JPC11") == "W5"
    assert text(body, "JP06116") == grammar[8], "the name says the reading day"
    message = Months(code, text(body, "JP06112"))
    for point in rows_of(body, "00010"):
        number = text(point, "JP06400")
        assert re.fullmatch(r"\d{22}", number) and number[2] == ("1" if grammar[7] == "10" else "0")
        meter = child(point, "JP06121")
        key = (number, (meter.text or "").strip() if meter is not None else "")
        assert key not in message.points
        amounts = {tag: child(point, tag) for tag in ("JP06426", "JP06427")}
        whole, later = (None if found is None else wh(found.text) for found in amounts.values())
        month = message.points[key] = Month(text(body, "JP06401"), whole, later)
        for day_row in rows_of(point, "00013"):
            written = text(day_row, "JP06423")
            day = date(int(written[:4]), int(written[4:6]), int(written[6:]))
            values: Values = [None] * 48
            sorted_values: Values = [None] * 48
            for slot in rows_of(day_row, "00014"):
                at = int(text(slot, "JP06219")) - 1
                for found, tag in ((values, "JP06424"), (sorted_values, "JP06425")):
                    element = child(slot, tag)
                    if element is not None and (element.text or "").strip():
                        found[at] = wh(element.text)
            month.days[day], month.sorted_days[day] = values, sorted_values
    return message


def read_table(content: bytes) -> dict[Row, Values]:
    """A wide CSV (gzip): point, date, 48 values in kWh, 48 quality letters (metering notes §8)."""
    lines = csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf-8-sig")))
    table: dict[Row, Values] = {}
    for line in lines:
        values = [wh(line[f"hh{n:02}"]) if line[f"hh{n:02}"] else None for n in range(1, 49)]
        assert len(line["quality"]) == 48
        key = (line["supply_point"], line["meter"], date.fromisoformat(line["date"]))
        assert key not in table, "a point, meter and day stands once in a file"
        table[key] = values
    return table


def read_withdrawal(content: bytes) -> set[tuple[str, date]]:
    """Points and days that were not this retailer's."""
    lines = csv.DictReader(io.StringIO(content.decode()))
    assert lines.fieldnames == ["supply_point", "date"]
    return {(line["supply_point"], date.fromisoformat(line["date"])) for line in lines}


@dataclass
class Collected:
    """What a retailer holds that takes its files in the order of their numbers; both formats, side by side."""

    days: dict[Row, Values] = field(default_factory=dict)
    days_of_tables: dict[Row, Values] = field(default_factory=dict)
    receivers: set[str] = field(default_factory=set)
    hashes: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    manifests: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def take(self, area: str, name: str, content: bytes) -> None:
        self.hashes[area, name] = (hashlib.sha256(content).hexdigest(), len(content))
        if name.endswith(".zip"):
            message = read_message(name, content)
            self.receivers.add(message.receiver)
            self.days |= message.rows
        elif name.endswith(".csv.gz"):
            self.days_of_tables |= read_table(content)
        elif name.startswith("withdrawn_"):
            gone = read_withdrawal(content)
            for held in (self.days, self.days_of_tables):
                for key in [key for key in held if (key[0], key[2]) in gone]:
                    del held[key]
        else:
            self.manifests.append((area, json.loads(content)))

    def check_manifests(self) -> None:
        """Every file is in one manifest, with its size and SHA-256."""
        told = {}
        for area, manifest in self.manifests:
            for entry in manifest["files"]:  # type: ignore[attr-defined]
                assert (area, entry["name"]) not in told
                told[area, entry["name"]] = (entry["sha256"], entry["size"])
        assert told == {key: value for key, value in self.hashes.items() if not key[1].startswith("manifest_")}
