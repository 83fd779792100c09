"""What every move of a case leaves behind: Step, revision, ledger row, events and notices, for one or many cases."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metering.models import SupplyPoint
from portal import events, ledger, outbox
from portal.copying import copy_rows
from portal.models import User
from switching import happenings
from switching.models import Application, Relay, Revision, Step, UndoCase
from switching.states import ApplicationMove, ApplicationState, RelayMove, RelayState
from switching.undo_states import UndoMove, UndoState

NAMES: dict[type, str] = {Relay: "relay", Application: "application", UndoCase: "undoing"}
OF_A_RELAY = ("number", "state", "point", "gaining_retailer", "losing_retailer", "desired_date", "due_at")
OF_AN_APPLICATION = ("number", "kind", "state", "point", "retailer", "desired_date")
OF_A_POINT = ("number", "area", "supply_class", "network_operator", "reading_day")
"""What a move and its traces read of a case and its point: all that is fetched where thousands move at once."""
POINT: dict[type, Any] = {model: model._meta.get_field("point") for model in (Relay, Application)}


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
    def noun(self) -> str:
        return NAMES[type(self.case)]

    @property
    def subject(self) -> str:
        return subject_of(self.case)

    @property
    def action(self) -> str:
        return f"{self.noun}.{self.move}"


def subject_of(case: Relay | Application | UndoCase) -> str:
    """How the ledger names a case."""
    return f"{NAMES[type(case)]} {case.number}"


def put_on_their_points(*groups: Collection[Relay] | Collection[Application]) -> None:
    """Give each case its point, one query and one object for all cases on it; the point has OF_A_POINT alone."""
    points = SupplyPoint.objects.only(*OF_A_POINT).in_bulk({case.point_id for cases in groups for case in cases})
    for cases in groups:
        for case in cases:
            POINT[type(case)].set_cached_value(case, points[case.point_id])


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
                action=trace.action,
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
