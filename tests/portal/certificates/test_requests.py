"""Certificates asked for, approved or refused, and handed out as PKCS#12."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from portal import certificate_files, certificate_requests, certificates
from portal.certificates import Standing
from portal.models import CertificateRequest, LedgerEntry, Notice
from tests.cast import NOW, person
from tests.portal.certificate_tools import (
    WRONG,
    approved,
    asked,
    collected,
    issued,
    new_csr,
    new_key,
    openssl,
    standing,
)

State = CertificateRequest.State


def test_a_request_of_ones_own_key_is_issued_on_approval(clerk, admin, tmp_path):
    request = asked(clerk)
    assert request.state == State.WAITING and request.environment == "test"
    certificate = certificate_requests.approve(request, by=admin, now=NOW)
    request.refresh_from_db()
    assert request.state == State.ISSUED and request.decided_by == admin
    assert certificate.company == clerk.company and certificate.key_sha256 == request.key_sha256
    assert certificate.not_after - NOW == timedelta(days=730)
    (tmp_path / "leaf.pem").write_text(certificate.pem)
    root, issuing = tmp_path / "authority/root.pem", tmp_path / "authority/issuing.pem"
    moment = ["-attime", str(int(NOW.timestamp()))]
    openssl("verify", *moment, "-purpose", "sslclient", "-CAfile", root, "-untrusted", issuing, tmp_path / "leaf.pem")
    actions = LedgerEntry.objects.filter(subject__startswith="certificate").values_list("action", flat=True)
    assert set(actions) == {"certificate requested", "certificate request approved", "certificate issued"}
    assert list(Notice.objects.order_by("number").values_list("kind", flat=True)) == [
        "certificate_requested",
        "certificate_issued",
    ]


def test_the_certificate_says_what_the_hub_says_not_what_the_request_asked(clerk, admin):
    csr = new_csr(more=("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil.example"))
    certificate = certificate_requests.approve(asked(clerk, csr=csr, terminal="机12"), by=admin, now=NOW)
    read = x509.load_pem_x509_certificate(certificate.pem.encode())
    assert read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    with pytest.raises(x509.ExtensionNotFound):
        read.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert "CN=机12" in certificate.subject and "O=空でんき" in certificate.subject


@pytest.mark.parametrize("kind", ["EC:P-256", "EC:P-384", "EC:P-521", "RSA:2048"])
def test_strong_keys_are_taken(clerk, kind):
    assert asked(clerk, csr=new_csr(key=new_key(kind))).pk


def test_a_request_may_be_binary(clerk, tmp_path):
    (tmp_path / "a.pem").write_bytes(new_csr())
    content = openssl("req", "-in", tmp_path / "a.pem", "-outform", "DER")
    assert asked(clerk, csr=content).csr.startswith("-----BEGIN CERTIFICATE REQUEST")


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_request_has_its_own_refusal(clerk, what):
    make, name = WRONG[what]
    content = make()
    with pytest.raises(getattr(certificate_files, name)) as refused:
        certificate_requests.ask(purpose="web", terminal="desk", way="csr", csr=content, by=clerk, now=NOW)
    assert str(refused.value) and not CertificateRequest.objects.exists()


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_no_damage_to_a_request_breaks_more_than_its_reading(clerk, cut):
    content = bytearray(x509.load_pem_x509_csr(_STEADY_CSR).public_bytes(Encoding.DER))
    content[cut % len(content)] ^= 0x55
    with pytest.raises(certificate_files.Refused):
        certificate_files.read_request(bytes(content), organisations=["空でんき"])


_STEADY_CSR = new_csr()


def test_a_certificate_is_told_from_a_request(clerk, admin):
    certificate = issued(admin)
    with pytest.raises(certificate_files.IsACertificate):
        asked(clerk, csr=certificate.pem.encode())
    with pytest.raises(certificate_files.IsARequest):
        certificate_files.read_certificate(new_csr())


def test_a_key_serves_once(clerk, admin):
    key = new_key()
    certificate_requests.approve(asked(clerk, csr=new_csr(key=key)), by=admin, now=NOW)
    with pytest.raises(certificates.KeyUsedAlready):
        asked(clerk, csr=new_csr(key=key), terminal="机13")


@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "a\x07b"])
def test_a_terminal_has_a_name(clerk, name):
    with pytest.raises(certificates.BadTerminal):
        asked(clerk, terminal=name)


def test_somebody_without_a_role_asks_for_nothing(cast):
    with pytest.raises(certificates.NotAllowed):
        asked(person(cast.sora, "sora.nothing", roles=[]), way="bundle")


def test_a_company_cannot_pile_up_requests(clerk):
    for at in range(certificate_requests.MOST_WAITING):
        asked(clerk, way="bundle", terminal=f"desk {at}")
    with pytest.raises(certificate_requests.TooManyWaiting):
        asked(clerk, way="bundle")


def test_a_site_without_authority_issues_nothing(clerk, settings):
    settings.BUILT_IN_AUTHORITY = False
    with pytest.raises(certificate_requests.NoneIssuedHere):
        asked(clerk)


def test_only_the_own_companys_administrator_decides(cast, clerk, admin):
    request = asked(clerk)
    for other in ("sora.relay", "umi.administrator", "hub.operator"):
        with pytest.raises(certificates.NotAllowed):
            certificate_requests.approve(request, by=cast[other], now=NOW)
        with pytest.raises(certificates.NotAllowed):
            certificate_requests.refuse(request, reason="no", by=cast[other], now=NOW)
    certificate_requests.refuse(request, reason="no such terminal", by=admin, now=NOW)
    with pytest.raises(certificate_requests.DecidedAlready):
        certificate_requests.approve(request, by=admin, now=NOW)


def test_a_refusal_has_a_reason(clerk, admin):
    with pytest.raises(certificates.ReasonMissing):
        certificate_requests.refuse(asked(clerk), reason=" \n", by=admin, now=NOW)


def test_only_who_asked_withdraws_and_only_before_the_decision(cast, clerk, admin):
    request = asked(clerk)
    with pytest.raises(certificate_requests.NotYours):
        certificate_requests.withdraw(request, by=admin, now=NOW)
    certificate_requests.withdraw(request, by=clerk, now=NOW)
    with pytest.raises(certificate_requests.DecidedAlready):
        certificate_requests.withdraw(request, by=clerk, now=NOW)
    with pytest.raises(certificate_requests.DecidedAlready):
        certificate_requests.approve(request, by=admin, now=NOW)


def test_two_are_valid_at_once_and_a_third_is_refused(admin):
    first, second = issued(admin), issued(admin)
    assert standing(first) == standing(second) == Standing.VALID
    third = asked(admin)
    with pytest.raises(certificates.TwoAreValid):
        certificate_requests.approve(third, by=admin, now=NOW)
    certificates.revoke(first, reason="renewed", by=admin, now=NOW)
    assert certificate_requests.approve(third, by=admin, now=NOW)
    assert issued(admin, terminal="机13") and issued(admin, purpose="api")  # other terminals and purposes count apart


def test_the_pkcs12_file_opens_with_its_passphrase_and_is_handed_out_once(clerk, admin):
    request = asked(clerk, way="bundle")
    assert certificate_requests.approve(request, by=admin, now=NOW) is None
    with pytest.raises(certificate_requests.NotYours):
        certificate_requests.collect(request, by=admin, now=NOW)
    certificate, passphrase = certificate_requests.collect(request, by=clerk, now=NOW)
    assert len(passphrase) == 24 and passphrase not in str(LedgerEntry.objects.values_list("detail", flat=True))
    with pytest.raises(certificate_requests.NothingToCollect):
        certificate_requests.collect(request, by=clerk, now=NOW)
    with pytest.raises(certificate_requests.NotYours):
        certificate_requests.hand_out(certificate, by=admin, now=NOW)
    content = certificate_requests.hand_out(certificate, by=clerk, now=NOW)
    key, own, above = pkcs12.load_key_and_certificates(content, passphrase.encode())
    assert own.public_bytes(Encoding.PEM).decode() == certificate.pem and len(above) == 2
    assert key.public_key() == own.public_key()
    with pytest.raises(ValueError):
        pkcs12.load_key_and_certificates(content, b"wrong")
    with pytest.raises(certificate_requests.NothingToCollect):
        certificate_requests.hand_out(certificate, by=clerk, now=NOW)
    certificate.refresh_from_db()
    assert certificate.bundle is None


def test_an_approval_not_collected_can_be_taken_back(admin):
    request = approved(admin)
    certificate_requests.refuse(request, reason="left the company", by=admin, now=NOW)
    with pytest.raises(certificate_requests.NothingToCollect):
        certificate_requests.collect(request, by=admin, now=NOW)


def test_a_revocation_takes_an_uncollected_file_away(admin):
    certificate, _passphrase = collected(admin)
    certificates.revoke(certificate, reason="lost", by=admin, now=NOW)
    with pytest.raises(certificate_requests.NothingToCollect):
        certificate_requests.hand_out(certificate, by=admin, now=NOW)
