"""What no code of ours is at fault for and no user either: a full disk, a database that is away. Told as "not now"."""

import errno
from collections.abc import Iterator

import psycopg
from django.utils.translation import gettext_lazy as _

FULL = {errno.ENOSPC, errno.EDQUOT}
ENDED_BY_THE_SERVER = "57P"  # it shuts down, crashed, takes no connections yet; a lost line has no state at all


class Outage(Exception):
    """Something the hub stands on is missing for the moment; `sentence` says what, and what to do."""

    sentence = _("The hub cannot work at the moment.")
    seconds = 60  # after which it is worth trying again

    def __str__(self) -> str:
        return str(self.sentence)


class StorageFull(Outage):
    seconds = 600
    sentence = _(
        "The hub's storage is full, so nothing of this was kept. Its operators see that; please try again later."
    )


class DatabaseAway(Outage):
    seconds = 30
    sentence = _(
        "The hub's database is restarting. What you sent may or may not have been carried out; look at the case "
        "before sending it again."
    )


def named(error: BaseException | None) -> Outage | None:
    """The outage behind an error, or None where there is none."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in FULL:
            return StorageFull()
        if isinstance(one, psycopg.errors.DiskFull):
            return StorageFull()
        if isinstance(one, psycopg.InterfaceError):
            return DatabaseAway()
        if isinstance(one, psycopg.OperationalError) and (one.sqlstate or ENDED_BY_THE_SERVER).startswith(
            ENDED_BY_THE_SERVER
        ):
            return DatabaseAway()
    return None


def _is_gone(state: str | None) -> bool:
    return state is None or state.startswith(ENDED_BY_THE_SERVER)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
