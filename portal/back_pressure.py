"""How far a receiver may fall behind the feed, and what happens then: published as it is in force."""

from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal import events, webhooks


def rules() -> dict[str, Any]:
    """The figures in force."""
    return {
        "kept_days": settings.EVENT_DAYS,
        "page_size": events.AT_ONCE,
        "webhook_answer_seconds": settings.WEBHOOK_SECONDS,
        "webhook_events_per_turn": webhooks.AT_ONCE,
        "webhook_first_retry_seconds": int(webhooks.FIRST_RETRY.total_seconds()),
        "webhook_longest_retry_seconds": int(webhooks.LONGEST_RETRY.total_seconds()),
        "webhook_failures_until_paused": settings.WEBHOOK_PAUSE_AFTER,
        "webhook_most_receivers": webhooks.MOST_RECEIVERS,
        "secret_overlap_days": settings.WEBHOOK_SECRET_OVERLAP.days,
        "alarm_after_seconds": int(settings.UNSENT_ALARM.total_seconds()) + 60,
    }


def in_words() -> list[tuple[str | Promise, str]]:
    """The same for people."""
    figures = rules()
    words = {
        "kept_days": _("Days the feed can be read again"),
        "page_size": _("Events on one page of the feed"),
        "webhook_answer_seconds": _("Seconds a webhook has for its answer"),
        "webhook_failures_until_paused": _("Failures one after the other until a webhook is paused"),
        "webhook_longest_retry_seconds": _("Longest pause between two attempts (seconds)"),
        "alarm_after_seconds": _("Seconds until something unsent raises an alarm"),
    }
    return [(label, f"{figures[name]:,}") for name, label in words.items()]
