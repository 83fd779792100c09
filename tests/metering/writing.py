"""The same place written the many ways people write it: what the address tests draw from."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from metering.folding import to_kanji_numeral

# prefecture, 郡, municipality, town: real names, hard ones on purpose
TOWNS = [
    ("東京都", "", "世田谷区", "三軒茶屋"),
    ("東京都", "", "港区", "六本木"),
    ("東京都", "", "港区", "麻布十番"),
    ("東京都", "", "新宿区", "四谷"),
    ("東京都", "", "中央区", "八丁堀"),
    ("東京都", "", "千代田区", "一番町"),
    ("東京都", "", "渋谷区", "千駄ケ谷"),
    ("東京都", "", "八王子市", "南大沢"),
    ("東京都", "西多摩郡", "日の出町", "大字平井"),
    ("愛知県", "", "名古屋市瑞穂区", "十六町"),
    ("千葉県", "", "柏市", "十余二"),
    ("千葉県", "", "松戸市", "三ケ月"),
    ("千葉県", "", "八街市", "八街ほ"),
    ("香川県", "", "丸亀市", "原田町字東三分一"),
    ("香川県", "仲多度郡", "まんのう町", "勝浦"),
    ("大阪府", "", "大阪市北区", "梅田"),
    ("大阪府", "", "大阪狭山市", "狭山"),
    ("福島県", "", "郡山市", "朝日"),
    ("奈良県", "", "大和郡山市", "北郡山町"),
    ("奈良県", "高市郡", "高取町", "大字観覚寺"),
    ("栃木県", "芳賀郡", "市貝町", "大字市塙"),
    ("福岡県", "京都郡", "苅田町", "富久町"),
    ("秋田県", "", "横手市", "十文字町字海道下"),
    ("京都府", "", "京都市下京区", "西七条東八反田町"),
    ("京都府", "", "京都市中京区", "一之船入町"),
    ("京都府", "", "京都市中京区", "大文字町"),
    ("北海道", "", "札幌市北区", "北二十四条西"),
    ("北海道", "", "旭川市", "四条通"),
    ("北海道", "余市郡", "余市町", "朝日町"),
    ("石川県", "", "小松市", "大島町イ"),
    ("埼玉県", "", "さいたま市緑区", "三室"),
    ("三重県", "", "四日市市", "諏訪町"),
    ("和歌山県", "", "和歌山市", "七番丁"),
    ("山梨県", "", "甲府市", "丸の内"),
]
BUILDINGS = [
    "ハイツ青山",
    "第二ソラビル",
    "コーポ3",
    "パークハウス",
    "センター",
    "(株)ソラ電気ビル",
    "オーク200",
    "レジデンス億万",
    "Sky Court",
]


@dataclass(frozen=True)
class Place:
    """What an address means; `building` and `unit` may be empty."""

    prefecture: str
    county: str
    municipality: str
    town: str
    chome: int
    banchi: int
    go: int
    building: str = ""
    block: str = ""
    room: str = ""

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(str(n) for n in (self.chome, self.banchi, self.go) if n)


@st.composite
def places(draw: st.DrawFn, *, with_building: bool | None = None) -> Place:
    """A place at one of the towns, with or without 丁目, with or without a building."""
    named = draw(st.booleans()) if with_building is None else with_building
    return Place(
        *draw(st.sampled_from(TOWNS)),
        chome=draw(st.integers(0, 23)),
        banchi=draw(st.integers(1, 2500)),
        go=draw(st.integers(0, 130)),
        building=draw(st.sampled_from(BUILDINGS)) if named else "",
        block=draw(st.sampled_from(["", "", "A", "B", "3"])) if named else "",
        room=str(draw(st.integers(101, 1512))) if named else "",
    )


def plain(place: Place) -> str:
    """The everyday writing: 東京都港区六本木7-1-14 ハイツ青山B棟101号室."""
    numbers = "-".join(place.numbers)
    unit = (f"{place.block}{'号棟' if place.block.isdigit() else '棟'}" if place.block else "") + (
        f"{place.room}号室" if place.room else ""
    )
    building = f" {place.building} {unit}" if place.building else ""
    return f"{place.prefecture}{place.county}{place.municipality}{place.town}{numbers}{building}"


@st.composite
def written(draw: st.DrawFn, place: Place) -> str:
    """Some other writing of the same place, equal after the strict rules."""

    def number(n: int | str) -> str:
        kind = draw(st.sampled_from(["ascii", "wide"]))
        return str(n) if kind == "ascii" else "".join(chr(ord(c) + 0xFEE0) for c in str(n))

    dash = draw(st.sampled_from(list("-－‐−–ー")))
    style = draw(st.sampled_from(["dashes", "units", "kanji"]))
    prefecture = place.prefecture if draw(st.booleans()) else ""
    county = place.county if draw(st.booleans()) else ""
    town = place.town
    if draw(st.booleans()):
        town = town.replace("大字", "", 1) if town != "大文字町" else town
        town = town.replace("町字", "町")
    town = town.replace("ケ", draw(st.sampled_from(["ケ", "ヶ", "が"])))
    if "条" in town and "東" not in town:
        town = town.replace("二十四条", draw(st.sampled_from(["二十四条", "24条", "２４条"])))
        town = town.replace("四条通", draw(st.sampled_from(["四条通", "4条通"]))) if "二十" not in town else town
    levels = [(place.chome, "丁目"), (place.banchi, "番"), (place.go, "号")]
    if style == "dashes":
        numbers = dash.join(number(n) for n, _unit in levels if n)
    else:
        numbers = ""
        for n, unit in levels:
            if not n:
                continue
            if unit == "番" and not place.go:
                unit = "番地"  # 麻布十番 is a town, 麻布十番地 is not
            elif unit == "番" and draw(st.booleans()):
                unit = draw(st.sampled_from(["番地", "番地の"]))
            digits = to_kanji_numeral(n) if style == "kanji" else number(n)
            numbers += digits + unit
        if town[-1] in "一二三四五六七八九十":
            # 三分一一丁目: nobody can tell where the town ends, so people write digits here
            numbers = dash.join(number(n) for n, _unit in levels if n)
    blank = draw(st.sampled_from(["", " ", "　"]))
    text = prefecture + blank + county + place.municipality + blank + town + numbers
    if not place.building:
        return text
    block = place.block and place.block + draw(
        st.sampled_from(["号棟", "棟", "-"] if place.block.isdigit() else ["棟", "-"])
    )
    room = number(place.room) + draw(st.sampled_from(["号室", "", "号"]))
    building = place.building.replace("(株)", draw(st.sampled_from(["(株)", "㈱", "株式会社"])))
    building = building.replace("第二", draw(st.sampled_from(["第二", "第2", "第２"])))
    gap = draw(st.sampled_from([" ", "　"]))
    return f"{text}{gap}{building}{gap}{block}{room}"


def other_places(place: Place) -> list[Place]:
    """Neighbours that must never be taken for this one: another number, another room, another block."""
    others = [
        replace(place, banchi=place.banchi + 1),
        replace(place, chome=place.chome + 1),
        replace(place, go=place.go + 1),
        replace(place, banchi=int(f"{place.banchi}{place.go or 1}"), go=0),
    ]
    if place.go:
        others.append(replace(place, go=0))
    if place.building:
        others += [
            replace(place, room=str(int(place.room) + 1)),
            replace(place, room="9" + place.room),
            replace(place, block="C"),
            replace(place, building="", block="", room=""),
        ]
        if place.block.isdigit():
            others.append(replace(place, room=place.block + place.room, block=""))
    return others
