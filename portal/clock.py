"""The hour the rules go by: the one place where entrances of cases and usage read the clock."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present moment, aware, in UTC. Sign-ins, certificates and passwords go by `timezone.now` instead."""
    return timezone.now()
