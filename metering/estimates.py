"""Estimating what was not measured: proposed, looked at, changed by hand where need be, and taken in as a correction.

An estimate becomes a usage file of its network operator and goes the way of every file: checked, kept as a new
revision with a quality per slot, published as a correction, complete. Values measured later replace it the same way.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from metering import checks, estimation, gaps, intake, meters, registers, stored_days
from metering.estimation import Filled, Known, Method, Stretch
from metering.formats.blocks import LETTERS, day_block
from metering.formats.csv import write_wide
from metering.halfhours import NULL, SLOTS, Quality, unpack
from metering.models import Estimate, Gap, Layer, SupplyPoint
from metering.stored_days import Days
from portal import ledger
from portal.access import Ability, covers
from portal.models import User
from portal.refusals import Refusal
from portal.workdays import Workdays, jst_date, of_area

MOST_DAYS = 31
PROFILE_POINTS = 500
ONE_DAY = timedelta(days=1)
BY_HAND = (Quality.AGREED, Quality.EDITED)

# A sample of the points of the same area and class that came whole on the day.
_PROFILE = """
    SELECT u.packed FROM metering_supplypoint p
    CROSS JOIN LATERAL (
        SELECT packed, quality FROM metering_usageday
        WHERE point_id = p.id AND day = %(day)s AND layer = %(layer)s ORDER BY revision DESC LIMIT 1
    ) u
    WHERE p.area = %(area)s AND p.supply_class = %(supply_class)s AND p.network_operator_id = %(operator)s
      AND p.id <> %(point)s AND u.quality IS NULL
    LIMIT %(points)s
"""


class Refused(Refusal):
    """What was asked cannot be estimated; `sentence` says why and what to do."""


class NotYours(Refused):
    sentence = _("Half-hours are estimated by the network operator of the supply point.")


class DaysNotPast(Refused):
    sentence = _("Only days that are over can be estimated. Please choose earlier days.")


class TooManyDays(Refused):
    sentence = format_lazy(
        _("At most {days} days are estimated at once. Please estimate a part first."), days=MOST_DAYS
    )


class NothingMissing(Refused):
    sentence = _("No half-hour is missing in these days; measured values are corrected with a usage file.")


class NoWay(Refused):
    sentence = _(
        "Some half-hours cannot be estimated: there are no earlier days and no profile of the area. "
        "Please enter them by hand as agreed or edited values."
    )


class WordsMissing(Refused):
    sentence = _("Say why these values are estimated; the retailer reads it.")


class Overtaken(Refused):
    sentence = _("Values came in while you looked at the proposal. Please look at the new one below.")


class NotTakenIn(Refused):
    """The file of the estimate was refused by the checks or could not be received; nothing stands."""

    def __init__(self, why: str) -> None:
        self.sentence = format_lazy(_("The estimate was not taken in: {why}"), why=why)
        super().__init__(why)


class BadValue(Refused):
    """A value entered by hand that cannot be."""

    def __init__(self, day: date, slot: int, step: int) -> None:
        self.sentence = format_lazy(
            _("{day}, half-hour {slot}: enter kWh from 0 in steps of {step} kWh, for example 0.25."),
            day=day.isoformat(),
            slot=f"{slot:02}",
            step=f"{step / 1000:g}",
        )
        super().__init__(day, slot)


@dataclass(frozen=True)
class MeterDays:
    """One meter's days of a proposal: `values` are those stored, `filled` those proposed."""

    meter: str
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]
    filled: Filled
    history: tuple[date, ...]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """The slots that are estimated."""
        gap: NDArray[np.bool_] = (self.values == NULL) & (self.filled.values != self.values)
        return gap


@dataclass(frozen=True)
class Proposal:
    """What would be put in place for consecutive days of a point, meter by meter."""

    point: SupplyPoint
    days: list[date]
    meters: list[MeterDays]

    @property
    def step(self) -> int:
        return max(1, self.point.resolution_wh)

    @property
    def is_complete(self) -> bool:
        """False where no method could say anything about some slots."""
        return all(run.method != Method.NONE for each in self.meters for run in each.filled.runs)

    @property
    def fingerprint(self) -> str:
        """Changes when what is stored or proposed changes."""
        digest = hashlib.sha256()
        for each in self.meters:
            digest.update(each.meter.encode() + each.values.tobytes() + each.filled.values.tobytes())
        return digest.hexdigest()


