"""Lists of slots cut out of the bytes of a message, where they look exactly as writers of the trade make them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from metering.formats.fixed.records import Item
from metering.formats.kwh import BadNumber, parse_kwh
from metering.formats.tags import TagTable
from metering.halfhours import NULL, SLOTS


@dataclass(slots=True)
class Run:
    """The slots of one day cut out of bytes; `raw` as they stood."""

    raw: bytes
    whole: list[int]
    sorted_: list[int] | None

    def items(self) -> list[Item]:
        """The slots as they stood, where nobody can say what they mean."""
        return [
            (str(row.tag), tuple((str(leaf.tag), leaf.text or "") for leaf in row))
            for row in etree.fromstring(b"<x>" + self.raw + b"</x>")
        ]


class _Memo(dict[bytes, int]):
    """Wh of a kWh text; most texts of a file come again and again."""

    def __missing__(self, text: bytes) -> int:
        value = parse_kwh(text.decode()) if text else NULL
        if len(self) < 1 << 16:
            self[text] = value
        return value


_LISTED = tuple(f"{slot:02}".encode() for slot in range(1, SLOTS + 1))


class Runs:
    """Reads lists of slots that look exactly as writers of the trade make them, without a parser."""

    def __init__(self, table: TagTable) -> None:
        row, slot, whole, sorted_ = (
            t.encode() for t in (table.month_slot, table.slot, table.kwh_whole, table.kwh_sorted)
        )
        self.opening, self.closing = (f"<{m}{table.month_slot_list}>".encode() for m in ("", "/"))
        self.sorted_tag = b"<" + sorted_ + b">"
        number = rb"([-.0-9]{0,15})"
        front = rb"<%b><%b>(\d\d)</%b><%b>%b</%b>" % (row, slot, slot, whole, number, whole)
        more = rb"<%b>%b</%b>" % (sorted_, number, sorted_)
        end = rb"</%b>" % row
        self.plain, self.both = re.compile(front + end), re.compile(front + more + end)
        self.fixed_plain = len(front + end) - len(number) - len(rb"(\d\d)")
        self.fixed_both = self.fixed_plain + len(more) - len(number)
        self.memo = _Memo()

    def read(self, run: bytes) -> Run | None:
        """The run of one day; None when any byte of it is not as expected."""
        both = self.sorted_tag in run
        rows = (self.both if both else self.plain).findall(run)
        if not rows:
            return None
        columns = tuple(zip(*rows, strict=True))
        fixed = self.fixed_both if both else self.fixed_plain
        if fixed * len(rows) + sum(len(b"".join(column)) for column in columns) != len(run):
            return None
        try:
            whole = list(map(self.memo.__getitem__, columns[1]))
            sorted_ = list(map(self.memo.__getitem__, columns[2])) if both else None
        except BadNumber:
            return None
        if columns[0] != _LISTED:
            slots = [int(slot) for slot in columns[0]]
            if len(set(slots)) < len(slots) or min(slots) < 1 or max(slots) > SLOTS:
                return None
            whole = _spread(slots, whole)
            sorted_ = None if sorted_ is None else _spread(slots, sorted_)
        return Run(run, whole, sorted_)


def _spread(slots: list[int], values: list[int]) -> list[int]:
    day = [NULL] * SLOTS
    for slot, value in zip(slots, values, strict=True):
        day[slot - 1] = value
    return day
