"""The entrance: in the lobby the company's markets, in a market its clock, what there is to do and how it began."""

from datetime import date, datetime, timedelta

from django import forms
from django.contrib import messages
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from linkage import markets, travel
from linkage.models import Clock, Market
from linkage.views.common import show_access, the_clock
from portal import clock, private_market
from portal.access import Ability, needs, person
from portal.fields import DayField
from portal.models import Company
from portal.workdays import JST


class OpenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the market"), max_length=30)


class BookForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the market"), max_length=30)
    guest = forms.ModelChoiceField(label=gettext_lazy("Other company"), queryset=Company.objects.none())
    first_day = DayField(label=gettext_lazy("First day of the test"))
    last_day = DayField(label=gettext_lazy("Last day of the test"))


class TravelForm(forms.Form):
    """So many days on, or to an hour in Japan."""

    days = forms.IntegerField(
        label=gettext_lazy("Days forward"), min_value=1, max_value=travel.MOST_DAYS, required=False
    )
    to = forms.DateTimeField(
        label=gettext_lazy("or to this hour (JST)"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )

    def target(self, now: datetime) -> datetime:
        to: datetime | None = self.cleaned_data.get("to")
        if to:
            return to if to.tzinfo else to.replace(tzinfo=JST)
        return now + timedelta(days=self.cleaned_data.get("days") or 1)


@require_GET
@needs(Ability.ENTER)
def home(request: HttpRequest) -> HttpResponseBase:
    held = Clock.objects.filter(pk=1).first()
    if held is None:
        return _lobby(request)
    context = {
        "title": _("Private market"),
        "market": private_market.name(),
        "now": clock.now(),
        "clock": held,
        "share": travel.share_done(held),
        "form": TravelForm(initial={"days": 1}),
        "may_change": person(request).may(Ability.MANAGE_PEOPLE),
        "may_register": person(request).may(Ability.MANAGE_API_CLIENTS),
        "most_days": travel.MOST_DAYS,
    }
    return render(request, "linkage/market.html", context)


def _lobby(request: HttpRequest, opening: OpenForm | None = None, booking: BookForm | None = None) -> HttpResponseBase:
    user, now = person(request), timezone.now()
    visible = Market.objects.visible_to(user).select_related("company", "guest")
    booking = booking or BookForm()
    booking.fields["guest"].queryset = _others(user.company_id)  # type: ignore[attr-defined]
    own = [(market, markets.address_of(market), markets.is_today(market, now=now)) for market in visible]
    context = {
        "title": _("Linkage test"),
        "markets": own,
        "may_open": user.may(Ability.MANAGE_PEOPLE) and not user.company.is_hub_operator,
        "has_own": any(market.company_id == user.company_id and market.guest_id is None for market, _a, _t in own),
        "opening": opening or OpenForm(),
        "booking": booking,
    }
    return render(request, "linkage/lobby.html", context, status=422 if opening or booking.is_bound else 200)


def _others(company_id: int) -> QuerySet[Company]:
    return Company.objects.filter(is_active=True, is_hub_operator=False).exclude(pk=company_id).order_by("name")


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def opened(request: HttpRequest) -> HttpResponseBase:
    """Open the own company's private market."""
    user, form = person(request), OpenForm(request.POST)
    if Clock.objects.exists():
        raise Http404
    if not form.is_valid():
        return _lobby(request, opening=form)
    now = timezone.now()
    try:
        market = markets.open_market(form.cleaned_data["name"], company=user.company, by=user, now=now)
    except markets.Refused as refusal:
        form.add_error("name", str(refusal))
        return _lobby(request, opening=form)
    messages.success(request, _("Your private market is open. Sign in there with your user id and password of here."))
    access = markets.give_program(market, by=user, now=now)
    return show_access(request, access, address=markets.address_of(market))


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def booked(request: HttpRequest) -> HttpResponseBase:
    """Book a test with another company."""
    user, form = person(request), BookForm(request.POST)
    if Clock.objects.exists():
        raise Http404
    form.fields["guest"].queryset = _others(user.company_id)  # type: ignore[attr-defined]
    if not form.is_valid():
        return _lobby(request, booking=form)
    asked = form.cleaned_data
    first: date = asked["first_day"]
    try:
        markets.book(
            asked["name"],
            company=user.company,
            guest=asked["guest"],
            first_day=first,
            last_day=asked["last_day"],
            by=user,
            now=timezone.now(),
        )
    except markets.Refused as refusal:
        field = "name" if isinstance(refusal, markets.BadName | markets.NameTaken) else "first_day"
        form.add_error(field, str(refusal))
        return _lobby(request, booking=form)
    messages.success(request, _("The test is booked; both companies find its market here on the days of it."))
    return redirect("linkage:home")


@require_http_methods(["GET", "POST"])
@needs(Ability.MANAGE_PEOPLE)
def reset(request: HttpRequest, name: str) -> HttpResponseBase:
    """Begin anew: a page that asks, then the deed. From the lobby, or from the market itself."""
    user = person(request)
    if private_market.name() and private_market.name() != name:
        raise Http404
    if private_market.name():
        if request.method == "POST":
            with private_market.inside(""):
                market = get_object_or_404(Market.objects.select_related("company", "guest"), name=name)
                markets.reset(market, by=None, now=timezone.now())
            request.session = SessionStore()  # the old one is gone with the market
            return redirect("portal:sign-in")
    else:
        market = get_object_or_404(Market.objects.visible_to(user).select_related("company", "guest"), name=name)
        if request.method == "POST":
            markets.reset(market, by=user, now=timezone.now())
            messages.success(request, _("The market %(name)s began anew.") % {"name": name})
            return redirect("linkage:home")
    return render(request, "linkage/reset.html", {"title": _("Reset the market"), "name": name})


@require_POST
@needs(Ability.MANAGE_PEOPLE)
def travelled(request: HttpRequest) -> HttpResponseBase:
    """Set out to a later hour; a worker goes the way."""
    the_clock()
    form, now = TravelForm(request.POST), clock.now()
    if not form.is_valid():
        messages.error(request, _("Say how many days (1 to %(most)s) or to which hour.") % {"most": travel.MOST_DAYS})
        return redirect("linkage:home")
    try:
        travel.set_out(form.target(now), by=person(request), now=now)
    except travel.NotForward:
        messages.error(request, _("Time goes forward only. To go back, reset the market."))
    except travel.TooFar:
        messages.error(request, _("At most %(most)s days at once.") % {"most": travel.MOST_DAYS})
    except travel.OnItsWay:
        messages.error(request, _("The market is travelling already; please wait until it has arrived."))
    else:
        messages.success(request, _("The market is travelling. What falls due on the way is done on the way."))
    return redirect("linkage:home")
