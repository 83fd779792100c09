"""The JSON API of collection: a cursor that loses nothing, parts, hashes, acknowledging, sending again, statements."""

import hashlib
import json
from datetime import timedelta

import pytest

from metering import publication
from metering.models import PublishedFile
from portal.models import LedgerEntry
from portal.people import Hold
from tests import calling
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures

ONE_DAY = timedelta(days=1)


pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3, now=NOW - 30 * ONE_DAY)


@pytest.fixture
def api(cast):
    return calling.caller(cast, "umi", "usage")


def publish(cast, points, day=DAY, *, seed=1):
    deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=seed))))
    return publication.publish_day(day, now=NOW)


def content(answer) -> bytes:
    return b"".join(answer.streaming_content)


def walk(api, query: str) -> list[int]:
    """The delivery numbers of a list, page by page."""
    found, cursor = [], ""
    while True:
        page = api.get(f"/published-files?limit=2{query}{f'&cursor={cursor}' if cursor else ''}").json()
        found += [item["number"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            return found


def test_a_client_that_asks_with_its_last_number_gets_everything_once(cast, houses, api):
    publish(cast, houses, DAY - ONE_DAY)
    first = walk(api, "")
    assert first == [1, 2, 3]
    publish(cast, houses)
    publish(cast, houses[:1], seed=2)
    assert walk(api, f"&after={first[-1]}") == [4, 5, 6, 7, 8, 9]
    assert walk(api, "&after=9") == []
    assert walk(api, f"&day={DAY}&format=bp_zip") == [
        *PublishedFile.objects.filter(recipient=cast.umi, publication__day=DAY, format="bp_zip")
        .order_by("number")
        .values_list("number", flat=True)
    ]


def test_a_file_is_told_with_its_hash_rows_and_revision(cast, houses, api):
    publish(cast, houses)
    publish(cast, houses[:1], seed=2)
    file = PublishedFile.objects.get(recipient=cast.umi, format="bp_zip", publication__revision=0)
    answer = api.get(f"/published-files/{file.number}")
    told = answer.json()
    assert (told["sha256"], told["size"], told["rows"], told["revision"]) == (file.sha256, file.size, 3, 0)
    assert told["later_revision"] == 1 and told["day"] == DAY.isoformat()
    again = api.get(f"/published-files/{file.number}", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_the_bytes_come_whole_and_in_parts(cast, houses, api):
    publish(cast, houses)
    file = PublishedFile.objects.get(recipient=cast.umi, format="bp_zip")
    address = f"/published-files/{file.number}/content"
    whole = api.get(address, headers={"Accept": "application/zip"})
    body = content(whole)
    assert hashlib.sha256(body).hexdigest() == file.sha256 and whole["ETag"] == f'"{file.sha256}"'
    rest = api.get(address, headers={"Range": "bytes=100-", "If-Range": whole["ETag"]})
    assert rest.status_code == 206 and content(rest) == body[100:]
    assert api.get(address, headers={"Range": f"bytes={len(body)}-"}).status_code == 416
    assert api.get(address, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    entries = LedgerEntry.objects.filter(action="published file collected", company=cast.umi)
    assert entries.count() == 2 and all(entry.user_id for entry in entries)


def test_the_manifest_says_the_same(cast, houses, api):
    publish(cast, houses)
    [item] = api.get("/published-files?format=manifest").json()["items"]
    manifest = json.loads(content(api.get(item["content"])))
    told = {row["name"]: row["sha256"] for row in api.get("/published-files").json()["items"]}
    assert {file["name"]: file["sha256"] for file in manifest["files"]}.items() <= told.items()


def test_a_file_is_acknowledged_with_its_hash(cast, houses, api):
    publish(cast, houses)
    file = PublishedFile.objects.get(recipient=cast.umi, format="wide_csv")
    address = f"/published-files/{file.number}"
    early = api.post(f"{address}/acknowledgement", {"sha256": file.sha256})
    assert (early.status_code, early.json()["code"]) == (409, "deliveries.not_collected")
    content(api.get(f"{address}/content"))
    wrong = api.post(f"{address}/acknowledgement", {"sha256": "0" * 64})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "deliveries.other_bytes")
    done = api.post(f"{address}/acknowledgement", {"sha256": file.sha256})
    assert done.status_code == 200 and done.json()["acknowledged_at"]
    assert api.post(f"{address}/acknowledgement", {"sha256": file.sha256}).status_code == 200
    assert LedgerEntry.objects.filter(action="published file acknowledged").count() == 1


def test_numbers_are_sent_again(cast, houses, api):
    publish(cast, houses)
    for number in (1, 2, 3):
        content(api.get(f"/published-files/{number}/content"))
    assert walk(api, "&collected=false") == []
    answer = api.post("/published-files/again", {"first": 2, "last": 3})
    assert (answer.status_code, answer.json()) == (200, {"files": 2})
    assert walk(api, "&collected=false") == [2, 3]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"first": 2, "last": 9}, 422, "deliveries.no_such_numbers"),
        ({"first": 3, "last": 1}, 422, "deliveries.numbers_reversed"),
        ({"first": 1, "last": 20_000}, 422, "deliveries.too_many_numbers"),
        ({"first": 0, "last": 1}, 422, "api.entries_wrong"),
        ({"first": "x"}, 422, "api.entries_wrong"),
        ({"first": 1, "last": 1, "more": 1}, 422, "api.entries_wrong"),
    ],
)
def test_what_cannot_be_sent_again_is_said(cast, houses, api, body, status, code):
    publish(cast, houses)
    answer = api.post("/published-files/again", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code) and answer.json()["detail"]


def test_the_statement_is_the_pages_own(cast, houses, api, client_of):
    publish(cast, houses)
    page = json.loads(client_of(cast["umi.usage"]).get(f"/usage-statements/{NOW.date()}.json").content)
    assert api.get(f"/usage-statements/{NOW.date()}").json() == page


def test_what_is_no_longer_kept_is_gone(cast, houses, api):
    publish(cast, houses)
    PublishedFile.objects.filter(recipient=cast.umi).update(removed_at=NOW)
    answer = api.get("/published-files/1/content")
    assert (answer.status_code, answer.json()["code"]) == (410, "deliveries.no_longer_kept")
    assert walk(api, "") == [] and api.get("/published-files/1").json()["removed_at"]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "day=yesterday", "area=99", "limit=0", "cursor=x", "other=1"])
def test_a_query_that_cannot_be_read_is_said(cast, api, query):
    answer = api.get(f"/published-files?{query}")
    assert answer.status_code in {400, 422} and answer.json()["detail"]


def test_another_company_and_another_area_find_nothing(cast, houses, api):
    publish(cast, houses)
    theirs = calling.caller(cast, "yama", "usage")
    assert walk(theirs, "") == []
    for address in ("/published-files/1", "/published-files/1/content", f"/published-files/{10**30}"):
        assert theirs.get(address).status_code == 404
    west = calling.caller(cast, "umi", Hold("usage", area="06"))
    assert walk(west, "") == [] and west.get("/published-files/1").status_code == 404


def test_a_page_costs_the_same_with_one_and_with_many(cast, houses, api, django_assert_max_num_queries):
    publish(cast, houses)
    for day in (DAY - ONE_DAY, DAY - 2 * ONE_DAY):
        publish(cast, houses, day)
    with django_assert_max_num_queries(25):
        api.get("/published-files?limit=9")
