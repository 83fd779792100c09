"""Reading a Japanese address as people write it, without a list of known places.

The text is cut into a place (prefecture, 郡, municipality, town), its numbers and a building. Every part
keeps the characters it was read from, so that whoever compares two addresses can say what differed in the
writing.
Rules: domain notes, switching §6 (address, building).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from metering import folding
from metering.folding import KANA, KANJI, KANJI_DIGITS

# fmt: off
PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県", "群馬県",
    "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県", "山梨県",
    "長野県", "岐阜県", "静岡県", "愛知県", "三重県", "滋賀県", "京都府", "大阪府", "兵庫県", "奈良県",
    "和歌山県", "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県", "香川県", "愛媛県",
    "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県",
)
# fmt: on


def short_prefecture(prefecture: str) -> str:
    """東京都 → 東京; 北海道 has no short form and stays."""
    return prefecture if prefecture == "北海道" else prefecture[:-1]


@dataclass(frozen=True, slots=True)
class Piece:
    """One number, letter or word of an address: its canonical key and the characters it was read from."""

    key: str
    surface: str
    # what the number was called: chome, banchi, go, chiwari · room, block, floor · "" where nothing was said
    unit: str = ""
    # what stood between this and the piece before it, as written
    gap: str = ""

    @property
    def is_number(self) -> bool:
        """True for 12, ・15 and for a letter that stands in a number's place (イ, A)."""
        return bool(_NUMBERLIKE.fullmatch(self.key))


@dataclass(frozen=True, slots=True)
class Address:
    """An address read into its parts. Readable parts are as written (NFKC, no spaces); keys are canonical."""

    source: str
    prefecture: str
    county: str
    municipality: str
    street: str
    town: str
    numbers: tuple[str, ...]
    building: str
    units: tuple[str, ...]
    # canonical: municipality and town in one, without 郡, 大字 and Kyoto's streets
    head_key: str = ""
    municipality_key: str = ""
    # the town's key up to an explicit 字, where one is named
    before_aza_key: str = ""
    street_key: str = ""
    number_pieces: tuple[Piece, ...] = field(default=(), repr=False)
    building_pieces: tuple[Piece, ...] = field(default=(), repr=False)
    head_surface: str = field(default="", repr=False)
    # what stands behind the last number (号), as written
    tail: str = field(default="", repr=False)

    @property
    def room(self) -> str:
        """The last of the building's numbers; empty where there is none."""
        return self.units[-1] if self.units else ""

    @property
    def name_pieces(self) -> tuple[Piece, ...]:
        """The building's name: everything before its trailing numbers."""
        return self.building_pieces[: len(self.building_pieces) - len(self.units)]

    @property
    def unit_pieces(self) -> tuple[Piece, ...]:
        """The building's block, floor and room."""
        return self.building_pieces[len(self.building_pieces) - len(self.units) :]


# --- characters -----------------------------------------------------------------------------------------

_COMBINING = "\u3099\u309a\uff9e\uff9f\u309b\u309c"
_LIST = "・、,~&〜"
_NUMBERLIKE = re.compile(rf"[{_LIST}]?[0-9]+|[A-Z]|B[0-9]+")
_KATAKANA = re.compile("[ァ-ヺー]")


@dataclass(slots=True)
class _Text:
    """The folded characters and, for each, where in the source it began."""

    chars: str
    starts: list[int]
    source: str

    def surface(self, begin: int, end: int) -> str:
        if begin >= end:
            return ""
        stop = self.starts[end] if end < len(self.starts) else len(self.source)
        return self.source[self.starts[begin] : stop]


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    begin = 0
    for index in range(1, len(text) + 1):
        if index < len(text) and (text[index] in _COMBINING or unicodedata.combining(text[index])):
            continue
        yield begin, text[begin:index]
        begin = index


