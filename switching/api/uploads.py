"""Files of many cases as jobs: sent, checked by a worker, read row by row, confirmed, carried out, recalled.

A file waits (202) until a worker has checked it; nothing is filed before it is confirmed. The event `upload.check` and
`upload.carry_out` tell when to look again.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, FORM, WITH_FILE, AsItIs, FileEntries
from portal.api.paging import PageQuery, in_shape
from portal.api.schema import operation
from switching.bulk import uploads, writing
from switching.bulk.kind import FileKind
from switching.bulk.kinds import KINDS
from switching.bulk.rows import ChoiceField
from switching.bulk.words import told
from switching.models import Content, Upload, UploadRow
from switching.models.uploads import CASES
from switching.views import upload_files

State, RowState = Upload.State, UploadRow.State
ABOUT = ("supply_point", "relay", "application", "work", "reference")
"""Columns of a row that are told with its verdict: never the customer's name or address."""
PAGES = {
    "relay": "api:relay",
    "application": "api:application",
    "disclosure": "api:disclosure",
    "meter_work": "api:meter-work",
    "inquiry": "api:inquiry",
    "movement": "api:movement",
}
TAG = "uploads"


class ColumnShown(serializers.Serializer):
    name = serializers.CharField(help_text="May stand in the first row; so may the names of the pages.")
    label = serializers.CharField()
    is_required = serializers.BooleanField()
    choices = serializers.ListField(child=serializers.CharField())
    hint = serializers.CharField(allow_blank=True)
    example = serializers.CharField(allow_blank=True)


class KindShown(serializers.Serializer):
    content = serializers.ChoiceField(choices=Content.choices)
    label = serializers.CharField()
    introduction = serializers.CharField()
    columns = ColumnShown(many=True)
    is_recallable = serializers.BooleanField(help_text="What such a file filed can be taken back as a whole.")
    has_work_list = serializers.BooleanField(help_text="What waits for your company can be had as such a file.")


class KindsShown(serializers.Serializer):
    items = KindShown(many=True)


class CountsShown(serializers.Serializer):
    good = serializers.IntegerField()
    warned = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Already there as asked for: nothing to do.")
    wrong = serializers.IntegerField()
    done = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Good when checked, refused when carried out.")
    recalled = serializers.IntegerField()


class UploadShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    content = serializers.ChoiceField(choices=Content.choices)
    name = serializers.CharField()
    format = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    sha256 = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    rows = serializers.IntegerField()
    rows_to_carry_out = serializers.IntegerField(help_text="Good ones and those with a warning, when checked.")
    rows_known = serializers.IntegerField()
    rows_wrong = serializers.IntegerField()
    uploaded_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class UploadDetails(UploadShown):
    encoding = serializers.CharField(allow_blank=True, help_text="Of a CSV: `utf-8` or `cp932` (Shift_JIS).")
    rows_checked = serializers.IntegerField(allow_null=True, help_text="So far, while a worker checks the file.")
    counts = CountsShown(help_text="How many rows stand in which state now.")
    problem = serializers.SerializerMethodField(help_text="Why the file as a whole cannot be read.")
    unknown_columns = serializers.ListField(child=serializers.CharField())
    sent_before = serializers.IntegerField(allow_null=True, help_text="An earlier upload of the very same file.")
    is_stuck = serializers.BooleanField(help_text="Its check failed several times; the operator looks at it.")
    acts = serializers.ListField(
        child=serializers.CharField(), help_text="What can be done now, as the last part of the address."
    )
    answers = serializers.CharField(
        allow_null=True, help_text="Where the answer to each row is, of inquiries and plans."
    )

    def get_problem(self, upload: Upload) -> str:
        return told(upload.problem) if upload.problem else ""


class FindingShown(serializers.Serializer):
    kind = serializers.CharField(help_text="`error`, `warning`, `known` or `recall`.")
    rule = serializers.CharField(help_text="A stable code.")
    columns = serializers.ListField(child=serializers.CharField())
    detail = serializers.CharField()


class CaseShown(serializers.Serializer):
    kind = serializers.ChoiceField(choices=[(name, name) for name in CASES])
    id = serializers.CharField(help_text="Number of a relay or application, else the id.")
    resource = serializers.CharField()


class RowShown(serializers.Serializer):
    line = serializers.IntegerField(help_text="As a spreadsheet counts: 2 is the first below the columns' names.")
    state = serializers.ChoiceField(choices=RowState.choices)
    supply_class = serializers.CharField(allow_blank=True)
    area = serializers.CharField(allow_blank=True)
    about = serializers.DictField(child=serializers.CharField(), help_text="What the row is about, as it was sent.")
    findings = FindingShown(many=True)
    case = CaseShown(allow_null=True, help_text="What came of it.")


