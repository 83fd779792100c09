"""The pages of usage files: sending and correcting for the network operator, collecting for the retailer."""

import csv
import hashlib
import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from metering import deliveries, intake, publication, tasks, usage
from metering.inbox import PROVIDERS
from metering.models import PublishedFile, UsageFile
from portal.access import Role
from portal.models import LedgerEntry
from portal.people import Hold
from tests.cast import NOW, make_points, person
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures, receive, zip_of

ONE_DAY = timedelta(days=1)
FILES, PUBLISHED = "/usage-files/", "/published-files/"


pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast):
    return make_points(cast, 4)


@pytest.fixture
def operator(cast, client_of):
    return client_of(cast["kaze.usage"])


@pytest.fixture
def retailer(cast, client_of):
    return client_of(cast["umi.usage"])


def bad_file(cast, houses) -> UsageFile:
    values = figures(4, gaps=False)
    values[1, 3] = -10
    return deliver(cast, csv_of(block_of(houses, values=values)))


def publish(cast, houses, day=DAY) -> list[PublishedFile]:
    deliver(cast, csv_of(block_of(houses, day)))
    publication.publish_day(day, now=NOW)
    return list(PublishedFile.objects.filter(publication__day=day).order_by("number"))


def waiting(user) -> dict[str, int]:
    """What of the room waits in the person's inbox."""
    return {task.kind: task.count for provider in PROVIDERS for task in provider(user, NOW) if task.count}


