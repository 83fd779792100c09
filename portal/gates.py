"""The calendar of what is open when: a closed function refuses its pages and its verbs and says when it opens."""

from collections.abc import Iterable
from datetime import datetime, time
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal import ahead, events, ledger
from portal.access import Ability
from portal.companies import Refused
from portal.models import Cause, Company, Environment, Function, Gate, MaintenanceWindow, Topic, User
from portal.templatetags.words import jst
from portal.workdays import JST, jst_date

# What no gate closes (signing in, people, certificates, notices) is not named here.
FUNCTION_OF: dict[str, Function] = {
    Ability.INQUIRE: Function.FACILITY_INQUIRY,
    Ability.DISCLOSE: Function.RELAYS,
    Ability.SEE_RELAYS: Function.RELAYS,
    Ability.REGISTER_RELAY: Function.RELAYS,
    Ability.JUDGE_RELAY: Function.RELAYS,
    Ability.SEE_APPLICATIONS: Function.APPLICATIONS,
    Ability.FILE_APPLICATION: Function.APPLICATIONS,
    Ability.ANSWER_APPLICATION: Function.APPLICATIONS,
    Ability.COMPLETE_APPLICATION: Function.APPLICATIONS,
    Ability.SEE_POINTS: Function.USAGE,
    Ability.SEND_USAGE: Function.USAGE,
    Ability.COLLECT_USAGE: Function.USAGE,
}


class Closed(Exception):
    """The function is closed now; it opens at `opens_at` (None: not settled). `window` is the maintenance, if any."""

    def __init__(self, function: Function, opens_at: datetime | None, window: MaintenanceWindow | None) -> None:
        super().__init__(function, opens_at)
        self.function, self.opens_at, self.window = function, opens_at, window

    @property
    def sentence(self) -> str | Promise:
        if self.opens_at is None:
            return format_lazy(
                _("{function} is closed. When it opens is not settled yet."), function=self.function.label
            )
        return format_lazy(
            _("{function} is closed now. It opens on {moment}."),
            function=self.function.label,
            moment=jst(self.opens_at),
        )

    def __str__(self) -> str:
        return str(self.sentence)


class NotBegun(Closed):
    """The function is open, but the company's use of the hub begins later, at `opens_at`."""

    @property
    def sentence(self) -> str | Promise:
        return format_lazy(
            _(
                "Your company's use of the hub begins on {moment}. Until then you can sign in and try your access; "
                "{function} opens then. To begin earlier, please ask the hub's helpdesk."
            ),
            function=self.function.label,
            moment=jst(jst_date(self.opens_at)) if self.opens_at else "",
        )


class NotAllowed(Refused):
    sentence = _("Only a hub operator may change what is open when.")


class EndsBeforeItBegins(Refused):
    sentence = _("It would end before it begins. Please compare the two moments.")


class AnnouncedTooLate(Refused):
    sentence = _("Maintenance is announced before it begins. Please choose an earlier moment for the announcement.")


class OpensAlready(Refused):
    sentence = _("The calendar holds an opening of this function at this very moment already.")


class WordsMissing(Refused):
    sentence = _("Say in both languages what is done, so that people know what to expect.")


class Hours:
    """What this environment's calendar says at one moment; each of its two tables is read at most once."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @cached_property
    def gates(self) -> list[Gate]:
        return list(Gate.objects.filter(environment=settings.ENVIRONMENT_OF_ROWS))

    @cached_property
    def windows(self) -> list[MaintenanceWindow]:
        """Maintenance that is not over."""
        return list(MaintenanceWindow.objects.filter(environment=settings.ENVIRONMENT_OF_ROWS, ends_at__gt=self.now))

    @property
    def announced(self) -> list["Announcement"]:
        """Maintenance to be told on every page now, the next first."""
        return [Announcement(window, self.now) for window in self.windows if window.announced_from <= self.now]

    def closure(self, function: Function) -> Closed | None:
        """Why the function is closed at this moment; None when it is open."""
        gates = [gate for gate in self.gates if gate.function in (function, Function.EVERYTHING)]
        windows = [window for window in self.windows if window.function in (function, Function.EVERYTHING)]
        if _is_open(self.now, gates, windows):
            return None
        changes = sorted({gate.opened_from for gate in gates} | {window.ends_at for window in windows})
        opens_at = next((at for at in changes if at > self.now and _is_open(at, gates, windows)), None)
        return Closed(function, opens_at, next((window for window in windows if _covers(window, self.now)), None))


class Announcement:
    """A maintenance window as pages tell it."""

    def __init__(self, window: MaintenanceWindow, now: datetime) -> None:
        self.window = window
        self.is_running = window.begins_at <= now
        self.function = window.get_function_display()

    @property
    def words(self) -> str:
        return self.window.words_ja if get_language() == "ja" else self.window.words_en


def _covers(window: MaintenanceWindow, at: datetime) -> bool:
    return window.begins_at <= at < window.ends_at


def _is_open(at: datetime, gates: Iterable[Gate], windows: Iterable[MaintenanceWindow]) -> bool:
    """No calendar at all means open; otherwise one gate must be open and no maintenance under way."""
    gates = list(gates)
    opened = not gates or any(
        gate.opened_from <= at and (gate.closed_from is None or at < gate.closed_from) for gate in gates
    )
    return opened and not any(_covers(window, at) for window in windows)


def closure(function: Function, *, now: datetime) -> Closed | None:
    """Why the function is closed in this environment; None while it is open."""
    return _closure(function, now, settings.ENVIRONMENT_OF_ROWS)


def not_begun(company: Company, function: Function, *, now: datetime) -> NotBegun | None:
    """Why the function is closed to a company whose use begins on a later day; None from that day on."""
    if company.starts_on is None or company.starts_on <= jst_date(now):
        return None
    return NotBegun(function, datetime.combine(company.starts_on, time(), JST), None)


def require(function: Function, *, now: datetime, by: User | None = None) -> None:
    """Raise Closed while the function is closed in this environment (domain notes, switching §9); two queries.

    Raise NotBegun while the use of the person's company has not begun.
    """
    if closed := closure(function, now=now):
        raise closed
    if by and (closed := not_begun(by.company, function, now=now)):
        raise closed


def know_open(function: Function, *, now: datetime) -> None:
    """Tell, inside of `ahead.reading`, that the function was found open at this very moment."""
    _closure.know({(function, now, settings.ENVIRONMENT_OF_ROWS): None})


@ahead.question
def _closure(function: Function, now: datetime, environment: str) -> Closed | None:
    return Hours(now).closure(function)


def open_function(
    function: Function | str,
    *,
    opened_from: datetime,
    closed_from: datetime | None = None,
    environment: Environment | str = "",
    note: str = "",
    by: User | None,
    now: datetime,
) -> Gate:
    """Enter a stretch of time [opened_from, closed_from) in which the function is open.

    With its first row the function is closed outside its rows and those of "everything". `environment` is this one
    when not given. Raises NotAllowed, EndsBeforeItBegins, OpensAlready.
    """
    _only_the_hub(by)
    if closed_from is not None and closed_from <= opened_from:
        raise EndsBeforeItBegins
    with transaction.atomic():
        try:
            with transaction.atomic():
                gate = Gate.objects.create(
                    environment=Environment(environment or settings.ENVIRONMENT_OF_ROWS),
                    function=Function(function),
                    opened_from=opened_from,
                    closed_from=closed_from,
                    note=note.strip(),
                )
        except IntegrityError as error:
            raise OpensAlready from error
        _record(
            "gate set", gate, by=by, now=now, closed_from=closed_from.isoformat() if closed_from else "", note=gate.note
        )
    return gate


def take_back(gate: Gate, *, by: User | None, now: datetime) -> None:
    """Take a row out of the calendar. Raises NotAllowed."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = Gate.objects.filter(pk=gate.pk).delete()
        if gone:
            _record("gate taken back", gate, by=by, now=now)


