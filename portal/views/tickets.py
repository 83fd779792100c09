"""Questions to the helpdesk, for those who ask and those who answer."""

import django_filters
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import attachments, lists, tickets
from portal.access import Ability, needs, person
from portal.forms_desk import MessageForm, TicketForm
from portal.lists import Column
from portal.models import Ticket, TicketFile
from portal.templatetags.words import badge, company_name
from portal.views.documents import stored

TONES = {Ticket.State.OPEN: "waiting", Ticket.State.ANSWERED: "going", Ticket.State.CLOSED: "done"}


class TicketFilter(django_filters.FilterSet):
    subject = django_filters.CharFilter(label=gettext_lazy("What it is about"), lookup_expr="icontains")
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=Ticket.State.choices)

    class Meta:
        model = Ticket
        fields: list[str] = []


COLUMNS = [
    Column("number", gettext_lazy("Ticket"), sort="pk", link=lambda one: reverse("portal:ticket", args=[one.number])),
    Column("subject", gettext_lazy("What it is about")),
    Column("company", gettext_lazy("Company"), value=lambda one: company_name(one.company), sort="company__name"),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda one: one.get_state_display(),
        draw=lambda one: badge(one.get_state_display(), TONES[one.state]),
        sort="state",
    ),
    Column("opened_at", gettext_lazy("Opened at"), sort="opened_at"),
    Column("moved_at", gettext_lazy("Last message"), sort="moved_at"),
]


@needs(Ability.ENTER)
def desk(request: HttpRequest) -> HttpResponseBase:
    """The own company's tickets; for the helpdesk, everybody's."""
    user = person(request)
    return lists.show(
        request,
        Ticket.objects.visible_to(user).select_related("company"),
        columns=COLUMNS,
        filterset=TicketFilter,
        title=_("Helpdesk"),
        empty=_("No ticket yet. Ask the helpdesk whatever the documents leave open."),
        template="portal/tickets.html",
        context={"may_open": not user.may(Ability.ANSWER_TICKETS)},
        filename="tickets",
    )


@needs(Ability.ENTER)
def new(request: HttpRequest) -> HttpResponse:
    """Open a ticket."""
    form = TicketForm(request.POST, request.FILES) if request.method == "POST" else TicketForm()
    if request.method == "POST" and form.is_valid():
        try:
            ticket = tickets.open_ticket(**form.cleaned_data, by=person(request), now=timezone.now())
        except (tickets.TooManyFiles, attachments.Refused) as refused:
            form.add_error("files", str(refused))
        except tickets.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request, _("The helpdesk has your question. Its number is %(number)s.") % {"number": ticket.number}
            )
            return redirect("portal:ticket", ticket.number)
    context = {"title": _("Ask the helpdesk"), "form": form}
    return render(request, "portal/ticket_new.html", context, status=422 if form.is_bound else 200)


@needs(Ability.ENTER)
def ticket(request: HttpRequest, number: str) -> HttpResponse:
    """One ticket with everything that was said, and the next message."""
    user = person(request)
    found = get_object_or_404(Ticket.objects.visible_to(user).numbered(number).select_related("company"))
    form = MessageForm(request.POST, request.FILES) if request.method == "POST" else MessageForm()
    if request.method == "POST" and form.is_valid():
        try:
            tickets.write(found.pk, **form.cleaned_data, by=user, now=timezone.now())
        except (tickets.TooManyFiles, attachments.Refused) as refused:
            form.add_error("files", str(refused))
        except tickets.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The message is sent."))
            return redirect("portal:ticket", number)
    return render(
        request,
        "portal/ticket.html",
        {
            "title": f"{found.number} {found.subject}",
            "ticket": found,
            "tone": TONES[Ticket.State(found.state)],
            "thread": found.messages.select_related("by__company").prefetch_related("files"),
            "is_closed": found.state == Ticket.State.CLOSED,
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@needs(Ability.ENTER)
def closing(request: HttpRequest, number: str) -> HttpResponse:
    """Close a ticket, after a page that asks."""
    user = person(request)
    found = get_object_or_404(Ticket.objects.visible_to(user).numbered(number).select_related("company"))
    if request.method == "POST":
        try:
            tickets.close(found.pk, by=user, now=timezone.now())
        except tickets.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The ticket is closed."))
        return redirect("portal:ticket", number)
    context = {
        "title": _("Close the ticket"),
        "ticket": found,
        "intro": _("A closed ticket takes no further message."),
        "facts": [(_("Ticket"), found.number), (_("What it is about"), found.subject)],
        "action_label": _("Close"),
        "back_url": reverse("portal:ticket", args=[number]),
        "back_label": _("Cancel"),
    }
    return render(request, "portal/ticket_deed.html", context)


@needs(Ability.ENTER)
def file(request: HttpRequest, number: str, pk: int) -> HttpResponseBase:
    """An attachment, for both sides of its ticket."""
    user = person(request)
    found = get_object_or_404(Ticket.objects.visible_to(user).numbered(number))
    item = get_object_or_404(TicketFile.objects.select_related("message__ticket"), pk=pk, message__ticket=found)
    tickets.collect(item, by=user, now=timezone.now())
    return stored(item)
