"""Says before an upgrade what of it will be noticed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import upgrades


class Command(BaseCommand):
    help = "Lists what of the migrations not applied yet makes people wait or breaks the version before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--strict", action="store_true", help="exit status 1 when the version before would break")

    def handle(self, *args: Any, **options: Any) -> None:
        pending = upgrades.pending()
        found = list(upgrades.look(pending))
        for finding in found:
            self.stdout.write(str(finding))
        self.stdout.write(f"{len(pending)} migrations are not applied; {len(found)} operations will be noticed.")
        if options["strict"] and any(finding.effect == upgrades.BREAKS for finding in found):
            raise CommandError("The version before does not fit these; stop it first, or upgrade in two steps.")
