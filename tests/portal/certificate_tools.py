"""Keys, requests and authorities made with the openssl program, and certificates in every state, for tests."""

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal import certificate_requests
from portal.models import Certificate, CertificateRequest, User
from tests.cast import NOW

ORGANISATION = "空でんき"


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
