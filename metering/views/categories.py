"""The other categories of usage: a list each, for the network operator and the retailer that supplied."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from metering import categories
from metering.forms_usage import CategoryFilter
from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import jst, point_number

TITLES: dict[str, str | Promise] = {
    "date": gettext_lazy("Day"),
    "from": pgettext_lazy("moment", "From"),
    "to": pgettext_lazy("moment", "To"),
    "minutes": gettext_lazy("Minutes"),
    "cause": gettext_lazy("Cause"),
    "planned": gettext_lazy("Planned"),
    "days_counted": gettext_lazy("Days counted"),
    "contract": gettext_lazy("Contract"),
    "slot": gettext_lazy("Half-hour"),
    "kwh": "kWh",
    "sorted_kwh": gettext_lazy("kWh after sorting"),
    "month": gettext_lazy("Month"),
    "max_demand_kw": gettext_lazy("Maximum demand (kW)"),
    "max_at": gettext_lazy("Maximum at"),
    "contract_kw": gettext_lazy("Contract power (kW)"),
    "from_month": gettext_lazy("From month"),
}
NUMERIC = {"minutes", "days_counted", "slot", "kwh", "sorted_kwh", "max_demand_kw", "contract_kw"}
SHOWN: dict[str, Callable[[str], Any]] = {  # on the page; files hold what the format says
    "date": lambda day: jst(date.fromisoformat(day)),
    "planned": lambda flag: _("yes") if flag == "1" else _("no"),
}
SORTS = {"date": "on", "month": "on", "minutes": "minutes", "slot": "slot", "contract": "contract"}


def _columns(category: categories.Category) -> list[Column]:
    def cell(at: int) -> Any:
        return lambda row: category.write(row)[at]

    return [
        Column(
            "supply_point",
            gettext_lazy("Supply point"),
            value=lambda row: row.point.number,
            show=point_number,
            sort="point__number",
        ),
        *(
            Column(
                name,
                TITLES.get(name, name),
                value=cell(at),
                show=SHOWN.get(name),
                numeric=name in NUMERIC,
                sort=SORTS.get(name, ""),
                csv_only=name in categories.PREVIOUS,
            )
            for at, name in enumerate(category.columns)
        ),
    ]


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def category_list(request: HttpRequest, slug: str) -> HttpResponseBase:
    category = categories.OF_SLUG.get(slug)
    if category is None:
        raise Http404
    user = person(request)
    rows = category.model.objects.visible_to(user).newest().select_related("point")
    ledger.record("usage category read", f"usage category {slug}", by=user, now=clock.now())
    return lists.show(
        request,
        rows,
        columns=_columns(category),
        filterset=CategoryFilter,
        title=str(category.title),
        empty=_("Nothing of this category has come for your supply points."),
        template="metering/usage_category.html",
        context={"categories": categories.CATEGORIES, "category": category},
    )
