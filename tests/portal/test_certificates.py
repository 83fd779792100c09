"""Client certificates: asked for, approved, issued, registered, reminded of, revoked; the pages around them."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal import (
    authority,
    certificate_files,
    certificate_requests,
    certificates,
    four_eyes,
    inbox,
    trusted_authorities,
)
from portal.certificates import Standing
from portal.models import (
    Certificate,
    CertificateRequest,
    Company,
    LedgerEntry,
    Notice,
    Proposal,
    TrustedAuthority,
)
from portal.workdays import JST
from tests.cast import NOW, client_of, person
from tests.portal.certificate_tools import (
    Outside,
    approved,
    asked,
    collected,
    issued,
    new_csr,
    new_key,
    openssl,
    outside_authority,
)

State = CertificateRequest.State
TODAY = datetime.now(JST) + timedelta(hours=1)  # openssl signs by the clock of the machine


@pytest.fixture(autouse=True)
def own_authority(tmp_path, settings) -> Path:
    """An authority of the test's own."""
    settings.AUTHORITY_DIR = tmp_path / "authority"
    return settings.AUTHORITY_DIR


@pytest.fixture
def admin(cast):
    return cast["sora.administrator"]


@pytest.fixture
def clerk(cast):
    return cast["sora.relay"]


@pytest.fixture
def second_operator(cast):
    return person(cast.hub, "hub.operator2", roles=["operator"])


def der(certificate: Certificate) -> bytes:
    return x509.load_pem_x509_certificate(certificate.pem.encode()).public_bytes(Encoding.DER)


def standing(certificate: Certificate, *, company=None, purpose="web", now=NOW, proven=True) -> Standing:
    return certificates.standing(
        der(certificate),
        is_chain_proven=proven,
        company_id=(company or certificate.company).pk,
        purpose=purpose,
        now=now,
    )


def trusted(outside: Outside, cast, second_operator, *, now=NOW) -> TrustedAuthority:
    row = trusted_authorities.propose(name="Outside", content=outside.pem, by=cast["hub.operator"], now=now)
    four_eyes.confirm(Proposal.objects.get(subject=f"authority {row.pk}"), by=second_operator, now=now)
    row.refresh_from_db()
    return row


# --- Asking -------------------------------------------------------------------------------------------------------
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


def a_tampered_request() -> bytes:
    other = x509.load_pem_x509_csr(new_csr()).public_bytes(Encoding.DER)
    content = bytearray(other)
    content[-1] ^= 1
    return bytes(content)


def a_key_of_exponent_3() -> bytes:
    return openssl(
        "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"
    )


WRONG = {
    "empty": (lambda: b"  \n", "EmptyFile"),
    "large": (lambda: b"x" * 32_001, "TooLarge"),
    "private key": (lambda: new_key() + new_csr(), "HoldsPrivateKey"),
    "weak": (lambda: new_csr(key=new_key("RSA:1024")), "WeakKey"),
    "small curve": (lambda: new_csr(key=new_key("EC:secp256k1")), "KeyOfAnotherKind"),
    "weak exponent": (lambda: new_csr(key=a_key_of_exponent_3()), "WeakExponent"),
    "edwards": (lambda: new_csr(key=new_key("ED25519")), "KeyOfAnotherKind"),
    "sha1": (lambda: new_csr(key=new_key("RSA:2048"), more=("-sha1",)), "BrokenHash"),
    "other company": (lambda: new_csr("海エナジー"), "WrongOrganisation"),
    "no organisation": (lambda: new_csr(subject="/CN=desk"), "WrongOrganisation"),
    "two organisations": (lambda: new_csr(subject="/O=空でんき/O=海エナジー/CN=desk"), "WrongOrganisation"),
    "no name": (lambda: new_csr(subject="/O=空でんき"), "NameMissing"),
    "tampered": (a_tampered_request, "NotSignedByItsKey"),
    "nonsense": (lambda: b"certificate please", "NotARequest"),
    "broken pem": (
        lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "NotARequest",
    ),
    "nul": (lambda: b"\x00" * 40, "NotARequest"),
}


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


# --- Deciding -----------------------------------------------------------------------------------------------------
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


# --- PKCS#12 ------------------------------------------------------------------------------------------------------
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


