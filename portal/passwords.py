"""Passwords that guessers try first, looked up without asking anybody outside: known ones in disguise, own words."""

import re
import unicodedata
from functools import lru_cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from portal.models import User

SHORTEST_WORD = 4
LEFT_OVER = 8  # characters that must remain when the own words are taken out
DIFFERENT = 5  # characters that must differ from one another
LETTERS_FOR = str.maketrans("0134578@$!|", "oieastbasil")
WALKS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qazwsxedcrfvtgbyhnujmikolp", "01234567890")
NOT_LETTERS = re.compile(r"[\W_]+")


class NotADisguise:
    """Refuses common passwords lengthened by digits, doubled or written with look-alikes, and keyboard walks."""

    def validate(self, password: str, user: User | None = None) -> None:
        plain = unicodedata.normalize("NFKC", password).casefold()
        if len(set(plain)) < DIFFERENT:
            raise ValidationError(_("The password repeats very few characters."), code="password_repeats")
        if any(form in _common() for form in _forms(plain)) or _is_walk(plain):
            raise ValidationError(
                _("This password, or one very like it, stands in lists of stolen passwords."), code="password_known"
            )

    def get_help_text(self) -> str:
        return _("The password must not be a common one with digits added or letters replaced.")


class NotOwnWords:
    """Refuses passwords that are little more than the company's names and codes or the user id."""

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None:
            return
        rest = unicodedata.normalize("NFKC", password).casefold()
        for word in sorted(_own_words(user), key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != unicodedata.normalize("NFKC", password).casefold() and len(rest) < LEFT_OVER:
            raise ValidationError(
                _("The password is little more than the name of the company or the user."), code="password_own_words"
            )

    def get_help_text(self) -> str:
        return _("The password must not be made of the company's or the user's name.")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """Django's 20,000 most common passwords of published breaches."""
    return frozenset(CommonPasswordValidator().passwords)


def _forms(plain: str) -> set[str]:
    """What the password may be in disguise: without its ends, look-alikes turned back, one half of a doubled word."""
    found = set()
    for form in (plain, NOT_LETTERS.sub("", plain)):
        bare = form.strip("0123456789!?.-_#*+$%&@ ")
        found |= {form, bare, form.translate(LETTERS_FOR), bare.translate(LETTERS_FOR)}
        for piece in (form, bare):
            half = len(piece) // 2
            if half >= SHORTEST_WORD and piece[:half] == piece[half:]:
                found.add(piece[:half])
    return {form for form in found if len(form) >= SHORTEST_WORD}


def _is_walk(plain: str) -> bool:
    """True for runs along the alphabet, the digits or the keyboard, forwards, backwards or one after the other."""
    bare = NOT_LETTERS.sub("", plain)
    steps = {walk[at : at + 3] for walk in WALKS for at in range(len(walk) - 2)}
    steps |= {step[::-1] for step in steps}
    run = sum(bare[at : at + 3] in steps for at in range(len(bare) - 2))
    return len(bare) > 2 and run >= 0.6 * (len(bare) - 2)


def _own_words(user: User) -> set[str]:
    company = user.company
    texts = [company.name, company.name_en, company.registration_number, user.username, user.name]
    if company.pk:
        texts += company.participations.values_list("code", flat=True)
    words = {word for text in texts for word in re.split(r"[\W_]+", unicodedata.normalize("NFKC", text).casefold())}
    return {word for word in words if len(word) >= SHORTEST_WORD or (len(word) >= 2 and not word.isascii())}
