"""Pages of the explanation of disadvantages: recording it item by item, and the evidence afterwards."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from metering.models import FacilityInquiry
from portal.access import Ability, needs
from portal.models import User
from portal.templatetags.words import company_name, jst, point_number
from portal.workdays import jst_date
from switching import disclosures
from switching.forms import DisclosureForm
from switching.models import Disclosure, DisclosureVersion
from switching.sentences import field_of, item_sentence, sentence
from switching.views import inquiries
from switching.views.relays import way


@needs(Ability.DISCLOSE)
def new(request: HttpRequest) -> HttpResponseBase:
    """The list in force, each item with its own checkbox; all of them ticked, it is kept and the relay follows."""
    user: User = request.user  # type: ignore[assignment]
    inquiry = inquiries.asked_for(request, Ability.DISCLOSE)
    if inquiry is None:
        return redirect("switching:relay-new")
    now = timezone.now()
    today = jst_date(now)
    version = disclosures.version_on(today)
    if version is None:
        return render(
            request,
            "switching/disclosure_new.html",
            {"title": _("Explain the disadvantages"), "supply_class": inquiry.supply_class, "inquiry": inquiry},
        )
    if request.method != "POST":
        return _page(request, DisclosureForm(version=version, today=today), inquiry, version)
    form = DisclosureForm(request.POST, version=version, today=today)
    if not form.is_valid():
        return _page(request, form, inquiry, version, status=422)
    shown = DisclosureVersion.objects.filter(pk=form.cleaned_data["version"] or 0).first() or version
    try:
        disclosures.record(
            point=inquiry.point,
            version=shown,
            acknowledged=form.acknowledged,
            channel=form.cleaned_data["channel"],
            explained_on=form.cleaned_data["explained_on"],
            by=user,
            now=now,
        )
    except disclosures.OutdatedVersion as refusal:
        renewed = DisclosureForm(version=refusal.current, today=today)
        return _page(request, renewed, inquiry, refusal.current, status=422, refusal=sentence(refusal))
    except disclosures.NotAllAcknowledged as refusal:
        for item in refusal.missing:
            form.add_error(form.name_of(item), item_sentence(item))
        return _page(request, form, inquiry, version, status=422)
    except disclosures.NotPossible as refusal:
        form.add_error(field_of(refusal, form), sentence(refusal))
        return _page(request, form, inquiry, version, status=422)
    messages.success(request, _("The explanation is recorded. Now enter the relay."))
    return redirect(f"{reverse('switching:relay-new')}?inquiry={inquiry.pk}")


def _page(
    request: HttpRequest,
    form: DisclosureForm,
    inquiry: FacilityInquiry,
    version: DisclosureVersion,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponse:
    return render(
        request,
        "switching/disclosure_new.html",
        {
            "title": _("Explain the disadvantages"),
            "supply_class": inquiry.supply_class,
            "form": form,
            "inquiry": inquiry,
            "version": version,
            "boxes": [form[form.name_of(item)] for item in form.items],
            "others": [form["channel"], form["explained_on"]],
            "refusal": refusal,
            "steps": way(1),
        },
        status=status,
    )


@needs(Ability.DISCLOSE)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The evidence: what was explained to the customer of which point, when, how and by whom."""
    user: User = request.user  # type: ignore[assignment]
    disclosure = get_object_or_404(
        Disclosure.objects.visible_to(user).select_related("point", "version", "recorded_by", "company"), pk=pk
    )
    return render(
        request,
        "switching/disclosure.html",
        {
            "title": _("Explanation of disadvantages"),
            "supply_class": disclosure.point.supply_class,
            "facts": [
                (_("Supply point"), point_number(disclosure.point.number)),
                (_("Company"), company_name(disclosure.company)),
                (_("Version of the list"), disclosure.version.version),
                (_("Explained"), disclosure.get_channel_display()),
                (_("Explained on"), jst(disclosure.explained_on)),
                (_("Recorded at"), jst(disclosure.recorded_at)),
                (_("Recorded by"), disclosure.recorded_by.name),
            ],
            "acknowledgements": disclosure.acknowledgements.select_related("item"),
            "relays": disclosure.relays.order_by("pk"),
        },
    )
