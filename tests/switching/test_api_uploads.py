"""Files of many cases through the API: sent, checked by the worker's task, read, confirmed, carried out, recalled."""

import csv
import io
from contextlib import contextmanager

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from portal import scanning
from portal.models import LedgerEntry
from portal.people import Hold
from switching import tasks
from switching.bulk import uploads, writing
from switching.models import Relay, Upload
from tests import calling
from tests.calling import good, refused
from tests.switching.bulk.sending import csv_of, ready, relay_row
from tests.switching.cases import ADDRESS, HOLDER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folder", "clock")]


@pytest.fixture
def sora(cast):
    return calling.caller(cast, "sora", "relay")


def sent(api, data, *, content="relays", name="list.csv", key=None):
    return api.send("/uploads", {"content": content, "file": SimpleUploadedFile(name, data)}, key=key)


def checked(api, data, now, **more):
    """Sent, and checked by the task a worker runs."""
    job = good(sent(api, data, **more), 202)
    tasks.check_upload(upload_id=job["id"], at=now.isoformat())
    return job["id"]


def carried_out(api, pk, now):
    good(api.post(f"/uploads/{pk}/confirmation"), 202)
    while uploads.carry_out(pk, now=now):
        pass


def three(play):
    """Two rows that can be filed and one whose date is too early."""
    rows = [relay_row(point) for point in ready(play, 3)]
    rows[2]["desired_date"] = "2026-04-02"
    return rows


def test_a_program_sends_checks_confirms_and_gets_its_relays(play, sora, now):
    rows = three(play)
    answer = sent(sora, csv_of(rows))
    job = good(answer, 202)
    assert answer["Location"] == f"/api/v1/uploads/{job['id']}"
    assert (job["state"], job["acts"], job["rows"]) == ("waiting", [], 0)
    tasks.check_upload(upload_id=job["id"], at=now.isoformat())
    preview = good(sora.get(f"/uploads/{job['id']}"))
    assert (preview["state"], preview["encoding"], preview["acts"]) == (
        *("checked", "utf-8"),
        ["confirmation", "discarding"],
    )
    assert (preview["rows_to_carry_out"], preview["rows_wrong"]) == (2, 1) and not Relay.objects.exists()
    assert good(sora.post(f"/uploads/{job['id']}/confirmation"), 202)["state"] == "confirmed"
    while uploads.carry_out(job["id"], now=now):
        pass
    done = good(sora.get(f"/uploads/{job['id']}"))
    assert (done["state"], done["counts"]["done"], done["counts"]["wrong"], done["acts"]) == ("done", 2, 1, ["recall"])
    cases = [row["case"] for row in good(sora.get(f"/uploads/{job['id']}/rows?state=done"))["items"]]
    assert {case["id"] for case in cases} == set(Relay.objects.values_list("number", flat=True))
    good(sora.get(cases[0]["resource"].removeprefix("/api/v1")))
    assert [row["id"] for row in good(sora.get("/uploads?state=done&content=relays"))["items"]] == [job["id"]]


def test_rows_come_in_pages_with_verdict_and_reasons_and_without_the_customer(play, sora, now):
    rows = three(play)
    pk = checked(sora, csv_of(rows), now)
    first = good(sora.get(f"/uploads/{pk}/rows?limit=2"))
    rest = good(sora.get(f"/uploads/{pk}/rows?limit=2&cursor={first['next_cursor']}"))
    found = first["items"] + rest["items"]
    assert [(row["line"], row["state"]) for row in found] == [(2, "good"), (3, "good"), (4, "wrong")]
    [wrong] = found[2]["findings"]
    assert (wrong["kind"], wrong["rule"], wrong["columns"]) == ("error", "DateNotPossible", ["desired_date"])
    assert wrong["detail"].startswith("The desired date must lie") and rest["next_cursor"] is None
    assert found[0]["about"]["supply_point"] == rows[0]["supply_point"]
    assert HOLDER not in str(found) and ADDRESS not in str(found) and "U-0000" not in str(found)


