"""Past usage by the API: asked for with what proves the consent, corrected, opened with the code, read and noted."""

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from metering import access_codes, access_corrections, supply
from metering.models import Contract, UsageAccessRequest, UsageInquiry
from metering.supply import Renewal
from portal import scanning
from portal.models import Event, LedgerEntry
from portal.people import Hold
from tests import calling
from tests.cast import NOW
from tests.metering.asking import ask_for_usage, slip
from tests.metering.test_past_usage import NEXT_DAY, used

DAY = NEXT_DAY.date() - timedelta(days=2)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travelling:
        yield travelling


@pytest.fixture
def api(cast, clock):
    return calling.caller(cast, "sora", "inquiry")


@pytest.fixture
def consent(api):
    entries = {"reference": "REC-7", "channel": "web", "purpose": "quote", "obtained_on": "2026-04-01"}
    return api.post("/consents", entries).json()["id"]


def told(point, consent, **changes):
    held = Contract.objects.filter(point=point).latest("pk")
    return {
        "number": point.number,
        "consent": consent,
        "contract_number": held.number,
        "holder_name": held.holder_name,
        "holder_kana": held.holder_kana,
        "holder_address": held.holder_address,
        "valid_days": 7,
    } | changes


def code_of(answer, status, code):
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    return said


def scanned_harmful(file):
    raise scanning.Infected("Eicar")


def not_scanned(file):
    raise scanning.Unscanned("no answer")


