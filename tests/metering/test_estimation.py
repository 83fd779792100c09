"""Estimates of half-hours nobody measured: method by length, steps of the meter, sums of the registers."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metering.estimation import Known, Method, Stretch, fill, spread
from metering.halfhours import NULL, SLOTS, Quality, plain_quality

MONDAY = date(2026, 3, 30)


def is_off(day: date) -> bool:
    return day.weekday() >= 5


def day_of(value: int) -> np.ndarray:
    return np.full(SLOTS, value, np.int32)


def filled(values, known=None, *, days=None, stretches=(), step=1):
    values = np.asarray(values, np.int32).reshape(-1, SLOTS)
    days = days or [MONDAY + timedelta(days=at) for at in range(len(values))]
    return fill(values, plain_quality(values), days, known or Known(), is_off=is_off, stretches=stretches, step=step)


def test_up_to_four_slots_are_a_line_between_their_neighbours():
    values = day_of(100)
    values[10:14] = NULL
    values[14:] = 600
    found = filled(values)
    assert found.values[0, 9:15].tolist() == [100, 200, 300, 400, 500, 600]
    assert set(found.quality[0, 10:14]) == {Quality.INTERPOLATED}
    assert found.quality[0, 9] == Quality.MEASURED


def test_a_line_reaches_over_midnight():
    values = day_of(300)
    values[:2] = NULL
    found = filled(values, Known(before=day_of(0)))
    assert found.values[0, :3].tolist() == [100, 200, 300]


def test_without_a_neighbour_a_short_gap_takes_the_reference_days():
    values = day_of(300)
    values[:2] = NULL
    found = filled(values, Known(history={MONDAY - timedelta(days=3): day_of(70)}))
    assert found.values[0, :3].tolist() == [70, 70, 300]
    assert found.runs[0].method == Method.REFERENCE_DAYS


def test_a_day_takes_the_mean_of_the_last_three_days_of_the_same_type():
    history = {MONDAY - timedelta(days=back): day_of(value) for back, value in enumerate((9, 9, 10, 20, 60, 1000), 1)}
    found = filled(day_of(NULL), Known(history=history))  # Sunday and Saturday (9) are of the other type
    assert found.values[0].tolist() == [30] * SLOTS
    assert set(found.quality[0]) == {Quality.REFERENCE_DAY}
    assert found.runs[0].days == tuple(MONDAY - timedelta(days=back) for back in (5, 4, 3))


def test_a_longer_gap_takes_four_weeks_each_day_by_its_own_type():
    history = {
        day: day_of(500 if is_off(day) else 100) for day in (MONDAY - timedelta(days=back) for back in range(1, 29))
    }
    history[MONDAY - timedelta(days=29)] = day_of(90_000)
    found = filled([NULL] * SLOTS * 7, Known(history=history))
    assert found.values[:, 0].tolist() == [100] * 5 + [500] * 2
    assert found.runs[0].method == Method.HISTORY


def test_without_history_the_areas_profile_serves_and_without_one_the_gap_stays():
    profile = np.arange(SLOTS, dtype=np.float64)
    found = filled(day_of(NULL), Known(profile={MONDAY: profile}))
    assert found.values[0].tolist() == list(range(SLOTS))
    assert set(found.quality[0]) == {Quality.PROFILE}
    nothing = filled(day_of(NULL))
    assert (nothing.values == NULL).all() and set(nothing.quality[0]) == {Quality.MISSING}
    assert nothing.runs[0].method == Method.NONE


def test_registers_decide_the_sum_of_what_is_missing():
    values = day_of(100)
    values[20:30] = NULL
    found = filled(
        values, Known(history={MONDAY - timedelta(days=3): day_of(55)}), stretches=[Stretch(0, SLOTS, 5000)], step=10
    )
    assert found.values.sum() == 5000
    assert found.values[0, 20:30].tolist() == [120] * 10
    assert found.held == (Stretch(0, SLOTS, 5000),)


def test_registers_below_what_was_measured_are_left_out_and_named():
    values = day_of(100)
    values[20] = NULL
    found = filled(values, stretches=[Stretch(0, SLOTS, 300)])
    assert found.values[0, 20] == 100
    assert found.broken == (Stretch(0, SLOTS, 300),) and not found.held


slot_values = st.one_of(st.just(NULL), st.integers(0, 200).map(lambda units: units * 10))


@given(
    days=st.integers(1, 3).flatmap(lambda n: st.lists(slot_values, min_size=n * SLOTS, max_size=n * SLOTS)),
    level=st.integers(0, 300),
    extra=st.integers(0, 50_000),
    step=st.sampled_from([1, 10, 100]),
)
def test_every_gap_is_filled_in_steps_to_the_registers_and_nothing_measured_moves(days, level, extra, step):
    values = np.array(days, np.int32).reshape(-1, SLOTS)
    missing = values == NULL
    history = {MONDAY - timedelta(days=back): day_of(level) for back in range(1, 8)}
    whole = Stretch(0, values.size, int(values[~missing].sum()) + extra)
    found = filled(values, Known(history=history), stretches=[whole], step=step)
    assert (found.values != NULL).all() and (found.values >= 0).all()
    assert (found.values[~missing] == values[~missing]).all()
    assert (found.quality[~missing] == Quality.MEASURED).all()
    assert (found.values[missing] % step == 0).all()
    if missing.any():
        assert found.values[missing].sum() == extra // step * step
        assert not set(found.quality[missing].tolist()) & {Quality.MEASURED, Quality.MISSING}


@given(
    shape=st.lists(st.floats(0, 1e6), min_size=1, max_size=300),
    total=st.integers(0, 2**31 - 1),
    step=st.integers(1, 1000),
)
def test_spreading_keeps_the_total_to_the_step(shape, total, step):
    parts = spread(np.array(shape), total, step)
    assert parts.sum(dtype=np.int64) == total // step * step
    assert (parts >= 0).all() and (parts % step == 0).all()
