"""What each check results in and is held to, by area and class of supply, from a day on; set by two operators.

Rules are looked up once per file (`on`) and turned into small arrays, one cell per area and class, so that a block of
rows is judged by indexing and never row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from numpy.typing import NDArray

from metering.models import CheckRule
from metering.vee import RANK, VEE, Severity
from portal import four_eyes, ledger
from portal.four_eyes import Act
from portal.market import Area, SupplyClass
from portal.models import Proposal, User
from portal.templatetags.words import jst
from portal.workdays import jst_date

AREAS, CLASSES = list(Area), list(SupplyClass)
SCOPES = [(area, supply_class) for area in AREAS for supply_class in CLASSES]
"""Every area with every class; a row's scope is its place here."""
SCOPE_SQL = (
    "(CASE {p}.area "
    + " ".join(f"WHEN '{area.value}' THEN {at * len(CLASSES)}" for at, area in enumerate(AREAS))
    + " END + CASE {p}.supply_class "
    + " ".join(f"WHEN '{each.value}' THEN {at}" for at, each in enumerate(CLASSES))
    + " END)"
)
"""The scope of a point in SQL; format with `p`, the name of the point's table."""


class Refused(four_eyes.Refused):
    """A rule that cannot be set; `sentence` says why and what to do."""


class NotThisResult(Refused):
    """The check cannot result in that."""

    def __init__(self, check: str, may_be: list[Severity]) -> None:
        self.sentence = format_lazy(
            gettext_lazy("{check} may result in: {results}. Please choose one of these."),
            check=check,
            results=", ".join(str(each.label) for each in may_be),
        )
        super().__init__(check)


class BadFigure(Refused):
    """A threshold that is none of the check's, no number, or out of bounds."""

    def __init__(self, sentence: str | Promise) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class DayHasPassed(Refused):
    """Rules never hold backwards: what was checked was checked by the rules of its day."""

    sentence = gettext_lazy("A rule holds from today at the earliest. Please choose today or a later day.")


class WhyMissing(Refused):
    sentence = gettext_lazy("Say in a sentence why the rule changes; network operators and retailers read it.")


@dataclass(frozen=True)
class Setting:
    """What holds: the result and the figures, defaults filled in; `rule` is None where the default holds."""

    severity: Severity
    thresholds: dict[str, float]
    rule: CheckRule | None = None


class InForce:
    """The rules of one day."""

    def __init__(self, rules: list[CheckRule]) -> None:
        self.rules = {(rule.check_code, rule.area, rule.supply_class): rule for rule in rules}
        self._severities: dict[str, NDArray[np.int8]] = {}
        self._thresholds: dict[tuple[str, str], NDArray[np.float64]] = {}

    def setting(self, check: str, area: str = "", supply_class: str = "") -> Setting:
        """The most specific rule: of the area and class, of the area, of the class, of all; else the default."""
        vee = VEE[check]
        defaults = {name: threshold.default for name, threshold in vee.thresholds.items()}
        for scope in ((area, supply_class), (area, ""), ("", supply_class), ("", "")):
            if rule := self.rules.get((check, *scope)):
                return Setting(Severity(rule.severity), {**defaults, **rule.thresholds}, rule)
        return Setting(vee.result, defaults)

    def severities(self, check: str) -> NDArray[np.int8]:
        """RANK of the result per scope."""
        if check not in self._severities:
            ranks = [RANK[self.setting(check, *scope).severity] for scope in SCOPES]
            self._severities[check] = np.array(ranks, np.int8)
        return self._severities[check]

    def figures(self, check: str, name: str) -> NDArray[np.float64]:
        """A threshold per scope."""
        if (check, name) not in self._thresholds:
            found = [self.setting(check, *scope).thresholds[name] for scope in SCOPES]
            self._thresholds[check, name] = np.array(found, np.float64)
        return self._thresholds[check, name]

    def is_off(self, check: str) -> bool:
        """True when the check is off everywhere."""
        return not self.severities(check).any()

    @cached_property
    def is_default(self) -> bool:
        return not self.rules


DEFAULTS = InForce([])


def on(day: date) -> InForce:
    """The rules in force on a day (one query)."""
    rules = (
        CheckRule.objects.filter(effective_from__lte=day)
        .order_by("check_code", "area", "supply_class", "-effective_from", "-id")
        .distinct("check_code", "area", "supply_class")
    )
    found = list(rules)
    return InForce(found) if found else DEFAULTS


