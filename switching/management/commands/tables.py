"""The tables of the rules as a document: `manage.py tables` writes docs/rules.md, `--check` only compares."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from switching.rules_document import markdown


class Command(BaseCommand):
    help = "Write the tables the product works with to docs/rules.md; with --check tell whether it is up to date."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, fail when the document is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        document = settings.BASE_DIR / "docs" / "rules.md"
        words = markdown()
        if not options["check"]:
            document.write_text(words, encoding="utf-8")
        elif not document.exists() or document.read_text(encoding="utf-8") != words:
            raise CommandError("docs/rules.md is out of date: run manage.py tables", returncode=1)
