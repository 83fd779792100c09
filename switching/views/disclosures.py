"""Pages of the explanation of disadvantages: recording it item by item, and the evidence afterwards."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from metering.models import FacilityInquiry
from portal import clock
from portal.access import Ability, needs
from portal.market import MarketRole
from portal.models import Company, User
from portal.templatetags.words import company_name, jst, point_number
from portal.workdays import jst_date
from switching import disclosures
from switching.forms import DisclosureForm
from switching.models import Disclosure, DisclosureVersion
from switching.sentences import field_of, item_sentence, sentence
from switching.views import inquiries
from switching.views.relay_new import way


@needs(Ability.DISCLOSE)
def new(request: HttpRequest) -> HttpResponseBase:
    """The lists in force for the customer's retailer and menu, each item with its own checkbox; the relay follows."""
    user: User = request.user  # type: ignore[assignment]
    inquiry = inquiries.asked_for(request, Ability.DISCLOSE)
    if inquiry is None:
        return redirect("switching:relay-new")
    now = clock.now()
    today = jst_date(now)
    losing, menu = _chosen(request, inquiry, user)
    lists = disclosures.lists_on(today, losing_retailer_id=losing.pk if losing else None, menu=menu)
    if lists is None:
        return render(
            request,
            "switching/disclosure_new.html",
            {"title": _("Explain the disadvantages"), "supply_class": inquiry.supply_class, "inquiry": inquiry},
        )
    case = _Case(inquiry, user, today, losing, menu)
    if request.method != "POST":
        return _page(request, DisclosureForm(lists=lists, today=today), case, lists)
    form = DisclosureForm(request.POST, lists=lists, today=today)
    if not form.is_valid():
        return _page(request, form, case, lists, status=422)
    shown = DisclosureVersion.objects.filter(pk=form.cleaned_data["version"] or lists.base.pk).first()
    own = DisclosureVersion.objects.filter(pk=form.cleaned_data["own_version"]).first() if lists.own else None
    try:
        disclosures.record(
            point=inquiry.point,
            version=shown or lists.base,
            losing_retailer=losing,
            menu=menu,
            own_version=own,
            acknowledged=form.acknowledged,
            channel=form.cleaned_data["channel"],
            explained_on=form.cleaned_data["explained_on"],
            by=user,
            now=now,
        )
    except disclosures.OutdatedVersion as refusal:
        renewed = DisclosureForm(lists=lists, today=today)
        return _page(request, renewed, case, lists, status=422, refusal=sentence(refusal))
    except disclosures.NotAllAcknowledged as refusal:
        for item in refusal.missing:
            form.add_error(form.name_of(item), item_sentence(item))
        return _page(request, form, case, lists, status=422)
    except disclosures.NotPossible as refusal:
        form.add_error(field_of(refusal, form), sentence(refusal))
        return _page(request, form, case, lists, status=422)
    messages.success(request, _("The explanation is recorded. Now enter the relay."))
    return redirect(f"{reverse('switching:relay-new')}?inquiry={inquiry.pk}")


@dataclass(frozen=True)
class _Case:
    """Whom the explanation is for: the inquiry, and the present retailer and menu where they were chosen."""

    inquiry: FacilityInquiry
    user: User
    today: date
    losing: Company | None
    menu: str

    def choices(self) -> list[tuple[int | str, str, bool]]:
        """Every retailer of the area, by menu where it has published lists: value, words, chosen."""
        retailers = {retailer.pk: retailer for retailer in retailers_of(self.inquiry, self.user)}
        menus: dict[int, list[str]] = {}
        for retailer_id, menu in disclosures.menus_on(self.today, retailers):
            menus.setdefault(retailer_id, []).append(menu)
        chosen = (self.losing.pk if self.losing else 0, self.menu)
        found: list[tuple[int | str, str, bool]] = []
        for retailer in sorted(retailers.values(), key=company_name):
            name = company_name(retailer)
            for menu in dict.fromkeys(["", *menus.get(retailer.pk, [])]):
                words = f"{name}: {menu}" if menu else name
                if not menu and len(menus.get(retailer.pk, [])) > ("" in menus.get(retailer.pk, [])):
                    words = _("%(company)s: another menu, or not known") % {"company": name}
                found.append((f"{retailer.pk}:{menu}", words, chosen == (retailer.pk, menu)))
        return found


def retailers_of(inquiry: FacilityInquiry, user: User) -> QuerySet[Company]:
    """The retailers a customer of the inquiry's area may be with, other than the own company."""
    return (
        Company.objects.filter(
            participations__market_role=MarketRole.RETAILER, participations__area=inquiry.area, is_active=True
        )
        .exclude(pk=user.company_id)
        .distinct()
    )


def _chosen(request: HttpRequest, inquiry: FacilityInquiry, user: User) -> tuple[Company | None, str]:
    """The present retailer and menu of `?of=retailer:menu`; nobody where it is none of the area."""
    key, _colon, menu = request.GET.get("of", "").partition(":")
    retailer = retailers_of(inquiry, user).filter(pk=int(key)).first() if key.isascii() and key.isdigit() else None
    return retailer, menu[:60] if retailer else ""


def _page(
    request: HttpRequest,
    form: DisclosureForm,
    case: _Case,
    lists: disclosures.Lists,
    *,
    status: int = 200,
    refusal: str = "",
) -> HttpResponse:
    return render(
        request,
        "switching/disclosure_new.html",
        {
            "title": _("Explain the disadvantages"),
            "supply_class": case.inquiry.supply_class,
            "form": form,
            "inquiry": case.inquiry,
            "lists": lists,
            "choices": case.choices(),
            "losing": case.losing,
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
    found = Disclosure.objects.visible_to(user).select_related(
        "point", "version", "recorded_by", "company", "losing_retailer", "own_version"
    )
    disclosure = get_object_or_404(found, pk=pk)
    kept, years = disclosures.keep_until(disclosure), settings.EVIDENCE_YEARS
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
                *_own(disclosure),
                (_("Explained"), disclosure.get_channel_display()),
                (_("Explained on"), jst(disclosure.explained_on)),
                (_("Recorded at"), jst(disclosure.recorded_at)),
                (_("Recorded by"), disclosure.recorded_by.name),
                (
                    _("Kept until"),
                    jst(kept) if kept else _("the contract's end and %(years)s years") % {"years": years},
                ),
            ],
            "disclosure": disclosure,
            "evidence": disclosure.evidence.select_related("attached_by"),
            "acknowledgements": disclosure.acknowledgements.select_related("item"),
            "relays": disclosure.relays.order_by("pk"),
        },
    )


def _own(disclosure: Disclosure) -> list[tuple[str, Any]]:
    """What was explained of the present retailer's own list."""
    if not disclosure.losing_retailer:
        return []
    facts: list[tuple[str, Any]] = [(_("Losing retailer"), company_name(disclosure.losing_retailer))]
    if disclosure.menu:
        facts.append((_("Menu"), disclosure.menu))
    if disclosure.own_version:
        facts.append((_("Version of the losing retailer's list"), disclosure.own_version.version))
        facts.append((_("Early-termination charge"), disclosure.own_version.get_charge_display()))
    return facts
