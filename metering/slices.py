"""A big day cut by area, voltage and retailer, so that workers of several hosts write it and one commit shows it.

Here is the bookkeeping: laying out, taking a slice, keeping what was written. Publication does the writing.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from celery import current_app
from django.conf import settings
from django.db import transaction

from metering.models import CutDay, Publication, PublishedFile, Slice, UsageBatch
from portal import stores
from portal.market import MarketRole, SupplyClass
from portal.models import Participation

log = logging.getLogger(__name__)

# LV and feed-in share a message code and so the split numbers of a recipient: they stay in one slice.
VOLTAGES = ([SupplyClass.HV], [SupplyClass.LV, SupplyClass.FIT])
FILE_FIELDS = (
    *("recipient_id", "area", "supply_class", "format", "name", "content"),
    *("rows", "readings", "size", "sha256"),
)
COUNTS = ("rows", "readings", "rows_moved", "readings_moved", "rows_without_supplier", "readings_without_supplier")


@dataclass(frozen=True)
class Cut:
    """Which rows of a day belong to a slice."""

    area: str
    classes: tuple[str, ...]
    part: int
    parts: int

    def holds(self, *, area: str, supply_class: str, retailer_id: int | None) -> bool:
        return area == self.area and supply_class in self.classes and (retailer_id or 0) % self.parts == self.part


def is_worth_it(batches: Sequence[UsageBatch]) -> bool:
    """A day of fewer rows is written faster by one process than it is cut."""
    return sum(batch.rows for batch in batches) >= settings.PUBLICATION_CUT_FROM_ROWS


def lay_out(publication: Publication, batches: Sequence[UsageBatch], notes: list[int], areas: set[str]) -> CutDay:
    """Cut a day; call it in the transaction that looked at its batches and notes. Workers are asked to help.

    `areas` are those in which something changed hands; the others follow from who sent the batches.
    """
    cut_day = CutDay.objects.create(
        day=publication.day,
        layer=publication.layer,
        revision=publication.revision,
        folder=publication.folder,
        laid_out_at=publication.published_at,
        batches=[batch.pk for batch in batches],
        notes=notes,
    )
    of_area: dict[str, list[UsageBatch]] = {area: [] for area in areas}
    senders: dict[int, list[str]] = {}
    for company_id, area in Participation.objects.filter(market_role=MarketRole.NETWORK_OPERATOR).values_list(
        "company_id", "area"
    ):
        senders.setdefault(company_id, []).append(area)
    for batch in batches:
        for area in senders.get(batch.file.sender_id, ()):
            of_area.setdefault(area, []).append(batch)
    pieces: list[Slice] = []
    for area, theirs in sorted(of_area.items()):
        parts = 1 + sum(batch.rows for batch in theirs) // settings.PUBLICATION_ROWS_PER_SLICE
        pieces += [
            Slice(
                cut_day=cut_day,
                number=number,
                area=area,
                classes=classes,
                part=part,
                parts=parts,
                batches=[batch.pk for batch in theirs],
            )
            for number, (classes, part) in enumerate(
                ((classes, part) for classes in VOLTAGES for part in range(parts)), len(pieces)
            )
        ]
    Slice.objects.bulk_create(pieces)
    transaction.on_commit(lambda: _ask_for_help(len(pieces) - 1), robust=True)
    return cut_day


def _ask_for_help(count: int) -> None:
    """Wake workers, on whatever host; when the broker is away the one at it writes all slices, or the next sweep."""
    for _helper in range(min(count, settings.PUBLICATION_HELPERS)):
        current_app.send_task("metering.tasks.write_slices")


def of_day(day: date, layer: str) -> CutDay | None:
    """The day's layout, while it is being published."""
    return CutDay.objects.filter(day=day, layer=layer).first()


def open_days() -> list[tuple[date, str]]:
    """Days that were laid out and are not published yet, the oldest first."""
    return list(CutDay.objects.values_list("day", "layer").order_by("day"))


@contextmanager
def next_of(cut_day: CutDay) -> Iterator[Slice | None]:
    """A slice nobody is at, locked for the length of the block; None when there is none.

    What an earlier attempt left of its files is removed first: that attempt is over, its lock is gone.
    """
    with transaction.atomic():
        piece = (
            Slice.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(cut_day=cut_day, written_at__isnull=True)
            .order_by("number")
            .first()
        )
        if piece:
            stores.remove_folder(folder_of(cut_day, piece))
        yield piece


def folder_of(cut_day: CutDay, piece: Slice) -> str:
    return f"{cut_day.folder}/{piece.number:03}"


def keep(piece: Slice, files: list[PublishedFile], counts: dict[str, int], *, now: datetime) -> None:
    """Enter what was written of a slice; from then on nobody else writes it."""
    piece.written_at = now
    piece.result = {
        "files": [
            [str(getattr(file, name)) if name == "content" else getattr(file, name) for name in FILE_FIELDS]
            for file in files
        ],
        "counts": {name: counts[name] for name in COUNTS},
    }
    piece.save(update_fields=["written_at", "result"])
    log.info("wrote slice %s of %s: %s, %s files", piece.number, piece.cut_day_id, piece, len(files))


def is_written(cut_day: CutDay) -> bool:
    return not cut_day.slices.filter(written_at__isnull=True).exists()


def gathered(cut_day: CutDay) -> tuple[list[PublishedFile], dict[str, int]]:
    """The files of all slices, in their order, and the sums of their counts."""
    files: list[PublishedFile] = []
    counts = dict.fromkeys(COUNTS, 0)
    for piece in cut_day.slices.order_by("number"):
        files += [PublishedFile(**dict(zip(FILE_FIELDS, row, strict=True))) for row in piece.result["files"]]
        for name in COUNTS:
            counts[name] += piece.result["counts"][name]
    return files, counts


def locked(cut_day: CutDay) -> CutDay | None:
    """The layout, locked for its end; None when somebody has ended it."""
    return CutDay.objects.select_for_update().filter(pk=cut_day.pk).first()


def forget(cut_day: CutDay, *, with_files: bool) -> None:
    """The day is published, or has to be laid out anew."""
    folder = cut_day.folder
    cut_day.delete()
    if with_files:
        transaction.on_commit(lambda: stores.remove_folder(folder), robust=True)
