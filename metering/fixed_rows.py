"""Rows of W5 files between the message and the store: kept so that the same message can be written again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
from django.db import connection

from metering.formats.fixed import Item, PointMonth
from metering.halfhours import NULL, SLOTS, pack, unpack
from metering.models import FixedRow, MonthlyUsage, SupplyPoint

_TEXTS = ("customer_id", "customer_name", "place", "voltage", "share")


def from_point(point: PointMonth, *, kind: str, read_on: date, month: date | None) -> FixedRow:
    """The row of a point, not stored yet: neither batch nor point."""
    rest: dict[str, Any] = {name: getattr(point, name) for name in _TEXTS if getattr(point, name)}
    if point.power_factor is not None:
        rest["power_factor"] = point.power_factor
    if point.next_reading is not None:
        rest["next_reading"] = point.next_reading.isoformat()
    for name in ("others", "whole_point"):
        if getattr(point, name):
            rest[name] = getattr(point, name)
    has_sorted = bool((point.sorted_ != NULL).any())
    row = FixedRow(
        kind=kind,
        meter=point.meter,
        read_on=read_on,
        month=month,
        provided=point.provided,
        wh=point.month_wh,
        sorted_wh=point.month_sorted_wh,
        max_demand_w=point.max_demand_w,
        days=point.days.tolist(),
        whole=pack(point.whole.reshape(1, -1))[0] if len(point.days) else b"",
        sorted=pack(point.sorted_.reshape(1, -1))[0] if has_sorted else None,
        rest=json.loads(json.dumps(rest)),
    )
    said = [row.provided, row.wh, row.sorted_wh, row.max_demand_w, [str(day) for day in row.days], row.rest]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    digest.update(bytes(row.whole) + b"|" + bytes(row.sorted or b""))
    row.digest = digest.hexdigest()
    return row


def to_point(row: FixedRow, number: str) -> PointMonth:
    """The point of a message again."""
    days = len(row.days)
    rest = dict(row.rest)
    next_reading = rest.pop("next_reading", None)
    others, whole_point = _items(rest.pop("others", [])), _items(rest.pop("whole_point", []))
    return PointMonth(
        point=number,
        meter=row.meter,
        days=np.array(row.days, "datetime64[D]").reshape(days),
        whole=_slots(row.whole, days),
        sorted_=_slots(row.sorted, days),
        month_wh=row.wh,
        month_sorted_wh=row.sorted_wh,
        provided=row.provided,
        max_demand_w=row.max_demand_w,
        next_reading=date.fromisoformat(next_reading) if next_reading else None,
        others=others,
        whole_point=whole_point,
        **rest,
    )


def _slots(packed: bytes | memoryview | None, days: int) -> np.ndarray[Any, Any]:
    if not packed or not days:
        return np.full((days, SLOTS), NULL, np.int32)
    return unpack([packed], days * SLOTS)[0].reshape(days, SLOTS)


def _items(found: Iterable[Any]) -> tuple[Item, ...]:
    return tuple((tag, content if isinstance(content, str) else _items(content)) for tag, content in found)


def newest(point: SupplyPoint, month: date) -> list[FixedRow]:
    """The fixed rows in force of a point's month, one per meter."""
    rows = FixedRow.objects.filter(point=point, kind=FixedRow.Kind.FIXED, month=month)
    return list(rows.order_by("meter", "-read_on", "-revision").distinct("meter"))


def renew_months(batch_id: int) -> int:
    """Bring the points' monthly usage up to what a batch's fixed rows say; returns how many months changed.

    A month is the sum of its meters; one whose sum or reading day differs becomes the next revision.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH touched AS (
                SELECT DISTINCT point_id, month FROM metering_fixedrow WHERE batch_id = %(batch)s AND kind = '12'),
            newest AS (
                SELECT DISTINCT ON (f.point_id, f.month, f.meter) f.point_id, f.month, f.wh, f.read_on
                FROM metering_fixedrow f JOIN touched USING (point_id, month)
                WHERE f.kind = '12' ORDER BY f.point_id, f.month, f.meter, f.read_on DESC, f.revision DESC),
            total AS (
                SELECT point_id, month, sum(wh)::bigint AS wh, max(read_on) AS read_on
                FROM newest WHERE wh IS NOT NULL GROUP BY 1, 2),
            last AS (
                SELECT DISTINCT ON (m.point_id, m.month) m.point_id, m.month, m.wh, m.read_on, m.revision
                FROM {MonthlyUsage._meta.db_table} m JOIN touched USING (point_id, month)
                ORDER BY m.point_id, m.month, m.revision DESC)
            INSERT INTO {MonthlyUsage._meta.db_table} (point_id, month, wh, read_on, revision)
            SELECT t.point_id, t.month, t.wh, t.read_on, coalesce(l.revision + 1, 0)
            FROM total t LEFT JOIN last l USING (point_id, month)
            WHERE l.revision IS NULL OR (l.wh, l.read_on) IS DISTINCT FROM (t.wh, t.read_on)
            """,
            {"batch": batch_id},
        )
        return cursor.rowcount
