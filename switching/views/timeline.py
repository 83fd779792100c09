"""What happened in a case and around it, in one order: moves, answers, corrections, work, messages, notices.

Told as one company may know it: a colleague by name, others by company, the hub's workers as the hub; on an
application a company that is neither its retailer nor its network operator is not named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal import clock, notices
from portal.models import Notice, User
from portal.templatetags.words import company_name, jst
from switching.codes import AnswerCode
from switching.models import (
    ActualDay,
    Application,
    Cancellation,
    MeterWork,
    NetworkAnswer,
    Relay,
    RelayMessage,
    Revision,
    Step,
    UndoCase,
)
from switching.templatetags.cases import code_words

Case = Relay | Application | UndoCase
Facts = list[tuple[str, Any]]


@dataclass(frozen=True)
class Event:
    """One line: when, what in words, who, and of which case. `is_notice`: told to the company, not done by anybody."""

    at: datetime
    words: str
    who: str
    number: str
    is_notice: bool = False


def of(cases: Sequence[Case], *, reader: User) -> list[Event]:
    """Everything that happened in these cases, the oldest first, in a fixed number of queries.

    `cases` are those the reader may open, each with its point loaded.
    """
    relays = {case.pk: case for case in cases if isinstance(case, Relay)}
    applications = {case.pk: case for case in cases if isinstance(case, Application)}
    undoings = {case.pk: case for case in cases if isinstance(case, UndoCase)}
    events = [
        *_steps(relays, applications, undoings, reader),
        *_answers(applications, reader),
        *_revisions(applications, reader),
        *_cancellations(applications, reader),
        *_work(applications, reader),
        *_actual_days(applications, reader),
        *_messages(relays, reader),
        *_notices(cases, reader),
    ]
    return sorted(events, key=lambda event: (event.at, event.is_notice))


def on_paper(
    request: HttpRequest,
    case: Relay | Application,
    *,
    title: str,
    badge: str,
    facts: Facts,
    sections: list[tuple[str, Facts]],
    events: list[Event],
    reasons: Sequence[str] = (),
) -> HttpResponse:
    """The case as a sheet of A4: what the page says, without its menu and buttons, with who printed it and when."""
    return render(
        request,
        "switching/case_print.html",
        {
            "title": title,
            "supply_class": case.point.supply_class,
            "badge": badge,
            "facts": facts,
            "sections": sections,
            "reasons": reasons,
            "events": events,
            "number": case.number,
            "now": clock.now(),
            "back_url": request.path,
        },
    )


def _who(by: User | None, case: Case, reader: User) -> str:
    if by is None:
        return _("the hub")
    if by.company_id == reader.company_id:
        return by.name
    if not isinstance(case, Application) or by.company_id in (case.retailer_id, case.point.network_operator_id):
        return company_name(by.company)
    return _("the other retailer")


def _steps(
    relays: dict[int, Relay], applications: dict[int, Application], undoings: dict[int, UndoCase], reader: User
) -> Iterator[Event]:
    rows = Step.objects.filter(Q(relay__in=relays) | Q(application__in=applications) | Q(undo_case__in=undoings))
    for step in rows.select_related("by__company").order_by("pk"):
        case: Case
        if step.relay_id:
            case = relays[step.relay_id]
        elif step.application_id:
            case = applications[step.application_id]
        else:
            case = undoings[step.undo_case_id or 0]
        yield Event(step.at, step.move_label, _who(step.by, case, reader), case.number)


def _answers(applications: dict[int, Application], reader: User) -> Iterator[Event]:
    for answer in NetworkAnswer.objects.filter(application__in=applications).select_related("by__company"):
        case = applications[answer.application_id]
        words = _("Network operator's answer: %(verdict)s, %(codes)s") % {
            "verdict": answer.get_verdict_display(),
            "codes": code_words([AnswerCode(code) for code in answer.codes]),
        }
        yield Event(answer.at, " ".join(filter(None, [words, answer.text])), _who(answer.by, case, reader), case.number)


def _revisions(applications: dict[int, Application], reader: User) -> Iterator[Event]:
    """Corrections; that it was registered or cancelled is a move."""
    rows = Revision.objects.filter(application__in=applications, act=Revision.Act.CORRECTED)
    for revision in rows.select_related("by__company"):
        case = applications[revision.application_id]
        words = _("Corrected: revision %(number)s") % {"number": revision.number}
        yield Event(
            revision.at, " ".join(filter(None, [words, revision.reason])), _who(revision.by, case, reader), case.number
        )


def _cancellations(applications: dict[int, Application], reader: User) -> Iterator[Event]:
    rows = Cancellation.objects.filter(application__in=applications)
    for asked in rows.select_related("requested_by__company", "answered_by__company"):
        case = applications[asked.application_id]
        words = _("Asked the network operator to stop it: %(reason)s") % {"reason": asked.reason}
        yield Event(asked.requested_at, words, _who(asked.requested_by, case, reader), case.number)
        if asked.answered_at:
            words = _("Request to stop: %(status)s") % {"status": asked.get_status_display()}
            who = _who(asked.answered_by, case, reader)
            yield Event(asked.answered_at, " ".join(filter(None, [words, asked.answer])), who, case.number)


def _work(applications: dict[int, Application], reader: User) -> Iterator[Event]:
    rows = MeterWork.objects.filter(application__in=applications)
    for work in rows.select_related("planned_by__company", "reported_by__company"):
        case = applications[work.application_id or 0]
        kind = work.get_kind_display()
        planned = _("Work planned for %(day)s: %(kind)s") % {"kind": kind, "day": jst(work.planned_on)}
        yield Event(work.planned_at, planned, _who(work.planned_by, case, reader), case.number)
        if work.reported_at:
            done = _("Work done on %(day)s: %(kind)s") % {"kind": kind, "day": jst(work.done_on)}
            yield Event(work.reported_at, done, _who(work.reported_by, case, reader), case.number)
        if work.cancelled_at:
            yield Event(work.cancelled_at, _("Work called off: %(kind)s") % {"kind": kind}, "", case.number)


def _actual_days(applications: dict[int, Application], reader: User) -> Iterator[Event]:
    for told in ActualDay.objects.filter(application__in=applications).select_related("by__company"):
        case = applications[told.application_id]
        words = _("Actual day %(actual)s instead of %(believed)s: %(why)s") % {
            "actual": jst(told.actual),
            "believed": jst(told.believed),
            "why": told.get_cause_display(),
        }
        yield Event(told.at, words, _who(told.by, case, reader), case.number)


def _messages(relays: dict[int, Relay], reader: User) -> Iterator[Event]:
    for message in RelayMessage.objects.filter(relay__in=relays).select_related("by__company"):
        case = relays[message.relay_id]
        words = " ".join(filter(None, [message.get_topic_display(), message.text]))
        yield Event(message.at, words, _who(message.by, case, reader), case.number)


def _notices(cases: Sequence[Case], reader: User) -> Iterator[Event]:
    """What the reader's company was told, as far as it concerns the reader."""
    rows = Notice.objects.visible_to(reader).filter(subject__in=[case.number for case in cases])
    for told in notices.told(rows.order_by("pk"), language=get_language() or "ja"):
        words = _("Notice %(number)s: %(headline)s") % {"number": told.notice.number, "headline": told.headline}
        yield Event(told.notice.posted_at, words, _("the hub"), told.notice.subject, is_notice=True)
