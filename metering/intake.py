"""Usage files in: received once, taken in by one transaction each, so that a crash leaves nothing half in."""

from __future__ import annotations

import hashlib
import logging
import os
from datetime import datetime
from typing import IO
from uuid import uuid4

from celery import current_app
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from metering import history_checks, partitions
from metering.category_intake import CategoryStore
from metering.day_intake import DayStore
from metering.fixed_intake import FixedStore
from metering.formats.errors import Unreadable
from metering.models import Layer, UsageFile
from metering.register_intake import RegisterStore
from metering.slot_intake import SlotStore
from metering.tallies import Tally, plain, tell_progress
from metering.usage_formats import LAYERS, Format, NotAUsageFile, recognise
from portal import gates, ledger, outbox, scanning
from portal.access import Ability
from portal.market import MarketRole
from portal.models import Company, Function, User

log = logging.getLogger(__name__)

State = UsageFile.State

TRIES = 3
GIVE_UP_AFTER = 5
"""A file that failed so often for reasons of ours is no longer tried by itself; it waits for the operator."""


class AlreadyReceived(Exception):
    """The same sender sent the same content before, as `file`; nothing was stored."""

    def __init__(self, file: UsageFile) -> None:
        self.file = file
        super().__init__(f"received already as usage file {file.pk}")


class NotScanned(NotAUsageFile):
    """The scanner did not answer; the same file may be taken in later."""


class NotANetworkOperator(Exception):
    """Only network operators send usage."""


# --- Receiving ----------------------------------------------------------------------------------------------------


def receive(upload: IO[bytes], *, name: str, sender: Company, by: User | None, now: datetime) -> UsageFile:
    """Store a file that came in and queue it for a worker; its rows are read there, not here.

    upload  binary and seekable; read in pieces
    name    as the sender wrote it; it and the first bytes decide the format
    by      the person who uploaded it, None for the drop folder

    Raises gates.Closed, NotANetworkOperator, NotAUsageFile, NotScanned, AlreadyReceived.
    """
    gates.require(Function.USAGE, now=now, by=by)
    if MarketRole.NETWORK_OPERATOR not in sender.market_roles:
        raise NotANetworkOperator(sender.name)
    name = os.path.basename(name.replace("\\", "/")).strip()
    format_ = recognise(name, upload)
    digest, size = hashlib.sha256(), 0
    upload.seek(0)
    while piece := upload.read(1 << 20):
        digest.update(piece)
        size += len(piece)
        if size > settings.USAGE_FILE_MAX_BYTES:
            raise NotAUsageFile("file_too_large", size=size, limit=settings.USAGE_FILE_MAX_BYTES)
    sha256 = digest.hexdigest()
    known = UsageFile.objects.filter(sender=sender, sha256=sha256)
    if file := known.first():
        raise AlreadyReceived(file)
    _scan(upload, name)
    upload.seek(0)
    path = default_storage.save(f"usage/in/{now:%Y/%m/%d}/{uuid4().hex}", File(upload))
    try:
        with transaction.atomic():
            file = UsageFile.objects.create(
                sender=sender,
                name=name,
                content=path,
                sha256=sha256,
                size=size,
                format=format_,
                layer=LAYERS.get(Format(format_), Layer.DAILY),
                received_at=now,
                received_from=by,
            )
            ledger.record(
                "usage file received", f"usage file {file.pk}", by=by, now=now, name=name, sha256=sha256, size=size
            )
    except IntegrityError:
        default_storage.delete(path)
        if file := known.first():  # the same content came in through another door this very moment
            raise AlreadyReceived(file) from None
        raise
    except BaseException:
        default_storage.delete(path)
        raise
    transaction.on_commit(lambda: _queue(file.pk), robust=True)
    return file


def _scan(upload: IO[bytes], name: str) -> None:
    try:
        scanning.scan(upload, name=name)
    except scanning.Infected as infected:
        raise NotAUsageFile("infected", found=infected.found) from infected
    except scanning.Unscanned as unscanned:
        raise NotScanned("not_scanned") from unscanned


