"""The pages of facility inquiries and of the own supply points, as people use them."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from metering import inquiries, supply, usage
from metering.charts import HalfHours, Month, heat_map, month_bars, shade
from metering.halfhours import NULL
from metering.inquiries import inquire, record_consent
from metering.models import Consent, FacilityInquiry
from metering.supply import NewSupply
from metering.usage import NewMonth
from portal.models import LedgerEntry
from portal.people import Hold
from portal.templatetags.words import kwh
from portal.workdays import jst_date
from tests import cast as the_cast
from tests.cast import make_points
from tests.metering.delivering import block_of, csv_of, deliver, figures

CONSENT = {"purpose": "switch", "channel": "telephone", "obtained_on": "2026-04-01", "reference": "REC-7"}
pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def asking(sora_inquiry: Any, client_of: Any) -> Client:
    client = client_of(sora_inquiry)
    client.cookies["django_language"] = "en"
    return client


def text_of(response: Any) -> str:
    """The page as read: tags away, gaps one space."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def an_inquiry(user: Any, point: Any, now: Any) -> FacilityInquiry:
    consent = record_consent(
        reference="REC-1", channel="web", purpose="quote", obtained_on=now.date(), by=user, now=now
    )
    return inquire(number=point.number, supply_class=point.supply_class, consent=consent, by=user, now=now)


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_the_class_is_chosen_first(asking) -> None:
    page = asking.get(reverse("metering:inquiry-new"))
    for supply_class in ("lv", "hv", "fit"):
        assert reverse("metering:inquiry-ask", args=[supply_class]) in page.content.decode()
        assert (
            "class-mark-" + supply_class
            in asking.get(reverse("metering:inquiry-ask", args=[supply_class])).content.decode()
        )
    assert asking.get("/facility-inquiries/new/gas/").status_code == 404


def test_a_number_is_answered_at_once(points, asking, now) -> None:
    typed = f"{points.house.number[:2]}-{points.house.number[2:]}"
    response = asking.post(reverse("metering:inquiry-ask", args=["lv"]), {"number": typed, **CONSENT})
    inquiry = FacilityInquiry.objects.get()
    assert response.status_code == 302 and response.url == reverse("metering:inquiry", args=[inquiry.pk])
    assert (inquiry.point, inquiry.consent.reference) == (points.house, "REC-7")
    page = asking.get(response.url)
    words = text_of(page)
    for told in ["40 A", "ampere breaker", "energised", "1φ3W", "2026-04-", points.house.meters.get().number]:
        assert told in words
    contract = points.house.contracts.get()
    for personal in [contract.holder_name, contract.number, points.house.municipality, points.house.town, "海エナジー"]:
        assert personal not in page.content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("12345678901234567", "that is a city-gas number"),
        ("03001", "The number has 5 digits"),
        ("", "Enter the supply point number"),
        ("0310000000000000000001", "no low-voltage number"),
        ("0300999999999999999999", "No supply point of this class has this number"),
    ],
)
def test_a_mistake_is_told_beside_the_field_and_the_wrong_value_stays(points, asking, typed, sentence) -> None:
    response = asking.post(reverse("metering:inquiry-ask", args=["lv"]), {"number": typed, **CONSENT})
    assert response.status_code == 422
    page = response.content.decode()
    assert page.count(sentence) == 2, "in the summary and beside the field"
    assert f'value="{typed}"' in page or not typed
    assert "<script" not in page.split("<main")[1]


def test_a_consent_is_recorded_once_although_the_point_was_mistyped(points, asking) -> None:
    url = reverse("metering:inquiry-ask", args=["lv"])
    first = asking.post(url, {"number": "0300999999999999999999", **CONSENT})
    consent = Consent.objects.get()
    assert f'name="consent" value="{consent.pk}"' in first.content.decode()
    assert "REC-7" in text_of(first)
    second = asking.post(url, {"number": points.house.number, "consent": consent.pk})
    assert second.status_code == 302
    assert Consent.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("reference", "", "Give your own reference"),
        ("purpose", "", "Choose what the inquiry is for"),
        ("channel", "", "Choose how the customer gave the consent"),
        ("obtained_on", "", "Give the day on which the customer agreed"),
        ("obtained_on", "yesterday", "write it as 2026-04-15"),
        ("obtained_on", "2026-04-02", "dated in the future"),
        ("obtained_on", "2025-06-01", "older than 90 days"),
    ],
)
def test_without_a_valid_consent_nothing_is_answered(points, asking, field, value, sentence) -> None:
    response = asking.post(
        reverse("metering:inquiry-ask", args=["lv"]), {"number": points.house.number, **CONSENT, field: value}
    )
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert not FacilityInquiry.objects.exists() and not Consent.objects.exists()


