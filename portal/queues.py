"""The queues between web, beat and workers: how much waits in each, since when, and what workers have in hand."""

import json
import time
from dataclasses import dataclass
from typing import Any

import redis
from celery.signals import before_task_publish
from django.conf import settings

from portal import tracing

QUEUED_AT = "kirikae_queued_at"
PATIENCE = 2  # seconds
IN_HAND = "unacked"  # where Celery's transport keeps what was handed to a worker and is not acknowledged


@dataclass(frozen=True)
class Waiting:
    """What waits in one queue: how many messages, for how many seconds the oldest."""

    queue: str
    count: int
    oldest: float


@before_task_publish.connect
def stamp(headers: dict[str, Any] | None = None, **_rest: Any) -> None:
    """Say on every message when it was queued and by which request; one handed out again keeps its first hour."""
    if headers is not None:
        headers.setdefault(QUEUED_AT, time.time())
        tracing.stamp(headers)


def waiting() -> list[Waiting]:
    """Every queue as it stands. Raises redis.RedisError when the broker does not answer."""
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    with _broker() as broker:
        pipe = broker.pipeline(transaction=False)
        for name in names:
            pipe.llen(_key(name))
            pipe.lindex(_key(name), -1)  # taken from this end
        told = pipe.execute()
    return [
        Waiting(name, count, _age(oldest)) for name, count, oldest in zip(names, told[::2], told[1::2], strict=True)
    ]


def in_hand() -> int:
    """Messages that workers have taken and not finished. Raises redis.RedisError."""
    with _broker() as broker:
        return int(broker.hlen(_key(IN_HAND)))


def _age(message: bytes | None) -> float:
    """Seconds since the message was queued; 0 for none and for one that does not say."""
    if not message:
        return 0.0
    try:
        queued_at = float(json.loads(message)["headers"][QUEUED_AT])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, time.time() - queued_at)


def _broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


def _key(name: str) -> str:
    return f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS.get('global_keyprefix', '')}{name}"
