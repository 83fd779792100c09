"""Reads uploaded certificate requests and certificates; whatever is wrong with one gets its own sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils.translation import gettext_lazy as _

from portal.refusals import Refusal

MOST_BYTES = 32_000
SMALLEST_RSA = 2048
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
LONGEST_NAME, LONGEST_SERIAL = 500, 40
BROKEN_HASHES = (hashes.MD5, hashes.SHA1)
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
T = TypeVar("T")
Extension = TypeVar("Extension", bound=x509.ExtensionType)


class Refused(Refusal):
    """Something about a certificate that the rules do not allow; `sentence` says why and what to do."""


class HasEnded(Refused):
    sentence = _("This certificate has expired.")


class EmptyFile(Refused):
    sentence = _("The file is empty.")


class TooLarge(Refused):
    sentence = _("The file is larger than 32 kB; a certificate request or certificate has a few kB.")


class HoldsPrivateKey(Refused):
    sentence = _(
        "The file holds a private key. Never send that to anybody: make a new key, and send only the request or "
        "certificate. Nothing of this file was kept."
    )


class IsACertificate(Refused):
    sentence = _("This is a certificate, not a request for one. A request begins with BEGIN CERTIFICATE REQUEST.")


class IsARequest(Refused):
    sentence = _("This is a request for a certificate, not a certificate. A certificate begins with BEGIN CERTIFICATE.")


class NotARequest(Refused):
    sentence = _("The file cannot be read as a certificate request (PKCS#10, PEM or DER).")


class NotACertificate(Refused):
    sentence = _("The file cannot be read as a certificate (X.509, PEM or DER).")


class NotSignedByItsKey(Refused):
    sentence = _("The request's signature does not fit its key, so the file was changed or is damaged. Make it anew.")


class BrokenHash(Refused):
    sentence = _("It is signed with MD5 or SHA-1, which are broken. Make it with SHA-256.")


class WeakKey(Refused):
    def __init__(self, bits: int) -> None:
        self.sentence = _("The key has %(bits)s bits; an RSA key needs at least %(least)s.") % {
            "bits": bits,
            "least": SMALLEST_RSA,
        }
        super().__init__(bits)


class WeakExponent(Refused):
    sentence = _("The RSA key's exponent is smaller than 65537. Make the key with the usual exponent.")


class KeyOfAnotherKind(Refused):
    sentence = _("The key is neither RSA nor on the curves P-256, P-384 or P-521.")


class WrongOrganisation(Refused):
    def __init__(self, found: list[str], wanted: list[str]) -> None:
        self.sentence = _("The subject's organisation (O) is “%(found)s”; it has to be “%(wanted)s”.") % {
            "found": "”, “".join(found) or "–",
            "wanted": "” / “".join(wanted),
        }
        super().__init__(found)


class NameMissing(Refused):
    sentence = _("The subject has no common name (CN). Give the terminal's name there.")


class NoClientCertificate(Refused):
    sentence = _("This certificate is not made for clients (extended key usage “TLS Web Client Authentication”).")


class IsAnAuthority(Refused):
    sentence = _("This is the certificate of an authority, not of a terminal.")


class IsNoAuthority(Refused):
    sentence = _("This certificate is not one of an authority: it may not sign others.")


class ChainIncomplete(Refused):
    sentence = _(
        "The file has to hold the authority's certificate and then, one by one, those above it up to the root."
    )


class NameTooLong(Refused):
    sentence = _("Subject, issuer or serial number is longer than X.509 foresees.")


@dataclass(frozen=True)
class Facts:
    """What the hub keeps of a certificate."""

    issuer: str
    serial: str
    subject: str
    sha256: str
    key_sha256: str


def read_request(content: bytes, *, organisations: list[str]) -> x509.CertificateSigningRequest:
    """The request in the upload, its key strong, its signature right, its subject the company's. Raises Refused."""
    _check_size(content)
    if b"BEGIN CERTIFICATE-----" in content:
        raise IsACertificate

    def read() -> x509.CertificateSigningRequest:
        is_text = b"-----BEGIN" in content
        found = x509.load_pem_x509_csr(content) if is_text else x509.load_der_x509_csr(content)
        # What cannot be understood shows itself now or never.
        _understood = (
            found.public_key(),
            found.subject.rfc4514_string(),
            found.is_signature_valid,
            found.signature_hash_algorithm,
        )
        return found

    request = _or(NotARequest, read)
    _check_key(request.public_key())
    if isinstance(request.signature_hash_algorithm, BROKEN_HASHES):
        raise BrokenHash
    if not request.is_signature_valid:
        raise NotSignedByItsKey
    given = _values(request.subject, NameOID.ORGANIZATION_NAME)
    if len(given) != 1 or given[0] not in organisations:
        raise WrongOrganisation(given, organisations)
    if not any(name.strip() for name in _values(request.subject, NameOID.COMMON_NAME)):
        raise NameMissing
    return request


