"""Folders of publications on their way: nobody knows of one until the commit, and what a crash left is swept away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from uuid import uuid4

from django.db import connection, transaction

from metering.models import CutDay, Publication
from portal import ledger, stores

log = logging.getLogger(__name__)

ROOT = "usage/out"


def lock(day: date) -> bool:
    """Keep a day's folders for the length of the transaction, whatever is published in them; False: somebody has them.

    Whoever publishes anything of a day, in whatever layer, asks for it first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"publish usage {day} D"])
        is_mine: bool = cursor.fetchone()[0]
    return is_mine


@contextmanager
def run_folder(day: date) -> Iterator[str]:
    """A folder of the storage for one run; when the run fails its files are taken away again.

    Where it cannot be told whether the commit went through, they stay, for `sweep_orphans` to decide.
    """
    folder = f"{ROOT}/{day:%Y/%m/%d}/{uuid4().hex}"
    try:
        yield folder
    except BaseException:
        try:
            if not Publication.objects.filter(folder=folder).exists():
                stores.remove_folder(folder)
        except Exception:
            log.warning("files of a failed publication stay in %s for now", folder)
        raise


def sweep_orphans(*, now: datetime) -> int:
    """Remove files of publications that never came to be (the process was killed); returns how many.

    A day at which somebody is publishing this moment is left alone: its lock is asked for first.
    """
    removed = 0
    known = {*Publication.objects.values_list("folder", flat=True), *CutDay.objects.values_list("folder", flat=True)}
    for day_folder in _day_folders():
        for name in stores.folders(day_folder):
            folder = f"{day_folder}/{name}"
            if folder in known:
                continue
            day = date.fromisoformat("-".join(day_folder.split("/")[-3:]))
            with transaction.atomic():
                is_locked = lock(day)
                alive = (
                    Publication.objects.filter(folder=folder).exists() or CutDay.objects.filter(folder=folder).exists()
                )
                if is_locked and not alive:
                    removed += stores.remove_folder(folder)
    if removed:
        ledger.record("unpublished files removed", "usage files", by=None, now=now, files=removed)
    return removed


def _day_folders() -> Iterator[str]:
    folders = [ROOT]
    for _ in range(3):  # year, month, day
        folders = [f"{above}/{name}" for above in folders for name in stores.folders(above)]
    yield from folders
