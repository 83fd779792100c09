"""The Celery application; what it runs lives in each room's tasks.py, when it runs in settings.CELERY_BEAT_SCHEDULE."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("kirikae", task_cls="portal.private_market:MarketTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
