"""The evidence ledger to search: all of it for the hub's auditors, for an administrator what the own people did."""

import json

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import ledger, lists
from portal.access import Ability, Role, needs, person
from portal.filters import CompanyFilter, DayFilter
from portal.lists import Column
from portal.models import Company, LedgerEntry, User
from portal.templatetags.words import company_name


def _companies(request: HttpRequest) -> QuerySet[Company]:
    return (
        Company.objects.all() if is_auditor(person(request)) else Company.objects.filter(pk=person(request).company_id)
    )


class LedgerFilter(django_filters.FilterSet):
    subject = django_filters.CharFilter(label=gettext_lazy("Subject or part of it"), lookup_expr="icontains")
    action = django_filters.CharFilter(label=gettext_lazy("Action or part of it"), lookup_expr="icontains")
    user = django_filters.CharFilter(
        label=gettext_lazy("User id"), field_name="user__username", lookup_expr="icontains"
    )
    company = CompanyFilter(label=gettext_lazy("Company"), queryset=_companies)
    done_from = DayFilter(field_name="at", lookup_expr="date__gte", label=gettext_lazy("Done from"))
    done_until = DayFilter(field_name="at", lookup_expr="date__lte", label=gettext_lazy("Done until"))

    class Meta:
        model = LedgerEntry
        fields: list[str] = []


def _detail(entry: LedgerEntry) -> str:
    return json.dumps(entry.detail, ensure_ascii=False) if entry.detail else ""


def _drawn_detail(entry: LedgerEntry) -> str:
    """For the eye: `name: value` side by side, values that are lists or tables as JSON."""
    return " · ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in (entry.detail or {}).items()
    )


COLUMNS = [
    Column("id", gettext_lazy("No."), show=str, numeric=True, sort="id"),
    Column("at", gettext_lazy("At"), sort="at"),
    Column(
        "company",
        gettext_lazy("Company"),
        value=lambda entry: company_name(entry.company) if entry.company else _("the hub's workers"),
        sort="company__name",
    ),
    Column("user", gettext_lazy("User id"), value="user.username", sort="user__username"),
    Column("action", gettext_lazy("Action"), sort="action"),
    Column("subject", gettext_lazy("Subject"), sort="subject"),
    Column("purpose", gettext_lazy("Purpose")),
    Column("detail", gettext_lazy("Detail"), value=_detail, draw=_drawn_detail),
]


def is_auditor(user: User) -> bool:
    return user.company.is_hub_operator and Role.AUDITOR in user.roles


def readable_by(user: User) -> QuerySet[LedgerEntry]:
    """Everything for the hub's auditors; for an administrator the entries of the own company's people."""
    rows = LedgerEntry.objects.select_related("company", "user")
    return rows if is_auditor(user) else rows.filter(company=user.company_id)


def printable(text: str) -> str:
    """What was typed, as evidence can hold it: without control characters and not endless."""
    return "".join(letter for letter in text if letter.isprintable())[:200]


@needs(Ability.READ_LEDGER)
def ledger_page(request: HttpRequest) -> HttpResponseBase:
    """Search the ledger; every search and every export is itself an entry."""
    user = person(request)
    asked = {printable(name): printable(str(value)) for name, value in request.GET.items() if value}
    if asked:
        ledger.record("ledger searched", "ledger", by=user, now=timezone.now(), asked=asked)
    return lists.show(
        request,
        readable_by(user),
        columns=COLUMNS,
        filterset=LedgerFilter,
        title=_("Ledger"),
        empty=_("No entry yet. Every decision and every read of somebody's data leaves one here."),
        filename="ledger",
    )