def propose(point: SupplyPoint, first: date, last: date, *, by: User, now: datetime) -> Proposal:
    """What the methods say about the missing half-hours of the days (both included); nothing is written.

    Raises NotYours, DaysNotPast, TooManyDays, NothingMissing.
    """
    if point.network_operator_id != by.company_id or not covers(
        by, Ability.HANDLE_GAPS, area=point.area, supply_class=point.supply_class
    ):
        raise NotYours
    if last < first or last >= jst_date(now):
        raise DaysNotPast
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise TooManyDays
    days = [first + timedelta(days=at) for at in range(count)]
    around = [first - timedelta(days=at) for at in range(1, estimation.HISTORY_DAYS + 1)] + [*days, last + ONE_DAY]
    stored = stored_days.in_force([point.pk], sorted(around))
    calendar = of_area(point.area)
    profile: dict[date, NDArray[np.float64]] = {}
    found = []
    for meter in _meters(point, stored, days):
        each = _meter_days(point, meter, stored, days, calendar, profile)
        if each is not None:
            found.append(each)
    if not any(each.filled.runs for each in found):
        raise NothingMissing
    return Proposal(point, days, found)


def _meters(point: SupplyPoint, stored: Days, days: Sequence[date]) -> list[str]:
    """The meters whose days are filled: those with rows in the days, else those of the days before, else standing."""
    rows = list(zip(stored.days, stored.meters, strict=True))
    for chosen in (
        sorted({meter for day, meter in rows if day in days}),
        sorted({meter for day, meter in rows if day < days[0] and day == _newest_before(stored.days, days[0])}),
        [meter.number for meter in meters.standing(point.pk, days[0])],
    ):
        if chosen:
            return chosen
    return [""]


def _newest_before(days: Sequence[date], first: date) -> date | None:
    return max((day for day in days if day < first), default=None)


def _meter_days(
    point: SupplyPoint,
    meter: str,
    stored: Days,
    days: list[date],
    calendar: Workdays,
    profile: dict[date, NDArray[np.float64]],
) -> MeterDays | None:
    own = [at for at, name in enumerate(stored.meters) if name == meter]
    row_of = {stored.days[at]: at for at in own}
    values = np.full((len(days), SLOTS), NULL, np.int32)
    quality = np.full((len(days), SLOTS), Quality.MISSING, np.uint8)
    for at, day in enumerate(days):
        if day in row_of:
            values[at], quality[at] = stored.values[row_of[day]], stored.quality[row_of[day]]
    outside = _outside(point.pk, meter, days, values)
    if not ((values == NULL) & ~outside).any():
        return None
    measured = stored.is_whole & ~stored.is_estimated
    history = {stored.days[at]: stored.values[at] for at in own if stored.days[at] < days[0] and measured[at]}
    if not history:
        for day in days:
            if day not in profile and (shape := _profile(point, day)) is not None:
                profile[day] = shape
    known = Known(
        history=history,
        profile=profile,
        before=_row(stored, row_of, days[0] - ONE_DAY),
        after=_row(stored, row_of, days[-1] + ONE_DAY),
    )
    # What lies outside the meter's time on the day of an exchange is no gap: zeros while the others are filled.
    shown = np.where(outside, 0, values).astype(np.int32)
    filled = estimation.fill(
        shown,
        quality,
        days,
        known,
        is_off=lambda day: not calendar.is_open(day),
        stretches=_stretches(point.pk, meter, days, stored, row_of),
        step=max(1, point.resolution_wh),
    )
    filled.values[outside] = NULL
    return MeterDays(meter, values, quality, filled, tuple(sorted(history)))