def text_of(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_one_upload_leads_to_its_own_page_and_waits_there(cast, operator, houses):
    sent = SimpleUploadedFile("day.csv", csv_of(block_of(houses)))
    response = operator.post(FILES, {"files": [sent]}, follow=True)
    file = UsageFile.objects.get()
    assert response.redirect_chain == [(f"{FILES}{file.pk}/", 302)]
    assert (file.received_from, file.received_at) == (cast["kaze.usage"], NOW)
    assert 'data-renew="5"' in text_of(response)
    intake.take_in(file.pk, now=NOW)
    assert 'data-renew="5"' not in text_of(operator.get(f"{FILES}{file.pk}/"))


def test_several_files_at_once_each_get_their_word(cast, operator, houses):
    good = csv_of(block_of(houses))
    name, message = zip_of(block_of(houses, DAY - ONE_DAY))
    uploads = [
        SimpleUploadedFile("good.csv", good),
        SimpleUploadedFile(name, message),
        SimpleUploadedFile("again.csv", good),
        SimpleUploadedFile("photo.jpg", b"\xff\xd8\xff"),
        SimpleUploadedFile("nothing.csv", b""),
    ]
    page = text_of(operator.post(FILES, {"files": uploads}, follow=True))
    assert UsageFile.objects.count() == 2
    for name in ("good.csv", "again.csv", "photo.jpg", "nothing.csv"):
        assert name in page
    assert intake.take_in_waiting(now=NOW) == 2


def test_an_upload_without_a_file_is_told_so_beside_the_field(cast, operator):
    response = operator.post(FILES, {})
    assert response.context["form"].errors["files"]
    assert not UsageFile.objects.exists()


def test_the_page_of_a_file_shows_counts_warnings_and_reasons(cast, operator, houses):
    file = bad_file(cast, houses)
    page = text_of(operator.get(f"{FILES}{file.pk}/"))
    assert "V04" in page and "-0.010" in page
    assert "V03" in page  # it came after six
    assert reverse("metering:refused-rows", args=[file.pk]) in page


def test_an_unreadable_file_says_why(cast, operator, houses):
    file = deliver(cast, b"supply_point,date\n")
    page = text_of(operator.get(f"{FILES}{file.pk}/"))
    assert "hh01" in page


def test_refused_rows_are_downloaded_corrected_and_sent_again_as_they_are(cast, operator, houses):
    file = bad_file(cast, houses)
    response = operator.get(f"{FILES}{file.pk}/refused.csv")
    content = body_of(response)
    assert content.startswith(b"\xef\xbb\xbfcode,reason,supply_point,")
    [row] = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert (row["code"], row["supply_point"], row["hh04"]) == ("V04", houses[1].number, "-0.010")
    corrected = content.replace(b"-0.010,", b"0.010,")
    again = deliver(cast, corrected, name="corrected.csv")
    assert (again.rows_read, again.rows_taken, again.rows_refused) == (1, 1, 0)
    assert usage.days(houses[1], DAY, DAY)[0].values[3] == 10


def test_a_file_with_columns_of_its_own_order_comes_back_under_the_usual_header(cast, operator, houses):
    block = block_of(houses[:2], values=figures(2, gaps=False))
    rows = list(csv.reader(io.StringIO(csv_of(block).decode())))
    rows[1][5] = "a lot"
    turned = io.StringIO()
    csv.writer(turned).writerows([[row[2], *row[3:-1], row[0]] for row in rows])
    file = deliver(cast, turned.getvalue().encode())
    assert (file.rows_taken, file.rows_refused) == (1, 1)
    [row] = csv.DictReader(io.StringIO(body_of(operator.get(f"{FILES}{file.pk}/refused.csv")).decode("utf-8-sig")))
    assert (row["supply_point"], row["date"], row["hh03"]) == (houses[0].number, "2026-03-31", "a lot")


def test_a_row_that_a_spreadsheet_would_run_is_defused(cast, operator, houses):
    file = deliver(cast, csv_of(block_of(houses[:1])) + b"=cmd()" + b"," * 51 + b"\n")
    content = body_of(operator.get(f"{FILES}{file.pk}/refused.csv")).decode()
    assert ",'=cmd()" in content and ",=cmd()" not in content


def test_refused_rows_are_shown_page_by_page_with_constant_queries(cast, operator):
    points = make_points(cast, 40)
    values = figures(40, gaps=False)
    values[:, 0] = -10
    one = deliver(cast, csv_of(block_of(points[:1], values=values[:1])))
    many = deliver(cast, csv_of(block_of(points, values=values)))
    with CaptureQueriesContext(connection) as few:
        text_of(operator.get(f"{FILES}{one.pk}/"))
    with CaptureQueriesContext(connection) as lots:
        page = text_of(operator.get(f"{FILES}{many.pk}/"))
    assert len(few) == len(lots)
    assert page.count("V04") == 25
    assert text_of(operator.get(f"{FILES}{many.pk}/?page=2")).count("V04") == 15


@pytest.mark.parametrize("count", [1, 3])
def test_lists_cost_the_same_queries_at_any_size(cast, operator, retailer, houses, count):
    for back in range(count):
        publish(cast, houses, DAY - ONE_DAY * back)
    for client, url in ((operator, FILES), (retailer, PUBLISHED)):
        with CaptureQueriesContext(connection) as queries:
            text_of(client.get(url))
        assert len(queries) <= 11, [query["sql"] for query in queries]


def test_filters_live_in_the_address(cast, operator, houses):
    bad = bad_file(cast, houses)
    good = deliver(cast, csv_of(block_of(houses, DAY - ONE_DAY)), name="good.csv")
    for query, found in [
        ("?name=good", [good]),
        ("?state=taken_in", [good, bad]),
        ("?kind=bp_day", []),
        ("?open=yes", [bad]),
    ]:
        assert list(operator.get(FILES + query).context["list"].rows) == found, query


def test_what_is_dealt_with_leaves_the_inbox(cast, operator, houses):
    file = bad_file(cast, houses)
    user = cast["kaze.usage"]
    assert waiting(user) == {"usage.correct": 1}
    operator.post(f"{FILES}{file.pk}/settle/")
    operator.post(f"{FILES}{file.pk}/settle/")
    assert waiting(user) == {}
    assert LedgerEntry.objects.filter(action="usage file settled").count() == 1
    assert operator.get(f"{FILES}{file.pk}/settle/").status_code == 405


def test_the_retailer_lists_and_downloads_what_was_published(cast, retailer, houses):
    files = publish(cast, houses)
    user = cast["umi.usage"]
    assert waiting(user) == {"usage.collect": 3}
    page = text_of(retailer.get(PUBLISHED))
    for file in files:
        assert file.name in page
        response = retailer.get(f"{PUBLISHED}{file.pk}/download/")
        content = body_of(response)
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert file.name in response["Content-Disposition"]
        assert file.sha256 in text_of(retailer.get(f"{PUBLISHED}{file.pk}/"))
    assert waiting(user) == {}
    assert LedgerEntry.objects.filter(action="published file collected", user=user).count() == 3
    manifest = json.loads(body_of(retailer.get(f"{PUBLISHED}{files[2].pk}/download/")))
    assert {entry["name"] for entry in manifest["files"]} == {files[0].name, files[1].name}


def test_published_files_are_filtered_by_day_class_format_and_what_is_open(cast, retailer, houses):
    make_points(cast, 1, supply_class="HV")
    files = publish(cast, houses)
    older = publish(cast, houses, DAY - ONE_DAY)
    deliveries.collect(files[0], by=cast["umi.usage"], now=NOW).close()
    for query, found in [
        ("?day=2026-03-30", 3),
        ("?supply_class=HV", 0),
        ("?area=03", 6),
        ("?kind=manifest", 2),
        ("?only=open", 5),
    ]:
        assert len(retailer.get(PUBLISHED + query).context["list"].rows) == found, query
    listed = body_of(retailer.get(PUBLISHED + "?day=2026-03-30&format=csv")).decode("utf-8-sig")
    assert [row[-3] for row in csv.reader(io.StringIO(listed))][1:] == [file.sha256 for file in older[::-1]]


def test_new_is_what_was_published_since_the_visit_before(cast, client_of, retailer, houses, time_machine):
    publish(cast, houses)
    text_of(retailer.get(PUBLISHED))
    time_machine.move_to(NOW + timedelta(hours=5), tick=False)
    visit = retailer.cookies["published_files_visit"].value
    retailer = client_of(cast["umi.usage"])  # signed in anew: five idle hours end a session
    retailer.cookies["published_files_visit"] = visit
    deliver(cast, csv_of(block_of(houses, DAY - ONE_DAY)))
    publication.publish_day(DAY - ONE_DAY, now=NOW + timedelta(hours=4))
    new = retailer.get(PUBLISHED + "?only=new").context["list"].rows
    assert {file.publication.day for file in new} == {DAY - ONE_DAY}
    again = retailer.get(PUBLISHED + "?only=new").context["list"].rows
    assert len(again) == 3, "the same visit goes on"
    retailer.cookies["published_files_visit"] = "forged"
    assert len(retailer.get(PUBLISHED + "?only=new").context["list"].rows) == 6


def test_strangers_find_nothing(cast, client_of, houses):
    file = bad_file(cast, houses)
    published = publish(cast, houses, DAY - ONE_DAY)[0]
    yama, viewer = client_of(cast["yama.usage"]), client_of(cast["umi.viewer"])
    for client in (yama, viewer):
        assert client.get(f"{PUBLISHED}{published.pk}/").status_code == 404
        assert client.get(f"{PUBLISHED}{published.pk}/download/").status_code == 404
        assert client.get(f"{FILES}{file.pk}/").status_code == 404
        assert client.get(f"{FILES}{file.pk}/refused.csv").status_code == 404
        assert client.post(f"{FILES}{file.pk}/settle/").status_code == 404
        assert client.post(FILES, {"files": [SimpleUploadedFile("x.csv", b"x")]}).status_code == 404
    assert list(yama.get(PUBLISHED).context["list"].rows) == []
    published.refresh_from_db()
    assert published.first_collected_at is None


def test_a_person_of_one_area_sees_that_areas_files_only(cast, client_of, houses):
    west = make_points(cast, 1, area="06")
    publish(cast, [*houses, *west])
    umi_west = person(cast.umi, "umi.west", roles=[Hold(Role.USAGE, area="06")])
    rows = client_of(umi_west).get(PUBLISHED).context["list"].rows
    assert {file.area for file in rows} == {"06"}


def test_a_file_nobody_has_read_yet_shows_no_counts(cast, operator, houses):
    file = receive(cast, csv_of(block_of(houses)))
    page = text_of(operator.get(f"{FILES}{file.pk}/"))
    assert "refused.csv" not in page
    UsageFile.objects.filter(pk=file.pk).update(attempts=intake.GIVE_UP_AFTER)
    stuck = text_of(operator.get(f"{FILES}{file.pk}/"))
    assert 'role="alert"' in stuck and "data-renew" not in stuck


def test_the_operator_lets_a_stuck_file_be_tried_again_from_the_workbench(cast, client_of, houses):
    file = receive(cast, csv_of(block_of(houses)))
    UsageFile.objects.filter(pk=file.pk).update(attempts=intake.GIVE_UP_AFTER)
    action = {"action": "try_again", "_selected_action": [file.pk]}
    client_of(cast["hub.auditor"]).post("/workbench/metering/usagefile/", action)
    assert intake.waiting() == []
    client_of(cast["hub.operator"]).post("/workbench/metering/usagefile/", action)
    assert intake.waiting() == [file.pk]
    assert LedgerEntry.objects.get(action="usage file tried again").user == cast["hub.operator"]


def test_the_workers_tasks_call_the_verbs_with_the_clock_they_are_given(cast, houses, settings, tmp_path):
    settings.USAGE_DROP_DIR = tmp_path / "drop"
    at = NOW.isoformat()
    file = receive(cast, csv_of(block_of(houses)))
    tasks.collect_dropped(at=at)
    tasks.take_in(file_id=file.pk, at=at)
    tasks.take_in_waiting(at=at)
    tasks.publish_nightly(at=at)
    tasks.publish_late()
    published = PublishedFile.objects.filter(recipient=cast.umi)
    assert published.count() == 3
    assert published[0].publication.published_at == NOW


def test_every_task_of_the_schedule_exists(settings):
    ours = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry["task"].startswith("metering.")}
    usage = ("collect_dropped", "take_in_waiting", "publish_nightly", "publish_late")
    assert ours >= {f"metering.tasks.{name}" for name in usage}
    assert all(hasattr(tasks, name.rpartition(".")[2]) for name in ours)
