"""The life of a client certificate: asked for, approved, issued or registered, reminded of, revoked; what it opens."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import authority, certificate_files, four_eyes, ledger, outbox, private_market
from portal.access import Ability, Role
from portal.authority import NoAuthority, Revoked
from portal.certificate_files import Refused
from portal.four_eyes import Act
from portal.models import (
    Certificate,
    CertificatePurpose,
    CertificateRequest,
    Company,
    Proposal,
    TrustedAuthority,
    User,
)
from portal.models.certificates import CertificateQuerySet
from portal.outbox import Post
from portal.templatetags.words import jst

VALID_AT_ONCE = 2
MOST_WAITING = 20
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else
GROUPS_OF_A_PASSPHRASE = 5
State, Way = CertificateRequest.State, CertificateRequest.Way


class NotAllowed(Refused):
    sentence = _("Only an administrator of the company may decide on its certificates.")


class OnlyOperators(Refused):
    sentence = _("Only a hub operator may decide which authorities are trusted.")


class NotYours(Refused):
    sentence = _("Only the person who asked for this certificate may do this.")


class BadTerminal(Refused):
    sentence = _("A terminal's name has 1 to 40 characters on one line.")


class NoneIssuedHere(Refused):
    sentence = _("This site issues no certificates itself. Please register one of a trusted authority.")


class TooManyWaiting(Refused):
    sentence = _("Your company has 20 open requests. Please have some of them decided first.")


class KeyUsedAlready(Refused):
    sentence = _("This key is in use in another certificate or request. Every certificate needs a key of its own.")


class RegisteredAlready(Refused):
    sentence = _("This certificate is registered already. If not by your company, please call the helpdesk.")


class TwoAreValid(Refused):
    sentence = _("Two certificates of this terminal are valid already. Please revoke one of them first.")


class DecidedAlready(Refused):
    sentence = _("This request has been decided or withdrawn already.")


class ReasonMissing(Refused):
    sentence = _("Please give a reason.")


class NothingToCollect(Refused):
    sentence = _("There is nothing to collect here (any more). A file with a key is handed out once.")


class RevokedAlready(Refused):
    sentence = _("This certificate is revoked already.")


class HasEnded(Refused):
    sentence = _("This certificate has expired.")


class NotBegun(Refused):
    sentence = _("This certificate is not valid yet.")


class AuthorityUnknown(Refused):
    sentence = _("No trusted authority issued this certificate. The hub operator says which ones are trusted.")


class NobodyWouldGetIn(Refused):
    sentence = _("Your company has no valid web certificate yet, so nobody could come in. Get one first.")


class AuthorityKnown(Refused):
    sentence = _("An authority with this certificate or this name has been proposed already.")


class NotTrusted(Refused):
    sentence = _("This authority is not trusted (any more).")


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
    terminal = _terminal(terminal)
    if not settings.BUILT_IN_AUTHORITY:
        raise NoneIssuedHere
    request = CertificateRequest(
        company=by.company,
        purpose=purpose,
        environment=settings.ENVIRONMENT_OF_ROWS,
        terminal=terminal,
        way=way,
        requested_by=by,
        requested_at=now,
    )
    if way == Way.CSR:
        read = certificate_files.read_request(csr, organisations=organisations(by.company))
        request.csr = read.public_bytes(Encoding.PEM).decode()
        request.key_sha256 = certificate_files.key_fingerprint(read)
    with transaction.atomic():
        _lock(by.company_id)
        open_ones = CertificateRequest.objects.filter(company=by.company_id, state__in=[State.WAITING, State.APPROVED])
        if open_ones.count() >= MOST_WAITING:
            raise TooManyWaiting
        if request.key_sha256:
            _refuse_used_key(request.key_sha256)
        request.save()
        ledger.record(
            "certificate requested", _about(request), by=by, now=now, terminal=terminal, purpose_of_it=str(purpose)
        )
        _tell(request, "certificate_requested", now=now)
    return request


def withdraw(request: CertificateRequest, *, by: User, now: datetime) -> None:
    """Take a waiting request back. Raises NotYours, DecidedAlready."""
    with transaction.atomic():
        request = _locked_request(request)
        if request.requested_by_id != by.pk:
            raise NotYours
        if request.state != State.WAITING:
            raise DecidedAlready
        request.state = State.WITHDRAWN
        request.save(update_fields=["state"])
        ledger.record("certificate request withdrawn", _about(request), by=by, now=now)


def approve(request: CertificateRequest, *, by: User, now: datetime) -> Certificate | None:
    """The company's own registration authority says yes.

    A request with a CSR is issued at once and the certificate returned; one for a PKCS#12 file waits to be collected
    (None). Raises NotAllowed, DecidedAlready, TwoAreValid, NoneIssuedHere, KeyUsedAlready.
    """
    with transaction.atomic():
        request = _locked_request(request)
        _only_administrators(by, request.company_id)
        if request.state != State.WAITING:
            raise DecidedAlready
        _refuse_a_third(request.company_id, request.purpose, request.terminal, now=now)
        request.decided_by, request.decided_at, request.state = by, now, State.APPROVED
        request.save(update_fields=["decided_by", "decided_at", "state"])
        ledger.record("certificate request approved", _about(request), by=by, now=now)
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
        request = _locked_request(request)
        _only_administrators(by, request.company_id)
        if request.state not in {State.WAITING, State.APPROVED}:
            raise DecidedAlready
        request.decided_by, request.decided_at, request.state, request.reason = by, now, State.REFUSED, reason
        request.save(update_fields=["decided_by", "decided_at", "state", "reason"])
        ledger.record("certificate request refused", _about(request), by=by, now=now, reason=reason)


def collect(request: CertificateRequest, *, by: User, now: datetime) -> tuple[Certificate, str]:
    """Make key and certificate of an approved request; the file waits to be handed out, locked with a passphrase.

    The passphrase is returned once and kept nowhere, the key leaves the hub only inside that file. Raises NotYours,
    NothingToCollect, TwoAreValid, NoneIssuedHere.
    """
    with transaction.atomic():
        request = _locked_request(request)
        if request.requested_by_id != by.pk:
            raise NotYours
        if request.state != State.APPROVED:
            raise NothingToCollect
        _refuse_a_third(request.company_id, request.purpose, request.terminal, now=now)
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
        certificate = _locked_certificate(certificate)
        if certificate.request is None or certificate.request.requested_by_id != by.pk:
            raise NotYours
        if certificate.bundle is None or certificate.revoked_at:
            raise NothingToCollect
        content = bytes(certificate.bundle)
        certificate.bundle = None
        certificate.save(update_fields=["bundle"])
        ledger.record("certificate file handed out", _about(certificate), by=by, now=now)
    return content


def chain_above(certificate: Certificate, *, now: datetime) -> str:
    """The authorities above a certificate that the hub issued, as PEM; "" for one of an outside authority."""
    if certificate.authority_id is not None:
        return ""
    try:
        issuer = authority.built_in(now=now)
    except NoAuthority:
        return ""
    return (authority.pem(issuer.issuing) + authority.pem(issuer.root)).decode()


def register(
    *, purpose: CertificatePurpose | str, terminal: str, content: bytes, by: User, now: datetime
) -> Certificate:
    """Register a certificate that a trusted outside authority issued for the own company's terminal.

    Raises NotAllowed, BadTerminal, AuthorityUnknown, HasEnded, NotBegun, RegisteredAlready, KeyUsedAlready,
    TwoAreValid and what `certificate_files.read_certificate` raises.
    """
    _only_administrators(by, by.company_id)
    terminal = _terminal(terminal)
    read = certificate_files.read_certificate(content)
    if now >= read.not_valid_after_utc:
        raise HasEnded
    if now < read.not_valid_before_utc:
        raise NotBegun
    issuer = next((trusted for trusted in trusted_authorities() if _issued_by(read, trusted)), None)
    if issuer is None:
        raise AuthorityUnknown
    with transaction.atomic():
        _lock(by.company_id)
        _refuse_a_third(by.company_id, purpose, terminal, now=now)
        certificate = _enter(
            read,
            Certificate(
                company=by.company,
                purpose=purpose,
                environment=settings.ENVIRONMENT_OF_ROWS,
                terminal=terminal,
                authority=issuer,
            ),
            by=by,
            now=now,
        )
        ledger.record(
            "certificate registered", _about(certificate), by=by, now=now, sha256=certificate.sha256, issuer=issuer.name
        )
        _tell(certificate, "certificate_issued", now=now)
    return certificate


def take_over(
    *, company: Company, purpose: CertificatePurpose | str, terminal: str, content: bytes, by: User, now: datetime
) -> Certificate:
    """Enter a certificate that the built-in authority issued to the company in another database of this site."""
    read = certificate_files.read_certificate(content)
    with transaction.atomic():
        request = CertificateRequest.objects.create(
            company=company,
            purpose=purpose,
            environment=settings.ENVIRONMENT_OF_ROWS,
            terminal=terminal,
            way=Way.BUNDLE,
            requested_by=by,
            requested_at=now,
            decided_by=by,
            decided_at=now,
            state=State.ISSUED,
        )
        row = Certificate(
            company=company,
            purpose=purpose,
            environment=settings.ENVIRONMENT_OF_ROWS,
            terminal=terminal,
            request=request,
        )
        certificate = _enter(read, row, by=by, now=now)
        ledger.record("certificate taken over", _about(certificate), by=by, now=now, sha256=certificate.sha256)
    return certificate


def revoke(certificate: Certificate, *, reason: str, by: User, now: datetime) -> None:
    """Shut the certificate out from the next request on, for good.

    By an administrator of the company, the person who asked for it, or a hub operator. Raises NotAllowed,
    ReasonMissing, RevokedAlready.
    """
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise ReasonMissing
    with transaction.atomic():
        certificate = _locked_certificate(certificate)
        asked = certificate.request is not None and certificate.request.requested_by_id == by.pk
        if not ((asked and by.is_active) or _is_operator(by)):
            _only_administrators(by, certificate.company_id)
        if certificate.revoked_at:
            raise RevokedAlready
        certificate.revoked_by, certificate.revoked_at, certificate.revocation_reason = by, now, reason
        certificate.bundle = None
        certificate.save(update_fields=["revoked_by", "revoked_at", "revocation_reason", "bundle"])
        ledger.record("certificate revoked", _about(certificate), by=by, now=now, reason=reason)
        _tell(certificate, "certificate_revoked", now=now)
        _publish_later(now)


def require_for_web(company: Company, *, required: bool, by: User, now: datetime) -> None:
    """Let the company's people use the web pages with a certificate only, or without one too.

    By an administrator of the company, or a hub operator (who lets in a company that locked itself out). Raises
    NotAllowed, NobodyWouldGetIn.
    """
    with transaction.atomic():
        company = _lock(company.pk)
        if not _is_operator(by):
            _only_administrators(by, company.pk)
        if company.web_certificate_required == required:
            return
        if required and not _valid(company.pk, CertificatePurpose.WEB, now=now).exists():
            raise NobodyWouldGetIn
        company.web_certificate_required = required
        company.save(update_fields=["web_certificate_required"])
        ledger.record("certificate policy set", f"company {company.pk}", by=by, now=now, web_required=required)


def is_required(company: Company, purpose: CertificatePurpose | str) -> bool:
    """The API opens with a certificate only where the site says so; the web pages as the company wants it."""
    return settings.API_CERTIFICATE_REQUIRED if purpose == CertificatePurpose.API else company.web_certificate_required


# --- What a certificate opens ---------------------------------------------------------------------------------------
class Standing(TextChoices):
    """What the hub makes of the certificate that came with a request."""

    VALID = "valid", _("The certificate is registered and valid.")
    NONE = "none", _("Your browser sent no client certificate.")
    UNKNOWN = "unknown", _("Your browser sent a client certificate that is not registered here.")
    ELSEWHERE = "elsewhere", _("The client certificate is registered for another company, purpose or environment.")
    NOT_YET = "not_yet", _("The client certificate is not valid yet.")
    EXPIRED = "expired", _("The client certificate has expired.")
    REVOKED = "revoked", _("The client certificate was revoked.")
    UNTRUSTED = "untrusted", _("The authority that issued the client certificate is not trusted (any more).")


def find(der: bytes) -> Certificate | None:
    """The registered certificate with this very content (its SHA-256), or None."""
    digest = Hash(SHA256())
    digest.update(der)
    return Certificate.objects.select_related("authority", "company").filter(sha256=digest.finalize().hex()).first()


def standing(
    der: bytes | None,
    *,
    is_chain_proven: bool,
    company_id: int | None,
    purpose: CertificatePurpose | str,
    now: datetime,
) -> Standing:
    """What the certificate (DER, None where none was sent) opens for the company; one query, asked at every request.

    `is_chain_proven` is what the TLS server found about issuer and signature. With company_id None any company's
    certificate will do (before signing in).
    """
    if der is None:
        return Standing.NONE
    found = find(der)
    if found is None:
        return Standing.UNKNOWN
    is_here = found.environment == settings.ENVIRONMENT_OF_ROWS and found.purpose == purpose
    if not is_here or company_id not in {None, found.company_id}:
        return Standing.ELSEWHERE
    if found.revoked_at:
        return Standing.REVOKED
    if now >= found.not_after:
        return Standing.EXPIRED
    if now < found.not_before:
        return Standing.NOT_YET
    if not is_chain_proven or (found.authority and not found.authority.is_trusted):
        return Standing.UNTRUSTED
    return Standing.VALID


# --- Authorities of others ------------------------------------------------------------------------------------------
def trusted_authorities() -> list[TrustedAuthority]:
    """The outside authorities whose certificates may be registered."""
    return list(TrustedAuthority.objects.filter(confirmed_at__isnull=False, ended_at__isnull=True))


def propose_authority(*, name: str, content: bytes, by: User, now: datetime) -> TrustedAuthority:
    """Propose to trust an outside authority; it counts when a second operator has confirmed it (portal.four_eyes).

    `content` is its certificate and those above it up to the root. Raises OnlyOperators, AuthorityKnown, HasEnded and
    what `certificate_files.read_authority` raises.
    """
    _only_operators(by)
    chain = certificate_files.read_authority(content)
    own = certificate_files.facts(chain[0])
    if now >= min(certificate.not_valid_after_utc for certificate in chain):
        raise HasEnded
    with transaction.atomic():
        if TrustedAuthority.objects.filter(subject=own.subject, ended_at__isnull=True).exists():
            raise AuthorityKnown  # two authorities of one name would make issuer and serial number ambiguous
        proposed = TrustedAuthority(
            name=name.strip()[:100] or own.subject[:100],
            pem=b"".join(map(authority.pem, chain)).decode(),
            subject=own.subject,
            sha256=own.sha256,
            not_after=chain[0].not_valid_after_utc,
            proposed_by=by,
            proposed_at=now,
        )
        try:
            with transaction.atomic():
                proposed.save()
        except IntegrityError as error:
            raise AuthorityKnown from error
        four_eyes.propose(TRUST, subject=_authority_words(proposed), payload={"authority": proposed.pk}, by=by, now=now)
    return proposed


def end_trust(trusted: TrustedAuthority, *, by: User, now: datetime) -> None:
    """Take the trust back: its certificates open nothing from the next request on. Raises OnlyOperators, NotTrusted."""
    _only_operators(by)
    with transaction.atomic():
        row = _locked_authority(trusted.pk)
        if not row.is_trusted:
            raise NotTrusted
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        ledger.record("authority trust ended", _authority_words(row), by=by, now=now, sha256=row.sha256)
        _publish_later(now)


def _trust(proposal: Proposal, by: User, now: datetime) -> None:
    """The second operator's yes."""
    row = _locked_authority(proposal.payload["authority"])
    row.confirmed_by, row.confirmed_at = by, now
    row.save(update_fields=["confirmed_by", "confirmed_at"])
    ledger.record("authority trusted", _authority_words(row), by=by, now=now, sha256=row.sha256)
    _publish_later(now)


