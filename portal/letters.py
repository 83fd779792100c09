"""Mails to one person: written with the deed they tell of, sent by the same worker as the notices' mails."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from portal.models import Letter, User
from portal.outbox import FIRST_RETRY, GIVE_UP_AFTER, LONGEST_RETRY
from portal.refusals import Refusal

log = logging.getLogger(__name__)

WINDOW = timedelta(hours=1)

Maker = Callable[[Letter], dict[str, Any]]
_makers: dict[str, Maker] = {}


class Refused(Refusal):
    """A letter that is not written; `sentence` says why and what to do."""


class BadAddress(Refused):
    sentence = _("This is no e-mail address one can write to, for example taro.yamada@example.co.jp.")


class TooMany(Refused):
    sentence = _("Too many mails were asked for within the last hour. Please try again in an hour.")


def made_when_sent(kind: str, maker: Maker) -> None:
    """Let `maker` add to the context of letters of this kind when they are sent: links that no table may hold."""
    _makers[kind] = maker


def write(
    *,
    address: str,
    kind: str,
    now: datetime,
    user: User | None = None,
    asked_from: str | None = None,
    per_address: int = 0,
    per_origin: int = 0,
    **context: Any,
) -> Letter:
    """Write a letter in the caller's transaction; its template is `mail/<kind>.txt`, whose first line is the subject.

    `per_address` and `per_origin` (0: no limit) are how many letters of this kind an address, or the visitor's network
    address `asked_from`, may cause within an hour, so that nobody makes the hub flood a mailbox.
    Raises BadAddress (line breaks, which would forge headers, among it) and TooMany.
    """
    try:
        validate_email(address)
    except ValidationError as error:
        raise BadAddress from error
    recent = Letter.objects.filter(kind=kind, written_at__gt=now - WINDOW)
    if per_address and recent.filter(address__iexact=address).count() >= per_address:
        raise TooMany
    if per_origin and asked_from and recent.filter(asked_from=asked_from).count() >= per_origin:
        raise TooMany
    letter = Letter.objects.create(
        address=address,
        kind=kind,
        user=user,
        context=context,
        asked_from=asked_from or None,
        written_at=now,
        next_attempt_at=now,
    )
    transaction.on_commit(_wake_sender, robust=True)
    return letter


def absolute(path: str) -> str:
    """The address of a page as a mail must name it."""
    return settings.SITE_ADDRESS.rstrip("/") + path


def words(letter: Letter) -> tuple[str, str]:
    """The letter's subject line and text, in Japanese and English one after the other."""
    more = _makers[letter.kind](letter) if letter.kind in _makers else {}
    parts = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            parts.append(render_to_string(f"mail/{letter.kind}.txt", {**letter.context, **more}).strip())
    headline, _rest, body = parts[0].partition("\n")
    return " ".join(headline.split()), "\n\n----\n\n".join([body.strip(), *parts[1:]])


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to `limit` waiting letters whose hour has come; returns how many were tried.

    Claimed with SKIP LOCKED, so several workers share the queue; at least once, never not at all.
    """
    with transaction.atomic():
        due = list(
            Letter.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=Letter.State.WAITING, next_attempt_at__lte=now)
            .select_related("user__company")
            .order_by("next_attempt_at", "pk")[:limit]
        )
        mailer = get_connection() if due else None
        for letter in due:
            letter.attempts += 1
            try:
                headline, body = words(letter)
                EmailMessage(headline, body, to=[letter.address], connection=mailer).send()
            except Exception as error:  # a mail server may fail in any way; the row keeps what it said
                log.warning("letter %s failed: %s", letter.pk, type(error).__name__)
                letter.last_error = f"{type(error).__name__}: {error}"[:300]
                letter.next_attempt_at = now + min(FIRST_RETRY * 2 ** (letter.attempts - 1), LONGEST_RETRY)
                if letter.attempts >= GIVE_UP_AFTER:
                    letter.state = Letter.State.GIVEN_UP
            else:
                letter.state, letter.sent_at, letter.last_error = Letter.State.SENT, now, ""
        Letter.objects.bulk_update(due, ["state", "attempts", "next_attempt_at", "sent_at", "last_error"])
    return len(due)


def _wake_sender() -> None:
    """Ask a worker to send now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("portal.tasks.send_outbox")