class UploadQuery(PageQuery):
    content = serializers.ChoiceField(choices=Content.choices, required=False)
    state = serializers.ChoiceField(choices=State.choices, required=False)


class RowQuery(PageQuery):
    state = serializers.ChoiceField(choices=RowState.choices, required=False)


class FormatQuery(serializers.Serializer):
    format = serializers.ChoiceField(choices=sorted(writing.FORMATS), default="csv")


def _rows(view: Endpoint) -> QuerySet[Upload]:
    found: QuerySet[Upload] = Upload.objects.visible_to(view.by)
    return found


def _one(view: Endpoint, pk: int) -> Upload:
    return get_object_or_404(_rows(view), pk=pk)


def _kind(view: Endpoint, content: str) -> FileKind:
    kind = KINDS.get(content)
    if kind is None or not view.by.may(kind.ability):
        raise Http404
    return kind


def shown(upload: Upload) -> dict[str, Any]:
    """A file as it stands, with its rows counted."""
    said: Any = upload
    counts = uploads.counts_of(upload)
    twin = uploads.twin_of(upload) if upload.state == State.CHECKED else None
    said.rows_to_carry_out = upload.rows_good + upload.rows_warned
    said.counts, said.sent_before = counts, twin.pk if twin else None
    said.rows_checked = uploads.progress(upload) if upload.state == State.WAITING else None
    said.unknown_columns = upload.remarks
    said.is_stuck = upload.state == State.WAITING and upload.attempts >= uploads.GIVE_UP_AFTER
    said.acts = _acts(upload, counts)
    said.answers = reverse("api:upload-answers", args=[upload.pk]) if upload_files.is_answered(upload) else None
    return UploadDetails(said).data


def _acts(upload: Upload, counts: dict[str, int]) -> list[str]:
    if upload.state == State.CHECKED:
        return [*(["confirmation"] if upload.rows_good + upload.rows_warned else []), "discarding"]
    is_recallable = upload.state == State.DONE and KINDS[upload.content].is_recallable
    return ["recall"] if is_recallable and counts[RowState.DONE] else []


def _listed(upload: Any) -> dict[str, Any]:
    upload.rows_to_carry_out = upload.rows_good + upload.rows_warned
    return in_shape(UploadShown, upload)


def _row(row: UploadRow) -> dict[str, Any]:
    name = next((name for name in CASES if getattr(row, f"{name}_id")), None)
    case: dict[str, str] | None = None
    if name:
        number = getattr(row, name).number if name in ("relay", "application") else getattr(row, f"{name}_id")
        case = {"kind": name, "id": str(number), "resource": reverse(PAGES[name], args=[number])}
    return in_shape(
        RowShown,
        {
            "line": row.line,
            "state": row.state,
            "supply_class": row.supply_class,
            "area": row.area,
            "about": {name: row.cells[name] for name in ABOUT if row.cells.get(name)},
            "findings": [{**item, "detail": told(item["words"])} for item in row.findings],
            "case": case,
        },
    )


# --- What files there are -------------------------------------------------------------------------------------------
class UploadKinds(Endpoint):
    """The kinds of files this client may send, with their columns in the reader's language."""

    needs = {"get": Ability.SEND_MANY}

    @operation(_("List the kinds of files"), shows=KindsShown, tag=TAG)
    def get(self, request: Request) -> Response:
        items = [
            {
                "content": kind.content,
                "label": Content(kind.content).label,
                "introduction": kind.introduction,
                "columns": [
                    {
                        **{name: getattr(column, name) for name in ("name", "label", "is_required", "hint", "example")},
                        "choices": [str(value) for value, _label in column.field.choices]
                        if isinstance(column.field, ChoiceField)
                        else [],
                    }
                    for column in kind.columns
                ],
                "is_recallable": kind.is_recallable,
                "has_work_list": bool(kind.work_list_name),
            }
            for kind in KINDS.values()
            if self.by.may(kind.ability)
        ]
        return self.one(KindsShown({"items": items}).data)


class UploadTemplate(Endpoint):
    """An empty list with the columns' names and one example."""

    needs = {"get": Ability.SEND_MANY}
    content_negotiation_class = AsItIs

    @operation(_("Fetch a template"), shows=CONTENT, query=FormatQuery, media="*/*", tag=TAG)
    def get(self, request: Request, content: str) -> HttpResponseBase:
        return upload_files.template(_kind(self, content), self.query(FormatQuery)["format"])


