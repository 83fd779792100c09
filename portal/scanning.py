"""Looks for malware in what people hand in, before it is kept: asks `settings.UPLOAD_SCANNER`, if there is one."""

import logging
from pathlib import PurePath
from typing import IO

from django.conf import settings
from django.core.files import File
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


class Infected(Exception):
    """A scanner found something; `found` is its name for it."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(found)


class Unscanned(Exception):
    """The scanner did not answer, or not with a yes or no: nothing may be kept."""


def scan(file: IO[bytes] | File, *, name: str) -> None:
    """Have the file looked at, from its beginning; afterwards it stands at its beginning again.

    The scanner is a callable that takes the binary file, reads it in pieces and raises Infected or Unscanned; whatever
    else it raises counts as Unscanned. Call it outside a transaction: a large file takes its time.
    """
    if not settings.UPLOAD_SCANNER:
        return
    file.seek(0)
    ending = PurePath(name).suffix[:8]  # a name may be a customer's
    try:
        import_string(settings.UPLOAD_SCANNER)(file)
    except Infected as infected:
        log.warning("the scanner found %s in a file %s; it is not kept", infected.found, ending)
        raise
    except Unscanned as unscanned:
        log.error("a file %s could not be scanned: %s", ending, unscanned)
        raise
    except Exception as error:
        log.exception("a file %s could not be scanned", ending)
        raise Unscanned(str(error)) from error
    file.seek(0)
