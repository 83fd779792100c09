"""Addresses compared: places, numbers, buildings and rooms."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from metering import addresses, folding
from metering.addresses import Address, Piece
from metering.folding import Pipeline, Step, needed_steps
from switching.identity.reports import RANK, AddressComparison, Comparison, Field, Verdict
from switching.identity.texts import BASIC, LOOSE_CHARACTERS, comparison, has_content

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
    *BASIC,
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
_LOOSE_PLACE: Pipeline = (*LOOSE_CHARACTERS, (Step.PARTICLE, folding.fold_particles))


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
    if not (has_content(given) and has_content(held)):
        return AddressComparison(
            comparison(Field.ADDRESS, Verdict.MISSING),
            comparison(Field.ADDRESS, Verdict.MISSING),
            comparison(Field.BUILDING, Verdict.MISSING),
        )
    return compare_parsed(addresses.parse(given), addresses.parse(held))


def compare_parsed(given: Address, held: Address) -> AddressComparison:
    """`compare_address` for addresses that are read already (and hold something)."""
    if given.source == held.source:
        exact = comparison(Field.ADDRESS, Verdict.EXACT)
        alike = Verdict.EXACT if given.building_pieces else Verdict.MISSING
        return AddressComparison(exact, exact, comparison(Field.BUILDING, alike))
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
    worst = max(verdicts, key=RANK.__getitem__)
    steps = place.steps | building.steps if named else place.steps
    place_comparison = comparison(Field.ADDRESS, place.verdict, place.steps)
    return AddressComparison(
        combined=comparison(Field.ADDRESS, worst, () if worst is Verdict.DIFFERENT else steps),
        place=place_comparison,
        building=_building_comparison(given, held, building) if named else comparison(Field.BUILDING, Verdict.MISSING),
    )


def _building_comparison(given: Address, held: Address, finding: _Finding) -> Comparison:
    written_alike = [p.surface for p in given.building_pieces] == [p.surface for p in held.building_pieces]
    if finding.verdict is Verdict.NORMALISED and not finding.steps and written_alike:
        return comparison(Field.BUILDING, Verdict.EXACT)
    return comparison(Field.BUILDING, finding.verdict, finding.steps)


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
    *LOOSE_CHARACTERS[:-1],
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
