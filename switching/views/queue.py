"""Pages of the queue over the quota: the own company's list, one registration, taking it out while it waits."""

from datetime import datetime
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from portal import clock, ledger, lists
from portal.access import Ability, covers, needs, person
from portal.lists import Column
from portal.models import Registration, User
from portal.templatetags.words import badge, class_mark, company_name, jst, point_number
from switching import registration_queue
from switching.models import QueuedRegistration
from switching.sentences import sentence
from switching.views.filters import ClassOfSupply

State = QueuedRegistration.State
TONES = {
    State.WAITING: "waiting",
    State.REGISTERED: "done",
    State.REFUSED: "refused",
    State.WITHDRAWN: "stopped",
}


def state_badge(queued: QueuedRegistration) -> str:
    """The state as word, shape and colour."""
    state = State(queued.state)
    return badge(state.label, TONES[state])


def why(queued: QueuedRegistration) -> str:
    """Why it was refused, in the reader's language; "" when it was not."""
    return queued.refusal_ja if get_language() == "ja" else queued.refusal_en


def notes(queued: QueuedRegistration, *, now: datetime) -> list[str]:
    """What the clerk is told before a registration goes into the queue."""
    company_id, registration = queued.company_id, Registration(queued.registration)
    place = registration_queue.waiting(registration, company_id) + 1
    return [
        _("Your company's quota of today is used up, so this is not registered at once. It waits in the queue."),
        _("Place in the queue: %(place)s. As the quota stands it is registered by itself on %(day)s.")
        % {"place": f"{place:,}", "day": jst(registration_queue.expected_on(queued, place, now=now))},
        _("Every rule is asked again then. If one no longer holds, your company is told at once and why."),
    ]


def entered(request: HttpRequest, queued: QueuedRegistration, *, now: datetime) -> HttpResponseRedirect:
    """To the page of what was just put into the queue."""
    messages.success(request, _("%(number)s waits in the queue.") % {"number": queued.number})
    return redirect("switching:queued", queued.number)


class QueueFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=State.choices)
    registration = django_filters.ChoiceFilter(label=gettext_lazy("What is registered"), choices=Registration.choices)
    supply_class = ClassOfSupply()

    class Meta:
        model = QueuedRegistration
        fields: list[str] = []


def _link(queued: QueuedRegistration) -> str:
    return reverse("switching:queued", args=[queued.number])


def _became_link(queued: QueuedRegistration) -> str:
    if queued.became_relay:
        return reverse("switching:relay", args=[queued.became_relay.number])
    if queued.became_application:
        return reverse("switching:application", args=[queued.became_application.number])
    return ""


def _columns(places: dict[int, int]) -> list[Column]:
    return [
        Column("number", gettext_lazy("Queue number"), sort="id", link=_link),
        Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
        Column(
            "registration",
            gettext_lazy("What is registered"),
            value=lambda queued: queued.get_registration_display(),
            sort="registration",
        ),
        Column(
            "state",
            gettext_lazy("State"),
            value=lambda queued: queued.get_state_display(),
            draw=state_badge,
            sort="state",
        ),
        Column("place", gettext_lazy("Place"), value=lambda queued: places.get(queued.pk), numeric=True),
        Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
        Column("desired_date", gettext_lazy("Desired date"), sort="desired_date"),
        Column("entered_at", gettext_lazy("Entered at"), sort="id"),
        Column("entered_by", gettext_lazy("Entered by"), value="entered_by.name", csv_only=True),
        Column("ended_at", gettext_lazy("Registered or refused at"), sort="ended_at", csv_only=True),
        Column(
            "became",
            gettext_lazy("Became"),
            value=lambda queued: queued.case.number if queued.case else "",
            link=_became_link,
        ),
        Column("why", gettext_lazy("Why refused"), value=why, csv_only=True),
        Column("contract_number", gettext_lazy("Contract number"), csv_only=True),
        Column("holder_name", gettext_lazy("Contract holder"), csv_only=True),
        Column("holder_kana", gettext_lazy("Contract holder in kana"), csv_only=True),
        Column("holder_address", gettext_lazy("Address"), csv_only=True),
    ]


def _seen(user: User) -> QuerySet[QueuedRegistration]:
    return QueuedRegistration.objects.visible_to(user).select_related(
        "point", "company", "entered_by", "losing_retailer", "relay", "became_relay", "became_application"
    )