# --- Standing -----------------------------------------------------------------------------------------------------
def test_every_standing(cast, admin):
    certificate = issued(admin)
    assert standing(certificate) == Standing.VALID
    assert standing(certificate, company=cast.umi) == Standing.ELSEWHERE
    assert standing(certificate, purpose="api") == Standing.ELSEWHERE
    assert standing(certificate, proven=False) == Standing.UNTRUSTED
    assert standing(certificate, now=NOW - timedelta(minutes=6)) == Standing.NOT_YET
    assert standing(certificate, now=certificate.not_after - timedelta(seconds=1)) == Standing.VALID
    assert standing(certificate, now=certificate.not_after) == Standing.EXPIRED
    certificates.revoke(certificate, reason="lost", by=admin, now=NOW)
    assert standing(certificate) == Standing.REVOKED
    assert standing(certificate, company=cast.umi) == Standing.ELSEWHERE  # its fate is its company's business
    nothing = {"is_chain_proven": False, "company_id": cast.sora.pk, "purpose": "web", "now": NOW}
    assert certificates.standing(None, **nothing) == Standing.NONE
    assert certificates.standing(b"x", **nothing) == Standing.UNKNOWN


def test_another_environments_certificate_opens_nothing(admin, settings):
    certificate = issued(admin)
    settings.ENVIRONMENT_OF_ROWS = "production"
    assert standing(certificate) == Standing.ELSEWHERE


def test_the_same_names_and_serial_number_do_not_make_the_same_certificate(cast, admin, tmp_path):
    certificate = issued(admin)
    outside = outside_authority(tmp_path / "outside")
    twin = outside.sign(new_csr(), serial=f"0x{certificate.serial}")
    twin_der = x509.load_pem_x509_certificate(twin).public_bytes(Encoding.DER)
    found = certificates.standing(twin_der, is_chain_proven=True, company_id=cast.sora.pk, purpose="web", now=NOW)
    assert found == Standing.UNKNOWN


def test_the_api_needs_one_where_the_site_says_so_and_the_web_as_the_company_wants(cast, admin, settings):
    for says_so in (False, True):
        settings.API_CERTIFICATE_REQUIRED = says_so
        assert certificates.is_required(cast.sora, "api") == says_so
        assert not certificates.is_required(cast.sora, "web")
    with pytest.raises(certificates.NobodyWouldGetIn):
        certificates.require_for_web(cast.sora, required=True, by=admin, now=NOW)
    issued(admin)
    for other in ("sora.relay", "umi.administrator"):
        with pytest.raises(certificates.NotAllowed):
            certificates.require_for_web(cast.sora, required=True, by=cast[other], now=NOW)
    certificates.require_for_web(cast.sora, required=True, by=admin, now=NOW)
    assert certificates.is_required(Company.objects.get(pk=cast.sora.pk), "web")
    certificates.require_for_web(cast.sora, required=False, by=cast["hub.operator"], now=NOW)
    assert not Company.objects.get(pk=cast.sora.pk).web_certificate_required


# --- Revoking -----------------------------------------------------------------------------------------------------
def test_who_may_revoke(cast, clerk, admin):
    mine = certificate_requests.approve(asked(clerk), by=admin, now=NOW)
    for other in ("sora.usage", "umi.administrator", "hub.auditor"):
        with pytest.raises(certificates.NotAllowed):
            certificates.revoke(mine, reason="lost", by=cast[other], now=NOW)
    with pytest.raises(certificates.ReasonMissing):
        certificates.revoke(mine, reason="", by=clerk, now=NOW)
    certificates.revoke(mine, reason="lost", by=clerk, now=NOW)
    with pytest.raises(certificates.RevokedAlready):
        certificates.revoke(mine, reason="lost", by=admin, now=NOW)
    certificates.revoke(issued(admin), reason="break-in", by=cast["hub.operator"], now=NOW)


def test_the_list_of_revoked_ones_is_signed_and_holds_them(
    admin, own_authority, tmp_path, django_capture_on_commit_callbacks
):
    kept, gone = issued(admin), issued(admin)
    with django_capture_on_commit_callbacks(execute=True):
        certificates.revoke(gone, reason="lost", by=admin, now=NOW)
    text = openssl("crl", "-in", own_authority / "revoked.pem", "-noout", "-text").decode().lower()
    assert f"{int(gone.serial, 16):x}" in text.replace(":", "") and f"{int(kept.serial, 16):x}" not in text
    openssl("crl", "-in", own_authority / "revoked.pem", "-noout", "-CAfile", own_authority / "chain.pem")