@pytest.mark.parametrize(("name", "encoding"), [("list.csv", "utf-8-sig"), ("list.csv", "cp932"), ("list.xlsx", "")])
def test_wrong_rows_come_back_in_the_format_they_came_in_with_the_reasons(play, sora, now, name, encoding):
    rows = [{**row, "holder_name": "高橋 花子"} for row in three(play)]
    table = [list(rows[0]), *[list(row.values()) for row in rows]]
    data = writing.excel_bytes([("list", table)]) if name.endswith("xlsx") else csv_of(rows, encoding=encoding)
    pk = checked(sora, data, now, name=name)
    answer = sora.get(f"/uploads/{pk}/errors")
    assert answer.status_code == 200 and f"wrong-rows-{pk}" in answer["Content-Disposition"]
    if name.endswith("xlsx"):
        lines = [[cell.value or "" for cell in row] for row in load_workbook(io.BytesIO(answer.content)).active.rows]
    else:
        lines = list(csv.reader(io.StringIO(answer.content.decode(encoding))))
    assert len(lines) == 2 and rows[2]["supply_point"] in lines[1] and "The desired date must lie" in " ".join(lines[1])
    assert LedgerEntry.objects.filter(
        action="upload.wrong_rows", subject=f"upload {pk}", user__is_machine=True
    ).exists()
    mended = answer.content.replace(b"2026-04-02", b"2026-04-20") if encoding else None
    if mended:
        again = checked(sora, mended, now)
        assert good(sora.get(f"/uploads/{again}"))["rows_to_carry_out"] == 1


def test_the_same_key_and_file_is_one_upload(play, sora):
    data = csv_of([relay_row(point) for point in ready(play, 1)])
    first, second = sent(sora, data, key="night-1"), sent(sora, data, key="night-1")
    assert good(first, 202) == good(second, 202) and Upload.objects.count() == 1
    refused(sent(sora, data + b"\n", key="night-1"), 422, "api.key_used_otherwise")


def test_the_very_same_file_is_confirmed_a_second_time_only_knowingly(play, sora, now):
    data = csv_of([relay_row(point) for point in ready(play, 2)][:1])
    first = checked(sora, data, now)
    second = checked(sora, data, now)
    assert good(sora.get(f"/uploads/{second}"))["sent_before"] == first
    said = refused(sora.post(f"/uploads/{second}/confirmation"), 409, "uploads.sent_before")
    assert said["upload"] == first and "again" in said["what_to_do"]
    assert good(sora.post(f"/uploads/{second}/confirmation", {"again": True}), 202)["state"] == "confirmed"


def test_what_was_filed_is_recalled_as_long_as_the_other_side_has_not_seen_it(cast, play, sora, now):
    pk = checked(sora, csv_of([relay_row(point) for point in ready(play, 2)]), now)
    refused(sora.post(f"/uploads/{pk}/recall"), 409, "uploads.moved")
    carried_out(sora, pk, now)
    seen = Relay.objects.order_by("pk").first()
    good(calling.caller(cast, "umi", "relay").get(f"/relays/{seen.number}"))
    assert good(sora.post(f"/uploads/{pk}/recall"), 202)["state"] == "recalling"
    while uploads.carry_back(pk, now=now):
        pass
    job = good(sora.get(f"/uploads/{pk}"))
    assert (job["state"], job["counts"]["recalled"], job["counts"]["done"]) == ("recalled", 1, 1)
    [stays] = good(sora.get(f"/uploads/{pk}/rows?state=done"))["items"]
    assert [item["kind"] for item in stays["findings"]][-1] == "recall"


def test_a_file_is_discarded_with_its_rows(play, sora, now):
    pk = checked(sora, csv_of(three(play)), now)
    assert good(sora.post(f"/uploads/{pk}/discarding"))["state"] == "discarded"
    assert good(sora.get(f"/uploads/{pk}/rows"))["items"] == []
    refused(sora.post(f"/uploads/{pk}/confirmation"), 409, "uploads.moved")


