"""Findings of checks: kept many at once, replaced when a day is checked anew, cleared after retention."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from metering.models import CheckFinding
from metering.vee import ORDER

_COLUMNS = (
    "check_code, kind, severity, network_operator_id, area, supply_class, point_id, meter, day, file_id, "
    "numbers, found_at"
)
# Area and class are the point's; a finding without a point brings its own.
_KEEP = f"""
    INSERT INTO metering_checkfinding ({_COLUMNS})
    SELECT s.check_code, s.kind, s.severity, coalesce(p.network_operator_id, %(operator)s), coalesce(p.area, s.area),
           coalesce(p.supply_class, s.supply_class), p.id, s.meter, s.day, %(file)s, s.numbers::jsonb, %(now)s
    FROM unnest(%(codes)s::text[], %(kinds)s::text[], %(severities)s::text[], %(points)s::bigint[], %(meters)s::text[],
                %(days)s::date[], %(numbers)s::text[], %(areas)s::text[], %(classes)s::text[])
         WITH ORDINALITY AS s(check_code, kind, severity, point_id, meter, day, numbers, area, supply_class, at)
    LEFT JOIN metering_supplypoint p ON p.id = s.point_id
    ORDER BY s.at
"""

OF_FIXED = ("month", "month_negative", "sorted", "fixed_month")
"""Kinds about what W5 files fix at a reading day. Kinds about the values of that very day stand beside them."""


@dataclass(frozen=True)
class Found:
    """One finding to be kept: `rank` is the severity as a number of vee.RANK; `kind` chooses its sentence."""

    check: str
    kind: str
    rank: int
    day: date
    point_id: int | None = None
    meter: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    area: str = ""
    supply_class: str = ""


def keep(found: Sequence[Found], *, operator_id: int, now: datetime, file_id: int | None = None) -> int:
    """Keep findings (one statement); those whose check is off are left out. Returns how many were kept."""
    found = [each for each in found if each.rank > 0]
    if not found:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            {
                "operator": operator_id,
                "file": file_id,
                "now": now,
                "codes": [each.check for each in found],
                "kinds": [each.kind for each in found],
                "severities": [ORDER[each.rank].value for each in found],
                "points": [each.point_id for each in found],
                "meters": [each.meter for each in found],
                "days": [each.day for each in found],
                "numbers": [json.dumps(each.numbers) for each in found],
                "areas": [each.area for each in found],
                "classes": [each.supply_class for each in found],
            },
        )
    return len(found)


def replace(points: Iterable[int], day: date, *, but_of_file: int | None, now: datetime, of_fixed: bool = False) -> int:
    """Findings about earlier revisions of the points' day no longer stand: a later one is being checked.

    With `of_fixed` those about what was fixed at the reading day, without it those about the day's own values.
    """
    stale = CheckFinding.objects.filter(point_id__in=list(points), day=day, replaced_at__isnull=True)
    stale = stale.filter(kind__in=OF_FIXED) if of_fixed else stale.exclude(kind__in=OF_FIXED)
    if but_of_file is not None:
        stale = stale.exclude(file_id=but_of_file)
    return stale.update(replaced_at=now)


def clear(*, older_than: date) -> int:
    """Remove findings about days that are no longer kept; returns how many."""
    gone, _ = CheckFinding.objects.filter(day__lt=older_than).delete()
    return gone
