"""What every kind of publication does alike: which revision comes next, what it leaves behind, what is noted of it.

Whole days (`metering.publication`), half-hours (`slot_publication`), fixed months (`fixed_publication`) and the other
categories (`category_publication`) are revisions of their day in one series of books.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max

from metering.models import Publication, PublishedFile, UsageBatch
from metering.outgoing import number
from portal import ledger

log = logging.getLogger(__name__)

LAST_REVISION = 99


class RevisionsUsedUp(Exception):
    """A day has been published 100 times; the two digits of the file name hold no further revision."""


def begin(folder: str, *, now: datetime, **of: Any) -> Publication:
    """The next revision `of` a day, layer and slot, not yet saved. Raises RevisionsUsedUp."""
    earlier = Publication.objects.filter(**of).aggregate(Max("revision"))["revision__max"]
    revision = 0 if earlier is None else earlier + 1
    if revision > LAST_REVISION:
        raise RevisionsUsedUp(" ".join(str(part) for part in of.values()))
    return Publication(**of, revision=revision, published_at=now, folder=folder)


def count_superseded(made: Publication, *, rows: int, readings: int) -> None:
    """Of the batches' rows and readings, what was corrected before it was published: counted, so that none is lost.

    What moved from another retailer is in no batch.
    """
    made.rows_superseded = rows - (made.rows - made.rows_moved) - made.rows_without_supplier
    made.readings_superseded = readings - (made.readings - made.readings_moved) - made.readings_without_supplier


def close(
    made: Publication,
    batch_ids: Iterable[int],
    files: list[PublishedFile],
    *,
    action: str,
    now: datetime,
    **detail: Any,
) -> None:
    """Enter a publication whose files are written: its batches, its delivery numbers, its entry in the ledger."""
    made.save()
    UsageBatch.objects.filter(pk__in=list(batch_ids)).update(publication=made)
    number(files, made)
    ledger.record(
        action,
        f"publication {made.pk}",
        by=None,
        now=now,
        day=made.day.isoformat(),
        revision=made.revision,
        rows=made.rows,
        rows_without_supplier=made.rows_without_supplier,
        rows_moved=made.rows_moved,
        points_withdrawn=made.points_withdrawn,
        files=len(files),
        **detail,
    )


def each(whats: Iterable[tuple[Any, ...]], publish: Callable[..., Publication | None]) -> list[Publication]:
    """Publish one after the other; one that fails holds up no other, and the first failure is raised at the end."""
    published, failure = [], None
    for what in whats:
        try:
            if made := publish(*what):
                published.append(made)
        except Exception as error:
            log.exception("usage of %s was not published", " ".join(str(part) for part in what))
            failure = failure or error
    if failure:
        raise failure
    return published
