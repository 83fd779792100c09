"""The room's registration with Django."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "metering"
