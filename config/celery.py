"""The Celery application; what it runs lives in each room's tasks.py, when it runs in settings.CELERY_BEAT_SCHEDULE."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("kirikae", task_cls="portal.private_market:MarketTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**_rest: Any) -> None:
    """Workers and beat write their log as the web does (config.logs); Celery would set up its own."""
