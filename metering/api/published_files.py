"""Endpoints for collecting published usage: list with a cursor, fetch in parts, acknowledge, send again, statement."""

from datetime import date
from typing import Any

from django.http import Http404, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering import deliveries
from metering.models import PublishedFile
from metering.views.handing_out import hand_out
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, AsItIs
from portal.api.paging import PageQuery, narrowed
from portal.api.schema import operation
from portal.market import Area, SupplyClass

TAG = "published-files"


class FileQuery(PageQuery):
    """Which files. `after` is the last delivery number you know: what follows came since."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=2**62, help_text="Numbers above this one.")
    day = serializers.DateField(required=False, help_text="The metered day.")
    area = serializers.ChoiceField(required=False, choices=Area.choices)
    supply_class = serializers.ChoiceField(required=False, choices=SupplyClass.choices)
    format = serializers.ChoiceField(required=False, choices=PublishedFile.Format.choices)
    collected = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="false: only what was not collected (or is sent again).",
    )


class FileShown(serializers.Serializer):
    number = serializers.IntegerField(help_text="Delivery number: 1, 2, 3 … for your company, without a gap.")
    name = serializers.CharField()
    day = serializers.DateField(source="publication.day")
    layer = serializers.CharField(source="publication.layer")
    revision = serializers.IntegerField(source="publication.revision")
    published_at = serializers.DateTimeField(source="publication.published_at")
    area = serializers.CharField()
    supply_class = serializers.CharField()
    format = serializers.CharField()
    rows = serializers.IntegerField()
    readings = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    later_revision = serializers.IntegerField(allow_null=True, help_text="The newest later revision of its day.")
    first_collected_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    removed_at = serializers.DateTimeField(allow_null=True, help_text="When its time was over; then it cannot be had.")
    content = serializers.SerializerMethodField(help_text="Where its bytes are.")

    def get_content(self, file: PublishedFile) -> str:
        return reverse("api:published-file-content", args=[file.number])


PATHS = {
    "after": "number__gt",
    "day": "publication__day",
    "area": "area",
    "supply_class": "supply_class",
    "format": "format",
}


class _OfOwnFiles(Endpoint):
    def mine(self) -> Any:
        return PublishedFile.objects.visible_to(self.by).with_later().select_related("publication")

    def file(self, number: int) -> PublishedFile:
        """The file of this delivery number. Raises Http404."""
        found = self.mine().filter(number=number).first() if number < 2**62 else None
        if found is None:
            raise Http404
        return found


class PublishedFiles(_OfOwnFiles):
    """What was published to the company, by delivery number; ask again with the last number as `after`."""

    needs = {"get": Ability.COLLECT_USAGE}

    @operation(_("List published files"), lists=FileShown, query=FileQuery, tag=TAG)
    def get(self, request: Request) -> Response:
        query = self.query(FileQuery)
        rows = narrowed(self.mine().kept(), query, PATHS)
        if query["collected"] is not None:
            rows = rows.filter(first_collected_at__isnull=not query["collected"])
        return self.page(rows, FileShown, query, key="number", is_descending=False)


class PublishedFileOne(_OfOwnFiles):
    """One file: size, hash, rows, revision, and whether a later revision came."""

    needs = {"get": Ability.COLLECT_USAGE}

    @operation(_("Read about a published file"), shows=FileShown, tag=TAG)
    def get(self, request: Request, number: int) -> Response:
        return self.one(FileShown(self.file(number)).data)


class PublishedFileContent(_OfOwnFiles):
    """The bytes of a file. ETag is its SHA-256; `Range` (with `If-Range`) goes on where a fetch broke off."""

    needs = {"get": Ability.COLLECT_USAGE}
    content_negotiation_class = AsItIs

    @operation(
        _("Fetch a published file"),
        shows=CONTENT,
        media="*/*",
        also={206: CONTENT, 416: OpenApiResponse(description="The part asked for lies behind the end.")},
        tag=TAG,
    )
    def get(self, request: Request, number: int) -> HttpResponseBase:
        return hand_out(request._request, self.file(number), by=self.by, now=self.now)


class AcknowledgementEntries(Entries):
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of the bytes you have, in hexadecimal.")


class Acknowledgement(_OfOwnFiles):
    """Say that a file has arrived whole; optional, and the same however often it is said."""

    needs = {"post": Ability.COLLECT_USAGE}

    @operation(_("Acknowledge a file"), entries=AcknowledgementEntries, shows=FileShown, tag=TAG)
    def post(self, request: Request, number: int) -> Response:
        entered = self.entries(AcknowledgementEntries)
        deliveries.acknowledge(self.file(number), sha256=entered["sha256"], by=self.by, now=self.now)
        return self.one(FileShown(self.file(number)).data)


class AgainEntries(Entries):
    first = serializers.IntegerField(min_value=1, max_value=2**62)
    last = serializers.IntegerField(min_value=1, max_value=2**62)


class AgainShown(serializers.Serializer):
    files = serializers.IntegerField(help_text="How many are offered again: list them with collected=false.")


class Again(_OfOwnFiles):
    """Have a range of delivery numbers, both included, offered as new once more."""

    needs = {"post": Ability.COLLECT_USAGE}

    @operation(
        _("Send delivery numbers again"),
        entries=AgainEntries,
        shows=AgainShown,
        example={"first": 1, "last": 2},
        tag=TAG,
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(AgainEntries)
        count = deliveries.offer_again(entered["first"], entered["last"], by=self.by, now=self.now)
        return Response(AgainShown({"files": count}).data)


class LineShown(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    area = serializers.CharField()
    supply_class = serializers.CharField()
    format = serializers.CharField()
    day = serializers.CharField()
    revision = serializers.IntegerField()
    rows = serializers.IntegerField()
    readings = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class StatementShown(serializers.Serializer):
    date = serializers.DateField()
    count = serializers.IntegerField()
    first_number = serializers.IntegerField(allow_null=True)
    last_number = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField(help_text='Over "number name size sha256" and a line feed of each file.')
    files = LineShown(many=True)


class Statement(Endpoint):
    """What was published on a day in Japan: counts and hashes to compare with what arrived."""

    needs = {"get": Ability.COLLECT_USAGE}

    @operation(_("Read the statement of a day"), shows=StatementShown, tag=TAG)
    def get(self, request: Request, day: date) -> Response:
        return self.one(deliveries.statement(day, self.by).as_json())
