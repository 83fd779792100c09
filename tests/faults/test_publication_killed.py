"""Publication killed at random lines and moments: the old or the whole new one is there; a rerun repeats nothing."""

import hashlib
import random
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db.models import Sum

from metering import books, publication, run_folders, supply
from metering.models import DeliveryCounter, OwedDay, Publication, PublishedFile, UsageBatch
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, make_points
from tests.faults import killing
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.metering.test_publication import hand_over

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

DAYS = [DAY - timedelta(days=at) for at in range(17)]
SEED = 20260401
BY_LINE = 12  # of the days, the others are killed at a moment


@pytest.fixture
def points(cast, settings, tmp_path) -> Any:
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.PUBLISHED_POINTS_PER_FILE = 2
    early = NOW - timedelta(days=60)
    return [
        *make_points(cast, 4, now=early),
        *make_points(cast, 1, supply_class="HV", now=early),
        *make_points(cast, 2, area="06", retailer="sora", now=early),
    ]


def facts(day: date) -> tuple[Any, ...]:
    """Everything a publication of the day leaves, counted anew."""
    publications = Publication.objects.filter(day=day)
    return (
        publications.count(),
        PublishedFile.objects.filter(publication__day=day).count(),
        UsageBatch.objects.filter(day=day, publication__isnull=False).count(),
        OwedDay.objects.filter(day=day, settled_at__isnull=False).count(),
        Notice.objects.filter(subject=day.isoformat()).count(),
        LedgerEntry.objects.filter(action="usage published", detail__day=day.isoformat()).count(),
        publications.aggregate(n=Sum("rows"))["n"],
    )


def recount(day: date) -> None:
    """What is visible is whole: every file with its bytes, numbers without a gap, the books balanced."""
    for file in PublishedFile.objects.filter(publication__day=day):
        content = default_storage.open(file.content.name).read()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256), file
    for counter in DeliveryCounter.objects.all():
        numbers = list(
            PublishedFile.objects.filter(recipient=counter.pk).order_by("number").values_list("number", flat=True)
        )
        assert numbers == list(range(1, counter.files_published + 1))
    assert books.balance(day, day)["balanced"]


def kill_all(revision: int, random_: random.Random) -> dict[str, int]:
    """Publish every day, killed once on the way; returns how the rounds ended."""

    def publish(day: date) -> Any:
        return lambda: publication.publish_day(day, now=NOW)

    first, *days = DAYS
    began = time.monotonic()
    publication.publish_day(days[0], now=NOW)  # what is done once in a process's life is done by this
    takes = time.monotonic() - began
    lines = killing.lines_of(publish(first))
    whole = facts(first)
    assert whole == facts(days[0]) and whole[0] == revision + 1
    ended = {"killed": 0, "old": 0, "whole": 0}
    assert len(days) > BY_LINE
    for at, day in enumerate(days[1:]):
        before = facts(day)
        work = publish(day)
        if at < BY_LINE:
            killed = killing.at_line(work, random_.randint(1, lines))
        else:
            killed = killing.after(work, random_.uniform(0, 0.6 * takes))  # late lines are reached by their number
        found = facts(day)
        assert found in (before, whole), "half a publication is visible"
        recount(day)
        ended["killed"] += killed
        ended["old" if found == before else "whole"] += 1
        again = publication.publish_day(day, now=NOW)
        assert (again is None) == (found == whole), "a rerun publishes what is missing and nothing twice"
        assert facts(day) == whole
        recount(day)
        assert publication.publish_day(day, now=NOW) is None
    return ended


@pytest.mark.parametrize("way", ["in one piece", "in slices"])
def test_a_publication_killed_anywhere_is_there_whole_or_not_at_all(cast, points, settings, way):
    random_ = random.Random(SEED)
    if way == "in slices":
        settings.PUBLICATION_CUT_FROM_ROWS, settings.PUBLICATION_ROWS_PER_SLICE = 1, 4
    hand_over(points[:1], cast.sora, DAYS[-1])
    numbers = [point for point in points for _day in DAYS]
    deliver(cast, csv_of(block_of(numbers, DAYS * len(points), values=figures(len(numbers)))))
    first = kill_all(0, random_)

    # A correction of some points, and one point that goes back to the retailer it was taken from.
    some = [point for point in points[1:3] for _day in DAYS]
    deliver(cast, csv_of(block_of(some, DAYS * 2, values=figures(len(some), seed=2))))
    supply.restore([supply.Restoration(points[0].pk, DAYS[-1], cast.sora.pk, cast.umi.pk)], now=NOW)
    second = kill_all(1, random_)

    assert first["killed"] + second["killed"] >= 25, (first, second)  # both ways together: more than 50
    assert first["old"] and second["old"], "some were killed before the commit"
    run_folders.sweep_orphans(now=NOW)
    known = set(PublishedFile.objects.values_list("content", flat=True))
    root = default_storage.path(run_folders.ROOT)
    on_disk = {str(path) for path in Path(root).rglob("*") if path.is_file()}
    assert on_disk == {default_storage.path(name) for name in known}, "what the killed left is swept away"
