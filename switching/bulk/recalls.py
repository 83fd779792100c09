"""What can be taken back with its file: a case the other side has neither opened nor answered."""

from datetime import datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import User
from portal.refusals import Refusal
from portal.workdays import JST
from switching import applications, relays
from switching.models import Application, Relay, Sight
from switching.states import FREE_TO_CANCEL, ApplicationState, RelayState


class NotRecallable(Refusal):
    """The case stays as it is; `sentence` says why and what can be done instead."""


class Seen(NotRecallable):
    """The other side opened the case at that moment."""

    def __init__(self, at: datetime) -> None:
        self.sentence = format_lazy(
            _("The other company opened the case on {moment}. It can still be withdrawn or cancelled on its own page."),
            moment=f"{at.astimezone(JST):%Y-%m-%d %H:%M}",
        )
        super().__init__(at)


class Moved(NotRecallable):
    """The case no longer waits."""

    def __init__(self, label: str | Promise) -> None:
        self.sentence = format_lazy(_("The case has moved on: it is now “{state}”."), state=label)
        super().__init__(label)


def relay(relay_id: int, *, by: User, now: datetime) -> None:
    """Withdraw a relay nobody at the losing retailer has opened or judged. Raises NotRecallable, relays.NotPossible."""
    with transaction.atomic():
        found = Relay.objects.select_for_update(of=("self",)).get(pk=relay_id)
        if found.state != RelayState.WAITING:
            raise Moved(RelayState(found.state).label)
        if sight := Sight.objects.filter(relay=found, company=found.losing_retailer_id).first():
            raise Seen(sight.at)
        relays.withdraw(relay_id=relay_id, by=by, now=now)


def application(application_id: int, *, by: User, now: datetime) -> None:
    """Cancel an application its network operator has not opened. Raises NotRecallable, applications.NotPossible."""
    with transaction.atomic():
        found = Application.objects.select_for_update(of=("self",)).select_related("point").get(pk=application_id)
        if found.state not in FREE_TO_CANCEL:
            raise Moved(ApplicationState(found.state).label)
        if sight := Sight.objects.filter(application=found, company=found.point.network_operator_id).first():
            raise Seen(sight.at)
        applications.cancel(application_id=application_id, by=by, now=now)
