"""Enters the hub operator and its first person, once, on a new site."""

import sys
from base64 import b32encode
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from portal import companies, people
from portal.access import Role
from portal.models import Company


class Command(BaseCommand):
    help = (
        "Enters the hub operator and its first operator user and prints the key of the second factor once. "
        "What is not given as an option is asked for. Refuses when there is a hub operator."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hub", default="", help="name of the hub operator")
        parser.add_argument("--hub-en", default="", help="its name in English")
        parser.add_argument("--username", default="", help="user id of the first operator")
        parser.add_argument("--name", default="", help="the person's name")
        parser.add_argument("--email", default="", help="the person's e-mail address")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_a_second_one()
        hub = options["hub"] or self._asked("Name of the hub operator")
        username = options["username"] or self._asked("User id of the first operator")
        name = options["name"] or self._asked("The person's name")
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else self._secret()
        now = timezone.now()
        try:
            with transaction.atomic():
                company = companies.register(
                    name=hub, name_en=options["hub_en"], is_hub_operator=True, by=None, now=now
                )
                user = people.register(
                    company=company,
                    username=username,
                    name=name,
                    email=options["email"],
                    password=password,
                    roles=[Role.OPERATOR, Role.ADMINISTRATOR],
                    by=None,
                    now=now,
                )
                device = people.enrol_totp(user, by=None, now=now)
        except companies.SecondHubOperator:
            self._refuse_a_second_one()
            raise
        except (companies.Refused, people.Refused) as refused:
            raise CommandError(str(refused)) from refused
        key = b32encode(device.bin_key).decode().rstrip("=")
        self.stdout.write(f"{company.name}: {user.username} can sign in with the password and a code of this key.")
        self.stdout.write("Enter the key into an authenticator app now; it is not shown again:")
        self.stdout.write("  " + " ".join(key[at : at + 4] for at in range(0, len(key), 4)))
        self.stdout.write("  " + device.config_url)

    def _refuse_a_second_one(self) -> None:
        hub = Company.objects.filter(is_hub_operator=True).first()
        if hub:
            raise CommandError(f"There is a hub operator already: {hub.name}. Its operators register everybody else.")

    def _asked(self, question: str) -> str:
        try:
            return input(f"{question}: ").strip()
        except EOFError:
            raise CommandError(f"{question}: not given; see --help for the options.") from None

    def _secret(self) -> str:
        try:
            password, again = getpass("Password: "), getpass("Password again: ")
        except EOFError:
            raise CommandError("Password: not given; use --password-stdin.") from None
        if password != again:
            raise CommandError("The two passwords differ; nothing was entered.")
        return password
