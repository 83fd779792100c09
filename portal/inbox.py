"""What waits for a person: each room registers a provider, the home page sorts what they yield by deadline."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.functional import Promise

if TYPE_CHECKING:
    from portal.models import User


@dataclass(frozen=True)
class Task:
    """Work of one kind that waits: "Relays to judge", `count` of them, the first until `due_at`.

    `link` leads to the list (or the one case); `supply_class` ("LV", "HV", "FIT" or "") draws the class mark;
    `note` says why it is due then and what silence leads to, in a short line ("" for nothing to say);
    `kind` names the sort of work, in the style `relays.judge`, and is what a test or a saved view looks for.
    """

    title: str | Promise
    link: str
    due_at: datetime | None
    count: int
    kind: str
    supply_class: str = ""
    note: str = ""


Provider = Callable[["User", datetime], Iterable[Task]]

_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Add a provider; call it in the room's `AppConfig.ready`. A provider does a fixed, small number of queries."""
    if provider not in _providers:
        _providers.append(provider)


def tasks_of(user: "User", *, now: datetime) -> list[Task]:
    """Everything that waits for the person, the earliest deadline first, work without a deadline last."""
    waiting = [task for provider in _providers for task in provider(user, now) if task.count]
    return sorted(waiting, key=lambda task: (task.due_at is None, task.due_at or now, task.kind, task.supply_class))
