"""An address is read the same however it is written, and never breaks a town's name."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering import folding
from metering.addresses import parse, search_key
from tests.metering.writing import Place, places, plain, written

ANY = st.one_of(
    st.text(max_size=40),
    st.text(
        alphabet="0123456789一二三十〇百丁目番地号の-ー－ノイロ甲乙字大ケが"
        "市区町村郡都府県北西条線第棟室階F館B・、 　京上ル下東入(株)㈱ハヶ゛ﾞｶ",
        max_size=30,
    ),
)
# drawing a place and a writing of it costs more than hypothesis likes on a busy machine
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("text", "prefecture", "municipality", "town", "numbers"),
    [
        ("愛知県名古屋市瑞穂区十六町１丁目123-4", "愛知県", "名古屋市瑞穂区", "十六町", ("1", "123", "4")),
        ("東京都世田谷区三軒茶屋二丁目11番24号", "東京都", "世田谷区", "三軒茶屋", ("2", "11", "24")),
        ("東京都港区六本木七丁目1-14", "東京都", "港区", "六本木", ("7", "1", "14")),
        ("東京都新宿区四ツ谷二十三丁目十一番", "東京都", "新宿区", "四ツ谷", ("23", "11")),
        ("東京都八王子市南大沢4-3-2", "東京都", "八王子市", "南大沢", ("4", "3", "2")),
        ("東京都千代田区一番町23番地3", "東京都", "千代田区", "一番町", ("23", "3")),
        ("東京都港区麻布十番二丁目4-8", "東京都", "港区", "麻布十番", ("2", "4", "8")),
        ("東京都中央区八丁堀3-23-1", "東京都", "中央区", "八丁堀", ("3", "23", "1")),
        ("千葉県柏市十余二164-1", "千葉県", "柏市", "十余二", ("164", "1")),
        ("三重県四日市市諏訪町1番5号", "三重県", "四日市市", "諏訪町", ("1", "5")),
        ("埼玉県さいたま市緑区三室1234", "埼玉県", "さいたま市緑区", "三室", ("1234",)),
        ("北海道旭川市四条通九丁目1704番地12", "北海道", "旭川市", "四条通", ("9", "1704", "12")),
        ("福井県敦賀市若葉町イ12番地ロ", "福井県", "敦賀市", "若葉町イ", ("12", "ロ")),
        ("岩手県花巻市石鳥谷町第二十三地割27番地1", "岩手県", "花巻市", "石鳥谷町", ("23", "27", "1")),
        ("東京都渋谷区恵比寿一ー二〇ー三", "東京都", "渋谷区", "恵比寿", ("1", "20", "3")),
        ("和歌山県田辺市上秋津無番地", "和歌山県", "田辺市", "上秋津無番地", ()),
        ("奈良県大和郡山市北郡山町1-2", "奈良県", "大和郡山市", "北郡山町", ("1", "2")),
        ("鳥取県鳥取市", "鳥取県", "鳥取市", "", ()),
    ],
)
def test_parts_are_found_and_town_names_stay_whole(text, prefecture, municipality, town, numbers) -> None:
    address = parse(text)
    assert (address.prefecture, address.municipality, address.town, address.numbers) == (
        prefecture,
        municipality,
        town,
        numbers,
    )


@pytest.mark.parametrize(
    ("text", "county", "municipality"),
    [
        ("香川県仲多度郡まんのう町勝浦字家六2094", "仲多度郡", "まんのう町"),
        ("北海道余市郡余市町朝日町26", "余市郡", "余市町"),
        ("奈良県高市郡高取町大字観覚寺990-1", "高市郡", "高取町"),
        ("栃木県芳賀郡市貝町大字市塙1280", "芳賀郡", "市貝町"),
        ("福岡県京都郡苅田町富久町1-19-1", "京都郡", "苅田町"),
        ("福島県郡山市朝日1-23-7", "", "郡山市"),
        ("愛知県蒲郡市旭町17-1", "", "蒲郡市"),
        ("大阪府茨木市郡1-2-3", "", "茨木市"),
    ],
)
def test_a_county_is_told_from_a_city_with_its_sign(text: str, county: str, municipality: str) -> None:
    address = parse(text)
    assert (address.county, address.municipality) == (county, municipality)


@pytest.mark.parametrize(
    ("tail", "building", "units"),
    [
        (" ハイツ青山B棟101号室", "ハイツ青山", ("B", "101")),
        ("ハイツ青山B-101", "ハイツ青山", ("B", "101")),
        (" 405号室", "", ("405",)),
        ("四〇五号室", "", ("405",)),
        (" 405", "", ("405",)),
        (" 第二ソラビル地下一階", "第二ソラビル", ("B1",)),
        (" ㈱ソラ電気ビル3F", "(株)ソラ電気ビル", ("3",)),
        ("-レジデンス億万101", "レジデンス億万", ("101",)),
        (" コーポ3 201", "コーポ", ("3", "201")),
        (" Sky Court A棟101", "SkyCourt", ("A", "101")),
    ],
)
def test_the_building_is_read_apart(tail: str, building: str, units: tuple[str, ...]) -> None:
    address = parse("東京都渋谷区恵比寿1-2-3" + tail)
    assert address.numbers == ("1", "2", "3")
    assert (address.building, address.units) == (building, units)
    assert address.room == units[-1]


@pytest.mark.parametrize(
    ("text", "street", "town"),
    [
        ("京都府京都市中京区河原町二条下ル一之船入町537-50", "河原町二条下ル", "一之船入町"),
        ("京都市東山区大和大路通四条下る4丁目小松町11-2", "大和大路通四条下る4丁目", "小松町"),
        ("京都市下京区四条通室町東入函谷鉾町78", "四条通室町東入", "函谷鉾町"),
        ("京都市下京区西七条東八反田町33", "", "西七条東八反田町"),
        ("京都市上京区下立売通", "", "下立売通"),
    ],
)
def test_a_kyoto_street_is_set_apart_from_the_town(text: str, street: str, town: str) -> None:
    address = parse(text)
    assert (address.street, address.town) == (street, town)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("東京都港区六本木7-1-14", "東京都港区6本木７丁目１番１４号"),
        ("札幌市中央区北1条西2丁目3-4", "札幌市中央区北一条西二丁目3番地4"),
        ("札幌市北区北24条西5-1", "札幌市北区北二四条西五丁目1"),
        ("北海道上川郡東神楽町14号北1番地", "北海道東神楽町十四号北1"),
        ("札幌市中央区北1西2-3", "札幌市中央区北一条西二丁目3"),
        ("東京都港区麻布10番2丁目4-8", "東京都港区麻布十番2-4-8"),
        ("国分寺市東恋ヶ窪3-20", "国分寺市東恋が窪三丁目20"),
    ],
)
def test_one_place_has_one_search_key(one: str, other: str) -> None:
    assert search_key(one) == search_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("港区芝1-23", "港区芝12-3"),
        ("港区芝1-2 3", "港区芝1-23"),
        ("柏市十余二164-1", "柏市十余2164-1"),
        ("柏市十余二164-1", "柏市十余264-1"),
        ("港区芝1-2-3 コーポ3 201", "港区芝1-2-3 コーポ3201"),
        ("港区芝1-2、5", "港区芝1-2-5"),
        ("大島町イ12", "大島町ロ12"),
        ("港区芝1-2 二階", "港区芝12階"),
    ],
)
def test_two_places_have_two_search_keys(one: str, other: str) -> None:
    assert search_key(one) != search_key(other)


@calm
@given(ANY)
def test_any_text_is_read_and_its_key_is_final(text: str) -> None:
    parse(text)
    key = search_key(text)
    assert search_key(key) == key


@calm
@given(places(), st.data())
def test_the_key_of_what_is_typed_is_part_of_the_stored_key(place: Place, data: st.DataObject) -> None:
    typed = data.draw(written(place))
    typed_place = search_key(typed).partition(" ")[0]
    assert typed_place in search_key(plain(place))


@given(st.integers(1, 9_999))
def test_kanji_numerals_are_read_as_they_are_written(number: int) -> None:
    assert folding.numeral_value(folding.to_kanji_numeral(number)) == number
    by_digit = "".join("〇一二三四五六七八九"[int(d)] for d in str(number))
    assert folding.numeral_value(by_digit) == number


@pytest.mark.parametrize("nonsense", ["十十", "二十三十", "一二十", "〇十", ""])
def test_what_is_no_number_has_no_value(nonsense: str) -> None:
    assert folding.numeral_value(nonsense) is None
