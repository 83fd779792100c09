"""Writes the proof pack of one case to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import hub_key, proofs
from portal.models import User


class Command(BaseCommand):
    help = "Exports everything about one case as a signed zip that can be checked without the portal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="the case, for example R0000000017")
        parser.add_argument("--by", required=True, metavar="USER", help="the auditor or operator who asks for it")
        parser.add_argument("--reason", required=True, help="what it is for; the ledger keeps it")
        parser.add_argument("--out", type=Path, default=Path(), help="folder to write to (default: here)")

    def handle(self, *args: Any, **options: Any) -> None:
        by = User.objects.filter(username=options["by"], is_active=True).first()
        if by is None:
            raise CommandError(_("There is no active user %(user)s.") % {"user": options["by"]})
        try:
            pack = proofs.export(options["number"], reason=options["reason"], by=by, now=timezone.now())
        except (proofs.Refused, hub_key.Missing) as refused:
            raise CommandError(str(refused)) from refused
        path = options["out"] / pack.name
        try:
            path.write_bytes(pack.content)
        except OSError as error:
            raise CommandError(
                _("%(path)s cannot be written: %(why)s.") % {"path": path, "why": error.strerror}
            ) from error
        self.stdout.write(str(path))
