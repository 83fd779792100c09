"""Usage files by the API: handed in once, watched, refused rows got back, corrected and handed in again, settled."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from metering import intake
from metering.models import UsageFile
from portal import api_clients, companies, scanning
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from tests import calling
from tests.cast import NOW, make_points, person
from tests.metering.delivering import block_of, csv_of, stored, zip_of

pytestmark = pytest.mark.usefixtures("own_folder", "clock")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3)


@pytest.fixture
def api(cast):
    return calling.caller(cast, "kaze", "usage")


def hand_in(api, content: bytes, name: str = "day.csv", **more):
    return api.send("/usage-files", {"file": SimpleUploadedFile(name, content)}, **more)


def content(answer) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("kind", ["csv", "bp"])
def test_a_file_is_handed_in_read_and_told(cast, houses, api, kind):
    name, sent = zip_of(block_of(houses)) if kind == "bp" else ("day.csv", csv_of(block_of(houses)))
    answer = hand_in(api, sent, name)
    told = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/usage-files/{told['id']}"
    assert (told["state"], told["size"], told["problem"]) == ("waiting", len(sent), "")
    intake.take_in(told["id"], now=NOW)
    told = api.get(f"/usage-files/{told['id']}").json()
    assert (told["state"], told["rows_taken"], told["rows_refused"]) == ("taken_in", 3, 0)
    assert stored() == 3
    [listed] = api.get(f"/usage-files?state=taken_in&sha256={told['sha256']}").json()["items"]
    assert listed["id"] == told["id"]


def test_the_same_content_is_received_once(cast, houses, api):
    sent = csv_of(block_of(houses))
    first, again = hand_in(api, sent), hand_in(api, sent, "other-name.csv")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] and UsageFile.objects.count() == 1


def test_a_repeated_request_is_answered_as_the_first(cast, houses, api):
    sent = csv_of(block_of(houses))
    first, again = (hand_in(api, sent, key="night-1") for _ in range(2))
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true") and first.json() == again.json()


def test_refused_rows_come_back_corrected_and_handed_in_alone(cast, houses, api):
    good = csv_of(block_of(houses))
    head, first, *rest = good.splitlines(keepends=True)
    wrong = first.replace(houses[0].number.encode(), b"0399999999999999999999")
    made = hand_in(api, head + wrong + b"".join(rest)).json()
    intake.take_in(made["id"], now=NOW)
    page = api.get(f"/usage-files/{made['id']}/refused-rows").json()
    [row] = page["items"]
    assert row["line"] == 2 and row["code"] == "point_unknown" and "0399999999999999999999" in row["raw"]
    assert row["reason"] and page["next_cursor"] is None
    [open_file] = api.get("/usage-files?open=true").json()["items"]
    assert open_file["id"] == made["id"] and open_file["rows_refused"] == 1
    back = content(api.get(f"/usage-files/{made['id']}/refused-rows/content"))
    corrected = back.replace(b"0399999999999999999999", houses[0].number.encode())
    again = hand_in(api, corrected, "corrected.csv").json()
    intake.take_in(again["id"], now=NOW)
    assert api.get(f"/usage-files/{again['id']}").json()["rows_taken"] == 1 and stored() == 3
    settled = api.post(f"/usage-files/{made['id']}/settlement").json()
    assert settled["settled_at"] and api.get("/usage-files?open=true").json()["items"] == []
    assert {file["id"] for file in api.get("/usage-files?open=false").json()["items"]} == {made["id"], again["id"]}


def test_what_is_no_usage_file_is_refused_with_its_sentence_and_kept_nowhere(cast, api):
    problem = calling.refused(hand_in(api, b"hello", "letter.pdf"), 422, "usage_files.not_a_usage_file")
    assert problem["reason"] == "name_kind" and "letter.pdf" in problem["detail"]
    calling.refused(hand_in(api, b"", "day.csv"), 422, "usage_files.not_a_usage_file")
    assert not UsageFile.objects.exists()


def test_without_a_scanner_nothing_is_kept(cast, houses, api, monkeypatch):
    def away(*_given, **_named):
        raise scanning.Unscanned

    monkeypatch.setattr(scanning, "scan", away)
    calling.refused(hand_in(api, csv_of(block_of(houses))), 503, "usage_files.not_scanned")
    assert not UsageFile.objects.exists()


def test_another_operator_finds_nothing_and_a_retailer_sends_nothing(cast, houses, api):
    made = hand_in(api, csv_of(block_of(houses))).json()
    parts = [TakesPart(MarketRole.NETWORK_OPERATOR, Area.KYUSHU, "NAM19")]
    nami = companies.register(name="波送配電", participations=parts, by=None, now=NOW)
    by = person(nami, "nami.administrator", roles=["administrator"])
    other = calling.Caller(*api_clients.register(name="連携", roles=["usage"], by=by, now=NOW))
    for path in ("", "/refused-rows", "/refused-rows/content"):
        assert other.get(f"/usage-files/{made['id']}{path}").status_code == 404
    calling.refused(other.post(f"/usage-files/{made['id']}/settlement"), 404, "api.not_found")
    assert other.get("/usage-files").json()["items"] == []
    assert hand_in(calling.caller(cast, "umi", "usage"), csv_of(block_of(houses))).status_code == 403