def _do_not_trust(proposal: Proposal, by: User, now: datetime) -> None:
    """The proposal was declined."""
    TrustedAuthority.objects.filter(pk=proposal.payload["authority"]).update(ended_at=now)


def _what_is_trusted(proposal: Proposal) -> list[tuple[str, Any]]:
    row = TrustedAuthority.objects.get(pk=proposal.payload["authority"])
    return [
        (gettext("Name"), row.name),
        (gettext("Name in the certificate"), row.subject),
        (gettext("SHA-256"), row.sha256),
        (gettext("Valid until"), jst(row.not_after)),
    ]


TRUST = four_eyes.register(
    Act(
        "trust authority",
        _("Trust an outside authority for client certificates"),
        carry_out=_trust,
        facts=_what_is_trusted,
        decline=_do_not_trust,
    )
)


# --- Dated work -----------------------------------------------------------------------------------------------------
def remind(*, now: datetime) -> int:
    """Tell companies of certificates that end within 60, 30, 14, 7 or 1 days, once each; returns how many.

    Nothing is said of one whose terminal has a newer certificate already. A missed run is made up for by the next.
    """
    count = 0
    longest = timedelta(days=max(settings.CERTIFICATE_REMINDER_DAYS))
    due = Certificate.objects.here().filter(revoked_at__isnull=True, not_after__gt=now, not_after__lte=now + longest)
    for certificate in due.order_by("company", "not_after"):
        with transaction.atomic():
            row = _locked_certificate(certificate)
            step = reminder_step(row.not_after, now=now)
            if step is None or row.revoked_at or (row.reminded_days is not None and row.reminded_days <= step):
                continue
            row.reminded_days = step
            row.save(update_fields=["reminded_days"])
            newer = _valid(row.company_id, row.purpose, now=now).filter(
                terminal=row.terminal, not_after__gt=row.not_after
            )
            if newer.exists():
                continue
            days = days_left(row.not_after, now=now)
            _tell(row, "certificate_expiring", now=now, days=days)
            count += 1
    return count


