"""Ways of writing the same Japanese text, folded to one: small pure functions that names and addresses share.

Every function takes and returns a string, changes one thing only and may be left out, so that a comparison
can find out which of them were needed. Rules: domain notes, switching §6.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from enum import StrEnum


class Step(StrEnum):
    """One thing a comparison may have to overlook. The labels for people are `switching.identity.Rule`."""

    # strict: equal after these counts as the same
    VARIATION = "variation"
    WIDTH = "width"
    SPACES = "spaces"
    KANA = "kana"
    SMALL_KANA = "small_kana"
    DASHES = "dashes"
    PUNCTUATION = "punctuation"
    LETTER_CASE = "letter_case"
    COMPANY_FORM = "company_form"
    TITLE = "title"
    SEPARATORS = "separators"
    ALPHANUMERIC = "alphanumeric"
    NUMERALS = "numerals"
    UNITS = "units"
    AZA = "aza"
    KE_GA = "ke_ga"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    STREET = "street"
    ROOM_NUMBER = "room_number"
    # loose: equal only after these goes to a person
    OLD_FORM = "old_form"
    VOICED_KANA = "voiced_kana"
    LOOKALIKE = "lookalike"
    ITERATION = "iteration"
    PARTICLE = "particle"
    COMPANY_POSITION = "company_position"
    COMPANY_MISSING = "company_missing"
    REPRESENTATIVE = "representative"
    NAME_ORDER = "name_order"
    NUMBER_CASE = "number_case"
    MUNICIPALITY = "municipality"
    AZA_MISSING = "aza_missing"
    OTHER_STREET = "other_street"
    UNIT_CONFLICT = "unit_conflict"
    LEADING_ZEROS = "leading_zeros"
    ROOM_POSITION = "room_position"
    BUILDING_MISSING = "building_missing"
    BUILDING_NAME_MISSING = "building_name_missing"
    ROOM_MISSING = "room_missing"
    BLOCK_MISSING = "block_missing"
    BUILDING_WORDS = "building_words"


Pipeline = Sequence[tuple[Step, Callable[[str], str]]]

# Everything people (and programs) write for a dash. 一 (one) and ~ (a range) are not dashes.
DASHES = (
    "-\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2500\u2501"
    "\ufe58\ufe63\uff0d\u30fc\uff70\u2796\u2e3a\u2e3b\u3161"
)
_DASH = re.compile(f"[{re.escape(DASHES)}]")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d]")
_SPACES = re.compile("[\\s\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\u3164\uffa0\u2800]")
_VOICED = {0x309B: "\u3099", 0x309C: "\u309a"}
_PUNCTUATION = re.compile(r"[・･=＝゠,，.．。､、'’‘`\"“”「」『』｢｣]")
_HIRAGANA = {code: chr(code + 0x60) for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_SMALL = str.maketrans(
    "ァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎゕゖ", "アイウエオツヤユヨワカケあいうえおつやゆよわかけ"
)
_VOICED_PAIRS = str.maketrans("ヂヅぢづ", "ジズじず")

KANA = "ァ-ヺ"
KANJI = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af々〆"


def drop_variations(text: str) -> str:
    """葛 with a variation selector → 葛."""
    return _VARIATION.sub("", text)


def fold_width(text: str) -> str:
    """Full-width letters and digits, half-width kana, ㈱ and ① → their plain form (NFKC)."""
    return unicodedata.normalize("NFKC", text.translate(_VOICED))


def drop_spaces(text: str) -> str:
    """Every blank, U+3000 and the invisible ones too."""
    return _SPACES.sub("", text)


def fold_kana(text: str) -> str:
    """ひらがな → カタカナ."""
    return text.translate(_HIRAGANA)


def enlarge_kana(text: str) -> str:
    """ャ → ヤ, ッ → ツ, ヶ → ケ."""
    return text.translate(_SMALL)


def unify_dashes(text: str) -> str:
    """Hyphen, minus, dash and the long-vowel mark → the long-vowel mark."""
    return _DASH.sub("ー", text)


def drop_punctuation(text: str) -> str:
    """The middle dot, comma, full stop and quotes that only part words."""
    return _PUNCTUATION.sub("", text)


def fold_case(text: str) -> str:
    """Latin letters in capitals, those outside ASCII too."""
    return text.casefold().upper()


# Old, variant and simplified characters; the last of each group is the one it is folded to.
_OLD_GROUPS = (
    "髙高 﨑嵜碕崎 邉邊辺 齋齊斎斉 澤沢 濵濱浜 廣広 國圀国 眞真 德徳 龍竜 瀧滝 嶋嶌島 櫻桜 壽寿 榮栄 "
    "惠恵 黑黒 淸清 增増 渕渊淵 冨富 舘館 曾曽 藪薮 籠篭 關関 實実 寶寳宝 圓円 縣県 區区 鹽塩 鐵鐡鉄 "
    "藏蔵 濟済 靑青 祿禄 彌弥 爾尓 條条 學学 樂楽 巖巌 嚴厳 豐豊 與与 萬万 佛仏 瀨瀬 賴頼 顯顕 燈灯 "
    "壯壮 狀状 將将 莊荘 淺浅 錢銭 踐践 殘残 單単 戰戦 禪禅 彈弾 團団 傳伝 轉転 專専 對対 臺台 隨随 "
    "髓髄 聲声 靜静 竊窃 攝摂 纖繊 雙双 總総 屬属 續続 讀読 賣売 體体 擇択 驛駅 譯訳 釋釈 擔担 膽胆 "
    "晝昼 鑄鋳 廳庁 聽聴 敕勅 鎭鎮 遞逓 點点 當当 黨党 獨独 貳弐 壹壱 參参 惱悩 腦脳 發発 髮髪 拔抜 "
    "蠻蛮 祕秘 濱浜 甁瓶 拂払 變変 邊辺 辨辯弁 步歩 峯峰 穗穂 畧略 飜翻 每毎 默黙 彥彦 藥薬 豫予 餘余 "
    "譽誉 搖揺 樣様 謠謡 來来 亂乱 覽覧 兩両 獵猟 綠緑 壘塁 淚涙 勵励 禮礼 隸隷 靈霊 齡齢 戀恋 爐炉 "
    "勞労 樓楼 灣湾 亞亜 惡悪 壓圧 圍囲 爲為 醫医 隱隠 衞衛 驗験 緣縁 應応 歐欧 毆殴 橫横 奧奥 溫温 "
    "穩穏 假仮 價価 畫画 會会 繪絵 壞壊 懷懐 擴拡 殼殻 覺覚 嶽岳 卷巻 陷陥 勸勧 寬寛 歡歓 罐缶 觀観 "
    "氣気 歸帰 龜亀 僞偽 戲戯 犧犠 舊旧 據拠 擧挙 峽峡 狹狭 曉暁 驅駆 勳勲 薰薫 徑径 溪渓 經経 繼継 "
    "莖茎 螢蛍 輕軽 鷄鶏 藝芸 擊撃 缺欠 儉倹 劍剣 圈圏 檢検 權権 獻献 險険 効效 恆恒 號号 碎砕 雜雑 "
    "蠶蚕 慘惨 讚讃 贊賛 絲糸 齒歯 兒児 辭辞 濕湿 寫写 從従 澁渋 獸獣 縱縦 肅粛 處処 緖緒 敍叙 奬奨 "
    "燒焼 稱称 證証 乘乗 剩剰 壤壌 孃嬢 讓譲 釀醸 觸触 囑嘱 愼慎 晉晋 寢寝 盡尽 圖図 粹粋 醉酔 數数 "
    "樞枢 姬姫 桒桑 𠮷吉 𡈽土 閒間 栁柳 桺柳 槗橋 槇槙 柹柿 斈学 冩写 凬風 夘卯 兔兎 檜桧 曻昇 晄晃 "
    "晧皓 敎教 郞郎 凜凛 凉涼 况況 决決 减減 鄕郷 卽即 旣既 槪概 靍鶴 隺鶴 鷗鴎 鶯鴬 麴麹 麵麺 祗祇 "
    "蘆芦 蔣蒋 萊莱 蠟蝋 攪撹 頰頬 塡填 壺壷 煕熙 穎頴 莓苺 菟兎 埜野 枩松 濶闊 躰体 舩船 冝宜 寳宝 "
    "嵓岩 巗巌 莵兎 亙亘 惪徳 悳徳 恊協 旹時 艸草 耻恥 諌諫 竈竃"
)


def _old_forms() -> dict[int, str]:
    table: dict[int, str] = {}
    for group in _OLD_GROUPS.split():
        for char in group[:-1]:
            if char != group[-1]:
                table[ord(char)] = group[-1]
    # a form that is itself folded further on goes all the way (辨 → 弁), whatever the order of the groups
    for code, char in list(table.items()):
        seen = {chr(code)}
        while ord(char) in table and char not in seen:
            seen.add(char)
            char = table[ord(char)]
        table[code] = char
    return table


_OLD_FORMS = _old_forms()
_LOOKALIKES = str.maketrans("ニハロカエトタオヌチミーにへべぺ", "二八口力工卜夕才又千三一二ヘベペ")


def fold_old_forms(text: str) -> str:
    """髙 → 高, 邊 → 辺, 齋 → 斉."""
    return text.translate(_OLD_FORMS)


def fold_voiced(text: str) -> str:
    """ヂ → ジ, ヅ → ズ."""
    return text.translate(_VOICED_PAIRS)


def fold_lookalikes(text: str) -> str:
    """Katakana that reads like a kanji on a slip (ニ/二, ハ/八, ロ/口, ー/一) → the kanji."""
    return text.translate(_LOOKALIKES)


def expand_iteration(text: str) -> str:
    """代々木 → 代代木."""
    out: list[str] = []
    for char in text:
        out.append(out[-1] if char in "々〻" and out else char)
    return "".join(out)


_PARTICLE = re.compile(f"(?<=[{KANJI}{KANA}])[之乃ノ](?=[{KANJI}{KANA}])")
_COUNTER = re.compile(f"(?<=[{KANJI}{KANA}])[箇个カ](?=[{KANJI}])")


def fold_particles(text: str) -> str:
    """三之町 and 三ノ町; 三箇日, 三カ日 and 三ケ日."""
    return _COUNTER.sub("ケ", _PARTICLE.sub("ノ", text))


_KE_GA = re.compile(f"(?<=[{KANJI}{KANA}ぁ-ゖ])[ケヶガヵがゖゕ](?=[{KANJI}])")


def fold_ke_ga(text: str) -> str:
    """緑が丘, 緑ガ丘, 緑ヶ丘 → 緑ケ丘."""
    return _KE_GA.sub("ケ", text)


# --- numerals -------------------------------------------------------------------------------------------

KANJI_DIGITS = "〇○◯零一二三四五六七八九十百千壱弐参廿"
_DIGIT = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {
    "○": 0,
    "◯": 0,
    "零": 0,
    "壱": 1,
    "弐": 2,
    "参": 3,
}
_POWER = {"十": 10, "百": 100, "千": 1000}


def numeral_value(run: str) -> int | None:
    """二十三 → 23, 二三 → 23, 百二 → 102; None where the characters do not make a number (十十)."""
    run = run.replace("廿", "二十")
    if not run or len(run) > 9:
        return None
    if not any(c in _POWER for c in run):
        return int("".join(str(_DIGIT[c]) for c in run))
    total, last_power, digit = 0, 10_000, None
    for char in run:
        if char in _POWER:
            power = _POWER[char]
            if power >= last_power or digit == 0:
                return None
            total, last_power, digit = total + power * (digit or 1), power, None
        elif digit is not None:
            return None
        else:
            digit = _DIGIT[char]
    if digit is not None and last_power != 10:
        return total + digit if digit else None
    return None if digit == 0 else total + (digit or 0)


def to_kanji_numeral(number: int) -> str:
    """23 → 二十三, as town names write it; numbers from 10,000 on digit by digit."""
    digits = "〇一二三四五六七八九"
    if number >= 10_000 or number == 0:
        return "".join(digits[int(d)] for d in str(number))
    out = ""
    for power, name in ((1000, "千"), (100, "百"), (10, "十")):
        count, number = divmod(number, power)
        if count:
            out += ("" if count == 1 else digits[count]) + name
    return out + (digits[number] if number else "")


# --- company forms and titles ---------------------------------------------------------------------------

_FORMS: tuple[tuple[str, str, str], ...] = (
    # one token, what stands in brackets, what a bank prints in kana
    ("株式会社", "株", "カ"),
    ("有限会社", "有", "ユ"),
    ("合同会社", "同|合同", "ド"),
    ("合資会社", "資|合資", "シ"),
    ("合名会社", "名|合名", "メ"),
    ("一般社団法人", "一社|一般社団", ""),
    ("公益社団法人", "公社|公益社団", ""),
    ("社団法人", "社", "シ[ヤャ]"),
    ("一般財団法人", "一財|一般財団", ""),
    ("公益財団法人", "公財|公益財団", ""),
    ("財団法人", "財", "ザイ"),
    ("医療法人", "医", "イ"),
    ("学校法人", "学", "ガク"),
    ("社会福祉法人", "福|社福", "フク"),
    ("宗教法人", "宗", "シ[ユュ]ウ"),
    ("特定非営利活動法人", "特非|NPO", "トクヒ"),
    ("独立行政法人", "独", "ドク"),
    ("協同組合", "協", ""),
)
_LONG = {
    "株式会社": "カブシキ[ガカ]イシ[ヤャ]|かぶしき[がか]いしゃ|㍿",
    "有限会社": "[ユュ]ウゲン[ガカ]イシ[ヤャ]|ゆうげん[がか]いしゃ",
    "合同会社": "ゴウドウ[ガカ]イシ[ヤャ]|ごうどう[がか]いしゃ",
    "特定非営利活動法人": "NPO法人|ＮＰＯ法人",
}
_SQUARED = {
    "株": "㈱",
    "有": "㈲",
    "社": "㈳",
    "財": "㈶",
    "学": "㈻",
    "資": "㈾",
    "名": "㈴",
    "協": "㈿",
    "独": "",
}


def _form_patterns() -> list[tuple[str, re.Pattern[str]]]:
    patterns = []
    for token, brackets, bank in _FORMS:
        parts = [rf"[(（\[［【]\s*(?:{brackets})\s*[)）\]］】]"]
        parts += [square for short in brackets.split("|") if (square := _SQUARED.get(short))]
        if token in _LONG:
            parts.append(_LONG[token])
        if bank:
            parts += [rf"^\s*(?:{bank})[)）]", rf"[(（](?:{bank})\s*$", rf"[(（](?:{bank})[)）]"]
        patterns.append((token, re.compile("|".join(parts))))
    return patterns


_FORM_PATTERNS = _form_patterns()
_TOKENS = re.compile("|".join(sorted((token for token, _, _ in _FORMS), key=len, reverse=True)))
# Half of all names have none of these: a cheap look before eighteen patterns
_FORM_HINT = re.compile(r"[(（\[［【)）㈱㈲㈳㈶㈻㈾㈴㈿㍿]|カブシキ|かぶしき|ゲン|げん|ゴウドウ|ごうどう|NPO|ＮＰＯ")


def fold_company_form(text: str) -> str:
    """(株), ㈱, カ) and カブシキガイシャ → 株式会社, where they stand; the other legal forms likewise."""
    if not _FORM_HINT.search(text):
        return text
    for token, pattern in _FORM_PATTERNS:
        text = pattern.sub(token, text)
    return text


def company_forms(text: str) -> tuple[str, ...]:
    """The legal forms in an already folded name, in order of the alphabet."""
    return tuple(sorted(_TOKENS.findall(text)))


def company_form_first(text: str) -> str:
    """ソラ電気株式会社 → 株式会社ソラ電気."""
    return "".join(company_forms(text)) + _TOKENS.sub("", text)


def drop_company_form(text: str) -> str:
    """株式会社ソラ電気 → ソラ電気; a name that is nothing but its form stays."""
    return _TOKENS.sub("", text) or text


_TITLE = re.compile(r"代表取締役(?:副?社長|会長|CEO)?|取締役社長|代表(?:社員|理事|役員|者)|理事長")
_HONORIFIC = re.compile(r"(?<=.)(?:様|(?<!御)殿|御中|[\s　](?:さま|サマ|ｻﾏ))\s*$")


def drop_titles(text: str) -> str:
    """様, 殿, 御中 at the end and 代表取締役 and the like anywhere; never the whole name."""
    return _HONORIFIC.sub("", _TITLE.sub("", text) or text)


def has_representative(text: str) -> bool:
    """True where a title is followed by somebody's name."""
    match = _TITLE.search(text)
    return bool(match and match.start() and match.end() < len(text))