@lru_cache(maxsize=16_384)
def _fold_cluster(cluster: str) -> str:
    plain = folding.fold_case(folding.fold_width(folding.drop_variations(cluster)))
    return folding.enlarge_kana(folding.fold_kana(plain))


def _read(text: str) -> _Text:
    """Fold each character; drop spaces unless they part numbers or Latin words; tell a dash from a long vowel."""
    chars: list[str] = []
    starts: list[int] = []
    for begin, cluster in _clusters(text):
        for char in _fold_cluster(cluster):
            chars.append(" " if folding.drop_spaces(char) == "" else char)
            starts.append(begin)
    kept: list[int] = []
    for index, char in enumerate(chars):
        if char == " ":
            after = next((c for c in chars[index:] if c != " "), "")
            before = chars[kept[-1]] if kept else ""
            numbers = (_is_digit(before) or before == "号") and _is_digit(after)
            words = "A" <= before <= "Z" and "A" <= after <= "Z"
            if not (numbers or words):
                continue
        kept.append(index)
    out: list[str] = []
    for position, index in enumerate(kept):
        char = chars[index]
        if char in folding.DASHES:
            before = out[-1] if out else ""
            after = chars[kept[position + 1]] if position + 1 < len(kept) else ""
            vowel = _KATAKANA.match(before) and (_KATAKANA.match(after) or char == "ー")
            char = "ー" if vowel else "-"
        out.append(char)
    return _Text("".join(out), [starts[index] for index in kept], text)


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


# --- grammar --------------------------------------------------------------------------------------------

_D = "[0-9]"
_K = f"[{KANJI_DIGITS}]"
_RUN = re.compile(f"{_D}+|{_K}+")
_NAME_UNIT = re.compile(r"番[町丁](?!目)|条|線|区")
_NUMBER_UNIT = re.compile(r"丁目|丁(?!目)|番地|番(?![町街館棟])|号(?![室棟館線車店機]|地(?!先))|地割")
_UNIT_CLASS = {
    "丁目": "chome",
    "丁": "chome",
    "番地": "banchi",
    "番": "banchi",
    "号": "go",
    "地割": "chiwari",
}
_BUILDING_UNIT = re.compile(r"号?[室棟館]|番[館街棟]|階|F(?![A-Z])|LDK|号[車店機]")
_KANJI_CHAIN = re.compile(rf"(?:[-ノ]{_K}+)+(?=$|[-番号 0-9])")
_CHOME_AFTER = re.compile(rf"(?:{_D}+|{_K}+)丁目")
_THREE_AFTER = re.compile(rf"{_D}+[-ノ]{_D}+[-ノ]{_D}")
_LETTER = re.compile(
    r"(?:[アイウエオカキクケコサシスセソタチツテトナニヌネハヒフヘホマミムメモヤユヨラリルレロワヰヱヲ甲乙丙戊己庚辛壬癸])"
    rf"(?=[-ノ]?{_D}|-?$|[- ]|番|号)|[A-Z](?=-?$|[ (,、])"
)
_DIRECTION = re.compile(rf"[東西南北]{{1,2}}(?={_D}|{_K}+(?:番地|丁目|番|号|線|-|$))")
_SHORT_STREET = re.compile(f"[東西南北]{_D}")
_AZA_NAME = re.compile(rf"(?:大字|小字|字)([^0-9A-Z-]{{1,12}}?)(?={_D})")
_AZA = re.compile(r"(?:大|小)?(?<![文十数名苗赤漢])字(?!$)")
_COUNTY = re.compile(
    r"^((?:高市|余市|[^0-9市区郡町]{1,5})郡)(?=[^0-9市区郡]{1,6}?[町村]|余?市[^0-9市区郡]{0,4}町|[上下]市町)"
)
_CITY_WITH_COUNTY_SIGN = re.compile(r"^(?:大和郡山|郡山|郡上|蒲郡|小郡)市")
_MUNICIPALITY = re.compile(
    r"^(?![余上下]市町)(?:(?:大和郡山|郡山|郡上|蒲郡|小郡)市|[^0-9区郡]{1,6}?市(?!市)(?:[^0-9市区町村]{1,5}区(?!画))?|[^0-9市]{1,4}?区)"
)
_TOWN_OR_VILLAGE = re.compile(r"^[^0-9]{1,6}?[町村](?![町村])")
_STREET = re.compile(
    r"^(.*?[^\s](?:.*(?:[上下]ガ?[ルリ]|[東西南北]入[ルリ]?|アガル|サガル|突当[ルリ]|[東西南北]イル|[東西南北]{1,2}角))"
    rf"(?:[東西南北]側(?!町))?(?:(?:{_D}+|{_K}+)(?:丁目|筋目)(?=[^0-9{KANJI_DIGITS}-]))?)"
)
_SEPARATOR = re.compile(rf"[-.]*(?:[ノ之乃]-*(?={_D}|{_K}))?-*(?:第(?=(?:{_D}+|{_K}+)地割))?")
_BARE_NUMBER = re.compile(f" ?{_D}")
_LISTED = re.compile(rf"[{_LIST}]+(?={_D})")
_TRAILING_LONG = re.compile("ー+$")


