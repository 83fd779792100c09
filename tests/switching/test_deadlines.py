"""Dates of a case, with the worked example of the domain notes and properties over twenty years."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.points import days_of_month
from portal.workdays import JST, Workdays
from switching import deadlines, kinds

PLAIN = Workdays()
DAYS = st.dates(date(2016, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(("meter_work", "earliest"), [(False, date(2016, 5, 4)), (True, date(2016, 5, 18))])
def test_the_worked_example_matched_before_golden_week(meter_work, earliest):
    day = deadlines.earliest_switch_date(date(2016, 4, 28), supply_class="LV", meter_work=meter_work, workdays=PLAIN)
    assert day == earliest


def test_high_voltage_takes_8_business_days_and_20_with_meter_work():
    plain = deadlines.earliest_switch_date(date(2026, 6, 1), supply_class="HV", meter_work=False, workdays=PLAIN)
    work = deadlines.earliest_switch_date(date(2026, 6, 1), supply_class="HV", meter_work=True, workdays=PLAIN)
    assert (plain, work) == (date(2026, 6, 13), date(2026, 7, 1))


def test_a_relay_registered_on_wednesday_is_due_on_friday_at_five():
    due = deadlines.judgement_due(datetime(2026, 4, 1, 10, tzinfo=JST), PLAIN)
    assert due == datetime(2026, 4, 3, 17, tzinfo=JST)


def test_a_relay_registered_before_golden_week_is_due_after_it():
    due = deadlines.judgement_due(datetime(2026, 5, 1, 18, tzinfo=JST), PLAIN)
    assert due == datetime(2026, 5, 8, 17, tzinfo=JST)


def test_an_area_holiday_moves_the_due_day():
    closed = Workdays({date(2026, 4, 3): "創立記念日"})
    assert deadlines.judgement_due(datetime(2026, 4, 1, 10, tzinfo=JST), closed).date() == date(2026, 4, 6)
    assert next(closed.skipped(date(2026, 4, 1), date(2026, 4, 6))) == (date(2026, 4, 3), "創立記念日")


@given(DAYS, st.integers(1, 20))
def test_counting_business_days_there_and_back_ends_where_it_began(day, count):
    there = PLAIN.add(day, count)
    assert PLAIN.is_open(there)
    assert len([d for d in _between(day, there) if PLAIN.is_open(d)]) == count - 1
    if PLAIN.is_open(day):
        assert PLAIN.add(there, -count) == day


@given(DAYS, st.sets(DAYS, max_size=20), st.sets(DAYS, max_size=20))
def test_an_area_s_own_days_close_and_open_what_they_name_and_nothing_else(day, closed, opened):
    own = Workdays(dict.fromkeys(closed, "own"), frozenset(opened))
    if day in opened:
        assert own.is_open(day)
    elif day in closed:
        assert not own.is_open(day)
    else:
        assert own.is_open(day) == PLAIN.is_open(day)


@given(DAYS, st.integers(1, 31))
def test_a_reading_date_of_every_group_comes_within_31_days(day, group):
    days = [found.day for found in days_of_month(["03"], [group], first_year=2016, last_year=2036)]
    first = next(found for found in days if found >= day)
    assert 0 <= (first - day).days <= 31
    assert len(days) == 21 * 12 and days == sorted(set(days))


@given(DAYS, st.sampled_from(sorted(kinds.RULES)), st.booleans())
def test_the_window_of_every_kind_reaches_from_its_lead_time_or_its_days_back_to_180_days_ahead(day, key, meter_work):
    rule = kinds.RULES[key]
    first, last = deadlines.window(rule, supply_class=key[1], meter_work=meter_work, today=day, workdays=PLAIN)
    assert last == day + timedelta(days=180)
    work = rule.lead == kinds.Lead.ALWAYS_WORK or (meter_work and rule.lead != kinds.Lead.SAME_DAY)
    if work or rule.lead == kinds.Lead.SWITCH:
        assert first == deadlines.earliest_switch_date(day, supply_class=key[1], meter_work=work, workdays=PLAIN)
    else:
        assert first == day - timedelta(days=rule.back_days)


@given(DAYS, st.sampled_from(["LV", "HV", "FIT"]), st.booleans())
def test_the_lead_time_contains_its_business_days_and_never_shrinks(day, supply_class, meter_work):
    def earliest(matched: date, work: bool = meter_work) -> date:
        return deadlines.earliest_switch_date(matched, supply_class=supply_class, meter_work=work, workdays=PLAIN)

    assert earliest(day) >= day + timedelta(days=3)
    assert earliest(day + timedelta(days=1)) >= earliest(day)
    assert earliest(day, True) > earliest(day, False)


@given(DAYS)
def test_the_cut_off_is_a_business_day_before_the_desired_date(day):
    cut_off = deadlines.matching_cut_off(day, PLAIN)
    assert cut_off < day
    assert PLAIN.is_open(cut_off)
    assert not [d for d in _between(cut_off, day) if PLAIN.is_open(d)]


@given(st.datetimes(datetime(2016, 1, 1), datetime(2035, 1, 1)).map(lambda moment: moment.replace(tzinfo=JST)))
def test_reminders_come_at_half_and_four_fifths_and_before_the_end(registered):
    due = deadlines.judgement_due(registered, PLAIN)
    first = deadlines.next_reminder(registered, due, registered)
    second = deadlines.next_reminder(registered, due, first)
    assert registered < first < second < due
    assert deadlines.next_reminder(registered, due, second) is None


def _between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(1, (last - first).days)]


def test_an_area_may_have_lead_times_of_its_own(settings):
    settings.AREA_LEAD_BUSINESS_DAYS = {"10": {"LV": [2, 9]}}
    matched = date(2026, 6, 1)

    def earliest(area: str, supply_class: str, work: bool) -> date:
        return deadlines.earliest_switch_date(
            matched, supply_class=supply_class, meter_work=work, workdays=Workdays(area=area)
        )

    assert earliest("10", "LV", False) == date(2026, 6, 5) and earliest("10", "LV", True) == date(2026, 6, 14)
    assert earliest("10", "FIT", False) == earliest("03", "LV", False) == date(2026, 6, 4)


def test_an_area_may_have_a_cut_off_and_a_furthest_day_of_its_own(settings):
    settings.AREA_MATCHING_CUT_OFF_BUSINESS_DAYS = {"10": 3}
    settings.AREA_FURTHEST_AHEAD_DAYS = {"10": 90}
    desired = date(2026, 6, 12)  # a Friday
    assert deadlines.matching_cut_off(desired, Workdays(area="10")) == date(2026, 6, 9)
    assert deadlines.matching_cut_off(desired, Workdays(area="03")) == date(2026, 6, 11)
    today = date(2026, 6, 1)
    assert deadlines.furthest_date(today, "10") == today + timedelta(days=90)
    assert deadlines.furthest_date(today, "03") == today + timedelta(days=180)
    rule = kinds.rule("switch_start", "LV")
    assert rule is not None
    last = {
        area: deadlines.window(rule, supply_class="LV", meter_work=False, today=today, workdays=Workdays(area=area))[1]
        for area in ("03", "10")
    }
    assert last == {"03": today + timedelta(days=180), "10": today + timedelta(days=90)}