def test_the_authoritys_root_key_is_nowhere(admin, own_authority):
    issued(admin)
    keys = [path.name for path in own_authority.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert keys == ["issuing.key"] and (own_authority / "issuing.key").stat().st_mode & 0o077 == 0


# --- Authorities of others ------------------------------------------------------------------------------------------
def test_two_operators_decide_whom_to_trust(cast, second_operator, admin, tmp_path):
    outside = outside_authority(tmp_path / "outside")
    certificate = outside.sign(new_csr("whatever it says"))
    with pytest.raises(trusted_authorities.OnlyOperators):
        trusted_authorities.propose(name="x", content=outside.pem, by=admin, now=TODAY)
    row = trusted_authorities.propose(name="Outside", content=outside.pem, by=cast["hub.operator"], now=TODAY)
    with pytest.raises(certificates.AuthorityUnknown):
        certificates.register(purpose="api", terminal="billing", content=certificate, by=admin, now=TODAY)
    proposal = Proposal.objects.get(subject=f"authority {row.pk}")
    with pytest.raises(four_eyes.SecondPersonNeeded):
        four_eyes.confirm(proposal, by=cast["hub.operator"], now=TODAY)
    assert ("SHA-256", row.sha256) in four_eyes.act_of(proposal).facts(proposal)
    four_eyes.confirm(proposal, by=second_operator, now=TODAY)
    with pytest.raises(trusted_authorities.AuthorityKnown):
        trusted_authorities.propose(name="x", content=outside.pem, by=second_operator, now=TODAY)
    registered = certificates.register(purpose="api", terminal="billing", content=certificate, by=admin, now=TODAY)
    assert registered.serial == "1234" and standing(registered, purpose="api", now=TODAY) == Standing.VALID
    trusted_authorities.end_trust(row, by=second_operator, now=TODAY)
    with pytest.raises(trusted_authorities.NotTrusted):
        trusted_authorities.end_trust(row, by=second_operator, now=TODAY)
    registered.authority.refresh_from_db()
    assert standing(registered, purpose="api", now=TODAY) == Standing.UNTRUSTED


def test_a_declined_authority_may_be_proposed_again(cast, second_operator, tmp_path):
    outside, operator = outside_authority(tmp_path / "outside"), cast["hub.operator"]
    trusted_authorities.propose(name="x", content=outside.pem, by=operator, now=TODAY)
    four_eyes.decline(Proposal.objects.get(), reason="call them first", by=second_operator, now=TODAY)
    trusted_authorities.propose(name="x", content=outside.pem, by=operator, now=TODAY)
    assert not trusted_authorities.in_force()


def test_the_database_too_wants_a_second_person(cast, tmp_path):
    outside = outside_authority(tmp_path / "outside")
    operator = cast["hub.operator"]
    row = trusted_authorities.propose(name="Outside", content=outside.pem, by=operator, now=TODAY)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        TrustedAuthority.objects.filter(pk=row.pk).update(confirmed_by=operator, confirmed_at=TODAY)


def test_what_cannot_be_registered(cast, second_operator, admin, tmp_path):
    outside = outside_authority(tmp_path / "outside")
    trusted(outside, cast, second_operator, now=TODAY)

    def register(content: bytes, now=TODAY) -> Certificate:
        return certificates.register(purpose="web", terminal="desk", content=content, by=admin, now=now)

    fine = outside.sign(new_csr())
    with pytest.raises(certificates.NotAllowed):
        certificates.register(purpose="web", terminal="desk", content=fine, by=cast["sora.relay"], now=TODAY)
    with pytest.raises(certificate_files.HasEnded):
        register(fine, now=TODAY + timedelta(days=800))
    with pytest.raises(certificates.NotBegun):
        register(fine, now=TODAY - timedelta(days=800))
    with pytest.raises(certificate_files.NoClientCertificate):
        register(outside.sign(new_csr(), usage="serverAuth", serial="0x2"))
    with pytest.raises(certificate_files.WeakKey):
        register(outside.sign(new_csr(key=new_key("RSA:1024")), serial="0x3"))
    with pytest.raises(certificate_files.IsAnAuthority):
        register(outside.pem)
    impostor = outside_authority(tmp_path / "impostor")  # the same name, another key
    with pytest.raises(certificates.AuthorityUnknown):
        register(impostor.sign(new_csr(), serial="0x4"))
    for content in (b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        with pytest.raises(certificate_files.Refused):
            register(content)
    register(fine)
    with pytest.raises(certificates.RegisteredAlready):
        register(fine)


def test_an_authority_comes_with_all_that_stand_above_it(cast, admin):
    operator, own = cast["hub.operator"], authority.built_in(now=NOW)
    issuing, root = authority.pem(own.issuing), authority.pem(own.root)
    for content in (issuing, root + issuing):
        with pytest.raises(certificate_files.ChainIncomplete):
            trusted_authorities.propose(name="x", content=content, by=operator, now=NOW)
    with pytest.raises(certificate_files.IsNoAuthority):
        trusted_authorities.propose(name="x", content=issued(admin).pem.encode(), by=operator, now=NOW)
    assert trusted_authorities.propose(name="x", content=issuing + root, by=operator, now=NOW).pk


# --- Constraints --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"revoked_at": NOW}, "a_revocation_has_a_person_and_a_time"),
        ({"not_after": NOW - timedelta(days=9999)}, "a_certificate_ends_after_it_begins"),
        ({"sha256": "x"}, "a_certificate_has_a_sha256"),
        ({"request": None}, "a_certificate_comes_from_a_request_or_a_trusted_authority"),
    ],
)
def test_the_database_keeps_certificates_whole(admin, change, name):
    certificate = issued(admin)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Certificate.objects.filter(pk=certificate.pk).update(**change)


