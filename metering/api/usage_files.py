"""A network operator's usage files: handed in, watched, what was refused got back, corrected and handed in again."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from metering import checks, intake, refused_rows, tallies
from metering.models import RefusedRow, UsageFile
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, FORM, AsItIs, FileEntries
from portal.api.paging import PageQuery
from portal.api.schema import operation

TAG = "usage-files"


class UsageFileQuery(PageQuery):
    state = serializers.ChoiceField(choices=UsageFile.State.choices, required=False)
    format = serializers.ChoiceField(choices=UsageFile.Format.choices, required=False)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, help_text="Of the content you sent.")
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: what was refused of it waits to be dealt with."
    )


class UsageFileShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    format = serializers.ChoiceField(choices=UsageFile.Format.choices)
    state = serializers.ChoiceField(choices=UsageFile.State.choices)
    received_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    rows_read = serializers.IntegerField()
    rows_taken = serializers.IntegerField()
    rows_unchanged = serializers.IntegerField(help_text="Those that were known already, with the same values.")
    rows_refused = serializers.IntegerField()


class WarningShown(serializers.Serializer):
    code = serializers.CharField()
    sentence = serializers.CharField()
    rows = serializers.IntegerField()
    first = serializers.IntegerField(help_text="The first line.")


class UsageFileDetails(UsageFileShown):
    rows_so_far = serializers.SerializerMethodField(help_text="While it is being read.")
    problem = serializers.SerializerMethodField(help_text='Why the whole file could not be read, else "".')
    warnings = serializers.SerializerMethodField()

    def get_rows_so_far(self, file: UsageFile) -> int | None:
        return tallies.progress(file) if file.state == UsageFile.State.WAITING else None

    def get_problem(self, file: UsageFile) -> str:
        return checks.sentence(file.problem["code"], file.problem.get("params")) if file.problem else ""

    @extend_schema_field(WarningShown(many=True))
    def get_warnings(self, file: UsageFile) -> list[dict[str, Any]]:
        return [
            {"code": code, "sentence": checks.sentence(code), "rows": noted["rows"], "first": noted["first"]}
            for code, noted in sorted(file.warnings.items())
        ]


class RefusedRowShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    line = serializers.IntegerField()
    field = serializers.CharField(allow_blank=True)
    check = serializers.SerializerMethodField(help_text="V01 to V16 where it is one of these, else the reason's code.")
    code = serializers.CharField()
    reason = serializers.SerializerMethodField()
    raw = serializers.CharField(help_text="The row as it was sent.")

    def get_check(self, row: RefusedRow) -> str:
        return refused_rows.check_of(row)

    def get_reason(self, row: RefusedRow) -> str:
        return refused_rows.why(row)


class _OfOwnFiles(Endpoint):
    def mine(self) -> QuerySet[UsageFile]:
        rows: QuerySet[UsageFile] = UsageFile.objects.visible_to(self.by)
        return rows

    def file(self, pk: int) -> UsageFile:
        """The file of this id. Raises Http404."""
        return get_object_or_404(self.mine(), pk=pk)


class UsageFiles(_OfOwnFiles):
    """Usage by file, in every format the portal takes. Good rows go in, the others are kept with their reasons."""

    needs = {"get": Ability.SEND_USAGE, "post": Ability.SEND_USAGE}
    parser_classes = [MultiPartParser]

    @operation(_("List usage files"), lists=UsageFileShown, query=UsageFileQuery, tag=TAG)
    def get(self, request: Request) -> Response:
        query = self.query(UsageFileQuery)
        rows = self.mine().filter(**{name: query[name] for name in ("state", "format", "sha256") if name in query})
        if query["open"] is not None:
            refused = rows.exclude(rows_refused=0, problem={}).filter(settled_at__isnull=True)
            rows = refused if query["open"] else rows.exclude(pk__in=refused.values("pk"))
        return self.page(rows, UsageFileShown, query)

    @operation(
        _("Hand in a usage file"),
        entries={FORM: FileEntries},
        shows=UsageFileDetails,
        status=201,
        also={200: UsageFileDetails},
        tag=TAG,
    )
    def post(self, request: Request) -> Response:
        """201: received, a worker reads it. 200: the same content was received before; this is that file."""
        upload = self.entries(FileEntries)["file"]
        try:
            file = intake.receive(upload.file, name=upload.name or "", sender=self.by.company, by=self.by, now=self.now)
        except intake.AlreadyReceived as known:
            return self.one(UsageFileDetails(known.file).data)
        return self.created(UsageFileDetails(file).data, "api:usage-file", file.pk)


class OneUsageFile(_OfOwnFiles):
    """How far a file has come, and how many of its rows went in, were known or were refused."""

    needs = {"get": Ability.SEND_USAGE}

    @operation(_("Read about a usage file"), shows=UsageFileDetails, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(UsageFileDetails(self.file(pk)).data)


class RefusedRows(_OfOwnFiles):
    """The rows that did not go in, each with its reason."""

    needs = {"get": Ability.SEND_USAGE}

    @operation(_("List refused rows"), lists=RefusedRowShown, query=PageQuery, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        rows = RefusedRow.objects.filter(file=self.file(pk))
        return self.page(rows, RefusedRowShown, self.query(PageQuery), is_descending=False)


class RefusedContent(_OfOwnFiles):
    """The refused rows alone, in the format they came in; corrected, they can be handed in as they are."""

    needs = {"get": Ability.SEND_USAGE}
    content_negotiation_class = AsItIs

    @operation(_("Fetch refused rows to correct them"), shows=CONTENT, media="*/*", tag=TAG)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return refused_rows.to_correct(self.file(pk))


class Settlement(_OfOwnFiles):
    """Say that what was refused of a file is dealt with: it leaves the to-do list. A second time changes nothing."""

    needs = {"post": Ability.SEND_USAGE}

    @operation(_("Settle a usage file"), entries=Entries, shows=UsageFileShown, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        intake.settle(self.file(pk), by=self.by, now=self.now)
        return self.one(UsageFileShown(self.file(pk)).data)
