"""Every published file is read back equal by a reader that knows the public notes and none of the product's code."""

import ast
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from metering import publication, supply, usage
from metering.models import PublishedFile, SupplyPeriod, SupplyPoint, UsageDay
from switching.rehearsal.days import Play, at
from switching.rehearsal.market import open_market
from tests.cast import NOW, make_points
from tests.metering import independent_reader
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.metering.independent_reader import Collected
from tests.metering.test_publication import bytes_of, hand_over

ONE_DAY = timedelta(days=1)
Held = dict[tuple[str, str, date], list[int | None]]


pytestmark = pytest.mark.usefixtures("own_folder")


def read_back() -> dict[int, Collected]:
    """What every retailer holds after it took all its files in order."""
    everybody: dict[int, Collected] = defaultdict(Collected)
    for file in PublishedFile.objects.order_by("recipient", "number"):
        everybody[file.recipient_id].take(file.area, file.name, bytes_of(file))
    for collected in everybody.values():
        collected.check_manifests()
    return everybody


def entitled() -> dict[int, Held]:
    """The newest stored values of every day, by who supplied the point that day as believed now."""
    theirs: dict[int, Held] = defaultdict(dict)
    days = UsageDay.objects.values_list("point_id", "day").distinct()
    points = SupplyPoint.objects.in_bulk({point_id for point_id, _ in days})
    for point_id, day in days:
        period = SupplyPeriod.objects.filter(point=point_id, known_until=None, during__contains=day).first()
        if period:
            for row in usage.days(points[point_id], day, day):
                theirs[period.retailer_id][points[point_id].number, row.meter, day] = row.values
    return theirs


def assert_everybody_holds_exactly_the_own() -> dict[int, Collected]:
    everybody, theirs = read_back(), entitled()
    assert {who: c.days for who, c in everybody.items() if c.days} == {
        who: held for who, held in theirs.items() if held
    }
    assert {who: c.days_of_tables for who, c in everybody.items()} == {who: c.days for who, c in everybody.items()}
    return everybody


def test_the_reader_knows_nothing_of_the_product():
    tree = ast.parse(Path(independent_reader.__file__).read_text(encoding="utf-8"))
    roots = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not roots & {"metering", "portal", "switching", "config", "tests", "django", "numpy"}


def test_days_corrections_and_a_reversal_are_read_back_equal(cast, settings):
    settings.PUBLISHED_POINTS_PER_FILE = 3
    before = NOW - 30 * ONE_DAY
    houses = make_points(cast, 7, now=before)
    shops = make_points(cast, 2, supply_class="HV", area="06", now=before)
    roofs = make_points(cast, 2, supply_class="FIT", now=before)
    points = [*houses, *shops, *roofs]
    days = [DAY - ONE_DAY, DAY]
    hand_over([*houses[:3], shops[0]], cast.sora, DAY - ONE_DAY)
    meters = [f"M{n}" if n % 3 else "" for n in range(len(points))]
    for day in days:
        deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=day.day), meters=meters)))
        publication.publish_day(day, now=NOW)
    two = block_of([houses[0], houses[4]], DAY, values=figures(2, seed=77), meters=["second", meters[4]])
    deliver(cast, csv_of(two))
    publication.publish_day(DAY, now=NOW)
    everybody = assert_everybody_holds_exactly_the_own()
    assert everybody[cast.sora.pk].receivers == {"S0RA3", "S0RA6"} and len(everybody[cast.sora.pk].days) == 9
    supply.restore(
        [supply.Restoration(p.pk, DAY - ONE_DAY, cast.sora.pk, cast.umi.pk) for p in [houses[0], houses[1], shops[0]]],
        now=NOW + timedelta(hours=1),
    )
    publication.publish_late(now=NOW + timedelta(hours=1))
    everybody = assert_everybody_holds_exactly_the_own()
    assert {key[0] for key in everybody[cast.sora.pk].days} == {houses[2].number}


def test_a_rehearsed_market_with_corrections_and_reversals_is_read_back_equal(db, monkeypatch):
    monkeypatch.setattr(Play, "_run", lambda self, task, moment: task(at=moment.isoformat()))  # here, by no worker
    first = date(2026, 4, 1)
    market = open_market(point_count=45, retailer_count=3, now=at(first, 8) - ONE_DAY, years=(2026, 2026))
    play = Play(market, first_day=first, days=12, switches=20, seed=5)
    assert len(list(play.days())) == 12 and play.diary.reversed
    everybody = assert_everybody_holds_exactly_the_own()
    assert sum(len(collected.days) for collected in everybody.values()) > 45 * 11
    formats: Any = PublishedFile.objects.values_list("format", flat=True).distinct().order_by()
    assert set(formats) == {"bp_zip", "wide_csv", "manifest", "withdrawal"}
    assert set(PublishedFile.objects.values_list("supply_class", flat=True).distinct().order_by()) == {
        "LV",
        "HV",
        "FIT",
    }
