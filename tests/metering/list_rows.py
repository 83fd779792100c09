"""One more row of each list of the metering room, for whoever the access sweep opens it as."""

from datetime import date, timedelta

from django.urls import reverse

from metering import governance
from metering.models import (
    CheckFinding,
    DayCount,
    InquiryAlarm,
    Publication,
    ReadingDate,
    RefusedRow,
    SupplyPoint,
    UsageFile,
)
from metering.publication import publish_day
from tests.cast import NOW, Cast, client_of, make_points, person
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.metering.test_categories import csv_of as category_csv
from tests.metering.test_categories import interruption
from tests.metering.test_fixed_usage import month_of, send

FIGURES = ("late_day", "late_days", "late_week", "late_more", "refused", "not_sent", "held", "unsupplied")

LONG_AGO = NOW - timedelta(days=60)


def _newest_points(cast: Cast) -> list[SupplyPoint]:
    return list(SupplyPoint.objects.order_by("-pk")[:1]) or make_points(cast, 1, now=LONG_AGO)


def a_published_day(cast: Cast, since: timedelta = timedelta()) -> None:
    """One more day of umi's point, the day before those published so far, published today or `since` it."""
    [point] = _newest_points(cast)
    so_far = Publication.objects.values("day").distinct().count()
    day = DAY - timedelta(days=so_far)
    moment = NOW - so_far * since
    deliver(cast, csv_of(block_of([point], day)), now=moment)
    publish_day(day, now=moment)


def a_day_of_publishing(cast: Cast) -> None:
    a_published_day(cast, since=timedelta(days=1))


def a_refused_row(cast: Cast) -> None:
    """One more row of kaze's only file that was refused."""
    file = UsageFile.objects.latest("pk")
    RefusedRow.objects.create(file=file, line=2 + file.refused.count(), code="point_unknown", params={"number": "0300"})


def a_finding(cast: Cast) -> None:
    [point] = make_points(cast, 1)
    CheckFinding.objects.create(
        check_code="A01",
        kind="not_in_day_file",
        severity="warning",
        network_operator=cast.kaze,
        area=point.area,
        supply_class=point.supply_class,
        point=point,
        day=DAY,
        found_at=NOW,
    )


def an_alarm(cast: Cast) -> None:
    by = person(cast.sora, f"sora.asks{InquiryAlarm.objects.count()}", roles=["inquiry"])
    for _question in range(governance.rules_of(cast.sora).hourly_alarm):
        governance.count(by, now=NOW)


def a_read(cast: Cast) -> None:
    """A colleague looked at umi's only point."""
    client_of(cast["umi.viewer"]).get(reverse("metering:point", args=[SupplyPoint.objects.earliest("pk").number]))


def a_day_count(cast: Cast) -> None:
    """One more day kaze was counted for."""
    DayCount.objects.create(
        day=DAY - timedelta(days=DayCount.objects.count()),
        network_operator=cast.kaze,
        retailer=cast.umi,
        area="03",
        supply_class="LV",
        counted_at=NOW,
        due=1,
        on_time=1,
        **dict.fromkeys(FIGURES, 0),
    )


READ = date(2026, 3, 17)  # a reading day whose months were due


def a_missing_month(cast: Cast) -> None:
    """One more of umi's points that was read and whose month has not come, where another's has."""
    sent, missing = make_points(cast, 2, now=LONG_AGO)
    SupplyPoint.objects.filter(pk__in=[sent.pk, missing.pk]).update(reading_day=7)
    ReadingDate.objects.get_or_create(area="03", reading_day=7, day=READ)
    moment = NOW - timedelta(days=10)
    send(cast, [month_of(sent)], read=READ, split=moment.day, now=moment)


def a_category_row(cast: Cast) -> None:
    """An interruption at one more of umi's points."""
    deliver(cast, category_csv(interruption(make_points(cast, 1)[0])))
