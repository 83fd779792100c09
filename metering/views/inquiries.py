"""Facility inquiries: choose the class, name the point and the consent, read the answer."""

from datetime import date
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from metering import answers, governance
from metering import inquiries as verbs
from metering.forms import WAYS, CandidateForm, InquiryForm
from metering.inquiries import Candidate, Refused
from metering.models import Consent, FacilityInquiry, SupplyPoint
from portal import clock, lists
from portal.access import Ability, may, needs
from portal.filters import DayFilter
from portal.lists import Column
from portal.market import Area, SupplyClass
from portal.models import User
from portal.templatetags.words import class_mark, point_number
from portal.workdays import jst_date

WAY_WORDS = {
    "number": gettext_lazy("By supply point number"),
    "address": gettext_lazy("By address"),
    "meter": gettext_lazy("By meter number"),
}
CLASS_WORDS = {
    SupplyClass.LV: gettext_lazy("Homes and shops: 100 or 200 V, below 50 kW"),
    SupplyClass.HV: gettext_lazy("Buildings and works: 6,600 V, below 500 kW"),
    SupplyClass.FIT: gettext_lazy("Receiving points of solar and other feed-in, low voltage"),
}


class InquiryFilter(django_filters.FilterSet):
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class of supply"), choices=SupplyClass.choices)
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    asked_from = DayFilter(field_name="at", lookup_expr="date__gte", label=gettext_lazy("Asked from"))
    asked_until = DayFilter(field_name="at", lookup_expr="date__lte", label=gettext_lazy("Asked until"))
    by = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Person"), queryset=lambda request: User.objects.filter(company=request.user.company)
    )

    class Meta:
        model = FacilityInquiry
        fields: list[str] = []


def _told(name: str) -> Any:
    return lambda inquiry: answers.told(inquiry.answer, name)


INQUIRIES = [
    Column(
        "at",
        gettext_lazy("Asked at"),
        sort="at",
        link=lambda inquiry: reverse("metering:inquiry", args=[inquiry.pk]),
    ),
    Column("number", gettext_lazy("Supply point"), value="point.number", show=point_number, sort="point__number"),
    Column("supply_class", gettext_lazy("Class of supply"), show=class_mark, sort="supply_class"),
    Column("area", gettext_lazy("Area"), value=lambda inquiry: inquiry.get_area_display(), sort="area"),
    Column("state", gettext_lazy("Contract state"), value=_told("contract_state")),
    Column("reading", gettext_lazy("Next reading date"), value=_told("next_reading_date")),
    Column("consent", gettext_lazy("Consent reference"), value="consent.reference", sort="consent__reference"),
    Column("purpose", gettext_lazy("Purpose"), value=lambda inquiry: inquiry.consent.get_purpose_display()),
    Column("by", gettext_lazy("Person"), value="by.name", sort="by__name"),
    *(
        Column(name, label, value=_told(name), csv_only=True)
        for _title, names in answers.SECTIONS
        for name in names
        if (label := answers.label_of(name))
        and name not in {"number", "supply_class", "area", "contract_state", "next_reading_date"}
    ),
    Column(
        "meters",
        gettext_lazy("Meters"),
        value=lambda inquiry: " ".join(meter["number"] for meter in inquiry.answer["meters"]),
        csv_only=True,
    ),
    Column("obtained_on", gettext_lazy("Consent obtained on"), value="consent.obtained_on", csv_only=True),
    Column(
        "channel",
        gettext_lazy("How the consent was obtained"),
        value=lambda inquiry: inquiry.consent.get_channel_display(),
        csv_only=True,
    ),
]


@needs(Ability.INQUIRE)
def inquiries(request: HttpRequest) -> HttpResponseBase:
    """The own company's facility inquiries, newest first."""
    rows: QuerySet[FacilityInquiry] = FacilityInquiry.objects.visible_to(request.user)  # type: ignore[arg-type]
    return lists.show(
        request,
        rows.select_related("point", "consent", "by"),
        columns=INQUIRIES,
        filterset=InquiryFilter,
        title=_("Facility inquiries"),
        empty=_("No inquiry yet. Begin with the customer's supply point number or address, and the consent."),
        template="metering/inquiries.html",
    )


@needs(Ability.INQUIRE)
def choose_class(request: HttpRequest) -> HttpResponse:
    """Low voltage, high voltage or feed-in: chosen first, so that they cannot be confused."""
    return render(
        request,
        "metering/inquiry_new.html",
        {
            "title": _("New facility inquiry"),
            "choices": [
                (member.value, reverse("metering:inquiry-ask", args=[member.lower()]), words)
                for member, words in CLASS_WORDS.items()
            ],
        },
    )


@needs(Ability.INQUIRE)
def ask(request: HttpRequest, supply_class: str) -> HttpResponse:
    """Name the point by number, address or meter, and the consent; answered at once, or with candidates."""
    chosen, now, user = _class(supply_class), clock.now(), _person(request)
    way = request.GET.get("by", "number")
    way = way if way in WAYS else "number"
    given: dict[str, Any] = {"supply_class": chosen, "way": way, "today": jst_date(now)}
    if request.method != "POST":
        consent = _own_consent(user, request.GET.get("consent"))
        return _form_page(request, InquiryForm(consent=consent, **given), consent, **given)
    consent = _own_consent(user, request.POST.get("consent"))
    form = InquiryForm(request.POST, consent=consent, **given)
    if not form.is_valid():
        return _form_page(request, form, consent, **given)
    try:
        if consent is None:
            consent = verbs.record_consent(
                **{name: form.cleaned_data[name] for name in form.CONSENT_FIELDS}, by=user, now=now
            )
        if way == "number":
            inquiry = verbs.inquire(number=form.asked, supply_class=chosen, consent=consent, by=user, now=now)
            return redirect("metering:inquiry", inquiry.pk)
        asked: dict[str, Any] = {"supply_class": chosen, "consent": consent, "by": user, "now": now}
        found = (
            verbs.search_by_address(address=form.asked, **asked)
            if way == "address"
            else verbs.search_by_meter(meter_number=form.asked, **asked)
        )
    except Refused as refusal:
        # A consent recorded a moment ago is not recorded a second time when the point is corrected.
        form = InquiryForm(_with_consent(request.POST, consent), consent=consent, **given)
        form.is_valid()
        form.refuse(refusal)
        return _form_page(request, form, consent, **given)
    return _candidates_page(request, found, chosen, consent, way)


