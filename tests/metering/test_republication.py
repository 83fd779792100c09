"""Published days follow the truth of who supplied: after reversals, late hand-overs, changes back in time."""

import json
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection

from metering import books, publication, revisions, supply
from metering.day_files import DayFiles
from metering.models import OwedDay, Publication, PublishedFile, SupplyPoint
from metering.outgoing import Outgoing
from metering.supply import Restoration
from portal import outbox
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures, table_of, table_of_zip
from tests.metering.test_publication import (
    CSV,
    MANIFEST,
    ZIP,
    Crash,
    _crash,
    all_files,
    bytes_of,
    hand_over,
    numbers,
    of,
    points_of,
)

ONE_DAY = timedelta(days=1)
BEFORE = NOW - 30 * ONE_DAY
LATER = NOW + timedelta(hours=1)
WITHDRAWAL = PublishedFile.Format.WITHDRAWAL


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast) -> list[SupplyPoint]:
    return make_points(cast, 6, now=BEFORE)


def restore(points: list[SupplyPoint], cast: Any, day: date, now: Any = LATER) -> None:
    supply.restore([Restoration(p.pk, day, cast.sora.pk, cast.umi.pk, "U-1") for p in points], now=now)


def withdrawn(company: Any) -> set[tuple[str, str]]:
    """(point, day) of every withdrawal the company got."""
    found: list[tuple[str, str]] = []
    for file in of(company, WITHDRAWAL):
        head, *lines = bytes_of(file).decode().splitlines()
        assert head == "supply_point,date" and len(lines) == file.rows
        found += [(number, day) for number, day in (line.split(",") for line in lines)]
    assert len(found) == len(set(found))
    return set(found)


def held(company: Any) -> dict[tuple[str, str, date], list[int]]:
    """What a careful reader holds in the end: every file in the order of its number, withdrawals carried out."""
    have: dict[tuple[str, str, date], list[int]] = {}
    for file in PublishedFile.objects.filter(recipient=company).order_by("number"):
        if file.format == ZIP:
            have |= table_of_zip(bytes_of(file))
        elif file.format == WITHDRAWAL:
            for line in bytes_of(file).decode().splitlines()[1:]:
                number, day = line.split(",")
                have = {key: row for key, row in have.items() if (key[0], key[2].isoformat()) != (number, day)}
    return have


def test_a_reversal_gives_the_days_to_the_rightful_retailer_and_withdraws_them_from_the_other(cast, houses):
    hand_over(houses[:2], cast.sora, DAY - ONE_DAY)
    values = {day: figures(6, seed=day.day) for day in (DAY - ONE_DAY, DAY)}
    deliver(cast, csv_of(*(block_of(houses, day, values=values[day]) for day in values)))
    for day in values:
        publication.publish_day(day, now=NOW)
    newer = values[DAY].copy()
    newer[0, 3] = 990
    deliver(cast, csv_of(block_of(houses, DAY, values=newer)), now=NOW)
    publication.publish_day(DAY, now=NOW)
    assert len(held(cast.sora)) == 4
    restore(houses[:2], cast, DAY - ONE_DAY)
    done = publication.publish_late(now=LATER)
    assert [(p.day, p.rows, p.rows_moved, p.points_withdrawn) for p in done] == [
        (DAY - ONE_DAY, 2, 2, 2),
        (DAY, 2, 2, 2),
    ]
    assert held(cast.sora) == {}
    values[DAY] = newer
    assert held(cast.umi) == {
        (point.number, "", day): row
        for day, table in values.items()
        for point, row in zip(houses, table.tolist(), strict=True)
    }
    assert books.balance(DAY - ONE_DAY, DAY)["balanced"]


