"""A client certificate on the way: asked for, approved or refused, issued, collected and handed out."""

import secrets
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from portal import authority, certificate_files, certificates, ledger
from portal.access import Ability
from portal.authority import NoAuthority
from portal.certificate_files import Refused
from portal.certificates import NotAllowed, ReasonMissing
from portal.models import Certificate, CertificatePurpose, CertificateRequest, Company, User

MOST_WAITING = 20
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else
GROUPS_OF_A_PASSPHRASE = 5
State, Way = CertificateRequest.State, CertificateRequest.Way


class NotYours(Refused):
    sentence = _("Only the person who asked for this certificate may do this.")


class NoneIssuedHere(Refused):
    sentence = _("This site issues no certificates itself. Please register one of a trusted authority.")


class TooManyWaiting(Refused):
    sentence = _("Your company has 20 open requests. Please have some of them decided first.")


class DecidedAlready(Refused):
    sentence = _("This request has been decided or withdrawn already.")


class NothingToCollect(Refused):
    sentence = _("There is nothing to collect here (any more). A file with a key is handed out once.")


# --- Asking and deciding -------------------------------------------------------------------------------------------
def ask(
    *,
    purpose: CertificatePurpose | str,
    terminal: str,
    way: CertificateRequest.Way | str,
    csr: bytes = b"",
    by: User,
    now: datetime,
) -> CertificateRequest:
    """Ask for a certificate of the own company's terminal (domain notes, switching §9).

    With way CSR the request made from the person's own key comes along (PEM or DER). Raises NotAllowed, BadTerminal,
    NoneIssuedHere, TooManyWaiting, KeyUsedAlready and what `certificate_files.read_request` raises.
    """
    if not by.may(Ability.REQUEST_CERTIFICATE):
        raise NotAllowed
    terminal = certificates.terminal_named(terminal)
    if not settings.BUILT_IN_AUTHORITY:
        raise NoneIssuedHere
    request = _row(by.company, purpose, terminal, way, by=by, now=now)
    if way == Way.CSR:
        read = certificate_files.read_request(csr, organisations=organisations(by.company))
        request.csr = read.public_bytes(Encoding.PEM).decode()
        request.key_sha256 = certificate_files.key_fingerprint(read)
    with transaction.atomic():
        certificates.lock(by.company_id)
        open_ones = CertificateRequest.objects.filter(company=by.company_id, state__in=[State.WAITING, State.APPROVED])
        if open_ones.count() >= MOST_WAITING:
            raise TooManyWaiting
        if request.key_sha256:
            certificates.refuse_used_key(request.key_sha256)
        request.save()
        ledger.record(
            "certificate requested",
            certificates.about(request),
            by=by,
            now=now,
            terminal=terminal,
            purpose_of_it=str(purpose),
        )
        certificates.tell(request, "certificate_requested", now=now)
    return request


def withdraw(request: CertificateRequest, *, by: User, now: datetime) -> None:
    """Take a waiting request back. Raises NotYours, DecidedAlready."""
    with transaction.atomic():
        request = _locked(request)
        if request.requested_by_id != by.pk:
            raise NotYours
        if request.state != State.WAITING:
            raise DecidedAlready
        request.state = State.WITHDRAWN
        request.save(update_fields=["state"])
        ledger.record("certificate request withdrawn", certificates.about(request), by=by, now=now)


def approve(request: CertificateRequest, *, by: User, now: datetime) -> Certificate | None:
    """The company's own registration authority says yes.

    A request with a CSR is issued at once and the certificate returned; one for a PKCS#12 file waits to be collected
    (None). Raises NotAllowed, DecidedAlready, TwoAreValid, NoneIssuedHere, KeyUsedAlready.
    """
    with transaction.atomic():
        request = _locked(request)
        certificates.only_administrators(by, request.company_id)
        if request.state != State.WAITING:
            raise DecidedAlready
        certificates.refuse_a_third(request.company_id, request.purpose, request.terminal, now=now)
        request.decided_by, request.decided_at, request.state = by, now, State.APPROVED
        request.save(update_fields=["decided_by", "decided_at", "state"])
        ledger.record("certificate request approved", certificates.about(request), by=by, now=now)
        if request.way == Way.BUNDLE:
            return None
        csr = x509.load_pem_x509_csr(request.csr.encode())
        return _issue(request, csr.public_key(), certificate_files.organisation_of(csr), by=by, now=now)


def refuse(request: CertificateRequest, *, reason: str, by: User, now: datetime) -> None:
    """The registration authority says no; also to an approved one nobody has collected. Raises ReasonMissing, …"""
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise ReasonMissing
    with transaction.atomic():
        request = _locked(request)
        certificates.only_administrators(by, request.company_id)
        if request.state not in {State.WAITING, State.APPROVED}:
            raise DecidedAlready
        request.decided_by, request.decided_at, request.state, request.reason = by, now, State.REFUSED, reason
        request.save(update_fields=["decided_by", "decided_at", "state", "reason"])
        ledger.record("certificate request refused", certificates.about(request), by=by, now=now, reason=reason)


