"""What is no longer kept goes, with evidence; what is still owed or not collected stays."""

from datetime import date, datetime, timedelta
from io import StringIO

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command

from metering import deliveries, partitions, publication, retention, supply
from metering.models import OwedDay, PublishedFile, UsageBatch, UsageDay
from portal.models import LedgerEntry
from portal.workdays import JST
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.metering.test_publication import hand_over

LATER = datetime(2027, 7, 1, 3, 30, tzinfo=JST)  # 2026-03 is the 16th month before: its time is over
MARCH = date(2026, 3, 1)
ONE_DAY = timedelta(days=1)


pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3, now=NOW - 30 * ONE_DAY)


def publish(cast, points, day=DAY, *, seed=1, now=NOW):
    deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=seed))), now=now)
    return publication.publish_day(day, now=now)


def collect_all(cast, format_="wide_csv"):
    for file in PublishedFile.objects.filter(recipient=cast.umi, format=format_):
        deliveries.collect(file, by=cast["umi.usage"], now=NOW).close()


def of_march(now=LATER):
    return next((month for month in retention.due(now=now) if month.first == MARCH), None)


def paths():
    return [file.content.name for file in PublishedFile.objects.exclude(content="")]


def test_readings_and_collected_files_of_a_month_go_together(cast, houses):
    publish(cast, houses)
    collect_all(cast)
    was = paths()
    march = of_march()
    assert (march.partition, march.files, march.files_waiting, march.is_held) == (
        "metering_usageday_2026_03", 3, 0, False,
    )  # fmt: skip
    removed = retention.carry_out(now=LATER)
    assert "metering_usageday_2026_03" in removed.partitions and removed.files == 3
    assert MARCH not in partitions.months() and not UsageDay.objects.exists()
    assert not any(default_storage.exists(path) for path in was) and not paths()
    assert of_march() is None


def test_the_evidence_says_what_it_was(cast, houses):
    publish(cast, houses)
    collect_all(cast)
    size = sum(PublishedFile.objects.values_list("size", flat=True))
    retention.carry_out(now=LATER)
    month = LedgerEntry.objects.get(action="usage of a month removed", subject="usage of 2026-03")
    assert (month.detail["rows"], month.detail["points"], month.user) == (3, 3, None)
    files = LedgerEntry.objects.get(action="published files of a day removed")
    assert (files.subject, files.detail["files"], files.detail["size"]) == (f"usage of {DAY}", 3, size)
    assert len(files.detail["sha256"]) == 64
    statement = deliveries.statement(NOW.date(), cast["umi.usage"])
    assert len(statement.files) == 3, "the lines stay with their hashes"


def test_a_month_that_is_kept_is_left_alone(cast, houses):
    publish(cast, houses)
    collect_all(cast)
    june = datetime(2027, 6, 30, 23, 59, tzinfo=JST)
    assert retention.kept_from(june) == MARCH and of_march(june) is None
    retention.carry_out(now=june)
    assert UsageDay.objects.count() == 3 and all(map(default_storage.exists, paths()))


def test_the_month_is_japans(settings):
    assert retention.kept_from(datetime(2027, 6, 30, 15, 0, tzinfo=JST)) == MARCH
    assert retention.kept_from(datetime(2027, 7, 1, 0, 30, tzinfo=JST)) == date(2026, 4, 1)


def test_files_nobody_collected_stay_and_the_readings_go(cast, houses):
    publish(cast, houses)
    assert of_march().files_waiting == 3
    removed = retention.carry_out(now=LATER)
    assert removed.files == 0 and "metering_usageday_2026_03" in removed.partitions
    assert all(map(default_storage.exists, paths())) and len(paths()) == 3
    collect_all(cast, "bp_zip")
    assert retention.carry_out(now=LATER).files == 3, "one format has all rows"


def test_one_companys_files_do_not_wait_for_anothers(cast, houses):
    publish(cast, [*houses, *make_points(cast, 2, retailer="sora", now=NOW - 30 * ONE_DAY)])
    collect_all(cast)
    assert retention.carry_out(now=LATER).files == 3
    left = PublishedFile.objects.kept()
    assert {file.recipient for file in left} == {cast.sora} and all(map(default_storage.exists, paths()))


def test_of_a_company_that_left_nothing_is_waited_for(cast, houses):
    publish(cast, houses)
    cast.umi.is_active = False
    cast.umi.save()
    assert retention.carry_out(now=LATER).files == 3


