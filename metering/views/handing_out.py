"""Usage as an HTTP answer, the same at every door: a published file (ETag, parts, hash), past half-hours as CSV."""

import csv
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date

from metering import deliveries, usage_inquiries
from metering.models import PublishedFile
from metering.usage_inquiries import Past
from portal import ranges
from portal.models import User

CONTENT_TYPES = {
    PublishedFile.Format.BP_ZIP: "application/zip",
    PublishedFile.Format.WIDE_CSV: "application/gzip",
    PublishedFile.Format.MANIFEST: "application/json",
    PublishedFile.Format.WITHDRAWAL: "text/csv; charset=utf-8",
}


def hand_out(request: HttpRequest, file: PublishedFile, *, by: User, now: datetime) -> HttpResponseBase:
    """The file, the part a Range header asks for (206, 416), or 304 to who has it; a HEAD collects nothing.

    Raises what `deliveries.collect` raises.
    """
    etag = f'"{file.sha256}"'
    if ranges.names(request.headers.get("If-None-Match", ""), etag):
        return _headed(HttpResponse(status=304), file, etag)
    part = None
    if request.method == "GET" and request.headers.get("If-Range", etag).strip() == etag:
        try:
            part = ranges.wanted(request.headers.get("Range", ""), file.size)
        except ranges.NotSatisfiable:
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{file.size}"
            return _headed(response, file, etag)
    if request.method == "HEAD":
        response = HttpResponse(content_type=_type_of(file))
        response["Content-Length"] = str(file.size)
        return _headed(response, file, etag)
    first, count = (part.first, part.count) if part else (0, file.size)
    opened = deliveries.collect(file, first=first, count=count, by=by, now=now)
    answer = StreamingHttpResponse(opened, status=206 if part else 200, content_type=_type_of(file))
    answer["Content-Length"] = str(count)
    answer["Content-Disposition"] = content_disposition_header(True, file.name) or ""
    if part:
        answer["Content-Range"] = f"bytes {part.first}-{part.last}/{file.size}"
    return _headed(answer, file, etag)


def _headed(response: HttpResponseBase, file: PublishedFile, etag: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Last-Modified"] = http_date(file.publication.published_at.timestamp())
    response["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(file.sha256)).decode()}:"
    return response


def _type_of(file: PublishedFile) -> str:
    return CONTENT_TYPES.get(PublishedFile.Format(file.format), "application/octet-stream")


class _Echo:
    """Hands a line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def usage_as_csv(past: Past, number: str) -> StreamingHttpResponse:
    """Every half-hour of the window, streamed; `number` is the supply point's."""

    def streamed() -> Iterator[str]:
        writer = csv.writer(_Echo())
        yield "\ufeff"
        for line in usage_inquiries.lines(past):
            yield writer.writerow(line)

    return StreamingHttpResponse(
        streamed(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="usage-{number}-{past.window.last:%Y%m%d}.csv"'},
    )
