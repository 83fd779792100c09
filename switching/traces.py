"""What every move of a case leaves behind: Step, revision, ledger row, events and notices, for one or many cases."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from portal import events, ledger, outbox
from portal.copying import copy_rows
from portal.models import User
from switching import happenings
from switching.models import Application, Relay, Revision, Step, UndoCase
from switching.states import ApplicationMove, ApplicationState, RelayMove, RelayState
from switching.undo_states import UndoMove, UndoState

NAMES: dict[type, str] = {Relay: "relay", Application: "application", UndoCase: "undoing"}


@dataclass(frozen=True)
class Trace:
    """One move of one case, as it is to be remembered and told."""

    case: Relay | Application | UndoCase
    move: RelayMove | ApplicationMove | UndoMove
    from_state: str
    to_state: RelayState | ApplicationState | UndoState
    notices: list[outbox.Post] = field(default_factory=list)
    detail: dict[str, object] = field(default_factory=dict)
    revision: Revision | None = None  # of the application's entries; time and person are the trace's

    @property
    def subject(self) -> str:
        return subject_of(self.case)


def subject_of(case: Relay | Application | UndoCase) -> str:
    """How the ledger names a case."""
    return f"{NAMES[type(case)]} {case.number}"


def leave(traces: Iterable[Trace], *, by: User | None, now: datetime) -> None:
    """Write what these moves leave behind; call it inside the transaction that moved the cases."""
    traces = list(traces)
    copy_rows(
        Step,
        ("relay_id", "application_id", "undo_case_id", "move", "from_state", "to_state", "at", "by_id"),
        (
            (
                trace.case.pk if isinstance(trace.case, Relay) else None,
                trace.case.pk if isinstance(trace.case, Application) else None,
                trace.case.pk if isinstance(trace.case, UndoCase) else None,
                str(trace.move),
                str(trace.from_state),
                str(trace.to_state),
                now,
                by.pk if by else None,
            )
            for trace in traces
        ),
    )
    if revised := [(trace.case.pk, trace.revision) for trace in traces if trace.revision]:
        copy_rows(
            Revision,
            ("application_id", "number", "act", "entries", "reason", "at", "by_id"),
            (
                (pk, made.number, str(made.act), made.entries, made.reason, now, by.pk if by else None)
                for pk, made in revised
            ),
        )
    ledger.record_many(
        [
            ledger.Entry(
                action=f"{trace.subject.split()[0]}.{trace.move}",
                subject=trace.subject,
                detail={"from": trace.from_state, "to": trace.to_state, **trace.detail},
            )
            for trace in traces
        ],
        by=by,
        now=now,
    )
    events.write_many(happenings.of(traces, by=by), now=now)
    outbox.post_many([notice for trace in traces for notice in trace.notices], now=now, are_told=True)
