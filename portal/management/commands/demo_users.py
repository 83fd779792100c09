"""Prints who can sign in to the demo and the code that is good now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import demo


class Command(BaseCommand):
    help = "Prints the demo's users with company, roles and the current code of the second factor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="everybody, not only the first twelve")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            users = demo.users()
        except demo.NotADemo as error:
            raise CommandError(str(error)) from error
        if not users:
            raise CommandError("There are no users yet; `manage.py seed_demo` makes the demo market.")
        shown = users if options["all"] else users[:12]
        rows = [("user id", "password", "code now", "company", "roles")]
        rows += [
            (u.user.username, demo.DEMO_PASSWORD, u.code or "(set up)", u.user.company.name, u.roles) for u in shown
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            start = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True))
            self.stdout.write(f"{start}  {row[3]}  {row[4]}")
        if len(shown) < len(users):
            self.stdout.write(f"… and {len(users) - len(shown)} more: manage.py demo_users --all")
