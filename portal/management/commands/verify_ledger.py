"""Walks along the ledger's hash chain and names the first row that does not hold."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import hub_key, ledger_watch


def head(text: str) -> tuple[int, str]:
    """A seal as the command prints it, NUMBER:HASH."""
    number, colon, digest = text.partition(":")
    if not colon or not number.isdigit() or len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
        raise ArgumentTypeError(_("A seal is written NUMBER:HASH, as this command prints it."))
    return int(number), digest.lower()


class Command(BaseCommand):
    help = "Seals what waits, checks the ledger's whole chain and names the first broken row (exit status 1)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--expect", type=head, metavar="NUMBER:HASH", help="a seal written down elsewhere earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            verdict = ledger_watch.verify(now=timezone.now(), expected=options["expect"])
        except hub_key.Missing as missing:
            raise CommandError(str(missing), returncode=2) from missing
        if broken := verdict.broken:
            where = _("seal %(seal)s") % {"seal": broken.seal} if broken.seal else _("no seal")
            if broken.entry is not None:
                where = _("entry %(entry)s (%(seal)s)") % {"entry": broken.entry, "seal": where}
            raise CommandError(
                _("The ledger is broken at %(where)s: %(what)s") % {"where": where, "what": broken.sentence}
            )
        self.stdout.write(
            _("The ledger holds: %(entries)s entries in %(seals)s seals, %(waiting)s waiting for one.")
            % {"entries": verdict.entries, "seals": verdict.seals, "waiting": verdict.waiting}
        )
        self.stdout.write(_("Newest seal: %(head)s") % {"head": f"{verdict.seals}:{verdict.head}"})
