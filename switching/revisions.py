"""Revisions of an application's entries: what each holds and how two of them differ."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Max

from switching.kinds import FIELDS, IN_DETAILS
from switching.models import Application, Revision

Act = Revision.Act
ENTRIES = ("desired_date", *FIELDS)


@dataclass(frozen=True)
class Difference:
    """One entry that is not as it was; None where there was nothing."""

    field: str
    before: Any
    after: Any


def entry(application: Application, field: str) -> Any:
    """What the application says in one of its fields, wherever it is kept."""
    return application.details.get(field) if field in IN_DETAILS else getattr(application, field)


def entries_of(application: Application) -> dict[str, Any]:
    """All that was entered, as JSON holds it; what was left empty is left out."""
    values = {field: entry(application, field) for field in ENTRIES}
    return {field: _plain(value) for field, value in values.items() if value not in (None, "")}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """Where two revisions' entries differ, in the order of the fields."""
    return [
        Difference(field, before.get(field), after.get(field))
        for field in ENTRIES
        if before.get(field) != after.get(field)
    ]


def next_numbers(application_ids: Collection[int]) -> dict[int, int]:
    """The number of each application's next revision (one query)."""
    last = Revision.objects.filter(application__in=application_ids).values_list("application").annotate(Max("number"))
    found = dict(last.order_by())
    return {pk: found.get(pk, 1) + 1 for pk in application_ids}