def test_the_withdrawal_names_points_and_days_and_no_value(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:1], cast, DAY)
    publication.publish_day(DAY, now=LATER)
    [file] = of(cast.sora, WITHDRAWAL)
    assert bytes_of(file).decode() == f"supply_point,date\n{houses[0].number},2026-03-31\n"
    assert (file.name, file.rows, file.readings) == ("withdrawn_LV_20260331_01.csv", 1, 0)
    [_, manifest] = of(cast.sora, MANIFEST)
    told = json.loads(bytes_of(manifest))
    assert (told["revision"], told["rows"], told["points"], told["points_withdrawn"]) == (1, 0, 0, 1)
    assert [(entry["name"], entry["sha256"]) for entry in told["files"]] == [(file.name, file.sha256)]
    delivered = PublishedFile.objects.filter(recipient=cast.sora).order_by("number")
    assert list(delivered.values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_both_sides_are_told_in_numbered_notices_and_the_ledger_knows(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:2], cast, DAY)
    done = publication.publish_day(DAY, now=LATER)
    told = {(n.recipient, n.kind): n for n in Notice.objects.filter(posted_at=LATER)}
    assert told.keys() == {(cast.umi, "usage_published"), (cast.sora, "usage_withdrawn")}
    notice = told[cast.sora, "usage_withdrawn"]
    assert notice.context == {"day": "2026-03-31", "revision": 1, "files": 2, "points": 2}
    for language, words in (("ja", "取下げ"), ("en", "withdrawn")):
        headline, body = outbox.words(notice, language)
        assert words in headline and "2" in body
        assert not any(point.number in headline + body for point in houses)
    entry = LedgerEntry.objects.get(action="usage published", subject=f"publication {done.pk}")
    assert (entry.detail["rows_moved"], entry.detail["points_withdrawn"]) == (2, 2)


def test_a_rerun_publishes_nothing_twice(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:2], cast, DAY)
    assert publication.publish_day(DAY, now=LATER) is not None
    assert publication.publish_day(DAY, now=LATER) is None
    assert publication.publish_late(now=LATER) == []
    assert Publication.objects.count() == 2
    assert not OwedDay.objects.filter(settled_at__isnull=True).exists()
    restored = OwedDay.objects.filter(publication__revision=1)
    assert set(restored.values_list("from_retailer", "to_retailer")) == {(cast.sora.pk, cast.umi.pk)}


def test_a_late_hand_over_moves_the_days_in_between(cast, houses):
    first = DAY - 2 * ONE_DAY
    days = [first, DAY - ONE_DAY, DAY]
    deliver(cast, csv_of(*(block_of(houses, day) for day in days)))
    for day in days:
        publication.publish_day(day, now=NOW)
    hand_over(houses[4:], cast.sora, DAY - ONE_DAY)
    assert [p.day for p in publication.publish_late(now=LATER)] == [DAY - ONE_DAY, DAY]
    assert {(p, d) for p, _, d in held(cast.sora)} == {(p.number, d) for p in houses[4:] for d in days[1:]}
    assert {(p, d) for p, _, d in held(cast.umi)} == (
        {(p.number, d) for p in houses[:4] for d in days} | {(p.number, first) for p in houses[4:]}
    )
    assert books.balance(first, DAY)["balanced"]


