"""Programs in a private market: an API client with its certificate in one step, and both kept when the market is reset.

Everything in a market is invented, so its programs hold every role of clerks, and key and certificate are made here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from linkage import cast
from portal import api_clients, certificate_requests
from portal.access import Ability
from portal.models import ApiClient, Certificate, CertificatePurpose, CertificateRequest, Company, User
from portal.people import Hold

NAME = "sandbox"


@dataclass(frozen=True)
class Access:
    """What a program signs in by; shown once. Certificate and key as PEM, for where the site asks for them."""

    client_id: str
    secret: str
    certificate: str
    key: str


@dataclass(frozen=True)
class Shown:
    """A certificate as it is carried over."""

    purpose: str
    terminal: str
    pem: str


@dataclass(frozen=True)
class Kept:
    """A program as it is carried over a reset: it goes on with its id and secret."""

    client_id: str
    name: str
    holds: tuple[Hold, ...]
    secret_hash: str
    former: tuple[str, datetime] | None


@dataclass(frozen=True)
class Belongings:
    """What a company's programs sign in by in a market."""

    programs: tuple[Kept, ...] = ()
    certificates: tuple[Shown, ...] = ()


def register(*, by: User, now: datetime) -> Access:
    """Give the market at hand a program of the own company with every role, and its certificate (`now`: real hour).

    Raises api_clients.Refused and certificate_files.Refused.
    """
    client, secret = api_clients.register(name=NAME, roles=cast.CLERK_ROLES, by=by, now=now)
    key = ec.generate_private_key(ec.SECP256R1())
    asked = certificate_requests.ask(
        purpose=CertificatePurpose.API,
        terminal=client.client_id,
        way=CertificateRequest.Way.CSR,
        csr=_request_for(by.company, client.client_id, key),
        by=by,
        now=now,
    )
    issued = certificate_requests.approve(asked, by=by, now=now)
    assert issued is not None  # a request that holds a CSR is issued at once
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Access(client.client_id, secret, issued.pem, text)


def administrator(company: Company) -> User | None:
    """Whoever looks after the company's programs in the market at hand."""
    people = User.objects.filter(company=company, is_active=True, is_machine=False).select_related("company")
    return next((user for user in people.order_by("pk") if user.may(Ability.MANAGE_API_CLIENTS)), None)


def belongings(company: Company, *, now: datetime) -> Belongings:
    """What the company's open programs of the market at hand sign in by."""
    open_ones = ApiClient.objects.filter(user__company=company, user__is_active=True, revoked_at__isnull=True)
    programs = tuple(
        Kept(
            client.client_id,
            client.user.name,
            tuple(Hold(grant.role, grant.area, grant.supply_class) for grant in client.user.grants.all()),
            client.secret_hash,
            (client.former_hash, client.former_until) if client.former_until and client.former_until > now else None,
        )
        for client in open_ones.select_related("user").prefetch_related("user__grants")
    )
    valid = Certificate.objects.here().filter(
        company=company, revoked_at__isnull=True, not_after__gt=now, authority__isnull=True
    )
    return Belongings(programs, tuple(Shown(row.purpose, row.terminal, row.pem) for row in valid))


def seat(company: Company, kept: Belongings, *, now: datetime) -> int:
    """Let the company's programs of before the reset in again; returns how many."""
    by = administrator(company)
    if by is None:
        return 0
    _seat_programs(company, kept.programs, by=by, now=now)
    for shown in kept.certificates:
        certificate_requests.take_over(
            company=company,
            purpose=shown.purpose,
            terminal=shown.terminal,
            content=shown.pem.encode(),
            by=by,
            now=now,
        )
    return len(kept.programs)


def _seat_programs(company: Company, programs: Iterable[Kept], *, by: User, now: datetime) -> None:
    for program in programs:
        api_clients.take_over(
            company=company,
            client_id=program.client_id,
            name=program.name,
            roles=program.holds,
            secret_hash=program.secret_hash,
            former=program.former,
            by=by,
            now=now,
        )


def _request_for(company: Company, terminal: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, certificate_requests.organisations(company)[0]),
            x509.NameAttribute(NameOID.COMMON_NAME, terminal),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM)
