"""Daily statements: what was published to the own company, with counts and hashes, to compare with what arrived."""

from datetime import date

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from metering import deliveries
from metering.models import PublishedFile
from portal import lists
from portal.access import Ability, needs, person
from portal.lists import Column
from portal.templatetags.words import class_mark, jst
from portal.workdays import JST

DAY_COLUMNS = [
    Column(
        "date",
        gettext_lazy("Published on"),
        value=lambda row: row["date"],
        show=jst,
        link=lambda row: reverse("metering:statement", args=[row["date"]]),
    ),
    Column("files", gettext_lazy("Files"), value=lambda row: row["files"], numeric=True),
    Column("first", gettext_lazy("First number"), value=lambda row: row["first"], numeric=True),
    Column("last", gettext_lazy("Last number"), value=lambda row: row["last"], numeric=True),
    Column("rows", gettext_lazy("Rows"), value=lambda row: row["day_rows"] or 0, numeric=True),
    Column("size", gettext_lazy("Bytes"), value=lambda row: row["bytes"], numeric=True),
    Column("open", gettext_lazy("Not collected"), value=lambda row: row["open"], numeric=True),
]
FILE_COLUMNS = [
    Column("number", gettext_lazy("No."), numeric=True, sort="number"),
    Column(
        "name",
        gettext_lazy("File"),
        sort="name",
        link=lambda file: reverse("metering:published-file", args=[file.pk]),
    ),
    Column("day", gettext_lazy("Day"), value="publication.day", show=jst, sort=("publication__day", "number")),
    Column("revision", gettext_lazy("Revision"), value="publication.revision", numeric=True),
    Column("area", gettext_lazy("Area"), value=lambda file: file.get_area_display(), sort="area"),
    Column("supply_class", gettext_lazy("Class"), show=class_mark, sort="supply_class"),
    Column("kind", gettext_lazy("Format"), value=lambda file: file.get_format_display(), sort="format"),
    Column("rows", gettext_lazy("Rows"), numeric=True, sort="rows"),
    Column("size", gettext_lazy("Bytes"), numeric=True, sort="size"),
    Column(
        "sha256",
        gettext_lazy("SHA-256"),
        draw=lambda file: format_html("<code class='text-body' title='{}'>{}…</code>", file.sha256, file.sha256[:12]),
    ),
    Column("readings", gettext_lazy("Readings"), csv_only=True),
    Column("first_collected_at", gettext_lazy("First collected"), csv_only=True),
]


@needs(Ability.COLLECT_USAGE)
@require_GET
def statements(request: HttpRequest) -> HttpResponseBase:
    """A line per day on which something was published."""
    days = (
        PublishedFile.objects.visible_to(person(request))
        .values(date=TruncDate("publication__published_at", tzinfo=JST))
        .annotate(
            files=Count("pk"),
            first=Min("number"),
            last=Max("number"),
            day_rows=Sum("rows", filter=Q(format=PublishedFile.Format.WIDE_CSV)),
            bytes=Sum("size"),
            open=Count("pk", filter=Q(first_collected_at__isnull=True)),
        )
        .order_by("-date")
    )
    return lists.show(
        request,
        days,
        columns=DAY_COLUMNS,
        title=_("Daily statements"),
        empty=_("Nothing was published for you yet. Each day's usage is published the next morning."),
        template="metering/statements.html",
    )


@needs(Ability.COLLECT_USAGE)
@require_GET
def statement(request: HttpRequest, day: date) -> HttpResponseBase:
    """One day: sums, the hash over all, every file; as CSV with `?format=csv`."""
    user = person(request)
    made = deliveries.statement(day, user)
    facts = [
        (_("Published on"), jst(day)),
        (_("Files"), f"{len(made.files):,}"),
        (_("Delivery numbers"), f"{made.files[0].number:,} – {made.files[-1].number:,}" if made.files else ""),
        (_("Rows"), f"{made.rows:,}"),
        (_("Size (bytes)"), f"{made.size:,}"),
        (_("SHA-256 of the statement"), format_html("<code class='text-body text-break'>{}</code>", made.sha256)),
    ]
    return lists.show(
        request,
        deliveries.published_on(day, user),
        columns=FILE_COLUMNS,
        title=_("Statement of %(day)s") % {"day": jst(day)},
        empty=_("Nothing was published for you on this day."),
        template="metering/statement.html",
        context={"facts": facts, "day": day},
        filename=f"statement-{day:%Y%m%d}",
    )


@needs(Ability.COLLECT_USAGE)
@require_GET
def statement_json(request: HttpRequest, day: date) -> HttpResponseBase:
    """The same for machines."""
    return JsonResponse(deliveries.statement(day, person(request)).as_json())
