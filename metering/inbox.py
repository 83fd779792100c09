"""What of the usage files waits for a person."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from metering import intake
from metering.models import PublishedFile
from portal.access import Ability
from portal.inbox import Task
from portal.models import User


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


PROVIDERS = (files_to_correct, files_to_collect)
