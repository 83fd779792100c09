"""Applications of every kind: filed, corrected, cancelled, completed; `matching` pairs, `effects` carries out.

filing          filed, kept as drafts, corrected; the way in
checks          every rule that is asked then
ending          cancelled, failed, given way, completed
points, rows    what stands at the point beside it; the application itself, locked, and where a move leads
refusals        what the verbs raise
"""

from switching.applications.ending import (
    cancel,
    complete,
    end_competing_starts,
    end_waiting,
)
from switching.applications.filing import (
    CORRECTABLE,
    Start,
    after_inquiry,
    correct,
    file,
    file_draft,
    file_start,
    file_terminations,
    filed_between,
    relay_by_id,
)
from switching.applications.points import (
    date_window,
    is_taken,
    movements,
    movements_of,
    pending_on,
    supplies_in,
    taken,
)
from switching.applications.refusals import (
    AlreadyMoved,
    AlreadyOurs,
    BackDated,
    DateNotPossible,
    EntryNotPossible,
    FollowsRelay,
    Frozen,
    NoPartInArea,
    NothingChanged,
    NotOffered,
    NotOurs,
    NotPossible,
    NotYours,
    OutOfOwnSequence,
    OutOfSequence,
    PointBusy,
    PointInUse,
    PointNotInUse,
    QuotaSpent,
    RelayDoesNotFit,
    StateDoesNotFit,
)

__all__ = [
    "CORRECTABLE",
    "AlreadyMoved",
    "AlreadyOurs",
    "BackDated",
    "DateNotPossible",
    "EntryNotPossible",
    "FollowsRelay",
    "Frozen",
    "NoPartInArea",
    "NotOffered",
    "NotOurs",
    "NotPossible",
    "NotYours",
    "NothingChanged",
    "OutOfOwnSequence",
    "OutOfSequence",
    "PointBusy",
    "PointInUse",
    "PointNotInUse",
    "QuotaSpent",
    "RelayDoesNotFit",
    "Start",
    "StateDoesNotFit",
    "after_inquiry",
    "cancel",
    "complete",
    "correct",
    "date_window",
    "end_competing_starts",
    "end_waiting",
    "file",
    "file_draft",
    "file_start",
    "file_terminations",
    "filed_between",
    "is_taken",
    "movements",
    "movements_of",
    "pending_on",
    "relay_by_id",
    "supplies_in",
    "taken",
]