def _outside(point_id: int, meter: str, days: list[date], values: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Slots before the first value of a meter on the day it was put up, and after the last one when taken away."""
    outside = np.zeros(values.shape, bool)
    for at, day in enumerate(days):
        present = np.flatnonzero(values[at] != NULL)
        if present.size and registers.exchanged([(point_id, meter, day)]):
            outside[at, : present[0]] = outside[at, present[-1] + 1 :] = True
    return outside


def _row(stored: Days, row_of: Mapping[date, int], day: date) -> NDArray[np.int32] | None:
    return stored.values[row_of[day]] if day in row_of else None


def _stretches(point_id: int, meter: str, days: list[date], stored: Days, row_of: Mapping[date, int]) -> list[Stretch]:
    """What the registers moved on between readings that enclose days of the gap, less what was measured outside it."""
    far = timedelta(days=estimation.HISTORY_DAYS)
    readings = registers.between(point_id, meter, days[0] - far, days[-1] + far)
    whole, sums = stored.is_whole, stored.sums
    found = []
    for (begin, start), (end, stop) in pairwise(readings):
        if end <= days[0] or begin > days[-1]:
            continue
        wh = stop - start
        outside = [
            begin + timedelta(days=at)
            for at in range((end - begin).days)
            if not days[0] <= begin + timedelta(days=at) <= days[-1]
        ]
        if any(day not in row_of or not whole[row_of[day]] for day in outside):
            continue
        wh -= sum(int(sums[row_of[day]]) for day in outside)
        first = max(0, (begin - days[0]).days) * SLOTS
        last = min(len(days), (end - days[0]).days) * SLOTS
        found.append(Stretch(first, last, wh))
    return found


def _profile(point: SupplyPoint, day: date) -> NDArray[np.float64] | None:
    """The mean of points of the same area, class and network that came whole and measured on the day."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PROFILE,
            {
                "day": day,
                "layer": Layer.DAILY,
                "area": point.area,
                "supply_class": point.supply_class,
                "operator": point.network_operator_id,
                "point": point.pk,
                "points": PROFILE_POINTS,
            },
        )
        values = unpack([packed for (packed,) in cursor.fetchall()])
    whole = values[(values != NULL).all(axis=1)]
    if not len(whole):
        return None
    mean: NDArray[np.float64] = whole.mean(axis=0)
    return mean


# --- Making -------------------------------------------------------------------------------------------------------


def make(
    point: SupplyPoint,
    first: date,
    last: date,
    *,
    fingerprint: str,
    reason: str,
    by: User,
    now: datetime,
    by_hand: Mapping[tuple[str, date, int], int] | None = None,
    hand_quality: Quality = Quality.EDITED,
    gap: Gap | None = None,
) -> Estimate:
    """Put the proposal with this fingerprint in place, with values entered by hand (meter, day, slot from 1 → Wh).

    The values go in as a file of the network operator, as new revisions; gaps whose days have come are closed.
    Raises Refused of any kind; then nothing stands.
    """
    if not reason.strip():
        raise WordsMissing
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"estimate {point.pk}"])
        proposal = propose(point, first, last, by=by, now=now)
        if proposal.fingerprint != fingerprint:
            raise Overtaken
        rows = [_with_hand(proposal, each, by_hand or {}, hand_quality) for each in proposal.meters]
        content = _file(proposal, rows, now=now)
        name = f"estimate_{point.number}_{first:%Y%m%d}_{now:%Y%m%d%H%M%S}.csv.gz"
        try:
            file = intake.receive(io.BytesIO(content), name=name, sender=point.network_operator, by=by, now=now)
        except intake.AlreadyReceived as known:
            raise Overtaken from known
        except intake.NotAUsageFile as problem:
            raise NotTakenIn(problem.sentence) from problem
        taken = intake.take_in(file.pk, now=now)
        if taken is None or taken.rows_refused or not taken.rows_taken:
            raise NotTakenIn(_why(taken))
        estimate = Estimate.objects.create(
            point=point,
            gap=gap,
            first_day=first,
            last_day=last,
            file=taken,
            inputs=[_inputs(proposal, each) for each in proposal.meters],
            days=_kept(proposal, rows),
            slots=sum(int(np.count_nonzero(values != each.values)) for each, values, _ in rows),
            reason=reason.strip()[:300],
            made_by=by,
            made_at=now,
        )
        ledger.record(
            "usage estimated",
            f"supply point {point.number}",
            by=by,
            now=now,
            estimate=estimate.pk,
            first=first.isoformat(),
            last=last.isoformat(),
            slots=estimate.slots,
            methods=sorted({run.method.value for each in proposal.meters for run in each.filled.runs}),
            by_hand=len(by_hand or {}),
            reason=estimate.reason,
        )
        gaps.close_arrived(now=now)
    return estimate


