"""Words between two retailers carry none of the customer's values, in whatever writing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switching.guard import Finding, Values, finding_in

HELD = Values("U-1234-ABC5", "髙橋 花子", "タカハシ ハナコ", "東京都世田谷区粕谷四丁目8番1号 ハイツ桜 101号室")
COMPANY = Values("9", "株式会社青空商店", "アオゾラショウテン", "京都市中京区麩屋町通御池上る上白山町1")
SHORT = Values("9", "林 葵", "ハヤシ アオイ", "大阪府大阪市北区梅田3-1-1")
TINY = Values("9", "阿部 森", "アベ モリ", "沖縄県那覇市泉崎1-2-2")


@pytest.mark.parametrize(
    "text",
    [
        "ご契約者が亡くなられ、名義変更のお手続き中です。",
        "ご家族の同意を確認しております。",
        "一度お客さまへお電話ください。十分ご注意ください。",
        "法人格の位置が異なるようです。",
        "くらべてご確認ください。そのつもりです。",
        "Please compare the building name with the bill.",
        "The customer asked us to wait for the bereavement papers.",
        "",
    ],
)
def test_ordinary_words_pass(text):
    assert finding_in(text, [HELD, COMPANY, SHORT, TINY]) is None


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("末尾は5です", Finding.FIGURE),
        ("末尾は５です", Finding.FIGURE),
        ("末尾は⑤です", Finding.FIGURE),
        ("末尾は Ⅴ です", Finding.FIGURE),
        ("下四桁", Finding.FIGURE),
        ("一二三四", Finding.FIGURE),
        ("壱弐", Finding.FIGURE),
        ("いち に さん よん", Finding.FIGURE),
        ("one two three", Finding.FIGURE),
        ("taro@example.jp へ", Finding.CONTACT),
        ("https://example.jp", Finding.CONTACT),
        ("A・B・C です", Finding.NUMBER),
        ("ａｂｃ", Finding.NUMBER),
        ("高橋さまです", Finding.NAME),
        ("名は 花 子", Finding.NAME),
        ("ﾀｶﾊｼ", Finding.KANA),
        ("たかはし", Finding.KANA),
        ("Ta-ka-ha-shi", Finding.KANA),
        ("HANAKO", Finding.KANA),
        ("世田谷です", Finding.ADDRESS),
        ("粕谷", Finding.ADDRESS),
        ("はいつさくら", Finding.ADDRESS),
    ],
)
def test_each_value_is_found_and_said_of_which_sort(text, finding):
    assert finding_in(text, [HELD]) == finding


@pytest.mark.parametrize(
    ("text", "values", "finding"),
    [
        ("青空でしょうか", COMPANY, Finding.NAME),
        ("麩屋町", COMPANY, Finding.ADDRESS),
        ("上白山", COMPANY, Finding.ADDRESS),
        ("林様ですか", SHORT, Finding.NAME),
        ("葵さん", SHORT, Finding.NAME),
        ("アベです", TINY, Finding.KANA),
        ("あべさん", TINY, Finding.KANA),
        ("Abe", TINY, Finding.KANA),
    ],
)
def test_short_names_and_companies_are_found_too(text, values, finding):
    assert finding_in(text, [values]) == finding


def test_a_short_name_inside_another_word_is_no_name():
    assert finding_in("森林組合に確認中", [SHORT]) is None
    assert finding_in("つもりです", [TINY]) is None


PLAIN = st.text("をのはがにとより確認願います。 ", max_size=12)
DIGITS = st.text("0123456789０１２３４５６７８９", min_size=1, max_size=12)


@given(PLAIN, DIGITS, PLAIN)
def test_no_figure_passes_whatever_stands_around_it(before, figures, after):
    assert finding_in(before + figures + after, [HELD]) == Finding.FIGURE


@given(PLAIN, st.sampled_from(["髙橋花子", "花子", "タカハシ", "ハナコ", "粕谷", "ハイツ桜"]), PLAIN, st.data())
def test_no_value_passes_in_another_width_kana_or_spacing(before, value, after, data):
    for change in data.draw(st.lists(st.sampled_from(["wide", "hiragana", "gaps", "dots"]), max_size=3)):
        match change:
            case "wide":
                value = unicodedata.normalize("NFKD", value)
            case "hiragana":
                value = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in value)
            case "gaps":
                value = "　".join(value)
            case "dots":
                value = "・".join(value)
    assert finding_in(before + value + after, [HELD]) is not None
