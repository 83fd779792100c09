"""One way to show every list of the site: columns, filters in the URL, sorting, pages, CSV of exactly what is filtered.

    COLUMNS = [
        Column("number", _("Relay"), sort="number", link=lambda relay: reverse("…:relay", args=[relay.number])),
        Column("point", _("Supply point"), value="point.number", show=point_number),
        Column("state", _("State"), value=lambda relay: relay.get_state_display(), draw=lambda relay: badge(…)),
        Column("wh", _("Usage (kWh)"), show=kwh, numeric=True, sort="wh"),
        Column("note", _("Note"), csv_only=True),
    ]

    @needs(Ability.SEE_RELAYS)
    def relays(request):
        rows = Relay.objects.visible_to(request.user).select_related("point")
        return lists.show(request, rows, columns=COLUMNS, filterset=RelayFilter, title=_("Relays"),
                          empty=_("No relay yet. Start from a facility inquiry."))

The query string holds everything: the filter's own fields, `sort` (a column's name, `-` before it for descending),
`size` (25, 50, 100), `page`, `cols` (the columns to show), `view` (the saved view it came from; `view=all`: none),
`format` (`csv`: every field, `csv-shown`: the columns on the page); no filter field may carry one of these names. What
makes a view (portal.saved_views) is this query string; a list opened without any opens with the person's first view.
A view costs the same number of queries whatever the number of rows, as long as `value`, `show` and `link` read only
what the queryset loaded (select_related, prefetch_related, annotations). A filter that does not validate shows its
sentence and no rows.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, reduce
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django_filters import FilterSet

from portal import saved_views
from portal.access import person
from portal.models import SavedView
from portal.templatetags.words import JST, NOTHING, class_mark, jst

SIZES = (25, 50, 100)
OWN_PARAMETERS = ("sort", "size", "page", "format", "cols", "view")
EVERY_FIELD, AS_SHOWN = "csv", "csv-shown"
NO_VIEW = "all"
DANGEROUS_FIRST = ("=", "+", "-", "@", "\t", "\r")
Words = str | Promise
Value = str | Callable[[Any], Any]


@dataclass(frozen=True)
class Column:
    """One column.

    `value`: a dotted path on the row (default: the name) or a function of the row; it is what the CSV holds.
    `show`: how the value is drawn, a function of the value (point_number, kwh, jst, class_mark, …).
    `draw`: how the cell is drawn when the value alone does not say it, a function of the row; wins over `show`.
    `sort`: the order_by expression(s) behind the header link; "" = not sortable.
    `numeric`: right-aligned; `link`: function of the row giving an address ("" = no link).
    `csv_only`: on the page only when somebody chooses the column. `private`: in the CSV alone, whose making its view
    keeps in the ledger. A class of supply is drawn as its mark everywhere, so that no two can be confused.
    """

    name: str
    label: Words
    value: Value = ""
    show: Callable[[Any], Any] | None = None
    draw: Callable[[Any], Any] | None = None
    sort: str | tuple[str, ...] = ""
    numeric: bool = False
    link: Callable[[Any], str] | None = None
    csv_only: bool = False
    private: bool = False

    def __post_init__(self) -> None:
        path = self.value if isinstance(self.value, str) else ""
        if (path or self.name).endswith("supply_class") and self.show is not class_mark:
            raise TypeError(f"the column {self.name} draws a class of supply otherwise than as its mark")

    def of(self, row: Any) -> Any:
        """The row's value in this column."""
        if callable(self.value):
            return self.value(row)
        return reduce(lambda thing, part: getattr(thing, part, None), (self.value or self.name).split("."), row)

    def drawn(self, row: Any) -> SafeString | str:
        """The cell as HTML."""
        if self.draw:
            content = self.draw(row)
        else:
            value = self.of(row)
            content = self.show(value) if self.show else plain(value)
            if isinstance(value, date):
                content = format_html('<span class="moment">{}</span>', content)
        address = self.link(row) if self.link else ""
        return format_html('<a href="{}">{}</a>', address, content) if address else conditional_escape(content)


@dataclass(frozen=True)
class Head:
    """A column's head as drawn: the link that sorts by it and which way it is sorted now."""

    label: Words
    numeric: bool
    url: str
    direction: str  # "ascending", "descending" or ""