def test_a_withdrawal_that_nobody_saw_stays(cast, houses):
    hand_over(houses[:1], cast.sora, DAY)
    publish(cast, houses)
    PublishedFile.objects.update(first_collected_at=NOW)
    supply.restore([supply.Restoration(houses[0].pk, DAY, cast.sora.pk, cast.umi.pk)], now=NOW)
    publication.publish_day(DAY, now=NOW)
    PublishedFile.objects.filter(recipient=cast.umi).update(first_collected_at=NOW)
    assert PublishedFile.objects.filter(format="withdrawal", recipient=cast.sora).exists()
    retention.carry_out(now=LATER)
    assert set(PublishedFile.objects.kept().values_list("publication__revision", "recipient")) == {(1, cast.sora.pk)}


def test_what_is_not_published_holds_the_month(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    assert of_march().is_held and of_march().batches_waiting == 1
    retention.carry_out(now=LATER)
    assert UsageDay.objects.count() == 3 and UsageBatch.objects.get().publication is None


def test_what_is_owed_to_another_retailer_holds_the_month(cast, houses):
    hand_over(houses[:1], cast.sora, DAY)
    publish(cast, houses)
    PublishedFile.objects.update(first_collected_at=NOW)
    supply.restore([supply.Restoration(houses[0].pk, DAY, cast.sora.pk, cast.umi.pk)], now=LATER)
    assert OwedDay.objects.filter(settled_at=None, day=DAY).exists()
    retention.carry_out(now=LATER)
    assert UsageDay.objects.filter(day=DAY).count() == 3
    publication.publish_day(DAY, now=LATER)
    PublishedFile.objects.update(first_collected_at=LATER)
    retention.carry_out(now=LATER + ONE_DAY)
    assert not UsageDay.objects.exists()


def test_a_crash_between_the_mark_and_the_bytes_is_made_up_for(cast, houses, monkeypatch):
    publish(cast, houses)
    collect_all(cast)
    was = paths()
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_delete_marked", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention.carry_out(now=LATER)
    assert all(map(default_storage.exists, was)), "marked, the bytes still there"
    assert retention.carry_out(now=LATER).files == 0
    assert not any(map(default_storage.exists, was))
    assert LedgerEntry.objects.filter(action="published files of a day removed").count() == 1


def test_a_second_run_finds_nothing_to_do(cast, houses):
    publish(cast, houses)
    collect_all(cast)
    retention.carry_out(now=LATER)
    entries = LedgerEntry.objects.count()
    removed = retention.carry_out(now=LATER)
    assert (removed.partitions, removed.files, LedgerEntry.objects.count()) == ([], 0, entries)


def test_the_months_to_come_are_made(cast):
    retention.carry_out(now=LATER)
    assert {date(2027, 7, 1), date(2027, 8, 1), date(2027, 9, 1)} <= partitions.months().keys()


def test_what_was_removed_is_said_and_not_handed_out(cast, houses, client_of):
    publish(cast, houses)
    collect_all(cast)
    retention.carry_out(now=NOW + timedelta(days=500))
    file = PublishedFile.objects.filter(recipient=cast.umi).first()
    client = client_of(cast["umi.usage"])
    assert "保存終了" in client.get("/published-files/").content.decode()
    page = client.get(f"/published-files/{file.pk}/").content.decode()
    assert file.sha256 in page and f"/published-files/{file.pk}/download/" not in page
    answer = client.get(f"/published-files/{file.pk}/download/", follow=True)
    assert "保存は終了しました" in answer.content.decode()
    with pytest.raises(deliveries.NoSuchNumbers):
        deliveries.offer_again(1, 3, by=cast["umi.usage"], now=LATER)


def test_the_dry_run_names_months_and_removes_nothing(cast, houses, time_machine):
    publish(cast, houses)
    collect_all(cast)
    time_machine.move_to(LATER, tick=False)
    out = StringIO()
    call_command("retention", "--dry-run", stdout=out)
    assert "2026-03: readings" in out.getvalue() and "files 3," in out.getvalue()
    assert UsageDay.objects.count() == 3
    call_command("retention", stdout=out)
    assert "Removed:" in out.getvalue() and not UsageDay.objects.exists()


def test_the_operator_sees_what_will_be_dropped_and_why_something_stays(cast, houses, client_of, time_machine):
    publish(cast, houses)
    time_machine.move_to(LATER, tick=False)
    page = client_of(cast["hub.operator"]).get("/usage-retention/")
    assert page.status_code == 200 and "2026-03" in page.content.decode()
    assert "未取得" in page.content.decode()
    assert client_of(cast["umi.usage"]).get("/usage-retention/").status_code == 404
