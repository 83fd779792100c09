"""How well and how fast the identity check tells names and addresses apart. Run: python -m bench.identity

Names: pairs made from the rules, each with the verdict it must get; precision and recall per question. The
pairs are built by writing, not by the functions under judgement. Addresses: seconds for reading and comparing.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from metering import addresses
from switching import identity
from switching.identity import Verdict

FAMILIES = [
    ("高橋", "タカハシ", "髙橋"),
    ("山崎", "ヤマザキ", "山﨑"),
    ("渡辺", "ワタナベ", "渡邊"),
    ("渡辺", "ワタナベ", "渡邉"),
    ("斉藤", "サイトウ", "齋藤"),
    ("斉藤", "サイトウ", "斎藤"),
    ("小沢", "オザワ", "小澤"),
    ("浜田", "ハマダ", "濱田"),
    ("広瀬", "ヒロセ", "廣瀬"),
    ("国分", "コクブン", "國分"),
    ("真田", "サナダ", "眞田"),
    ("桜井", "サクライ", "櫻井"),
    ("富田", "トミタ", "冨田"),
    ("島津", "シマヅ", "嶋津"),
]
GIVEN = [
    ("太郎", "タロウ"),
    ("花子", "ハナコ"),
    ("京子", "キョウコ"),
    ("一郎", "イチロウ"),
    ("翔太", "ショウタ"),
    ("セーラ", "セーラ"),
]
FIRMS = ["ソラ電気", "ウミ商事", "ヤマ建設", "みどり工業", "東光センター", "北斗ガス", "さくら食品", "ABC企画"]
FORMS = [
    ("株式会社", "(株)", "㈱", "カ)"),
    ("有限会社", "(有)", "㈲", "ユ)"),
    ("合同会社", "(同)", "（同）", "ド)"),
    ("一般社団法人", "(一社)", "（一社）", "(一社)"),
]
HALF = {
    "ア": "ｱ", "イ": "ｲ", "ウ": "ｳ", "オ": "ｵ", "カ": "ｶ", "キ": "ｷ", "ク": "ｸ", "コ": "ｺ", "サ": "ｻ", "ザ": "ｻﾞ",
    "シ": "ｼ", "ショ": "ｼｮ", "セ": "ｾ", "タ": "ﾀ", "ダ": "ﾀﾞ", "チ": "ﾁ", "ト": "ﾄ", "ナ": "ﾅ", "ハ": "ﾊ", "ヒ": "ﾋ",
    "ブ": "ﾌﾞ", "ベ": "ﾍﾞ", "マ": "ﾏ", "ミ": "ﾐ", "ヤ": "ﾔ", "ョ": "ｮ", "ラ": "ﾗ", "ロ": "ﾛ", "ワ": "ﾜ", "ン": "ﾝ",
    "ヅ": "ﾂﾞ", "ー": "ｰ",
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two names and the verdict they must get: equal, weak or different."""

    kind: str
    given: str
    held: str
    label: str


def name_pairs() -> list[Pair]:
    """The labelled set: every rule of the table, alone and together, and names that only resemble."""
    pairs: list[Pair] = []

    def add(kind: str, given: str, held: str, label: str) -> None:
        pairs.append(Pair(kind, given, held, label))

    for number, (family, kana, old) in enumerate(FAMILIES):
        for (given, given_kana), (other, other_kana) in zip(GIVEN, GIVEN[1:] + GIVEN[:1], strict=True):
            name = f"{family}{given}"
            add("spaces", f"{family}　{given}", name, "equal")
            add("title", f"{family} {given} 様", name, "equal")
            add("old form", f"{old}{given}", name, "weak")
            add("old form and title", f"{old}　{given}様", name, "weak")
            add("order", f"{given} {family}", f"{family} {given}", "weak")
            add("other person", f"{family}{other}", name, "different")
            add("other person, old form", f"{old}{other}", name, "different")
            next_family = FAMILIES[(number + 2) % len(FAMILIES)]
            if next_family[0] != family:
                add("other family", f"{next_family[0]}{given}", name, "different")
            reading = f"{kana} {given_kana}"
            half = "".join(HALF[c] for c in kana) + " " + "".join(HALF[c] for c in given_kana)
            hiragana = "".join(chr(ord(c) - 0x60) if c != "ー" else c for c in reading if c != " ")
            add("half width", half, reading, "equal")
            add("hiragana", hiragana, reading, "equal")
            if "ョ" in reading:
                add("small kana", reading.replace("ョ", "ヨ"), reading, "equal")
            if "ー" in reading:
                add("dash", reading.replace("ー", "－"), reading, "equal")
            if "ヅ" in reading:
                add("voiced kana", reading.replace("ヅ", "ズ"), reading, "weak")
            add("other reading", f"{kana} {other_kana}", reading, "different")
    for index, firm in enumerate(FIRMS):
        another = FIRMS[(index + 1) % len(FIRMS)]
        for form, bracket, square, bank in FORMS:
            whole = f"{form}{firm}"
            add("company form", f"{bracket}{firm}", whole, "equal")
            add("company form", f"{square}　{firm}", whole, "equal")
            add("company form", f"{bank}{firm}", whole, "equal")
            add("company form behind", f"{firm}{bracket}", f"{firm}{form}", "equal")
            add("company title", f"{whole} 御中", whole, "equal")
            add("position", f"{firm}{bracket}", whole, "weak")
            add("form missing", firm, whole, "weak")
            add("representative", f"{whole} 代表取締役 山田太郎", whole, "weak")
            add("other company", f"{bracket}{another}", whole, "different")
            for other_form, *_rest in FORMS:
                if other_form != form:
                    add("other form", f"{other_form}{firm}", whole, "different")
    return pairs


