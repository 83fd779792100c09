"""Facility inquiries: refused without consent, answered without a word about who or where, always in the ledger."""

import json
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from metering import inquiries
from metering.inquiries import (
    AddressTooShort,
    ConsentInTheFuture,
    ConsentMissing,
    ConsentOfAnotherCompany,
    ConsentTooOld,
    NothingFound,
    OutsideYourRoles,
    ReferenceMissing,
    Refused,
    RoomNeeded,
    TooMany,
    UnknownPoint,
    inquire,
    record_consent,
    search_by_address,
    search_by_meter,
)
from metering.models import Consent, FacilityInquiry, Meter, SupplyPoint
from metering.points import CityGasNumber
from portal.access import Role
from portal.models import LedgerEntry, User
from portal.people import Hold
from tests import cast as the_cast
from tests.cast import make_points

ONE_DAY = timedelta(days=1)


def consent_of(user: User, now: Any, *, obtained_on: date | None = None) -> Consent:
    return record_consent(
        reference="REC-1",
        channel="telephone",
        purpose="switch",
        obtained_on=obtained_on or now.date(),
        by=user,
        now=now,
    )


@pytest.fixture
def asker(sora_inquiry: User) -> User:
    return sora_inquiry


@pytest.fixture
def consent(asker: User, now: Any) -> Consent:
    return consent_of(asker, now)


# --- The answer -------------------------------------------------------------------------------------------------------


def test_the_answer_holds_every_item_the_notes_name(points, asker, consent, now) -> None:
    point = points.house
    SupplyPoint.objects.filter(pk=point.pk).update(reading_day=10, last_wheeling_change=date(2024, 7, 1))
    answer = inquire(number=point.number, supply_class="LV", consent=consent, by=asker, now=now).answer
    assert answer == {
        "number": point.number,
        "area": "03",
        "supply_class": "LV",
        "remote_island": False,
        "contract_size": "40",
        "contract_size_unit": "A",
        "current_limit_a": 40,
        "menu": "lamp",
        "power_factor": None,
        "phases": "1φ3W",
        "voltage_v": 100,
        "capacity_method": "ampere_breaker",
        "meters": [{"number": point.meters.get().number, "kind": "smart", "multiplier": 1, "smart": True}],
        "service_pole": point.service_pole,
        "has_generation": False,
        "last_wheeling_change": "2024-07-01",
        "reading_day": 10,
        "next_reading_date": "2026-04-10",
        "contract_state": "energised",
        "on_termination": "stays",
        "half_hourly_collectable": True,
        "remote_reading_possible": True,
        "pending": [],
    }


def test_the_answer_holds_nothing_personal(points, asker, consent, now) -> None:
    for point in [points.house, *points.rooms]:
        inquiry = inquire(number=point.number, supply_class="LV", consent=consent, by=asker, now=now)
        told = json.dumps(inquiry.answer, ensure_ascii=False)
        contract = point.contracts.get()
        personal = [contract.number, contract.holder_name, contract.holder_kana, contract.holder_address]
        personal += [*contract.holder_name.split(), *contract.holder_kana.split(), contract.retailer.name]
        personal += [point.prefecture, point.municipality, point.town, point.block, point.building, point.address_key]
        assert not [text for text in personal if text and text in told]


def test_a_removed_meter_is_not_told(points, asker, consent, now) -> None:
    point = points.house
    Meter.objects.create(
        point=point, number="OLD1", kind="integrating", installed_on=date(2008, 1, 1), removed_on=date(2018, 6, 1)
    )
    answer = inquire(number=point.number, supply_class="LV", consent=consent, by=asker, now=now).answer
    assert "OLD1" not in json.dumps(answer)


