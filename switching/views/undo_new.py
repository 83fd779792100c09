"""Pages on which an undoing is asked for from its relay."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs
from portal.models import User
from portal.templatetags.words import company_name, point_number
from portal.workdays import jst_date
from switching import cooling_off, frauds, reversals
from switching.forms_undoing import CoolingOffForm, DenialForm, ReversalForm
from switching.models import Relay, UndoCase
from switching.sentences import sentence
from switching.undo_states import UndoKind
from switching.views import undo_turns
from switching.views.undo_acts import Act, bound, perform


def _about_relay(relay: Relay) -> dict[str, Any]:
    address = reverse("switching:relay", args=[relay.number])
    return {
        "facts": [
            (_("Relay"), relay.number),
            (_("Supply point"), point_number(relay.point.number)),
            (_("Gaining retailer"), company_name(relay.gaining_retailer)),
            (_("Losing retailer"), company_name(relay.losing_retailer)),
        ],
        "trail": [(_("Cancellation relays"), reverse("switching:relays")), (relay.number, address)],
        "back_url": address,
        "supply_class": relay.point.supply_class,
    }


def _own_relay(user: User, number: str, *, side: str = "") -> Relay:
    relay = get_object_or_404(
        Relay.objects.visible_to(user).select_related("point", "gaining_retailer", "losing_retailer"), number=number
    )
    if side and getattr(relay, f"{side}_id") != user.company_id:
        raise Http404
    return relay


@needs(Ability.UNDO)
def cooling_off_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """The customer cools off: the page opens the phase the switch stands in and says what will happen."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number, side="gaining_retailer"), clock.now()
    try:
        phase = cooling_off.phase_of(relay)
    except cooling_off.NothingToUndo as refusal:
        messages.error(request, sentence(refusal))
        return redirect("switching:relay", relay.number)
    sketch = UndoCase(phase=phase, effective_on=cooling_off.first_day_back(jst_date(now)))
    about = _about_relay(relay)
    about["facts"] = [*about["facts"], (_("The switch stands"), phase.label)]
    open_case = partial(cooling_off.open_case, relay_id=relay.pk, by=user, now=now)
    act = Act(
        title=_("Customer cools off"),
        button=_("Pass the cooling-off on"),
        notes=undo_turns.phase_notes(phase, sketch),
        do=open_case,
        check=partial(open_case, dry_run=True),
        done=_("The cooling-off is case %(number)s."),
        is_danger=True,
        **about,
    )
    return perform(request, act, bound(request, CoolingOffForm))


@needs(Ability.UNDO)
def reversal_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """Either retailer asks that an erroneous switch be reversed."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number), clock.now()
    act = Act(
        title=_("Ask for the reversal of an erroneous switch"),
        button=_("Ask for the reversal"),
        notes=undo_turns.what_it_means(UndoCase(kind=UndoKind.REVERSAL)),
        do=partial(reversals.ask, relay_id=relay.pk, by=user, now=now),
        done=_("The reversal is case %(number)s. The other retailer is asked."),
        **_about_relay(relay),
    )
    return perform(request, act, bound(request, ReversalForm))


@needs(Ability.UNDO)
def denial_new(request: HttpRequest, number: str) -> HttpResponseBase:
    """The former retailer reports that the customer denies a switch that was carried out."""
    user: User = request.user  # type: ignore[assignment]
    relay, now = _own_relay(user, number, side="losing_retailer"), clock.now()
    act = Act(
        title=_("The customer denies the switch"),
        button=_("Report the denial"),
        notes=undo_turns.what_it_means(UndoCase(kind=UndoKind.FRAUD)),
        do=partial(frauds.report, relay_id=relay.pk, by=user, now=now),
        done=_("The denial is case %(number)s. The other retailer is asked for its evidence."),
        **_about_relay(relay),
    )
    return perform(request, act, bound(request, DenialForm))
