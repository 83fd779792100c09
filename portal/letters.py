"""Mails to one address that belong to no company; written with the deed, sent by the outbox's worker."""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.models import Letter
from portal.outbox import FIRST_RETRY, GIVE_UP_AFTER, LONGEST_RETRY

log = logging.getLogger(__name__)

WINDOW = timedelta(hours=1)


class Refused(Exception):
    """A letter that is not written; `sentence` says why and what to do."""

    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)


class BadAddress(Refused):
    sentence = _("This is no e-mail address one can write to, for example taro.yamada@example.co.jp.")


class TooMany(Refused):
    sentence = _("Too many mails were asked for within the last hour. Please try again in an hour.")


def post(
    kind: str,
    address: str,
    *,
    now: datetime,
    language: str = "ja",
    asked_from: str | None = None,
    per_address: int = 0,
    per_origin: int = 0,
    **context: Any,
) -> Letter:
    """Write a letter in the caller's transaction; `kind` names `mail/<kind>.txt`, whose first line is the subject.

    `per_address` and `per_origin` (0: no limit) are how many letters of this kind an address, or a visitor's network
    address, may cause within an hour: visitors who are not signed in must not make the hub flood a mailbox.
    Raises BadAddress (also for line breaks, which would forge headers) and TooMany.
    """
    try:
        validate_email(address)
    except ValidationError as error:
        raise BadAddress from error
    recent = Letter.objects.filter(kind=kind, posted_at__gt=now - WINDOW)
    if per_address and recent.filter(address__iexact=address).count() >= per_address:
        raise TooMany
    if per_origin and asked_from and recent.filter(asked_from=asked_from).count() >= per_origin:
        raise TooMany
    letter = Letter.objects.create(
        kind=kind,
        address=address,
        language=language,
        context=context,
        asked_from=asked_from or None,
        posted_at=now,
        next_attempt_at=now,
    )
    transaction.on_commit(_wake_sender, robust=True)
    return letter


def words(letter: Letter) -> tuple[str, str]:
    """The letter's subject line and body in its language."""
    with translation.override(letter.language):
        text = render_to_string(f"mail/{letter.kind}.txt", letter.context).strip()
    headline, _rest, body = text.partition("\n")
    return " ".join(headline.split()), body.strip()


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to `limit` waiting letters whose hour has come; returns how many went out.

    As with the outbox a crash may send a letter twice, never lose it. What filled the template, one-time links among
    it, is erased with the sending.
    """
    with transaction.atomic():
        due = list(
            Letter.objects.select_for_update(skip_locked=True)
            .filter(state=Letter.State.WAITING, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "pk")[:limit]
        )
        sent = 0
        mailer = get_connection() if due else None
        for letter in due:
            letter.attempts += 1
            try:
                headline, body = words(letter)
                EmailMessage(headline, body, to=[letter.address], connection=mailer).send()
            except Exception as error:  # a mail server may fail in any way; the row keeps what it said
                log.warning("letter %s failed: %s", letter.pk, error)
                letter.last_error = f"{type(error).__name__}: {error}"[:300]
                letter.next_attempt_at = now + min(FIRST_RETRY * 2 ** (letter.attempts - 1), LONGEST_RETRY)
                if letter.attempts >= GIVE_UP_AFTER:
                    letter.state = Letter.State.GIVEN_UP
            else:
                letter.state, letter.sent_at, letter.last_error, letter.context = Letter.State.SENT, now, "", {}
                sent += 1
        Letter.objects.bulk_update(due, ["state", "attempts", "next_attempt_at", "sent_at", "last_error", "context"])
    return sent


def _wake_sender() -> None:
    """Ask a worker to send now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("portal.tasks.send_outbox")