@needs(Ability.SEE_QUEUE)
def listing(request: HttpRequest) -> HttpResponseBase:
    """The own company's queue, the newest first; the CSV holds what was entered too, and is in the ledger."""
    user = person(request)
    if request.GET.get("format") == "csv":
        ledger.record("queue.export", "own queue", by=user, now=clock.now(), purpose="CSV of the own company's queue")
    return lists.show(
        request,
        _seen(user),
        columns=_columns(registration_queue.places(user.company_id)),
        filterset=QueueFilter,
        title=_("Queue over the quota"),
        empty=_("Nothing is in the queue. What comes over the day's quota waits here, if the hub operator lets it."),
        filename="queue",
    )


@needs(Ability.SEE_QUEUE)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One registration: where it stands in the queue, what was entered, what became of it."""
    user, now = person(request), clock.now()
    queued = get_object_or_404(_seen(user), number=number)
    ledger.record("queue.read", f"queue {queued.number}", by=user, now=now, purpose="own registration in the queue")
    place = registration_queue.places(queued.company_id).get(queued.pk)
    point = queued.point
    facts: list[tuple[str, Any]] = [
        (_("What is registered"), queued.get_registration_display()),
        (_("Supply point"), point_number(point.number)),
        *([(_("Present retailer"), company_name(queued.losing_retailer))] if queued.losing_retailer else []),
        *([(_("Relay"), queued.relay.number)] if queued.relay else []),
        (_("Desired date"), jst(queued.desired_date)),
        (_("Contract number"), queued.contract_number),
        (_("Contract holder"), queued.holder_name),
        (_("Contract holder in kana"), queued.holder_kana),
        (_("Address"), queued.holder_address),
        (_("Entered by"), f"{queued.entered_by.name} {jst(queued.entered_at)}"),
        *([(_("Registered or refused at"), jst(queued.ended_at))] if queued.ended_at else []),
    ]
    return render(
        request,
        "switching/queued.html",
        {
            "title": _("Queue %(number)s") % {"number": queued.number},
            "supply_class": point.supply_class,
            "queued": queued,
            "badge": state_badge(queued),
            "place": _place(queued, place, now) if place else "",
            "why": why(queued),
            "became": queued.case,
            "became_url": _became_link(queued) if _may_open_case(user, queued) else "",
            "facts": facts,
        },
    )


def _place(queued: QueuedRegistration, place: int, now: datetime) -> str:
    before = ngettext("%(count)s registration is before it.", "%(count)s registrations are before it.", place - 1) % {
        "count": f"{place - 1:,}"
    }
    day = registration_queue.expected_on(queued, place, now=now)
    return _("Place %(place)s: %(before)s As the quota stands its turn comes on %(day)s.") % {
        "place": f"{place:,}",
        "before": before if place > 1 else _("it is the next one."),
        "day": jst(day),
    }


def _may_open_case(user: User, queued: QueuedRegistration) -> bool:
    ability = Ability.SEE_RELAYS if queued.became_relay else Ability.SEE_APPLICATIONS
    return covers(user, ability, area=queued.point.area, supply_class=queued.point.supply_class)


@needs(Ability.SEE_QUEUE)
def withdrawal(request: HttpRequest, number: str) -> HttpResponse:
    """Take a registration out of the queue, after a page that says so."""
    user = person(request)
    queued = get_object_or_404(_seen(user), number=number)
    if not queued.is_waiting:
        return _see(request, queued, registration_queue.AlreadyEnded(State(queued.state)))
    if request.method == "POST" and "confirmed" in request.POST:
        try:
            registration_queue.withdraw(queued_id=queued.pk, by=user, now=clock.now())
        except registration_queue.NotPossible as refusal:
            return _see(request, queued, refusal)
        messages.success(request, _("%(number)s is taken out of the queue.") % {"number": queued.number})
        return redirect("switching:queue")
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("Take this registration out of the queue?"),
            "supply_class": queued.point.supply_class,
            "trail": [(_("Queue over the quota"), reverse("switching:queue")), (queued.number, _link(queued))],
            "facts": [
                (_("Queue number"), queued.number),
                (_("What is registered"), queued.get_registration_display()),
                (_("Supply point"), point_number(queued.point.number)),
                (_("Desired date"), jst(queued.desired_date)),
            ],
            "notes": [_("It loses its place. Nothing was registered, and nobody else was told of it.")],
            "is_danger": True,
            "action_label": _("Take out of the queue"),
            "back_url": _link(queued),
            "back_label": _("Back to the queue entry"),
        },
    )


def _see(request: HttpRequest, queued: QueuedRegistration, refusal: registration_queue.NotPossible) -> HttpResponse:
    messages.error(request, sentence(refusal))
    return redirect("switching:queued", queued.number)