def test_an_address_leads_over_candidates_to_the_answer(points, asking) -> None:
    url = reverse("metering:inquiry-ask", args=["lv"]) + "?by=address"
    page = asking.post(url, {"address": "世田谷区粕谷４－８－１", **CONSENT})
    assert page.status_code == 200
    body = page.content.decode()
    assert "粕谷" not in body and points.house.meters.get().number not in body
    assert points.house.meters.get().number[-4:] in body
    consent = Consent.objects.get()
    assert f'name="consent" value="{consent.pk}"' in body
    answer = asking.post(
        reverse("metering:inquiry-candidate", args=["lv"]), {"number": points.house.number, "consent": consent.pk}
    )
    assert answer.status_code == 302
    assert FacilityInquiry.objects.get().point == points.house


def test_a_building_asks_for_the_room_and_keeps_what_was_typed(points, asking) -> None:
    url = reverse("metering:inquiry-ask", args=["lv"]) + "?by=address"
    page = asking.post(url, {"address": "世田谷区上用賀5-12-7", **CONSENT})
    assert page.status_code == 422
    assert "There are 3 supply points at this address" in text_of(page)
    assert 'value="世田谷区上用賀5-12-7"' in page.content.decode()


def test_a_meter_number_leads_to_its_point(points, asking) -> None:
    url = reverse("metering:inquiry-ask", args=["hv"]) + "?by=meter"
    page = asking.post(url, {"meter_number": points.shop.meters.get().number, **CONSENT})
    assert points.shop.number in page.content.decode()
    assert "class-mark-hv" in page.content.decode()


def test_a_candidate_cannot_be_asked_about_with_anothers_consent(points, asking, yama_inquiry, now) -> None:
    foreign = an_inquiry(yama_inquiry, points.house, now).consent
    response = asking.post(
        reverse("metering:inquiry-candidate", args=["lv"]), {"number": points.house.number, "consent": foreign.pk}
    )
    assert response.status_code == 422
    assert not FacilityInquiry.objects.filter(company__name_en="Sora Denki").exists()
    assert foreign.reference not in response.content.decode()


@pytest.mark.parametrize("consent", ["", "x", "9" * 40, "１", "0"])
def test_a_made_up_consent_is_no_consent(points, asking, consent) -> None:
    response = asking.get(reverse("metering:inquiry-ask", args=["lv"]), {"consent": consent})
    assert response.status_code == 200
    response = asking.post(
        reverse("metering:inquiry-ask", args=["lv"]), {"number": points.house.number, "consent": consent}
    )
    assert response.status_code == 422


def test_the_last_consent_is_offered_again_for_the_same_customer(points, asking, sora_inquiry, now) -> None:
    inquiry = an_inquiry(sora_inquiry, points.house, now)
    again = f"?consent={inquiry.consent_id}"
    assert again in asking.get(reverse("metering:inquiry-ask", args=["lv"])).content.decode()
    assert again in asking.get(reverse("metering:inquiry", args=[inquiry.pk])).content.decode()
    page = asking.get(reverse("metering:inquiry-ask", args=["hv"]) + again).content.decode()
    assert 'name="reference"' not in page and "REC-1" in page


def test_the_answer_leads_to_the_relay_only_for_those_who_may(points, cast, sora_inquiry, client_of, now) -> None:
    inquiry = an_inquiry(sora_inquiry, points.house, now)
    link = f"{reverse('switching:relay-new')}?inquiry={inquiry.pk}"
    url = reverse("metering:inquiry", args=[inquiry.pk])
    assert link not in client_of(sora_inquiry).get(url).content.decode()
    both = the_cast.person(cast.sora, "sora.both", roles=["inquiry", "relay"])
    assert link in client_of(both).get(url).content.decode()


def test_an_own_point_is_not_relayed_but_opened(points, cast, client_of, now) -> None:
    both = the_cast.person(cast.umi, "umi.both", roles=["inquiry", "relay"])
    inquiry = an_inquiry(both, points.house, now)
    page = client_of(both).get(reverse("metering:inquiry", args=[inquiry.pk])).content.decode()
    assert reverse("metering:point", args=[points.house.number]) in page
    assert reverse("switching:relay-new") not in page