def test_a_file_with_no_good_row_is_not_confirmed_and_explanations_are_not_recalled(play, sora, now):
    pk = checked(sora, csv_of(three(play)[2:]), now)
    assert good(sora.get(f"/uploads/{pk}"))["acts"] == ["discarding"]
    refused(sora.post(f"/uploads/{pk}/confirmation"), 409, "uploads.nothing_to_do")
    Upload.objects.filter(pk=pk).update(content="withdrawals", state="done", confirmed_at=now, confirmed_by=1)
    Upload.objects.filter(pk=pk).update(confirmed_by=sora.client.user)
    refused(sora.post(f"/uploads/{pk}/recall"), 409, "uploads.cannot_be_recalled")


@pytest.mark.parametrize(
    ("data", "name", "status", "code"),
    [
        (b"", "list.csv", 422, "lists.empty"),
        (b"a,b\n1,2\n", "list.pdf", 422, "lists.unknown_kind"),
        (b"\xd0\xcf\x11\xe0" + b"0" * 99, "list.xls", 422, "lists.old_excel"),
        (b"\xd0\xcf\x11\xe0" + b"0" * 99, "list.xlsx", 422, "lists.protected_excel"),
        (b"PK\x03\x04" + b"0" * 99, "list.xlsm", 422, "lists.macros"),
        (b"a,b\n1,2\n", "list.xlsx", 422, "lists.broken_excel"),
        (b"\xff\xfea\x00", "list.csv", 422, "lists.utf16"),
        (b"a\x00b", "list.csv", 422, "lists.not_text"),
        (b"x" * 2_000_001, "list.csv", 413, "lists.too_large"),
    ],
)
def test_what_is_no_list_is_refused_when_it_comes(sora, settings, data, name, status, code):
    settings.BULK_FILE_MAX_BYTES = 2_000_000
    said = refused(sent(sora, data, name=name), status, code)
    assert said["errors"][0]["pointer"] == "/file" and said["detail"] and not Upload.objects.exists()


def test_what_only_the_check_finds_stands_in_the_job(sora, now):
    pk = checked(sora, b"supply_class,colour\nLV,red\n", now)
    job = good(sora.get(f"/uploads/{pk}"))
    assert job["state"] == "unreadable" and "must name the columns" in job["problem"] and job["acts"] == []


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [(scanning.Infected, 422, "uploads.infected"), (scanning.Unscanned, 503, "uploads.not_scanned")],
)
def test_a_file_the_scanner_does_not_let_in(play, sora, monkeypatch, raised, status, code):
    def scan(file, *, name):
        raise raised("eicar")

    monkeypatch.setattr(scanning, "scan", scan)
    answer = sent(sora, csv_of([relay_row(point) for point in ready(play, 1)]))
    refused(answer, status, code)
    assert (status == 503) == answer.has_header("Retry-After") and not Upload.objects.exists()


def test_the_form_needs_a_file_and_a_content_it_knows(sora):
    said = refused(sora.send("/uploads", {"content": "relays"}), 422, "api.entries_wrong")
    assert said["errors"][0]["pointer"] == "/file"
    file = SimpleUploadedFile("list.csv", b"a\n1\n")
    said = refused(sora.send("/uploads", {"content": "cakes", "file": file}), 422, "api.entries_wrong")
    assert said["errors"][0]["pointer"] == "/content"


def test_who_could_not_file_it_by_hand_neither_sends_nor_sees_it(cast, play, sora, now):
    clerk = calling.caller(cast, "sora", "application")
    refused(sent(clerk, b"a\n1\n"), 403, "uploads.not_yours")
    pk = checked(sora, csv_of(three(play)), now)
    for api in (clerk, calling.caller(cast, "yama", "relay"), calling.caller(cast, "umi", "relay")):
        assert good(api.get("/uploads"))["items"] == []
        for what in ("", "/rows", "/errors", "/answers"):
            refused(api.get(f"/uploads/{pk}{what}"), 404, "api.not_found")
        for what in ("confirmation", "discarding", "recall"):
            refused(api.post(f"/uploads/{pk}/{what}"), 404, "api.not_found")
    elsewhere = calling.caller(cast, "sora", Hold("relay", "06", ""))
    assert good(elsewhere.get(f"/uploads/{pk}/rows"))["items"] == []


