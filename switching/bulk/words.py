"""Sentences kept for later readers: a finding is written down in both languages when it is found."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise

Words = dict[str, str]
Lazy = str | Promise


def in_both(*sentences: Lazy | BaseException) -> Words:
    """The sentence in every language of the site: {"ja": …, "en": …}; several are joined."""
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found[language] = " ".join(str(sentence) for sentence in sentences)
    return found


def told(words: Words) -> str:
    """The sentence in the reader's language."""
    language = (translation.get_language() or "ja")[:2]
    return words.get(language) or next(iter(words.values()), "")


def finding(kind: str, rule: str, columns: Iterable[str], words: Words) -> dict[str, Any]:
    """What was found in a row, as it is stored: `kind` is error, warning, known or recall."""
    return {"kind": kind, "rule": rule, "columns": list(columns), "words": words}
