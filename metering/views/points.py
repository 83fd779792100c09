"""The own company's supply points: the list, and one point with who supplies it, its contract and its usage."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import django_filters
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering import answers, charts, slots, supply, usage
from metering.charts import HalfHours, Month
from metering.inquiries import answer_about
from metering.models import Consent, Contract, Meter, SupplyPeriod, SupplyPoint
from metering.points import digits_of
from portal import clock, ledger, lists
from portal.access import Ability, needs
from portal.lists import Column
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User
from portal.templatetags.words import badge, class_mark, point_number
from portal.workdays import jst_date

MONTHS, DAYS = 14, 35
SLOT_NAMES = [f"{slot // 2:02d}:{slot % 2 * 30:02d}" for slot in range(48)]
TONES: dict[str, str] = {
    SupplyPoint.ContractState.ENERGISED: "done",
    SupplyPoint.ContractState.IDLE: "stopped",
    SupplyPoint.ContractState.DISCONNECTED: "refused",
    SupplyPoint.ContractState.REMOVED: "stopped",
}


class PointFilter(django_filters.FilterSet):
    number = django_filters.CharFilter(label=gettext_lazy("Number or part of it"), method="by_digits")
    contract = django_filters.CharFilter(label=gettext_lazy("Contract number"), method="by_contract")
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class of supply"), choices=SupplyClass.choices)
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    contract_state = django_filters.ChoiceFilter(
        label=gettext_lazy("Contract state"), choices=SupplyPoint.ContractState.choices
    )

    class Meta:
        model = SupplyPoint
        fields: list[str] = []

    def by_digits(self, rows: QuerySet[SupplyPoint], name: str, value: str) -> QuerySet[SupplyPoint]:
        digits = digits_of(value)
        return rows.filter(number__contains=digits) if digits else rows.none()

    def by_contract(self, rows: QuerySet[SupplyPoint], name: str, value: str) -> QuerySet[SupplyPoint]:
        own = Contract.objects.filter(
            point=OuterRef("pk"), retailer=self.request.user.company, number__istartswith=value.strip()
        )
        return rows.filter(Exists(own))


def _contract_number(point: Any) -> str:
    return point.contract_number or ""


POINTS = [
    Column(
        "number",
        gettext_lazy("Supply point"),
        show=point_number,
        sort="number",
        link=lambda point: reverse("metering:point", args=[point.number]),
    ),
    Column("supply_class", gettext_lazy("Class of supply"), show=class_mark, sort="supply_class"),
    Column("area", gettext_lazy("Area"), value=lambda point: point.get_area_display(), sort="area"),
    Column("contract", gettext_lazy("Contract number"), value=_contract_number, sort="contract_number"),
    Column("since", gettext_lazy("Supplied since"), value="supplied_since", sort="supplied_since"),
    Column(
        "size",
        gettext_lazy("Contract size"),
        value=lambda point: (
            f"{point.contract_size.normalize():f} {point.contract_size_unit}" if point.contract_size else ""
        ),
        numeric=True,
    ),
    Column(
        "state",
        gettext_lazy("Contract state"),
        value=lambda point: point.get_contract_state_display(),
        draw=lambda point: badge(point.get_contract_state_display(), TONES[point.contract_state]),
        sort="contract_state",
    ),
    Column("menu", answers.label_of("menu"), value=lambda point: point.get_menu_display(), csv_only=True),
    Column(
        "capacity_method",
        answers.label_of("capacity_method"),
        value=lambda point: point.get_capacity_method_display(),
        csv_only=True,
    ),
    Column("voltage_v", answers.label_of("voltage_v"), csv_only=True),
    Column("reading_day", answers.label_of("reading_day"), csv_only=True),
    Column("has_generation", answers.label_of("has_generation"), csv_only=True),
    Column("half_hourly_collectable", answers.label_of("half_hourly_collectable"), csv_only=True),
    Column("remote_reading_possible", answers.label_of("remote_reading_possible"), csv_only=True),
    Column("meters", gettext_lazy("Meters"), value=lambda point: " ".join(point.meter_numbers), csv_only=True),
]


@needs(Ability.SEE_POINTS)
def points(request: HttpRequest) -> HttpResponseBase:
    """Points the company supplies now, or all of its network."""
    user = _person(request)
    now_supplied = SupplyPeriod.objects.filter(
        point=OuterRef("pk"), known_until__isnull=True, during__endswith__isnull=True
    )
    own = now_supplied.filter(retailer=user.company)
    rows = SupplyPoint.objects.visible_to(user).annotate(
        contract_number=Subquery(own.values("contract__number")[:1]),
        supplied_since=Subquery(now_supplied.annotate(since=Lower("during")).values("since")[:1]),
        meter_numbers=ArraySubquery(Meter.objects.filter(point=OuterRef("pk"), removed_on=None).values("number")),
    )
    return lists.show(
        request,
        rows,
        columns=[column for column in POINTS if column.name != "contract" or _is_retailer(user.company)],
        filterset=PointFilter,
        title=_("Supply points"),
        empty=_("Your company supplies no point yet. A point appears here on the day its switch takes effect."),
    )


@needs(Ability.SEE_POINTS)
def point(request: HttpRequest, number: str) -> HttpResponse:
    """One own point: equipment, who supplies from when to when, the own contract, months, half-hours, today so far."""
    user, now = _person(request), clock.now()
    found = get_object_or_404(SupplyPoint.objects.visible_to(user).select_related("network_operator"), number=number)
    today = jst_date(now)
    answer = answer_about(found, today=today)
    is_network = found.network_operator_id == user.company_id
    periods = SupplyPeriod.objects.filter(point=found, known_until__isnull=True).select_related("retailer", "contract")
    if not is_network:
        periods = periods.filter(retailer=user.company)
    current = None if is_network else supply.current_period(found, today)
    contract = current.contract if current and current.retailer_id == user.company_id else None
    since = None if is_network else _entitled_since(list(periods), today)
    ledger.record(
        "supply point read",
        f"supply point {found.number}",
        by=user,
        now=now,
        purpose="network" if is_network else Consent.Purpose.OWN_CUSTOMER,
        contract=contract.number if contract else "",
    )
    return render(
        request,
        "metering/point.html",
        {
            "title": _("Supply point"),
            "point": found,
            "sections": answers.sections(answer),
            "meters": answers.meters(answer),
            "pending": answers.pending(answer),
            "periods": [(period, _last_day(period)) for period in periods.order_by("-during")],
            "is_network": is_network,
            "contract": contract,
            "reads_access_log": contract is not None and user.may(Ability.READ_ACCESS_LOG),
            # An earlier day was known to the retailer before; it is not this one's to see.
            "holder_since": contract and current and max(contract.holder_since, current.during.lower),
            "today": today,
            "tone": TONES[found.contract_state],
            **_usage(found, since=since, is_all=is_network, today=today),
        },
    )


@dataclass(frozen=True)
class _Days:
    """A meter's days for one table and heat map."""

    meter: str
    rows: list[usage.DayRow]
    chart: str