def coming(day: date) -> list[CheckRule]:
    """Rules confirmed that hold from a later day on, the next first."""
    return list(CheckRule.objects.filter(effective_from__gt=day).order_by("effective_from", "id"))


# --- Setting ------------------------------------------------------------------------------------------------------


def propose(
    *,
    check: str,
    severity: str,
    effective_from: date,
    why: str,
    by: User,
    now: datetime,
    area: str = "",
    supply_class: str = "",
    thresholds: dict[str, Any] | None = None,
) -> Proposal:
    """Ask a second operator for a rule. Raises NotThisResult, BadFigure, DayHasPassed, WhyMissing, four_eyes.Refused.

    `thresholds` names only the figures that differ from the check's defaults.
    """
    figures = _checked(check, severity, thresholds or {})
    if effective_from < jst_date(now):
        raise DayHasPassed
    if not why.strip():
        raise WhyMissing
    return four_eyes.propose(
        SET_RULE,
        subject=f"check {check} {area or '*'} {supply_class or '*'}",
        payload={
            "check": check,
            "area": area,
            "supply_class": supply_class,
            "severity": severity,
            "thresholds": figures,
            "effective_from": effective_from.isoformat(),
            "why": why.strip()[:300],
        },
        by=by,
        now=now,
    )


def _checked(check: str, severity: str, thresholds: dict[str, Any]) -> dict[str, float]:
    vee = VEE[check]
    if severity not in vee.may_be:
        raise NotThisResult(check, vee.may_be)
    figures = {}
    for name, value in thresholds.items():
        known = vee.thresholds.get(name)
        if known is None:
            raise BadFigure(
                format_lazy(
                    gettext_lazy("{check} has no figure “{name}”; it has: {known}."),
                    check=check,
                    name=name,
                    known=", ".join(vee.thresholds) or "–",
                )
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not known.least <= value <= known.most:
            raise BadFigure(
                format_lazy(
                    gettext_lazy("{name} of {check} is a number from {least} to {most} ({label})."),
                    name=name,
                    check=check,
                    least=f"{known.least:g}",
                    most=f"{known.most:g}",
                    label=known.label,
                )
            )
        figures[name] = value
    return figures


def _carry_out(proposal: Proposal, by: User, now: datetime) -> CheckRule:
    """Confirmed by the second operator: the rule stands, unless its day has passed meanwhile."""
    wanted = proposal.payload
    effective_from = date.fromisoformat(wanted["effective_from"])
    if effective_from < jst_date(now):
        raise DayHasPassed
    rule = CheckRule.objects.create(
        check_code=wanted["check"],
        area=wanted["area"],
        supply_class=wanted["supply_class"],
        severity=wanted["severity"],
        thresholds=_checked(wanted["check"], wanted["severity"], wanted["thresholds"]),
        effective_from=effective_from,
        why=wanted["why"],
        proposed_by=proposal.proposed_by,
        confirmed_by=by,
        confirmed_at=now,
    )
    ledger.record(
        "check rule set",
        f"check {rule.check_code}",
        by=by,
        now=now,
        rule=rule.pk,
        area=rule.area,
        supply_class=rule.supply_class,
        severity=rule.severity,
        thresholds=rule.thresholds,
        effective_from=rule.effective_from.isoformat(),
        proposed_by=proposal.proposed_by.username,
    )
    return rule


def _facts(proposal: Proposal) -> Iterator[tuple[str, Any]]:
    wanted = proposal.payload
    yield _("Check"), f"{wanted['check']} {VEE[wanted['check']].label}"
    yield _("Area"), Area(wanted["area"]).label if wanted["area"] else _("all")
    yield _("Class of supply"), SupplyClass(wanted["supply_class"]).label if wanted["supply_class"] else _("all")
    yield _("Result"), Severity(wanted["severity"]).label
    yield _("Limit values"), figures_in_words(wanted["check"], wanted["thresholds"])
    yield _("In force from"), jst(date.fromisoformat(wanted["effective_from"]))
    yield _("Why"), wanted["why"]


def figures_in_words(check: str, thresholds: dict[str, float]) -> str:
    """The figures of a check with their labels, those not given with their defaults; "" where it has none."""
    return ", ".join(
        f"{thresholds.get(name, threshold.default):g} {threshold.label}"
        for name, threshold in VEE[check].thresholds.items()
    )


SET_RULE = four_eyes.register(
    Act(
        key="set check rule",
        label=gettext_lazy("Set what a check of usage results in"),
        carry_out=_carry_out,
        facts=_facts,
        refusals=(Refused,),
    )
)