@dataclass
class Listing:
    """A list as one request asks for it; templates draw it with `{% include "_parts/list.html" with list=… %}`."""

    request: HttpRequest
    queryset: QuerySet[Any]
    columns: Sequence[Column]
    filterset: FilterSet | None = None
    empty: Words = ""
    sizes: tuple[int, ...] = field(default=SIZES)

    @property
    def choosable_columns(self) -> list[Column]:
        """Columns that may stand on the page."""
        return [column for column in self.columns if not column.private]

    @cached_property
    def chosen(self) -> set[str]:
        """The columns named by `?cols=`, repeated or with commas between; unknown names are ignored."""
        asked = {name for part in self.request.GET.getlist("cols") for name in part.split(",")}
        return asked & {column.name for column in self.choosable_columns}

    @cached_property
    def shown_columns(self) -> list[Column]:
        return [
            column
            for column in self.choosable_columns
            if (column.name in self.chosen if self.chosen else not column.csv_only)
        ]

    @property
    def column_choices(self) -> list[tuple[Column, bool]]:
        """Each column that may be shown and whether it is."""
        return [(column, column in self.shown_columns) for column in self.choosable_columns]

    @cached_property
    def views(self) -> list["ViewLink"]:
        """The saved views of this list the person may use, as links; none where the address names a case."""
        if self.page_name is None:
            return []
        found = saved_views.of(person(self.request)).filter(page=self.page_name)
        return [ViewLink(view, view.is_first, saved_views.query_of(view)) for view in found]  # type: ignore[attr-defined]

    @property
    def page_name(self) -> str | None:
        """The name of the list's URL under which its views are kept; None where no views can be."""
        match = self.request.resolver_match
        if match is None or match.kwargs or not self.request.user.is_authenticated:
            return None
        return match.view_name

    @property
    def view(self) -> "ViewLink | None":
        """The saved view the page began with."""
        asked = self.request.GET.get("view", "")
        return next((link for link in self.views if str(link.view.pk) == asked), None)

    @property
    def first_view(self) -> "ViewLink | None":
        return next((link for link in self.views if link.opens_first), None)

    @property
    def kept_query(self) -> str:
        """What a view saved now would keep."""
        return saved_views.kept(self.request.GET)

    @property
    def has_left_its_view(self) -> bool:
        """True when filter, order or columns were changed since the view was opened."""
        return self.view is not None and QueryDict(self.view.view.query) != QueryDict(self.kept_query)

    @property
    def may_replace(self) -> bool:
        return (
            self.has_left_its_view
            and self.view is not None
            and saved_views.may_change(self.view.view, person(self.request))
        )

    @cached_property
    def sorted_by(self) -> tuple[Column | None, bool]:
        """The column of `?sort=` and whether it runs downwards; an unknown name is ignored."""
        asked = self.request.GET.get("sort", "")
        name, downwards = asked.removeprefix("-"), asked.startswith("-")
        return next((c for c in self.columns if c.sort and c.name == name), None), downwards

    @cached_property
    def rows(self) -> QuerySet[Any]:
        """Every filtered row in the asked order; the primary key decides between equals: pages never overlap."""
        if self.filterset is None:
            found = self.queryset
        else:
            found = self.filterset.qs if self.filterset.is_valid() else self.queryset.none()
        column, downwards = self.sorted_by
        if column is None:
            return found
        paths = (column.sort,) if isinstance(column.sort, str) else column.sort
        ordered = [_turned(path) if downwards else path for path in paths]
        return found.order_by(*ordered, "-pk" if downwards else "pk")

    @property
    def size(self) -> int:
        asked = self.request.GET.get("size", "")
        return int(asked) if asked in {str(size) for size in self.sizes} else self.sizes[0]

    @cached_property
    def page(self) -> Page:
        return Paginator(self.rows, self.size).get_page(self.request.GET.get("page"))

    @property
    def heads(self) -> list[Head]:
        current, downwards = self.sorted_by
        heads = []
        for column in self.shown_columns:
            is_current = current is column
            turn = f"-{column.name}" if is_current and not downwards else column.name
            heads.append(
                Head(
                    column.label,
                    column.numeric,
                    self.url_with(sort=turn, page="") if column.sort else "",
                    ("descending" if downwards else "ascending") if is_current else "",
                )
            )
        return heads

    @property
    def lines(self) -> list[list[tuple[Column, SafeString | str]]]:
        """The page's cells, drawn."""
        columns = self.shown_columns
        return [[(column, column.drawn(row)) for column in columns] for row in self.page.object_list]

    @property
    def is_filtered(self) -> bool:
        place = self.place
        return bool(self.filterset) and any(
            value for name, value in self.request.GET.items() if name not in OWN_PARAMETERS and name not in place
        )

    @property
    def place(self) -> dict[str, str]:
        """The filter's hidden fields, such as a tab: where the reader is, not what was filtered."""
        names = [field.html_name for field in self.filterset.form.hidden_fields()] if self.filterset else []
        return {name: self.request.GET[name] for name in names if self.request.GET.get(name)}

    @property
    def all_url(self) -> str:
        """The same place without any filter, and without the view the list opens with."""
        return "?" + urlencode({**self.place, "view": NO_VIEW})

    @property
    def hidden_parameters(self) -> list[tuple[str, str]]:
        """What the filter form must carry along: order, size, columns and the view."""
        names = ("sort", "size", "cols", "view")
        return [(name, value) for name in names for value in self.request.GET.getlist(name) if value]

    @property
    def other_parameters(self) -> list[tuple[str, str]]:
        """What the form that chooses columns must carry along."""
        return [
            (name, value)
            for name, values in self.request.GET.lists()
            for value in values
            if value and name not in ("cols", "page", "format")
        ]

    @property
    def csv_url(self) -> str:
        return self.url_with(format=EVERY_FIELD, page="", size="")

    @property
    def shown_csv_url(self) -> str:
        return self.url_with(format=AS_SHOWN, page="", size="")

    @property
    def plain_columns_url(self) -> str:
        return self.url_with(cols="")

    @property
    def previous_url(self) -> str:
        return self.url_with(page=str(self.page.number - 1)) if self.page.has_previous() else ""

    @property
    def next_url(self) -> str:
        return self.url_with(page=str(self.page.number + 1)) if self.page.has_next() else ""

    @property
    def size_urls(self) -> list[tuple[int, str, bool]]:
        return [(size, self.url_with(size=str(size), page=""), size == self.size) for size in self.sizes]

    def url_with(self, **changes: str) -> str:
        """This page's address with parameters changed; "" takes one away."""
        parameters = self.request.GET.copy()
        for name, value in changes.items():
            parameters.pop(name, None)
            if value:
                parameters[name] = value
        return "?" + parameters.urlencode()


