"""Pages for files of many cases: send one, see what was found in it, confirm, get the wrong rows back, recall."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from portal import clock, lists
from portal.access import Ability, needs
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import NOTHING, badge, class_mark, jst, point_number
from portal.workdays import jst_date
from switching import disclosures
from switching.bulk import answers_file, files, uploads
from switching.bulk.kind import FileKind
from switching.bulk.kinds import KINDS
from switching.bulk.rows import ChoiceField
from switching.bulk.words import told
from switching.forms_uploads import RowFilter, UploadFilter, UploadForm
from switching.models import Content, Upload, UploadRow
from switching.views import upload_files

State, RowState = Upload.State, UploadRow.State
TONES = {
    State.WAITING: "going",
    State.CHECKED: "waiting",
    State.CONFIRMED: "going",
    State.DONE: "done",
    State.UNREADABLE: "refused",
    State.DISCARDED: "stopped",
    State.RECALLING: "going",
    State.RECALLED: "stopped",
}
ROW_TONES = {
    RowState.GOOD: "going",
    RowState.WARNED: "waiting",
    RowState.KNOWN: "stopped",
    RowState.WRONG: "refused",
    RowState.DONE: "done",
    RowState.REFUSED: "refused",
    RowState.RECALLED: "stopped",
}


def state_badge(upload: Upload) -> SafeString:
    """The file's state as word, shape and colour."""
    return badge(upload.get_state_display(), TONES[State(upload.state)])


def _row_badge(row: UploadRow) -> SafeString:
    return badge(row.get_state_display(), ROW_TONES[RowState(row.state)])


UPLOADS = [
    Column(
        "name", gettext_lazy("File"), sort="name", link=lambda upload: reverse("switching:upload", args=[upload.pk])
    ),
    Column("content", gettext_lazy("Content"), value=lambda upload: upload.get_content_display(), sort="content"),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda upload: upload.get_state_display(),
        draw=state_badge,
        sort="state",
    ),
    Column("uploaded_at", gettext_lazy("Uploaded"), show=jst, sort="uploaded_at"),
    Column("uploaded_by", gettext_lazy("By"), value="uploaded_by.name"),
    Column("rows", gettext_lazy("Rows"), numeric=True, sort="rows"),
    Column(
        "rows_good",
        gettext_lazy("Good"),
        value=lambda upload: upload.rows_good + upload.rows_warned,
        numeric=True,
    ),
    Column("rows_known", gettext_lazy("Already there"), numeric=True, sort="rows_known"),
    Column("rows_wrong", gettext_lazy("Wrong"), numeric=True, sort="rows_wrong"),
    Column("sha256", "SHA-256", csv_only=True),
    Column("finished_at", gettext_lazy("Finished"), csv_only=True),
]


def _found(row: UploadRow) -> str:
    return " ".join(told(item["words"]) for item in row.findings)


def _drawn(row: UploadRow) -> SafeString | str:
    if not row.findings:
        return NOTHING
    return format_html_join(
        "", '<span class="finding finding-{}">{}</span>', ((item["kind"], told(item["words"])) for item in row.findings)
    )


def _case(row: UploadRow) -> str:
    case = row.relay or row.application
    other = row.disclosure_id or row.meter_work_id or row.inquiry_id or row.movement_id
    return case.number if case else str(other or "")


def _case_link(row: UploadRow) -> str:
    if row.relay:
        return reverse("switching:relay", args=[row.relay.number])
    if row.application:
        return reverse("switching:application", args=[row.application.number])
    if row.meter_work_id:
        return reverse("switching:meter-work", args=[row.meter_work_id])
    if row.inquiry_id:
        return reverse("metering:inquiry", args=[row.inquiry_id])
    if row.movement_id:
        return reverse("switching:movements")
    return reverse("switching:disclosure", args=[row.disclosure_id]) if row.disclosure_id else ""


def _cell(name: str) -> Callable[[UploadRow], str]:
    return lambda row: row.cells.get(name, "")