def days_left(not_after: datetime, *, now: datetime) -> int:
    """Days until the end, a begun day counted whole."""
    return -((now - not_after) // timedelta(days=1))


def reminder_step(not_after: datetime, *, now: datetime) -> int | None:
    """The reminder that is due: the smallest of the settings' steps not below the days left; None before the first."""
    left = days_left(not_after, now=now)
    return min((step for step in settings.CERTIFICATE_REMINDER_DAYS if step >= left), default=None)


def publish(*, now: datetime) -> None:
    """Write the list of revoked certificates and the trusted authorities anew, for nginx and gunicorn."""
    if not settings.BUILT_IN_AUTHORITY or private_market.name():
        return  # markets share one authority; the pages ask the market's own database about each certificate
    issuer = authority.built_in(now=now)
    revoked = (
        Certificate.objects.filter(
            revoked_at__isnull=False, authority__isnull=True, issuer=issuer.issuing.subject.rfc4514_string()
        )
        .order_by("revoked_at")
        .values_list("serial", "revoked_at")
    )
    issuer.publish_list((Revoked(int(serial, 16), at) for serial, at in revoked if at), now=now)
    issuer.publish_trust(trusted.pem for trusted in trusted_authorities())


def organisations(company: Company) -> list[str]:
    """What may stand as organisation in the subject: the company's name or its English name (at most 64 characters)."""
    return [name[:64] for name in (company.name, company.name_en) if name]


# --- Inside ---------------------------------------------------------------------------------------------------------
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
    certificate = _enter(
        issued,
        Certificate(
            company=request.company,
            purpose=request.purpose,
            environment=request.environment,
            terminal=request.terminal,
            request=request,
        ),
        by=by,
        now=now,
    )
    request.state = State.ISSUED
    request.save(update_fields=["state"])
    ledger.record("certificate issued", _about(certificate), by=by, now=now, sha256=certificate.sha256)
    _tell(certificate, "certificate_issued", now=now)
    return certificate


def _enter(read: x509.Certificate, row: Certificate, *, by: User, now: datetime) -> Certificate:
    """Fill the row from the certificate and save it. Raises RegisteredAlready, KeyUsedAlready."""
    found = certificate_files.facts(read)
    for name in ("issuer", "serial", "subject", "sha256", "key_sha256"):
        setattr(row, name, getattr(found, name))
    row.pem = authority.pem(read).decode()
    row.not_before, row.not_after = read.not_valid_before_utc, read.not_valid_after_utc
    row.registered_by, row.registered_at = by, now
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise KeyUsedAlready if "a_key_stands" in str(error) else RegisteredAlready from error
    return row


def _valid(company_id: int, purpose: CertificatePurpose | str, *, now: datetime) -> CertificateQuerySet:
    return Certificate.objects.here().filter(
        company=company_id, purpose=purpose, revoked_at__isnull=True, not_after__gt=now
    )


def _refuse_a_third(company_id: int, purpose: CertificatePurpose | str, terminal: str, *, now: datetime) -> None:
    if _valid(company_id, purpose, now=now).filter(terminal=terminal).count() >= VALID_AT_ONCE:
        raise TwoAreValid


def _refuse_used_key(key_sha256: str) -> None:
    asked = CertificateRequest.objects.filter(key_sha256=key_sha256, state__in=[State.WAITING, State.APPROVED])
    if asked.exists() or Certificate.objects.filter(key_sha256=key_sha256).exists():
        raise KeyUsedAlready


def _issued_by(read: x509.Certificate, trusted: TrustedAuthority) -> bool:
    return certificate_files.is_issued_by(read, x509.load_pem_x509_certificates(trusted.pem.encode())[0])


def _terminal(name: str) -> str:
    name = " ".join(name.split())
    if not (0 < len(name) <= 40 and name.isprintable()):
        raise BadTerminal
    return name


def _passphrase() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _place in range(4)) for _group in range(GROUPS_OF_A_PASSPHRASE))


