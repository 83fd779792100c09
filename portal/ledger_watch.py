"""The walks along the ledger's chain, and what they found last."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from portal import jobs, seals
from portal.seals import Verdict

JOB = "verify the ledger"


class Broken(Exception):
    """The chain does not hold; the verdict says where."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        broken = verdict.broken
        super().__init__(f"seal {broken.seal}, entry {broken.entry}" if broken else "")


@dataclass(frozen=True)
class Held:
    """What the last walk that held left behind, for the next one and for who watches."""

    at: datetime | None = None
    seals: int = 0
    """The chain is known to hold up to this seal."""
    round: int = 0
    """So far has the present round over the older seals come."""
    whole: datetime | None = None
    """When the last round over the whole chain ended."""


def held() -> Held:
    """How far the chain was last found to hold (one query)."""
    run = jobs.noted(JOB, jobs.SUCCESS)
    if not run:
        return Held()
    whole = run.counts.get("whole")
    return Held(
        run.started_at,
        run.counts.get("seals", 0),
        run.counts.get("round", 0),
        datetime.fromisoformat(whole) if whole else None,
    )


def verify(*, now: datetime, expected: tuple[int, str] | None = None) -> Verdict:
    """Seal what waits, walk along the whole chain and write down what came of it. Raises hub_key.Missing."""
    seals.seal_waiting(now=now)
    verdict = seals.verify(expected=expected)
    _note(verdict, Held(now, verdict.seals, 0, now), entries=verdict.entries)
    return verdict


def verify_nightly(*, now: datetime) -> None:
    """Seal what waits, walk on along the older seals, and along all that came since the last walk.

    LEDGER_WALK_ENTRIES of the older entries are walked in a night: a chain that is no longer is walked whole, a longer
    one in a round of several nights. Raises Broken; the next walk begins where this one did. Raises hub_key.Missing.
    """
    seals.seal_waiting(now=now)
    known = held()
    older = seals.verify(after=known.round, most=settings.LEDGER_WALK_ENTRIES)
    newer = older if older.broken else seals.verify(after=max(older.seals, known.seals))
    round_ends = older.seals >= known.seals
    found = Held(now, newer.seals, 0 if round_ends else older.seals, now if round_ends else known.whole)
    _note(newer, found, entries=older.entries + newer.entries)
    if newer.broken:
        raise Broken(newer)


def _note(verdict: Verdict, found: Held, *, entries: int) -> None:
    assert found.at
    jobs.note(
        JOB,
        went_well=verdict.broken is None,
        now=found.at,
        seals=found.seals,
        entries=entries,
        round=found.round,
        whole=found.whole.isoformat() if found.whole else None,
    )
