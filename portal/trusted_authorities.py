"""Outside authorities whose certificates open doors here, and the lists that nginx and gunicorn go by."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal import authority, certificate_files, four_eyes, ledger, private_market
from portal.authority import Revoked
from portal.certificate_files import HasEnded, Refused
from portal.four_eyes import Act
from portal.models import Certificate, Proposal, TrustedAuthority, User
from portal.templatetags.words import jst


class OnlyOperators(Refused):
    sentence = _("Only a hub operator may decide which authorities are trusted.")


class AuthorityKnown(Refused):
    sentence = _("An authority with this certificate or this name has been proposed already.")


class NotTrusted(Refused):
    sentence = _("This authority is not trusted (any more).")


def in_force() -> list[TrustedAuthority]:
    """The outside authorities whose certificates may be registered."""
    return list(TrustedAuthority.objects.filter(confirmed_at__isnull=False, ended_at__isnull=True))


def propose(*, name: str, content: bytes, by: User, now: datetime) -> TrustedAuthority:
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
        four_eyes.propose(TRUST, subject=_words(proposed), payload={"authority": proposed.pk}, by=by, now=now)
    return proposed


def end_trust(trusted: TrustedAuthority, *, by: User, now: datetime) -> None:
    """Take the trust back: its certificates open nothing from the next request on. Raises OnlyOperators, NotTrusted."""
    _only_operators(by)
    with transaction.atomic():
        row = _locked(trusted.pk)
        if not row.is_trusted:
            raise NotTrusted
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        ledger.record("authority trust ended", _words(row), by=by, now=now, sha256=row.sha256)
        publish_later(now)


def _trust(proposal: Proposal, by: User, now: datetime) -> None:
    """The second operator's yes."""
    row = _locked(proposal.payload["authority"])
    row.confirmed_by, row.confirmed_at = by, now
    row.save(update_fields=["confirmed_by", "confirmed_at"])
    ledger.record("authority trusted", _words(row), by=by, now=now, sha256=row.sha256)
    publish_later(now)


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
    issuer.publish_trust(trusted.pem for trusted in in_force())


def publish_later(now: datetime) -> None:
    """The same once the transaction is through."""
    transaction.on_commit(lambda: publish(now=now), robust=True)  # Django cannot name a partial that fails


def _only_operators(by: User) -> None:
    if not by.is_operator:
        raise OnlyOperators


def _words(row: TrustedAuthority) -> str:
    return f"authority {row.pk}"


def _locked(pk: int) -> TrustedAuthority:
    return TrustedAuthority.objects.select_for_update(no_key=True).get(pk=pk)
