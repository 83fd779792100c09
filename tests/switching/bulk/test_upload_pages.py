"""The pages for files: sending, preview, confirmation, result, wrong rows back, recall; and what they never show."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from portal import people
from portal.models import LedgerEntry
from switching.bulk import uploads, writing
from switching.bulk.kinds import KINDS
from switching.models import Relay, Upload
from tests.cast import person
from tests.switching.bulk.sending import csv_of, ready, relay_row, send, states, work_off
from tests.switching.cases import ADDRESS, HOLDER


@pytest.fixture(autouse=True)
def _files_and_clock(settings, tmp_path, time_machine, now):
    settings.MEDIA_ROOT = tmp_path
    time_machine.move_to(now, tick=False)


@pytest.fixture
def clerk(client_of, sora_relay):
    return client_of(sora_relay)


def post(client, data, *, content="relays", name="list.csv"):
    url = reverse("switching:upload-new", args=[content])
    return client.post(url, {"file": SimpleUploadedFile(name, data)})


def text(response) -> str:
    return response.content.decode()


def test_the_whole_way_of_a_clerk(play, clerk, now):
    rows = [relay_row(point) for point in ready(play, 3)]
    rows[2]["desired_date"] = "2026-04-02"
    answer = post(clerk, csv_of(rows))
    upload = Upload.objects.get()
    page = reverse("switching:upload", args=[upload.pk])
    assert (answer.status_code, answer.url) == (302, page)
    waiting = clerk.get(page)
    assert "確認待ち" in text(waiting) and 'data-renew="3"' in text(waiting)
    uploads.check(upload.pk, now=now)
    preview = text(clerk.get(page))
    assert "2行を実行しますか" in preview and "誤りのある行を取得（1行）" in preview
    assert rows[0]["supply_point"][-4:] in preview and HOLDER not in preview and ADDRESS not in preview
    assert rows[2]["reference"] in text(clerk.get(page, {"state": "wrong"}))
    assert rows[0]["reference"] not in text(clerk.get(page, {"state": "wrong"}))
    assert clerk.post(reverse("switching:upload-confirm", args=[upload.pk])).status_code == 302
    assert "0" in text(clerk.get(page))
    work_off(upload, now=now)
    result = text(clerk.get(page))
    for relay in Relay.objects.all():
        assert relay.number in result
    recall = reverse("switching:upload-recall", args=[upload.pk])
    assert recall in result
    assert "取り戻す" in text(clerk.get(recall))
    clerk.post(recall, {"confirmed": "1"})
    while uploads.carry_back(upload.pk, now=now):
        pass
    assert states(upload) == ["recalled", "recalled", "wrong"]
    assert "取戻し済み" in text(clerk.get(page))


@pytest.mark.parametrize(
    "data, name, said",
    [
        (b"", "a.csv", "空です"),
        (b"\x00\x01", "a.csv", "テキストでもExcelでも"),
        (b"%PDF", "a.pdf", "CSV（.csv）とExcel"),
        (b"x" * 31_000_000, "a.csv", "30MB"),
    ],
)
def test_a_file_that_is_none_stays_on_the_form_with_its_sentence(clerk, now, data, name, said):
    answer = post(clerk, data, name=name)
    assert answer.status_code == 422 and said in text(answer)
    assert not Upload.objects.exists()


def test_without_a_file_the_form_says_so(clerk, now):
    answer = clerk.post(reverse("switching:upload-new", args=["relays"]), {})
    assert answer.status_code == 422 and "ファイル" in text(answer)


def test_an_unreadable_file_says_why_on_its_page(clerk, sora_relay, now):
    upload = send("relays", b"nothing,of,this\n1,2,3\n", by=sora_relay, now=now)
    page = text(clerk.get(reverse("switching:upload", args=[upload.pk])))
    assert "不足している項目" in page and "nothing" in page


@pytest.mark.parametrize("content", sorted(KINDS))
@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_kind_tells_its_columns_and_gives_templates_that_can_be_read_back(
    cast, client_of, now, play, content, language
):
    play.disclosure(play.point())
    kind = KINDS[content]
    clerks = {
        "file_application": "sora.application",
        "answer_application": "kaze.application",
        "inquire": "sora.inquiry",
    }
    by = cast[clerks.get(kind.ability, "sora.relay")]
    client = client_of(by)
    client.post(reverse("portal:language"), {"language": language, "next": "/"})
    page = text(client.get(reverse("switching:upload-new", args=[content])))
    for column in kind.columns:
        assert f">{column.name}<" in page
    for format_ in ("csv", "xlsx"):
        answer = client.get(reverse("switching:upload-template", args=[content, format_]))
        assert answer.status_code == 200 and f"{content}.{format_}" in answer["Content-Disposition"]
        upload = send(content, answer.content, by=by, now=now, name=f"t.{format_}")
        assert (upload.state, upload.rows, upload.remarks) == ("checked", 1, []), upload.problem
    sheets = load_workbook(io.BytesIO(answer.content)).worksheets
    assert len(sheets) == 2 and sheets[1].max_row == len(kind.columns) + 1


def test_a_kind_or_format_nobody_knows_is_absent(clerk, cast, client_of):
    for name, args in (
        ("upload-new", ["nonsense"]),
        ("upload-template", ["relays", "pdf"]),
        ("upload-new", ["switch_start"]),
    ):
        assert clerk.get(reverse(f"switching:{name}", args=args)).status_code == 404
    assert (
        client_of(cast["umi.relay"]).get(reverse("switching:upload-work-list", args=["judgements", "pdf"])).status_code
        == 404
    )


@pytest.mark.parametrize("name, encoding", [("a.csv", "utf-8-sig"), ("a.csv", "cp932"), ("a.xlsx", "")])
def test_wrong_rows_come_back_as_they_were_sent_and_mended_can_be_sent(play, clerk, sora_relay, now, name, encoding):
    rows = [relay_row(point) for point in ready(play, 2)]
    rows[1] |= {"desired_date": "2026-04-02", "reference": "=1+1"}
    if encoding:
        data = csv_of(rows, encoding=encoding)
    else:
        data = writing.excel_bytes([("list", [list(rows[0]), *[list(row.values()) for row in rows]])])
    upload = send("relays", data, by=sora_relay, now=now, name=name)
    answer = clerk.get(reverse("switching:upload-wrong-rows", args=[upload.pk]))
    assert LedgerEntry.objects.filter(action="upload.wrong_rows", subject=f"upload {upload.pk}").exists()
    if encoding:
        found = list(csv.reader(io.StringIO(answer.content.decode(encoding))))
        assert found[1][-1] == "'=1+1"
    else:
        found = [list(row) for row in load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)]
        assert found[1][-1] == "=1+1"
    assert len(found) == 2 and found[1][0] == "3" and "希望" in found[1][2] and "2026-04-04" in found[1][3]
    mended = [[cell or "" for cell in row] for row in found]
    mended[1][mended[0].index("希望日")] = "2026-04-15"
    out = io.StringIO()
    csv.writer(out).writerows(mended)
    again = send("relays", out.getvalue().encode(), by=sora_relay, now=now)
    assert (states(again), again.remarks) == (["good"], [])
    assert again.lines.get().cells["reference"].lstrip("'") == "=1+1"


def test_the_same_file_is_shown_with_when_and_by_whom(play, clerk, sora_relay, now):
    data = csv_of([relay_row(point) for point in ready(play, 1)])
    send("relays", data, by=sora_relay, now=now)
    upload = send("relays", data, by=sora_relay, now=now)
    page = reverse("switching:upload", args=[upload.pk])
    assert "同じファイルが" in text(clerk.get(page)) and sora_relay.name in text(clerk.get(page))
    answer = clerk.post(reverse("switching:upload-confirm", args=[upload.pk]), follow=True)
    assert "チェックしてください" in text(answer)
    clerk.post(reverse("switching:upload-confirm", args=[upload.pk]), {"again": "1"})
    upload.refresh_from_db()
    assert upload.state == "confirmed"


def test_the_work_list_holds_verdicts_and_nothing_of_the_customer(play, cast, client_of, now):
    equal, other = play.relay(play.point()), play.relay(play.point(), holder_name="別の 名義")
    gone = play.accepted(play.point())
    client = client_of(cast["umi.relay"])
    answer = client.get(reverse("switching:upload-work-list", args=["judgements", "csv"]))
    body = answer.content.decode("utf-8-sig")
    assert equal.number in body and other.number in body and gone.number not in body
    for relay in (equal, other):
        for value in (relay.holder_name, relay.holder_kana, relay.holder_address, relay.contract_number):
            assert value not in body
        assert relay.point.number not in body
    filled = list(csv.reader(io.StringIO(body)))
    for row in filled[1:]:
        row[1] = "承諾"
    out = io.StringIO()
    csv.writer(out).writerows(filled)
    upload = send("judgements", out.getvalue().encode(), by=cast["umi.relay"], now=now)
    assert (states(upload), upload.remarks) == (["good", "wrong"], [])
    assert (
        client_of(cast["sora.relay"])
        .get(reverse("switching:upload-work-list", args=["judgements", "csv"]))
        .content.count(b"\n")
        == 1
    )


def test_rows_outside_a_colleagues_area_are_not_shown(play, cast, client_of, now):
    here, there = ready(play, 1), ready(play, 1, area="06")
    rows = [relay_row(here[0]), relay_row(there[0], losing_retailer="UM1E6")]
    upload = send("relays", csv_of(rows), by=cast["sora.relay"], now=now)
    narrow = client_of(person(cast.sora, "sora.kansai", roles=[people.Hold("relay", "06")]))
    page = text(narrow.get(reverse("switching:upload", args=[upload.pk])))
    assert rows[1]["reference"] in page and rows[0]["reference"] not in page


def test_the_list_and_the_page_cost_the_same_whatever_the_size(play, clerk, sora_relay, now):
    counts = []
    for size in (1, 3):
        upload = send("relays", csv_of([relay_row(point) for point in ready(play, size)]), by=sora_relay, now=now)
        uploads.confirm(upload.pk, again=True, by=sora_relay, now=now)
        work_off(upload, now=now)
        with CaptureQueriesContext(connection) as queries:
            clerk.get(reverse("switching:upload", args=[upload.pk]))
            clerk.get(reverse("switching:uploads"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_opening_a_relay_by_the_losing_retailer_ends_its_recall(play, cast, client_of, now):
    [point] = ready(play, 1)
    upload = send("relays", csv_of([relay_row(point)]), by=cast["sora.relay"], now=now)
    uploads.confirm(upload.pk, by=cast["sora.relay"], now=now)
    work_off(upload, now=now)
    relay = Relay.objects.get()
    client_of(cast["sora.relay"]).get(reverse("switching:relay", args=[relay.number]))
    assert not relay.sights.exists()
    client_of(cast["umi.relay"]).get(reverse("switching:relay", args=[relay.number]))
    assert relay.sights.get().company == cast.umi
    uploads.recall(upload.pk, by=cast["sora.relay"], now=now)
    while uploads.carry_back(upload.pk, now=now):
        pass
    page = text(client_of(cast["sora.relay"]).get(reverse("switching:upload", args=[upload.pk])))
    assert "相手方が2026-04-01 10:00に開いた" in page


def test_a_checked_file_waits_in_the_inbox(play, clerk, sora_relay, now):
    send("relays", csv_of([relay_row(point) for point in ready(play, 1)]), by=sora_relay, now=now)
    assert "確認済みの一括ファイル" in text(clerk.get("/"))
