"""The life of a file of many cases: received, checked, confirmed, carried out, perhaps recalled."""

import hashlib
import logging
import unicodedata
from datetime import datetime
from typing import IO, Any
from uuid import uuid4

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, F
from django.urls import reverse
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy as _

from portal import gates, ledger, outbox, scanning
from portal.models import User
from portal.refusals import Refusal
from switching.bulk import checking, files, recalls
from switching.bulk.checking import CASE_COLUMNS, REFUSALS, Said, cases_of
from switching.bulk.kinds import KINDS
from switching.bulk.rows import Row, clean
from switching.bulk.words import finding, in_both
from switching.models import Upload, UploadRow

log = logging.getLogger(__name__)
State, RowState = Upload.State, UploadRow.State

TO_CARRY_OUT = (RowState.GOOD, RowState.WARNED)
ROWS_AT_ONCE = 100
GIVE_UP_AFTER = 5
"""A file whose check failed so often for reasons of ours is no longer tried by itself; it waits for the operator."""
NAME_LENGTH = 120


class NotPossible(Refusal):
    """The file cannot be taken or moved; `sentence` says why."""


class NotYours(NotPossible):
    sentence = _("Your role does not cover what this file files. Please ask your company's administrator.")


class Moved(NotPossible):
    sentence = _("The file has moved on in the meantime. Nothing was changed; this page shows how it stands.")


class SentBefore(NotPossible):
    """The company sent the very same content before, as `twin`."""

    sentence = _(
        "The very same file was sent before. If it is to be carried out a second time, please tick that you know it."
    )

    def __init__(self, twin: Upload) -> None:
        self.twin = twin
        super().__init__(twin)


class NothingToDo(NotPossible):
    sentence = _("No row of this file can be carried out. Please mend the wrong rows and send them again.")


class CannotBeRecalled(NotPossible):
    sentence = _(
        "What this kind of file does cannot be recalled as a whole. Each case can still be moved on its own page where "
        "that is possible."
    )


class Infected(NotPossible):
    sentence = _("The scanner found malware in the file, so it was not taken. Please check the computer it comes from.")


class NotScanned(NotPossible):
    sentence = _("The file could not be scanned for malware just now, so it was not taken. Please send it again later.")


# --- Received -----------------------------------------------------------------------------------------------------


