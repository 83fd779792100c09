"""Counting anew what has to fit together, after a restore or whenever somebody doubts: each room brings its counts.

A count is one statement over everything, or a walk over files; it says what does not fit, in a sentence, and changes
nothing. The ledger's chain is walked along apart from this (`manage.py verify_ledger`).
"""

from collections.abc import Callable, Iterable, Iterator

from django.core.files.storage import default_storage
from django.db import connection

Count = Callable[[], Iterable[str]]

_counts: list[Count] = []


def register(*counts: Count) -> None:
    """Add counts; call it in the room's `AppConfig.ready`."""
    _counts.extend(count for count in counts if count not in _counts)


def problems() -> Iterator[str]:
    """Everything that does not fit."""
    for count in _counts:
        yield from count()


def rows_of(statement: str) -> list[tuple]:
    """The rows a statement finds wrong."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def missing_files(what: str, files: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Files the database names, with their size, that are not where files lie or have another one."""
    for name, size in files:
        if not default_storage.exists(name):
            yield f"{what}: {name} is missing."
        elif (found := default_storage.size(name)) != size:
            yield f"{what}: {name} has {found:,} bytes instead of {size:,}."


# --- This room's own ----------------------------------------------------------------------------------------------
NOTICES = """
    SELECT company.id, company.notices_posted, count(notice.id), coalesce(max(notice.number), 0)
    FROM portal_company company LEFT JOIN portal_notice notice ON notice.recipient_id = company.id
    GROUP BY company.id
    HAVING company.notices_posted <> count(notice.id) OR company.notices_posted <> coalesce(max(notice.number), 0)
"""
EVENTS = """
    SELECT company.id, company.events_posted, max(event.number), max(event.number) - min(event.number) + 1, count(*)
    FROM portal_company company JOIN portal_event event ON event.recipient_id = company.id
    GROUP BY company.id
    HAVING company.events_posted <> max(event.number) OR max(event.number) - min(event.number) + 1 <> count(*)
"""


def notices() -> Iterator[str]:
    """Notices are numbered per company without a gap, up to what the company's counter says."""
    for company, posted, count, last in rows_of(NOTICES):
        yield f"company {company}: {posted} notices were numbered, {count} are there, the last is number {last}."


def events() -> Iterator[str]:
    """Events kept are numbered per company without a gap, up to what the company's counter says."""
    for company, posted, last, span, count in rows_of(EVENTS):
        yield f"company {company}: {posted} events were numbered, {count} of the last {span} up to {last} are kept."


def documents() -> Iterator[str]:
    """Every edition of a document and every attachment of the helpdesk is there."""
    yield from missing_files("document", rows_of("SELECT path, size FROM portal_documentversion"))
    yield from missing_files("attachment", rows_of("SELECT path, size FROM portal_ticketfile"))


COUNTS = (notices, events, documents)
