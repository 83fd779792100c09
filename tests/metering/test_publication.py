"""Usage files out: to whom, what is in them, once, whole or not at all, and the books."""

import gzip
import hashlib
import json
import os
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection

from metering import books, day_files, deliveries, holds, outgoing, publication, revisions, run_folders, supply
from metering.day_files import DayFiles
from metering.formats import bp, names
from metering.halfhours import NULL
from metering.models import DeliveryCounter, Publication, PublishedFile, SupplyPoint, UsageBatch
from metering.supply import NewSupply
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures, receive, table_of, table_of_zip

ONE_DAY = timedelta(days=1)
CSV, ZIP, MANIFEST = PublishedFile.Format.WIDE_CSV, PublishedFile.Format.BP_ZIP, PublishedFile.Format.MANIFEST


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 6, now=NOW - ONE_DAY)


def bytes_of(file: PublishedFile) -> bytes:
    with file.content.open("rb") as stream:
        return stream.read()


def of(company: Any, format_: str = CSV, **choice: Any) -> list[PublishedFile]:
    return list(PublishedFile.objects.filter(recipient=company, format=format_, **choice).order_by("number"))


def points_of(company: Any, **choice: Any) -> set[str]:
    return {point for file in of(company, **choice) for point, _, _ in table_of(bytes_of(file))}


def numbers(points: list[SupplyPoint]) -> set[str]:
    return {point.number for point in points}


def hand_over(points: list[SupplyPoint], to: Any, day: date) -> None:
    supply.hand_over(
        [
            NewSupply(
                point_id=point.pk,
                retailer_id=to.pk,
                from_date=day,
                contract_number=f"S{at}",
                holder_name="山田太郎",
                holder_kana="ヤマダタロウ",
                holder_address="東京都",
            )
            for at, point in enumerate(points)
        ],
        now=NOW,
    )


def all_files() -> list[str]:
    return [os.path.join(folder, name) for folder, _, files in os.walk(default_storage.location) for name in files]


def test_a_day_reaches_its_retailer_as_it_was_sent(cast, houses):
    values = figures(6)
    meters = ["", "M1", "M2", "計器3", "M" * 16, ""]
    block = block_of(houses, values=values, meters=meters)
    block.quality[0, 0] = 3 if values[0, 0] != NULL else block.quality[0, 0]
    deliver(cast, csv_of(block))
    done = publication.publish_day(DAY, now=NOW)
    sent = {(p.number, m, DAY): v for p, m, v in zip(houses, meters, values.tolist(), strict=True)}
    [table] = of(cast.umi)
    [message] = of(cast.umi, ZIP)
    assert table_of(bytes_of(table)) == sent
    assert table_of_zip(bytes_of(message)) == sent
    assert gzip.decompress(bytes_of(table)) == csv_of(block)
    assert (done.revision, done.rows, done.readings) == (0, 6, int((values != NULL).sum()))
    assert [file.number for file in PublishedFile.objects.filter(recipient=cast.umi).order_by("number")] == [1, 2, 3]
    assert not of(cast.sora) and not of(cast.yama)


def test_a_retailers_rows_come_in_pieces_and_its_files_are_the_same(cast, houses, monkeypatch):
    """What is held at a time does not follow how many points a retailer has."""
    block = block_of([*houses, houses[3]], meters=["1"] * 6 + ["2"])
    deliver(cast, csv_of(block))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_supplypoint")
    monkeypatch.setattr(day_files, "ROWS_AT_ONCE", 2)
    bounds = day_files._bounds(7)
    assert len(bounds) >= 2 and bounds == sorted(bounds) and set(bounds) <= numbers(houses)
    sizes: list[int] = []
    joined = day_files.joined_days.JoinedDays.blocks

    def counted(self, rows):
        sizes.append(len(self))
        return joined(self, rows)

    monkeypatch.setattr(day_files.joined_days.JoinedDays, "blocks", counted)
    publication.publish_day(DAY, now=NOW)
    assert len(sizes) == len(bounds) + 1 and sum(sizes) == 7
    [table] = of(cast.umi)
    [message] = of(cast.umi, ZIP)
    lines = gzip.decompress(bytes_of(table)).splitlines()
    assert sorted(lines) == sorted(csv_of(block).splitlines())
    points = [line.split(b",")[0] for line in lines[1:]]
    assert points == sorted(points)
    assert table_of_zip(bytes_of(message)) == table_of(bytes_of(table))