def test_pending_applications_are_told_by_kind_and_date_only(points, asker, consent, now, monkeypatch) -> None:
    def source(ids: list[int]) -> dict[int, list[dict[str, str]]]:
        return {i: [{"kind": "switch_start", "date": "2026-05-10", "retailer": "海エナジー"}] for i in ids}

    monkeypatch.setattr(inquiries, "pending_sources", [source])
    answer = inquire(number=points.house.number, supply_class="LV", consent=consent, by=asker, now=now).answer
    assert answer["pending"] == [{"kind": "switch_start", "date": "2026-05-10"}]


def test_an_answer_stays_as_it_was_given(points, asker, consent, now) -> None:
    inquiry = inquire(number=points.house.number, supply_class="LV", consent=consent, by=asker, now=now)
    SupplyPoint.objects.filter(pk=points.house.pk).update(contract_size=60)
    inquiry.refresh_from_db()
    assert inquiry.answer["contract_size"] == "40"
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        FacilityInquiry.objects.filter(pk=inquiry.pk).update(answer={})


@pytest.mark.parametrize(("which", "supply_class"), [("house", "LV"), ("shop", "HV"), ("roof", "FIT")])
def test_every_class_is_answered(points, asker, consent, now, which, supply_class) -> None:
    point = getattr(points, which)
    inquiry = inquire(number=point.number, supply_class=supply_class, consent=consent, by=asker, now=now)
    assert (inquiry.supply_class, inquiry.point) == (supply_class, point)


# --- Refusals ---------------------------------------------------------------------------------------------------------


def refused(points, asker, consent, now, **changes: Any) -> Refused:
    given = {"number": points.house.number, "supply_class": "LV", "consent": consent, "by": asker, "now": now}
    with pytest.raises(Refused) as caught:
        inquire(**{**given, **changes})
    assert not FacilityInquiry.objects.exists()
    return caught.value


def test_without_consent_nothing_is_answered(points, asker, now) -> None:
    assert isinstance(refused(points, asker, None, now), ConsentMissing)


def test_another_companys_consent_does_not_count(points, asker, yama_inquiry, now) -> None:
    assert isinstance(refused(points, asker, consent_of(yama_inquiry, now), now), ConsentOfAnotherCompany)


def test_a_consent_grows_too_old(points, asker, consent, now) -> None:
    last = now + timedelta(days=settings.CONSENT_MAX_AGE_DAYS)
    inquire(number=points.house.number, supply_class="LV", consent=consent, by=asker, now=last)
    with pytest.raises(ConsentTooOld):
        inquire(number=points.house.number, supply_class="LV", consent=consent, by=asker, now=last + ONE_DAY)


@pytest.mark.parametrize(
    ("values", "failure"),
    [
        ({"reference": " 　"}, ReferenceMissing),
        ({"obtained_on": date(2026, 4, 2)}, ConsentInTheFuture),
        ({"obtained_on": date(2025, 12, 31)}, ConsentTooOld),
        ({"channel": "pigeon"}, ValueError),
        ({"purpose": "curiosity"}, ValueError),
    ],
)
def test_a_consent_that_is_none_is_not_recorded(asker, now, values, failure) -> None:
    given = {"reference": "REC-1", "channel": "web", "purpose": "switch", "obtained_on": now.date()}
    with pytest.raises(failure):
        record_consent(**{**given, **values}, by=asker, now=now)
    assert not Consent.objects.exists()


def test_the_japanese_day_decides_about_the_future(asker, now) -> None:
    half_past_midnight = now.replace(hour=0, minute=30)  # still the day before in UTC
    assert consent_of(asker, half_past_midnight, obtained_on=now.date()).obtained_on == now.date()


@pytest.mark.parametrize("number", ["0300999999999999999999", "0600999999999999999999"])
def test_an_unknown_point_is_said_to_be_unknown(points, asker, consent, now, number) -> None:
    assert isinstance(refused(points, asker, consent, now, number=number), UnknownPoint)


def test_a_feed_in_point_is_no_low_voltage_point(points, asker, consent, now) -> None:
    assert isinstance(refused(points, asker, consent, now, number=points.roof.number), UnknownPoint)