def test_pending_applications_stand_in_the_answer_in_words(points, asking, sora_inquiry, now, monkeypatch) -> None:
    rows = [{"kind": "switch_start", "date": "2026-05-10"}]
    monkeypatch.setattr(inquiries, "pending_sources", [lambda ids: dict.fromkeys(ids, rows)])
    monkeypatch.setitem(inquiries.pending_labels, "switch_start", "Beginn")
    inquiry = an_inquiry(sora_inquiry, points.house, now)
    words = text_of(asking.get(reverse("metering:inquiry", args=[inquiry.pk])))
    assert "Beginn 2026-05-10" in words


# --- Who sees what ----------------------------------------------------------------------------------------------------


def test_a_strangers_inquiry_is_absent(points, sora_inquiry, yama_inquiry, client_of, now) -> None:
    inquiry = an_inquiry(sora_inquiry, points.house, now)
    stranger = client_of(yama_inquiry)
    assert stranger.get(reverse("metering:inquiry", args=[inquiry.pk])).status_code == 404
    assert points.house.number not in stranger.get(reverse("metering:inquiries")).content.decode()


def test_an_inquiry_of_another_area_is_absent_for_a_colleague(points, cast, sora_inquiry, client_of, now) -> None:
    inquiry = an_inquiry(sora_inquiry, points.house, now)
    colleague = the_cast.person(cast.sora, "sora.west", roles=[Hold("inquiry", "06")])
    assert client_of(colleague).get(reverse("metering:inquiry", args=[inquiry.pk])).status_code == 404


@pytest.mark.parametrize("who", ["sora.viewer", "umi.relay", "kaze.inquiry"])
def test_people_without_the_role_find_no_inquiry_pages(points, cast, client_of, who) -> None:
    client = client_of(cast[who])
    assert client.get(reverse("metering:inquiries")).status_code == 404
    assert client.post(reverse("metering:inquiry-ask", args=["lv"]), {"number": "1", **CONSENT}).status_code == 404


@pytest.mark.parametrize(
    ("who", "status"),
    [("umi.viewer", 200), ("kaze.viewer", 200), ("sora.viewer", 404), ("yama.viewer", 404), ("umi.relay", 404)],
)
def test_a_point_is_open_to_its_retailer_and_its_network_operator_alone(points, cast, client_of, who, status) -> None:
    url = reverse("metering:point", args=[points.house.number])
    assert client_of(cast[who]).get(url).status_code == status


@pytest.mark.parametrize("number", ["0300999999999999999999", "03", "%00", "03-0000"])
def test_a_point_that_does_not_exist_is_absent(points, umi_viewer, client_of, number) -> None:
    assert client_of(umi_viewer).get(f"/supply-points/{number}/").status_code == 404


# --- Lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_lists_cost_the_same_queries_whatever_their_length(
    cast, client_of, now, django_assert_num_queries, count
) -> None:
    houses = make_points(cast, count, now=now)
    for house in houses:
        an_inquiry(cast["sora.inquiry"], house, now)
    asking, looking = client_of(cast["sora.inquiry"]), client_of(cast["umi.viewer"])
    for client, name, queries in [(asking, "inquiries", 12), (looking, "points", 11)]:
        client.get(reverse(f"metering:{name}"))
        with django_assert_num_queries(queries):
            page = client.get(reverse(f"metering:{name}"))
        assert all(house.number[-4:] in page.content.decode() for house in houses)


def test_inquiries_are_filtered_by_class_area_day_and_person(points, cast, asking, now) -> None:
    user = cast["sora.inquiry"]
    for point in (points.house, points.shop):
        an_inquiry(user, point, now)

    def found(**query: Any) -> int:
        return asking.get(reverse("metering:inquiries"), query).content.decode().count('class="point-number"')

    assert found() == 2
    assert found(supply_class="HV") == 1
    assert found(area="06") == 0
    assert found(asked_from="2026-04-02") == 0
    assert found(asked_until="2026-04-01", by=user.pk) == 2
    assert found(by=cast["sora.viewer"].pk) == 0
    assert found(by=cast["yama.inquiry"].pk) == 0, "no choice at all"


def test_the_csv_of_inquiries_holds_every_item_and_no_person(points, asking, sora_inquiry, now) -> None:
    an_inquiry(sora_inquiry, points.house, now)
    response = asking.get(reverse("metering:inquiries"), {"format": "csv", "supply_class": "LV"})
    head, row = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert points.house.number in row and "40 A" in row and "REC-1" in row
    assert len(head.split(",")) == len(row.split(",")) >= 25
    for personal in ["山田", "ヤマダ", "世田谷", "U-1000"]:
        assert personal not in row