def test_the_message_says_from_whom_to_whom_and_bears_the_right_name(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    [file] = of(cast.umi, ZIP)
    assert file.name == "W41120202603310000000000.zip"
    with file.content.open("rb") as stream:
        message = bp.read_zip(stream).message
    assert (message.code, message.day, message.sender, message.receiver) == ("1120", DAY, "KAZE3", "UM1E3")
    assert message.created == NOW


def test_the_manifest_tells_every_file_its_rows_and_its_sha256(cast, houses):
    deliver(cast, csv_of(block_of([*houses, houses[5]], meters=["1"] * 6 + ["2"])))
    publication.publish_day(DAY, now=NOW)
    [manifest] = of(cast.umi, MANIFEST)
    told = json.loads(bytes_of(manifest))
    assert (told["day"], told["revision"], told["area"], told["recipient"]) == ("2026-03-31", 0, "03", "UM1E3")
    assert (told["rows"], told["points"]) == (7, 6)
    files = {file.name: file for file in [*of(cast.umi), *of(cast.umi, ZIP)]}
    assert {entry["name"] for entry in told["files"]} == files.keys()
    for entry in told["files"]:
        content = bytes_of(files[entry["name"]])
        assert entry["sha256"] == hashlib.sha256(content).hexdigest() == files[entry["name"]].sha256
        assert entry["size"] == len(content) == files[entry["name"]].size
        assert (entry["rows"], entry["readings"]) == (told["rows"], told["readings"])
    assert manifest.sha256 == hashlib.sha256(bytes_of(manifest)).hexdigest()


def test_before_the_hand_over_the_old_retailer_gets_the_day_and_after_it_the_new_one(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses, DAY - ONE_DAY), block_of(houses, DAY)))
    publication.publish_day(DAY - ONE_DAY, now=NOW)
    assert (points_of(cast.umi), points_of(cast.sora)) == (numbers(houses), set())
    publication.publish_day(DAY, now=NOW)
    today = {"publication__day": DAY}
    assert points_of(cast.umi, **today) == numbers(houses[2:])
    assert points_of(cast.sora, **today) == numbers(houses[:2])
    assert not points_of(cast.yama)
    # A correction that comes later goes to who supplied the point that day.
    values = figures(2, seed=9)
    deliver(cast, csv_of(block_of([houses[0], houses[3]], DAY - ONE_DAY, values=values)))
    publication.publish_day(DAY - ONE_DAY, now=NOW)
    corrected = {"publication__day": DAY - ONE_DAY, "publication__revision": 1}
    assert points_of(cast.umi, **corrected) == numbers([houses[0], houses[3]])
    assert points_of(cast.sora, **corrected) == set()


def test_a_correction_is_published_as_the_next_revision_with_changed_rows_only(cast, houses):
    values = figures(6)
    deliver(cast, csv_of(block_of(houses, values=values)))
    publication.publish_day(DAY, now=NOW)
    values = values.copy()
    values[4, 4] = 4440
    deliver(cast, csv_of(block_of(houses, values=values)))
    again = publication.publish_day(DAY, now=NOW)
    assert (again.revision, again.rows) == (1, 1)
    [first, second] = of(cast.umi, ZIP)
    assert (second.name, names.parse(second.name).revision) == ("W41120202603310000010000.zip", 1)
    assert table_of_zip(bytes_of(second)) == {(houses[4].number, "", DAY): values[4].tolist()}
    assert len(table_of_zip(bytes_of(first))) == 6


def test_what_was_corrected_before_publication_is_published_once_in_its_newest_form(cast, houses):
    values = figures(6)
    deliver(cast, csv_of(block_of(houses, values=values)))
    newer = values.copy()
    newer[0, 0] = 770
    deliver(cast, csv_of(block_of(houses, values=newer)))
    done = publication.publish_day(DAY, now=NOW)
    assert (done.revision, done.rows, done.rows_superseded) == (0, 6, 1)
    [table] = of(cast.umi)
    assert table_of(bytes_of(table))[houses[0].number, "", DAY] == newer[0].tolist()
    assert books.balance(DAY, DAY)["balanced"]


