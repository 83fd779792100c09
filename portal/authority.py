"""The built-in test authority: a root whose key is not kept here, an issuing key, revocation lists. Files, no tables.

The folder `settings.AUTHORITY_DIR` holds

    root.pem, issuing.pem, issuing.key    the chain and the issuing key (readable by the owner only)
    chain.pem                             issuing and root certificate
    trusted.pem                           chain and the trusted outside authorities, for nginx or gunicorn
    revoked.pem                           the lists of issuing and root authority, for nginx or gunicorn
    server.pem, server.key                a server certificate for trying out, when asked for

It is for the demo and the linkage test. Production registers certificates of trusted outside authorities.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

ROOT_DAYS, ISSUING_DAYS, LIST_DAYS = 20 * 365, 10 * 365, 7
CLOCKS_DIFFER = timedelta(minutes=5)  # a terminal whose clock runs behind may use the certificate at once
NAME = "Kirikae Test"


class NoAuthority(Exception):
    """This site issues no certificates of its own."""


@dataclass(frozen=True)
class Revoked:
    """One line of a revocation list."""

    serial: int
    at: datetime


@dataclass(frozen=True)
class Authority:
    """The issuing half of the built-in authority, read from its folder."""

    folder: Path
    root: x509.Certificate
    issuing: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(
        self,
        *,
        organisation: str,
        common_name: str,
        public_key: CertificatePublicKeyTypes,
        days: int,
        now: datetime,
    ) -> x509.Certificate:
        """A client certificate for the key, valid from now for `days`, at most as long as the authority itself."""
        subject = _name(organisation, common_name)
        return self._signed(
            subject,
            public_key,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            begins=now - CLOCKS_DIFFER,
            ends=min(now + timedelta(days=days), self.issuing.not_valid_after_utc),
        )

    def server_certificate(self, names: Iterable[str], *, now: datetime) -> tuple[Path, Path]:
        """Certificate (with chain) and key of a TLS server with these names or addresses; for trying out."""
        names = list(names)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            _name(NAME, names[0]),
            key.public_key(),
            ExtendedKeyUsageOID.SERVER_AUTH,
            begins=now - CLOCKS_DIFFER,
            ends=min(now + timedelta(days=397), self.issuing.not_valid_after_utc),
            names=x509.SubjectAlternativeName([_general_name(name) for name in names]),
        )
        paths = self.folder / "server.pem", self.folder / "server.key"
        _write(paths[1], _key_bytes(key), secret=True)
        _write(paths[0], pem(certificate) + pem(self.issuing))
        return paths

    def publish_list(self, revoked: Iterable[Revoked], *, now: datetime) -> None:
        """Sign the list of revoked certificates anew and put it beside the root's into revoked.pem."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuing.subject)
            .last_update(now - CLOCKS_DIFFER)
            .next_update(now + timedelta(days=LIST_DAYS))
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
            .add_extension(_issuer_key_id(self.issuing), critical=False)
        )
        for line in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(line.serial).revocation_date(line.at).build()
            )
        own = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        _write(self.folder / "revoked.pem", own + (self.folder / "root-revoked.pem").read_bytes())

    def publish_trust(self, others: Iterable[str]) -> None:
        """Write trusted.pem: the own chain and the outside authorities' certificates (PEM texts)."""
        chain = (self.folder / "chain.pem").read_bytes()
        _write(self.folder / "trusted.pem", chain + b"".join(f"{text.strip()}\n".encode() for text in others))

    def _signed(
        self,
        subject: x509.Name,
        public_key: CertificatePublicKeyTypes,
        usage: x509.ObjectIdentifier,
        *,
        begins: datetime,
        ends: datetime,
        names: x509.SubjectAlternativeName | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.issuing.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_issuer_key_id(self.issuing), critical=False)
        )
        if names:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def built_in(*, now: datetime) -> Authority:
    """The built-in authority, made at its first use. Raises NoAuthority where the settings do without it."""
    if not settings.BUILT_IN_AUTHORITY:
        raise NoAuthority
    folder = Path(settings.AUTHORITY_DIR)
    if not (folder / "issuing.pem").exists():
        with _alone(folder):
            if not (folder / "issuing.pem").exists():
                _found(folder, now=now)
    key = load_pem_private_key((folder / "issuing.key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Authority(
        folder,
        x509.load_pem_x509_certificate((folder / "root.pem").read_bytes()),
        x509.load_pem_x509_certificate((folder / "issuing.pem").read_bytes()),
        key,
    )


def pem(certificate: x509.Certificate) -> bytes:
    """The certificate as text."""
    return certificate.public_bytes(Encoding.PEM)


def _found(folder: Path, *, now: datetime) -> None:
    """Make root and issuing authority. The root's key signs twice, here, and is then gone: it is offline for good."""
    root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    mark = secrets.token_hex(4).upper()  # two sites' test authorities never share a name
    root_name, issuing_name = _name(NAME, f"{NAME} Root {mark}"), _name(NAME, f"{NAME} Issuing {mark}")
    begins = now - timedelta(days=1)
    root_ends = begins + timedelta(days=ROOT_DAYS)
    root = (
        _authority(root_name, root_name, root_key.public_key(), begins, root_ends, path_length=1)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    issuing = (
        _authority(
            issuing_name,
            root_name,
            issuing_key.public_key(),
            begins,
            begins + timedelta(days=ISSUING_DAYS),
            path_length=0,
        )
        .add_extension(_issuer_key_id(root), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    root_list = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root_name)
        .last_update(begins)
        .next_update(root_ends)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(_issuer_key_id(root), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    _write(folder / "issuing.key", _key_bytes(issuing_key), secret=True)
    _write(folder / "root.pem", pem(root))
    _write(folder / "root-revoked.pem", root_list.public_bytes(Encoding.PEM))
    _write(folder / "chain.pem", pem(issuing) + pem(root))
    _write(folder / "trusted.pem", pem(issuing) + pem(root))
    authority = Authority(folder, root, issuing, issuing_key)
    authority.publish_list([], now=now)
    _write(folder / "issuing.pem", pem(issuing))  # last: its presence says that the rest stands


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
    *,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(**said: bool) -> x509.KeyUsage:
    names = [
        *["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"],
        *["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"],
    ]
    return x509.KeyUsage(**{name: said.get(name, False) for name in names})


def _issuer_key_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Put the whole file in its place at once, so that a server reloading meanwhile reads the old or the new one."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    unfinished.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time founds the authority."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
