"""What the checks found, for the network operator, and for the retailer in the days it supplies."""

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from metering import finding_words
from metering.models import CheckFinding
from metering.vee import VEE, Severity
from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.filters import DayFilter
from portal.lists import Column
from portal.market import Area, SupplyClass
from portal.templatetags.words import badge, class_mark, jst, point_number

TONES = {
    Severity.INFO: "stopped",
    Severity.WARNING: "waiting",
    Severity.AUDIT: "stopped",
    Severity.ALERT: "refused",
    Severity.ERROR: "refused",
    Severity.QUARANTINE: "refused",
}


def severity_badge(finding: CheckFinding) -> object:
    return badge(finding.get_severity_display(), TONES[Severity(finding.severity)])


class FindingFilter(django_filters.FilterSet):
    check = django_filters.ChoiceFilter(
        label=gettext_lazy("Check"),
        field_name="check_code",
        choices=[(code, f"{code} {check.label}") for code, check in VEE.items()],
    )
    severity = django_filters.ChoiceFilter(
        label=gettext_lazy("Result"), choices=[each for each in Severity.choices if each[0] != Severity.OFF]
    )
    point = django_filters.CharFilter(
        label=gettext_lazy("Supply point number"), field_name="point__number", method="of_point"
    )
    first = DayFilter(
        label=gettext_lazy("From"),
        field_name="day",
        lookup_expr="gte",
    )
    last = DayFilter(label=gettext_lazy("To"), field_name="day", lookup_expr="lte")
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    supply_class = django_filters.ChoiceFilter(label=gettext_lazy("Class"), choices=SupplyClass.choices)
    replaced = django_filters.ChoiceFilter(
        label=gettext_lazy("Values"),
        choices=[("no", gettext_lazy("in force")), ("yes", gettext_lazy("replaced since"))],
        method="by_replaced",
    )
    file = django_filters.NumberFilter(field_name="file_id", widget=forms.HiddenInput())

    class Meta:
        model = CheckFinding
        fields: list[str] = []

    def of_point(self, rows: QuerySet[CheckFinding], name: str, value: str) -> QuerySet[CheckFinding]:
        return rows.filter(point__number="".join(value.split()))

    def by_replaced(self, rows: QuerySet[CheckFinding], name: str, value: str) -> QuerySet[CheckFinding]:
        return rows.filter(replaced_at__isnull=value == "no")


COLUMNS = [
    Column("day", gettext_lazy("Day"), show=jst, sort="day"),
    Column("check_code", gettext_lazy("Check"), sort="check_code"),
    Column(
        "severity",
        gettext_lazy("Result"),
        value=lambda finding: finding.get_severity_display(),
        draw=severity_badge,
        sort="severity",
    ),
    Column("supply_class", gettext_lazy("Class"), show=class_mark),
    Column(
        "point",
        gettext_lazy("Supply point"),
        value=lambda finding: finding.point.number if finding.point else "",
        show=lambda number: point_number(number) if number else "–",
        sort="point__number",
    ),
    Column("meter", gettext_lazy("Meter"), csv_only=True),
    Column("what", gettext_lazy("What was found"), value=finding_words.sentence),
    Column("found_at", gettext_lazy("Found"), show=jst, sort="found_at"),
    Column("replaced_at", pgettext_lazy("finding", "Replaced"), show=jst, csv_only=True),
    Column("area", gettext_lazy("Area"), value=lambda finding: finding.get_area_display(), csv_only=True),
    Column("network_operator", gettext_lazy("Network operator"), value="network_operator.name", csv_only=True),
]
FILE_COLUMN = Column(
    "file",
    gettext_lazy("File"),
    value=lambda finding: finding.file.name if finding.file else "",
    link=lambda finding: reverse("metering:usage-file", args=[finding.file_id]) if finding.file_id else "",
)


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def findings(request: HttpRequest) -> HttpResponseBase:
    """Findings, the newest first; making the file of them is a read of usage and stands in the ledger."""
    user = person(request)
    columns = [*COLUMNS, FILE_COLUMN] if user.may(Ability.SEND_USAGE) else COLUMNS
    if lists.wants_csv(request):
        ledger.record("findings of checks exported", "usage", by=user, now=clock.now())
    return lists.show(
        request,
        CheckFinding.objects.visible_to(user).select_related("point", "network_operator", "file"),
        columns=columns,
        filterset=FindingFilter,
        title=_("Findings of the checks"),
        empty=_("No finding. Each usage file is checked as it comes in, and again beside what is stored."),
        template="metering/findings.html",
    )