def score(found: list[bool], wanted: list[bool]) -> dict[str, float | int]:
    """Precision and recall of one question over all pairs."""
    hits = sum(f and w for f, w in zip(found, wanted, strict=True))
    return {
        "precision": hits / sum(found) if any(found) else 1.0,
        "recall": hits / sum(wanted) if any(wanted) else 1.0,
        "wanted": sum(wanted),
    }


def names() -> tuple[dict[str, dict[str, float | int]], list[tuple[Pair, Verdict]], int]:
    """Judge the labelled set: equal or not, at least weak or not, and what came out otherwise."""
    pairs = name_pairs()
    verdicts = [identity.compare_name(pair.given, pair.held).verdict for pair in pairs]
    equal = [v in (Verdict.EXACT, Verdict.NORMALISED) for v in verdicts]
    weak = [v is Verdict.WEAK for v in verdicts]
    scores = {
        "equal": score(equal, [p.label == "equal" for p in pairs]),
        "weak": score(weak, [p.label == "weak" for p in pairs]),
    }
    wanted = {
        "equal": (Verdict.EXACT, Verdict.NORMALISED),
        "weak": (Verdict.WEAK,),
        "different": (Verdict.DIFFERENT,),
    }
    wrong = [(p, v) for p, v in zip(pairs, verdicts, strict=True) if v not in wanted[p.label]]
    return scores, wrong, len(pairs)


def address_pairs(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Two writings each of made-up places at real towns."""
    rng = random.Random(seed)
    towns = [
        "東京都世田谷区三軒茶屋", "東京都港区六本木", "愛知県名古屋市瑞穂区十六町", "大阪府大阪市北区梅田",
        "千葉県柏市十余二", "香川県仲多度郡まんのう町勝浦",
        "北海道札幌市北区北二十四条西", "京都府京都市下京区函谷鉾町",
    ]  # fmt: skip
    wide = str.maketrans("0123456789-", "０１２３４５６７８９－")
    pairs = []
    for _ in range(count):
        town = rng.choice(towns)
        a, b, c, room = rng.randint(1, 9), rng.randint(1, 80), rng.randint(1, 40), rng.randint(101, 909)
        building = rng.random() < 0.4
        one = f"{town}{a}-{b}-{c}" + (f" コーポ青山{room}号室" if building else "")
        other = f"{town}{a}丁目{b}番{c}号".translate(wide) + (f"　コーポ青山{room}" if building else "")
        pairs.append((one, other))
    return pairs


def rate(work: Callable[[], int]) -> float:
    """Things done per second, best of three."""
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - begin))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=5_000, help="pairs of addresses to read and compare")
    parser.add_argument("--json", action="store_true", help="end with the figures as one line of JSON")
    options = parser.parse_args()
    scores, wrong, count = names()
    print(f"Names: {count} labelled pairs")
    for question, figures in scores.items():
        print(
            f"  {question:<6} precision {figures['precision']:.4f}  recall {figures['recall']:.4f}"
            f"  ({figures['wanted']} pairs)"
        )
    for pair, verdict in wrong:
        print(f"  {pair.kind}: {pair.given} / {pair.held} should be {pair.label}, is {verdict.value}")
    pairs = address_pairs(options.addresses)
    texts = [text for pair in pairs for text in pair]

    def read() -> int:
        return sum(1 for text in texts if addresses.parse(text))

    def keys() -> int:
        return sum(1 for text in texts if addresses.search_key(text))

    def compare() -> int:
        return sum(identity.compare_address(one, other).combined.is_equal for one, other in pairs)

    if compare() != len(pairs):
        raise SystemExit(f"{len(pairs) - compare()} pairs of the same address did not come out equal")
    speeds = {"read_per_s": rate(read), "keys_per_s": rate(keys), "comparisons_per_s": rate(compare)}
    print(
        f"Addresses: {speeds['read_per_s']:,.0f} read/s, {speeds['keys_per_s']:,.0f} search keys/s,"
        f" {speeds['comparisons_per_s']:,.0f} pairs compared/s with the rules named (one core)"
    )
    if options.json:
        print(json.dumps({"pairs": count, "wrong": len(wrong), "names": scores, **speeds}))


if __name__ == "__main__":
    main()
