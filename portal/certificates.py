"""The client certificate: issued or registered, reminded of, revoked; what it opens."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import authority, certificate_files, ledger, outbox, trusted_authorities
from portal.access import Ability
from portal.authority import NoAuthority
from portal.certificate_files import HasEnded, Refused
from portal.models import Certificate, CertificatePurpose, CertificateRequest, Company, TrustedAuthority, User
from portal.models.certificates import CertificateQuerySet
from portal.outbox import Post
from portal.trusted_authorities import publish_later

VALID_AT_ONCE = 2
State = CertificateRequest.State


class NotAllowed(Refused):
    sentence = _("Only an administrator of the company may decide on its certificates.")


class BadTerminal(Refused):
    sentence = _("A terminal's name has 1 to 40 characters on one line.")


class KeyUsedAlready(Refused):
    sentence = _("This key is in use in another certificate or request. Every certificate needs a key of its own.")


class RegisteredAlready(Refused):
    sentence = _("This certificate is registered already. If not by your company, please call the helpdesk.")


class TwoAreValid(Refused):
    sentence = _("Two certificates of this terminal are valid already. Please revoke one of them first.")


class ReasonMissing(Refused):
    sentence = _("Please give a reason.")


class RevokedAlready(Refused):
    sentence = _("This certificate is revoked already.")


class NotBegun(Refused):
    sentence = _("This certificate is not valid yet.")


class AuthorityUnknown(Refused):
    sentence = _("No trusted authority issued this certificate. The hub operator says which ones are trusted.")


class NobodyWouldGetIn(Refused):
    sentence = _("Your company has no valid web certificate yet, so nobody could come in. Get one first.")


# --- Its life -------------------------------------------------------------------------------------------------------
def register(
    *, purpose: CertificatePurpose | str, terminal: str, content: bytes, by: User, now: datetime
) -> Certificate:
    """Register a certificate that a trusted outside authority issued for the own company's terminal.

    Raises NotAllowed, BadTerminal, AuthorityUnknown, HasEnded, NotBegun, RegisteredAlready, KeyUsedAlready,
    TwoAreValid and what `certificate_files.read_certificate` raises.
    """
    only_administrators(by, by.company_id)
    terminal = terminal_named(terminal)
    read = certificate_files.read_certificate(content)
    if now >= read.not_valid_after_utc:
        raise HasEnded
    if now < read.not_valid_before_utc:
        raise NotBegun
    issuer = next((trusted for trusted in trusted_authorities.in_force() if _issued_by(read, trusted)), None)
    if issuer is None:
        raise AuthorityUnknown
    with transaction.atomic():
        lock(by.company_id)
        refuse_a_third(by.company_id, purpose, terminal, now=now)
        certificate = enter(
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
            "certificate registered", about(certificate), by=by, now=now, sha256=certificate.sha256, issuer=issuer.name
        )
        tell(certificate, "certificate_issued", now=now)
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
        certificate = locked(certificate)
        asked = certificate.request is not None and certificate.request.requested_by_id == by.pk
        if not ((asked and by.is_active) or by.is_operator):
            only_administrators(by, certificate.company_id)
        if certificate.revoked_at:
            raise RevokedAlready
        certificate.revoked_by, certificate.revoked_at, certificate.revocation_reason = by, now, reason
        certificate.bundle = None
        certificate.save(update_fields=["revoked_by", "revoked_at", "revocation_reason", "bundle"])
        ledger.record("certificate revoked", about(certificate), by=by, now=now, reason=reason)
        tell(certificate, "certificate_revoked", now=now)
        publish_later(now)


def enter(read: x509.Certificate, row: Certificate, *, by: User, now: datetime) -> Certificate:
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


def chain_above(certificate: Certificate, *, now: datetime) -> str:
    """The authorities above a certificate that the hub issued, as PEM; "" for one of an outside authority."""
    if certificate.authority_id is not None:
        return ""
    try:
        issuer = authority.built_in(now=now)
    except NoAuthority:
        return ""
    return (authority.pem(issuer.issuing) + authority.pem(issuer.root)).decode()


def require_for_web(company: Company, *, required: bool, by: User, now: datetime) -> None:
    """Let the company's people use the web pages with a certificate only, or without one too.

    By an administrator of the company, or a hub operator (who lets in a company that locked itself out). Raises
    NotAllowed, NobodyWouldGetIn.
    """
    with transaction.atomic():
        company = lock(company.pk)
        if not by.is_operator:
            only_administrators(by, company.pk)
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
            row = locked(certificate)
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
            tell(row, "certificate_expiring", now=now, days=days)
            count += 1
    return count


def days_left(not_after: datetime, *, now: datetime) -> int:
    """Days until the end, a begun day counted whole."""
    return -((now - not_after) // timedelta(days=1))


def reminder_step(not_after: datetime, *, now: datetime) -> int | None:
    """The reminder that is due: the smallest of the settings' steps not below the days left; None before the first."""
    left = days_left(not_after, now=now)
    return min((step for step in settings.CERTIFICATE_REMINDER_DAYS if step >= left), default=None)