def _queue(file_id: int) -> None:
    """Ask a worker to take the file in now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("metering.tasks.take_in", kwargs={"file_id": file_id})


# --- Taking in ----------------------------------------------------------------------------------------------------


def waiting(*, limit: int = 50) -> list[int]:
    """Files no worker has taken in yet, the oldest first; those that failed too often are left to the operator."""
    found = UsageFile.objects.filter(state=State.WAITING, attempts__lt=GIVE_UP_AFTER).order_by("id")
    return list(found.values_list("pk", flat=True)[:limit])


def take_in(file_id: int, *, now: datetime) -> UsageFile | None:
    """Read, check and store one waiting file in one transaction; None when it is done or in another worker's hands.

    Good rows go in, refused ones are kept with their reasons (RefusedRow), a file that cannot be read at all ends
    UNREADABLE with `problem`. Values equal to those in force are counted as unchanged; different ones become the
    next revision. A file received earlier never overtakes one received later. Rules: domain notes, metering §3, §5.
    """
    partitions.ahead(1, now=now, back=settings.USAGE_MONTHS_KEPT + 1)
    try:
        with transaction.atomic():
            file = (
                UsageFile.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("sender")
                .filter(pk=file_id, state=State.WAITING)
                .first()
            )
            if file is None:
                return None
            _finish(file, _stored(file, now=now), now=now)
            return file
    except Exception:
        UsageFile.objects.filter(pk=file_id, state=State.WAITING).update(attempts=F("attempts") + 1)
        raise
    finally:
        tell_progress(file_id, None)


def take_in_waiting(*, now: datetime) -> int:
    """Take in what waits, the oldest first; returns how many files this worker finished.

    A file that fails does not hold up the ones behind it.
    """
    done = 0
    for file_id in waiting():
        try:
            done += take_in(file_id, now=now) is not None
        except Exception:
            log.exception("usage file %s was not taken in", file_id)
    return done


def unsettled(user: User) -> QuerySet[UsageFile]:
    """The person's files with refused rows, or unreadable ones, that nobody has declared dealt with."""
    return UsageFile.objects.visible_to(user).filter(
        Q(rows_refused__gt=0) | Q(state=State.UNREADABLE), settled_at__isnull=True
    )


def settle(file: UsageFile, *, by: User, now: datetime) -> None:
    """Declare what was refused of a file dealt with: it no longer waits in the inbox. A second time changes nothing."""
    with transaction.atomic():
        if UsageFile.objects.filter(pk=file.pk, settled_at__isnull=True).update(settled_at=now):
            ledger.record("usage file settled", f"usage file {file.pk}", by=by, now=now, refused=file.rows_refused)


def try_again(file_ids: list[int], *, by: User, now: datetime) -> int:
    """Let workers try given-up files once more (an operator's act); returns how many."""
    with transaction.atomic():
        files = UsageFile.objects.select_for_update().filter(
            pk__in=file_ids, state=State.WAITING, attempts__gte=GIVE_UP_AFTER
        )
        found = list(files.values_list("pk", flat=True))
        UsageFile.objects.filter(pk__in=found).update(attempts=0)
        ledger.record_many([ledger.Entry("usage file tried again", f"usage file {pk}") for pk in found], by=by, now=now)
    return len(found)


def _stored(file: UsageFile, *, now: datetime) -> Tally:
    """The file's rows in the database, or the problem why there are none.

    Another file that brings the same rows at the same moment makes one of the two fail on the primary key (or a
    deadlock); its work is undone and done again, now seeing what the other one stored.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return _store(file, now=now).all()
        except Unreadable as problem:
            return Tally(file, problem={"code": problem.code, "params": plain(problem.params)})
        except (IntegrityError, OperationalError):
            if attempt == TRIES:
                raise
            log.info("usage file %s met another one on the same rows; once more", file.pk)
    raise AssertionError("unreachable")


def _store(file: UsageFile, *, now: datetime) -> DayStore | SlotStore | FixedStore | RegisterStore | CategoryStore:
    if file.format == UsageFile.Format.REGISTERS:
        return RegisterStore(file, now=now)
    if file.layer == Layer.PRELIMINARY:
        return SlotStore(file, now=now)
    if file.layer == Layer.OTHER:
        return CategoryStore(file, now=now)
    if file.layer == Layer.FIXED:
        return FixedStore(file, now=now)
    return DayStore(file, now=now)


def _finish(file: UsageFile, tally: Tally, *, now: datetime) -> None:
    file.state = State.UNREADABLE if tally.problem else State.TAKEN_IN
    file.finished_at = now
    file.rows_read, file.rows_taken = tally.read, tally.taken
    file.rows_unchanged, file.rows_refused = tally.unchanged, tally.refused
    file.warnings, file.problem = tally.warnings, tally.problem
    file.save()
    history_checks.owe(file, now=now)
    ledger.record(
        "usage file taken in" if not tally.problem else "usage file unreadable",
        f"usage file {file.pk}",
        by=None,
        now=now,
        rows=tally.read,
        taken=tally.taken,
        unchanged=tally.unchanged,
        refused=tally.refused,
        **({"problem": tally.problem["code"]} if tally.problem else {}),
    )
    if tally.refused or tally.problem:
        outbox.post(
            outbox.Post(
                recipient_id=file.sender_id,
                kind="usage_unreadable" if tally.problem else "usage_refused",
                subject=file.name[:80],
                link=reverse("metering:usage-file", args=[file.pk]),
                ability=Ability.SEND_USAGE,
                context={"read": tally.read, "taken": tally.taken, "refused": tally.refused},
            ),
            now=now,
        )
