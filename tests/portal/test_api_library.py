"""Documents, announcements and certificates by the API: what is meant for the company, and what a program asked for."""

from datetime import date, timedelta

import pytest
import time_machine

from portal import announcements, authority, certificate_requests, certificates, documents
from portal.models import Event, LedgerEntry
from tests import calling
from tests.cast import NOW
from tests.portal import certificate_tools, desk

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(LATER, tick=False) as travelling:
        yield travelling


@pytest.fixture
def api(cast):
    return calling.caller(cast, "sora", "viewer")


def problem(answer, status, code):
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    return said


# --- Documents ------------------------------------------------------------------------------------------------------
def test_a_document_is_found_by_its_words_and_fetched_with_its_hash(cast, api) -> None:
    desk.enter(cast, "participants", title="接続検討様式", title_en="Grid form", summary="様式")
    desk.enter(cast, "public", title="業務規程", published_on=date(2026, 5, 1))
    [row] = api.get("/documents?words=様式").json()["items"]
    assert row["title_en"] == "Grid form" and len(api.get("/documents").json()["items"]) == 1, "not published yet"
    document = api.get(f"/documents/{row['id']}").json()
    [version] = document["versions"]
    fetched = api.get(version["content"])
    assert document["is_open"] and b"".join(fetched.streaming_content) == desk.PDF
    assert version["size"] == len(desk.PDF) and fetched["Content-Type"] == "application/pdf"


def test_a_document_given_out_on_application_opens_with_the_operators_yes(cast, api) -> None:
    document = desk.enter(cast, "on_application")
    location = f"/documents/{document.pk}"
    content = api.get(location).json()["versions"][0]["content"]
    problem(api.get(content), 404, "api.not_found")
    problem(api.post(f"{location}/application", {"purpose": " "}), 422, "api.entries_wrong")
    asked = api.post(f"{location}/application", {"purpose": "接続検討"})
    assert asked.status_code == 201 and asked.json()["application"]["state"] == "waiting"
    problem(api.post(f"{location}/application", {"purpose": "接続検討"}), 409, "documents.already_asked")
    documents.decide(document.requests.get().pk, grant=True, by=cast["hub.operator"], now=LATER)
    event = Event.objects.get(kind="document.grant")
    assert api.get(event.resource).json()["is_open"]
    assert b"".join(api.get(content).streaming_content) == desk.PDF
    assert LedgerEntry.objects.filter(action="document.collect", user=api.client.user).exists()
    problem(api.post(f"{location}/application", {"purpose": "再度"}), 409, "documents.nothing_to_ask")
    assert calling.caller(cast, "umi", "viewer").get(location).json()["application"] is None


# --- Announcements --------------------------------------------------------------------------------------------------
def test_announcements_are_those_to_the_own_company(cast, api) -> None:
    desk.announce(cast, market_role="network_operator")
    over = desk.announce(cast, title="過去", shown_until=NOW + timedelta(minutes=1))
    now = desk.announce(cast, by_mail=True, area="03")
    announcements.mail_due(now=LATER)
    assert [row["id"] for row in api.get("/announcements").json()["items"]] == [now.pk, over.pk]
    assert [row["id"] for row in api.get("/announcements?current=true").json()["items"]] == [now.pk]
    assert [row["id"] for row in api.get("/announcements?current=false").json()["items"]] == [over.pk]
    event = Event.objects.get(kind="announcement.begin", recipient=cast.sora)
    assert api.get(event.resource).json()["title"] == "計画停止"


# --- Certificates ---------------------------------------------------------------------------------------------------
def test_a_program_renews_its_certificate_with_a_key_of_its_own(cast, settings, tmp_path) -> None:
    settings.AUTHORITY_DIR = tmp_path / "authority"
    api = calling.caller(cast, "sora", "usage")
    key = certificate_tools.new_key()
    entries = {"terminal": "集信1", "purpose": "api", "csr": certificate_tools.new_csr("空でんき", key=key).decode()}
    asked = api.post("/certificate-requests", entries)
    assert asked.status_code == 201 and asked.json()["certificate"] == ""
    problem(api.post("/certificate-requests", entries), 409, "certificates.key_used_already")
    request = certificates.CertificateRequest.objects.get(pk=asked.json()["id"])
    issued = certificate_requests.approve(request, by=cast["sora.administrator"], now=LATER)
    assert issued and api.get(asked["Location"]).json()["certificate"] == issued.pem
    event = Event.objects.get(kind="certificate.issue")
    found = api.get(event.resource).json()
    above = authority.built_in(now=LATER)
    assert found["pem"] == issued.pem + (authority.pem(above.issuing) + authority.pem(above.root)).decode()
    assert [row["id"] for row in api.get("/certificates").json()["items"]] == [issued.pk]
    problem(api.post(f"{asked['Location']}/withdrawal"), 409, "certificates.decided_already")
    problem(calling.caller(cast, "sora", "usage").get(event.resource), 404, "api.not_found")


def test_a_program_takes_its_own_request_back(cast, api) -> None:
    entries = {"terminal": "集信1", "purpose": "api", "csr": certificate_tools.new_csr("空でんき").decode()}
    asked = api.post("/certificate-requests", entries)
    assert api.post(f"{asked['Location']}/withdrawal").json()["state"] == "withdrawn"
    theirs = certificate_tools.asked(cast["sora.administrator"])
    problem(api.get(f"/certificate-requests/{theirs.pk}"), 404, "api.not_found")
