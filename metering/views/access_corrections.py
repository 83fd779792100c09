"""The page on which a waiting request for past usage is corrected; a page in between shows the difference."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from metering import access_codes, access_corrections
from metering.forms_access import AccessCorrectionForm
from metering.inquiries import Refused
from metering.models import UsageAccessRequest
from portal import clock, ledger
from portal.access import Ability, needs, person


@needs(Ability.INQUIRE)
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """The entries as they stand, then the difference, then the correction."""
    user, now = person(request), clock.now()
    rows = UsageAccessRequest.objects.visible_to(user).select_related("point", "consent")
    asked = get_object_or_404(rows, pk=pk)
    if asked.state != access_codes.State.WAITING:
        messages.error(request, str(access_codes.NotWaiting.sentence))
        return redirect("metering:access-request", pk)
    if request.method == "POST":
        form = AccessCorrectionForm(request.POST)
    else:
        ledger.record(
            "usage access read", access_codes.subject_of(asked), by=user, now=now, purpose=asked.consent.purpose
        )
        form = AccessCorrectionForm(initial={name: getattr(asked, name) for name in access_corrections.FIELDS})
    correction = None
    is_confirmed = "confirmed" in request.POST
    if form.is_bound and form.is_valid() and "back" not in request.POST:
        try:
            correction = access_corrections.correct(
                asked, **form.cleaned_data, by=user, now=now, dry_run=not is_confirmed
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            if is_confirmed:
                messages.success(request, _("The request is corrected."))
                return redirect("metering:access-request", pk)
    return render(
        request,
        "metering/access_correction.html",
        {
            "title": _("Correct the request for past usage"),
            "asked": asked,
            "form": form,
            "differences": access_corrections.differences(correction) if correction else [],
        },
        status=422 if form.errors else 200,
    )
