"""Contract holders: invented people and companies, and the ways the same name is written a second time."""

import random
import unicodedata
from dataclasses import dataclass

from metering.folding import DASHES

FAMILIES: tuple[tuple[str, str], ...] = tuple(
    (pair.split("/")[0], pair.split("/")[1])
    for pair in [
        "佐藤/サトウ",
        "鈴木/スズキ",
        "髙橋/タカハシ",
        "高橋/タカハシ",
        "田中/タナカ",
        "伊藤/イトウ",
        "渡邉/ワタナベ",
        "渡辺/ワタナベ",
        "渡邊/ワタナベ",
        "山本/ヤマモト",
        "中村/ナカムラ",
        "小林/コバヤシ",
        "加藤/カトウ",
        "吉田/ヨシダ",
        "山田/ヤマダ",
        "佐々木/ササキ",
        "山﨑/ヤマザキ",
        "山崎/ヤマサキ",
        "齋藤/サイトウ",
        "斉藤/サイトウ",
        "齊藤/サイトウ",
        "澤田/サワダ",
        "沢田/サワダ",
        "濵田/ハマダ",
        "浜田/ハマダ",
        "廣瀬/ヒロセ",
        "広瀬/ヒロセ",
        "國分/コクブン",
        "眞鍋/マナベ",
        "真鍋/マナベ",
        "德永/トクナガ",
        "徳永/トクナガ",
        "松本/マツモト",
        "井上/イノウエ",
        "木村/キムラ",
        "清水/シミズ",
        "阿部/アベ",
        "森/モリ",
        "池田/イケダ",
        "橋本/ハシモト",
        "石井/イシイ",
        "小川/オガワ",
        "岡田/オカダ",
        "三ツ木/ミツギ",
        "緑川/ミドリカワ",
        "比嘉/ヒガ",
        "金城/キンジョウ",
        "津久井/ツクイ",
        "手塚/テヅカ",
        "大和田/オオワダ",
    ]
)
GIVENS: tuple[tuple[str, str], ...] = tuple(
    (pair.split("/")[0], pair.split("/")[1])
    for pair in [
        "太郎/タロウ",
        "花子/ハナコ",
        "一郎/イチロウ",
        "幸子/サチコ",
        "健太/ケンタ",
        "美咲/ミサキ",
        "翔/ショウ",
        "陽菜/ヒナ",
        "大輔/ダイスケ",
        "愛/アイ",
        "浩/ヒロシ",
        "恵子/ケイコ",
        "学/マナブ",
        "久美子/クミコ",
        "隆/タカシ",
        "由紀/ユキ",
        "誠/マコト",
        "京子/キョウコ",
        "修/オサム",
        "和子/カズコ",
        "さくら/サクラ",
        "ひかり/ヒカリ",
        "蓮/レン",
        "結衣/ユイ",
        "悠真/ユウマ",
        "凛/リン",
        "武/タケシ",
        "節子/セツコ",
        "進/ススム",
        "トシ/トシ",
    ]
)
OLD_FORMS = {"髙": "高", "﨑": "崎", "邉": "辺", "邊": "辺", "齋": "斎", "齊": "斉", "澤": "沢", "濵": "浜"} | {
    "廣": "広", "國": "国", "眞": "真", "德": "徳"
}  # fmt: skip
_NEW_FORMS = {
    "高": "髙",
    "崎": "﨑",
    "辺": "邉",
    "斉": "齊",
    "沢": "澤",
    "浜": "濵",
    "広": "廣",
    "真": "眞",
    "徳": "德",
}
COMPANY_WORDS: tuple[tuple[str, str], ...] = (
    ("青空商店", "アオゾラショウテン"),
    ("みどり食品", "ミドリショクヒン"),
    ("朝日製作所", "アサヒセイサクショ"),
    ("さざなみ印刷", "サザナミインサツ"),
    ("こだま倉庫", "コダマソウコ"),
    ("北斗精工", "ホクトセイコウ"),
    ("若葉クリーニング", "ワカバクリーニング"),
    ("三日月堂", "ミカヅキドウ"),
    ("大樹ファーム", "タイジュファーム"),
    ("ひなた歯科", "ヒナタシカ"),
    ("千鳥旅館", "チドリリョカン"),
    ("つばめ運輸", "ツバメウンユ"),
)
# form, its short writing, its kana, its short kana
COMPANY_FORMS = (
    ("株式会社", "㈱", "カブシキガイシャ", "カ)"),
    ("有限会社", "㈲", "ユウゲンガイシャ", "ユ)"),
    ("合同会社", "(同)", "ゴウドウガイシャ", "ド)"),
)
_HALF_WIDTH = {
    unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E) if code != 0xFF70
} | {"ー": "ｰ", "\u3099": "ﾞ", "\u309a": "ﾟ"}