def _row_columns(kind: FileKind) -> list[Column]:
    """What a row is about, what was found in it, what came of it; never the customer's name or address."""
    about = [
        Column(
            column.name,
            column.label,
            value=_cell(column.name),
            show=point_number if column.name == "supply_point" else None,
        )
        for column in kind.columns
        if column.name in ("supply_point", "relay", "application", "work", "reference")
    ]
    return [
        Column("line", gettext_lazy("Row"), numeric=True, sort="line"),
        Column(
            "state", gettext_lazy("Verdict"), value=lambda row: row.get_state_display(), draw=_row_badge, sort="state"
        ),
        Column("supply_class", gettext_lazy("Class of supply"), show=class_mark, sort="supply_class"),
        *about,
        Column("found", gettext_lazy("What was found"), value=_found, draw=_drawn),
        Column("case", gettext_lazy("Case"), value=_case, link=_case_link),
    ]


@needs(Ability.SEND_MANY)
@require_GET
def listing(request: HttpRequest) -> HttpResponseBase:
    """The company's files, the newest first."""
    return lists.show(
        request,
        Upload.objects.visible_to(_person(request)).select_related("uploaded_by"),
        columns=UPLOADS,
        filterset=UploadFilter,
        title=_("Files of many cases"),
        empty=_("No file sent yet. Choose above what your first one is to file."),
        template="switching/uploads.html",
        context={"kinds": _kinds(_person(request))},
        filename="uploads",
    )


def _kinds(user: User) -> list[tuple[FileKind, str]]:
    return [(kind, str(Content(kind.content).label)) for kind in KINDS.values() if user.may(kind.ability)]


def _kind(request: HttpRequest, content: str) -> FileKind:
    kind = KINDS.get(content)
    if kind is None or not _person(request).may(kind.ability):
        raise Http404
    return kind


@needs(Ability.SEND_MANY)
def new(request: HttpRequest, content: str) -> HttpResponseBase:
    """What a file of this kind looks like, its templates, and the form that takes one."""
    kind, user, now = _kind(request, content), _person(request), clock.now()
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        given = form.cleaned_data["file"]
        try:
            upload = uploads.receive(given.file, content=content, name=given.name or "", by=user, now=now)
        except (files.Unreadable, uploads.NotPossible) as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("switching:upload", upload.pk)
    version = disclosures.version_on(jst_date(now)) if kind.content == Content.DISCLOSURES else None
    return render(
        request,
        "switching/upload_new.html",
        {
            "title": _("Send a file: %(content)s") % {"content": Content(kind.content).label},
            "kind": kind,
            "form": form,
            "columns": [
                (column, column.field.shown if isinstance(column.field, ChoiceField) else "") for column in kind.columns
            ],
            "items": list(version.items.all()) if version else [],
        },
        status=422 if form.errors else 200,
    )


@needs(Ability.SEND_MANY)
@require_GET
def template(request: HttpRequest, content: str, format: str) -> HttpResponseBase:
    """An empty list with the columns' names in the reader's language and one example."""
    return upload_files.template(_kind(request, content), format)


@needs(Ability.SEND_MANY)
@require_GET
def work_list(request: HttpRequest, content: str, format: str) -> HttpResponseBase:
    """What waits for the company, a row each; to be filled in and sent back."""
    kind, user = _kind(request, content), _person(request)
    return upload_files.work_list(kind, format, by=user, now=clock.now())