def _value(run: str) -> str | None:
    """The digits a run means; a kanji run that makes no number has none."""
    if _is_digit(run[0]):
        return run
    number = folding.numeral_value(run)
    return None if number is None else str(number)


def _in_name(run: str) -> str:
    """A numeral inside a name, as town names write it: 24 and 二四 → 二十四."""
    digits = _value(run)
    if digits is None or len(digits) > 4:
        return run
    return folding.to_kanji_numeral(int(digits))


def _is_short_street(t: str, begin: int, end: int) -> bool:
    """北1西2, as Sapporo writes 北1条西2丁目 when in a hurry."""
    return begin > 0 and _is_digit(t[begin]) and t[begin - 1] in "東西南北" and bool(_SHORT_STREET.match(t, end))


def _starts_numbers(t: str, begin: int, end: int) -> bool:
    """Is the run of digits or kanji numerals at begin..end the first house number, or part of a name?

    `t` begins with the town.
    """
    rest = t[end:]
    if _NAME_UNIT.match(rest) or _is_short_street(t, begin, end):
        return False
    if rest.startswith("番") and (_CHOME_AFTER.match(rest, 1) or _THREE_AFTER.match(rest, 1)):
        return False
    unit = _NUMBER_UNIT.match(rest)
    if _is_digit(t[begin]):
        if unit is None or (unit.group() == "丁" and not re.match(rf"$|[-番 ]|{_D}|{_K}", rest[1:])):
            named = re.match(f"[{KANJI}]", rest) and not _BUILDING_UNIT.match(rest)
            if begin == 0 and named and re.search(rf"{_D}|{_K}(?:丁目|番地)", rest):
                return False
        return True
    if _value(t[begin:end]) is None:
        return False
    if unit is None:
        return bool(_KANJI_CHAIN.match(rest))
    after = rest[unit.end() :]
    if unit.group() in ("丁目", "番地", "地割"):
        return True
    if unit.group() == "丁":
        return bool(re.match(rf"$|[-番 ]|{_D}|{_K}+[丁番号-]", after))
    if unit.group() == "番":
        return bool(re.match(rf"-|{_K}+(?:$|号|-)|ノ{_K}", after))
    return bool(re.match(rf"$|-|{_D}|{_K}", after) or _DIRECTION.match(after))


def _find_numbers(t: str) -> tuple[int, dict[tuple[int, int], str]]:
    """Where the house numbers begin, and the numerals before that which belong to names."""
    in_names: dict[tuple[int, int], str] = {}
    for match in _RUN.finditer(t):
        begin, end = match.span()
        if _starts_numbers(t, begin, end):
            return begin, in_names
        if _is_digit(t[begin]) or _NAME_UNIT.match(t, end):
            street = "条" if _is_short_street(t, begin, end) else ""
            in_names[begin, end] = _in_name(match.group()) + street
    return len(t), in_names


