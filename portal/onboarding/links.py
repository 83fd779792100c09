"""The mail that proves the applicant's address, and the links that letters carry into an application."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from portal import letters
from portal.models import Letter, UseApplication
from portal.models.onboarding import UseKind, UseState
from portal.onboarding.refusals import BadLink, KindNotOffered, LinkExpired
from portal.onboarding.rows import leave

SALT = "use application"


@dataclass(frozen=True)
class Asked:
    """What a confirmed link says: for which use, from which address, by which letter."""

    kind: str
    address: str
    letter_id: int


def offered() -> list[UseKind]:
    """The kinds of use this installation takes applications for."""
    return [UseKind(kind) for kind in settings.USE_APPLICATION_KINDS]


def ask_for_link(*, kind: str, address: str, asked_from: str | None, now: datetime) -> Letter:
    """Send the link that proves the address; nothing is stored of the applicant but the letter.

    Raises KindNotOffered, letters.BadAddress, letters.TooMany.
    """
    if kind not in offered():
        raise KindNotOffered
    return letters.write(
        address=address,
        kind="use_application_link",
        now=now,
        asked_from=asked_from,
        per_address=settings.USE_APPLICATION_MAILS_PER_ADDRESS,
        per_origin=settings.USE_APPLICATION_MAILS_PER_ORIGIN,
        use=kind,
    )


def link_of(letter: Letter) -> str:
    """The path of the page that a letter with a link opens."""
    token = signing.dumps({"kind": letter.context["use"], "address": letter.address, "letter": letter.pk}, salt=SALT)
    return reverse("portal:use-application-begin", args=[token])


def asked_by(token: str) -> Asked:
    """What a link says. Raises BadLink when it was changed or cut off, LinkExpired after three days."""
    try:
        found = signing.loads(token, salt=SALT, max_age=settings.USE_APPLICATION_LINK_AGE)
        return Asked(found["kind"], found["address"], found["letter"])
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except (signing.BadSignature, KeyError, TypeError) as error:
        raise BadLink from error


def begin(asked: Asked, *, now: datetime) -> UseApplication:
    """Open the application of a confirmed address; the same link opens the same application again."""
    with transaction.atomic():
        application, is_new = UseApplication.objects.get_or_create(
            letter_id=asked.letter_id, defaults={"kind": asked.kind, "address": asked.address, "begun_at": now}
        )
        if is_new:
            leave(application, UseState.DRAFT, by=None, now=now)
    return application


def _begin_link(letter: Letter) -> dict[str, Any]:
    return {"link": letters.absolute(link_of(letter))}


def _follow_link(letter: Letter) -> dict[str, Any]:
    key: uuid.UUID = UseApplication.objects.values_list("key", flat=True).get(pk=letter.context["application"])
    return {"link": letters.absolute(reverse("portal:use-application", args=[key]))}


letters.made_when_sent("use_application_link", _begin_link)
for _kind in ("received", "asked_back", "approved", "refused"):
    letters.made_when_sent(f"use_application_{_kind}", _follow_link)
