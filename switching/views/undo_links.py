"""What a relay's page says of undoing its switch: the cases there are, and what can be asked for now."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.access import Ability
from portal.models import User
from portal.workdays import jst_date
from switching import cooling_off, reversals, undoing
from switching.models import Relay, UndoCase


def of_relay(relay: Relay, user: User, *, now: datetime) -> dict[str, Any]:
    """`cases` that the reader may see, and `acts`: words and address of each page that can be opened now."""
    acts: list[tuple[str, str]] = []
    if undoing.may_act(relay.point, Ability.UNDO, user) and not undoing.held([relay.point_id]):
        if relay.gaining_retailer_id == user.company_id and _can(cooling_off.phase_of, relay):
            acts.append((_("Customer cools off"), reverse("switching:cooling-off-new", args=[relay.number])))
        if _can(partial(reversals.check, today=jst_date(now)), relay):
            acts.append((_("Ask for a reversal"), reverse("switching:reversal-new", args=[relay.number])))
            if relay.losing_retailer_id == user.company_id:
                acts.append((_("The customer denies the switch"), reverse("switching:denial-new", args=[relay.number])))
    return {"acts": acts, "cases": UndoCase.objects.visible_to(user).filter(relay=relay)}


def _can(rule: Callable[[Relay], object], relay: Relay) -> bool:
    try:
        rule(relay)
    except undoing.NotPossible:
        return False
    return True