def test_a_mistyped_number_reads_nothing_and_leaves_nothing(points, asker, consent, now) -> None:
    before = LedgerEntry.objects.count()
    with pytest.raises(CityGasNumber):
        inquire(number="12345678901234567", supply_class="LV", consent=consent, by=asker, now=now)
    assert LedgerEntry.objects.count() == before


@pytest.mark.parametrize(
    ("roles", "may"),
    [
        ([Hold(Role.INQUIRY, "03", "LV")], True),
        ([Hold(Role.INQUIRY, "06", "LV")], False),
        ([Hold(Role.INQUIRY, "03", "HV")], False),
        ([Role.RELAY, Role.VIEWER], False),
    ],
)
def test_area_and_class_must_be_within_the_persons_roles(cast, points, now, roles, may) -> None:
    user = the_cast.person(cast.sora, "sora.narrow", roles=roles)
    consent = consent_of(user, now)
    if may:
        inquire(number=points.house.number, supply_class="LV", consent=consent, by=user, now=now)
        assert search_by_address(address="世田谷区粕谷4-8-1", supply_class="LV", consent=consent, by=user, now=now)
        return
    assert isinstance(refused(points, user, consent, now), OutsideYourRoles)
    with pytest.raises(NothingFound):
        search_by_address(address="世田谷区粕谷4-8-1", supply_class="LV", consent=consent, by=user, now=now)


def test_a_network_operator_makes_no_inquiries(points, kaze_inquiry, now) -> None:
    consent = consent_of(kaze_inquiry, now)
    assert isinstance(refused(points, kaze_inquiry, consent, now), OutsideYourRoles)


# --- The ledger -------------------------------------------------------------------------------------------------------


def test_each_read_leaves_purpose_and_consent_in_the_ledger(points, asker, consent, now) -> None:
    inquiry = inquire(number=points.house.number, supply_class="LV", consent=consent, by=asker, now=now)
    entry = LedgerEntry.objects.get(action="facility inquiry")
    assert entry.subject == f"supply point {points.house.number}"
    assert (entry.user, entry.company, entry.at, entry.purpose) == (asker, asker.company, now, "switch")
    assert entry.detail == {"consent": "REC-1", "inquiry": inquiry.pk}


@pytest.mark.parametrize("reason", ["ConsentMissing", "UnknownPoint", "OutsideYourRoles"])
def test_an_unsuccessful_read_is_in_the_ledger_too(cast, points, asker, consent, now, reason) -> None:
    number, by = points.house.number, asker
    if reason == "UnknownPoint":
        number = "0300999999999999999999"
    if reason == "OutsideYourRoles":
        by = cast["sora.viewer"]
    with pytest.raises(Refused):
        inquire(
            number=number, supply_class="LV", consent=None if reason == "ConsentMissing" else consent, by=by, now=now
        )
    entry = LedgerEntry.objects.get(action="facility inquiry refused")
    assert (entry.subject, entry.detail["reason"], entry.user) == (f"supply point {number}", reason, by)
    assert entry.purpose == ("" if reason == "ConsentMissing" else "switch")


# --- Search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "東京都世田谷区粕谷四丁目8-1",
        "世田谷区粕谷4丁目8番1号",
        "東京都 世田谷区 粕谷 ４－８－１",
        "粕谷4-8-1",
    ],
)
def test_a_house_is_found_however_its_address_is_written(points, asker, consent, now, address) -> None:
    make_points_nearby(points)
    [found] = search_by_address(address=address, supply_class="LV", consent=consent, by=asker, now=now)
    assert found.number == points.house.number
    assert found.meter_tails == (points.house.meters.get().number[-4:],)
    assert (found.contract_size, found.contract_size_unit) == ("40", "A")


