"""The network operator's answer to an application: accepted or rejected, with codes (domain notes, switching §8)."""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import datetime

from django.db import transaction

from portal import ahead, gates
from portal.access import Ability, covers
from portal.models import Function, User
from switching import notices, traces
from switching.applications import AlreadyMoved, NotPossible, NotYours
from switching.codes import ACCEPTANCES, REJECTIONS, AnswerCode
from switching.models import Application, NetworkAnswer
from switching.states import ApplicationMove, ApplicationState, NotAllowed, next_application_state

Verdict = NetworkAnswer.Verdict


class CodesMissing(NotPossible):
    """An answer names at least one code of its verdict, and "other" its words."""


def accept(
    *,
    application_id: int,
    by: User,
    now: datetime,
    codes: Collection[str] = (AnswerCode.AS_FILED,),
    text: str = "",
    dry_run: bool = False,
) -> Application:
    """The network operator takes it: a switch then waits for its counterpart, the others for their day.

    Raises NotYours, AlreadyMoved, CodesMissing, gates.Closed. With `dry_run` nothing is written.
    """
    with nullcontext() if dry_run else transaction.atomic():
        application, answer = _asked(application_id, Verdict.ACCEPT, codes, text, by=by, now=now, dry_run=dry_run)
        before, state = application.state, _next(application, ApplicationMove.ACCEPT)
        if dry_run:
            return application
        answer.save(force_insert=True)
        left = [
            traces.Trace(
                case=application,
                move=ApplicationMove.ACCEPT,
                from_state=before,
                to_state=state,
                notices=notices.about_application(application, "application_accepted", application.retailer_id),
                detail={"codes": answer.codes},
            )
        ]
        application.state = state
        if application.is_switch:
            application.state = _next(application, ApplicationMove.AWAIT)
            left.append(
                traces.Trace(
                    case=application,
                    move=ApplicationMove.AWAIT,
                    from_state=state,
                    to_state=ApplicationState(application.state),
                )
            )
        else:
            application.planned_on = application.desired_date
        application.save(update_fields=["state", "planned_on"])
        traces.leave(left, by=by, now=now)
    return application


def reject(
    *,
    application_id: int,
    codes: Collection[str],
    by: User,
    now: datetime,
    text: str = "",
    dry_run: bool = False,
) -> Application:
    """The network operator refuses a submitted application; it has ended, and a new one may be filed.

    Raises NotYours, AlreadyMoved, CodesMissing, gates.Closed. With `dry_run` nothing is written.
    """
    with nullcontext() if dry_run else transaction.atomic():
        application, answer = _asked(application_id, Verdict.REJECT, codes, text, by=by, now=now, dry_run=dry_run)
        before, state = application.state, _next(application, ApplicationMove.REJECT)
        if dry_run:
            return application
        answer.save(force_insert=True)
        application.state = state
        application.save(update_fields=["state"])
        traces.leave(
            [
                traces.Trace(
                    case=application,
                    move=ApplicationMove.REJECT,
                    from_state=before,
                    to_state=state,
                    notices=notices.about_application(
                        application, "application_rejected", application.retailer_id, codes=answer.codes
                    ),
                    detail={"codes": answer.codes},
                )
            ],
            by=by,
            now=now,
        )
    return application


def _asked(
    application_id: int,
    verdict: Verdict,
    codes: Collection[str],
    text: str,
    *,
    by: User,
    now: datetime,
    dry_run: bool,
) -> tuple[Application, NetworkAnswer]:
    """The application, locked but for a check, and the answer yet to be kept; raises what stands against both."""
    gates.require(Function.APPLICATIONS, now=now, by=by)
    if dry_run:
        application = by_id(application_id)
    else:
        application = (
            Application.objects.select_for_update(of=("self",))
            .select_related("point", "retailer")
            .get(pk=application_id)
        )
    point = application.point
    if point.network_operator_id != by.company_id or not covers(
        by, Ability.ANSWER_APPLICATION, area=point.area, supply_class=point.supply_class
    ):
        raise NotYours
    named = sorted(set(codes))
    fitting = ACCEPTANCES if verdict == Verdict.ACCEPT else REJECTIONS
    text = text.strip()
    if not named or not set(named) <= fitting or (AnswerCode.OTHER in named and not text):
        raise CodesMissing
    return application, NetworkAnswer(application=application, verdict=verdict, codes=named, text=text, at=now, by=by)


@ahead.question
def by_id(application_id: int) -> Application:
    """The application with its point and retailer, as it stands now and not locked."""
    return detailed([application_id])[application_id]


def detailed(application_ids: Collection[int]) -> dict[int, Application]:
    """The same for many applications in one query."""
    return Application.objects.select_related("point", "retailer").in_bulk(list(application_ids))


def _next(application: Application, move: ApplicationMove) -> ApplicationState:
    try:
        return next_application_state(application.state, move)
    except NotAllowed as refusal:
        raise AlreadyMoved(ApplicationState(refusal.state)) from refusal
