"""Evidence and statistics by the API: kept with its hash, fetched by its own company alone; figures as published."""

import hashlib
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.models import LedgerEntry
from portal.workdays import JST
from switching import statistics
from tests import calling
from tests.cast import NOW
from tests.switching.cases import Play

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PDF = b"%PDF-1.7 consent"


@pytest.fixture
def play(cast):
    return Play(cast, NOW)


@pytest.fixture
def api(cast):
    return calling.caller(cast, "sora", "relay")


def entries(content=PDF, name="同意.pdf", **changes):
    file = SimpleUploadedFile(name, content)
    return {"kind": "consent", "channel": "web", "obtained_on": "2026-04-01", "agent": "A-1", "file": file, **changes}


def problem(answer, status, code):
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    return said


@pytest.fixture(params=["relay", "disclosure"])
def address(request, play):
    if request.param == "relay":
        return f"/relays/{play.relay(play.point()).number}/evidence"
    return f"/disclosures/{play.disclosure(play.point()).pk}/evidence"


def test_a_file_is_attached_once_and_fetched_by_its_company(api, address) -> None:
    made = api.send(address, entries())
    said = made.json()
    assert made.status_code == 201 and said["sha256"] == hashlib.sha256(PDF).hexdigest() and said["name"] == "同意.pdf"
    fetched = api.get(said["content"])
    assert b"".join(fetched.streaming_content) == PDF and fetched["Content-Type"] == "application/pdf"
    assert LedgerEntry.objects.get(action="evidence.read").purpose == "download of evidence"
    assert api.get(made["Location"]).json() == said == api.get(address).json()["items"][0]
    problem(api.send(address, entries()), 409, "evidence.already_attached")


def test_what_is_wrong_with_a_file_or_its_day_is_said(api, address, settings) -> None:
    settings.EVIDENCE_FILES = 1
    problem(api.send(address, entries(obtained_on="2026-04-02")), 422, "evidence.given_in_future")
    problem(api.send(address, entries(content=b"")), 422, "files.empty")
    problem(api.send(address, entries(name="a.exe")), 422, "files.unknown_kind")
    said = problem(api.post(address, {"kind": "consent"}), 422, "api.entries_wrong")
    assert {"/file", "/channel", "/obtained_on"} == {wrong["pointer"] for wrong in said["errors"]}
    settings.EVIDENCE_MAX_BYTES = 10
    problem(api.send(address, entries()), 413, "files.too_large")
    settings.EVIDENCE_MAX_BYTES = 100
    assert api.send(address, entries()).status_code == 201
    problem(api.send(address, entries(content=PDF + b"2")), 409, "evidence.too_many")


def test_the_losing_retailer_reads_what_it_is_and_never_the_file(cast, api, play) -> None:
    number = play.relay(play.point()).number
    made = api.send(f"/relays/{number}/evidence", entries()).json()
    umi = calling.caller(cast, "umi", "relay")
    [seen] = umi.get(f"/relays/{number}/evidence").json()["items"]
    assert seen["sha256"] == made["sha256"] and seen["kind"] == "consent"
    assert {seen[name] for name in ("name", "agent", "content", "content_type", "size")} == {None}
    problem(umi.get(made["content"]), 404, "api.not_found")
    problem(umi.send(f"/relays/{number}/evidence", entries()), 404, "api.not_found")


def test_the_statistics_are_the_published_ones(cast, play, clock) -> None:
    play.relay(play.point())
    may = datetime(2026, 5, 1, 2, tzinfo=JST)
    statistics.count_days(now=may)
    clock.move_to(may)
    api = calling.caller(cast, "yama", "viewer")
    said = api.get("/statistics?area=03").json()
    [april] = said["counts"]
    assert said["counted_until"] == "2026-04-30" and (april["period"], april["others"]) == ("2026-04-01", 1)
    assert len(api.get("/statistics?step=week&first=2026-04-06&last=2026-04-12").json()["counts"]) == 10
    wrong = problem(api.get("/statistics?first=2026-05-01&last=2026-04-01"), 422, "api.entries_wrong")
    assert [error["parameter"] for error in wrong["errors"]] == ["last"]
    problem(api.get("/statistics?first=0001-01-01"), 422, "api.entries_wrong")
