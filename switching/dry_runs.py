"""Check without filing 申込前チェック: the same rules as the deed, an answer for the asker alone.

A check leaves no step, notice, number or use of a quota; only a row of the asker's own in the ledger, under a subject
of its own, so that no proof pack of the case holds it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from metering import meters
from portal import ledger
from portal.models import User
from switching.sentences import sentence


@dataclass(frozen=True)
class Outcome:
    """What a check found, as `_parts/check.html` draws it; `notes` are what would follow."""

    is_possible: bool
    sentence: str
    notes: tuple[str, ...] = ()


def outcome(
    refusal: Exception | None, *, deed: str, subject: str, by: User, now: datetime, notes: tuple[str, ...] = ()
) -> Outcome:
    """The outcome of a verb asked with `dry_run`, told in words and kept in the asker's ledger.

    `refusal` is what the verb raised (None: it raised nothing), `deed` what was checked ("relay.register"), `subject`
    what it was about ("relay R…", "supply point …").
    """
    ledger.record(
        "checked without filing",
        f"check of {subject}",
        by=by,
        now=now,
        deed=deed,
        possible=refusal is None,
        **({"refusal": type(refusal).__name__} if refusal else {}),
    )
    if refusal is None:
        return Outcome(True, _("Every rule is met. Nothing was filed, and nobody was told."), notes)
    said = str(refusal) if isinstance(refusal, meters.NotPossible) else sentence(refusal)
    return Outcome(False, _("As it stands it would be refused: %(sentence)s") % {"sentence": said}, notes)