@dataclass(frozen=True)
class ViewLink:
    """A saved view as the list offers it."""

    view: SavedView
    opens_first: bool
    url: str


def wants_csv(request: HttpRequest) -> bool:
    """True when the list is asked for as a file; whoever shows personal data keeps that in the ledger."""
    return request.GET.get("format") in (EVERY_FIELD, AS_SHOWN)


def build(
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    columns: Sequence[Column],
    filterset: type[FilterSet] | None = None,
    empty: Words = "",
) -> Listing:
    """The list of this request, for a page that holds more than the list."""
    bound = filterset(request.GET, queryset=queryset, request=request) if filterset else None
    return Listing(request, queryset, columns, bound, empty)


def show(
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    columns: Sequence[Column],
    filterset: type[FilterSet] | None = None,
    title: Words,
    empty: Words = "",
    template: str = "_parts/list_page.html",
    context: dict[str, Any] | None = None,
    filename: str = "",
) -> HttpResponseBase:
    """The list as a page, or with `?format=csv` as a file of every filtered row and every column.

    Asked for without any query string it leads to the view the person chose to open the list with.

    The template gets `list`, `title` and `context`; a template of your own extends `_parts/list_page.html` (blocks
    `breadcrumbs`, `above`, `below`) or includes `_parts/list.html`. `filename` (default: the URL's name) heads the
    CSV's name, which ends with the Japanese date.
    """
    listing = build(request, queryset, columns=columns, filterset=filterset, empty=empty)
    if request.method in ("GET", "HEAD") and not request.GET and listing.first_view:
        return redirect(request.path + listing.first_view.url)
    if wants_csv(request):
        match = request.resolver_match
        return as_csv(listing, filename or ((match.url_name if match else "") or "list"))
    return render(request, template, {"list": listing, "title": title, **(context or {})})


def as_csv(listing: Listing, filename: str) -> StreamingHttpResponse:
    """UTF-8 with a byte order mark (Excel reads it), streamed, cells that a spreadsheet would execute defused.

    Every field, or with `?format=csv-shown` the columns on the page.
    """
    today = timezone.now().astimezone(JST).date()
    response = StreamingHttpResponse(_csv_lines(listing), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}-{today:%Y%m%d}.csv"'
    return response


class _Echo:
    """A file that hands every line straight back."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(listing: Listing) -> Iterator[str]:
    writer = csv.writer(_Echo())
    language = translation.get_language() or "ja"
    columns = listing.shown_columns if listing.request.GET.get("format") == AS_SHOWN else listing.columns
    yield "\ufeff" + writer.writerow([str(column.label) for column in columns])
    for row in listing.rows.iterator(chunk_size=2000):
        with translation.override(language):
            yield writer.writerow([defused(column.of(row)) for column in columns])


def defused(value: Any) -> str:
    """A CSV cell: numbers as they are, moments in Japanese time, and text that cannot start a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(JST).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return "'" + text if text.startswith(DANGEROUS_FIRST) else text


def plain(value: Any) -> Any:
    """A value without a drawing of its own: nothing as a dash, moments in Japanese time, yes and no as words."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, date):
        return jst(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Model):
        return str(value)
    return value


def _turned(path: str) -> str:
    return path.removeprefix("-") if path.startswith("-") else f"-{path}"