@needs(Ability.SEND_MANY)
@require_GET
def page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A file as it stands: being checked, its preview, being carried out, its result."""
    user = _person(request)
    upload = _visible(user, pk)
    kind = KINDS[upload.content]
    own_rows = UploadRow.objects.of(upload, user).select_related("relay", "application", "meter_work")
    rows = lists.build(
        request, own_rows, columns=_row_columns(kind), filterset=RowFilter, empty=_("The file holds no rows any more.")
    )
    if request.GET.get("format") == "csv":
        return lists.as_csv(rows, f"upload-{upload.pk}")
    counts = uploads.counts_of(upload)
    is_preview = upload.state == State.CHECKED
    return render(
        request,
        "switching/upload.html",
        {
            "title": upload.name,
            "upload": upload,
            "badge": state_badge(upload),
            "facts": _facts(upload),
            "counts": [
                (state.label, counts[state], ROW_TONES[state], f"?state={state}") for state in RowState if counts[state]
            ],
            "waits": _waits(upload, counts),
            "is_stuck": upload.state == State.WAITING and upload.attempts >= uploads.GIVE_UP_AFTER,
            "problem": told(upload.problem) if upload.problem else "",
            "is_preview": is_preview,
            "twin": uploads.twin_of(upload) if is_preview else None,
            "to_file": upload.rows_good + upload.rows_warned,
            "wrong": counts[RowState.WRONG] + counts[RowState.REFUSED],
            "may_recall": upload.state == State.DONE and kind.is_recallable and counts[RowState.DONE],
            "answers": answers_file.title() if upload_files.is_answered(upload) else "",
            "list": rows,
        },
    )


def _facts(upload: Upload) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Content"), upload.get_content_display()),
        (_("Uploaded"), f"{jst(upload.uploaded_at)} {upload.uploaded_by.name}"),
    ]
    if upload.confirmed_at and upload.confirmed_by:
        facts.append((_("Confirmed"), f"{jst(upload.confirmed_at)} {upload.confirmed_by.name}"))
    if upload.finished_at:
        facts.append((_("Finished"), jst(upload.finished_at)))
    encoding = {"utf-8": "UTF-8", "cp932": "Shift_JIS"}.get(upload.encoding, "")
    facts.append((_("Format"), f"{upload.get_format_display()} {encoding}".strip()))
    facts.append(("SHA-256", format_html("<code class='text-body text-break'>{}</code>", upload.sha256)))
    return facts


def _waits(upload: Upload, counts: dict[str, int]) -> str:
    """What a worker is at with the file, in words; "" when none is."""
    if upload.state == State.WAITING:
        rows = uploads.progress(upload)
        if not rows:
            return _("The file waits to be checked.")
        return ngettext(
            "The file is being checked: %(rows)s row so far.", "The file is being checked: %(rows)s rows so far.", rows
        ) % {"rows": f"{rows:,}"}
    total = upload.rows_good + upload.rows_warned
    if upload.state == State.CONFIRMED:
        left = counts[RowState.GOOD] + counts[RowState.WARNED]
        return _("The rows are being carried out: %(done)s of %(total)s.") % {
            "done": f"{total - left:,}",
            "total": f"{total:,}",
        }
    if upload.state == State.RECALLING:
        return _("The cases are being taken back: %(done)s so far.") % {"done": f"{counts[RowState.RECALLED]:,}"}
    return ""


@needs(Ability.SEND_MANY)
@require_POST
def confirmation(request: HttpRequest, pk: int) -> HttpResponse:
    """Carry the good rows out."""
    user = _person(request)
    upload = _visible(user, pk)
    try:
        uploads.confirm(upload.pk, again="again" in request.POST, by=user, now=clock.now())
    except uploads.NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The file is being carried out. Your company is told when it is done."))
    return redirect("switching:upload", upload.pk)


@needs(Ability.SEND_MANY)
@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a checked file aside."""
    user = _person(request)
    upload = _visible(user, pk)
    try:
        uploads.discard(upload.pk, by=user, now=clock.now())
    except uploads.NotPossible as refusal:
        messages.error(request, str(refusal))
        return redirect("switching:upload", upload.pk)
    messages.success(request, _("%(name)s is discarded; nothing of it was filed.") % {"name": upload.name})
    return redirect("switching:uploads")


@needs(Ability.SEND_MANY)
def recall(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what the file filed, after a page that says what this means."""
    user = _person(request)
    upload = _visible(user, pk)
    if request.method == "POST" and "confirmed" in request.POST:
        try:
            uploads.recall(upload.pk, by=user, now=clock.now())
        except uploads.NotPossible as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The cases are being taken back. Your company is told when it is done."))
        return redirect("switching:upload", upload.pk)
    counts = uploads.counts_of(upload)
    return render(
        request,
        "switching/upload_recall.html",
        {
            "title": _("Recall this file?"),
            "upload": upload,
            "facts": [*_facts(upload)[:3], (_("Cases filed"), f"{counts[RowState.DONE]:,}")],
            "may_recall": upload.state == State.DONE and KINDS[upload.content].is_recallable,
        },
    )


@needs(Ability.SEND_MANY)
@require_GET
def wrong_rows(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The wrong and refused rows in the format they came in, with the reasons in front."""
    user = _person(request)
    return upload_files.wrong_rows(_visible(user, pk), by=user, now=clock.now())


@needs(Ability.SEND_MANY)
@require_GET
def answers(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The answer to a file of inquiries or plans: every row with its verdict and what was found."""
    user = _person(request)
    return upload_files.answers(_visible(user, pk), by=user, now=clock.now())


def _visible(user: User, pk: int) -> Upload:
    return get_object_or_404(Upload.objects.visible_to(user).select_related("uploaded_by", "confirmed_by"), pk=pk)


def _person(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]