def test_a_file_of_plans_is_answered_row_by_row(cast, play, now):
    api = calling.caller(cast, "sora", "application")
    [point] = ready(play, 1)
    row = {"supply_class": "LV", "supply_point": point.number, "kind": "switch", "wished_on": "2026-04-20"}
    pk = checked(api, csv_of([row, {**row, "kind": "ampere_change"}]), now, content="movements")
    job = good(api.get(f"/uploads/{pk}"))
    answer = api.get(job["answers"].removeprefix("/api/v1"))
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [line["verdict"] for line in lines] == ["warned", "wrong"], "the point stands there twice"
    alone = checked(api, csv_of([{**row, "kind": "ampere_change"}]), now, content="movements")
    [found] = good(api.get(f"/uploads/{alone}/rows"))["items"]
    assert "planned by who supplies the point" in found["findings"][0]["detail"]
    right = checked(api, csv_of([row]), now, content="movements")
    carried_out(api, right, now)
    [told] = good(api.get(f"/uploads/{right}/rows"))["items"]
    assert good(api.get(told["case"]["resource"].removeprefix("/api/v1")))["point"] == point.number


def test_kinds_templates_and_work_lists_are_those_of_the_role(cast, play):
    umi = calling.caller(cast, "umi", "relay")
    kinds = {row["content"]: row for row in good(umi.get("/upload-kinds"))["items"]}
    assert set(kinds) == {"disclosures", "relays", "judgements", "withdrawals"}
    columns = {column["name"]: column for column in kinds["relays"]["columns"]}
    assert columns["supply_class"]["choices"] == ["LV", "HV", "FIT"] and columns["supply_point"]["is_required"]
    template = umi.get("/upload-kinds/relays/template?format=xlsx")
    assert load_workbook(io.BytesIO(template.content)).sheetnames[0]
    relay = play.relay(play.point())
    work = umi.get("/upload-kinds/judgements/work-list")
    assert relay.number in work.content.decode("utf-8-sig")
    refused(umi.get("/upload-kinds/relays/work-list"), 404, "api.not_found")
    refused(umi.get("/upload-kinds/termination/template"), 404, "api.not_found")
    refused(umi.get("/upload-kinds/cakes/template"), 404, "api.not_found")
    refused(umi.get("/upload-kinds/relays/template?format=pdf"), 422, "api.entries_wrong")


def test_an_event_of_a_file_names_its_address(play, sora, now):
    pk = checked(sora, csv_of(three(play)), now)
    events = [one for one in good(sora.get("/events"))["items"] if one.get("kind") == "upload.check"]
    assert [one["resource"].partition("/api/v1")[2] for one in events] == [f"/uploads/{pk}"]
    good(sora.get(f"/uploads/{pk}"))


@contextmanager
def one_token(api):
    token = api.token
    kept, type(api).token = type(api).token, property(lambda self: token)
    try:
        yield
    finally:
        type(api).token = kept


@pytest.mark.parametrize("count", [1, 3])
def test_lists_of_files_and_rows_cost_the_same_however_long(play, sora, now, count, django_assert_max_num_queries):
    points = ready(play, count)
    for point in points[1:]:
        checked(sora, csv_of([relay_row(point)]), now)
    pk = checked(sora, csv_of([relay_row(point) for point in points]), now)
    carried_out(sora, pk, now)
    with one_token(sora):
        with django_assert_max_num_queries(12):
            assert len(good(sora.get("/uploads"))["items"]) == count
        with django_assert_max_num_queries(12):
            assert len(good(sora.get(f"/uploads/{pk}/rows"))["items"]) == count
