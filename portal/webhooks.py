"""Webhooks: a company's receivers, registered by its administrators, told of events in order and at least once.

Each receiver has a position in the feed and moves it forward one answered delivery at a time; a worker claims a
receiver for a while (SKIP LOCKED, then a lease), so deliveries to one receiver never overtake one another and a hanging
one holds no database lock. Killed anywhere, the last delivery is made again: its number is the same.
"""

import json
import logging
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal import events, ledger, outbox, outward, sealed_box, webhook_signatures
from portal.access import Ability
from portal.models import Company, Event, Topic, User, Webhook, WebhookAttempt
from portal.refusals import Refusal

log = logging.getLogger(__name__)
State, Failure = Webhook.State, Webhook.Failure

MOST_RECEIVERS = 10
AT_ONCE = 50
LEASE, WORK_FOR_SECONDS = timedelta(seconds=120), 60
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=10), timedelta(hours=1)
TESTS_A_MINUTE = 5


class Refused(Refusal):
    """What is asked of a webhook cannot be; `sentence` says why and what to do."""


class NotYours(Refused):
    sentence = _("Your role does not cover this; your company's administrators look after its webhooks.")


class NoTopic(Refused):
    sentence = _("Choose at least one topic.")


class TooManyReceivers(Refused):
    sentence = _("Your company has 10 webhooks. Please remove one first.")


class Registered(Refused):
    sentence = _("This address is registered already.")


class Moved(Refused):
    sentence = _("The webhook has moved on in the meantime. Nothing was changed; this page shows how it stands.")


class RunningAlready(Refused):
    sentence = _("Events are being sent again to this address just now. Please wait until that is done.")


class WrongRange(Refused):
    """The numbers to be sent again are not all there: `oldest` to `last` are."""

    def __init__(self, oldest: int, last: int) -> None:
        self.oldest, self.last = oldest, last
        self.sentence = format_lazy(
            _("Events number {oldest} to {last} can be sent again, from a number to the same or a later one."),
            oldest=oldest,
            last=last,
        )
        super().__init__(oldest, last)


class TooManyTests(Refused):
    sentence = _("Those were many tests within a minute. Please wait a moment.")


@dataclass(frozen=True)
class Outcome:
    """What came of one delivery; `failure` is "" when the receiver took it."""

    status: int | None
    failure: str
    words: str
    took_ms: int


# --- Registered by the company ------------------------------------------------------------------------------------


def register(*, url: str, topics: Collection[str], by: User, now: datetime) -> tuple[Webhook, str]:
    """Register a receiver, told of events from now on; returns it and its secret, which is shown this once.

    Raises outward.BadAddress (also when the name leads into a private network now), NoTopic, TooManyReceivers,
    Registered, NotYours.
    """
    _require(by)
    url = url.strip()
    parts = outward.check(url)
    outward.resolve(parts.hostname or "", parts.port or 443)
    chosen = _topics(topics)
    secret = _new_secret()
    with transaction.atomic():
        company = Company.objects.select_for_update(no_key=True).get(pk=by.company_id)
        if Webhook.objects.visible_to(by).count() >= MOST_RECEIVERS:
            raise TooManyReceivers
        try:
            with transaction.atomic():
                hook = Webhook.objects.create(
                    company=company,
                    url=url,
                    topics=chosen,
                    secret=sealed_box.seal(secret),
                    secret_since=now,
                    sent_to=company.events_posted,
                    next_attempt_at=now,
                    registered_at=now,
                    registered_by=by,
                )
        except IntegrityError as error:
            raise Registered from error
        _record("webhook.register", hook, by=by, now=now, url=url, topics=chosen)
    return hook, secret


def choose(hook_id: int, *, topics: Collection[str], by: User, now: datetime) -> Webhook:
    """Choose anew what the receiver hears of, from now on. Raises NoTopic, NotYours."""
    chosen = _topics(topics)
    with transaction.atomic():
        hook = _locked(hook_id, by)
        hook.topics = chosen
        hook.save(update_fields=["topics"])
        _record("webhook.choose", hook, by=by, now=now, topics=chosen)
    return hook


