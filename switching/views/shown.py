"""Entries of an application, its revisions and its network operator's work in words for a page."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from metering.models import SupplyPoint
from portal.models import Company
from portal.templatetags.words import company_name, jst
from switching import entries, revisions
from switching.kinds import FIELDS, Rule
from switching.models import Application, Revision

CHOICES: dict[str, Any] = {
    "change": Application.Change,
    "ampere": Application.Ampere,
    "capacity_method": SupplyPoint.CapacityMethod,
}
DAYS = ("desired_date", "moved_out_on")


def label(field: str) -> str:
    """An entry's name."""
    return _("Desired date") if field == "desired_date" else str(FIELDS[field])


def words(field: str, value: Any) -> str:
    """An entry's value, also as a revision's JSON holds it; "" where there is none."""
    if value is None or value == "":
        return ""
    if field == "meter_work":
        return _("needed") if value else _("not needed")
    if field == "removal":
        return _("yes, it is removed") if value else _("no, it stays")
    if field in DAYS:
        return jst(value if isinstance(value, date) else date.fromisoformat(value))
    if field in CHOICES:
        return str(CHOICES[field](value).label)
    return f"{value:,}" if isinstance(value, int) else str(value)


def facts(rule: Rule, given: dict[str, Any]) -> list[tuple[str, str]]:
    """Every entry the kind asks for, with what was given."""
    return [(label(name), words(name, given.get(name))) for name in rule.fields]


def of(application: Application, rule: Rule) -> list[tuple[str, str]]:
    """The entries of an application as they stand."""
    return facts(rule, entries.of(application, rule))


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, former and new value of each entry that differs."""
    return [
        (label(found.field), words(found.field, found.before), words(found.field, found.after))
        for found in revisions.differences(before, after)
    ]


def history(application: Application, reader: Company) -> list[tuple[Revision, str, list[tuple[str, str, str]]]]:
    """Each revision with who made it and how it differs from the one before."""
    told = []
    before: dict[str, Any] | None = None
    for revision in application.revisions.select_related("by__company"):
        if revision.by is None:
            who = _("the hub")
        elif revision.by.company_id == reader.pk:
            who = revision.by.name
        elif revision.by.company_id in (application.retailer_id, application.point.network_operator_id):
            who = company_name(revision.by.company)
        else:
            who = _("the other retailer")
        told.append((revision, who, differences(before, revision.entries) if before is not None else []))
        before = revision.entries
    return told
