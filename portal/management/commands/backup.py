"""Writes a backup of database and files into a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal import backups


class Command(BaseCommand):
    help = "Writes a backup of database and files, with a manifest of rows and hashes, into a new or empty folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backups.make(options["folder"], now=timezone.now())
        except backups.Failed as failure:
            raise CommandError(str(failure)) from failure
        rows = sum(made.tables.values())
        self.stdout.write(
            f"{rows:,} rows in {len(made.tables)} tables, {made.files:,} files, {made.files_bytes:,} bytes."
        )
        if made.gone_meanwhile:
            self.stdout.write(f"{len(made.gone_meanwhile)} files were removed while they were to be copied.")
        self.stdout.write(f"Newest seal: {made.newest_seal or 'none'}")
