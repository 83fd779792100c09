"""The entries of an application against the table of its kind: what is missing, not asked for or impossible."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from switching import capacity
from switching.kinds import IN_DETAILS, Rule
from switching.models import Application

PHASES = ("1φ2W", "1φ3W", "3φ3W")


class Problem(TextChoices):
    """What is wrong with an entry, as a sentence."""

    MISSING = "missing", _("Please fill this in; the network operator needs it for this kind of application.")
    NOT_ASKED = "not_asked", _("This kind of application does not ask for it. Please leave it out.")
    NOT_ON_THE_LIST = "not_on_the_list", _("This is none of the values to choose from. Please choose one of the list.")
    NOT_POSITIVE = "not_positive", _("Please give a number above zero.")
    NEGATIVE = "negative", _("A reading is not below zero. Please compare with the meter.")
    NO_UNIT = "no_unit", _("Please say in which unit the new contract size is counted.")
    METHOD = "method", _("The present method cannot change to this one. The table of the rules tells which can.")
    AFTER_THE_END = "after_the_end", _("The customer has moved out by the day supply ends. Please compare both days.")
    ONLY_REMOVAL = "only_removal", _("At high voltage a termination always removes the equipment. Please say so.")
    NO_BREAKER = "no_breaker", _("The point has no ampere breaker, so no ampere can be set there.")
    AS_BEFORE = "as_before", _("The breaker has this size already, so there is nothing to change.")


CHOICES: dict[str, tuple[Any, ...]] = {
    "ampere": tuple(Application.Ampere.values),
    "change": tuple(Application.Change.values),
    "capacity_method": tuple(SupplyPoint.CapacityMethod.values),
    "contract_size_unit": tuple(SupplyPoint.SizeUnit.values),
    "phases": PHASES,
}


def problem(
    rule: Rule, entries: Mapping[str, Any], *, point: SupplyPoint, desired_date: date
) -> tuple[str, Problem] | None:
    """The first entry that does not fit and why; None when all do. Empty entries are those left out."""
    given = {name: value for name, value in entries.items() if value is not None and value is not False and value != ""}
    for name in given:
        if name not in rule.fields:
            return name, Problem.NOT_ASKED
    for name in rule.required:
        if name not in given:
            return name, Problem.ONLY_REMOVAL if name == "removal" else Problem.MISSING
    for name, choices in CHOICES.items():
        if name in given and given[name] not in choices:
            return name, Problem.NOT_ON_THE_LIST
    if "ampere" in rule.required:
        if point.capacity_method != SupplyPoint.CapacityMethod.AMPERE_BREAKER:
            return "ampere", Problem.NO_BREAKER
        if given["ampere"] == point.current_limit_a:
            return "ampere", Problem.AS_BEFORE
    return _values(given, point=point, desired_date=desired_date)


def _values(given: Mapping[str, Any], *, point: SupplyPoint, desired_date: date) -> tuple[str, Problem] | None:
    if "contract_size" in given:
        if given["contract_size"] <= 0:
            return "contract_size", Problem.NOT_POSITIVE
        if point.supply_class != "HV" and "contract_size_unit" not in given:
            return "contract_size_unit", Problem.NO_UNIT
    if "reading_wh" in given and given["reading_wh"] < 0:
        return "reading_wh", Problem.NEGATIVE
    if "capacity_method" in given and not capacity.may_become(
        point.menu, point.capacity_method, given["capacity_method"]
    ):
        return "capacity_method", Problem.METHOD
    if "moved_out_on" in given and given["moved_out_on"] > desired_date:
        return "moved_out_on", Problem.AFTER_THE_END
    return None


def fill(application: Application, rule: Rule, entries: Mapping[str, Any]) -> None:
    """Write the entries to where they are kept; what the kind asks for and is not given becomes empty."""
    details: dict[str, Any] = {}
    for name in rule.fields:
        value = entries.get(name)
        if name in IN_DETAILS:
            if value not in (None, ""):
                details[name] = value.isoformat() if isinstance(value, date) else value
        elif name in ("meter_work", "removal"):
            setattr(application, name, bool(value))
        elif name in ("ampere", "contract_size"):
            setattr(application, name, value if value not in (None, "") else None)
        else:
            setattr(application, name, value or "")
    if application.contract_size is not None and "contract_size_unit" not in rule.fields:
        application.contract_size_unit = application.point.contract_size_unit
    application.details = details


def of(application: Application, rule: Rule) -> dict[str, Any]:
    """The entries of an application as `fill` took them."""
    found: dict[str, Any] = {}
    for name in rule.fields:
        value = application.details.get(name) if name in IN_DETAILS else getattr(application, name)
        if name == "moved_out_on" and value:
            value = date.fromisoformat(value)
        if value not in (None, ""):
            found[name] = value
    return found
