"""The hub's statistics for people, spreadsheets and programs; open to everybody where the operator says so."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from portal import clock
from portal.access import Ability, View, needs, person, public
from portal.fields import DayField
from portal.lists import defused
from portal.market import Area
from portal.middleware import ClosedByDefault
from portal.models import User
from portal.templatetags.words import NOTHING, company_name
from portal.workdays import jst_date
from switching import statistics
from switching.charts import Bar, bars
from switching.statistics import Answers, Audience, Figures, Line, Step

SHOWN = {Step.MONTH: 12, Step.WEEK: 13}  # lines when nobody asked for a first day
MOST_LINES = 120
FIRST_DAY = date(2000, 1, 1)


def open_where_the_operator_says_so(view: View) -> View:
    """Everybody, or signed-in participants alone, by `statistics.audience`."""
    inside = needs(Ability.ENTER)(view)
    door = ClosedByDefault(lambda request: HttpResponse())

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_inside = request.user.is_authenticated and request.user.is_verified()  # type: ignore[attr-defined]
        if not is_inside and statistics.audience() == Audience.EVERYBODY:
            return view(request, *args, **kwargs)
        return door.process_view(request, inside, args, kwargs) or inside(request, *args, **kwargs)

    return public(guarded)


class Asked(forms.Form):
    """Which lines of the table; everything may be left out."""

    step = forms.ChoiceField(
        label=gettext_lazy("Lines"),
        choices=[(Step.MONTH.value, gettext_lazy("by month")), (Step.WEEK.value, gettext_lazy("by week"))],
        required=False,
    )
    area = forms.ChoiceField(
        label=gettext_lazy("Area"), choices=[("", gettext_lazy("all areas")), *Area.choices], required=False
    )
    first = DayField(label=gettext_lazy("From"), required=False)
    last = DayField(label=gettext_lazy("Until"), required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        for name in ("first", "last"):
            if values.get(name) and not FIRST_DAY <= values[name] <= date(2999, 12, 31):
                self.add_error(name, _("Please choose a day between 2000 and 2999."))
        if first and last and first > last:
            self.add_error("last", _("The last day lies before the first."))
        return values

    @property
    def span(self) -> Step:
        """Weeks or months."""
        return Step(self.cleaned_data["step"] or Step.MONTH.value)


@open_where_the_operator_says_so
def page(request: HttpRequest) -> HttpResponse:
    """The table with charts, the areas, how companies answered, and for the operator who may see it all."""
    form, reader, until = Asked(request.GET), _reader(request), statistics.counted_until()
    lines: list[Line] = []
    areas: list[Line] = []
    step = Step.MONTH
    left_out = 0
    if form.is_valid():
        step, area = form.span, form.cleaned_data["area"]
        first, last = _range(form, until)
        lines = statistics.table(step, first=first, last=last, area=area)
        left_out, lines = max(0, len(lines) - MOST_LINES), lines[-MOST_LINES:]
        if lines and not area:
            areas = _by_area(statistics.table(step, first=lines[0].period, last=last, by_area=True))
    months = statistics.answer_months()
    month = next((m for m in months if f"{m:%Y-%m}" == request.GET.get("month")), months[0] if months else None)
    return render(
        request,
        "switching/statistics.html",
        {
            "title": _("Statistics"),
            "form": form,
            "until": until,
            "lines": [(_name(line.period, step), line.figures, line.cumulative) for line in reversed(lines)],
            "sum": statistics.total(lines),
            "left_out": left_out,
            "most": MOST_LINES,
            "charts": _charts(lines, step) if lines else [],
            "areas": [(Area(line.area).label, line.figures, line.cumulative) for line in areas],
            "months": [(f"{m:%Y-%m}", m == month) for m in months],
            "month": month and f"{month:%Y-%m}",
            "answers": [_told(line) for _month, line in statistics.answers(month, to=reader)] if month else [],
            "fewest": statistics.FEWEST,
            "csv_query": request.GET.urlencode(),
            "audience": _audience_form() if reader and _decides(reader) else None,
            "is_operator": bool(reader and _decides(reader)),
        },
        status=200 if form.is_valid() else 422,
    )


@open_where_the_operator_says_so
def counts_csv(request: HttpRequest) -> HttpResponseBase:
    """The table as CSV, one row per week or month and area, without a limit where no days are named."""
    form = Asked(request.GET)
    if not form.is_valid():
        return page(request)
    lines = _open_lines(form)
    head = [_("Week from") if form.span is Step.WEEK else _("Month"), _("Area code"), _("Area")]
    head += [_("Inquiries"), _("Switch starts"), _("Others")]
    head += [_("Inquiries since the opening"), _("Switch starts since the opening"), _("Others since the opening")]
    rows = (
        (
            _name(line.period, form.span),
            line.area,
            Area(line.area).label,
            *_three(line.figures),
            *_three(line.cumulative),
        )
        for line in lines
    )
    return _csv("statistics", head, rows)


@open_where_the_operator_says_so
def answers_csv(request: HttpRequest) -> HttpResponse:
    """How companies answered, every closed month; small numbers suppressed whoever asks."""
    head = [_("Month"), _("Losing retailer"), _("Relays judged or expired"), _("Median answer time (hours)")]
    head += [_("95th percentile (hours)"), _("Percent on time")]
    rows = [
        [
            f"{month:%Y-%m}",
            _company(line),
            _or_dash(line.ended),
            _or_dash(_hours(line.median_seconds)),
            _or_dash(_hours(line.p95_seconds)),
            _or_dash(_percent(line.on_time_share)),
        ]
        for month, line in statistics.answers()
    ]
    return _csv("answers", head, rows)


@open_where_the_operator_says_so
def open_data(request: HttpRequest) -> HttpResponse:
    """Both tables as JSON with their definitions; the same for everybody."""
    form = Asked(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422, json_dumps_params={"ensure_ascii": False})
    answer = JsonResponse(figures(form), json_dumps_params={"ensure_ascii": False})
    if statistics.audience() == Audience.EVERYBODY:
        answer["Access-Control-Allow-Origin"] = "*"  # open data: other sites' pages may read it too
    return answer


def figures(form: Asked) -> dict[str, Any]:
    """Both tables as data with their definitions; the same for everybody. The form is a valid one."""
    until = statistics.counted_until()
    return {
        "counted_until": until and until.isoformat(),
        "time_zone": "Asia/Tokyo",
        "step": form.span.value,
        "definitions": {
            "inquiries": "facility inquiries answered",
            "switch_starts": "switch starts filed",
            "others": "cancellation relays registered and applications of every other kind filed",
            "cumulative": "since the first counted day",
            "ended": "relays judged or expired in the month; null: fewer than five, or all companies together",
            "median_hours": "hours from registration to judgement; null: fewer than five judgements",
            "on_time_share": "share of the relays judged or expired that were judged by their deadline",
        },
        "counts": [
            {
                "period": line.period.isoformat(),
                "area": line.area,
                **_named(line.figures),
                "cumulative": _named(line.cumulative),
            }
            for line in _open_lines(form)
        ],
        "answers": [
            {
                "month": f"{month:%Y-%m}",
                "losing_retailer": line.company.name if line.company else None,
                "ended": line.ended,
                "median_hours": _hours(line.median_seconds),
                "p95_hours": _hours(line.p95_seconds),
                "on_time_share": None if line.on_time_share is None else round(line.on_time_share, 4),
            }
            for month, line in statistics.answers()
        ],
    }


class AudienceForm(forms.Form):
    audience = forms.ChoiceField(label=gettext_lazy("Visible to"), choices=Audience.choices)


class CountAgainForm(forms.Form):
    since = DayField(label=gettext_lazy("From the month of"))


@needs(Ability.ADMINISTER)
@require_POST
def audience(request: HttpRequest) -> HttpResponse:
    """The operator opens the statistics to everybody or keeps them to participants."""
    form = AudienceForm(request.POST)
    return _decide(
        request,
        form,
        lambda: statistics.open_to(form.cleaned_data["audience"], by=person(request), now=clock.now()),
        _("The statistics are now visible to: %(audience)s."),
        lambda: {"audience": Audience(form.cleaned_data["audience"]).label},
    )


@needs(Ability.ADMINISTER)
@require_POST
def counting(request: HttpRequest) -> HttpResponse:
    """The operator has the figures counted anew from a month on."""
    form = CountAgainForm(request.POST)
    return _decide(
        request,
        form,
        lambda: statistics.count_again(since=form.cleaned_data["since"], by=person(request), now=clock.now()),
        _("The statistics were counted anew from the month of %(since)s."),
        lambda: {"since": form.cleaned_data["since"]},
    )


def _decide(
    request: HttpRequest, form: forms.Form, act: Callable[[], object], words: str, figures: Callable[[], dict[str, Any]]
) -> HttpResponse:
    if form.is_valid():
        try:
            act()
        except statistics.NotAllowed as refusal:
            messages.error(request, str(refusal.sentence))
        else:
            messages.success(request, words % figures())
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("switching:statistics")


def _reader(request: HttpRequest) -> User | None:
    return person(request) if request.user.is_authenticated and request.user.is_verified() else None  # type: ignore[attr-defined]


def _decides(reader: User) -> bool:
    return reader.may(Ability.ADMINISTER)


def _audience_form() -> AudienceForm:
    return AudienceForm(initial={"audience": statistics.audience()})


def _range(form: Asked, until: date | None) -> tuple[date | None, date | None]:
    """The days asked for; without a first one the last weeks or months."""
    first, last, step = form.cleaned_data["first"], form.cleaned_data["last"], form.span
    if first or not until:
        return first, last
    end = statistics.beginning_of(step, min(last or until, until))
    for _n in range(SHOWN[step] - 1):
        end = statistics.beginning_of(step, end - timedelta(days=1))
    return end, last


def _open_lines(form: Asked) -> list[Line]:
    asked = form.cleaned_data
    return statistics.table(form.span, first=asked["first"], last=asked["last"], area=asked["area"], by_area=True)


def _by_area(lines: Sequence[Line]) -> list[Line]:
    """The lines of each area summed up, with where its cumulative figures stand at the end."""
    per_area: dict[str, list[Line]] = {}
    for line in lines:
        per_area.setdefault(line.area, []).append(line)
    return [
        Line(own[0].period, area, statistics.total(own), own[-1].cumulative) for area, own in sorted(per_area.items())
    ]


def _charts(lines: Sequence[Line], step: Step) -> list[tuple[str, Any]]:
    kinds: list[tuple[str, str, Callable[[Figures], int]]] = [
        (_("Inquiries"), _("Inquiries; the table below holds the figures."), lambda found: found.inquiries),
        (_("Switch starts"), _("Switch starts; the table below holds the figures."), lambda found: found.switch_starts),
        (_("Others"), _("Others; the table below holds the figures."), lambda found: found.others),
    ]
    shown = lines[-26:]
    return [
        (
            name,
            bars(
                [
                    Bar(
                        f"{line.period:%y-%m}" if step is Step.MONTH else f"{line.period:%m-%d}",
                        figure(line.figures),
                        f"{figure(line.figures):,}",
                    )
                    for line in shown
                ],
                label=label,
            ),
        )
        for name, label, figure in kinds
    ]


def _told(line: Answers) -> tuple[str, bool, str, str, str, str]:
    median, late, share = _hours(line.median_seconds), _hours(line.p95_seconds), _percent(line.on_time_share)
    return (
        _company(line),
        line.company_id is None,
        NOTHING if line.ended is None else f"{line.ended:,}",
        NOTHING if median is None else f"{median:,.1f}",
        NOTHING if late is None else f"{late:,.1f}",
        NOTHING if share is None else f"{share:.1f}",
    )


def _company(line: Answers) -> str:
    return company_name(line.company) if line.company else _("all companies")


def _hours(seconds: int | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 1)


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 1)


def _or_dash(value: float | None) -> object:
    return NOTHING if value is None else value


def _name(period: date, step: Step) -> str:
    return f"{period:%Y-%m}" if step is Step.MONTH else f"{period:%Y-%m-%d}"


def _three(figures: Figures) -> tuple[int, int, int]:
    return figures.inquiries, figures.switch_starts, figures.others


def _named(figures: Figures) -> dict[str, int]:
    return {"inquiries": figures.inquiries, "switch_starts": figures.switch_starts, "others": figures.others}


def _csv(name: str, head: Iterable[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    today = jst_date(clock.now())
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{today:%Y%m%d}.csv"'
    answer.write("\ufeff")
    writer = csv.writer(answer)
    writer.writerow(head)
    writer.writerows(_cells(rows))
    return answer


def _cells(rows: Iterable[Sequence[object]]) -> Iterator[list[str]]:
    for row in rows:
        yield [defused(value) for value in row]
