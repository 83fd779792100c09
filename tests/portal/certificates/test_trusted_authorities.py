"""Authorities of others, trusted by two operators, and the certificates registered under them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from portal import authority, certificate_files, certificates, four_eyes, trusted_authorities
from portal.certificates import Standing
from portal.models import Certificate, Proposal, TrustedAuthority
from tests.cast import NOW
from tests.portal.certificate_tools import TODAY, issued, new_csr, new_key, outside_authority, standing, trusted


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