def test_before_the_first_publication_nothing_is_withdrawn(cast, houses):
    hand_over(houses[:1], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    done = publication.publish_day(DAY, now=NOW)
    assert (done.revision, done.rows, done.rows_moved, done.points_withdrawn) == (0, 6, 0, 0)
    assert not of(cast.umi, WITHDRAWAL)
    assert not OwedDay.objects.filter(settled_at__isnull=True).exists()
    assert books.balance(DAY, DAY)["balanced"]


def test_a_day_without_usage_is_settled_without_a_publication(cast, houses):
    hand_over(houses[:1], cast.sora, DAY - 3 * ONE_DAY)
    assert publication.publish_late(now=LATER) == []
    assert not OwedDay.objects.filter(settled_at__isnull=True).exists() and not Publication.objects.exists()


def test_there_and_back_before_anybody_published_moves_nothing(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    hand_over(houses[:1], cast.sora, DAY)
    restore(houses[:1], cast, DAY)
    assert publication.publish_day(DAY, now=LATER) is None
    assert OwedDay.objects.filter(settled_at=LATER, publication=None).count() == 2
    assert len(held(cast.umi)) == 6 and books.balance(DAY, DAY)["balanced"]


def test_a_point_that_moved_on_goes_from_the_first_to_the_last(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    hand_over(houses[:1], cast.sora, DAY - ONE_DAY)
    hand_over(houses[:1], cast.yama, DAY)
    publication.publish_day(DAY, now=LATER)
    assert not of(cast.sora)
    assert points_of(cast.yama) == numbers(houses[:1])
    assert withdrawn(cast.umi) == {(houses[0].number, "2026-03-31")}
    assert books.balance(DAY, DAY)["balanced"]


def test_a_correction_and_a_reversal_are_one_revision_with_each_row_once(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    values = figures(6)
    meters = ["A", "B", "", "", "", ""]
    deliver(cast, csv_of(block_of(houses, values=values, meters=meters)))
    second = block_of([houses[0]], values=figures(1, seed=8), meters=["Z"])
    deliver(cast, csv_of(second))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:2], cast, DAY)
    newer = values.copy()
    newer[0, 5], newer[3, 5] = 4440, 5550
    deliver(cast, csv_of(block_of(houses, values=newer, meters=meters)), now=LATER)
    done = publication.publish_day(DAY, now=LATER)
    assert (done.revision, done.rows, done.rows_moved, done.rows_superseded) == (1, 4, 2, 0)
    [_, table] = of(cast.umi)
    assert table_of(bytes_of(table)) == {
        (houses[0].number, "A", DAY): newer[0].tolist(),
        (houses[0].number, "Z", DAY): second.values[0].tolist(),
        (houses[1].number, "B", DAY): newer[1].tolist(),
        (houses[3].number, "", DAY): newer[3].tolist(),
    }
    assert held(cast.sora) == {}
    assert books.balance(DAY, DAY)["balanced"]


def test_a_retailer_may_gain_corrected_rows_and_lose_a_point_in_one_revision(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    values = figures(6)
    deliver(cast, csv_of(block_of(houses, values=values)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:1], cast, DAY)
    newer = values.copy()
    newer[1, 5] = 770
    deliver(cast, csv_of(block_of(houses, values=newer)), now=LATER)
    publication.publish_day(DAY, now=LATER)
    assert held(cast.sora) == {(houses[1].number, "", DAY): newer[1].tolist()}
    told = json.loads(bytes_of(of(cast.sora, MANIFEST)[-1]))
    assert (told["rows"], told["points"], told["points_withdrawn"]) == (1, 1, 1)
    assert {entry["format"] for entry in told["files"]} == {"bp_zip", "wide_csv", "withdrawal"}
    kinds = Notice.objects.filter(recipient=cast.sora, posted_at=LATER).values_list("kind", flat=True)
    assert sorted(kinds) == ["usage_published", "usage_withdrawn"]


def test_a_termination_back_in_time_withdraws_and_a_reconnection_back_in_time_publishes(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    supply.terminate({houses[0].pk: DAY}, cause="moved out", now=NOW)
    gone = publication.publish_day(DAY, now=LATER)
    assert (gone.rows, gone.points_withdrawn) == (0, 1)
    assert withdrawn(cast.umi) == {(houses[0].number, "2026-03-31")}
    assert books.balance(DAY, DAY)["balanced"]
    supply.begin(
        [supply.NewSupply(houses[0].pk, cast.sora.pk, DAY, "S1", "山田太郎", "ヤマダタロウ", "東京都")], now=LATER
    )
    back = publication.publish_day(DAY, now=LATER)
    assert (back.rows, back.rows_moved, back.points_withdrawn) == (1, 1, 0)
    assert points_of(cast.sora) == numbers(houses[:1])
    assert books.balance(DAY, DAY)["balanced"]


def test_areas_and_classes_are_withdrawn_apart(cast):
    points = [make_points(cast, 1, supply_class=c, area=a, now=BEFORE)[0] for c in ("LV", "HV") for a in ("03", "06")]
    hand_over(points, cast.sora, DAY)
    deliver(cast, csv_of(block_of(points)))
    publication.publish_day(DAY, now=NOW)
    restore(points, cast, DAY)
    publication.publish_day(DAY, now=LATER)
    assert {(f.area, f.supply_class, f.rows) for f in of(cast.sora, WITHDRAWAL)} == {
        (area, supply_class, 1) for area in ("03", "06") for supply_class in ("LV", "HV")
    }
    assert held(cast.sora) == {}


@pytest.mark.parametrize(
    ("kind", "step"),
    [(DayFiles, "_write_zip"), (DayFiles, "_write_withdrawal"), (DayFiles, "_write_manifest"), (Outgoing, "add")],
)
def test_a_crash_while_files_are_written_leaves_the_old_publication(cast, houses, monkeypatch, kind, step):
    before = _published_and_restored(cast, houses)
    monkeypatch.setattr(kind, step, _crash)
    _nothing_came_of_it(before)
    monkeypatch.undo()
    assert publication.publish_day(DAY, now=LATER).revision == 1
    assert held(cast.sora) == {}


@pytest.mark.parametrize(("room", "step"), [(revisions, "number"), (publication, "_announce")])
def test_a_crash_before_the_commit_leaves_the_old_publication(cast, houses, monkeypatch, room, step):
    before = _published_and_restored(cast, houses)
    monkeypatch.setattr(room, step, _crash)
    _nothing_came_of_it(before)
    monkeypatch.undo()
    assert publication.publish_day(DAY, now=LATER).revision == 1


def _published_and_restored(cast: Any, houses: list[SupplyPoint]) -> list[str]:
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:2], cast, DAY)
    return sorted(all_files())


def _nothing_came_of_it(before: list[str]) -> None:
    with pytest.raises(Crash):
        publication.publish_day(DAY, now=LATER)
    assert sorted(all_files()) == before
    assert Publication.objects.count() == 1
    assert OwedDay.objects.filter(settled_at__isnull=True).count() == 2
    assert not Notice.objects.filter(kind="usage_withdrawn").exists()


@pytest.mark.django_db(transaction=True)
def test_supply_that_changes_while_files_are_written_makes_them_be_written_anew(cast, monkeypatch):
    houses = make_points(cast, 6, now=BEFORE)
    deliver(cast, csv_of(block_of(houses)))
    write, written = DayFiles.write, []

    def write_and_change(run: DayFiles) -> None:
        write(run)
        written.append(run.folder)
        if len(written) == 1:  # somebody else's transaction, committed before this one
            elsewhere = threading.Thread(target=_change, args=(lambda: hand_over(houses[:1], cast.sora, DAY),))
            elsewhere.start()
            elsewhere.join(30)

    monkeypatch.setattr(DayFiles, "write", write_and_change)
    done = publication.publish_day(DAY, now=LATER)
    assert len(written) == 2 and (done.revision, done.rows) == (0, 6)
    assert points_of(cast.sora) == numbers(houses[:1]) and points_of(cast.umi) == numbers(houses[1:])
    assert not default_storage.exists(written[0]) and default_storage.exists(written[1])
    assert books.balance(DAY, DAY)["balanced"]


def _change(work: Any) -> None:
    try:
        work()
    finally:
        connection.close()


def test_many_moved_points_cost_no_query_each(cast, django_assert_max_num_queries):
    points = make_points(cast, 60, now=BEFORE)
    hand_over(points, cast.sora, DAY)
    deliver(cast, csv_of(block_of(points)))
    publication.publish_day(DAY, now=NOW)
    restore(points, cast, DAY)
    with django_assert_max_num_queries(40):
        publication.publish_day(DAY, now=LATER)
    assert len(withdrawn(cast.sora)) == 60


def test_an_owed_day_with_a_publication_is_settled(cast, houses):
    hand_over(houses[:1], cast.sora, DAY)
    done = Publication.objects.create(
        day=DAY, layer="D", revision=0, published_at=NOW, folder="usage/out/x", rows=0, readings=0
    )
    with pytest.raises(IntegrityError, match="an_owed_day_is_settled_by_its_publication"):
        OwedDay.objects.update(publication=done)


def test_wide_csv_and_zip_of_a_moved_day_hold_the_same(cast, houses):
    hand_over(houses[:3], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    restore(houses[:3], cast, DAY)
    publication.publish_day(DAY, now=LATER)
    assert table_of(bytes_of(of(cast.umi, CSV)[-1])) == table_of_zip(bytes_of(of(cast.umi, ZIP)[-1]))
