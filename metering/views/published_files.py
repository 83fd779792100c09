"""A retailer's published usage files: list, look, fetch."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import messages
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from metering import deliveries
from metering.forms_usage import AgainForm, PublishedFileFilter
from metering.models import PublishedFile
from metering.views.handing_out import hand_out
from portal import clock, lists
from portal.access import Ability, needs
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import badge, class_mark, jst
from portal.workdays import jst_date

VISIT_COOKIE = "published_files_visit"
ONE_VISIT = timedelta(minutes=30)


def _is_changed(file: PublishedFile) -> bool:
    """A later revision of the day came after the file was collected (with_later)."""
    later_at = file.later_at  # type: ignore[attr-defined]
    return bool(file.first_collected_at and later_at and later_at > file.first_collected_at)


def _state(file: PublishedFile) -> str:
    if file.removed_at:
        return _("no longer kept")
    if _is_changed(file):
        return _("changed since it was collected")
    return _("collected") if file.first_collected_at else _("new")


def _tone(file: PublishedFile) -> str:
    if file.removed_at:
        return "stopped"
    return "waiting" if _is_changed(file) or not file.first_collected_at else "done"


COLUMNS = [
    Column("number", gettext_lazy("No."), numeric=True, sort="number"),
    Column("day", gettext_lazy("Day"), value="publication.day", show=jst, sort=("publication__day", "number")),
    Column("revision", gettext_lazy("Revision"), value="publication.revision", numeric=True),
    Column(
        "name",
        gettext_lazy("File"),
        sort="name",
        link=lambda file: reverse("metering:published-file", args=[file.pk]),
    ),
    Column("area", gettext_lazy("Area"), value=lambda file: file.get_area_display(), sort="area"),
    Column("supply_class", gettext_lazy("Class"), show=class_mark, sort="supply_class"),
    Column("kind", gettext_lazy("Format"), value=lambda file: file.get_format_display(), sort="format"),
    Column("rows", gettext_lazy("Rows"), numeric=True, sort="rows"),
    Column("size", gettext_lazy("Bytes"), numeric=True, sort="size"),
    Column(
        "state",
        gettext_lazy("State"),
        value=_state,
        draw=lambda file: badge(_state(file), _tone(file)),
    ),
    Column("later", gettext_lazy("Later revision"), value="later_revision", numeric=True),
    Column(
        "fetch",
        gettext_lazy("Fetch"),
        value=lambda file: "" if file.removed_at else _("download"),
        link=lambda file: "" if file.removed_at else reverse("metering:published-file-download", args=[file.pk]),
    ),
    Column("readings", gettext_lazy("Readings"), csv_only=True),
    Column("sha256", gettext_lazy("SHA-256"), csv_only=True),
    Column("published_at", gettext_lazy("Published"), value="publication.published_at", csv_only=True),
    Column("first_collected_at", gettext_lazy("First collected"), csv_only=True),
]


@needs(Ability.COLLECT_USAGE)
@require_GET
def published_files(request: HttpRequest) -> HttpResponseBase:
    now = clock.now()
    last, current = _visits(request, now)
    request.last_visit = last  # type: ignore[attr-defined]
    mine = PublishedFile.objects.visible_to(_person(request))
    fresh = mine.kept().filter(publication__published_at__gt=last).count() if last else 0
    response = lists.show(
        request,
        mine.with_later().select_related("publication"),
        columns=COLUMNS,
        filterset=PublishedFileFilter,
        title=_("Published usage files"),
        empty=_("Nothing was published for you yet. Each day's usage is published the next morning."),
        template="metering/published_files.html",
        context={
            "last_visit": last,
            "fresh": fresh,
            "zip_query": request.GET.urlencode(),
            "again": AgainForm(auto_id="again_%s"),
        },
    )
    response.set_signed_cookie(
        VISIT_COOKIE,
        f"{last.isoformat() if last else ''}|{current.isoformat()}",
        max_age=timedelta(days=90),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


@needs(Ability.COLLECT_USAGE)
@require_GET
def as_zip(request: HttpRequest) -> HttpResponseBase:
    """Every file the list's filter leaves, as one zip that is written while it is sent."""
    now, user = clock.now(), _person(request)
    request.last_visit = _visits(request, now)[0]  # type: ignore[attr-defined]
    found = PublishedFileFilter(
        request.GET, queryset=PublishedFile.objects.visible_to(user).select_related("publication"), request=request
    )
    try:
        archive = deliveries.as_zip(found.qs if found.is_valid() else found.queryset.none(), by=user, now=now)
    except deliveries.Refused as refused:
        messages.error(request, str(refused.sentence))
        return redirect(f"{reverse('metering:published-files')}?{request.GET.urlencode()}")
    response = StreamingHttpResponse(iter(archive), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="usage-{jst_date(now):%Y%m%d}.zip"'
    response["Content-Length"] = str(len(archive))
    return response


@needs(Ability.COLLECT_USAGE)
@require_POST
def again(request: HttpRequest) -> HttpResponseBase:
    """Offer a range of delivery numbers as new once more."""
    form = AgainForm(request.POST)
    here = reverse("metering:published-files")
    if not form.is_valid():
        for problems in form.errors.values():
            messages.error(request, " ".join(str(problem) for problem in problems))
        return redirect(here)
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    try:
        count = deliveries.offer_again(first, last, by=_person(request), now=clock.now())
    except deliveries.Refused as refused:
        messages.error(request, str(refused.sentence))
        return redirect(here)
    messages.success(
        request,
        ngettext("%(count)s file is offered as new again.", "%(count)s files are offered as new again.", count)
        % {"count": f"{count:,}"},
    )
    return redirect(f"{here}?first={first}&last={last}")


def _visits(request: HttpRequest, now: datetime) -> tuple[datetime | None, datetime]:
    """When this browser's visit before the present one was, and the present one; half an hour is one visit."""
    try:
        last, _bar, current = (request.get_signed_cookie(VISIT_COOKIE, default="") or "").partition("|")
        began = datetime.fromisoformat(current) if current else None
        before = datetime.fromisoformat(last) if last else None
    except (ValueError, BadSignature):  # a cookie that was tampered with counts as none
        before = began = None
    if began is None:
        return None, now
    return (before, began) if now - began < ONE_VISIT else (began, now)


@needs(Ability.COLLECT_USAGE)
@require_GET
def published_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = _file(request, pk)
    facts = [
        (_("Delivery number"), f"{file.number:,}"),
        (_("Day"), jst(file.publication.day)),
        (_("Layer"), file.publication.get_layer_display()),
        (_("Revision"), f"{file.publication.revision:02}"),
        (_("Area"), file.get_area_display()),
        (_("Class"), class_mark(file.supply_class)),
        (_("Format"), file.get_format_display()),
        (_("Rows"), f"{file.rows:,}"),
        (_("Readings"), f"{file.readings:,}"),
        (_("Size (bytes)"), f"{file.size:,}"),
        (_("SHA-256"), format_html("<code class='text-body text-break'>{}</code>", file.sha256)),
        (_("Published"), jst(file.publication.published_at)),
        (_("First collected"), jst(file.first_collected_at)),
    ]
    siblings = (
        PublishedFile.objects.visible_to(_person(request))
        .filter(publication=file.publication, area=file.area, supply_class=file.supply_class)
        .exclude(pk=file.pk)
        .order_by("format", "name")
    )
    later = deliveries.later_files(file).filter(pk__in=PublishedFile.objects.visible_to(_person(request)).values("pk"))
    return render(
        request,
        "metering/published_file.html",
        {
            "title": file.name,
            "file": file,
            "facts": facts,
            "siblings": siblings,
            "later": later.select_related("publication"),
            "since": deliveries.changed_since(file) if later else None,
        },
    )


@needs(Ability.COLLECT_USAGE)
@require_GET
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = _file(request, pk)
    try:
        return hand_out(request, file, by=_person(request), now=clock.now())
    except deliveries.Refused as refused:
        messages.error(request, str(refused.sentence))
        return redirect("metering:published-file", pk=pk)


def _file(request: HttpRequest, pk: int) -> PublishedFile:
    found = PublishedFile.objects.visible_to(_person(request)).select_related("publication")
    return get_object_or_404(found, pk=pk)


def _person(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]
