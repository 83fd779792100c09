"""What waits for the operators: applications for use to review, proposals to confirm."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse
from django.utils.translation import ngettext

from portal.inbox import Task
from portal.models import Proposal, UseApplication, User
from portal.models.onboarding import UseState


def for_operators(user: User, now: datetime) -> Iterator[Task]:
    """Applications in review, and proposals of other operators; one query each."""
    if not user.is_operator:
        return
    count = UseApplication.objects.filter(state=UseState.WAITING).count()
    yield Task(
        ngettext("application for use to review", "applications for use to review", count),
        f"{reverse('admin:portal_useapplication_changelist')}?state__exact={UseState.WAITING}",
        None,
        count,
        "onboarding.review",
    )
    count = Proposal.objects.filter(state=Proposal.State.WAITING).exclude(proposed_by=user).count()
    yield Task(
        ngettext("proposal of another operator to confirm", "proposals of other operators to confirm", count),
        f"{reverse('admin:portal_proposal_changelist')}?state__exact={Proposal.State.WAITING}",
        None,
        count,
        "four_eyes.confirm",
    )
