"""The main menu: each room registers its entries, the page shows those the person may open."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise

from portal.access import Ability, may

if TYPE_CHECKING:
    from portal.models import User


@dataclass(frozen=True)
class Entry:
    """One entry of the menu: a translatable label, the name of its URL, the ability it needs, its place.

    `is_aside`: what is looked up now and then stands below what is worked on. `for_staff`: the hub's own people alone.
    """

    label: str | Promise
    url_name: str
    ability: Ability
    order: int = 100
    is_aside: bool = False
    for_staff: bool = False


@dataclass(frozen=True)
class Shown:
    """An entry as drawn: where it leads and whether the page at hand lies below it."""

    label: str | Promise
    url: str
    is_here: bool
    is_aside: bool


_entries: dict[str, Entry] = {}


def register(*entries: Entry) -> None:
    """Add entries; call it in the room's `AppConfig.ready`. The same URL registered twice stands once."""
    for entry in entries:
        _entries[entry.url_name] = entry


def entries() -> list[Entry]:
    """Everything registered, in the order of the menu."""
    return sorted(_entries.values(), key=lambda entry: (entry.order, entry.url_name))


def shown_to(user: "User", request: HttpRequest) -> list[Shown]:
    """The entries the person may open; the one with the longest matching path is where the person is."""
    open_ones = [
        (entry, reverse(entry.url_name))
        for entry in entries()
        if may(user, entry.ability) and (user.is_staff or not entry.for_staff)
    ]
    below = [url for _, url in open_ones if request.path == url or (url != "/" and request.path.startswith(url))]
    here = max(below, key=len, default=None)
    return [Shown(entry.label, url, url == here, entry.is_aside) for entry, url in open_ones]
