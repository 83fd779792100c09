"""The life of an API client: registered, given roles, its secret rotated, revoked; the tokens it gets and shows."""

import secrets
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from portal import ledger, outbox, people, private_market
from portal.access import HUB_ROLES, Ability, Role
from portal.models import ApiClient, ApiWrite, Company, User
from portal.outbox import Post
from portal.people import Hold
from portal.refusals import Refusal

ROLES = tuple(role for role in Role if role not in HUB_ROLES and role != Role.ADMINISTRATOR)
"""What a program may do for a company: the work of clerks. Nobody's access hangs on a program."""
MOST = 20
LETTERS = "23456789abcdefghjkmnpqrstvwxyz"
OVERLAPS = {"0": timedelta(0), "1": timedelta(days=1), "7": timedelta(days=7)}


class Refused(Refusal):
    """What the rules do not allow; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only an administrator of the company may look after its API clients.")


class BadName(Refused):
    sentence = _("A name has 1 to 60 characters and no line breaks.")


class TooMany(Refused):
    sentence = _("Your company has 20 API clients already. Please revoke one that is not used any more.")


class RoleNotForClients(Refused):
    sentence = _("A program can hold the roles of clerks only: it gives nobody access and decides nothing for the hub.")


class RevokedAlready(Refused):
    sentence = _("This API client is revoked. Please register a new one.")


class NoSuchOverlap(Refused):
    sentence = _("Please choose how long the former secret stays good.")


class WrongSecret(Refused):
    sentence = _("Client id and secret do not fit, or the client is revoked or suspended.")


class TokenNotGood(Refused):
    sentence = _("The token is unreadable, has expired or was taken back. Please get a new one.")


@dataclass(frozen=True)
class Token:
    """What a token says: the client, and the SHA-256 of the certificate it is bound to ("" for none)."""

    client: ApiClient
    certificate_sha256: str


def register(*, name: str, roles: Iterable[Hold | Role | str], by: User, now: datetime) -> tuple[ApiClient, str]:
    """Register a program of the own company with its roles; returns it and its secret, which is kept nowhere.

    Raises NotAllowed, BadName, TooMany, RoleNotForClients.
    """
    _only_administrators(by, by.company_id)
    holds = _for_clients(roles)
    with transaction.atomic():
        company = Company.objects.select_for_update(no_key=True).get(pk=by.company_id)
        if ApiClient.objects.filter(user__company=company, revoked_at__isnull=True).count() >= MOST:
            raise TooMany
        client_id = "api-" + "".join(secrets.choice(LETTERS) for _place in range(16))
        try:
            user = people.register(
                company=company, username=client_id, name=name, is_machine=True, roles=holds, by=by, now=now
            )
        except people.BadName as error:
            raise BadName from error
        secret = secrets.token_urlsafe(32)
        client = ApiClient.objects.create(
            user=user,
            secret_hash=_hash(client_id, secret),
            secret_at=now,
            tokens_from=now,
            registered_by=by,
            registered_at=now,
        )
        ledger.record("api client registered", _about(client), by=by, now=now, name=user.name)
        _tell(client, "api_client_registered", now=now)
    return client, secret


def take_over(
    *,
    company: Company,
    client_id: str,
    name: str,
    roles: Iterable[Hold],
    secret_hash: str,
    former: tuple[str, datetime] | None = None,
    by: User,
    now: datetime,
) -> ApiClient:
    """Seat a program that was registered in another database of this site: it keeps its id and its secret."""
    with transaction.atomic():
        user = people.register(
            company=company, username=client_id, name=name, is_machine=True, roles=list(roles), by=None, now=now
        )
        client = ApiClient.objects.create(
            user=user,
            secret_hash=secret_hash,
            secret_at=now,
            former_hash=former[0] if former else "",
            former_until=former[1] if former else None,
            tokens_from=now,
            registered_by=by,
            registered_at=now,
        )
        ledger.record("api client taken over", _about(client), by=by, now=now, name=name)
    return client


def set_roles(client: ApiClient, *, roles: Iterable[Hold | Role | str], by: User, now: datetime) -> None:
    """Replace the client's roles by exactly these. Raises NotAllowed, RevokedAlready, RoleNotForClients."""
    holds = _for_clients(roles)
    with transaction.atomic():
        client = _locked(client, by)
        people.set_roles(client.user, roles=holds, by=by, now=now)


def rotate(client: ApiClient, *, overlap: str, by: User, now: datetime) -> str:
    """Give the client a new secret, returned once; the former one stays good for 0, 1 or 7 days ("0", "1", "7").

    Without an overlap the tokens given out so far end too. Raises NotAllowed, RevokedAlready, NoSuchOverlap.
    """
    if overlap not in OVERLAPS:
        raise NoSuchOverlap
    with transaction.atomic():
        client = _locked(client, by)
        secret = secrets.token_urlsafe(32)
        if OVERLAPS[overlap]:
            client.former_hash, client.former_until = client.secret_hash, now + OVERLAPS[overlap]
        else:
            client.former_hash, client.former_until, client.tokens_from = "", None, now
        client.secret_hash, client.secret_at = _hash(client.client_id, secret), now
        client.save(update_fields=["former_hash", "former_until", "tokens_from", "secret_hash", "secret_at"])
        ledger.record("api client secret rotated", _about(client), by=by, now=now, overlap_days=int(overlap))
        _tell(client, "api_client_rotated", now=now)
    return secret


