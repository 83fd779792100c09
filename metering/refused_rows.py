"""What was refused of a usage file, as it is got back: with its reasons, to correct and send again."""

import csv
import io
from collections.abc import Iterator

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import translation

from metering import categories, checks, register_intake, resending
from metering.formats.csv import COLUMNS
from metering.models import RefusedRow, UsageFile
from portal.lists import DANGEROUS_FIRST, defused


def why(row: RefusedRow) -> str:
    """The sentence a row was refused with, in the reader's language."""
    return checks.sentence(row.code, row.params)


def check_of(row: RefusedRow) -> str:
    """The check's code in the notes (V01 …) where it has one, else the reason's own."""
    known = checks.CHECKS.get(row.code)
    if known and known.check:
        return known.check
    return "V02" if row.code == "duplicate_differs" else row.code


def to_correct(file: UsageFile) -> HttpResponseBase:
    """The refused rows as a wide CSV with `code` and `reason` in front; corrected, it can be sent as it is.

    Those of a file of JSON lines come as JSON lines, those of half-hours and W5 files as the message itself under the
    next revision's name, both without reasons: the list has these. Where the message is no longer kept, its refused
    rows are listed with their reasons all the same.
    """
    language = translation.get_language() or "ja"
    if file.format in resending.AS_MESSAGE and file.rows_refused and file.content:
        name, content = resending.message(file)
        return _named(HttpResponse(content, content_type="application/zip"), name)
    if file.format == UsageFile.Format.JSON_LINES:
        rows = file.refused.order_by("line", "id").values_list("raw", flat=True).iterator(chunk_size=2000)
        lines = StreamingHttpResponse((f"{raw}\n".encode() for raw in rows), content_type="application/jsonl")
        return _named(lines, f"refused-{file.pk}.jsonl")
    table = StreamingHttpResponse(_lines(file, language), content_type="text/csv; charset=utf-8")
    return _named(table, f"refused-{file.pk}.csv")


def _named(answer: HttpResponseBase, name: str) -> HttpResponseBase:
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _lines(file: UsageFile, language: str) -> Iterator[bytes]:
    columns = register_intake.COLUMNS if file.format == UsageFile.Format.REGISTERS else COLUMNS
    if category := categories.OF_FORMAT.get(file.format):
        columns = category.header
    yield b"\xef\xbb\xbf" + ",".join(("code", "reason", *columns)).encode() + b"\n"
    for row in file.refused.order_by("line", "id").iterator(chunk_size=2000):
        with translation.override(language):
            reason = why(row)
        front = io.StringIO()
        csv.writer(front, lineterminator="").writerow([check_of(row), reason])
        # The row is a line of CSV already.
        yield f"{front.getvalue()},{_defused(row.raw)}\n".encode()


def _defused(raw: str) -> str:
    """The line with each text in it that a spreadsheet would run made a plain text; numbers keep their sign."""
    if not any(sign in raw for sign in DANGEROUS_FIRST):
        return raw
    try:
        cells = next(csv.reader([raw]), [])
    except csv.Error:
        return defused(raw)
    safe = [cell if _is_number(cell) else defused(cell) for cell in cells]
    if safe == cells:
        return raw
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(safe)
    return line.getvalue()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
