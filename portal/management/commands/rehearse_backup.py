"""Rehearses the worst day: back up, restore beside the site, prove that what came back is whole, clear it away."""

import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from portal import backups, hub_key, private_market, recount, seals


class Command(BaseCommand):
    help = "Backs up, restores into a database and folder of its own, and proves rows, hashes, ledger and books there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--under", type=Path, help="where the backup and the restored files are put for the while")

    def handle(self, *args: Any, **options: Any) -> None:
        database = f"{connection.settings_dict['NAME']}_rehearsal"
        with tempfile.TemporaryDirectory(prefix="kirikae-rehearsal-", dir=options["under"]) as name:
            place, began = Path(name), time.monotonic()
            try:
                made = backups.make(place / "backup", now=timezone.now())
                self._say("backed up", began, f"{sum(made.tables.values()):,} rows, {made.files:,} files")
                began = time.monotonic()
                backups.restore(place / "backup", database=database, files=place / "files")
                self._say("restored", began, "rows and hashes are those of the manifest")
                self._prove(made, database, place / "files")
            except (backups.Failed, hub_key.Missing) as failure:
                raise CommandError(str(failure)) from failure
            finally:
                backups.drop(database)
        self.stdout.write("The backup can be restored.")

    def _prove(self, made: backups.Manifest, database: str, files: Path) -> None:
        began = time.monotonic()
        storages = {**settings.STORAGES, "default": {"BACKEND": "portal.stores.Directory"}}
        with private_market.at_database(database), override_settings(MEDIA_ROOT=str(files), STORAGES=storages):
            if backups.head() != made.newest_seal:
                raise backups.Failed("The newest seal is not the one of the backup.")
            verdict = seals.verify()
            if verdict.broken:
                raise backups.Failed(f"The ledger is broken: {verdict.broken.sentence}")
            self._say("walked along the ledger", began, f"{verdict.entries:,} entries in {verdict.seals:,} seals")
            began = time.monotonic()
            if found := list(recount.problems()):
                raise backups.Failed(f"{len(found)} things do not fit: {found[0]}")
            self._say("recounted", began, "everything fits")

    def _say(self, deed: str, began: float, words: str) -> None:
        self.stdout.write(f"{deed} in {time.monotonic() - began:.1f} s: {words}")