def read_certificate(content: bytes) -> x509.Certificate:
    """The client certificate in the upload, as text or binary. Raises Refused."""
    certificate = _read_chain(content)[0]
    _check_key(certificate.public_key())
    if isinstance(certificate.signature_hash_algorithm, BROKEN_HASHES):
        raise BrokenHash
    if _is_authority(certificate):
        raise IsAnAuthority
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is None or ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise NoClientCertificate
    return certificate


def read_authority(content: bytes) -> list[x509.Certificate]:
    """An authority's certificate followed by those above it, up to a root that signed itself. Raises Refused."""
    chain = _read_chain(content)
    for certificate in chain:
        if not _is_authority(certificate):
            raise IsNoAuthority
        _check_key(certificate.public_key())
    for below, above in zip(chain, [*chain[1:], chain[-1]], strict=True):
        if not is_issued_by(below, above):
            raise ChainIncomplete
    return chain


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """True when the authority's name stands in the certificate and its key signed it."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def facts(certificate: x509.Certificate) -> Facts:
    """Issuer, serial number in hexadecimal digits, subject and fingerprints. Raises NameTooLong."""
    found = Facts(
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        subject=certificate.subject.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        key_sha256=key_fingerprint(certificate),
    )
    if max(len(found.issuer), len(found.subject)) > LONGEST_NAME or len(found.serial) > LONGEST_SERIAL:
        raise NameTooLong
    return found


def key_fingerprint(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """SHA-256 of the public key."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def organisation_of(request: x509.CertificateSigningRequest) -> str:
    """The organisation a request names; only for requests that were read by `read_request`."""
    return _values(request.subject, NameOID.ORGANIZATION_NAME)[0]


def _read_chain(content: bytes) -> list[x509.Certificate]:
    _check_size(content)
    if b"BEGIN CERTIFICATE REQUEST" in content or b"BEGIN NEW CERTIFICATE REQUEST" in content:
        raise IsARequest

    def read() -> list[x509.Certificate]:
        is_text = b"-----BEGIN" in content
        found = x509.load_pem_x509_certificates(content) if is_text else [x509.load_der_x509_certificate(content)]
        for certificate in found:
            _understood = certificate.extensions, facts(certificate), certificate.signature_hash_algorithm
        return found

    return _or(NotACertificate, read)


def _or(refusal: type[Refused], read: Callable[[], T]) -> T:
    try:
        return read()
    except UNREADABLE as error:
        raise refusal from error


def _check_size(content: bytes) -> None:
    if not content.strip():
        raise EmptyFile
    if len(content) > MOST_BYTES:
        raise TooLarge
    if b"PRIVATE KEY-----" in content:
        raise HoldsPrivateKey


def _check_key(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < SMALLEST_RSA:
            raise WeakKey(key.key_size)
        if key.public_numbers().e < 65537:
            raise WeakExponent
    elif not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)):
        raise KeyOfAnotherKind


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(
    certificate: x509.Certificate, kind: type[x509.extensions.ExtensionTypeVar]
) -> x509.extensions.ExtensionTypeVar | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
