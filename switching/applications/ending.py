"""The end of an application: cancelled, failed, given way to another, or its paperwork completed."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from portal import gates
from portal.access import Ability
from portal.models import Function, User
from switching import notices, revisions, traces, undoing
from switching.applications.refusals import Frozen, NotYours
from switching.applications.rows import covers, following, locked
from switching.models import Application, Relay, Revision
from switching.states import BEFORE_MATCH, FROZEN, ApplicationMove, ApplicationState

Kind = Application.Kind
_S, _M = ApplicationState, ApplicationMove
ENDS_IN = {_M.CANCEL: _S.CANCELLED, _M.FAIL: _S.UNMATCHED, _M.GIVE_WAY: _S.SUPERSEDED}
TOLD_AS = {
    _M.CANCEL: "application_cancelled",
    _M.FAIL: "application_unmatched",
    _M.GIVE_WAY: "application_superseded",
}


def cancel(*, application_id: int, by: User, now: datetime, reason: str = "", dry_run: bool = False) -> Application:
    """Cancel an application by its own retailer before it is matched or its work is scheduled.

    A switch termination follows its relay and is not cancelled alone.

    Raises NotYours, Frozen, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = locked(application_id)
        if (
            application.kind == Kind.SWITCH_TERMINATION
            or application.retailer_id != by.company_id
            or not covers(by, Ability.FILE_APPLICATION, application)
        ):
            raise NotYours
        if application.state in FROZEN or undoing.was_filed_for(application):
            raise Frozen
        if dry_run:
            following(application, ApplicationMove.CANCEL)
            return application
        traces.leave(end_waiting([application], ApplicationMove.CANCEL, reason=reason.strip()), by=by, now=now)
    return application


def end_competing_starts(relay: Relay) -> list[traces.Trace]:
    """The first accepted relay for a point wins: other companies' starts on it end; returns the traces.

    They are told that another switch came first, and never whose.
    Source: domain notes, switching §5.
    """
    competing = list(
        Application.objects.select_for_update(of=("self",))
        .filter(point=relay.point_id, kind=Kind.SWITCH_START, state__in=BEFORE_MATCH)
        .exclude(retailer=relay.gaining_retailer_id)
        .select_related("point")
    )
    return end_waiting(competing, ApplicationMove.GIVE_WAY) if competing else []


def end_waiting(applications: Sequence[Application], move: ApplicationMove, *, reason: str = "") -> list[traces.Trace]:
    """Move applications without a counterpart yet (locked by the caller) to their end by CANCEL, FAIL or GIVE_WAY.

    Returns the traces for the caller to leave with its own, all at once. Raises AlreadyMoved.
    """
    kind = TOLD_AS[move]
    is_cancelled = move == ApplicationMove.CANCEL
    at = revisions.next_numbers([application.pk for application in applications]) if is_cancelled else {}
    moved = []
    for application in applications:
        revision = (
            Revision(
                number=at[application.pk],
                act=revisions.Act.CANCELLED,
                entries=revisions.entries_of(application),
                reason=reason,
            )
            if is_cancelled
            else None
        )
        moved.append(
            traces.Trace(
                case=application,
                move=move,
                from_state=application.state,
                to_state=following(application, move),
                notices=notices.about_application(
                    application,
                    kind,
                    *([] if application.state == _S.DRAFT else _parties(application)),
                ),
                revision=revision,
            )
        )
    for trace in moved:
        trace.case.state = trace.to_state
    Application.objects.filter(pk__in=[a.pk for a in applications]).update(state=ENDS_IN[move])
    return moved


def _parties(application: Application) -> tuple[int, int]:
    return application.retailer_id, application.point.network_operator_id


def complete(*, application_id: int, by: User, now: datetime, dry_run: bool = False) -> Application:
    """The network operator reports the paperwork completed: a fact of its own beside "supply started".

    Raises NotYours, AlreadyMoved, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = locked(application_id)
        if application.point.network_operator_id != by.company_id or not covers(
            by, Ability.COMPLETE_APPLICATION, application
        ):
            raise NotYours
        before, state = application.state, following(application, ApplicationMove.COMPLETE)
        if dry_run:
            return application
        application.state = state
        application.completed_at = now
        application.save(update_fields=["state", "completed_at"])
        traces.leave(
            [
                traces.Trace(
                    case=application,
                    move=ApplicationMove.COMPLETE,
                    from_state=before,
                    to_state=ApplicationState(application.state),
                    notices=notices.about_application(application, "application_completed", application.retailer_id),
                )
            ],
            by=by,
            now=now,
        )
    return application
