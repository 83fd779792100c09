"""Writing a message: rows of points as bytes from precomputed tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metering.formats.blocks import METER_LENGTH, POINT_LENGTH, DayBlock, SlotBlock
from metering.formats.bp.messages import DAY, HALF_HOUR, METER_BYTE, Message
from metering.formats.csv import Sink, Written, meter_fault
from metering.formats.envelopes import closing, opening
from metering.formats.kwh import TABLE_SIZE, kwh_text
from metering.formats.names import FileName
from metering.formats.tags import NEWEST, TAGS, TagTable
from metering.formats.xml import leaves
from metering.formats.zips import write_single
from metering.halfhours import NULL


def write_day_zip(out: Sink, name: FileName, message: Message, block: DayBlock, *, level: int = 1) -> Written:
    """Write one split of a BP 0120/1120 day as a zip; every row of the block is one point and meter.

    block    all rows on `message.day`; cut larger deliveries with blocks.recut and number the splits
    message  `code` must be the one of `name`
    Values are written with three decimals; a slot without a value has status 1 and no value. Quality does
    not travel in this format. Equal input gives equal bytes. ValueError for rows of another day, a code that
    differs, or a meter number that cannot stand in XML.
    """
    _match(name, message, DAY)
    if len(block) and (block.days != np.datetime64(message.day, "D")).any():
        raise ValueError("a day file holds rows of its own day only")
    table = TAGS[NEWEST]

    def pieces() -> Iterator[bytes]:
        yield _top(message, table, None)
        rows = _RowText(table, table.point_row, message.is_low_voltage, block.points, block.meters)
        for slot, text in enumerate(rows.of(block.values), 1):
            head = f"<JPMR00010><JP06219>{slot:02}</JP06219><JPM00011>".encode()
            yield b"".join([head, *text, b"</JPM00011></JPMR00010>"])
        yield closing(table)

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(len(block), block.readings(), size, digest)


def write_half_hour_zip(out: Sink, name: FileName, message: Message, block: SlotBlock, *, level: int = 1) -> Written:
    """Write one split of a BP 0110/1110 half-hour as a zip; rules as in `write_day_zip`."""
    _match(name, message, HALF_HOUR)
    if not (message.slot == block.slot == name.slot and block.day == np.datetime64(message.day, "D")):
        raise ValueError("name, message and rows must be of the same half-hour")
    table = TAGS[NEWEST]

    def pieces() -> Iterator[bytes]:
        yield _top(message, table, block.slot)
        rows = _RowText(table, table.slot_row, message.is_low_voltage, block.points, block.meters)
        for text in rows.of(block.values[:, None]):
            yield from text
        yield closing(table)

    size, digest = write_single(out, name.xml, pieces(), level=level)
    return Written(len(block), int(np.count_nonzero(block.values != NULL)), size, digest)


def half_hour_xml(message: Message, rows: Iterable[tuple[str, str, str]]) -> bytes:
    """The bare XML of a half-hour with rows of texts as they stand (point, meter, kWh), right or wrong."""
    table = TAGS[NEWEST]
    out = [_top(message, table, message.slot)]
    for point, meter, kwh in rows:
        items = [
            (table.point, point),
            (table.meter, meter),
            (table.status, "0" if kwh else "1"),
            (table.kwh(message.is_low_voltage), kwh),
        ]
        out.append(f"<{table.slot_row}>{leaves(items)}</{table.slot_row}>".encode())
    return b"".join([*out, closing(table)])


def _match(name: FileName, message: Message, codes: tuple[str, ...]) -> None:
    if message.code not in codes or name.code != message.code or name.day != message.day:
        raise ValueError(f"file {name} and a message {message.code} of {message.day} do not belong together")


def _top(message: Message, table: TagTable, slot: int | None) -> bytes:
    rest = [
        *((tag, text) for tag, text in message.others.items() if tag in ("JP06114", "JP06115")),
        ("JP06116", f"{message.day:%Y%m%d}"),
        ("JP06219", "" if slot is None else f"{slot:02}"),
    ]
    return opening(message, table, code=message.code, family="W4", rest=rest)


_NARROW = 10_000
"""Values below so many Wh have five characters, and pages of them need no room for longer ones."""


@lru_cache(4)
def _row_ends(
    row_tag: str, status: str, kwh: str
) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_], Callable[[int], bytes]]:
    """The end of a row for every usual value, the one for no value last; the same below 10 kWh; the maker of others."""
    head, tail = f"<{status}>0</{status}><{kwh}>", f"</{kwh}></{row_tag}>"

    def value(wh: int) -> bytes:
        return f"{head}{kwh_text(wh)}{tail}".encode()

    none = f"<{status}>1</{status}></{row_tag}>".encode()
    width = len(head) + len(tail) + len(kwh_text(-(2**31)))
    ends = np.array([value(wh) for wh in range(TABLE_SIZE)] + [none], f"S{width}")
    return ends, np.array([*ends[:_NARROW].tolist(), none]), value


def _plain(meters: list[str]) -> bool:
    """Whether all meter numbers are beyond doubt, looked at together."""
    together = "".join(meters)
    return (
        together.isascii()
        and max(map(len, meters), default=0) <= METER_LENGTH
        and bool(METER_BYTE[np.frombuffer(together.encode(), np.uint8)].all())
    )


def _fronts(table: TagTable, row_tag: str, points: NDArray[np.bytes_], meters: list[str]) -> NDArray[np.bytes_]:
    """The beginning of every row up to its status, zero bytes behind the shorter ones."""
    head, between = f"<{row_tag}><{table.point}>".encode(), f"</{table.point}><{table.meter}>".encode()
    end = f"</{table.meter}>".encode()
    lengths = set(map(len, meters))
    if len(lengths) == 1 and lengths != {0} and _plain(meters):  # rows of one form: side by side as columns
        (length,) = lengths
        text = np.empty(
            len(points),
            [
                *(("head", f"S{len(head)}"), ("point", f"S{POINT_LENGTH}"), ("between", f"S{len(between)}")),
                *(("meter", f"S{length}"), ("end", f"S{len(end)}")),
            ],
        )
        text["head"], text["point"], text["between"], text["end"] = head, points, between, end
        text["meter"] = meters
        return text.view(f"S{text.dtype.itemsize}")
    fronts = []
    for point, meter in zip(points.astype(f"U{POINT_LENGTH}").tolist(), meters, strict=True):
        meter_text = f"<{table.meter}>{meter}</{table.meter}>" if meter else ""
        fronts.append(f"<{row_tag}><{table.point}>{point}</{table.point}>{meter_text}".encode())
    return np.array(fronts, np.bytes_)


class _RowText:
    """Point rows as bytes: the front of every row is made once, the value end comes from a table."""

    ROWS = 1024

    def __init__(
        self, table: TagTable, row_tag: str, low_voltage: bool, points: NDArray[np.bytes_], meters: list[str]
    ) -> None:
        if not _plain(meters):
            for meter in meters:
                if meter_fault(meter):
                    raise ValueError(f"meter number {meter!r} cannot stand in a message")
        kwh = table.kwh(low_voltage)
        self.ends, self.narrow, self.value = _row_ends(row_tag, table.status, kwh)
        fronts = _fronts(table, row_tag, points, meters)
        cut = [fronts[at : at + self.ROWS] for at in range(0, len(fronts), self.ROWS)]
        self.pages = [_page(front, self.ends) for front in cut]
        self.narrow_pages = [_page(front, self.narrow) for front in cut]

    def of(self, values: NDArray[np.int32]) -> Iterator[list[bytes]]:
        """The rows of one slot after the other, values [n, slots] in Wh in the order of the points, page by page."""
        by_slot = np.ascontiguousarray(values.T)
        usual = (by_slot >= 0) & (by_slot < TABLE_SIZE)
        index = np.where(usual, by_slot, TABLE_SIZE)
        strange = ~usual & (by_slot != NULL)
        wide = strange | ((by_slot >= _NARROW) & usual)
        narrow_index = np.minimum(index, _NARROW)
        starts = [number * self.ROWS for number in range(len(self.pages))]
        is_wide = np.logical_or.reduceat(wide, starts, axis=1).tolist() if starts else []
        for slot in range(len(by_slot)):
            text = []
            for number, at in enumerate(starts):
                part = slice(at, at + self.ROWS)
                if is_wide[slot][number]:
                    page = self.pages[number]
                    page["end"] = self.ends[index[slot, part]]
                    for row in np.flatnonzero(strange[slot, part]).tolist():
                        page["end"][row] = self.value(int(by_slot[slot, at + row]))
                    cells = page.view(np.uint8)
                    text.append(cells[cells != 0].tobytes())
                else:  # hardly a zero byte to take out: many times faster than a mask
                    page = self.narrow_pages[number]
                    page["end"] = self.narrow[narrow_index[slot, part]]
                    text.append(page.tobytes().replace(b"\0", b""))
            yield text


def _page(front: NDArray[np.bytes_], ends: NDArray[np.bytes_]) -> NDArray[np.void]:
    """Rows side by side in memory: their fronts, and room for the ends of one slot."""
    page = np.zeros(len(front), np.dtype([("front", front.dtype), ("end", ends.dtype)]))
    page["front"] = front
    return page
