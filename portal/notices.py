"""Notices as people read them on the pages: the mail's first line as headline, the rest below."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.template import TemplateDoesNotExist

from portal import outbox
from portal.models import Notice


@dataclass(frozen=True)
class Told:
    """A notice with its words in the reader's language."""

    notice: Notice
    headline: str
    body: str


def tell(notice: Notice, *, language: str) -> Told:
    """One notice in words; a kind whose template no longer exists still says what it was about."""
    try:
        headline, body = outbox.words(notice, language)
    except TemplateDoesNotExist:
        headline, body = notice.subject, ""
    return Told(notice, headline, body)


def told(notices: Iterable[Notice], *, language: str) -> list[Told]:
    """Many notices in words."""
    return [tell(notice, language=language) for notice in notices]
