"""The nightly walk along the ledger's chain, and what it found last."""

from datetime import datetime

from portal import jobs, seals
from portal.seals import Verdict

JOB = "verify the ledger"


class Broken(Exception):
    """The chain does not hold; the verdict says where."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        broken = verdict.broken
        super().__init__(f"seal {broken.seal}, entry {broken.entry}" if broken else "")


def verify(*, now: datetime, expected: tuple[int, str] | None = None) -> Verdict:
    """Seal what waits, walk along the whole chain and write down what came of it. Raises hub_key.Missing."""
    seals.seal_waiting(now=now)
    verdict = seals.verify(expected=expected)
    jobs.note(JOB, went_well=verdict.broken is None, now=now, seals=verdict.seals, entries=verdict.entries)
    return verdict


def verify_nightly(*, now: datetime) -> None:
    """The same for the schedule. Raises Broken."""
    verdict = verify(now=now)
    if verdict.broken:
        raise Broken(verdict)
