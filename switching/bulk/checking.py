"""The check of a file: every row asked by the rules of the verb that would file it, and nothing filed."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import IO

from django.utils.functional import lazystr
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import meters
from metering.models import FacilityInquiry
from portal import ahead, gates, quotas
from portal.copying import copy_rows
from portal.models import User
from portal.workdays import jst_date
from switching import applications, disclosures, relays, sentences
from switching.bulk import files, rows
from switching.bulk.kind import FileKind
from switching.bulk.rows import Case, Row
from switching.models import Application, Disclosure, MeterWork, Movement, Relay, Upload, UploadRow

CHUNK = 1000
REFUSALS = (
    *(relays.NotPossible, applications.NotPossible, disclosures.NotPossible),
    *(meters.NotPossible, gates.Closed),
)
State = UploadRow.State
CASE_COLUMNS = {
    Relay: "relay",
    Application: "application",
    Disclosure: "disclosure",
    MeterWork: "meter_work",
    FacilityInquiry: "inquiry",
    Movement: "movement",
}


class Said:
    """A verb's refusal, told in the language of whoever asks."""

    def __init__(self, refusal: Exception) -> None:
        self.refusal = refusal

    def __str__(self) -> str:
        if isinstance(self.refusal, gates.Closed | meters.NotPossible):
            return str(self.refusal)
        return sentences.sentence(self.refusal)


class Tally(dict[str, int]):
    """How many rows came to which state."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys((State.GOOD, State.WARNED, State.KNOWN, State.WRONG), 0))

    @property
    def rows(self) -> int:
        return sum(self.values())


def check_rows(
    upload: Upload,
    file: IO[bytes],
    kind: FileKind,
    *,
    by: User,
    now: datetime,
    tell: Callable[[int], None] = lambda rows: None,
) -> tuple[Tally, tuple[str, ...]]:
    """Read the file, write its rows with what was found in them; returns their count and the unknown columns.

    A thousand rows at a time, a fixed number of queries for each thousand. Raises files.Unreadable; rows may have been
    written by then, so call it in a transaction.
    """
    lines = files.lines_of(file, upload.format, upload.encoding)
    first = next(lines, None)
    if first is None:
        raise files.Empty
    head = rows.head_of(first, kind.columns, besides=kind.passed_over)
    tally, names = Tally(), _Names()
    today = jst_date(now)
    used = quotas.used(by.company_id, kind.registration, today) if kind.registration else 0
    while chunk := [rows.row_of(line, head, kind.columns, encoding=upload.encoding) for line in islice(lines, CHUNK)]:
        with ahead.reading():
            used = _check(chunk, kind, names, used, today=today, by=by, now=now)
        _write(upload, chunk, tally)
        tell(tally.rows)
    if not tally.rows:
        raise rows.OnlyNames
    return tally, head.unknown


class _Names:
    """Which row of the file named which point or relay first."""

    def __init__(self) -> None:
        self.first: dict[object, int] = {}

    def settle(self, chunk: Iterable[Row], kind: FileKind) -> None:
        for row in chunk:
            key = row.values.get(kind.key_column)
            if key is None or row.is_wrong:
                continue
            if (first := self.first.setdefault(key, row.line)) != row.line:
                row.error(
                    "twice_in_the_file",
                    [kind.key_column],
                    format_lazy(
                        _("Row {first} of this file names the same one already. Please take one of the two out."),
                        first=first,
                    ),
                )


def _check(chunk: list[Row], kind: FileKind, names: _Names, used: int, *, today: date, by: User, now: datetime) -> int:
    """Ask the rules for every row; returns how much of the day's quota these and the rows before would use."""
    kind.look_up([row for row in chunk if not row.is_wrong], by=by, now=now)
    names.settle(chunk, kind)
    sound = [row for row in chunk if not row.is_wrong]
    kind.read_ahead(sound, by=by, now=now)
    for row in sound:
        if kind.registration:
            quotas.used.know({(by.company_id, kind.registration, today): used})
        try:
            kind.file(row, by=by, now=now, dry_run=True)
        except REFUSALS as refusal:
            row.refusal = refusal
        else:
            used += 1
    settle_refused([row for row in sound if row.refusal], kind, by=by, now=now)
    kind.look_closer([row for row in sound if not row.refusal], by=by, now=now)
    return used


def settle_refused(refused: list[Row], kind: FileKind, *, by: User, now: datetime) -> None:
    """Say why: by what is there already where that is the reason, else by the verb's own sentence."""
    kind.compare(refused, by=by, now=now)
    for row in refused:
        assert row.refusal is not None
        if not row.is_wrong and not row.is_known:
            row.error(
                type(row.refusal).__name__,
                sentences.fields_of(row.refusal, row.cells),
                lazystr(Said(row.refusal)),
            )


def state_of(row: Row) -> str:
    """The state in which the row is kept."""
    if row.is_wrong:
        return State.WRONG
    if row.is_known:
        return State.KNOWN
    return State.WARNED if row.findings else State.GOOD


def cases_of(case: Case | None) -> dict[str, int]:
    """The id for the one of the row's columns that names its case; none while nothing came of it."""
    return {f"{CASE_COLUMNS[type(case)]}_id": case.pk} if case else {}


def _write(upload: Upload, chunk: list[Row], tally: Tally) -> None:
    columns = [f"{column}_id" for column in CASE_COLUMNS.values()]

    def lines() -> Iterator[tuple[object, ...]]:
        for row in chunk:
            state = state_of(row)
            tally[state] += 1
            ids = cases_of(row.case)
            yield (
                upload.pk,
                row.line,
                row.cells,
                row.area,
                row.supply_class,
                str(state),
                row.findings,
                *(ids.get(column) for column in columns),
            )

    copy_rows(
        UploadRow,
        ("upload_id", "line", "cells", "area", "supply_class", "state", "findings", *columns),
        lines(),
    )
