"""Half-hourly readings of the demo: days of real households where a file of them is there, else days like theirs."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metering.halfhours import NULL, SLOTS

HOUSEHOLDS = 6
HIGHEST_WH = 2_000_000


@dataclass(frozen=True)
class Load:
    """What is behind a meter: a household's days scaled, or (solar_w > 0) panels of that many watts.

    `salt` makes two points of the same household live through different days.
    """

    household: int
    scale: float
    resolution_wh: int
    salt: int
    area: int
    solar_w: int = 0


class Readings:
    """Days of a few households, drawn for any point and date by season and weekday; the same salt draws the same."""

    def __init__(self, days: NDArray[np.int32], households: NDArray[np.int64], dates: list[date]) -> None:
        """days int32 [n, 48] in Wh with NULL, households int64 [n], dates n days."""
        self.days = days
        seasons = np.array([(day.month - 1) * 2 + (day.weekday() >= 5) for day in dates])
        self.count = int(households.max()) + 1
        everybody = np.arange(len(days))
        self.pools: list[list[NDArray[np.int64]]] = []
        for household in range(self.count):
            own = everybody[households == household]
            pools = []
            for season in range(24):
                pool = own[seasons[own] == season]
                pools.append(pool if pool.size else own)
            self.pools.append(pools)
        present = days != NULL
        counts = present.sum(axis=1)
        sums = np.where(present, days, 0).sum(axis=1, dtype=np.int64)
        self.totals = np.where(counts > 0, sums * SLOTS / np.maximum(counts, 1), 0.0)
        peaks = np.sort(np.where(present, days, 0).max(axis=1))
        self.usual_peak_wh = int(peaks[int(len(peaks) * 0.97)])
        self.highest_wh = int(peaks[-1])

    def values(self, loads: list[Load], day: date) -> NDArray[np.int32]:
        """The day's half-hours of each load: int32 [n, 48] in Wh, NULL where the reading is missing."""
        rows = self._rows(loads, day)
        drawn = self.days[rows]
        scale = np.array([load.scale for load in loads])[:, None]
        step = np.array([load.resolution_wh for load in loads])[:, None]
        scaled = np.minimum(np.rint(np.maximum(drawn, 0) * scale / step) * step, HIGHEST_WH)
        if roofs := [at for at, load in enumerate(loads) if load.solar_w]:
            scaled[roofs] = np.rint(self._sun([loads[at] for at in roofs], day) / step[roofs]) * step[roofs]
        return np.where(drawn == NULL, NULL, scaled).astype(np.int32)

    def day_totals(self, loads: list[Load], day: date) -> NDArray[np.float64]:
        """The day's energy of each load in Wh, missing half-hours filled in by the day's mean."""
        rows = self._rows(loads, day)
        totals = self.totals[rows] * np.array([load.scale for load in loads])
        if roofs := [at for at, load in enumerate(loads) if load.solar_w]:
            totals[roofs] = self._sun([loads[at] for at in roofs], day).sum(axis=1)
        return totals

    def _rows(self, loads: list[Load], day: date) -> NDArray[np.int64]:
        season = (day.month - 1) * 2 + (day.weekday() >= 5)
        salts = np.array([load.salt + day.toordinal() * 1_000_003 for load in loads], np.uint64)
        draw = _mix(salts)
        which = np.array([load.household % self.count for load in loads])
        rows = np.zeros(len(loads), np.int64)
        for household in range(self.count):
            own = which == household
            pool = self.pools[household][season]
            rows[own] = pool[(draw[own] % np.uint64(pool.size)).astype(np.int64)]
        return rows

    def _sun(self, loads: list[Load], day: date) -> NDArray[np.float64]:
        """Half-hourly energy of panels in Wh: a bell between sunrise and sunset under the area's clouds."""
        yearly = np.cos(2 * np.pi * (day.timetuple().tm_yday - 172) / 365.25)
        half_day = 6.0 + 1.15 * yearly  # hours from noon to sunset
        hours = np.arange(SLOTS) * 0.5 + 0.25 - 11.8
        height = np.cos(np.clip(hours / half_day, -1, 1) * np.pi / 2) ** 1.3 * (0.62 + 0.16 * yearly)
        skies = np.array([load.area * 7_919 + day.toordinal() for load in loads], np.uint64)
        cloud = _mix(skies) % np.uint64(1000)
        clearness = 0.15 + 0.85 * np.sqrt(cloud.astype(np.float64) / 1000)
        moments = [load.salt + day.toordinal() * SLOTS for load in loads]
        flicker = _mix(np.array([[moment + slot for slot in range(SLOTS)] for moment in moments], np.uint64))
        shade = 1 - 0.25 * (1 - clearness[:, None]) * (flicker % np.uint64(100)).astype(np.float64) / 100
        watts = np.array([load.solar_w for load in loads], np.float64)[:, None]
        bell: NDArray[np.float64] = watts * 0.5 * height[None, :] * clearness[:, None] * shade
        return bell