def make_points_nearby(points) -> None:
    """The house numbers 8-10 and 8-11 and 18-1 on the same street must not be taken for 8-1."""
    for at, block in enumerate(["8-10", "8-11", "18-1"]):
        SupplyPoint.objects.filter(pk=points.rooms[at].pk).update(
            address_key=f"東京都世田谷区粕谷4-{block}", town="粕谷四丁目", block=block, building=""
        )


def test_candidates_never_show_an_address_or_a_person(points, asker, consent, now) -> None:
    [found] = search_by_address(
        address="世田谷区上用賀5-12-7 ハイツ桜102", supply_class="LV", consent=consent, by=asker, now=now
    )
    told = json.dumps(asdict(found), ensure_ascii=False)
    point, contract = points.rooms[1], points.rooms[1].contracts.get()
    assert found.number == point.number
    for personal in [contract.holder_name, contract.number, "上用賀", "世田谷", "ハイツ", point.meters.get().number]:
        assert personal not in told


@pytest.mark.parametrize("room", ["ハイツ桜103号室", "ハイツ桜 １０３", " 103号室", "-103"])
def test_a_room_is_found_with_and_without_the_buildings_name(points, asker, consent, now, room) -> None:
    [found] = search_by_address(
        address=f"世田谷区上用賀5-12-7{room}", supply_class="LV", consent=consent, by=asker, now=now
    )
    assert found.number == points.rooms[2].number


@pytest.mark.parametrize("address", ["東京都世田谷区上用賀5-12-7", "世田谷区上用賀5-12-7 ハイツ桜"])
def test_a_building_without_a_room_is_asked_back_with_the_count(points, asker, consent, now, address) -> None:
    with pytest.raises(RoomNeeded) as caught:
        search_by_address(address=address, supply_class="LV", consent=consent, by=asker, now=now)
    assert caught.value.count == 3
    entry = LedgerEntry.objects.get(action="supply point search refused")
    assert entry.detail == {"reason": "RoomNeeded", "count": "3", "consent": "REC-1"}


@pytest.mark.parametrize("address", ["ハイツ楓101", "ハイツ桜109号室"])
def test_another_building_or_room_is_not_found(points, asker, consent, now, address) -> None:
    with pytest.raises(NothingFound):
        search_by_address(
            address=f"世田谷区上用賀5-12-7 {address}", supply_class="LV", consent=consent, by=asker, now=now
        )


def test_two_contracts_in_one_house_are_both_shown(cast, points, asker, consent, now) -> None:
    [second] = make_points(cast, 1, town="粕谷四丁目", block="8-1", now=now)
    found = search_by_address(address="粕谷4-8-1", supply_class="LV", consent=consent, by=asker, now=now)
    assert {candidate.number for candidate in found} == {points.house.number, second.number}


@pytest.mark.parametrize("address", ["", "粕谷", "4-8-1", "１２－３", "%%%%", "___"])
def test_too_little_of_an_address_is_not_searched_for(points, asker, consent, now, address) -> None:
    with pytest.raises((AddressTooShort, NothingFound)) as caught:
        search_by_address(address=address, supply_class="LV", consent=consent, by=asker, now=now)
    if "_" not in address and "%" not in address:
        assert isinstance(caught.value, AddressTooShort)


def test_a_town_alone_shows_its_few_points(points, asker, consent, now) -> None:
    found = search_by_address(address="世田谷区粕谷", supply_class="LV", consent=consent, by=asker, now=now)
    assert [candidate.number for candidate in found] == [points.house.number]


def test_at_most_twenty_are_shown(cast, points, asker, consent, now) -> None:
    make_points(cast, 20, now=now)
    town = {"address": "世田谷区経堂2丁目", "supply_class": "LV", "consent": consent, "by": asker, "now": now}
    assert len(search_by_address(**town)) == 20
    make_points(cast, 1, first=21, now=now)
    with pytest.raises(TooMany) as caught:
        search_by_address(**town)
    assert caught.value.count == 21


