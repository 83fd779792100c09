"""Certificates: where each stands, revoked, kept whole by the database, reminded of."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import IntegrityError, transaction

from portal import certificate_requests, certificates, inbox
from portal.certificates import Standing
from portal.models import Certificate, Company, Notice
from tests.cast import NOW
from tests.portal.certificate_tools import asked, issued, new_csr, openssl, outside_authority, standing


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
