"""Production use is approved once the qualification in the linkage test is proven, or waived with a reason."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from portal import hub_key, onboarding, proofs, qualifications
from portal.models import LedgerEntry, UseQualification
from portal.models.onboarding import UseState
from tests.cast import NOW, client_of
from tests.portal.newcomers import filed


@pytest.fixture(autouse=True)
def asks_for_it(settings):
    settings.QUALIFICATION_NEEDED = True
    settings.LINKAGE_KEYS = [hub_key.public()]


def evidence(by, role="gaining", company="星でんき", version="1", kind="qualification"):
    """A pack as the linkage test signs it."""
    case = proofs.Case(
        kind=kind,
        number=f"{role}-{version}",
        ledger_subjects=(f"qualification {role}-{version}",),
        notice_subjects=(),
        files={"qualification.json": {"role": role, "company": company, "api_version": version, "cases": []}},
    )
    return proofs.pack(case, reason="qualification", by=by, now=NOW).content


def propose(application, by):
    return onboarding.propose_approval(application, codes=onboarding.suggested_codes(application), by=by, now=NOW)


def test_an_approval_waits_for_the_qualification_of_every_role(cast, hub_operator):
    application = filed()
    with pytest.raises(qualifications.Missing) as lacking:
        propose(application, hub_operator)
    assert lacking.value.roles == ["gaining", "losing"]
    qualifications.take_in(application, evidence(hub_operator), by=hub_operator, now=NOW)
    with pytest.raises(qualifications.Missing, match="losing"):
        propose(application, hub_operator)
    qualifications.waive(application, "losing", reason="runs since 2016", by=hub_operator, now=NOW)
    propose(application, hub_operator)
    application.refresh_from_db()
    assert application.state == UseState.PROPOSED
    waived = LedgerEntry.objects.get(action="qualification.waived")
    assert waived.purpose == "runs since 2016" and waived.user == hub_operator


def test_another_version_of_the_api_wants_the_qualification_again(cast, hub_operator, settings):
    application = filed()
    for role in ("gaining", "losing"):
        qualifications.take_in(application, evidence(hub_operator, role), by=hub_operator, now=NOW)
    settings.QUALIFICATION_VERSION = "2"
    with pytest.raises(qualifications.Missing):
        propose(application, hub_operator)
    with pytest.raises(qualifications.OldVersion):
        qualifications.take_in(application, evidence(hub_operator), by=hub_operator, now=NOW)


def changed(pack, name, content):
    """The archive with one file replaced."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack)) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            new.writestr(each, content if each == name else old.read(each))
    return target.getvalue()


def test_what_proves_nothing_is_refused_with_its_reason(cast, hub_operator, settings):
    application, good = filed(), evidence(hub_operator)
    forged = changed(good, "qualification.json", b'{"role": "losing", "company": "x", "api_version": "1"}')
    for pack, refusal in (
        (b"", qualifications.NotProven),
        (b"PK no archive", qualifications.NotProven),
        (forged, qualifications.NotProven),
        (changed(good, "signature.txt", b"00" * 64), qualifications.NotProven),
        (evidence(hub_operator, company="空でんき"), qualifications.OfAnother),
        (evidence(hub_operator, role="strange"), qualifications.OfAnother),
        (evidence(hub_operator, kind="relay"), qualifications.OfAnother),
    ):
        with pytest.raises(refusal) as refused:
            qualifications.take_in(application, pack, by=hub_operator, now=NOW)
        assert str(refused.value)
    settings.LINKAGE_KEYS = ["0" * 64]
    with pytest.raises(qualifications.NotTrusted):
        qualifications.take_in(application, good, by=hub_operator, now=NOW)
    assert not UseQualification.objects.exists()


def test_only_operators_settle_it_once_and_a_waiver_needs_its_reason(cast, hub_operator):
    application, pack = filed(), evidence(hub_operator)
    for who in ("hub.helpdesk", "hub.administrator", "sora.administrator"):
        with pytest.raises(qualifications.NotAllowed):
            qualifications.take_in(application, pack, by=cast[who], now=NOW)
        with pytest.raises(qualifications.NotAllowed):
            qualifications.waive(application, "gaining", reason="x", by=cast[who], now=NOW)
    with pytest.raises(qualifications.ReasonMissing):
        qualifications.waive(application, "gaining", reason=" ", by=hub_operator, now=NOW)
    qualifications.take_in(application, pack, by=hub_operator, now=NOW)
    with pytest.raises(qualifications.SettledAlready):
        qualifications.waive(application, "gaining", reason="x", by=hub_operator, now=NOW)


def test_a_hub_that_asks_for_none_approves_without(cast, hub_operator, settings):
    settings.QUALIFICATION_NEEDED = False
    propose(filed(), hub_operator)


def test_the_operator_settles_it_on_the_page_of_the_application(cast, hub_operator):
    application, client = filed(), client_of(hub_operator)
    url = f"/workbench/portal/useapplication/{application.pk}/change/"
    assert "gaining" in client.get(url).content.decode()
    upload = SimpleUploadedFile("proof.zip", evidence(hub_operator), "application/zip")
    assert client.post(url, {"deed": "qualify", "evidence": upload}).status_code == 302
    assert client.post(url, {"deed": "qualify"}).status_code == 422
    assert client.post(url, {"deed": "waive", "role": "losing", "message": "known"}).status_code == 302
    assert set(application.qualifications.values_list("role", "waived_because")) == {
        ("gaining", ""),
        ("losing", "known"),
    }


def test_a_qualification_is_proven_or_waived_never_both_or_neither(cast, hub_operator):
    application = filed()
    row = {"application": application, "role": "gaining", "version": "1", "settled_at": NOW, "settled_by": hub_operator}
    proof = {"sha256": "0" * 64, "key": "0" * 64}
    for wrong in ({}, proof | {"waived_because": "x"}, {"sha256": "0" * 64}, proof | {"key": ""}):
        with (
            pytest.raises(IntegrityError, match="a_qualification_is_proven_or_waived"),
            transaction.atomic(),
        ):
            UseQualification.objects.create(**row, **wrong)
    UseQualification.objects.create(**row, **proof)
    with pytest.raises(IntegrityError, match="a_qualification_is_settled_once_per_role"), transaction.atomic():
        UseQualification.objects.create(**row, **proof)
