"""Compiles the message catalogues, or lists the words that have no Japanese yet."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import catalogues


class Command(BaseCommand):
    help = (
        "Compiles */locale/*/LC_MESSAGES/django.po where newer (--compile) or lists words without Japanese (--missing)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--compile", action="store_true", help="write the .mo files that are older than their .po")
        what.add_argument("--missing", action="store_true", help="list words without Japanese; exit 1 if there are any")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compile"]:
            for path in catalogues.compile_catalogues():
                self.stdout.write(f"compiled {path.relative_to(settings.BASE_DIR)}")
            return
        faults = [str(words) for words in catalogues.missing()]
        faults += [f"translated in two ways: {words}" for words in catalogues.conflicts()]
        faults += [f"placeholders disagree: {words}" for words in catalogues.disagreeing_placeholders()]
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} words need a translator.")
