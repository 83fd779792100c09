"""What the rows of a file came to: counted, noted, or refused and kept with their reasons."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection
from numpy.typing import NDArray

from metering.formats.errors import BadRow
from metering.models import UsageFile
from metering.vee import RANK, Severity

log = logging.getLogger(__name__)

REFUSED_AT_ONCE = 2000


@dataclass
class Tally:
    """The counts of one file; refused rows go into the database in portions, inside the file's transaction."""

    file: UsageFile
    read: int = 0
    taken: int = 0
    unchanged: int = 0
    refused: int = 0
    warnings: dict[str, dict[str, int]] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)
    held: list[BadRow] = field(default_factory=list)
    told: float = field(default_factory=time.monotonic)

    def note(self, code: str, lines: NDArray[np.int64], *, severity: int = RANK[Severity.WARNING]) -> None:
        """Count rows that were taken in though a check struck them; `severity` as in vee.RANK, the gravest is kept.

        Nothing is noted where the check is off.
        """
        if not severity:
            return
        first = int(lines.min())
        noted = self.warnings.setdefault(code, {"rows": 0, "first": first, "severity": severity})
        noted["rows"] += len(lines)
        noted["first"] = min(noted["first"], first)
        noted["severity"] = max(noted["severity"], severity)

    def refuse(self, bad: BadRow) -> None:
        """Count a row as read and refused, and keep it."""
        self.read += 1
        self.refused += 1
        self.held.append(bad)
        if len(self.held) >= REFUSED_AT_ONCE:
            self.write_refused()

    def write_refused(self) -> None:
        """Write the refused rows held so far."""
        if not self.held:
            return
        statement = "COPY metering_refusedrow (file_id, line, field, code, params, raw) FROM STDIN"
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in self.held:
                copy.write_row((self.file.pk, row.line, row.field, row.code, json.dumps(plain(row.params)), row.raw))
        self.held = []

    def tell(self) -> None:
        """Tell whoever looks at the file how far it is, at most once a second."""
        if time.monotonic() - self.told > 1:
            tell_progress(self.file.pk, self.read)
            self.told = time.monotonic()


def plain(params: Any) -> dict[str, Any]:
    """Parameters as JSON can keep them."""
    return {key: value if isinstance(value, int | str) else str(value) for key, value in dict(params).items()}


def progress(file: UsageFile) -> int | None:
    """Rows of a waiting file read so far by the worker that has it in hand; None when nobody says."""
    try:
        return cache.get(f"usage-file-{file.pk}")
    except Exception:  # the cache is a comfort; its absence is no error
        return None


def tell_progress(file_id: int, rows: int | None) -> None:
    """Say how many rows of a file have been read; None when nobody reads it any more."""
    try:
        if rows is None:
            cache.delete(f"usage-file-{file_id}")
        else:
            cache.set(f"usage-file-{file_id}", rows, timeout=600)
    except Exception:  # the cache is a comfort; its absence is no error
        log.debug("progress of usage file %s not told", file_id)
