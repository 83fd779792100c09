"""What of usage files and of the watch over inquiries waits for a person."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from metering import gaps, holds, intake
from metering.models import InquiryAlarm, PublishedFile, UsageAccessRequest
from portal.access import Ability, Role
from portal.inbox import Task
from portal.models import User
from portal.workdays import jst_date


def files_to_correct(user: User, now: datetime) -> Iterator[Task]:
    """A network operator's files with refused rows, or that could not be read."""
    if user.may(Ability.SEND_USAGE):
        yield Task(
            title=_("Usage files with refused rows"),
            link=reverse("metering:usage-files") + "?open=yes",
            due_at=None,
            count=intake.unsettled(user).count(),
            kind="usage.correct",
        )


def files_to_collect(user: User, now: datetime) -> Iterator[Task]:
    """A retailer's published files nobody of the company has collected."""
    if user.may(Ability.COLLECT_USAGE):
        yield Task(
            title=_("Published usage files to collect"),
            link=reverse("metering:published-files") + "?only=open",
            due_at=None,
            count=PublishedFile.objects.visible_to(user).filter(first_collected_at__isnull=True).count(),
            kind="usage.collect",
        )


def alarms_to_explain(user: User, now: datetime) -> Iterator[Task]:
    """Alarms about the person's own inquiries that can still be explained."""
    if user.may(Ability.SEE_ALARMS):
        open_ones = InquiryAlarm.objects.filter(
            user=user, explained_at__isnull=True, lifted_at__isnull=True, explain_by__gt=now
        ).aggregate(count=Count("pk"), first=Min("explain_by"))
        yield Task(
            title=_("Alarms about your inquiries: please explain"),
            link=reverse("metering:alarms"),
            due_at=open_ones["first"],
            count=open_ones["count"],
            kind="inquiries.explain",
        )


def codes_to_use(user: User, now: datetime) -> Iterator[Task]:
    """Access codes of the person's own requests that nobody has used yet, the first to expire first."""
    if user.may(Ability.INQUIRE):
        unused = UsageAccessRequest.objects.visible_to(user).filter(
            registered_by=user, valid_until__gt=now, inquiries__isnull=True
        )
        found = unused.aggregate(count=Count("pk"), first=Min("valid_until"))
        yield Task(
            title=_("Access codes not used yet"),
            link=reverse("metering:access-requests") + "?only=unused",
            due_at=found["first"],
            count=found["count"],
            kind="usage.code",
        )


def locks_to_lift(user: User, now: datetime) -> Iterator[Task]:
    """People whose inquiries are locked, for whoever can lift the lock."""
    if user.may(Ability.SEE_ALARMS) and {Role.ADMINISTRATOR, Role.OPERATOR} & user.roles:
        yield Task(
            title=_("Locked inquiries of people"),
            link=reverse("metering:alarms"),
            due_at=None,
            count=InquiryAlarm.objects.visible_to(user).locking(now).exclude(user=user).count(),
            kind="inquiries.locked",
        )


def gaps_to_follow_up(user: User, now: datetime) -> Iterator[Task]:
    """A network operator's open gaps that nobody has in hand, or that the person is to look at again."""
    if user.may(Ability.HANDLE_GAPS):
        yield Task(
            title=_("Gaps in usage to follow up"),
            link=reverse("metering:gaps") + "?only=todo",
            due_at=None,
            count=gaps.to_follow_up(user, today=jst_date(now)).count(),
            kind="usage.gaps",
        )


def held_up_days(user: User, now: datetime) -> Iterator[Task]:
    """Days whose publication is held up by hand-overs that do not get done, for the hub operator."""
    if user.company.is_hub_operator and user.may(Ability.SEE_COMPLETENESS):
        held = holds.lasting(now).aggregate(count=Count("pk"), first=Min("since"))
        yield Task(
            title=_("Days of usage held up by hand-overs"),
            link=reverse("metering:completeness"),
            due_at=held["first"],
            count=held["count"],
            kind="usage.held",
        )


PROVIDERS = (
    *(gaps_to_follow_up, held_up_days, files_to_correct, files_to_collect),
    *(alarms_to_explain, locks_to_lift, codes_to_use),
)
