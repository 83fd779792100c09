"""Where the demo's supply points are: real addresses from a list where there is one, else invented house numbers."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from portal.market import Area

# Which area a prefecture lies in; 静岡 is split along the Fuji river in truth, here it is all Chubu.
PREFECTURES: dict[Area, str] = {
    Area.HOKKAIDO: "北海道",
    Area.TOHOKU: "青森県 岩手県 宮城県 秋田県 山形県 福島県 新潟県",
    Area.TOKYO: "東京都 神奈川県 埼玉県 千葉県 茨城県 栃木県 群馬県 山梨県",
    Area.CHUBU: "愛知県 岐阜県 三重県 長野県 静岡県",
    Area.HOKURIKU: "富山県 石川県 福井県",
    Area.KANSAI: "大阪府 京都府 兵庫県 奈良県 滋賀県 和歌山県",
    Area.CHUGOKU: "広島県 岡山県 山口県 島根県 鳥取県",
    Area.SHIKOKU: "香川県 愛媛県 徳島県 高知県",
    Area.KYUSHU: "福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県",
    Area.OKINAWA: "沖縄県",
}
AREA_OF = {prefecture: area for area, names in PREFECTURES.items() for prefecture in names.split()}

# Real municipalities with towns of theirs; a town ending in * is divided into 丁目.
TOWNS = """
北海道 札幌市中央区 宮の森一条* 円山西町* 旭ケ丘*
北海道 札幌市豊平区 平岸二条* 月寒東一条*
北海道 旭川市 神楽三条* 豊岡四条*
北海道 函館市 五稜郭町 湯川町*
北海道 帯広市 西五条南* 東一条南*
北海道 釧路市 愛国東* 白樺台*
青森県 青森市 浪館前田* 桜川*
岩手県 盛岡市 上田* 青山*
宮城県 仙台市青葉区 国分町* 中山* 八幡*
宮城県 仙台市太白区 長町* 八木山本町*
秋田県 秋田市 山王* 保戸野千代田町
山形県 山形市 七日町* あかねケ丘*
福島県 福島市 渡利 野田町*
福島県 郡山市 大槻町 桑野*
新潟県 新潟市中央区 古町通 関屋本村町* 米山*
新潟県 長岡市 千手* 美沢*
東京都 世田谷区 三軒茶屋* 粕谷* 桜新町*
東京都 練馬区 大泉学園町* 豊玉北*
東京都 江戸川区 平井* 西葛西*
東京都 八王子市 千人町* 子安町*
神奈川県 横浜市港北区 日吉* 大倉山*
神奈川県 藤沢市 鵠沼海岸* 辻堂*
埼玉県 さいたま市浦和区 常盤* 針ヶ谷*
埼玉県 川越市 脇田本町 新富町*
千葉県 船橋市 宮本* 前原西*
茨城県 つくば市 二の宮* 天久保*
栃木県 宇都宮市 雀の宮* 今泉*
群馬県 高崎市 飯塚町 江木町
山梨県 甲府市 丸の内* 朝気*
愛知県 名古屋市千種区 今池* 本山町* 覚王山通*
愛知県 名古屋市緑区 鳴海町 徳重*
愛知県 豊橋市 向山町 花田町
岐阜県 岐阜市 長良 加納栄町通*
三重県 津市 栄町* 半田
長野県 長野市 川中島町 吉田*
静岡県 静岡市葵区 鷹匠* 千代田*
静岡県 浜松市中央区 佐鳴台* 和地山*
富山県 富山市 堀川町 五福
石川県 金沢市 寺町* 泉野町* 彦三町*
福井県 福井市 大手* 文京*
大阪府 大阪市天王寺区 上本町* 真法院町
大阪府 豊中市 上野東* 曽根東町*
大阪府 堺市北区 百舌鳥梅町* 新金岡町*
京都府 京都市左京区 下鴨梅ノ木町 北白川追分町
兵庫県 神戸市灘区 六甲町* 岩屋北町*
兵庫県 西宮市 甲子園口* 苦楽園一番町
奈良県 奈良市 学園北* 法蓮町
滋賀県 大津市 におの浜* 膳所*
和歌山県 和歌山市 吹上* 雑賀崎
広島県 広島市中区 白島九軒町 江波東*
広島県 福山市 春日町* 伏見町
岡山県 岡山市北区 奉還町* 津島東*
岡山県 倉敷市 中島 老松町*
山口県 山口市 湯田温泉* 大内御堀
島根県 松江市 西川津町 学園*
鳥取県 鳥取市 湖山町北* 吉成
香川県 高松市 屋島西町 松縄町
香川県 丸亀市 城西町* 土器町東*
愛媛県 松山市 道後北代 朝生田町*
徳島県 徳島市 佐古一番町 南末広町
高知県 高知市 朝倉本町* 一宮東町*
福岡県 福岡市早良区 百道浜* 西新*
福岡県 北九州市小倉北区 片野新町* 黄金*
熊本県 熊本市中央区 水前寺* 帯山*
鹿児島県 鹿児島市 荒田* 紫原*
長崎県 長崎市 住吉町 浜町
大分県 大分市 府内町* 王子町
宮崎県 宮崎市 大塚町 大工*
佐賀県 佐賀市 神野東* 鍋島*
沖縄県 那覇市 首里石嶺町* 牧志* 泉崎*
沖縄県 沖縄市 胡屋* 高原*
沖縄県 浦添市 伊祖* 牧港*
"""
BUILDINGS = tuple(
    [
        "コーポ桜",
        "メゾン青葉",
        "ハイツみどり",
        "サンハイム",
        "グランドール若葉",
        "パークサイド弐番館",
        "エスポワールII",
        "第二ことぶき荘",
        "ひかりマンション",
    ]
)
KANJI_DIGITS = "〇一二三四五六七八九"
_WIDE = {ord("0") + digit: ord("０") + digit for digit in range(10)} | {ord("-"): "－"}


@dataclass(frozen=True)
class Place:
    """An address in its parts and, in `written`, as somebody wrote it on a contract."""

    prefecture: str
    municipality: str
    town: str
    block: str
    building: str = ""
    written: str = ""

    @property
    def area(self) -> Area:
        return AREA_OF[self.prefecture]

    @property
    def plain(self) -> str:
        """The parts one after the other, the way the network operator keeps them."""
        return "".join((self.prefecture, self.municipality, self.town, self.block)) + (
            f" {self.building}" if self.building else ""
        )


class Places:
    """Places per area without end: the list's addresses first, then invented ones; some are blocks of flats."""

    def __init__(self, rng: random.Random, addresses: Path | None) -> None:
        self.rng = rng
        self.listed: dict[Area, list[Place]] = defaultdict(list)
        for place in _read(addresses) if addresses else ():
            self.listed[place.area].append(place)
        for places in self.listed.values():
            rng.shuffle(places)
        self.towns: dict[Area, list[tuple[str, str, str]]] = defaultdict(list)
        for line in TOWNS.split("\n"):
            if line:
                prefecture, municipality, *towns = line.split()
                self.towns[AREA_OF[prefecture]] += [(prefecture, municipality, town) for town in towns]
        self.rooms: dict[Area, list[Place]] = defaultdict(list)
        self.invented: set[str] = set()

    def next(self, area: str) -> Place:
        """A place in the area nobody has had yet: the next flat of a building begun, or another address."""
        here = Area(area)
        if self.rooms[here]:
            return self.rooms[here].pop()
        place = self.listed[here].pop() if self.listed[here] else self._invent(here)
        if not place.building and self.rng.random() < 0.05:
            self.rooms[here] = self._flats(place)
            return self.rooms[here].pop()
        return place

    def _invent(self, area: Area) -> Place:
        rng = self.rng
        while True:
            prefecture, municipality, town = rng.choice(self.towns[area])
            chome = rng.randint(1, 5) if town.endswith("*") else 0
            town = town.removesuffix("*")
            banchi, go = rng.randint(1, 28), rng.randint(1, 22)
            if not chome:
                banchi = rng.randint(1, 980)
            block = f"{banchi}-{go}"
            full_town = f"{town}{KANJI_DIGITS[chome]}丁目" if chome else town
            place = Place(prefecture, municipality, full_town, block)
            if place.plain in self.invented:
                continue
            self.invented.add(place.plain)
            head = f"{prefecture}{municipality}{town}"
            ways = [
                head + (f"{chome}丁目{banchi}番{go}号" if chome else f"{banchi}番地{go}"),
                head + (f"{chome}-" if chome else "") + block,
                head + (f"{chome}丁目".translate(_WIDE) if chome else "") + block.translate(_WIDE),
                place.plain,
            ]
            return replace(place, written=rng.choice(ways))

    def _flats(self, place: Place) -> list[Place]:
        name, floors, doors = self.rng.choice(BUILDINGS), self.rng.randint(2, 3), self.rng.randint(2, 3)
        rooms = [f"{floor}0{door}" for floor in range(1, floors + 1) for door in range(1, doors + 1)]
        flats = []
        for room in rooms:
            tail = self.rng.choice((f"\u3000{name}{room}号室", f" {name}{room}", f"\u3000{name}\u3000{room}号"))
            flats.append(replace(place, building=f"{name}{room}号室", written=place.written + tail))
        self.rng.shuffle(flats)
        return flats


def another_writing(place: Place) -> str:
    """The place as the strict rules know it: in the other width, town and numbers as the register has them."""
    text = place.plain
    return text if text != place.written else text.translate(_WIDE)


def without_building(place: Place) -> str:
    """The place with its flat left out, known to the loose rules only; a house gets its prefecture left out."""
    if place.building:
        return replace(place, building="").plain
    return place.plain.removeprefix(place.prefecture)


def next_door(place: Place) -> str:
    """Another house in the same street."""
    head, _, last = place.block.rpartition("-")
    number = str(int(last) + 1) if last.isdecimal() else f"{last}の2"
    return replace(place, block=f"{head}-{number}" if head else number).plain


def _read(path: Path) -> Iterator[Place]:
    """Places of a list with columns 住所,都道府県,市区町村,町字,番地号,その他; those without a number are left out."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            number, other = row["番地号"].strip(), row["その他"].strip()
            if row["都道府県"] not in AREA_OF or not (number or other):
                continue
            yield Place(
                prefecture=row["都道府県"],
                municipality=row["市区町村"],
                town=row["町字"],
                block=number or other,
                building=other if number else "",
                written=row["住所"],
            )