def test_a_rerun_publishes_nothing_twice(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    assert publication.publish_day(DAY, now=NOW) is not None
    assert publication.publish_day(DAY, now=NOW) is None
    assert publication.publish_nightly(now=NOW) is None
    assert publication.publish_late(now=NOW) == []
    assert Publication.objects.count() == 1
    assert Notice.objects.filter(kind="usage_published").count() == 1


def test_a_resend_without_news_publishes_nothing(cast, houses):
    content = csv_of(block_of(houses))
    deliver(cast, content)
    publication.publish_day(DAY, now=NOW)
    deliver(cast, content + b"\n")
    assert publication.publish_day(DAY, now=NOW) is None


def test_rows_nobody_supplied_are_counted_and_go_to_nobody(cast, houses):
    orphans = make_points(cast, 2, retailer="")
    values = figures(8)
    deliver(cast, csv_of(block_of([*houses, *orphans], values=values)))
    done = publication.publish_day(DAY, now=NOW)
    assert (done.rows, done.rows_without_supplier) == (6, 2)
    assert done.readings_without_supplier == int((values[6:] != NULL).sum())
    assert points_of(cast.umi) == numbers(houses)
    assert books.balance(DAY, DAY)["balanced"]


def test_areas_and_classes_travel_apart_and_no_name_stands_twice(cast, houses):
    shops = make_points(cast, 2, supply_class="HV")
    roofs = make_points(cast, 3, supply_class="FIT")
    west = make_points(cast, 2, area="06")
    theirs = make_points(cast, 1, retailer="yama")
    points = [*west, *roofs, *houses, *theirs, *shops]
    deliver(cast, csv_of(block_of(points)))
    publication.publish_day(DAY, now=NOW)
    kinds = {
        (file.area, file.supply_class): (file.name, set(table_of_zip(bytes_of(file)))) for file in of(cast.umi, ZIP)
    }
    assert {key: name for key, (name, _) in kinds.items()} == {
        ("03", "LV"): "W41120202603310000000001.zip",
        ("03", "FIT"): "W41120202603310000000000.zip",
        ("03", "HV"): "W401202026033100000000.zip",
        ("06", "LV"): "W41120202603310000000000.zip",
    }
    assert {point for point, _, _ in kinds["03", "FIT"][1]} == numbers(roofs)
    assert {point for point, _, _ in kinds["03", "HV"][1]} == numbers(shops)
    assert {point for point, _, _ in kinds["06", "LV"][1]} == numbers(west)
    assert points_of(cast.yama) == numbers(theirs)


def test_many_points_are_split_and_every_row_is_in_one_split(cast, settings, monkeypatch):
    settings.PUBLISHED_POINTS_PER_FILE = 4
    monkeypatch.setattr(day_files, "BLOCK_ROWS", 3)
    points = make_points(cast, 13)
    deliver(cast, csv_of(block_of(points)))
    publication.publish_day(DAY, now=NOW)
    splits = of(cast.umi, ZIP)
    assert [names.parse(file.name).split for file in splits] == [0, 1, 2, 3]
    assert [file.rows for file in splits] == [4, 4, 4, 1]
    rows = [key for file in splits for key in table_of_zip(bytes_of(file))]
    assert rows == sorted(rows) and {point for point, _, _ in rows} == numbers(points)
    assert len(table_of(bytes_of(of(cast.umi)[0]))) == 13


def test_a_full_last_split_leaves_no_empty_one(cast, settings):
    settings.PUBLISHED_POINTS_PER_FILE = 3
    deliver(cast, csv_of(block_of(make_points(cast, 6))))
    publication.publish_day(DAY, now=NOW)
    assert [file.rows for file in of(cast.umi, ZIP)] == [3, 3]


def test_every_retailer_is_told_once_and_the_ledger_knows(cast, houses):
    make_points(cast, 1, retailer="yama", area="06")
    west = SupplyPoint.objects.filter(area="06")
    deliver(cast, csv_of(block_of([*houses, *west])))
    done = publication.publish_day(DAY, now=NOW)
    told = {notice.recipient: notice for notice in Notice.objects.filter(kind="usage_published")}
    assert told.keys() == {cast.umi, cast.yama}
    assert told[cast.umi].context == {"day": "2026-03-31", "revision": 0, "files": 3, "rows": 6}
    entry = LedgerEntry.objects.get(action="usage published")
    assert (entry.subject, entry.detail["rows"], entry.detail["retailers"]) == (f"publication {done.pk}", 7, 2)


def test_the_night_publishes_yesterday_and_the_day_what_came_late(cast, houses):
    deliver(cast, csv_of(block_of(houses, DAY), block_of(houses, DAY - 5 * ONE_DAY)))
    before_dawn = NOW.replace(hour=4)
    assert [p.day for p in publication.publish_late(now=before_dawn)] == [DAY - 5 * ONE_DAY]
    night = publication.publish_nightly(now=NOW)
    assert (night.day, night.revision) == (DAY, 0)
    deliver(cast, csv_of(block_of(houses[:2], DAY, values=figures(2, seed=7))))
    assert [(p.day, p.revision) for p in publication.publish_late(now=NOW)] == [(DAY, 1)]


def test_a_night_nobody_woke_is_made_up_for_from_six_o_clock_on(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    assert publication.publish_late(now=NOW.replace(hour=5, minute=59)) == []
    assert [p.day for p in publication.publish_late(now=NOW.replace(hour=6, minute=0))] == [DAY]
    assert publication.publish_nightly(now=NOW) is None


def test_a_day_is_not_published_while_its_suppliers_may_still_change(cast, houses, monkeypatch):
    deliver(cast, csv_of(block_of(houses)))
    asked: list[date] = []
    monkeypatch.setattr(holds, "not_yet_settled", [lambda day: not asked.append(day)])
    assert publication.publish_nightly(now=NOW) is None
    assert asked == [DAY]
    monkeypatch.setattr(holds, "not_yet_settled", [lambda day: False])
    assert [p.day for p in publication.publish_late(now=NOW)] == [DAY]


def test_todays_values_wait_for_the_night(cast, houses):
    values = figures(6)
    values[:, 18:] = NULL
    deliver(cast, csv_of(block_of(houses, NOW.date(), values=values)))
    publication.publish_nightly(now=NOW)
    assert publication.publish_late(now=NOW) == []
    assert UsageBatch.objects.get().publication is None


STEPS = [
    ("the first file", DayFiles, "_write_zip"),
    ("the manifest", DayFiles, "_write_manifest"),
    ("keeping a file", outgoing.Outgoing, "add"),
]


@pytest.mark.parametrize(("kind", "step"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_a_crash_while_files_are_written_leaves_nothing_to_see(cast, houses, monkeypatch, kind, step):
    deliver(cast, csv_of(block_of(houses)))
    before = sorted(all_files())
    monkeypatch.setattr(kind, step, _crash)
    _nothing_came_of_it(before)
    monkeypatch.undo()
    assert publication.publish_day(DAY, now=NOW).revision == 0


@pytest.mark.parametrize(("room", "step"), [(revisions, "number"), (publication, "_announce")])
def test_a_crash_before_the_commit_leaves_nothing_to_see(cast, houses, monkeypatch, room, step):
    deliver(cast, csv_of(block_of(houses)))
    before = sorted(all_files())
    monkeypatch.setattr(room, step, _crash)
    _nothing_came_of_it(before)
    monkeypatch.undo()
    assert publication.publish_day(DAY, now=NOW).revision == 0
    assert DeliveryCounter.objects.get(recipient=cast.umi).files_published == 3


def test_a_crash_of_a_correction_leaves_the_old_files(cast, houses, monkeypatch):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    deliver(cast, csv_of(block_of(houses, values=figures(6, seed=5))))
    before = sorted(all_files())
    monkeypatch.setattr(revisions.ledger, "record", _crash)
    with pytest.raises(Crash):
        publication.publish_day(DAY, now=NOW)
    assert sorted(all_files()) == before
    assert [file.publication.revision for file in of(cast.umi)] == [0]
    assert len(table_of(bytes_of(of(cast.umi)[0]))) == 6


def test_a_full_disk_leaves_nothing_to_see(cast, houses, monkeypatch):
    deliver(cast, csv_of(block_of(houses)))
    before = sorted(all_files())
    monkeypatch.setattr(outgoing.stores, "new_file", _no_space)
    with pytest.raises(OSError, match="No space"):
        publication.publish_day(DAY, now=NOW)
    assert sorted(all_files()) == before and not PublishedFile.objects.exists()


def test_where_the_data_is_real_files_are_forced_to_disk_before_they_are_seen(cast, houses, settings, monkeypatch):
    settings.FILES_SURVIVE_POWER_CUT = True
    deliver(cast, csv_of(block_of(houses)))
    monkeypatch.setattr(outgoing.stores.os, "fsync", _no_space)
    with pytest.raises(OSError, match="No space"):
        publication.publish_day(DAY, now=NOW)
    assert not PublishedFile.objects.exists()


def test_files_of_a_killed_process_are_swept_and_published_ones_stay(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    orphan = default_storage.save("usage/out/2026/03/31/deadbeef/7-03/usage.csv.gz", ContentFile(b"half a file"))
    assert run_folders.sweep_orphans(now=NOW) == 1
    assert not default_storage.exists(orphan)
    assert all(default_storage.exists(file.content.name) for file in PublishedFile.objects.all())
    assert run_folders.sweep_orphans(now=NOW) == 0


def test_a_day_has_a_hundred_revisions_and_no_more(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    Publication.objects.create(
        day=DAY, layer="D", revision=99, published_at=NOW, folder="usage/out/x", rows=0, readings=0
    )
    with pytest.raises(revisions.RevisionsUsedUp):
        publication.publish_day(DAY, now=NOW)


def test_the_database_holds_names_and_numbers_unique(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    done = publication.publish_day(DAY, now=NOW)
    [file] = of(cast.umi)
    file.pk, file.number = None, 99
    with pytest.raises(IntegrityError, match="a_published_file_name_is_used_once_per_recipient_and_area"):
        file.save()
    connection.set_rollback(False)
    assert done.pk


def test_a_delivery_number_is_used_once(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    [file] = of(cast.umi)
    file.pk, file.name = None, "other"
    with pytest.raises(IntegrityError, match="a_delivery_number_is_used_once_per_recipient"):
        file.save()


def test_the_books_balance_over_corrections_hand_overs_and_what_waits(cast, houses):
    hand_over(houses[:2], cast.sora, DAY)
    deliver(cast, csv_of(block_of(houses, DAY - ONE_DAY), block_of(houses, DAY)))
    publication.publish_day(DAY - ONE_DAY, now=NOW)
    publication.publish_day(DAY, now=NOW)
    deliver(cast, csv_of(block_of(houses[:3], DAY, values=figures(3, seed=4))))
    publication.publish_day(DAY, now=NOW)
    deliver(cast, csv_of(block_of(houses[:1], DAY, values=figures(1, seed=6))))
    found = books.balance(DAY - ONE_DAY, DAY)
    assert (found["rows_stored"], found["rows_published"], found["rows_waiting"]) == (16, 15, 1)
    assert found["balanced"]
    assert {key: value["rows"] for key, value in found["retailers"].items()} == {cast.umi.pk: 11, cast.sora.pk: 4}
    PublishedFile.objects.filter(recipient=cast.sora, format=CSV).update(rows=3)
    assert not books.balance(DAY - ONE_DAY, DAY)["balanced"]


def test_who_collected_first_is_kept_and_every_time_is_in_the_ledger(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    publication.publish_day(DAY, now=NOW)
    [file] = of(cast.umi)
    for hours in (1, 2):
        part = deliveries.collect(file, by=cast["umi.usage"], now=NOW + timedelta(hours=hours))
        assert hashlib.sha256(b"".join(part)).hexdigest() == file.sha256
        part.close()
    file.refresh_from_db()
    assert file.first_collected_at == NOW + timedelta(hours=1)
    assert LedgerEntry.objects.filter(action="published file collected", company=cast.umi).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_publish_once(cast):
    points = make_points(cast, 300)
    deliver(cast, csv_of(block_of(points)))
    results = _at_once(lambda: publication.publish_day(DAY, now=NOW))
    assert sum(result is not None for result in results) == 1
    assert Publication.objects.count() == 1
    assert len(of(cast.umi)) == 1
    assert books.balance(DAY, DAY)["balanced"]


@pytest.mark.django_db(transaction=True)
def test_two_nights_at_once_are_one(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    results = _at_once(lambda: publication.publish_nightly(now=NOW))
    assert sum(result is not None for result in results) == 1
    assert Publication.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_days_at_once_number_their_files_without_a_gap(cast, houses):
    days = [DAY, DAY - ONE_DAY]
    deliver(cast, csv_of(*[block_of(houses, day) for day in days]))
    left = iter(days)
    _at_once(lambda: publication.publish_day(next(left), now=NOW))
    delivered = PublishedFile.objects.filter(recipient=cast.umi).order_by("number")
    assert list(delivered.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]


class Crash(Exception):
    pass


def _crash(*args: Any, **values: Any) -> None:
    raise Crash


def _no_space(*args: Any, **values: Any) -> None:
    raise OSError(28, "No space left on device")


def _nothing_came_of_it(before: list[str]) -> None:
    with pytest.raises(Crash):
        publication.publish_day(DAY, now=NOW)
    assert sorted(all_files()) == before
    assert not Publication.objects.exists() and not PublishedFile.objects.exists()
    assert UsageBatch.objects.get().publication is None
    assert not Notice.objects.filter(kind="usage_published").exists()


def _at_once(work: Any) -> list[Any]:
    gate, results, errors = threading.Barrier(2), [], []

    def run() -> None:
        gate.wait()
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors
    return results


def test_a_received_but_unread_file_is_not_published(cast, houses):
    receive(cast, csv_of(block_of(houses)))
    assert publication.publish_day(DAY, now=NOW) is None
