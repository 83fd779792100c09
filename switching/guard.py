"""Can a few free words carry a customer's value to the other retailer? Pure; says what was found, never the value.

A relay's thread and the words of an "other" reason stand before people who must never learn what the losing retailer
holds (domain notes, switching §5). So the words take no figures at all, in no writing, no address for messages, and
no piece of a number, name, kana or address that either side put on the case. See docs/decisions.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jaconv
from django.db import models
from django.utils.translation import gettext_lazy as _

from metering import addresses, folding
from metering.folding import KANA, KANJI, Pipeline, Step


class Finding(models.TextChoices):
    """What the words carry."""

    FIGURE = "figure", _("a figure")
    CONTACT = "contact", _("an address for messages")
    NUMBER = "number", _("part of a contract number")
    NAME = "name", _("part of a contract holder's name")
    KANA = "kana", _("part of a name in kana")
    ADDRESS = "address", _("part of an address")


@dataclass(frozen=True)
class Values:
    """What one side has of the customer."""

    contract_number: str
    holder_name: str
    holder_kana: str
    address: str


_MARKS = re.compile(r"[\W_]+")
# As loose as the identity check can be, and kana never taken for the kanji it looks like.
_FLAT: Pipeline = (
    (Step.VARIATION, folding.drop_variations),
    (Step.WIDTH, folding.fold_width),
    (Step.SPACES, folding.drop_spaces),
    (Step.KANA, folding.fold_kana),
    (Step.SMALL_KANA, folding.enlarge_kana),
    (Step.DASHES, lambda text: folding.unify_dashes(text).replace("ー", "")),
    (Step.PUNCTUATION, folding.drop_punctuation),
    (Step.LETTER_CASE, folding.fold_case),
    (Step.OLD_FORM, folding.fold_old_forms),
    (Step.VOICED_KANA, folding.fold_voiced),
    (Step.ITERATION, folding.expand_iteration),
    (Step.PARTICLE, lambda text: _MARKS.sub("", text)),
)
_GAPS = re.compile(r"[\s　・･,，、=＝゠()（）]+")
_KANJI_FIGURES = re.compile(
    rf"[{folding.KANJI_DIGITS}]{{2,}}|[{folding.KANJI_DIGITS}](?:丁目|番地|号|桁|文字目|階|号室)"
)
_SPOKEN = "ゼロ|レイ|イチ|サン|ヨン|ロク|ナナ|シチ|ハチ|キユウ|マル|ニ|ゴ|シ|ク"
_SPOKEN_FIGURES = re.compile(rf"(?:{_SPOKEN}){{4,}}")
_ENGLISH = "zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|double|triple"
_ENGLISH_FIGURES = re.compile(rf"\b(?:{_ENGLISH})\b(?:\W+(?:{_ENGLISH})\b)+", re.IGNORECASE)
_CONTACT = re.compile(r"\S@\S|://|www\.", re.IGNORECASE)
_TWO_KANJI, _ALL_KANA = re.compile(f"[{KANJI}]{{2}}"), re.compile(f"[{KANA}]+")
_CALLED = "(?:様|氏|殿|君|サン|サマ|宅|家)"
_KANA_RUNS = re.compile(r"[ァ-ヺー]+|[ぁ-ゖー]+")
_AFTER_A_NAME = ("サン", "サマ", "サイ", "デス", "デハ", "ト", "ノ", "ガ", "ヲ", "ハ", "ニ", "ヤ", "カ")


def finding_in(text: str, known: Iterable[Values]) -> Finding | None:
    """The first thing found in the words that must not go over; None when they carry nothing of the kind."""
    wide = unicodedata.normalize("NFKC", text)
    if _has_figures(text, wide):
        return Finding.FIGURE
    if _CONTACT.search(wide):
        return Finding.CONTACT
    flat = folding.fold(text, _FLAT)
    for values in known:
        if any(shard in flat for shard in _shards(values.contract_number, letters=3)):
            return Finding.NUMBER
        if _has_name(text, flat, values.holder_name):
            return Finding.NAME
        if _has_name(text, flat, values.holder_kana) or _has_reading(wide, values.holder_kana):
            return Finding.KANA
        if any(shard in flat for part in _places(values.address) for shard in _shards(part)):
            return Finding.ADDRESS
    return None


def _has_figures(text: str, wide: str) -> bool:
    if any(unicodedata.category(letter)[0] == "N" and letter not in folding.KANJI_DIGITS for letter in text + wide):
        return True
    if _KANJI_FIGURES.search(folding.drop_spaces(wide)) or _ENGLISH_FIGURES.search(wide):
        return True
    return bool(_SPOKEN_FIGURES.search(folding.fold(text, _FLAT)))


def _shards(value: str, *, letters: int = 5) -> Iterator[str]:
    """The pieces of a value that give it away: two kanji in a row, three letters of any sort, `letters` Latin ones."""
    flat = folding.fold(value, _FLAT)
    flat = "".join(letter for letter in flat if not letter.isdigit() or letter in folding.KANJI_DIGITS)
    for at in range(len(flat)):
        if _TWO_KANJI.fullmatch(pair := flat[at : at + 2]):
            yield pair
        size = letters if flat[at : at + 3].isascii() else 3
        if len(piece := flat[at : at + size]) == size:
            yield piece


def _has_name(text: str, flat: str, name: str) -> bool:
    """The holder's name, a piece of it, or one of its parts where it is too short to have pieces."""
    bare = folding.drop_company_form(folding.fold_company_form(folding.drop_titles(name)))
    if any(shard in flat for shard in _shards(bare)):
        return True
    for part in filter(None, (folding.fold(part, _FLAT) for part in _GAPS.split(bare))):
        if _ALL_KANA.fullmatch(part):
            if len(part) <= 2 and _stands_alone(text, part):
                return True
        elif len(part) == 1 and re.search(re.escape(part) + _CALLED, flat):
            return True
    return False


def _stands_alone(text: str, part: str) -> bool:
    """True where a very short name is a run of kana of its own, with a particle behind it or nothing."""
    wide = unicodedata.normalize("NFKC", text)
    for run in _KANA_RUNS.findall(wide):
        flat = folding.fold(run, _FLAT)
        if flat == part or any(flat.startswith(part + after) for after in _AFTER_A_NAME):
            return True
    return False


def _has_reading(wide: str, kana: str) -> bool:
    """True where a part of the name stands in Latin letters, as the kana are read."""
    plain = unicodedata.normalize("NFD", wide).lower()
    words = set(re.findall(r"[a-z]+", "".join(letter for letter in plain if not unicodedata.combining(letter))))
    short = {_short_vowels(word) for word in words}
    joined = "".join(sorted(words, key=plain.index))
    for part in _GAPS.split(unicodedata.normalize("NFKC", kana)):
        reading = re.sub(r"[^a-z]", "", jaconv.kana2alphabet(jaconv.kata2hira(part)).lower())
        if len(reading) >= 3 and (reading in words or _short_vowels(reading) in short):
            return True
        if len(reading) >= 6 and reading in joined:
            return True
    return False


def _short_vowels(word: str) -> str:
    return re.sub(r"(?<=o)[uoh](?![aeiou])|(?<=u)u", "", word)


def _places(address: str) -> Iterator[str]:
    """The parts of an address that say where: municipality, street, town and building, without their usual endings."""
    read = addresses.parse(address)
    yield re.sub(r"[市区町村]$", "", read.municipality)
    yield read.street
    yield re.sub(rf"[{folding.KANJI_DIGITS}]+丁目$", "", read.town)
    yield read.building
