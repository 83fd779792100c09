"""Parts of a file as HTTP asks for them (RFC 9110, §13 and §14): values in, values out."""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Range:
    """`count` bytes from the `first` (0 for the beginning) on; `count` is at least 1."""

    first: int
    count: int

    @property
    def last(self) -> int:
        return self.first + self.count - 1


class NotSatisfiable(Exception):
    """The range lies behind the end of the file."""


def wanted(header: str, size: int) -> Range | None:
    """The part a Range header asks for of a file of `size` bytes; None when the whole file is the answer.

    What is no range of bytes, or several of them, is passed over, as the standard allows. Raises NotSatisfiable.
    """
    match = _ONE.fullmatch(header.strip())
    if not match or match.group(1, 2) == ("", ""):
        return None
    begin, end = match.groups()
    if not begin:
        count = min(int(end), size)
        if not count:
            raise NotSatisfiable
        return Range(size - count, count)
    first, last = int(begin), min(int(end), size - 1) if end else size - 1
    if end and int(end) < int(begin):
        return None
    if first >= size:
        raise NotSatisfiable
    return Range(first, last - first + 1)


def names(header: str, etag: str) -> bool:
    """Whether an If-None-Match header names this entity tag (given with its quotes)."""
    return header.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in header.split(","))
