"""The collection door of clients in use: a list of names and sizes, and a file by its name (domain notes, metering §1).

One pair of addresses per area, as each area's network operator had its own: names are unique within an area alone.
"""

from collections.abc import Iterator

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from metering import deliveries
from metering.models import PublishedFile
from metering.models.usage import PublishedFileQuerySet
from metering.views.handing_out import hand_out
from portal import clock
from portal.access import Ability, by_certificate
from portal.certificate_gate import plain
from portal.machines import machine
from portal.market import Area

ROWS_AT_ONCE = 2000


@by_certificate(Ability.COLLECT_USAGE)
@require_safe
def file_list(request: HttpRequest, area: str) -> HttpResponseBase:
    """All zips of the Business Protocol that are kept, in the order in which they were published."""
    return StreamingHttpResponse(_lines(_zips(request, area)), content_type="text/xml; charset=utf-8")


@by_certificate(Ability.COLLECT_USAGE)
@require_safe
def file_by_name(request: HttpRequest, area: str) -> HttpResponseBase:
    """One of these, as often as it is asked for."""
    name = request.GET.get("file", "")
    if not name:
        return plain(_("Say which file: …/FileReceiver?file=NAME, with a name of FileListReceiver."), status=400)
    found = _zips(request, area).filter(name=name).select_related("publication").first() if "\0" not in name else None
    if found is None:
        return plain(_("There is no file of this name for your company in this area (any more)."), status=404)
    try:
        return hand_out(request, found, by=machine(request), now=clock.now())
    except deliveries.NoLongerKept as gone:  # removed between the two lines above
        return plain(str(gone.sentence), status=404)


def _zips(request: HttpRequest, area: str) -> PublishedFileQuerySet:
    if area not in Area.values:
        raise Http404
    mine: PublishedFileQuerySet = PublishedFile.objects.visible_to(machine(request))
    return mine.kept().filter(area=area, format=PublishedFile.Format.BP_ZIP).order_by("number")


def _lines(files: PublishedFileQuerySet) -> Iterator[str]:
    """`rfilename0:"NAME",rfilesize0:"BYTES",…`; names hold letters, digits and dots alone."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<result><comment>'
    for at, (name, size) in enumerate(files.values_list("name", "size").iterator(ROWS_AT_ONCE)):
        yield f'{"," if at else ""}rfilename{at}:"{name}",rfilesize{at}:"{size}"'
    yield "</comment></result>\n"