def receive(upload: IO[bytes], *, content: str, name: str, by: User, now: datetime) -> Upload:
    """Store a file that came in and queue its check; its rows are read by a worker.

    upload   binary and seekable; `name` as the sender wrote it: with the first bytes it decides the format.
    Raises NotYours, Infected, NotScanned, files.Unreadable (too large, neither CSV nor Excel), gates.Closed.
    """
    kind = KINDS[content]
    gates.require(kind.function, now=now, by=by)
    if not by.may(kind.ability):
        raise NotYours
    upload.seek(0)
    format_ = files.format_of(name, upload.read(4096))
    upload.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := upload.read(1 << 20):
        digest.update(piece)
        size += len(piece)
        if size > settings.BULK_FILE_MAX_BYTES:
            raise files.TooLarge(settings.BULK_FILE_MAX_BYTES // 1_000_000)
    _scan(upload, name)
    upload.seek(0)
    path = default_storage.save(f"uploads/{now:%Y/%m/%d}/{uuid4().hex}", File(upload))
    try:
        with transaction.atomic():
            kept = Upload.objects.create(
                company=by.company,
                content=content,
                name=_plain_name(name),
                path=path,
                format=format_,
                sha256=digest.hexdigest(),
                size=size,
                uploaded_at=now,
                uploaded_by=by,
            )
            _record("upload.receive", kept, by=by, now=now, content=content, name=kept.name, sha256=kept.sha256)
    except BaseException:
        default_storage.delete(path)
        raise
    _queue("check_upload", kept.pk)
    return kept


def _scan(upload: IO[bytes], name: str) -> None:
    try:
        scanning.scan(upload, name=name)
    except scanning.Infected as infected:
        raise Infected from infected
    except scanning.Unscanned as unscanned:
        raise NotScanned from unscanned


def twin_of(upload: Upload) -> Upload | None:
    """The company's newest earlier file of the very same content that was not discarded; None when there is none."""
    return (
        Upload.objects.filter(company=upload.company_id, sha256=upload.sha256, content=upload.content, pk__lt=upload.pk)
        .exclude(state__in=[State.DISCARDED, State.UNREADABLE])
        .select_related("uploaded_by")
        .first()
    )


def _plain_name(name: str) -> str:
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    plain = "".join(letter for letter in plain if unicodedata.category(letter)[0] != "C").strip() or "file"
    return plain[-NAME_LENGTH:]


# --- Checked ------------------------------------------------------------------------------------------------------


def check(upload_id: int, *, now: datetime) -> Upload | None:
    """Read and check a waiting file in one transaction; None when it is done or in another worker's hands.

    A crash leaves nothing behind and the file waiting. Afterwards the file itself is taken out of the store: its rows
    are kept, with what was found in them.
    """
    Upload.objects.filter(pk=upload_id, state=State.WAITING).update(attempts=F("attempts") + 1)
    with transaction.atomic():
        upload = (
            Upload.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=upload_id, state=State.WAITING)
            .select_related("uploaded_by__company")
            .first()
        )
        if upload is None:
            return None
        by, kind, path = upload.uploaded_by, KINDS[upload.content], upload.path
        upload.state, upload.checked_at, upload.path = State.CHECKED, now, ""
        try:
            with transaction.atomic(), default_storage.open(path) as file:
                upload.encoding = "" if upload.format == Upload.Format.XLSX else files.encoding_of(file)
                tally, unknown = checking.check_rows(
                    upload, file, kind, by=by, now=now, tell=lambda rows: _tell_progress(upload_id, rows)
                )
        except files.Unreadable as problem:
            upload.state, upload.finished_at, upload.problem = State.UNREADABLE, now, in_both(problem)
        else:
            upload.rows = tally.rows
            upload.rows_good, upload.rows_warned = tally[RowState.GOOD], tally[RowState.WARNED]
            upload.rows_known, upload.rows_wrong = tally[RowState.KNOWN], tally[RowState.WRONG]
            upload.remarks = list(unknown)
        upload.save()
        _record("upload.check", upload, by=by, now=now, rows=upload.rows, wrong=upload.rows_wrong)
        _notify(upload, "upload_checked", now=now)
        transaction.on_commit(lambda: default_storage.delete(path), robust=True)
    _tell_progress(upload_id, None)
    return upload


def waiting(*, limit: int = 20) -> list[int]:
    """Files no worker has checked yet, the oldest first; those that failed too often are left to the operator."""
    found = Upload.objects.filter(state=State.WAITING, attempts__lt=GIVE_UP_AFTER).order_by("pk")
    return list(found.values_list("pk", flat=True)[:limit])


def progress(upload: Upload) -> int | None:
    """Rows of a waiting file checked so far by the worker that has it in hand; None when nobody says."""
    try:
        return cache.get(f"upload-{upload.pk}")
    except Exception:  # the cache is a comfort; its absence is no error
        return None


def _tell_progress(upload_id: int, rows: int | None) -> None:
    try:
        if rows is None:
            cache.delete(f"upload-{upload_id}")
        else:
            cache.set(f"upload-{upload_id}", rows, timeout=600)
    except Exception:  # the cache is a comfort; its absence is no error
        log.debug("progress of upload %s not told", upload_id)


# --- Confirmed and carried out ------------------------------------------------------------------------------------


def confirm(upload_id: int, *, again: bool = False, by: User, now: datetime) -> Upload:
    """Have the good rows of a checked file carried out, with the person's own rights.

    `again` says that the person knows the same file was sent before. Raises NotYours, Moved, NothingToDo, SentBefore,
    gates.Closed.
    """
    with transaction.atomic():
        upload = _locked(upload_id, by, State.CHECKED)
        gates.require(KINDS[upload.content].function, now=now, by=by)
        if not upload.rows_good + upload.rows_warned:
            raise NothingToDo
        if not again and (twin := twin_of(upload)):
            raise SentBefore(twin)
        upload.state, upload.confirmed_at, upload.confirmed_by = State.CONFIRMED, now, by
        upload.save(update_fields=["state", "confirmed_at", "confirmed_by"])
        _record("upload.confirm", upload, by=by, now=now, rows=upload.rows_good + upload.rows_warned, again=again)
    _queue("carry_out_upload", upload_id)
    return upload


