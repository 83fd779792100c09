"""How long usage is kept: readings go by whole months, published files by days, with evidence, never what is owed."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.db.utils import OperationalError

from metering import partitions, received_files
from metering.models import OwedDay, Publication, PublishedFile, UsageBatch
from portal import ledger, stores
from portal.workdays import jst_date

log = logging.getLogger(__name__)

MONTHS_AHEAD = 2
WAIT_FOR_READERS = "5s"


@dataclass(frozen=True)
class Month:
    """A month whose time is over, as it stands: what is there still, and what keeps it there.

    `size` is what its readings take in the database; files `waiting` are not collected by anybody of the recipient in
    any of their formats, so they stay, whatever becomes of the readings.
    """

    first: date
    partition: str
    size: int
    batches_waiting: int
    days_owed: int
    files: int
    bytes: int
    files_waiting: int

    @property
    def is_held(self) -> bool:
        """Rows of it are still to be published, or days of it still owed to another retailer: its readings stay."""
        return bool(self.batches_waiting or self.days_owed)

    @property
    def is_done(self) -> bool:
        return not (self.partition or self.files)


@dataclass
class Removed:
    """What one run removed."""

    partitions: list[str]
    files: int = 0
    bytes: int = 0
    received: int = 0


def kept_from(now: datetime) -> date:
    """The first day that is kept: USAGE_MONTHS_KEPT whole months before the running one, and one for late corrections.

    Intake takes no older days.
    """
    month = jst_date(now).replace(day=1)
    for _month in range(settings.USAGE_MONTHS_KEPT + 1):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


def due(*, now: datetime) -> list[Month]:
    """The months whose time is over and of which something is there still, the oldest first."""
    until = kept_from(now)
    there = {month: name for month, name in partitions.months().items() if month < until}
    with_files = (
        PublishedFile.objects.kept().filter(publication__day__lt=until).order_by().dates("publication__day", "month")
    )
    return [_month(first, there.get(first, "")) for first in sorted({*there, *with_files})]


def carry_out(*, now: datetime) -> Removed:
    """Make the partitions of the months to come; remove what is due. A crash leaves the rest to the next run.

    Readings of a month go in one short transaction that waits for nobody longer than five seconds; if somebody reads
    for longer, they stay until the next run.
    """
    partitions.ahead(MONTHS_AHEAD, now=now)
    removed = Removed([])
    for month in due(now=now):
        if month.partition and not month.is_held and _drop(month, now=now):
            removed.partitions.append(month.partition)
        for day in _days_with_files(month.first):
            files, size = _mark_removed(day, now=now)
            removed.files += files
            removed.bytes += size
    _delete_marked()
    removed.received = received_files.remove_before(kept_from(now), now=now)
    return removed


# --- Readings -----------------------------------------------------------------------------------------------------


def _month(first: date, partition: str) -> Month:
    of_month = Q(day__gte=first, day__lt=partitions.next_month(first))
    published = Q(publication__day__gte=first, publication__day__lt=partitions.next_month(first))
    files = PublishedFile.objects.kept().filter(published).aggregate(n=Count("pk"), size=Sum("size"))
    return Month(
        first=first,
        partition=partition,
        size=partitions.size_of(partition) if partition else 0,
        batches_waiting=UsageBatch.objects.filter(of_month, publication__isnull=True).count(),
        days_owed=OwedDay.objects.filter(of_month, settled_at__isnull=True).count(),
        files=files["n"],
        bytes=files["size"] or 0,
        files_waiting=PublishedFile.objects.kept().filter(published, pk__in=_waiting(first)).count(),
    )


def _drop(month: Month, *, now: datetime) -> bool:
    """Take the partition out and away; False when it is held after all, or read by somebody at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), count(DISTINCT point_id) FROM {month.partition}")
        rows, points = cursor.fetchone()
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT_FOR_READERS])
            partitions.drop(month.first)
            if _month(month.first, "").is_held:  # somebody sent usage of it a moment ago
                raise _Held
            ledger.record(
                "usage of a month removed",
                f"usage of {month.first:%Y-%m}",
                by=None,
                now=now,
                rows=rows,
                points=points,
                size=month.size,
                kept_from=kept_from(now).isoformat(),
            )
    except _Held:
        return False
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        log.warning("usage of %s is being read; it is removed another time", month.first)
        return False
    return True


