"""An application for use as it stands, where it may go, and the trace and the letter that a move leaves."""

from datetime import datetime
from typing import Any

from django.db import transaction

from portal import ledger, letters
from portal.models import UseApplication, User, UseStep
from portal.models.onboarding import UseState
from portal.onboarding.refusals import NotNow

MOVES: dict[str, frozenset[str]] = {
    UseState.DRAFT: frozenset({UseState.WAITING, UseState.WITHDRAWN}),
    UseState.WAITING: frozenset({UseState.ASKED_BACK, UseState.PROPOSED, UseState.REFUSED, UseState.WITHDRAWN}),
    UseState.ASKED_BACK: frozenset({UseState.WAITING, UseState.REFUSED, UseState.WITHDRAWN}),
    UseState.PROPOSED: frozenset({UseState.APPROVED, UseState.WAITING}),
}
"""From which state an application may go where; what does not stand here is final."""
EDITABLE = frozenset({UseState.DRAFT, UseState.ASKED_BACK})


def locked(application: UseApplication) -> UseApplication:
    """The application, locked to the end of the transaction."""
    return UseApplication.objects.select_for_update(of=("self",)).get(pk=application.pk)


def editable(application: UseApplication) -> UseApplication:
    """The same, while it is in the applicant's hands. Raises NotNow."""
    application = locked(application)
    if application.state not in EDITABLE:
        raise NotNow
    return application


def change(application: UseApplication, **values: Any) -> UseApplication:
    """Enter the values while the application is in the applicant's hands. Raises NotNow."""
    with transaction.atomic():
        application = editable(application)
        for name, value in values.items():
            setattr(application, name, value)
        application.save(update_fields=[*values])
    return application


def move(
    application: UseApplication, state: str, *, by: User | None, now: datetime, message: str = "", **detail: Any
) -> None:
    """Let the application go to a state and leave the trace of it. Raises NotNow."""
    if state not in MOVES.get(application.state, frozenset()):
        raise NotNow
    application.state = state
    application.save(update_fields=["state"])
    leave(application, state, by=by, now=now, message=message, **detail)


def leave(
    application: UseApplication, state: str, *, by: User | None, now: datetime, message: str = "", **detail: Any
) -> None:
    """The step that the applicant and the operators see, and the entry in the ledger."""
    UseStep.objects.create(application=application, at=now, state=state, by=by, message=message)
    ledger.record(f"use application {state}", subject_of(application), by=by, now=now, message=message, **detail)


def write(application: UseApplication, kind: str, *, now: datetime, **context: Any) -> None:
    """Tell the applicant by letter, which links to the application."""
    letters.write(
        address=application.address,
        kind=kind,
        now=now,
        application=application.pk,
        name=application.name,
        **context,
    )


def subject_of(application: UseApplication) -> str:
    """What the ledger and proposals call the application."""
    return f"use application {application.pk}"