@dataclass(frozen=True)
class Holder:
    """A contract holder as the retailer wrote it down."""

    name: str
    kana: str
    is_company: bool = False


def person(rng: random.Random, *, with_old_form: bool = False) -> Holder:
    """Somebody at home; blanks between the names and the width of the kana as different clerks write them."""
    families = [f for f in FAMILIES if set(f[0]) & OLD_FORMS.keys()] if with_old_form else FAMILIES
    family, given = rng.choice(families), rng.choice(GIVENS)
    blank = rng.choice(("\u3000", " ", "", "\u3000"))
    kana = f"{family[1]}{blank}{given[1]}"
    return Holder(f"{family[0]}{blank}{given[0]}", half_width(kana) if rng.random() < 0.12 else kana)


def company(rng: random.Random) -> Holder:
    """A business, its form in front or behind, in full or as one character."""
    word, form = rng.choice(COMPANY_WORDS), rng.choice(COMPANY_FORMS)
    written = form[0] if rng.random() < 0.7 else form[1]
    if rng.random() < 0.65:
        return Holder(written + word[0], f"{form[2]}{word[1]}", is_company=True)
    return Holder(word[0] + written, f"{word[1]}{form[2]}", is_company=True)


def half_width(text: str) -> str:
    """ヤマダ → ﾔﾏﾀﾞ; whatever has no half-width form stays."""
    return "".join(_HALF_WIDTH.get(c, c) for c in unicodedata.normalize("NFD", text))


def another_writing(holder: Holder) -> Holder:
    """The same name as the strict rules know it: other width, blank and company form; never the very same text."""
    kana = unicodedata.normalize("NFKC", holder.kana).replace(" ", "")
    if holder.is_company:
        name = _swap(holder.name, {form[0]: form[1] for form in COMPANY_FORMS})
        if name == holder.name:
            name = _swap(holder.name, {form[1]: form[0] for form in COMPANY_FORMS})
        return Holder(name, half_width(kana), is_company=True)
    plain = holder.name.replace("\u3000", "").replace(" ", "")
    name = plain if plain != holder.name else f"{plain}\u3000様"
    return Holder(name, kana if holder.kana != kana else half_width(kana))


def loose_writing(holder: Holder) -> Holder:
    """The same name as only the loose rules know it: old for new characters, company form on the other side."""
    if holder.is_company:
        for forms in COMPANY_FORMS:
            for form in forms[:2]:
                if holder.name.startswith(form):
                    return Holder(holder.name.removeprefix(form) + form, holder.kana, is_company=True)
                if holder.name.endswith(form):
                    return Holder(form + holder.name.removesuffix(form), holder.kana, is_company=True)
    for letters in (OLD_FORMS, _NEW_FORMS):
        name = "".join(letters.get(c, c) for c in holder.name)
        if name != holder.name:
            return Holder(name, holder.kana)
    return Holder(holder.name, holder.kana)


def somebody_else(holder: Holder, rng: random.Random) -> Holder:
    """Another member of the household, or another firm."""
    while (other := company(rng) if holder.is_company else person(rng)).kana[:3] == holder.kana[:3]:
        pass
    return other


def contract_number(template: str, rng: random.Random) -> str:
    """A number after a template (# digit, ? letter), separators as printed."""
    digits, letters = "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(rng.choice(digits if c == "#" else letters) if c in "#?" else c for c in template)


def retyped(number: str) -> str:
    """The number as a customer reads it out: no separators, full-width digits."""
    bare = "".join(c for c in number if c not in DASHES and c != " ")
    return bare.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})


def mistyped(number: str) -> str:
    """The number with its last digit wrong; it still follows the retailer's rule."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def _swap(text: str, forms: dict[str, str]) -> str:
    for old, new in forms.items():
        text = text.replace(old, new)
    return text