class _Held(Exception):
    """Undoes the removal of a month that is held."""


# --- Published files ----------------------------------------------------------------------------------------------

# Of a recipient's files of one publication, area and class every format but the manifest holds the same rows: who has
# collected one of them whole has the day. Withdrawals are told apart. Of a company that has left nothing is waited for.
_WAITING = """
    WITH formats AS (
        SELECT f.publication_id, f.recipient_id, f.area, f.supply_class, f.format = 'withdrawal' AS takes_back,
               f.format, bool_and(f.first_collected_at IS NOT NULL) AS is_collected
        FROM metering_publishedfile f
        JOIN metering_publication p ON p.id = f.publication_id AND p.day >= %(first)s AND p.day < %(until)s
        JOIN portal_company c ON c.id = f.recipient_id AND c.is_active
        WHERE f.removed_at IS NULL AND f.format <> 'manifest'
        GROUP BY 1, 2, 3, 4, 5, 6),
    open AS (
        SELECT publication_id, recipient_id, area, supply_class FROM formats
        GROUP BY 1, 2, 3, 4, takes_back HAVING NOT bool_or(is_collected))
    SELECT f.id FROM metering_publishedfile f JOIN open USING (publication_id, recipient_id, area, supply_class)
    WHERE f.removed_at IS NULL
"""


def _waiting(first: date, until: date | None = None) -> list[int]:
    """Files of these days that nobody of the recipient has collected yet in any format."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"first": first, "until": until or partitions.next_month(first)})
        return [pk for (pk,) in cursor.fetchall()]


def _days_with_files(first: date) -> Iterator[date]:
    of_month = Q(publication__day__gte=first, publication__day__lt=partitions.next_month(first))
    yield from (
        PublishedFile.objects.kept()
        .filter(of_month)
        .order_by("publication__day")
        .values_list("publication__day", flat=True)
        .distinct()
    )


def _mark_removed(day: date, *, now: datetime) -> tuple[int, int]:
    """Say of a day's delivered files that they are gone; returns how many and their bytes. The ledger has their hash.

    From the commit on nobody is offered them; the bytes themselves follow (`_delete_marked`).
    """
    with transaction.atomic():
        found = list(
            PublishedFile.objects.kept()
            .filter(publication__day=day)
            .exclude(pk__in=_waiting(day, day + timedelta(days=1)))
            .select_for_update(no_key=True)
            .order_by("recipient", "number")
            .values_list("pk", "recipient_id", "number", "name", "size", "sha256")
        )
        if not found:
            return 0, 0
        digest = hashlib.sha256()
        for _pk, recipient_id, number, name, size, sha256 in found:
            digest.update(f"{recipient_id} {number} {name} {size} {sha256}\n".encode())
        PublishedFile.objects.filter(pk__in=[row[0] for row in found]).update(removed_at=now)
        total = sum(row[4] for row in found)
        ledger.record(
            "published files of a day removed",
            f"usage of {day}",
            by=None,
            now=now,
            files=len(found),
            size=total,
            sha256=digest.hexdigest(),
            kept_from=kept_from(now).isoformat(),
        )
    return len(found), total


def _delete_marked() -> None:
    """Remove the bytes of files that are marked as removed, also of those a crash left behind."""
    marked = PublishedFile.objects.filter(removed_at__isnull=False).exclude(content="")
    for publication in Publication.objects.filter(pk__in=marked.order_by().values("publication")):
        of_it = marked.filter(publication=publication)
        if publication.files.filter(removed_at__isnull=True).exists():
            for name in of_it.values_list("content", flat=True):
                default_storage.delete(name)
        else:
            stores.remove_folder(publication.folder)
        of_it.update(content="")
