"""A network operator's usage files: send, watch, get back what was refused."""

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from metering import checks, intake, tallies
from metering.forms_usage import UploadForm, UsageFileFilter
from metering.models import OwedCheck, RefusedRow, UsageFile
from metering.refused_rows import check_of, to_correct, why
from metering.vee import ORDER, Severity
from portal import clock, lists
from portal.access import Ability, needs
from portal.lists import Column, Listing
from portal.models import User
from portal.templatetags.words import badge, jst

TONES = {
    UsageFile.State.WAITING: "waiting",
    UsageFile.State.TAKEN_IN: "done",
    UsageFile.State.UNREADABLE: "refused",
}
RAW_SHOWN = 64


def state_badge(file: UsageFile) -> SafeString:
    return badge(file.get_state_display(), TONES[UsageFile.State(file.state)])


FILE_COLUMNS = [
    Column(
        "name",
        gettext_lazy("File"),
        sort="name",
        link=lambda file: reverse("metering:usage-file", args=[file.pk]),
    ),
    Column("kind", gettext_lazy("Format"), value=lambda file: file.get_format_display()),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda file: file.get_state_display(),
        draw=state_badge,
        sort="state",
    ),
    Column("received_at", gettext_lazy("Received"), show=jst, sort="received_at"),
    Column("rows_read", gettext_lazy("Rows read"), numeric=True, sort="rows_read"),
    Column("rows_taken", gettext_lazy("Taken in"), numeric=True, sort="rows_taken"),
    Column("rows_unchanged", gettext_lazy("Known already"), numeric=True, sort="rows_unchanged"),
    Column("rows_refused", gettext_lazy("Refused"), numeric=True, sort="rows_refused"),
    Column("size", gettext_lazy("Bytes"), numeric=True, sort="size"),
    Column("sha256", gettext_lazy("SHA-256"), csv_only=True),
    Column("finished_at", gettext_lazy("Finished"), csv_only=True),
]


def _raw(row: RefusedRow) -> SafeString:
    text = row.raw if len(row.raw) <= RAW_SHOWN else row.raw[:RAW_SHOWN] + "…"
    return format_html('<code class="text-body" translate="no">{}</code>', text)


ROW_COLUMNS = [
    Column("line", gettext_lazy("Line"), numeric=True, sort=("line", "id")),
    Column("field", gettext_lazy("Column"), sort="field"),
    Column("check", gettext_lazy("Check"), value=check_of, sort="code"),
    Column("reason", gettext_lazy("Reason"), value=why),
    Column("raw", gettext_lazy("Row as sent"), draw=_raw),
]


@needs(Ability.SEND_USAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def usage_files(request: HttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        received = [file for upload in form.cleaned_data["files"] if (file := _receive(request, upload)) is not None]
        if len(received) == 1:
            return redirect("metering:usage-file", received[0].pk)
        return redirect("metering:usage-files")
    return lists.show(
        request,
        UsageFile.objects.visible_to(_person(request)),
        columns=FILE_COLUMNS,
        filterset=UsageFileFilter,
        title=_("Usage files"),
        empty=_("No usage file yet. Send the first one with the form above, or put it into your drop folder."),
        template="metering/usage_files.html",
        context={"form": form},
    )


def _receive(request: HttpRequest, upload: UploadedFile) -> UsageFile | None:
    """Receive one upload; what is wrong with it becomes a message that names the file."""
    assert upload.file is not None  # an upload has content
    try:
        file = intake.receive(
            upload.file,
            name=upload.name or "",
            sender=_person(request).company,
            by=_person(request),
            now=clock.now(),
        )
    except intake.AlreadyReceived as known:
        messages.warning(
            request,
            format_html(
                _("{name}: the same content was received already {when}, as <a href='{url}'>{known}</a>."),
                name=upload.name,
                when=jst(known.file.received_at),
                url=reverse("metering:usage-file", args=[known.file.pk]),
                known=known.file.name,
            ),
        )
    except intake.NotAUsageFile as problem:
        messages.error(request, f"{upload.name}: {problem.sentence}")
    except intake.NotANetworkOperator:
        messages.error(request, _("Only network operators send usage files."))
    else:
        messages.success(request, _("%(name)s was received and is being read.") % {"name": upload.name})
        return file
    return None


@needs(Ability.SEND_USAGE)
@require_GET
def usage_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = get_object_or_404(UsageFile.objects.visible_to(_person(request)).select_related("received_from"), pk=pk)
    rows: Listing = lists.build(
        request,
        file.refused.order_by("line", "id"),
        columns=ROW_COLUMNS,
        empty=_("No row was refused."),
    )
    if lists.wants_csv(request):
        return lists.as_csv(rows, f"refused-rows-{file.pk}")
    facts = [
        (_("State"), state_badge(file)),
        (_("Format"), file.get_format_display()),
        (_("Received"), jst(file.received_at)),
        (_("Received from"), file.received_from.name if file.received_from else _("drop folder")),
        (_("Finished"), jst(file.finished_at)),
        (_("Size (bytes)"), f"{file.size:,}"),
        (_("SHA-256"), format_html("<code class='text-body text-break'>{}</code>", file.sha256)),
    ]
    counts = [
        (_("Rows read"), file.rows_read),
        (_("Taken in"), file.rows_taken),
        (_("Known already"), file.rows_unchanged),
        (_("Refused"), file.rows_refused),
    ]
    waiting = file.state == UsageFile.State.WAITING
    return render(
        request,
        "metering/usage_file.html",
        {
            "title": file.name,
            "file": file,
            "facts": facts,
            "counts": counts,
            "notes": _notes(file),
            "findings": _findings(file),
            "checks_owed": OwedCheck.objects.filter(batch__file=file, done_at__isnull=True).exists(),
            "problem": checks.sentence(file.problem["code"], file.problem.get("params")) if file.problem else "",
            "waiting": waiting,
            "unsettled": not file.settled_at and (file.rows_refused or file.problem),
            "stuck": waiting and file.attempts >= intake.GIVE_UP_AFTER,
            "rows_so_far": tallies.progress(file) if waiting else None,
            "list": rows,
        },
    )


@needs(Ability.SEND_USAGE)
@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = get_object_or_404(UsageFile.objects.visible_to(_person(request)), pk=pk)
    intake.settle(file, by=_person(request), now=clock.now())
    messages.success(request, _("%(name)s no longer waits in the inbox.") % {"name": file.name})
    return redirect("metering:usage-files")


def _notes(file: UsageFile) -> list[dict[str, object]]:
    """Warnings and information of the file, one per check."""
    found = []
    for code, noted in sorted(file.warnings.items()):
        check = checks.CHECKS.get(code)
        found.append(
            {
                "check": check.check if check else code,
                "result": ORDER[noted["severity"]].label if "severity" in noted else "",
                "sentence": checks.sentence(code),
                "rows": noted["rows"],
                "first": noted["first"],
            }
        )
    return found


def _findings(file: UsageFile) -> list[dict[str, object]]:
    """Findings kept about the file's rows, counted per check and result."""
    rows = file.findings.values("check_code", "severity").annotate(count=Count("pk")).order_by("check_code", "severity")
    return [{**row, "result": Severity(row["severity"]).label} for row in rows]


@needs(Ability.SEND_USAGE)
@require_GET
def refused_rows(request: HttpRequest, pk: int) -> HttpResponseBase:
    file = get_object_or_404(UsageFile.objects.visible_to(_person(request)), pk=pk)
    return to_correct(file)


def _person(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]
