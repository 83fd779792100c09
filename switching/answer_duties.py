"""The network operator's duty to answer: a clock that begins with the submission, reminders, escalation."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from portal import ledger, workdays
from switching import deadlines, notices, traces
from switching.models import Application, Escalation
from switching.states import ApplicationState


def begin(applications: Collection[Application], *, now: datetime) -> None:
    """Start the clock of those that are now with the network operator (the caller saves them); a corrected one anew."""
    submitted = [application for application in applications if application.state == ApplicationState.SUBMITTED]
    calendars = workdays.of_areas() if submitted else {}
    for application in submitted:
        last = application.matching_deadline or application.desired_date
        due_at = deadlines.answer_due(now, last, calendars[application.point.area])
        application.submitted_at, application.answer_due_at = now, due_at
        application.answer_remind_at = deadlines.next_reminder(now, due_at, now)


def remind_due(*, now: datetime, limit: int = 1000) -> int:
    """Remind network operators of up to `limit` answers at the set shares of their time."""
    with transaction.atomic():
        due = list(
            Application.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state=ApplicationState.SUBMITTED, answer_due_at__gt=now, answer_remind_at__lte=now)
            .select_related("point")
            .order_by("answer_remind_at")[:limit]
        )
        posts = []
        for application in due:
            assert application.submitted_at and application.answer_due_at  # the database holds it
            application.answer_remind_at = deadlines.next_reminder(
                application.submitted_at, application.answer_due_at, now
            )
            posts += notices.about_application(
                application,
                "application_reminder",
                application.point.network_operator_id,
                answer_due_at=application.answer_due_at,
            )
        Application.objects.bulk_update(due, ["answer_remind_at"])
        notices.post_many(posts, now=now)
    return len(due)


def escalate_overdue(*, now: datetime, limit: int = 1000) -> int:
    """Escalate up to `limit` answers that did not come in time; the application stays, and the retailer is told too."""
    missed = Escalation.objects.filter(application=OuterRef("pk"), duty=Escalation.Duty.ANSWER)
    with transaction.atomic():
        overdue = list(
            Application.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(~Exists(missed), state=ApplicationState.SUBMITTED, answer_due_at__lte=now)
            .select_related("point")
            .order_by("answer_due_at")[:limit]
        )
        if not overdue:
            return 0
        hub_ids = notices.hub_ids()
        Escalation.objects.bulk_create(
            Escalation(
                application=application, duty=Escalation.Duty.ANSWER, due_at=application.answer_due_at, opened_at=now
            )
            for application in overdue
            if application.answer_due_at
        )
        posts = []
        for application in overdue:
            told = (application.point.network_operator_id, application.retailer_id)
            posts += notices.about_application(application, "application_unanswered", *told)
            posts += [notices.to_the_hub(application, "application_unanswered", hub_id) for hub_id in hub_ids]
        ledger.record_many(
            [ledger.Entry("application.answer_missed", traces.subject_of(application)) for application in overdue],
            by=None,
            now=now,
        )
        notices.post_many(posts, now=now)
    return len(overdue)
