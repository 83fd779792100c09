"""Fixed usage and the other categories follow when another retailer turns out to have supplied the point."""

import csv
import io
import json
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from metering import category_publication, fixed_publication, revisions, supply
from metering.models import LastRecipient, Publication, PublishedFile
from metering.supply import Restoration
from portal.models import Notice
from tests.cast import NOW, make_points
from tests.metering.delivering import deliver
from tests.metering.test_categories import csv_of, interruption, sorted_energy
from tests.metering.test_fixed_usage import READ, month_of, months_out, send
from tests.metering.test_publication import bytes_of, hand_over

LATER = NOW + timedelta(hours=1)


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3, now=NOW - timedelta(days=60))


def restore(points, cast, day):
    supply.restore([Restoration(point.pk, day, cast.sora.pk, cast.umi.pk, "U-1") for point in points], now=LATER)


def withdrawn(company, publication):
    found = []
    for file in PublishedFile.objects.filter(recipient=company, format="withdrawal", publication=publication):
        head, *lines = bytes_of(file).decode().splitlines()
        assert head == "supply_point,date" and len(lines) == file.rows
        found += lines
    return found


def manifest(company, publication, word):
    [file] = PublishedFile.objects.filter(
        recipient=company, format="manifest", publication=publication, name__startswith=f"manifest_{word}_"
    )
    return json.loads(bytes_of(file))


class TestFixedUsage:
    def test_after_a_reversal_it_goes_to_the_rightful_retailer_and_is_withdrawn_from_the_other(self, cast, houses):
        hand_over(houses[:2], cast.sora, READ)
        send(cast, [month_of(point, seed=at) for at, point in enumerate(houses)])
        fixed_publication.publish_waiting(now=NOW)
        assert set(months_out(cast.sora)) == {(point.number, "") for point in houses[:2]}
        restore(houses[:1], cast, READ)
        [made] = fixed_publication.publish_waiting(now=LATER)
        assert (made.day, made.revision, made.rows, made.rows_moved, made.points_withdrawn) == (READ, 1, 1, 1, 1)
        assert made.rows_superseded == made.rows_without_supplier == 0
        assert set(months_out(cast.umi)) == {(houses[2].number, ""), (houses[0].number, "")}
        assert months_out(cast.umi)[houses[0].number, ""].wh == month_of(houses[0], seed=0).month_wh
        assert withdrawn(cast.sora, made) == [f"{houses[0].number},{READ}"] and withdrawn(cast.umi, made) == []
        assert manifest(cast.sora, made, "fixed")["points_withdrawn"] == 1
        assert manifest(cast.umi, made, "fixed")["rows"] == 1
        kinds = Notice.objects.filter(posted_at__gte=LATER).values_list("recipient", "kind")
        assert set(kinds) >= {(cast.sora.pk, "usage_withdrawn"), (cast.umi.pk, "fixed_published")}
        assert fixed_publication.publish_waiting(now=LATER) == []

    def test_a_correction_and_a_reversal_together_send_the_newest_values_once(self, cast, houses):
        hand_over(houses[:1], cast.sora, READ)
        send(cast, [month_of(houses[0], seed=1, meter="A"), month_of(houses[0], seed=2, meter="B")])
        fixed_publication.publish_waiting(now=NOW)
        send(cast, [month_of(houses[0], seed=9, meter="A")], revision=1, now=LATER)
        restore(houses[:1], cast, READ)
        [made] = fixed_publication.publish_waiting(now=LATER)
        assert (made.rows, made.rows_moved, made.points_withdrawn) == (2, 1, 1)
        got = months_out(cast.umi)
        assert {meter: read.wh for (_, meter), read in got.items()} == {
            "A": month_of(houses[0], seed=9).month_wh,
            "B": month_of(houses[0], seed=2).month_wh,
        }

    def test_what_came_back_before_anything_was_published_again_does_not_move(self, cast, houses):
        send(cast, [month_of(houses[0])])
        fixed_publication.publish_waiting(now=NOW)
        hand_over(houses[:1], cast.sora, READ)
        restore(houses[:1], cast, READ)
        assert fixed_publication.publish_waiting(now=LATER) == []

    def test_a_crash_moves_nothing_and_the_next_run_does(self, cast, houses, monkeypatch):
        hand_over(houses[:1], cast.sora, READ)
        send(cast, [month_of(houses[0])])
        fixed_publication.publish_waiting(now=NOW)
        restore(houses[:1], cast, READ)

        def crash(*args, **values):
            raise RuntimeError

        monkeypatch.setattr(revisions.ledger, "record", crash)
        with pytest.raises(RuntimeError):
            fixed_publication.publish_waiting(now=LATER)
        monkeypatch.undo()
        assert LastRecipient.objects.get().retailer == cast.sora and Publication.objects.count() == 1
        assert len(fixed_publication.publish_waiting(now=LATER)) == 1
        assert LastRecipient.objects.get().retailer == cast.umi


class TestCategories:
    def test_after_a_reversal_rows_of_every_category_follow(self, cast, houses):
        day = date(2026, 3, 31)
        hand_over(houses[:2], cast.sora, day)
        deliver(cast, csv_of(*(interruption(point) for point in houses)))
        deliver(cast, csv_of(*(sorted_energy(houses[0], slot=str(slot)) for slot in (1, 2))))
        category_publication.publish_waiting(now=NOW)
        restore(houses[:1], cast, day)
        [made] = category_publication.publish_waiting(now=LATER)
        assert (made.rows, made.rows_moved, made.points_withdrawn, made.rows_superseded) == (3, 3, 2, 0)
        assert withdrawn(cast.sora, made) == [f"{houses[0].number},{day}"] * 2
        files = PublishedFile.objects.filter(recipient=cast.umi, publication=made, format="category")
        rows = [row for file in files for row in csv.DictReader(io.StringIO(bytes_of(file).decode()))]
        assert {row["supply_point"] for row in rows} == {houses[0].number} and len(rows) == 3
        assert manifest(cast.sora, made, "interruptions")["points_withdrawn"] == 1
        assert Notice.objects.filter(kind="usage_withdrawn", recipient=cast.sora).count() == 1
        assert category_publication.publish_waiting(now=LATER) == []

    def test_rows_longer_than_one_fetch_come_out_whole(self, cast, houses, monkeypatch):
        monkeypatch.setattr(category_publication, "FETCH_ROWS", 2)
        deliver(cast, csv_of(*(sorted_energy(houses[0], slot=str(slot)) for slot in range(1, 6))))
        category_publication.publish_waiting(now=NOW)
        [file] = PublishedFile.objects.filter(format="category")
        rows = list(csv.DictReader(io.StringIO(bytes_of(file).decode())))
        assert [int(row["slot"]) for row in rows] == [1, 2, 3, 4, 5] and file.rows == 5


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({}, "a_point_and_day_went_to_one_recipient_per_layer"),
        ({"layer": "D"}, "daily_usage_has_books_of_its_own"),
    ],
)
def test_the_database_knows_one_recipient_of_a_point_and_day(cast, houses, changes, promise):
    send(cast, [month_of(houses[0])])
    fixed_publication.publish_waiting(now=NOW)
    row = LastRecipient.objects.get()
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError, match=promise), transaction.atomic():
        row.save()
