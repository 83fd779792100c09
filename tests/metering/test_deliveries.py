"""Collecting: what changed since it was read, many files at once, numbers sent again, daily statements."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from metering import deliveries, publication, supply
from metering.inbox import files_to_collect
from metering.models import PublishedFile, SupplyPoint
from portal.models import LedgerEntry
from portal.people import Hold
from tests.cast import NOW, make_points, person
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.metering.test_publication import CSV, ZIP, bytes_of, hand_over, of

ONE_DAY = timedelta(days=1)
BEFORE = NOW - 30 * ONE_DAY
LATER = NOW + timedelta(hours=1)
PAGE = "/published-files/"


pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast) -> list[SupplyPoint]:
    return make_points(cast, 4, now=BEFORE)


@pytest.fixture
def retailer(cast, client_of):
    return client_of(cast["umi.usage"])


def publish(cast: Any, points: list[SupplyPoint], day=DAY, *, seed: int = 1, now=NOW) -> Any:
    deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=seed))), now=now)
    return publication.publish_day(day, now=now)


def files_of(response: Any) -> dict[str, bytes]:
    assert response.status_code == 200
    content = b"".join(response.streaming_content)
    assert len(content) == int(response["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def shown(response: Any) -> list[str]:
    return [file.name for file in response.context["list"].page.object_list]


class TestChangedSinceRead:
    def test_a_collected_file_with_a_later_revision_is_marked(self, cast, houses, retailer):
        publish(cast, houses)
        [first] = of(cast.umi)
        deliveries.collect(first, by=cast["umi.usage"], now=NOW).close()
        assert shown(retailer.get(PAGE, {"only": "changed"})) == []
        publish(cast, houses[:2], seed=7, now=LATER)
        page = retailer.get(PAGE, {"only": "changed"})
        assert shown(page) == [first.name] and "取得後に変更あり" in page.content.decode()
        detail = retailer.get(f"{PAGE}{first.pk}/").content.decode()
        assert "値が新しくなった行：2、取り下げられた地点：0" in detail
        assert of(cast.umi)[-1].name in detail

    def test_a_file_read_after_the_later_revision_is_not_marked(self, cast, houses, retailer):
        publish(cast, houses)
        publish(cast, houses[:2], seed=7)
        deliveries.collect(of(cast.umi)[0], by=cast["umi.usage"], now=LATER).close()
        assert shown(retailer.get(PAGE, {"only": "changed"})) == []

    def test_first_rows_of_other_points_change_nothing_of_the_file(self, cast, houses):
        publish(cast, houses[:2])
        publish(cast, houses[2:], now=LATER)
        file = of(cast.umi)[0]
        assert deliveries.later_files(file).count() == 3
        assert deliveries.changed_since(file) == deliveries.Since(0, 0)

    def test_withdrawn_points_are_counted(self, cast, houses):
        hand_over(houses[:2], cast.sora, DAY)
        publish(cast, houses)
        file = of(cast.sora)[0]
        supply.restore([supply.Restoration(houses[0].pk, DAY, cast.sora.pk, cast.umi.pk)], now=LATER)
        publication.publish_day(DAY, now=LATER)
        assert deliveries.changed_since(file) == deliveries.Since(0, 1)


class TestManyAtOnce:
    def test_the_filtered_files_come_as_one_zip_with_their_bytes(self, cast, houses, retailer):
        west = make_points(cast, 1, area="06", now=BEFORE)
        for day in (DAY - ONE_DAY, DAY):
            publish(cast, [*houses, *west], day)
        everything = files_of(retailer.get(f"{PAGE}files.zip"))
        assert everything == {
            f"{file.area}/{file.name}": bytes_of(file) for file in PublishedFile.objects.filter(recipient=cast.umi)
        }
        some = files_of(retailer.get(f"{PAGE}files.zip", {"day": DAY.isoformat(), "kind": "wide_csv"}))
        assert some.keys() == {f"{file.area}/{file.name}" for file in of(cast.umi, publication__day=DAY)}

    def test_they_count_as_collected_and_each_stands_in_the_ledger(self, cast, houses, retailer):
        publish(cast, houses)
        files_of(retailer.get(f"{PAGE}files.zip", {"kind": "wide_csv"}))
        assert of(cast.umi)[0].first_collected_at == NOW and of(cast.umi, ZIP)[0].first_collected_at is None
        assert LedgerEntry.objects.filter(action="published file collected", company=cast.umi).count() == 1

    def test_nothing_and_too_many_are_said_in_a_sentence(self, cast, houses, retailer, monkeypatch):
        answer = retailer.get(f"{PAGE}files.zip", follow=True)
        assert "ダウンロードするものがありません" in answer.content.decode()
        publish(cast, houses)
        monkeypatch.setattr(deliveries, "MOST_IN_A_ZIP", 2)
        answer = retailer.get(f"{PAGE}files.zip", follow=True)
        assert "5,000ファイルを超えています" in answer.content.decode()
        assert not PublishedFile.objects.filter(first_collected_at__isnull=False).exists()

    def test_what_is_new_since_the_last_visit_alone(self, cast, houses, retailer, time_machine):
        publish(cast, houses, DAY - ONE_DAY)
        retailer.get(PAGE)
        time_machine.move_to(NOW + timedelta(minutes=45), tick=False)
        publish(cast, houses, DAY, now=NOW + timedelta(minutes=40))
        retailer.get(PAGE)
        fresh = files_of(retailer.get(f"{PAGE}files.zip", {"only": "new"}))
        assert len(fresh) == 3 and all("20260331" in name for name in fresh)

    def test_the_page_counts_what_is_new_since_the_last_visit(self, cast, houses, retailer, time_machine):
        publish(cast, houses, DAY - ONE_DAY)
        assert "新着は" not in retailer.get(PAGE).content.decode(), "there was no visit before"
        time_machine.move_to(NOW + timedelta(minutes=45), tick=False)
        assert "公表されたファイルはありません" in retailer.get(PAGE).content.decode()
        publish(cast, houses, DAY, now=NOW + timedelta(minutes=90))
        time_machine.move_to(NOW + timedelta(minutes=100), tick=False)
        page = retailer.get(PAGE).content.decode()
        assert "それ以降の新着は3ファイルです" in page and 'href="?only=new"' in page

    def test_days_and_names_filter_the_list(self, cast, houses, retailer):
        for day in (DAY - 2 * ONE_DAY, DAY - ONE_DAY, DAY):
            publish(cast, houses, day)
        found = shown(retailer.get(PAGE, {"day_from": DAY - ONE_DAY, "day_to": DAY, "kind": "bp_zip"}))
        assert len(found) == 2
        assert len(shown(retailer.get(PAGE, {"name": "w4112020260331"}))) == 1

    def test_another_company_gets_none_of_them(self, cast, houses, client_of):
        publish(cast, houses)
        answer = client_of(cast["yama.usage"]).get(f"{PAGE}files.zip", follow=True)
        assert "ダウンロードするものがありません" in answer.content.decode()

    def test_a_zip_of_many_files_costs_no_query_each(self, cast, houses, retailer, settings):
        settings.PUBLISHED_POINTS_PER_FILE = 1
        publish(cast, houses[:1])

        def queries() -> int:
            with CaptureQueriesContext(connection) as caught:
                files_of(retailer.get(f"{PAGE}files.zip", {"day": DAY.isoformat()}))
            return len(caught)

        queries()
        few = queries()
        publish(cast, houses[1:], now=LATER)
        queries()
        assert queries() == few


class TestAcknowledging:
    def test_it_is_kept_once_with_its_hour(self, cast, houses):
        publish(cast, houses)
        user, file = cast["umi.usage"], of(cast.umi)[0]
        deliveries.collect(file, by=user, now=NOW).close()
        for hour in (NOW, LATER):
            deliveries.acknowledge(file, sha256=file.sha256, by=user, now=hour)
        file.refresh_from_db()
        assert file.acknowledged_at == NOW
        assert LedgerEntry.objects.filter(action="published file acknowledged").count() == 1

    def test_other_bytes_and_what_nobody_fetched_are_not_acknowledged(self, cast, houses):
        publish(cast, houses)
        user, file = cast["umi.usage"], of(cast.umi)[0]
        with pytest.raises(deliveries.NotCollected):
            deliveries.acknowledge(file, sha256=file.sha256, by=user, now=NOW)
        deliveries.collect(file, by=user, now=NOW).close()
        with pytest.raises(deliveries.OtherBytes):
            deliveries.acknowledge(file, sha256="0" * 64, by=user, now=NOW)
        with pytest.raises(IntegrityError, match="an_acknowledged_file_was_collected"), transaction.atomic():
            PublishedFile.objects.filter(pk=file.pk).update(acknowledged_at=NOW, first_collected_at=None)

    def test_what_is_offered_again_is_to_be_acknowledged_again(self, cast, houses):
        publish(cast, houses)
        user, file = cast["umi.usage"], of(cast.umi)[0]
        deliveries.collect(file, by=user, now=NOW).close()
        deliveries.acknowledge(file, sha256=file.sha256, by=user, now=NOW)
        deliveries.offer_again(file.number, file.number, by=user, now=NOW)
        file.refresh_from_db()
        assert file.acknowledged_at is None
        with pytest.raises(deliveries.NumbersReversed):
            deliveries.offer_again(2, 1, by=user, now=NOW)


class TestSendAgain:
    def test_numbers_are_offered_as_new_again(self, cast, houses, retailer):
        for n, day in enumerate((DAY - ONE_DAY, DAY)):
            publish(cast, houses, day, seed=n)
        user = cast["umi.usage"]
        files_of(retailer.get(f"{PAGE}files.zip"))
        assert [task.count for task in files_to_collect(user, NOW)] == [0]
        answer = retailer.post(f"{PAGE}again/", {"first": 3, "last": 5}, follow=True)
        assert "3ファイルを新着として再送しました" in answer.content.decode()
        assert [task.count for task in files_to_collect(user, NOW)] == [3]
        again = PublishedFile.objects.filter(recipient=cast.umi, first_collected_at=None)
        assert sorted(again.values_list("number", flat=True)) == [3, 4, 5]
        entry = LedgerEntry.objects.get(action="published files offered again")
        assert (entry.subject, entry.user, entry.detail["files"]) == ("delivery numbers 3-5", user, 3)

    @pytest.mark.parametrize(
        ("numbers", "words"),
        [
            ({"first": 1, "last": 4}, "1から3まで"),
            ({"first": 9, "last": 12}, "1から3まで"),
            ({"first": 3, "last": 1}, "終了番号が開始番号より前"),
            ({"first": 1, "last": 20_000}, "10,000件まで"),
            ({"first": 0, "last": 1}, "1"),
            ({"first": "x", "last": ""}, "入力"),
        ],
    )
    def test_what_cannot_be_sent_again_is_said(self, cast, houses, retailer, numbers, words):
        publish(cast, houses)
        answer = retailer.post(f"{PAGE}again/", numbers, follow=True)
        assert answer.status_code == 200 and words in answer.content.decode()
        assert not LedgerEntry.objects.filter(action="published files offered again").exists()

    def test_nobody_offers_another_companys_numbers(self, cast, houses, client_of):
        publish(cast, houses)
        deliveries.collect(of(cast.umi)[0], by=cast["umi.usage"], now=NOW).close()
        answer = client_of(cast["yama.usage"]).post(f"{PAGE}again/", {"first": 1, "last": 3}, follow=True)
        assert "まだ公表されたファイルがない" in answer.content.decode()
        assert of(cast.umi)[0].first_collected_at == NOW


class TestStatements:
    def test_a_statement_counts_and_hashes_what_was_published_that_day(self, cast, houses, retailer):
        publish(cast, houses, DAY - ONE_DAY, now=NOW - ONE_DAY)
        publish(cast, houses, DAY)
        day = NOW.date()
        told = json.loads(retailer.get(f"/usage-statements/{day}.json").content)
        files = list(PublishedFile.objects.filter(recipient=cast.umi, publication__day=DAY).order_by("number"))
        assert (told["date"], told["count"], told["first_number"], told["last_number"]) == ("2026-04-01", 3, 4, 6)
        assert (told["rows"], told["size"]) == (4, sum(file.size for file in files))
        assert [line["sha256"] for line in told["files"]] == [hashlib.sha256(bytes_of(f)).hexdigest() for f in files]
        lines = "".join(f"{f.number} {f.name} {f.size} {f.sha256}\n" for f in files)
        assert told["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
        page = retailer.get(f"/usage-statements/{day}/").content.decode()
        assert told["sha256"] in page and all(file.name in page for file in files)
        table = b"".join(retailer.get(f"/usage-statements/{day}/", {"format": "csv"}).streaming_content).decode()
        assert all(file.sha256 in table for file in files) and len(table.splitlines()) == 4

    def test_days_are_listed_with_their_numbers(self, cast, houses, retailer):
        publish(cast, houses, DAY - ONE_DAY, now=NOW - ONE_DAY)
        publish(cast, houses, DAY)
        rows = retailer.get("/usage-statements/").context["list"].page.object_list
        assert [
            (row["date"], row["files"], row["first"], row["last"], row["day_rows"], row["open"]) for row in rows
        ] == [
            (NOW.date(), 3, 4, 6, 4, 3),
            (NOW.date() - ONE_DAY, 3, 1, 3, 4, 3),
        ]

    def test_the_day_is_japans(self, cast, houses, retailer):
        publish(cast, houses, now=NOW.replace(hour=0, minute=30))
        assert json.loads(retailer.get(f"/usage-statements/{NOW.date()}.json").content)["count"] == 3

    def test_a_day_without_files_says_so_and_no_day_is_not_there(self, cast, retailer):
        assert (
            "この日に公表されたファイルはありません" in retailer.get("/usage-statements/2026-01-01/").content.decode()
        )
        assert json.loads(retailer.get("/usage-statements/2026-01-01.json").content)["count"] == 0
        assert retailer.get("/usage-statements/2026-13-01/").status_code == 404

    def test_a_person_sees_the_own_areas_alone(self, cast, houses, client_of):
        west = make_points(cast, 1, area="06", now=BEFORE)
        publish(cast, [*houses, *west])
        somebody = person(cast.umi, "umi.west", roles=[Hold("usage", area="06")])
        told = json.loads(client_of(somebody).get(f"/usage-statements/{NOW.date()}.json").content)
        assert {line["area"] for line in told["files"]} == {"06"}
        assert len(of(cast.umi, CSV)) == 2