def change_secret(hook_id: int, *, by: User, now: datetime) -> str:
    """A new secret, shown this once; the former one signs too for WEBHOOK_SECRET_OVERLAP. Raises NotYours."""
    secret = _new_secret()
    with transaction.atomic():
        hook = _locked(hook_id, by)
        hook.former_secret, hook.former_until = hook.secret, now + settings.WEBHOOK_SECRET_OVERLAP
        hook.secret, hook.secret_since = sealed_box.seal(secret), now
        hook.save(update_fields=["former_secret", "former_until", "secret", "secret_since"])
        _record("webhook.change_secret", hook, by=by, now=now)
    return secret


def pause(hook_id: int, *, by: User, now: datetime) -> Webhook:
    """Send nothing more until somebody resumes it; what happens meanwhile waits. Raises Moved, NotYours."""
    with transaction.atomic():
        hook = _locked(hook_id, by, Ability.STEER_WEBHOOKS)
        if hook.state != State.ACTIVE:
            raise Moved
        hook.state, hook.paused_at, hook.paused_because = State.PAUSED, now, Failure.BY_HAND
        hook.save(update_fields=["state", "paused_at", "paused_because"])
        _record("webhook.pause", hook, by=by, now=now)
    return hook


def resume(hook_id: int, *, by: User, now: datetime) -> Webhook:
    """Go on where it stopped. Raises Moved, NotYours."""
    with transaction.atomic():
        hook = _locked(hook_id, by, Ability.STEER_WEBHOOKS)
        if hook.state != State.PAUSED:
            raise Moved
        hook.state, hook.paused_at, hook.paused_because = State.ACTIVE, None, ""
        hook.failures, hook.next_attempt_at, hook.claimed_until = 0, now, None
        hook.save(
            update_fields=["state", "paused_at", "paused_because", "failures", "next_attempt_at", "claimed_until"]
        )
        _record("webhook.resume", hook, by=by, now=now)
        transaction.on_commit(_wake_sender, robust=True)
    return hook


def remove(hook_id: int, *, by: User, now: datetime) -> None:
    """Take the receiver away; its secret is forgotten. Raises NotYours."""
    with transaction.atomic():
        hook = _locked(hook_id, by)
        hook.state, hook.paused_at, hook.paused_because = State.REMOVED, None, ""
        hook.secret = hook.former_secret = ""
        hook.former_until = hook.resend_next = hook.resend_until = None
        hook.save()
        _record("webhook.remove", hook, by=by, now=now, url=hook.url)


def send_again(hook_id: int, *, first: int, last: int, by: User, now: datetime) -> Webhook:
    """Have the chosen topics' events from number to number sent once more, after what is new.

    Raises WrongRange, RunningAlready, NotYours.
    """
    with transaction.atomic():
        hook = _locked(hook_id, by, Ability.STEER_WEBHOOKS)
        stands = events.standing(hook.company)
        if not stands.oldest <= first <= last <= stands.last:
            raise WrongRange(stands.oldest, stands.last)
        if hook.resend_next is not None:
            raise RunningAlready
        hook.resend_next, hook.resend_until = first, last
        hook.save(update_fields=["resend_next", "resend_until"])
        _record("webhook.send_again", hook, by=by, now=now, first=first, last=last)
        transaction.on_commit(_wake_sender, robust=True)
    return hook


def test(hook_id: int, *, by: User, now: datetime) -> WebhookAttempt:
    """Send a test with number 0 and say what the receiver did; also to a paused one. Raises TooManyTests, NotYours."""
    with transaction.atomic():
        hook = _locked(hook_id, by, Ability.STEER_WEBHOOKS)
        if hook.tries.filter(number=0, at__gt=now - timedelta(minutes=1)).count() >= TESTS_A_MINUTE:
            raise TooManyTests
        _record("webhook.test", hook, by=by, now=now)
    told = {"number": 0, "at": now.isoformat(), "kind": "webhook.test", "topic": "", "cause": "own_deed"}
    return _attempt(hook, 0, told, now=now, is_again=False)[1]


# --- Sent by the worker -------------------------------------------------------------------------------------------


