"""Evidence on a disclosure or relay: attaching a file, and taking it out again by the own company."""

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import attachments, clock
from portal.access import Ability, needs, person
from portal.templatetags.words import jst, point_number
from portal.views.documents import stored
from portal.workdays import jst_date
from switching import evidence
from switching.forms import EvidenceForm
from switching.models import Disclosure, Evidence, Relay
from switching.sentences import field_of, sentence


@needs(Ability.REGISTER_RELAY)
def of_relay(request: HttpRequest, number: str) -> HttpResponse:
    """Attach evidence to a relay the own company sent."""
    user = person(request)
    relay = get_object_or_404(
        Relay.objects.visible_to(user).select_related("point"), number=number, gaining_retailer=user.company
    )
    return _attached(request, relay, reverse("switching:relay", args=[relay.number]), relay.number)


@needs(Ability.DISCLOSE)
def of_disclosure(request: HttpRequest, pk: int) -> HttpResponse:
    """Attach evidence to an explanation of the own company."""
    found = Disclosure.objects.visible_to(person(request)).select_related("point")
    disclosure = get_object_or_404(found, pk=pk)
    name = f"{_('Explanation of disadvantages')} {jst(disclosure.explained_on)}"
    return _attached(request, disclosure, reverse("switching:disclosure", args=[disclosure.pk]), name)


@needs(Ability.SEE_RELAYS)
def download(request: HttpRequest, pk: int) -> FileResponse:
    """The file, for the own company alone; the read is in the ledger."""
    user = person(request)
    found = Evidence.objects.visible_to(user).select_related("relay", "disclosure__point")
    return stored(evidence.read(get_object_or_404(found, pk=pk), by=user, now=clock.now()))


def _attached(request: HttpRequest, case: Disclosure | Relay, back: str, name: str) -> HttpResponse:
    now = clock.now()
    if request.method == "POST":
        form = EvidenceForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                made = evidence.attach(case=case, **form.cleaned_data, by=person(request), now=now)
            except evidence.NotPossible as refusal:
                form.add_error(field_of(refusal, form), sentence(refusal))
            except attachments.Refused as refused:
                form.add_error("file", str(refused))
            else:
                messages.success(request, _("%(name)s is attached.") % {"name": made.name})
                return redirect(back)
    else:
        form = EvidenceForm(initial={"obtained_on": jst_date(now)})
    return render(
        request,
        "switching/evidence_new.html",
        {
            "title": _("Attach evidence"),
            "supply_class": case.point.supply_class,
            "facts": [(_("Case"), name), (_("Supply point"), point_number(case.point.number))],
            "form": form,
            "name": name,
            "back": back,
        },
        status=422 if form.errors else 200,
    )
