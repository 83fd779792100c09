"""Counted anew: a case stands where its last step led, a match has both its sides, evidence is there."""

from collections.abc import Iterator

from portal.recount import missing_files, rows_of

LAST_STEP = """
    SELECT one.id, one.state, step.to_state
    FROM switching_{table} one
    CROSS JOIN LATERAL (
        SELECT to_state FROM switching_step WHERE {table}_id = one.id ORDER BY id DESC LIMIT 1
    ) step
    WHERE step.to_state <> one.state
"""
SIDES = """
    SELECT one.id, count(application.id)
    FROM switching_match one LEFT JOIN switching_application application ON application.match_id = one.id
    WHERE one.dissolved_at IS NULL
    GROUP BY one.id HAVING count(application.id) <> 2
"""


def steps() -> Iterator[str]:
    """Relays and applications are in the state their last step led to."""
    for table in ("relay", "application"):
        for number, state, led_to in rows_of(LAST_STEP.format(table=table)):
            yield f"{table} {number} is in state {state}; its last step led to {led_to}."


def matches() -> Iterator[str]:
    """A match that was not dissolved has a start and a termination."""
    for number, count in rows_of(SIDES):
        yield f"match {number} has {count} applications."


def evidence() -> Iterator[str]:
    """Every file of evidence is there."""
    yield from missing_files("evidence", rows_of("SELECT path, size FROM switching_evidence"))


COUNTS = (steps, matches, evidence)
