"""What the checks on arrival noticed about rows that were taken in, kept as findings; so many per file and reason."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from metering import checks, findings
from metering.checks import CHECKS, Facts, Findings
from metering.findings import Found
from metering.formats.blocks import DayBlock
from metering.models import UsageFile

MOST = 10_000
"""Findings kept per file and reason. The file's own counts are of all rows."""
COUNTED_ONLY = frozenset({"gaps", "late"})
"""Reasons that are counted per file alone: what is missing or late stands on the completeness board and as gaps."""


class ArrivalFindings:
    """The findings of one file while it comes in."""

    def __init__(self, file: UsageFile, *, now: datetime) -> None:
        self.file, self.now = file, now
        self.kept: dict[str, int] = {}

    def keep(self, block: DayBlock, facts: Facts, found: Findings, stored: NDArray[np.intp]) -> None:
        """Keep what was noted about the stored rows of a block, the first ones first."""
        rows = []
        for reason, ranks in found.noted.items():
            check = CHECKS[reason].check
            if not check or reason in COUNTED_ONLY:
                continue
            left = MOST - self.kept.get(reason, 0)
            struck = stored[ranks[stored] > 0][:left].tolist()
            self.kept[reason] = self.kept.get(reason, 0) + len(struck)
            for at in struck:
                numbers = checks.numbers(
                    reason, block.values[at], int(facts.limits[at]), max(1, int(facts.resolution[at]))
                )
                rows.append(
                    Found(
                        check,
                        reason,
                        int(ranks[at]),
                        block.days[at].item(),
                        int(facts.point_ids[at]),
                        block.meters[at],
                        numbers,
                    )
                )
        findings.keep(rows, operator_id=self.file.sender_id, file_id=self.file.pk, now=self.now)