def drop_representative(text: str) -> str:
    """株式会社ソラ 代表取締役 山田太郎 → 株式会社ソラ."""
    match = _TITLE.search(text)
    return text[: match.start()].rstrip() if match and match.start() else text


# --- which of them were needed --------------------------------------------------------------------------


def _run(text: str, pipeline: Pipeline) -> tuple[str, set[int]]:
    """The folded text and which of the pipeline's steps changed it on the way."""
    changed: set[int] = set()
    for _ in range(5):
        before = text
        for index, (_step, function) in enumerate(pipeline):
            after = function(text)
            if after != text:
                changed.add(index)
                text = after
        if text == before:
            break
    return text, changed


def fold(text: str, pipeline: Pipeline) -> str:
    """Send a text through every step, again and again until it no longer changes (at most five rounds)."""
    return _run(text, pipeline)[0]


def needed_steps(one: str, other: str, pipeline: Pipeline) -> tuple[Step, ...] | None:
    """The steps without which two texts would not become equal; None where they differ even after all.

    The answer is irreducible: leave any one of its steps out and the texts differ. Where either of two steps
    would do, the earlier one in the pipeline is named. It is the same whichever text comes first.
    """
    if one == other:
        return ()
    folded_one, changed_one = _run(one, pipeline)
    folded_other, changed_other = _run(other, pipeline)
    if folded_one != folded_other:
        return None
    kept = [pipeline[index] for index in sorted(changed_one | changed_other)]
    reducible = len(kept) > 1
    while reducible:
        reducible = False
        for candidate in reversed(kept):
            fewer = [item for item in kept if item is not candidate]
            if fold(one, fewer) == fold(other, fewer):
                kept, reducible = fewer, True
                break
    return tuple(step for step, _function in kept)
