"""How many requests a client may send in a minute, counted in Redis for all processes; over it: 429, Retry-After."""

import logging

import redis
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

log = logging.getLogger(__name__)

MINUTE = 60
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class PerMinute(BaseThrottle):
    """Counts the requests of one client, or of one address where nobody is known, in the running minute."""

    left = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        moment = int(timezone.now().timestamp())
        self.ends_in = MINUTE - moment % MINUTE
        who, most = self.counted(request)
        key = f"api-rate:{who}:{moment // MINUTE}"
        try:
            cache.add(key, 0, timeout=2 * MINUTE)
            count = cache.incr(key)
        except (redis.RedisError, ValueError):
            log.exception("requests are not counted: the cache does not answer")
            return True
        self.most, self.left = most, max(0, most - count)
        view.rate = self
        return bool(count <= most)

    def wait(self) -> float:
        return self.ends_in

    def counted(self, request: Request) -> tuple[str, int]:
        """Whom to count, and how many are allowed."""
        if request.auth is None:
            return f"address:{request.META.get('REMOTE_ADDR', '')}", settings.API_TOKENS_PER_MINUTE
        kind, most = (
            ("r", settings.API_READS_PER_MINUTE) if request.method in SAFE else ("w", settings.API_WRITES_PER_MINUTE)
        )
        return f"{request.auth.client_id}:{kind}", most