def discard(upload_id: int, *, by: User, now: datetime) -> Upload:
    """Put a checked file aside; its rows are taken out. Raises NotYours, Moved."""
    with transaction.atomic():
        upload = _locked(upload_id, by, State.CHECKED)
        upload.state, upload.finished_at = State.DISCARDED, now
        upload.save(update_fields=["state", "finished_at"])
        upload.lines.all().delete()
        _record("upload.discard", upload, by=by, now=now)
    return upload


def carry_out(upload_id: int, *, now: datetime, limit: int = ROWS_AT_ONCE) -> int:
    """File up to `limit` rows of a confirmed file; returns how many were worked on, 0 when nothing is left.

    Each row and its case are one transaction: killed anywhere and begun again, no case is filed twice. What the verb
    refuses by now is kept with the reason. A closed function leaves the rows for later.
    """
    upload = Upload.objects.filter(pk=upload_id, state=State.CONFIRMED).select_related("confirmed_by__company").first()
    if upload is None:
        return 0
    by = upload.confirmed_by
    assert by is not None
    kind = KINDS[upload.content]
    if gates.closure(kind.function, now=now):
        return 0
    lines = upload.lines.filter(state__in=TO_CARRY_OUT).order_by("line")[:limit]
    found = {line.pk: Row(line.line, line.cells) for line in lines}
    for row in found.values():
        clean(row, kind.columns)
    kind.look_up([row for row in found.values() if not row.is_wrong], by=by, now=now)
    for pk, row in found.items():
        _carry_out(pk, row, upload, by=by, now=now)
    if not found:
        _finish(upload_id, now=now)
    return len(found)


def _carry_out(pk: int, row: Row, upload: Upload, *, by: User, now: datetime) -> None:
    kind = KINDS[upload.content]
    with transaction.atomic():
        line = UploadRow.objects.select_for_update(skip_locked=True).filter(pk=pk, state__in=TO_CARRY_OUT).first()
        if line is None:
            return
        if not (by.is_active and by.company.is_active):
            row.error("person_left", [], _("Who confirmed the file may no longer use the portal."))
        elif not row.is_wrong:
            try:
                with transaction.atomic():
                    row.case = kind.file(row, by=by, now=now, dry_run=False)
            except REFUSALS as refusal:
                row.refusal = refusal
                checking.settle_refused([row], kind, by=by, now=now)
            except Exception:
                log.exception("row %s of upload %s", line.line, upload.pk)
                row.error(
                    "failed", [], _("The portal failed on this row for reasons of its own. Please send it again.")
                )
        if row.is_wrong:
            line.state = RowState.REFUSED
        elif row.is_known:
            line.state = RowState.KNOWN
        else:
            line.state = RowState.DONE
        line.findings += row.findings
        for column, case_id in cases_of(row.case).items():
            setattr(line, column, case_id)
        line.save(update_fields=["state", "findings", *CASE_COLUMNS.values()])


def _finish(upload_id: int, *, now: datetime) -> None:
    with transaction.atomic():
        upload = Upload.objects.select_for_update().filter(pk=upload_id, state=State.CONFIRMED).first()
        if upload is None or upload.lines.filter(state__in=TO_CARRY_OUT).exists():
            return
        upload.state, upload.finished_at = State.DONE, now
        upload.save(update_fields=["state", "finished_at"])
        counts = counts_of(upload)
        _record("upload.done", upload, by=None, now=now, counts=counts)
        _notify(upload, "upload_done", now=now, **counts)


def counts_of(upload: Upload) -> dict[str, int]:
    """How many rows stand in which state."""
    counted = dict(upload.lines.values_list("state").annotate(Count("pk")).order_by())
    return {state.value: counted.get(state.value, 0) for state in RowState}


def confirmed(*, limit: int = 20) -> list[int]:
    """Files whose rows are still to be carried out."""
    return list(Upload.objects.filter(state=State.CONFIRMED).order_by("pk").values_list("pk", flat=True)[:limit])


# --- Recalled -----------------------------------------------------------------------------------------------------


def recall(upload_id: int, *, by: User, now: datetime) -> Upload:
    """Have every case of a file that was carried out taken back, as far as its other side has not seen it.

    Raises NotYours, Moved, CannotBeRecalled, gates.Closed.
    """
    with transaction.atomic():
        upload = _locked(upload_id, by, State.DONE)
        kind = KINDS[upload.content]
        if not kind.is_recallable:
            raise CannotBeRecalled
        gates.require(kind.function, now=now, by=by)
        upload.state, upload.recalled_by = State.RECALLING, by
        upload.save(update_fields=["state", "recalled_by"])
        _record("upload.recall", upload, by=by, now=now)
    _queue("recall_upload", upload_id)
    return upload


