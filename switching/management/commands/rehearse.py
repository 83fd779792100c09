"""`manage.py rehearse`: a market from opening to published usage, through real verbs and workers, books balanced."""

import time
from datetime import date, timedelta
from typing import Any

import click
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Sum
from django.utils import translation

from metering.models import PublishedFile, UsageFile
from switching.models import Application, Relay
from switching.rehearsal import stage
from switching.rehearsal.books import balance
from switching.rehearsal.days import Diary, Play, at
from switching.rehearsal.market import AREAS, open_market
from switching.states import ApplicationState, RelayState

FIRST_DAY = date(2026, 4, 1)


class Command(BaseCommand):
    """Plays in a database, queues and files of its own, which are removed afterwards; the real ones are not touched."""

    help = (
        "Play a market of points, retailers and switches over some days through the real verbs and workers, then "
        "recount everything. Ends with a table; exit code 1 when the books do not balance."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--points", type=int, default=400, help="supply points (default 400)")
        parser.add_argument("--retailers", type=int, default=6, help="retailers, at least 2 (default 6)")
        parser.add_argument("--switches", type=int, default=60, help="customers who want to switch (default 60)")
        parser.add_argument("--days", type=int, default=12, help="days to play (default 12)")
        parser.add_argument("--seed", type=int, default=1, help="the lot: the same seed plays the same market")
        parser.add_argument("--kills", type=int, default=0, help="kill the worker so many times meanwhile")
        parser.add_argument("--on-stage", action="store_true", help="play here and now (set by the command itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["points"] < 1 or options["retailers"] < 2 or options["days"] < 1 or options["switches"] < 0:
            raise CommandError("A market needs at least 1 point, 2 retailers and 1 day; switches cannot be negative.")
        if options["retailers"] > 100:
            raise CommandError("A rehearsal knows contract numbers for at most 100 retailers.")
        if options["on_stage"]:
            self._play(options)
            return
        names = ("points", "retailers", "switches", "days", "seed")
        arguments = [f"--{name}={options[name]}" for name in names]
        with stage.stage(kills=options["kills"], seed=options["seed"]) as environment:
            if stage.play(arguments, environment):
                raise CommandError("The books do not balance.")

    def _play(self, options: dict[str, Any]) -> None:
        began = time.monotonic()
        days = options["days"]
        years = (FIRST_DAY.year, (FIRST_DAY + timedelta(days=days + 60)).year)
        market = open_market(
            point_count=options["points"],
            retailer_count=options["retailers"],
            now=at(FIRST_DAY, 8) - timedelta(days=1),
            years=years,
        )
        play = Play(market, first_day=FIRST_DAY, days=days, switches=options["switches"], seed=options["seed"])
        with click.progressbar(
            play.days(), length=days, label="Playing", item_show_func=lambda day: f"{day:%Y-%m-%d}" if day else ""
        ) as progress:
            for _ in progress:
                pass
        played = time.monotonic() - began
        findings = list(balance(play.diary, first_day=FIRST_DAY, last_day=FIRST_DAY + timedelta(days=days)))
        with translation.override("en"):
            self._report(play.diary, played, time.monotonic() - began)
        for finding in findings:
            mark = self.style.SUCCESS("yes") if not finding.against else self.style.ERROR(f"NO ({finding.against})")
            self.stdout.write(f"  {finding.fact}: {mark}")
        if any(finding.against for finding in findings):
            raise SystemExit(1)

    def _report(self, diary: Diary, played: float, total: float) -> None:
        relays = dict(Relay.objects.values_list("state").annotate(Count("pk")))
        applications = dict(Application.objects.values_list("state").annotate(Count("pk")))
        published = PublishedFile.objects.filter(format=PublishedFile.Format.WIDE_CSV)
        readings_out = published.aggregate(total=Sum("readings"))["total"] or 0
        withdrawn = (
            PublishedFile.objects.filter(format=PublishedFile.Format.WITHDRAWAL).aggregate(n=Sum("rows"))["n"] or 0
        )
        switched = Application.objects.filter(
            kind=Application.Kind.SWITCH_START, state__in=[ApplicationState.IN_EFFECT, ApplicationState.COMPLETED]
        ).count()
        rows: list[tuple[str, object]] = [
            *[(f"relays {state.label}", relays.get(state.value, 0)) for state in RelayState],
            *[(f"applications {state.label}", applications.get(state.value, 0)) for state in ApplicationState],
            ("areas", len(AREAS)),
            ("usage files in", UsageFile.objects.count()),
            ("readings in", f"{diary.readings_sent:,}"),
            ("rows refused", diary.bad_rows_sent),
            ("files published", PublishedFile.objects.count()),
            ("readings out", f"{readings_out:,}"),
            ("points switched", switched),
            ("of these reversed", diary.reversed),
            ("point-days withdrawn", withdrawn),
            ("seconds played", f"{played:.1f}"),
            ("seconds with recount", f"{total:.1f}"),
            ("readings per second", f"{readings_out / played:,.0f}"),
            ("switches per second", f"{switched / played:.1f}"),
        ]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.stdout.write(f"  {name:<{width}}  {value:>14}")
