"""What a comparison says: verdicts, fields and the rules that made two values equal; never the values themselves."""

from dataclasses import dataclass
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from metering.folding import Step


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
ORDER = {rule: index for index, rule in enumerate(Rule)}
RANK = {Verdict.EXACT: 0, Verdict.NORMALISED: 1, Verdict.WEAK: 2, Verdict.MISSING: 3, Verdict.DIFFERENT: 4}
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
