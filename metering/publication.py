"""Usage files out: each day's values to exactly the retailer that supplied the point that day, once, with a manifest.

Files are written first, under a folder of this run that nobody knows of; the commit of the transaction that writes
their rows makes them visible all at once. A crash leaves what was there before, and a folder `sweep_orphans` removes.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from django.db import transaction
from django.urls import reverse

from metering import holds, owed, revisions, run_folders, slices
from metering.checks import LATE_HOUR
from metering.day_files import DayFiles
from metering.models import CutDay, Layer, Publication, PublishedFile, Slice, UsageBatch
from portal import jobs, outbox
from portal.access import Ability
from portal.models import JobRun
from portal.workdays import JST, jst_date

log = logging.getLogger(__name__)

Format = PublishedFile.Format

NIGHTLY = "publish usage"
TRIES = 3
ONE_DAY = timedelta(days=1)


# --- Publishing ---------------------------------------------------------------------------------------------------


def publish_day(day: date, layer: str = Layer.DAILY, *, now: datetime) -> Publication | None:
    """Publish what intake brought for a day and nobody has published yet, and what changed hands since it was.

    None when there is nothing, another worker is at it, or hand-overs due by that day are still to be carried out.
    Revision 0 holds the whole day, later ones only the rows that came since, each with its newest values, and all rows
    of points that are now another retailer's: who had those gets a list of the points withdrawn, without values.
    For every retailer, area and class of supply: BP 0120/1120 zips of at most PUBLISHED_POINTS_PER_FILE rows, one wide
    CSV (gzip) with the same rows and a manifest. Entitled is who supplies the point on the day as known now, also when
    a correction comes later; rows of points nobody supplied are counted, not published.
    ValueError for a layer other than the daily one; RevisionsUsedUp.
    Rules: domain notes, metering §2, §3.
    """
    if layer != Layer.DAILY:
        raise ValueError("only the daily layer is published as day files")
    for _ in range(TRIES):
        try:
            return _publish(day, layer, now=now) or work_on_slices(day, layer, now=now)
        except _SupplyChanged:
            log.info("supply of %s changed while it was being published; once more", day)
    return None


class _SupplyChanged(Exception):
    """A day changed hands while its files were being written; they may say either."""


def _publish(day: date, layer: str, *, now: datetime) -> Publication | None:
    with run_folders.run_folder(day) as folder, transaction.atomic():
        if not run_folders.lock(day):
            return None
        if slices.of_day(day, layer):
            return None  # it was laid out already; what is left to do is in its slices
        batches = list(
            UsageBatch.objects.select_for_update(of=("self",))
            .filter(day=day, layer=layer, publication__isnull=True)
            .select_related("file")
            .order_by("pk")
        )
        # Read before anything of supply is: a change that is noted is then seen, and one noted later is found below.
        notes = owed.unsettled(day)
        if not batches and not notes:
            return None
        if holds.holds_up(day, now=now):
            return None
        moves = owed.moves(notes, day, layer)
        if not batches and not moves:
            owed.settle(notes, None, now=now)
            return None
        publication = revisions.begin(folder, now=now, day=day, layer=layer)
        if slices.is_worth_it(batches):
            slices.lay_out(publication, batches, notes, {move.area for move in moves})
            return None
        run = DayFiles(publication, [batch.pk for batch in batches], moves, folder)
        run.write()
        if owed.unsettled(day) != notes:
            raise _SupplyChanged
        run.count(sum(batch.rows for batch in batches), sum(batch.readings for batch in batches))
        _show(run, notes, now=now)
        return publication


def _show(run: DayFiles, notes: list[int], *, now: datetime) -> None:
    """Enter everything about a publication whose files are written; the commit shows it all at once."""
    publication = run.publication
    revisions.close(
        publication,
        run.batch_ids,
        run.files,
        action="usage published",
        now=now,
        layer=publication.layer,
        readings=run.readings,
        retailers=len({file.recipient_id for file in run.files}),
    )
    owed.settle(notes, publication, now=now)
    _announce(run.files, publication, now=now)


# --- A big day, by several workers --------------------------------------------------------------------------------


def work_on_slices(day: date, layer: str = Layer.DAILY, *, now: datetime) -> Publication | None:
    """Write slices of a day that was laid out until none is free; who ends last shows the whole.

    None when the day was not laid out, or others are still writing. A slice whose writer was killed is taken by the
    next one. Raises _SupplyChanged when the day has to be laid out anew.
    """
    cut_day = slices.of_day(day, layer)
    if cut_day is None:
        return None
    while True:
        with slices.next_of(cut_day) as piece:
            if piece is None:
                break
            run = _slice_of(cut_day, piece)
            run.write()
            slices.keep(piece, run.files, {name: getattr(run, name) for name in slices.COUNTS}, now=now)
    return _show_slices(cut_day, now=now)


def work_on_open_days(*, now: datetime) -> None:
    """Help with every day that is laid out: a worker that was woken, or the sweep after a crash."""
    for day, layer in slices.open_days():
        try:
            work_on_slices(day, layer, now=now)
        except _SupplyChanged:
            publish_day(day, layer, now=now)


def _publication_of(cut_day: CutDay) -> Publication:
    return Publication(
        day=cut_day.day,
        layer=cut_day.layer,
        revision=cut_day.revision,
        published_at=cut_day.laid_out_at,
        folder=cut_day.folder,
    )


def _slice_of(cut_day: CutDay, piece: Slice) -> DayFiles:
    """The writing of one slice: it reads the day's rows and writes files, and changes nothing else."""
    cut = slices.Cut(piece.area, tuple(piece.classes), piece.part, piece.parts)
    moves = [
        move
        for move in owed.moves(cut_day.notes, cut_day.day, cut_day.layer)
        if move.area == cut.area and move.supply_class in cut.classes
    ]
    return DayFiles(_publication_of(cut_day), piece.batches, moves, slices.folder_of(cut_day, piece), cut)


