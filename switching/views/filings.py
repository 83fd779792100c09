"""The page on which the losing retailer files a switch termination it still owes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock, workdays
from portal.access import Ability, needs, person
from portal.templatetags.words import company_name, jst, point_number
from switching import applications, filings, relays
from switching.models import Relay
from switching.sentences import sentence
from switching.views import turns


@needs(Ability.JUDGE_RELAY)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """What will be filed and by when, and the button that files it."""
    user = person(request)
    relay = get_object_or_404(
        Relay.objects.visible_to(user).select_related("point", "gaining_retailer", "losing_retailer"),
        number=number,
        losing_retailer=user.company,
    )
    back = reverse("switching:relay", args=[relay.number])
    if not relay.owes_termination:
        messages.error(request, sentence(relays.NothingToFile()))
        return redirect(back)
    if request.method == "POST":
        try:
            filings.file_termination(relay_id=relay.pk, by=user, now=clock.now())
        except (relays.NotPossible, applications.NotPossible) as refusal:
            messages.error(request, sentence(refusal))
        else:
            messages.success(
                request, _("The switch termination of relay %(number)s is filed.") % {"number": relay.number}
            )
        return redirect(back)
    calendar = workdays.of_area(relay.point.area)
    turn = turns.of_relay(relay, reader=user.company, own=None, match=None, calendar=calendar)
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("File the switch termination?"),
            "supply_class": relay.point.supply_class,
            "trail": [(_("Cancellation relays"), reverse("switching:relays")), (relay.number, back)],
            "facts": [
                (_("Relay"), relay.number),
                (_("Supply point"), point_number(relay.point.number)),
                (_("Gaining retailer"), company_name(relay.gaining_retailer)),
                (_("Supply ends on"), jst(relay.desired_date)),
                (_("Termination due by"), jst(relay.termination_due_at)),
            ],
            "notes": [turn.why, turn.silence],
            "action_label": _("File the termination"),
            "back_url": back,
            "back_label": _("Back to the relay"),
        },
    )
