"""What the simulated partners do in this market: scripts, orders, and the customers to play with."""

import django_filters
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from linkage import cast, scripts, travel
from linkage.models import Script
from linkage.views.common import the_clock
from metering.models import SupplyPeriod, SupplyPoint
from metering.points import digits_of
from portal import clock, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import class_mark, point_number
from switching.partners import gaining
from switching.partners.behaviours import GAINING, LAST_DIGITS, LOSING, NETWORK, Partner


class ScriptForm(forms.Form):
    partner = forms.ChoiceField(label=gettext_lazy("Partner"), choices=Partner.choices)
    number = forms.CharField(label=gettext_lazy("Supply point number, or its last digit"), max_length=40)
    behaves_as = forms.ChoiceField(label=gettext_lazy("Behaves as at points ending in"), choices=LAST_DIGITS)

    def clean_number(self) -> str:
        text: str = self.cleaned_data["number"].strip()
        number = digits_of(text)
        if not (number.isascii() and number.isdigit() and len(number) in (1, 22)):
            raise forms.ValidationError(
                _("A supply point number has 22 digits; for all points that end alike, give one.")
            )
        return number


class OrderForm(forms.Form):
    number = forms.CharField(label=gettext_lazy("Supply point number of one of your customers"), max_length=40)


@require_http_methods(["GET", "POST"])
@needs(Ability.ENTER)
def partners(request: HttpRequest) -> HttpResponseBase:
    """Every behaviour in words, the scripts set, and forms for one more and for a relay at once."""
    the_clock()
    user = person(request)
    form = ScriptForm(request.POST or None)
    if request.method == "POST":
        if not user.may(Ability.MANAGE_PEOPLE):
            raise Http404
        if form.is_valid():
            scripts.write(**form.cleaned_data, by=user, now=clock.now())
            messages.success(request, _("The partner knows."))
            return redirect("linkage:partners")
    context = {
        "title": _("Simulated partners"),
        "form": form,
        "order": OrderForm(),
        "scripts": Script.objects.all(),
        "may_change": user.may(Ability.MANAGE_PEOPLE),
        "rows": [(digit, LOSING[digit], GAINING[digit], NETWORK[digit]) for digit in map(str, range(10))],
    }
    return render(request, "linkage/partners.html", context)


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def forgotten(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a script away."""
    the_clock()
    if not scripts.forget(pk, by=person(request), now=clock.now()):
        raise Http404
    return redirect("linkage:partners")


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def ordered(request: HttpRequest) -> HttpResponseBase:
    """Have the gaining retailer send a relay about one of the own customers now."""
    the_clock()
    form = OrderForm(request.POST)
    number = digits_of(form.data.get("number", ""))
    point = SupplyPoint.objects.filter(number=number).first()
    try:
        suitor = cast.clerk(cast.SUITOR)
        if point is None or suitor is None:
            raise gaining.NotSent
        behaviour = travel.scripts().gaining(point.number)
        relay = gaining.send(point, behaviour, clerk=suitor, participant=person(request).company, now=clock.now())
    except gaining.NotSent:
        messages.error(request, _("No relay was sent: give the number of a point you supply on which no case is open."))
    else:
        messages.success(request, _("Relay %(number)s was sent to you.") % {"number": relay.number})
    return redirect("linkage:partners")


class CustomerFilter(django_filters.FilterSet):
    number = django_filters.CharFilter(
        label=gettext_lazy("Supply point number"), field_name="point__number", lookup_expr="contains"
    )
    ending = django_filters.ChoiceFilter(
        label=gettext_lazy("Last digit"),
        field_name="point__number",
        lookup_expr="endswith",
        choices=LAST_DIGITS,
    )

    class Meta:
        model = SupplyPeriod
        fields: list[str] = []


CUSTOMERS = [
    Column(
        "number", gettext_lazy("Supply point number"), value="point.number", show=point_number, sort="point__number"
    ),
    Column("supply_class", gettext_lazy("Class"), value="point.supply_class", show=class_mark),
    Column("supplier", gettext_lazy("Supplier"), value=lambda row: row.retailer.name, sort="retailer__name"),
    Column("contract", gettext_lazy("Contract number"), value=lambda row: row.contract.number),
    Column("holder", gettext_lazy("Contract holder"), value=lambda row: row.contract.holder_name),
    Column("kana", gettext_lazy("Contract holder (kana)"), value=lambda row: row.contract.holder_kana),
    Column("address", gettext_lazy("Address"), value=lambda row: row.contract.holder_address),
]


@require_GET
@needs(Ability.ENTER)
def customers(request: HttpRequest) -> HttpResponseBase:
    """The invented customers of the market: what they would tell a retailer on the telephone."""
    the_clock()
    rows = SupplyPeriod.objects.filter(known_until__isnull=True, ending="open").select_related(
        "point", "contract", "retailer"
    )
    return lists.show(
        request,
        rows.order_by("point__number"),
        columns=CUSTOMERS,
        filterset=CustomerFilter,
        title=_("Invented customers"),
        empty=_("Nobody is supplied in this market."),
    )
