"""Writes the reference of settings (docs/settings.md) from the code, or says that it has fallen behind."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal import settings_reference

PAGE = Path("docs", "settings.md")


class Command(BaseCommand):
    help = "Writes docs/settings.md from the code; with --check it only compares (exit status 1 when it differs)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path, text = settings.BASE_DIR / PAGE, settings_reference.page()
        if not options["check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise CommandError(f"{PAGE} has fallen behind; run: python3 manage.py settings_reference")