def test_from_asking_to_the_half_hours_without_a_page(api, consent, cast, points, clock) -> None:
    used(cast, points.house, DAY)
    answer = api.send("/usage-access-requests", told(points.house, consent, file=slip()))
    asked = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/usage-access-requests/{asked['id']}"
    assert (asked["state"], asked["due_on"], asked["code"]) == ("waiting", "2026-04-02", "")
    fetched = api.get(f"{answer['Location']}/evidence")
    assert b"".join(fetched.streaming_content) == b"%PDF-1.4 consent" and fetched["Content-Type"] == "application/pdf"
    assert LedgerEntry.objects.get(action="evidence.read").detail["sha256"] == asked["evidence"]["sha256"]

    access_codes.issue_due(now=NEXT_DAY)
    clock.move_to(NEXT_DAY)
    event = Event.objects.get(kind="access_code.issue")
    issued = api.get(event.resource).json()
    assert issued["state"] == "issued" and len(issued["code"]) == 14
    read = LedgerEntry.objects.filter(action="usage access read").latest("pk")
    assert (read.purpose, read.user) == ("quote", api.client.user)

    opened = api.post("/usage-inquiries", {"number": points.house.number, "code": issued["code"]})
    assert opened.status_code == 201 and opened.json()["request"] == asked["id"]
    months = api.get(opened["Location"]).json()
    assert months["first"] == "2025-04-01" and months["last"] == "2026-04-01" and len(months["months"]) == 13
    found = api.get(f"{opened['Location']}/half-hours?first={DAY}&last={DAY}").json()
    [day] = found["days"]
    assert (day["day"], day["values"], set(day["quality"])) == (DAY.isoformat(), [100] * 48, {"measured"})
    assert len(api.get(f"{opened['Location']}/half-hours").json()["days"]) == 366
    lines = b"".join(api.get(f"{opened['Location']}/half-hours.csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(lines)))
    assert len(rows) == 366 * 48 and {row["kwh"] for row in rows if row["day"] == DAY.isoformat()} == {"0.100"}
    reads = LedgerEntry.objects.filter(action="usage inquiry").order_by("pk")
    assert [(read.purpose, read.detail["way"]) for read in reads] == [
        ("quote", "api"),
        ("quote", "api half-hours"),
        ("quote", "api half-hours"),
        ("quote", "api csv"),
    ]
    assert api.get(event.resource).json()["uses"] == [{"id": opened.json()["id"], "at": opened.json()["at"]}]


def test_without_a_file_the_request_is_plain_json(api, consent, points) -> None:
    answer = api.post("/usage-access-requests", told(points.house, consent))
    assert answer.status_code == 201 and answer.json()["evidence"] is None
    code_of(api.get(f"{answer['Location']}/evidence"), 404, "api.not_found")


@pytest.mark.parametrize(
    ("file", "scanner", "status", "code"),
    [
        (SimpleUploadedFile("a.pdf", b""), None, 422, "files.empty"),
        (SimpleUploadedFile("a.exe", b"MZ"), None, 422, "files.unknown_kind"),
        (SimpleUploadedFile("a.pdf", b"MZ"), None, 422, "files.other_content"),
        (SimpleUploadedFile("a.pdf", b"%PDF-" + b"x" * 100), None, 413, "files.too_large"),
        (SimpleUploadedFile("a.pdf", b"%PDF-"), scanned_harmful, 422, "files.infected"),
        (SimpleUploadedFile("a.pdf", b"%PDF-"), not_scanned, 503, "files.not_scanned"),
    ],
)
def test_a_file_that_is_not_kept_says_why_and_nothing_is_asked(
    api, consent, points, settings, file, scanner, status, code
) -> None:
    settings.ATTACHMENT_MAX_BYTES = 50
    settings.UPLOAD_SCANNER = f"{scanner.__module__}.{scanner.__name__}" if scanner else ""
    file.seek(0)
    answer = api.send("/usage-access-requests", told(points.house, consent, file=file))
    said = code_of(answer, status, code)
    assert said["errors"][0]["pointer"] == "/file" and not UsageAccessRequest.objects.exists()
    assert (status != 503) or answer["Retry-After"] == "120"


def test_the_same_upload_with_the_same_key_is_one_request(api, consent, points) -> None:
    first, again = (
        api.send("/usage-access-requests", told(points.house, consent, file=slip()), key="k1") for _each in range(2)
    )
    assert first.json() == again.json() and again["Idempotent-Replayed"] == "true"
    other = SimpleUploadedFile("slip.pdf", b"%PDF-1.4 another")
    answer = api.send("/usage-access-requests", told(points.house, consent, file=other), key="k1")
    code_of(answer, 422, "api.key_used_otherwise")


def test_a_second_request_waits_for_the_first_and_a_cancelled_one_is_over(api, consent, points) -> None:
    location = api.post("/usage-access-requests", told(points.house, consent))["Location"]
    said = code_of(api.post("/usage-access-requests", told(points.house, consent)), 409, "usage_access.waits_already")
    assert "2026-04-02" in said["detail"]
    assert api.post(f"{location}/cancellation").json()["state"] == "cancelled"
    code_of(api.post(f"{location}/cancellation"), 409, "usage_access.not_waiting")
    said = code_of(
        api.post("/usage-access-requests", told(points.house, consent, holder_name="　")), 422, "api.entries_wrong"
    )
    assert said["errors"][0]["pointer"] == "/holder_name"


def test_a_request_is_corrected_from_the_state_that_was_read(api, consent, points) -> None:
    location = api.post("/usage-access-requests", told(points.house, consent, contract_number="wrong"))["Location"]
    right = {name: told(points.house, consent)[name] for name in access_corrections.FIELDS}
    code_of(api.put(location, right), 428, "api.state_not_named")
    tag = api.get(location)["ETag"]
    checked = api.put(location, right | {"dry_run": True}, headers={"If-Match": tag}).json()
    assert checked["is_possible"] and api.get(location)["ETag"] == tag
    changed = api.put(location, right, headers={"If-Match": tag})
    assert changed.json()["corrections"][0]["changed"] == ["contract_number"]
    code_of(api.put(location, right, headers={"If-Match": tag}), 412, "api.state_has_changed")
    same = {"If-Match": changed["ETag"]}
    code_of(api.put(location, right, headers=same), 422, "usage_access.nothing_corrected")
    checked = api.put(location, right | {"dry_run": True}, headers=same).json()
    assert (checked["is_possible"], checked["problem"]["code"]) == (False, "usage_access.nothing_corrected")


def test_a_wrong_code_is_counted_although_it_is_refused(api, points) -> None:
    for _each in range(3):
        said = code_of(
            api.post("/usage-inquiries", {"number": points.house.number, "code": "000000000000"}),
            *(422, "usage_inquiries.no_such_code"),
        )
        assert said["errors"][0]["pointer"] == "/code"
    answer = api.post("/usage-inquiries", {"number": points.house.number, "code": "000000000000"})
    code_of(answer, 429, "usage_inquiries.too_many_wrong_codes")
    assert answer["Retry-After"] == "3600"
    assert LedgerEntry.objects.filter(action="usage inquiry refused").count() == 4


def test_what_was_opened_closes_with_the_code_and_with_the_holder(cast, api, points, clock) -> None:
    asked = ask_for_usage(cast["sora.inquiry"], points.house, now=NOW)
    access_codes.issue_due(now=NEXT_DAY)
    asked.refresh_from_db()
    clock.move_to(NEXT_DAY)
    entries = {"number": points.house.number, "code": access_codes.code_of(asked)}
    location = api.post("/usage-inquiries", entries)["Location"]
    clock.move_to(NEXT_DAY + timedelta(days=7))
    code_of(api.get(location), 410, "usage_inquiries.code_expired")
    code_of(api.post("/usage-inquiries", entries), 410, "usage_inquiries.code_expired")
    clock.move_to(NEXT_DAY)
    supply.renew(
        [
            Renewal(
                point_id=points.house.pk,
                retailer_id=cast.umi.pk,
                from_date=NEXT_DAY.date(),
                holder_name="別人 次郎",
                holder_kana="ベツジン ジロウ",
                holder_address="東京都",
                is_new_holder=True,
            )
        ],
        now=NEXT_DAY,
    )
    for part in ("", "/half-hours", "/half-hours.csv"):
        code_of(api.get(location + part), 409, "usage_inquiries.holder_changed")
    assert UsageInquiry.objects.count() == 1


def test_a_colleague_of_another_area_sees_no_request(cast, api, consent, points) -> None:
    location = api.post("/usage-access-requests", told(points.house, consent))["Location"]
    elsewhere = calling.caller(cast, "sora", Hold("inquiry", "06", ""))
    code_of(elsewhere.get(location), 404, "api.not_found")
    assert elsewhere.get("/usage-access-requests").json()["items"] == []
    assert len(api.get("/usage-access-requests?state=waiting&valid=false").json()["items"]) == 1
