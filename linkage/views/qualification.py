"""The qualification page of a market: cases by role with what proves them; and in the lobby what was handed over."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from linkage import qualification
from linkage.models import Evidence, Qualification
from linkage.views.common import the_clock
from portal import clock, hub_key, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import company_name
from switching.partners.behaviours import Partner


@require_GET
@needs(Ability.ENTER)
def progress(request: HttpRequest) -> HttpResponseBase:
    """Every case of every role: shown by what, or how to bring it about."""
    the_clock()
    roles = []
    for role in (Partner.GAINING, Partner.LOSING, Partner.NETWORK):
        grades = qualification.assess(role)
        shown, whole = qualification.share(grades)
        roles.append({"role": role, "grades": grades, "shown": shown, "whole": whole, "is_complete": shown == whole})
    context = {
        "title": _("Qualification"),
        "roles": roles,
        "may_hand_over": person(request).may(Ability.MANAGE_PEOPLE),
        "public_key": hub_key.public(),
    }
    return render(request, "linkage/qualification.html", context)


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def handed_over(request: HttpRequest, role: str) -> HttpResponseBase:
    """Sign the role's evidence and hand it over; the answer is the signed archive itself."""
    the_clock()
    if role not in Partner.values:
        raise Http404
    try:
        found = qualification.hand_over(role, by=person(request), now=clock.now(), real=timezone.now())
    except qualification.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("linkage:qualification")
    return archive(found)


HANDED_OVER = [
    Column("company", gettext_lazy("Company"), value=lambda row: company_name(row.company), sort="company__name"),
    Column("role", gettext_lazy("Role"), value=lambda row: row.get_role_display(), sort="role"),
    Column("version", gettext_lazy("Version of the API"), sort="version"),
    Column("handed_over_at", gettext_lazy("Handed over at"), sort="handed_over_at"),
    Column("name", gettext_lazy("Signed evidence"), link=lambda row: f"{row.pk}/"),
    Column("sha256", gettext_lazy("SHA-256"), csv_only=True),
]


@require_GET
@needs(Ability.ENTER)
def qualifications(request: HttpRequest) -> HttpResponseBase:
    """What was handed over: the own company's, to the operators everybody's."""
    return lists.show(
        request,
        Qualification.objects.visible_to(person(request)).select_related("company").defer("pack"),
        columns=HANDED_OVER,
        title=_("Qualifications handed over"),
        empty=_("Nothing has been handed over yet. The qualification is shown in the private market."),
    )


@require_GET
@needs(Ability.ENTER)
def evidence(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The signed archive."""
    return archive(get_object_or_404(Qualification.objects.visible_to(person(request)), pk=pk))


def archive(found: Evidence | Qualification) -> HttpResponse:
    answer = HttpResponse(bytes(found.pack), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return answer
