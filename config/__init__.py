"""Wiring: settings, routes, worker. Celery is loaded here so that every process knows the same app."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