@needs(Ability.INQUIRE)
@require_POST
def ask_candidate(request: HttpRequest, supply_class: str) -> HttpResponse:
    """One of a search's candidates was chosen: the inquiry about it, under the consent of the search."""
    chosen, now, user = _class(supply_class), clock.now(), _person(request)
    form = CandidateForm(request.POST, supply_class=chosen)
    consent = _own_consent(user, request.POST.get("consent"))
    given: dict[str, Any] = {"supply_class": chosen, "way": "number", "today": jst_date(now)}
    again = InquiryForm(_with_consent(request.POST, consent), consent=consent, **given)
    if not form.is_valid() or consent is None:
        return _form_page(request, again, consent, **given)
    try:
        inquiry = verbs.inquire(
            number=form.cleaned_data["number"], supply_class=chosen, consent=consent, by=user, now=now
        )
    except Refused as refusal:
        again.is_valid()
        again.refuse(refusal)
        return _form_page(request, again, consent, **given)
    return redirect("metering:inquiry", inquiry.pk)


@needs(Ability.INQUIRE)
def inquiry(request: HttpRequest, pk: int) -> HttpResponse:
    """The answer as it was given, in sections, fit to print."""
    user = _person(request)
    found = get_object_or_404(
        FacilityInquiry.objects.visible_to(user).select_related("point", "consent", "by", "company"), pk=pk
    )
    is_own = SupplyPoint.objects.visible_to(user).filter(pk=found.point_id).exists()
    relay_url = ""
    if may(user, Ability.REGISTER_RELAY) and not is_own:
        try:
            relay_url = f"{reverse('switching:relay-new')}?inquiry={found.pk}"
        except NoReverseMatch:
            relay_url = ""
    today = jst_date(clock.now())
    return render(
        request,
        "metering/inquiry.html",
        {
            "title": _("Answer to the facility inquiry"),
            "inquiry": found,
            "sections": answers.sections(found.answer),
            "meters": answers.meters(found.answer),
            "pending": answers.pending(found.answer),
            "is_own": is_own,
            "relay_url": relay_url,
            "again_url": _ask_url(found.supply_class, consent=_own_consent(user, str(found.consent_id), today=today)),
        },
    )


def _form_page(
    request: HttpRequest,
    form: InquiryForm,
    consent: Consent | None,
    *,
    supply_class: SupplyClass,
    way: str,
    today: date,
) -> HttpResponse:
    last = None if consent else verbs.last_consent(_person(request), today=today)
    return render(
        request,
        "metering/inquiry_ask.html",
        {
            "title": _("New facility inquiry"),
            "form": form,
            "action": _ask_url(supply_class, way=way),
            "supply_class": supply_class,
            "consent": consent,
            "last_consent": last,
            "last_url": _ask_url(supply_class, way=way, consent=last),
            "new_consent_url": _ask_url(supply_class, way=way),
            "ways": [
                (words, _ask_url(supply_class, way=name, consent=consent), name == way)
                for name, words in WAY_WORDS.items()
            ],
            "is_locked": governance.is_locked(_person(request), now=clock.now()),
            "left": governance.left_today(_person(request), now=clock.now()),
            "action_label": _("Ask") if way == "number" else _("Search"),
        },
        status=422 if form.is_bound else 200,
    )


def _candidates_page(
    request: HttpRequest, found: list[Candidate], supply_class: SupplyClass, consent: Consent, way: str
) -> HttpResponse:
    return render(
        request,
        "metering/inquiry_candidates.html",
        {
            "title": _("Supply points found"),
            "candidates": found,
            "supply_class": supply_class,
            "consent": consent,
            "action": reverse("metering:inquiry-candidate", args=[supply_class.lower()]),
            "back_url": _ask_url(supply_class, way=way, consent=consent),
        },
    )


def _class(text: str) -> SupplyClass:
    try:
        return SupplyClass(text.upper())
    except ValueError:
        raise Http404 from None


def _person(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def _own_consent(user: User, pk: str | None, *, today: date | None = None) -> Consent | None:
    """The own company's consent of that number; with `today` only while it may still be used."""
    if not pk or not pk.isascii() or not pk.isdigit() or len(pk) > 18:
        return None
    consent = Consent.objects.filter(company=user.company, pk=int(pk)).first()
    return consent if consent and (today is None or verbs.is_usable(consent, today=today)) else None


def _ask_url(supply_class: str, *, way: str = "number", consent: Consent | None = None) -> str:
    query = QueryDict(mutable=True)
    if way != "number":
        query["by"] = way
    if consent:
        query["consent"] = str(consent.pk)
    return reverse("metering:inquiry-ask", args=[supply_class.lower()]) + (f"?{query.urlencode()}" if query else "")


def _with_consent(data: QueryDict, consent: Consent | None) -> QueryDict:
    data = data.copy()
    if consent:
        data["consent"] = str(consent.pk)
    return data
