"""What only the linkage test has: invented customers and a clock that can be put forward."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

from kirikae_client.errors import HubError
from kirikae_client.hub import Hub
from kirikae_client.shapes import Customer


class StillOnItsWay(HubError):
    """The market had not arrived when the time to wait was over; it goes on by itself."""


def customers(hub: Hub, **query: Any) -> Iterator[Customer]:
    """Invented customers; `side` "others" are those to win, `ending` the last digit of their point."""
    return cast(Iterator[Customer], hub.each("linkage/customers", **query))


def travel(
    hub: Hub,
    *,
    days: int | None = None,
    to: datetime | None = None,
    patience: float = 900.0,
    tell: Callable[[int], None] = lambda percent: None,
) -> datetime:
    """Put the market's clock forward and wait until it has arrived; returns its hour. Raises StillOnItsWay."""
    hub.post("linkage/clock", {"to": to.isoformat()} if to else {"days": days})
    until = time.monotonic() + patience
    while True:
        clock = hub.get("linkage/clock")
        if not clock["travelling_to"]:
            return datetime.fromisoformat(clock["now"])
        tell(int(clock["percent"]))
        if time.monotonic() > until:
            raise StillOnItsWay(f"{clock['percent']} % of the way after {patience:.0f} s")
        time.sleep(1.0)
