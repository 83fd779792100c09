"""Who read what about a customer's supply point: handed to the retailer that answers for the customer."""

from datetime import datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering import supply
from metering.forms import SupplyPointNumberField
from metering.models import Consent, SupplyPeriod, SupplyPoint
from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.filters import DayFilter
from portal.lists import Column
from portal.market import MarketRole
from portal.models import LedgerEntry, Participation, User
from portal.templatetags.words import company_name
from portal.workdays import JST, jst_date

WHAT = {
    "facility inquiry": gettext_lazy("facility data"),
    "supply point search": gettext_lazy("found by address or meter number"),
    "usage access requested": gettext_lazy("past usage asked for"),
    "usage inquiry": gettext_lazy("past usage"),
    "supply point read": gettext_lazy("supply point, contract and usage"),
    "contract read": gettext_lazy("contract"),
    "supply point as of a day": gettext_lazy("supply and contract as of a day"),
}
SEARCHES = ("supply points by address", "supply points by meter number")
PURPOSES: dict[str, Any] = {
    **dict(Consent.Purpose.choices),
    "network": gettext_lazy("operation of the network"),
    "operation of the hub": gettext_lazy("operation of the hub"),
    "complaint": gettext_lazy("a customer's complaint"),
    "dispute": gettext_lazy("a dispute between companies"),
    "audit": gettext_lazy("an audit"),
}


class AccessFilter(django_filters.FilterSet):
    action = django_filters.ChoiceFilter(label=gettext_lazy("What was read"), choices=list(WHAT.items()))
    read_from = DayFilter(field_name="at", lookup_expr="date__gte", label=gettext_lazy("Read from"))
    read_until = DayFilter(field_name="at", lookup_expr="date__lte", label=gettext_lazy("Read until"))

    class Meta:
        model = LedgerEntry
        fields: list[str] = []


class ChoiceForm(forms.Form):
    number = SupplyPointNumberField()


COLUMNS = [
    Column("at", gettext_lazy("Read at"), sort="at"),
    Column(
        "company",
        gettext_lazy("Company"),
        value=lambda entry: company_name(entry.company) if entry.company else _("the hub"),
        sort="company__name",
    ),
    Column(
        "user", gettext_lazy("Person"), value=lambda entry: entry.user.name if entry.user else "", sort="user__name"
    ),
    Column("what", gettext_lazy("What was read"), value=lambda entry: WHAT[entry.action], sort="action"),
    Column("purpose", gettext_lazy("Purpose"), value=lambda entry: PURPOSES.get(entry.purpose, entry.purpose)),
    Column("consent", gettext_lazy("Consent reference"), value=lambda entry: entry.detail.get("consent", "")),
    Column("entry", gettext_lazy("Ledger entry"), value="pk", show=str, numeric=True, sort="pk"),
]


@needs(Ability.READ_ACCESS_LOG)
def choice(request: HttpRequest) -> HttpResponse:
    """Which supply point: the customer on the telephone has the number in hand; there is no list to leaf through."""
    form = ChoiceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["number"]
        if _own_period(person(request), number, clock.now()):
            return redirect("metering:access-log", number)
        form.add_error("number", ValidationError(_("Your company supplies no point of this number today.")))
    return render(
        request,
        "metering/access_log_choice.html",
        {"title": _("Access log"), "form": form, "action_label": _("Show"), "days": settings.ACCESS_LOG_DELAY_DAYS},
        status=422 if form.errors else 200,
    )


@needs(Ability.READ_ACCESS_LOG)
def access_log(request: HttpRequest, number: str) -> HttpResponseBase:
    """Every read of the point since the own supply of this customer began; looking at it is recorded as well."""
    user, now = person(request), clock.now()
    period = _own_period(user, number, now)
    if period is None:
        raise Http404
    ledger.record("access log read", f"supply point {number}", by=user, now=now, csv=str(lists.wants_csv(request)))
    return lists.show(
        request,
        _reads(number, period, user, now),
        columns=COLUMNS,
        filterset=AccessFilter,
        title=_("Access log"),
        empty=_("Nobody has read this point's data since your company supplies this customer."),
        template="metering/access_log.html",
        context={"point": period.point, "days": settings.ACCESS_LOG_DELAY_DAYS},
        filename=f"access-log-{number}",
    )


def _own_period(user: User, number: str, now: datetime) -> SupplyPeriod | None:
    """The own company's running supply of the point."""
    point = SupplyPoint.objects.filter(number=number).first()
    period = supply.current_period(point, jst_date(now)) if point else None
    return period if period and period.retailer_id == user.company_id else None


def _reads(number: str, period: SupplyPeriod, user: User, now: datetime) -> QuerySet[LedgerEntry]:
    """Reads since the supply and the holder began; those of other retailers only after ACCESS_LOG_DELAY_DAYS.

    Sooner they would tell which customers are about to leave (see decision 6).
    """
    since = datetime.combine(max(period.during.lower, period.contract.holder_since), time(), JST)
    told_until = now - timedelta(days=settings.ACCESS_LOG_DELAY_DAYS)
    retailers = Participation.objects.filter(market_role=MarketRole.RETAILER).values("company")
    return LedgerEntry.objects.filter(
        Q(subject=f"supply point {number}", action__in=[name for name in WHAT if name != "supply point search"])
        | Q(subject__in=SEARCHES, action="supply point search", detail__found__contains=[number]),
        Q(at__lte=told_until) | Q(company__isnull=True) | Q(company=user.company_id) | ~Q(company__in=retailers),
        at__gte=since,
    ).select_related("company", "user")
