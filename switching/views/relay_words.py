"""A relay in words and where it is shown; numbers as people type them into a search."""

import unicodedata
from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _

from switching.models import Relay
from switching.reasons import Reason


def typed_number(text: str) -> str:
    """A case or point number as typed into a search: plain width, capitals, without gaps and hyphens."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(letter for letter in plain if letter.isalnum())


def in_words(relay: Relay) -> list[str]:
    """The reasons of a rejection in the reader's language."""
    return told(relay.reasons, relay.reason_text)


def told(reasons: Iterable[int], other: str) -> list[str]:
    """Reasons in the reader's language, "other" with its words."""
    return [
        _("Other: %(text)s") % {"text": other} if code == Reason.OTHER else str(Reason(code).label)
        for code in sorted(reasons)
    ]


def link(relay: Relay) -> str:
    """The address of the relay's page."""
    return reverse("switching:relay", args=[relay.number])