@pytest.mark.parametrize("field", ["sha256", "key_sha256"])
def test_the_database_keeps_fingerprints_unique(admin, field):
    first, second = issued(admin), issued(admin)
    with pytest.raises(IntegrityError), transaction.atomic():
        Certificate.objects.filter(pk=second.pk).update(**{field: getattr(first, field)})


# --- Reminders ----------------------------------------------------------------------------------------------------
def reminders() -> list[int]:
    return [n.context["days"] for n in Notice.objects.filter(kind="certificate_expiring").order_by("number")]


def test_reminders_go_out_once_at_60_30_14_7_and_1_days(admin):
    certificate = issued(admin)
    for days in range(70, -3, -1):
        for _run in range(2):
            certificates.remind(now=certificate.not_after - timedelta(days=days))
    assert reminders() == [60, 30, 14, 7, 1]


def test_a_missed_day_is_made_up_for(admin):
    certificate = issued(admin)
    certificates.remind(now=certificate.not_after - timedelta(days=12, hours=3))
    certificates.remind(now=certificate.not_after - timedelta(days=8))
    certificates.remind(now=certificate.not_after - timedelta(days=6))
    assert reminders() == [13, 6]


def test_nobody_is_reminded_of_a_revoked_or_renewed_certificate(admin):
    old = issued(admin)
    certificates.revoke(issued(admin, terminal="机13"), reason="lost", by=admin, now=NOW)
    issued(admin, now=NOW + timedelta(days=600))
    certificates.remind(now=old.not_after - timedelta(days=7))
    assert reminders() == []


def test_the_inbox_tells_what_waits(cast, clerk, admin):
    first = asked(clerk)
    [task] = [t for t in inbox.tasks_of(admin, now=NOW) if t.kind.startswith("certificates.")]
    assert (task.kind, task.count) == ("certificates.decide", 1)
    certificate = certificate_requests.approve(first, by=admin, now=NOW)
    certificate_requests.approve(asked(clerk, way="bundle", terminal="机13"), by=admin, now=NOW)
    assert [t.kind for t in inbox.tasks_of(clerk, now=NOW) if "certificates" in t.kind] == ["certificates.collect"]
    later = certificate.not_after - timedelta(days=20)
    assert "certificates.renew" in [t.kind for t in inbox.tasks_of(admin, now=later)]


# --- Pages --------------------------------------------------------------------------------------------------------
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


# --- The workbench --------------------------------------------------------------------------------------------------
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
