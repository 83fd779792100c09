"""What the access sweep knows about a page: how to call it and who may open it.

Every room keeps its own table, `tests/<room>/access_rows.py`, with `ROWS: dict[str, Row]` by URL name
(`portal:notices`). A URL without a row fails the sweep.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.cast import Cast

Opens = Literal["public", "half", "inside", "ability", "certificate", "token", "workbench"]


@dataclass(frozen=True)
class Row:
    """How the sweep calls a URL and what it expects.

    `opens`: "public" (everybody), "half" (password given), "inside" (every verified person), "ability" (roles decide),
    "certificate" (a machine of a company, no session), "token" (a machine of the site's own, which a person never is),
    "workbench" (hub staff).
    `kwargs` makes the case the address names and returns the URL's arguments; such a page must
    be absent (404) for yama unless `shared` says that everybody may see it. `owner` is somebody who may open it.
    `one_more` adds a row to the list the page shows to whoever may open it.
    """

    opens: Opens
    owner: str = ""
    kwargs: Callable[[Cast], dict[str, Any]] | None = None
    shared: bool = False
    method: Literal["get", "post"] = "get"
    data: dict[str, Any] = field(default_factory=dict)
    one_more: Callable[[Cast], Any] | None = None