def serve_next(*, now: datetime) -> int | None:
    """Claim the receiver that waits longest and send it up to AT_ONCE events; how many got through, None: none waits.

    One failure ends the turn: the next attempt comes with a growing pause, and after WEBHOOK_PAUSE_AFTER failures
    one after the other the receiver is paused and its company told.
    """
    hook = _claim(now)
    if hook is None:
        return None
    lease, begun, sent = hook.claimed_until, time.monotonic(), 0
    for number, told, is_again in _waiting(hook):
        outcome, _kept = _attempt(hook, number, told, now=now, is_again=is_again)
        if outcome.failure:
            _failed(hook, outcome, lease, now=now)
            return sent
        if not _moved_on(hook, number, is_again, lease, now=now):
            return sent  # paused, removed or claimed by somebody else in the meantime
        sent += 1
        if time.monotonic() - begun > WORK_FOR_SECONDS:
            break
    else:
        _settled(hook, lease)
    Webhook.objects.filter(pk=hook.pk, claimed_until=lease).update(claimed_until=None, next_attempt_at=now)
    return sent


def _claim(now: datetime) -> Webhook | None:
    with transaction.atomic():
        hook = (
            Webhook.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(
                Q(claimed_until=None) | Q(claimed_until__lte=now),
                Q(sent_to__lt=F("company__events_posted")) | Q(resend_next__isnull=False),
                state=State.ACTIVE,
                next_attempt_at__lte=now,
            )
            .select_related("company")
            .order_by("next_attempt_at", "pk")
            .first()
        )
        if hook is not None:
            hook.claimed_until = now + LEASE
            hook.save(update_fields=["claimed_until"])
    return hook


def _waiting(hook: Webhook) -> list[tuple[int, dict[str, Any], bool]]:
    """What the receiver is owed: new events first, then those to be sent again."""
    own = Event.objects.filter(recipient=hook.company_id, topic__in=hook.topics).order_by("number")
    fresh = list(own.filter(number__gt=hook.sent_to, number__lte=hook.company.events_posted)[:AT_ONCE])
    found = [(event, False) for event in fresh]
    if hook.resend_next is not None and len(fresh) < AT_ONCE:
        again = own.filter(number__gte=hook.resend_next, number__lte=hook.resend_until)
        found += [(event, True) for event in again[: AT_ONCE - len(fresh)]]
    return [(event.number, events.told(event, site=settings.SITE_ADDRESS), again) for event, again in found]


def _moved_on(hook: Webhook, number: int, is_again: bool, lease: datetime | None, *, now: datetime) -> bool:
    fields: dict[str, Any] = {"failures": 0, "last_success_at": now}
    if not is_again:
        fields["sent_to"] = number
    elif number < (hook.resend_until or 0):
        fields["resend_next"] = number + 1
    else:
        fields |= {"resend_next": None, "resend_until": None}
    return bool(Webhook.objects.filter(pk=hook.pk, state=State.ACTIVE, claimed_until=lease).update(**fields))


def _settled(hook: Webhook, lease: datetime | None) -> None:
    """Everything fetched is sent: pass over the numbers of topics the receiver did not choose."""
    with transaction.atomic():
        held = Webhook.objects.select_for_update().filter(pk=hook.pk, claimed_until=lease, state=State.ACTIVE).first()
        if held is None:
            return
        own = Event.objects.filter(recipient=hook.company_id, topic__in=hook.topics)
        upto = hook.company.events_posted
        left = own.filter(number__gt=held.sent_to, number__lte=upto).order_by("number").first()
        held.sent_to = max(held.sent_to, left.number - 1 if left else upto)
        if held.resend_next is not None:
            rest = own.filter(number__gte=held.resend_next, number__lte=held.resend_until).order_by("number").first()
            held.resend_next = rest.number if rest else None
            held.resend_until = held.resend_until if rest else None
        held.save(update_fields=["sent_to", "resend_next", "resend_until"])


