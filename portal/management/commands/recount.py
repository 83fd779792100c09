"""Counts anew what has to fit together."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import recount


class Command(BaseCommand):
    help = "Counts anew what has to fit together: numbers, states, files. Changes nothing (exit status 1 on a problem)."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for problem in recount.problems():
            count += 1
            self.stderr.write(problem)
        if count:
            raise CommandError(f"{count} things do not fit.")
        self.stdout.write("Everything fits.")
