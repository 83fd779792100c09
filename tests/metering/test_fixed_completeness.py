"""How complete fixed usage is: due on the fourth business day, late by age, missing by cause, on the board."""

from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from metering import fixed_completeness, fixed_publication, tasks
from metering.models import DayCount, ReadingDate, SupplyPoint
from portal import workdays
from tests.cast import NOW, make_points
from tests.metering.test_completeness import at
from tests.metering.test_fixed_usage import month_of, send
from tests.metering.test_publication import hand_over

READ = date(2026, 3, 17)  # a Tuesday; Friday the 20th is a holiday, so four business days end on Monday the 23rd
OVER = at(date(2026, 3, 24), 0)
BOARD = "/usage-completeness/"


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    points = make_points(cast, 6, now=NOW - timedelta(days=60))
    SupplyPoint.objects.update(reading_day=7)
    ReadingDate.objects.create(area="03", reading_day=7, day=READ)
    return points


def read(cast, points, when: datetime, **changes):
    return send(cast, [month_of(point, **changes) for point in points], read=READ, split=when.day, now=when)


def counted(**choice):
    names = ["due", "on_time", "late_day", "late_days", "late_week", "late_more", "refused", "not_sent", "held"]
    rows = list(DayCount.objects.filter(layer="F", day=READ, **choice).values(*names, "unsupplied"))
    return {name: total for name in [*names, "unsupplied"] if (total := sum(row[name] for row in rows))}


def test_fixed_usage_is_due_on_the_fourth_business_day_counted_from_the_reading_day(db):
    calendar = workdays.of_area("03")
    assert fixed_completeness.due(date(2026, 3, 31), calendar) == date(2026, 4, 3)  # Tuesday to Friday
    assert fixed_completeness.due(date(2026, 4, 3), calendar) == date(2026, 4, 8)  # a weekend between
    assert fixed_completeness.due(date(2026, 4, 4), calendar) == date(2026, 4, 9)  # read on a Saturday
    assert fixed_completeness.due(READ, calendar) == date(2026, 3, 23)


def test_months_are_on_time_late_by_age_or_missing_by_cause(cast, houses):
    moments = [OVER - timedelta(minutes=1), OVER, OVER + timedelta(days=2), OVER + timedelta(days=7)]
    for point, when in zip(houses[:4], moments, strict=True):
        read(cast, [point], when)
    read(cast, houses[4:5], OVER + timedelta(days=1), month_wh=1)
    assert fixed_completeness.count_due(now=NOW) == 1
    assert counted() == {
        **{"due": 6, "on_time": 1, "late_day": 1, "late_days": 1, "late_more": 1},
        **{"refused": 1, "not_sent": 1, "held": 4},
    }
    fixed_publication.publish_waiting(now=NOW + timedelta(minutes=1))
    assert fixed_completeness.count_due(now=NOW + timedelta(minutes=2)) == 1
    assert "held" not in counted()
    assert fixed_completeness.count_due(now=NOW + timedelta(minutes=3)) == 0


def test_a_reading_day_is_counted_when_its_time_is_over_and_not_before(cast, houses):
    read(cast, houses[:1], OVER - timedelta(days=3))
    assert fixed_completeness.count_due(now=OVER - timedelta(minutes=1)) == 0
    assert fixed_completeness.count_due(now=OVER) == 1
    assert counted() == {"due": 6, "on_time": 1, "not_sent": 5, "held": 1}


def test_other_groups_are_not_due_and_what_nobody_supplies_is_told(cast, houses):
    SupplyPoint.objects.filter(pk=houses[5].pk).update(reading_day=8)
    [nobody] = make_points(cast, 1, retailer="")
    read(cast, [*houses[:5], nobody], OVER - timedelta(days=1))
    fixed_completeness.count_due(now=NOW)
    assert counted() == {"due": 5, "on_time": 5, "held": 6, "unsupplied": 1}
    assert DayCount.objects.get(retailer=None).unsupplied == 1


def test_daily_counts_and_fixed_counts_of_a_day_stand_side_by_side(cast, houses):
    read(cast, houses, OVER - timedelta(days=1))
    tasks.check_completeness(at=NOW.isoformat())
    assert counted()["due"] == 6
    assert not DayCount.objects.filter(layer="D", day=READ).exists()
    one = DayCount.objects.get(layer="F")
    one.pk, one.layer = None, "D"
    one.save()
    one.pk, one.layer = None, "P"
    with pytest.raises(IntegrityError, match="daily_and_fixed_usage_are_counted"), transaction.atomic():
        one.save()


def test_the_board_shows_fixed_months_and_leads_to_what_is_missing(cast, houses, client_of):
    hand_over(houses[:1], cast.sora, READ)
    read(cast, houses[1:2], OVER - timedelta(days=1))
    fixed_completeness.count_due(now=NOW)
    link = f"/usage-completeness/{READ}/months/"
    hub = client_of(cast["hub.operator"])
    page = hub.get(BOARD, {"layer": "F", "first": READ})
    assert link in page.content.decode()


def test_each_side_finds_the_missing_months_of_its_own_points(cast, houses, client_of):
    hand_over(houses[:1], cast.sora, READ)
    read(cast, houses[1:2], OVER - timedelta(days=1))
    fixed_completeness.count_due(now=NOW)

    def numbers(person: str) -> set[str]:
        page = client_of(cast[person]).get(f"/usage-completeness/{READ}/months/", {"format": "csv"})
        text = b"".join(page.streaming_content).decode("utf-8-sig")
        return {point.number for point in houses if point.number in text}

    missing = {point.number for point in [houses[0], *houses[2:]]}
    assert numbers("hub.operator") == numbers("kaze.usage") == missing
    assert numbers("sora.usage") == {houses[0].number}
    assert numbers("umi.usage") == missing - {houses[0].number}
    assert numbers("yama.usage") == set()


def test_a_retailers_csv_of_the_board_counts_its_own_months_alone(cast, houses, client_of):
    hand_over(houses[:2], cast.sora, READ)
    read(cast, houses[:1], OVER - timedelta(days=1))
    fixed_completeness.count_due(now=NOW)

    def board(person: str) -> str:
        page = client_of(cast[person]).get(BOARD, {"layer": "F", "first": READ, "format": "csv"})
        return b"".join(page.streaming_content).decode("utf-8-sig")

    theirs = {person: board(person).splitlines()[1].split(",")[1:3] for person in ("sora.usage", "umi.usage")}
    assert theirs == {"sora.usage": ["2", "1"], "umi.usage": ["4", "0"]}
    assert len(board("yama.usage").splitlines()) == 1