def test_points_are_filtered_and_given_as_csv(points, cast, client_of) -> None:
    client = client_of(cast["umi.viewer"])
    url = reverse("metering:points")

    def numbers(**query: Any) -> set[str]:
        lines = b"".join(client.get(url, {**query, "format": "csv"}).streaming_content).decode("utf-8-sig")
        return {line.split(",")[0] for line in lines.splitlines()[1:]}

    assert len(numbers()) == 6
    assert numbers(supply_class="FIT") == {points.roof.number}
    assert numbers(number="03 1") == {points.shop.number}
    assert numbers(number="xyz") == set()
    assert numbers(contract=points.house.contracts.get().number[:9].lower()) == {
        point.number for point in [points.house, points.shop, points.roof, *points.rooms][:6]
        if point.contracts.get().number.startswith(points.house.contracts.get().number[:9])
    }  # fmt: skip
    assert numbers(area="06") == set()
    assert numbers(contract_state="idle") == set()


def test_a_retailer_lists_only_what_it_supplies_a_network_operator_its_network(points, cast, client_of, now) -> None:
    make_points(cast, 2, retailer="", now=now)

    def total(who: str) -> int:
        page = client_of(cast[who]).get(reverse("metering:points"), {"size": "100"})
        return page.content.decode().count('class="point-number"')

    assert (total("umi.viewer"), total("sora.viewer"), total("kaze.viewer")) == (6, 0, 8)


# --- One point --------------------------------------------------------------------------------------------------------


def test_the_own_contract_is_shown_and_the_read_recorded(points, umi_viewer, client_of, now) -> None:
    page = client_of(umi_viewer).get(reverse("metering:point", args=[points.house.number])).content.decode()
    contract = points.house.contracts.get()
    for own in [contract.holder_name, contract.number, contract.holder_address]:
        assert own in page
    entry = LedgerEntry.objects.get(action="supply point read")
    assert (entry.subject, entry.user) == (f"supply point {points.house.number}", umi_viewer)
    assert (entry.purpose, entry.detail) == ("own_customer", {"contract": contract.number})


def test_a_network_operator_sees_who_supplies_but_no_contract(points, kaze_viewer, client_of) -> None:
    page = client_of(kaze_viewer).get(reverse("metering:point", args=[points.house.number])).content.decode()
    contract = points.house.contracts.get()
    assert "海エナジー" in page
    assert contract.holder_name not in page and contract.number not in page
    assert LedgerEntry.objects.get(action="supply point read").purpose == "network"


def handed_to_sora(cast: Any, point: Any, day: date, now: Any, **values: Any) -> None:
    supply.hand_over(
        [NewSupply(point.pk, cast.sora.pk, day, "S-1", "山田 太郎", "ヤマダ タロウ", point.address, **values)], now=now
    )


def test_after_the_switch_the_gaining_retailer_sees_only_its_own_time(points, cast, client_of, now) -> None:
    switch = date(2026, 2, 1)
    usage.record_months(
        [
            NewMonth(points.house.pk, date(2026, month, 1), month * 100_000, date(2026, month, 28))
            for month in (1, 2, 3)
        ],
        now=now,
    )
    handed_to_sora(cast, points.house, switch, now)
    url = reverse("metering:point", args=[points.house.number])
    assert client_of(cast["umi.viewer"]).get(url).status_code == 404
    page = client_of(cast["sora.viewer"]).get(url)
    words = text_of(page)
    assert "2026-02-01 (日)" in words and "2020-04-01" not in words and "海エナジー" not in words
    assert "200.00" in words and "300.00" in words
    assert "100.00" not in words, "January was umi's"
    network = text_of(client_of(cast["kaze.viewer"]).get(url))
    assert "100.00" in network and "海エナジー" in network and "空でんき" in network


def test_usage_from_before_a_new_holder_is_withheld(points, cast, client_of, now) -> None:
    usage.record_months([NewMonth(points.house.pk, date(2026, 2, 1), 200_000, date(2026, 2, 28))], now=now)
    handed_to_sora(cast, points.house, date(2026, 1, 15), now, holder_since=date(2026, 3, 1))
    words = text_of(client_of(cast["sora.viewer"]).get(reverse("metering:point", args=[points.house.number])))
    assert "200.00" not in words


