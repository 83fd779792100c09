"""A request to stop an application that is frozen: asked by its retailer, decided by the network operator.

Before it is frozen a retailer cancels by itself; from its day on only a new application changes anything (domain
notes, switching §8).
"""

from datetime import datetime

from django.db import transaction

from portal import gates, ledger, outbox
from portal.access import Ability, covers
from portal.models import Function, User
from switching import matching, notices, revisions, traces, undoing
from switching.applications import AlreadyMoved, NotPossible, NotYours
from switching.models import Application, Cancellation, Match, MeterWork, Revision
from switching.states import FROZEN, ApplicationMove, ApplicationState, NotAllowed, next_application_state

Status = Cancellation.Status


class ReasonMissing(NotPossible):
    """A request says why, and so does a refusal."""

    field = "text"


class AskedAlready(NotPossible):
    """A request to stop the application waits for its answer."""


class Answered(NotPossible):
    """The request has been answered."""


class UndoneOtherwise(NotPossible):
    """The application belongs to the undoing of a switch, which is asked for and ended on its own page."""


def ask(*, application_id: int, reason: str, by: User, now: datetime, dry_run: bool = False) -> Cancellation:
    """The retailer asks the network operator to stop its matched or scheduled application.

    Raises NotYours, AlreadyMoved (what is not frozen is cancelled at a stroke, or has ended), UndoneOtherwise,
    AskedAlready, ReasonMissing, gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        application = _locked(application_id)
        if (
            application.retailer_id != by.company_id
            or application.kind == Application.Kind.SWITCH_TERMINATION
            or not _covers(by, Ability.FILE_APPLICATION, application)
        ):
            raise NotYours
        if application.state not in FROZEN:
            raise AlreadyMoved(ApplicationState(application.state))
        if undoing.was_filed_for(application):
            raise UndoneOtherwise
        if open_request(application):
            raise AskedAlready
        request = Cancellation(
            application=application, reason=reason.strip(), requested_at=now, requested_by=by, status=Status.REQUESTED
        )
        if not request.reason:
            raise ReasonMissing
        if dry_run:
            return request
        request.save(force_insert=True)
        ledger.record("application.ask_stop", traces.subject_of(application), by=by, now=now)
        outbox.post_many(
            notices.about_application(application, "application_asked", application.point.network_operator_id),
            now=now,
        )
    return request


def decide(
    *, request_id: int, stops: bool, text: str = "", by: User, now: datetime, dry_run: bool = False
) -> Cancellation:
    """The network operator stops the application, with its counterpart and relay and its planned work, or says why not.

    Raises NotYours, Answered, AlreadyMoved (its day came first; a refusal is still possible), ReasonMissing,
    gates.Closed. With `dry_run` every rule is asked and nothing is written.
    """
    gates.require(Function.APPLICATIONS, now=now, by=by)
    with transaction.atomic():
        asked = Cancellation.objects.select_related("application").get(pk=request_id)
        # The match before its applications, as the hand-over locks them.
        if asked.application.match_id:
            Match.objects.select_for_update().get(pk=asked.application.match_id)
        application = _locked(asked.application_id)
        if application.point.network_operator_id != by.company_id or not _covers(
            by, Ability.ANSWER_APPLICATION, application
        ):
            raise NotYours
        request = Cancellation.objects.select_for_update().get(pk=request_id)
        if request.status != Status.REQUESTED:
            raise Answered
        request.answer, request.answered_at, request.answered_by = text.strip(), now, by
        request.status = Status.DONE if stops else Status.REFUSED
        if stops and application.state not in FROZEN:
            raise AlreadyMoved(ApplicationState(application.state))
        if not stops and not request.answer:
            raise ReasonMissing
        if dry_run:
            return request
        request.save()
        if stops:
            left = _stop(application, request.reason, now=now)
            traces.leave(left, by=by, now=now)
        else:
            ledger.record("application.refuse_stop", traces.subject_of(application), by=by, now=now)
            outbox.post_many(
                notices.about_application(application, "application_kept", application.retailer_id), now=now
            )
    return request


def open_request(application: Application) -> Cancellation | None:
    """The request to stop the application that waits for its answer."""
    return Cancellation.objects.filter(application=application, status=Status.REQUESTED).first()


def _stop(application: Application, reason: str, *, now: datetime) -> list[traces.Trace]:
    if application.match_id:
        try:
            return matching.dissolve(application.match_id, now=now)
        except matching.NotMatched as refusal:
            raise AlreadyMoved(ApplicationState.IN_EFFECT) from refusal
    try:
        state = next_application_state(application.state, ApplicationMove.STOP)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(application.state)) from refusal
    before, application.state = application.state, state
    application.save(update_fields=["state"])
    MeterWork.objects.filter(application=application, done_on__isnull=True, cancelled_at__isnull=True).update(
        cancelled_at=now
    )
    return [
        traces.Trace(
            case=application,
            move=ApplicationMove.STOP,
            from_state=before,
            to_state=state,
            notices=notices.about_application(application, "application_stopped", application.retailer_id),
            revision=Revision(
                number=revisions.next_numbers([application.pk])[application.pk],
                act=revisions.Act.CANCELLED,
                entries=revisions.entries_of(application),
                reason=reason,
            ),
        )
    ]


def _locked(application_id: int) -> Application:
    return (
        Application.objects.select_for_update(of=("self",)).select_related("point", "retailer").get(pk=application_id)
    )


def _covers(by: User, ability: Ability, application: Application) -> bool:
    return covers(by, ability, area=application.point.area, supply_class=application.point.supply_class)