def announce(
    *,
    begins_at: datetime,
    ends_at: datetime,
    announced_from: datetime,
    words_ja: str,
    words_en: str,
    function: Function | str = Function.EVERYTHING,
    environment: Environment | str = "",
    by: User | None,
    now: datetime,
) -> MaintenanceWindow:
    """Announce maintenance: every page tells of it from `announced_from`, the function is shut during [begins, ends).

    Raises NotAllowed, EndsBeforeItBegins, AnnouncedTooLate, WordsMissing.
    """
    _only_the_hub(by)
    if ends_at <= begins_at:
        raise EndsBeforeItBegins
    if announced_from > begins_at:
        raise AnnouncedTooLate
    if not words_ja.strip() or not words_en.strip():
        raise WordsMissing
    with transaction.atomic():
        window = MaintenanceWindow.objects.create(
            environment=Environment(environment or settings.ENVIRONMENT_OF_ROWS),
            function=Function(function),
            begins_at=begins_at,
            ends_at=ends_at,
            announced_from=announced_from,
            words_ja=words_ja.strip(),
            words_en=words_en.strip(),
        )
        _record_window("maintenance announced", window, by=by, now=now)
    return window


def call_off(window: MaintenanceWindow, *, by: User | None, now: datetime) -> None:
    """Take an announced maintenance back, also while it runs. Raises NotAllowed."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = MaintenanceWindow.objects.filter(pk=window.pk).delete()
        if gone:
            _record_window("maintenance called off", window, by=by, now=now)


def _record(action: str, gate: Gate, *, by: User | None, now: datetime, **detail: Any) -> None:
    ledger.record(
        action,
        f"gate {gate.environment} {gate.function}",
        by=by,
        now=now,
        opened_from=gate.opened_from.isoformat(),
        **detail,
    )
    _tell_systems(action, gate.environment, gate.function, now=now, opened_from=gate.opened_from, **detail)


def _record_window(action: str, window: MaintenanceWindow, *, by: User | None, now: datetime) -> None:
    ledger.record(
        action,
        f"maintenance {window.environment} {window.function}",
        by=by,
        now=now,
        begins_at=window.begins_at.isoformat(),
        ends_at=window.ends_at.isoformat(),
    )
    _tell_systems(
        action, window.environment, window.function, now=now, begins_at=window.begins_at, ends_at=window.ends_at
    )


KINDS = {
    "gate set": "gate.set",
    "gate taken back": "gate.take_back",
    "maintenance announced": "maintenance.announce",
    "maintenance called off": "maintenance.call_off",
}


def _tell_systems(action: str, environment: str, function: str, *, now: datetime, **moments: Any) -> None:
    """An event to every company, so that its systems know when to ask again; people see it on every page."""
    if environment != settings.ENVIRONMENT_OF_ROWS:
        return
    detail = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in moments.items()
        if name != "note"
    }
    events.write_many(
        [
            events.Happening(
                recipient_id=company_id,
                topic=Topic.COMPANY,
                kind=KINDS[action],
                cause=Cause.HUB_DEED,
                subject=f"function {function}",
                detail={"function": str(function), **detail},
            )
            for company_id in Company.objects.filter(is_active=True).values_list("pk", flat=True)
        ],
        now=now,
    )


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise NotAllowed
