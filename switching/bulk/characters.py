"""Characters that cannot be stored or were broken on the way: each is named by its code, never dropped in silence."""

import re
import unicodedata

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

# Control characters but tab and line ends; surrogates (bytes that are no text); private use (外字); the replacement
# mark; noncharacters.
_BROKEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffd-\uffff\U000f0000-\U0010ffff]"
)
_BYTE = 0xDC00  # a byte that could not be decoded is carried as the lone surrogate U+DC00 + byte

ENCODINGS = {"utf-8": "UTF-8", "cp932": "Shift_JIS"}


def fault_of(text: str, *, encoding: str = "utf-8") -> str | Promise:
    """What is wrong with the first character of the text that cannot be kept; "" when all can."""
    found = _BROKEN.search(text)
    if not found:
        return ""
    character, place = found.group(), found.start() + 1
    code = ord(character)
    if _BYTE + 0x80 <= code <= _BYTE + 0xFF:
        return format_lazy(
            _("Character {place} cannot be read: the byte 0x{byte} is no {encoding} text. Please type it anew."),
            place=place,
            byte=f"{code - _BYTE:02X}",
            encoding=ENCODINGS.get(encoding, encoding),
        )
    if code == 0xFFFD:
        return format_lazy(
            _(
                "Character {place} (U+FFFD) is a mark for a character that was lost when the file was made. Please "
                "type the right one."
            ),
            place=place,
        )
    if unicodedata.category(character) == "Co":
        return format_lazy(
            _(
                "Character {place} (U+{code}) is a private character (gaiji) that other companies cannot read. Please "
                "write it with a common character or in kana."
            ),
            place=place,
            code=f"{code:04X}",
        )
    return format_lazy(
        _("Character {place} (U+{code}) is a control character that cannot be stored. Please take it out."),
        place=place,
        code=f"{code:04X}",
    )


def storable(text: str) -> str:
    """The text with such characters written as their codes, so that the row can be kept and shown."""
    return _BROKEN.sub(lambda found: f"<U+{ord(found.group()):04X}>", text)
