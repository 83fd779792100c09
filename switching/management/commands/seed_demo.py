"""Fills an empty database with the demo market."""

import unicodedata
from argparse import ArgumentTypeError
from datetime import date, datetime, time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal import clock
from portal.workdays import JST, jst_date
from switching.demo import seed

SHARED = settings.BASE_DIR.parent / "shared" / "data"


class Command(BaseCommand):
    help = "Fills an empty database with an invented market: companies, people, points, usage, cases in every state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--points", type=int, default=600, help="supply points, at least 60 (600)")
        parser.add_argument("--today", type=_day, help="the day the market stands at, as 2026-04-01 (today)")
        parser.add_argument(
            "--invented", action="store_true", help="invent addresses and readings even where real ones are at hand"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        if options["today"] and options["today"] != jst_date(now):
            now = datetime.combine(options["today"], time(10), JST)
        sources = seed.Sources() if options["invented"] else seed.Sources.beside(SHARED)
        try:
            filled = seed.fill(points_wanted=options["points"], sources=sources, now=now, tell=self.stdout.write)
        except (seed.NotForProduction, seed.NotEmpty, seed.TooFewPoints) as error:
            raise CommandError(str(error)) from error
        if not filled:
            self.stdout.write(_("The demo market stands already; nothing was changed."))
            return
        for words, number in seed.summary():
            wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in words)
            self.stdout.write(f"  {words}{' ' * max(1, 46 - len(words) - wide)}{number:>8,}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(_("“%(text)s” is no day; write it as 2026-04-01.") % {"text": text}) from None
