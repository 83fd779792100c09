"""The access log of a supply point: who read what, for the retailer that answers for the customer."""

import csv
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metering import supply
from metering.inquiries import inquire, record_consent, search_by_meter
from metering.models import Consent
from metering.supply import NewSupply
from portal.models import LedgerEntry
from tests.cast import NOW, client_of, person

DAY = timedelta(days=1)
LATER = NOW + 15 * DAY


def ask(user, point, now=NOW, way="number"):
    consent = record_consent(
        reference=f"REC-{user.username}", channel="web", purpose="switch", obtained_on=now.date(), by=user, now=now
    )
    if way == "meter":
        return search_by_meter(
            meter_number=point.meters.get().number, supply_class=point.supply_class, consent=consent, by=user, now=now
        )
    return inquire(number=point.number, supply_class=point.supply_class, consent=consent, by=user, now=now)


def log_of(client, point, now=LATER, **query):
    with time_machine.travel(now, tick=False):
        return client.get(f"/supply-points/{point.number}/access-log/", query)


def rows_of(client, point, now=LATER, **query):
    text = b"".join(log_of(client, point, now, format="csv", **query).streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def umi_client(cast):
    return client_of(cast["umi.administrator"])


def test_reads_of_the_point_are_listed_with_company_person_and_purpose(cast, points, umi_client):
    ask(cast["sora.inquiry"], points.house)
    ask(cast["yama.inquiry"], points.house, way="meter")
    ask(cast["sora.inquiry"], points.shop)
    with time_machine.travel(NOW + DAY, tick=False):
        client_of(cast["umi.viewer"]).get(f"/supply-points/{points.house.number}/")
        client_of(cast["kaze.viewer"]).get(f"/supply-points/{points.house.number}/")
    page = log_of(umi_client, points.house).content.decode()
    for words in ("空でんき", "山電力", "海エナジー", "風送配電", "REC-sora.inquiry", "設備情報"):
        assert words in page
    rows = rows_of(umi_client, points.house)
    assert [row["事業者"] for row in rows] == ["風送配電", "海エナジー", "山電力", "空でんき"]
    assert str(Consent.Purpose.SWITCH.label) in rows[-1].values()
    assert len(rows_of(umi_client, points.house, action="facility inquiry")) == 1


def test_reads_by_other_retailers_appear_after_fourteen_days(cast, points, umi_client):
    ask(cast["sora.inquiry"], points.house)
    with time_machine.travel(NOW, tick=False):
        client_of(cast["umi.viewer"]).get(f"/supply-points/{points.house.number}/")
        client_of(cast["kaze.viewer"]).get(f"/supply-points/{points.house.number}/")
    early = [row["事業者"] for row in rows_of(umi_client, points.house, NOW + 14 * DAY - timedelta(seconds=1))]
    assert sorted(early) == ["海エナジー", "風送配電"]
    assert "空でんき" in [row["事業者"] for row in rows_of(umi_client, points.house, NOW + 14 * DAY)]


def test_what_was_read_before_the_own_supply_is_not_the_retailers(cast, points):
    ask(cast["yama.inquiry"], points.house)
    change = date(2026, 4, 10)
    old = supply.current_period(points.house, NOW.date()).contract
    supply.hand_over(
        [
            NewSupply(
                point_id=points.house.pk,
                retailer_id=cast.sora.pk,
                from_date=change,
                contract_number="S-1",
                holder_name=old.holder_name,
                holder_kana=old.holder_kana,
                holder_address=old.holder_address,
                cause="made for a test",
            )
        ],
        now=NOW,
    )
    ask(cast["yama.inquiry"], points.house, NOW + 12 * DAY)
    sora, umi = client_of(cast["sora.administrator"]), client_of(cast["umi.administrator"])
    assert log_of(sora, points.house, NOW).status_code == 404
    assert log_of(umi, points.house, NOW).status_code == 200
    later = NOW + 40 * DAY
    assert log_of(umi, points.house, later).status_code == 404
    assert len(rows_of(sora, points.house, later)) == 1


@pytest.mark.parametrize("who", ["sora.administrator", "kaze.administrator", "umi.viewer", "hub.auditor"])
def test_nobody_else_opens_it(cast, points, who):
    assert log_of(client_of(cast[who]), points.house).status_code == 404


def test_looking_is_recorded_itself(cast, points, umi_client):
    log_of(umi_client, points.house)
    entry = LedgerEntry.objects.get(action="access log read")
    assert (entry.subject, entry.user) == (f"supply point {points.house.number}", cast["umi.administrator"])


def test_the_number_is_typed_and_mistakes_have_their_sentence(cast, points, umi_client):
    url = "/supply-points/access-log/"
    with time_machine.travel(LATER, tick=False):
        answer = umi_client.post(url, {"number": points.house.number[:4] + " " + points.house.number[4:]})
        assert answer.url == f"/supply-points/{points.house.number}/access-log/"
        for number in ("12345", "0300999999999999999999", ""):
            wrong = umi_client.post(url, {"number": number})
            assert wrong.status_code == 422 and 'class="error-summary"' in wrong.content.decode()
        other = client_of(cast["sora.administrator"]).post(url, {"number": points.house.number})
        assert "貴社は現在供給していません" in other.content.decode()


def test_the_log_costs_the_same_queries_whatever_its_length(cast, points, umi_client):
    costs = []
    for count in (1, 3):
        while len(rows_of(umi_client, points.house)) < count:
            ask(cast["sora.inquiry"], points.house)
        with CaptureQueriesContext(connection) as queries:
            assert log_of(umi_client, points.house).content.decode().count("REC-sora.inquiry") == count
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_points_page_leads_to_it_for_who_may_read_it(cast, points):
    both = person(cast.umi, "umi.both", roles=["administrator", "viewer"])
    address = f"/supply-points/{points.house.number}/"
    assert f'href="{address}access-log/"' in client_of(both).get(address).content.decode()
    for user in (cast["umi.viewer"], person(cast.kaze, "kaze.both", roles=["administrator", "viewer"])):
        assert "access-log" not in client_of(user).get(address).content.decode()
