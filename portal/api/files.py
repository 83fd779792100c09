"""Files by the API: handed in as `multipart/form-data` under the name `file`, and given out as they are kept."""

from typing import Any

from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from portal.api.endpoint import Entries
from portal.api.parsing import AlwaysJson, Json

WITH_FILE = [Json, MultiPartParser]
FORM = "multipart/form-data"
CONTENT = {"type": "string", "format": "binary"}


class FileEntries(Entries):
    """Entries with a file; what is in it is the verb's business, so that each mistake has its own sentence."""

    file = serializers.FileField(allow_empty_file=True, max_length=400)


class AsItIs(AlwaysJson):
    """A file is what it is, whatever a client says that it likes."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
