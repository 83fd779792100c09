"""The pages around certificates, and the operators' tables of them."""

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal import certificate_requests, four_eyes
from portal.models import Certificate, CertificateRequest, Proposal, TrustedAuthority
from tests.cast import NOW, client_of
from tests.portal.certificate_tools import TODAY, WRONG, asked, issued, new_csr, outside_authority


def test_from_the_request_to_the_revoked_certificate_on_the_pages(cast, clerk, admin):
    mine, office = client_of(clerk), client_of(admin)
    page = mine.get("/certificates/new/").content.decode()
    assert "openssl req -new" in page and "/O=空でんき/" in page
    answer = mine.post(
        "/certificates/new/",
        {"purpose": "web", "terminal": "机12", "way": "csr", "csr_file": SimpleUploadedFile("a.csr", new_csr())},
    )
    request = CertificateRequest.objects.get()
    assert answer.url == f"/certificates/requests/{request.pk}/"
    assert 'value="withdraw"' in mine.get(answer.url).content.decode()
    assert 'value="approve"' not in mine.get(answer.url).content.decode()
    assert 'value="approve"' in office.get(answer.url).content.decode()
    office.post(f"{answer.url}decision/", {"deed": "approve"})
    certificate = Certificate.objects.get()
    listed = mine.get("/certificates/").content.decode()
    assert "机12" in listed and certificate.serial in listed
    chain = mine.get(f"/certificates/{certificate.pk}/certificate.pem")
    assert len(x509.load_pem_x509_certificates(chain.content)) == 3
    revocation = f"/certificates/{certificate.pk}/revocation/"
    assert mine.post(revocation, {"reason": ""}).status_code == 422
    assert mine.post(revocation, {"reason": "盗難"}).status_code == 302
    assert "盗難" in office.get(f"/certificates/{certificate.pk}/").content.decode()


def test_the_passphrase_is_shown_once(clerk, admin):
    request = asked(clerk, way="bundle")
    certificate_requests.approve(request, by=admin, now=NOW)
    browser = client_of(clerk)
    page = browser.post(f"/certificates/requests/{request.pk}/collection/")
    assert page.status_code == 200 and page["Cache-Control"] == "no-store"
    passphrase = page.content.decode().partition('id="passphrase" translate="no">')[2].partition("<")[0]
    certificate = Certificate.objects.get()
    file = browser.post(f"/certificates/{certificate.pk}/certificate.p12")
    assert pkcs12.load_key_and_certificates(file.content, passphrase.encode())[0]
    again = browser.post(f"/certificates/{certificate.pk}/certificate.p12")
    assert again.status_code == 302
    assert browser.post(f"/certificates/requests/{request.pk}/collection/").status_code == 302


@pytest.mark.parametrize("what", WRONG)
def test_every_wrong_request_gets_a_sentence_on_the_page(clerk, what):
    make, _name = WRONG[what]
    answer = client_of(clerk).post(
        "/certificates/new/",
        {"purpose": "web", "terminal": "d", "way": "csr", "csr_file": SimpleUploadedFile("a.csr", make())},
    )
    page = answer.content.decode()
    assert answer.status_code == 422 and "error-summary" in page and 'id="id_csr_file_error"' in page


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"purpose": "x", "terminal": "d", "way": "csr"},
        {"purpose": "web", "terminal": "\x00", "way": "bundle"},
        {"purpose": "web", "terminal": "d", "way": "csr", "csr_text": "\x00" * 50},
        {"purpose": "web", "terminal": "d", "way": "csr", "csr_text": "-----BEGIN" * 4000},
        {"purpose": "web", "terminal": "d", "way": "csr", "csr_text": "🙂"},
    ],
)
def test_no_typed_input_is_an_error_of_the_portal(clerk, data):
    assert client_of(clerk).post("/certificates/new/", data).status_code == 422


