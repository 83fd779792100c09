"""`manage.py retention [--dry-run]`: what of usage is no longer kept, and removing it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from metering import retention
from portal import clock


class Command(BaseCommand):
    help = "Make the partitions of the months to come and remove usage whose time is over; --dry-run only says what."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be removed, remove nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        now = clock.now()
        self.stdout.write(f"Usage is kept from {retention.kept_from(now)} on.")
        months = retention.due(now=now)
        for month in months:
            self.stdout.write(
                f"{month.first:%Y-%m}: readings {month.size:,} bytes"
                + (
                    f" (stay: {month.batches_waiting} batches to publish, {month.days_owed} days owed)"
                    if month.is_held
                    else ""
                )
                + f", files {month.files:,}, {month.bytes:,} bytes"
                + (f" (stay: {month.files_waiting:,} not collected)" if month.files_waiting else "")
            )
        if not months:
            self.stdout.write("Nothing is older.")
        if dry_run:
            self.stdout.write("Nothing was removed (--dry-run).")
            return
        removed = retention.carry_out(now=now)
        self.stdout.write(
            f"Removed: {', '.join(removed.partitions) or 'no month'}; {removed.files:,} files, {removed.bytes:,} bytes."
        )
