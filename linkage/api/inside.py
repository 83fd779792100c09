"""What the room's endpoints share: they are there inside a private market alone."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request

from linkage.models import Clock
from portal.api.endpoint import Endpoint

TAG = "linkage"


class Inside(Endpoint):
    """An endpoint of a private market; in the lobby it is absent (404)."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not Clock.objects.exists():
            raise Http404