def test_half_hours_are_drawn_and_tabled_from_the_own_first_day_on(points, cast, client_of, now) -> None:
    days = [date(2026, 3, day) for day in (9, 10, 11)]
    values = figures(3, gaps=False)
    values[1, 20] = NULL
    file = deliver(cast, csv_of(block_of([points.house] * 3, days, values=values)), now=now)
    assert file.rows_taken == 3
    handed_to_sora(cast, points.house, date(2026, 3, 10), now)
    url = reverse("metering:point", args=[points.house.number])
    page = client_of(cast["sora.viewer"]).get(url).content.decode()
    assert "2026-03-09" not in page and "2026-03-10 (火)" in page and "2026-03-11 (水)" in page
    svg = page[page.index("chart-heat") :]
    assert svg[: svg.index("</svg>")].count("heat-missing") == 1
    row = re.search(r'<th scope="row">2026-03-10.*?</tr>', page, re.DOTALL).group()
    cells = re.findall(r'<td class="numeric">([^<]*)</td>', row)
    assert cells == [kwh(int(values[1].clip(0).sum()))] + [kwh(None if wh == NULL else int(wh)) for wh in values[1]]
    assert "2026-03-09" in client_of(cast["kaze.viewer"]).get(url).content.decode()


# --- Charts -----------------------------------------------------------------------------------------------------------


def test_a_month_without_a_value_is_no_zero() -> None:
    svg = month_bars([Month(date(2026, 1, 1), 250_000), Month(date(2026, 2, 1), None), Month(date(2026, 3, 1), 0)])
    assert svg.count("<rect") == 3 and svg.count("bar-missing") == 1
    assert 'height="160"' in svg
    assert "style=" not in svg
    assert re.findall(r'class="figure"[^>]*>([^<]*)<', svg) == ["250", "–", "0"]


def test_a_heat_map_keeps_missing_and_zero_apart() -> None:
    values: list[int | None] = [0] * 10 + [None] * 2 + [500] * 36
    svg = heat_map([HalfHours(date(2026, 3, 1), values)])
    assert [svg.count(name) for name in ("heat-0", "heat-missing", "heat-8")] == [1, 1, 1], "runs are one rectangle"
    assert 'width="140"' in svg and "2026-03-01 (日)" in svg
    assert heat_map([HalfHours(date(2026, 3, 1), [None] * 48)]).count("heat-missing") == 1


def test_shades_run_from_nothing_to_the_highest() -> None:
    assert [shade(value, 800) for value in (None, 0, 1, 800)] == ["heat-missing", "heat-0", "heat-1", "heat-8"]
    assert [shade(value, 1) for value in (0, 1)] == ["heat-0", "heat-5"]


def test_the_last_fourteen_months_end_before_this_one() -> None:
    from metering.views.points import _last_months

    months = _last_months(date(2026, 1, 15))
    assert (len(months), months[0], months[-1]) == (14, date(2024, 11, 1), date(2025, 12, 1))


# --- Workbench --------------------------------------------------------------------------------------------------------


def test_the_hub_operator_looks_but_does_not_change(points, hub_operator, client_of) -> None:
    client = client_of(hub_operator)
    for url in [
        reverse("admin:metering_supplypoint_changelist"),
        reverse("admin:metering_supplypoint_change", args=[points.house.pk]),
        reverse("admin:metering_contract_changelist"),
    ]:
        assert client.get(url).status_code == 200
    changed = client.post(reverse("admin:metering_supplypoint_change", args=[points.house.pk]), {"number": "1"})
    assert changed.status_code == 403
    assert not LedgerEntry.objects.filter(action="contract read").exists()
    contract = points.house.contracts.get()
    assert (
        contract.holder_name
        in client.get(reverse("admin:metering_contract_change", args=[contract.pk])).content.decode()
    )
    assert LedgerEntry.objects.get(action="contract read").subject == f"supply point {points.house.number}"
    listed = client.get(reverse("admin:metering_contract_changelist")).content.decode()
    assert contract.holder_name not in listed


def test_a_reading_date_changed_by_hand_is_in_the_ledger(points, hub_operator, client_of, now) -> None:
    client = client_of(hub_operator)
    url = reverse("admin:metering_readingdate_add")
    day = jst_date(now) + timedelta(days=3)
    assert client.post(url, {"area": "03", "reading_day": "2", "day": day.isoformat()}).status_code == 302
    entry = LedgerEntry.objects.get(action="reading date set")
    assert entry.detail == {"area": "03", "reading_day": 2, "day": "2026-04-04"}
