"""Pages of the cancellation relay: the case for either side, and its withdrawal."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock, workdays
from portal.access import Ability, covers, needs
from portal.models import User
from portal.templatetags.words import company_name, jst, point_number
from switching import (
    applications,
    dry_runs,
    relays,
    sights,
    traces,
)
from switching.models import Application, Relay
from switching.sentences import sentence
from switching.states import RelayState
from switching.views import inquiries, timeline, turns, undo_links
from switching.views.relay_words import in_words, link


@needs(Ability.SEE_RELAYS)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One relay for either side: what it is, whose turn, how it got there, what can be done now."""
    user: User = request.user  # type: ignore[assignment]
    relay = _visible(user, number)
    if sights.note(relay, by=user, now=clock.now()):
        relay = _visible(user, number)
    calendar = workdays.of_area(relay.point.area)
    is_losing = relay.losing_retailer_id == user.company_id
    own = list(
        Application.objects.filter(relay=relay, retailer=user.company).select_related("match", "point").order_by("pk")
    )
    own_open = next((application for application in own if application.is_open), None)
    match = next((application.match for application in own if application.match), None)
    point = relay.point
    may_file = covers(user, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class)
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(point.number)),
        (_("Area"), point.get_area_display()),
        (_("Gaining retailer"), company_name(relay.gaining_retailer)),
        (_("Losing retailer"), company_name(relay.losing_retailer)),
        (_("Desired date"), jst(relay.desired_date)),
        (_("Registered at"), jst(relay.registered_at)),
        (_("Judgement due"), jst(relay.due_at)),
    ]
    if relay.judged_at:
        who = _("by the losing retailer's standing order, after the identity check") if relay.judged_by_policy else ""
        facts.append((_("Judged at"), f"{jst(relay.judged_at)} {who}".strip()))
    if match:
        facts.append((_("Switch date"), jst(match.switch_date)))
    events = timeline.of([relay, *own], reader=user)
    if "print" in request.GET:
        linked: list[tuple[str, Any]] = [
            (a.number, f"{a.get_kind_display()} {turns.application_state(a)}") for a in own
        ]
        return timeline.on_paper(
            request,
            relay,
            title=_("Relay %(number)s") % {"number": relay.number},
            badge=turns.relay_badge(relay),
            facts=facts,
            sections=[
                (_("What your company sent"), [] if is_losing else _sent(relay)),
                (_("Your company's applications"), linked),
            ],
            reasons=in_words(relay),
            events=events,
        )
    return render(
        request,
        "switching/relay.html",
        {
            "title": _("Relay %(number)s") % {"number": relay.number},
            "relay": relay,
            "badge": turns.relay_badge(relay),
            "clock": turns.of_relay(relay, reader=user.company, own=own_open, match=match, calendar=calendar),
            "facts": facts,
            "sent": [] if is_losing else _sent(relay),
            "evidence": relay.evidence.select_related("attached_by"),
            "may_attach": not is_losing and _may(user, Ability.REGISTER_RELAY, relay),
            "reasons": in_words(relay),
            "undoings": undo_links.of_relay(relay, user, now=clock.now()),
            "events": events,
            "number": relay.number,
            "own": [(application, turns.application_badge(application)) for application in own],
            "may_see_applications": user.may(Ability.SEE_APPLICATIONS),
            "is_losing": is_losing,
            "may_judge": is_losing
            and relay.state == RelayState.WAITING
            and not relay.is_overdue(clock.now())
            and _may(user, Ability.JUDGE_RELAY, relay),
            "may_file_termination": is_losing and relay.owes_termination and _may(user, Ability.JUDGE_RELAY, relay),
            "asked": relay.messages.count(),
            "may_ask": is_losing and relay.state == RelayState.WAITING,
            "may_withdraw": not is_losing and relay.is_open and _may(user, Ability.REGISTER_RELAY, relay),
            "wants_start": not is_losing and relay.is_open and not own_open,
            "may_file": may_file,
            "may_register_again": not is_losing
            and relay.state in (RelayState.REJECTED, RelayState.EXPIRED, RelayState.MATCHING_FAILED)
            and _may(user, Ability.REGISTER_RELAY, relay),
            "inquiry": inquiries.of_company(user, Ability.REGISTER_RELAY).filter(point=point).first(),
        },
    )


