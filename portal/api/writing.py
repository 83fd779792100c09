"""A write happens once per Idempotency-Key: deed and answer are kept in one transaction, a repetition is answered so.

Two requests with one key at the same time wait for one another at the table's unique constraint. What was refused had
no effect, so its key stays free: the client corrects the request, or repeats it when the time has come.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.problems import KeyMissing, KeyNotGood, KeyUsedOtherwise
from portal.models import ApiWrite

HEADER, REPLAYED = "Idempotency-Key", "Idempotent-Replayed"
GOOD = re.compile(r"[A-Za-z0-9_.:\-]{1,100}")
KEPT = ("ETag", "Location")
Handler = Callable[..., Response]


def once(handler: Handler) -> Handler:
    """Wrap the handler of a write (post, put, patch, delete) of an endpoint."""

    @wraps(handler)
    def guarded(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        row = ApiWrite(client=request.auth, key=_key(request), request_hash=_digest(request), at=timezone.now())
        with transaction.atomic():
            try:
                with transaction.atomic():
                    row.save(force_insert=True)
            except IntegrityError:
                return _answered(row)
            try:
                response = handler(view, request, *args, **kwargs)
            except Exception as error:
                # A refusal is an answer: what its verb left behind (a wrong code counted) stays. Else all is undone.
                refused = view.refusal(error)
                if refused is None:
                    raise
                row.delete()
                return refused
            _keep(row, response)
        return response

    guarded.writes_once = True  # type: ignore[attr-defined]
    return guarded


def _key(request: Request) -> str:
    key = request.headers.get(HEADER)
    if key is None:
        raise KeyMissing
    if not GOOD.fullmatch(key):
        raise KeyNotGood
    return key


def _digest(request: Request) -> str:
    """Of method, address and body; a multipart body by its fields and the content of its files."""
    digest = hashlib.sha256(
        f"{request.method} {request.get_full_path()}\n{request.content_type}".partition(";")[0].encode()
    )
    if (request.content_type or "").startswith("multipart/"):
        for name in sorted(request.data):
            for value in request.data.getlist(name):
                digest.update(f"\n{name}\n".encode())
                if hasattr(value, "chunks"):
                    for chunk in value.chunks():
                        digest.update(chunk)
                    value.seek(0)
                else:
                    digest.update(str(value).encode("utf-8", "surrogatepass"))
    else:
        digest.update(request._request.body)
    return digest.hexdigest()


def _answered(row: ApiWrite) -> Response:
    known = ApiWrite.objects.get(client=row.client, key=row.key)
    if known.request_hash != row.request_hash:
        raise KeyUsedOtherwise
    body = bytes(known.body)
    response = Response(json.loads(body) if body else None, status=known.status, headers=known.headers)
    response[REPLAYED] = "true"
    return response


def _keep(row: ApiWrite, response: Response) -> None:
    row.status = response.status_code
    row.body = JSONRenderer().render(response.data) if response.data is not None else b""
    row.headers = {name: response[name] for name in KEPT if response.has_header(name)}
    row.save(update_fields=["status", "body", "headers"])
