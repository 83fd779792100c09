"""Pages of a market exit: announcing it, the points still to be moved, calling it off."""

from functools import partial

import django_filters
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering.models import SupplyPoint
from portal import clock, ledger, lists
from portal.access import Ability, needs, within
from portal.filters import YesOrNo
from portal.lists import Column
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User
from portal.templatetags.words import class_mark, point_number
from switching import exits, traces
from switching.forms_undoing import ExitForm, WordsForm
from switching.models import UndoCase
from switching.undo_states import UndoKind
from switching.views.undo_acts import Act, about_case, bound, perform


@needs(Ability.DECIDE_UNDOING)
def new(request: HttpRequest) -> HttpResponseBase:
    """The hub operator announces that a retailer leaves the market."""
    user: User = request.user  # type: ignore[assignment]
    retailers = Company.objects.filter(participations__market_role=MarketRole.RETAILER).distinct()
    listing = reverse("switching:undoing")
    act = Act(
        title=_("A retailer leaves the market"),
        button=_("Announce the market exit"),
        facts=[],
        trail=[(_("Undoing of switches"), listing)],
        back_url=listing,
        notes=[
            _("The retailer gains nothing more: its open relays end, its matched switches after the last day too."),
            _("Relays of other retailers are accepted at once where the customer's data fit."),
            _("What is left after the last day goes to the network operators as last-resort supply."),
        ],
        do=partial(exits.announce, by=user, now=clock.now()),
        done=_("The market exit is case %(number)s; the network operators are told."),
        is_danger=True,
    )
    return perform(request, act, bound(request, ExitForm, retailers=retailers))


@needs(Ability.DECIDE_UNDOING)
def withdrawal(request: HttpRequest, number: str) -> HttpResponseBase:
    """The hub operator calls a market exit off."""
    user: User = request.user  # type: ignore[assignment]
    case = _visible(user, number)
    act = Act(
        title=_("Call this market exit off?"),
        button=_("Call the market exit off"),
        notes=[_("Switches under way go on. The retailer keeps the customers it still has.")],
        do=partial(exits.call_off, case_id=case.pk, by=user, now=clock.now()),
        done=_("Market exit %(number)s is called off."),
        is_danger=True,
        **about_case(case),
    )
    return perform(request, act, bound(request, WordsForm))


class RemainingFilter(django_filters.FilterSet):
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class of supply"), choices=SupplyClass.choices)
    is_under_way = YesOrNo(gettext_lazy("Switch under way"))

    class Meta:
        model = SupplyPoint
        fields: list[str] = []


COLUMNS = [
    Column("number", gettext_lazy("Supply point"), show=point_number, sort="number"),
    Column("supply_class", gettext_lazy("Class of supply"), show=class_mark, sort="supply_class"),
    Column("area", gettext_lazy("Area"), value=lambda point: point.get_area_display(), sort="area"),
    Column("reading_day", gettext_lazy("Reading day group"), numeric=True, sort="reading_day"),
    Column("is_under_way", gettext_lazy("Switch under way"), sort="is_under_way"),
]


@needs(Ability.SEE_UNDOING)
def remaining(request: HttpRequest, number: str) -> HttpResponseBase:
    """The points still to be moved: the leaving retailer's own, or those on the own network. The hub sees numbers."""
    user: User = request.user  # type: ignore[assignment]
    case = _visible(user, number)
    if user.company.is_hub_operator:
        raise Http404
    rows: QuerySet[SupplyPoint] = exits.remaining(case)
    if case.losing_retailer_id != user.company_id:
        rows = rows.filter(network_operator=user.company)
    ability = Ability.UNDO if case.losing_retailer_id == user.company_id else Ability.STOP_SWITCH
    ledger.record(
        "undoing.remaining", traces.subject_of(case), by=user, now=clock.now(), purpose="points still to be moved"
    )
    return lists.show(
        request,
        rows.filter(within(user, ability, area="area", supply_class="supply_class")),
        columns=COLUMNS,
        filterset=RemainingFilter,
        title=_("Points still to be moved"),
        empty=_("Every point has been moved."),
        template="switching/remaining.html",
        context={"case": case},
    )


def _visible(user: User, number: str) -> UndoCase:
    return get_object_or_404(
        UndoCase.objects.visible_to(user)
        .filter(kind=UndoKind.MARKET_EXIT)
        .select_related("losing_retailer", "gaining_retailer", "asked_by", "point", "match"),
        number=number,
    )
