"""What the access sweep knows about an endpoint: how to call it and who may."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cast import Cast

Body = dict[str, Any] | Callable[[Cast], dict[str, Any]]


@dataclass(frozen=True)
class ApiRow:
    """`owners`: by method, who may call it (`sora.relay`); empty for what is public.

    `kwargs` makes the case the address names; such an endpoint is absent for strangers (yama, and kaze where it is not
    among `parties`) unless `shared`. `bodies`: what is sent, by method. `good`: the methods whose call succeeds.
    """

    owners: dict[str, str] = field(default_factory=dict)
    kwargs: Callable[[Cast], dict[str, Any]] | None = None
    bodies: dict[str, Body] = field(default_factory=dict)
    query: str = ""
    shared: bool = False
    parties: tuple[str, ...] = ()
    good: tuple[str, ...] = ("get",)
    content_type: str = ""
