"""Every kind of application for each class of supply, as one table: fields, who files, days, work, contract states.

Source: domain notes, switching §3 and §8. What no public source gives is a default of ours.
"""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.market import SupplyClass
from switching.models import Application

Kind = Application.Kind
ContractState = SupplyPoint.ContractState


class Filer(TextChoices):
    """Whose application it is."""

    GAINING = "gaining", _("the gaining retailer")
    LOSING = "losing", _("the losing retailer, with its acceptance of the relay")
    PRESENT = "present", _("the retailer that supplies the point")
    ANY = "any", _("any retailer of the area, at a point without supply")


class Lead(TextChoices):
    """How far ahead the first possible day lies."""

    SWITCH = "switch", _("the lead time of switches, with or without meter work")
    WORK = "work", _("the same day; with meter work the lead time of switches")
    ALWAYS_WORK = "always_work", _("the lead time of switches with meter work")
    SAME_DAY = "same_day", _("the same day")


class Work(TextChoices):
    """Whether somebody has to go to the meter."""

    NEVER = "never", _("never")
    POSSIBLE = "possible", _("as the application says")
    ALWAYS = "always", _("always")


@dataclass(frozen=True)
class Rule:
    """What holds for one kind at one class of supply; the fields by the names of `FIELDS`."""

    filer: Filer
    required: tuple[str, ...]
    optional: tuple[str, ...]
    lead: Lead
    back_days: int  # how many days before the day of filing the desired date may lie
    work: Work
    begins_in: frozenset[ContractState]
    ends_in: ContractState | None = None  # None: as before
    has_counterpart: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields in the order in which they are asked for."""
        return self.required + self.optional


CONTRACT = ("contract_number", "holder_name", "holder_kana", "holder_address")
FIELDS: dict[str, str | Promise] = {
    "contract_number": _("Contract number"),
    "holder_name": _("Contract holder"),
    "holder_kana": _("Contract holder in kana"),
    "holder_address": _("Address"),
    "change": _("What changes"),
    "ampere": _("New ampere"),
    "capacity_method": _("New capacity determination method"),
    "contract_size": _("New contract size"),
    "contract_size_unit": _("Unit"),
    "phases": _("New supply method"),
    "removal": _("Equipment is removed"),
    "moved_out_on": _("Moved out on"),
    "reading_wh": _("Reading at the end (Wh)"),
    "meter_work": _("Meter work"),
    "work_contact": _("Contact on the day of the work"),
    "remarks": _("Remarks for the network operator"),
}
"""Every field a kind may ask for, beside the supply point and the desired date."""
IN_DETAILS = ("change", "phases", "moved_out_on", "reading_wh", "work_contact", "remarks")
"""Fields that no rule of the database rests on: they stand in `Application.details`."""

BACK_DAYS = 31
_LV, _HV, _FIT = SupplyClass.LV, SupplyClass.HV, SupplyClass.FIT
_ENERGISED = frozenset({ContractState.ENERGISED})
_SUPPLIED = frozenset({ContractState.ENERGISED, ContractState.DISCONNECTED})
_WORK = ("meter_work", "work_contact", "remarks")
_SIZE = ("capacity_method", "contract_size", "contract_size_unit")


def _start(*size: str) -> Rule:
    return Rule(
        Filer.GAINING, CONTRACT, (*size, *_WORK), Lead.SWITCH, 0, Work.POSSIBLE, _SUPPLIED, ContractState.ENERGISED,
        has_counterpart=True,
    )  # fmt: skip


_SWITCH_TERMINATION = Rule(
    Filer.LOSING, (), (), Lead.SWITCH, 0, Work.NEVER, _SUPPLIED, ContractState.ENERGISED, has_counterpart=True
)
_CONSUMER_CHANGE = Rule(
    Filer.PRESENT, ("change", "holder_name", "holder_kana", "holder_address"), ("contract_number", "remarks"),
    Lead.SAME_DAY, BACK_DAYS, Work.NEVER, _SUPPLIED,
)  # fmt: skip

RULES: dict[tuple[Kind, SupplyClass], Rule] = {
    (Kind.SWITCH_START, _LV): _start(*_SIZE),
    (Kind.SWITCH_START, _HV): _start("contract_size"),
    (Kind.SWITCH_START, _FIT): _start(),
    (Kind.SWITCH_TERMINATION, _LV): _SWITCH_TERMINATION,
    (Kind.SWITCH_TERMINATION, _HV): _SWITCH_TERMINATION,
    (Kind.SWITCH_TERMINATION, _FIT): _SWITCH_TERMINATION,
    (Kind.RECONNECTION, _LV): Rule(
        Filer.ANY, CONTRACT, ("ampere", "phases", *_WORK), Lead.WORK, BACK_DAYS, Work.POSSIBLE,
        frozenset({ContractState.IDLE, ContractState.DISCONNECTED}), ContractState.ENERGISED,
    ),
    (Kind.TERMINATION, _LV): Rule(
        Filer.PRESENT, (), ("removal", "moved_out_on", "reading_wh", "work_contact", "remarks"), Lead.SAME_DAY, 0,
        Work.NEVER, _SUPPLIED, ContractState.IDLE,
    ),
    (Kind.TERMINATION, _HV): Rule(
        Filer.PRESENT, ("removal",), ("reading_wh", "work_contact", "remarks"), Lead.ALWAYS_WORK, 0,
        Work.ALWAYS, _SUPPLIED, ContractState.REMOVED,
    ),
    (Kind.AMPERE_CHANGE, _LV): Rule(
        Filer.PRESENT, ("ampere",), _WORK, Lead.SWITCH, 0, Work.POSSIBLE, _ENERGISED,
    ),
    (Kind.CONSUMER_CHANGE, _LV): _CONSUMER_CHANGE,
    (Kind.CONSUMER_CHANGE, _HV): _CONSUMER_CHANGE,
    (Kind.CONSUMER_CHANGE, _FIT): _CONSUMER_CHANGE,
}  # fmt: skip
"""A kind that is not here does not exist at that class of supply."""


def rule(kind: str, supply_class: str) -> Rule | None:
    """The rule of a kind at a class of supply; None where there is no such application."""
    return RULES.get((Kind(kind), SupplyClass(supply_class)))


def classes_of(kind: str) -> list[SupplyClass]:
    """The classes of supply at which the kind exists."""
    return [supply_class for supply_class in SupplyClass if (Kind(kind), supply_class) in RULES]


def has_counterpart(kind: str) -> bool:
    """True for the two kinds that are paired with one another."""
    return kind in (Kind.SWITCH_START, Kind.SWITCH_TERMINATION)