class UploadWorkList(Endpoint):
    """What waits for your company as a file, to be filled in and sent back."""

    needs = {"get": Ability.SEND_MANY}
    content_negotiation_class = AsItIs

    @operation(_("Fetch a work list"), shows=CONTENT, query=FormatQuery, media="*/*", tag=TAG)
    def get(self, request: Request, content: str) -> HttpResponseBase:
        format_ = self.query(FormatQuery)["format"]
        return upload_files.work_list(_kind(self, content), format_, by=self.by, now=self.now)


# --- Jobs -----------------------------------------------------------------------------------------------------------
class UploadEntries(FileEntries):
    content = serializers.ChoiceField(choices=Content.choices, help_text="What the rows ask for.")


class Uploads(Endpoint):
    """Files of your company; and sending one: CSV (UTF-8 or Shift_JIS) or Excel (.xlsx). Nothing is filed yet."""

    needs = {"get": Ability.SEND_MANY, "post": Ability.SEND_MANY}
    parser_classes = WITH_FILE

    @operation(_("List files of many cases"), lists=UploadShown, query=UploadQuery)
    def get(self, request: Request) -> Response:
        query = self.query(UploadQuery)
        rows = _rows(self).filter(**{name: query[name] for name in ("content", "state") if name in query})
        return self.page(rows, _listed, query)

    @operation(_("Send a file of many cases"), entries={FORM: UploadEntries}, shows=UploadDetails, status=202)
    def post(self, request: Request) -> Response:
        entered = self.entries(UploadEntries)
        file = entered["file"]
        kept = uploads.receive(file.file, content=entered["content"], name=file.name or "", by=self.by, now=self.now)
        response = self.one(shown(_one(self, kept.pk)), status=202)
        response["Location"] = reverse("api:upload", args=[kept.pk])
        return response


class OneUpload(Endpoint):
    """A file as it stands: waiting, checked, being carried out, done; how far, and what can be done with it."""

    needs = {"get": Ability.SEND_MANY}

    @operation(_("Read how a file stands"), shows=UploadDetails)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(shown(_one(self, pk)))


class UploadRows(Endpoint):
    """The rows with verdict, findings and what came of them, in their order."""

    needs = {"get": Ability.SEND_MANY}

    @operation(_("List the rows of a file"), lists=RowShown, query=RowQuery, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        query, upload = self.query(RowQuery), _one(self, pk)
        rows = UploadRow.objects.of(upload, self.by).select_related("relay", "application")
        if "state" in query:
            rows = rows.filter(state=query["state"])
        return self.page(rows, _row, query, key="line", is_descending=False)


class UploadErrors(Endpoint):
    """The wrong and refused rows in the format they came in, reasons in front; mended, it can be sent as it is."""

    needs = {"get": Ability.SEND_MANY}
    content_negotiation_class = AsItIs

    @operation(_("Fetch the wrong rows"), shows=CONTENT, media="*/*", tag=TAG)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return upload_files.wrong_rows(_one(self, pk), by=self.by, now=self.now)


class UploadAnswers(Endpoint):
    """The answer to a file of inquiries or plans, row by row, as CSV."""

    needs = {"get": Ability.SEND_MANY}
    content_negotiation_class = AsItIs

    @operation(_("Fetch the answers to a file"), shows=CONTENT, media="text/csv", tag=TAG)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return upload_files.answers(_one(self, pk), by=self.by, now=self.now)


class ConfirmationEntries(Entries):
    again = serializers.BooleanField(default=False, help_text="The very same file is meant a second time.")


class UploadConfirmation(Endpoint):
    """Have the good rows carried out by a worker, with this client's rights."""

    needs = {"post": Ability.SEND_MANY}

    @operation(_("Confirm a file"), entries=ConfirmationEntries, shows=UploadDetails, status=202, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        entered = self.entries(ConfirmationEntries)
        uploads.confirm(_one(self, pk).pk, again=entered["again"], by=self.by, now=self.now)
        return self.one(shown(_one(self, pk)), status=202)


class UploadDiscarding(Endpoint):
    """Put a checked file aside; its rows are taken out."""

    needs = {"post": Ability.SEND_MANY}

    @operation(_("Discard a file"), entries=Entries, shows=UploadDetails, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        uploads.discard(_one(self, pk).pk, by=self.by, now=self.now)
        return self.one(shown(_one(self, pk)))


class UploadRecall(Endpoint):
    """Have what the file filed taken back by a worker, as far as its other side has not seen it."""

    needs = {"post": Ability.SEND_MANY}

    @operation(_("Recall a file"), entries=Entries, shows=UploadDetails, status=202, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        uploads.recall(_one(self, pk).pk, by=self.by, now=self.now)
        return self.one(shown(_one(self, pk)), status=202)