def _show_slices(cut_day: CutDay, *, now: datetime) -> Publication | None:
    """Show a day all of whose slices are written; None while one is not, or when somebody has shown it."""
    with transaction.atomic():
        found = slices.locked(cut_day)
        if found is None or not slices.is_written(found):
            return None
        batches = list(UsageBatch.objects.select_for_update(of=("self",)).filter(pk__in=found.batches).order_by("pk"))
        if owed.unsettled(found.day) == found.notes:
            publication = _publication_of(found)
            moves = owed.moves(found.notes, found.day, found.layer)
            run = DayFiles(publication, found.batches, moves, found.folder)
            run.files, counts = slices.gathered(found)
            for name, value in counts.items():
                setattr(run, name, value)
            run.count(sum(batch.rows for batch in batches), sum(batch.readings for batch in batches))
            _show(run, found.notes, now=now)
            slices.forget(found, with_files=False)
            return publication
        slices.forget(found, with_files=True)
    raise _SupplyChanged


def publish_nightly(*, now: datetime) -> Publication | None:
    """Publish yesterday's day, once per day however often it is asked; then clear away what crashes left."""
    yesterday = jst_date(now) - ONE_DAY
    publication = None
    with jobs.once(NIGHTLY, yesterday.isoformat(), now=now) as run:
        if run:
            publication = _publish_or_lay_out(yesterday, now=now)
            run.counts = {"rows": publication.rows, "readings": publication.readings} if publication else {}
    # Slices are written outside the job's transaction, so that others see what is left to do.
    publication = publication or (publish_day(yesterday, now=now) if slices.of_day(yesterday, Layer.DAILY) else None)
    run_folders.sweep_orphans(now=now)
    return publication


def publish_late(*, now: datetime) -> list[Publication]:
    """Publish every past day with unpublished rows or that changed hands: corrections, reversals, what came too late.

    Yesterday belongs to the nightly job until that has run; from 06:00 JST on it is late and taken here too, for a
    night in which nobody woke the job. A day that fails does not hold up the others.
    """
    yesterday = jst_date(now) - ONE_DAY
    nightly_ran = JobRun.objects.filter(job=NIGHTLY, key=yesterday.isoformat(), finished_at__isnull=False).exists()
    is_late = now.astimezone(JST).hour >= LATE_HOUR
    last = yesterday if nightly_ran or is_late else yesterday - ONE_DAY
    work_on_open_days(now=now)
    days = set(
        UsageBatch.objects.filter(publication__isnull=True, layer=Layer.DAILY, day__lte=last)
        .order_by()
        .values_list("day", flat=True)
        .distinct()
    )
    return revisions.each(
        [(day,) for day in sorted(days | owed.days_to_settle(last))], lambda day: publish_day(day, now=now)
    )


def _publish_or_lay_out(day: date, *, now: datetime) -> Publication | None:
    for _ in range(TRIES):
        try:
            return _publish(day, Layer.DAILY, now=now)
        except _SupplyChanged:
            log.info("supply of %s changed while it was being published; once more", day)
    return None


def _announce(files: list[PublishedFile], publication: Publication, *, now: datetime) -> None:
    """One notice to every retailer that got something, and one to every retailer that loses points of the day."""
    of_recipient: dict[int, list[PublishedFile]] = {}
    for file in files:
        of_recipient.setdefault(file.recipient_id, []).append(file)
    day = publication.day.isoformat()
    link = f"{reverse('metering:published-files')}?day={day}"
    posts = []
    for recipient_id, theirs in of_recipient.items():
        told = {"day": day, "revision": publication.revision, "files": len(theirs)}
        rows = sum(file.rows for file in theirs if file.format == Format.WIDE_CSV)
        withdrawn = sum(file.rows for file in theirs if file.format == Format.WITHDRAWAL)
        for kind, context in (("usage_published", {"rows": rows}), ("usage_withdrawn", {"points": withdrawn})):
            if any(context.values()):
                posts.append(
                    outbox.Post(
                        recipient_id=recipient_id,
                        kind=kind,
                        subject=day,
                        link=link,
                        ability=Ability.COLLECT_USAGE,
                        context={**told, **context},
                    )
                )
    outbox.post_many(posts, now=now)
