"""The words of a facility inquiry's answer: sections, labels, values and a hint for each trade term."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from metering.inquiries import pending_labels
from metering.models import Meter, SupplyPoint
from portal.market import Area
from portal.templatetags.words import NOTHING, class_mark, jst, point_number

Words = str | Promise

_CHOICES: dict[str, Any] = {
    "area": Area,
    "menu": SupplyPoint.Menu,
    "capacity_method": SupplyPoint.CapacityMethod,
    "contract_state": SupplyPoint.ContractState,
    "on_termination": SupplyPoint.OnTermination,
}
_DAYS = {"last_wheeling_change", "next_reading_date"}
_OWN_LABELS: dict[str, Words] = {"next_reading_date": gettext_lazy("next scheduled reading date")}

SECTIONS: tuple[tuple[Words, tuple[str, ...]], ...] = (
    (gettext_lazy("The point"), ("number", "supply_class", "area", "contract_state", "remote_island")),
    (
        gettext_lazy("Wheeling contract"),
        ("contract_size", "current_limit_a", "menu", "power_factor", "capacity_method", "last_wheeling_change"),
    ),
    (
        gettext_lazy("Equipment"),
        ("phases", "voltage_v", "service_pole", "has_generation", "on_termination"),
    ),
    (
        gettext_lazy("Reading"),
        ("reading_day", "next_reading_date", "half_hourly_collectable", "remote_reading_possible"),
    ),
)

HINTS: dict[str, Words] = {
    "number": gettext_lazy("22 digits; one number per contract at a site."),
    "contract_state": gettext_lazy("Whether electricity flows and somebody has a contract."),
    "remote_island": gettext_lazy("On such an island the network operator supplies on terms of its own."),
    "contract_size": gettext_lazy("What the charge for using the network is reckoned by."),
    "current_limit_a": gettext_lazy("The breaker or meter cuts off above this."),
    "menu": gettext_lazy("Lamp and power are separate contracts, each with a number of its own."),
    "power_factor": gettext_lazy("Share of the current that does work; it lowers or raises the basic charge."),
    "capacity_method": gettext_lazy(
        "Ampere breaker: up to 60 A. Main switch: by its rating. Actual demand: the highest of 12 months. "
        "Connected load: by the devices."
    ),
    "last_wheeling_change": gettext_lazy("When contract or supplier last changed at this point."),
    "phases": gettext_lazy("Phases and wires of the service line."),
    "service_pole": gettext_lazy("The pole the service line comes from."),
    "has_generation": gettext_lazy("For example solar panels; selling needs a receiving point of its own."),
    "on_termination": gettext_lazy("What happens to the equipment when the contract ends."),
    "reading_day": gettext_lazy("The group of the network operator's reading calendar."),
    "next_reading_date": gettext_lazy("Without another wish the switch takes place on a reading date."),
    "half_hourly_collectable": gettext_lazy("Whether 30-minute values come in every day."),
    "remote_reading_possible": gettext_lazy("Whether the meter is read without a visit; a separate matter."),
}

_POSSIBLE = (pgettext_lazy("facility", "possible"), pgettext_lazy("facility", "not possible"))
_EITHER: dict[str, tuple[Words, Words]] = {  # what yes and no are called where the label asks for more than yes or no
    "remote_island": (pgettext_lazy("facility", "covered"), pgettext_lazy("facility", "not covered")),
    "has_generation": (pgettext_lazy("facility", "there is"), pgettext_lazy("facility", "there is none")),
    "half_hourly_collectable": _POSSIBLE,
    "remote_reading_possible": _POSSIBLE,
}


@dataclass(frozen=True)
class Item:
    """One line of the answer."""

    name: str
    label: Words
    value: Any
    hint: Words


def label_of(name: str) -> Words:
    """The item's label, as on the supply point itself."""
    if name in _OWN_LABELS:
        return _OWN_LABELS[name]
    return SupplyPoint._meta.get_field(name).verbose_name  # type: ignore[union-attr]


def told(answer: Mapping[str, Any], name: str) -> str:
    """One item's value in words, plain."""
    value = answer.get(name)
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return str(_EITHER.get(name, (_("yes"), _("no")))[not value])
    if name in _CHOICES:
        return str(_CHOICES[name](value).label)
    if name in _DAYS:
        return jst(date.fromisoformat(value))
    if name == "contract_size":
        return f"{value} {answer['contract_size_unit']}"
    return str(value)


def sections(answer: Mapping[str, Any]) -> list[tuple[Words, list[Item]]]:
    """The answer in sections, number and class drawn as everywhere."""
    drawn = {"number": point_number, "supply_class": class_mark}
    return [
        (
            title,
            [
                Item(
                    name,
                    label_of(name),
                    drawn[name](answer[name]) if name in drawn else told(answer, name),
                    HINTS.get(name, ""),
                )
                for name in names
            ],
        )
        for title, names in SECTIONS
    ]


def meters(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The meters with their kind in words."""
    return [{**meter, "kind": Meter.Kind(meter["kind"]).label} for meter in answer["meters"]]


def pending(answer: Mapping[str, Any]) -> list[tuple[Words, str]]:
    """Kind and date of the applications pending on the point; never whose."""
    return [
        (pending_labels.get(row["kind"], row["kind"]), jst(date.fromisoformat(row["date"])))
        for row in answer["pending"]
    ]