def collect(request: CertificateRequest, *, by: User, now: datetime) -> tuple[Certificate, str]:
    """Make key and certificate of an approved request; the file waits to be handed out, locked with a passphrase.

    The passphrase is returned once and kept nowhere, the key leaves the hub only inside that file. Raises NotYours,
    NothingToCollect, TwoAreValid, NoneIssuedHere.
    """
    with transaction.atomic():
        request = _locked(request)
        if request.requested_by_id != by.pk:
            raise NotYours
        if request.state != State.APPROVED:
            raise NothingToCollect
        certificates.refuse_a_third(request.company_id, request.purpose, request.terminal, now=now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _issue(request, key.public_key(), organisations(request.company)[0], by=by, now=now)
        passphrase = _passphrase()
        issuer = authority.built_in(now=now)
        certificate.bundle = pkcs12.serialize_key_and_certificates(
            certificate.terminal.encode(),
            key,
            x509.load_pem_x509_certificate(certificate.pem.encode()),
            [issuer.issuing, issuer.root],
            BestAvailableEncryption(passphrase.encode()),
        )
        certificate.save(update_fields=["bundle"])
    return certificate, passphrase


def hand_out(certificate: Certificate, *, by: User, now: datetime) -> bytes:
    """The PKCS#12 file, once; the hub forgets it with this. Raises NotYours, NothingToCollect."""
    with transaction.atomic():
        certificate = certificates.locked(certificate)
        if certificate.request is None or certificate.request.requested_by_id != by.pk:
            raise NotYours
        if certificate.bundle is None or certificate.revoked_at:
            raise NothingToCollect
        content = bytes(certificate.bundle)
        certificate.bundle = None
        certificate.save(update_fields=["bundle"])
        ledger.record("certificate file handed out", certificates.about(certificate), by=by, now=now)
    return content


def take_over(
    *, company: Company, purpose: CertificatePurpose | str, terminal: str, content: bytes, by: User, now: datetime
) -> Certificate:
    """Enter a certificate that the built-in authority issued to the company in another database of this site."""
    read = certificate_files.read_certificate(content)
    with transaction.atomic():
        request = _row(company, purpose, terminal, Way.BUNDLE, by=by, now=now)
        request.decided_by, request.decided_at, request.state = by, now, State.ISSUED
        request.save()
        certificate = _enter(read, request, by=by, now=now)
        ledger.record(
            "certificate taken over", certificates.about(certificate), by=by, now=now, sha256=certificate.sha256
        )
    return certificate


def organisations(company: Company) -> list[str]:
    """What may stand as organisation in the subject: the company's name or its English name (at most 64 characters)."""
    return [name[:64] for name in (company.name, company.name_en) if name]


# --- Inside ---------------------------------------------------------------------------------------------------------
def _row(
    company: Company,
    purpose: CertificatePurpose | str,
    terminal: str,
    way: CertificateRequest.Way | str,
    *,
    by: User,
    now: datetime,
) -> CertificateRequest:
    return CertificateRequest(
        company=company,
        purpose=purpose,
        environment=settings.ENVIRONMENT_OF_ROWS,
        terminal=terminal,
        way=way,
        requested_by=by,
        requested_at=now,
    )


def _enter(read: x509.Certificate, request: CertificateRequest, *, by: User, now: datetime) -> Certificate:
    row = Certificate(
        company=request.company,
        purpose=request.purpose,
        environment=request.environment,
        terminal=request.terminal,
        request=request,
    )
    return certificates.enter(read, row, by=by, now=now)


def _issue(
    request: CertificateRequest, public_key: object, organisation: str, *, by: User, now: datetime
) -> Certificate:
    try:
        issuer = authority.built_in(now=now)
    except NoAuthority as error:
        raise NoneIssuedHere from error
    issued = issuer.issue(
        organisation=organisation,
        common_name=request.terminal,
        public_key=public_key,  # type: ignore[arg-type]
        days=settings.CERTIFICATE_DAYS,
        now=now,
    )
    certificate = _enter(issued, request, by=by, now=now)
    request.state = State.ISSUED
    request.save(update_fields=["state"])
    ledger.record("certificate issued", certificates.about(certificate), by=by, now=now, sha256=certificate.sha256)
    certificates.tell(certificate, "certificate_issued", now=now)
    return certificate


def _passphrase() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _place in range(4)) for _group in range(GROUPS_OF_A_PASSPHRASE))


def _locked(request: CertificateRequest) -> CertificateRequest:
    """The request under its company's lock, so that the number of valid certificates does not change meanwhile."""
    certificates.lock(request.company_id)
    return (
        CertificateRequest.objects.select_for_update(no_key=True, of=("self",))
        .select_related("company")
        .get(pk=request.pk)
    )