def _name_key(t: str, begin: int, end: int, in_names: dict[tuple[int, int], str]) -> str:
    out: list[str] = []
    position = begin
    for (start, stop), written in in_names.items():
        if begin <= start and stop <= end:
            out += [t[position:start], written]
            position = stop
    key = "".join([*out, t[position:end]])
    key = _TRAILING_LONG.sub("", key.replace("-", "").replace(" ", ""))
    return folding.fold_ke_ga(folding.drop_punctuation(key))


def _drop_aza(key: str) -> str:
    previous = None
    while previous != key:
        previous, key = key, _AZA.sub("", key)
    return key


def _read_numbers(text: _Text, begin: int) -> tuple[list[Piece], int, str]:
    """The house numbers from `begin` on: pieces, where the building starts, what followed the last."""
    t = text.chars
    pieces: list[Piece] = []
    position, gap_begin = begin, begin
    while position < len(t):
        run = _RUN.match(t, position)
        digits = _value(run.group()) if run else None
        if run and digits is not None:
            kanji = not _is_digit(run.group()[0])
            end = run.end()
            unit = _NUMBER_UNIT.match(t, end)
            if pieces and _BUILDING_UNIT.match(t, end):
                break
            if kanji and not unit and not re.match(r"$|[-ノ ]", t[end:]):
                break
            prefix = "".join(c for c in t[gap_begin:position] if c in _LIST)[:1].replace("〜", "~")
            prefix = "・" if prefix and prefix != "~" else prefix
            name = _UNIT_CLASS[unit.group()] if unit else ""
            gap = text.surface(gap_begin, position)
            pieces.append(Piece(prefix + digits, text.surface(position, end), name, gap))
            gap_begin = end
            position = unit.end() if unit else end
        else:
            letter = _LETTER.match(t, position) or (
                _DIRECTION.match(t, position) if pieces and pieces[-1].unit else None
            )
            aza = _AZA_NAME.match(t, position) if pieces and not letter else None
            if not pieces or not (letter or aza):
                break
            end = letter.end() if letter else aza.end() if aza else position
            key = letter.group() if letter else aza.group(1) if aza else ""
            gap = text.surface(gap_begin, position)
            pieces.append(Piece(key, text.surface(position, end), "", gap))
            unit = _NUMBER_UNIT.match(t, end)
            gap_begin = end
            position = unit.end() if unit else end
        after_letter = not _is_digit(pieces[-1].key[-1])
        if len(pieces) > 1 and pieces[-1].unit == "go" and _BARE_NUMBER.match(t, position):
            break  # nothing of a house number follows its 号: 9号 101 is a room
        following = _next_number(t, position, position > gap_begin or after_letter)
        if following is None:
            break
        position = following
    else:
        position = len(t)
    if not pieces:
        return [], begin, ""
    stop = _end_of_unit(t, gap_begin)
    return pieces, stop, text.surface(gap_begin, stop)


def _end_of_unit(t: str, position: int) -> int:
    unit = _NUMBER_UNIT.match(t, position)
    return unit.end() if unit else position


def _next_number(t: str, position: int, after_unit: bool) -> int | None:
    """Where the next house number starts, past its separator; None where the building begins."""
    separator = _SEPARATOR.match(t, position)
    end = separator.end() if separator else position
    if end >= len(t):
        return None
    listed = _LISTED.match(t, end)
    if listed:
        return listed.end()
    if t[end] == " ":
        # a blank between digits after a unit is only a blank (2丁目 3-4); without one a room begins
        return end + 1 if after_unit else None
    run = _RUN.match(t, end)
    if run and _is_digit(t[end]):
        return end if after_unit or end > position else None
    if run:
        joined = after_unit or end > position
        closed = re.match(r"$|[-ノ ]|号|番|丁", t[run.end() :])
        return end if joined and closed and not _BUILDING_UNIT.match(t, run.end()) else None
    if _LETTER.match(t, end) or _AZA_NAME.match(t, end):
        return end
    if after_unit and _DIRECTION.match(t, end):
        return end
    return None