def revoke(client: ApiClient, *, by: User, now: datetime) -> None:
    """Shut the client out from the next request on, for good; by the company or a hub operator.

    Raises NotAllowed, RevokedAlready.
    """
    with transaction.atomic():
        client = _locked(client, by, or_operator=True)
        client.revoked_by, client.revoked_at = by, now
        client.save(update_fields=["revoked_by", "revoked_at"])
        client.user.is_active = False
        client.user.save(update_fields=["is_active"])
        ledger.record("api client revoked", _about(client), by=by, now=now)
        _tell(client, "api_client_revoked", now=now)


def proven(client_id: str, secret: str, *, now: datetime) -> ApiClient:
    """The client whose secret this is. Raises WrongSecret."""
    client = _with_company().filter(user__username=client_id).first()
    asked = _hash(client_id, secret)
    good = constant_time_compare(asked, client.secret_hash if client else "")
    if client and client.former_until and now < client.former_until:
        good |= constant_time_compare(asked, client.former_hash)
    if client is None or not good or not client.is_open:
        raise WrongSecret
    return client


def from_basic(text: str) -> tuple[str, str]:
    """Client id and secret of an HTTP Basic header's second word; two empty ones where it cannot be read."""
    try:
        client_id, _colon, secret = b64decode(text, validate=True).decode("ascii").partition(":")
    except ValueError:
        return "", ""
    return unquote(client_id).replace("\0", ""), unquote(secret)


def give_token(client: ApiClient, *, certificate_sha256: str, scopes: Iterable[str] = (), now: datetime) -> str:
    """A signed token, good for `settings.API_TOKEN_MINUTES`, bound to the certificate it was asked for with.

    `scopes` are the roles it is good for, of those the client holds when it calls.
    """
    said = {"c": client.pk, "x": certificate_sha256, "t": now.timestamp(), "s": sorted(scopes)}
    return signing.dumps(said, salt=_salt(), compress=False)


def read_token(token: str, *, now: datetime) -> Token:
    """Whose token this is; two queries, with the roles it is good for. Raises TokenNotGood."""
    try:
        said = signing.loads(token, salt=_salt())
    except signing.BadSignature as error:
        raise TokenNotGood from error
    made = datetime.fromtimestamp(said["t"], tz=now.tzinfo)
    if not made <= now < made + timedelta(minutes=settings.API_TOKEN_MINUTES):
        raise TokenNotGood
    client = _with_company().filter(pk=said["c"]).first()
    if client is None or not client.is_open or made < client.tokens_from:
        raise TokenNotGood
    user, scopes = client.user, set(said["s"])
    user.grant_list = [grant for grant in user.grants.all() if grant.role in scopes]
    return Token(client, said["x"])


def forget_keys(*, now: datetime) -> int:
    """Take Idempotency-Keys older than `settings.API_KEYS_KEPT` away; returns how many."""
    return ApiWrite.objects.filter(at__lt=now - settings.API_KEYS_KEPT).delete()[0]


def _with_company() -> QuerySet[ApiClient]:
    return ApiClient.objects.select_related("user__company")


def _for_clients(roles: Iterable[Hold | Role | str]) -> list[Hold]:
    holds = [hold if isinstance(hold, Hold) else Hold(hold) for hold in roles]
    if any(hold.role not in ROLES for hold in holds):
        raise RoleNotForClients
    return holds


def _hash(client_id: str, secret: str) -> str:
    """Secrets are 256 random bits, so a keyed hash is enough; nothing slows down a request."""
    return salted_hmac("portal.api_clients.secret", f"{client_id}:{secret}", algorithm="sha256").hexdigest()


def _only_administrators(by: User, company_id: int) -> None:
    if not (by.is_active and by.company_id == company_id and by.may(Ability.MANAGE_API_CLIENTS)):
        raise NotAllowed


def _locked(client: ApiClient, by: User, *, or_operator: bool = False) -> ApiClient:
    company = Company.objects.select_for_update(no_key=True).get(people=client.user_id)
    if not (or_operator and by.is_operator):
        _only_administrators(by, company.pk)
    client = (
        ApiClient.objects.select_for_update(no_key=True, of=("self",)).select_related("user__company").get(pk=client.pk)
    )
    if client.revoked_at:
        raise RevokedAlready
    return client


def _salt() -> str:
    """A token of one private market opens no other: clients are numbered in each from one."""
    return f"portal.api_clients.token:{private_market.name()}"


def _about(client: ApiClient) -> str:
    return f"api client {client.client_id}"


def _tell(client: ApiClient, kind: str, *, now: datetime) -> None:
    post = Post(
        client.user.company_id,
        kind,
        f"api client {client.user.name}",
        link=f"/api-clients/{client.client_id}/",
        ability=Ability.MANAGE_API_CLIENTS,
        context={"name": client.user.name},
    )
    outbox.post(post, now=now)