def test_each_search_names_what_was_shown_in_the_ledger(points, asker, consent, now) -> None:
    search_by_address(address="粕谷4-8-1", supply_class="LV", consent=consent, by=asker, now=now)
    entry = LedgerEntry.objects.get(action="supply point search")
    assert (entry.subject, entry.purpose) == ("supply points by address", "switch")
    assert entry.detail == {"consent": "REC-1", "supply_class": "LV", "found": [points.house.number]}


def test_a_search_needs_consent(points, asker, now) -> None:
    with pytest.raises(ConsentMissing):
        search_by_address(address="粕谷4-8-1", supply_class="LV", consent=None, by=asker, now=now)
    with pytest.raises(ConsentMissing):
        search_by_meter(meter_number="03M0000000", supply_class="LV", consent=None, by=asker, now=now)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}".lower])
def test_a_point_is_found_by_its_meter(points, asker, consent, now, typed) -> None:
    number = points.house.meters.get().number
    typed = number.lower() if callable(typed) else typed.format(number)
    [found] = search_by_meter(meter_number=typed, supply_class="LV", consent=consent, by=asker, now=now)
    assert found.number == points.house.number
    with pytest.raises(NothingFound):
        search_by_meter(meter_number=typed, supply_class="HV", consent=consent, by=asker, now=now)


@pytest.mark.parametrize("typed", ["", "0", "03M"])
def test_part_of_a_meter_number_finds_nothing(points, asker, consent, now, typed) -> None:
    with pytest.raises(NothingFound):
        search_by_meter(meter_number=typed, supply_class="LV", consent=consent, by=asker, now=now)


def test_a_removed_meter_finds_nothing(points, asker, consent, now) -> None:
    meter = points.house.meters.get()
    Meter.objects.filter(pk=meter.pk).update(removed_on=now.date())
    with pytest.raises(NothingFound):
        search_by_meter(meter_number=meter.number, supply_class="LV", consent=consent, by=asker, now=now)


def test_the_address_search_uses_an_index_among_many_points(cast, points, asker, consent, now) -> None:
    with connection.cursor() as cursor:
        columns = [f.column for f in SupplyPoint._meta.fields if f.column not in {"id", "number", "address_key"}]
        cursor.execute(
            f"""INSERT INTO metering_supplypoint (number, address_key, {", ".join(columns)})
                SELECT '0300' || lpad((900000 + n)::text, 18, '0'), '大阪府吹田市千里' || n || '-' || n %% 50,
                       {", ".join(columns)}
                FROM metering_supplypoint p, generate_series(1, 20000) n WHERE p.id = %s""",
            [points.house.pk],
        )
        # what autovacuum does in daily life: new entries leave the index's waiting list
        cursor.execute("SELECT gin_clean_pending_list('points_by_address_trigrams')")
        cursor.execute("ANALYZE metering_supplypoint")
    for address, index in [
        ("粕谷4-8-1", "points_by_address_trigrams"),
        ("東京都世田谷区粕谷4-8-1", "points_by_address_"),
    ]:
        with CaptureQueriesContext(connection) as queries:
            search_by_address(address=address, supply_class="LV", consent=consent, by=asker, now=now)
        [search] = [q["sql"] for q in queries if "LIKE" in q["sql"]]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + search)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert index in plan and "Seq Scan" not in plan


def test_the_last_consent_is_the_persons_own_and_young(asker, yama_inquiry, cast, now) -> None:
    assert inquiries.last_consent(asker, today=now.date()) is None
    consent_of(yama_inquiry, now)
    old = consent_of(asker, now)
    assert inquiries.last_consent(asker, today=now.date()) == old
    assert inquiries.last_consent(cast["sora.relay"], today=now.date()) is None
    too_late = now.date() + timedelta(days=settings.CONSENT_MAX_AGE_DAYS + 1)
    assert inquiries.last_consent(asker, today=too_late) is None