_CHUNK = re.compile(rf"(?P<floor>(?:地下|B)(?:{_D}+|{_K}+)(?:階|F(?![A-Z])))|(?P<digits>{_D}+)|(?P<latin>[A-Z]+)")
_UNIT_TAIL = re.compile(
    r"(?P<room>号?室|号(?![棟館]))|(?P<block>号?棟|番棟|号館|番館|番街|館)|(?P<floor>階(?!段)|F(?![A-Z]))"
)
_KANJI_UNIT = re.compile(
    rf"{_K}+(?=号室|号棟|号館|番館|番棟|番街|階(?!段)|棟|号$|丁目)|(?<=第)(?:{_K}?十{_K}?|[一二三四五六七八九〇])"
)
_BLOCK_TAIL = re.compile("号?棟|館")
_BRACKETED_FORM = re.compile(r"[(\[【](?:株|有|同|合同|資|名|社|財|医|学|福|宗|独|協|一社|一財|公社|公財|特非)[)\]】]")
_BUILDING_SEPARATOR = re.compile(r"[-\s・、,.。()\[\]「」『』【】〔〕'\"“”/#:;~|_*]")


def _read_building(text: _Text, begin: int) -> list[Piece]:
    """The building as words and numbers in order; marks between them and words such as 号室 dropped."""
    t = text.chars
    numerals = {m.start(): m for m in _KANJI_UNIT.finditer(t, begin)}
    pieces: list[Piece] = []
    position, gap_begin = begin, begin
    word_begin: int | None = None

    def close_word(end: int) -> None:
        nonlocal word_begin
        if word_begin is not None and end > word_begin:
            _add_word(pieces, text, word_begin, end)
        word_begin = None

    while position < len(t):
        form = _BRACKETED_FORM.match(t, position)
        if form:
            word_begin = position if word_begin is None else word_begin
            position = gap_begin = form.end()
            continue
        separator = _BUILDING_SEPARATOR.match(t, position)
        if separator:
            # marks inside a word only part it; the word goes on behind them
            position = separator.end()
            continue
        numeral = numerals.get(position)
        value = _value(numeral.group()) if numeral else None
        chunk = _CHUNK.match(t, position)
        if chunk and chunk.group("floor"):
            close_word(position)
            run = _RUN.search(chunk.group())
            digits = (_value(run.group()) if run else None) or ""
            pieces.append(Piece("B" + digits, text.surface(position, chunk.end()), "floor"))
            position = gap_begin = chunk.end()
            continue
        if (chunk and chunk.group("digits")) or (numeral and value is not None):
            close_word(position)
            end = chunk.end() if chunk else numeral.end() if numeral else position
            key = chunk.group() if chunk else value or ""
            between = t[gap_begin:position]
            if pieces and pieces[-1].is_number and between and between[0] in "・、,~〜":
                key = ("~" if between[0] in "~〜" else "・") + key
            tail = _UNIT_TAIL.match(t, end)
            unit = (tail.lastgroup or "") if tail else ""
            if tail and tail.group() == "号":
                unit = ""
            stop = tail.end() if tail else end
            pieces.append(Piece(key, text.surface(position, stop), unit))
            position = gap_begin = stop
            continue
        if chunk and chunk.group("latin") and len(chunk.group()) > 1 and _BLOCK_TAIL.match(t, chunk.end()):
            # COURTA棟: the last letter is the block
            word_begin = position if word_begin is None else word_begin
            position = gap_begin = chunk.end() - 1
            chunk = _CHUNK.match(t, position)
        if chunk and chunk.group("latin") and len(chunk.group()) == 1:
            close_word(position)
            tail = _BLOCK_TAIL.match(t, chunk.end())
            stop = tail.end() if tail else chunk.end()
            pieces.append(Piece(chunk.group(), text.surface(position, stop), "block" if tail else ""))
            position = gap_begin = stop
            continue
        if word_begin is None:
            word_begin = position
        position = chunk.end() if chunk else position + 1
        gap_begin = position
    close_word(len(t))
    return _merge_words(pieces)


