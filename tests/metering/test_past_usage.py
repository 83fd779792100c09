"""Past usage: asked for with consent, a code the next business day, and nothing from before the holder came."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from metering import access_codes, supply, usage, usage_inquiries
from metering.access_codes import NotWaiting, WaitsAlready
from metering.halfhours import NULL
from metering.inquiries import UnknownPoint
from metering.models import UsageAccessRequest, UsageInquiry, WrongCode
from metering.supply import Renewal
from metering.usage import NewMonth
from metering.usage_inquiries import CodeExpired, HolderChanged, NoSuchCode, TooManyWrongCodes, window
from portal.models import LedgerEntry, Notice
from portal.workdays import JST
from tests import cast as the_cast
from tests.metering.asking import ask_for_usage, slip
from tests.metering.delivering import block_of, csv_of, deliver

NEXT_DAY = datetime(2026, 4, 2, 7, 0, tzinfo=JST)
State, Reason = UsageAccessRequest.State, UsageAccessRequest.Reason


@pytest.fixture
def issued(sora_inquiry: Any, points: Any, now: Any) -> UsageAccessRequest:
    asked = ask_for_usage(sora_inquiry, points.house, now=now)
    assert access_codes.issue_due(now=NEXT_DAY) == 1
    asked.refresh_from_db()
    return asked


def opened(asked: UsageAccessRequest, by: Any, now: datetime = NEXT_DAY) -> UsageInquiry:
    return usage_inquiries.enter(number=asked.point.number, code=access_codes.code_of(asked), by=by, now=now)


def used(cast: Any, point: Any, *days: date, wh: int = 100) -> None:
    """48 half-hours of `wh` on each day."""
    values = np.full((len(days), 48), wh, np.int32)
    deliver(cast, csv_of(block_of([point] * len(days), list(days), values=values)))


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_the_code_comes_on_the_next_business_day_and_not_sooner(sora_inquiry, points) -> None:
    friday = datetime(2026, 4, 3, 16, 0, tzinfo=JST)
    asked = ask_for_usage(sora_inquiry, points.house, now=friday)
    assert asked.due_on == date(2026, 4, 6)
    assert access_codes.issue_due(now=friday + timedelta(days=2)) == 0
    monday = datetime(2026, 4, 6, 7, 0, tzinfo=JST)
    assert access_codes.issue_due(now=monday) == 1
    asked.refresh_from_db()
    assert (asked.state, asked.valid_until) == (State.ISSUED, monday + timedelta(days=7))
    assert re.fullmatch(r"\d{4}-\d{4}-\d{4}", access_codes.code_of(asked))
    notice = Notice.objects.get(recipient=sora_inquiry.company, kind="access_code_issued")
    assert access_codes.code_of(asked) not in str(vars(notice))


def test_the_database_does_not_hold_the_code(issued) -> None:
    digits = access_codes.code_of(issued).replace("-", "")
    [row] = UsageAccessRequest.objects.values()
    assert digits not in str(row)
    assert digits not in str(list(LedgerEntry.objects.values_list("detail", "subject")))


@pytest.mark.parametrize(
    ("told", "is_issued"),
    [
        ({"contract_number": "X-1"}, False),
        ({"holder_name": "別人 太郎"}, False),
        ({"holder_address": "北海道札幌市中央区北一条西9丁目1-1"}, False),
        ({"holder_kana": ""}, True),
    ],
)
def test_what_the_customer_told_has_to_fit_the_contract(sora_inquiry, points, now, told, is_issued) -> None:
    asked = ask_for_usage(sora_inquiry, points.house, now=now, **told)
    access_codes.issue_due(now=NEXT_DAY)
    asked.refresh_from_db()
    assert (asked.state == State.ISSUED) is is_issued
    if not is_issued:
        assert asked.reason == Reason.DIFFERS
        assert access_codes.code_of(asked) == ""
        assert Notice.objects.filter(kind="access_code_refused", recipient=asked.company).exists()


def test_nobody_supplied_no_code(sora_inquiry, points, now) -> None:
    asked = ask_for_usage(sora_inquiry, points.house, now=now)
    supply.terminate({points.house.pk: date(2026, 4, 1)}, cause="moved out", now=now)
    access_codes.issue_due(now=NEXT_DAY)
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == (State.REFUSED, Reason.NOT_SUPPLIED)


def test_a_second_request_for_the_point_waits_for_the_first(sora_inquiry, points, now) -> None:
    asked = ask_for_usage(sora_inquiry, points.house, now=now)
    with pytest.raises(WaitsAlready, match="2026-04-02"):
        ask_for_usage(sora_inquiry, points.house, now=now)
    access_codes.cancel(asked, by=sora_inquiry, now=now)
    with pytest.raises(NotWaiting):
        access_codes.cancel(asked, by=sora_inquiry, now=now)
    assert ask_for_usage(sora_inquiry, points.house, now=now).state == State.WAITING
    assert access_codes.issue_due(now=NEXT_DAY) == 1


def test_a_feed_in_point_has_no_usage_to_ask_for(sora_inquiry, points, now) -> None:
    with pytest.raises(UnknownPoint):
        ask_for_usage(sora_inquiry, points.roof, now=now)


def test_what_was_asked_stays(issued) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        UsageAccessRequest.objects.update(holder_name="別人")


def test_issuing_many_takes_no_more_queries_than_one(cast, sora_inquiry, now) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(
            database,
        ) as asked:
            assert access_codes.issue_due(now=NEXT_DAY) == count
        return len(asked)

    points = the_cast.make_points(cast, 6)
    ask_for_usage(sora_inquiry, points[0], now=now)
    one = queries(1)
    for point in points[1:]:
        ask_for_usage(sora_inquiry, point, now=now)
    assert queries(5) == one


# --- Entering the code ------------------------------------------------------------------------------------------------


def test_a_code_is_entered_as_it_was_heard(issued, sora_inquiry) -> None:
    heard = access_codes.code_of(issued).replace("-", " ").translate({ord("1"): "1"})
    usage_inquiries.enter(number=issued.point.number, code=heard, by=sora_inquiry, now=NEXT_DAY)
    assert LedgerEntry.objects.filter(action="access code used", user=sora_inquiry).exists()


def test_another_companys_code_opens_nothing(issued, yama_inquiry) -> None:
    with pytest.raises(NoSuchCode):
        opened(issued, yama_inquiry)
    assert not UsageInquiry.objects.exists()


def test_a_code_opens_no_other_point(issued, sora_inquiry, points) -> None:
    with pytest.raises(NoSuchCode):
        usage_inquiries.enter(
            number=points.rooms[0].number, code=access_codes.code_of(issued), by=sora_inquiry, now=NEXT_DAY
        )


def test_after_three_wrong_codes_not_even_the_right_one_opens_for_an_hour(issued, sora_inquiry) -> None:
    for _guess in range(3):
        with pytest.raises(NoSuchCode):
            usage_inquiries.enter(number=issued.point.number, code="000000000000", by=sora_inquiry, now=NEXT_DAY)
    with pytest.raises(TooManyWrongCodes):
        opened(issued, sora_inquiry)
    assert WrongCode.objects.count() == 3
    assert opened(issued, sora_inquiry, NEXT_DAY + timedelta(minutes=61))


def test_a_code_ends(issued, sora_inquiry) -> None:
    inquiry = opened(issued, sora_inquiry, issued.valid_until - timedelta(seconds=1))
    with pytest.raises(CodeExpired):
        opened(issued, sora_inquiry, issued.valid_until)
    with pytest.raises(CodeExpired):
        usage_inquiries.read(inquiry, by=sora_inquiry, now=issued.valid_until)


def test_a_new_holder_closes_the_usage_at_once(issued, sora_inquiry, points) -> None:
    inquiry = opened(issued, sora_inquiry)
    supply.renew(
        [
            Renewal(
                point_id=points.house.pk,
                retailer_id=supply.current_period(points.house, date(2026, 4, 2)).retailer_id,
                from_date=date(2026, 4, 3),
                contract_number="U-NEW",
                holder_name="新居 花",
                holder_kana="ニイ ハナ",
                holder_address="東京都千代田区一番町1-1",
                is_new_holder=True,
                cause="moved in",
            )
        ],
        now=NEXT_DAY,
    )
    assert usage_inquiries.read(inquiry, by=sora_inquiry, now=NEXT_DAY)
    with pytest.raises(HolderChanged):
        usage_inquiries.read(inquiry, by=sora_inquiry, now=NEXT_DAY + timedelta(days=1))


# --- What is seen -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2026, 4, 1), date(2025, 3, 1)),
        (date(2026, 4, 2), date(2025, 4, 1)),
        (date(2026, 3, 31), date(2025, 3, 1)),
        (date(2024, 3, 1), date(2023, 2, 1)),
        (date(2024, 2, 29), date(2023, 2, 1)),
        (date(2026, 1, 1), date(2024, 12, 1)),
        (date(2026, 1, 2), date(2025, 1, 1)),
    ],
)
def test_the_window_is_thirteen_calendar_months(today, first) -> None:
    seen = window(holder_since=date(2000, 1, 1), today=today)
    assert (seen.first, seen.last, seen.since) == (first, today - timedelta(days=1), None)
    months = (seen.last.year - first.year) * 12 + seen.last.month - first.month + 1
    assert months == 13


def test_nothing_from_before_the_holder_came_even_inside_a_month(cast, points, now) -> None:
    since = date(2026, 3, 16)
    used(cast, points.house, since - timedelta(days=1), wh=900)
    used(cast, points.house, since, since + timedelta(days=1), wh=100)
    usage.record_months(
        [
            NewMonth(points.house.pk, date(2026, 2, 1), 111_000, read_on=date(2026, 3, 2)),
            NewMonth(points.house.pk, date(2026, 3, 1), 222_000, read_on=date(2026, 4, 1)),
        ],
        now=now,
    )
    found = usage_inquiries.past(points.house, holder_since=since, today=date(2026, 4, 2))
    assert found.days[0].day == since
    march, april = found.months
    assert (march.month, march.wh, march.is_fixed, march.is_part) == (date(2026, 3, 1), 9600, False, True)
    assert april.wh is None
    assert "900" not in "".join(",".join(line) for line in usage_inquiries.lines(found))


def test_a_fixed_month_whose_period_began_before_the_holder_is_withheld(points, now) -> None:
    usage.record_months(
        [
            NewMonth(points.house.pk, date(2026, 2, 1), 111_000, read_on=date(2026, 2, 10)),
            NewMonth(points.house.pk, date(2026, 3, 1), 222_000, read_on=date(2026, 3, 10)),
        ],
        now=now,
    )
    later = usage_inquiries.past(points.house, holder_since=date(2026, 2, 11), today=date(2026, 4, 2)).months
    assert [row.wh for row in later if row.is_fixed] == []
    sooner = usage_inquiries.past(points.house, holder_since=date(2026, 2, 1), today=date(2026, 4, 2)).months
    assert [(row.month.month, row.wh) for row in sooner if row.is_fixed] == [(3, 222_000)]


def test_no_value_is_not_zero_and_is_counted(cast, points) -> None:
    values = np.full((1, 48), 100, np.int32)
    values[0, 3], values[0, 4] = NULL, 0
    deliver(cast, csv_of(block_of([points.house], date(2026, 3, 31), values=values)))
    found = usage_inquiries.past(points.house, holder_since=date(2026, 3, 31), today=date(2026, 4, 1))
    [day] = found.days
    assert (day.values[3], day.values[4], day.missing, day.wh) == (None, 0, 1, 4600)
    lines = list(usage_inquiries.lines(found))
    assert lines[4] == ["2026-03-31", "01:30", "", "missing"]
    assert lines[5] == ["2026-03-31", "02:00", "0.000", "measured"]
    assert len(lines) == 49


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sit_down(sora_inquiry: Any, client_of: Any, time_machine: Any) -> Any:
    """A browser at a moment, signed in anew."""

    def sit_down(moment: datetime) -> Any:
        time_machine.move_to(moment, tick=False)
        client = client_of(sora_inquiry)
        client.cookies["django_language"] = "en"
        return client

    return sit_down


@pytest.fixture
def browser(sit_down: Any, now: Any) -> Any:
    return sit_down(now)


def test_from_asking_to_the_charts(browser, cast, points, sora_inquiry, sit_down) -> None:
    used(cast, points.house, *(date(2026, 3, 1) + timedelta(days=at) for at in range(31)), wh=150)
    held = points.house.contracts.get()
    form = {
        "number": points.house.number,
        "contract_number": held.number,
        "holder_name": held.holder_name,
        "holder_address": held.holder_address,
        **{"purpose": "quote", "channel": "written", "obtained_on": "2026-04-01", "reference": "F-7", "valid_days": 1},
    }
    page = browser.post(reverse("metering:access-request-new"), {**form, "evidence": slip()}, follow=True)
    assert "The access code comes on 2026-04-02" in page.content.decode()
    asked = UsageAccessRequest.objects.get()
    assert b"%PDF-1.4" in b"".join(browser.get(reverse("metering:access-request-evidence", args=[asked.pk])))
    browser = sit_down(NEXT_DAY)
    access_codes.issue_due(now=NEXT_DAY)
    asked.refresh_from_db()
    page = browser.get(reverse("metering:access-request", args=[asked.pk]))
    code = access_codes.code_of(asked)
    assert code in page.content.decode()
    entered = {"number": points.house.number, "code": code}
    page = browser.post(reverse("metering:usage-inquiry-new"), entered, follow=True)
    html = page.content.decode()
    assert all(f"chart-{kind}" in html for kind in ("months", "carpet", "day"))
    assert "223.2" in html  # 31 days x 48 x 150 Wh
    assert "2026-03-31" in html
    inquiry = UsageInquiry.objects.get()
    csv = b"".join(browser.get(reverse("metering:usage-inquiry-csv", args=[inquiry.pk]))).decode()
    assert "2026-03-01,00:00,0.150,measured" in csv
    reads = LedgerEntry.objects.filter(action="usage inquiry", subject=f"supply point {points.house.number}")
    assert {(entry.purpose, entry.detail["consent"], entry.detail["way"]) for entry in reads} == {
        ("quote", "F-7", "page"),
        ("quote", "F-7", "csv"),
    }
    browser = sit_down(NEXT_DAY + timedelta(days=1))
    page = browser.get(reverse("metering:usage-inquiry", args=[inquiry.pk]), follow=True)
    assert "no longer valid" in page.content.decode()
    assert code not in page.content.decode()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("", "Enter the access code"), ("12ab", "digits only"), ("1234", "has 12 digits; these are 4")],
)
def test_a_slip_in_the_code_has_its_own_sentence(browser, points, code, sentence) -> None:
    page = browser.post(reverse("metering:usage-inquiry-new"), {"number": points.house.number, "code": code})
    assert page.status_code == 422
    assert sentence in page.content.decode()
    assert not WrongCode.objects.exists()


def test_a_year_of_half_hours_takes_no_more_queries_than_a_day(cast, issued, sora_inquiry, sit_down) -> None:
    browser = sit_down(NEXT_DAY)
    inquiry = opened(issued, sora_inquiry)
    address = reverse("metering:usage-inquiry", args=[inquiry.pk])

    def queries() -> int:
        with CaptureQueriesContext(database) as asked:
            assert browser.get(address).status_code == 200
        return len(asked)

    used(cast, issued.point, date(2026, 3, 31))
    browser.get(address)
    few = queries()
    used(cast, issued.point, *(date(2026, 1, 1) + timedelta(days=at) for at in range(80)))
    assert queries() == few