def _sent(relay: Relay) -> list[tuple[str, Any]]:
    disclosure = relay.disclosure
    return [
        (_("Contract number at the present retailer"), relay.contract_number),
        (_("Contract holder"), relay.holder_name),
        (_("Contract holder in kana"), relay.holder_kana),
        (_("Address"), relay.holder_address),
        (_("Contact person at your company"), relay.contact_person),
        (_("Registered by"), relay.registered_by.name),
        (
            _("Disadvantages explained"),
            f"{jst(disclosure.explained_on)} {disclosure.get_channel_display()}",
        ),
    ]


@needs(Ability.REGISTER_RELAY)
def withdrawal(request: HttpRequest, number: str) -> HttpResponse:
    """The gaining retailer withdraws before the match, after a page that says what ends with it."""
    user: User = request.user  # type: ignore[assignment]
    relay = get_object_or_404(detailed(Relay.objects.visible_to(user)), number=number, gaining_retailer=user.company)
    if not relay.is_open:
        return see_the_case(request, relay, relays.AlreadyMoved(RelayState(relay.state)))
    checked = None
    if only_check := "only_check" in request.POST:
        checked = _withdrawal_checked(relay, by=user, now=clock.now())
    if not only_check and "confirmed" in request.POST:
        try:
            relays.withdraw(relay_id=relay.pk, by=user, now=clock.now())
        except (relays.NotPossible, applications.NotPossible) as refusal:
            return see_the_case(request, relay, refusal)
        messages.success(request, _("Relay %(number)s is withdrawn.") % {"number": relay.number})
        return redirect("switching:relay", relay.number)
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("Withdraw this relay?"),
            "supply_class": relay.point.supply_class,
            "trail": [(_("Cancellation relays"), reverse("switching:relays")), (relay.number, link(relay))],
            "facts": [
                (_("Relay"), relay.number),
                (_("Supply point"), point_number(relay.point.number)),
                (_("Losing retailer"), company_name(relay.losing_retailer)),
                (_("Desired date"), jst(relay.desired_date)),
                (_("State"), turns.relay_badge(relay)),
            ],
            "notes": [
                _("The relay, your switch start and the other retailer's switch termination end together."),
                _("This cannot be undone; for another try a new relay is registered."),
            ],
            "is_danger": True,
            "action_label": _("Withdraw the relay"),
            "may_check": True,
            "checked": checked,
            "back_url": link(relay),
            "back_label": _("Back to the relay"),
        },
    )


def _withdrawal_checked(relay: Relay, *, by: User, now: datetime) -> dry_runs.Outcome:
    refusal: Exception | None = None
    try:
        relays.withdraw(relay_id=relay.pk, by=by, now=now, dry_run=True)
    except (relays.NotPossible, applications.NotPossible) as found:
        refusal = found
    return dry_runs.outcome(refusal, deed="relay.withdraw", subject=traces.subject_of(relay), by=by, now=now)


def detailed(rows: QuerySet[Relay]) -> QuerySet[Relay]:
    """The relays with everything their pages show."""
    return rows.select_related("point", "gaining_retailer", "losing_retailer", "registered_by", "disclosure")


def _visible(user: User, number: str) -> Relay:
    return get_object_or_404(detailed(Relay.objects.visible_to(user)), number=number)


def _may(user: User, ability: Ability, relay: Relay) -> bool:
    return covers(user, ability, area=relay.point.area, supply_class=relay.point.supply_class)


def see_the_case(request: HttpRequest, relay: Relay, refusal: Exception) -> HttpResponseRedirect:
    """The refusal in words on the page that shows how the relay stands."""
    messages.error(request, sentence(refusal))
    return redirect("switching:relay", relay.number)