_Row = tuple[MeterDays, NDArray[np.int32], NDArray[np.uint8]]


def _with_hand(
    proposal: Proposal, each: MeterDays, by_hand: Mapping[tuple[str, date, int], int], quality: Quality
) -> _Row:
    """The proposed values with those entered by hand over them; only slots without a measured value take any."""
    values, codes = each.filled.values.copy(), each.filled.quality.copy()
    for (meter, day, slot), wh in by_hand.items():
        if meter != each.meter:
            continue
        at = (proposal.days.index(day), slot - 1)
        if each.values[at] != NULL or wh < 0 or wh % proposal.step or wh >= 2**31 - 1:
            raise BadValue(day, slot, proposal.step)
        if values[at] != wh:
            values[at], codes[at] = wh, quality
    if ((values == NULL) & _unsaid(each)).any():
        raise NoWay
    return each, values, codes


def _unsaid(each: MeterDays) -> NDArray[np.bool_]:
    """Slots no method said anything about."""
    flat = np.zeros(each.values.size, bool)
    for run in each.filled.runs:
        if run.method == Method.NONE:
            flat[run.start : run.stop] = True
    return flat.reshape(each.values.shape)


def _file(proposal: Proposal, rows: list[_Row], *, now: datetime) -> bytes:
    """A wide CSV of the days that change. Its head holds the moment, so that equal values can be sent again later."""
    blocks = []
    for each, values, codes in rows:
        changed = np.flatnonzero((values != each.values).any(axis=1)).tolist()
        if changed:
            blocks.append(
                day_block(
                    [proposal.point.number] * len(changed),
                    [proposal.days[at] for at in changed],
                    values[changed],
                    [each.meter] * len(changed),
                    codes[changed],
                )
            )
    out = io.BytesIO()
    write_wide(out, blocks)
    return gzip.compress(out.getvalue(), mtime=int(now.timestamp()))


def _inputs(proposal: Proposal, each: MeterDays) -> dict[str, Any]:
    def stretch(found: Stretch) -> dict[str, int]:
        return {"start": found.start, "stop": found.stop, "wh": found.wh}

    return {
        "meter": each.meter,
        "step_wh": proposal.step,
        "runs": [
            {
                "start": run.start,
                "stop": run.stop,
                "method": run.method.value,
                "days": [day.isoformat() for day in run.days],
            }
            for run in each.filled.runs
        ],
        "registers": [stretch(found) for found in each.filled.held],
        "registers_left_out": [stretch(found) for found in each.filled.broken],
    }


def _kept(proposal: Proposal, rows: list[_Row]) -> list[dict[str, Any]]:
    """Per day and meter that changes, what stood there and what was put in its place."""

    def plain(values: NDArray[np.int32]) -> list[int | None]:
        return [None if wh == NULL else wh for wh in values.tolist()]

    return [
        {
            "day": day.isoformat(),
            "meter": each.meter,
            "before": plain(each.values[at]),
            "after": plain(values[at]),
            "quality": "".join(LETTERS[Quality(code)] for code in codes[at].tolist()),
        }
        for each, values, codes in rows
        for at, day in enumerate(proposal.days)
        if (values[at] != each.values[at]).any()
    ]


def _why(taken: Any) -> str:
    """The sentence of the first row the checks refused."""
    if taken is None:
        return str(_("another worker has the file in hand"))
    refused = taken.refused.first()
    if refused is None:
        return json.dumps(taken.problem) if taken.problem else str(_("the same values stand there already"))
    return checks.sentence(refused.code, refused.params)
