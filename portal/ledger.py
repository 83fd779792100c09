"""The evidence ledger: every decision and every read of somebody's data leaves a row that nobody can change."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.copying import copy_rows
from portal.machines import Machine
from portal.models import LedgerEntry, User


@dataclass(frozen=True)
class Entry:
    """What happened to which subject; `subject` reads like `relay R0000-0000-17` or `supply point 0300…`."""

    action: str
    subject: str
    purpose: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def record(action: str, subject: str, *, by: User | None, now: datetime, purpose: str = "", **detail: Any) -> None:
    """Write one entry; `by` is None for the hub's own workers. Call it inside the transaction of the deed."""
    record_many([Entry(action, subject, purpose, detail)], by=by, now=now)


def record_many(entries: Iterable[Entry], *, by: User | None, now: datetime) -> None:
    """Write many entries of one person (or worker) and moment in one stream."""
    user_id, company_id = (by.pk, by.company_id) if by else (None, None)
    terminal: dict[str, Any] = {"certificate": by.certificate.pk} if isinstance(by, Machine) else {}
    copy_rows(
        LedgerEntry,
        ("at", "user_id", "company_id", "action", "subject", "purpose", "detail"),
        (
            (now, user_id, company_id, entry.action, entry.subject, entry.purpose[:200], {**entry.detail, **terminal})
            for entry in entries
        ),
    )
