"""Keys, requests and authorities made with the openssl program, and certificates in every state, for tests."""

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from portal import certificate_requests, certificates, four_eyes, trusted_authorities
from portal.certificates import Standing
from portal.models import Certificate, CertificateRequest, Proposal, TrustedAuthority, User
from portal.workdays import JST
from tests.cast import NOW

ORGANISATION = "空でんき"
TODAY = datetime.now(JST) + timedelta(hours=1)  # openssl signs by the clock of the machine


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    """Run openssl and return what it wrote."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def new_key(kind: str = "EC:P-256") -> bytes:
    """A private key: EC:<curve>, RSA:<bits> or ED25519."""
    algorithm, _, size = kind.partition(":")
    options = {"EC": [f"ec_paramgen_curve:{size}"], "RSA": [f"rsa_keygen_bits:{size}"]}.get(algorithm, [])
    return openssl("genpkey", "-algorithm", algorithm, *(part for option in options for part in ("-pkeyopt", option)))


def new_csr(
    organisation: str = ORGANISATION,
    *,
    key: bytes | None = None,
    subject: str = "",
    more: tuple[str, ...] = (),
) -> bytes:
    """A certificate request as somebody makes it with openssl."""
    subject = subject or f"/C=JP/O={organisation}/CN=desk 12"
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(key or new_key())
        return openssl("req", "-new", "-utf8", "-key", file.name, "-subj", subject, *more)


@dataclass(frozen=True)
class Outside:
    """An authority of somebody else: a self-signed root that issues by itself."""

    folder: Path

    @property
    def pem(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def sign(self, csr: bytes, *, days: int = 365, serial: str = "", usage: str = "clientAuth") -> bytes:
        """A certificate for the request."""
        extensions = self.folder / "extensions"
        extensions.write_text(f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage={usage}\n")
        return openssl(
            *["x509", "-req", "-CA", self.folder / "root.pem", "-CAkey", self.folder / "root.key"],
            *["-days", str(days), "-set_serial", serial or "0x1234", "-extfile", extensions],
            given=csr,
        )


def outside_authority(folder: Path, name: str = "Outside Root") -> Outside:
    """Make an authority with openssl."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.key").write_bytes(new_key())
    openssl(
        *["req", "-x509", "-new", "-key", folder / "root.key", "-out", folder / "root.pem", "-days", "3650"],
        *["-subj", f"/C=JP/O=Outside/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    )
    return Outside(folder)


def asked(
    by: User,
    *,
    terminal: str = "机12",
    csr: bytes | None = None,
    way: str = "csr",
    purpose: str = "web",
    now: datetime = NOW,
) -> CertificateRequest:
    """A request that waits."""
    content = csr or new_csr(by.company.name) if way == "csr" else b""
    return certificate_requests.ask(purpose=purpose, terminal=terminal, way=way, csr=content, by=by, now=now)


def approved(by: User, **values) -> CertificateRequest:
    """A request for a PKCS#12 file that was approved; `by` is an administrator."""
    request = asked(by, way="bundle", **values)
    certificate_requests.approve(request, by=by, now=values.get("now", NOW))
    request.refresh_from_db()
    return request


def issued(by: User, **values) -> Certificate:
    """A certificate for a CSR, asked for and approved by an administrator."""
    certificate = certificate_requests.approve(asked(by, **values), by=by, now=values.get("now", NOW))
    assert certificate
    return certificate


def collected(by: User, **values) -> tuple[Certificate, str]:
    """A certificate whose PKCS#12 file waits to be downloaded, and its passphrase."""
    return certificate_requests.collect(approved(by, **values), by=by, now=values.get("now", NOW))


def der(certificate: Certificate) -> bytes:
    """The certificate as a browser shows it."""
    return x509.load_pem_x509_certificate(certificate.pem.encode()).public_bytes(Encoding.DER)


def standing(certificate: Certificate, *, company=None, purpose="web", now=NOW, proven=True) -> Standing:
    """Where the certificate stands for whoever shows it."""
    return certificates.standing(
        der(certificate),
        is_chain_proven=proven,
        company_id=(company or certificate.company).pk,
        purpose=purpose,
        now=now,
    )


def trusted(outside: Outside, cast, second_operator, *, now=NOW) -> TrustedAuthority:
    """The authority proposed by one operator and confirmed by the other."""
    row = trusted_authorities.propose(name="Outside", content=outside.pem, by=cast["hub.operator"], now=now)
    four_eyes.confirm(Proposal.objects.get(subject=f"authority {row.pk}"), by=second_operator, now=now)
    row.refresh_from_db()
    return row


def a_tampered_request() -> bytes:
    """A request that its key has not signed."""
    other = x509.load_pem_x509_csr(new_csr()).public_bytes(Encoding.DER)
    content = bytearray(other)
    content[-1] ^= 1
    return bytes(content)


def a_key_of_exponent_3() -> bytes:
    """An RSA key that is too easily broken."""
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
"""What is wrong with a request: how it is made, and the name of its refusal in `certificate_files`."""