def _add_word(pieces: list[Piece], text: _Text, begin: int, end: int) -> None:
    word = _BUILDING_SEPARATOR.sub("", folding.fold_company_form(text.chars[begin:end]))
    key = folding.fold_ke_ga(folding.drop_punctuation(word))
    key = _TRAILING_LONG.sub("", key)
    if not pieces and key.startswith("地先"):
        key = key[1:]  # 4号地先 and 4番地先 both lie before their plot
    if key:
        pieces.append(Piece(key, text.surface(begin, end), "word"))


def _merge_words(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring words as one; a single letter before a word (A Court) belongs to it."""
    merged: list[Piece] = []
    for piece in pieces:
        while piece.unit == "word" and merged and _joins_word(merged[-1]):
            last = merged.pop()
            piece = Piece(last.key + piece.key, last.surface + piece.surface, "word")
        merged.append(piece)
    return merged


def _joins_word(piece: Piece) -> bool:
    return piece.unit == "word" or (not piece.unit and "A" <= piece.key <= "Z")


# --- the place ------------------------------------------------------------------------------------------


def _split_place(t: str) -> tuple[int, int, int]:
    """Ends of prefecture, 郡 and municipality in the folded text before the numbers."""
    prefecture = next((len(p) for p in PREFECTURES if t.startswith(p)), 0)
    rest = t[prefecture:]
    county = None if _CITY_WITH_COUNTY_SIGN.match(rest) else _COUNTY.match(rest)
    county_end = prefecture + (county.end() if county else 0)
    rest = t[county_end:]
    if county:
        municipality = _TOWN_OR_VILLAGE.match(rest)
    else:
        municipality = _MUNICIPALITY.match(rest)
        if municipality and re.match(r".+[町村].+市$", municipality.group()) and not _goes_on(rest, municipality):
            municipality = None  # 洋野町種市23: a town that ends in 市, not a city
        if municipality is None and prefecture:
            municipality = _TOWN_OR_VILLAGE.match(rest)
    return prefecture, county_end, county_end + (municipality.end() if municipality else 0)


def _goes_on(rest: str, municipality: re.Match[str]) -> bool:
    return bool(re.match(f"[{KANJI}{KANA}]", rest[municipality.end() :]))


def _street_end(t: str, prefecture: str, municipality: str) -> int:
    """Kyoto's way of saying where a town lies (寺町通三条上ル): how long that part is."""
    if prefecture not in ("", "京都府") or not municipality.endswith("区"):
        return 0
    match = _STREET.match(t)
    if not match:
        return 0
    street = match.group(1)
    certain = re.search(r"[上下]ガ?[ルリ]|入[ルリ]|アガル|サガル|突当|イル", street)
    if not certain and "京都市" not in municipality:
        return 0
    town = t[match.end() :]
    return match.end() if town and not re.match(rf"{_D}|{_K}+(?:丁目|番)|-", town) else 0


def parse(text: str) -> Address:
    """Read an address into its parts; never fails, whatever the text.

    Prefecture and 郡 may be missing. `numbers` are strings as counted (`("4", "8", "1")`), a letter that
    stands in a number's place among them; `units` are the building's block, floor and room. Text that has
    no number at all is all place. Domain notes, switching §6.
    """
    read = _read(text)
    t = read.chars
    prefecture_end, county_end, municipality_end = _split_place(t)
    prefecture = t[:prefecture_end]
    municipality = t[county_end:municipality_end]
    street_end = municipality_end + _street_end(t[municipality_end:], prefecture, municipality)
    shifted = _Text(t[street_end:], read.starts[street_end:], read.source)
    found, in_names = _find_numbers(shifted.chars)
    pieces, stop, tail = _read_numbers(shifted, found)
    building = _read_building(shifted, stop)
    town_t = shifted.chars[:found]
    town_t = town_t.removesuffix("第")
    letter_no = re.search(r"(?<=[イロハニホヘト甲乙丙])ノ$", town_t)
    town_t = town_t[:-1] if letter_no else town_t
    town_key = _name_key(shifted.chars, 0, len(town_t), in_names)
    municipality_key = folding.fold_ke_ga(municipality)
    # fold across the seam too: 緑 | ケ丘
    joined = folding.fold_ke_ga(municipality_key + town_key)
    aza = list(_AZA.finditer(town_key))
    before_aza = municipality_key + _drop_aza(town_key[: aza[-1].start()]) if aza and aza[-1].start() else ""
    unit_count = 0
    for piece in reversed(building):
        if not (piece.is_number and piece.unit != "word"):
            break
        unit_count += 1
    name = building[: len(building) - unit_count]
    plain = _readable
    return Address(
        source=text,
        prefecture=prefecture,
        county=plain(read.surface(prefecture_end, county_end)),
        municipality=plain(read.surface(county_end, municipality_end)),
        street=plain(read.surface(municipality_end, street_end)),
        town=plain(shifted.surface(0, len(town_t))),
        numbers=tuple(piece.key for piece in pieces),
        building="".join(plain(piece.surface) for piece in name),
        units=tuple(piece.key for piece in building[len(building) - unit_count :]),
        head_key=_drop_aza(joined),
        municipality_key=municipality_key,
        before_aza_key=before_aza,
        street_key=_street_key(t[municipality_end:street_end]),
        number_pieces=tuple(pieces),
        building_pieces=tuple(building),
        head_surface=read.surface(county_end, municipality_end) + shifted.surface(0, found),
        tail=tail,
    )


def _readable(surface: str) -> str:
    return folding.drop_spaces(folding.fold_width(folding.drop_variations(surface))).strip("-")


def _street_key(street: str) -> str:
    key = _RUN.sub(lambda m: _value(m.group()) or m.group(), street)
    return re.sub(r"[通筋リル-]|通リ", "", key).replace("アガ", "上").replace("サガ", "下").replace("ガ", "")


def _spell(address: Address) -> str:
    numbers = ""
    for index, piece in enumerate(address.number_pieces):
        joined = "" if index == 0 or piece.key[0] in "・~" else "-"
        numbers += joined + piece.key
    words, before = "", None
    for piece in address.building_pieces:
        mark = {"room": "号室", "block": "棟", "floor": "階"}.get(piece.unit, "")
        both_numbers = before is not None and before.is_number and piece.is_number
        both_latin = "A" <= words[-1:] <= "Z" and "A" <= piece.key[0] <= "Z"
        words += ("-" if (both_numbers or both_latin) and piece.key[0] not in "・~" else "") + piece.key + mark
        before = piece
    place = address.prefecture + address.head_key + numbers
    return f"{place} {words}" if words else place


def search_key(text: str) -> str:
    """The canonical writing of an address, for an indexed column and for what a person types to find it.

    世田谷区粕谷四丁目８番１号 ハイツ１０１号室 → 世田谷区粕谷4-8-1 ハイツ101号室. 郡, 大字 and Kyoto's streets
    are left out, hiragana is katakana, Latin letters are capitals. Giving the key again yields the same key.
    A text without prefecture gives a key without it, so search by containment (trigram), or by prefix from
    the municipality on. Domain notes, switching §6.
    """
    key = _spell(parse(text))
    for _ in range(6):
        again = _spell(parse(key))
        if again == key:
            break
        key = again
    return key
