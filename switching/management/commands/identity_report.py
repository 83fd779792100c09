"""What the identity check would say about a list of addresses, so that a retailer can judge it beforehand."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from switching import identity_audit
from switching.identity import Rule, Verdict


class Command(BaseCommand):
    help = "Compare the addresses of a CSV file as written with the parts they mean, and with one another."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help=f"CSV, UTF-8 or Shift_JIS, columns {','.join(identity_audit.COLUMNS)}")
        parser.add_argument("--json", action="store_true", help="end with the figures as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = identity_audit.read_rows(Path(options["file"]).read_bytes())
        except OSError as error:
            sentence = _("The file {file} cannot be read: {reason}.").format(
                file=options["file"], reason=error.strerror
            )
            raise CommandError(sentence, returncode=2) from error
        except identity_audit.UnreadableList as error:
            raise CommandError(str(error), returncode=2) from error
        audit = identity_audit.judge(rows)
        self._print(audit)
        if options["json"]:
            self.stdout.write(json.dumps(audit.as_data()))

    def _print(self, audit: identity_audit.Audit) -> None:
        write = self.stdout.write
        write(_("{count} addresses, {share:.2%} equal").format(count=audit.rows, share=audit.equal_share))
        for verdict in Verdict:
            write(f"  {audit.verdicts[verdict]:>8}  {verdict.label}")
        write(_("Rules that made them equal"))
        for rule, count in sorted(audit.rules.items(), key=lambda item: -item[1]):
            loose = _(" (loose: a person decides)") if Rule(rule).is_loose else ""
            write(f"  {count:>8}  {rule.label}{loose}")
        if audit.findings:
            write(_("Not equal to their own parts"))
        for finding in audit.findings:
            combined = finding.comparison.combined
            rules = "、".join(str(rule.label) for rule in combined.rules)
            write(
                _("  line {line}: {verdict} {rules}").format(
                    line=finding.row.line, verdict=combined.verdict.label, rules=rules
                )
            )
            write(f"    {finding.row.written}\n    {finding.row.joined}")
        write(_("Different places taken for one: {count}").format(count=len(audit.false_equals)))
        for pair in audit.false_equals:
            rules = "、".join(str(rule.label) for rule in pair.rules)
            write(_("  lines {one} and {other}: {rules}").format(one=pair.one.line, other=pair.other.line, rules=rules))
            write(f"    {pair.one.written}\n    {pair.other.written}")
