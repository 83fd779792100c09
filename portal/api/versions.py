"""Which versions of the API there are, since when, and how long each is kept: the dated table and its policy."""

from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Version:
    """One version; `ends_on` is the first day on which it is no longer served (None: no end is set)."""

    number: str
    path: str
    since: date
    ends_on: date | None
    words: str | Promise


VERSIONS = [Version("1.0.0", "/api/v1/", date(2026, 12, 1), None, _("The first version."))]
CURRENT = VERSIONS[-1]
POLICY = [
    _("Within a version things are only added: new addresses, new optional entries, new members of an answer."),
    _("A client must pass over members and codes that it does not know."),
    _("What breaks a client gets a new version with a path of its own."),
    _(
        "A version is served for at least 24 months after the next one has begun; its end is announced 12 months "
        "before."
    ),
    _("In its last 12 months every answer carries the headers Deprecation and Sunset."),
]
