"""Files that were received go when the usage they brought is no longer kept; what is still needed stays."""

from datetime import date, datetime, timedelta

import pytest
from django.core.files.storage import default_storage

from metering import publication, received_files, retention
from metering.models import UsageFile
from portal.models import LedgerEntry
from portal.workdays import JST
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.metering.test_fixed_usage import month_of, send

LATER = datetime(2027, 8, 2, 3, 30, tzinfo=JST)


pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast):
    return make_points(cast, 2, now=NOW - timedelta(days=60))


def received(cast, points):
    return deliver(cast, csv_of(block_of(points, DAY)), now=NOW)


def test_a_file_goes_with_the_month_of_its_usage_and_the_ledger_says_so(cast, houses):
    file = received(cast, houses)
    assert publication.publish_day(DAY, now=NOW)
    name = file.content.name
    assert retention.carry_out(now=NOW).received == 0 and default_storage.exists(name)
    assert retention.carry_out(now=LATER).received == 1
    assert not default_storage.exists(name)
    file.refresh_from_db()
    assert (file.content.name, file.size > 0, len(file.sha256)) == ("", True, 64)
    entry = LedgerEntry.objects.get(action="received files removed")
    assert (entry.detail["files"], entry.detail["size"]) == (1, file.size)
    assert retention.carry_out(now=LATER).received == 0
    assert LedgerEntry.objects.filter(action="received files removed").count() == 1


def test_a_file_whose_rows_wait_for_publication_stays(cast, houses):
    file = received(cast, houses)
    assert received_files.remove_before(date(2026, 5, 1), now=LATER) == 0
    assert default_storage.exists(file.content.name)


def test_a_file_that_waits_for_intake_stays_and_its_neighbours_bytes_with_it(cast, houses):
    kept, gone = received(cast, houses[:1]), received(cast, houses[1:])
    assert publication.publish_day(DAY, now=NOW)
    UsageFile.objects.filter(pk=kept.pk).update(state="waiting", finished_at=None)
    assert received_files.remove_before(date(2026, 5, 1), now=LATER) == 1
    assert default_storage.exists(kept.content.name)
    gone.refresh_from_db()
    assert gone.content.name == ""


def test_bytes_a_crash_left_go_with_the_next_run(cast, houses):
    file = received(cast, houses)
    name = file.content.name
    UsageFile.objects.filter(pk=file.pk).update(content="")
    assert received_files.remove_before(date(2026, 5, 1), now=LATER) == 0
    assert not default_storage.exists(name)


def test_refused_rows_of_a_message_that_is_gone_are_still_listed(cast, houses, client_of):
    file = send(cast, [month_of(houses[0], month_wh=1)], now=NOW)
    assert received_files.remove_before(date(2026, 5, 1), now=LATER) == 1
    page = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/refused.csv")
    text = b"".join(page.streaming_content).decode()
    assert page.status_code == 200 and houses[0].number in text
