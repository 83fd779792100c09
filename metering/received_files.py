"""Files as network operators sent them: kept as long as the usage they brought, then removed, with evidence."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, time

from django.db import transaction
from django.db.models import Exists, OuterRef

from metering.models import UsageBatch, UsageFile
from portal import ledger, stores
from portal.workdays import JST

ROOT = "usage/in"


def remove_before(day: date, *, now: datetime) -> int:
    """Remove the files received before a day; returns how many. Their rows stay, with name, size, hash and counts.

    A file stays while it waits for intake or something it brought waits for publication. The ledger has the count, the
    bytes and a hash over all of them. The bytes go after the commit, folder by folder of the day they came; what a
    crash leaves goes with the next run.
    """
    with transaction.atomic():
        waiting = UsageBatch.objects.filter(file=OuterRef("pk"), publication__isnull=True)
        found = list(
            UsageFile.objects.filter(~Exists(waiting), received_at__lt=datetime.combine(day, time(), JST))
            .exclude(state=UsageFile.State.WAITING)
            .exclude(content="")
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
            .values_list("pk", "sender_id", "name", "size", "sha256")
        )
        if found:
            digest = hashlib.sha256()
            for _pk, sender_id, name, size, sha256 in found:
                digest.update(f"{sender_id} {name} {size} {sha256}\n".encode())
            UsageFile.objects.filter(pk__in=[row[0] for row in found]).update(content="")
            ledger.record(
                "received files removed",
                "usage files",
                by=None,
                now=now,
                files=len(found),
                size=sum(row[3] for row in found),
                sha256=digest.hexdigest(),
                kept_from=day.isoformat(),
            )
    for folder in _folders_before(day):
        if not UsageFile.objects.filter(content__startswith=f"{folder}/").exists():
            stores.remove_folder(folder)
    return len(found)


def _folders_before(day: date) -> Iterator[str]:
    """The folders of whole days before a day: a file lies under the day it came, a few hours off at midnight."""
    last = f"{day:%Y/%m/%d}"
    for year in stores.folders(ROOT):
        for month in stores.folders(f"{ROOT}/{year}"):
            for of_day in stores.folders(f"{ROOT}/{year}/{month}"):
                if f"{year}/{month}/{of_day}" < last:
                    yield f"{ROOT}/{year}/{month}/{of_day}"
