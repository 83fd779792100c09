"""Lists in pages by cursor: the next page begins after the last row seen, whatever was added in the meantime."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core import signing
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.problems import CursorNotGood

PAGE, MOST = 50, 200
SALT = "portal.api.paging"
_SHAPES: dict[type[serializers.Serializer], serializers.Serializer] = {}
Shown = type[serializers.Serializer] | Callable[[Any], Any]


class PageQuery(serializers.Serializer):
    """The two parameters of every list."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=PAGE, help_text="Rows in one page.")
    cursor = serializers.CharField(required=False, max_length=400, help_text="`next_cursor` of the page before.")


def in_shape(shape: type[serializers.Serializer], thing: Any) -> dict[str, Any]:
    """The thing in the shape of a serializer, which is made once: making one copies its fields, for every row."""
    made = _SHAPES.get(shape) or _SHAPES.setdefault(shape, shape())
    said: dict[str, Any] = made.to_representation(thing)
    return said


def narrowed(rows: QuerySet[Any], query: dict[str, Any], paths: dict[str, str]) -> QuerySet[Any]:
    """Of the rows those asked for; `paths` says for each parameter where its value stands, as a look-up."""
    return rows.filter(**{path: query[name] for name, path in paths.items() if query.get(name) is not None})


def page(
    request: Request,
    rows: QuerySet[Any],
    shown: Shown,
    *,
    limit: int = PAGE,
    cursor: str = "",
    key: str = "pk",
    is_descending: bool = True,
    at_once: bool = False,
) -> Response:
    """Answer `{"items": […], "next_cursor": "…" or null}`, in the order of a unique column, newest first.

    `shown`: the serializer of a row, or what makes something to say of it; with `at_once` of all rows of the page.
    """
    say = partial(in_shape, shown) if isinstance(shown, type) else shown
    if cursor:
        try:
            after = signing.loads(cursor, salt=f"{SALT}:{request.path}")
        except signing.BadSignature as error:
            raise CursorNotGood from error
        rows = rows.filter(**{f"{key}__{'lt' if is_descending else 'gt'}": after})
    found = list(rows.order_by(f"-{key}" if is_descending else key)[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    value = last
    for part in key.split("__") if last is not None else ():
        value = getattr(value, part)
    following = signing.dumps(value, salt=f"{SALT}:{request.path}") if last is not None else None
    items = say(found[:limit]) if at_once else [say(row) for row in found[:limit]]
    response = Response({"items": items, "next_cursor": following})
    if following:
        query = request._request.GET.copy()
        query["cursor"] = following
        response["Link"] = f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    return response
