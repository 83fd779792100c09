"""Every address of the site with what its room's table says of it (`tests/<room>/access_rows.py`)."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.middleware import is_endpoint, is_workbench
from tests.access_rows import Row
from tests.cast import Cast, client_of

ROOMS = ("portal", "metering", "switching", "linkage")
ROWS: dict[str, Row] = {}
for _room in ROOMS:
    if find_spec(f"tests.{_room}") and find_spec(f"tests.{_room}.access_rows"):
        ROWS.update(import_module(f"tests.{_room}.access_rows").ROWS)


def patterns(
    resolver: URLResolver | None = None, prefix: str = "", space: str = ""
) -> Iterator[tuple[str, str, URLPattern]]:
    """(name with namespace, address with <arguments>, pattern) of every address."""
    resolver = resolver or get_resolver()
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, [space, pattern.namespace]))
            yield from patterns(pattern, route, inner)
        else:
            yield ":".join(filter(None, [space, pattern.name])), route, pattern


ALL = list(patterns())
OWN = sorted(
    {
        name
        for name, _, pattern in ALL
        if not is_workbench(pattern.callback) and not is_endpoint(pattern.callback) and not name.startswith("admin:")
    }
)  # endpoints of the API have a sweep of their own: test_api_access.py


def address(name: str, cast: Cast) -> str:
    """The address, with the case it names made for it."""
    row = ROWS[name]
    return reverse(name, kwargs=row.kwargs(cast) if row.kwargs else None)


def opened(client: Client, name: str, url: str) -> Any:
    row = ROWS[name]
    return getattr(client, row.method)(url, row.data)


def whoever_may(name: str, cast: Cast) -> Client:
    """A browser of somebody who may open it."""
    row = ROWS[name]
    if row.owner:
        return client_of(cast[row.owner])
    if row.opens == "half":
        return client_of(cast["sora.relay"], verified=False)
    return Client() if row.opens == "public" else client_of(cast["sora.administrator"])
