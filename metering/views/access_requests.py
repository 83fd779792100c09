"""Pages of the requests for a customer's past usage: list, asking, the code, cancelling, the file of the consent."""

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from metering import access_codes, access_corrections, governance, inquiries
from metering.forms_access import AccessRequestForm, CodeForm
from metering.inquiries import Refused
from metering.models import Consent, UsageAccessRequest
from portal import attachments, clock, ledger, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.market import Area, SupplyClass
from portal.templatetags.words import badge, class_mark, jst, point_number
from portal.views.documents import stored
from portal.workdays import jst_date

State = UsageAccessRequest.State
TONES = {State.WAITING: "waiting", State.ISSUED: "done", State.REFUSED: "refused", State.CANCELLED: "stopped"}


class RequestFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=State.choices)
    supply_class = django_filters.ChoiceFilter(
        label=gettext_lazy("Class of supply"),
        field_name="point__supply_class",
        choices=[choice for choice in SupplyClass.choices if choice[0] in access_codes.CLASSES],
    )
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), field_name="point__area", choices=Area.choices)
    only = django_filters.ChoiceFilter(
        label=gettext_lazy("Only"),
        choices=[
            ("valid", gettext_lazy("code valid now")),
            ("unused", gettext_lazy("own requests, code not used yet")),
        ],
        method="only_some",
    )

    class Meta:
        model = UsageAccessRequest
        fields: list[str] = []

    def only_some(self, rows: QuerySet[UsageAccessRequest], name: str, value: str) -> QuerySet[UsageAccessRequest]:
        valid = rows.filter(valid_until__gt=clock.now())
        return valid.filter(registered_by=self.request.user, inquiries__isnull=True) if value == "unused" else valid


COLUMNS = [
    Column(
        "pk",
        gettext_lazy("Request"),
        show=str,
        sort="pk",
        link=lambda request: reverse("metering:access-request", args=[request.pk]),
    ),
    Column("number", gettext_lazy("Supply point"), value="point.number", show=point_number, sort="point__number"),
    Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
    Column("area", gettext_lazy("Area"), value=lambda request: request.point.get_area_display(), sort="point__area"),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda request: request.get_state_display(),
        draw=lambda request: badge(request.get_state_display(), TONES[request.state]),
        sort="state",
    ),
    Column("due_on", gettext_lazy("Code on"), sort="due_on"),
    Column("valid_until", gettext_lazy("Valid until"), sort="valid_until"),
    Column("consent", gettext_lazy("Consent reference"), value="consent.reference", sort="consent__reference"),
    Column("registered_at", gettext_lazy("Asked at"), sort="registered_at"),
    Column("by", gettext_lazy("Person"), value="registered_by.name", sort="registered_by__name"),
]


@needs(Ability.INQUIRE)
def requests(request: HttpRequest) -> HttpResponseBase:
    """The own company's requests, newest first."""
    rows: QuerySet[UsageAccessRequest] = UsageAccessRequest.objects.visible_to(person(request))
    return lists.show(
        request,
        rows.select_related("point", "consent", "registered_by"),
        columns=COLUMNS,
        filterset=RequestFilter,
        title=_("Past usage"),
        empty=_("No request yet. With the customer's consent you can ask for the usage of the last 13 months."),
        template="metering/access_requests.html",
    )


@needs(Ability.INQUIRE)
def ask(request: HttpRequest) -> HttpResponse:
    """Name the point, what the customer said of the contract, and the consent."""
    now, user = clock.now(), person(request)
    form = AccessRequestForm(request.POST or None, request.FILES or None, today=jst_date(now))
    if request.method == "POST" and form.is_valid():
        given: dict[str, Any] = dict(form.cleaned_data)
        consent_given = {name: given.pop(name) for name in form.CONSENT_FIELDS}
        try:
            # A consent recorded a moment ago is not recorded a second time when the rest is corrected.
            consent = Consent.objects.filter(**consent_given, company=user.company, recorded_by=user).first()
            consent = consent or inquiries.record_consent(**consent_given, by=user, now=now)
            made = access_codes.register(**given, consent=consent, by=user, now=now)
        except Refused as refusal:
            form.refuse(refusal)
        except attachments.Refused as refused:
            form.add_error("evidence", str(refused))
        else:
            messages.success(request, _("Asked for. The code comes on %(day)s.") % {"day": jst(made.due_on)})
            return redirect("metering:access-request", made.pk)
    return render(
        request,
        "metering/access_request_new.html",
        {
            "title": _("Ask for past usage"),
            "form": form,
            "action_label": _("Ask for the code"),
            "is_locked": governance.is_locked(user, now=now),
            "left": governance.left_today(user, now=now),
        },
        status=422 if form.errors else 200,
    )


@needs(Ability.INQUIRE)
def request_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One request with its code, for the asking company alone; what the customer said is a read of personal data."""
    user, now = person(request), clock.now()
    found = _own(request, pk)
    subject = access_codes.subject_of(found)
    ledger.record("usage access read", subject, by=user, now=now, purpose=found.consent.purpose)
    is_valid = found.is_valid(now)
    return render(
        request,
        "metering/access_request.html",
        {
            "title": _("Request for past usage"),
            "asked": found,
            "tone": TONES[State(found.state)],
            "is_valid": is_valid,
            "code": access_codes.code_of(found) if is_valid else "",
            "form": CodeForm(initial={"number": found.point.number}) if is_valid else None,
            "is_waiting": found.state == State.WAITING,
            "corrections": [
                (made, access_corrections.differences(made)) for made in found.corrections.select_related("by")
            ],
            "uses": found.inquiries.select_related("by"),
        },
    )


@needs(Ability.INQUIRE)
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a waiting request back."""
    found = _own(request, pk)
    try:
        access_codes.cancel(found, by=person(request), now=clock.now())
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The request is cancelled."))
    return redirect("metering:access-request", pk)


@needs(Ability.INQUIRE)
def evidence(request: HttpRequest, pk: int) -> FileResponse:
    """What proves the consent, as a download; the read is in the ledger."""
    found = _own(request, pk)
    if not found.path:
        raise Http404
    access_codes.note_evidence_read(found, by=person(request), now=clock.now())
    return stored(found)


def _own(request: HttpRequest, pk: int) -> UsageAccessRequest:
    rows = UsageAccessRequest.objects.visible_to(person(request)).select_related("point", "consent", "registered_by")
    return get_object_or_404(rows, pk=pk)
