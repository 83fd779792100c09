"""Is the customer of a relay the one in our books? A comparison that says what made two values equal.

Pure: values in, verdicts and rules out. It never carries the values themselves, so a report can be kept, shown
and counted without telling one retailer what the other has stored. Rules: domain notes, switching §6.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from metering import addresses, folding
from metering.addresses import Address, Piece
from metering.folding import Pipeline, Step, needed_steps


class Verdict(models.TextChoices):
    """How two values agree. Domain notes, switching §6."""

    EXACT = "exact", _("exact")
    NORMALISED = "normalised", _("equal after the rules")
    WEAK = "weak", _("equal only after the loose rules")
    DIFFERENT = "different", _("different")
    MISSING = "missing", _("missing")


class Field(models.TextChoices):
    """What is compared."""

    CONTRACT_NUMBER = "contract_number", _("contract number")
    HOLDER_NAME = "holder_name", _("contract holder")
    HOLDER_KANA = "holder_kana", _("name in kana")
    ADDRESS = "address", _("address")
    BUILDING = "building", _("building")


class Rule(models.TextChoices):
    """One difference in writing that was overlooked. `layer` says whether a person must look."""

    VARIATION = Step.VARIATION, _("variant selectors removed")
    WIDTH = Step.WIDTH, _("full and half width")
    SPACES = Step.SPACES, _("spaces removed")
    KANA = Step.KANA, _("hiragana and katakana")
    SMALL_KANA = Step.SMALL_KANA, _("small kana enlarged")
    DASHES = Step.DASHES, _("dashes and long vowels unified")
    PUNCTUATION = Step.PUNCTUATION, _("dots, commas and quotes removed")
    LETTER_CASE = Step.LETTER_CASE, _("capital and small letters")
    COMPANY_FORM = Step.COMPANY_FORM, _("short and long company form")
    TITLE = Step.TITLE, _("title or form of address removed")
    SEPARATORS = Step.SEPARATORS, _("separators of the number removed")
    ALPHANUMERIC = Step.ALPHANUMERIC, _("only digits and letters kept")
    NUMERALS = Step.NUMERALS, _("kanji numerals")
    UNITS = Step.UNITS, _("丁目, 番地, 号 and the like written as dashes")
    AZA = Step.AZA, _("大字 and 字 left out")
    KE_GA = Step.KE_GA, _("ヶ, ケ and が")
    PREFECTURE = Step.PREFECTURE, _("prefecture left out")
    COUNTY = Step.COUNTY, _("郡 left out")
    STREET = Step.STREET, _("Kyoto street name left out")
    ROOM_NUMBER = Step.ROOM_NUMBER, _("room written as a fourth number")
    OLD_FORM = Step.OLD_FORM, _("old form of a character")
    VOICED_KANA = Step.VOICED_KANA, _("ヂ/ジ and ヅ/ズ")
    LOOKALIKE = Step.LOOKALIKE, _("characters that look alike")
    ITERATION = Step.ITERATION, _("repetition mark written out")
    PARTICLE = Step.PARTICLE, _("之/ノ and 箇/カ/ケ")
    COMPANY_POSITION = Step.COMPANY_POSITION, _("company form in front or behind")
    COMPANY_MISSING = Step.COMPANY_MISSING, _("company form missing on one side")
    REPRESENTATIVE = Step.REPRESENTATIVE, _("representative named on one side only")
    NAME_ORDER = Step.NAME_ORDER, _("order of family and given name")
    NUMBER_CASE = Step.NUMBER_CASE, _("capital and small letters in a contract number")
    MUNICIPALITY = Step.MUNICIPALITY, _("city or ward left out")
    AZA_MISSING = Step.AZA_MISSING, _("small 字 named on one side only")
    OTHER_STREET = Step.OTHER_STREET, _("described from another Kyoto street")
    UNIT_CONFLICT = Step.UNIT_CONFLICT, _("same number, called 丁目 here and 番地 there")
    LEADING_ZEROS = Step.LEADING_ZEROS, _("leading zeros of a house number")
    ROOM_POSITION = Step.ROOM_POSITION, _("room or house number not told apart")
    BUILDING_MISSING = Step.BUILDING_MISSING, _("building missing on one side")
    BUILDING_NAME_MISSING = Step.BUILDING_NAME_MISSING, _("building name missing on one side")
    ROOM_MISSING = Step.ROOM_MISSING, _("room missing on one side")
    BLOCK_MISSING = Step.BLOCK_MISSING, _("block or floor missing on one side")
    BUILDING_WORDS = Step.BUILDING_WORDS, _("spelling of a building name")

    @property
    def is_loose(self) -> bool:
        """True where the values are equal only loosely, so that a person decides."""
        return self in _LOOSE


_LOOSE = frozenset(list(Rule)[list(Rule).index(Rule.OLD_FORM) :])
_ORDER = {rule: index for index, rule in enumerate(Rule)}
_RANK = {Verdict.EXACT: 0, Verdict.NORMALISED: 1, Verdict.WEAK: 2, Verdict.MISSING: 3, Verdict.DIFFERENT: 4}
_GOOD = frozenset({Verdict.EXACT, Verdict.NORMALISED})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out for one field; the rules without which the values would not have been equal."""

    field: Field
    verdict: Verdict
    rules: tuple[Rule, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Exact, or equal after the strict rules."""
        return self.verdict in _GOOD


@dataclass(frozen=True, slots=True)
class AddressComparison:
    """An address compared as place and as building, and both together (the worse of the two)."""

    combined: Comparison
    place: Comparison
    building: Comparison


@dataclass(frozen=True, slots=True)
class Claim:
    """What one side says about the customer; empty text where it says nothing."""

    contract_number: str = ""
    holder_name: str = ""
    holder_kana: str = ""
    address: str = ""


class NumberRule(Protocol):
    """A retailer's published format of contract numbers, as far as comparing needs it."""

    @property
    def separators(self) -> str:
        """The characters to drop, such as "-" and a blank."""


@dataclass(frozen=True, slots=True)
class Report:
    """The comparison of two claims, one entry per field; holds no value of either side."""

    contract_number: Comparison
    holder_name: Comparison
    holder_kana: Comparison
    address: Comparison
    place: Comparison
    building: Comparison

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Number, name, kana, address (place and building together) and the building for itself."""
        return (self.contract_number, self.holder_name, self.holder_kana, self.address, self.building)

    @property
    def meets_auto_accept(self) -> bool:
        """True where a retailer that has chosen so may accept without a person: number, name and address are
        exact or equal after the strict rules. Domain notes, switching §6.
        """
        return self.contract_number.is_equal and self.holder_name.is_equal and self.address.is_equal

    def as_data(self) -> dict[str, dict[str, object]]:
        """Verdict and rules per field as plain strings and lists, for a JSON column or an answer."""
        return {
            str(item.field.value): {
                "verdict": str(item.verdict.value),
                "rules": [str(rule.value) for rule in item.rules],
            }
            for item in self.comparisons
        }


# --- texts ----------------------------------------------------------------------------------------------

_BASIC: Pipeline = (
    (Step.VARIATION, folding.drop_variations),
    (Step.WIDTH, folding.fold_width),
)
_NAME: Pipeline = (
    *_BASIC,
    (Step.COMPANY_FORM, folding.fold_company_form),
    (Step.TITLE, folding.drop_titles),
    (Step.SPACES, folding.drop_spaces),
    (Step.KANA, folding.fold_kana),
    (Step.SMALL_KANA, folding.enlarge_kana),
    (Step.DASHES, folding.unify_dashes),
    (Step.PUNCTUATION, folding.drop_punctuation),
    (Step.LETTER_CASE, folding.fold_case),
)
_LOOSE_CHARACTERS: Pipeline = (
    (Step.OLD_FORM, folding.fold_old_forms),
    (Step.VOICED_KANA, folding.fold_voiced),
    (Step.ITERATION, folding.expand_iteration),
    (Step.LOOKALIKE, folding.fold_lookalikes),
)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_NAME_PARTS = re.compile(r"[\s　・･,，=＝゠]+")
DEFAULT_SEPARATORS = "-‐ "


def _has_content(text: str) -> bool:
    return any(char.isalnum() for char in folding.fold_width(text) if char not in folding.DASHES)


def _rules(steps: Iterable[Step]) -> tuple[Rule, ...]:
    return tuple(sorted({Rule(step.value) for step in steps}, key=_ORDER.__getitem__))


def _comparison(field: Field, verdict: Verdict, steps: Iterable[Step] = ()) -> Comparison:
    return Comparison(field, verdict, _rules(steps))


def _compare_text(field: Field, given: str, held: str, strict: Pipeline, loose: Pipeline) -> Comparison:
    if not (_has_content(given) and _has_content(held)):
        return _comparison(field, Verdict.MISSING)
    if given == held:
        return _comparison(field, Verdict.EXACT)
    steps = needed_steps(given, held, strict)
    if steps is not None:
        return _comparison(field, Verdict.NORMALISED, steps)
    steps = needed_steps(given, held, loose)
    if steps is not None:
        return _comparison(field, Verdict.WEAK, steps)
    return _comparison(field, Verdict.DIFFERENT)


def _number_pipeline(separators: str) -> Pipeline:
    dropped = set(folding.fold_width(separators)) | set(separators)
    dashes = bool(dropped & set(folding.DASHES))
    spaces = any(not folding.drop_spaces(char) for char in dropped)

    def drop_separators(text: str) -> str:
        if spaces:
            text = folding.drop_spaces(text)
        return "".join(c for c in text if c not in dropped and not (dashes and c in folding.DASHES))

    def alphanumeric(text: str) -> str:
        plain = "".join(c for c in text if c not in folding.DASHES)
        return _NOT_ALPHANUMERIC.sub("", plain)

    return (*_BASIC, (Step.SEPARATORS, drop_separators), (Step.ALPHANUMERIC, alphanumeric))


def normalise_contract_number(text: str, *, separators: str = DEFAULT_SEPARATORS) -> str:
    """The digits and letters of a contract number; leading zeros and capitals stay.

    `separators` are the characters the retailer's own format rule drops. Domain notes, switching §6.
    """
    return folding.fold(text, _number_pipeline(separators))


def normalise_name(text: str) -> str:
    """A holder's name, kanji or kana, after the strict rules: 株式会社 written out, no titles, no spaces,
    katakana without small letters. Domain notes, switching §6.
    """
    return folding.fold(text, _NAME)


def compare_contract_number(given: str, held: str, *, separators: str = DEFAULT_SEPARATORS) -> Comparison:
    """Compare two contract numbers: digits and letters only, leading zeros kept.

    `separators` are the characters the retailer's own format rule drops; a difference in capitals only is
    weak. Domain notes, switching §6.
    """
    strict = _number_pipeline(separators)
    loose = (*strict, (Step.NUMBER_CASE, folding.fold_case))
    return _compare_text(Field.CONTRACT_NUMBER, given, held, strict, loose)


def compare_name(given: str, held: str) -> Comparison:
    """Compare two holder names: width, kana, company form and titles are strict rules; old forms of
    characters, place or absence of the company form and western name order are loose. Domain notes,
    switching §6.
    """
    return _compare_holder(Field.HOLDER_NAME, given, held)


def compare_kana(given: str, held: str) -> Comparison:
    """Compare two names in kana, by the same rules as names. Domain notes, switching §6."""
    return _compare_holder(Field.HOLDER_KANA, given, held)


def _compare_holder(field: Field, given: str, held: str) -> Comparison:
    loose = _loose_name(given, held)
    found = _compare_text(field, given, held, _NAME, loose)
    if found.verdict is not Verdict.DIFFERENT:
        return found
    ways: set[tuple[Rule, ...]] = set()
    for one, other in ((given, held), (held, given)):
        for turned in _turned(one):
            steps = needed_steps(turned, other, loose)
            if steps is not None:
                # the blank between the parts is already gone, whichever side had it
                ways.add(_rules({*steps, Step.NAME_ORDER} - {Step.SPACES, Step.PUNCTUATION}))
    if not ways:
        return found
    return Comparison(field, Verdict.WEAK, min(ways, key=lambda rules: (len(rules), rules)))


def _loose_name(given: str, held: str) -> Pipeline:
    one, other = folding.fold(given, _NAME), folding.fold(held, _NAME)
    pipeline = [*_NAME, *_LOOSE_CHARACTERS]
    if folding.has_representative(given) != folding.has_representative(held):
        pipeline.insert(0, (Step.REPRESENTATIVE, folding.drop_representative))
    if bool(folding.company_forms(one)) != bool(folding.company_forms(other)):
        # one side without its form; 有限会社 for 株式会社 stays another company
        pipeline.insert(-len(_LOOSE_CHARACTERS), (Step.COMPANY_MISSING, folding.drop_company_form))
    elif folding.company_forms(one):
        pipeline.insert(-len(_LOOSE_CHARACTERS), (Step.COMPANY_POSITION, folding.company_form_first))
    return tuple(pipeline)


def _turned(text: str) -> list[str]:
    """The other orders a name of two to four parts may be written in."""
    parts = [part for part in _NAME_PARTS.split(folding.fold_width(text).strip()) if part]
    if not 2 <= len(parts) <= 4:
        return []
    turns = ["".join(parts[shift:] + parts[:shift]) for shift in range(1, len(parts))]
    return list(dict.fromkeys(turns))


# --- addresses ------------------------------------------------------------------------------------------

_UNIT_WORDS = re.compile(
    r"丁目|丁|番地|番棟|番館|番街|番|号室|号棟|号館|号|地割|第|[のノ之乃]|室|棟|館|階|[FＦfｆ](?![A-Za-z])|[#＃]"
)
_NUMERAL_RUN = re.compile(f"[{folding.KANJI_DIGITS}]+")
_ASCII_RUN = re.compile("[0-9]+")
_AZA = re.compile("[大小]?字")
_MARKS = re.compile(r"[-()（）\[\]【】〔〕/／:：;；|_*]")


def _numerals(text: str) -> str:
    return _NUMERAL_RUN.sub(lambda m: str(folding.numeral_value(m.group()) or m.group()), text)


def _drop_units(text: str) -> str:
    return folding.drop_spaces(folding.unify_dashes(_UNIT_WORDS.sub("", text))).replace("ー", "")


def _drop_marks(text: str) -> str:
    return folding.drop_punctuation(_MARKS.sub("", text))


def _drop_aza(text: str) -> str:
    return _AZA.sub("", text)


_SLOT: Pipeline = (
    *_BASIC,
    (Step.SPACES, folding.drop_spaces),
    (Step.DASHES, folding.unify_dashes),
    (Step.KE_GA, folding.fold_ke_ga),
    (Step.KANA, folding.fold_kana),
    (Step.SMALL_KANA, folding.enlarge_kana),
    (Step.LETTER_CASE, folding.fold_case),
    (Step.PUNCTUATION, _drop_marks),
    (Step.COMPANY_FORM, folding.fold_company_form),
    (Step.NUMERALS, _numerals),
    (Step.AZA, _drop_aza),
    (Step.UNITS, _drop_units),
)
_LOOSE_PLACE: Pipeline = (*_LOOSE_CHARACTERS, (Step.PARTICLE, folding.fold_particles))


def _why(one: str, other: str) -> set[Step]:
    """The strict rules that explain two writings of the same part."""
    if one == other:
        return set()
    steps = needed_steps(one, other, _SLOT)
    return {Step.UNITS} if steps is None else set(steps)


@dataclass(slots=True)
class _Finding:
    """A verdict under construction: it only ever gets worse."""

    verdict: Verdict = Verdict.NORMALISED
    steps: set[Step] = field(default_factory=set)

    def strict(self, steps: Iterable[Step]) -> None:
        self.steps |= set(steps)

    def loose(self, *steps: Step) -> None:
        self.steps |= set(steps)
        if self.verdict is Verdict.NORMALISED:
            self.verdict = Verdict.WEAK

    def differ(self) -> None:
        self.verdict = Verdict.DIFFERENT
        self.steps = set()


def compare_address(given: str, held: str) -> AddressComparison:
    """Compare two addresses as place and as building; the combined verdict is the worse of the two.

    A building on one side only is weak, another house number, block or room is different; where neither side
    names a building its verdict is `missing` and does not count. Domain notes, switching §6.
    """
    if not (_has_content(given) and _has_content(held)):
        return AddressComparison(
            _comparison(Field.ADDRESS, Verdict.MISSING),
            _comparison(Field.ADDRESS, Verdict.MISSING),
            _comparison(Field.BUILDING, Verdict.MISSING),
        )
    return compare_parsed(addresses.parse(given), addresses.parse(held))


def compare_parsed(given: Address, held: Address) -> AddressComparison:
    """`compare_address` for addresses that are read already (and hold something)."""
    if given.source == held.source:
        exact = _comparison(Field.ADDRESS, Verdict.EXACT)
        alike = Verdict.EXACT if given.building_pieces else Verdict.MISSING
        return AddressComparison(exact, exact, _comparison(Field.BUILDING, alike))
    place, building = _Finding(), _Finding()
    _place(given, held, place)
    one, other = _numbers(given, held, place)
    if place.verdict is not Verdict.DIFFERENT:
        _building(one, other, building)
    else:
        _building((given.name_pieces, given.unit_pieces), (held.name_pieces, held.unit_pieces), building)
    named = bool(any(one) or any(other) or given.building_pieces or held.building_pieces)
    # nothing but blanks at the edges may be left to explain
    if place.verdict is Verdict.NORMALISED and not place.steps | building.steps:
        place.strict(_why(given.source, held.source) or {Step.SPACES})
    verdicts = [place.verdict, building.verdict] if named else [place.verdict]
    worst = max(verdicts, key=_RANK.__getitem__)
    steps = place.steps | building.steps if named else place.steps
    place_comparison = _comparison(Field.ADDRESS, place.verdict, place.steps)
    return AddressComparison(
        combined=_comparison(Field.ADDRESS, worst, () if worst is Verdict.DIFFERENT else steps),
        place=place_comparison,
        building=_building_comparison(given, held, building) if named else _comparison(Field.BUILDING, Verdict.MISSING),
    )


def _building_comparison(given: Address, held: Address, finding: _Finding) -> Comparison:
    written_alike = [p.surface for p in given.building_pieces] == [p.surface for p in held.building_pieces]
    if finding.verdict is Verdict.NORMALISED and not finding.steps and written_alike:
        return _comparison(Field.BUILDING, Verdict.EXACT)
    return _comparison(Field.BUILDING, finding.verdict, finding.steps)


def _place(given: Address, held: Address, finding: _Finding) -> None:
    """Prefecture, 郡, street, municipality and town."""
    if given.prefecture != held.prefecture:
        if given.prefecture and held.prefecture:
            return finding.differ()
        finding.strict({Step.PREFECTURE})
    if given.county != held.county:
        if given.county and held.county:
            finding.strict(_why(given.county, held.county))
            if folding.fold(given.county, _SLOT) != folding.fold(held.county, _SLOT):
                return finding.differ()
        else:
            finding.strict({Step.COUNTY})
    if given.street != held.street:
        if not (given.street and held.street):
            finding.strict({Step.STREET})
        elif given.street_key == held.street_key:
            finding.strict(_why(given.street, held.street))
        else:
            finding.loose(Step.OTHER_STREET)
    if given.head_key == held.head_key:
        return finding.strict(_why(given.head_surface, held.head_surface))
    if _short_prefecture(given, held) or _short_prefecture(held, given):
        return finding.strict({Step.PREFECTURE})
    steps = needed_steps(given.head_key, held.head_key, _LOOSE_PLACE)
    if steps is not None:
        return finding.loose(*steps)
    if _left_out(given, held) or _left_out(held, given):
        return finding.loose(Step.MUNICIPALITY)
    if given.before_aza_key == held.head_key or held.before_aza_key == given.head_key:
        return finding.loose(Step.AZA_MISSING)
    return finding.differ()


def _short_prefecture(full: Address, short: Address) -> bool:
    """岩手花巻市 beside 岩手県花巻市."""
    if not full.prefecture or short.prefecture:
        return False
    return short.head_key == addresses.short_prefecture(full.prefecture) + full.head_key


def _left_out(longer: Address, shorter: Address) -> bool:
    """青葉区荏田西 or 荏田西 beside 横浜市青葉区荏田西: the same town with the city or all of it left out."""
    front = longer.head_key.removesuffix(shorter.head_key)
    if not front or front == longer.head_key or not shorter.head_key:
        return False
    return front == longer.municipality_key or (front.endswith("市") and longer.municipality_key.startswith(front))


Building = tuple[Sequence[Piece], Sequence[Piece]]


def _keys(pieces: Sequence[Piece]) -> list[str]:
    return [piece.key for piece in pieces]


def _numbers(given: Address, held: Address, finding: _Finding) -> tuple[Building, Building]:
    """Compare the house numbers; a further number may turn out to be the other side's room."""
    one, other = list(given.number_pieces), list(held.number_pieces)
    buildings = [
        (list(given.name_pieces), list(given.unit_pieces)),
        (list(held.name_pieces), list(held.unit_pieces)),
    ]
    if finding.verdict is Verdict.DIFFERENT:
        return buildings[0], buildings[1]
    shared = min(len(one), len(other))
    if len(one) != len(other) and shared:
        longer, shorter = (0, 1) if len(one) > len(other) else (1, 0)
        numbers = (one, other)
        moved = numbers[longer][shared:]
        units = moved + buildings[longer][1]
        names = (buildings[longer][0], buildings[shorter][0])
        same_units = _keys(units) == _keys(buildings[shorter][1])
        if shared >= 3 or same_units:
            same_names = _keys(names[0]) == _keys(names[1])
            if same_units and same_names and shared == 3:
                finding.strict({Step.ROOM_NUMBER})
            else:
                finding.loose(Step.ROOM_POSITION)
            buildings[longer] = (buildings[longer][0], units)
            one, other = one[:shared], other[:shared]
    if _keys(one) != _keys(other):
        if [_unpadded(k) for k in _keys(one)] != [_unpadded(k) for k in _keys(other)]:
            finding.differ()
            return buildings[0], buildings[1]
        finding.loose(Step.LEADING_ZEROS)
    conflict = False
    for index, (a, b) in enumerate(zip(one, other, strict=True)):
        if a.gap != b.gap and index and not conflict:
            finding.strict(_why(a.gap, b.gap))
        conflict = bool(a.unit and b.unit and a.unit != b.unit)
        if conflict:
            finding.loose(Step.UNIT_CONFLICT)
        if a.key == b.key:
            finding.strict(_why(a.surface.rstrip(), b.surface.rstrip()))
    if given.tail != held.tail and len(one) == len(given.number_pieces) == len(held.number_pieces):
        finding.strict({Step.UNITS})
    return buildings[0], buildings[1]


def _unpadded(key: str) -> str:
    return _ASCII_RUN.sub(lambda m: m.group().lstrip("0") or "0", key)


def _building(given: Building, held: Building, finding: _Finding) -> None:
    """Compare block, floor, room and name of a building."""
    names, units = (given[0], held[0]), (given[1], held[1])
    if not any(given) and not any(held):
        return
    if not any(given) or not any(held):
        return finding.loose(Step.BUILDING_MISSING)
    if len(units[0]) != len(units[1]):
        # グランハイツII 201 beside グランハイツ2-201
        plain = _without_roman(given), _without_roman(held)
        if _keys(plain[0][1]) == _keys(plain[1][1]):
            names, units = (plain[0][0], plain[1][0]), (plain[0][1], plain[1][1])
            finding.loose(Step.BUILDING_WORDS)
    if not _units(units[0], units[1], finding):
        return finding.differ()
    one, other = _keys(names[0]), _keys(names[1])
    if one == other:
        for a, b in zip(names[0], names[1], strict=True):
            finding.strict(_why(a.surface, b.surface))
        return None
    if not one or not other:
        return finding.loose(Step.BUILDING_NAME_MISSING)
    steps = needed_steps(" ".join(one), " ".join(other), _LOOSE_BUILDING)
    if steps is None:
        return finding.differ()
    return finding.loose(*steps)


def _without_roman(building: Building) -> Building:
    """A Roman numeral at the end of the name as the first of the building's numbers."""
    names, units = building
    match = _ROMAN_END.search(names[-1].key) if names else None
    if not match:
        return building
    word = names[-1].key[: match.start()]
    kept = [*names[:-1], Piece(word, word)] if word else list(names[:-1])
    return kept, [Piece(_ROMAN[match.group()], match.group()), *units]


def _units(one: Sequence[Piece], other: Sequence[Piece], finding: _Finding) -> bool:
    """Compare block, floor and room; False where they contradict one another."""
    if len(one) != len(other):
        shorter, longer = sorted((one, other), key=len)
        front = longer[: len(shorter)]
        back = longer[len(longer) - len(shorter) :]
        if _agree(shorter, front) and (not shorter or not _agree(shorter, back)):
            finding.loose(Step.ROOM_MISSING)
            return True
        if _agree(shorter, back):
            finding.loose(Step.BLOCK_MISSING)
            return True
        return False
    if not _agree(one, other):
        return False
    for index, (a, b) in enumerate(zip(one, other, strict=True)):
        said = {a.unit, b.unit}
        last_block = index == len(one) - 1 and a.key.isdigit() and said == {"", "block"}
        if said == {"", "floor"} or last_block:
            finding.loose(Step.UNIT_CONFLICT)
        finding.strict(_why(a.surface, b.surface))
    return True


def _agree(one: Sequence[Piece], other: Sequence[Piece]) -> bool:
    """The same numbers, and none of them called a room here and a block there."""
    return _keys(one) == _keys(other) and all(
        not a.unit or not b.unit or a.unit == b.unit for a, b in zip(one, other, strict=True)
    )


_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6", "VII": "7", "VIII": "8", "IX": "9"}

_ROMAN_END = re.compile("(?<![A-Z])(?:VI{0,3}|I[VX]|I{1,3})$")


def _building_words(text: str) -> str:
    text = re.sub("ビル(?:ヂング|ジング|デイング)", "ビル", text)
    words = [_ROMAN.get(word, word) for word in re.split(r"((?<![A-Z])[IVX]+(?![A-Z]))", text)]
    return "".join(words).replace("ー", "").replace(" ", "")


_LOOSE_BUILDING: Pipeline = (
    *_LOOSE_CHARACTERS[:-1],
    (Step.PARTICLE, folding.fold_particles),
    (Step.BUILDING_WORDS, _building_words),
)


def same_place_keys(address: Address) -> tuple[tuple[str, ...], ...]:
    """Keys to find equal addresses among many without comparing all with all.

    Two addresses whose combined verdict is exact or normalised share at least one key; sharing one does not
    make them equal (another prefecture, a room called a block).
    """
    pieces = tuple(sorted(piece.key for piece in (*address.number_pieces, *address.building_pieces)))
    keys = [(address.head_key, *pieces)]
    if not address.prefecture:
        keys += [
            (address.head_key.removeprefix(short), *pieces)
            for short in _SHORT_PREFECTURES
            if address.head_key.startswith(short)
        ]
    return tuple(keys)


_SHORT_PREFECTURES = tuple(addresses.short_prefecture(name) for name in addresses.PREFECTURES)


def compare(given: Claim, held: Claim, *, number_rule: NumberRule | None = None) -> Report:
    """Compare what the gaining retailer was told with what the losing retailer holds, field by field.

    `number_rule` is the losing retailer's own format of contract numbers (its `separators`). Symmetric: the
    same report comes out with the sides exchanged. Domain notes, switching §6.
    """
    separators = number_rule.separators if number_rule else DEFAULT_SEPARATORS
    address = compare_address(given.address, held.address)
    return Report(
        contract_number=compare_contract_number(given.contract_number, held.contract_number, separators=separators),
        holder_name=compare_name(given.holder_name, held.holder_name),
        holder_kana=compare_kana(given.holder_kana, held.holder_kana),
        address=address.combined,
        place=address.place,
        building=address.building,
    )


# --- the rules as a table -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RuleNote:
    """A rule for the published table: where it applies and a pair of values it makes equal."""

    rule: Rule
    fields: tuple[Field, ...]
    example: tuple[str, str]


_NAMES = (Field.HOLDER_NAME, Field.HOLDER_KANA)
_TEXTS = (*_NAMES, Field.ADDRESS, Field.BUILDING)
_EVERYWHERE = (Field.CONTRACT_NUMBER, *_TEXTS)

RULE_NOTES: tuple[RuleNote, ...] = (
    RuleNote(Rule.VARIATION, _EVERYWHERE, ("葛\U000e0100城太郎", "葛城太郎")),
    RuleNote(Rule.WIDTH, _EVERYWHERE, ("ﾔﾏﾀﾞﾀﾛｳ", "ヤマダタロウ")),
    RuleNote(Rule.SPACES, _TEXTS, ("山田　太郎", "山田太郎")),
    RuleNote(Rule.KANA, _TEXTS, ("やまだ", "ヤマダ")),
    RuleNote(Rule.SMALL_KANA, _TEXTS, ("キヨウコ", "キョウコ")),
    RuleNote(Rule.DASHES, _TEXTS, ("セ‐ラ", "セーラ")),
    RuleNote(Rule.PUNCTUATION, _TEXTS, ("ジョン・スミス", "ジョンスミス")),
    RuleNote(Rule.LETTER_CASE, _TEXTS, ("Sora Energy", "SORA Energy")),
    RuleNote(Rule.COMPANY_FORM, (*_NAMES, Field.BUILDING), ("㈱ソラ電気", "株式会社ソラ電気")),
    RuleNote(Rule.TITLE, _NAMES, ("山田太郎様", "山田太郎")),
    RuleNote(Rule.SEPARATORS, (Field.CONTRACT_NUMBER,), ("03-1234-567", "031234567")),
    RuleNote(Rule.ALPHANUMERIC, (Field.CONTRACT_NUMBER,), ("A/123.4", "A1234")),
    RuleNote(Rule.NUMERALS, (Field.ADDRESS, Field.BUILDING), ("港区六本木七丁目1-14", "港区六本木7丁目1-14")),
    RuleNote(Rule.UNITS, (Field.ADDRESS, Field.BUILDING), ("港区六本木7丁目1番14号", "港区六本木7-1-14")),
    RuleNote(Rule.AZA, (Field.ADDRESS,), ("戸田市大字新曽802", "戸田市新曽802")),
    RuleNote(Rule.KE_GA, (Field.ADDRESS, Field.BUILDING), ("国分寺市東恋が窪3-20", "国分寺市東恋ヶ窪3-20")),
    RuleNote(Rule.PREFECTURE, (Field.ADDRESS,), ("東京都港区芝2-29", "港区芝2-29")),
    RuleNote(Rule.COUNTY, (Field.ADDRESS,), ("香川県仲多度郡まんのう町勝浦12", "香川県まんのう町勝浦12")),
    RuleNote(
        Rule.STREET,
        (Field.ADDRESS,),
        ("京都市中京区河原町通二条下ル一之船入町537", "京都市中京区一之船入町537"),
    ),
    RuleNote(Rule.ROOM_NUMBER, (Field.ADDRESS,), ("港区芝2-29-7-405", "港区芝2-29-7 405")),
    RuleNote(Rule.OLD_FORM, _TEXTS, ("髙橋", "高橋")),
    RuleNote(Rule.VOICED_KANA, _TEXTS, ("ミヅホ", "ミズホ")),
    RuleNote(Rule.LOOKALIKE, _TEXTS, ("エ藤花子", "工藤花子")),
    RuleNote(Rule.ITERATION, _TEXTS, ("佐々木", "佐佐木")),
    RuleNote(Rule.PARTICLE, (Field.ADDRESS, Field.BUILDING), ("甲府市丸之内1-6", "甲府市丸ノ内1-6")),
    RuleNote(Rule.COMPANY_POSITION, _NAMES, ("株式会社ソラ電気", "ソラ電気株式会社")),
    RuleNote(Rule.COMPANY_MISSING, _NAMES, ("株式会社ソラ電気", "ソラ電気")),
    RuleNote(Rule.REPRESENTATIVE, _NAMES, ("有限会社ウミ 代表取締役 山田太郎", "有限会社ウミ")),
    RuleNote(Rule.NAME_ORDER, _NAMES, ("太郎 山田", "山田 太郎")),
    RuleNote(Rule.NUMBER_CASE, (Field.CONTRACT_NUMBER,), ("a1234", "A1234")),
    RuleNote(Rule.MUNICIPALITY, (Field.ADDRESS,), ("横浜市青葉区荏田西2-24", "青葉区荏田西2-24")),
    RuleNote(Rule.AZA_MISSING, (Field.ADDRESS,), ("香川県まんのう町勝浦字家六2094", "香川県まんのう町勝浦2094")),
    RuleNote(
        Rule.OTHER_STREET,
        (Field.ADDRESS,),
        ("京都市中京区寺町通御池上る亀屋町5", "京都市中京区河原町通御池上る亀屋町5"),
    ),
    RuleNote(Rule.UNIT_CONFLICT, (Field.ADDRESS, Field.BUILDING), ("港区本町1丁目2", "港区本町1番2")),
    RuleNote(Rule.LEADING_ZEROS, (Field.ADDRESS,), ("港区芝2-07", "港区芝2-7")),
    RuleNote(Rule.ROOM_POSITION, (Field.ADDRESS,), ("港区芝2-405", "港区芝2 405号室")),
    RuleNote(Rule.BUILDING_MISSING, (Field.BUILDING,), ("港区芝2-29-7 芝ハイツ101", "港区芝2-29-7")),
    RuleNote(Rule.BUILDING_NAME_MISSING, (Field.BUILDING,), ("港区芝2-29-7 芝ハイツ101", "港区芝2-29-7 101号室")),
    RuleNote(Rule.ROOM_MISSING, (Field.BUILDING,), ("港区芝2-29-7 芝ハイツ101", "港区芝2-29-7 芝ハイツ")),
    RuleNote(Rule.BLOCK_MISSING, (Field.BUILDING,), ("港区芝2-29-7 芝ハイツB棟101", "港区芝2-29-7 芝ハイツ101")),
    RuleNote(Rule.BUILDING_WORDS, (Field.BUILDING,), ("港区芝2-29-7 芝ビルヂング5階", "港区芝2-29-7 芝ビル5階")),
)