def _failed(hook: Webhook, outcome: Outcome, lease: datetime | None, *, now: datetime) -> None:
    with transaction.atomic():
        held = Webhook.objects.select_for_update().filter(pk=hook.pk, claimed_until=lease, state=State.ACTIVE).first()
        if held is None:
            return
        held.failures += 1
        held.claimed_until = None
        held.next_attempt_at = now + min(FIRST_RETRY * 2 ** (held.failures - 1), LONGEST_RETRY)
        if outcome.failure == Failure.GONE or held.failures >= settings.WEBHOOK_PAUSE_AFTER:
            held.state, held.paused_at, held.paused_because = State.PAUSED, now, outcome.failure
        held.save()
        if held.state == State.PAUSED:
            _record("webhook.paused", held, by=None, now=now, because=outcome.failure, words=outcome.words)
            outbox.post(
                outbox.Post(
                    recipient_id=held.company_id,
                    kind="webhook_paused",
                    subject=f"webhook {held.pk}",
                    link=reverse("portal:webhook", args=[held.pk]),
                    resource=f"/api/v1/webhooks/{held.pk}",
                    ability=Ability.MANAGE_WEBHOOKS,
                    context={"url": held.url, "because": outcome.failure, "failures": held.failures},
                ),
                now=now,
            )


def _attempt(
    hook: Webhook, number: int, told: dict[str, Any], *, now: datetime, is_again: bool
) -> tuple[Outcome, WebhookAttempt]:
    body = json.dumps({"webhook": hook.pk, "again": is_again, "event": told}, ensure_ascii=False).encode()
    outcome = _send(hook, number, body, now=now)
    kept = WebhookAttempt.objects.create(
        webhook=hook,
        number=number,
        is_again=is_again,
        at=now,
        took_ms=outcome.took_ms,
        status=outcome.status,
        failure=outcome.failure,
        words=outcome.words[:200].replace("\x00", ""),
    )
    return outcome, kept


def _send(hook: Webhook, number: int, body: bytes, *, now: datetime) -> Outcome:
    begun = time.monotonic()

    def failed(reason: str, words: str, status: int | None = None) -> Outcome:
        return Outcome(status, reason, words, int((time.monotonic() - begun) * 1000))

    signed = webhook_signatures.Signed(hook.url, number, int(now.timestamp()), body)
    try:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Kirikae-Webhook/1",
            **webhook_signatures.headers(signed, secrets=_secrets(hook, now)),
        }
        answer = outward.post(hook.url, body, headers, seconds=settings.WEBHOOK_SECONDS)
    except outward.BadAddress as refusal:
        return failed(Failure.ADDRESS, type(refusal).__name__)
    except outward.NotAnswered as silence:
        return failed(silence.reason, silence.words)
    if 200 <= answer.status < 300:
        return Outcome(answer.status, "", "", answer.took_ms)
    reason = Failure.REDIRECT if 300 <= answer.status < 400 else Failure.STATUS
    return failed(Failure.GONE if answer.status == 410 else reason, answer.beginning, answer.status)


def _secrets(hook: Webhook, now: datetime) -> list[str]:
    """The secret of now, and the former one while both hold."""
    sealed = [hook.secret]
    if hook.former_secret and hook.former_until and hook.former_until > now:
        sealed.append(hook.former_secret)
    return [sealed_box.opened(one) for one in sealed]


def drop_old(*, now: datetime) -> int:
    """Remove records of sendings older than WEBHOOK_LOG_DAYS and former secrets that sign no more; how many records."""
    Webhook.objects.filter(former_until__lte=now).update(former_secret="", former_until=None)
    return WebhookAttempt.objects.filter(at__lt=now - timedelta(days=settings.WEBHOOK_LOG_DAYS)).delete()[0]


# --- Common -------------------------------------------------------------------------------------------------------


def _wake_sender() -> None:
    """Ask a worker to send now; when the broker is away the periodic sweep does it later."""
    current_app.send_task("portal.tasks.send_webhooks")


def _require(by: User, ability: Ability = Ability.MANAGE_WEBHOOKS) -> None:
    if not by.may(ability):
        raise NotYours


def _topics(topics: Collection[str]) -> list[str]:
    chosen = [topic for topic in Topic.values if topic in topics]
    if not chosen:
        raise NoTopic
    return chosen


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _locked(hook_id: int, by: User, ability: Ability = Ability.MANAGE_WEBHOOKS) -> Webhook:
    _require(by, ability)
    visible = Webhook.objects.visible_to(by)
    return visible.select_for_update(of=("self",)).select_related("company").get(pk=hook_id)


def _record(action: str, hook: Webhook, *, by: User | None, now: datetime, **detail: Any) -> None:
    ledger.record(action, f"webhook {hook.pk}", by=by, now=now, **detail)
