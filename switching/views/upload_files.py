"""What files of many cases are handed out as, by page and by program: templates, work lists, wrong rows, answers."""

from datetime import datetime

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _

from portal.models import User
from portal.workdays import jst_date
from switching.bulk import answers_file, uploads, writing
from switching.bulk.kind import FileKind
from switching.bulk.kinds import KINDS
from switching.models import Upload, UploadRow

RowState = UploadRow.State
WRONG = (RowState.WRONG, RowState.REFUSED)


def template(kind: FileKind, format_: str) -> HttpResponse:
    """An empty list with the columns' names in the reader's language and one example. Raises Http404."""
    if format_ not in writing.FORMATS:
        raise Http404
    rows = writing.template(kind)
    if format_ == "csv":
        return download(b"".join(writing.csv_bytes(rows)), f"{kind.content}.csv", type_of("utf-8"))
    meaning = [[_("column"), _("required"), _("meaning")]] + [
        [str(column.label), _("yes") if column.is_required else _("no"), str(column.hint)] for column in kind.columns
    ]
    sheets = [(str(_("list")), rows), (str(_("columns")), meaning)]
    return download(writing.excel_bytes(sheets), f"{kind.content}.xlsx")


def work_list(kind: FileKind, format_: str, *, by: User, now: datetime) -> HttpResponse:
    """What waits for the company, a row each; to be filled in and sent back. Raises Http404 where it has none."""
    if format_ not in writing.FORMATS or not kind.work_list_name:
        raise Http404
    rows = [
        [*(str(column.label) for column in kind.columns), *(str(label) for label in kind.passed_over.values())],
        *kind.work_list(by=by, now=now),
    ]
    name = f"{kind.work_list_name}-{jst_date(now):%Y%m%d}.{format_}"
    if format_ == "csv":
        return download(b"".join(writing.csv_bytes(rows)), name, type_of("utf-8"))
    return download(writing.excel_bytes([(str(_("list")), rows)]), name)


def wrong_rows(upload: Upload, *, by: User, now: datetime) -> HttpResponse:
    """The wrong and refused rows in the format they came in, with the reasons in front; the read is in the ledger."""
    uploads.record_read(upload, "upload.wrong_rows", by=by, now=now)
    found = UploadRow.objects.of(upload, by).filter(state__in=WRONG).order_by("line")
    rows = writing.wrong_rows(upload, found.iterator(chunk_size=2000), KINDS[upload.content])
    name = f"wrong-rows-{upload.pk}.{upload.format}"
    if upload.format == Upload.Format.XLSX:
        return download(writing.excel_bytes([(str(_("list")), rows)]), name)
    return download(b"".join(writing.csv_bytes(rows, encoding=upload.encoding)), name, type_of(upload.encoding))


def is_answered(upload: Upload) -> bool:
    """True for a file of inquiries or plans that was checked: it has an answer to each row."""
    State = Upload.State
    return upload.content in answers_file.ANSWERED and upload.state in (State.CHECKED, State.CONFIRMED, State.DONE)


def answers(upload: Upload, *, by: User, now: datetime) -> HttpResponseBase:
    """Every row with its verdict and what was found; the read is in the ledger. Raises Http404 where there is none."""
    if not is_answered(upload):
        raise Http404
    uploads.record_read(upload, "upload.answers", by=by, now=now)
    found = UploadRow.objects.of(upload, by).select_related("inquiry", "movement").order_by("line")
    lines = answers_file.rows(upload.content, found.iterator(chunk_size=2000))
    response = StreamingHttpResponse(writing.csv_bytes(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{answers_file.name(upload.pk)}"'
    return response


def type_of(encoding: str) -> str:
    """The media type of a CSV file in an encoding."""
    return f"text/csv; charset={'shift_jis' if encoding == 'cp932' else 'utf-8'}"


def download(content: bytes, name: str, content_type: str = writing.EXCEL_TYPE) -> HttpResponse:
    """Bytes under a file name."""
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
