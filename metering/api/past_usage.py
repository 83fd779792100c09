"""Past usage behind an access code: thirteen months, each half-hour, as JSON and as CSV; every read in the ledger."""

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering import usage_inquiries
from metering.forms_access import CodeForm
from metering.halfhours import Quality
from metering.models import UsageAccessRequest, UsageInquiry
from metering.usage_inquiries import Past
from metering.views.handing_out import usage_as_csv
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, AsItIs
from portal.api.schema import operation

TAG = "usage-inquiries"


class CodeEntries(Entries):
    number = serializers.CharField(max_length=80, help_text="Supply point number; hyphens and blanks may stay.")
    code = serializers.CharField(max_length=40, help_text="Twelve digits; hyphens and blanks may stay.")


class UsageInquiryShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    number = serializers.CharField(source="request.point.number")
    request = serializers.IntegerField(source="request_id", help_text="Of the request whose code it was.")
    valid_until = serializers.DateTimeField(source="request.valid_until")


class WindowShown(serializers.Serializer):
    number = serializers.CharField()
    first = serializers.DateField()
    last = serializers.DateField()
    since = serializers.DateField(allow_null=True, help_text="The holder's first day, where it cut the 13 months.")


class MonthShown(serializers.Serializer):
    month = serializers.DateField(help_text="Its first day.")
    wh = serializers.IntegerField(allow_null=True)
    is_fixed = serializers.BooleanField(help_text="The figure of billing; else the sum of the half-hours at hand.")
    is_part = serializers.BooleanField(help_text="Not the whole month lies in the window.")
    missing = serializers.IntegerField(help_text="Half-hours without a value.")
    estimated = serializers.IntegerField(help_text="Half-hours that were estimated.")


class MonthsShown(WindowShown):
    months = MonthShown(many=True)


class DayShown(serializers.Serializer):
    day = serializers.DateField()
    values = serializers.ListField(child=serializers.IntegerField(allow_null=True), help_text="48 half-hours in Wh.")
    quality = serializers.ListField(child=serializers.ChoiceField(choices=[code.name.lower() for code in Quality]))


class HalfHoursShown(WindowShown):
    days = DayShown(many=True)


class DaysQuery(serializers.Serializer):
    first = serializers.DateField(required=False, help_text="Days from this one on.")
    last = serializers.DateField(required=False, help_text="Days up to this one.")


class UsageInquiries(Endpoint):
    """Open a point's past usage with its code; three wrong codes within an hour and no more are taken."""

    needs = {"post": Ability.INQUIRE}

    @operation(
        _("Open past usage with a code"),
        entries=CodeEntries,
        shows=UsageInquiryShown,
        status=201,
        example={"number": "0300000000000000000001", "code": "1234-5678-9012"},
    )
    def post(self, request: Request) -> Response:
        given = self.cleaned(CodeForm(self.entries(CodeEntries)))
        made = usage_inquiries.enter(**given, by=self.by, now=self.now)
        return self.created(UsageInquiryShown(made).data, "api:usage-inquiry", made.pk)


class _Opened(Endpoint):
    def past(self, pk: int, *, way: str) -> tuple[str, Past]:
        """The supply point number and its usage; the read is noted. Raises Http404 and as `usage_inquiries.read`."""
        rows = UsageInquiry.objects.filter(request__in=UsageAccessRequest.objects.visible_to(self.by))
        found = get_object_or_404(rows.select_related("request__point", "request__consent"), pk=pk)
        return found.request.point.number, usage_inquiries.read(found, by=self.by, now=self.now, way=way)

    def window(self, number: str, past: Past) -> dict[str, object]:
        seen = past.window
        return {"number": number, "first": seen.first, "last": seen.last, "since": seen.since}


class UsageMonths(_Opened):
    """The months of the last thirteen, up to yesterday."""

    needs = {"get": Ability.INQUIRE}

    @operation(_("Read past usage by month"), shows=MonthsShown, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        number, past = self.past(pk, way="api")
        return self.one(MonthsShown({**self.window(number, past), "months": past.months}).data)


class UsageHalfHours(_Opened):
    """Every half-hour of the window, or of some of its days."""

    needs = {"get": Ability.INQUIRE}

    @operation(_("Read past usage by half-hour"), shows=HalfHoursShown, query=DaysQuery, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        query = self.query(DaysQuery)
        number, past = self.past(pk, way="api half-hours")
        first, last = query.get("first", past.window.first), query.get("last", past.window.last)
        days = [
            {"day": row.day, "values": row.values, "quality": [Quality(code).name.lower() for code in row.quality]}
            for row in past.days
            if first <= row.day <= last
        ]
        return self.one(HalfHoursShown({**self.window(number, past), "days": days}).data)


class UsageCsv(_Opened):
    """The same CSV as on the page."""

    needs = {"get": Ability.INQUIRE}
    content_negotiation_class = AsItIs

    @operation(_("Fetch past usage as CSV"), shows=CONTENT, media="text/csv", tag=TAG)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        number, past = self.past(pk, way="api csv")
        return usage_as_csv(past, number)