def _authority_words(row: TrustedAuthority) -> str:
    return f"authority {row.pk}"


def _locked_authority(pk: int) -> TrustedAuthority:
    return TrustedAuthority.objects.select_for_update(no_key=True).get(pk=pk)


def _is_operator(by: User) -> bool:
    return by.is_staff and Role.OPERATOR in by.roles


def _only_operators(by: User) -> None:
    if not _is_operator(by):
        raise OnlyOperators


def _only_administrators(by: User, company_id: int) -> None:
    if not (by.is_active and by.company_id == company_id and by.may(Ability.MANAGE_CERTIFICATES)):
        raise NotAllowed


def _lock(company_id: int) -> Company:
    return Company.objects.select_for_update(no_key=True).get(pk=company_id)


def _locked_request(request: CertificateRequest) -> CertificateRequest:
    """The request under its company's lock, so that the number of valid certificates does not change meanwhile."""
    _lock(request.company_id)
    return (
        CertificateRequest.objects.select_for_update(no_key=True, of=("self",))
        .select_related("company")
        .get(pk=request.pk)
    )


def _locked_certificate(certificate: Certificate) -> Certificate:
    _lock(certificate.company_id)
    return (
        Certificate.objects.select_for_update(no_key=True, of=("self",))
        .select_related("request")
        .get(pk=certificate.pk)
    )


def _publish_later(now: datetime) -> None:
    transaction.on_commit(lambda: publish(now=now), robust=True)  # Django cannot name a partial that fails


def _tell(row: CertificateRequest | Certificate, kind: str, *, now: datetime, **context: object) -> None:
    post = Post(
        row.company_id,
        kind,
        f"terminal {row.terminal}",
        link=_link(row),
        resource=reverse(f"api:certificate{'-request' * isinstance(row, CertificateRequest)}", args=[row.pk]),
        ability=Ability.MANAGE_CERTIFICATES,
        context={"terminal": row.terminal, **context},
    )
    outbox.post(post, now=now)


def _about(row: CertificateRequest | Certificate) -> str:
    return f"certificate request {row.pk}" if isinstance(row, CertificateRequest) else f"certificate {row.pk}"


def _link(row: CertificateRequest | Certificate) -> str:
    return f"/certificates/requests/{row.pk}/" if isinstance(row, CertificateRequest) else f"/certificates/{row.pk}/"
