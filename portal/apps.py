"""The room's registration with Django."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
