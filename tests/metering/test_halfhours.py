"""Slots, instants and packed days."""

import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metering import halfhours
from metering.halfhours import JST, NULL, Quality

DAY = date(2026, 4, 1)
WH = st.one_of(
    st.just(NULL),
    st.integers(0, 300),
    st.integers(0, 70_000),
    st.integers(-(2**31), 2**31 - 1),
)
DAYS = hnp.arrays(np.int32, st.tuples(st.integers(0, 6), st.just(48)), elements=WH)


def test_slot_1_begins_at_midnight_and_slot_48_ends_at_midnight_in_japan():
    assert halfhours.slot_start(DAY, 1) == datetime(2026, 4, 1, tzinfo=JST)
    assert halfhours.slot_start(DAY, 1) == datetime(2026, 3, 31, 15, tzinfo=UTC)
    assert halfhours.slot_start(DAY, 48) == datetime(2026, 4, 1, 23, 30, tzinfo=JST)
    assert halfhours.slot_end(DAY, 48) == datetime(2026, 4, 2, tzinfo=JST)


@pytest.mark.parametrize(("interval", "count"), [(30, 48), (15, 96), (5, 288)])
def test_the_slots_of_a_day_follow_one_another_without_gap(interval, count):
    slots = list(halfhours.slots_of(DAY, interval))
    assert [number for number, _, _ in slots] == list(range(1, count + 1)) and len(slots) == count
    assert all(earlier[2] == later[1] for earlier, later in itertools.pairwise(slots))
    assert slots[-1][2] - slots[0][1] == timedelta(days=1)
    assert slots[0] == (1, halfhours.slot_start(DAY, 1, interval), halfhours.slot_end(DAY, 1, interval))


@given(st.datetimes(datetime(2016, 3, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), st.sampled_from([30, 15, 5]))
def test_every_instant_lies_in_the_slot_that_is_found_for_it(instant, interval):
    day, slot = halfhours.slot_at(instant, interval)
    assert halfhours.slot_start(day, slot, interval) <= instant < halfhours.slot_end(day, slot, interval)


@pytest.mark.parametrize("slot", [0, 49, -1])
def test_a_slot_outside_the_day_has_a_name_of_its_own(slot):
    with pytest.raises(halfhours.NoSuchSlot, match="slots 1 to 48"):
        halfhours.slot_start(DAY, slot)


def test_a_length_no_meter_delivers_and_a_naive_instant_are_refused():
    with pytest.raises(halfhours.UnknownInterval):
        halfhours.slots_per_day(20)
    with pytest.raises(halfhours.UnknownInterval):
        halfhours.slot_at(datetime(2026, 4, 1, tzinfo=JST), 7)
    with pytest.raises(ValueError, match="aware"):
        halfhours.slot_at(datetime(2026, 4, 1))


@settings(deadline=None)
@given(DAYS)
def test_packing_and_unpacking_gives_the_same_days(values):
    packed = halfhours.pack(values)
    assert len(packed) == len(values)
    assert (halfhours.unpack(packed) == values).all()
    assert {len(day) for day in packed} <= {49, 97, 193}


@settings(deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 3), st.just(288)), elements=WH))
def test_packing_knows_other_interval_lengths(values):
    assert (halfhours.unpack(halfhours.pack(values), 288) == values).all()


@pytest.mark.parametrize(
    ("wh", "form", "cell"),
    [
        (0, 1, b"\x00"),
        (254, 1, b"\xfe"),
        (NULL, 1, b"\xff"),
        (255, 2, b"\xff\x00"),
        (250, 1, b"\xfa"),
        (260, 0x11, b"\x1a"),
        (2_540, 0x11, b"\xfe"),
        (2_550, 2, b"\xf6\x09"),
        (25_400, 0x21, b"\xfe"),
        (25_410, 2, b"\x42\x63"),
        (655_340, 0x12, b"\xfe\xff"),
        (6_553_400, 0x22, b"\xfe\xff"),
        (65_534, 2, b"\xfe\xff"),
        (65_535, 4, b"\xff\xff\x00\x00"),
        (2**31 - 1, 4, b"\xff\xff\xff\x7f"),
        (-1, 0x84, b"\xfe\xff\xff\x7f"),
    ],
)
def test_the_layout_is_the_one_written_down(wh, form, cell):
    values = np.full((1, 48), NULL, np.int32)
    values[0, 1] = wh
    (day,) = halfhours.pack(values)
    width = len(cell)
    assert day == bytes([form]) + b"\xff" * width + cell + b"\xff" * (46 * width)


def test_days_packed_before_there_were_steps_are_read():
    old = b"\x02" + (2_500).to_bytes(2, "little") * 47 + b"\xff\xff"
    new = halfhours.pack(halfhours.unpack([old]))[0]
    assert (halfhours.unpack([old]) == halfhours.unpack([new])).all()
    assert (len(old), len(new)) == (97, 49)


@settings(deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 4), st.just(48)), elements=st.integers(0, 700)), st.data())
def test_days_of_any_step_and_form_come_back_side_by_side(values, data):
    steps = [data.draw(st.sampled_from([1, 7, 10, 100, 1000])) for _ in values]
    values = values * np.array(steps, np.int32)[:, None]
    assert (halfhours.unpack(halfhours.pack(values)) == values).all()


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x03" + bytes(48), b"\x01" + bytes(49), b"\x02" + bytes(48)])
def test_bytes_that_are_no_packed_day_are_named(data):
    with pytest.raises(halfhours.BrokenBytes, match="row 1"):
        halfhours.unpack([b"\x01" + bytes(48), data])


@settings(deadline=None)
@given(DAYS, st.data())
def test_quality_comes_back_and_plain_quality_takes_no_room(values, data):
    plain = halfhours.plain_quality(values)
    assert halfhours.pack_quality(plain, values) == [None] * len(values)
    quality = data.draw(hnp.arrays(np.uint8, values.shape, elements=st.integers(0, 6)))
    packed = halfhours.pack_quality(quality, values)
    assert (halfhours.unpack_quality(packed, values) == quality).all()


def test_a_quality_code_nobody_knows_is_refused():
    values = np.zeros((1, 48), np.int32)
    with pytest.raises(halfhours.BrokenBytes):
        halfhours.unpack_quality([bytes([max(Quality) + 1]) * 48], values)
    with pytest.raises(halfhours.BrokenBytes):
        halfhours.unpack_quality([bytes(47)], values)
