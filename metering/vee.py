"""The checks V01 to V16 as a table: what each looks at, what it may result in, which figures it is held to.

Rules and defaults: domain notes, metering §5. What holds in an area and class is data (metering.check_rules).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Severity(TextChoices):
    """What a check results in, the mildest first; from `error` on the row is kept out of the usage."""

    OFF = "off", pgettext_lazy("check", "off")
    INFO = "info", _("information")
    WARNING = "warning", _("warning")
    AUDIT = "audit", _("audit event")
    ALERT = "alert", _("alert")
    ERROR = "error", pgettext_lazy("check", "error")
    QUARANTINE = "quarantine", _("quarantine")


RANK = {severity: rank for rank, severity in enumerate(Severity)}
"""Severities as the small numbers arrays hold."""
KEEPS_OUT = RANK[Severity.ERROR]
ORDER = list(Severity)


@dataclass(frozen=True)
class Threshold:
    """A figure a check is held to: its words with the unit, default and bounds."""

    label: str | Promise
    default: float
    least: float = 0
    most: float = 1_000_000


@dataclass(frozen=True)
class Vee:
    """One check.

    `on_arrival` checks look at a row as it comes in and may keep it out; the others look at what is stored, where an
    error is said but nothing is taken away. `must_hold` ones cannot be switched off: such a row cannot be stored.
    """

    code: str
    label: str | Promise
    result: Severity
    on_arrival: bool
    must_hold: bool = False
    thresholds: dict[str, Threshold] = field(default_factory=dict)

    @property
    def may_be(self) -> list[Severity]:
        if self.must_hold:
            return [Severity.ERROR, Severity.QUARANTINE]
        return [each for each in Severity if self.on_arrival or each != Severity.QUARANTINE]


def _table(*checks: Vee) -> dict[str, Vee]:
    return {check.code: check for check in checks}


VEE = _table(
    Vee("V01", _("The supply point is known and active that day."), Severity.QUARANTINE, True, must_hold=True),
    Vee(
        "V02",
        _("Each half-hour once per point, day and meter; no duplicates that differ."),
        Severity.ERROR,
        True,
        must_hold=True,
    ),
    Vee("V03", _("No half-hour is missing, and the day comes on time."), Severity.INFO, True),
    Vee("V04", _("No value is negative."), Severity.ERROR, True),
    Vee(
        "V05",
        _("No half-hour is above what the contract size allows."),
        Severity.WARNING,
        True,
        thresholds={"factor": Threshold(_("times the contract size in half an hour"), 1.5, 0.1, 100)},
    ),
    Vee(
        "V06",
        _("No spike: the highest half-hour of a day does not stand far above the third highest."),
        Severity.WARNING,
        True,
        thresholds={
            "percent": Threshold(_("% above the third highest"), 180, 1, 100_000),
            "least_wh": Threshold(_("Wh the highest must have at least"), 1000, 0, 100_000_000),
        },
    ),
    Vee("V07", _("The half-hours sum up to the register difference, within one step."), Severity.ERROR, False),
    Vee(
        "V08",
        _("The day is the sum of its half-hours, the month that of its slots; sorted is no more than whole."),
        Severity.ERROR,
        False,
    ),
    Vee(
        "V09",
        _("An active point does not have nothing but zeros for days."),
        Severity.WARNING,
        False,
        thresholds={"days": Threshold(_("days of zeros that pass"), 7, 1, 60)},
    ),
    Vee(
        "V10",
        _("The day lies within the usual range of the same weekday."),
        Severity.WARNING,
        False,
        thresholds={
            "sigma": Threshold(_("standard deviations from the mean"), 3, 0.5, 20),
            "days": Threshold(_("days looked back over"), 28, 21, 84),
            "least_wh": Threshold(_("Wh from the mean at least"), 2000, 0, 100_000_000),
        },
    ),
    Vee("V11", _("Every value is a multiple of the point's resolution."), Severity.WARNING, True),
    Vee(
        "V13",
        _("A point is not estimated for days on end."),
        Severity.ALERT,
        False,
        thresholds={"days": Threshold(_("estimated days that pass"), 3, 1, 60)},
    ),
    Vee("V14", _("A revision follows its predecessor; none changes a fixed value unnoticed."), Severity.AUDIT, False),
    Vee(
        "V16",
        _("Points of the half-hour files are in the day file, and active points are delivered."),
        Severity.ALERT,
        False,
    ),
)
