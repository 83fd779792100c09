"""Entrance of the web server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# Every page's module is loaded before the first request, and once for all where workers are forked (`--preload`): the
# first visitor of each worker would wait seconds for it.
get_resolver().url_patterns  # noqa: B018
