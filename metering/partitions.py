"""Monthly partitions of the stored usage days, made before a file waits for one, dropped when their time is over."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from portal.workdays import jst_date

PARENT = "metering_usageday"
_LOCK = 0x4B_55_50  # one number for "partitions are being made"


def ensure(days: Iterable[date]) -> list[str]:
    """Make the monthly partitions the days fall into, where they are missing; returns the names of the new ones.

    A partition is made beside the table and then attached, which waits for nobody who reads or writes usage.
    Two workers at once are put one behind the other by an advisory lock; the second finds nothing to do.
    """
    months = sorted({day.replace(day=1) for day in days})
    there = _existing()
    missing = [month for month in months if name_of(month) not in there]
    if not missing:
        return []
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        there = _existing()
        for month in missing:
            name = name_of(month)
            if name in there:
                continue
            # Names and bounds come from dates alone, so they can stand in the statement.
            cursor.execute(f"CREATE TABLE {name} (LIKE {PARENT} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(
                f"ALTER TABLE {PARENT} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{month:%Y-%m-%d}') TO ('{next_month(month):%Y-%m-%d}')"
            )
            made.append(name)
    return made


def months() -> dict[date, str]:
    """The partitions there are, by the first day of their month."""
    begin = len(PARENT) + 1
    found = {}
    for name in sorted(_existing()):
        year, month = name[begin:].split("_")
        found[date(int(year), int(month), 1)] = name
    return found


def size_of(name: str) -> int:
    """Bytes on disk of a partition, its indexes included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [name])
        size: int = cursor.fetchone()[0]
        return size


def drop(month: date) -> None:
    """Remove the partition of a month with its rows; call it in a transaction. Nobody makes one meanwhile."""
    name = name_of(month)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(f"ALTER TABLE {PARENT} DETACH PARTITION {name}")
        cursor.execute(f"DROP TABLE {name}")


def ahead(months: int, *, now: datetime, back: int = 0) -> list[str]:
    """Make the partitions from `back` months before the present month to `months` months after it."""
    month = jst_date(now).replace(day=1)
    for _ in range(back):
        month = (month - timedelta(days=1)).replace(day=1)
    wanted = []
    for _ in range(back + months + 1):
        wanted.append(month)
        month = next_month(month)
    return ensure(wanted)


def next_month(month: date) -> date:
    """The first day of the month after the one the day lies in."""
    return (month + timedelta(days=32)).replace(day=1)


def name_of(month: date) -> str:
    """The partition of a month."""
    return f"{PARENT}_{month:%Y_%m}"


def _existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [PARENT],
        )
        return {name for (name,) in cursor.fetchall()}
