"""The room's registration with Django."""

from django.apps import AppConfig


class SwitchingConfig(AppConfig):
    name = "switching"
