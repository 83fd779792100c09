"""Writing a message of family W5."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from xml.sax.saxutils import escape

from metering.formats.csv import Sink, Written, meter_fault, point_fault
from metering.formats.envelopes import closing, opening
from metering.formats.fixed.records import CODES, FIXED, OFF_CYCLE, Item, MonthMessage, PointMonth
from metering.formats.kwh import kwh_text
from metering.formats.names import FileName
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import leaves
from metering.formats.zips import write_single
from metering.halfhours import NULL, SLOTS

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_zip(
    out: Sink, name: FileName, message: MonthMessage, points: Iterable[PointMonth], *, level: int = 1
) -> Written:
    """Write one split of a message of family W5 as a zip; `rows` of the report are points.

    name, message   of one code; `message.month` is needed for fixed amounts
    points          written as they come, one in memory at a time; see `splits` for larger deliveries
    Values are written with three decimals, slots without one carry an empty element; `sorted_` is left out of
    a point that has none. Equal input gives equal bytes. ValueError for a code that differs, a month that is
    missing, a point that is not provided and has days, or texts that cannot stand in a message.
    """
    if message.code not in CODES or name.code != message.code:
        raise ValueError(f"file {name} and a message {message.code} do not belong together")
    if message.code in FIXED and message.month is None:
        raise ValueError("a message with fixed amounts names its month")
    table = TAGS[NEWEST]
    rows = readings = 0

    def pieces() -> Iterator[bytes]:
        nonlocal rows, readings
        yield _top(message, table)
        for point in points:
            rows += 1
            readings += point.readings()
            yield _point_xml(point, table, whole=message.code in OFF_CYCLE).encode()
        yield closing(table)

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(rows, readings, size, digest)


def splits(points: Iterable[PointMonth], each: int) -> Iterator[list[PointMonth]]:
    """The points in lists of at most `each`: one file split per list."""
    held: list[PointMonth] = []
    for point in points:
        held.append(point)
        if len(held) == each:
            yield held
            held = []
    if held:
        yield held


def to_xml(message: MonthMessage, points: Iterable[PointMonth]) -> bytes:
    """The bare XML of a message; for files that are looked at, and for tests."""
    out = BytesIO()
    table = TAGS[NEWEST]
    out.write(_top(message, table))
    for point in points:
        out.write(_point_xml(point, table, whole=message.code in OFF_CYCLE).encode())
    out.write(closing(table))
    return out.getvalue()


def point_xml(point: PointMonth) -> str:
    """A point as it stands in a message, for whoever corrects it."""
    return _point_xml(point, TAGS[NEWEST], whole=bool(point.whole_point))


def _top(message: MonthMessage, table: TagTable) -> bytes:
    rest = [
        *((tag, text) for tag, text in message.others.items() if not tag.startswith("JPC")),
        (table.reading_day, f"{message.reading_day:%Y%m%d}" if message.reading_day else ""),
        (table.month, f"{message.month:%Y%m}" if message.month else ""),
    ]
    return opening(message, table, code=message.code, family="W5", rest=rest)


def _element(item: Item) -> str:
    tag, content = item
    inner = escape(content) if isinstance(content, str) else "".join(map(_element, content))
    return f"<{tag}>{inner}</{tag}>"


def _point_xml(point: PointMonth, table: TagTable, *, whole: bool) -> str:
    if whole and point.whole_point:
        return f"<{table.slot_row}>{''.join(map(_element, point.whole_point))}</{table.slot_row}>"
    for fault in (point_fault(point.point), meter_fault(point.meter)):
        if fault:
            raise ValueError(f"point {point.point!r} with meter {point.meter!r} cannot stand in a message")
    if not point.provided and len(point.days):
        raise ValueError(f"point {point.point} is marked as not provided and has days")
    items = [
        (table.point, point.point),
        ("JP06119", point.customer_id),
        ("JP06120", point.customer_name),
        (table.meter, point.meter),
        ("JP06402", point.place),
        ("JP06403", point.voltage),
        ("JP06404", point.share),
        (table.provided, "0" if point.provided else "1"),
        ("JP06406", "" if point.power_factor is None else str(point.power_factor)),
        ("JP06426", "" if point.month_wh is None else kwh_text(point.month_wh)),
        ("JP06427", "" if point.month_sorted_wh is None else kwh_text(point.month_sorted_wh)),
        ("JP06445", "" if point.max_demand_w is None else kwh_text(point.max_demand_w)),
        ("JP06446", f"{point.next_reading:%Y%m%d}" if point.next_reading else ""),
    ]
    text = leaves(items) + "".join(map(_element, point.others))
    if len(point.days):
        text += f"<{table.month_day_list}>{_days_xml(point, table)}</{table.month_day_list}>"
    if _ILLEGAL.search(text):
        raise ValueError(f"a text of point {point.point} holds a character that cannot stand in a message")
    return f"<{table.slot_row}>{text}</{table.slot_row}>"


def _days_xml(point: PointMonth, table: TagTable) -> str:
    row, slot, whole, later = table.month_slot, table.slot, table.kwh_whole, table.kwh_sorted
    fronts = [f"<{row}><{slot}>{n:02}</{slot}><{whole}>" for n in range(1, SLOTS + 1)]
    has_sorted = bool((point.sorted_ != NULL).any())
    between, end = f"</{whole}><{later}>", f"</{later}></{row}>" if has_sorted else f"</{whole}></{row}>"
    out = []
    for day, values, others in zip(point.days.tolist(), point.whole.tolist(), point.sorted_.tolist(), strict=True):
        out.append(f"<{table.month_day}><{table.date}>{day:%Y%m%d}</{table.date}><{table.month_slot_list}>")
        for front, value, other in zip(fronts, values, others, strict=True):
            out.append(front)
            if value != NULL:
                out.append(kwh_text(value))
            if has_sorted:
                out.append(between)
                if other != NULL:
                    out.append(kwh_text(other))
            out.append(end)
        out.append(f"</{table.month_slot_list}></{table.month_day}>")
    return "".join(out)
