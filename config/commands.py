"""Dispatches `manage.py` commands: our own three, and Django's with servers where none are given."""

from __future__ import annotations

import os
import sys


def run(arguments: list[str]) -> int:
    return _django(arguments)


def _django(arguments: list[str]) -> int:
    for name in [name for name in sys.modules if name == "config" or name.startswith("config.")]:
        del sys.modules[name]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])
    return 0
