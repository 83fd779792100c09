"""What is wrong with a certificate request is said to a program as it is to a person."""

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from portal.models import CertificateRequest
from tests import calling
from tests.cast import NOW
from tests.portal.certificate_tools import WRONG

CODES = {
    "empty": "certificates.empty_file",
    "large": "certificates.too_large",
    "private key": "certificates.holds_private_key",
    "weak": "certificates.weak_key",
    "weak exponent": "certificates.weak_exponent",
    "edwards": "certificates.key_of_another_kind",
    "sha1": "certificates.broken_hash",
    "other company": "certificates.wrong_organisation",
    "no name": "certificates.name_missing",
    "nonsense": "certificates.not_a_request",
}


@pytest.fixture
def api(cast):
    with time_machine.travel(NOW, tick=False):
        yield calling.caller(cast, "sora", "usage")


def ask(api, csr: str, **changes):
    return api.post("/certificate-requests", {"terminal": "集信1", "purpose": "api", "csr": csr, **changes})


@pytest.mark.parametrize("what", CODES)
def test_each_mistake_has_its_code_at_the_entry(api, what) -> None:
    make, _name = WRONG[what]
    answer = ask(api, make().decode())
    said = answer.json()
    assert (answer.status_code, said["code"]) == (422, CODES[what]), said
    assert said["errors"][0]["pointer"] == "/csr" and not CertificateRequest.objects.exists()


def test_a_request_whose_signature_does_not_fit_is_refused(api) -> None:
    make, _name = WRONG["tampered"]
    answer = ask(api, x509.load_der_x509_csr(make()).public_bytes(Encoding.PEM).decode())
    assert (answer.status_code, answer.json()["code"]) == (422, "certificates.not_signed_by_its_key")


def test_a_terminal_has_a_name(api) -> None:
    answer = ask(api, "x", terminal="\u200b")
    assert (answer.status_code, answer.json()["code"]) == (422, "certificates.bad_terminal")