# --- What holds for requests too ------------------------------------------------------------------------------------
def refuse_a_third(company_id: int, purpose: CertificatePurpose | str, terminal: str, *, now: datetime) -> None:
    """Raise TwoAreValid where the terminal has as many valid certificates as it may have."""
    if _valid(company_id, purpose, now=now).filter(terminal=terminal).count() >= VALID_AT_ONCE:
        raise TwoAreValid


def refuse_used_key(key_sha256: str) -> None:
    """Raise KeyUsedAlready where the key stands in a certificate or an open request, of whomever."""
    asked = CertificateRequest.objects.filter(key_sha256=key_sha256, state__in=[State.WAITING, State.APPROVED])
    if asked.exists() or Certificate.objects.filter(key_sha256=key_sha256).exists():
        raise KeyUsedAlready


def terminal_named(name: str) -> str:
    """A terminal's name without needless gaps. Raises BadTerminal."""
    name = " ".join(name.split())
    if not (0 < len(name) <= 40 and name.isprintable()):
        raise BadTerminal
    return name


def only_administrators(by: User, company_id: int) -> None:
    """Raise NotAllowed unless the person decides on this company's certificates."""
    if not (by.is_active and by.company_id == company_id and by.may(Ability.MANAGE_CERTIFICATES)):
        raise NotAllowed


def lock(company_id: int) -> Company:
    """The company, locked, so that the number of its valid certificates does not change meanwhile."""
    return Company.objects.select_for_update(no_key=True).get(pk=company_id)


def locked(certificate: Certificate) -> Certificate:
    """The certificate with its request, under its company's lock."""
    lock(certificate.company_id)
    return (
        Certificate.objects.select_for_update(no_key=True, of=("self",))
        .select_related("request")
        .get(pk=certificate.pk)
    )


def tell(row: CertificateRequest | Certificate, kind: str, *, now: datetime, **context: object) -> None:
    """Tell the company's administrators of a certificate or a request."""
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


def about(row: CertificateRequest | Certificate) -> str:
    """As the ledger names it."""
    return f"certificate request {row.pk}" if isinstance(row, CertificateRequest) else f"certificate {row.pk}"


# --- Inside ---------------------------------------------------------------------------------------------------------
def _valid(company_id: int, purpose: CertificatePurpose | str, *, now: datetime) -> CertificateQuerySet:
    return Certificate.objects.here().filter(
        company=company_id, purpose=purpose, revoked_at__isnull=True, not_after__gt=now
    )


def _issued_by(read: x509.Certificate, trusted: TrustedAuthority) -> bool:
    return certificate_files.is_issued_by(read, x509.load_pem_x509_certificates(trusted.pem.encode())[0])


def _link(row: CertificateRequest | Certificate) -> str:
    return f"/certificates/requests/{row.pk}/" if isinstance(row, CertificateRequest) else f"/certificates/{row.pk}/"