def read(path: Path) -> Readings:
    """Household-days from a CSV with the columns household, date, hh01 … hh48 (kWh, empty = missing)."""
    households: dict[str, int] = {}
    which: list[int] = []
    dates: list[date] = []
    cells: list[list[str]] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        for row in rows:
            which.append(households.setdefault(row[0], len(households)))
            dates.append(date.fromisoformat(row[1]))
            cells.append(row[2 : 2 + SLOTS])
    missing = np.array(cells) == ""
    kwh = np.where(missing, "0", np.array(cells)).astype(np.float64)
    days = np.where(missing, NULL, np.rint(kwh * 1000)).astype(np.int32)
    return Readings(days, np.array(which), dates)


def generate(seed: int) -> Readings:
    """Two years of invented household-days: night base, two peaks, heating and cooling, appliances, gaps and zeros."""
    rng = np.random.default_rng(seed)
    first = date(2012, 1, 1)
    dates = [first + timedelta(days=n) for n in range(730)]
    slot = np.arange(SLOTS)
    year = np.array([day.timetuple().tm_yday for day in dates])
    weekend = np.array([day.weekday() >= 5 for day in dates])
    winter = np.clip(np.cos(2 * np.pi * (year - 25) / 365.25), 0, None)
    summer = np.clip(np.cos(2 * np.pi * (year - 215) / 365.25), 0, None) ** 2

    def hump(at: float, width: float) -> NDArray[np.float64]:
        return np.exp(-(((slot - at) / width) ** 2))

    blocks, which = [], []
    for household in range(HOUSEHOLDS):
        base = rng.uniform(35, 90)
        morning, evening = rng.uniform(80, 260), rng.uniform(200, 520)
        heating, cooling = rng.uniform(60, 420), rng.uniform(60, 320)
        rises = rng.normal(14.5, 1.0, len(dates)) + 3 * weekend
        mean = (
            base
            + morning * np.exp(-(((slot[None, :] - rises[:, None]) / 3.0) ** 2))
            + evening * hump(rng.uniform(38, 42), 5.0)[None, :]
            + weekend[:, None] * 0.35 * evening * hump(26, 6.0)[None, :]
            + winter[:, None] * heating * (hump(14, 5.0) + hump(42, 7.0))[None, :]
            + summer[:, None] * cooling * (hump(29, 8.0) + 0.6 * hump(44, 6.0))[None, :]
        )
        values = mean * rng.gamma(4.0, 0.25, mean.shape)
        spikes = rng.random(mean.shape) < 0.02  # kettle, oven, bath
        values = np.where(spikes, values + rng.uniform(300, 1600, mean.shape), values)
        away = rng.random(len(dates)) < 0.04
        values = np.where(away[:, None], base * rng.uniform(0.4, 0.8, mean.shape), values)
        values = np.where(rng.random(mean.shape) < (0.12 if household == 1 else 0.005), 0, values)
        cells = np.rint(values).astype(np.int32)
        for row in np.flatnonzero(rng.random(len(dates)) < 0.03):  # the radio was silent for some hours
            begin = int(rng.integers(0, SLOTS - 2))
            cells[row, begin : begin + int(rng.integers(1, 14))] = NULL
        blocks.append(cells)
        which += [household] * len(dates)
    return Readings(np.concatenate(blocks), np.array(which), dates * HOUSEHOLDS)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number that looks random for each number (splitmix64), so that nothing depends on the order of drawing."""
    with np.errstate(over="ignore"):
        mixed = values + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result
