"""The identity check: its verdicts, the rules it names, and what it must never take for the same."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering import addresses
from switching import identity, identity_audit
from switching.identity import Claim, Field, Rule, Verdict
from tests.metering.writing import Place, other_places, places, plain, written

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = REPOSITORY.parent / "shared" / "data" / "addresses.csv"
TEXT = st.text(max_size=24)
NAME = st.text(alphabet="山田髙高太郎やまヤマヤャッツヅズー－- 　・様株式会社(株)㈱カ)Aa", max_size=14)
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

COMPARE = {
    Field.CONTRACT_NUMBER: identity.compare_contract_number,
    Field.HOLDER_NAME: identity.compare_name,
    Field.HOLDER_KANA: identity.compare_kana,
    Field.ADDRESS: lambda one, other: identity.compare_address(one, other).combined,
    Field.BUILDING: lambda one, other: identity.compare_address(one, other).combined,
}


# --- the table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", identity.RULE_NOTES, ids=lambda note: note.rule.value)
def test_every_rule_does_what_its_example_says(note: identity.RuleNote) -> None:
    found = COMPARE[note.fields[0]](*note.example)
    assert found.verdict is (Verdict.WEAK if note.rule.is_loose else Verdict.NORMALISED)
    assert note.rule in found.rules


def test_the_table_has_every_rule_once() -> None:
    assert [note.rule for note in identity.RULE_NOTES] == list(Rule)


def test_the_document_shows_the_table_in_both_languages() -> None:
    document = (REPOSITORY / "docs" / "identity-check.md").read_text(encoding="utf-8")
    for language in ("en", "ja"):
        with translation.override(language):
            for note in identity.RULE_NOTES:
                layer = {"en": ("strict", "loose"), "ja": ("厳格", "緩い")}[language][note.rule.is_loose]
                fields = "、".join(str(field.label) for field in note.fields)
                example = " / ".join(note.example).replace("\U000e0100", "")
                row = f"| {note.rule.label} | {layer} | {fields} | {example} |"
                assert row in document


@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_has_a_japanese_label(rule: Rule) -> None:
    with translation.override("en"):
        english = str(rule.label)
    with translation.override("ja"):
        assert str(rule.label) != english


# --- numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "held", "verdict", "rules"),
    [
        ("0123456", "0123456", Verdict.EXACT, ()),
        ("０１２３４５６", "0123456", Verdict.NORMALISED, (Rule.WIDTH,)),
        ("01-234ー56", "0123456", Verdict.NORMALISED, (Rule.SEPARATORS,)),
        ("No.12", "No12", Verdict.NORMALISED, (Rule.ALPHANUMERIC,)),
        ("ab12", "AB12", Verdict.WEAK, (Rule.NUMBER_CASE,)),
        ("123456", "0123456", Verdict.DIFFERENT, ()),
        ("0123457", "0123456", Verdict.DIFFERENT, ()),
        ("", "0123456", Verdict.MISSING, ()),
        ("---", "---", Verdict.MISSING, ()),
    ],
)
def test_contract_numbers(given_: str, held: str, verdict: Verdict, rules: tuple[Rule, ...]) -> None:
    found = identity.compare_contract_number(given_, held)
    assert (found.verdict, found.rules) == (verdict, rules)


def test_the_retailers_own_separators_are_named_as_such() -> None:
    found = identity.compare_contract_number("12/34", "1234", separators="/")
    assert found.rules == (Rule.SEPARATORS,)


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "held", "verdict", "rules"),
    [
        ("株式会社ソラ電気", "株式会社ソラ電気", Verdict.EXACT, ()),
        ("㈱ソラ電気", "株式会社ソラ電気", Verdict.NORMALISED, (Rule.COMPANY_FORM,)),
        ("カ)ソラ", "カブシキガイシャソラ", Verdict.NORMALISED, (Rule.COMPANY_FORM,)),
        ("ソラ電気（株）", "㈱ソラ電気", Verdict.WEAK, (Rule.COMPANY_FORM, Rule.COMPANY_POSITION)),
        ("ソラ電気", "㈱ソラ電気", Verdict.WEAK, (Rule.COMPANY_FORM, Rule.COMPANY_MISSING)),
        ("有限会社ソラ電気", "株式会社ソラ電気", Verdict.DIFFERENT, ()),
        ("山田 太郎 様", "山田太郎", Verdict.NORMALISED, (Rule.SPACES, Rule.TITLE)),
        ("髙橋　一郎", "高橋一郎", Verdict.WEAK, (Rule.SPACES, Rule.OLD_FORM)),
        ("渡邉 齋", "渡辺 斉", Verdict.WEAK, (Rule.OLD_FORM,)),
        ("John Smith", "SMITH JOHN", Verdict.WEAK, (Rule.LETTER_CASE, Rule.NAME_ORDER)),
        ("山田太郎", "太郎 山田", Verdict.WEAK, (Rule.NAME_ORDER,)),
        ("山田太郎", "山田次郎", Verdict.DIFFERENT, ()),
        ("", "山田太郎", Verdict.MISSING, ()),
        ("　", "山田太郎", Verdict.MISSING, ()),
    ],
)
def test_names(given_: str, held: str, verdict: Verdict, rules: tuple[Rule, ...]) -> None:
    found = identity.compare_name(given_, held)
    assert found.verdict is verdict
    assert set(found.rules) == set(rules)


@pytest.mark.parametrize(
    ("given_", "held", "verdict"),
    [
        ("ｷﾖｳﾄ ﾊﾅｺ", "きょうと はなこ", Verdict.NORMALISED),
        ("オ－ノ", "オーノ", Verdict.NORMALISED),
        ("ミヅノ", "ミズノ", Verdict.WEAK),
        ("ヤマダ", "ヤマタ", Verdict.DIFFERENT),
    ],
)
def test_kana(given_: str, held: str, verdict: Verdict) -> None:
    assert identity.compare_kana(given_, held).verdict is verdict


# --- addresses ------------------------------------------------------------------------------------------

EBISU = "東京都渋谷区恵比寿1-2-3"


@pytest.mark.parametrize(
    ("given_", "held", "verdict"),
    [
        (EBISU + "-405", "渋谷区恵比寿一丁目2番3号405号室", Verdict.NORMALISED),
        (EBISU + "-405", EBISU + " ハイツ405", Verdict.WEAK),
        (EBISU + "-406", EBISU + " ハイツ405", Verdict.DIFFERENT),
        (EBISU, EBISU + " ハイツ405", Verdict.WEAK),
        (EBISU + " ハイツA棟101", EBISU + " ハイツB棟101", Verdict.DIFFERENT),
        (EBISU + " ハイツ東棟101", EBISU + " ハイツ西棟101", Verdict.DIFFERENT),
        (EBISU + " ハイツ2階", EBISU + " ハイツ2号室", Verdict.DIFFERENT),
        (EBISU + " ハイツ2号棟", EBISU + " ハイツ2号室", Verdict.DIFFERENT),
        (EBISU + " ハイツ龍101", EBISU + " ハイツ竜101", Verdict.WEAK),
        (EBISU + " グランハイツⅡ201", EBISU + " グランハイツ2-201", Verdict.WEAK),
        (EBISU + "地先", EBISU, Verdict.WEAK),
        ("東京都府中市緑町1-2", "広島県府中市緑町1-2", Verdict.DIFFERENT),
        ("岩手花巻市12-704", "岩手県花巻市12-704", Verdict.NORMALISED),
        ("大阪狭山市狭山1-2", "大阪府大阪狭山市狭山1-2", Verdict.NORMALISED),
        ("狭山市狭山1-2", "大阪狭山市狭山1-2", Verdict.DIFFERENT),
        ("茨城県龍ケ崎市1234", "茨城県竜ヶ崎市1234", Verdict.WEAK),
        ("東京都渋谷区恵比寿", EBISU, Verdict.DIFFERENT),
        ("東京都渋谷区恵比寿1-2", EBISU, Verdict.DIFFERENT),
        ("", EBISU, Verdict.MISSING),
    ],
)
def test_addresses(given_: str, held: str, verdict: Verdict) -> None:
    assert identity.compare_address(given_, held).combined.verdict is verdict


def test_place_and_building_are_told_apart() -> None:
    found = identity.compare_address(EBISU + " ハイツ405", EBISU + " ハイツ406号室")
    assert found.place.verdict is Verdict.NORMALISED or found.place.verdict is Verdict.EXACT
    assert found.building.verdict is Verdict.DIFFERENT
    assert found.combined.verdict is Verdict.DIFFERENT
    assert identity.compare_address(EBISU, "渋谷区恵比寿1-2-3").building.verdict is Verdict.MISSING


def test_only_rules_that_were_needed_are_named() -> None:
    found = identity.compare_address("東京都港区六本木７丁目１番１４号", "東京都港区六本木７丁目１番14号")
    assert found.combined.rules == (Rule.WIDTH,)


@calm
@given(places(), st.data())
def test_another_writing_of_a_place_is_equal(place: Place, data: st.DataObject) -> None:
    one, other = plain(place), data.draw(written(place))
    assert identity.compare_address(one, other).combined.is_equal
    keys = [set(identity.same_place_keys(addresses.parse(text))) for text in (one, other)]
    assert keys[0] & keys[1]


@calm
@given(places(), st.data())
def test_another_number_room_or_block_is_never_equal(place: Place, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(other_places(place)))
    one, another = data.draw(written(place)), data.draw(written(other))
    assert not identity.compare_address(one, another).combined.is_equal


@calm
@given(places(), st.data())
def test_blanks_width_and_dashes_never_cost_equality(place: Place, data: st.DataObject) -> None:
    text = plain(place)
    noisy = ""
    for char, following in zip(text, [*text[1:], ""], strict=True):
        if char == "-":
            char = data.draw(st.sampled_from("-－‐−–—ー"))
        elif char.isascii() and char.isdigit():
            char = data.draw(st.sampled_from([char, chr(ord(char) + 0xFEE0)]))
        # a blank between two digits or two letters parts them; anywhere else it means nothing
        apart = any(following.isascii() and char.isascii() and f(following) for f in (str.isdigit, str.isalpha))
        digits = char.isdigit() and following.isdigit()
        noisy += char + ("" if digits or apart else data.draw(st.sampled_from(["", "", " ", "　"])))
    assert identity.compare_address(text, noisy).combined.is_equal


# --- every field ----------------------------------------------------------------------------------------


@calm
@given(st.one_of(TEXT, NAME), st.one_of(TEXT, NAME))
def test_the_sides_may_be_exchanged(one: str, other: str) -> None:
    claims = [Claim(text, text, text, text) for text in (one, other)]
    assert identity.compare(*claims) == identity.compare(*reversed(claims))


@calm
@given(st.one_of(TEXT, NAME))
def test_a_value_is_exactly_itself(text: str) -> None:
    report = identity.compare(Claim(text, text, text, text), Claim(text, text, text, text))
    for comparison in report.comparisons[:4]:
        assert comparison.verdict in (Verdict.EXACT, Verdict.MISSING)
        assert comparison.rules == ()
        has_content = any("0" <= c <= "z" and c.isalnum() for c in text)
        assert comparison.verdict is Verdict.EXACT or not has_content


@calm
@given(st.one_of(TEXT, NAME))
def test_normalising_twice_changes_nothing(text: str) -> None:
    for normalise in (identity.normalise_name, identity.normalise_contract_number):
        assert normalise(normalise(text)) == normalise(text)


@calm
@given(st.lists(st.sampled_from("山田太郎ヤマダー"), min_size=1, max_size=8), st.data())
def test_named_rules_cannot_be_spared(chars: list[str], data: st.DataObject) -> None:
    one = "".join(chars) + "山"
    other = "".join(c + data.draw(st.sampled_from(["", " ", "　"])) for c in one)
    other = other.replace("ー", data.draw(st.sampled_from("ー－-")))
    found = identity.compare_name(one, other)
    assert found.is_equal
    assert set(found.rules) <= {Rule.SPACES, Rule.DASHES, Rule.WIDTH}
    assert (Rule.SPACES in found.rules) == (" " in other or "　" in other)
    assert bool({Rule.DASHES, Rule.WIDTH} & set(found.rules)) == (one.replace("ー", "") != one and "ー" not in other)


HELD = Claim("0123-456", "髙橋一郎", "タカハシイチロウ", EBISU + " ハイツ405号室")


@pytest.mark.parametrize(
    ("given_", "accepted"),
    [
        (HELD, True),
        (Claim("0123456", "髙橋 一郎", "", "渋谷区恵比寿１丁目２－３ハイツ405"), True),
        (Claim("0123457", "髙橋一郎", "タカハシイチロウ", HELD.address), False),
        (Claim("0123456", "高橋一郎", "タカハシイチロウ", HELD.address), False),
        (Claim("0123456", "髙橋一郎", "タカハシイチロウ", EBISU), False),
        (Claim("", "髙橋一郎", "タカハシイチロウ", HELD.address), False),
    ],
)
def test_auto_accept_needs_number_name_and_address(given_: Claim, accepted: bool) -> None:
    assert identity.compare(given_, HELD).meets_auto_accept is accepted


def test_a_report_never_carries_a_value() -> None:
    given_ = Claim("0123456", "高橋一郎", "タカハシ", "渋谷区恵比寿1-2-3")
    report = identity.compare(given_, HELD)
    told = repr(report) + json.dumps(report.as_data(), ensure_ascii=False)
    for secret in ("0123", "髙橋", "一郎", "タカハシ", "恵比寿", "405"):
        assert secret not in told
    assert [c.field for c in report.comparisons] == list(Field)
    assert report.as_data()["holder_name"] == {"verdict": "weak", "rules": ["old_form"]}


# --- lists ----------------------------------------------------------------------------------------------


def a_list(*rows: tuple[str, ...], columns: tuple[str, ...] = identity_audit.COLUMNS) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([columns, *rows])
    return out.getvalue()


GOOD = a_list(
    ("東京都港区六本木７丁目１－１４", "東京都", "港区", "六本木七丁目", "", "1-14"),
    ("東京都港区六本木７丁目１番１５号 髙ビル3F", "東京都", "港区", "六本木七丁目", "1-15", "高ビル3階"),
    ("京都府京都市中京区一之舟入町5", "京都府", "京都市中京区", "一之船入町", "5", ""),
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_is_judged_whatever_its_encoding(encoding: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(GOOD.encode(encoding))
    call_command("identity_report", str(path), json=True)
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1]) == {
        "rows": 3,
        "equal_share": 0.333333,
        "weak": 1,
        "different": 1,
        "false_equals": 0,
    }
    assert str(Rule.OLD_FORM.label) in "".join(lines)
    call_command("identity_report", str(path))
    assert not capsys.readouterr().out.splitlines()[-1].startswith("{")


def test_two_places_taken_for_one_are_found_and_shown(tmp_path: Path, capsys) -> None:
    path = tmp_path / "list.csv"
    row = ("東京都港区芝2-29-7", "東京都", "港区", "芝二丁目", "29-7", "")
    wrong = ("港区芝二丁目29番7号", "東京都", "港区", "芝二丁目", "29-8", "")
    path.write_text(a_list(row, row, wrong), encoding="utf-8")
    call_command("identity_report", str(path), json=True)
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["false_equals"] == 2
    assert "    港区芝二丁目29番7号" in lines


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "The file is empty."),
        (a_list().encode(), "no address"),
        (a_list(columns=("住所", "都道府県")).encode(), "市区町村"),
        (a_list(("港区芝1", "東京都")).encode(), "Line 2 has 2 fields, the heading has 6."),
        (b"\xff\xfe" + "住所".encode("utf-16-le"), "UTF-16"),
        (GOOD.encode() + b"\x80\xff\xff\n", "line 5"),
        (GOOD.encode() + b"\0", "zero bytes"),
        (GOOD.encode() + b'"open', "cannot be read as CSV"),
    ],
)
def test_a_bad_list_is_refused_with_a_sentence(content: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with translation.override("en"), pytest.raises(CommandError, match=word) as caught:
        call_command("identity_report", str(path))
    assert caught.value.returncode == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.csv") as caught:
        call_command("identity_report", str(tmp_path / "none.csv"))
    assert caught.value.returncode == 2


@pytest.mark.skipif(not REAL.exists(), reason="the real addresses (../shared/data/addresses.csv) are not here")
def test_real_addresses_are_equal_to_their_parts_and_no_two_places_are_one() -> None:
    audit = identity_audit.judge(identity_audit.read_rows(REAL.read_bytes()))
    assert audit.rows == 2_500
    assert audit.equal_share >= 0.997
    assert audit.false_equals == []