@dataclass(frozen=True)
class _Today:
    """A meter's preliminary half-hours of today: the beginning of each with its value, and their line."""

    meter: str
    rows: list[tuple[str, int | None]]
    chart: str


def _usage(point: SupplyPoint, *, since: date | None, is_all: bool, today: date) -> dict[str, Any]:
    """Months, days and today, as the company is entitled to: a retailer since its own supply and holder began."""
    if not is_all and since is None:
        return {"months": [], "meters_days": []}
    earliest = since or date.min
    held = {row.month: row.wh for row in usage.monthly(point, months=MONTHS) if row.month >= earliest}
    months = [Month(month, held.get(month)) for month in _last_months(today) if month >= earliest]
    days = usage.days(point, max(today - timedelta(days=DAYS), earliest), today - timedelta(days=1))
    by_meter: dict[str, list[usage.DayRow]] = {}
    for row in days:
        by_meter.setdefault(row.meter, []).append(row)
    return {
        "months": list(reversed(months)),
        "month_chart": charts.month_bars(months) if held else "",
        "meters_days": [
            _Days(meter, rows, charts.heat_map([HalfHours(row.day, row.values) for row in rows]))
            for meter, rows in sorted(by_meter.items())
        ],
        "preliminary": [
            _Today(meter, list(zip(SLOT_NAMES, values, strict=True)), charts.day_line(HalfHours(today, values)))
            for meter, values in sorted(slots.day_of(point, today).items())
        ],
        "slots": SLOT_NAMES,
    }


def _last_day(period: SupplyPeriod) -> date | None:
    return period.during.upper and period.during.upper - timedelta(days=1)


def _last_months(today: date) -> list[date]:
    """The first days of the last months before this one, the oldest first."""
    at = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(at - MONTHS, at)]


def _entitled_since(periods: list[SupplyPeriod], today: date) -> date | None:
    """From when on a retailer may see usage: the running own period, not before its holder came."""
    running = [p for p in periods if p.during.lower <= today and (p.during.upper is None or p.during.upper > today)]
    return max((max(p.during.lower, p.contract.holder_since) for p in running), default=None)


def _is_retailer(company: Company) -> bool:
    return MarketRole.RETAILER in company.market_roles


def _person(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]
