"""What the identity check makes of a retailer's own list of addresses, before it is relied upon.

Pure: bytes or rows in, figures out. Each address as written is compared with its own parts, and with every
other place of the list that could be taken for it.
"""

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, product

from django.utils.translation import gettext as _

from metering import addresses, folding
from metering.addresses import Address
from switching import identity
from switching.identity import AddressComparison, Rule, Verdict

COLUMNS = ("住所", "都道府県", "市区町村", "町字", "番地号", "その他")


class UnreadableList(Exception):
    """The file cannot be judged; the message is a sentence for the person who gave it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: the address as written and the parts it means."""

    line: int
    written: str
    prefecture: str
    municipality: str
    town: str
    number: str
    other: str

    @property
    def joined(self) -> str:
        """The parts in one text; a blank only where two numbers would run together."""
        apart = " " if self.number[-1:].isdigit() and self.other[:1].isdigit() else ""
        return f"{self.prefecture}{self.municipality}{self.town}{self.number}{apart}{self.other}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row whose written form was not found equal to its parts."""

    row: Row
    comparison: AddressComparison


@dataclass(frozen=True, slots=True)
class FalseEqual:
    """Two rows that mean different places and are taken for one."""

    one: Row
    other: Row
    rules: tuple[Rule, ...]


@dataclass(slots=True)
class Audit:
    """What came out for a list."""

    rows: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    rules: Counter[Rule] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    false_equals: list[FalseEqual] = field(default_factory=list)

    @property
    def equal_share(self) -> float:
        """The share of rows that came out exact or normalised, 0 to 1; 0 for an empty list."""
        equal = self.verdicts[Verdict.EXACT] + self.verdicts[Verdict.NORMALISED]
        return equal / self.rows if self.rows else 0.0

    def as_data(self) -> dict[str, int | float]:
        """The figures by name, as `identity_report --json` prints them."""
        return {
            "rows": self.rows,
            "equal_share": round(self.equal_share, 6),
            "weak": self.verdicts[Verdict.WEAK],
            "different": self.verdicts[Verdict.DIFFERENT],
            "false_equals": len(self.false_equals),
        }


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableList(_("The file is UTF-16. Save it as UTF-8 or Shift_JIS."))
    reached = 0
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            reached = max(reached, error.start)
    line = data[:reached].count(b"\n") + 1
    raise UnreadableList(
        _("The file is neither UTF-8 nor Shift_JIS: line {line} holds bytes that are no character.").format(line=line)
    )


def read_rows(data: bytes) -> list[Row]:
    """Read the list from the bytes of a CSV file, UTF-8 (with or without BOM) or Shift_JIS.

    The columns 住所, 都道府県, 市区町村, 町字, 番地号 and その他 are found by name; others are ignored, empty lines
    skipped. Raises UnreadableList with a sentence that names the line where there is one.
    """
    text = _decode(data)
    if "\0" in text:
        raise UnreadableList(_("The file is not a CSV file: it holds zero bytes."))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header)
                continue
            if len(cells) != len(header):
                raise UnreadableList(
                    _("Line {line} has {count} fields, the heading has {expected}.").format(
                        line=reader.line_num, count=len(cells), expected=len(header)
                    )
                )
            values = dict(zip(header, cells, strict=True))
            rows.append(Row(reader.line_num, *(values[column] for column in COLUMNS)))
    except csv.Error as error:
        raise UnreadableList(
            _("Line {line} cannot be read as CSV: {reason}.").format(line=reader.line_num, reason=error)
        ) from error
    if header is None:
        raise UnreadableList(_("The file is empty."))
    if not rows:
        raise UnreadableList(_("The file has a heading but no address."))
    return rows


def _check_header(header: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise UnreadableList(
            _("The heading lacks {missing}. It needs the columns {columns}.").format(
                missing=", ".join(missing), columns=", ".join(COLUMNS)
            )
        )
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if twice:
        raise UnreadableList(_("The heading names {column} twice.").format(column=twice[0]))


_CHOME = re.compile(f"([{folding.KANJI_DIGITS}]+)丁目?$")
_PLAIN_UNITS = re.compile("(?<=[0-9])(?:丁目|番地の?|番|号(?![棟館]))")


def _meaning(row: Row) -> str:
    """Which place the parts mean, read as simply as possible and without the rules under judgement."""

    def plain(text: str) -> str:
        text = re.sub(r"(?<=[0-9])\s+(?=[0-9])", "-", unicodedata.normalize("NFKC", text))
        return re.sub(r"\s", "", text)

    town = re.sub("^大?字", "", plain(row.town))
    town = _CHOME.sub(lambda m: f"{folding.numeral_value(m.group(1)) or m.group(1)}-", town)
    rest = f"{plain(row.number)}-{plain(row.other)}".replace("号室", "")
    place = plain(row.prefecture) + plain(row.municipality) + town + "-" + rest
    place = re.sub("[‐‑–—−]|(?<=[0-9])ー(?=[0-9])", "-", place.replace("ヶ", "ケ"))
    # only between two numbers does a dash mean something
    return re.sub("(?<![0-9])-|-(?![0-9])", "", re.sub("-+", "-", _PLAIN_UNITS.sub("-", place)))


def judge(rows: Iterable[Row]) -> Audit:
    """Compare each row's written form with its parts, and find every pair of different places taken for one.

    Pairs are looked for among the written forms and the joined parts of all rows by key, so the work grows
    with the list and not with its square. Domain notes, switching §6.
    """
    audit = Audit()
    groups: dict[tuple[str, ...], list[tuple[str, Row, Address]]] = defaultdict(list)
    for row in rows:
        comparison = identity.compare_address(row.written, row.joined)
        audit.rows += 1
        audit.verdicts[comparison.combined.verdict] += 1
        audit.rules.update(comparison.combined.rules)
        if not comparison.combined.is_equal:
            audit.findings.append(Finding(row, comparison))
        if comparison.combined.verdict is Verdict.MISSING:
            continue
        meaning = _meaning(row)
        for text in dict.fromkeys((row.written, row.joined)):
            address = addresses.parse(text)
            for key in identity.same_place_keys(address):
                groups[key].append((meaning, row, address))
    audit.false_equals = _false_equals(groups.values())
    return audit


def _false_equals(groups: Iterable[list[tuple[str, Row, Address]]]) -> list[FalseEqual]:
    found: dict[tuple[int, int], FalseEqual] = {}
    for group in groups:
        if len({meaning for meaning, _row, _address in group}) < 2:
            continue
        # many rows may say the same thing in the same words: compare the words once, then name every pair
        rows_of: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
        read: dict[str, Address] = {}
        for meaning, row, address in group:
            rows_of[meaning, address.source][row.line] = row
            read[address.source] = address
        for (meaning, text), (other_meaning, other_text) in combinations(rows_of, 2):
            if meaning == other_meaning:
                continue
            combined = identity.compare_parsed(read[text], read[other_text]).combined
            if not combined.is_equal:
                continue
            pairs = product(rows_of[meaning, text].values(), rows_of[other_meaning, other_text].values())
            for one, other in pairs:
                first, second = sorted((one, other), key=lambda row: row.line)
                found.setdefault((first.line, second.line), FalseEqual(first, second, combined.rules))
    return [found[pair] for pair in sorted(found)]
