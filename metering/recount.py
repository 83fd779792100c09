"""Counted anew: published files are there, numbered without a gap, and hold what the batches brought."""

from collections.abc import Iterator
from datetime import timedelta

from metering import books, partitions
from metering.models import Layer
from portal.recount import missing_files, rows_of

NUMBERS = """
    SELECT counter.recipient_id, counter.files_published, count(file.id), coalesce(max(file.number), 0)
    FROM metering_deliverycounter counter
    LEFT JOIN metering_publishedfile file ON file.recipient_id = counter.recipient_id
    GROUP BY counter.recipient_id, counter.files_published
    HAVING counter.files_published <> count(file.id) OR counter.files_published <> coalesce(max(file.number), 0)
"""
OVERLAPS = """
    SELECT count(*) FROM metering_supplyperiod one JOIN metering_supplyperiod other
    ON other.point_id = one.point_id AND other.id > one.id AND other.during && one.during
    WHERE one.known_until IS NULL AND other.known_until IS NULL
"""


def numbers() -> Iterator[str]:
    """Files are numbered per recipient without a gap."""
    for company, posted, count, last in rows_of(NUMBERS):
        yield f"company {company}: {posted} files were numbered, {count} are there, the last is number {last}."


def published() -> Iterator[str]:
    """Every published file that is kept is there, whole."""
    kept = rows_of("SELECT content, size FROM metering_publishedfile WHERE removed_at IS NULL")
    yield from missing_files("published file", kept)


def received() -> Iterator[str]:
    """Every usage file that waits to be taken in is there, whole."""
    waiting = rows_of("SELECT content, size FROM metering_usagefile WHERE state = 'waiting'")
    yield from missing_files("usage file", waiting)


def supply() -> Iterator[str]:
    """A point has one supplier a day."""
    [(count,)] = rows_of(OVERLAPS)
    if count:
        yield f"{count} pairs of supply periods of one point overlap."


def balances() -> Iterator[str]:
    """The books of every month of which the readings are kept: what was stored went to whom it belongs."""
    for first in sorted(partitions.months()):
        if not books.balance(first, partitions.next_month(first) - timedelta(days=1), layer=Layer.DAILY)["balanced"]:
            yield f"the books of {first:%Y-%m} do not balance."


COUNTS = (numbers, published, received, supply, balances)