def carry_back(upload_id: int, *, now: datetime, limit: int = ROWS_AT_ONCE) -> int:
    """Take back up to `limit` cases of a file that is being recalled; returns how many rows were worked on."""
    upload = Upload.objects.filter(pk=upload_id, state=State.RECALLING).select_related("recalled_by__company").first()
    if upload is None:
        return 0
    kind, by = KINDS[upload.content], upload.recalled_by
    assert by is not None
    if gates.closure(kind.function, now=now):
        return 0
    left = upload.lines.filter(state=RowState.DONE).exclude(findings__contains=[{"kind": "recall"}])
    ids = list(left.order_by("line").values_list("pk", flat=True)[:limit])
    for pk in ids:
        _carry_back(pk, upload, by=by, now=now)
    if not ids:
        _finish_recall(upload_id, now=now)
    return len(ids)


def _carry_back(pk: int, upload: Upload, *, by: User, now: datetime) -> None:
    with transaction.atomic():
        line = UploadRow.objects.select_for_update(skip_locked=True).filter(pk=pk, state=RowState.DONE).first()
        if line is None:
            return
        case_id = line.relay_id or line.application_id
        assert case_id is not None
        try:
            with transaction.atomic():
                KINDS[upload.content].recall(case_id, by=by, now=now)
        except recalls.NotRecallable as refusal:
            line.findings.append(finding("recall", type(refusal).__name__, (), in_both(refusal)))
        except REFUSALS as refusal:
            words = in_both(lazystr(Said(refusal)))
            line.findings.append(finding("recall", type(refusal).__name__, (), words))
        else:
            line.state = RowState.RECALLED
        line.save(update_fields=["state", "findings"])


def _finish_recall(upload_id: int, *, now: datetime) -> None:
    with transaction.atomic():
        upload = Upload.objects.select_for_update().filter(pk=upload_id, state=State.RECALLING).first()
        if upload is None:
            return
        upload.state, upload.finished_at = State.RECALLED, now
        upload.save(update_fields=["state", "finished_at"])
        counts = counts_of(upload)
        _record("upload.recalled", upload, by=None, now=now, counts=counts)
        _notify(upload, "upload_recalled", now=now, **counts)


def recalling(*, limit: int = 20) -> list[int]:
    """Files whose cases are still to be taken back."""
    return list(Upload.objects.filter(state=State.RECALLING).order_by("pk").values_list("pk", flat=True)[:limit])


# --- Common -------------------------------------------------------------------------------------------------------


def record_read(upload: Upload, what: str, *, by: User, now: datetime) -> None:
    """Note that a person reads the customers' data in a file's rows."""
    _record(what, upload, by=by, now=now, purpose="rows of the own company's file")


def _locked(upload_id: int, by: User, state: str) -> Upload:
    upload = Upload.objects.select_for_update(of=("self",)).get(pk=upload_id)
    if upload.company_id != by.company_id or not by.may(upload.ability):
        raise NotYours
    if upload.state != state:
        raise Moved
    return upload


def _record(action: str, upload: Upload, *, by: User | None, now: datetime, purpose: str = "", **detail: Any) -> None:
    ledger.record(action, f"upload {upload.pk}", by=by, now=now, purpose=purpose, **detail)


def _notify(upload: Upload, kind: str, *, now: datetime, **counts: int) -> None:
    """Tell the own company once for the whole file."""
    outbox.post(
        outbox.Post(
            recipient_id=upload.company_id,
            kind=kind,
            subject=upload.name[:80],
            link=reverse("switching:upload", args=[upload.pk]),
            resource=f"/api/v1/uploads/{upload.pk}",
            ability=upload.ability,
            context={
                "content": upload.content,
                "state": upload.state,
                "rows": upload.rows,
                "good": upload.rows_good + upload.rows_warned,
                "known": upload.rows_known,
                "wrong": upload.rows_wrong,
                "counts": counts,
            },
        ),
        now=now,
    )


def _queue(task: str, upload_id: int) -> None:
    """Ask a worker now; when the broker is away the periodic sweep does it later."""
    transaction.on_commit(
        lambda: current_app.send_task(f"switching.tasks.{task}", kwargs={"upload_id": upload_id}), robust=True
    )