def test_an_upload_of_10_megabytes_gets_a_sentence(clerk, admin):
    for address, field, who in (("new", "csr_file", clerk), ("registration", "certificate", admin)):
        content = SimpleUploadedFile("big.csr", b"x" * 10_000_000)
        if address == "registration":
            TrustedAuthority.objects.create(
                name="x", pem="x", subject="x", sha256="0" * 64, not_after=NOW, proposed_by=clerk, proposed_at=NOW,
                confirmed_by=admin, confirmed_at=NOW,
            )  # fmt: skip
        answer = client_of(who).post(
            f"/certificates/{address}/", {"purpose": "web", "terminal": "d", "way": "csr", field: content}
        )
        assert answer.status_code == 422 and "32" in answer.content.decode(), address


def test_a_colleague_sees_only_what_is_their_own(cast, clerk, admin):
    certificate = certificate_requests.approve(asked(clerk), by=admin, now=NOW)
    request = asked(clerk, terminal="机13")
    colleague, office = client_of(cast["sora.usage"]), client_of(admin)
    for address in (f"/certificates/{certificate.pk}/", f"/certificates/requests/{request.pk}/"):
        assert colleague.get(address).status_code == 404
        assert office.get(address).status_code == 200
    assert "机1" not in colleague.get("/certificates/").content.decode()


def test_the_lists_cost_the_same_at_one_and_three(clerk, admin):
    browser = client_of(admin)
    counts = []
    for at in (0, 1, 2):
        issued(admin, terminal=f"desk {at}")
        asked(clerk, terminal=f"desk {at}")
        browser.get("/certificates/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get("/certificates/")
        counts.append(len(queries))
    assert counts[0] == counts[2]


def test_a_number_from_openssl_is_found(admin):
    certificate = issued(admin)
    typed = ":".join(f"{int(certificate.serial, 16):040X}"[at : at + 2] for at in range(0, 40, 2))
    page = client_of(admin).get("/certificates/", {"serial": typed}).content.decode()
    assert certificate.serial in page


def test_chain_and_revocation_list_are_public(db):
    assert b"BEGIN CERTIFICATE" in Client().get("/certificates/authority.pem").content
    assert b"BEGIN X509 CRL" in Client().get("/certificates/revoked.pem").content


def test_a_site_without_authority_publishes_none(db, settings):
    settings.BUILT_IN_AUTHORITY = False
    assert Client().get("/certificates/authority.pem").status_code == 404


def test_the_operators_tables(cast, admin, second_operator, tmp_path):
    bench = "/workbench/portal"
    outside = outside_authority(tmp_path / "outside")
    with time_machine.travel(TODAY, tick=False):
        first, second = client_of(cast["hub.operator"]), client_of(second_operator)
        refused = first.post(
            f"{bench}/trustedauthority/add/", {"name": "x", "file": SimpleUploadedFile("a", b"nonsense")}
        )
        assert refused.status_code == 200 and not TrustedAuthority.objects.exists()
        added = first.post(
            f"{bench}/trustedauthority/add/", {"name": "Outside", "file": SimpleUploadedFile("a", outside.pem)}
        )
        assert added.status_code == 302
        row = TrustedAuthority.objects.get()
        four_eyes.confirm(Proposal.objects.get(), by=second_operator, now=TODAY)
        second.post(f"{bench}/trustedauthority/", {"action": "end_trust", "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert row.ended_at
        certificate = issued(admin, now=TODAY)
        for table, key in (("trustedauthority", row.pk), ("certificate", certificate.pk)):
            for who in ("hub.operator", "hub.helpdesk", "hub.auditor"):
                assert client_of(cast[who]).get(f"{bench}/{table}/").status_code == 200
                assert client_of(cast[who]).get(f"{bench}/{table}/{key}/change/").status_code == 200
        assert first.get(f"{bench}/certificaterequest/").status_code == 200
        chosen = {"action": "revoke", "_selected_action": [certificate.pk]}
        client_of(cast["hub.helpdesk"]).post(f"{bench}/certificate/", chosen)
        certificate.refresh_from_db()
        assert certificate.revoked_at is None
        first.post(f"{bench}/certificate/", chosen)
        certificate.refresh_from_db()
        assert certificate.revoked_at
