"""How the simulated partners behave: one table per partner, by the last digit of the supply point number.

An integrator needs to set nothing: points ending in 1 are accepted at once, those ending in 4 are never answered, and
so on. A script puts another digit in the place of a point's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from switching.codes import AnswerCode
from switching.reasons import Reason


class Partner(TextChoices):
    """Whom the simulator plays."""

    LOSING = "losing", _("losing retailer")
    GAINING = "gaining", _("gaining retailer")
    NETWORK = "network", _("network operator")


LAST_DIGITS = [(str(digit), str(digit)) for digit in range(10)]


class When(StrEnum):
    """When a partner answers."""

    AT_ONCE = "at_once"
    AFTER_AN_HOUR = "after_an_hour"
    AT_THE_DEADLINE = "at_the_deadline"
    TOO_LATE = "too_late"
    NEVER = "never"


BEFORE_THE_DEADLINE = timedelta(minutes=30)
AFTER_THE_DEADLINE = timedelta(hours=1)


@dataclass(frozen=True)
class Losing:
    """What the losing retailer does with a relay; no `reasons`: it accepts; `by_data`: the identity check decides.

    `files` says when it files the termination: at once (with the acceptance), at its deadline or never.
    """

    words: str | Promise
    when: When = When.AT_ONCE
    reasons: tuple[Reason, ...] = ()
    by_data: bool = False
    files: When = When.AT_ONCE


@dataclass(frozen=True)
class Gaining:
    """What the gaining retailer sends about one of the participant's own customers, and what it does afterwards.

    `wrong` names the entries that differ from the participant's own; `denied`: the customer knows of nothing.
    """

    words: str | Promise
    wrong: frozenset[str] = frozenset()
    other_writing: bool = False
    denied: bool = False
    withdraws_after: timedelta | None = None
    starts_after: timedelta | None = timedelta()


@dataclass(frozen=True)
class Network:
    """What the network operator does with an application, and how it delivers a point's usage of each day."""

    words: str | Promise
    when: When = When.AT_ONCE
    codes: tuple[AnswerCode, ...] = ()
    days_late: int = 0
    is_sent_twice: bool = False
    is_corrected: bool = False


LOSING: Mapping[str, Losing] = {
    "0": Losing(
        _("answers after an hour; accepts when the customer's data fit, else rejects with what differs"),
        When.AFTER_AN_HOUR,
        by_data=True,
    ),
    "1": Losing(_("accepts at once and files its termination with it")),
    "2": Losing(_("accepts half an hour before the deadline"), When.AT_THE_DEADLINE),
    "3": Losing(_("answers an hour too late: the relay has expired"), When.TOO_LATE),
    "4": Losing(_("never answers: the relay expires"), When.NEVER),
    "5": Losing(_("rejects at once: contract number differs"), reasons=(Reason.NUMBER_DIFFERS,)),
    "6": Losing(
        _("rejects at once with three reasons: name, kana and address differ"),
        reasons=(Reason.NAME_DIFFERS, Reason.KANA_DIFFERS, Reason.ADDRESS_DIFFERS),
    ),
    "7": Losing(_("rejects at once: the customer denies the request"), reasons=(Reason.CUSTOMER_DENIES,)),
    "8": Losing(
        _("accepts at once, files its termination half an hour before that is due"), files=When.AT_THE_DEADLINE
    ),
    "9": Losing(_("accepts at once and never files its termination: matching fails"), files=When.NEVER),
}
GAINING: Mapping[str, Gaining] = {
    "0": Gaining(_("the customer's data in another writing; files its start at once"), other_writing=True),
    "1": Gaining(_("the customer's data as you hold them; files its start at once")),
    "2": Gaining(_("the data fit; files its start a day later"), starts_after=timedelta(days=1)),
    "3": Gaining(_("the data fit; withdraws after an hour"), withdraws_after=timedelta(hours=1), starts_after=None),
    "4": Gaining(_("contract number and name differ"), frozenset({"contract_number", "holder_name"})),
    "5": Gaining(_("contract number differs"), frozenset({"contract_number"})),
    "6": Gaining(_("name, kana and address differ"), frozenset({"holder_name", "holder_kana", "holder_address"})),
    "7": Gaining(_("the data fit, but the customer denies the request when you ask"), denied=True),
    "8": Gaining(_("address differs"), frozenset({"holder_address"})),
    "9": Gaining(_("the data fit; never files its start: matching fails"), starts_after=None),
}
NETWORK: Mapping[str, Network] = {
    "0": Network(_("accepts at once; usage each night")),
    "1": Network(_("accepts at once; usage each night")),
    "2": Network(_("accepts on the eve of the last day; usage each night"), When.AT_THE_DEADLINE),
    "3": Network(_("accepts at once; each day's usage comes three days late"), days_late=3),
    "4": Network(_("never answers an application; usage each night"), When.NEVER),
    "5": Network(
        _("rejects at once: no crew is free by the desired date; usage each night"), codes=(AnswerCode.NO_CREW,)
    ),
    "6": Network(_("accepts at once; each day's usage is sent twice"), is_sent_twice=True),
    "7": Network(_("accepts at once; each day's usage is corrected two days later"), is_corrected=True),
    "8": Network(_("accepts at once; usage each night")),
    "9": Network(_("accepts at once; a day's usage comes after the next day's"), days_late=1),
}


@dataclass(frozen=True)
class Scripts:
    """What a market has put in the place of the last digits: (partner, number or digit) → digit."""

    instead: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def digit(self, partner: Partner, number: str) -> str:
        """The digit that counts at the point: its own script, else its digit's, else the digit itself."""
        last = number[-1]
        return self.instead.get((partner, number)) or self.instead.get((partner, last)) or last

    def losing(self, number: str) -> Losing:
        return LOSING[self.digit(Partner.LOSING, number)]

    def gaining(self, number: str) -> Gaining:
        return GAINING[self.digit(Partner.GAINING, number)]

    def network(self, number: str) -> Network:
        return NETWORK[self.digit(Partner.NETWORK, number)]
