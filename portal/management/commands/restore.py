"""Brings a backup back into a new database and an empty folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import backups


class Command(BaseCommand):
    help = "Restores a backup into a new database of this server and an empty folder; the running site is left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--database", required=True, help="name of the database to be made")
        parser.add_argument("--files", type=Path, required=True, help="folder to be filled, later KIRIKAE_FILES")
        parser.add_argument("--jobs", type=int, default=2, help="how many tables are restored at once (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backups.restore(
                options["folder"], database=options["database"], files=options["files"], jobs=options["jobs"]
            )
        except backups.Failed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(
            f"Restored the backup of {made.made_at}: {sum(made.tables.values()):,} rows, {made.files:,} files."
        )
        self.stdout.write(
            "Now point DATABASE_URL and KIRIKAE_FILES there, then run verify_ledger"
            + (f" --expect {made.newest_seal}" if made.newest_seal else "")
            + " and recount before you open the site."
        )
