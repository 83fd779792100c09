"""The thread of a relay: what the two retailers asked and answered, and the next message while it waits."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from portal import clock, workdays
from portal.access import Ability, needs, person
from portal.templatetags.words import company_name
from switching import threads
from switching.forms import MessageForm
from switching.models import Relay
from switching.sentences import field_of, sentence
from switching.states import RelayState
from switching.views import turns


@needs(Ability.SEE_RELAYS)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """Every message of the relay, and a form for the next one while the relay waits for its judgement."""
    user = person(request)
    relay = get_object_or_404(
        Relay.objects.visible_to(user).select_related("point", "gaining_retailer", "losing_retailer"), number=number
    )
    now = clock.now()
    is_losing = relay.losing_retailer_id == user.company_id
    said = list(relay.messages.select_related("company", "by"))
    topics = threads.topics_of(relay, user) if is_losing or said else ()
    form = MessageForm(request.POST if request.method == "POST" else None, topics=topics)
    if request.method == "POST" and form.is_valid():
        try:
            threads.say(relay_id=relay.pk, **form.cleaned_data, by=user, now=now)
        except threads.NotPossible as refusal:
            form.add_error(field_of(refusal, form), sentence(refusal))
        else:
            messages.success(request, _("Your message is with the other retailer. The clock of the relay goes on."))
            return redirect("switching:relay-messages", relay.number)
    may_say = relay.state == RelayState.WAITING and not relay.is_overdue(now) and bool(topics)
    calendar = workdays.of_area(relay.point.area)
    return render(
        request,
        "switching/thread.html",
        {
            "title": _("Questions on relay %(number)s") % {"number": relay.number},
            "relay": relay,
            "badge": turns.relay_badge(relay),
            "is_losing": is_losing,
            "said": [
                (
                    message,
                    f"{company_name(message.company)} {message.by.name}"
                    if message.company_id == user.company_id
                    else company_name(message.company),
                )
                for message in said
            ],
            "form": form if may_say else None,
            "clock": turns.of_relay(relay, reader=user.company, own=None, match=None, calendar=calendar),
        },
        status=422 if form.errors else 200,
    )
