"""Values for half-hours nobody measured: by the length of the gap, in the meter's steps, to the registers' sum.

Pure arithmetic. Rules: domain notes, metering §5. Up to four slots are drawn as a line between their neighbours; up to
a day takes the mean of the last three days of the same type (working day, or Saturday, Sunday and holiday); longer
gaps the mean of such days in four weeks; where there is no history the area's profile serves. Wherever two register
readings enclose missing slots, these get exactly what the registers say beyond the measured ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from metering.halfhours import NULL, Quality

LINE_SLOTS = 4
REFERENCE_DAYS = 3
HISTORY_DAYS = 28
_MOST = 2**31 - 1


class Method(StrEnum):
    """How a run of missing slots was filled."""

    LINE = "line"
    REFERENCE_DAYS = "reference_days"
    HISTORY = "history"
    PROFILE = "profile"
    NONE = "none"


QUALITY = {
    Method.LINE: Quality.INTERPOLATED,
    Method.REFERENCE_DAYS: Quality.REFERENCE_DAY,
    Method.HISTORY: Quality.REFERENCE_DAY,
    Method.PROFILE: Quality.PROFILE,
    Method.NONE: Quality.MISSING,
}


@dataclass(frozen=True)
class Stretch:
    """What the registers counted between two readings: `wh` in the slots `start` up to `stop` (flat, from 0)."""

    start: int
    stop: int
    wh: int


@dataclass(frozen=True)
class Known:
    """What an estimate may rest on.

    history   complete measured days of the meter before the gap, Wh per slot
    profile   for each day of the gap the area's mean, Wh per slot, where there is one
    before    the slots of the day before the first one, None when there are none
    after     those of the day after the last one
    """

    history: Mapping[date, NDArray[np.int32]] = field(default_factory=dict)
    profile: Mapping[date, NDArray[np.float64]] = field(default_factory=dict)
    before: NDArray[np.int32] | None = None
    after: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Run:
    """One run of missing slots (flat, from 0), how it was filled and on what days it rests."""

    start: int
    stop: int
    method: Method
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class Filled:
    """Days without the gaps that could be filled.

    values    int32 [days, slots], NULL where nothing could be said
    quality   uint8 [days, slots]
    runs      what was filled, in order
    held      the stretches whose sum was kept
    broken    stretches whose registers count less than what was measured: they were left out
    """

    values: NDArray[np.int32]
    quality: NDArray[np.uint8]
    runs: tuple[Run, ...]
    held: tuple[Stretch, ...] = ()
    broken: tuple[Stretch, ...] = ()


def fill(
    values: NDArray[np.int32],
    quality: NDArray[np.uint8],
    days: Sequence[date],
    known: Known,
    *,
    is_off: Callable[[date], bool],
    stretches: Sequence[Stretch] = (),
    step: int = 1,
) -> Filled:
    """Fill what is missing in consecutive `days`; what has a value stays as it is.

    values, quality  [days, slots]
    is_off           whether a day is of the other type: Saturday, Sunday or holiday
    step             Wh the meter counts in; every estimate is a multiple of it
    """
    slots = values.shape[1]
    flat, codes = values.reshape(-1).copy(), quality.reshape(-1).copy()
    missing = flat == NULL
    raw = np.zeros(len(flat))
    runs = []
    for start, stop in _runs(missing):
        method, shape, used = _shape(start, stop, flat, days, slots, known, is_off)
        runs.append(Run(start, stop, method, used))
        if method != Method.NONE:
            raw[start:stop] = np.clip(shape, 0, _MOST)
            codes[start:stop] = QUALITY[method]
    fillable = missing & (codes != Quality.MISSING)
    held, broken = [], []
    free = fillable.copy()
    for stretch in stretches:
        inside = slice(stretch.start, stretch.stop)
        chosen = np.flatnonzero(fillable[inside]) + stretch.start
        if not chosen.size or (missing[inside] & ~fillable[inside]).any():
            continue
        rest = stretch.wh - int(flat[inside][~missing[inside]].sum(dtype=np.int64))
        if rest < 0:
            broken.append(stretch)
            continue
        flat[chosen] = spread(raw[chosen], rest, step)
        free[chosen] = False
        held.append(stretch)
    for run in runs:
        chosen = np.flatnonzero(free[run.start : run.stop]) + run.start
        if chosen.size:
            flat[chosen] = spread(raw[chosen], round(raw[chosen].sum() / step) * step, step)
    return Filled(flat.reshape(values.shape), codes.reshape(values.shape), tuple(runs), tuple(held), tuple(broken))


def spread(shape: NDArray[np.float64], total: int, step: int = 1) -> NDArray[np.int32]:
    """Spread `total` Wh over slots in proportion to `shape`, in multiples of `step`, by the largest remainders.

    The sum is `total`, or the multiple of `step` just below. A shape of nothing but zeros is taken as even.
    """
    weights = np.asarray(shape, np.float64)
    weight = weights.sum()
    if weight <= 0:
        weights, weight = np.ones(len(weights)), float(len(weights))
    units = total // step
    ideal = weights / weight * units
    whole = np.floor(ideal).astype(np.int64)
    rest = int(units - whole.sum())
    if rest > 0:
        whole[np.argsort(-(ideal - whole), kind="stable")[:rest]] += 1
    elif rest < 0:  # the floats came out a hair too large
        whole[np.argsort(-whole, kind="stable")[:-rest]] -= 1
    result: NDArray[np.int32] = (whole * step).astype(np.int32)
    return result


def _runs(missing: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _shape(
    start: int,
    stop: int,
    flat: NDArray[np.int32],
    days: Sequence[date],
    slots: int,
    known: Known,
    is_off: Callable[[date], bool],
) -> tuple[Method, NDArray[np.float64], tuple[date, ...]]:
    """How a run is filled, its values before they are fitted to steps and sums, and the days they rest on."""
    length = stop - start
    if length <= LINE_SLOTS:
        left = _neighbour(flat, start - 1, known.before, -1)
        right = _neighbour(flat, stop, known.after, 0)
        if left is not None and right is not None:
            parts = np.arange(1, length + 1) / (length + 1)
            return Method.LINE, left + (right - left) * parts, ()
    first, last = start // slots, (stop - 1) // slots
    history = sorted(day for day in known.history if day < days[first])
    shape = np.zeros(stop - first * slots)
    used: set[date] = set()
    most = REFERENCE_DAYS if length <= slots else HISTORY_DAYS
    for at in range(first, last + 1):
        # The days of the gap lie after its first one: how far back is counted from there.
        alike = _alike(history, days[first], days[at], is_off)[:most]
        if not alike:
            break
        used.update(alike)
        mean = np.mean([known.history[d] for d in alike], axis=0)
        begin = (at - first) * slots
        shape[begin : begin + slots] = mean[: len(shape) - begin]
    else:
        method = Method.REFERENCE_DAYS if length <= slots else Method.HISTORY
        return method, shape[start - first * slots :], tuple(sorted(used))
    if all(days[at] in known.profile for at in range(first, last + 1)):
        whole = np.concatenate([known.profile[days[at]] for at in range(first, last + 1)])
        return Method.PROFILE, whole[start - first * slots : stop - first * slots], ()
    return Method.NONE, np.zeros(length), ()


def _alike(history: Sequence[date], first: date, day: date, is_off: Callable[[date], bool]) -> list[date]:
    """Days of the history of the type of `day`, in the four weeks before the gap's first day, the newest first."""
    oldest, kind = first - timedelta(days=HISTORY_DAYS), is_off(day)
    return [d for d in reversed(history) if d >= oldest and is_off(d) == kind]


def _neighbour(flat: NDArray[np.int32], at: int, beyond: NDArray[np.int32] | None, edge: int) -> int | None:
    if 0 <= at < len(flat):
        value = int(flat[at])
    elif beyond is not None and len(beyond):
        value = int(beyond[edge])
    else:
        return None
    return None if value == NULL else value
