"""Meter exchanges as messages tell them, entered at the points in whatever order work and messages come."""

from itertools import groupby

from metering import meters
from metering.meters import NewMeter
from metering.models import FixedRow, Meter, UsageBatch


def apply(batch: UsageBatch) -> list[int]:
    """Enter the exchanges a batch brought; returns, counted from 1, the rows of which it is unclear what was done.

    A point's rows name the meter removed and the one installed, in no promised order: the one that stands there is the
    removed one, the one nobody knows the new one. What was entered already (work reported done before the message came)
    is left as it is; a message of a meter that was replaced meanwhile changes nothing.
    """
    rows = batch.fixed_rows.order_by("id").select_related("point")
    unclear: list[int] = []
    line = 0
    for point_id, of_point in groupby(rows, key=lambda row: row.point_id):
        theirs = list(of_point)
        if not _enter(point_id, theirs):
            unclear.append(line + 1)
        line += len(theirs)
    return unclear


def _enter(point_id: int, rows: list[FixedRow]) -> bool:
    on = rows[0].read_on
    known = {meter.number: meter for meter in Meter.objects.filter(point=point_id)}
    numbers = list(dict.fromkeys(row.meter for row in rows if row.meter))
    put_up = [number for number in numbers if number not in known]
    old = [known[number] for number in numbers if number in known]
    if not put_up:
        return bool(old)  # all of it is known already, or nothing is said
    if len(put_up) == 2 and not old:
        put_up = put_up[1:]  # a meter nobody knew is replaced: the second row is the new one
    if len(put_up) > 1:
        return False
    standing = [meter for meter in old if meter.removed_on is None and meter.installed_on <= on]
    gone = standing[0] if standing else None
    like = gone or next(iter(known.values()), None)
    new = NewMeter(put_up[0], like.kind, like.multiplier) if like else NewMeter(put_up[0])
    try:
        meters.change(point_id, on=on, old=gone.number if gone else "", new=new)
    except meters.NotPossible:
        return False
    return bool(gone) or not old
